"""Graphs, the judges of mis and mds, graph files and generators."""

from __future__ import annotations

import gzip
from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.core.problem import judge
from cosolve.instances.formats.base import formats
from cosolve.instances.formats.source import Source
from cosolve.instances.generators import generate
from cosolve.instances.generators.graphs import domination_number
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance, NodeSet

edge_lists = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=2 * n * n)
    )
)


def make_graph(n, edges):
    ends = np.array(edges, np.int64).reshape(-1, 2)
    return Graph.from_edges(n, ends[:, 0], ends[:, 1])


def is_independent(pairs, nodes):
    return not any({a, b} <= set(nodes) for a, b in pairs)


def dominates(n, pairs, nodes):
    reached = set(nodes) | {b for a, b in pairs if a in nodes} | {a for a, b in pairs if b in nodes}
    return len(reached) == n


@settings(deadline=None)
@given(edge_lists)
def test_graph_keeps_each_edge_once_and_sorted(case):
    """Loops or repeats left in would break every kernel; a lost edge would accept wrong sets."""
    n, edges = case
    graph = make_graph(n, edges)
    expected = sorted({(min(e), max(e)) for e in edges if e[0] != e[1]})
    assert [tuple(e) for e in graph.edges().tolist()] == expected
    assert graph.num_edges == len(expected)
    missing = sorted(set(combinations(range(n), 2)) - set(expected))
    assert [tuple(e) for e in graph.complement().edges().tolist()] == missing


@pytest.mark.parametrize(
    ("indptr", "indices"),
    [
        ([0], []),
        ([0, 1, 1], [1]),
        ([0, 1, 2], [0, 0]),
        ([0, 2, 4], [1, 1, 0, 0]),
        ([0, 1, 2], [1, 5]),
        ([0, 2, 3, 4], [2, 1, 0, 0]),
        ([0, 2, 1, 2], [1, 0]),
    ],
)
def test_graph_refuses_rows_that_are_no_simple_graph(indptr, indices):
    """Asymmetric, unsorted or looped rows would make the linear judge miss conflicts."""
    with pytest.raises(ValueError):
        Graph(np.array(indptr), np.array(indices, np.int32))


def test_from_edges_names_the_node_that_is_out_of_range():
    """Out of range ids would write behind the arrays of the compiled builder."""
    with pytest.raises(ValueError, match="got 3"):
        Graph.from_edges(3, np.array([0]), np.array([3]))
    with pytest.raises(ValueError, match="got 0"):
        Graph.from_edges(0, np.array([], int), np.array([], int))


@settings(deadline=None)
@given(edge_lists, st.data())
def test_judges_agree_with_the_definitions(case, data):
    """The judge is the only source of truth: it must be exactly the definition."""
    n, edges = case
    graph = make_graph(n, edges)
    pairs = [tuple(e) for e in graph.edges().tolist()]
    nodes = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    solution = NodeSet(nodes=np.array(nodes, np.int64))
    for mode in ("strict", "frontierco"):
        mis = judge(MISInstance(graph=graph), solution, mode)
        mds = judge(MDSInstance(graph=graph), solution, mode)
        assert mis.feasible == is_independent(pairs, nodes)
        assert mds.feasible == dominates(n, pairs, nodes)
        assert mis.objective == mds.objective == len(nodes)


@pytest.mark.parametrize("nodes", [[-1], [3], [0, 0], [2**60], [-(2**62), 1]])
@pytest.mark.parametrize("kind", [MISInstance, MDSInstance])
def test_judges_refuse_ids_that_are_no_nodes_or_repeated(kind, nodes):
    """A repeated node would count twice towards an independent set."""
    verdict = judge(kind(graph=make_graph(3, [(0, 1)])), NodeSet(nodes=np.array(nodes, np.int64)))
    assert not verdict.feasible
    assert verdict.objective is None


def test_judge_of_four_million_edges_is_fast():
    """The FrontierCO harness takes minutes on such graphs: pairs are quadratic."""
    n = 400_000
    tails = np.tile(np.arange(n), 10)
    heads = (tails + np.repeat(np.arange(1, 11), n)) % n
    instance = MISInstance(graph=Graph.from_edges(n, tails, heads))
    assert instance.graph.num_edges == 4_000_000
    solution = NodeSet(nodes=np.arange(0, n - 10, 11))
    judge(instance, solution)
    start = perf_counter()
    assert judge(instance, solution).feasible
    assert perf_counter() - start < 1.0


