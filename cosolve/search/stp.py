"""
Steiner trees: reductions, dual solutions, a population of local optima, parts, annealing, and branch-and-bound.

The whole follows Pajor, Uchoa and Werneck (2018), "A robust and scalable algorithm for the Steiner problem in graphs",
*Mathematical Programming Computation* 10: 69-118; the annealing over node sets is for the graphs on which theirs, as
they say, is weakest (:mod:`cosolve.search.stp_anneal`). Sparse graphs, road networks above all, get more than theirs:
dual ascent is only where a search for better dual solutions starts (:mod:`cosolve.search.stp_dual`), and trees of many
terminals are improved part by part (:mod:`cosolve.search.stp_partition`).
"""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from cosolve.core.jit import frozen, jit_allocating
from cosolve.search.random import stream
from cosolve.search.stp_anneal import Annealing
from cosolve.search.stp_anneal_even import EvenAnnealing
from cosolve.search.stp_dual import DualAscent
from cosolve.search.stp_graph import (
    Adjacency,
    next_random,
    prune,
    shortest_path_tree_heuristic,
    spanning_tree,
    tree_weight,
)
from cosolve.search.stp_local import improve
from cosolve.search.stp_partition import cut_out, put_back
from cosolve.search.stp_reduce import Reduced, original, reduce_by_bound, reduce_degrees, simplify

#: Work units of one slice of local search: a few hundredths of a second. On large graphs more, see :func:`_slice`.
_SLICE = 3_000_000

_POOL = 16

#: Graphs of fewer edges for each node are sparse, like roads and grids: search for better dual solutions and the
#: partition are for them. Where edges are many and alike, every better dual solution has fractions of their weights,
#: which no order of ascents finds, and annealing over node sets takes the place of the partition.
_SPARSE = 2.2

#: Edges that annealing is for.
_MAX_ANNEALED = 100_000

#: Iterations of the first annealing run, and how much longer each one is than the one before.
_FIRST_RUN, _GROWTH = 50_000, 1.5

#: Work of a slice of annealing, for each edge of a small graph.
_ANNEALING_WORK = 1000

#: Terminals of the first part, the fewest of any, and the steps of search after which a part is given up.
_PART, _LEAST_PART, _PART_STEPS = 50, 10, 200

#: Steps of parts between two of each other search: so many as long as they bring lighter trees, else fewer and fewer.
_MOST_STEPS, _LEAST_STEPS = 100.0, 5.0

#: Steps that the search which found the last lighter tree has for one of each other.
_LEAD = 5

#: Searches of the graph as a whole are for this many nodes; for more only where there are too few terminals for parts.
_MAX_WHOLE = 20_000

#: Slices of local search that a tree of the reductions gets.
_FIRST_DESCENT = 10

#: The graph is reduced again when this part of its edges can go, which is looked at whenever the gap fell by this part.
_WORTH = 0.1

#: A dual solution is searched further while a slice takes this part of the gap away: at the root, and in branches.
_ROOT_STALL, _NODE_STALL = 0.005, 0.02

#: Work of a slice of search for better dual solutions, for each edge of a small graph.
_DUAL_WORK = 100

#: Slices without any gain after which the search for better dual solutions beside the others ends.
_DUAL_IDLE = 50


