"""Ruin and recreate, and savings, as kernels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.generators.cvrp import x
from cosolve.search.cvrp import best_routes, nearest_customers, run, start
from cosolve.search.savings import savings
from cosolve.solvers.greedy.cvrp import construct, search_data


def alone(instance):
    """Every customer on a route of its own."""
    return instance.customers, np.arange(instance.size + 1)


def solve(instance, slices, seed=0):
    data = search_data(instance, 20)
    state = start(data, *alone(instance), seed=seed)
    for iterations in slices:
        run(data, state, iterations)
    return state, Routes.from_flat(*best_routes(data, state))


@pytest.mark.parametrize("depot", ["C", "E"])
@pytest.mark.parametrize("metric", [Metric.EUC_2D, Metric.EXACT_2D, Metric.MATRIX])
def test_search_keeps_a_feasible_best_of_the_length_it_believes(metric, depot):
    """A wrong undo of a rejected move, or a route missed when the best is stored, would show here."""
    drawn = x(seed=5, n=60, depot=depot)
    coords = drawn.distances.coords
    exact = Distances.from_coords(coords, Metric.EXACT_2D)
    distances = (
        Distances.from_matrix(exact.dense()) if metric is Metric.MATRIX else Distances.from_coords(coords, metric)
    )
    instance = CVRPInstance(distances=distances, demand=drawn.demand, capacity=drawn.capacity, max_length=3000.0)
    last = np.inf
    data = search_data(instance, 20)
    state = start(data, *alone(instance), seed=1)
    for _ in range(6):
        run(data, state, 700)
        verdict = judge(instance, Routes.from_flat(*best_routes(data, state)))
        assert verdict.feasible
        assert verdict.objective == pytest.approx(state.best, rel=1e-12)
        assert verdict.objective <= last
        last = verdict.objective
    assert last < 0.6 * judge(instance, Routes.from_flat(*alone(instance))).objective


def test_current_solution_stays_consistent_with_its_links():
    """The lists must stay circular both ways, and loads and lengths must be those of the lists."""
    instance = x(seed=2, n=80, demand="1-10")
    data = search_data(instance, 30)
    state = start(data, *alone(instance), seed=3)
    run(data, state, 5000)
    n = instance.distances.num_nodes
    seen = []
    for r in range(state.routes.shape[1]):
        node, load, length, size = n + r, 0.0, 0.0, 0
        while True:
            following = int(state.links[0, node])
            assert state.links[1, following] == node
            step = instance.distances.between(node if node < n else 0, following if following < n else 0)
            assert state.ahead[node] == step
            length += step
            node = following
            if node >= n:
                break
            assert state.links[2, node] == r
            seen.append(node)
            load += instance.demand[node]
            size += 1
        assert node == n + r
        assert (state.routes[0, r], state.loads[0, r], state.loads[1, r]) == (size, load, length)
    assert sorted(seen) == instance.customers.tolist()


def test_slices_do_not_change_the_path():
    """The clock decides how long a slice is: it must not decide what is found."""
    instance = x(seed=1, n=50)
    whole = solve(instance, [3000], seed=7)
    parts = solve(instance, [1, 999, 1500, 0, 500], seed=7)
    assert whole[1] == parts[1]
    assert np.array_equal(whole[0].links, parts[0].links)
    assert solve(instance, [3000], seed=8)[0].random[0] != whole[0].random[0]


def test_cycles_restart_from_the_best_solution():
    """The second cycle is hot again, and must not lose the best of the first."""
    instance = x(seed=4, n=12)
    data = search_data(instance, 11)
    state = start(data, *alone(instance), seed=0)
    state.ints[2] = 500  # length of the first cycle
    run(data, state, 500)
    first = state.best
    run(data, state, 1)
    assert state.ints[1] == 1500
    run(data, state, 999)
    assert state.best <= first


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10**6), st.floats(1, 4), st.sampled_from(["C", "E", "R"]))
def test_savings_are_feasible_and_no_longer_than_one_route_each(n, seed, route_size, depot):
    """Each join saves something, whatever the sizes."""
    instance = x(seed=seed, n=n, route_size=route_size, depot=depot)
    verdict = judge(instance, Routes.from_flat(*savings(search_data(instance, 5))))
    assert verdict.feasible
    assert verdict.objective <= judge(instance, Routes.from_flat(*alone(instance))).objective


def test_savings_respect_the_route_length():
    """11 + 11 round trips of 10 may be joined to 11, but not beyond 11."""
    coords = np.array([[0, 0], [5, 0], [5, 1], [-5, 0]], float)
    values = {"distances": Distances.from_coords(coords, Metric.MAN_2D), "demand": [0, 1, 1, 1], "capacity": 3}
    limited = construct(CVRPInstance(**values, max_length=12), None, None)
    assert sorted(len(r) for r in limited.routes) == [1, 2]
    assert construct(CVRPInstance(**values, max_length=11), None, None) is None


def test_nearest_customers_leave_the_depot_out():
    """A customer is put back beside customers; the depot has no route of its own."""
    coords = np.array([[0, 0], [1, 0], [3, 0], [7, 0]], float)
    lists = nearest_customers(int(Metric.EXACT_2D), coords, np.empty((0, 0)), 1, 2)
    assert lists.tolist() == [[2, 3], [0, 2], [0, 3], [2, 0]]