@pytest.mark.parametrize("name", ["dimacs", "metis", "pace", "matrix-market", "edge-list"])
@settings(deadline=None, max_examples=30)
@given(case=edge_lists)
def test_writers_and_readers_are_inverse(name, case, tmp_path_factory):
    """A file written must read back as the same instance, isolated nodes included."""
    n, edges = case
    graph = make_graph(n, edges)
    path = tmp_path_factory.mktemp("graphs") / "x.dat"
    for instance in (MISInstance(graph=graph), MDSInstance(graph=graph)):
        if name == "edge-list" and graph.num_edges == 0:
            with pytest.raises(ValueError, match="without edges"):
                cosolve.write(instance, path, format=name)
            continue
        cosolve.write(instance, path, format=name)
        assert cosolve.read(path, problem=instance.problem, format=name) == instance


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("c hi\np edge 3 2\ne 1 2\ne 2 3\n", "dimacs", {"mis", "mds"}),
        ("p col 3 1\ne 1 2\n", "dimacs", {"mis", "mds"}),
        ("p ds 3 1\n1 2\n", "pace", {"mds"}),
        ("p vc 3 1\n1 2\n", "pace", {"mis"}),
        ("p td 3 1\n1 2\n", "pace", {"mis", "mds"}),
        ("4 2\n1 2\n3 4\n", "pace", {"mis", "mds"}),
        ("3 2\n2 3\n1\n1\n", "metis", {"mis", "mds"}),
        ("3 1 1\n2 7\n1 7\n\n", "metis", {"mis", "mds"}),
        ("%%MatrixMarket matrix coordinate real symmetric\n3 3 1\n2 1 5e-1\n", "matrix-market", {"mis", "mds"}),
        ("# FromNodeId\tToNodeId\n30\t1412\n30\t3352\n", "edge-list", {"mis", "mds"}),
        ("3 2\n0 1 1\n1 2 0.5\n", "edge-list", {"mis", "mds"}),
    ],
)
def test_formats_are_told_apart_by_content(text, name, expected, tmp_path):
    """A wrong format would read another graph without an error."""
    path = tmp_path / "x.dat"
    path.write_text(text)
    source = Source.open(path)
    found = {n: set(formats.get(n).sniff(source)) for n in ("dimacs", "metis", "pace", "matrix-market", "edge-list")}
    assert {n: keys for n, keys in found.items() if keys} == {name: expected}


def test_readers_understand_what_the_formats_allow(tmp_path):
    """Comments, repeats, loops, zero weights and arbitrary ids are legal in the field's files."""

    def read(name, text, problem="mis"):
        path = tmp_path / name
        path.write_text(text)
        return cosolve.read(path, problem=problem)

    dimacs = read("a.mis", "c x\np edge 4 4   \ne 1 2\nc in between\ne 2 1\n\ne 3 3\r\ne 4 1\n")
    assert dimacs.graph.edges().tolist() == [[0, 1], [0, 3]]
    assert dimacs.meta["comment"] == "x"
    metis = read("a.graph", "% c\n3 2 011 1\n1 2 9 3 9\n1 1 9\n%\n1 1 9\n")
    assert metis.graph.edges().tolist() == [[0, 1], [0, 2]]
    market = read("a.mtx", "%%MatrixMarket matrix coordinate real general\n%\n3 3 3\n1 2 0\n2 1 4\n3 3 1.5\n")
    assert market.graph.edges().tolist() == [[0, 1]]
    snap = read("a.txt", "# Nodes\n7\t100\n100\t7\n7\t7\n9 7\n")
    assert snap.graph.edges().tolist() == [[0, 1], [0, 2]]
    assert snap.meta["original_ids"].tolist() == [7, 9, 100]
    plain = read("b.txt", "# header all the same\n5 2\n0 1\n3 4\n")
    assert plain.size == 5
    with pytest.raises(InvalidInstanceError, match="several problems"):
        cosolve.read(tmp_path / "a.graph")
    assert cosolve.read(tmp_path / "a.mis").problem == "mis"


