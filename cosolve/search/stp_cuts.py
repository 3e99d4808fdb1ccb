"""Minimum directed cuts between a root and terminals: separation for the cut formulation of Steiner trees."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating


@jit_allocating
def violated_cuts(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    values: np.ndarray,
    root: int,
    terminals: np.ndarray,
    tolerance: float,
    max_cuts: int,
    max_arcs: int,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Sets of arcs that every arborescence must enter but ``values`` enters with less than 1 - ``tolerance``.

    For each terminal the minimum cuts next to it and next to the root (back cuts), then, with their arcs set to 1, the
    next ones (nested cuts); a tiny flow everywhere prefers cuts of few arcs (creep flow). Koch and Martin (1998),
    *Networks* 32: 207-232.

    Parameters
    ----------
    ends
        (m, 2); arc 2e leads from ``ends[e, 0]`` to ``ends[e, 1]``, arc 2e + 1 back.
    values
        (2m,) values of the arcs, in [0, 1].
    terminals
        In the order in which they are looked at, without the root.
    max_cuts, max_arcs
        When to stop.

    Returns
    -------
    start, arcs
        Cut k holds ``arcs[start[k]:start[k + 1]]``. None at all if and only if no cut is violated.
    """
    n = len(indptr) - 1
    num_arcs = len(values)
    creep = tolerance / (10.0 * max(num_arcs, 1))
    capacity = np.empty(num_arcs)
    for a in range(num_arcs):
        capacity[a] = max(values[a], 0.0) + creep
    residual = np.empty(num_arcs)
    level = np.empty(n, np.int64)
    pointer = np.empty(n, np.int64)
    queue = np.empty(n, np.int64)
    path = np.empty(n, np.int64)
    side = np.zeros(n, np.bool_)
    start = np.zeros(max_cuts + 3, np.int64)
    arcs = np.empty(max_arcs + 2 * num_arcs, np.int64)
    count = 0
    for t in terminals:
        if count >= max_cuts or start[count] >= max_arcs:
            break
        residual[:] = capacity
        flow = 0.0
        nested = 0
        while nested < 8 and count < max_cuts and start[count] < max_arcs:
            flow += _augment(
                indptr, neighbours, edge_ids, ends, residual, root, t, 1.0 - flow, level, pointer, queue, path
            )
            if flow >= 1.0 - tolerance:
                break
            before = count
            for near_root in range(2):
                # First the smallest set around the terminal, then the complement of the smallest around the root.
                _reach(
                    indptr, neighbours, edge_ids, ends, residual, root if near_root else t, near_root == 0, side, queue
                )
                end = start[count]
                for a in range(num_arcs):
                    tail = ends[a >> 1, a & 1]
                    head = ends[a >> 1, 1 - (a & 1)]
                    if (side[tail] and not side[head]) if near_root else (side[head] and not side[tail]):
                        arcs[end] = a
                        end += 1
                if (
                    near_root
                    and end - start[count] == start[count] - start[before]
                    and np.array_equal(arcs[start[count] : end], arcs[start[before] : start[count]])
                ):
                    continue
                count += 1
                start[count] = end
            for k in range(start[before], start[count]):
                # The next cut must differ: these arcs count as full, for all further terminals of this call.
                a = arcs[k]
                residual[a] += max(1.0 - capacity[a], 0.0)
                capacity[a] = max(capacity[a], 1.0)
            nested += 1
    return start[: count + 1], arcs[: start[count]]


@jit
def _augment(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    residual: np.ndarray,
    root: int,
    sink: int,
    wanted: float,
    level: np.ndarray,
    pointer: np.ndarray,
    queue: np.ndarray,
    path: np.ndarray,
) -> float:
    """Push up to ``wanted`` more flow from root to sink (Dinic 1970); returns how much."""
    pushed = 0.0
    tiny = 1e-12
    while pushed < wanted:
        # Levels from the sink, so that blocked searches start at the root and end early.
        level[:] = -1
        level[sink] = 0
        queue[0] = sink
        head = 0
        size = 1
        while head < size and level[root] < 0:
            v = queue[head]
            head += 1
            for k in range(indptr[v], indptr[v + 1]):
                u = neighbours[k]
                e = edge_ids[k]
                arc = 2 * e if ends[e, 1] == v else 2 * e + 1
                if level[u] < 0 and residual[arc] > tiny:
                    level[u] = level[v] + 1
                    queue[size] = u
                    size += 1
        if level[root] < 0:
            break
        for v in range(len(pointer)):
            pointer[v] = indptr[v]
        depth = 0
        u = root
        while pushed < wanted:
            if u == sink:
                least = wanted - pushed
                for k in range(depth):
                    least = min(least, residual[path[k]])
                for k in range(depth):
                    residual[path[k]] -= least
                    residual[path[k] ^ 1] += least
                pushed += least
                depth = 0
                u = root
                continue
            moved = False
            while pointer[u] < indptr[u + 1]:
                k = pointer[u]
                v = neighbours[k]
                e = edge_ids[k]
                arc = 2 * e if ends[e, 0] == u else 2 * e + 1
                if level[v] >= 0 and level[v] == level[u] - 1 and residual[arc] > tiny:
                    path[depth] = arc
                    depth += 1
                    u = v
                    moved = True
                    break
                pointer[u] += 1
            if not moved:
                if u == root:
                    break
                level[u] = -1
                depth -= 1
                u = ends[path[depth] >> 1, path[depth] & 1]
                pointer[u] += 1
    return pushed


@jit
def _reach(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    residual: np.ndarray,
    source: int,
    backward: bool,
    side: np.ndarray,
    queue: np.ndarray,
) -> None:
    """Flag the nodes that the source reaches over arcs with residual capacity (that reach it, if ``backward``)."""
    side[:] = False
    side[source] = True
    queue[0] = source
    head = 0
    size = 1
    while head < size:
        v = queue[head]
        head += 1
        for k in range(indptr[v], indptr[v + 1]):
            u = neighbours[k]
            e = edge_ids[k]
            out = 2 * e if ends[e, 0] == v else 2 * e + 1
            if not side[u] and residual[out ^ 1 if backward else out] > 1e-12:
                side[u] = True
                queue[size] = u
                size += 1
