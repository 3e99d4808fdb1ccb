"""Local search for minimum dominating sets: reductions to a set cover, row weighting, a Lagrangian bound beside it."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from cosolve.core.monitor import Monitor, stop_of
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.graphs import Graph, MDSInstance, NodeSet
from cosolve.search import mds as kernel
from cosolve.search import mds_reduce
from cosolve.search.mds_bound import Lagrangian
from cosolve.search.slices import Slices

#: Chosen columns that are compared for the one to leave; all of them in covers up to this size.
_SAMPLES = 600
#: Seconds between two reports of a large instance.
_PATIENCE = 0.25
_MAX_SLICE = 20_000
#: Part of the time that the bound may take, until its steps become too short.
_BOUND_SHARE = 0.3


@dataclass(frozen=True)
class Cover:
    """
    A dominating set problem reduced to a set cover: CSR over rows and over columns, and the way back.

    ``taken`` are nodes chosen for sure; column c is node ``nodes[c]``.
    """

    row_ptr: np.ndarray
    row_columns: np.ndarray
    column_ptr: np.ndarray
    column_rows: np.ndarray
    nodes: np.ndarray
    taken: np.ndarray

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self.row_ptr) - 1

    @property
    def num_columns(self) -> int:
        """Number of columns."""
        return len(self.nodes)

    def lift(self, chosen: np.ndarray) -> NodeSet:
        """Dominating set of the whole graph from chosen columns, (num_columns,) bool."""
        return NodeSet(nodes=np.sort(np.concatenate((self.taken, self.nodes[chosen]))))

    def restrict(self, solution: NodeSet) -> np.ndarray:
        """Columns that make a cover out of a dominating set: its own, completed greedily. (num_columns,) bool."""
        start = np.isin(self.nodes, solution.nodes)
        order = np.arange(self.num_columns, dtype=np.int32)
        return mds_reduce.greedy(self.row_ptr, self.row_columns, self.column_ptr, self.column_rows, order, start)


def make_cover(graph: Graph, monitor: Monitor | None = None) -> Cover:
    """Reduce a dominating set problem, as far as there is time."""
    rows, columns, taken = mds_reduce.reduce(graph.indptr, graph.indices, stop_of(monitor))
    row_ptr, row_columns, nodes = mds_reduce.extract(graph.indptr, graph.indices, rows, columns)
    column_ptr, column_rows = mds_reduce.transpose(row_ptr, row_columns, len(nodes))
    return Cover(row_ptr, row_columns, column_ptr, column_rows, nodes, taken)


def search(instance: MDSInstance, start: NodeSet, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Improve a dominating set until the limit, or until it meets the bound of the reduced problem."""
    cover = make_cover(instance.graph, monitor)
    forced = len(cover.taken)
    stats = {"reduced_rows": cover.num_rows, "reduced_columns": cover.num_columns, "taken": forced}
    if cover.num_rows > 0 and monitor.should_stop():
        return Outcome(stats=stats)
    bound = mds_reduce.pack(cover.row_ptr, cover.row_columns, cover.num_columns)
    monitor.report_bound(forced + bound)
    seed = int(rng.integers(2**62))
    chosen = _best_start(cover, start, rng)
    monitor.report(cover.lift(chosen))
    if cover.num_rows == 0 or monitor.should_stop():
        return Outcome(stats=stats)
    prices = Lagrangian(cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows)
    state = kernel.make_state(cover.column_ptr, cover.column_rows, cover.num_rows, chosen, seed)
    args = (cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows, state)
    limit = monitor.stop.iterations
    started, on_bound = perf_counter(), 0.0
    slices = Slices(limit, first=200, longest=_MAX_SLICE)
    reported, last = int(state.counts[kernel.BEST]), perf_counter()

    def run(iterations: int) -> int:
        kernel.run(*args, iterations, bound, _SAMPLES)
        return int(state.counts[kernel.ITERATION])

    while True:
        best = int(state.counts[kernel.BEST])
        is_over = monitor.should_stop() or best <= bound or slices.is_out
        if best < reported and (is_over or perf_counter() - last > _PATIENCE or cover.num_columns < 100_000):
            monitor.report(cover.lift(state.best))
            reported, last = best, perf_counter()
        if is_over:
            break
        begin = perf_counter()
        # With a limit on iterations all at once: where the bound ends the search must not depend on the clock.
        while not prices.is_done and (limit is not None or on_bound <= _BOUND_SHARE * (begin - started)):
            prices.iterate(best)
            on_bound += perf_counter() - begin
            begin = perf_counter()
            if monitor.should_stop():
                break
        if prices.proven > bound:
            bound = prices.proven
            monitor.report_bound(forced + bound)
        slices.run(run)
    stats["iterations"] = slices.done
    return Outcome(limit=Limit.ITERATION if slices.is_out else None, stats=stats)


def _best_start(cover: Cover, start: NodeSet, rng: np.random.Generator) -> np.ndarray:
    """The given start or a greedy cover of the reduced problem, whichever is smaller."""
    given = cover.restrict(start)
    order = rng.permutation(cover.num_columns).astype(np.int32)
    args = (cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows, order)
    fresh = mds_reduce.greedy(*args, np.zeros(cover.num_columns, np.bool_))
    return fresh if fresh.sum() < given.sum() else given
