"""Distance functions of TSPLIB and CVRPLIB, one scalar compiled function for all kernels and judges."""

from __future__ import annotations

import enum
import math

import numpy as np

from cosolve.core.jit import jit


class Metric(enum.IntEnum):
    """How a distance follows from two points; the rounding is part of the instance."""

    MATRIX = 0
    EUC_2D = 1
    """Euclidean, rounded to the nearest integer, halves up (TSPLIB's nint)."""
    CEIL_2D = 2
    GEO = 3
    ATT = 4
    EXACT_2D = 5
    """Euclidean, unrounded."""
    FLOOR_2D = 6
    """Euclidean, truncated to an integer."""
    MAN_2D = 7
    MAX_2D = 8

    @property
    def is_integral(self) -> bool:
        """Whether every distance is an integer (a matrix says so itself)."""
        return self not in (Metric.MATRIX, Metric.EXACT_2D)


_MATRIX, _EUC, _CEIL, _GEO, _ATT, _EXACT, _FLOOR, _MAN, _MAX = range(9)


@jit
def distance(metric: int, coords: np.ndarray, matrix: np.ndarray, i: int, j: int) -> float:
    """
    Distance from i to j.

    Parameters
    ----------
    metric
        A :class:`Metric` value.
    coords
        (n, 2) float64; for GEO already in radians (see :func:`geo_radians`); (0, 2) for MATRIX.
    matrix
        (n, n) float64 for MATRIX, else (0, 0).

    References
    ----------
    .. [1] Reinelt, G. (1995). *TSPLIB 95*. Universitaet Heidelberg. Section 2.
    """
    # NumPy's floor and ceil: those of math give int64 in compiled code, which overflows from 2^63 on.
    if metric == _MATRIX:
        return matrix[i, j]
    dx = coords[i, 0] - coords[j, 0]
    dy = coords[i, 1] - coords[j, 1]
    if metric == _EUC:
        return np.floor(math.sqrt(dx * dx + dy * dy) + 0.5)
    if metric == _EXACT:
        return math.sqrt(dx * dx + dy * dy)
    if metric == _CEIL:
        return np.ceil(math.sqrt(dx * dx + dy * dy))
    if metric == _FLOOR:
        return np.floor(math.sqrt(dx * dx + dy * dy))
    if metric == _ATT:
        r = math.sqrt((dx * dx + dy * dy) / 10.0)
        t = np.floor(r + 0.5)
        return t + 1.0 if t < r else t
    if metric == _GEO:
        if i == j:
            return 0.0
        q1 = math.cos(dy)
        q2 = math.cos(dx)
        q3 = math.cos(coords[i, 0] + coords[j, 0])
        return np.floor(6378.388 * math.acos(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3)) + 1.0)
    if metric == _MAN:
        return np.floor(abs(dx) + abs(dy) + 0.5)
    return max(np.floor(abs(dx) + 0.5), np.floor(abs(dy) + 0.5))


def geo_radians(degrees: np.ndarray) -> np.ndarray:
    """
    TSPLIB's DDD.MM coordinates (latitude, longitude) to radians.

    The value of pi is the one of the TSPLIB report, and degrees are truncated, as in its reference code:
    the published optima of the GEO instances need both.
    """
    whole = np.trunc(degrees)
    return 3.141592 * (whole + 5.0 * (degrees - whole) / 3.0) / 180.0
