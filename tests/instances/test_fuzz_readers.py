"""Whatever bytes a file holds, readers return an instance or one clear error: nothing else, and soon."""

from __future__ import annotations

import gzip
import json
import random
import re
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidFileError, InvalidInstanceError, InvalidSolutionError
from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import judge
from cosolve.instances.cflp import Supply
from cosolve.instances.cpmp import Clustering
from cosolve.instances.cvrp import Routes
from cosolve.instances.fjsp import Schedule
from cosolve.instances.formats import source
from cosolve.instances.formats.base import formats, solution_formats
from cosolve.instances.graphs import NodeSet
from cosolve.instances.milp import Values
from cosolve.instances.orienteering import OPTWRoute, TimedRoute
from cosolve.instances.regtree import RegressionTree
from cosolve.instances.stp import EdgeSet
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.tsp import Tour

WORDS = b"""-1 nan inf -inf 1e400 1e308 -0 0 x 3.5 1000000000000 2147483648 4294967297 9223372036854775807
-9223372036854775808 18446744073709551616 99999999999999999999999 0x10 1_0 EOF : " 1,5 1e-320""".split()

FAMILIES = (
    ("tsp", "uniform", {"size": 7}),
    ("atsp", "uniform", {"size": 5}),
    ("cvrp", "uniform", {"n": 7}),
    ("mis", "hamming", {"n": 4, "d": 2}),
    ("mds", "grid", {"rows": 3, "columns": 4}),
    ("cflp", "cornuejols", {"facilities": 3, "customers": 5}),
    ("cpmp", "osman", {"n": 9, "p": 2}),
    ("fjsp", "sd2", {"jobs": 3, "machines": 2, "operations": 3}),
    ("fjsp", "taillard", {"jobs": 3, "machines": 3}),
    ("stp", "hypercube", {"dimensions": 3}),
    ("regtree", "friedman1", {"n": 6, "p": 5}),
    ("atsp", "road", {"n": 5, "points": 20}),
    ("acvrp", "road", {"n": 5, "points": 20}),
    ("vrptw", "uniform", {"n": 5}),
    ("acvrptw", "road", {"n": 4, "points": 20}),
    ("optw", "uniform", {"size": 5}),
    ("optwvp", "hard", {"size": 5}),
    ("milp", "facility", {"facilities": 2, "customers": 2}),
    ("milp", "auction", {"items": 4, "bids": 9}),
)


def some_solution(instance: Instance) -> Solution:
    """Feasible or not: something for the judge."""
    match instance.problem:
        case "tsp" | "atsp":
            return Tour(order=np.arange(instance.size))
        case "cvrp" | "acvrp" | "vrptw" | "acvrptw":
            return Routes(routes=tuple([node] for node in instance.customers.tolist()))
        case "mis" | "mds":
            return NodeSet(nodes=np.arange(min(3, instance.size)))
        case "cflp":
            customers = np.arange(instance.num_customers)
            is_open = np.ones(instance.num_facilities, np.bool_)
            return Supply(is_open=is_open, facility=0 * customers, customer=customers, amount=instance.demand)
        case "cpmp":
            return Clustering(medians=np.arange(instance.p), assignment=np.arange(instance.size) % instance.p)
        case "fjsp":
            first = instance.alt_ptr[:-1]
            ends = np.cumsum(instance.alt_time[first], dtype=float)
            return Schedule(machine=instance.alt_machine[first], start=np.append(0.0, ends)[: len(first)])
        case "optw" | "optwvp":
            route = OPTWRoute if instance.problem == "optw" else TimedRoute
            return route(customers=[1], start=instance.opens[1:2] + 1, duration=instance.min_service[1:2])
        case "regtree":
            children, zeros = np.array([1, -1, -1]), np.zeros(3)
            feature, threshold = np.array([0, -2, -2]), np.array([np.median(instance.X[:, 0]), 0.0, 0.0])
            right = np.array([2, -1, -1])
            return RegressionTree(feature=feature, threshold=threshold, left=children, right=right, value=zeros)
        case "milp":
            return Values(values=np.ones(instance.size))
    return EdgeSet(edges=instance.edges)


