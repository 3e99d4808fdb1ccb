"""Steiner tree instances, judge, formats and generators."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.core.problem import judge
from cosolve.instances.formats.source import Source
from cosolve.instances.formats.steinlib import SOLUTION, STEINLIB
from cosolve.instances.generators.stp import hypercube, random_graph, road
from cosolve.instances.stp import EdgeSet, STPInstance


def make(n: int = 5, terminals: tuple[int, ...] = (0, 2, 4)) -> STPInstance:
    # A path 0-1-2-3-4 with weight 2 each, and a shortcut 0-2 of weight 3.
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (2, 0)]
    return STPInstance(num_nodes=n, edges=edges, weights=[2, 2, 2, 2, 3], terminals=terminals, name="five")


def tree(*edges: tuple[int, int]) -> EdgeSet:
    return EdgeSet(edges=np.array(edges, np.int64).reshape(-1, 2))


def read(path: Path) -> STPInstance:
    source = Source.open(path)
    assert STEINLIB.sniff(source) == ("stp",)
    return STEINLIB.read(source, "stp")


TINY = """33D32945 STP File, STP Format Version 1.0
Section Comment
Name "tiny # one"
END
SECTION Graph
Nodes 4
Edges 4   # as counted
E 1 2 1.5
e 2 3 2
E 3 4 25e-1
E 4 1 0.12345678901234567

