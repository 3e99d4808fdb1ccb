"""Street networks in TNTP files, and the cities that they make."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.instances.formats.tntp import read_network
from cosolve.instances.generators.cities import from_file
from cosolve.instances.road_network import fastest_paths

# Zones 1 and 2; junctions 3, 4, 5 on a triangle, 3 to 4 one-way; 6 is a dead end that nobody leaves.
NET = """<NUMBER OF ZONES> 2
<NUMBER OF NODES> 6
<FIRST THRU NODE> 3
<NUMBER OF LINKS> 9
<END OF METADATA>


~ \tInit node \tTerm node \tCapacity \tLength \tFree Flow Time \tB\tPower\tSpeed limit \tToll \tType\t;
\t1\t3\t9999\t500\t60\t0.15\t4\t0\t0\t1\t;
\t3\t1\t9999\t500\t60\t0.15\t4\t0\t0\t1\t;
\t4\t2\t9999\t0\t0\t0.15\t4\t0\t0\t1\t;
\t3\t4\t1000\t3000\t120\t0.15\t4\t0\t0\t1\t;
\t4\t5\t1000\t4000\t240\t0.15\t4\t0\t0\t1\t;
\t5\t4\t1000\t4000\t180\t0.15\t4\t0\t0\t1\t;
\t5\t3\t1000\t5000\t600\t0.15\t4\t0\t0\t1\t;
\t5\t3\t1000\t7000\t300\t0.15\t4\t0\t0\t1\t;
\t4\t6\t1000\t1000\t60\t0.15\t4\t0\t0\t1\t;
"""
NODE = "node\tX\tY\t;\n1\t0\t9\t;\n2\t9\t9\t;\n3\t0\t0\t;\n4\t3\t0\t;\n5\t3\t4\t;\n6\t9\t0\t;\n"


@pytest.fixture
def town(tmp_path):
    """Path of the links, after some text of either file has been replaced."""

    def write(net=("", ""), node=("", "")):
        assert net[0] in NET
        assert node[0] in NODE
        (tmp_path / "Town_net.tntp").write_text(NET.replace(*net, 1))
        (tmp_path / "Town_node.tntp").write_text(NODE.replace(*node, 1))
        return tmp_path / "Town_net.tntp"

    return write


def test_a_network_is_its_streets_without_zones_and_dead_ends(town):
    """Paths through a zone, or the slower of two parallel links, would be no real ones."""
    network = read_network(town(), km=0.001, minutes=1 / 60)
    assert network.coords.tolist() == [[0, 0], [3, 0], [3, 4]]
    distance, duration = fastest_paths(network, np.arange(3))
    assert distance == pytest.approx(np.array([[0, 3, 7], [11, 0, 4], [7, 4, 0]]))
    assert duration == pytest.approx(np.array([[0, 2, 6], [9, 0, 4], [5, 3, 0]]))


def test_a_network_is_a_city_to_draw_instances_from(town):
    path = str(town())
    city = from_file(path, 50, km=0.001, minutes=1 / 60)
    assert city.points.shape == (50, 2)
    instance = cosolve.generate("acvrptw", "road", n=10, seed=3, file=path, points=50, km=0.001, minutes=1 / 60)
    assert instance.name == "acvrptw-road-Town_net-n10-s3"
    assert (instance.meta["file"], instance.meta["points"]) == ("Town_net.tntp", 50)
    assert np.isfinite(instance.distances.matrix).all()
    assert instance.durations.matrix.max() <= 11 + 1e-9
    again = cosolve.generate("acvrptw", "road", n=10, seed=3, file=path, points=50, km=0.001, minutes=1 / 60)
    assert again == instance
    near = cosolve.generate("atsp", "road", n=10, seed=3, file=path, points=50, split="cluster")
    assert near.name == "atsp-road-Town_net-cluster-n10-s3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net": ("\t3000\t120\t0.15\t4\t0\t0\t1\t;", "\t;")}, r"_net.tntp:12: a link needs at least 5 numbers, got 3"),
        ({"net": ("\t1000\t3000\t120", "\t1000\tx\t120")}, r"_net.tntp:12: a link must hold numbers"),
        ({"net": ("\t1000\t3000\t120", "\t1000\t-3000\t120")}, r"12: a link must hold finite numbers >= 0"),
        ({"net": ("\t1000\t3000\t120", "\t1000\tnan\t120")}, "12: a link must hold finite"),
        ({"net": ("\t4\t6\t", "\t4\t7\t")}, r"_node.tntp: node 7, an end of a link, has no place"),
        ({"net": ("\t4\t6\t", "\t4\t6.5\t")}, "must be integers, got 6.5"),
        ({"net": ("LINKS> 9", "LINKS> 10")}, r"_net.tntp: <NUMBER OF LINKS> is 10, there are 9: was the file cut off"),
        ({"net": ("<NUMBER OF LINKS> 9", "")}, r"_net.tntp: must say <NUMBER OF LINKS>, there are 9"),
        ({"net": ("THRU NODE> 3", "THRU NODE> 7")}, "no link between junctions"),
        ({"node": ("4\t3\t0\t;", "4\t3\t;")}, r"_node.tntp:5: a node needs at least 3 numbers, got 2"),
    ],
)
def test_malformed_networks_are_refused_with_file_and_line(town, change, message):
    with pytest.raises(InvalidInstanceError, match=message):
        read_network(town(**change))


def test_both_files_are_needed(town):
    path = town()
    path.with_name("Town_node.tntp").unlink()
    with pytest.raises(FileNotFoundError, match="Town_node"):
        read_network(path)
    with pytest.raises(ValueError, match=r"must be named \.\.\._net\.tntp"):
        read_network(path.with_name("Town.tntp"))


def test_compressed_networks_are_read(town):
    """They were said to be no NumPy archives."""
    path = town()
    city = from_file(str(path), 50)
    for file in (path, path.with_name("Town_node.tntp")):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert np.array_equal(from_file(f"{path}.gz", 50).points, city.points)


def test_tables_in_an_archive_are_a_city(tmp_path):
    """The file of a real city drops in; a place that nobody reaches must not drag the others out."""
    points = np.random.default_rng(0).random((12, 2))
    distance = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    distance[:, 5] = 1e9
    distance[5, 5] = 0
    path = tmp_path / "Seoul_data.npz"
    np.savez(path, points=points, distance=distance, duration=2 * distance)
    city = from_file(str(path), 1000)
    assert city.points.tolist() == np.delete(points, 5, axis=0).tolist()
    instance = cosolve.generate("acvrptw", "road", n=10, file=str(path))
    assert instance.name == "acvrptw-road-Seoul_data-n10-s0"
    assert np.array_equal(instance.durations.matrix, 2 * instance.distances.matrix)
    with pytest.raises(ValueError, match="1 to 11 places"):
        cosolve.generate("acvrptw", "road", n=11, file=str(path))
    np.fill_diagonal(distance, np.inf)
    metres = cosolve.generate("acvrptw", "road", n=10, file=str(path), km=0.001, minutes=60.0)
    assert np.allclose(metres.distances.matrix, 0.001 * instance.distances.matrix)
    assert np.allclose(metres.durations.matrix, 60 * instance.durations.matrix)
    seconds = 2 * distance
    seconds[:, 7] = np.inf
    np.savez(path, points=points, distance=distance, duration=seconds)
    assert from_file(str(path), 1000).points.tolist() == np.delete(points, [5, 7], axis=0).tolist()
    np.savez(path, points=points, distance=distance)
    with pytest.raises(InvalidInstanceError, match="duration is missing"):
        cosolve.generate("atsp", "road", n=5, file=str(path))
    np.savez(path, points=points, distance=distance[:3], duration=distance)
    with pytest.raises(InvalidInstanceError, match="a city of 12 points"):
        cosolve.generate("atsp", "road", n=5, file=str(path))
