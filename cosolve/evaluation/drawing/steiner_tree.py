"""Drawings of Steiner trees."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from cosolve.evaluation.drawing.palette import CHOSEN, COLOURS
from cosolve.evaluation.drawing.plane import dot_radius, fit
from cosolve.evaluation.drawing.svg import Canvas, counted
from cosolve.evaluation.drawing.view import draw_edges, fits, view_graph
from cosolve.instances.stp import EdgeSet, STPInstance

_TERMINAL = COLOURS[3]
#: Length in the layout of an edge outside the tree, where one of the tree has 1: the tree is what is to be read.
_DETOUR = 2.0


def draw_steiner_tree(instance: STPInstance, solution: EdgeSet | None, canvas: Canvas, limit: int) -> None:
    """
    The tree with its terminals as squares, on the graph where that can be read.

    Nodes have their coordinates if the file gave any. Otherwise they are laid out by the number of edges between
    them, those of the tree counting half: the whole graph, or the tree alone if the graph is too large.

    Parameters
    ----------
    instance, solution
        What is drawn; graph and terminals alone without a solution.
    canvas
        Where.
    limit
        Most edges that are drawn.
    """
    n, m = instance.num_nodes, instance.num_edges
    tree = np.empty((0, 2), np.int64) if solution is None else solution.edges
    points = _points(instance)
    entries = [("square", _TERMINAL, counted(len(instance.terminals), "terminal"))]
    if solution is not None:
        entries.append(("line", CHOSEN, f"tree of {counted(len(tree), 'edge')}"))
    entries.append(("line", "currentColor", f"graph of {counted(n, 'node')}, {counted(m, 'edge')}"))

    if points is not None:
        nodes = np.arange(n)
        edges = instance.edges
        if m > limit:
            edges = edges[np.linspace(0, m - 1, limit).astype(np.int64)]
            entries.append(("", "", f"{limit:,} of its edges drawn"))
        canvas.legend(entries)
        pixels = fit(points, canvas.box)
        tails, heads = edges.T
    else:
        nodes, edges, inner = np.arange(n), instance.edges, tree
        if len(tree) and not fits(n, m, canvas.box, limit):
            nodes, inverse = np.unique(np.concatenate((tree.ravel(), instance.terminals)), return_inverse=True)
            edges = inner = inverse[: tree.size].reshape(-1, 2)
            entries.append(("", "", "the tree alone"))
        view = view_graph(_adjacency(len(nodes), edges, inner), canvas.box, limit)
        if view.remark:
            entries.append(("", "", view.remark))
        canvas.legend(entries)
        nodes = nodes[view.nodes]
        pixels = view.place(canvas.box)
        tails, heads = view.tails, view.heads

    # Where on the canvas each node is; nodes outside the window have no place, nor have the edges to them.
    spot = np.full(n, -1)
    spot[nodes] = np.arange(len(nodes))
    tree, terminals = spot[tree], spot[instance.terminals]
    tree, terminals = tree[(tree >= 0).all(axis=1)], terminals[terminals >= 0]
    draw_edges(pixels[tails], pixels[heads], canvas)
    width = float(np.clip(50 / np.sqrt(len(pixels)), 1.2, 3.5))
    canvas.segments(
        pixels[tree[:, 0]], pixels[tree[:, 1]], css="tree", stroke=CHOSEN, stroke_width=width, stroke_linecap="round"
    )
    radius = dot_radius(canvas.box, len(pixels))
    plain = np.setdiff1d(np.arange(len(pixels)), np.concatenate((tree.ravel(), terminals)))
    canvas.dots(pixels[plain], 0.6 * radius, css="nodes", stroke_opacity=0.5)
    canvas.dots(pixels[np.setdiff1d(tree, terminals)], radius, CHOSEN, css="steiner-nodes")
    half = 1.2 * radius
    with canvas.group(css="terminals", fill=_TERMINAL):
        for k in terminals.tolist():
            canvas.square(pixels[k], half, title=f"terminal {nodes[k]}", css="terminal")


def _adjacency(num_nodes: int, edges: np.ndarray, tree: np.ndarray) -> csr_matrix:
    """Lengths of the edges for the layout: weights may be 0, so all are equal, but the tree's are shorter."""
    ends = np.concatenate((edges, edges[:, ::-1], tree, tree[:, ::-1]))
    lengths = np.full(len(ends), _DETOUR)
    matrix = csr_matrix((lengths, (ends[:, 0], ends[:, 1])), shape=(num_nodes, num_nodes))
    # Entries given twice have been added up.
    matrix.data[matrix.data > _DETOUR] = 1.0
    return matrix


def _points(instance: STPInstance) -> np.ndarray | None:
    """(n, 2) points by the coordinates, of a third one an oblique view; ``None`` if they are no places in space."""
    coords = np.asarray(instance.meta.get("coords", ()), float)
    if coords.ndim != 2 or len(coords) != instance.num_nodes or not 1 <= coords.shape[1] <= 3:
        return None
    if not np.isfinite(coords).all():
        return None
    coords = coords / (np.abs(coords).max() or 1.0)
    points = np.zeros((len(coords), 2))
    points[:, : min(coords.shape[1], 2)] = coords[:, :2]
    return points + np.outer(coords[:, 2], (0.5, 0.35)) if coords.shape[1] == 3 else points
