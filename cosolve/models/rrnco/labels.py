"""Good solutions to imitate and to be measured by, from our own searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.search import atsp, ruin
from cosolve.search.directed_edge_assembly import assemble, length_of
from cosolve.search.route_state import is_complete, prepare
from cosolve.search.tours import shortest_tour

#: Up to this many cities the dynamic program is faster than the search.
_TINY = 9

#: As in solver "rr".
_NEIGHBOURS = 60

#: Tours of a population, at most.
_TOURS = 100


def solve(arrays: RoutingArrays, is_tour: bool, effort: int, rng: np.random.Generator) -> list[np.ndarray]:
    """
    Routes without the depot, or one tour, near the optimum for instances as small as those in training.

    Parameters
    ----------
    effort
        Iterations of the search per node.
    """
    if is_tour:
        return [tour(arrays.distance, effort, rng)]
    return routes(arrays, effort, rng)


def tour(matrix: np.ndarray, effort: int, rng: np.random.Generator) -> np.ndarray:
    """Cities in order: the best of populations of so many tours in all, each with a kick for each city."""
    if len(matrix) <= _TINY:
        return shortest_tour(matrix)
    data = atsp.prepare(matrix, is_integral=False)
    best: list[np.ndarray] = []
    for made in range(0, effort, _TOURS):
        for order, _ in assemble(data, best, min(_TOURS, effort - made), rng):
            best = [min([*best, order.copy()], key=lambda tour: length_of(matrix, tour))]
    return best[0].astype(np.int64)


def routes(arrays: RoutingArrays, effort: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Customers of each route, by one cycle of ruin and recreate."""
    limits = arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service
    data = prepare(arrays.distance, arrays.duration, *limits, _NEIGHBOURS)
    nobody = np.empty(0, np.int64), np.zeros(1, np.int64)
    state = ruin.start(data, *nobody, seed=int(rng.integers(2**31)), first_cycle=effort)
    ruin.run(data, state, effort * arrays.num_customers)
    if not is_complete(data, state):
        raise RuntimeError("no routes were found for all customers; these instances are too hard to be labelled.")
    nodes, offsets = state.best_routes()
    return np.split(nodes.astype(np.int64), offsets[1:-1])


def as_choices(solution: Sequence[np.ndarray], is_tour: bool) -> np.ndarray:
    """A solution as choices of a rollout: routes end with the depot."""
    return solution[0] if is_tour else np.concatenate([np.append(route, 0) for route in solution])
