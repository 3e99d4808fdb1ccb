"""Kernelisation, greedy construction and clique covers for maximum independent sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosolve.core.jit import jit_allocating

#: Neighbour visits that one domination test may take; dense graphs have nothing to find and would pay n^3.
_MAX_WORK = 20_000

#: Neighbour visits between two looks at the clock: some hundredths of a second.
_AT_ONCE = 2_000_000


@jit_allocating
def _work_off(
    indptr: np.ndarray,
    indices: np.ndarray,
    alive: np.ndarray,
    degree: np.ndarray,
    queue: np.ndarray,
    queued: np.ndarray,
    common: np.ndarray,
    taken: np.ndarray,
    counts: np.ndarray,
    visits: int,
) -> None:
    """
    Work off the queue until so many neighbour visits are spent.

    ``counts`` hold where it begins, its length, and how many are taken; ``common`` is 0 between two nodes.
    """
    n = len(indptr) - 1
    gone = np.empty(n, np.int32)
    head, waiting, num_taken = counts[0], counts[1], counts[2]
    while waiting > 0 and visits > 0:
        v = queue[head]
        head = head + 1 if head + 1 < n else 0
        waiting -= 1
        visits -= indptr[v + 1] - indptr[v] + 1
        queued[v] = False
        if not alive[v]:
            continue
        num_gone = 0
        if degree[v] == 0:
            alive[v] = False
            taken[num_taken] = v
            num_taken += 1
            continue
        if degree[v] == 1:
            for k in range(indptr[v], indptr[v + 1]):
                if alive[indices[k]]:
                    gone[0] = indices[k]
                    num_gone = 1
        else:
            work = 0
            for k in range(indptr[v], indptr[v + 1]):
                w = indices[k]
                if alive[w]:
                    work += indptr[w + 1] - indptr[w]
            if work > _MAX_WORK:
                continue
            visits -= work
            # common[u]: how many of N(v) are neighbours of u.
            for k in range(indptr[v], indptr[v + 1]):
                w = indices[k]
                if alive[w]:
                    for j in range(indptr[w], indptr[w + 1]):
                        common[indices[j]] += 1
            for k in range(indptr[v], indptr[v + 1]):
                u = indices[k]
                if alive[u] and common[u] == degree[v] - 1:
                    gone[num_gone] = u
                    num_gone += 1
            for k in range(indptr[v], indptr[v + 1]):
                w = indices[k]
                if alive[w]:
                    for j in range(indptr[w], indptr[w + 1]):
                        common[indices[j]] = 0
        # All of them may go together: each is dominated by v, which stays.
        for i in range(num_gone):
            u = gone[i]
            alive[u] = False
            visits -= indptr[u + 1] - indptr[u]
            for k in range(indptr[u], indptr[u + 1]):
                w = indices[k]
                if alive[w]:
                    degree[w] -= 1
                    if not queued[w]:
                        queued[w] = True
                        tail = head + waiting
                        queue[tail if tail < n else tail - n] = w
                        waiting += 1
    counts[0], counts[1], counts[2] = head, waiting, num_taken


def reduce(
    indptr: np.ndarray, indices: np.ndarray, should_stop: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray]:
    """
    Domination and isolated-vertex rules until neither has more to do, or until it is told to stop.

    Some maximum independent set contains all that is taken, whenever that is. If N[v] is within N[u] for adjacent u
    and v, u can go: any set with u may take v instead. A node without neighbours is taken. Together they cover nodes
    of degree 1 and every node whose neighbourhood is a clique ([1]_, section 3). A node is looked at again only when
    its neighbourhood has shrunk.

    Returns
    -------
    kept
        Nodes of the kernel, ascending.
    taken
        Nodes to add to any maximum independent set of the kernel.

    References
    ----------
    .. [1] Akiba, T., Iwata, Y. (2016). Branch-and-reduce exponential/FPT algorithms in practice: a case study of
           vertex cover. *Theoretical Computer Science* 609: 211-225.
    """
    n = len(indptr) - 1
    degree = np.diff(indptr).astype(np.int64)
    queue = np.argsort(degree, kind="stable").astype(np.int32)
    alive, queued = np.ones(n, np.bool_), np.ones(n, np.bool_)
    common, taken = np.zeros(n, np.int32), np.empty(n, np.int32)
    counts = np.array([0, n, 0])
    state = (alive, degree, queue, queued, common, taken, counts)
    while counts[1] > 0 and not should_stop():
        _work_off(indptr, indices, *state, _AT_ONCE)
    return np.flatnonzero(alive), taken[: counts[2]].copy()


@jit_allocating
def induced(indptr: np.ndarray, indices: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CSR of the subgraph on ``nodes``, numbered in their order; rows stay ascending if ``nodes`` is."""
    n = len(indptr) - 1
    number = np.full(n, -1, np.int32)
    for i in range(len(nodes)):
        number[nodes[i]] = i
    ptr = np.zeros(len(nodes) + 1, np.int64)
    for i in range(len(nodes)):
        count = 0
        for k in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            if number[indices[k]] >= 0:
                count += 1
        ptr[i + 1] = ptr[i] + count
    out = np.empty(ptr[len(nodes)], np.int32)
    filled = 0
    for i in range(len(nodes)):
        for k in range(indptr[nodes[i]], indptr[nodes[i] + 1]):
            if number[indices[k]] >= 0:
                out[filled] = number[indices[k]]
                filled += 1
    return ptr, out


