"""Routes joined by set partitioning."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest

import cosolve
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.solvers import route_pool
from cosolve.solvers.route_pool import RoutePool


def arrays_of(n=6, seed=0):
    return routing_arrays(cosolve.generate("acvrp", "road", n=n, seed=seed, points=100))


def flat(routes):
    return np.concatenate([np.array(route, np.int64) for route in routes]), np.cumsum([0, *map(len, routes)])


def combine(pool, routes, time_limit=np.inf, should_stop=lambda: False):
    return pool.combine(*flat(routes), time_limit, should_stop)


def cost_of(arrays, routes):
    return sum(arrays.distance[[0, *route], [*route, 0]].sum() for route in routes)


def split(found):
    return [route.tolist() for route in np.split(found[0], found[1][1:-1])]


@pytest.mark.parametrize("seed", range(8))
def test_the_choice_is_the_cheapest_there_is(seed):
    """Against all choices of routes that serve every customer once."""
    rng = np.random.default_rng(seed)
    arrays = arrays_of(seed=seed)
    given = [[k] for k in range(1, 7)]
    several = [rng.permutation(np.arange(1, 7))[: rng.integers(1, 5)].tolist() for _ in range(14)]
    pool = RoutePool(arrays)
    for route in several:
        pool.add(*flat([route]))
    found = combine(pool, given)
    routes = [*given, *several]
    every = (some for k in range(1, 7) for some in combinations(routes, k))
    best = min(cost_of(arrays, some) for some in every if sorted(chain(*some)) == list(range(1, 7)))
    routes_found = given if found is None else split(found)
    assert sorted(chain(*routes_found)) == list(range(1, 7))
    assert cost_of(arrays, routes_found) == pytest.approx(best, rel=1e-9)
    assert (found is None) == (best >= cost_of(arrays, given) * (1 - 1e-9))


def test_halves_of_two_solutions_are_joined_in_the_better_order():
    """Each solution has a good half; the good order of one route came first and must not be forgotten."""
    arrays = arrays_of(8)
    orders = [np.array(p) for p in ((1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 1, 3))]
    costs = [cost_of(arrays, [p]) for p in orders]
    good, bad = orders[int(np.argmin(costs))], orders[int(np.argmax(costs))]
    assert min(costs) < max(costs)
    single = [[k] for k in range(5, 9)]
    pool = RoutePool(arrays)
    pool.add(*flat([good, *single]))
    pool.add(*flat([bad]))
    assert combine(pool, [good, *single]) is None
    assert good.tolist() in split(combine(pool, [bad, *single]))
    found = combine(pool, [[k] for k in range(1, 9)])
    assert good.tolist() in split(found)


def test_without_time_nothing_is_found():
    """The search goes on with what it has."""
    arrays = arrays_of()
    pool = RoutePool(arrays)
    pool.add(*flat([[1, 2, 3], [4, 5, 6]]))
    assert combine(pool, [[k] for k in range(1, 7)], 0.0) is None
    assert combine(pool, [[k] for k in range(1, 7)], should_stop=lambda: True) is None
    assert combine(pool, [[k] for k in range(1, 7)], 60.0) is not None


def test_the_oldest_routes_make_room(monkeypatch):
    """A search of hours comes by millions."""
    monkeypatch.setattr(route_pool, "_MOST", 6)
    arrays = arrays_of()
    pool = RoutePool(arrays)
    pool.add(*flat([[1, 2, 3], [4, 5, 6]]))
    pool.add(*flat([[2, 1], [4, 3], [6, 5]]))
    assert len(pool) == 5
    pool.add(*flat([[1, 2, 3]]))  # seen again: the last that came
    pool.add(*flat([[1], [2], [3]]))
    assert len(pool) == 6
    found = combine(pool, [[k] for k in range(1, 7)])
    assert found is None or [4, 5, 6] not in split(found)
