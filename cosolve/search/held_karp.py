"""
Held-Karp lower bounds: minimum 1-trees under node prices, raised by subgradient ascent [1]_.

Any prices give a valid bound, provided that the 1-tree is minimum over all edges of the complete graph. The
ascent may therefore run on a sparse graph; its prices then get one exact O(n^2) Prim over all pairs, which needs
O(n) memory and can be left and resumed. A bound is lowered by a margin far above its rounding error.

References
----------
.. [1] Held, M., Karp, R. M. (1971). The traveling-salesman problem and minimum spanning trees: part II.
       *Mathematical Programming* 1: 6-25.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import distance


@jit_allocating
def safe(length: float, prices: np.ndarray) -> float:
    """A bound less a margin for rounding: a thousand times the error of adding its terms up."""
    scale = abs(length) + 2.0 * np.abs(prices).sum() + prices.max() - prices.min()
    return length - 1e-12 * scale


@jit_allocating
def prim_start(n: int, root: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fresh state of :func:`prim_continue` over all nodes but 0: keys, parents, and the nodes yet outside."""
    key = np.full(n, np.inf)
    parent = np.full(n, -1, np.int32)
    outside = np.empty(n - 1, np.int32)
    outside[0] = root
    at = 1
    for i in range(1, n):
        if i != root:
            outside[at] = i
            at += 1
    key[root] = 0.0
    return key, parent, outside


@jit
def prim_continue(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    prices: np.ndarray,
    key: np.ndarray,
    parent: np.ndarray,
    outside: np.ndarray,
    left: int,
    steps: int,
) -> int:
    """
    Let up to ``steps`` nodes join the tree; how many are still outside.

    ``outside[:left]`` are those outside, the next to join in front. O(left) per step.
    """
    for _ in range(steps):
        if left == 0:
            break
        joined = outside[0]
        left -= 1
        outside[0] = outside[left]
        best = np.inf
        where = 0
        price = prices[joined]
        for p in range(left):
            node = outside[p]
            length = distance(metric, coords, matrix, joined, node) + price + prices[node]
            if length < key[node]:
                key[node] = length
                parent[node] = joined
            if key[node] < best:
                best = key[node]
                where = p
        if left > 0:
            outside[0], outside[where] = outside[where], outside[0]
    return left


@jit
def finish_one_tree(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    prices: np.ndarray,
    key: np.ndarray,
    parent: np.ndarray,
    degree: np.ndarray,
) -> float:
    """Join node 0 by its two shortest edges; the 1-tree's length less twice the prices. Fills ``degree``; n >= 3."""
    n = len(key)
    degree[:] = 0
    total = 0.0
    first = second = np.inf
    a = b = -1
    for node in range(1, n):
        if parent[node] >= 0:
            total += key[node]
            degree[node] += 1
            degree[parent[node]] += 1
        length = distance(metric, coords, matrix, 0, node) + prices[0] + prices[node]
        if length < first:
            first, second, a, b = length, first, node, a
        elif length < second:
            second, b = length, node
    degree[0] = 2
    degree[a] += 1
    degree[b] += 1
    return total + first + second - 2.0 * prices.sum()


@jit_allocating
def dense_one_tree(
    metric: int, coords: np.ndarray, matrix: np.ndarray, prices: np.ndarray, degree: np.ndarray
) -> float:
    """Minimum 1-tree of the complete graph; O(n^2)."""
    n = len(prices)
    key, parent, outside = prim_start(n, 1)
    prim_continue(metric, coords, matrix, prices, key, parent, outside, n - 1, n)
    return finish_one_tree(metric, coords, matrix, prices, key, parent, degree)


@jit
def _sift_up(heap: np.ndarray, place: np.ndarray, key: np.ndarray, at: int) -> None:
    node = heap[at]
    while at > 0:
        above = (at - 1) >> 1
        if key[heap[above]] <= key[node]:
            break
        heap[at] = heap[above]
        place[heap[at]] = at
        at = above
    heap[at] = node
    place[node] = at


@jit
def _sift_down(heap: np.ndarray, place: np.ndarray, key: np.ndarray, size: int) -> None:
    node = heap[0]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        if below + 1 < size and key[heap[below + 1]] < key[heap[below]]:
            below += 1
        if key[heap[below]] >= key[node]:
            break
        heap[at] = heap[below]
        place[heap[at]] = at
        at = below
    heap[at] = node
    place[node] = at


@jit_allocating
def sparse_one_tree(
    indptr: np.ndarray, heads: np.ndarray, lengths: np.ndarray, prices: np.ndarray, degree: np.ndarray
) -> float:
    """Minimum 1-tree of a connected sparse graph in which node 0 has two neighbours; O(m log n)."""
    n = len(prices)
    key = np.full(n, np.inf)
    parent = np.full(n, -1, np.int32)
    place = np.full(n, -1, np.int32)  # -1: not seen, -2: in the tree
    heap = np.empty(n, np.int32)
    degree[:] = 0
    key[1] = 0.0
    heap[0] = 1
    place[1] = 0
    size = 1
    total = 0.0
    while size > 0:
        node = heap[0]
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            _sift_down(heap, place, key, size)
        place[node] = -2
        total += key[node]
        if parent[node] >= 0:
            degree[node] += 1
            degree[parent[node]] += 1
        for e in range(indptr[node], indptr[node + 1]):
            other = heads[e]
            if other == 0 or place[other] == -2:
                continue
            length = lengths[e] + prices[node] + prices[other]
            if length < key[other]:
                key[other] = length
                parent[other] = node
                if place[other] == -1:
                    place[other] = size
                    heap[size] = other
                    size += 1
                _sift_up(heap, place, key, place[other])
    first = second = np.inf
    a = b = -1
    for e in range(indptr[0], indptr[1]):
        length = lengths[e] + prices[0] + prices[heads[e]]
        if length < first:
            first, second, a, b = length, first, heads[e], a
        elif length < second:
            second, b = length, heads[e]
    degree[0] = 2
    degree[a] += 1
    degree[b] += 1
    return total + first + second - 2.0 * prices.sum()


