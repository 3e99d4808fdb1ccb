"""Drawings of independent and dominating sets."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from cosolve.evaluation.drawing.palette import CHOSEN, WRONG
from cosolve.evaluation.drawing.plane import dot_radius
from cosolve.evaluation.drawing.svg import Canvas, counted
from cosolve.evaluation.drawing.view import draw_edges, view_graph
from cosolve.instances.graphs import MDSInstance, MISInstance, NodeSet


def draw_independent_set(instance: MISInstance, solution: NodeSet | None, canvas: Canvas, limit: int) -> None:
    """
    The graph with the chosen nodes large; edges between two of them, if any, in the colour of errors.

    Parameters
    ----------
    instance, solution
        What is drawn; the graph alone without a solution.
    canvas
        Where.
    limit
        Most nodes and edges that are drawn, each.
    """
    _draw(instance, solution, canvas, limit, is_cover=False)


def draw_dominating_set(instance: MDSInstance, solution: NodeSet | None, canvas: Canvas, limit: int) -> None:
    """
    The graph with the chosen nodes large, and for every other node the edge to one that dominates it.

    Nodes that nobody dominates, if any, have the colour of errors. For the parameters see
    :func:`draw_independent_set`.
    """
    _draw(instance, solution, canvas, limit, is_cover=True)


def _draw(
    instance: MISInstance | MDSInstance, solution: NodeSet | None, canvas: Canvas, limit: int, *, is_cover: bool
) -> None:
    graph = instance.graph
    nodes = np.empty(0, np.int64) if solution is None else solution.nodes
    member = np.zeros(graph.num_nodes, np.bool_)
    member[nodes] = True
    adjacency = csr_matrix(
        (np.ones(len(graph.indices)), graph.indices, graph.indptr), shape=(graph.num_nodes, graph.num_nodes)
    )
    view = view_graph(adjacency, canvas.box, limit)
    chosen = view.select(member)
    bare = np.zeros(len(chosen), np.bool_)
    if is_cover and solution is not None:
        bare = view.select(~member & (adjacency @ member == 0))
    conflict = np.zeros(len(view.tails), np.bool_) if is_cover else chosen[view.tails] & chosen[view.heads]

    entries = [("dot", "currentColor", f"{counted(graph.num_nodes, 'node')}, {counted(graph.num_edges, 'edge')}")]
    if solution is not None:
        entries.append(("dot", CHOSEN, f"{int(member.sum()):,} chosen"))
    if bare.any():
        entries.append(("dot", WRONG, "not dominated"))
    if conflict.any():
        entries.append(("line", WRONG, "both ends chosen"))
    if view.remark:
        entries.append(("", "", view.remark))
    canvas.legend(entries)

    pixels = view.place(canvas.box)
    radius = dot_radius(canvas.box, len(pixels))
    draw_edges(pixels[view.tails], pixels[view.heads], canvas)
    if is_cover:
        _draw_dominations(view.tails, view.heads, chosen, pixels, canvas)
    canvas.segments(
        pixels[view.tails[conflict]], pixels[view.heads[conflict]], css="conflicts", stroke=WRONG, stroke_width=2.0
    )
    canvas.dots(pixels[~chosen & ~bare], 0.6 * radius, css="others", stroke_opacity=0.6)
    canvas.dots(pixels[bare], radius, WRONG, css="undominated")
    with canvas.group(css="chosen", fill=CHOSEN):
        for k in np.flatnonzero(chosen).tolist():
            canvas.element("circle", title=f"node {view.nodes[k]}", cx=pixels[k, 0], cy=pixels[k, 1], r=1.3 * radius)


def _draw_dominations(
    tails: np.ndarray, heads: np.ndarray, chosen: np.ndarray, pixels: np.ndarray, canvas: Canvas
) -> None:
    ends = np.concatenate((np.column_stack((tails, heads)), np.column_stack((heads, tails))))
    ends = ends[chosen[ends[:, 0]] & ~chosen[ends[:, 1]]]
    _, first = np.unique(ends[:, 1], return_index=True)
    pairs = ends[first]
    canvas.segments(pixels[pairs[:, 0]], pixels[pairs[:, 1]], css="dominations", stroke=CHOSEN, stroke_width=1.4)
