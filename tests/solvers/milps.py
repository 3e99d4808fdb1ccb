"""Small MILPs for the tests of the MILP backends, and brute force as their oracle."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.optimize import linprog

from cosolve.instances.milp import MILPInstance, Values
from cosolve.solvers.formulations import Formulation, Rows

INF = np.inf


def milp(
    matrix: Any,
    cost: Any,
    *,
    lower: Any = 0.0,
    upper: Any = INF,
    integer: Any = True,
    row_lower: Any = -INF,
    row_upper: Any = INF,
    maximize: bool = False,
    offset: float = 0.0,
) -> MILPInstance:
    dense = np.asarray(matrix, dtype=float)
    m, n = dense.shape
    rows, columns = np.nonzero(dense)

    def per(values: Any, count: int, dtype: Any = float) -> np.ndarray:
        return np.broadcast_to(np.asarray(values, dtype=dtype), (count,)).copy()

    return MILPInstance(
        cost=per(cost, n),
        col_lower=per(lower, n),
        col_upper=per(upper, n),
        is_integer=per(integer, n, bool),
        data=dense[rows, columns],
        indices=columns,
        indptr=np.concatenate(([0], np.cumsum((dense != 0).sum(axis=1)))),
        row_lower=per(row_lower, m),
        row_upper=per(row_upper, m),
        maximize=maximize,
        offset=offset,
    )


def random_milp(seed: int, *, columns: int = 6, rows: int = 4) -> MILPInstance:
    """Integer columns in 0..3, small integer data; feasible or not."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-5, 6, (rows, columns)) * (rng.random((rows, columns)) < 0.7)
    low = rng.integers(-12, 8, rows).astype(float)
    low[rng.random(rows) < 0.3] = -INF
    width = np.where(rng.random(rows) < 0.5, INF, rng.integers(0, 6, rows))
    high = np.where(np.isfinite(low), np.where(np.isfinite(low), low, 0.0) + width, rng.integers(0, 12, rows))
    return milp(
        matrix,
        rng.integers(-9, 10, columns),
        upper=3,
        row_lower=low,
        row_upper=high,
        maximize=bool(seed % 2),
        offset=float(seed % 3) / 2,
    )


def random_mixed_milp(seed: int) -> MILPInstance:
    """
    Two binaries, a free integer column, a continuous column without an end and a free one; with an equality.

    The last row alone keeps the free integer column within -2..2.
    """
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-4, 5, (4, 5)) * (rng.random((4, 5)) < 0.8)
    matrix[3] = [0, 0, 1, 0, 0]
    low = rng.integers(-8, 5, 4).astype(float)
    is_open = rng.random(4) < 0.5
    return milp(
        matrix,
        rng.integers(-9, 10, 5),
        lower=[0, 0, -INF, 0, -INF],
        upper=[1, 1, INF, INF, INF],
        integer=[True, True, True, False, False],
        row_lower=[low[0], low[1], -INF if is_open[2] else low[2], -2],
        row_upper=[low[0], INF, low[2] + 4, 2],
        maximize=bool(seed % 2),
        offset=float(seed % 3) / 2,
    )


def brute_force_mixed(instance: MILPInstance) -> float | None:
    """Optimum of a model of :func:`random_mixed_milp`, infinite without an end: a linear program for each point."""
    dense, sign = instance.matrix.toarray(), -1.0 if instance.maximize else 1.0
    best = None
    for point in itertools.product(range(2), range(2), range(-2, 3)):
        taken = dense[:3, :3] @ point
        has_upper, has_lower = np.isfinite(instance.row_upper[:3]), np.isfinite(instance.row_lower[:3])
        found = linprog(
            sign * instance.cost[3:],
            np.vstack([dense[:3, 3:][has_upper], -dense[:3, 3:][has_lower]]),
            np.concatenate([(instance.row_upper[:3] - taken)[has_upper], -(instance.row_lower[:3] - taken)[has_lower]]),
            bounds=[(0, None), (None, None)],
        )
        if found.status == 3:
            return -sign * INF
        if found.status == 0:
            value = sign * float(instance.cost[:3] @ point) + found.fun
            best = value if best is None else min(best, value)
    return None if best is None else sign * best + instance.offset


def brute_force(instance: MILPInstance) -> float | None:
    """Optimum over all integer points of the box, ``None`` if none is feasible; independent of the judge."""
    dense = np.zeros((len(instance.row_lower), instance.size))
    for row in range(len(dense)):
        for k in range(instance.indptr[row], instance.indptr[row + 1]):
            dense[row, instance.indices[k]] += instance.data[k]
    ranges = [range(int(a), int(b) + 1) for a, b in zip(instance.col_lower, instance.col_upper, strict=True)]
    points = np.array(list(itertools.product(*ranges)), dtype=float)
    activity = points @ dense.T
    ok = ((activity >= instance.row_lower) & (activity <= instance.row_upper)).all(axis=1)
    if not ok.any():
        return None
    values = points[ok] @ instance.cost + instance.offset
    return float(values.max() if instance.maximize else values.min())


def hard_cover(seed: int = 0, rows: int = 120, columns: int = 160) -> MILPInstance:
    """Set multicover with nearly equal real costs: no solver closes it in seconds."""
    rng = np.random.default_rng(seed)
    matrix = (rng.random((rows, columns)) < 0.08) * 1.0
    matrix[matrix.sum(axis=1) < 4, :4] = 1.0
    return milp(matrix, (1 + rng.random(columns) * 0.01).round(6), upper=1, row_lower=3)


def with_hidden_rows(instance: MILPInstance, visible: int = 0) -> Formulation:
    """Formulation that shows only the first rows and separates one violated row of the others at a time."""
    last = int(instance.indptr[visible])
    model = MILPInstance(
        cost=instance.cost,
        col_lower=instance.col_lower,
        col_upper=instance.col_upper,
        is_integer=instance.is_integer,
        data=instance.data[:last],
        indices=instance.indices[:last],
        indptr=instance.indptr[: visible + 1],
        row_lower=instance.row_lower[:visible],
        row_upper=instance.row_upper[:visible],
        offset=instance.offset,
        maximize=instance.maximize,
    )

    def separate(x: np.ndarray) -> Rows | None:
        for row in range(visible, len(instance.row_lower)):
            part = slice(instance.indptr[row], instance.indptr[row + 1])
            activity = instance.data[part] @ x[instance.indices[part]]
            low, high = instance.row_lower[row], instance.row_upper[row]
            if activity < low - 1e-6 or activity > high + 1e-6:
                indptr = np.array([0, part.stop - part.start])
                return instance.data[part], instance.indices[part], indptr, np.array([low]), np.array([high])
        return None

    def encode(solution: Values) -> np.ndarray:
        return solution.values

    return Formulation(model, lambda x: Values(values=np.rint(x)), encode, separate)
