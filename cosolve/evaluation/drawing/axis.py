"""Axes with round numbers."""

from __future__ import annotations

import math

import numpy as np

from cosolve.evaluation.drawing.svg import Box, Canvas


def ticks(high: float, count: int) -> np.ndarray:
    """Multiples of 1, 2 or 5 times a power of ten from 0 to ``high`` > 0, about ``count`` of them."""
    raw = high / max(count, 1)
    if raw < 1e-300:  # powers of ten end there
        return np.zeros(1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next((factor * power for factor in (1, 2, 5) if factor * power >= raw), 10 * power)
    return np.arange(0, math.floor(high / step * (1 + 1e-12)) + 1) * step


def draw_bottom_axis(canvas: Canvas, box: Box, high: float, label: str) -> None:
    """Grid lines over the box from 0 at its left to ``high`` > 0 at its right, with numbers below it."""
    with canvas.group(css="axis"):
        for tick in ticks(high, max(2, int(box.width / 90))).tolist():
            x = box.left + box.width * (tick / high)  # in this order: the product may be beyond doubles
            ends = np.array([[x, box.top], [x, box.bottom + 4]])
            canvas.lines(ends, stroke="currentColor", stroke_opacity=0.25, stroke_width=0.8)
            # The number at the right end of the axis would run out of the drawing.
            if x < box.right - 4 * len(label) - 20:
                canvas.text(x, box.bottom + 17, f"{tick:,.12g}", text_anchor="middle")
        canvas.text(box.right, box.bottom + 17, label, text_anchor="end")
