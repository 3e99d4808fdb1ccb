"""Places for nodes that have none: stress majorisation over distances to some or all nodes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.sparse.linalg import cg

from cosolve.instances.distances import Distances

#: Up to this many nodes all pairs count, above only those with a pivot.
_ALL_PAIRS = 600
_PIVOTS = 40
_ROUNDS = 40


def layout_distances(distances: Distances, aspect: float) -> np.ndarray:
    """(n, 2) places whose distances resemble a matrix; of an asymmetric one the two directions are averaged."""
    matrix = distances.matrix
    n = len(matrix)
    if not distances.is_complete:
        # Places without a way between them are as far apart as any.
        matrix = np.where(np.isfinite(matrix), matrix, matrix.max(where=np.isfinite(matrix), initial=0.0))
    if (most := matrix.max()) > 1e100:  # the sum of two near the largest double would be infinite; no map has a scale
        matrix = matrix * (1e100 / most)
    rows = _pivots(n, lambda node: (matrix[node] + matrix[:, node]) / 2)
    nothing = np.empty(0, np.int64)
    return _turned(_arrange(rows, nothing, nothing), aspect)


def layout_graph(adjacency: csr_matrix, aspect: float) -> np.ndarray:
    """
    (n, 2) places of the nodes of a graph; its components stand side by side.

    Parameters
    ----------
    adjacency
        (n, n) symmetric matrix whose entries are the lengths of the edges, > 0.
    aspect
        Width over height of the canvas, for placing components.
    """
    count, label = connected_components(adjacency, directed=False)
    order = np.argsort(label, kind="stable")
    ends = np.cumsum(np.bincount(label, minlength=count)).tolist()
    # With the nodes of each component in a row, components are blocks: to select each by its nodes goes over all nodes.
    grouped = csr_matrix(adjacency[order][:, order])
    places = [_layout_block(grouped, begin, end, aspect) for begin, end in zip([0, *ends], ends)]
    gap = float(adjacency.data.mean()) if adjacency.nnz else 1.0
    corners = _pack([place.max(axis=0) + gap for place in places], aspect)
    out = np.empty((adjacency.shape[0], 2))
    out[order] = np.concatenate(places) + np.repeat(corners, [len(place) for place in places], axis=0)
    return out


def _layout_block(grouped: csr_matrix, begin: int, end: int, aspect: float) -> np.ndarray:
    """Places of the component of the nodes ``begin`` to ``end - 1``, from 0 on in both directions."""
    n, first = end - begin, grouped.indptr[begin]
    if n == 1:
        return np.zeros((1, 2))
    if n == 2:
        return np.outer((0.0, grouped.data[first]), np.array([aspect, 1.0]) / np.hypot(aspect, 1.0))
    entries = slice(first, grouped.indptr[end])
    indptr = grouped.indptr[begin : end + 1] - first
    block = csr_matrix((grouped.data[entries], grouped.indices[entries] - begin, indptr), shape=(n, n))
    places = _turned(_layout_connected(block), aspect)
    return places - places.min(axis=0)


def _layout_connected(adjacency: csr_matrix) -> np.ndarray:
    def distances_from(node: int) -> np.ndarray:
        return dijkstra(adjacency, directed=False, indices=node)

    rows = _pivots(adjacency.shape[0], distances_from)
    tails, heads = adjacency.nonzero()
    return _arrange(rows, tails, heads, adjacency.data)


def _pivots(n: int, distances_from: Callable[[int], np.ndarray]) -> dict[int, np.ndarray]:
    """Distances from every node, or from pivots each of which is as far as possible from those before it."""
    if n <= _ALL_PAIRS:
        return {node: distances_from(node) for node in range(n)}
    rows: dict[int, np.ndarray] = {}
    nearest = np.full(n, np.inf)
    for _ in range(_PIVOTS):
        node = int(np.argmax(nearest))
        rows[node] = distances_from(node)
        nearest = np.minimum(nearest, rows[node])
        nearest[list(rows)] = -1.0
    return rows


def _arrange(
    rows: dict[int, np.ndarray], tails: np.ndarray, heads: np.ndarray, lengths: np.ndarray | None = None
) -> np.ndarray:
    """
    Places by pivot scaling [1]_, improved by majorising the stress [2]_ of the pairs with a pivot and of the edges.

    References
    ----------
    .. [1] Brandes, U., Pich, C. (2007). Eigensolver methods for progressive multidimensional scaling of large
           data. *Graph Drawing 2006*, LNCS 4372: 42-53.
    .. [2] Gansner, E. R., Koren, Y., North, S. (2005). Graph drawing by stress majorization. *Graph Drawing 2004*,
           LNCS 3383: 239-250.
    """
    table = np.array(list(rows.values()))
    n = table.shape[1]
    mean = table.mean()
    if n == 1 or mean == 0:
        return np.zeros((n, 2))
    table = table / mean
    squares = table.T**2
    centred = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    _, vectors = np.linalg.eigh(centred.T @ centred)
    points = centred @ vectors[:, :-3:-1]
    points = points if points.shape[1] == 2 else np.column_stack((points, np.zeros(n)))
    points /= max(np.abs(points).max(), 1e-12)
    # Nodes in one place would never part: there is no direction in which to push them.
    points += np.random.default_rng(0).normal(scale=1e-2, size=points.shape)

    first = np.concatenate((np.repeat(list(rows), n), tails))
    second = np.concatenate((np.tile(np.arange(n), len(rows)), heads))
    near = np.empty(0) if lengths is None else lengths / mean
    target = np.maximum(np.concatenate((table.ravel(), near)), 1e-2)
    # A pivot stands for n / pivots nodes.
    share = np.concatenate((np.full(table.size, n / len(rows)), np.ones(len(tails))))
    return mean * _majorise(points, first, second, target, share / target**2)


def _majorise(
    points: np.ndarray, first: np.ndarray, second: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    n, pairs = len(points), np.arange(len(first))
    ones = np.ones(len(first))
    # Maps places to the differences of each pair; pairs of a node with itself cancel.
    incidence = csr_matrix(
        (np.concatenate((ones, -ones)), (np.tile(pairs, 2), np.concatenate((first, second)))), shape=(len(first), n)
    )
    back = incidence.T
    laplacian = back @ diags(weight) @ incidence
    inverse = np.linalg.inv(laplacian.toarray() + 1.0 / n) if n <= _ALL_PAIRS else None
    for step in range(_ROUNDS):
        gaps = incidence @ points
        length = np.maximum(np.hypot(gaps[:, 0], gaps[:, 1]), 1e-9)
        if step == 0:
            best = (weight * target * length).sum() / (weight * length**2).sum()
            points, gaps, length = points * best, gaps * best, length * best
        pull = back @ (gaps * (weight * target / length)[:, None])
        if inverse is not None:
            points = inverse @ pull
        else:
            points = np.column_stack([cg(laplacian, pull[:, k], x0=points[:, k], maxiter=12)[0] for k in range(2)])
    return points


def _turned(points: np.ndarray, aspect: float) -> np.ndarray:
    """The same places turned such that they can be drawn largest on a canvas of that width over height."""
    best, out = np.inf, points
    for degrees in range(0, 180, 5):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turned = points @ np.array([[cosine, sine], [-sine, cosine]])
        width, height = np.ptp(turned, axis=0)
        need = max(width / aspect, height)
        if need < best * (1 - 1e-3):
            best, out = need, turned
    return out


def _pack(sizes: list[np.ndarray], aspect: float) -> np.ndarray:
    """Lower left corners of boxes put on shelves, high ones first."""
    boxes = np.array(sizes)
    order = np.lexsort((-boxes[:, 0], -boxes[:, 1]))
    width = max(float(np.sqrt(boxes.prod(axis=1).sum() * aspect)) * 1.1, float(boxes[:, 0].max()))
    corners = np.empty_like(boxes)
    x = y = shelf = 0.0
    for k in order.tolist():
        if x + boxes[k, 0] > width + 1e-9:
            x, y, shelf = 0.0, y + shelf, 0.0
        corners[k] = (x, y)
        x += boxes[k, 0]
        shelf = max(shelf, boxes[k, 1])
    return corners
