"""Capacitated p-median: instance, judge, files, generator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.core.metric import Metric
from cosolve.instances.cpmp import Clustering, CPMPInstance, evaluate
from cosolve.instances.distances import Distances
from cosolve.instances.formats import cpmp as files
from cosolve.instances.formats.source import Source
from cosolve.instances.generators.cpmp import osman


def small(metric: Metric = Metric.EXACT_2D) -> CPMPInstance:
    coords = np.array([[0.0, 0], [1, 1], [10, 0], [11, 0]])
    distances = Distances.from_coords(coords, metric)
    return CPMPInstance(distances=distances, capacity=[5, 5, 5, 5], demand=[2, 3, 2, 2], p=2)


def test_objective_is_the_unrounded_distance_unless_the_instance_says_so():
    """FrontierCO truncates, its references don't."""
    solution = Clustering(medians=[0, 2], assignment=[0, 0, 2, 2])
    assert evaluate(small(), solution).objective == pytest.approx(np.sqrt(2) + 1)
    assert evaluate(small(), solution, "frontierco").objective == 2
    assert evaluate(small(Metric.FLOOR_2D), solution).objective == 2


def test_a_fraction_is_no_number_of_medians():
    """1.9 medians were 1."""
    with pytest.raises(ValueError, match=r"p must be an integer, got 1\.9"):
        replace(small(), p=1.9)


def test_a_median_need_not_serve_itself():
    """Medians 0 and 1 may serve each other."""
    instance = small()
    verdict = evaluate(instance, Clustering(medians=[1, 2], assignment=[1, 1, 2, 2]))
    assert verdict.feasible
    assert evaluate(instance, Clustering(medians=[0, 2], assignment=[2, 0, 0, 2])).feasible


def test_whole_demands_have_no_slack():
    """One unit over a capacity of 10^10 is no rounding."""
    large = replace(small(), capacity=[1e10, 0, 5, 0], demand=[1e10 - 2, 3, 2, 2])
    solution = Clustering(medians=[0, 2], assignment=[0, 0, 2, 2])
    assert [violation.what for violation in evaluate(large, solution).violations] == ["capacity exceeded"]
    assert evaluate(replace(large, demand=[1e10 - 3, 3, 2, 2]), solution).feasible


@pytest.mark.parametrize(
    ("medians", "assignment"),
    [([0, 0], [0, 0, 0, 0]), ([0], [0, 0, 0, 0]), ([0, 2], [0, 0, 0, 2]), ([0, 2], [0, 1, 2, 2]),
     ([0, 9], [0, 0, 0, 0]),
     ([0, 2], [0, 0, -1, 2]), ([0, 2], [0, 0, 2])],
)  # fmt: skip
def test_judge_finds_every_broken_rule(medians, assignment):
    """Duplicate medians pass the FrontierCO harness."""
    assert not evaluate(small(), Clustering(medians=medians, assignment=assignment)).feasible


@pytest.mark.parametrize("name", ["orlib", "lorena", "matrix"])
def test_files_read_back_what_was_written(name, tmp_path):
    """A writer that loses digits would change the instance."""
    instance = small(Metric.FLOOR_2D if name == "orlib" else Metric.EXACT_2D)
    if name == "matrix":
        matrix = instance.distances.dense()
        instance = CPMPInstance(
            distances=Distances.from_matrix(matrix), capacity=instance.capacity, demand=instance.demand, p=2
        )
    path = tmp_path / "x"
    getattr(files, f"write_{name}")(instance, path)
    source = Source.open(path)
    formats = [f for f in (files.ORLIB, files.LORENA, files.MATRIX) if f.sniff(source)]
    assert [f.name for f in formats] == [f"cpmp-{name}"]
    assert formats[0].read(source, "cpmp") == instance


@pytest.mark.parametrize(
    "text", ["2 1\n0 0 1 1\n", "2 3\n0 0 1 1\n1 1 1 1\n", "2 1\n0 0 -1 -1\n1 1 1 1\n", "999999999 1\n"]
)
@pytest.mark.parametrize("read", [files.read_orlib, files.read_lorena, files.read_matrix])
def test_malformed_files_are_refused(text, read, tmp_path):
    """Anything but an error would be a crash or a wrong instance."""
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises((InvalidInstanceError, ValueError)):
        read(Source.open(path), "cpmp")


@pytest.mark.parametrize(
    ("path", "name"),
    [("pmedcap/pmedcap1(1).txt", "orlib"), ("lorena/SJC1.dat", "lorena"), ("ceselli_S1/p1250-1.txt", "matrix")],
)
def test_published_files_are_recognised(path, name, data):
    """Their names say nothing about their layout."""
    source = Source.open(data / "cpmp" / path)
    assert [f.name for f in (files.ORLIB, files.LORENA, files.MATRIX) if f.sniff(source)] == [f"cpmp-{name}"]


def test_coordinates_are_not_lost_in_a_matrix_file(tmp_path):
    """A file chosen by its suffix alone held another instance than it was given."""
    rounded = small(Metric.EUC_2D)
    drawn = replace(rounded, distances=Distances.from_matrix(rounded.distances.dense(), rounded.distances.coords))
    for instance in (rounded, drawn):
        with pytest.raises(ValueError, match="cpmp-matrix holds a matrix without coordinates"):
            cosolve.write(instance, tmp_path / "c.txt", format="cpmp-matrix")
        with pytest.raises(ValueError, match="cpmp-"):
            cosolve.write(instance, tmp_path / "c.txt")


def test_solutions_read_back(tmp_path):
    """Node numbers are 1-based in the file only."""
    solution = Clustering(medians=[0, 2], assignment=[0, 0, 2, 2])
    path = tmp_path / "x.sol"
    files.write_solution(small(), solution, 2.4, path)
    assert files.read_solution(Source.open(path), small()) == solution


def test_generator_repeats_itself():
    """Equal seeds must give equal instances."""
    assert osman(seed=1) == osman(seed=1) != osman(seed=2)
