"""Good solutions to imitate and to be measured by, from our own searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.search import atsp, ruin
from cosolve.search.neighbours import nearest_by_matrix
from cosolve.search.route_state import is_complete, prepare
from cosolve.search.tours import shortest_tour

#: Up to this many cities the dynamic program is faster than the search.
_TINY = 9

#: As in solver "rr".
_NEIGHBOURS = 60

#: As in solver "local-search": candidate successors, longest segment of a kick.
_CANDIDATES, _SEGMENT = 8, 30


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
    """Cities in order, by iterated directed 3-opt from the patched assignment."""
    n = len(matrix)
    if n <= _TINY:
        return shortest_tour(matrix)
    columns, rows_dual, columns_dual = atsp.assignment(matrix)
    reduced = matrix - rows_dual[:, None] - columns_dual
    order = atsp.patch(matrix, columns)
    best = order.copy()
    length = float(matrix[order, np.roll(order, -1)].sum())
    atsp.iterate(
        reduced,
        nearest_by_matrix(reduced, min(_CANDIDATES, n - 1)),
        order,
        best,
        np.zeros(1),
        atsp.new_counters(rng),
        effort * n,
        _SEGMENT,
        length / n,
        1e-9 * float(matrix.max()) + 1e-300,
    )
    return best.astype(np.int64)


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