END
SECTION Coordinates
DD 1 0 0
END
SECTION Terminals
Terminals 2
T 1
T 3
END
EOF
"""


def test_parallel_edges_keep_the_lightest_in_one_order():
    """The digest would depend on the order of lines, and a tree could be charged the dearer of two edges."""
    a = STPInstance(num_nodes=3, edges=[(2, 1), (1, 2), (0, 1)], weights=[5, 3, 1], terminals=[2, 0])
    b = STPInstance(num_nodes=3, edges=[(0, 1), (1, 2)], weights=[1, 3], terminals=[0, 2])
    assert a == b
    assert a.edges.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_nodes": 0}, "num_nodes"),
        ({"num_nodes": 5.9}, "num_nodes must be an integer"),
        ({"edges": [(0, 5)], "weights": [1]}, r"in 0\.\.4"),
        ({"edges": [(1, 1)], "weights": [1]}, "loop"),
        ({"weights": [1, 1, 1, 1, -1]}, "weights"),
        ({"weights": [1, 1, 1, 1, np.nan]}, "weights"),
        ({"weights": [1, 1]}, "one entry"),
        ({"terminals": []}, "at least 1"),
        ({"terminals": [0, 0]}, "twice"),
        ({"terminals": [9]}, "terminals"),
    ],
)
def test_impossible_data_is_refused(change, message):
    """A solver would run into an index error or a negative cycle instead."""
    data = {"num_nodes": 5, "edges": make().edges, "weights": make().weights, "terminals": [0, 2, 4]} | change
    with pytest.raises(ValueError, match=message):
        STPInstance(**data)


def test_judge_accepts_a_tree_in_any_edge_order_and_direction():
    """Solvers list edges as they like."""
    verdict = judge(make(), tree((4, 3), (0, 2), (2, 3)))
    assert verdict.feasible
    assert verdict.objective == 7


@pytest.mark.parametrize(
    ("edges", "what", "objective"),
    [
        ([(0, 2)], "not connected", 3),
        ([], "not connected", 0),
        ([(0, 3)], "no such edge", None),
        ([(0, 7)], "no such edge", None),
        ([(-1, 2**62)], "no such edge", None),
        ([(0, 2), (2, 3), (3, 4), (4, 3)], "twice", 9),
        ([(0, 1), (1, 2), (0, 2), (2, 3), (3, 4)], "cycle", 11),
    ],
)
def test_judge_names_what_is_wrong(edges, what, objective):
    """Each of these would pass for a Steiner tree."""
    verdict = judge(make(), tree(*edges))
    assert what in verdict.violations[0].what
    assert verdict.objective == objective


def test_judge_names_a_part_without_terminal():
    """An edge far away costs weight but does not break the connection."""
    verdict = judge(make(terminals=(0, 1)), tree((0, 1), (3, 4)))
    assert "without terminal" in verdict.violations[0].what


def test_frontierco_mode_accepts_cycles_and_repeats():
    """That harness only wants the terminals connected and charges every edge listed."""
    solution = tree((0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (3, 4))
    assert not judge(make(), solution).feasible
    verdict = judge(make(), solution, "frontierco")
    assert verdict.feasible
    assert verdict.objective == 13


def test_one_terminal_needs_no_edge():
    """The empty tree is optimal there."""
    assert judge(make(terminals=(3,)), EdgeSet(edges=[])).objective == 0
    assert EdgeSet.from_dict({"edges": []}).edges.shape == (0, 2)


def test_edges_that_are_no_integer_pairs_are_refused():
    """Node 1.5 must not be taken for node 1."""
    for edges in ([[0.5, 1]], [[0, 1, 2]], [0, 1], [[0, np.nan]]):
        with pytest.raises(ValueError, match="edges"):
            EdgeSet(edges=edges)


def test_adjacency_lists_each_edge_at_both_ends():
    """Every kernel walks it."""
    instance = make()
    indptr, neighbours, edge_ids = instance.adjacency
    assert indptr.tolist() == [0, 2, 4, 7, 9, 10]
    assert neighbours[indptr[2] : indptr[3]].tolist() == [0, 1, 3]
    for u in range(5):
        for k in range(indptr[u], indptr[u + 1]):
            assert sorted((u, neighbours[k])) == instance.edges[edge_ids[k]].tolist()


def test_reader_takes_numbers_of_all_kinds(tmp_path):
    """Weights with an exponent or 17 digits, keywords in any case, comments, blank lines."""
    path = tmp_path / "tiny.stp"
    path.write_text(TINY)
    instance = read(path)
    assert instance.name == "tiny # one"
    assert instance.edges.tolist() == [[0, 1], [0, 3], [1, 2], [2, 3]]
    assert instance.weights.tolist() == [1.5, 0.12345678901234567, 2, 2.5]
    assert instance.terminals.tolist() == [0, 2]
    assert not instance.is_integral


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("Edges 4", "Edges 5", 5),
        ("Edges 4", "Edges four", 7),
        ("Nodes 4", "Nodes 0", 6),
        ("Nodes 4", "Nodes 999999999999", 6),
        ("Nodes 4\n", "", 7),
        ("E 1 2 1.5", "E 1 9 1.5", 8),
        ("E 1 2 1.5", "E 1 0 1.5", 8),
        ("E 1 2 1.5", "E 1 1 1.5", 8),
        ("E 1 2 1.5", "E 1 2 -1.5", 8),
        ("E 1 2 1.5", "E 1 2 nan", 8),
        ("E 1 2 1.5", "E 1 2 1e999", 8),
        ("E 1 2 1.5", "E 1 2", 8),
        ("E 1 2 1.5", "E 1 2 1.5 7", 8),
        ("E 1 2 1.5", "E 1 99999999999999999999 3", 8),
        ("e 2 3 2", "A 2 3 2", 9),
        ("Terminals 2", "Terminals 3", 17),
        ("T 3", "T 1", 17),
        ("T 3", "T 5", 20),
        ("T 3", "T x", 20),
        ("T 3", "TP 3 4", 20),
        ("T 3\nEND\nEOF\n", "", 17),
        ("SECTION Graph", "SECTION Other", 5),
        ("SECTION Terminals", "SECTION Other", 17),
        ("Terminals 2\nT 1\nT 3\n", "", 17),
        ("EOF", "what", 22),
        ("0.12345678901234567", "0.1234567890123456_7", 11),
        ("DD 1 0 0", "DD 1 0 1_0", 15),
    ],
)
def test_malformed_files_are_refused_with_their_line(tmp_path, old, new, line):
    """Anything else is a crash, or a wrong instance without a word."""
    assert old in TINY
    path = tmp_path / "tiny.stp"
    path.write_text(TINY.replace(old, new, 1))
    with pytest.raises(InvalidInstanceError) as error:
        read(path)
    if line is not None:
        assert error.value.line == line


@pytest.mark.parametrize("name", ["MaximumDegrees", "NodeWeights", "HopConstraint", "Obstacles"])
def test_sections_of_another_problem_are_refused(tmp_path, name):
    """Skipped without a word, they left a Steiner tree problem with another optimum."""
    path = tmp_path / "x.stp"
    path.write_text(TINY.replace("EOF", f"SECTION {name}\nMD 2\nEND\nEOF"))
    with pytest.raises(InvalidInstanceError, match=f"section {name}: not the plain Steiner tree problem") as error:
        read(path)
    assert error.value.line == 22


def test_sections_that_change_nothing_are_skipped(tmp_path):
    """SteinLib has final solutions, PACE tree decompositions."""
    path = tmp_path / "x.stp"
    path.write_text(TINY)
    plain = read(path)
    more = "SECTION Finalsolution\nE 1 2\nEND\nSECTION Tree Decomposition\ns td 1 4 4\nb 1 1 2 3 4\nEND\nEOF"
    path.write_text(TINY.replace("EOF", more))
    assert read(path) == plain


@given(st.integers(0, TINY.index("END\nEOF") - 1))
@settings(max_examples=60, deadline=None)
def test_truncated_files_never_pass_or_crash(tmp_path_factory, length):
    """A half-written download must not become a smaller instance."""
    path = tmp_path_factory.mktemp("cut") / "cut.stp"
    path.write_text(TINY[:length] + "\n")
    with pytest.raises(InvalidInstanceError):
        STEINLIB.read(Source.open(path), "stp")


@given(st.binary(min_size=1, max_size=300))
@settings(max_examples=60, deadline=None)
def test_garbage_is_refused(tmp_path_factory, garbage):
    """Neither recognition nor the reader may raise anything else."""
    path = tmp_path_factory.mktemp("bad") / "bad.stp"
    path.write_bytes(TINY[:120].encode() + garbage)
    with pytest.raises(InvalidInstanceError):
        STEINLIB.read(Source.open(path), "stp")


def test_other_files_are_not_recognised(tmp_path):
    """A METIS or DIMACS graph must not be taken for SteinLib."""
    for text in ("p edge 3 2\ne 1 2\n", "3 2\n2\n1 3\n2\n", "NAME : x\n", "# section Graph\nc x\n"):
        path = tmp_path / "x.gr"
        path.write_text(text)
        assert STEINLIB.sniff(Source.open(path)) == ()


@given(st.integers(0, 10**6), st.integers(2, 30), st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_back(tmp_path_factory, seed, n, is_float):
    """Weights must keep their last digit."""
    most = n * (n - 1) // 2
    instance = random_graph(seed=seed, num_nodes=n, num_edges=min(most, 2 * n), num_terminals=1 + n // 3)
    if is_float:
        weights = np.random.default_rng(seed).random(instance.num_edges)
        instance = STPInstance(
            num_nodes=n, edges=instance.edges, weights=weights, terminals=instance.terminals, name="floats"
        )
    path = tmp_path_factory.mktemp("trip") / "trip.stp"
    STEINLIB.write(instance, path)
    again = read(path)
    assert again == instance
    assert again.name == instance.name


def test_names_and_remarks_with_line_ends_are_read_back(tmp_path):
    """A line END in them ended the section, and the file could not be read."""
    instance = replace(make(), name="two\nlines", meta={"remark": "x\nEND\nfoo"})
    STEINLIB.write(instance, tmp_path / "x.stp")
    again = read(tmp_path / "x.stp")
    assert again == instance
    assert (again.name, again.meta["remark"]) == ("two lines", "x END foo")


def test_solutions_are_written_and_read(tmp_path):
    """The format of PACE 2018, 1-based."""
    path = tmp_path / "five.ost"
    SOLUTION.write(make(), tree((0, 2), (2, 3), (3, 4)), 7.0, path)
    assert path.read_text() == "VALUE 7\n1 3\n3 4\n4 5\n"
    assert SOLUTION.read(Source.open(path, InvalidSolutionError), make()) == tree((0, 2), (2, 3), (3, 4))


@pytest.mark.parametrize("text", ["VALUE 7\n1 3\n3", "VALUE 7\n1 x\n", "1 2.5\n", "VALUE 7\n1 2\nfoo\n"])
def test_malformed_solutions_are_refused(tmp_path, text):
    """An odd number of nodes, a word, half a node."""
    path = tmp_path / "bad.sol"
    path.write_text(text)
    with pytest.raises(InvalidSolutionError):
        SOLUTION.read(Source.open(path, InvalidSolutionError), make())


def test_published_files_have_the_published_sizes(data):
    """Every file of the collection must be read; the sizes are those of its own header."""
    with (data / "best_known.csv").open() as file:
        names = [row["instance"] for row in csv.DictReader(file) if row["problem"] == "stp"]
    assert len(names) == 29
    for name in names:
        path = data / "stp" / (name + (".gr" if "pace" in name else ".stp"))
        instance = read(path)
        words = path.read_text().split()
        assert instance.num_nodes == int(words[words.index("Nodes") + 1])
        assert instance.num_edges <= int(words[words.index("Edges") + 1])
        assert len(instance.terminals) == words.count("T")


def test_hypercubes_are_those_of_steinlib():
    """hc6u of PUC has 64 nodes, 192 edges and 32 terminals; perturbed weights lie in 100..110."""
    instance = hypercube(dimensions=6)
    assert (instance.num_nodes, instance.num_edges, len(instance.terminals)) == (64, 192, 32)
    assert (instance.weights == 1).all()
    assert instance.meta["best_known"] == 39
    perturbed = hypercube(dimensions=6, perturbed=True, seed=3)
    assert perturbed == hypercube(dimensions=6, perturbed=True, seed=3)
    assert perturbed != hypercube(dimensions=6, perturbed=True, seed=4)
    assert (perturbed.weights.min(), perturbed.weights.max()) == (100, 110)


def test_generated_graphs_are_connected_and_have_the_sizes_asked_for():
    """A disconnected one would have no solution."""
    from cosolve.search.stp import connects

    for seed in range(5):
        instance = random_graph(seed=seed, num_nodes=20, num_edges=19 + 30 * seed, num_terminals=5)
        assert (instance.num_nodes, instance.num_edges, len(instance.terminals)) == (20, 19 + 30 * seed, 5)
        streets = road(seed=seed, side=9, num_terminals=12, density=0.7)
        for each in (instance, streets):
            assert connects(each.num_nodes, each.edges, np.arange(each.num_nodes))
        assert streets == road(seed=seed, side=9, num_terminals=12, density=0.7)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        (hypercube, {"dimensions": 0}),
        (hypercube, {"dimensions": 60}),
        (random_graph, {"num_nodes": 5, "num_edges": 3, "num_terminals": 2}),
        (random_graph, {"num_nodes": 5, "num_edges": 11, "num_terminals": 2}),
        (random_graph, {"num_nodes": 5, "num_edges": 5, "num_terminals": 6}),
        (random_graph, {"num_nodes": 5, "num_edges": 5, "num_terminals": 2, "max_weight": 0}),
        (road, {"side": 1, "num_terminals": 2}),
        (road, {"side": 5, "num_terminals": 26}),
        (road, {"side": 5, "num_terminals": 2, "density": 0}),
    ],
)
def test_generators_refuse_what_they_cannot_make(family, parameters):
    """The message names the parameter instead of a numpy error."""
    with pytest.raises(ValueError, match=r"must be (in|>=)"):
        family(**parameters)


def test_a_tree_of_one_terminal_is_written_and_read(tmp_path):
    """It has no edges, and without an objective its file was empty, which no reader takes for an answer."""
    instance = STPInstance(num_nodes=2, edges=[[0, 1]], weights=[1.0], terminals=[0])
    SOLUTION.write(instance, EdgeSet(edges=[]), None, path := tmp_path / "x.sol")
    assert judge(instance, SOLUTION.read(Source.open(path, InvalidSolutionError), instance)).objective == 0


def test_fractions_are_no_nodes():
    """Terminal 1.5 became terminal 1, and edge (0, 1e300) an edge to a negative node."""
    with pytest.raises(ValueError, match="terminals must hold integers"):
        STPInstance(num_nodes=2, edges=[[0, 1]], weights=[1.0], terminals=[0.5])
    for pair in ([0, 1.5], [0, 1e300], [0, float("nan")], ["0", "1"]):
        with pytest.raises(ValueError, match="edges must hold integers"):
            EdgeSet(edges=[pair])
