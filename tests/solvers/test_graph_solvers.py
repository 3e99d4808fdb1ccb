"""All solvers of mis and mds on graphs whose optimum is known."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor, OutOfTime
from cosolve.core.result import Status
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.generators import generate
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance, NodeSet
from cosolve.search import mis_reduce
from cosolve.solvers import kamis
from cosolve.solvers.formulations import formulate
from cosolve.solvers.local_search import mis as local_search
from cosolve.solvers.local_search.mis import cover_cliques

EXACT = ("cpsat", "highs", "scip")


def path_graph(n):
    return Graph.from_edges(n, np.arange(n - 1), np.arange(1, n))


def petersen():
    outer = np.arange(5)
    tails = np.concatenate((outer, outer, outer + 5))
    heads = np.concatenate(((outer + 1) % 5, outer + 5, (outer + 2) % 5 + 5))
    return Graph.from_edges(10, tails, heads)


def cases():
    empty = np.empty(0, np.int64)
    yield "single", Graph.from_edges(1, empty, empty), 1, 1
    yield "isolated", Graph.from_edges(6, empty, empty), 6, 6
    yield "path", path_graph(10), 5, 4
    yield "petersen", petersen(), 4, 3  # textbook values


@pytest.mark.parametrize("solver", ["greedy", "local-search", "networkx", "kamis", *EXACT])
@pytest.mark.parametrize("problem", ["mis", "mds"])
def test_solvers_handle_small_and_degenerate_graphs(solver, problem):
    """Kernels that vanish, graphs without edges and single nodes break adapters first."""
    adapter = solvers.get(solver)()
    if problem not in adapter.problems or not adapter.available().ok:
        pytest.skip(f"{solver} does not run {problem} here")
    if adapter.isolated:
        todo = list(cases())[1:4:2]  # each starts a process
    else:
        todo = list(cases())
    for name, graph, mis, mds in todo:
        instance = MISInstance(graph=graph) if problem == "mis" else MDSInstance(graph=graph)
        optimum = mis if problem == "mis" else mds
        limit = 2000 if solver == "local-search" else None
        result = cosolve.solve(instance, solver, time_limit=1.5 if solver == "kamis" else 20, iterations=limit)
        assert result.is_feasible, (name, result.message)
        worse = optimum - result.objective if problem == "mis" else result.objective - optimum
        assert worse >= 0
        if solver in EXACT:
            assert result.status is Status.OPTIMAL, (name, result.message)
            assert worse == 0


@pytest.mark.parametrize("solver", ["highs", "cpsat"])
def test_exact_solvers_prove_constructed_optima(solver):
    """Formulations on kernels must give the published value, not only a feasible one."""
    for instance in (
        generate("mis", "mann", n=9),
        generate("mis", "johnson", n=8, w=2, d=4),
        generate("mds", "grid", rows=4, columns=9),
    ):
        result = cosolve.solve(instance, solver, time_limit=30)
        assert result.status is Status.OPTIMAL
        assert result.objective == instance.meta["reference"]


@pytest.mark.parametrize("solver", ["highs", "cpsat"])
def test_warm_starts_outside_the_kernel_are_used(solver):
    """A start may use nodes that reductions remove; it must be mapped, not refused."""
    instance = MDSInstance(graph=path_graph(7))
    result = cosolve.solve(instance, solver, initial=NodeSet(nodes=np.arange(7)), time_limit=20)
    assert result.objective == 3
    assert (
        cosolve.solve(
            MISInstance(graph=path_graph(7)), solver, initial=NodeSet(nodes=np.array([1, 3, 5])), time_limit=20
        ).objective
        == 4
    )


def test_local_search_finds_the_numbers_of_constructed_graphs():
    """DIMACS' easy cliques: any working search has them in a second."""
    for family, parameters in (
        ("hamming", {"n": 8, "d": 4}),
        ("keller", {"d": 4}),
        ("johnson", {"n": 16, "w": 2, "d": 4}),
        ("mann", {"n": 27}),
    ):
        instance = generate("mis", family, **parameters)
        target = instance.meta["reference"]
        result = cosolve.solve(instance, "local-search", iterations=300_000, time_limit=20, target=target)
        assert result.objective == target, instance.name


def test_planted_model_rb_is_solved_and_proved_by_its_cliques():
    """The clique cover meets the hidden set: an OPTIMAL without any tree search."""
    instance = generate("mis", "rb", seed=2, cliques=20, clique_size=8, tightness=0.25, planted=True)
    result = cosolve.solve(instance, "local-search", time_limit=20)
    assert result.status is Status.OPTIMAL
    assert result.objective == 20


@pytest.mark.parametrize(("problem", "family"), [("mis", "er"), ("mds", "ba")])
def test_local_search_repeats_exactly_under_an_iteration_limit(problem, family):
    """Same seed, same iterations, same answer, whatever the machine does."""
    instance = generate(problem, family, seed=4, nodes=400)
    runs = [cosolve.solve(instance, "local-search", seed=7, iterations=3000, time_limit=60) for _ in range(2)]
    assert runs[0].solution == runs[1].solution
    assert runs[0].stats["iterations"] == 3000


