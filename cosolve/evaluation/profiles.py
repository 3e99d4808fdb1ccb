"""
Profiles: which share of the instances each solver handles within how much.

Scores are arrays of shape (instances, solvers), lower is better; NaN means that no run took place, infinity that a run
failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Profile:
    """
    Share of instances that each solver solves within a threshold: a step function per solver.

    Parameters
    ----------
    solvers
        Names.
    thresholds
        Ascending; a share holds from its threshold to the next.
    shares
        Shape (solvers, thresholds), in [0, 1], never falling.
    instances
        Number of instances that the shares are of: those that every solver ran.
    """

    solvers: tuple[str, ...]
    thresholds: np.ndarray
    shares: np.ndarray
    instances: int


def performance_profile(
    values: np.ndarray, solvers: Sequence[str], *, floor: float = 0.0, thresholds: ArrayLike | None = None
) -> Profile:
    """
    Performance profile: share of instances that a solver scores at most ``tau`` times the best solver's score [1]_.

    Parameters
    ----------
    values
        Shape (instances, solvers), >= 0; infinity is a failure and counts as never. Rows with a NaN are left out.
    solvers
        Names of the columns.
    floor
        Scores below it count as it: ratios of times below the clock's resolution mean nothing. A score of 0 against a
        best of 0 has ratio 1, any other against a best of 0 is never reached.
    thresholds
        Ratios >= 1 to evaluate at; by default all at which a share changes.

    References
    ----------
    .. [1] Dolan, E. D., Moré, J. J. (2002). Benchmarking optimization software with performance profiles.
           *Mathematical Programming* 91: 201-213.
    """
    rows = np.maximum(_complete(values, solvers), floor)
    best = rows.min(axis=1, initial=np.inf, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(np.isinf(rows), np.inf, np.where(rows == best, 1.0, rows / best))
    return _shares(ratios, solvers, 1.0, thresholds)


def value_profile(values: np.ndarray, solvers: Sequence[str], *, thresholds: ArrayLike | None = None) -> Profile:
    """
    Share of instances that a solver scores at most ``x``: the empirical distribution of gaps, or of times.

    Parameters
    ----------
    values
        Shape (instances, solvers), >= 0; infinity counts as never. Rows with a NaN are left out.
    solvers
        Names of the columns.
    thresholds
        Scores to evaluate at; by default all at which a share changes.
    """
    return _shares(_complete(values, solvers), solvers, 0.0, thresholds)


def _complete(values: np.ndarray, solvers: Sequence[str]) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim != 2 or array.shape[1] != len(solvers):
        raise ValueError(
            f"scores must have one column for each of the {len(solvers)} solvers, got shape {array.shape}."
        )
    rows = array[~np.isnan(array).any(axis=1)]
    if (rows < 0).any():
        raise ValueError("the scores of a profile must be >= 0.")
    return rows


def _shares(rows: np.ndarray, solvers: Sequence[str], start: float, thresholds: ArrayLike | None) -> Profile:
    if thresholds is None:
        grid = np.unique(np.append(rows[np.isfinite(rows)], start))
    else:
        grid = np.unique(np.asarray(thresholds, dtype=float))
    counts = np.array([np.searchsorted(np.sort(column), grid, side="right") for column in rows.T])
    shares = counts.reshape(len(solvers), len(grid)) / max(len(rows), 1)
    return Profile(tuple(solvers), grid, shares, len(rows))
