"""
Records to numbers: one score per run and metric, and tables of instances x solvers.

Every score is better when lower. A run that failed gets the worst score that its metric has, never none: dropping it
would reward a solver for giving up where it is hard. A run that never took place (no such file, no such solver here, a
problem that the solver does not handle) has no score; whoever pairs solvers uses the instances that both ran and says
how many.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from cosolve.core.gap import relative_gap
from cosolve.core.instance import Sense
from cosolve.core.result import Status
from cosolve.evaluation.bulk import gap_curves, primal_dual_gap_curves
from cosolve.evaluation.metrics import (
    Curve,
    is_new_best,
    primal_dual_integral,
    primal_gap_curve,
    step_integral,
    time_to_target,
)
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.references import ReferenceKind
from cosolve.evaluation.statistics import EXACT_TOLERANCE, TIE_TOLERANCE

#: Failures of the surroundings: the solver was never asked.
NOT_RUN = frozenset({Failure.MISSING, Failure.UNREADABLE, Failure.UNAVAILABLE, Failure.UNSUPPORTED})

#: A run is as good as the reference if its primal gap is at most this; published values are rounded.
TARGET_GAP = 1e-6

#: Proofs that there is no optimum.
_ANSWERS = frozenset({Status.INFEASIBLE, Status.UNBOUNDED, Status.INFEASIBLE_OR_UNBOUNDED})

#: What only a proof can say.
PROOFS = _ANSWERS | {Status.OPTIMAL}


class Metric(enum.StrEnum):
    """What a run is scored by; lower is better."""

    GAP = "gap"
    """Primal gap to the reference, 1 without a solution."""
    OPTIMALITY_GAP = "optimality-gap"
    """Gap of the solver's solution and bound, 1 if either is missing."""
    TIME = "time"
    """Seconds until the solver returned, the time limit without an answer."""
    AMORTISED_TIME = "amortised-time"
    """As ``TIME``, but a run in a batch counts its share of the batch."""
    TARGET_TIME = "target-time"
    """Seconds until the reference was reached, the time limit if it was not."""
    PRIMAL_INTEGRAL = "primal-integral"
    """Primal integral divided by the time limit."""
    PRIMAL_DUAL_INTEGRAL = "primal-dual-integral"
    """Primal-dual integral divided by the time limit."""


#: Metrics that need to know when something happened.
_TIMED = frozenset({Metric.TIME, Metric.AMORTISED_TIME, Metric.TARGET_TIME, Metric.PRIMAL_INTEGRAL})


# -- facts of one run -------------------------------------------------------------------------------------


def took_place(record: Record) -> bool:
    """Whether the solver was run at all."""
    return record.failure not in NOT_RUN


def contradicts_reference(record: Record) -> bool:
    """
    Whether a solver's claim excludes the reference: a bound beyond it, a proof that there is no solution, or one that
    there is no optimum where the reference is one.

    One of the two is wrong. References that are doubted or under another rounding than the instance's prove nothing.
    """
    reference = record.reference
    if reference is None or record.sense is None or not reference.is_trusted:
        return False
    if record.status is Status.INFEASIBLE or (reference.kind is ReferenceKind.OPTIMAL and record.status in _ANSWERS):
        return True
    if record.bound is None:
        return False
    opposite: Sense = "max" if record.sense == "min" else "min"
    return is_new_best(record.bound, reference.value, opposite, **record.precision)


def reached_gap(record: Record, target_gap: float = TARGET_GAP) -> float:
    """
    Primal gap up to which a run counts as having reached a target.

    It is the target itself, but of a target as small as :data:`TARGET_GAP`, which stands for the reference, integers
    must not miss a unit: at ten million, 1e-6 would be ten.
    """
    reference = record.reference
    if target_gap > TARGET_GAP or reference is None or not (record.is_integral and reference.rounding == "instance"):
        return target_gap
    worse = reference.value + (-0.5 if record.sense == "max" else 0.5)
    return math.nextafter(relative_gap(worse, reference.value), 0.0)


def is_solved(record: Record) -> bool:
    """Whether the solver proved its answer: optimal, or that there is no optimum; and nothing speaks against it."""
    if record.failure is not None or contradicts_reference(record):
        return False
    return record.status in _ANSWERS or (record.status is Status.OPTIMAL and record.is_feasible)


def is_answered(record: Record) -> bool:
    """Whether the run ended as it should, with a solution or a proof that there is none."""
    return record.failure is None and (record.is_feasible or is_solved(record))


