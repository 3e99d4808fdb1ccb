"""Routing data as whole numbers, for backends that know nothing else."""

from __future__ import annotations

import numpy as np

from cosolve.instances.distances import Distances

#: Largest scaled distance: eight digits, so that sums over 10,000 arcs times penalties stay below 2^63.
MAX_DISTANCE = 10**8


def whole_distances(distances: Distances) -> tuple[np.ndarray, float]:
    """
    (n, n) int64 matrix and scale, with matrix = distance * scale; exact with scale 1 for integer distances.

    Fractional distances are multiplied by the largest power of ten that keeps them below :data:`MAX_DISTANCE`,
    then rounded.

    Raises
    ------
    ValueError
        If integer distances are too large already.
    """
    dense = distances.dense()
    largest = float(dense.max(initial=0.0))
    scale = 1.0
    if not distances.is_integral:
        while largest * scale * 10 <= MAX_DISTANCE and scale < 1e9:
            scale *= 10
        while largest * scale > MAX_DISTANCE:
            scale /= 10
    elif largest > 10_000 * MAX_DISTANCE:
        raise ValueError(
            f"distances up to {largest:g} are too large for this solver; at most {10_000 * MAX_DISTANCE:g}."
        )
    return np.rint(dense * scale).astype(np.int64), scale


def whole_limit(limit: float, scale: float) -> int:
    """A limit in scaled units; rounded down, but not below a whole number that floating-point noise just misses."""
    return int(np.floor(limit * scale + 1e-6))


def whole_demand(demand: np.ndarray, capacity: float) -> tuple[np.ndarray, int]:
    """
    Demands and capacity as integers, scaled by up to 10^6 if they are not.

    What is still fractional then is rounded to the safe side: every solution stays feasible.
    """
    scale = 1.0
    while scale < 1e6 and (np.abs(demand * scale - np.rint(demand * scale)) > 1e-9 * scale).any():
        scale *= 10
    return np.ceil(demand * scale - 1e-6).astype(np.int64), whole_limit(capacity, scale)