def mutations(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """One corruption of each kind."""
    size, lines, words = len(data), data.split(b"\n"), list(re.finditer(rb"\S+", data))
    yield data[: rng.randrange(size)]
    flipped = bytearray(data)
    for _ in range(rng.choice([1, 3, 20])):
        flipped[rng.randrange(size)] = rng.randrange(256)
    yield bytes(flipped)
    i, j = sorted(rng.sample(range(len(lines) + 1), 2))
    yield b"\n".join(lines[:i] + lines[j:])
    yield b"\n".join(lines[:j] + lines[i:])
    for pool in (words[:8], words[:20], words, words):
        word = rng.choice(pool)
        yield data[: word.start()] + rng.choice(WORDS) + data[word.end() :]
    a, b = sorted(rng.sample(words, min(2, len(words))), key=re.Match.start)[:2] if len(words) > 1 else words * 2
    yield data[: a.start()] + b.group() + data[a.end() : b.start()] + a.group() + data[b.end() :]
    at = rng.randrange(size)
    yield data[:at] + rng.choice([b"A", b"9", b" ", b"-", b"\0", b"."]) * rng.choice([1, 30, 5000]) + data[at:]
    yield data[:at] + rng.randbytes(30) + data[at:]
    yield data.replace(b"\n", rng.choice([b"\r\n", b"\r", b" "]))
    yield rng.choice([b"\xef\xbb\xbf" + data, data.decode("latin-1").encode("utf-16")])


def check_message(error: InvalidFileError, path: Path) -> None:
    """One line of moderate length that names the file."""
    text = str(error)
    assert str(path) in text
    assert len(text) < 1000
    assert "\n" not in text


@pytest.fixture(autouse=True)
def _no_warnings():
    """Nor may a warning stand on a user's screen in front of the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(("problem", "family", "parameters"), FAMILIES, ids=lambda v: v if isinstance(v, str) else "")
def test_corrupted_instance_files_give_an_instance_or_a_clear_error(tmp_path, problem, family, parameters):
    """A crash, a hang or an error without the file's name would show in some byte pattern sooner or later."""
    rng = random.Random(problem + family)
    instance = cosolve.generate(problem, family, seed=1, **parameters)
    path = tmp_path / "fuzz"
    for name in formats.names():
        known = formats.get(name)
        if known.write is None or problem not in known.problems:
            continue
        try:
            cosolve.write(instance, path, format=name)
        except ValueError:
            continue  # what the format can't hold
        assert cosolve.read(path, problem=problem).size == instance.size
        original = path.read_bytes()
        for _ in range(6):
            for data in mutations(original, rng):
                path.write_bytes(data)
                began = time.process_time()
                for options in ({}, {"problem": problem}, {"problem": problem, "format": name}):
                    try:
                        found = cosolve.read(path, **options)
                    except InvalidInstanceError as error:
                        check_message(error, path)
                    else:
                        for mode in ("strict", "frontierco"):
                            judge(found, some_solution(found), mode)
                        assert found.digest
                assert time.process_time() - began < 10


@pytest.mark.parametrize(("problem", "family", "parameters"), FAMILIES, ids=lambda v: v if isinstance(v, str) else "")
def test_corrupted_solution_files_give_a_solution_or_a_clear_error(tmp_path, problem, family, parameters):
    """What is read must also be judged, written and, if it was written, read back to the same verdict."""
    rng = random.Random(problem + family)
    instance = cosolve.generate(problem, family, seed=1, **parameters)
    for name in solution_formats.names():
        known = solution_formats.get(name)
        if problem not in known.problems and "*" not in known.problems:
            continue
        path, back = (tmp_path / f"{stem}{known.suffixes[0]}" for stem in ("fuzz", "back"))
        cosolve.write_solution(instance, some_solution(instance), path, objective=1.0)
        original = path.read_bytes()
        for _ in range(8):
            for data in mutations(original, rng):
                path.write_bytes(data)
                try:
                    solution = cosolve.read_solution(path, instance)
                except InvalidSolutionError as error:
                    check_message(error, path)
                    continue
                verdicts = [judge(instance, solution, mode) for mode in ("strict", "frontierco")]
                try:
                    cosolve.write_solution(instance, solution, back)
                except ValueError:
                    continue  # NaN, or nodes without a number
                again = judge(instance, cosolve.read_solution(back, instance))
                assert (again.objective, again.feasible) == (verdicts[0].objective, verdicts[0].feasible)


@pytest.mark.parametrize("value", [1e300, 2.0**64, -(2.0**70), float("nan"), "x", None, 10**400, 1.5, {}])
@pytest.mark.parametrize("problem", ["tsp", "cvrp", "mis", "cflp", "cpmp", "fjsp", "stp"])
def test_json_solutions_with_impossible_values_are_refused_or_judged(tmp_path, problem, value):
    """NumPy warns and wraps when 1e300 becomes an int64: node 1e300 must not become another node."""
    instance = tiny_instances(problem)[0][0]
    fields = some_solution(instance).to_dict()
    path = tmp_path / "s.json"
    for field, values in fields.items():
        for broken in (value, [value], [value, *values[1:]], [[value]], [[0, value]]):
            path.write_text(json.dumps({"problem": problem, "solution": {**fields, field: broken}}))
            try:
                solution = cosolve.read_solution(path, instance)
            except InvalidSolutionError:
                continue
            assert not judge(instance, solution).feasible


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", b"\0" * 100, b"\xff\xfe", b"1" * 20_000, b"\n" * 70_000])
@pytest.mark.parametrize(
    "suffix", [".tsp", ".vrp", ".gr", ".txt", ".gph", ".stp", ".fjs", ".dat", ".mps", ".lp", ".gz", ".json", ""]
)
def test_files_of_nothing_are_refused_whatever_their_suffix(tmp_path, suffix, content):
    """Sniffing and every reader by name, not only the one the suffix stands for."""
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    for name in [None, *formats.names()]:
        with pytest.raises(InvalidInstanceError, match=re.escape(str(path))):
            cosolve.read(path, format=name)
    with pytest.raises(InvalidSolutionError):
        cosolve.read_solution(path, tiny_instances("stp")[0][0], format="json")


def test_broken_compression_is_an_error_of_the_file(tmp_path):
    """gzip, zlib and the end of the file each raise another exception."""
    path = tmp_path / "x.tsp.gz"
    cosolve.write(tiny_instances("tsp")[0][0], plain := tmp_path / "x.tsp")
    packed = gzip.compress(plain.read_bytes())
    for data in (b"hi", packed[:-9], packed[:20], packed[:15] + b"\xff\xff\xff" + packed[18:], packed + b"more"):
        path.write_bytes(data)
        with pytest.raises(InvalidInstanceError, match=r"x\.tsp\.gz"):
            cosolve.read(path)


def test_too_little_memory_is_an_error_of_the_file(tmp_path, monkeypatch):
    """A compressed file that grows past the memory ended in a bare MemoryError without the file's name."""

    class Greedy:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def read(self, size):
            raise MemoryError

    path = tmp_path / "x.gz"
    path.write_bytes(b"x")
    monkeypatch.setitem(source._OPENERS, ".gz", lambda *_: Greedy())
    with pytest.raises(InvalidInstanceError, match=r"x\.gz: does not fit into memory"):
        cosolve.read(path)


def test_a_device_without_end_is_refused_at_its_beginning():
    """/dev/zero was read up to 8 GiB before anybody looked."""
    if not Path("/dev/zero").exists():
        pytest.skip("there is no /dev/zero")
    with pytest.raises(InvalidInstanceError, match="not text"):
        cosolve.read("/dev/zero")


def test_a_folder_is_an_error_of_the_operating_system(tmp_path):
    """Not a crash in the sniffers."""
    with pytest.raises(OSError, match="directory"):
        cosolve.read(tmp_path)


def test_messages_quote_no_more_than_a_line_of_the_file(tmp_path):
    """A word of a megabyte would fill the terminal."""
    path = tmp_path / "x.stp"
    path.write_text("SECTION Graph\n" + "9" * 1_000_000 + "\n")
    with pytest.raises(InvalidInstanceError, match=r"x\.stp:2: ") as caught:
        cosolve.read(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("weight", ["1" + "0" * 90, "1.5" + "0" * 90 + "e2", "0." + "0" * 90 + "1", "7." + "1" * 300])
def test_weights_of_many_digits_are_not_cut_off(tmp_path, weight):
    """Lines were read up to 80 characters: 1.5000...0e2 became 1.5."""
    path = tmp_path / "x.stp"
    path.write_text(
        f"SECTION Graph\nNodes 2\nEdges 1\nE 1 2 {weight}\nEND\nSECTION Terminals\nTerminals 2\nT 1\nT 2\nEND\nEOF\n"
    )
    assert cosolve.read(path).weights.tolist() == [float(weight)]


@pytest.mark.parametrize("digits", ["1" * 3_000_000, "1." + "7" * 3_000_000, "1e" + "9" * 3_000_000])
def test_numbers_of_a_million_digits_are_refused_at_once(tmp_path, digits):
    """A word may be as long as the file, and those that need care are read by Python."""
    path = tmp_path / "x"
    path.write_text(f"2 1\n{digits}\n0 0 9 1\n")
    began = time.process_time()
    with pytest.raises(InvalidInstanceError, match=r"x:2: "):
        cosolve.read(path, format="cpmp-lorena")
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("cflp-holmberg", "1 1\n5 5\n3\n-1\n", 4),
        ("cflp-orlib", "2 1\ncapacity 5\ncapacity 5\n3 1 -1\n", 4),
        ("cpmp-orlib", "1 5\n2 1 9\n1 0 0 1\n3 0 0 1\n", 4),
    ],
)
def test_errors_about_single_numbers_name_their_line(tmp_path, name, text, line):
    """Number 2847 of a file is hard to find by counting."""
    path = tmp_path / "x.txt"
    path.write_text(text)
    options = {"capacity": 8} if "capacity" in text else {}
    with pytest.raises(InvalidInstanceError) as caught:
        cosolve.read(path, format=name, **options)
    assert caught.value.line == line


