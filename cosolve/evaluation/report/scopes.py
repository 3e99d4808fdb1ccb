"""Everything statistical in the page, for all records together and for each problem and group."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cosolve.evaluation.derived import with_beaten_references_replaced
from cosolve.evaluation.profiles import Profile, performance_profile, value_profile
from cosolve.evaluation.records import Record
from cosolve.evaluation.report.curves import mean_curves, step_changes
from cosolve.evaluation.scores import (
    Metric,
    ScoreTable,
    group_label,
    score_table,
    took_place,
)
from cosolve.evaluation.statistics import compare_all, rank_solvers
from cosolve.evaluation.summary import ALL

#: The performance profile asks for the time until a run is this close to the reference.
TARGET_GAP = 0.01
#: Level of the tests.
ALPHA = 0.05
#: Seconds below which times count as equal in the performance profile.
TIME_FLOOR = 1e-3
#: Most points of a profile: more steps of equal height can't be told apart in a chart.
_MAX_STEPS = 1_000


@dataclass(frozen=True)
class Scope:
    """
    Records that are summarised together.

    Parameters
    ----------
    label
        "tsp / easy", or "all".
    problem, group
        What its records have in common, ``None`` if they differ.
    records
        The records.
    """

    label: str
    problem: str | None
    group: str | None
    records: tuple[Record, ...]


def scopes(records: Sequence[Record]) -> list[Scope]:
    """All records, and if they are of several groups, those of each; labelled as :func:`summarise` labels its rows."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[group_label(record)].append(record)
    parts = [Scope(label, rows[0].problem, rows[0].group, tuple(rows)) for label, rows in groups.items()]
    return parts if len(parts) == 1 else [Scope(ALL, None, None, tuple(records)), *parts]


def statistics_of(scope: Scope, solvers: Mapping[str, int]) -> dict[str, Any]:
    """
    Curves, profiles, ranking and paired comparisons of a scope as JSON values.

    Parameters
    ----------
    scope
        The records.
    solvers
        Number of each solver in the page.
    """
    ran = [record for record in scope.records if took_place(record)]
    gaps = score_table(ran, Metric.GAP)
    comparable = _comparable(gaps)
    # Where runs beat the reference, gaps to it are 0 for all of them and tell nothing apart.
    between = score_table(with_beaten_references_replaced(ran)[0], Metric.GAP)
    return {
        "curves": mean_curves(ran, solvers),
        "profiles": _profiles(ran, comparable, solvers),
        "ranking": _ranking(_comparable(between), solvers),
        "left_out": sorted({solvers[name] for name in gaps.solvers} - {solvers[name] for name in comparable.solvers}),
        "pairs": _pairs(between, solvers),
    }


def _comparable(table: ScoreTable) -> ScoreTable:
    """
    The solvers that ran at least half of the instances: what takes the instances that all of them ran would be left
    with nothing by a specialist for a few.
    """
    counts = (~np.isnan(table.values)).sum(axis=0)
    is_kept = counts * 2 >= max(int((~np.isnan(table.values)).any(axis=1).sum()), 1)
    names = tuple(name for name, kept in zip(table.solvers, is_kept) if kept)
    return ScoreTable(table.instances, names, table.values[:, is_kept], table.tolerances)


# -- profiles ---------------------------------------------------------------------------------------------------------


def _profiles(records: Sequence[Record], gaps: ScoreTable, solvers: Mapping[str, int]) -> dict[str, Any]:
    # Without a limit, a run that never reached the target counts as never, not as the limit.
    unlimited = [replace(record, stop={}) for record in records if record.solver in gaps.solvers]
    times = _comparable(score_table(unlimited, Metric.TARGET_TIME, target_gap=TARGET_GAP))  # saved solutions have none
    gap = value_profile(gaps.values, gaps.solvers)
    time = performance_profile(times.values, times.solvers, floor=TIME_FLOOR)
    none = "No instance has a reference and was run by all solvers."
    end = float(max(time.thresholds.max(initial=1.0), 10.0))
    return {
        "gap": {"why": None if gap.instances else none, "series": _profile_series(gap, solvers, 1e-4)},
        "time": {
            "why": none if not time.instances else None if time.shares.any() else "No run came that close.",
            "series": _profile_series(time, solvers, 1.0),
            "end": 10.0 ** math.ceil(math.log10(end) - 1e-9),
        },
        "instances": gap.instances,
    }


def _profile_series(profile: Profile, solvers: Mapping[str, int], least: float) -> list[dict[str, Any]]:
    series = []
    for solver, shares in zip(profile.solvers, profile.shares):
        points = list(zip(np.maximum(profile.thresholds, least).tolist(), shares.tolist()))
        series.append({"solver": solvers[solver], "points": _thinned(step_changes(_last_of_equal(points)))})
    return series


def _last_of_equal(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return list(dict(points).items())


def _thinned(points: list[Any]) -> list[Any]:
    kept = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MAX_STEPS)).astype(np.int64))
    return [points[k] for k in kept.tolist()]


# -- ranking and pairs ------------------------------------------------------------------------------------------------


def _ranking(gaps: ScoreTable, solvers: Mapping[str, int]) -> dict[str, Any]:
    ranking = rank_solvers(gaps.values, gaps.solvers, alpha=ALPHA, tolerance=gaps.tolerances)
    if ranking is None:
        return {"why": "A ranking needs two solvers and two instances with a reference that all of them ran."}
    verdict = "differ" if ranking.p_value < ALPHA else "do not differ significantly"
    return {
        "ranks": [{"solver": solvers[name], "rank": rank} for name, rank in zip(ranking.solvers, ranking.mean_ranks)],
        "critical_difference": ranking.critical_distance,
        "cliques": [[ranking.mean_ranks[first], ranking.mean_ranks[last]] for first, last in ranking.cliques],
        "note": f"On the {ranking.instances} instances that all solvers ran; together they {verdict} "
        f"(p = {ranking.p_value:.2g}).",
    }


def _pairs(gaps: ScoreTable, solvers: Mapping[str, int]) -> dict[str, Any]:
    """Matrix of wins, ties and losses by gap; row against column, ``None`` on the diagonal."""
    position = {name: i for i, name in enumerate(gaps.solvers)}
    cells: list[list[dict[str, Any] | None]] = [[None] * len(position) for _ in position]
    for pair in compare_all(gaps.values, gaps.solvers, tolerance=gaps.tolerances):
        counts = pair.counts
        p = None if math.isnan(pair.p_adjusted) else pair.p_adjusted
        i, j = position[pair.a], position[pair.b]
        shared = {"ties": counts.ties, "pairs": counts.pairs, "p": p}
        cells[i][j] = {"wins": counts.wins, "losses": counts.losses, "ranks": pair.rank_sum, **shared}
        cells[j][i] = {"wins": counts.losses, "losses": counts.wins, "ranks": -pair.rank_sum, **shared}
    return {"solvers": [solvers[name] for name in gaps.solvers], "cells": cells}
