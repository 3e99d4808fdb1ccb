"""
Paths and trees in weighted graphs: the kernels under every Steiner tree method here.

A graph is (indptr, neighbours, edge_ids) in CSR form, weights per edge (infinite for "not there"), and a flag per node
that says whether it is a terminal. Heaps are binary with positions, so every search takes O(m log n).
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import frozen, jit, jit_allocating

#: CSR adjacency: indptr (n + 1,), neighbours (2m,), edge ids (2m,).
Adjacency = tuple[np.ndarray, np.ndarray, np.ndarray]


def adjacency_of(num_nodes: int, ends: np.ndarray) -> Adjacency:
    """CSR adjacency (indptr, neighbours, edge ids) of edges (m, 2), frozen; O(n + m)."""
    indptr, neighbours, edge_ids = _csr(num_nodes, frozen(ends))
    return frozen(indptr), frozen(neighbours), frozen(edge_ids)


@jit_allocating
def _csr(num_nodes: int, ends: np.ndarray) -> Adjacency:
    m = len(ends)
    indptr = np.zeros(num_nodes + 1, np.int64)
    for e in range(m):
        indptr[ends[e, 0] + 1] += 1
        indptr[ends[e, 1] + 1] += 1
    for v in range(num_nodes):
        indptr[v + 1] += indptr[v]
    place = indptr.copy()
    neighbours = np.empty(2 * m, np.int64)
    edge_ids = np.empty(2 * m, np.int64)
    for e in range(m):
        u = ends[e, 0]
        v = ends[e, 1]
        neighbours[place[u]] = v
        edge_ids[place[u]] = e
        place[u] += 1
        neighbours[place[v]] = u
        edge_ids[place[v]] = e
        place[v] += 1
    return indptr, neighbours, edge_ids


@jit_allocating
def ascending(values: np.ndarray) -> np.ndarray:
    """Indices that sort the values; one compiled sort for all kernels, which take long to compile with their own."""
    return np.argsort(values)


@jit
def heap_push(heap: np.ndarray, where: np.ndarray, key: np.ndarray, size: int, v: int) -> int:
    """Insert node v, or move it up after its key fell; ``where[v]`` is -1 outside the heap. Returns the size."""
    k = where[v]
    if k < 0:
        k = size
        size += 1
    while k > 0:
        up = (k - 1) >> 1
        other = heap[up]
        if key[other] <= key[v]:
            break
        heap[k] = other
        where[other] = k
        k = up
    heap[k] = v
    where[v] = k
    return size


@jit
def heap_pop(heap: np.ndarray, where: np.ndarray, key: np.ndarray, size: int) -> int:
    """Remove and return the node of least key; the caller lowers the size by 1."""
    top = heap[0]
    where[top] = -1
    size -= 1
    if size > 0:
        v = heap[size]
        k = 0
        while True:
            child = 2 * k + 1
            if child >= size:
                break
            if child + 1 < size and key[heap[child + 1]] < key[heap[child]]:
                child += 1
            if key[heap[child]] >= key[v]:
                break
            heap[k] = heap[child]
            where[heap[k]] = k
            k = child
        heap[k] = v
        where[v] = k
    return top


@jit_allocating
def voronoi(
    indptr: np.ndarray, neighbours: np.ndarray, edge_ids: np.ndarray, weights: np.ndarray, is_base: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Distance of every node to its nearest base, that base, and the edge towards it (-1 at bases and where none leads).

    Mehlhorn (1988), *Information Processing Letters* 27: 125-128.
    """
    n = len(indptr) - 1
    dist = np.full(n, np.inf)
    base = np.full(n, -1, np.int64)
    pred = np.full(n, -1, np.int64)
    heap = np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    size = 0
    for v in range(n):
        if is_base[v]:
            dist[v] = 0.0
            base[v] = v
            size = heap_push(heap, where, dist, size, v)
    while size > 0:
        u = heap_pop(heap, where, dist, size)
        size -= 1
        for k in range(indptr[u], indptr[u + 1]):
            v = neighbours[k]
            length = dist[u] + weights[edge_ids[k]]
            if length < dist[v]:
                dist[v] = length
                base[v] = base[u]
                pred[v] = edge_ids[k]
                size = heap_push(heap, where, dist, size, v)
    return dist, base, pred


