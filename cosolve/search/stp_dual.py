"""
Lower bounds and reduced costs from the directed cut relaxation of the Steiner tree problem: dual ascent, and a search.

Dual ascent [1]_ raises cuts until every terminal is reached from the root over arcs of reduced cost 0; the order is
that of [2]_. It is fast and greedy: on road networks it stays 2 % below the relaxation. So a local search over the dual
solution follows, which we have not seen published: take back the cuts of a few terminals near each other, let these
ascend again in a random order, and keep what comes out unless the sum is smaller. Any set of cuts within the weights
of the arcs proves a bound, whatever else stays as it is, so a step touches the neighbourhood of its terminals alone:
a few hundred arcs, whatever the size of the graph. Steps that change nothing in the sum are kept as well; they let it
wander to where more can be gained.

Memory O(n + m) and the arcs of the raised cuts, some 20 for each arc of a road network.

References
----------
.. [1] Wong, R. T. (1984). A dual ascent approach for Steiner tree problems on a directed graph. *Mathematical
       Programming* 28: 271-287.
.. [2] Pajor, T., Uchoa, E., Werneck, R. F. (2018). A robust and scalable algorithm for the Steiner problem in graphs.
       *Mathematical Programming Computation* 10: 69-118.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.random import below, uniform
from cosolve.search.stp_graph import Adjacency, heap_pop, heap_push

#: How an ascent ends: every terminal is reached, the store of cuts is full, some terminal can't be reached, or so much
#: work was enough for once.
_DONE, _FULL, _UNREACHABLE, _PAUSED = range(4)

# Slots of the counters.
_NOW, _CUTS, _WORK, _HEAP = range(4)

#: Terminals that ascend again in one step: from 2 to this many.
_MOST = 8


class DualAscent:
    """
    A dual solution for one root: 0 everywhere at first, raised by :meth:`complete`.

    Parameters
    ----------
    adjacency, ends, weights, is_terminal
        The graph: (m, 2) int64, (m,) float64, (n,) bool.
    root
        A terminal.
    random
        State of the random stream, see :mod:`cosolve.search.random`.

    Attributes
    ----------
    bound
        No tree weighs less; infinite if a terminal can't be reached from the root.
    reduced
        (2m,) reduced costs: ``reduced[2 * e]`` of the arc from ``ends[e, 0]`` to ``ends[e, 1]``, ``2 * e + 1`` of the
        other direction.
    """

    def __init__(
        self,
        adjacency: Adjacency,
        ends: np.ndarray,
        weights: np.ndarray,
        is_terminal: np.ndarray,
        root: int,
        random: np.ndarray,
    ) -> None:
        n, num_arcs = len(is_terminal), 2 * len(ends)
        self._graph = (*adjacency, ends)
        self._costs = np.repeat(weights, 2)
        self._is_exact = bool((weights == np.rint(weights)).all())
        self._tiny = 0.0 if self._is_exact or not len(weights) else 1e-10 * float(weights.mean())
        self._root = root
        self._random = random
        self._is_terminal = is_terminal
        self._terminals = np.flatnonzero(is_terminal)
        self.reduced = self._costs.copy()
        self._is_active = np.zeros(n, np.bool_)
        self._factor = np.ones(n)
        self._heap, self._where, self._score = np.empty(n, np.int64), np.full(n, -1, np.int64), np.zeros(n)
        self._stamp, self._members = np.zeros(n, np.int64), np.empty(n, np.int64)
        self._cut = np.empty(num_arcs, np.int64)
        self._start, self._arcs = np.zeros(n + 2, np.int64), np.empty(8 * num_arcs + 64, np.int32)
        self._delta, self._owner, self._after = np.empty(n + 1), np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
        self._first = np.full(n, -1, np.int64)
        self._counters = np.zeros(4, np.int64)
        self._unproven = 0
        self._is_reached = False
        self.bound = 0.0

    def improve(self, budget: int) -> None:
        """Search from a complete solution for ``budget`` units of work (arcs looked at); complete it again after it."""
        if not self._is_reached or len(self._terminals) < 2:
            return
        self._counters[_WORK] = 0
        self._unproven += budget
        while self._counters[_WORK] < budget:
            searched = self._terminals, self._is_terminal, self._after, self._first
            if not _improve(*searched, self._random, budget, *self._state):
                self._make_room()
        if self._is_exact or self._unproven > self._start[self._counters[_CUTS]]:
            self.bound, self._unproven = self._proven(), 0

    def complete(self, budget: int) -> Iterator[None]:
        """
        Let every terminal ascend: at first, or those that taking back the cuts of others has cut off again.

        The bound can only rise. At the end the arcs of reduced cost 0 join the root to all terminals.

        Parameters
        ----------
        budget
            Units of work after which this hands back control; less than it takes to look at all arcs several times
            would lengthen the whole.
        """
        if self.bound == np.inf:
            return
        self._factor[:] = 1.0
        self._is_active[:] = self._is_terminal
        self._is_active[self._root] = False
        _begin(self._graph[0], self._is_active, self._heap, self._where, self._score, self._counters)
        while (end := _ascend(budget, *self._state)) in (_FULL, _PAUSED):
            if end == _FULL:
                self._make_room()
            else:
                yield
        self._is_reached = end == _DONE
        self._first[:] = -1
        _link(0, self._owner, self._after, self._first, self._counters)
        self.bound, self._unproven = self._proven() if self._is_reached else np.inf, 0

    def cuts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The cuts, ``arcs[start[k]:start[k + 1]]`` each, and by how much they are raised: start, arcs, heights."""
        self._pack()
        count = self._counters[_CUTS]
        arcs = self._arcs[: self._start[count]].astype(np.int64)
        return self._start[: count + 1].copy(), arcs, self._delta[:count].copy()

    @property
    def _state(self) -> tuple[Any, ...]:
        return (
            *self._graph, self.reduced, self._tiny, self._is_active, self._factor, self._root, self._heap, self._where,
            self._score, self._stamp, self._members, self._cut, self._start, self._arcs, self._delta, self._owner,
            self._counters,
        )  # fmt: skip

    def _proven(self) -> float:
        count = self._counters[_CUTS]
        bound = float(self._delta[:count].sum())
        if self._is_exact:
            return bound
        # Sums and differences were rounded: scale down by the worst excess over the weight of an arc.
        return bound / (1.0 + _excess(self._costs, self._start, self._arcs, self._delta, count))

    def _pack(self) -> None:
        _pack(self._start, self._arcs, self._delta, self._owner, self._counters)
        self._first[:] = -1
        _link(0, self._owner, self._after, self._first, self._counters)

    def _make_room(self) -> None:
        """Forget the cuts that were taken back; make the store larger if that does not leave half of it."""
        self._pack()
        count = self._counters[_CUTS]
        if 2 * self._start[count] > len(self._arcs) - len(self._cut):
            self._arcs = np.concatenate((self._arcs, np.empty_like(self._arcs)))
        if 2 * count > len(self._delta):
            more = len(self._delta)
            self._start = np.concatenate((self._start, np.empty(more, np.int64)))
            self._delta = np.concatenate((self._delta, np.empty(more)))
            self._owner = np.concatenate((self._owner, np.empty(more, np.int64)))
            self._after = np.concatenate((self._after, np.empty(more, np.int64)))