@jit_allocating
def greedy(indptr: np.ndarray, indices: np.ndarray, order: np.ndarray) -> np.ndarray:
    """
    Minimum-degree greedy: take a node of least degree in what is left, drop its neighbours; O(n + m).

    Buckets of nodes by degree as doubly linked lists; ties go to the node that came into its bucket last, at
    first by ``order``. Taking degrees 0 and 1 first, it does what these two reductions do.
    """
    n = len(indptr) - 1
    degree = np.empty(n, np.int64)
    top = 0
    for v in range(n):
        degree[v] = indptr[v + 1] - indptr[v]
        top = max(top, degree[v])
    first = np.full(top + 1, -1, np.int32)
    after = np.full(n, -1, np.int32)
    before = np.full(n, -1, np.int32)
    for v in order:
        d = degree[v]
        after[v] = first[d]
        if first[d] >= 0:
            before[first[d]] = v
        first[d] = v
    alive = np.ones(n, np.bool_)
    chosen = np.empty(n, np.int32)
    count = 0
    low = 0
    while low <= top:
        v = first[low]
        if v < 0:
            low += 1
            continue
        first[low] = after[v]
        if after[v] >= 0:
            before[after[v]] = -1
        alive[v] = False
        chosen[count] = v
        count += 1
        for k in range(indptr[v], indptr[v + 1]):
            u = indices[k]
            if not alive[u]:
                continue
            alive[u] = False
            if before[u] >= 0:
                after[before[u]] = after[u]
            else:
                first[degree[u]] = after[u]
            if after[u] >= 0:
                before[after[u]] = before[u]
            for j in range(indptr[u], indptr[u + 1]):
                w = indices[j]
                if not alive[w]:
                    continue
                d = degree[w]
                if before[w] >= 0:
                    after[before[w]] = after[w]
                else:
                    first[d] = after[w]
                if after[w] >= 0:
                    before[after[w]] = before[w]
                d -= 1
                degree[w] = d
                before[w] = -1
                after[w] = first[d]
                if first[d] >= 0:
                    before[first[d]] = w
                first[d] = w
                low = min(low, d)
    return chosen[:count].copy()


@jit_allocating
def clique_cover(indptr: np.ndarray, indices: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, int]:
    """
    Partition into cliques: each node joins the largest clique so far that it fits; O(n + m).

    The number of cliques bounds every independent set from above.

    Returns
    -------
    clique
        (n,) int32 number of each node's clique.
    count
        Number of cliques.
    """
    n = len(indptr) - 1
    clique = np.full(n, -1, np.int32)
    size = np.zeros(n, np.int32)
    hits = np.zeros(n, np.int32)
    count = 0
    for v in order:
        for k in range(indptr[v], indptr[v + 1]):
            c = clique[indices[k]]
            if c >= 0:
                hits[c] += 1
        best = -1
        for k in range(indptr[v], indptr[v + 1]):
            c = clique[indices[k]]
            if c >= 0:
                if hits[c] == size[c] and (best < 0 or size[c] > size[best]):
                    best = c
                # Each clique is judged once; the others of it find nothing.
                hits[c] = 0
        if best < 0:
            best = count
            count += 1
        clique[v] = best
        size[best] += 1
    return clique, count