FOLDERS = {
    "tsp": ("tsplib", "tsp"),
    "atsp": ("tsplib", "atsp"),
    "cvrp": ("vrplib", "cvrp"),
    "acvrptw": ("vrplib", "acvrptw"),
    "stp": ("steinlib", "stp"),
    "cpmp/ceselli_S1": ("cpmp-matrix", "cpmp"),
    "cpmp/lorena": ("cpmp-lorena", "cpmp"),
    "cpmp/pmedcap": ("cpmp-orlib", "cpmp"),
    "cflp/orlib": ("cflp-orlib", "cflp"),
    "cflp/holmberg": ("cflp-holmberg", "cflp"),
    "cflp/yang": ("cflp-holmberg", "cflp"),
    "cflp/tbed1": ("cflp-avella", "cflp"),
    "fjsp": ("fjs", "fjsp"),
    "jsp": ("jsplib", "fjsp"),
    "milp": (None, "milp"),
}


def _claims(path: Path) -> dict[str, tuple[str, ...]]:
    content = source.Source.open(path)
    found = {name: tuple(formats.get(name).sniff(content)) for name in formats.names()}
    return {name: keys for name, keys in found.items() if keys}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_published_file_is_claimed_by_its_own_format_alone(data, folder):
    """Most of these formats are rows of bare numbers: one careless sniffer claims the files of all others."""
    name, problem = FOLDERS[folder]
    files = [p for p in (data / folder).rglob("*") if p.is_file() and p.suffix not in (".sol", ".tour")]
    files = [p for p in files if p.name != "capopt.txt"]
    assert files
    for path in files:
        assert _claims(path) == {name or Path(path.name.removesuffix(".gz")).suffix[1:]: (problem,)}, path


@pytest.mark.parametrize("folder", ["mis", "mds"])
def test_every_published_graph_is_claimed_by_one_graph_format(data, folder):
    """Edge lists are pairs of numbers, as the first lines of many formats are."""
    allowed = {"dimacs", "pace", "edge-list"}
    for path in (data / folder).iterdir():
        claims = _claims(path)
        assert len(claims) == 1, path
        assert set(claims) <= allowed, path
        assert folder in next(iter(claims.values())), path


def test_tables_are_claimed_by_the_table_format_alone(data):
    """Blank-separated ones by nobody: too many formats are rows of bare numbers."""
    for path in (data / "regression").rglob("*"):
        if path.is_file():
            assert _claims(path) == ({} if path.name == "data.txt" else {"csv": ("regtree",)}), path


def test_orienteering_files_are_claimed_by_their_format_alone(data):
    """Rows of bare numbers, with lists that say where a row ends."""
    for path in (data / "optw").glob("*.txt"):
        # t101 is of the variant with several constraints and windows.
        assert _claims(path) == ({} if path.name == "t101.txt" else {"toptw": ("optw",)}), path
