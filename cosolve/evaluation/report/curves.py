"""Gap over time: the mean of each solver, and the curve of a single run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from cosolve.evaluation.metrics import Curve, curve_values, gap_beyond_noise, mean_curve
from cosolve.evaluation.records import Record
from cosolve.evaluation.scores import gap_curve, instance_keys, untimed_solvers

_GRID_POINTS = 120
_CUTOFFS = (0.1, 1.0, 10.0, 60.0, 300.0, 900.0, 3600.0)


def mean_curves(records: Sequence[Record], solvers: Mapping[str, int]) -> dict[str, Any]:
    """
    Mean gap over time of each solver, and its values at a few times, as JSON values.

    Parameters
    ----------
    records
        Runs that took place; those without a reference, and solvers without times, are left out.
    solvers
        Number of each solver in the page.
    """
    by_solver: dict[str, dict[Hashable, list[Curve]]] = defaultdict(lambda: defaultdict(list))
    end = 0.0
    starts = []
    untimed = untimed_solvers(records)
    for key, record in zip(instance_keys(records), records):
        curve = gap_curve(record)
        if curve is None or record.solver in untimed:
            continue
        by_solver[record.solver][key].append(curve)
        end = max(end, record.time_limit or 0.0, record.times.solve or 0.0, curve[-1][0])
        if len(curve) > 1:
            starts.append(curve[1][0])
    if not by_solver or end <= 0:
        return {
            "why": "No instance has a reference and a run whose times are known.",
            "start": 0.01,
            "end": 1,
            "series": [],
            "cutoffs": [],
            "rows": [],
        }
    # From about the time of the first solutions on: a single early one would give most of the axis to nothing.
    start = min(max(float(np.quantile(starts, 0.02)) if starts else end, 1e-3), end / 10)
    grid = np.geomspace(start, end, _GRID_POINTS)
    cutoffs = [cutoff for cutoff in _CUTOFFS if start <= cutoff < end] + [end]
    series, rows = [], []
    for solver, by_instance in by_solver.items():
        # Seeds first, then instances: an instance counts once whatever the number of its runs.
        means = [mean_curve(curves, np.append(grid, cutoffs)) for curves in by_instance.values()]
        mean = np.mean(means, axis=0)
        points = list(zip(grid.tolist(), mean[:_GRID_POINTS].tolist()))
        series.append({"solver": solvers[solver], "points": step_changes(points)})
        rows.append(
            {
                "solver": solvers[solver],
                "instances": len(means),
                "gaps": [short_number(gap) for gap in mean[_GRID_POINTS:]],
            }
        )
    return {"start": start, "end": end, "series": series, "cutoffs": cutoffs, "rows": rows}


def trace(record: Record, most: int) -> list[list[float | None]]:
    """
    Points ``[time, gap, gap of the bound]`` of one run, thinned; none without a reference.

    Parameters
    ----------
    record
        The run.
    most
        Most points.
    """
    if record.reference is None:
        return []
    base = record.reference.value
    curve = gap_curve(record)
    bounds = [(p.time, gap_beyond_noise(p.bound, base)) for p in record.trajectory if p.bound is not None]
    if not bounds and record.bound is not None and record.times.solve is not None:
        bounds = [(record.times.solve, gap_beyond_noise(record.bound, base))]
    gaps = curve[1:] if curve else []  # at time 0 it stands at 1, which is no event
    times = sorted({time for time, _ in (*gaps, *bounds)})
    if len(times) > most:
        kept = np.unique(np.linspace(0, len(times) - 1, most).round().astype(int))
        times = [times[i] for i in kept]
    gap_values = _at(gaps, times)
    bound_values = _at(bounds, times)
    return [[short_number(t), g, b] for t, g, b in zip(times, gap_values, bound_values)]


def _at(points: Sequence[tuple[float, float]], times: Sequence[float]) -> list[float | None]:
    if not points or not times:
        return [None] * len(times)
    first = points[0][0]
    values = curve_values(list(points), times)
    return [None if time < first else short_number(value) for time, value in zip(times, values)]


def step_changes(points: Sequence[tuple[float, float]]) -> list[list[float | None]]:
    """Points of a step function without those that change nothing."""
    kept: list[tuple[float, float]] = []
    for point in points:
        if not kept or point[1] != kept[-1][1]:
            kept.append(point)
    return [[short_number(x), short_number(y)] for x, y in kept]


def short_number(value: float) -> float | None:
    """A number with the digits that a chart can show."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
