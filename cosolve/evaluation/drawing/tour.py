"""Drawings of tours: on the map where there is one, else on a layout of the distances or on a ring."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.palette import CHOSEN, scale
from cosolve.evaluation.drawing.plane import dot_radius, fit, places, thin
from cosolve.evaluation.drawing.svg import Canvas, counted
from cosolve.instances.tsp import Tour, TSPInstance

#: From this many cities on colours show in which order the regions are visited.
_SHADED = 1_000
_SECTIONS = 48
_PARTS = ("start", "middle", "end of the tour")
#: Up to this many cities a matrix is laid out in the plane.
_LAYOUT = 150


def draw_tour(instance: TSPInstance, solution: Tour | None, canvas: Canvas, limit: int) -> None:
    """
    The tour over the cities.

    Long tours change their colour from start to end. A large matrix without coordinates becomes a ring in the order
    of the tour, with a ray on each step as long as the step is expensive.

    Parameters
    ----------
    instance, solution
        What is drawn; cities alone without a solution.
    canvas
        Where.
    limit
        Most cities that are drawn.
    """
    n = instance.size
    order = np.arange(0) if solution is None else solution.order
    if n > _LAYOUT and not len(instance.distances.coords):
        _draw_ring(instance, order, canvas, limit)
        return
    points, remark = places(instance.distances, canvas.box)
    entries = [("dot", "currentColor", counted(n, "city", "cities"))]
    if len(order) >= _SHADED:
        entries += [("line", colour, words) for colour, words in zip(scale(np.array([0.0, 0.5, 1.0])), _PARTS)]
    elif len(order):
        entries.append(("line", CHOSEN, "tour"))
    if remark:
        entries.append(("", "", remark))
    if len(order) > limit:
        entries.append(("", "", f"simplified to at most {limit:,} cities"))
    canvas.legend(entries)
    pixels = fit(points, canvas.box)
    start = np.zeros(min(1, len(order)), np.int64)
    kept = order[thin(pixels[order], start, limit)]
    _draw_line(pixels[kept], len(order) >= _SHADED, canvas)
    # Dots of a dense map would hide the tour.
    if n <= _SHADED or not len(order):
        canvas.dots(pixels[thin(pixels, np.zeros(1, np.int64), limit)], dot_radius(canvas.box, n), css="cities")


def _draw_line(pixels: np.ndarray, is_shaded: bool, canvas: Canvas) -> None:
    width = float(np.clip(90 / np.sqrt(max(len(pixels), 1)), 0.7, 2.0))
    if not is_shaded:
        canvas.lines(pixels, close=True, css="tour", stroke=CHOSEN, stroke_width=width, stroke_linejoin="round")
        return
    cuts = np.linspace(0, len(pixels), _SECTIONS + 1).astype(np.int64)
    closed = np.concatenate((pixels, pixels[:1]))
    with canvas.group(css="tour", stroke_width=width, stroke_linejoin="round"):
        for colour, begin, end in zip(scale(np.linspace(0, 1, _SECTIONS)), cuts[:-1].tolist(), cuts[1:].tolist()):
            canvas.lines(closed[begin : end + 1], stroke=colour)


def _draw_ring(instance: TSPInstance, order: np.ndarray, canvas: Canvas, limit: int) -> None:
    n = instance.size
    entries = [("dot", "currentColor", f"{n:,} cities on a ring")]
    if len(order):
        entries = [
            ("dot", "currentColor", f"{n:,} cities in the order of the tour"),
            ("line", CHOSEN, "cost of the step to the next city"),
        ]
    ring = order if len(order) else np.arange(n)
    shown = np.linspace(0, len(ring) - 1, min(len(ring), limit)).astype(np.int64)
    if len(shown) < len(ring):
        entries.append(("", "", f"{len(shown):,} of {len(ring):,} drawn"))
    canvas.legend(entries)
    angle = 2 * np.pi * np.arange(len(shown)) / len(shown)
    spokes = np.column_stack((np.sin(angle), -np.cos(angle)))
    box = canvas.box
    centre = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    radius = min(box.width, box.height) / 2
    inner = centre + 0.62 * radius * spokes
    if len(order):
        cost = instance.distances.matrix[ring[shown], np.roll(ring, -1)[shown]]
        reach = 0.63 + 0.37 * cost / (cost.max() or 1.0)
        outer = centre + radius * reach[:, None] * spokes
        width = float(np.clip(3.0 * radius / len(shown), 0.5, 3.0))
        canvas.segments(inner, outer, css="costs", stroke=CHOSEN, stroke_width=width)
    canvas.dots(inner, float(np.clip(1.2 * radius / len(shown), 0.6, 2.0)), css="cities")
