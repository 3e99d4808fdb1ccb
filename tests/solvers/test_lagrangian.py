"""Branch and bound over Lagrangian bounds: right optima, honest bounds and statuses, published instances."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import solvers
from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.instances.formats import cflp as files
from cosolve.instances.formats.source import Source
from cosolve.instances.generators.cflp import cornuejols
from cosolve.instances.tiny import tiny_instances
from cosolve.solvers.formulations.location import least_number, relax


def brute_force(instance: CFLPInstance) -> float:
    """Cheapest over all sets of open facilities, each supply by a general linear program."""
    from scipy.optimize import linprog

    best, (m, n) = np.inf, instance.cost.shape
    for count in range(1, m + 1):
        for chosen in map(list, combinations(range(m), count)):
            if instance.capacity[chosen].sum() < instance.total_demand:
                continue
            serve = np.tile(np.eye(n), count)
            load = np.kron(np.eye(count), instance.demand)
            answer = linprog(instance.cost[chosen].ravel(), load, instance.capacity[chosen], serve, np.ones(n))
            best = min(best, answer.fun + instance.fixed_cost[chosen].sum())
    return best


whole = st.integers(0, 20).map(float)


@st.composite
def instances(draw) -> CFLPInstance:
    """Up to five facilities and customers, zeros and ties included; feasible."""
    m, n = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    demand = np.array(draw(st.lists(whole, min_size=n, max_size=n)))
    is_equal = draw(st.booleans())
    capacity = np.array([draw(whole)] * m if is_equal else draw(st.lists(whole, min_size=m, max_size=m)))
    capacity[0] += max(0.0, demand.sum() - capacity.sum())
    fixed = np.array(draw(st.lists(whole, min_size=m, max_size=m)))
    cost = np.array(draw(st.lists(whole, min_size=m * n, max_size=m * n))).reshape(m, n)
    cost[:, demand == 0] = 0.0
    return CFLPInstance(name="drawn", capacity=capacity, fixed_cost=fixed, demand=demand, cost=cost)


@settings(max_examples=40, deadline=None)
@given(instances())
def test_bound_optimum_and_heuristic_are_in_order(instance):
    """A pruned optimum, an unproven claim or a relaxation above the optimum would show here."""
    optimum = brute_force(instance) if instance.total_demand > 0 else 0.0
    result = cosolve.solve(instance, solver="lagrangian", time_limit=20)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(optimum, rel=1e-6, abs=1e-6)
    assert result.bound <= optimum + 1e-6 * max(1.0, optimum)
    if (instance.demand > 0).all():
        root = relax(instance.cost, instance.demand, instance.capacity, instance.fixed_cost, None, None)
        assert root.bound <= optimum + 1e-6 * max(1.0, optimum)
    heuristic = cosolve.solve(instance, solver="local-search", iterations=20, time_limit=20)
    assert heuristic.objective >= optimum - 1e-6 * max(1.0, optimum)


@pytest.mark.parametrize("ratio", [1.5, 3.0, 10.0])
def test_two_threads_and_another_solver_agree(ratio):
    """Nodes bounded at the same time must not disturb each other."""
    instance = cornuejols(seed=3, facilities=12, customers=25, ratio=ratio)
    results = [cosolve.solve(instance, solver="lagrangian", threads=threads, time_limit=20) for threads in (1, 2)]
    exact = cosolve.solve(instance, solver="highs", time_limit=20)
    assert exact.status is Status.OPTIMAL
    for result in results:
        assert result.status is Status.OPTIMAL
        assert result.objective == pytest.approx(exact.objective, rel=1e-6)


def test_multipliers_do_not_run_away_once_all_demands_are_met():
    """Steps along what is left of an old direction once made them so large that rounding lifted the bound."""
    one = np.ones(1)
    root = relax(2.0 * one.reshape(1, 1), one, one, 0.0 * one, None, None, iterations=200)
    assert root.bound == pytest.approx(2.0)
    assert root.bound <= 2.0


def test_too_little_capacity_is_infeasible():
    """Neither an error nor an endless search."""
    instance = CFLPInstance(
        name="short",
        capacity=np.array([1.0, 2.0]),
        fixed_cost=np.ones(2),
        demand=np.array([4.0]),
        cost=np.ones((2, 1)),
    )
    assert cosolve.solve(instance, solver="lagrangian", time_limit=5).status is Status.INFEASIBLE


def test_node_limit_leaves_a_valid_bound():
    """A search cut short must not claim what it has not proven."""
    instance = cornuejols(seed=1, facilities=40, customers=60, ratio=4.0)
    optimum = cosolve.solve(instance, solver="lagrangian", time_limit=20)
    assert optimum.status is Status.OPTIMAL
    cut = cosolve.solve(instance, solver="lagrangian", nodes=2, time_limit=20)
    assert cut.bound <= optimum.objective * (1 + 1e-9)
    assert cut.status is Status.OPTIMAL or cut.limit is Limit.NODE


def test_open_nodes_beyond_the_memory_are_searched_depth_first(monkeypatch):
    """The stack's nodes count for the bound and for the proof like those of the heap."""
    from cosolve.solvers import lagrangian

    instance = cornuejols(seed=1, facilities=40, customers=60, ratio=4.0)
    best_first = cosolve.solve(instance, solver="lagrangian", time_limit=20)
    monkeypatch.setattr(lagrangian, "_MEMORY", 0)
    depth_first = cosolve.solve(instance, solver="lagrangian", time_limit=20)
    assert depth_first.status is Status.OPTIMAL
    assert depth_first.objective == pytest.approx(best_first.objective, rel=1e-6)