@jit_allocating
def shortest_path_tree_heuristic(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    root: int,
) -> np.ndarray:
    """
    Grow a tree from ``root``, always by a shortest path to the nearest terminal outside; flag per node in the tree.

    Takahashi and Matsuyama (1980), with one heap for all searches as de Aragao and Werneck (ALENEX 2002) do. Empty
    (no node flagged) if a terminal can't be reached.
    """
    n = len(indptr) - 1
    dist = np.full(n, np.inf)
    pred = np.full(n, -1, np.int64)
    heap = np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    in_tree = np.zeros(n, np.bool_)
    missing = 0
    for v in range(n):
        if is_terminal[v]:
            missing += 1
    if is_terminal[root]:
        missing -= 1
    in_tree[root] = True
    dist[root] = 0.0
    size = heap_push(heap, where, dist, 0, root)
    while size > 0 and missing > 0:
        u = heap_pop(heap, where, dist, size)
        size -= 1
        if is_terminal[u] and not in_tree[u]:
            missing -= 1
            v = u
            while not in_tree[v]:
                in_tree[v] = True
                dist[v] = 0.0
                if v != u:
                    size = heap_push(heap, where, dist, size, v)
                e = pred[v]
                v = ends[e, 0] + ends[e, 1] - v
        for k in range(indptr[u], indptr[u + 1]):
            v = neighbours[k]
            length = dist[u] + weights[edge_ids[k]]
            if length < dist[v]:
                dist[v] = length
                pred[v] = edge_ids[k]
                size = heap_push(heap, where, dist, size, v)
    if missing > 0:
        in_tree[:] = False
    return in_tree


@jit_allocating
def prune(
    indptr: np.ndarray, neighbours: np.ndarray, edge_ids: np.ndarray, in_tree: np.ndarray, is_terminal: np.ndarray
) -> np.ndarray:
    """Remove leaves that are no terminals, again and again, from flags of edges; the degrees left over. O(n + m)."""
    n = len(indptr) - 1
    degree = np.zeros(n, np.int64)
    stack = np.empty(n, np.int64)
    top = 0
    for v in range(n):
        for k in range(indptr[v], indptr[v + 1]):
            if in_tree[edge_ids[k]]:
                degree[v] += 1
        if degree[v] == 1 and not is_terminal[v]:
            stack[top] = v
            top += 1
    while top > 0:
        top -= 1
        v = stack[top]
        for k in range(indptr[v], indptr[v + 1]):
            e = edge_ids[k]
            if in_tree[e]:
                in_tree[e] = False
                degree[v] -= 1
                u = neighbours[k]
                degree[u] -= 1
                if degree[u] == 1 and not is_terminal[u]:
                    stack[top] = u
                    top += 1
    return degree


@jit_allocating
def spanning_tree(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    weights: np.ndarray,
    nodes: np.ndarray,
    is_terminal: np.ndarray,
    in_tree: np.ndarray,
) -> bool:
    """
    Put the pruned minimum spanning tree of the flagged nodes into ``in_tree`` (a flag per edge); O(m log n).

    False if the flagged nodes do not connect all terminals.
    """
    n = len(indptr) - 1
    in_tree[:] = False
    key = np.full(n, np.inf)
    pred = np.full(n, -1, np.int64)
    heap = np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    done = np.zeros(n, np.bool_)
    start = -1
    missing = 0
    for v in range(n):
        if is_terminal[v]:
            missing += 1
            start = v
    key[start] = 0.0
    size = heap_push(heap, where, key, 0, start)
    while size > 0:
        u = heap_pop(heap, where, key, size)
        size -= 1
        done[u] = True
        if is_terminal[u]:
            missing -= 1
        if pred[u] >= 0:
            in_tree[pred[u]] = True
        for k in range(indptr[u], indptr[u + 1]):
            v = neighbours[k]
            if nodes[v] and not done[v] and weights[edge_ids[k]] < key[v]:
                key[v] = weights[edge_ids[k]]
                pred[v] = edge_ids[k]
                size = heap_push(heap, where, key, size, v)
    prune(indptr, neighbours, edge_ids, in_tree, is_terminal)
    return missing == 0


@jit
def tree_weight(weights: np.ndarray, in_tree: np.ndarray) -> float:
    """Sum of the weights of the flagged edges."""
    total = 0.0
    for e in range(len(in_tree)):
        if in_tree[e]:
            total += weights[e]
    return total


@jit_allocating
def tree_nodes(ends: np.ndarray, in_tree: np.ndarray, is_terminal: np.ndarray) -> np.ndarray:
    """Flag per node: terminal, or end of a flagged edge."""
    nodes = is_terminal.copy()
    for e in range(len(in_tree)):
        if in_tree[e]:
            nodes[ends[e, 0]] = True
            nodes[ends[e, 1]] = True
    return nodes


@jit
def next_random(state: np.ndarray) -> float:
    """Uniform number in [0, 1) by xorshift64*; the state is a uint64 array of length 1, never 0."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
