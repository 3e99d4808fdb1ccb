"""
Reductions of Steiner tree problems: a smaller graph with the same optimum, and the way back.

Tests and their names follow Duin and Volgenant (1989), *Networks* 19: 549-567, and Polzin and Daneshmand (2001),
*Discrete Applied Mathematics* 112: 263-300.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from cosolve.core.jit import freeze_fields, jit, jit_allocating
from cosolve.core.union_find import find
from cosolve.search.stp_dual import useless_edges
from cosolve.search.stp_graph import Adjacency, adjacency_of, ascending, heap_pop, heap_push, prune, voronoi

#: Edges whose detours are looked for in one step, a few hundredths of a second; graphs of more are large.
_STEP = 15_000


@dataclass(frozen=True)
class Reduced:
    """
    A reduced graph and the record of how its edges came about.

    Parameters
    ----------
    ends, weights, is_terminal
        (m, 2) int64, (m,) float64, (n,) bool.
    record
        (m,) int64: each edge's record. Record r is original edge ``left[r]`` if ``right[r] == -1``, else it stands for
        the records ``left[r]`` and ``right[r]`` together.
    left, right
        (number of records,) int64.
    fixed
        Records that are part of the tree already.
    fixed_weight
        Their weight.
    """

    ends: np.ndarray
    weights: np.ndarray
    is_terminal: np.ndarray
    record: np.ndarray
    left: np.ndarray
    right: np.ndarray
    fixed: np.ndarray
    fixed_weight: float

    def __post_init__(self) -> None:
        freeze_fields(self)

    @property
    def num_nodes(self) -> int:
        """Number of nodes left."""
        return len(self.is_terminal)

    @property
    def num_terminals(self) -> int:
        """Number of terminals left; with 1 the fixed edges are the whole tree."""
        return int(np.count_nonzero(self.is_terminal))

    def graph(self) -> Adjacency:
        """CSR adjacency of :func:`cosolve.search.stp_graph.adjacency_of`."""
        return adjacency_of(self.num_nodes, self.ends)

    def expand(self, in_tree: np.ndarray, num_edges: int) -> np.ndarray:
        """Flag per original edge for a flag per reduced edge."""
        out = np.zeros(num_edges, np.bool_)
        _expand(self.left, self.right, np.concatenate((self.fixed, self.record[in_tree])), out)
        return out

    def contains(self, in_tree: np.ndarray) -> np.ndarray:
        """Flag per edge: all original edges that it stands for are flagged in ``in_tree``."""
        return _contains(self.left, self.right, self.record, in_tree)

    def without(self, useless: np.ndarray) -> Reduced:
        """The graph less some edges (a flag per edge)."""
        keep = ~useless
        return replace(self, ends=self.ends[keep], weights=self.weights[keep], record=self.record[keep])


def original(num_nodes: int, ends: np.ndarray, weights: np.ndarray, terminals: np.ndarray) -> Reduced:
    """The graph as it is, nothing reduced yet."""
    is_terminal = np.zeros(num_nodes, np.bool_)
    is_terminal[terminals] = True
    records = np.arange(len(ends))
    none = np.empty(0, np.int64)
    return Reduced(ends, weights, is_terminal, records, records, np.full(len(ends), -1), none, 0.0)


def reduce_degrees(graph: Reduced) -> Generator[None, None, Reduced]:
    """
    Degree tests to the end: drop what no terminal needs, fix a terminal's only edge, merge chains; O(n + m) a round.

    Parallel edges are merged, and parts of the graph without terminals vanish. Hands back control between the rounds of
    large graphs.
    """
    while True:
        before = (graph.num_nodes, len(graph.ends))
        indptr, neighbours, edge_ids = graph.graph()
        alive, forced = _peel(indptr, neighbours, edge_ids, graph.is_terminal)
        graph = _contract(graph.without(~alive), np.flatnonzero(forced[alive]))
        graph = _merge_chains(graph)
        if (graph.num_nodes, len(graph.ends)) == before:
            return graph
        if len(graph.ends) > _STEP:
            yield


def reduce_terminals(graph: Reduced) -> Reduced:
    """Fix the shortest edge of a terminal that has another terminal near behind it (nearest vertex test)."""
    indptr, neighbours, edge_ids = graph.graph()
    dist, base, _ = voronoi(indptr, neighbours, edge_ids, graph.weights, graph.is_terminal)
    chosen = _nearest_vertices(indptr, neighbours, edge_ids, graph.weights, graph.is_terminal, dist, base)
    return _contract(graph, chosen) if len(chosen) else graph


def reduce_long_edges(graph: Reduced, limit: int = 200) -> Generator[None, None, Reduced]:
    """
    Drop edges that a detour replaces: over terminals (special distance), or by a path; O(m (limit + log n)).

    Hands back control on the way if the graph is large.

    Parameters
    ----------
    limit
        Arcs that the search for a path may look at, per edge.
    """
    if graph.num_terminals < 2:
        return graph
    indptr, neighbours, edge_ids = graph.graph()
    arrays = indptr, neighbours, edge_ids, graph.ends, graph.weights
    useless = _far_apart(*arrays, graph.is_terminal)
    n, m = graph.num_nodes, len(graph.ends)
    room = np.full(n, np.inf), np.full(n, -1, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    for first in range(0, m, _STEP):
        if m > _STEP:
            yield
        _bypass(*arrays, useless, first, min(first + _STEP, m), limit, *room)
    return graph.without(useless) if useless.any() else graph


def reduce_by_bound(graph: Reduced, reduced_costs: np.ndarray, root: int, slack: float) -> Reduced:
    """Drop the edges whose every tree weighs more than the dual bound plus ``slack``; O(m log n)."""
    indptr, neighbours, edge_ids = graph.graph()
    useless = useless_edges(indptr, neighbours, edge_ids, graph.ends, reduced_costs, graph.is_terminal, root, slack)
    return graph.without(useless) if useless.any() else graph


def simplify(graph: Reduced) -> Generator[None, None, Reduced]:
    """All tests that need no bound, until they find no more; hands back control on the way if the graph is large."""
    while graph.num_terminals > 1 and len(graph.ends):
        before = len(graph.ends)
        graph = yield from reduce_degrees(graph)
        if graph.num_terminals > 1:
            graph = yield from reduce_long_edges(graph)
        if graph.num_terminals > 1:
            graph = reduce_terminals(graph)
        if len(graph.ends) > 0.98 * before:
            break
    return (yield from reduce_degrees(graph))


def _contract(graph: Reduced, edges: np.ndarray) -> Reduced:
    """Fix edges (indices; they must form a forest) and merge their ends, merge parallel edges, renumber."""
    label = _labels(graph.num_nodes, graph.ends, edges)
    is_terminal = np.zeros(graph.num_nodes, np.bool_)
    is_terminal[label[graph.is_terminal]] = True
    is_terminal[label[graph.ends[edges, 0]]] = True  # a fixed edge must be reached
    ends = label[graph.ends]
    low, high = ends.min(axis=1, initial=graph.num_nodes), ends.max(axis=1, initial=-1)
    order = np.lexsort((graph.weights, high, low))
    order = order[low[order] != high[order]]
    first = np.ones(len(order), np.bool_)
    first[1:] = (low[order[1:]] != low[order[:-1]]) | (high[order[1:]] != high[order[:-1]])
    kept = order[first]
    used = is_terminal.copy()
    used[low[kept]] = True
    used[high[kept]] = True
    number = np.cumsum(used) - 1
    return Reduced(
        ends=np.column_stack((number[low[kept]], number[high[kept]])),
        weights=graph.weights[kept],
        is_terminal=is_terminal[used],
        record=graph.record[kept],
        left=graph.left,
        right=graph.right,
        fixed=np.concatenate((graph.fixed, graph.record[edges])),
        fixed_weight=graph.fixed_weight + float(graph.weights[edges].sum()),
    )


def _merge_chains(graph: Reduced) -> Reduced:
    indptr, neighbours, edge_ids = graph.graph()
    ends, weights, record, left, right = _chains(
        indptr,
        neighbours,
        edge_ids,
        graph.ends,
        graph.weights,
        graph.is_terminal,
        graph.record,
        len(graph.left),
    )
    merged = replace(
        graph,
        ends=ends,
        weights=weights,
        record=record,
        left=np.concatenate((graph.left, left)),
        right=np.concatenate((graph.right, right)),
    )
    return _contract(merged, np.empty(0, np.int64))


@jit_allocating
def _expand(left: np.ndarray, right: np.ndarray, records: np.ndarray, out: np.ndarray) -> None:
    stack = np.empty(len(left) + 1, np.int64)
    for r in records:
        stack[0] = r
        top = 1
        while top > 0:
            top -= 1
            x = stack[top]
            if right[x] < 0:
                out[left[x]] = True
            else:
                stack[top] = left[x]
                stack[top + 1] = right[x]
                top += 2


@jit_allocating
def _contains(left: np.ndarray, right: np.ndarray, record: np.ndarray, in_tree: np.ndarray) -> np.ndarray:
    out = np.ones(len(record), np.bool_)
    stack = np.empty(len(left) + 1, np.int64)
    for e in range(len(record)):
        stack[0] = record[e]
        top = 1
        while top > 0 and out[e]:
            top -= 1
            x = stack[top]
            if right[x] < 0:
                out[e] = in_tree[left[x]]
            else:
                stack[top] = left[x]
                stack[top + 1] = right[x]
                top += 2
    return out


@jit_allocating
def _labels(n: int, ends: np.ndarray, edges: np.ndarray) -> np.ndarray:
    label = np.arange(n)
    for e in edges:
        u = find(label, ends[e, 0])
        v = find(label, ends[e, 1])
        label[max(u, v)] = min(u, v)
    for v in range(n):
        label[v] = label[label[v]]
    return label


@jit_allocating
def _peel(
    indptr: np.ndarray, neighbours: np.ndarray, edge_ids: np.ndarray, is_terminal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Edges that remain when parts without terminals and dead ends go, and those of them that every tree has.

    A terminal's only edge is one, and its other end a terminal from then on: chains of them are followed to their end.
    """
    n = len(indptr) - 1
    m = len(neighbours) // 2
    alive = np.zeros(m, np.bool_)
    forced = np.zeros(m, np.bool_)
    reached = np.zeros(n, np.bool_)
    stack = np.empty(n, np.int64)
    top = 0
    num_terminals = 0
    for v in range(n):
        if is_terminal[v]:
            num_terminals += 1
            if top == 0:
                reached[v] = True
                stack[top] = v
                top += 1
                while top > 0:
                    top -= 1
                    u = stack[top]
                    for k in range(indptr[u], indptr[u + 1]):
                        alive[edge_ids[k]] = True
                        if not reached[neighbours[k]]:
                            reached[neighbours[k]] = True
                            stack[top] = neighbours[k]
                            top += 1
    degree = prune(indptr, neighbours, edge_ids, alive, is_terminal)
    is_wanted = is_terminal.copy()
    for v in range(n):
        if is_wanted[v] and degree[v] == 1:
            stack[top] = v
            top += 1
    while top > 0 and num_terminals > 1:
        top -= 1
        v = stack[top]
        for k in range(indptr[v], indptr[v + 1]):
            e = edge_ids[k]
            if degree[v] == 1 and alive[e] and not forced[e]:
                forced[e] = True
                u = neighbours[k]
                degree[v] -= 1
                degree[u] -= 1
                num_terminals -= is_wanted[u]
                is_wanted[u] = True
                if degree[u] == 1:
                    stack[top] = u
                    top += 1
    return (alive if num_terminals > 1 else forced), forced