def test_dense_graphs_are_searched_by_weights_and_by_penalties():
    """Both have their share of the iterations, which does not depend on how the clock slices them."""
    instance = generate("mis", "er", seed=4, nodes=300, probability=0.3)
    runs = [cosolve.solve(instance, "local-search", seed=7, iterations=4001, time_limit=60) for _ in range(2)]
    assert runs[0].stats["method"] == "numvc, dls-mc"
    assert runs[0].stats["iterations"] == 4001
    assert runs[0].solution == runs[1].solution


def test_large_sparse_graphs_go_to_the_sparse_search():
    """Above ten thousand kernel nodes a step must not look at all of them."""
    graph = generate("mis", "er", seed=1, nodes=14_000, probability=0.0005).graph
    result = cosolve.solve(MISInstance(graph=graph), "local-search", iterations=5000, time_limit=20)
    assert result.stats["method"] == "arw"
    greedy = cosolve.solve(MISInstance(graph=graph), "greedy")
    assert result.objective > greedy.objective


def test_kamis_refuses_unknown_algorithms():
    """A typing error must not run the default instead."""
    with pytest.raises(ValueError, match="chils"):
        kamis.KaMISOptions(algorithm="x")


@pytest.mark.parametrize(
    ("name", "problem", "optimum"),
    [
        ("mis/frb30-15-1.mis", "mis", 30),  # BHOSLIB
        ("mis/karate.gph", "mis", 20),  # QOBLIB
        ("mis/sloane_1zc_128.gph", "mis", 18),  # QOBLIB
        ("mis/vc-exact_001.gr", "mis", 3574),
        ("mds/exact_038.gr", "mds", 295),
    ],
)
def test_local_search_reaches_published_values(data: Path, name, problem, optimum):
    """Quality lost without a failing unit test."""
    instance = cosolve.read(data / name, problem=problem)
    result = cosolve.solve(instance, "local-search", time_limit=20, target=optimum)
    assert result.objective == optimum


class StopsAtOnce(Monitor):
    """Time is up at the second look at the clock."""

    looks = 0

    def should_stop(self):
        self.looks += 1
        return self.looks > 1


@pytest.mark.skipif(not solvers.get("cpsat")().available().ok, reason="cpsat is not installed")
@pytest.mark.parametrize(
    ("problem", "family", "parameters", "looks"),
    [("mis", "er", {"nodes": 30_000, "probability": 4 / 30_000}, 2), ("mds", "ba", {"nodes": 30_000}, 3)],
)
def test_cpsat_looks_at_the_clock_while_it_builds_its_model(problem, family, parameters, looks):
    """Of graphs with 300,000 nodes it did so when the model was done, seconds after the limit."""
    instance = generate(problem, family, seed=1, **parameters)
    build = importlib.import_module(f"cosolve.solvers.cpsat.{problem}").build
    monitor = StopsAtOnce(instance, Stop())
    with pytest.raises(OutOfTime):
        build(instance, monitor)
    assert monitor.looks == looks  # reductions that are cut off leave a model to build, which ends at its first look


@pytest.mark.parametrize("name", ["highs", "scip", "ctc"])
def test_a_model_of_independent_sets_that_time_cuts_off_is_no_error(name):
    """Kernel and cliques were made to their end, seconds after the limit."""
    solver = solvers.get(name)()
    if not solver.available().ok:
        pytest.skip(f"{name} is not installed")
    instance = generate("mis", "er", nodes=200, probability=0.1, seed=1)
    with pytest.raises(OutOfTime):
        formulate(instance, StopsAtOnce(instance, Stop()))
    monitor = StopsAtOnce(instance, Stop())
    options = solver.options_type()
    outcome = solver.solve(instance, monitor, seed=0, threads=1, initial=None, options=options)
    assert monitor.looks <= 3  # before all, at the kernel, at the cliques
    assert outcome.status is not Status.ERROR
    assert outcome.build_time > 0


def test_local_search_of_independent_sets_looks_at_the_clock_while_it_kernelises():
    """It was 1.5 s late at a limit of 0.1 s; this many nodes of degree 60 are more than one slice."""
    instance = generate("mis", "er", nodes=3_000, probability=0.02, seed=1)
    looks = []
    mis_reduce.reduce(instance.graph.indptr, instance.graph.indices, lambda: bool(looks.append(1)))
    assert len(looks) > 3
    monitor = StopsAtOnce(instance, Stop())
    outcome = local_search.search(instance, NodeSet(nodes=[0]), monitor, np.random.default_rng(1))
    assert monitor.looks <= 4
    assert outcome.stats["kernel_nodes"] == 3_000


def test_local_search_of_independent_sets_looks_at_the_clock_while_it_covers():
    """At 300,000 nodes the first look was after the bound, seconds after the limit."""
    instance = generate("mis", "er", nodes=3_000, probability=4 / 3_000, seed=1)
    graph, rng = instance.graph, np.random.default_rng(1)
    looks = []
    clique, count = cover_cliques(graph.indptr, graph.indices, rng, lambda: looks.append(1) is None)
    assert len(looks) == 1
    assert np.bincount(clique, minlength=count).all()
    monitor = StopsAtOnce(instance, Stop())
    local_search.search(instance, NodeSet(nodes=[0]), monitor, np.random.default_rng(1))
    assert monitor.looks <= 3