def test_clique_instances_say_what_they_are(tmp_path):
    """A .clq file was solved as an independent set instance of the graph itself, and called optimal."""
    path = tmp_path / "a.clq"
    path.write_text("c two of four\np col 4 2\ne 1 2\ne 4 3\n")
    with pytest.raises(InvalidInstanceError, match="clique instance: complement=true"):
        cosolve.read(path, problem="mis")
    assert cosolve.read(path, problem="mis", complement="false").graph.edges().tolist() == [[0, 1], [2, 3]]
    whole = cosolve.read(path, problem="mis", complement=True)
    assert whole.graph.edges().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]
    assert whole.meta["comment"] == "two of four"
    path.write_text("p edge 15001 0\n")
    with pytest.raises(InvalidInstanceError, match="at most 15000 nodes"):
        cosolve.read(path, problem="mis", complement=True)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dimacs", "p edge 3\ne 1 2\n"),
        ("dimacs", "p edge 3 2\ne 1 2\n"),
        ("dimacs", "p edge 3 1\ne 1 2\ne 2 3\n"),
        ("dimacs", "p edge 3 1\ne 1 4\n"),
        ("dimacs", "p edge 3 1\ne 0 1\n"),
        ("dimacs", "p edge 3 1\ne 1 -2\n"),
        ("dimacs", "p edge 3 1\ne 1 nan\n"),
        ("dimacs", "p edge 3 1\ne 1\n"),
        ("dimacs", "p edge 3 1\ne 1 2 3\n"),
        ("dimacs", "p edge 3 1\nx 1 2\n"),
        ("dimacs", "p edge 3 1\n1 2\n"),
        ("dimacs", "p edge 0 0\n"),
        ("dimacs", "p edge -3 1\ne 1 2\n"),
        ("dimacs", "p edge 2000000000 1\ne 1 2\n"),
        ("dimacs", "p edge 3 999999999999\ne 1 2\n"),
        ("dimacs", "c only\n"),
        ("pace", "p ds 3 1\n"),
        ("pace", "p ds 3 1\n1 2 3\n"),
        ("pace", "p xx 3 1\n1 2\n"),
        ("pace", "3 1\n1 9\n"),
        ("pace", "3\n1 2\n"),
        ("metis", "3 2\n2 3\n1\n"),
        ("metis", "3 2\n2 3\n1\n1\n2\n"),
        ("metis", "3 2\n2 3\n1\n2\n"),
        ("metis", "3 1\n2 2\n\n\n"),
        ("metis", "2 1\n1\n1\n"),
        ("metis", "2 1 10\n2 2\n1 1\n"),
        ("metis", "2 1 7\n2\n1\n"),
        ("metis", "2 1\n2\nx\n"),
        ("metis", "2 1\n3\n1\n"),
        ("metis", "2 1 1\n2\n1\n"),
        ("matrix-market", "%%MatrixMarket matrix array real general\n2 2\n1 1\n"),
        ("matrix-market", "%%MatrixMarket matrix coordinate pattern general\n2 3 1\n1 2\n"),
        ("matrix-market", "%%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 2\n"),
        ("matrix-market", "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 2\n"),
        ("matrix-market", "%%MatrixMarket matrix coordinate what general\n2 2 1\n1 2\n"),
        ("edge-list", "# x\n1 2\n3\n"),
        ("edge-list", "1 2\n-3 4\n"),
        ("edge-list", "a b\n"),
        ("edge-list", "3 2\n0 1 1\n"),
        ("edge-list", "3 2\n0 1 1\n1 3 1\n"),
        ("edge-list", "# nothing\n"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_malformed_graph_files_are_named(name, text, packed, tmp_path):
    """A crash or a silently repaired graph instead of the file's name and what is wrong."""
    path = tmp_path / ("bad.dat.gz" if packed else "bad.dat")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(InvalidInstanceError, match=r"bad\.dat"):
        cosolve.read(path, problem="mis", format=name)


@pytest.mark.parametrize("cut", [4, 6, 8])
def test_a_cut_pace_file_is_no_list_of_edges(tmp_path, cut):
    """Without its end the header was an edge, and the graph another one. SNAP's files have no header, and no .gr."""
    text = "6 7\n1 2\n2 3\n3 1\n4 5\n5 6\n6 4\n1 4\n"
    path = tmp_path / "bare.gr"
    path.write_text(text)
    assert cosolve.read(path, problem="mis").graph.num_edges == 7
    path.write_text(text[:-cut])
    message = "must hold 2 numbers, this one ends early" if cut == 6 else "7 edges are declared, but [56] lines"
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path, problem="mis")
    path.write_text("# a comment\n" + text[:-8])
    assert cosolve.read(path, problem="mis").graph.num_edges == 6


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=60), st.sampled_from(["", "p edge 3 1\n", "3 2\n", "%%MatrixMarket matrix "]))
@example(tail=b"\x01", head="")
def test_sniffers_and_readers_survive_any_bytes(tmp_path_factory, tail, head):
    """Any file may be given to the recogniser: it must answer, not crash."""
    path = tmp_path_factory.mktemp("any") / "x.dat"
    path.write_bytes(head.encode() + tail)
    for name in ("dimacs", "metis", "pace", "matrix-market", "edge-list"):
        try:
            cosolve.read(path, problem="mds", format=name)
        except InvalidInstanceError:
            pass


