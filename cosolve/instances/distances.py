"""Distances between the places of a routing instance: coordinates with a rounding, or a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from cosolve.core.instance import ReadOnly, freeze, frozen_array, largest, plain_zeros
from cosolve.core.jit import jit_allocating
from cosolve.core.metric import Metric, distance, geo_radians

#: Above this many nodes :meth:`Distances.dense` refuses: 20,000 nodes are 3.2 GB.
MAX_DENSE = 20_000


@dataclass(frozen=True, eq=False)
class Distances(ReadOnly):
    """
    Distances of n places.

    Parameters
    ----------
    metric
        How a distance follows from coordinates, or ``Metric.MATRIX``.
    coords
        (n, 2) float64 coordinates as the file has them; shape (0, 2) if there are none. With a matrix they
        are only for drawing.
    matrix
        (n, n) float64 for ``Metric.MATRIX``, else (0, 0). The diagonal means nothing and is stored as 0. Infinite
        where there is no way from the one place to the other; problems that need every way say so themselves.

    Raises
    ------
    ValueError
        If shapes do not fit, or a value is negative or NaN.
    """

    metric: Metric
    coords: np.ndarray
    matrix: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "metric", Metric(self.metric))
        object.__setattr__(self, "coords", plain_zeros(frozen_array(self.coords, np.float64, ndim=2, what="coords")))
        matrix = np.array(self.matrix, np.float64, order="C")
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix must be square, got shape {matrix.shape}.")
        np.fill_diagonal(matrix, 0.0)
        matrix += 0.0  # as plain_zeros, without a temporary: 20,000 places are 3.2 GB
        freeze(matrix)
        object.__setattr__(self, "matrix", matrix)
        if self.coords.shape[1] != 2 or not np.isfinite(self.coords).all():
            raise ValueError("coords must be (n, 2) finite numbers.")
        if not (self.matrix >= 0).all():
            i, j = (int(k) for k in np.argwhere(~(self.matrix >= 0))[0])
            raise ValueError(
                f"matrix must hold numbers >= 0, got {self.matrix[i, j]:g} from place {i} to {j} (counted from 0)."
            )
        if (self.metric == Metric.MATRIX) != (len(self.matrix) > 0):
            raise ValueError("a matrix must be given for Metric.MATRIX, and only then.")
        if len(self.matrix) and len(self.coords) not in (0, len(self.matrix)):
            raise ValueError(f"{len(self.coords)} coords do not fit a matrix of {len(self.matrix)} nodes.")

    @classmethod
    def from_coords(cls, coords: np.ndarray, metric: Metric = Metric.EUC_2D) -> Self:
        """Distances by coordinates, (n, 2)."""
        return cls(metric, coords, np.empty((0, 0)))

    @classmethod
    def from_matrix(cls, matrix: np.ndarray, coords: np.ndarray | None = None) -> Self:
        """Distances by matrix, (n, n); coordinates only for drawing."""
        return cls(Metric.MATRIX, np.empty((0, 2)) if coords is None else coords, matrix)

    @classmethod
    def truncated(cls, coords: np.ndarray, decimals: int) -> Self:
        """
        Matrix of Euclidean distances cut off behind ``decimals`` places, as routing sets with time windows have them.

        Raises
        ------
        ValueError
            Above :data:`MAX_DENSE` nodes.
        """
        length = cls.from_coords(coords, Metric.EXACT_2D).dense()
        scale = 10.0**decimals
        # A length of exactly 0.3 may come out as 0.29999999999999998: it must not lose a whole unit.
        return cls.from_matrix(np.floor(length * scale + 1e-9) / scale, coords)

    @property
    def num_nodes(self) -> int:
        """Number of places n."""
        return len(self.matrix) if self.metric == Metric.MATRIX else len(self.coords)

    @cached_property
    def kernel_args(self) -> tuple[int, np.ndarray, np.ndarray]:
        """The first three arguments of :func:`cosolve.core.metric.distance`."""
        coords = geo_radians(self.coords) if self.metric == Metric.GEO else self.coords
        freeze(coords)  # like all other coordinates: of what can be written to numba compiles every kernel once more
        return int(self.metric), coords, self.matrix

    def between(self, i: int, j: int) -> float:
        """Distance from i to j."""
        return float(distance(*self.kernel_args, i, j))

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether both directions are always equal."""
        return self.metric != Metric.MATRIX or bool(np.array_equal(self.matrix, self.matrix.T))

    def require_complete(self, what: str) -> None:
        """
        Refuse ways that do not exist.

        Raises
        ------
        ValueError
            If a distance is infinite; it names ``what`` needs all of them ("a tsp") and the first pair without a way.
        """
        if not self.is_complete:
            i, j = (int(k) for k in np.argwhere(np.isinf(self.matrix))[0])
            raise ValueError(f"{what} needs a finite distance between all places; from {i} to {j} there is none.")

    @cached_property
    def is_complete(self) -> bool:
        """Whether there is a way between all places: no distance is infinite."""
        return bool(np.isfinite(self.matrix).all())

    @cached_property
    def is_integral(self) -> bool:
        """Whether every distance is an integer (or infinite)."""
        if self.metric == Metric.MATRIX:
            return bool((self.matrix == np.rint(self.matrix)).all())
        return self.metric.is_integral

    @cached_property
    def magnitude(self) -> float:
        """The largest finite distance, or the diagonal of the box of all coordinates."""
        if self.metric == Metric.MATRIX:
            return largest(self.matrix)
        return float(np.hypot(*np.ptp(self.coords, axis=0))) if len(self.coords) else 0.0

    def dense(self) -> np.ndarray:
        """
        (n, n) float64 matrix.

        Raises
        ------
        ValueError
            Above :data:`MAX_DENSE` nodes.
        """
        if self.metric == Metric.MATRIX:
            return self.matrix
        n = self.num_nodes
        if n > MAX_DENSE:
            raise ValueError(
                f"a dense matrix of {n} nodes would take {n * n * 8 / 1e9:.0f} GB; at most {MAX_DENSE} nodes."
            )
        matrix = _dense(*self.kernel_args)
        freeze(matrix)
        return matrix


@jit_allocating
def _dense(metric: int, coords: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    n = len(coords)
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i != j:
                out[i, j] = distance(metric, coords, matrix, i, j)
    return out
