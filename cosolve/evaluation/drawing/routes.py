"""Drawings of vehicle routes: the map, and with time windows a timetable."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.palette import COLOURS, spread
from cosolve.evaluation.drawing.plane import dot_radius, fit, places, thin
from cosolve.evaluation.drawing.svg import Box, Canvas, counted
from cosolve.evaluation.drawing.timetable import draw_timetable, timetable_height
from cosolve.instances.cvrp import Routes, VehicleRoutingInstance
from cosolve.instances.vrptw import VRPTWInstance


def draw_routes(instance: VehicleRoutingInstance, solution: Routes | None, canvas: Canvas, limit: int) -> None:
    """
    Routes in colours that differ between neighbours, their ways from and to the depot faint; below, a timetable.

    Parameters
    ----------
    instance, solution
        What is drawn; depot and customers alone without a solution.
    canvas
        Where.
    limit
        Most customers that are drawn; the routes are simplified, or some are left out.
    """
    flat, offsets = Routes(routes=()).flat if solution is None else solution.flat
    sizes = np.diff(offsets)
    used = np.flatnonzero(sizes)
    # A route is a shape of its own; with four customers each they are as many as can be told apart.
    shown = used[np.linspace(0, len(used) - 1, max(1, limit // 4)).astype(np.int64)] if len(used) > limit // 4 else used

    points, remark = places(instance.distances, canvas.box)
    entries = [("square", "currentColor", "depot"), ("dot", "currentColor", counted(instance.size, "customer"))]
    if solution is not None:
        entries.append(("line", COLOURS[0], counted(len(used), "route")))
    if len(shown) < len(used):
        entries.append(("", "", f"{len(shown):,} routes drawn"))
    if remark:
        entries.append(("", "", remark))
    canvas.legend(entries)
    box = canvas.box
    is_timed = isinstance(instance, VRPTWInstance) and len(shown) > 0
    bottom = box.bottom - is_timed * (timetable_height(len(shown), box.height) + 10)
    pixels = fit(points, Box(box.left, box.top, box.right, bottom))

    if len(shown):
        rows = np.concatenate([np.arange(offsets[k], offsets[k + 1]) for k in shown.tolist()])
        colours = _draw_lines(instance, pixels, flat[rows], shown, sizes[shown], canvas, limit)
        if isinstance(instance, VRPTWInstance):
            routes = np.split(flat[rows], np.cumsum(sizes[shown])[:-1])
            strip = Box(box.left, bottom + 10, box.right, box.bottom - 20)
            draw_timetable(instance, routes, shown.tolist(), [COLOURS[c] for c in colours.tolist()], strip, canvas)
    customers = instance.customers
    spots = customers[thin(pixels[customers], np.zeros(min(1, len(customers)), np.int64), limit)]
    canvas.dots(pixels[spots], 0.6 * dot_radius(canvas.box, instance.size), css="customers")
    canvas.square(pixels[instance.depot], 5.0, title="depot", css="depot", fill="currentColor")


def _draw_lines(
    instance: VehicleRoutingInstance,
    pixels: np.ndarray,
    nodes: np.ndarray,
    names: np.ndarray,
    sizes: np.ndarray,
    canvas: Canvas,
    limit: int,
) -> np.ndarray:
    """Draw the routes; colour of each."""
    ends = np.cumsum(sizes)
    starts = ends - sizes
    loads = np.add.reduceat(instance.demand[nodes], starts)
    centres = np.add.reduceat(pixels[nodes], starts) / sizes[:, None]
    colour = spread(centres)
    depot = pixels[instance.depot]
    with canvas.group(css="depot-legs", stroke_opacity=0.5, stroke_width=0.9, stroke_dasharray="4 3"):
        for c in np.unique(colour).tolist():
            outer = np.concatenate((nodes[starts[colour == c]], nodes[ends[colour == c] - 1]))
            canvas.segments(np.broadcast_to(depot, (len(outer), 2)), pixels[outer], stroke=COLOURS[c])
    kept = thin(pixels[nodes], starts, limit)
    cuts = np.searchsorted(kept, np.append(starts, len(nodes))).tolist()
    width = float(np.clip(60 / np.sqrt(len(nodes)), 0.8, 2.4))
    with canvas.group(css="routes", stroke_width=width, stroke_linejoin="round", stroke_linecap="round"):
        for k, name in enumerate(names.tolist()):
            title = f"route {name}: {counted(sizes[k], 'customer')}, load {loads[k]:,g} of {instance.capacity:,g}"
            line = pixels[nodes[kept[cuts[k] : cuts[k + 1]]]]
            canvas.lines(line, title=title, css="route", stroke=COLOURS[colour[k]])
    return colour