@jit_allocating
def regroup(clique: np.ndarray, count: int, keys: np.ndarray) -> np.ndarray:
    """
    Order of the nodes with cliques together, cliques by ascending ``keys``.

    A greedy cover in such an order never has more cliques than before ([1]_).

    References
    ----------
    .. [1] Culberson, J. C. (1992). Iterated greedy graph coloring and the difficulty landscape. TR 92-07,
           University of Alberta.
    """
    rank = np.empty(count, np.int64)
    ordered = np.argsort(keys, kind="mergesort")
    for i in range(count):
        rank[ordered[i]] = i
    start = np.zeros(count + 1, np.int64)
    for v in range(len(clique)):
        start[rank[clique[v]] + 1] += 1
    for i in range(count):
        start[i + 1] += start[i]
    order = np.empty(len(clique), np.int32)
    for v in range(len(clique)):
        place = rank[clique[v]]
        order[start[place]] = v
        start[place] += 1
    return order


@jit_allocating
def _grow_cliques(
    indptr: np.ndarray,
    indices: np.ndarray,
    covered: np.ndarray,
    common: np.ndarray,
    place: np.ndarray,
    clique_ptr: np.ndarray,
    members: np.ndarray,
    counts: np.ndarray,
    visits: int,
) -> np.ndarray:
    """
    Grow cliques until so many neighbour visits are spent; gives back ``members``, a larger array where it had to be.

    ``counts`` hold the entry of ``indices`` to go on from, its node, and the numbers of cliques and of members.
    """
    n = len(indptr) - 1
    start, u, count, filled = counts[0], counts[1], counts[2], counts[3]
    while start < len(indices) and visits > 0:
        while start == indptr[u + 1]:
            u += 1
        if covered[start] or indices[start] < u:
            start += 1
            visits -= 1
            continue
        if filled + n + 1 > len(members):
            larger = np.empty(2 * len(members) + n + 1, np.int32)
            larger[:filled] = members[:filled]
            members = larger
        first = filled
        members[filled] = u
        filled += 1
        size = 1
        added = indices[start]
        # common[w]: how many members w is adjacent to; candidates are neighbours of u.
        while added >= 0:
            members[filled] = added
            filled += 1
            size += 1
            visits -= indptr[u + 1] - indptr[u] + indptr[added + 1] - indptr[added]
            for k in range(indptr[added], indptr[added + 1]):
                common[indices[k]] += 1
            added = -1
            spare = -1
            for k in range(indptr[u], indptr[u + 1]):
                w = indices[k]
                if common[w] == size - 1:
                    if not covered[k]:
                        added = w
                        break
                    if spare < 0:
                        spare = w
            if added < 0:
                added = spare
        for i in range(first + 1, filled):
            v = members[i]
            for k in range(indptr[v], indptr[v + 1]):
                common[indices[k]] = 0
        for i in range(first, filled):
            place[members[i]] = i
        for i in range(first, filled):
            v = members[i]
            for k in range(indptr[v], indptr[v + 1]):
                if place[indices[k]] >= first:
                    covered[k] = True
        count += 1
        clique_ptr[count] = filled
    counts[0], counts[1], counts[2], counts[3] = start, u, count, filled
    return members


def edge_clique_cover(
    indptr: np.ndarray, indices: np.ndarray, should_stop: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray] | None:
    """
    Cliques that together hold every edge, as CSR over nodes: greedily grown from each edge not yet covered.

    From an uncovered edge (u, v) the clique takes every common neighbour that fits, those first whose edge to u
    is uncovered. Cost is O(degree of u) for each member.

    ``None`` once ``should_stop`` says so: cliques that miss edges are no model.
    """
    n = len(indptr) - 1
    covered = np.zeros(len(indices), np.bool_)
    common, place = np.zeros(n, np.int32), np.full(n, -1, np.int64)
    clique_ptr = np.zeros(len(indices) // 2 + 1, np.int64)
    members = np.empty(max(16, len(indices)), np.int32)
    counts = np.zeros(4, np.int64)
    while counts[0] < len(indices):
        if should_stop():
            return None
        members = _grow_cliques(indptr, indices, covered, common, place, clique_ptr, members, counts, _AT_ONCE)
    return clique_ptr[: counts[2] + 1].copy(), members[: counts[3]].copy()