def untimed_solvers(records: Sequence[Record]) -> set[str]:
    """
    Labels of saved solutions of which one is untimed: they have no times at all.

    The mean over the others would be one of chosen runs, and that over the failures alone the time limit.
    """
    return {record.solver for record in records if took_place(record) and record.is_saved and record.is_untimed}


def run_time(record: Record) -> float:
    """
    Seconds until the solver returned.

    A run without an answer, or with a failure after it, counts its time limit, infinity where it had none. NaN if the
    time is unknown, as with saved solutions.
    """
    if record.is_untimed:
        return math.nan
    if not is_answered(record):
        return _limit(record)
    return math.nan if record.times.solve is None else record.times.solve


def amortised_time(record: Record) -> float:
    """As :func:`run_time`, a batch's latency divided by its size."""
    return record.batch.amortised if record.batch is not None and is_answered(record) else run_time(record)


def gap_curve(record: Record) -> Curve | None:
    """
    Primal gap over time, as the integral, the time to target and the pictures use it.

    Only what the judge saw counts: no point is better than the verified objective of the end, and without one the curve
    stays at 1. A solution without a time is known from the solver's return on.

    Returns
    -------
    list of (float, float) or None
        ``None`` without a reference, a known sense or a known time.
    """
    final = record.primal_gap
    if final is None or record.reference is None or record.sense is None or record.is_untimed:
        return None
    if record.objective is None:
        return [(0.0, 1.0)]
    curve = primal_gap_curve(record.trajectory, record.reference.value, record.sense)
    if curve[-1][1] < final:
        curve = [(time, max(gap, final)) for time, gap in curve]
    elif curve[-1][1] > final:
        known = [t for t in (record.times.best, record.times.solve, record.time_limit) if t is not None]
        curve.append((max(known[0] if known else 0.0, curve[-1][0]), final))
    return curve


def score(record: Record, metric: Metric | str, *, target_gap: float = TARGET_GAP) -> float:
    """
    One number for one run, better when lower.

    Parameters
    ----------
    record
        Of the run.
    metric
        What to score.
    target_gap
        Primal gap that ``target-time`` waits for.

    Returns
    -------
    float
        NaN if the run never took place, or the metric needs what is not known (a reference, a time limit, a time).
    """
    return _SCORES[Metric(metric)](record, target_gap) if took_place(record) else math.nan


def score_all(
    records: Sequence[Record], metrics: Sequence[Metric], *, target_gap: float = TARGET_GAP
) -> dict[Metric, np.ndarray]:
    """
    Scores of many runs by several metrics, the same as :func:`score` gives one by one but faster.

    A solver of which one run has no known time has none in all of them: see :func:`untimed_solvers`.

    Returns
    -------
    dict
        For each metric one number per record.
    """
    is_run = np.array([took_place(record) for record in records], dtype=bool)
    limits = np.array([record.time_limit or np.inf for record in records], dtype=float)
    found: dict[Metric, np.ndarray] = {}
    if not {Metric.TARGET_TIME, Metric.PRIMAL_INTEGRAL}.isdisjoint(metrics):
        curves = gap_curves(records)
        has_curve = np.array(
            [r.reference is not None and r.sense is not None and not r.is_untimed for r in records], dtype=bool
        )
        targets = np.array([reached_gap(record, target_gap) for record in records], dtype=float)
        capped = np.minimum(curves.first_times(targets), [_limit(record) for record in records])
        found[Metric.TARGET_TIME] = np.where(has_curve, capped, np.nan)
        found[Metric.PRIMAL_INTEGRAL] = np.where(has_curve, curves.integrals(limits) / limits, np.nan)
    if Metric.PRIMAL_DUAL_INTEGRAL in metrics:
        found[Metric.PRIMAL_DUAL_INTEGRAL] = primal_dual_gap_curves(records).integrals(limits) / limits
    for metric in metrics:
        if metric not in found:
            one = _SCORES[metric]
            found[metric] = np.array([one(record, target_gap) for record in records], dtype=float)
    untimed = untimed_solvers(records)
    is_timed = is_run & np.array([record.solver not in untimed for record in records], dtype=bool)
    return {m: np.where(is_timed if m in _TIMED else is_run, found[m], np.nan) for m in metrics}


def _limit(record: Record) -> float:
    return math.inf if record.time_limit is None else record.time_limit


def _gap(record: Record, _: float) -> float:
    gap = record.primal_gap
    return math.nan if gap is None else gap


def _target_time(record: Record, target_gap: float) -> float:
    curve = gap_curve(record)
    if curve is None:
        return math.nan
    reached = time_to_target(curve, reached_gap(record, target_gap))
    return min(math.inf if reached is None else reached, _limit(record))