@jit_allocating
def _chains(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    record: np.ndarray,
    num_records: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Replace every path over non-terminals of degree 2 by one edge."""
    n = len(indptr) - 1
    m = len(ends)
    new_ends = np.empty((m, 2), np.int64)
    new_weights = np.empty(m)
    new_record = np.empty(m, np.int64)
    left = np.empty(m, np.int64)
    right = np.empty(m, np.int64)
    done = np.zeros(m, np.bool_)
    count = 0
    num_new = 0
    for v in range(n):
        if not is_terminal[v] and indptr[v + 1] - indptr[v] == 2:
            continue
        for k in range(indptr[v], indptr[v + 1]):
            e = edge_ids[k]
            if done[e]:
                continue
            done[e] = True
            u = neighbours[k]
            weight = weights[e]
            chain = record[e]
            while not is_terminal[u] and indptr[u + 1] - indptr[u] == 2:
                following = edge_ids[indptr[u]]
                if following == e:
                    following = edge_ids[indptr[u] + 1]
                e = following
                done[e] = True
                u = ends[e, 0] + ends[e, 1] - u
                weight += weights[e]
                left[num_new] = chain
                right[num_new] = record[e]
                chain = num_records + num_new
                num_new += 1
            new_ends[count, 0] = v
            new_ends[count, 1] = u
            new_weights[count] = weight
            new_record[count] = chain
            count += 1
    return new_ends[:count], new_weights[:count], new_record[:count], left[:num_new], right[:num_new]


@jit_allocating
def _nearest_vertices(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    dist: np.ndarray,
    base: np.ndarray,
) -> np.ndarray:
    n = len(indptr) - 1
    touched = np.zeros(n, np.bool_)
    chosen = np.empty(n, np.int64)
    count = 0
    for z in range(n):
        if not is_terminal[z] or touched[z]:
            continue
        best = -1
        second = np.inf
        for k in range(indptr[z], indptr[z + 1]):
            if best < 0 or weights[edge_ids[k]] < weights[edge_ids[best]]:
                if best >= 0:
                    second = weights[edge_ids[best]]
                best = k
            elif weights[edge_ids[k]] < second:
                second = weights[edge_ids[k]]
        if best < 0:
            continue
        v = neighbours[best]
        other = base[v]
        # The test rests on two different terminals: none of the nodes may have been merged in this round.
        if touched[v] or other < 0 or touched[other] or other == z:
            continue
        if weights[edge_ids[best]] + dist[v] <= second:
            touched[z] = True
            touched[v] = True
            touched[other] = True
            chosen[count] = edge_ids[best]
            count += 1
    return chosen[:count]


@jit
def _bottleneck(parent: np.ndarray, link: np.ndarray, a: int, b: int) -> float:
    """Largest edge on the path of two terminals in their minimum spanning tree; links grow towards the root."""
    largest = 0.0
    while a != b:
        if link[a] <= link[b]:
            largest = link[a]
            a = parent[a]
        else:
            largest = link[b]
            b = parent[b]
        if largest == np.inf:
            break
    return largest


@jit_allocating
def _far_apart(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
) -> np.ndarray:
    """Flag per edge: a detour over terminals replaces it."""
    n = len(indptr) - 1
    m = len(ends)
    dist, base, pred = voronoi(indptr, neighbours, edge_ids, weights, is_terminal)
    # Edges of the Voronoi forest and of the terminals' spanning tree stay: the detours of all others run over them,
    # so that ties may be dropped too, one after the other.
    stays = np.zeros(m, np.bool_)
    lengths = np.full(m, np.inf)
    for v in range(n):
        if pred[v] >= 0:
            stays[pred[v]] = True
    for e in range(m):
        u = ends[e, 0]
        v = ends[e, 1]
        if base[u] != base[v]:
            lengths[e] = dist[u] + weights[e] + dist[v]
    parent = np.arange(n)
    link = np.full(n, np.inf)
    rank = np.zeros(n, np.int64)
    for e in ascending(lengths):
        if lengths[e] == np.inf:
            break
        a = base[ends[e, 0]]
        b = base[ends[e, 1]]
        while parent[a] != a:
            a = parent[a]
        while parent[b] != b:
            b = parent[b]
        if a != b:
            if rank[a] > rank[b]:
                a, b = b, a
            if rank[a] == rank[b]:
                rank[b] += 1
            parent[a] = b
            link[a] = lengths[e]
            stays[e] = True
    useless = np.zeros(m, np.bool_)
    for e in range(m):
        u = ends[e, 0]
        v = ends[e, 1]
        if stays[e] or base[u] < 0 or base[v] < 0 or dist[u] > weights[e] or dist[v] > weights[e]:
            continue
        if base[u] == base[v] or _bottleneck(parent, link, base[u], base[v]) <= weights[e]:
            useless[e] = True
    return useless


@jit
def _bypass(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    useless: np.ndarray,
    first: int,
    last: int,
    limit: int,
    key: np.ndarray,
    where: np.ndarray,
    heap: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Flag edges from ``first`` up to ``last`` that a path replaces, over what is left at that moment."""
    for e in range(first, last):
        if useless[e]:
            continue
        u = ends[e, 0]
        v = ends[e, 1]
        key[u] = 0.0
        size = heap_push(heap, where, key, 0, u)
        seen[0] = u
        num_seen = 1
        work = 0
        while size > 0 and work < limit:
            x = heap_pop(heap, where, key, size)
            size -= 1
            if x == v:
                break
            for k in range(indptr[x], indptr[x + 1]):
                work += 1
                f = edge_ids[k]
                y = neighbours[k]
                length = key[x] + weights[f]
                if f == e or useless[f] or length > weights[e] or length >= key[y]:
                    continue
                if key[y] == np.inf:
                    seen[num_seen] = y
                    num_seen += 1
                key[y] = length
                size = heap_push(heap, where, key, size, y)
        if key[v] <= weights[e]:
            useless[e] = True
        for i in range(num_seen):
            key[seen[i]] = np.inf
            where[seen[i]] = -1
