"""The summary as rows of text, for the terminal and for LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosolve.evaluation.frontierco import FrontierCORow, score_records
from cosolve.evaluation.records import Record
from cosolve.evaluation.report import words
from cosolve.evaluation.summary import SummaryRow, summarise


@dataclass(frozen=True)
class Table:
    """
    Text in rows and columns.

    Parameters
    ----------
    header
        Names of the columns; the first names the group, the second the solver.
    groups
        Rows, group by group.
    best
        For each row of each group, whether its mean gap is the lowest of the group.
    """

    header: tuple[str, ...]
    groups: tuple[tuple[tuple[str, ...], ...], ...]
    best: tuple[tuple[bool, ...], ...]


def summary_table(records: Sequence[Record]) -> Table:
    """
    One row per group of instances and solver, strict metrics.

    Parameters
    ----------
    records
        As :func:`cosolve.evaluation.report.collect.collect` returns them.
    """
    header = (
        "group",
        "solver",
        "instances",
        "mean gap",
        "95 % interval",
        "median",
        "gap if feasible",
        "feasible",
        "proven",
        "time",
        "new bests",
        "failures",
    )
    rows = summarise(records)
    names = list(dict.fromkeys(row.group for row in rows))
    grouped = [[row for row in rows if row.group == name] for name in names]
    return Table(
        header,
        tuple(tuple(_cells(row) for row in group) for group in grouped),
        tuple(best_of(group) for group in grouped),
    )


def frontierco_table(records: Sequence[Record]) -> Table:
    """
    FrontierCO's own two numbers for each group and solver, by its script's formulas and by its paper's.

    Parameters
    ----------
    records
        References must be those of the suites: gaps to a best solution among the runs are no FrontierCO gaps.
    """
    header = ("group", "solver", "runs", "mean gap", "time", "gap (paper)", "time (paper)", "failures", "judged by")
    papers = {(row.group, row.solver): row for row in score_records(records, "paper")}
    grouped: dict[str, list[FrontierCORow]] = {}
    for row in score_records(records, "script"):
        grouped.setdefault(row.group, []).append(row)

    def cells(row: FrontierCORow) -> tuple[str, ...]:
        paper = papers[row.group, row.solver].score
        return (
            row.group,
            row.solver,
            str(row.score.instances),
            words.percent(row.score.gap),
            words.seconds(row.score.time),
            words.percent(paper.gap),
            words.seconds(paper.time),
            str(row.score.failures),
            f"{row.judge} rules",
        )

    return Table(
        header,
        tuple(tuple(cells(row) for row in rows) for rows in grouped.values()),
        tuple(best_rows([row.score.gap for row in rows]) for rows in grouped.values()),
    )


def best_of(rows: Sequence[SummaryRow]) -> tuple[bool, ...]:
    """Which rows of a group have the lowest mean gap, of those that ran all instances that anyone ran."""
    most = max((row.with_reference for row in rows), default=0)
    return best_rows([row.mean_gap if row.with_reference == most else None for row in rows])


def best_rows(gaps: Sequence[float | None]) -> tuple[bool, ...]:
    """Which of several values is the lowest; none if all are the same."""
    known = [gap for gap in gaps if gap is not None]
    is_decided = len(set(known)) > 1
    return tuple(is_decided and gap == min(known) for gap in gaps)


def _cells(row: SummaryRow) -> tuple[str, ...]:
    interval = row.gap_interval
    return (
        row.group,
        row.solver,
        str(row.instances),
        words.percent(row.mean_gap),
        words.NONE if interval is None else f"{words.percent(interval.low)} .. {words.percent(interval.high)}",
        words.percent(row.median_gap),
        words.percent(row.gap_of_feasible),
        words.share(row.feasible_share),
        words.share(row.solved_share),
        words.seconds(row.sgm_time),
        str(row.new_bests),
        words.failures(row.failures),
    )