def test_node_sets_are_written_and_read_one_based(tmp_path):
    """PACE's checkers count from 1; a list without its count could be cut unnoticed."""
    instance = MDSInstance(graph=make_graph(5, [(0, 1), (1, 2), (3, 4)]))
    path = tmp_path / "x.sol"
    solution = NodeSet(nodes=np.array([1, 3]))
    cosolve.write_solution(instance, solution, path)
    assert path.read_text() == "2\n2\n4\n"
    assert cosolve.read_solution(path, instance) == solution
    for text in ("2\n2\n", "1\n2\n4\n", "1\n0\n", "1\n-1\n", "1\nx\n", "1\n1 2\n", "x\n", "1 2\n"):
        path.write_text(text)
        with pytest.raises(InvalidSolutionError):
            cosolve.read_solution(path, instance)
    path.write_text("c empty\n0\n")
    assert len(cosolve.read_solution(path, instance).nodes) == 0


# Nodes and distinct edges as the data set's own notes and file headers give them.
SIZES = {
    "mis/frb30-15-1.mis": (450, 17827),
    "mis/frb45-21-1.mis": (945, 59186),
    "mis/aves-sparrow-social.gph": (52, 454),
    "mis/sloane_1zc_128.gph": (128, 1120),
    "mis/football.gph": (35, 118),
    "mis/karate.gph": (34, 78),
    "mis/vc-exact_001.gr": (6160, 40207),
    "mis/vc-exact_031.gr": (200, 813),
    "mis/netscience.txt": (379, 914),
    "mis/us_powergrid.txt": (4941, 6594),
    "mis/CA-GrQc.txt": (4158, 13422),
    "mis/p2p-Gnutella08.txt": (6301, 20777),
    "mis/CA-HepTh.txt.gz": (9877, 25973),
    "mis/CA-CondMat.txt.gz": (23133, 93439),
    "mds/exact_001.gr": (8340, 16080),
    "mds/exact_038.gr": (3570, 44481),
    "mds/Wiki-Vote.txt.gz": (7115, 100762),
}


@pytest.mark.parametrize("name", SIZES)
def test_public_files_have_their_published_sizes(data: Path, name):
    """Header lines taken for edges, lost comments or kept repeats show in the sizes."""
    for problem in ("mis", "mds"):
        if name.startswith("mds/exact") and problem == "mis":
            continue
        graph = cosolve.read(data / name, problem=problem).graph
        assert (graph.num_nodes, graph.num_edges) == SIZES[name]


def test_every_public_graph_file_is_read(data: Path):
    """A file of the field that can't be read."""
    for problem in ("mis", "mds"):
        for path in sorted((data / problem).iterdir()):
            assert cosolve.read(path, problem=problem).size > 0


# Nodes, edges of the clique graph, clique number: DIMACS second challenge (Johnson & Trick 1996).
DIMACS_CLIQUES = [
    ("hamming", {"n": 6, "d": 2}, 64, 1824, 32),
    ("hamming", {"n": 6, "d": 4}, 64, 704, 4),
    ("hamming", {"n": 8, "d": 4}, 256, 20864, 16),
    ("hamming", {"n": 10, "d": 4}, 1024, 434176, 40),
    ("johnson", {"n": 8, "w": 2, "d": 4}, 28, 210, 4),
    ("johnson", {"n": 8, "w": 4, "d": 4}, 70, 1855, 14),
    ("johnson", {"n": 16, "w": 2, "d": 4}, 120, 5460, 8),
    ("johnson", {"n": 32, "w": 2, "d": 4}, 496, 107880, 16),
    ("keller", {"d": 4}, 171, 9435, 11),
    ("keller", {"d": 5}, 776, 225990, 27),
    ("keller", {"d": 6}, 3361, 4619898, 59),
    ("mann", {"n": 9}, 45, 918, 16),
    ("mann", {"n": 27}, 378, 70551, 126),
    ("mann", {"n": 45}, 1035, 533115, 345),
    ("mann", {"n": 81}, 3321, 5506380, 1100),
]


