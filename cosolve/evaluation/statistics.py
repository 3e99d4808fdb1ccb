"""
Comparing solvers on arrays of scores: intervals, paired tests and rankings.

Scores are lower-is-better arrays of shape (instances, solvers) or (instances,); NaN means that no run took place,
infinity that a run failed where the metric has no worst value. Functions say how many instances they could use.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

#: Two scores closer than this, relative to the larger or absolute below 1, are a tie.
TIE_TOLERANCE = 1e-6

#: The same for gaps of integral objectives, which differ by whole units or not at all: room for the noise of a mean
#: over seeds, and none for a unit in a billion.
EXACT_TOLERANCE = 1e-12

#: Samples larger than this get percentile intervals: BCa's jackknife is quadratic, and its correction vanishes.
_MAX_BCA_SAMPLE = 500

#: Numbers drawn for one interval of a large sample, but never fewer than 1,000 resamples.
_MAX_DRAWS = 1_000_000


# -- intervals --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Interval:
    """Confidence interval, both ends included."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside."""
        return not self.low <= value <= self.high


def bootstrap_interval(
    values: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval | None:
    """
    Bootstrap interval of the mean.

    Bias-corrected and accelerated (BCa) [1]_ as computed by :func:`scipy.stats.bootstrap`; percentile interval for more
    than 500 values, where both agree, and where an end of BCa's is not finite.

    Parameters
    ----------
    values
        One per instance, seeds averaged before: resampling runs would take seeds for instances.
    confidence
        Coverage, in (0, 1).
    resamples
        Bootstrap samples; down to 1,000 for more than 500 values.
    seed
        Of the resampling: same values, same interval.

    Returns
    -------
    Interval or None
        ``None`` for fewer than two values, values that are not finite, or whose sum is not: nothing can be said.

    References
    ----------
    .. [1] Efron, B. (1987). Better bootstrap confidence intervals.
           *Journal of the American Statistical Association* 82(397): 171-185.
    """
    array = np.asarray(values, dtype=float)
    if array.size < 2 or not np.isfinite(array).all():
        return None
    # Differences of rounding alone, as of 0.3 - 0.2 and 0.1, have no acceleration: BCa would be NaN.
    if np.ptp(array) <= 1e-12 * max(1.0, np.abs(array).max()):
        return Interval(float(array.min()), float(array.max()))
    from scipy.stats import bootstrap

    for method in ("BCa", "percentile") if array.size <= _MAX_BCA_SAMPLE else ("percentile",):
        with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings(action="ignore"):
            found = bootstrap(
                (array,),
                np.mean,
                confidence_level=confidence,
                n_resamples=min(resamples, max(_MAX_DRAWS // array.size, 1000)),
                batch=max(1, 2_000_000 // array.size),
                method=method,
                rng=np.random.default_rng(seed),
            ).confidence_interval
        if math.isfinite(found.low) and math.isfinite(found.high):
            return Interval(float(found.low), float(found.high))
    return None


# -- pairs of solvers -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WinTieLoss:
    """On how many instances the first of two solvers is better, equal and worse."""

    wins: int
    ties: int
    losses: int

    @property
    def pairs(self) -> int:
        """Instances that both ran."""
        return self.wins + self.ties + self.losses


def win_tie_loss(a: ArrayLike, b: ArrayLike, *, tolerance: ArrayLike = TIE_TOLERANCE) -> WinTieLoss:
    """
    Count the instances on which ``a`` is lower than, equal to and higher than ``b``.

    Parameters
    ----------
    a, b
        Scores, instance by instance; pairs with a NaN are left out.
    tolerance
        Scores tie if ``|a - b| <= tolerance * max(1, |a|, |b|)``; two failures (infinities) tie. One for all, or one
        per instance.
    """
    first, second, tolerance = _paired(a, b, tolerance)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(1.0, np.maximum(np.abs(first), np.abs(second)))
        is_tie = (first == second) | (np.isfinite(scale) & (np.abs(first - second) <= tolerance * scale))
    wins, ties = int((~is_tie & (first < second)).sum()), int(is_tie.sum())
    return WinTieLoss(wins, ties, len(first) - wins - ties)


def wilcoxon_p(a: ArrayLike, b: ArrayLike, *, tolerance: ArrayLike = 0.0) -> float:
    """
    Two-sided p-value of the Wilcoxon signed-rank test [1]_ that the differences ``a - b`` are symmetric about 0.

    Differences of 0 are ranked with the others and their ranks dropped (Pratt [2]_, ``zero_method="pratt"``): leaving
    them out before ranking would make solvers that are mostly equal look more different. SciPy chooses the exact
    distribution for up to 50 pairs without ties, all sign changes for up to 13 pairs with ties, and the normal
    approximation else.

    Parameters
    ----------
    a, b
        Scores, instance by instance; pairs with a NaN are left out; two failures (infinities) differ by 0, and one
        failure is the largest difference there is.
    tolerance
        Absolute differences up to this count as 0; one for all, or one per instance.

    Returns
    -------
    float
        In [0, 1]; 1 if all differences are 0, NaN without any pair.

    References
    ----------
    .. [1] Wilcoxon, F. (1945). Individual comparisons by ranking methods. *Biometrics Bulletin* 1(6): 80-83.
    .. [2] Pratt, J. W. (1959). Remarks on zeros and ties in the Wilcoxon signed rank procedures.
           *Journal of the American Statistical Association* 54(287): 655-667.
    """
    differences = _differences(a, b, tolerance)
    if not len(differences):
        return math.nan
    if not differences.any():
        return 1.0
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences, zero_method="pratt").pvalue)


def rank_sum(a: ArrayLike, b: ArrayLike, *, tolerance: ArrayLike = 0.0) -> float:
    """
    Sum of the signed ranks that :func:`wilcoxon_p` tests: below 0 if ``a`` is lower, however often it is.

    Parameters
    ----------
    a, b, tolerance
        As there.
    """
    from scipy.stats import rankdata

    differences = _differences(a, b, tolerance)
    return float(np.sign(differences) @ rankdata(np.abs(differences)))


def _differences(a: ArrayLike, b: ArrayLike, tolerance: ArrayLike) -> np.ndarray:
    """Of what both know, 0 within the tolerance."""
    first, second, tolerance = _paired(a, b, tolerance)
    with np.errstate(invalid="ignore"):
        differences = np.where(first == second, 0.0, first - second)
    differences[np.abs(differences) <= tolerance] = 0.0
    # Only ranks matter: a finite number beyond all others stands for infinity, which SciPy refuses.
    is_finite = np.isfinite(differences)
    beyond = 2.0 * np.abs(differences[is_finite]).max(initial=0.0) + 1.0
    return np.where(is_finite, differences, np.sign(differences) * beyond)


def holm(p_values: ArrayLike) -> np.ndarray:
    """
    P-values adjusted for their number by Holm's step-down procedure [1]_.

    Parameters
    ----------
    p_values
        One per hypothesis; a NaN is no hypothesis and stays NaN.

    Returns
    -------
    numpy.ndarray
        Same order; compare each with the level itself.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure.
           *Scandinavian Journal of Statistics* 6(2): 65-70.
    """
    array = np.asarray(p_values, dtype=float)
    adjusted = np.full(array.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(array))
    order = tested[np.argsort(array[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(array[order] * factors), 1.0)
    return adjusted


@dataclass(frozen=True)
class PairedComparison:
    """
    Two solvers on the instances that both ran.

    Parameters
    ----------
    a, b
        Names.
    counts
        Wins, ties and losses of ``a``.
    mean_difference
        Mean of ``score(a) - score(b)``, negative if ``a`` is better; ``None`` without pairs, or where failures make it
        infinite.
    p_value, p_adjusted
        Wilcoxon's, and adjusted by Holm over all pairs of solvers; NaN without pairs.
    rank_sum
        The sum of signed ranks that is tested, negative if ``a`` is better: it may be with fewer wins than losses.
    """

    a: str
    b: str
    counts: WinTieLoss
    mean_difference: float | None
    p_value: float
    p_adjusted: float
    rank_sum: float


def compare_all(
    values: np.ndarray, solvers: Sequence[str], *, tolerance: ArrayLike = TIE_TOLERANCE
) -> list[PairedComparison]:
    """
    Every solver against every other.

    Parameters
    ----------
    values
        Shape (instances, solvers).
    solvers
        Names of the columns.
    tolerance
        As in :func:`win_tie_loss`.
    """
    pairs = list(combinations(range(len(solvers)), 2))
    p_values = np.array([wilcoxon_p(values[:, i], values[:, j], tolerance=tolerance) for i, j in pairs])
    comparisons = []
    for (i, j), p, adjusted in zip(pairs, p_values.tolist(), holm(p_values).tolist()):
        first, second, _ = _paired(values[:, i], values[:, j], tolerance)
        is_finite = bool(len(first)) and bool(np.isfinite(first).all() and np.isfinite(second).all())
        mean = float((first - second).mean()) if is_finite else None
        counts = win_tie_loss(values[:, i], values[:, j], tolerance=tolerance)
        ranks = rank_sum(values[:, i], values[:, j], tolerance=tolerance)
        comparisons.append(PairedComparison(solvers[i], solvers[j], counts, mean, p, adjusted, ranks))
    return comparisons


def _paired(a: ArrayLike, b: ArrayLike, tolerance: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What both know, and the tolerance of each pair."""
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"paired scores must be two lists of the same length, got {first.shape} and {second.shape}.")
    is_known = ~(np.isnan(first) | np.isnan(second))
    return first[is_known], second[is_known], np.broadcast_to(np.asarray(tolerance, dtype=float), first.shape)[is_known]


# -- ranking ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ranking:
    """
    Mean ranks of solvers and which of them can't be told apart.

    Parameters
    ----------
    solvers
        Names, best mean rank first.
    mean_ranks
        1 is best; ties share the mean of their ranks.
    instances
        Number of instances ranked: those that every solver ran.
    statistic, p_value
        Friedman's chi-square, corrected for ties, and its p-value: are the solvers different at all?
    critical_distance
        Nemenyi's: mean ranks that differ by less are not significantly different.
    cliques
        Maximal groups of solvers, as index ranges ``(first, last)`` into ``solvers``, that are not significantly
        different: the bars of a critical-difference diagram. Groups of one are left out.
    """

    solvers: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    instances: int
    statistic: float
    p_value: float
    critical_distance: float
    cliques: tuple[tuple[int, int], ...]


def rank_solvers(
    values: np.ndarray, solvers: Sequence[str], *, alpha: float = 0.05, tolerance: ArrayLike = TIE_TOLERANCE
) -> Ranking | None:
    """
    Friedman test and Nemenyi post-hoc test of mean ranks, as for critical-difference diagrams [1]_.

    Parameters
    ----------
    values
        Shape (instances, solvers), lower is better; rows with a NaN are left out, failures share the last rank.
    solvers
        Names of the columns.
    alpha
        Level, in (0, 1).
    tolerance
        Scores are rounded to multiples of it before ranking, so that rounding errors make no winner; one for all, or
        one per instance.

    Returns
    -------
    Ranking or None
        ``None`` for fewer than two solvers or two instances.

    References
    ----------
    .. [1] Demšar, J. (2006). Statistical comparisons of classifiers over multiple data sets.
           *Journal of Machine Learning Research* 7: 1-30.
    """
    rows = np.asarray(values, dtype=float)
    is_complete = ~np.isnan(rows).any(axis=1)
    steps = np.broadcast_to(np.asarray(tolerance, dtype=float), len(rows))[is_complete, np.newaxis]
    rows = rows[is_complete]
    num_instances, num_solvers = rows.shape
    if num_instances < 2 or num_solvers < 2:
        return None
    from scipy.stats import chi2, rankdata, studentized_range

    rounded = np.round(np.divide(rows, steps, out=np.zeros_like(rows), where=steps > 0))
    ranks = rankdata(np.where(steps > 0, rounded, rows), axis=1)
    mean_ranks = ranks.mean(axis=0)
    # Friedman's statistic as a share of the variance of all ranks: ties shrink that, which is the correction for them.
    centre = (num_solvers + 1) / 2
    total = ((ranks - centre) ** 2).sum()
    between = num_instances**2 * ((mean_ranks - centre) ** 2).sum()
    statistic = float((num_solvers - 1) * between / total) if total > 0 else 0.0
    quantile = studentized_range.ppf(1 - alpha, num_solvers, np.inf) / math.sqrt(2)
    distance = float(quantile * math.sqrt(num_solvers * (num_solvers + 1) / (6 * num_instances)))
    order = np.argsort(mean_ranks, kind="stable")
    sorted_ranks = mean_ranks[order]
    return Ranking(
        tuple(solvers[i] for i in order),
        tuple(sorted_ranks.tolist()),
        num_instances,
        statistic,
        float(chi2.sf(statistic, num_solvers - 1)),
        distance,
        _cliques(sorted_ranks, distance),
    )


def _cliques(sorted_ranks: np.ndarray, distance: float) -> tuple[tuple[int, int], ...]:
    ends = np.searchsorted(sorted_ranks, sorted_ranks + distance, side="left") - 1
    groups: list[tuple[int, int]] = []
    for first, last in enumerate(ends.tolist()):
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return tuple(groups)