@jit
def _begin(
    indptr: np.ndarray,
    is_active: np.ndarray,
    heap: np.ndarray,
    where: np.ndarray,
    score: np.ndarray,
    counters: np.ndarray,
) -> None:
    for v in range(len(is_active)):
        if is_active[v]:
            score[v] = indptr[v + 1] - indptr[v]
            counters[_HEAP] = heap_push(heap, where, score, counters[_HEAP], v)


@jit
def _ascend(
    budget: int,
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    reduced: np.ndarray,
    tiny: float,
    is_active: np.ndarray,
    factor: np.ndarray,
    root: int,
    heap: np.ndarray,
    where: np.ndarray,
    score: np.ndarray,
    stamp: np.ndarray,
    members: np.ndarray,
    cut: np.ndarray,
    start: np.ndarray,
    arcs: np.ndarray,
    delta: np.ndarray,
    owner: np.ndarray,
    counters: np.ndarray,
) -> int:
    """
    Let the terminals in the heap ascend; how it ended. Called again it goes on, after ``_FULL`` with more room.

    Every terminal grows the set of nodes that reach it over arcs of reduced cost 0; while that set lacks the root and
    other active terminals, the cut that enters it is raised until an arc saturates. The terminal with the smallest
    cut, times its factor, goes first.
    """
    size = counters[_HEAP]
    now = counters[_NOW]
    count = counters[_CUTS]
    work = 0
    end = _DONE
    while size > 0 and end == _DONE:
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
                work += indptr[v + 1] - indptr[v]
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
            work += num_cut
            kept = 0
            least = np.inf
            for k in range(num_cut):
                arc = cut[k]
                tail = ends[arc >> 1, arc & 1]
                if stamp[tail] != now:
                    cut[kept] = arc
                    kept += 1
                    least = min(least, reduced[arc])
            num_cut = kept
            if num_cut == 0:
                end = _UNREACHABLE
                break
            if num_cut * factor[t] > limit:
                score[t] = num_cut * factor[t]
                size = heap_push(heap, where, score, size, t)
                break
            if count == len(delta) or start[count] + num_cut > len(arcs):
                size = heap_push(heap, where, score, size, t)
                end = _FULL
                break
            delta[count] = least
            owner[count] = t
            begin = start[count]
            for k in range(num_cut):
                arcs[begin + k] = cut[k]
            count += 1
            start[count] = begin + num_cut
            kept = 0
            for k in range(num_cut):
                arc = cut[k]
                reduced[arc] -= least
                if reduced[arc] > tiny:
                    cut[kept] = arc
                    kept += 1
                    continue
                reduced[arc] = 0.0
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
            if work >= budget:  # after a raise, so that every call gets on
                size = heap_push(heap, where, score, size, t)
                break
        if work >= budget and size > 0 and end == _DONE:
            end = _PAUSED
    counters[_HEAP] = size
    counters[_NOW] = now
    counters[_CUTS] = count
    counters[_WORK] += work
    return end


