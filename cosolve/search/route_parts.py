"""
Ruin and recreate on several threads: routes that lie near each other are searched apart from the rest.

The routes of the current solution are split into parts of about as many customers, each with routes that are
near each other, and each part is searched on a thread of its own as an instance of its own [1]_. After so many
iterations the parts are put together again and split elsewhere. A string that is taken out goes back into routes close
by, so that few moves are missed; temperature and number of iterations are those of one search that does them one
after the other. What is found depends on the number of threads, not on how they take turns.

References
----------
.. [1] Santini, A., Schneider, M., Vidal, T., Vigo, D. (2023). Decomposition strategies for vehicle routing heuristics.
       *INFORMS Journal on Computing* 35(3): 543-559.
"""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np

from cosolve.search import route_state as row
from cosolve.search.route_state import Data, State, adopt, new_state, replace_current
from cosolve.search.ruin import run

#: Iterations of a part before all are put together: so many, and per customer, but at least the third number.
_ROUND, _ROUND_PER_CUSTOMER, _LEAST = 5000, 20, 1000

#: Routes that a part has on average, at least: with fewer too many moves lead out of it (on 200 customers in 10 routes
#: two parts found 0.4 % less than one search with as many iterations, on 500 and 1,000 in 40 no less).
ROUTES_OF_A_PART = 8


def can_split(state: State) -> bool:
    """Whether the current solution has routes for two parts."""
    return int(state.ints[row.NUM_ROUTES]) >= 2 * ROUTES_OF_A_PART


def run_parts(data: Data, state: State, most: float, threads: int, pool: Executor, rng: np.random.Generator) -> bool:
    """
    A round of parts side by side, in place of :func:`cosolve.search.ruin.run`.

    Parameters
    ----------
    most
        Iterations to do, of all parts together, at most.
    threads
        Parts, at most; so few that they have :data:`ROUTES_OF_A_PART` routes on average.
    pool
        Its threads do the work.
    rng
        Chooses where the routes are split.

    Returns
    -------
    bool
        False, with nothing done, if routes are too few for two parts, customers absent, or a cycle ends too soon.
    """
    num_parts = min(threads, int(state.ints[row.NUM_ROUTES]) // ROUTES_OF_A_PART)
    if num_parts < 2 or not state.floats[row.COST] < data.penalty:
        return False
    left = min(most, int(state.ints[row.CYCLE_END]) - state.iteration)
    iterations = int(min(max(_ROUND, _ROUND_PER_CUSTOMER * len(data.distance)), left // num_parts))
    if iterations < _LEAST:
        return False
    nodes, offsets = state.current_routes()
    routes = np.split(nodes, offsets[1:-1])
    parts = _split(data, routes, num_parts, rng)
    cooling = float(state.floats[row.COOLING]) ** num_parts
    seeds = rng.integers(2**31, size=num_parts).tolist()

    def search(part: list[np.ndarray], seed: int) -> tuple[np.ndarray, State]:
        members = np.concatenate([[0], *part])
        own = _restrict(data, members)
        ends = np.cumsum([0, *map(len, part)])
        sub = new_state(own, np.arange(1, len(members)), ends, seed)
        sub.ints[row.IS_COMPLETE] = 1
        sub.floats[row.TEMPERATURE] = state.floats[row.TEMPERATURE]
        sub.floats[row.COOLING] = cooling
        run(own, sub, iterations)
        return members, sub

    done = list(pool.map(search, parts, seeds))
    best = sum(sub.best for _, sub in done)
    if best < state.best - 1e-9 * state.best:
        adopt(data, state, *_joined([(members, *sub.best_routes()) for members, sub in done]))
    replace_current(data, state, *_joined([(members, *sub.current_routes()) for members, sub in done]))
    state.ints[row.ITERATION] += iterations * num_parts
    state.floats[row.TEMPERATURE] *= cooling**iterations
    return True


def _split(data: Data, routes: list[np.ndarray], num_parts: int, rng: np.random.Generator) -> list[list[np.ndarray]]:
    """Split routes in two by their distance from a customer drawn at random, and so on."""
    if num_parts == 1:
        return [routes]
    centre = rng.choice(np.concatenate(routes))
    away = data.distance[centre] + data.backward[centre]
    order = np.argsort([away[route].mean() for route in routes], kind="stable")
    first = num_parts // 2
    sizes = np.cumsum([len(routes[r]) for r in order])
    cut = int(np.searchsorted(sizes, sizes[-1] * first / num_parts)) + 1
    cut = min(max(cut, 2 * first), len(routes) - 2 * (num_parts - first))
    near, far = [routes[r] for r in order[:cut]], [routes[r] for r in order[cut:]]
    return _split(data, near, first, rng) + _split(data, far, num_parts - first, rng)


def _restrict(data: Data, members: np.ndarray) -> Data:
    """The instance with these places alone, the depot the first."""
    square = np.ix_(members, members)
    at = np.full(len(data.distance), -1, np.int32)
    at[members] = np.arange(len(members))
    neighbours = at[data.neighbours[members]]
    # Those elsewhere make room at the end, for the customer itself: the searches pass over it.
    order = np.argsort(neighbours < 0, axis=1, kind="stable")
    neighbours = np.take_along_axis(neighbours, order, axis=1)
    neighbours = np.where(neighbours < 0, np.arange(len(members), dtype=np.int32)[:, None], neighbours)
    return data._replace(
        distance=data.distance[square],
        backward=data.backward[square],
        duration=data.duration[square],
        places=np.ascontiguousarray(data.places[:, members]),
        neighbours=neighbours,
    )


def _joined(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and offsets of all routes from members, nodes and offsets of each part."""
    nodes = np.concatenate([members[nodes] for members, nodes, _ in parts])
    lengths = np.concatenate([np.diff(offsets) for _, _, offsets in parts])
    return nodes, np.concatenate([[0], np.cumsum(lengths)])