class Ascent:
    """
    Subgradient ascent with the step length of Polyak, smoothed directions, and halving when it stalls.

    Parameters
    ----------
    prices
        Where to start, (n,); not changed.
    upper
        Length of a tour, or an estimate of it: it only sets the step length.
    patience
        Iterations without a better bound after which the step is shortened.
    """

    def __init__(self, prices: np.ndarray, upper: float, patience: int = 20) -> None:
        self.prices = prices.copy()
        self.best_prices = prices.copy()
        self.best = -np.inf
        self.upper = upper
        self.factor = 1.0
        self._patience = patience
        self._stalled = 0
        self._before: np.ndarray | None = None

    @property
    def is_over(self) -> bool:
        """Whether the step is too short to matter, or the tour found was optimal."""
        return self.factor < 1e-3

    def step(self, length: float, degree: np.ndarray) -> bool:
        """Move on from the 1-tree of ``prices``; whether it was the best so far."""
        better = length > self.best + 1e-9 * abs(self.best) if np.isfinite(self.best) else True
        if better:
            self.best = length
            self.best_prices[:] = self.prices
            self._stalled = 0
        else:
            self._stalled += 1
        excess = degree - 2.0
        square = float(excess @ excess)
        if square == 0.0:  # the 1-tree is a tour: nothing is better
            self.factor = 0.0
            return better
        if self._stalled >= self._patience:
            self._stalled = 0
            self.factor *= 0.7
        direction = excess if self._before is None else 0.7 * excess + 0.3 * self._before
        self._before = excess
        gap = max(self.upper - length, 1e-4 * abs(self.upper), 1e-300)
        self.prices += self.factor * gap / square * direction
        return better


def sparse_graph(
    neighbours: np.ndarray, lengths: np.ndarray, tour: np.ndarray, tour_lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Undirected graph of candidate edges and a tour (which makes it connected), as CSR.

    Parameters
    ----------
    neighbours, lengths
        (n, k) candidate lists.
    tour, tour_lengths
        City order, and the length of the edge out of each position.

    Returns
    -------
    indptr, heads, lengths
    """
    n, k = neighbours.shape
    tails = np.concatenate([np.repeat(np.arange(n), k), tour])
    heads = np.concatenate([neighbours.ravel(), np.roll(tour, -1)]).astype(np.int64)
    weights = np.concatenate([lengths.ravel(), tour_lengths])
    low, high = np.minimum(tails, heads), np.maximum(tails, heads)
    _, unique = np.unique(low * n + high, return_index=True)
    low, high, weights = low[unique], high[unique], weights[unique]
    tails = np.concatenate([low, high])
    ranking = np.argsort(tails, kind="stable")
    indptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(tails, minlength=n), out=indptr[1:])
    return indptr, np.concatenate([high, low])[ranking].astype(np.int32), np.concatenate([weights, weights])[ranking]


def two_node_matrix(
    matrix: np.ndarray, row_dual: np.ndarray, column_dual: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """
    Symmetric instance of 2n nodes whose tours contain those of a directed one [1]_.

    City i becomes a node i that is entered and a node n + i that is left, joined by an edge so cheap that
    1-trees hold it. Whatever that edge costs, the bound is valid.

    Returns
    -------
    symmetric, prices, constant
        Matrix, prices that reproduce the assignment bound, and what to add to a bound.

    References
    ----------
    .. [1] Jonker, R., Volgenant, T. (1983). Transforming asymmetric into symmetric traveling salesman problems.
           *Operations Research Letters* 2(4): 161-163.
    """
    n = len(matrix)
    cheap = 1.0 + float(matrix.max())
    never = 4.0 * cheap * (1.0 + 1.0)
    symmetric = np.full((2 * n, 2 * n), never)
    symmetric[n:, :n] = matrix
    symmetric[:n, n:] = matrix.T
    diagonal = np.arange(n)
    # Shifted up by ``cheap`` wherever it is an arc or a city, so that no entry is negative.
    symmetric[n:, :n] += cheap
    symmetric[:n, n:] += cheap
    symmetric[diagonal, n + diagonal] = symmetric[n + diagonal, diagonal] = 0.0
    return symmetric, np.concatenate([-column_dual, -row_dual]), -cheap * n


@jit_allocating
def edge_lengths(metric: int, coords: np.ndarray, matrix: np.ndarray, tour: np.ndarray) -> np.ndarray:
    """Length of the edge from each position of a tour to the next."""
    n = len(tour)
    lengths = np.empty(n)
    for k in range(n):
        lengths[k] = distance(metric, coords, matrix, tour[k], tour[k + 1 if k + 1 < n else 0])
    return lengths
