"""Timetables of vehicle routes: a row for each vehicle, with its services and their windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.evaluation.drawing.axis import draw_bottom_axis
from cosolve.evaluation.drawing.svg import Box, Canvas
from cosolve.instances.vrptw import VRPTWInstance

#: Pixels of a row: more are not used, fewer cannot be told apart.
_HIGHEST, _LOWEST = 14.0, 3.0


def timetable_height(num_routes: int, height: float) -> float:
    """Pixels that a timetable of so many routes wants of a canvas's height, its axis included."""
    return min(num_routes * _HIGHEST, 0.4 * height) + 20


def draw_timetable(
    instance: VRPTWInstance,
    routes: Sequence[np.ndarray],
    names: Sequence[int],
    colours: Sequence[str],
    box: Box,
    canvas: Canvas,
) -> None:
    """
    When each customer is served, below its window; rows that would be too thin are left out.

    Parameters
    ----------
    instance
        Whose routes they are.
    routes, names, colours
        Nodes, number and colour of each.
    box
        Where, the numbers of the axis below it not included.
    canvas
        What to draw on.
    """
    begin = float(instance.opens[instance.depot])
    span = float(instance.closes[instance.depot]) - begin or 1.0
    draw_bottom_axis(canvas, box, span, "time" if begin == 0 else f"time from {begin:g} on")
    rows = min(len(routes), int(box.height / _LOWEST))
    step = box.height / max(rows, 1)

    def pixel(time: float) -> float:
        return box.left + box.width * min(max((time - begin) / span, 0.0), 1.0)

    with canvas.group(css="timetable"):
        for k in range(rows):
            top, middle, bottom = (box.top + step * (k + part) for part in (0.1, 0.5, 0.9))
            for node, start in zip(routes[k].tolist(), _starts(instance, routes[k])):
                opens, closes = float(instance.opens[node]), float(instance.closes[node])
                end = start + float(instance.service[node])
                title = (
                    f"route {names[k]}, node {node}: {start:,.6g} to {end:,.6g}, start within {opens:,.6g} to "
                    f"{closes:,.6g}"
                )
                window = Box(pixel(opens), top, pixel(closes), middle)
                canvas.rect(window, css="window", fill=colours[k], fill_opacity=0.18)
                service = Box(pixel(start), middle, max(pixel(end), pixel(start) + 1.5), bottom)
                canvas.rect(service, title=title, css="service", fill=colours[k])


def _starts(instance: VRPTWInstance, route: np.ndarray) -> list[float]:
    time, last, starts = float(instance.opens[instance.depot]), instance.depot, []
    for node in route.tolist():
        time = max(time + instance.durations.between(last, node), float(instance.opens[node]))
        starts.append(time)
        time += float(instance.service[node])
        last = node
    return starts
