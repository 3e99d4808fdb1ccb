"""What of a graph is drawn: all of it, or a window of neighbouring nodes where it is too large to be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, triu
from scipy.sparse.csgraph import breadth_first_order, connected_components

from cosolve.evaluation.drawing.layout import layout_graph
from cosolve.evaluation.drawing.plane import fit
from cosolve.evaluation.drawing.svg import Box, Canvas

#: Square pixels that a node needs to be seen.
_PIXELS_PER_NODE = 60.0
#: Share of the canvas that edges may darken.
_INK = 0.1
_WINDOW_NODES = 300
_WINDOW_EDGES = 3_000


@dataclass(frozen=True, eq=False)
class View:
    """
    The part of a graph that is drawn, in the order of the node numbers.

    Parameters
    ----------
    nodes
        (k,) ascending node numbers.
    tails, heads
        (e,) positions in ``nodes`` of the ends of the edges among them.
    adjacency
        (k, k) lengths of those edges.
    remark
        What is missing, for the legend; empty if nothing is.
    """

    nodes: np.ndarray
    tails: np.ndarray
    heads: np.ndarray
    adjacency: csr_matrix
    remark: str

    def place(self, box: Box) -> np.ndarray:
        """(k, 2) pixels by a layout of the graph."""
        return fit(layout_graph(self.adjacency, box.width / box.height), box)

    def select(self, values: np.ndarray) -> np.ndarray:
        """The shown nodes' part of an array over all nodes."""
        return values[self.nodes]


def draw_edges(tails: np.ndarray, heads: np.ndarray, canvas: Canvas) -> None:
    """Segments between (e, 2) pixels as background: the more there are, the fainter each."""
    length = float(np.hypot(*(tails - heads).T).sum())
    opacity = min(0.45, max(0.05, _INK * canvas.box.area / max(length, 1.0)))
    canvas.segments(tails, heads, css="edges", stroke="currentColor", stroke_opacity=opacity, stroke_width=0.8)


def fits(num_nodes: int, num_edges: int, box: Box, limit: int) -> bool:
    """Whether a graph can be read when all of it is drawn, with at most ``limit`` nodes and edges each."""
    return num_nodes <= min(limit, box.area / _PIXELS_PER_NODE) and num_edges <= limit


def view_graph(adjacency: csr_matrix, box: Box, limit: int) -> View:
    """
    All of a graph, or a window of it.

    The window is the neighbourhood of a node of median degree in the largest component, breadth first: degrees and
    cycles inside are the true ones, which a random sample of nodes or edges would thin out.

    Parameters
    ----------
    adjacency
        (n, n) symmetric; the entries are lengths of edges.
    box
        Where it will be drawn.
    limit
        Most nodes and edges that are drawn, each.
    """
    n = adjacency.shape[0]
    if fits(n, adjacency.nnz // 2, box, limit):
        return _make(adjacency, np.arange(n), "")
    _, label = connected_components(adjacency, directed=False)
    members = np.flatnonzero(label == np.bincount(label).argmax())
    degree = np.diff(adjacency.indptr)[members]
    start = int(members[np.argsort(degree, kind="stable")[len(members) // 2]])
    around = breadth_first_order(adjacency, start, directed=False, return_predecessors=False)
    around = around[: min(limit, _WINDOW_NODES)]
    # Dense graphs: fewer nodes, so that edges can still be followed.
    while len(around) > 2 and adjacency[around][:, around].nnz // 2 > min(limit, _WINDOW_EDGES):
        around = around[: max(2, len(around) * 4 // 5)]
    remark = f"{len(around):,} of {n:,} nodes, a neighbourhood"
    return _make(adjacency, np.sort(around), remark)


def _make(adjacency: csr_matrix, nodes: np.ndarray, remark: str) -> View:
    part = adjacency if len(nodes) == adjacency.shape[0] else adjacency[nodes][:, nodes]
    upper = triu(part, 1, format="coo")
    return View(nodes, upper.row.astype(np.int64), upper.col.astype(np.int64), part, remark)
