"""Numbers that say how good a run was: gaps, curves, integrals and means, as plain formulas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from cosolve.core.gap import relative_gap
from cosolve.core.instance import Sense
from cosolve.core.result import TracePoint

#: A step function: ``(time, value)`` in order of time, each value holding until the next time; starts at time 0.
Curve = list[tuple[float, float]]

#: Seconds that :func:`shifted_geometric_mean` adds to run times before it takes their logarithm.
TIME_SHIFT = 1.0


#: Values closer than this are equal: against 0, the noise of a sum of floats would else be a gap of 100 %. Proofs know
#: no such thing, hence not in :func:`cosolve.core.gap.relative_gap`.
NOISE = 1e-9


# -- gaps -------------------------------------------------------------------------------------------------


def gap_beyond_noise(a: float | None, b: float | None) -> float:
    """:func:`cosolve.core.gap.relative_gap`, but 0 for values that differ by no more than :data:`NOISE`."""
    return 0.0 if a is not None and b is not None and abs(a - b) <= NOISE else relative_gap(a, b)


def is_new_best(
    objective: float,
    reference: float,
    sense: Sense,
    *,
    is_integral: bool = False,
    magnitude: float = 1.0,
    tolerance: float = 1e-6,
) -> bool:
    """
    Whether an objective is better than the reference: integers by 0.5, others by more than ``tolerance``.

    That is relative to the reference, or to the instance's magnitude (to 1, if that is smaller) where it is larger.
    """
    better = reference - objective if sense == "min" else objective - reference
    return better >= 0.5 if is_integral else better > tolerance * max(min(1.0, magnitude), abs(reference))


def primal_gap(objective: float | None, reference: float, sense: Sense) -> float:
    """
    Gap to the reference, one-sided.

    Parameters
    ----------
    objective
        Verified objective; ``None`` (or a value that is not finite) if there is no solution.
    reference
        Best known value of the same instance under the same rounding.
    sense
        Of the instance.

    Returns
    -------
    float
        In [0, 1]: 0 if the objective is at least as good as the reference (also if both are 0), 1 without a solution
        or if the signs differ, else ``|objective - reference| / max(|objective|, |reference|)`` [1]_.

    References
    ----------
    .. [1] Berthold, T. (2013). Measuring the impact of primal heuristics.
           *Operations Research Letters* 41(6): 611-614.
    """
    if objective is None or not math.isfinite(objective):
        return 1.0
    if objective <= reference if sense == "min" else objective >= reference:
        return 0.0
    return gap_beyond_noise(objective, reference)


def signed_gap(objective: float, reference: float, sense: Sense) -> float:
    """Gap to the reference in [-1, 1], negative if better; the two-sided twin of :func:`primal_gap`."""
    gap = gap_beyond_noise(objective, reference)
    is_better = objective < reference if sense == "min" else objective > reference
    return -gap if is_better else gap


# -- curves and integrals ---------------------------------------------------------------------------------


def primal_gap_curve(trajectory: Iterable[TracePoint], reference: float, sense: Sense) -> Curve:
    """
    Primal gap over time: 1 before the first solution, then the gap of the best one.

    Parameters
    ----------
    trajectory
        Improvements in order of time.
    reference, sense
        As in :func:`primal_gap`.

    Returns
    -------
    list of (float, float)
        Time in seconds and gap from then on; starts at time 0 and holds improvements only.
    """
    curve: Curve = [(0.0, 1.0)]
    for point in trajectory:
        gap = primal_gap(point.objective, reference, sense)
        if gap < curve[-1][1]:
            curve.append((max(point.time, 0.0), gap))
    return curve


def primal_dual_gap_curve(trajectory: Iterable[TracePoint]) -> Curve:
    """
    Gap between best solution and best bound over time: 1 until both are known and have one sign.

    Parameters
    ----------
    trajectory
        Improvements in order of time.

    Returns
    -------
    list of (float, float)
        Time in seconds and gap from then on; starts at time 0 and holds changes only.
    """
    curve: Curve = [(0.0, 1.0)]
    for point in trajectory:
        gap = gap_beyond_noise(point.objective, point.bound)
        if gap != curve[-1][1]:
            curve.append((max(point.time, 0.0), gap))
    return curve


def step_integral(curve: Curve, end: float) -> float:
    """
    Area below a step function from time 0 to ``end``.

    Raises
    ------
    ValueError
        If ``end`` is negative or not finite.
    """
    if not (math.isfinite(end) and end >= 0):
        raise ValueError(f"the end of an integral must be a finite number of seconds >= 0, got {end}.")
    area, (since, value) = 0.0, curve[0]
    for time, following in curve[1:]:
        if time >= end:
            break
        area += value * (time - since)
        since, value = time, following
    return area + value * (end - since)


def primal_integral(trajectory: Iterable[TracePoint], reference: float, sense: Sense, time_limit: float) -> float:
    """
    Primal integral: the area below the primal gap over time.

    Parameters
    ----------
    trajectory
        Improvements in order of time; those after the limit do not count.
    reference, sense
        As in :func:`primal_gap`.
    time_limit
        Seconds that the run was given. A run that ends before keeps its last gap until then.

    Returns
    -------
    float
        Seconds in [0, ``time_limit``] [1]_: 0 if the reference was reached at once, ``time_limit`` if no solution was
        found. Divided by the limit it is the mean gap over the run.

    References
    ----------
    .. [1] Berthold, T. (2013). Measuring the impact of primal heuristics.
           *Operations Research Letters* 41(6): 611-614.
    """
    return step_integral(primal_gap_curve(trajectory, reference, sense), time_limit)


def primal_dual_integral(trajectory: Iterable[TracePoint], time_limit: float) -> float:
    """
    Primal-dual integral: the area below the gap of best solution and best bound over time.

    It needs no reference. SCIP prints the same number in per cent times seconds, a hundred times ours.

    Parameters
    ----------
    trajectory, time_limit
        As in :func:`primal_integral`.

    Returns
    -------
    float
        Seconds in [0, ``time_limit``] [1]_.

    References
    ----------
    .. [1] Berthold, T. (2013). Measuring the impact of primal heuristics.
           *Operations Research Letters* 41(6): 611-614.
    """
    return step_integral(primal_dual_gap_curve(trajectory), time_limit)


def time_to_target(curve: Curve, target: float) -> float | None:
    """Seconds until a curve is at ``target`` or below, ``None`` if it never is."""
    return next((time for time, value in curve if value <= target), None)


def curve_values(curve: Curve, times: ArrayLike) -> np.ndarray:
    """
    Values of a step function at given times.

    Parameters
    ----------
    curve
        As :func:`primal_gap_curve` returns it.
    times
        Seconds >= 0, any shape.

    Returns
    -------
    numpy.ndarray
        Same shape.
    """
    starts, values = np.array(curve).T
    return values[np.maximum(np.searchsorted(starts, np.asarray(times, dtype=float), side="right") - 1, 0)]


# -- means over instances ---------------------------------------------------------------------------------


def shifted_geometric_mean(values: ArrayLike, *, shift: float = TIME_SHIFT) -> float:
    """
    Geometric mean that small values cannot dominate: ``exp(mean(log(values + shift))) - shift``.

    Parameters
    ----------
    values
        Numbers >= 0, at least one; infinity makes the mean infinite.
    shift
        In the unit of the values. With 1 s the difference of 1 ms and 2 ms hardly counts and that of 10 s and 20 s
        does; Achterberg [1]_ motivates it for running times.

    Raises
    ------
    ValueError
        If there is no value, one is negative or NaN, or the shift is negative.

    References
    ----------
    .. [1] Achterberg, T. (2007). *Constraint Integer Programming*. PhD thesis, Technische Universität Berlin.
    """
    array = np.asarray(values, dtype=float)
    if array.size == 0 or not (array >= 0).all():
        raise ValueError("a shifted geometric mean needs at least one value, all of them >= 0.")
    if shift < 0:
        raise ValueError(f"shift must be >= 0, got {shift}.")
    with np.errstate(divide="ignore"):  # without a shift, one 0 makes the mean 0
        return max(float(np.exp(np.log(array + shift).mean())) - shift, 0.0)


def penalised_runtimes(
    times: ArrayLike, solved: ArrayLike, time_limits: ArrayLike, *, factor: float = 2.0
) -> np.ndarray:
    """
    Run times with every unsolved run counted as ``factor`` times its limit; their mean is PAR-k.

    Parameters
    ----------
    times
        Seconds, one per run; NaN stays NaN.
    solved
        Whether the run solved its instance.
    time_limits
        Seconds given, one per run or one for all.
    factor
        2 for PAR-2, 10 for PAR-10.

    Returns
    -------
    numpy.ndarray
        Seconds, one per run.
    """
    array = np.asarray(times, dtype=float)
    penalties = factor * np.asarray(time_limits, dtype=float)
    return np.where(np.asarray(solved, dtype=bool) | np.isnan(array), array, penalties)


def mean_curve(curves: Sequence[Curve], times: ArrayLike) -> np.ndarray:
    """Mean of step functions at given times: the gap over time of a solver on many instances."""
    if not curves:
        raise ValueError("a mean curve needs at least one curve.")
    total = np.zeros(np.shape(times))
    for curve in curves:
        total += curve_values(curve, times)
    return total / len(curves)
