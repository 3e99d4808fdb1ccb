"""Gantt charts of schedules."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.axis import draw_bottom_axis
from cosolve.evaluation.drawing.palette import COLOURS, ink, tints
from cosolve.evaluation.drawing.svg import Box, Canvas, counted
from cosolve.instances.fjsp import FJSPInstance, Schedule, durations

_LOWEST_ROW = 4.0
_TALLEST_ROW = 44.0


def draw_schedule(instance: FJSPInstance, solution: Schedule | None, canvas: Canvas, limit: int) -> None:
    """
    One row per machine, one bar per operation in the colour of its job.

    Without a solution the rows are jobs, with their operations in order, each at its shortest time: what a job takes
    if it never waits.

    Parameters
    ----------
    instance, solution
        What is drawn.
    canvas
        Where.
    limit
        Most bars that are drawn, those that start first; machines beyond those that fit are left out too.
    """
    n = instance.num_ops
    job = np.repeat(np.arange(instance.num_jobs), np.diff(instance.job_ptr))
    if solution is None:
        machine = np.full(n, -1)
        time = np.minimum.reduceat(instance.alt_time, instance.alt_ptr[:-1]) if n else np.empty(0, np.int64)
        # Start within the job: the times of all operations before, less those of the jobs before.
        before = np.concatenate(([0], np.cumsum(time)))
        start = (before[:-1] - before[instance.job_ptr[job]]).astype(float)
        row, num_rows, letter = job, instance.num_jobs, "J"
    else:
        machine, start = solution.machine, solution.start
        time = durations(instance, machine)
        row, num_rows, letter = machine, instance.num_machines, "M"

    shown_rows = min(num_rows, max(1, int((canvas.box.height - 60) / _LOWEST_ROW)))
    ops = np.flatnonzero(row < shown_rows)
    ops = ops[np.argsort(start[ops], kind="stable")][:limit]
    entries = [
        ("square", COLOURS[0], f"{counted(instance.num_jobs, 'job')}, one colour each"),
        ("", "", counted(n, "operation")),
    ]
    if len(ops) < n:
        what = "machines" if letter == "M" else "jobs"
        entries.append(("", "", f"{len(ops):,} drawn, on {shown_rows:,} of {num_rows:,} {what}"))
    canvas.legend(entries)

    end = start + time
    low = min(0.0, float(start.min(initial=0.0)))
    high = max(float(end.max(initial=0.0)) - low, 1.0)
    box = Box(canvas.box.left + 34, canvas.box.top, canvas.box.right - 6, canvas.box.bottom - 22)
    height = min(box.height / max(shown_rows, 1), _TALLEST_ROW)
    box = Box(box.left, box.top, box.right, box.top + height * max(shown_rows, 1))
    if low == 0:
        draw_bottom_axis(canvas, box, high, "time")
    every = max(1, int(np.ceil(14 / height)))
    with canvas.group(css="rows"):
        for k in range(0, shown_rows, every):
            canvas.text(box.left - 6, box.top + height * (k + 0.5) + 4, f"{letter}{k}", text_anchor="end")

    left = box.left + box.width * (start - low) / high
    width = box.width * time / high
    colours = tints(instance.num_jobs)
    gap = 0.1 * height
    with canvas.group(css="operations", stroke="currentColor", stroke_opacity=0.5, stroke_width=0.5):
        for op in ops.tolist():
            position = op - instance.job_ptr[job[op]]
            where = f"machine {machine[op]}, " if solution is not None else ""
            title = f"job {job[op]}, operation {position}: {where}{start[op]:,.12g} to {end[op]:,.12g}"
            y = box.top + height * row[op]
            bar = Box(left[op], y + gap, left[op] + width[op], y + height - gap)
            canvas.rect(bar, title=title, css="operation", fill=colours[job[op]])
    if height < 13:
        return
    with canvas.group(css="jobs", font_size=min(11.0, height - 3), text_anchor="middle", pointer_events="none"):
        for op in ops.tolist():
            words = str(job[op])
            if width[op] > 7 * len(words) + 3:
                x, y = left[op] + width[op] / 2, box.top + height * (row[op] + 0.5) + 4
                canvas.element("text", words, x=x, y=y, fill=ink(colours[job[op]]))
