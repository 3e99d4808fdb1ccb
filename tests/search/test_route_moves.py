"""Descent of vehicle routes: what comes out is feasible, cheaper, and a local optimum of the moves promised."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cosolve
from cosolve.core.problem import judge
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.search.route_moves import LONGEST, descend
from cosolve.search.route_state import prepare

PROBLEMS = ["acvrp", "vrptw", "acvrptw"]


def drawn(problem, n, seed):
    family = "uniform" if problem == "vrptw" else "road"
    points = {} if problem == "vrptw" else {"points": 100}
    return cosolve.generate(problem, family, n=n, seed=seed, **points)


def data_of(arrays, num_neighbours=100):
    return prepare(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes,
        arrays.service, num_neighbours,
    )  # fmt: skip


def flat(visits):
    return np.concatenate([np.empty(0, np.int64), *visits]), np.cumsum([0, *map(len, visits)])


def split(nodes, offsets):
    return [part.tolist() for part in np.split(nodes, offsets[1:-1])]


def some_routes(arrays, rng):
    """Feasible routes without any sense: customers in random order, each behind the one before if it fits."""
    routes = []
    for c in 1 + rng.permutation(len(arrays.demand) - 1):
        if routes and cost_of(arrays, [*routes[-1], int(c)]) < np.inf:
            routes[-1].append(int(c))
        else:
            routes.append([int(c)])
    return routes


def cost_of(arrays, route):
    """Cost of a route by its definition, infinite if it breaks a limit."""
    if not route:
        return 0.0
    if arrays.demand[route].sum() > arrays.capacity:
        return np.inf
    time, last, cost = arrays.opens[0], 0, 0.0
    for node in [*route, 0]:
        time = max(time + arrays.duration[last, node], arrays.opens[node])
        if time > arrays.closes[node]:
            return np.inf
        time += arrays.service[node]
        cost += arrays.distance[last, node]
        last = node
    return cost


def neighbouring(routes):
    """Every solution one promised move away, as the routes that change and what they become."""
    stops = [*routes, []]
    for r, s in itertools.combinations(range(len(stops)), 2):
        first, second = stops[r], stops[s]
        cuts = itertools.product(range(len(first) + 1), range(len(second) + 1))
        for i, j in cuts:
            yield (r, s), (first[:i] + second[j:], second[:j] + first[i:])
            for k, length in itertools.product(range(LONGEST + 1), repeat=2):
                new = first[:i] + second[j : j + length] + first[i + k :]
                yield (r, s), (new, second[:j] + first[i : i + k] + second[j + length :])
    for r, route in enumerate(routes):
        for i, k in itertools.product(range(len(route)), range(1, LONGEST + 1)):
            rest, part = route[:i] + route[i + k :], route[i : i + k]
            for at in range(1, len(rest)):
                yield (r,), (rest[:at] + part + rest[at:],)
        for i, j in itertools.combinations(range(1, len(route)), 2):
            yield (r,), (route[:i] + route[i : j + 1][::-1] + route[j + 1 :],)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("seed", range(3))
def test_no_promised_move_is_left(problem, seed):
    """With everybody near everybody; ends of routes are only reached over near customers."""
    instance = drawn(problem, 14, seed)
    arrays = routing_arrays(instance)
    routes = split(*descend(data_of(arrays), *flat(some_routes(arrays, np.random.default_rng(seed)))).best_routes())
    verdict = judge(instance, arrays.routes([np.array(route) for route in routes]))
    assert verdict.feasible
    costs = [cost_of(arrays, route) for route in [*routes, []]]
    assert sum(costs) == pytest.approx(verdict.objective)
    for changed, new in neighbouring(routes):
        before = sum(costs[r] for r in changed)
        assert sum(cost_of(arrays, route) for route in new) >= before * (1 - 1e-7), (changed, new)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_larger_routes_stay_feasible_and_get_much_cheaper(problem):
    instance = drawn(problem, 80, 5)
    arrays = routing_arrays(instance)
    first = some_routes(arrays, np.random.default_rng(0))
    nodes, offsets = descend(data_of(arrays, 20), *flat(first)).best_routes()
    verdict = judge(instance, arrays.routes(np.split(nodes, offsets[1:-1])))
    assert verdict.feasible
    assert verdict.objective < 0.6 * sum(cost_of(arrays, route) for route in first)
    again = descend(data_of(arrays, 20), nodes, offsets).best_routes()
    assert [part.tolist() for part in again] == [nodes.tolist(), offsets.tolist()]


def test_a_direct_way_slower_than_the_detour_is_not_taken():
    """Without the customer between, the rest of the route would be late: the triangle inequality need not hold."""
    far = 50.0
    distance = np.array([[0, 1, 9, 1.0], [1, 0, 1, 5], [9, 1, 0, 5], [1, 5, 5, 0]])
    duration = np.array([[0, 1, far, 1.0], [1, 0, 1, 5], [1, 1, 0, 5], [1, 5, 5, 0]])
    closes = np.array([100.0, 40, 10, 40])
    data = prepare(distance, duration, np.ones(4), 2.0, np.zeros(4), closes, np.zeros(4), 3)
    nodes, offsets = descend(data, *flat([np.array([1, 2]), np.array([3])])).best_routes()
    assert sorted(split(nodes, offsets)) == [[1, 2], [3]]


def test_customers_on_no_route_stay_away():
    arrays = routing_arrays(drawn("acvrp", 10, 1))
    nodes, _ = descend(data_of(arrays), *flat([np.array([3, 1]), np.array([2])])).best_routes()
    assert sorted(nodes.tolist()) == [1, 2, 3]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_descent_that_is_stopped_has_its_routes(problem):
    """At once here; a local optimum of 8,000 customers takes seconds."""
    arrays = routing_arrays(drawn(problem, 40, 1))
    first = some_routes(arrays, np.random.default_rng(0))
    stopped = descend(data_of(arrays, 20), *flat(first), np.ones(1, np.int64))
    assert sorted(split(*stopped.best_routes())) == sorted(first)
    assert stopped.best == pytest.approx(sum(cost_of(arrays, route) for route in first))