def _primal_integral(record: Record, _: float) -> float:
    curve, limit = gap_curve(record), record.time_limit
    return math.nan if curve is None or not limit else step_integral(curve, limit) / limit


def _primal_dual_integral(record: Record, _: float) -> float:
    limit = record.time_limit
    if not limit:
        return math.nan
    return 1.0 if record.objective is None else primal_dual_integral(record.trajectory, limit) / limit


_SCORES: dict[Metric, Callable[[Record, float], float]] = {
    Metric.GAP: _gap,
    Metric.OPTIMALITY_GAP: lambda record, _: record.optimality_gap,
    Metric.TIME: lambda record, _: run_time(record),
    Metric.AMORTISED_TIME: lambda record, _: amortised_time(record),
    Metric.TARGET_TIME: _target_time,
    Metric.PRIMAL_INTEGRAL: _primal_integral,
    Metric.PRIMAL_DUAL_INTEGRAL: _primal_dual_integral,
}


# -- many runs --------------------------------------------------------------------------------------------


def instance_keys(records: Sequence[Record]) -> list[Hashable]:
    """
    What makes two records belong to the same instance: its digest, or its name where no run could read it.

    Returns
    -------
    list
        One key per record.
    """
    digests: dict[Hashable, str] = {(r.problem, r.group, r.case): r.digest for r in records if r.digest is not None}
    names = [(r.problem, r.group, r.case) for r in records]
    return [(r.problem, digests.get(name, name) if r.digest is None else r.digest) for r, name in zip(records, names)]


def group_label(record: Record) -> str:
    """Problem and set ("tsp / easy"): what the rows of a table are grouped by."""
    return " / ".join(part for part in (record.problem, record.group) if part)


@dataclass(frozen=True)
class ScoreTable:
    """
    Scores of solvers on instances, means over seeds.

    Parameters
    ----------
    instances, solvers
        Names of rows and columns; a row's name is the case's.
    values
        Shape (instances, solvers), lower is better, NaN where no run took place.
    tolerances
        Of each instance: differences up to this are ties.
    """

    instances: tuple[str, ...]
    solvers: tuple[str, ...]
    values: np.ndarray
    tolerances: np.ndarray

    def complete(self) -> ScoreTable:
        """The instances that every solver ran."""
        rows = ~np.isnan(self.values).any(axis=1)
        names = tuple(name for name, is_kept in zip(self.instances, rows) if is_kept)
        return ScoreTable(names, self.solvers, self.values[rows], self.tolerances[rows])


def score_table(
    records: Sequence[Record], metric: Metric | str = Metric.GAP, *, target_gap: float = TARGET_GAP
) -> ScoreTable:
    """
    Table of instances x solvers; the runs of one solver on one instance are averaged first, so that an instance
    counts once whatever the number of seeds.

    Parameters
    ----------
    records
        Of any number of suites; solvers are told apart by label, instances by content.
    metric, target_gap
        As in :func:`score`.
    """
    cases = _Codes()
    solvers = _Codes()
    rows = np.array([cases.code(key) for key in instance_keys(records)], dtype=np.intp)
    columns = np.array([solvers.code(record.solver) for record in records], dtype=np.intp)
    names: dict[int, str] = {}
    for row, record in zip(rows.tolist(), records):
        names.setdefault(row, record.case)
    values = score_all(records, (Metric(metric),), target_gap=target_gap)[Metric(metric)]
    shape = (len(cases), len(solvers))
    means = _mean_by_cell(rows, columns, values, shape)
    tolerances = np.full(len(cases), TIE_TOLERANCE)
    if Metric(metric) is Metric.GAP:
        real = rows[np.array([not record.is_integral for record in records], dtype=bool)]
        tolerances = np.where(np.isin(np.arange(len(cases)), real), TIE_TOLERANCE, EXACT_TOLERANCE)
    return ScoreTable(tuple(names.values()), tuple(map(str, solvers)), means, tolerances)


def _mean_by_cell(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mean of the values that fall into each cell, NaN for cells without any; NaN values are left out."""
    is_known = ~np.isnan(values)
    cells = rows[is_known] * shape[1] + columns[is_known]
    size = shape[0] * shape[1]
    counts = np.bincount(cells, minlength=size)
    totals = np.bincount(cells, weights=values[is_known], minlength=size)
    means = np.divide(totals, counts, out=np.full(size, np.nan), where=counts > 0)
    return means.reshape(shape)


class _Codes(dict[Hashable, int]):
    """Consecutive numbers for things in order of appearance."""

    def code(self, thing: Hashable) -> int:
        return self.setdefault(thing, len(self))
