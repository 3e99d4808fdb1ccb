"""
FrontierCO's own two numbers, for comparison with its tables.

The benchmark [1]_ reports the arithmetic mean of a symmetric primal gap and a geometric mean of run times. Its paper
and its script ``compute_baseline_results.py`` differ; both are here, flaws included (``docs/metrics.md`` lists them).

References
----------
.. [1] Feng, S., Sun, W., Li, S., Talwalkar, A., Yang, Y. (2026). FrontierCO: Real-World and Large-Scale Evaluation of
       Machine Learning Solvers for Combinatorial Optimization. *International Conference on Learning Representations*.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from cosolve.core.gap import relative_gap
from cosolve.evaluation.records import Record
from cosolve.evaluation.scores import group_label, took_place

#: Seconds that a run without a solution counts.
FAILURE_TIME = 3600.0

#: Seconds that the script adds to run times before it takes their logarithm, and does not take off again.
SCRIPT_SHIFT = 0.1

Variant = Literal["script", "paper"]


class Result(NamedTuple):
    """A row of a file of results: ``None`` for a value that is missing or no number."""

    instance: str
    objective: float | None
    time: float | None


@dataclass(frozen=True)
class FrontierCOScore:
    """
    The two numbers.

    Parameters
    ----------
    gap
        Arithmetic mean of the gaps.
    time
        Geometric mean of the run times in seconds; NaN if the script has no row to take one from.
    instances
        Number of gaps in the mean.
    failures
        How many of them count as gap 1 for want of a result.
    """

    gap: float
    time: float
    instances: int
    failures: int


def script_gap(objective: float, reference: float) -> float:
    """
    Gap as the script computes it: ``|c - c*| / max(|c|, |c*|)`` and 1 if both are 0.

    It is above 0 for an objective better than the reference, and up to 2 if the signs differ.
    """
    scale = max(abs(objective), abs(reference))
    return 1.0 if scale == 0 else abs(objective - reference) / scale


def paper_gap(objective: float, reference: float) -> float:
    """
    Gap as the paper defines it: the script's, but 1 if the signs differ.

    The paper leaves 0 against 0 undefined; here it is 0, as in the gap's source (Berthold 2013).
    """
    return relative_gap(objective, reference)


def score_results(
    references: Sequence[tuple[str, float]], results: Sequence[Result], variant: Variant = "script"
) -> FrontierCOScore:
    """
    The two numbers of one method on one set.

    Parameters
    ----------
    references
        Instances and reference values. If one is repeated, the last value holds.
    results
        Rows of the method.
    variant
        "script": every row of ``results`` is a gap, and rows that are fewer than the references add gaps of 1 but no
        times; an instance without a reference, or a row that lacks objective or time, has gap 1 and time 3600 s; the
        time is ``exp(mean(log(t + 0.1)))``. "paper": every reference instance counts, one without a row or an objective
        has gap 1 and time 3600 s; the time is the plain geometric mean.

    Raises
    ------
    ValueError
        If the variant is unknown, or there is nothing to average.
    """
    if variant not in ("script", "paper"):
        raise ValueError(f"variant must be 'script' or 'paper', got {variant!r}.")
    known = dict(references)
    if variant == "script":
        gaps, times, failures = _by_script(known, results, len(references))
    else:
        gaps, times, failures = _by_paper(known, results)
    if not gaps:
        raise ValueError("there are neither references nor results to average.")
    shift = SCRIPT_SHIFT if variant == "script" else 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        time = float(np.exp(np.mean(np.log(np.array(times) + shift)))) if times else math.nan
    return FrontierCOScore(float(np.mean(gaps)), time, len(gaps), failures)


def _by_script(
    references: Mapping[str, float], results: Sequence[Result], num_references: int
) -> tuple[list[float], list[float], int]:
    gaps, times, failures = [], [], 0
    for instance, objective, time in results:
        if instance not in references or objective is None or time is None:
            gaps.append(1.0)
            times.append(FAILURE_TIME)
            failures += 1
        else:
            gaps.append(script_gap(objective, references[instance]))
            times.append(time)
    num_absent = max(num_references - len(gaps), 0)
    return gaps + [1.0] * num_absent, times, failures + num_absent


def _by_paper(references: Mapping[str, float], results: Sequence[Result]) -> tuple[list[float], list[float], int]:
    rows: dict[str, list[Result]] = {instance: [] for instance in references}
    for result in results:
        if result.instance in rows:
            rows[result.instance].append(result)
    gaps, times, failures = [], [], 0
    for instance, reference in references.items():
        for _, objective, time in rows[instance] or [Result(instance, None, None)]:
            if objective is None:
                gaps.append(1.0)
                times.append(FAILURE_TIME)
                failures += 1
            else:
                gaps.append(paper_gap(objective, reference))
                times.append(FAILURE_TIME if time is None else time)
    return gaps, times, failures


# -- files ------------------------------------------------------------------------------------------------


def score_files(
    references: str | os.PathLike[str], results: str | os.PathLike[str], variant: Variant = "script"
) -> FrontierCOScore:
    """
    The two numbers from the benchmark's CSV files.

    Parameters
    ----------
    references
        Columns ``Instance`` and ``PrimalBound``.
    results
        Columns ``Instance``, ``Objective`` and ``Time``. For the paper's variant the time may be called ``Runtime``, as
        the benchmark's own summaries do; its script does not know that name and counts every row as a failure.
    variant
        As in :func:`score_results`.

    Raises
    ------
    ValueError
        If a column is missing or a reference is no number; the message names file and line.
    """
    bounds = []
    for line, row in _rows(Path(references), ("Instance", "PrimalBound")):
        bound = _number(row["PrimalBound"])
        if bound is None:
            raise ValueError(f"{references}:{line}: PrimalBound must be a number, got {row['PrimalBound']!r}.")
        bounds.append((row["Instance"], bound))
    rows = []
    for _, row in _rows(Path(results), ("Instance",)):
        time = row.get("Time")
        if time is None and variant == "paper":
            time = row.get("Runtime")
        rows.append(Result(row["Instance"], _number(row.get("Objective")), _number(time)))
    return score_results(bounds, rows, variant)


def _rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}:1: there is no column {missing[0]!r}.")
        for row in reader:
            yield reader.line_num, row


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return None if math.isnan(value) else value


# -- records ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FrontierCORow:
    """
    The two numbers of one solver on one group of instances.

    Parameters
    ----------
    group, solver
        Labels.
    score
        The numbers; every run is a row of its own, so that seeds weigh like instances.
    left_out
        Records without a run or a reference.
    judge
        Rules that the solutions were judged by: "strict", "frontierco", or "mixed". Only under "frontierco" are they
        those of the benchmark's own harness.
    """

    group: str
    solver: str
    score: FrontierCOScore
    left_out: int
    judge: str


def score_records(
    records: Sequence[Record], variant: Variant = "script", *, group: Callable[[Record], str] = group_label
) -> list[FrontierCORow]:
    """
    The two numbers per group and solver, in order of appearance; those without any run that can be scored are left out.

    A failed run that kept a verified solution counts with it, as the benchmark scores the last solution before a crash.

    Parameters
    ----------
    records
        Of one or more suites.
    variant
        As in :func:`score_results`.
    group
        Label of the group that a record belongs to.
    """
    cells: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        cells.setdefault((group(record), record.solver), []).append(record)
    rows = []
    for (name, solver), members in cells.items():
        references: dict[Hashable, tuple[str, float]] = {}
        results = []
        for record in members:
            if took_place(record) and record.reference is not None:
                label = f"{record.problem}/{record.group}/{record.case}"
                references[label] = (label, record.reference.value)
                time = record.times.solve if record.times.solve is not None else record.time_limit
                results.append(Result(label, record.objective, time))
        if results:
            score = score_results(list(references.values()), results, variant)
            judges = {record.judge for record in members}
            judge = judges.pop() if len(judges) == 1 else "mixed"
            rows.append(FrontierCORow(name, solver, score, len(members) - len(results), judge))
    return rows
