"""Ruin and recreate on matrices, with and without time windows."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.core.problem import judge
from cosolve.instances.cvrp import Routes
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.search import route_state as row
from cosolve.search.route_state import adopt, is_complete, prepare
from cosolve.search.ruin import run, start

NOTHING = np.empty(0, np.int64), np.zeros(1, np.int64)


def drawn(problem, n=40, seed=1):
    family = {"cvrp": "x", "vrptw": "uniform"}.get(problem, "road")
    points = {"points": 100} if family == "road" else {}
    return cosolve.generate(problem, family, n=n, seed=seed, **points)


def data_of(arrays, num_neighbours):
    return prepare(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes,
        arrays.service, num_neighbours,
    )  # fmt: skip


def begin(arrays, seed=0, routes=NOTHING):
    data = data_of(arrays, 30)
    return data, start(data, *routes, seed=seed)


@pytest.mark.parametrize("problem", ["acvrp", "vrptw", "acvrptw"])
def test_search_keeps_a_feasible_best_of_the_cost_it_believes(problem):
    """A wrong undo of a rejected iteration, or a route missed when the best is stored, would show here."""
    instance = drawn(problem)
    arrays = routing_arrays(instance)
    data, state = begin(arrays)
    last = np.inf
    for _ in range(8):
        run(data, state, 700)
        nodes, offsets = state.best_routes()
        verdict = judge(instance, Routes.from_flat(arrays.nodes[nodes], offsets))
        assert verdict.feasible
        assert is_complete(data, state)
        assert verdict.objective == pytest.approx(state.best, rel=1e-12)
        assert verdict.objective <= last
        last = verdict.objective
    assert last < cosolve.solve(instance, "greedy", time_limit=10).objective


def with_ways(ways):
    """Nobody has a window or a demand."""
    m = len(ways)
    return prepare(ways, ways, np.zeros(m), 1.0, np.zeros(m), np.full(m, np.inf), np.zeros(m), 5)


def test_iterations_end_early_where_detours_cost_something_only():
    """Elsewhere an iteration that looks too dear may pay in the end."""
    rng = np.random.default_rng(4)
    places = rng.random((150, 2))
    near = np.linalg.norm(places[:, None] - places, axis=2)
    assert with_ways(near).is_metric
    assert not with_ways(rng.random((150, 150))).is_metric
    with_gap = near.copy()
    with_gap[3, 7] = np.inf
    assert not with_ways(with_gap).is_metric
    # One in thirty of the detours from the depot is shorter, which is hardly any of all detours.
    with_hubs = near.copy()
    with_hubs[0, 1:] = 1000.0
    with_hubs[0, 1:6] = 0.1
    assert not with_ways(with_hubs).is_metric


@pytest.mark.parametrize("problem", ["acvrp", "vrptw", "acvrptw"])
def test_current_solution_stays_consistent(problem):
    """Lists must be circular both ways, and distances, times and loads those of the lists, after any iteration."""
    arrays = routing_arrays(drawn(problem))
    data, state = begin(arrays, seed=3)
    m = len(arrays.nodes)
    for _ in range(300):
        run(data, state, 1)
        seen, cost = [], 0.0
        for r in range(len(state.loads)):
            stops = [m + r]
            while (following := int(state.links[row.NEXT, stops[-1]])) != m + r:
                assert state.links[row.PREVIOUS, following] == stops[-1]
                assert state.links[row.ROUTE, following] == r
                stops.append(following)
            route = [0, *stops[1:], 0]
            seen += stops[1:]
            ahead = arrays.distance[route[:-1], route[1:]]
            assert state.values[row.AHEAD, stops] == pytest.approx(ahead)
            cost += ahead.sum()
            # Too short a way here, and places would be missed.
            assert state.values[row.LONGEST, m + r] >= ahead[1:-1].max(initial=0.0)
            assert state.routes[row.SIZE, r] == len(stops) - 1
            assert (state.routes[row.PLACE, r] < state.ints[row.NUM_ROUTES]) == (len(stops) > 1)
            assert state.routes[row.LISTED, state.routes[row.PLACE, r]] == r
            assert state.loads[r] == pytest.approx(arrays.demand[stops[1:]].sum())
            assert state.loads[r] <= arrays.capacity
            if data.is_timed:
                check_times(arrays, route, state.values[row.LEAVE, stops], state.values[row.LATEST, stops])
        assert sorted(seen) == list(range(1, m))
        assert state.floats[row.COST] == pytest.approx(cost)


def check_times(arrays, route, leave, latest):
    """``leave`` and ``latest`` of the depot and the customers of a route, from their definition."""
    time, last = arrays.opens[0], 0
    for k, node in enumerate(route[1:-1], 1):
        time = max(time + arrays.duration[last, node], arrays.opens[node]) + arrays.service[node]
        assert leave[k] == pytest.approx(time)
        last = node
    limit, following = arrays.closes[0], 0
    for k in range(len(route) - 2, 0, -1):
        node = route[k]
        limit = min(arrays.closes[node], limit - arrays.duration[node, following] - arrays.service[node])
        assert latest[k] == pytest.approx(limit)
        following = node


def test_slices_do_not_change_the_path():
    """The clock decides how long a slice is: it must not decide what is found."""
    arrays = routing_arrays(drawn("acvrptw"))
    ends = []
    for slices, seed in (([3000], 7), ([1, 999, 1500, 0, 500], 7), ([3000], 8)):
        data, state = begin(arrays, seed)
        for iterations in slices:
            run(data, state, iterations)
        ends.append((state.best, state.links.tolist(), int(state.random[0])))
    assert ends[0] == ends[1]
    assert ends[2][2] != ends[0][2]


def test_cycles_restart_from_the_best_solution():
    """The second cycle is hot again, and must not lose the best of the first."""
    arrays = routing_arrays(drawn("acvrp", n=12))
    data, state = begin(arrays)
    first_cycle = int(state.ints[row.CYCLE_END])
    run(data, state, first_cycle)
    first = state.best
    run(data, state, 1)
    assert state.ints[row.CYCLE_END] == 3 * first_cycle
    run(data, state, 2 * first_cycle - 1)
    assert state.best <= first


def test_customers_that_only_others_can_lead_to_are_served():
    """Nobody gets from the depot to 2 but by 1; alone it fits nowhere, so it waits, at a price, until 1 is there."""
    distance = np.array([[0, 1, np.inf], [9, 0, 1], [1, 1, 0]])
    closes = np.array([100.0, 50, 50])
    data = prepare(distance, distance, np.array([0.0, 1, 1]), 2.0, np.zeros(3), closes, np.zeros(3), 10)
    state = start(data, *NOTHING, seed=0)
    run(data, state, 50)
    assert is_complete(data, state)
    assert state.best == 3
    assert state.best_routes()[0].tolist() == [1, 2]


def sparse(n=60, share=0.8):
    """Most of the ways are missing, and so is a complete start."""
    arrays = routing_arrays(drawn("acvrp", n=n))
    missing = np.random.default_rng(0).random(arrays.distance.shape) < share
    distance = np.where(missing & ~np.eye(n + 1, dtype=bool), np.inf, arrays.distance)
    return prepare(
        distance, distance, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service, 30
    )  # fmt: skip


def test_the_first_complete_solution_begins_cycles_of_its_own_temperature():
    """In units of the price of missing ways it would never get cold: the search would go astray to the end."""
    data, ends = sparse(), []
    for slices in ([1, 2000, 3999], [6000]):
        state = start(data, *NOTHING, seed=0)
        assert not is_complete(data, state)
        before = state.floats[row.HOT]
        for iterations in slices:
            run(data, state, iterations)
        assert is_complete(data, state)
        assert state.floats[row.HOT] < before / 10
        assert state.floats[row.HOT] < data.distance[data.distance < data.penalty].max() / 2
        assert 200 * 60 < state.ints[row.CYCLE_END] < 200 * 60 + 6000
        ends.append((state.best, state.links.tolist()))
    assert ends[0] == ends[1]


def test_missing_ways_do_not_change_what_is_near_in_time():
    """Their price in the mean way would make minutes of waiting count for more than all distances."""
    arrays = routing_arrays(drawn("acvrptw"))
    rest = arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service, 20
    distance = arrays.distance.copy()
    distance[1:21, 0] = np.inf
    whole, gaps = (prepare(one, arrays.duration, *rest).neighbours for one in (arrays.distance, distance))
    assert (whole[1:] == gaps[1:]).mean() > 0.9


@pytest.mark.parametrize("problem", ["cvrp", "acvrp", "vrptw", "acvrptw"])
@pytest.mark.parametrize("k", [1, 7, 100])
def test_neighbours_are_those_of_a_full_sort(problem, k):
    """By distance, waiting and lateness, the better direction, of equal ones the first; for the depot as well."""
    arrays = routing_arrays(drawn(problem))
    far, m = arrays.distance, len(arrays.distance)
    if np.isfinite(arrays.closes).all():
        done = (arrays.closes + arrays.service)[:, None]
        waiting = np.maximum(0, arrays.opens - arrays.duration - done)
        late = np.maximum(0, (arrays.opens + arrays.service)[:, None] + arrays.duration - arrays.closes)
        far = far + far.mean() / arrays.duration.mean() * (0.2 * waiting + late)
    far = np.minimum(far, far.T)
    far[:, 0] = np.inf
    np.fill_diagonal(far, np.inf)
    expected = np.argsort(far, axis=1, kind="stable")[:, : min(k, m - 2)]
    assert data_of(arrays, k).neighbours.tolist() == expected.tolist()


@pytest.mark.parametrize(("problem", "matrices"), [("cvrp", 1), ("acvrp", 2), ("acvrptw", 3)])
def test_equal_matrices_are_held_once(problem, matrices):
    """Ten thousand places take 0.8 GB for each."""
    data = data_of(routing_arrays(drawn(problem)), 10)
    assert len({id(matrix) for matrix in (data.distance, data.backward, data.duration)}) == matrices
    assert np.array_equal(data.backward, data.distance.T)
    assert not data.duration.diagonal().any()


def test_no_routes_are_claimed_where_none_exist():
    """Both customers exclude each other by load, and neither can be served alone."""
    distance = np.array([[0, 1, np.inf], [np.inf, 0, 1], [1, np.inf, 0]])
    data = prepare(distance, distance, np.array([0.0, 1, 1]), 1.0, np.zeros(3), np.full(3, 90.0), np.zeros(3), 10)
    state = start(data, *NOTHING, seed=0)
    run(data, state, 2000)
    assert not is_complete(data, state)
    assert state.ints[row.NUM_ROUTES] == np.count_nonzero(state.routes[row.SIZE])


def test_adopted_routes_are_the_best_from_then_on():
    """Routes found elsewhere must replace the best with all that hangs on it."""
    arrays = routing_arrays(drawn("acvrptw"))
    data, state = begin(arrays)
    run(data, state, 2000)
    other = begin(arrays, seed=5)[1]
    run(data, other, 20000)
    adopt(data, state, *other.best_routes())
    assert state.best == pytest.approx(other.best)
    run(data, state, 2000)
    assert state.best <= other.best * (1 + 1e-9)