def test_least_number_counts_the_largest_first():
    """Rounding must not ask for one facility more than needed."""
    assert least_number(np.array([1.0, 5.0, 3.0]), 8.0) == 2
    assert least_number(np.array([0.1, 0.1, 0.1]), 0.1 + 0.1 + 0.1) == 3
    assert least_number(np.array([0.7, 0.1]), 0.1 + 0.1 + 0.5) == 1
    assert least_number(np.array([2.0, 2.0]), 0.0) == 0


@pytest.mark.parametrize("problem", ["cflp", "cpmp"])
def test_constraint_programming_solves_what_fits_on_a_page(problem):
    """The model must be right where the optimum is known by hand."""
    for instance, optimum in tiny_instances(problem):
        result = cosolve.solve(instance, solver="cpsat", time_limit=20)
        assert result.objective == pytest.approx(optimum, rel=1e-6)


@pytest.mark.parametrize(
    ("capacity", "optimum"),
    [(8000, 19240822.449), (10000, 18438046.543), (12000, 17765201.949), (14000, 17160439.012)],
)
def test_large_published_instances_are_proven_optimal(data, capacity, optimum):
    """OR-Library's capopt.txt, capa: 100 facilities and 1000 customers; without a solver named."""
    instance = files.read_orlib(Source.open(data / "cflp/orlib/capa.txt"), "cflp", capacity=capacity)
    result = cosolve.solve(instance, time_limit=30)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(optimum, abs=0.001)


@pytest.mark.parametrize(
    ("name", "optimum"), [("yang/p1", 30128.2596), ("holmberg/p56", 21000.6996), ("tbed1/p1", 16350.6606)]
)
def test_published_instances_are_proven_optimal(data, name, optimum):
    """Optima with split demands, proven by linear-programming based branch and bound."""
    read = files.read_avella if name.startswith("tbed1") else files.read_holmberg
    result = cosolve.solve(read(Source.open(data / "cflp" / name), "cflp"), time_limit=30)
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(optimum, abs=0.001)


@pytest.mark.parametrize("unit", [2.0**-20, 2.0**-26, 2.0**-30])
def test_the_unit_of_demand_changes_nothing(unit):
    """Flow below an absolute 1e-9 was moved along as if it were rounding: supplies were not optimal, proofs false."""
    rng = np.random.default_rng(140)
    demand, capacity = rng.random(5) + 0.2, rng.random(4)
    capacity = capacity * 3 * demand.sum() / 4 + 0.2
    fixed, cost = rng.integers(0, 5, 4) * 10.0, rng.integers(0, 6, (4, 5)) * 10.0 + 1
    plain, tiny = (
        CFLPInstance(capacity=scale * capacity, fixed_cost=fixed, demand=scale * demand, cost=cost)
        for scale in (1.0, unit)
    )
    expected = cosolve.solve(plain, "highs", time_limit=20)
    result = cosolve.solve(tiny, "lagrangian", time_limit=20)
    assert expected.status is result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(expected.objective)


@pytest.mark.parametrize("name", ["lagrangian", "local-search"])
def test_without_demand_nothing_is_open_whatever_is_given(name):
    """The given solution was passed up as the optimum."""
    instance = CFLPInstance(capacity=[5, 5], fixed_cost=[3, 4], demand=[0, 0], cost=np.ones((2, 2)))
    nothing = np.empty(0)
    both = Supply(is_open=[1, 1], facility=nothing.astype(int), customer=nothing.astype(int), amount=nothing)
    assert cosolve.solve(instance, name, time_limit=5, initial=both).objective == 0.0


class StopsAt(Monitor):
    """Says stop from some look at the clock on."""

    def __init__(self, instance: CFLPInstance, looks: float) -> None:
        super().__init__(instance, cosolve.Stop(time_limit=60))
        self.looks, self.num_looks = looks, 0

    def should_stop(self) -> bool:
        self.num_looks += 1
        return self.num_looks > self.looks or super().should_stop()


def solved(instance: CFLPInstance, looks: float = np.inf) -> tuple[Status, StopsAt]:
    monitor, solver = StopsAt(instance, looks), solvers.get("lagrangian")()
    outcome = solver.solve(instance, monitor, seed=0, threads=1, initial=None, options=solver.options_type())
    return outcome.status, monitor


def random_instance(seed: int, size: tuple[int, int]) -> CFLPInstance:
    rng, (m, n) = np.random.default_rng(seed), size
    demand, capacity, fixed = (rng.integers(*limits).astype(float) for limits in ((1, 10, n), (4, 20, m), (5, 30, m)))
    return CFLPInstance(demand=demand, capacity=capacity, fixed_cost=fixed, cost=rng.integers(0, 40, (m, n)))


@pytest.mark.parametrize("seed", [1, 8, 13])
def test_a_run_cut_short_at_any_look_proves_nothing(seed):
    """A node under way when time is up is as open as before; what is pruned is open up to the cutoff."""
    instance = random_instance(seed, (6, 9))
    status, whole = solved(instance)
    assert status is Status.OPTIMAL
    assert whole.bound <= whole.best.objective * (1 - 0.99e-8)
    for looks in range(whole.num_looks):
        status, monitor = solved(instance, looks)
        assert status is not Status.OPTIMAL, looks
        assert monitor.bound is None or monitor.bound <= whole.best.objective, looks


@pytest.mark.parametrize(("seed", "optimum"), [(594, 54.0), (621, 47.5)])
def test_facilities_are_fixed_by_no_more_than_their_reduced_costs(seed, optimum):
    """Some in the optimum have a reduced cost of two thirds of the room between bound and start."""
    instance = random_instance(seed, (3, 3))
    assert brute_force(instance) == pytest.approx(optimum)
    assert solved(instance)[1].best.objective == pytest.approx(optimum)
