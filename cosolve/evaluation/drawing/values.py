"""Drawings of the values of variables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosolve.evaluation.drawing.axis import ticks
from cosolve.evaluation.drawing.palette import CHOSEN, WRONG, scale
from cosolve.evaluation.drawing.svg import Box, Canvas
from cosolve.instances.milp import MILPInstance, Values

_CLASSES = 5
_LARGEST_CELL = 36.0
_MOST_BARS = 120


def draw_values(instance: MILPInstance, solution: Values | None, canvas: Canvas, limit: int) -> None:
    """
    One cell per integer variable, coloured where it is not zero, and the largest values as bars.

    Cells follow the order of the columns, row by row. Where there is no integer variable, all variables are shown;
    where all values are 0 or 1, bars would say nothing.

    Parameters
    ----------
    instance, solution
        What is drawn; empty cells alone without a solution.
    canvas
        Where.
    limit
        Most cells that are drawn; of more variables, several in a row share a cell, which shows the largest.
    """
    columns = np.flatnonzero(instance.is_integer)
    kind = "integer variables"
    if not len(columns):
        columns, kind = np.arange(instance.size), "variables"
    values = np.zeros(len(columns))
    if solution is not None:
        values = solution.values[columns]
        values = np.where(instance.is_integer[columns], np.rint(values), values)
    count = int(np.count_nonzero(values))
    entries = [("frame", "currentColor", f"{len(columns):,} {kind} in order")]
    if solution is not None:
        entries.append(("square", CHOSEN, f"{count:,} not zero"))
    if (values < 0).any():
        entries.append(("square", WRONG, "negative"))
    share = max(1, math.ceil(len(values) / limit))
    if share > 1:
        entries.append(("", "", f"{share:,} variables per cell"))
    has_bars = count > 0 and not np.isin(values, (0.0, 1.0)).all()
    if has_bars:
        entries.append(("", "", f"below: the {min(count, _MOST_BARS):,} largest values"))
    canvas.legend(entries)
    box = canvas.box
    cut = box.top + (0.5 if has_bars else 1.0) * box.height
    _draw_cells(values, share, Box(box.left, box.top, box.right, cut - 8), canvas)
    if has_bars:
        order = np.argsort(-np.abs(values), kind="stable")[: min(count, _MOST_BARS)]
        _draw_bars(columns[order], values[order], Box(box.left + 48, cut + 12, box.right, box.bottom - 6), canvas)


def _draw_cells(values: np.ndarray, share: int, box: Box, canvas: Canvas) -> None:
    if not len(values):
        return
    first = np.arange(0, len(values), share)
    highest, lowest = np.maximum.reduceat(values, first), np.minimum.reduceat(values, first)
    cells = np.where(np.abs(lowest) > highest, lowest, highest)
    per_row = math.ceil(math.sqrt(len(cells) * box.width / box.height))
    rows = math.ceil(len(cells) / per_row)
    step = min(box.width / per_row, box.height / rows, _LARGEST_CELL)
    per_row = max(per_row, min(len(cells), int(box.width / step)))
    row, column = np.divmod(np.arange(len(cells)), per_row)
    x, y = box.left + step * column, box.top + step * row
    side = 0.86 * step
    # Values span orders of magnitude: classes of equal width on a logarithmic scale.
    size = np.log(np.abs(cells, out=np.ones(len(cells)), where=cells != 0))
    low, high = size[cells != 0].min(initial=np.inf), size[cells != 0].max(initial=-np.inf)
    level = np.zeros(len(cells), np.int64)
    shades = [CHOSEN]
    if low < high:
        level = np.clip(_CLASSES * (size - low) / (high - low), 0, _CLASSES - 1).astype(np.int64)
        shades = scale(np.linspace(0, 1, _CLASSES))
    squares = _squares(x, y, side)
    with canvas.group(css="variables"):
        _add(canvas, squares, cells == 0, css="zero", fill="currentColor", fill_opacity=0.12)
        _add(canvas, squares, cells < 0, css="negative", fill=WRONG)
        for k, shade in enumerate(shades):
            _add(canvas, squares, (cells > 0) & (level == k), css="positive", fill=shade)


def _squares(x: np.ndarray, y: np.ndarray, side: float) -> np.ndarray:
    words = [f"M{a:.1f} {b:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z" for a, b in np.column_stack((x, y)).tolist()]
    return np.array(words, dtype=object)


def _add(canvas: Canvas, squares: np.ndarray, chosen: np.ndarray, **attributes: Any) -> None:
    if chosen.any():
        canvas.element("path", d="".join(squares[chosen].tolist()), **attributes)


def _draw_bars(columns: np.ndarray, values: np.ndarray, box: Box, canvas: Canvas) -> None:
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    # Halved first: the difference of two numbers near the largest double would be infinite.
    span = high / 2 - low / 2
    zero = box.bottom - box.height * (-low / 2 / span)
    with canvas.group(css="axis"):
        for tick in ticks(max(high, -low), 3).tolist():
            for level in {tick, -tick}:
                if low <= level <= high:
                    y = zero - box.height * (level / 2 / span)
                    ends = np.array([[box.left, y], [box.right, y]])
                    canvas.lines(ends, stroke="currentColor", stroke_opacity=0.25, stroke_width=0.8)
                    canvas.text(box.left - 6, y + 4, f"{level:,.4g}", text_anchor="end")
    step = min(box.width / len(values), 40.0)
    with canvas.group(css="values"):
        for k, (column, value) in enumerate(zip(columns.tolist(), values.tolist())):
            tip = zero - box.height * (value / 2 / span)
            left = box.left + k * step
            bar = Box(left, min(tip, zero), left + 0.8 * step, max(tip, zero))
            colour = CHOSEN if value > 0 else WRONG
            canvas.rect(bar, title=f"column {column}: {value:,.10g}", css="value", fill=colour)