class SteinerSearch:
    """
    Search for the lightest Steiner tree of a connected graph; anytime, in slices, by seed alone.

    Parameters
    ----------
    num_nodes, ends, weights, terminals
        The graph: (m, 2) int64, (m,) float64, (t,) int64; all terminals in one component.
    is_integral
        Whether every tree has an integer weight: the next better one is then lighter by 1.
    seed
        >= 0; of all random choices.
    keeps_best
        Reductions may usually remove trees as light as the best known one. True keeps at least one optimal tree in the
        graph in any case, for callers that hand the reduced graph on.

    Attributes
    ----------
    best, weight
        Flag per edge and weight of the best tree so far (none and infinity at first).
    bound
        Proven lower bound.
    trees, parts, nodes
        Trees of the population search, parts of the partition and nodes of branch-and-bound so far.
    """

    def __init__(
        self,
        num_nodes: int,
        ends: np.ndarray,
        weights: np.ndarray,
        terminals: np.ndarray,
        *,
        is_integral: bool,
        seed: int,
        keeps_best: bool = False,
    ) -> None:
        self.whole = original(num_nodes, ends, weights, terminals)
        self._whole_csr = self.whole.graph()
        self.graph = self.whole
        self.best: np.ndarray | None = None
        self.weight = np.inf
        self.bound = 0.0
        self.trees = self.parts = 0
        self.nodes = 0
        self._is_integral = is_integral
        self._node_bound = 0.0
        self._part_steps = _MOST_STEPS
        self._smaller: Reduced | None = None
        self._strong: tuple[Reduced, int, DualAscent] | None = None
        self._saturated: tuple[Reduced, np.ndarray] | None = None
        self._keeps_best = keeps_best
        self._random = np.array([2 * seed + 88172645463325252], np.uint64)
        for _ in range(8):
            next_random(self._random)

    # -- trees and bounds ---------------------------------------------------------------------------------

    @property
    def iterations(self) -> int:
        """Trees and parts."""
        return self.trees + self.parts

    @property
    def is_closed(self) -> bool:
        """Whether the best tree is proven optimal."""
        return self.bound >= self.weight

    def offer(self, in_tree: np.ndarray) -> None:
        """Take a tree of the whole graph (a flag per edge) as the best so far if it is lighter."""
        weight = float(tree_weight(self.whole.weights, in_tree))
        if weight < self.weight:
            self.best, self.weight = in_tree.copy(), weight

    def _found(self, graph: Reduced, in_tree: np.ndarray) -> None:
        # Cheap test first: expanding costs as much as the whole graph is large.
        if graph.fixed_weight + tree_weight(graph.weights, in_tree) < self.weight * (1 + 1e-12):
            flags = graph.expand(in_tree, len(self.whole.ends))
            prune(*self._whole_csr, flags, self.whole.is_terminal)
            self.offer(flags)

    def _raise(self, bound: float) -> None:
        # Reductions keep only trees lighter than the best: what they prove is "the best, or at least this".
        self.bound = max(self.bound, min(bound, self.weight))

    def _slack(self, bound: float) -> float:
        """How much a tree may weigh more than ``bound`` and still be lighter than the best."""
        if self._keeps_best:
            return self.weight * (1.0 + 1e-9) - bound
        step = 1.0 - 1e-6 if self._is_integral else 1e-9 * self.weight
        return self.weight - step - bound

    # -- the phases ---------------------------------------------------------------------------------------

    def run(self) -> Iterator[None]:
        """Work for ever, or until closed; hands back control every few hundredths of a second."""
        yield from self.presolve()
        while not self.is_closed:
            for _ in self._search():
                yield
                if self._smaller is not None:
                    smaller, self._smaller = self._smaller, None
                    self.graph = yield from simplify(smaller)
                    yield from self._reduce()
                    break

    def _search(self) -> Iterator[None]:
        """All searches of the present graph in turns, for ever or until closed."""
        partition, tightening = self._partition(), self._tighten()
        turns = [tightening]
        leader: Iterator[None] | None = None
        if self.graph.num_nodes <= _MAX_WHOLE or self.graph.num_terminals < 2 * _PART:
            turns += [self._branch(), self._population(), self._anneal()]
        while not self.is_closed:
            for _ in islice(partition, int(self._part_steps)):
                yield
            for turn in turns:
                before = self.weight
                for _ in islice(turn, _LEAD if turn is leader else 1):
                    yield
                if self.weight < before:
                    leader = turn
                yield

    def presolve(self) -> Iterator[None]:
        """The first phase of :meth:`run`: reductions and bounds until they stall."""
        first = int(np.argmax(self.graph.is_terminal))
        start = self._shortest_paths(self.graph, self.graph.graph(), self.graph.weights, first)
        if len(start):
            self._found(self.graph, start)
        yield
        self.graph = yield from simplify(self.graph)
        yield
        yield from self._reduce()

    def _reduce(self) -> Iterator[None]:
        self._strong = None
        yield from self._dual_rounds(self.graph, True)
        if self._is_exhausted(self.graph):
            self._raise(self.weight)

    def _is_exhausted(self, graph: Reduced) -> bool:
        """Whether the graph can hold no tree lighter than the best; also takes the tree of a solved graph."""
        if graph.num_terminals <= 1:
            self._found(graph, np.zeros(len(graph.ends), np.bool_))
            return True
        degree = np.bincount(graph.ends.ravel(), minlength=graph.num_nodes)
        return bool((degree[graph.is_terminal] == 0).any())

    def _dual_rounds(self, graph: Reduced, is_root: bool) -> Generator[None, None, Reduced]:
        """
        Dual ascent from several roots, a tree from each, and what the bound removes; the graph that is left.

        Once that stalls, each dual solution is improved by search first.
        """
        idle, is_strong = 0, False
        while not self._is_exhausted(graph):
            before = len(graph.ends)
            adjacency = graph.graph()
            root, dual = self._dual(graph, adjacency)
            yield from dual.complete(_slice(graph))
            if is_strong:
                yield from self._strengthen(graph, dual, _ROOT_STALL if is_root else _NODE_STALL)
            bound = graph.fixed_weight + dual.bound
            if is_root:
                self._raise(bound)
            self._node_bound = max(self._node_bound, bound) if not is_root else bound
            if self._slack(bound) < 0:
                self._node_bound = np.inf
                yield
                return graph
            # Ascend and prune: the saturated arcs hold light trees.
            saturated = (dual.reduced[0::2] == 0) | (dual.reduced[1::2] == 0)
            self._saturated = (graph, saturated)
            tree = self._shortest_paths(graph, adjacency, np.where(saturated, graph.weights, np.inf), root)
            if len(tree):
                descent = self._descend(graph, adjacency, tree, graph.weights)
                yield from islice(descent, _FIRST_DESCENT)
                self._found(graph, tree)
            slack = self._slack(bound)
            if slack < 0:
                self._node_bound = np.inf
                if is_root:
                    self._raise(self.weight)
                yield
                return graph
            whole, graph = graph, reduce_by_bound(graph, dual.reduced, root, slack)
            graph = yield from (simplify if len(graph.ends) < 0.9 * before else reduce_degrees)(graph)
            idle = 0 if len(graph.ends) < 0.95 * before else idle + 1
            if is_root:
                self.graph = graph
            if is_root and is_strong and idle:
                self._strong = whole, root, dual
            yield
            stalled = idle == (4 if is_root else 2)
            if (is_strong and idle) or (stalled and not _is_sparse(graph)):
                break
            is_strong = is_strong or stalled
        return graph

    def _dual(self, graph: Reduced, adjacency: Adjacency) -> tuple[int, DualAscent]:
        """A terminal drawn at random, and a dual solution for it that is still to be completed."""
        terminals = np.flatnonzero(graph.is_terminal)
        root = int(terminals[self._pick(len(terminals))])
        return root, DualAscent(adjacency, graph.ends, graph.weights, graph.is_terminal, root, self._random)

    def _strengthen(self, graph: Reduced, dual: DualAscent, stall: float) -> Iterator[None]:
        """Improve a complete dual solution until it stalls, or closes the gap."""
        budget = _dual_budget(graph)
        slices = 3 * max(1, _DUAL_WORK * len(graph.ends) // budget)
        idle = 0
        while idle < 2 and self._slack(graph.fixed_weight + dual.bound) >= 0:
            before = dual.bound
            for _ in range(slices):
                dual.improve(budget)
                yield
            gap = self.weight - graph.fixed_weight - dual.bound
            idle = 0 if dual.bound - before >= stall * gap > 0 else idle + 1
        yield from dual.complete(_slice(graph))

    def _tighten(self) -> Iterator[None]:
        """Improve the dual solution of :meth:`_reduce` on and on, until the graph is worth to be reduced again."""
        graph = self.graph
        if not _is_sparse(graph):
            return
        if self._strong is not None:
            graph, root, dual = self._strong  # holds for this graph, which was hardly larger
        else:
            root, dual = self._dual(graph, graph.graph())
            yield from dual.complete(_slice(graph))
        budget = _dual_budget(graph)
        idle, looked = 0, np.inf
        while True:
            if idle < _DUAL_IDLE:
                before = dual.bound
                dual.improve(budget)
                idle = 0 if dual.bound > before else idle + 1
            bound = graph.fixed_weight + dual.bound
            self._raise(bound)
            slack = self._slack(bound)
            if slack < 0:
                self._raise(self.weight)
            elif slack < (1 - _WORTH) * looked:
                looked = slack
                yield from dual.complete(_slice(graph))
                slack = self._slack(graph.fixed_weight + dual.bound)
                smaller = reduce_by_bound(graph, dual.reduced, root, slack)
                if len(smaller.ends) < (1 - _WORTH) * len(self.graph.ends):
                    self._smaller = smaller
            yield

    def _shortest_paths(self, graph: Reduced, adjacency: Adjacency, weights: np.ndarray, root: int) -> np.ndarray:
        """Tree (a flag per edge) by the shortest path heuristic under other weights; empty if there is none."""
        nodes = shortest_path_tree_heuristic(*adjacency, graph.ends, frozen(weights), graph.is_terminal, root)
        tree = np.zeros(len(graph.ends), np.bool_)
        if not nodes.any() or not spanning_tree(*adjacency, graph.weights, nodes, graph.is_terminal, tree):
            return np.empty(0, np.bool_)
        return tree

    def _descend(self, graph: Reduced, adjacency: Adjacency, tree: np.ndarray, weights: np.ndarray) -> Iterator[None]:
        cursor, budget, weights = np.zeros(3, np.int64), _slice(graph), frozen(weights)
        while not improve(*adjacency, graph.ends, weights, graph.is_terminal, tree, cursor, budget):
            yield

    def _population(self) -> Iterator[None]:
        """Local optima of disturbed weights, and crossings of pairs of them."""
        graph, adjacency = self.graph, self.graph.graph()
        pool: list[tuple[float, np.ndarray]] = []
        failures = 0
        while True:
            if len(pool) < _POOL or failures > 3 * _POOL * _POOL:
                if failures > 3 * _POOL * _POOL:
                    pool, failures = [], 0
                noisy = _disturb(graph.weights, 0.2 + 0.6 * next_random(self._random), self._random)
                tree = self._shortest_paths(graph, adjacency, noisy, self._pick(graph.num_nodes))
                if len(tree) == 0:
                    tree = self._shortest_paths(graph, adjacency, noisy, int(np.argmax(graph.is_terminal)))
                softly = _disturb(graph.weights, 0.1, self._random)
                for _ in self._descend(graph, adjacency, tree, softly):
                    yield
            else:
                i, j = self._pick(len(pool)), self._pick(len(pool) - 1)
                j += j >= i
                noisy = _cross(graph.weights, pool[i][1], pool[j][1], self._random)
                tree = self._shortest_paths(graph, adjacency, noisy, int(np.argmax(graph.is_terminal)))
            for _ in self._descend(graph, adjacency, tree, graph.weights):
                yield
            self._found(graph, tree)
            failures = 0 if _enter(pool, float(tree_weight(graph.weights, tree)), tree) else failures + 1
            self.trees += 1
            yield

    def _partition(self) -> Iterator[None]:
        """Solve what is too large to be searched as a whole part by part; parts grow as long as they are solved."""
        graph, adjacency = self.graph, self.graph.graph()
        if graph.num_terminals < 2 * _PART or not (_is_sparse(graph) or graph.num_nodes > _MAX_WHOLE):
            return
        root = int(np.argmax(graph.is_terminal))
        size, known = float(_PART), np.inf
        tree, is_stale = np.empty(0, np.bool_), graph.is_terminal
        while True:
            if self.weight < known:
                # Found elsewhere, maybe with edges that this graph lost: what it kept is all but free.
                assert self.best is not None
                kept = graph.contains(self.best)
                tree = self._shortest_paths(graph, adjacency, np.where(kept, 1e-3, 1.0) * graph.weights, root)
                if len(tree) == 0:
                    return
                is_stale = graph.is_terminal.copy()
            stale = np.flatnonzero(is_stale)
            if len(stale) == 0:
                # Larger parts, up to the whole, and then small ones again, which other random choices see differently.
                size = min(1.5 * size, graph.num_terminals) if size < graph.num_terminals else float(_PART)
                is_stale = graph.is_terminal.copy()
                continue
            centre = int(stale[self._pick(len(stale))])
            part = cut_out(adjacency, graph.ends, graph.weights, graph.is_terminal, tree, centre, int(size))
            terminals = np.flatnonzero(part.is_terminal)
            seed = self._pick(1 << 32)
            search = SteinerSearch(
                part.num_nodes, part.ends, part.weights, terminals, is_integral=self._is_integral, seed=seed
            )
            search.offer(part.in_tree)
            before = search.weight
            for _ in islice(search.run(), _PART_STEPS):
                yield
            self.parts += 1
            size = min(1.05 * size, graph.num_terminals) if search.is_closed else max(0.95 * size, _LEAST_PART)
            is_better = search.weight < before
            self._part_steps = _MOST_STEPS if is_better else max(0.9 * self._part_steps, _LEAST_STEPS)
            if is_better:
                assert search.best is not None
                tree = put_back(adjacency, graph.ends, graph.is_terminal, tree, part, search.best)
                self._found(graph, tree)
                is_stale[part.terminals] = True
            else:
                is_stale[part.terminals[: (len(part.terminals) + 1) // 2]] = False
            known = self.weight
            yield

    def _anneal(self) -> Iterator[None]:
        """Annealing runs of growing length; the best tree of each goes through the local search."""
        graph, adjacency = self.graph, self.graph.graph()
        m = len(graph.ends)
        if graph.is_terminal.all() or _is_sparse(graph) or m > _MAX_ANNEALED:
            return
        random = stream(int(next_random(self._random) * 2**53))
        kind = EvenAnnealing if np.ptp(graph.weights) == 0 else Annealing
        annealing = kind(graph.num_nodes, graph.ends, graph.weights, graph.is_terminal, random)
        tree = np.zeros(m, np.bool_)
        length, budget = _FIRST_RUN, min(_SLICE, _ANNEALING_WORK * m)
        while True:
            is_done, weight = False, np.inf
            while not is_done:
                is_done = annealing.run(length, budget)
                if annealing.weight < weight:
                    weight = annealing.weight
                    spanning_tree(*adjacency, graph.weights, annealing.nodes, graph.is_terminal, tree)
                    self._found(graph, tree)
                yield
            # The last set may be in parts: ways within it are cheap for the tree that joins them.
            within = annealing.alive[graph.ends].all(axis=1)
            root = int(np.argmax(graph.is_terminal))
            joined = self._shortest_paths(graph, adjacency, np.where(within, 0.01, 1.0) * graph.weights, root)
            if len(joined) and tree_weight(graph.weights, joined) < weight:
                tree = joined
            for _ in self._descend(graph, adjacency, tree, graph.weights):
                yield
            self._found(graph, tree)
            annealing.begin()
            length = int(_GROWTH * length)

    def _pick(self, number: int) -> int:
        return int(next_random(self._random) * number)

    def _branch(self) -> Iterator[None]:
        """Branch on nodes in or out of the tree, least bound first."""
        count = 0
        heap: list[tuple[float, int, Reduced]] = [(self.bound, 0, self.graph)]
        while heap:
            self._raise(heap[0][0])
            bound, _, graph = heapq.heappop(heap)
            self.nodes += 1
            self._node_bound = bound
            self._saturated = None
            graph = yield from simplify(graph)  # may solve it, and then there are no rounds
            graph = yield from self._dual_rounds(graph, False)
            if self._is_exhausted(graph) or self._node_bound == np.inf or self._slack(self._node_bound) < 0:
                continue
            assert self._saturated is not None
            node = _branching_node(graph, *self._saturated)
            if node < 0:
                # Every node is a terminal: a spanning tree solves it.
                tree = np.zeros(len(graph.ends), np.bool_)
                if spanning_tree(*graph.graph(), graph.weights, graph.is_terminal.copy(), graph.is_terminal, tree):
                    self._found(graph, tree)
                continue
            inside = graph.is_terminal.copy()
            inside[node] = True
            outside = graph.without((graph.ends == node).any(axis=1))
            for child in (replace(graph, is_terminal=inside), outside):
                count += 1
                heapq.heappush(heap, (self._node_bound, count, child))
        self._raise(self.weight)


def _is_sparse(graph: Reduced) -> bool:
    return len(graph.ends) < _SPARSE * graph.num_nodes


def _slice(graph: Reduced) -> int:
    """Work of a slice of what looks at the whole graph first, and is to get further than that."""
    return max(_SLICE, 10 * (graph.num_nodes + 2 * len(graph.ends)))


def _dual_budget(graph: Reduced) -> int:
    """Work of a slice of dual search: on small graphs in proportion to what everything else takes there."""
    return min(_SLICE, _DUAL_WORK * len(graph.ends))


def _enter(pool: list[tuple[float, np.ndarray]], weight: float, tree: np.ndarray) -> bool:
    """Put a tree into the pool unless it is there or too heavy; it takes the place of the most similar heavier one."""
    distances = [int(np.count_nonzero(tree != other)) for _, other in pool]
    if 0 in distances:
        return False
    if len(pool) < _POOL:
        pool.append((weight, tree))
        return True
    heavier = [k for k in range(len(pool)) if pool[k][0] >= weight]
    if not heavier:
        return False
    lightest = min(w for w, _ in pool)
    pool[min(heavier, key=distances.__getitem__)] = (weight, tree)
    return weight < lightest


def _branching_node(graph: Reduced, before: Reduced, saturated: np.ndarray) -> int:
    """The non-terminal with most saturated edges, then most edges; -1 if there is none."""
    degree = np.bincount(graph.ends.ravel(), minlength=graph.num_nodes).astype(np.float64)
    if len(before.ends) == len(graph.ends):
        degree += 1000.0 * np.bincount(graph.ends[saturated].ravel(), minlength=graph.num_nodes)
    degree[graph.is_terminal] = -1
    node = int(np.argmax(degree))
    return node if degree[node] > 0 else -1


@jit_allocating
def _disturb(weights: np.ndarray, strength: float, random: np.ndarray) -> np.ndarray:
    """Weights times random factors in [1, 1 + strength)."""
    out = np.empty(len(weights))
    for e in range(len(weights)):
        out[e] = weights[e] * (1.0 + strength * next_random(random))
    return out


@jit_allocating
def _cross(weights: np.ndarray, a: np.ndarray, b: np.ndarray, random: np.ndarray) -> np.ndarray:
    """Weights that favour edges of both trees, then those of one."""
    out = np.empty(len(weights))
    for e in range(len(weights)):
        if a[e] and b[e]:
            out[e] = weights[e]
        elif a[e] or b[e]:
            out[e] = weights[e] * (1.5 + 3.5 * next_random(random))
        else:
            out[e] = weights[e] * (10.0 + 5.0 * next_random(random))
    return out


def connects(num_nodes: int, ends: np.ndarray, terminals: np.ndarray) -> bool:
    """Whether all terminals lie in one component; O(n + m)."""
    graph = original(num_nodes, ends, np.ones(len(ends)), terminals)
    arrays = *graph.graph(), graph.ends, graph.weights, graph.is_terminal
    return bool(shortest_path_tree_heuristic(*arrays, int(terminals[0])).any())
