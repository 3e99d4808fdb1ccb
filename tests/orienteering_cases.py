"""Small random instances of orienteering with time windows, and the best of them by trying every order."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.orienteering import OPTWInstance, OPTWVPInstance
from cosolve.search.service_times import best_service_times


def random_instance(seed: int, n: int, *, fixed: bool | None = None) -> OPTWVPInstance:
    """
    Instance of n places with the awkward cases mixed in.

    Matrices that break the triangle inequality, travel that takes no time, windows of one instant, equal rates,
    minimum services, prizes beside segments, an earliest start that is not 0, customers that nobody can reach.
    """
    rng = np.random.default_rng(seed)
    kind = rng.integers(4)
    if kind == 0:
        distances = Distances.from_coords(rng.random((n, 2)) * 4, Metric.EXACT_2D)
    elif kind == 1:
        distances = Distances.from_matrix(rng.integers(0, 5, (n, n)).astype(float))
    elif kind == 2:
        distances = Distances.from_matrix(rng.random((n, n)) * 4)
    else:
        distances = Distances.from_matrix(np.zeros((n, n)) + 0.5 * rng.integers(2) * (rng.random((n, n)) < 0.5))
    begin = float(rng.choice([0, 0, -1.5, 2]))
    opens = begin + rng.integers(-2, 9, n)
    opens[0] = begin
    width = rng.choice([0, 0.5, 3, 12], n) * rng.integers(1, 3, n)
    horizon = begin + float(rng.choice([0, 3, 8, 14]))
    min_service = np.where(rng.random(n) < rng.choice([0, 0.5]), rng.integers(0, 3, n), 0.0)
    min_service[0] = 0
    prize = rng.integers(0, 6, n).astype(float)
    is_fixed = bool(rng.integers(2)) if fixed is None else fixed
    parts: dict[str, np.ndarray] = {}
    if not is_fixed:
        prize *= rng.integers(2)
        count = np.append(0, rng.integers(0, 4, n - 1))
        pieces = [np.sort(rng.integers(0, 5, c).astype(float))[::-1] for c in count]
        parts["segment_ptr"] = np.append(0, np.cumsum(count))
        parts["segment_rate"] = np.concatenate(pieces)
        parts["segment_length"] = rng.choice([0.25, 1.0, 2.5], count.sum())
    prize[0] = 0
    return (OPTWInstance if is_fixed else OPTWVPInstance)(
        name=f"random-{seed}",
        distances=distances,
        opens=opens,
        closes=opens + width,
        horizon=horizon,
        prize=prize,
        min_service=min_service,
        **parts,
    )


def instances(max_places: int = 7, *, fixed: bool | None = None) -> st.SearchStrategy[OPTWVPInstance]:
    """Instances by :func:`random_instance`."""
    return st.builds(
        lambda seed, n: random_instance(seed, n, fixed=fixed), st.integers(0, 2**32 - 1), st.integers(1, max_places)
    )


def value(instance: OPTWVPInstance, route: list[int]) -> float:
    """Most profit of a route, -1 if it can't be done."""
    order = np.array(route, np.int64)
    gained = best_service_times(order, *instance.kernel_args, np.empty(len(order)), np.empty(len(order)))
    return -1.0 if gained < 0 else float(gained + instance.prize[order].sum())


def optimum(instance: OPTWVPInstance) -> float:
    """Best of all orders of all subsets: even an infeasible route may be the beginning of a feasible one."""
    best = 0.0
    stack: list[list[int]] = [[]]
    while stack:
        route = stack.pop()
        best = max(best, value(instance, route))
        stack.extend([*route, k] for k in range(1, instance.size) if k not in route)
    return best
