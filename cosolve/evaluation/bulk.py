"""Integrals and times to target of many runs at once: the numbers of ``scores``, without a Python loop per point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from cosolve.evaluation.metrics import NOISE
from cosolve.evaluation.records import Record


@dataclass(frozen=True)
class Curves:
    """
    Step functions of many runs, end to end.

    Parameters
    ----------
    run
        Index of the run that each point belongs to, ascending.
    time, value
        Seconds, ascending within a run and 0 at its first point, and value from then on.
    num_runs
        Number of runs; each has at least one point.
    """

    run: np.ndarray
    time: np.ndarray
    value: np.ndarray
    num_runs: int

    def integrals(self, ends: np.ndarray) -> np.ndarray:
        """Area of each run below its curve, from time 0 to its end; NaN or infinite ends give NaN."""
        starts, stops = self.time, np.append(self.time[1:], 0.0)
        is_last = np.append(self.run[1:] != self.run[:-1], True)
        is_finite = np.isfinite(ends)
        limits = np.where(is_finite, ends, 0.0)[self.run]
        stops = np.where(is_last, limits, np.minimum(stops, limits))
        areas = np.bincount(self.run, self.value * np.maximum(stops - starts, 0.0), minlength=self.num_runs)
        return np.where(is_finite, areas, np.nan)

    def first_times(self, targets: np.ndarray) -> np.ndarray:
        """Time at which each run is at its target or below for the first time, infinite if it never is."""
        times = np.full(self.num_runs, np.inf)
        is_there = self.value <= targets[self.run]
        np.minimum.at(times, self.run[is_there], self.time[is_there])
        return times


def gaps_beyond_noise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """:func:`cosolve.evaluation.metrics.gap_beyond_noise` of each pair, NaN for a missing value."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distances = np.abs(a - b)
        gaps = distances / np.maximum(np.abs(a), np.abs(b))
        is_missing = ~(np.isfinite(a) & np.isfinite(b))
        is_opposite = (a < 0) & (b > 0) | (b < 0) & (a > 0)
    return np.where(is_missing, 1.0, np.where(distances <= NOISE, 0.0, np.where(is_opposite, 1.0, gaps)))


def primal_gaps(objective: np.ndarray, reference: np.ndarray, is_max: np.ndarray) -> np.ndarray:
    """:func:`cosolve.evaluation.metrics.primal_gap` of each pair, NaN for a missing value."""
    is_reached = np.isfinite(objective) & np.where(is_max, objective >= reference, objective <= reference)
    return np.where(is_reached, 0.0, gaps_beyond_noise(objective, reference))


def gap_curves(records: Sequence[Record]) -> Curves:
    """The curves of :func:`cosolve.evaluation.scores.gap_curve`; all 1 where a run has none."""
    run, time, objective, _ = _points(records)
    reference = _floats(
        None if r.reference is None or r.sense is None or r.is_untimed else r.reference.value for r in records
    )
    is_max = np.array([r.sense == "max" for r in records], dtype=bool)
    verified = _floats(r.objective for r in records)
    final = np.where(np.isnan(reference), 1.0, primal_gaps(verified, reference, is_max))
    gaps = primal_gaps(objective, reference[run], is_max[run])
    # Nothing counts for more than the verified solution, and without one nothing counts.
    run, time, gaps = _improvements(run, time, np.maximum(np.where(np.isnan(reference[run]), 1.0, gaps), final[run]))
    last = np.zeros(len(records))
    np.maximum.at(last, run, time)
    found = _floats(_first_known(r.times.best, r.times.solve, r.time_limit, 0.0) for r in records)
    everyone = np.arange(len(records))
    order = np.argsort(np.concatenate([run, everyone]), kind="stable")
    run, time, gaps = (
        np.concatenate(parts)[order] for parts in ((run, everyone), (time, np.maximum(found, last)), (gaps, final))
    )
    return Curves(*_improvements(run, time, gaps), len(records))


def primal_dual_gap_curves(records: Sequence[Record]) -> Curves:
    """The curves of :func:`cosolve.evaluation.metrics.primal_dual_gap_curve`; all 1 where no solution is verified."""
    run, time, objective, bound = _points(records)
    has_solution = np.array([r.is_feasible for r in records], dtype=bool)
    gaps = np.where(has_solution[run], gaps_beyond_noise(objective, bound), 1.0)
    return Curves(run, time, gaps, len(records))


def _points(records: Sequence[Record]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Run, time, objective and bound of all points, each run's preceded by one at time 0 that knows nothing."""
    lengths = np.array([len(r.trajectory) + 1 for r in records], dtype=np.intp)
    run = np.repeat(np.arange(len(records)), lengths)
    is_start = np.append(True, run[1:] != run[:-1])[: len(run)]
    points = list(chain.from_iterable(r.trajectory for r in records))
    columns = []
    for values, start in (
        ([max(p.time, 0.0) for p in points], 0.0),
        ([p.objective for p in points], np.nan),
        ([p.bound for p in points], np.nan),
    ):
        column = np.full(len(run), start)
        column[~is_start] = np.array(values, dtype=float)
        columns.append(column)
    return run, columns[0], columns[1], columns[2]


def _improvements(run: np.ndarray, time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first point of each run and those below all before them."""
    levels, rank = np.unique(value, return_inverse=True)
    # One running minimum for all runs: each run's ranks lie below those of the run before.
    offset = run * len(levels)
    lowest = np.minimum.accumulate(rank - offset) + offset
    is_first = np.append(True, run[1:] != run[:-1])[: len(run)]
    is_kept = is_first | np.append(True, lowest[1:] < lowest[:-1])[: len(run)]
    return run[is_kept], time[is_kept], value[is_kept]


def _first_known(*values: float | None) -> float | None:
    return next(value for value in values if value is not None)


def _floats(values: Any) -> np.ndarray:
    return np.array(list(values), dtype=float)
