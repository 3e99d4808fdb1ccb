"""Ruin and recreate in parts, side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.problem import judge
from cosolve.instances.cvrp import Routes
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.search import route_parts
from cosolve.search import route_state as row
from cosolve.search.route_parts import ROUTES_OF_A_PART, run_parts
from cosolve.search.route_state import prepare
from cosolve.search.ruin import run, start


@pytest.fixture(params=["acvrp", "acvrptw"])
def begun(request):
    """An instance with routes for three parts, as arrays, data and a state after some iterations."""
    drawn = cosolve.generate(request.param, "road", n=150, points=300, seed=2)
    instance = replace(drawn, capacity=drawn.demand.max() * 3)
    arrays = routing_arrays(instance)
    data = prepare(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes,
        arrays.service, 60,
    )  # fmt: skip
    state = start(data, np.empty(0, np.int64), np.zeros(1, np.int64), seed=1)
    run(data, state, 3000)
    assert state.ints[row.NUM_ROUTES] >= 3 * ROUTES_OF_A_PART
    return instance, arrays, data, state


def advance(data, state, rng, threads=3, most=np.inf):
    with ThreadPoolExecutor(3) as pool:
        return run_parts(data, state, most, threads, pool, rng)


def test_parts_put_together_are_a_solution_of_the_cost_believed(begun):
    instance, arrays, data, state = begun
    rng, before = np.random.default_rng(0), state.best
    for _ in range(4):
        assert advance(data, state, rng, most=6000)
        for (nodes, offsets), cost in (
            (state.best_routes(), state.best),
            (state.current_routes(), state.floats[row.COST]),
        ):
            verdict = judge(instance, Routes.from_flat(arrays.nodes[nodes], offsets))
            assert verdict.feasible
            assert verdict.objective == pytest.approx(cost)
        assert state.best <= state.floats[row.COST] * (1 + 1e-9)
    assert state.best < before


def test_a_round_counts_and_cools_like_one_search_with_as_many_iterations(begun):
    _, _, data, state = begun
    count, temperature, cooling = state.iteration, state.floats[row.TEMPERATURE], state.floats[row.COOLING]
    assert advance(data, state, np.random.default_rng(0), most=6000)
    assert state.iteration == count + 6000
    assert state.floats[row.TEMPERATURE] == pytest.approx(temperature * cooling**6000)


def test_the_search_goes_on_from_the_parts(begun):
    """What is stored as the best must be right although no route is where the best has it."""
    instance, arrays, data, state = begun
    advance(data, state, np.random.default_rng(0))
    run(data, state, 4000)
    nodes, offsets = state.best_routes()
    verdict = judge(instance, Routes.from_flat(arrays.nodes[nodes], offsets))
    assert verdict.feasible
    assert verdict.objective == pytest.approx(state.best)


def test_threads_do_not_race(begun):
    """The same routes whoever is faster, and other ones with another number of parts."""
    _, _, data, state = begun
    ends = []
    for threads in (3, 3, 2):
        copy = type(state)(*(array.copy() for array in state))
        rng = np.random.default_rng(5)
        for _ in range(3):
            assert advance(data, copy, rng, threads, most=9000)
        ends.append((copy.best, copy.links.tolist()))
    assert ends[0] == ends[1]
    assert ends[0] != ends[2]


def test_nothing_is_done_where_it_would_not_pay(begun):
    _, _, data, state = begun
    rng, before = np.random.default_rng(0), [array.copy() for array in state]
    assert not advance(data, state, rng, threads=1)
    assert not advance(data, state, rng, most=3 * route_parts._LEAST - 1)
    state.ints[row.CYCLE_END], end = state.iteration + 100, state.ints[row.CYCLE_END]
    assert not advance(data, state, rng)
    state.ints[row.CYCLE_END] = end
    assert all((now == then).all() for now, then in zip(state, before, strict=True))


@pytest.mark.parametrize("num_parts", [1, 2, 3, 5])
def test_parts_hold_all_routes_once_and_are_about_as_large(begun, num_parts):
    _, _, data, state = begun
    nodes, offsets = state.current_routes()
    routes = np.split(nodes, offsets[1:-1])
    parts = route_parts._split(data, routes, num_parts, np.random.default_rng(3))
    assert sorted(np.concatenate([node for part in parts for node in part])) == list(range(1, len(data.distance)))
    sizes = [sum(map(len, part)) for part in parts]
    longest = max(map(len, routes))
    assert len(parts) == num_parts
    assert max(sizes) - min(sizes) <= 3 * longest
