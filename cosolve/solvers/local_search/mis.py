"""Local search for maximum independent sets: kernelisation, a clique cover bound, then NuMVC, DLS-MC or ARW."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np

from cosolve.core.jit import freeze_fields
from cosolve.core.monitor import Monitor, OutOfTime, stop_of
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.graphs import Graph, MISInstance, NodeSet
from cosolve.search import mis as arw
from cosolve.search import mis_penalties, mis_reduce, numvc
from cosolve.search.slices import Slices

#: Kernels up to this many nodes go to NuMVC: it compares all cover nodes in each step.
_MAX_NUMVC = 10_000
#: From this density on, penalties of nodes are tried beside NuMVC's weights of edges, in this share of the iterations.
_DENSE, _PENALTIES = 0.1, 0.25
#: Cover nodes that NuMVC compares in one step.
_SAMPLES = 2_500
#: Neighbour visits to spend on rearranging the clique cover, and the largest number of rounds.
_COVER_WORK, _COVER_ROUNDS = 200_000_000, 300
_PATIENCE = 0.25
#: Candidates for swaps in a first solution that are looked at between two looks at the clock.
_CANDIDATES = 50_000


@dataclass(frozen=True)
class Kernel:
    """
    What is left of a graph, and the way back.

    Node i is node ``kept[i]`` of the whole graph; ``taken`` joins every maximum independent set of the kernel.
    """

    indptr: np.ndarray
    indices: np.ndarray
    kept: np.ndarray
    taken: np.ndarray

    def __post_init__(self) -> None:
        freeze_fields(self)

    def lift(self, nodes: np.ndarray) -> NodeSet:
        """Independent set of the whole graph from one of the kernel."""
        return NodeSet(nodes=np.sort(np.concatenate((self.taken, self.kept[nodes]))))

    def edge_cliques(self, monitor: Monitor | None) -> tuple[np.ndarray, np.ndarray]:
        """
        Cliques that together hold every edge, see :func:`mis_reduce.edge_clique_cover`.

        Raises
        ------
        OutOfTime
            Once ``monitor.should_stop()``.
        """
        found = mis_reduce.edge_clique_cover(self.indptr, self.indices, stop_of(monitor))
        if found is None:
            raise OutOfTime
        return found

    def restrict(self, solution: NodeSet) -> np.ndarray:
        """Kernel nodes of an independent set of the whole graph."""
        return np.flatnonzero(np.isin(self.kept, solution.nodes)).astype(np.int32)


def make_kernel(graph: Graph, monitor: Monitor | None = None) -> Kernel:
    """Kernelise, as far as there is time."""
    kept, taken = mis_reduce.reduce(graph.indptr, graph.indices, stop_of(monitor))
    indptr, indices = mis_reduce.induced(graph.indptr, graph.indices, kept)
    return Kernel(indptr, indices, kept, taken)


class _Search(Protocol):
    """One of the methods at work."""

    def size(self) -> int: ...

    def nodes(self) -> np.ndarray: ...

    def iterations(self) -> int: ...

    def run(self, iterations: int, target: int) -> None: ...


class _NuMVC:
    def __init__(self, kernel: Kernel, start: np.ndarray, seed: int) -> None:
        self._graph = (kernel.indptr, kernel.indices)
        self._state = numvc.make_state(*self._graph, start, seed)

    def size(self) -> int:
        return len(self._state.best) - int(self._state.counts[numvc.BEST])

    def nodes(self) -> np.ndarray:
        return np.flatnonzero(self._state.best)

    def iterations(self) -> int:
        return int(self._state.counts[numvc.ITERATION])

    def run(self, iterations: int, target: int) -> None:
        numvc.run(*self._graph, self._state, iterations, target, _SAMPLES)


class _NuMVCAndPenalties:
    """
    Both side by side, each with its own solution: where one looks in vain, the other finds in seconds.

    Found in brock400_1 (DIMACS): 27 nodes after some million iterations of DLS-MC, 25 after fifty million of NuMVC.
    """

    def __init__(self, kernel: Kernel, start: np.ndarray, seed: int) -> None:
        self._graph = (kernel.indptr, kernel.indices)
        self._numvc = _NuMVC(kernel, start, seed)
        self._state = mis_penalties.make_state(len(kernel.kept), seed)

    def size(self) -> int:
        return max(self._numvc.size(), int(self._state.counts[mis_penalties.BEST]))

    def nodes(self) -> np.ndarray:
        return self._numvc.nodes() if self._numvc.size() == self.size() else np.flatnonzero(self._state.best)

    def iterations(self) -> int:
        return self._numvc.iterations() + int(self._state.counts[mis_penalties.ITERATION])

    def run(self, iterations: int, target: int) -> None:
        # Shares of all iterations so far: how they are sliced changes nothing.
        whole = self.iterations() + iterations
        own = int(_PENALTIES * whole) - int(self._state.counts[mis_penalties.ITERATION])
        mis_penalties.run(*self._graph, self._state, own, target)
        if self.size() < target:
            self._numvc.run(iterations - own, target)


class _ARW:
    def __init__(self, kernel: Kernel, start: np.ndarray, seed: int) -> None:
        self._graph = (kernel.indptr, kernel.indices)
        self._state = arw.make_state(len(kernel.kept), seed)
        arw.load(*self._graph, self._state, start)

    def size(self) -> int:
        return int(self._state.counts[arw.BEST])

    def nodes(self) -> np.ndarray:
        return np.flatnonzero(self._state.best)

    def iterations(self) -> int:
        return int(self._state.counts[arw.ITERATION])

    def run(self, iterations: int, target: int) -> None:
        if arw.settle(*self._graph, self._state, _CANDIDATES):
            arw.run(*self._graph, self._state, iterations, target)


def search(instance: MISInstance, start: NodeSet, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Improve an independent set until the limit, or until it meets the clique cover bound of the kernel."""
    kernel = make_kernel(instance.graph, monitor)
    n, forced = len(kernel.kept), len(kernel.taken)
    stats: dict[str, object] = {"kernel_nodes": n, "kernel_edges": len(kernel.indices) // 2, "taken": forced}
    if n > 0 and monitor.should_stop():
        return Outcome(stats=stats)
    seed, cover_seed = (int(s) for s in rng.integers(2**62, size=2))
    bound = cover_bound(kernel.indptr, kernel.indices, np.random.default_rng(cover_seed), monitor.should_stop)
    monitor.report_bound(forced + bound)
    if n > 0 and monitor.should_stop():
        return Outcome(stats=stats)
    begin = kernel.restrict(start)
    fresh = mis_reduce.greedy(kernel.indptr, kernel.indices, rng.permutation(n).astype(np.int32))
    begin = fresh if len(fresh) > len(begin) else begin
    monitor.report(kernel.lift(begin))
    if n == 0:
        return Outcome(stats=stats)
    method: type[_NuMVC | _NuMVCAndPenalties | _ARW] = _ARW
    if n <= _MAX_NUMVC:
        method = _NuMVCAndPenalties if len(kernel.indices) >= _DENSE * n * n else _NuMVC
    work: _Search = method(kernel, begin, seed)
    stats["method"] = {_NuMVC: "numvc", _NuMVCAndPenalties: "numvc, dls-mc", _ARW: "arw"}[method]
    slices, reported, last = Slices(monitor.stop.iterations, first=100), len(begin), perf_counter()

    def run(iterations: int) -> int:
        work.run(iterations, bound)
        return work.iterations()

    while True:
        size = work.size()
        is_over = monitor.should_stop() or size >= bound or slices.is_out
        if size > reported and (is_over or n < 100_000 or perf_counter() - last > _PATIENCE):
            monitor.report(kernel.lift(work.nodes()))
            reported, last = size, perf_counter()
        if is_over:
            break
        slices.run(run)
    stats["iterations"] = slices.done
    return Outcome(limit=Limit.ITERATION if slices.is_out else None, stats=stats)


def cover_bound(
    indptr: np.ndarray,
    indices: np.ndarray,
    rng: np.random.Generator,
    should_stop: Callable[[], bool] | None = None,
) -> int:
    """Number of cliques that :func:`cover_cliques` finds: an upper bound."""
    return cover_cliques(indptr, indices, rng, should_stop)[1]


def cover_cliques(
    indptr: np.ndarray,
    indices: np.ndarray,
    rng: np.random.Generator,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[np.ndarray, int]:
    """
    Partition into few cliques (number of each node's, count): the best of several greedy ones, rearranged.

    Once ``should_stop`` says so, it is the one that there is.
    """
    n = len(indptr) - 1
    if n == 0:
        return np.empty(0, np.int32), 0
    degrees = np.diff(indptr)
    orders = (np.arange(n), np.argsort(degrees, kind="stable"), np.argsort(-degrees, kind="stable"))
    covers = []
    for order in orders:
        covers.append(mis_reduce.clique_cover(indptr, indices, order.astype(np.int32)))
        if should_stop is not None and should_stop():
            break
    clique, count = min(covers, key=lambda cover: cover[1])
    if len(covers) < len(orders):
        return clique, int(count)
    for step in range(min(_COVER_ROUNDS, _COVER_WORK // (len(indices) + 20 * n))):
        if should_stop is not None and should_stop():
            break
        sizes = np.bincount(clique, minlength=count)
        # Culberson's mix: reversed, by size, at random.
        keys = (-np.arange(count), -sizes, rng.permutation(count))[step % 3]
        order = mis_reduce.regroup(clique, count, keys.astype(np.int64))
        clique, count = mis_reduce.clique_cover(indptr, indices, order)
    return clique, int(count)