@jit
def _link(begin: int, owner: np.ndarray, after: np.ndarray, first: np.ndarray, counters: np.ndarray) -> None:
    """Enter the cuts from ``begin`` on into the lists of their owners."""
    for k in range(begin, counters[_CUTS]):
        after[k] = first[owner[k]]
        first[owner[k]] = k


@jit_allocating
def _improve(
    terminals: np.ndarray,
    is_terminal: np.ndarray,
    after: np.ndarray,
    first: np.ndarray,
    random: np.ndarray,
    budget: int,
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    reduced: np.ndarray,
    tiny: float,
    is_active: np.ndarray,
    factor: np.ndarray,
    root: int,
    heap: np.ndarray,
    where: np.ndarray,
    score: np.ndarray,
    stamp: np.ndarray,
    members: np.ndarray,
    cut: np.ndarray,
    start: np.ndarray,
    arcs: np.ndarray,
    delta: np.ndarray,
    owner: np.ndarray,
    counters: np.ndarray,
) -> bool:
    """Steps of the search until the budget is used up (True) or the store is full; none leaves a terminal active."""
    chosen = np.empty(_MOST, np.int64)
    taken = np.empty(counters[_CUTS] + 1, np.int64)
    while counters[_WORK] < budget:
        counters[_WORK] += 20
        wanted = 2 + below(random, _MOST - 1)
        members[0] = terminals[below(random, len(terminals))]
        if members[0] == root:
            continue
        counters[_NOW] += 1
        stamp[members[0]] = counters[_NOW]
        head, tail, num_chosen = 0, 1, 0
        while head < tail and num_chosen < wanted:
            v = members[head]
            head += 1
            if is_terminal[v] and v != root:
                chosen[num_chosen] = v
                num_chosen += 1
            counters[_WORK] += indptr[v + 1] - indptr[v]
            for k in range(indptr[v], indptr[v + 1]):
                u = neighbours[k]
                if stamp[u] != counters[_NOW]:
                    stamp[u] = counters[_NOW]
                    members[tail] = u
                    tail += 1
        begin = counters[_CUTS]
        num_taken, before = 0, 0.0
        for i in range(num_chosen):
            k = first[chosen[i]]
            while k >= 0:
                if num_taken == len(taken):
                    taken = np.concatenate((taken, np.empty(num_taken, np.int64)))
                taken[num_taken] = k
                num_taken += 1
                before += delta[k]
                counters[_WORK] += start[k + 1] - start[k]
                for j in range(start[k], start[k + 1]):
                    reduced[arcs[j]] += delta[k]
                k = after[k]
        for i in range(num_chosen):
            v = chosen[i]
            is_active[v] = True
            factor[v] = np.exp(2.4 * uniform(random) - 1.2)
            score[v] = (indptr[v + 1] - indptr[v]) * factor[v]
            counters[_HEAP] = heap_push(heap, where, score, counters[_HEAP], v)
        end = _ascend(
            1 << 62, indptr, neighbours, edge_ids, ends, reduced, tiny, is_active, factor, root, heap, where, score,
            stamp, members, cut, start, arcs, delta, owner, counters,
        )  # fmt: skip
        total = 0.0
        for k in range(begin, counters[_CUTS]):
            total += delta[k]
        if end == _DONE and total >= before - tiny:
            for i in range(num_chosen):
                first[chosen[i]] = -1
            _link(begin, owner, after, first, counters)
            for i in range(num_taken):
                delta[taken[i]] = 0.0
            continue
        for k in range(begin, counters[_CUTS]):
            for j in range(start[k], start[k + 1]):
                reduced[arcs[j]] += delta[k]
        for i in range(num_taken):
            k = taken[i]
            for j in range(start[k], start[k + 1]):
                reduced[arcs[j]] -= delta[k]
                if reduced[arcs[j]] <= tiny:
                    reduced[arcs[j]] = 0.0
        counters[_CUTS] = begin
        for i in range(num_chosen):
            is_active[chosen[i]] = False
            where[chosen[i]] = -1
        counters[_HEAP] = 0
        if end == _FULL:
            return False
    return True


@jit
def _pack(start: np.ndarray, arcs: np.ndarray, delta: np.ndarray, owner: np.ndarray, counters: np.ndarray) -> None:
    """Close the gaps of cuts that were taken back."""
    count = 0
    end = 0
    for k in range(counters[_CUTS]):
        begin, stop = start[k], start[k + 1]
        if delta[k] <= 0.0:
            continue
        for j in range(begin, stop):
            arcs[end + j - begin] = arcs[j]
        start[count] = end
        end += stop - begin
        delta[count] = delta[k]
        owner[count] = owner[k]
        count += 1
        start[count] = end
    counters[_CUTS] = count


@jit_allocating
def _excess(costs: np.ndarray, start: np.ndarray, arcs: np.ndarray, delta: np.ndarray, count: int) -> float:
    """Largest relative excess of the cuts through an arc over its weight."""
    used = np.zeros(len(costs))
    for k in range(count):
        for j in range(start[k], start[k + 1]):
            used[arcs[j]] += delta[k]
    most = 0.0
    for a in range(len(costs)):
        if used[a] > costs[a]:
            most = max(most, used[a] / costs[a] - 1.0)
    return most


@jit_allocating
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


@jit_allocating
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
