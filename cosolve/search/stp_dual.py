"""Dual ascent for the directed cut relaxation of the Steiner tree problem: lower bounds and reduced costs."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit
from cosolve.search.stp_graph import heap_pop, heap_push


@jit
def dual_ascent(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    root: int,
    cut_start: np.ndarray,
    cut_arcs: np.ndarray,
) -> tuple[float, np.ndarray, int]:
    """
    Lower bound on every Steiner tree, and the reduced costs that prove it.

    Every terminal grows the set of nodes that reach it over arcs of reduced cost 0; while that set lacks the root and
    other unserved terminals, the cut that enters it is raised until an arc saturates. The terminal with the smallest
    cut goes first. Wong (1984), *Mathematical Programming* 28: 271-287; order as in Pajor, Uchoa and Werneck (2018),
    *Mathematical Programming Computation* 10: 69-118.

    Parameters
    ----------
    cut_start, cut_arcs
        Buffers that take the raised cuts: cut k holds the arcs ``cut_arcs[cut_start[k]:cut_start[k + 1]]``, as many as
        fit. Empty arrays for none.

    Returns
    -------
    bound, reduced, num_cuts
        ``reduced[2 * e]`` is the reduced cost of the arc from ``ends[e, 0]`` to ``ends[e, 1]``, ``2 * e + 1`` of the
        other direction. The bound is infinite if a terminal can't be reached from the root.
    """
    n = len(indptr) - 1
    m = len(ends)
    reduced = np.empty(2 * m)
    for e in range(m):
        reduced[2 * e] = weights[e]
        reduced[2 * e + 1] = weights[e]
    score = np.zeros(n)
    heap = np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    is_active = np.zeros(n, np.bool_)
    size = 0
    for v in range(n):
        if is_terminal[v] and v != root:
            is_active[v] = True
            score[v] = indptr[v + 1] - indptr[v]
            size = heap_push(heap, where, score, size, v)
    stamp = np.zeros(n, np.int64)
    now = 0
    members = np.empty(n, np.int64)
    cut = np.empty(2 * m, np.int64)
    bound = 0.0
    num_cuts = 0
    if len(cut_start):
        cut_start[0] = 0
    while size > 0:
        t = heap_pop(heap, where, score, size)
        size -= 1
        limit = score[heap[0]] if size > 0 else np.inf
        now += 1
        stamp[t] = now
        members[0] = t
        num_members = 1
        scanned = 0
        num_cut = 0
        while True:
            met = False
            while scanned < num_members and not met:
                v = members[scanned]
                scanned += 1
                for k in range(indptr[v], indptr[v + 1]):
                    u = neighbours[k]
                    if stamp[u] == now:
                        continue
                    e = edge_ids[k]
                    arc = 2 * e if ends[e, 1] == v else 2 * e + 1
                    if reduced[arc] > 0.0:
                        cut[num_cut] = arc
                        num_cut += 1
                    else:
                        if u == root or is_active[u]:
                            met = True
                            break
                        stamp[u] = now
                        members[num_members] = u
                        num_members += 1
            if met:
                is_active[t] = False
                break
            # Arcs whose tail has joined since are no longer in the cut.
            kept = 0
            delta = np.inf
            for k in range(num_cut):
                arc = cut[k]
                tail = ends[arc >> 1, arc & 1]
                if stamp[tail] != now:
                    cut[kept] = arc
                    kept += 1
                    delta = min(delta, reduced[arc])
            num_cut = kept
            if num_cut == 0:
                return np.inf, reduced, num_cuts
            if num_cut > limit:
                score[t] = num_cut
                size = heap_push(heap, where, score, size, t)
                break
            bound += delta
            if num_cuts + 1 < len(cut_start) and cut_start[num_cuts] + num_cut <= len(cut_arcs):
                end = cut_start[num_cuts] + num_cut
                cut_arcs[cut_start[num_cuts] : end] = cut[:num_cut]
                num_cuts += 1
                cut_start[num_cuts] = end
            met = False
            kept = 0
            for k in range(num_cut):
                arc = cut[k]
                reduced[arc] -= delta
                if reduced[arc] > 0.0:
                    cut[kept] = arc
                    kept += 1
                    continue
                tail = ends[arc >> 1, arc & 1]
                if tail == root or is_active[tail]:
                    met = True
                elif stamp[tail] != now:
                    stamp[tail] = now
                    members[num_members] = tail
                    num_members += 1
            num_cut = kept
            if met:
                is_active[t] = False
                break
    return bound, reduced, num_cuts


@jit
def reduced_distances(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    reduced: np.ndarray,
    is_source: np.ndarray,
    backward: bool,
) -> np.ndarray:
    """Distance of each node from the nearest source over arcs of reduced cost, or to it if ``backward``; O(m log n)."""
    n = len(indptr) - 1
    dist = np.full(n, np.inf)
    heap = np.empty(n, np.int64)
    where = np.full(n, -1, np.int64)
    size = 0
    for v in range(n):
        if is_source[v]:
            dist[v] = 0.0
            size = heap_push(heap, where, dist, size, v)
    while size > 0:
        u = heap_pop(heap, where, dist, size)
        size -= 1
        for k in range(indptr[u], indptr[u + 1]):
            v = neighbours[k]
            e = edge_ids[k]
            out = 2 * e if ends[e, 0] == u else 2 * e + 1
            length = dist[u] + reduced[out ^ 1 if backward else out]
            if length < dist[v]:
                dist[v] = length
                size = heap_push(heap, where, dist, size, v)
    return dist


@jit
def useless_edges(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    reduced: np.ndarray,
    is_terminal: np.ndarray,
    root: int,
    slack: float,
) -> np.ndarray:
    """
    Flag per edge: every tree with it weighs more than the dual bound plus ``slack``.

    A tree that uses arc (u, v) pays the reduced cost of a path from the root to u, of the arc, and of a path from v to
    a terminal.
    """
    n = len(indptr) - 1
    sources = np.zeros(n, np.bool_)
    sources[root] = True
    from_root = reduced_distances(indptr, neighbours, edge_ids, ends, reduced, sources, False)
    for v in range(n):
        sources[v] = is_terminal[v] and v != root
    to_terminal = reduced_distances(indptr, neighbours, edge_ids, ends, reduced, sources, True)
    useless = np.zeros(len(ends), np.bool_)
    for e in range(len(ends)):
        u = ends[e, 0]
        v = ends[e, 1]
        there = from_root[u] + reduced[2 * e] + to_terminal[v] if v != root else np.inf
        back = from_root[v] + reduced[2 * e + 1] + to_terminal[u] if u != root else np.inf
        useless[e] = there > slack and back > slack
    return useless
