"""Drawings of clusterings around medians."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.palette import COLOURS, spread
from cosolve.evaluation.drawing.plane import dot_radius, fit, places
from cosolve.evaluation.drawing.svg import Canvas, counted
from cosolve.instances.cpmp import Clustering, CPMPInstance


def draw_clustering(instance: CPMPInstance, solution: Clustering | None, canvas: Canvas, limit: int) -> None:
    """
    Medians as squares and a spoke from each node to its own, in colours that differ between neighbours.

    Parameters
    ----------
    instance, solution
        What is drawn; the nodes alone without a solution.
    canvas
        Where.
    limit
        Most nodes and most medians that are drawn.
    """
    n = instance.size
    points, remark = places(instance.distances, canvas.box)
    nodes = np.unique(np.linspace(0, n - 1, min(n, limit)).astype(np.int64))
    entries = [("dot", "currentColor", counted(n, "node"))]
    if solution is not None:
        entries.append(("square", COLOURS[0], counted(len(solution.medians), "median")))
    if len(nodes) < n:
        entries.append(("", "", f"{len(nodes):,} nodes drawn"))
    if remark:
        entries.append(("", "", remark))
    canvas.legend(entries)
    pixels = fit(points, canvas.box)
    radius = dot_radius(canvas.box, n)
    if solution is None:
        canvas.dots(pixels[nodes], radius, css="nodes")
        return

    used, cluster = np.unique(solution.assignment, return_inverse=True)
    medians = np.union1d(used, solution.medians)
    colour_of = np.zeros(n, np.int64)
    colour_of[medians] = spread(pixels[medians])
    colour = colour_of[solution.assignment]
    width = float(np.clip(60 / np.sqrt(n), 0.5, 1.4))
    for c, shade in enumerate(COLOURS):
        mine = nodes[colour[nodes] == c]
        canvas.segments(
            pixels[mine],
            pixels[solution.assignment[mine]],
            css="spokes",
            stroke=shade,
            stroke_width=width,
            stroke_opacity=0.7,
        )
        canvas.dots(pixels[mine], radius, shade, css="nodes")

    size = np.zeros(n, np.int64)
    load = np.zeros(n)
    size[used] = np.bincount(cluster)
    load[used] = np.bincount(cluster, instance.demand)
    half = float(np.clip(1.7 * radius, 2.5, 6.0))
    with canvas.group(css="medians", stroke="currentColor", stroke_width=0.8):
        for node in np.unique(solution.medians)[:limit].tolist():
            title = (
                f"median {node}: {counted(size[node], 'node')}, demand {load[node]:,g} of {instance.capacity[node]:,g}"
            )
            canvas.square(pixels[node], half, title=title, css="median", fill=COLOURS[colour_of[node]])