@pytest.mark.parametrize(("family", "parameters", "nodes", "edges", "clique"), DIMACS_CLIQUES)
def test_constructed_graphs_are_the_complements_of_dimacs(family, parameters, nodes, edges, clique):
    """Another graph under a famous name would make every published value meaningless."""
    instance = generate("mis", family, **parameters)
    assert instance.size == nodes
    assert nodes * (nodes - 1) // 2 - instance.graph.num_edges == edges
    assert instance.meta["reference"] == clique


@pytest.mark.parametrize(
    ("problem", "family", "parameters"),
    [
        ("mis", "rb", {}),
        ("mis", "rb", {"cliques": 10, "clique_size": 5, "tightness": 0.3, "planted": True}),
        ("mis", "er", {"nodes": 300}),
        ("mis", "mann", {"n": 9}),
        ("mds", "ba", {}),
    ],
)
def test_generators_follow_the_seed(problem, family, parameters):
    """FrontierCO's own generators ignore their seed."""
    first, again, other = (generate(problem, family, seed=s, **parameters) for s in (1, 1, 2))
    if family == "mann":
        first, again, other = (generate(problem, family, seed=s, **parameters) for s in (1, 1, 0))
    assert first == again
    assert first != other


def test_generated_graphs_have_the_right_sizes():
    """Model, not only seed: counts that follow from the definitions."""
    ba = generate("mds", "ba", seed=5, nodes=900)
    assert ba.graph.num_edges == 4 * (900 - 4)
    rb = generate("mis", "rb", seed=5)
    assert 800 <= rb.size <= 1200
    er = generate("mis", "er", nodes=2000, probability=0.1)
    assert abs(er.graph.num_edges - 199_900) < 5 * (199_900 * 0.9) ** 0.5
    assert generate("mis", "er", nodes=50, probability=1.0).graph.num_edges == 50 * 49 // 2
    assert generate("mis", "er", nodes=50, probability=0.0).graph.num_edges == 0


def test_planted_model_rb_keeps_its_hidden_set():
    """The reference of a planted instance is the number of cliques; HiGHS-free check by brute force."""
    instance = generate("mis", "rb", seed=1, cliques=4, clique_size=3, tightness=0.4, planted=True)
    pairs = [tuple(e) for e in instance.graph.edges().tolist()]
    best = max(
        len(nodes)
        for size in range(1, 6)
        for nodes in combinations(range(instance.size), size)
        if is_independent(pairs, nodes)
    )
    assert best == instance.meta["reference"] == 4


@pytest.mark.parametrize(("rows", "columns"), [(1, 7), (2, 5), (2, 6), (3, 4), (3, 5), (4, 4)])
def test_small_grids_have_the_published_domination_numbers(rows, columns):
    """A wrong formula would report a false reference."""
    instance = generate("mds", "grid", rows=rows, columns=columns)
    pairs = [tuple(e) for e in instance.graph.edges().tolist()]
    n = instance.size
    best = next(
        size for size in range(1, n) for nodes in combinations(range(n), size) if dominates(n, pairs, set(nodes))
    )
    assert best == instance.meta["reference"]


def test_large_grid_formula_is_goncalves():
    """Goncalves et al. (2011), theorem 2: 16 x 16 has 60."""
    assert domination_number(16, 16) == 60
    assert domination_number(20, 16) == 75
    assert domination_number(10, 10) is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("mis/rb", {"tightness": 1.0}),
        ("mis/rb", {"cliques": 1}),
        ("mis/er", {"probability": 1.5}),
        ("mis/er", {"nodes": 0}),
        ("mis/hamming", {"n": 30, "d": 2}),
        ("mis/johnson", {"n": 8, "w": 9, "d": 4}),
        ("mis/keller", {"d": 8}),
        ("mis/mann", {"n": 10}),
        ("mds/ba", {"nodes": 3}),
        ("mds/grid", {"rows": 0, "columns": 3}),
    ],
)
def test_generators_refuse_parameters_out_of_range(name, parameters):
    """An endless loop or a graph of another family."""
    with pytest.raises(ValueError, match=r"must be"):
        generate(*name.split("/"), **parameters)
