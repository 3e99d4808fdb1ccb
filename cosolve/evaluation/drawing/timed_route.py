"""Drawings of routes with time windows: the map, and when each customer is served."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.axis import draw_bottom_axis
from cosolve.evaluation.drawing.palette import CHOSEN, COLOURS
from cosolve.evaluation.drawing.plane import dot_radius, fit, places
from cosolve.evaluation.drawing.svg import Box, Canvas, counted
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute

_STRIP = 34.0


def draw_timed_route(instance: OPTWVPInstance, solution: TimedRoute | None, canvas: Canvas, limit: int) -> None:
    """
    The route on the map, customers left out faint, and below the time of each service within its window.

    Parameters
    ----------
    instance, solution
        What is drawn; the places alone without a solution.
    canvas
        Where.
    limit
        Most customers that are drawn besides those visited, and most visits.
    """
    n = instance.size
    visits = np.empty(0, np.int64) if solution is None else solution.customers[:limit]
    points, remark = places(instance.distances, canvas.box)
    entries = [
        ("square", "currentColor", "depot"),
        ("dot", "currentColor", counted(instance.num_customers, "customer")),
    ]
    if solution is not None:
        entries.append(("dot", CHOSEN, f"{len(solution.customers):,} visited"))
        entries.append(("square", COLOURS[1], "window of the start"))
    if len(visits) < (0 if solution is None else len(solution.customers)):
        entries.append(("", "", f"the first {limit:,} drawn"))
    if remark:
        entries.append(("", "", remark))
    canvas.legend(entries)
    box = canvas.box
    strip = Box(box.left, box.bottom - 20 - min(_STRIP, 0.25 * box.height), box.right, box.bottom - 20)
    top = box if solution is None else Box(box.left, box.top, box.right, strip.top - 14)
    pixels = fit(points, top)
    radius = dot_radius(top, n)

    others = np.setdiff1d(np.arange(1, n), visits)
    others = others[np.unique(np.linspace(0, len(others) - 1, min(len(others), limit)).astype(np.int64))]
    canvas.dots(pixels[others], 0.8 * radius, css="others", stroke_opacity=0.4)
    if len(visits):
        stops = np.concatenate(([0], visits))
        canvas.lines(pixels[stops], close=True, css="route", stroke=CHOSEN, stroke_width=1.6, stroke_linejoin="round")
    with canvas.group(css="visits", fill=CHOSEN):
        for k, place in enumerate(visits.tolist()):
            x, y = pixels[place].tolist()
            canvas.element("circle", title=f"visit {k}: place {place}", css="visit", cx=x, cy=y, r=1.3 * radius)
    canvas.square(pixels[0], 5.0, title="depot", css="depot", fill="currentColor")
    if solution is not None:
        _draw_times(instance, solution, len(visits), strip, canvas)


def _draw_times(instance: OPTWVPInstance, route: TimedRoute, count: int, strip: Box, canvas: Canvas) -> None:
    begin = float(instance.opens[0])
    span = instance.horizon - begin or 1.0
    if begin == 0:
        draw_bottom_axis(canvas, strip, span, "time")

    def pixel(time: float) -> float:
        return strip.left + strip.width * min(max((time - begin) / span, 0.0), 1.0)

    middle = strip.top + strip.height / 2
    with canvas.group(css="services"):
        for place, start, duration in zip(route.customers[:count].tolist(), route.start, route.duration):
            opens, closes = float(instance.opens[place]), float(instance.closes[place])
            title = (
                f"place {place}: {start:,.6g} to {start + duration:,.6g}, start within {opens:,.6g} to {closes:,.6g}"
            )
            window = Box(pixel(opens), strip.top, pixel(closes), middle - 2)
            canvas.rect(window, css="window", fill=COLOURS[1], fill_opacity=0.18)
            left = pixel(start)
            service = Box(left, middle, max(pixel(start + duration), left + 1.5), strip.bottom)
            canvas.rect(service, title=title, css="service", fill=CHOSEN)
