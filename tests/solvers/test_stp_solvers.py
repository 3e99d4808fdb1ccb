"""Solvers of the Steiner tree problem through the public call."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosolve.core.driver import solve
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.stop import Stop
from cosolve.instances.formats.source import Source
from cosolve.instances.formats.steinlib import STEINLIB
from cosolve.instances.generators.stp import hypercube, random_graph
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.solvers.formulations.stp import formulate


def small() -> STPInstance:
    # Optimum 3 over the hub; the best tree without it weighs 4.
    edges = [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)]
    return STPInstance(num_nodes=4, edges=edges, weights=[2, 2, 2, 1, 1, 1], terminals=[0, 1, 2])


def disconnected() -> STPInstance:
    return STPInstance(num_nodes=4, edges=[(0, 1), (2, 3)], weights=[1, 1], terminals=[0, 3])


@pytest.mark.parametrize("solver", ["local-search", "highs", "cpsat"])
def test_small_trees_are_proven_optimal(solver):
    """Every solver with a bound must close an instance that one can solve by hand."""
    result = solve(small(), solver, time_limit=200)
    assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, 3, 3)


@pytest.mark.parametrize("solver", ["local-search", "highs", "cpsat"])
def test_trees_that_cost_nothing_are_proven_optimal(solver):
    """Bounds of 0 are passed up too."""
    instance = STPInstance(num_nodes=3, edges=[(0, 1), (1, 2), (0, 2)], weights=[0, 0, 5], terminals=[0, 2])
    result = solve(instance, solver, time_limit=200)
    assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, 0, 0)


@pytest.mark.parametrize("unit", [1.0, 1 / 7])
@pytest.mark.parametrize("solver", ["highs", "cpsat", "local-search"])
def test_solvers_agree_on_random_graphs(solver, unit):
    """One of them would be wrong: each proves its own value, also where weights are no whole numbers."""
    instance = random_graph(seed=11, num_nodes=40, num_edges=90, num_terminals=12)
    instance = replace(instance, weights=instance.weights * unit)
    result = solve(instance, solver, time_limit=200)
    assert result.status is Status.OPTIMAL
    other = solve(instance, "local-search", time_limit=200, seed=3).objective
    # Sums of fractions in another order differ by their rounding.
    assert result.objective == (other if unit == 1 else pytest.approx(other, rel=1e-12))


def test_greedy_gives_a_tree_and_none_where_there_is_none():
    """A part of a tree must not be reported for terminals that can't be connected; that there is none is known."""
    assert solve(hypercube(dimensions=6), "greedy").objective < 60
    for solver in ("greedy", "local-search", "auto", "highs"):
        result = solve(disconnected(), solver, time_limit=200)
        assert (result.status, result.solution) == (Status.INFEASIBLE, None), solver


@pytest.mark.parametrize("edges", [[(0, 1)], [(0, 1), (2, 3)], [(1, 2)], []])
def test_terminals_that_nothing_joins_are_infeasible(edges):
    """NetworkX's node that it can't find came up as an exception."""
    instance = STPInstance(num_nodes=4, edges=edges, weights=[1] * len(edges), terminals=[0, 3])
    assert solve(instance, "networkx").status is Status.INFEASIBLE


def test_local_search_honours_its_iteration_limit_and_seed():
    """Same seed and limit, same answer; the limit is named."""
    instance = hypercube(dimensions=7, perturbed=True)
    runs = [solve(instance, "local-search", iterations=5, seed=2, time_limit=60) for _ in range(2)]
    assert runs[0].limit is Limit.ITERATION
    assert runs[0].objective == runs[1].objective
    assert runs[0].stats["iterations"] == 5
    assert runs[0].bound <= runs[0].objective


def test_local_search_starts_from_a_given_tree():
    """It must never end with a worse one."""
    instance = hypercube(dimensions=6)
    start = solve(instance, "local-search", iterations=50).solution
    result = solve(instance, "local-search", iterations=0, initial=start)
    assert result.objective == len(start.edges)


def test_formulation_translates_trees_to_columns_and_back():
    """A warm start that is no solution of the model is thrown away by the backend without a word."""
    instance = hypercube(dimensions=5, perturbed=True)
    monitor = Monitor(instance, Stop(time_limit=200))
    formulation = formulate(instance, monitor)
    assert monitor.best is not None
    if len(formulation.model.cost):
        x = formulation.encode(monitor.best.solution)
        assert formulation.separate is not None
        assert formulation.separate(x) is None
        tree = formulation.decode(x)
        model = formulation.model
        assert model.cost @ x + model.offset == instance.weights[instance.find_edges(tree.edges)].sum()
        assert formulation.separate(np.zeros(len(x))) is not None


def test_formulation_of_a_single_terminal_has_nothing_to_choose():
    """Backends choke on empty models; the driver must get the empty tree all the same."""
    instance = STPInstance(num_nodes=2, edges=[(0, 1)], weights=[1], terminals=[1])
    result = solve(instance, "highs", time_limit=200)
    assert (result.status, result.objective) == (Status.OPTIMAL, 0)
    assert result.solution == EdgeSet(edges=[])


@pytest.mark.parametrize(
    ("name", "best"),
    [("b01", 82), ("b06", 122), ("b13", 165), ("b18", 218), ("c05", 1579), ("d10", 2110), ("e10", 5600)],
)
def test_published_optima_are_proven(data, name, best):
    """Values of SteinLib; all are proven within a second or two."""
    instance = STEINLIB.read(Source.open(data / "stp" / f"{name}.stp"), "stp")
    result = solve(instance, "local-search", time_limit=200)
    assert (result.status, result.objective) == (Status.OPTIMAL, best)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_branching_goes_on_where_simplification_solves_a_subproblem(seed):
    """A node solved by reductions alone has no dual ascent; the search once stopped there with an error."""
    instance = random_graph(seed=seed, num_nodes=60, num_edges=90, num_terminals=15)
    result = solve(instance, "local-search", time_limit=60)
    assert result.status is Status.OPTIMAL
    assert result.objective == solve(instance, "highs", time_limit=60).objective
