"""The summary of an experiment: one row per group of instances and solver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cosolve.evaluation.derived import with_one_reference, with_refuted_proofs_withdrawn
from cosolve.evaluation.metrics import penalised_runtimes, shifted_geometric_mean
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.scores import (
    TARGET_GAP,
    Metric,
    group_label,
    instance_keys,
    is_solved,
    reached_gap,
    score_all,
    took_place,
)
from cosolve.evaluation.statistics import Interval, bootstrap_interval

#: Name of the group that holds all instances.
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """
    How one solver did on one group of instances.

    Means over seeds are taken first, within each instance; then each instance counts once. What cannot be computed is
    ``None``: no instance with a reference, no run, a failure without a time limit to count it at.

    Parameters
    ----------
    group, solver
        Label of the group ("tsp / easy", or :data:`ALL`), and of the solver.
    instances, runs, not_run
        Instances that were run, runs on them, and records of runs that never took place (their failures are in
        ``failures``; they are in none of the numbers below).
    with_reference, doubtful
        Instances with a reference, and how many of those references are doubted.
    feasible_share
        Share of runs with a verified solution.
    solved_share
        Share of runs that proved their answer.
    reached_share
        Share of runs as good as the reference, of those that have one.
    mean_gap, gap_interval, std_gap, median_gap
        Primal gap, failures as 1: mean over instances, its bootstrap interval (95 %), sample standard deviation,
        median.
    gap_of_feasible
        Mean gap of the runs with a solution alone, over the instances that have one. Never read it without
        ``feasible_share``.
    mean_optimality_gap
        Gap of solution and bound; 1 for solvers without bounds.
    sgm_time, sgm_amortised_time
        Shifted geometric mean (shift 1 s) of the seconds until the solver returned, failures at the time limit; the
        second counts a run in a batch by its share of the batch.
    target_time
        Shifted geometric mean of the seconds until the reference was reached, the time limit if it was not.
    par2
        Mean seconds, runs without a proof at twice their time limit.
    primal_integral, primal_dual_integral
        Means of the integrals divided by the time limit, in [0, 1].
    new_bests
        Instances on which a run was better than the reference.
    contradictions
        Runs whose bound, or proof that there is no solution, excludes the reference or a verified solution of another
        run. Theirs is no proof.
    failures
        Number of records by kind of failure.
    peak_memory
        Most bytes that a run took.
    """

    group: str
    solver: str
    instances: int
    runs: int
    not_run: int
    with_reference: int
    doubtful: int
    feasible_share: float | None
    solved_share: float | None
    reached_share: float | None
    mean_gap: float | None
    gap_interval: Interval | None
    std_gap: float | None
    median_gap: float | None
    gap_of_feasible: float | None
    mean_optimality_gap: float | None
    sgm_time: float | None
    sgm_amortised_time: float | None
    target_time: float | None
    par2: float | None
    primal_integral: float | None
    primal_dual_integral: float | None
    new_bests: int
    contradictions: int
    failures: Mapping[Failure, int]
    peak_memory: int | None


def summarise(
    records: Sequence[Record],
    *,
    group: Callable[[Record], str] = group_label,
    target_gap: float = TARGET_GAP,
    confidence: float = 0.95,
) -> list[SummaryRow]:
    """
    Summarise records by group and solver.

    Parameters
    ----------
    records
        Of one or more suites, in any order. All runs on an instance are measured against the best reference that one
        of them has.
    group
        Label of the group that a record belongs to; by default its problem and set.
    target_gap
        Primal gap from which a run is as good as the reference.
    confidence
        Coverage of the intervals.

    Returns
    -------
    list of SummaryRow
        Groups and solvers in order of appearance; at the end, if there are several groups, all instances together.
    """
    records, _ = with_one_reference(records)
    keys = instance_keys(records)
    groups = [group(record) for record in records]
    cells: dict[tuple[str, str], list[int]] = {}
    for i, (name, record) in enumerate(zip(groups, records)):
        cells.setdefault((name, record.solver), []).append(i)
    order = {name: None for name in groups}
    solvers = {record.solver: None for record in records}
    columns = _Columns(records, keys, target_gap)
    rows = [
        columns.row(name, solver, cells[name, solver], confidence)
        for name in order
        for solver in solvers
        if (name, solver) in cells
    ]
    if len(order) > 1:
        for solver in solvers:
            indices = [i for name in order for i in cells.get((name, solver), ())]
            rows.append(columns.row(ALL, solver, indices, confidence))
    return rows


class _Columns:
    """The numbers of all records as arrays."""

    def __init__(self, records: Sequence[Record], keys: Sequence[Hashable], target_gap: float) -> None:
        records, contradicts = with_refuted_proofs_withdrawn(records)
        codes: dict[Hashable, int] = {}
        self.records = records
        self.instance = np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.intp)
        self.took_place = np.array([took_place(r) for r in records], dtype=bool)
        self.feasible = np.array([r.is_feasible for r in records], dtype=bool)
        self.solved = np.array([is_solved(r) for r in records], dtype=bool)
        self.new_best = np.array([r.is_new_best for r in records], dtype=bool)
        self.contradicts = np.array(contradicts, dtype=bool)
        self.doubtful = np.array([r.reference is not None and bool(r.reference.doubt) for r in records], dtype=bool)
        self.scores = score_all(records, tuple(Metric), target_gap=target_gap)
        limits = [np.inf if r.time_limit is None else r.time_limit for r in records]
        self.par2 = penalised_runtimes(self.scores[Metric.TIME], self.solved, limits)
        targets = np.array([reached_gap(r, target_gap) for r in records], dtype=float)
        self.reached = np.where(np.isnan(self.scores[Metric.GAP]), np.nan, self.scores[Metric.GAP] <= targets)

    def row(self, group: str, solver: str, indices: Sequence[int], confidence: float) -> SummaryRow:
        everything = np.asarray(indices, dtype=np.intp)
        ran = everything[self.took_place[everything]]
        instance = self.instance[ran]

        def means(values: np.ndarray) -> np.ndarray:
            return _means_by(instance, values[ran])

        gaps = means(self.scores[Metric.GAP])
        solution_gaps = means(np.where(self.feasible, self.scores[Metric.GAP], np.nan))
        optimality_gaps = means(self.scores[Metric.OPTIMALITY_GAP])
        failures = Counter(f for i in indices if (f := self.records[i].failure) is not None)
        memory = [m for i in ran.tolist() if (m := self.records[i].peak_memory) is not None]
        return SummaryRow(
            group=group,
            solver=solver,
            instances=len(np.unique(instance)),
            runs=len(ran),
            not_run=len(everything) - len(ran),
            with_reference=len(gaps),
            doubtful=len(np.unique(instance[self.doubtful[ran]])),
            feasible_share=_mean(means(self.feasible)),
            solved_share=_mean(means(self.solved)),
            reached_share=_mean(means(self.reached)),
            mean_gap=_mean(gaps),
            gap_interval=bootstrap_interval(gaps, confidence=confidence),
            std_gap=float(gaps.std(ddof=1)) if len(gaps) > 1 else None,
            median_gap=float(np.median(gaps)) if len(gaps) else None,
            gap_of_feasible=_mean(solution_gaps),
            mean_optimality_gap=_mean(optimality_gaps),
            sgm_time=_geometric_mean(means(self.scores[Metric.TIME])),
            sgm_amortised_time=_geometric_mean(means(self.scores[Metric.AMORTISED_TIME])),
            target_time=_geometric_mean(means(self.scores[Metric.TARGET_TIME])),
            par2=_mean(means(self.par2)),
            primal_integral=_mean(means(self.scores[Metric.PRIMAL_INTEGRAL])),
            primal_dual_integral=_mean(means(self.scores[Metric.PRIMAL_DUAL_INTEGRAL])),
            new_bests=len(np.unique(instance[self.new_best[ran]])),
            contradictions=int(self.contradicts[ran].sum()),
            failures=dict(failures),
            peak_memory=max(memory, default=None),
        )


def _means_by(instance: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of the known values of each instance that has one."""
    is_known = ~np.isnan(np.asarray(values, dtype=float))
    _, codes, counts = np.unique(instance[is_known], return_inverse=True, return_counts=True)
    return np.bincount(codes, weights=values[is_known], minlength=len(counts)) / counts


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) and np.isfinite(values).all() else None


def _geometric_mean(values: np.ndarray) -> float | None:
    return shifted_geometric_mean(values) if len(values) and np.isfinite(values).all() else None
