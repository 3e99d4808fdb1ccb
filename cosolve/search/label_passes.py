"""The exact search for orienteering with time windows: passes of labels until bound and route meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosolve.search import orienteering_local as local
from cosolve.search.label_arrays import Known, Labels
from cosolve.search.label_bounds import completion_bounds
from cosolve.search.labelling import DONE, run_pass
from cosolve.search.orienteering import Arrays
from cosolve.search.slices import Slices
from cosolve.search.time_grid import TimeGrid

#: Spans of time that the labels of a pass are sorted into for the next one.
BOUND_SPANS = 1000

#: Labels that an attempt with complete memory may make, in those of the pass before it.
EXACT_SHARE = 1

#: Share of them that it may make from the first quarter of the time: most labels are made at half of it, so that an
#: attempt that needs more early on fails in the end, after much more time.
EARLY_SHARE = 0.25

#: Labels of the first attempt, which has no bounds to prune with: enough for the published test sets.
FIRST_LABELS = 8000

#: Labels of the first passes that forget, before multipliers are sought, where profits vary.
RELAXED_LABELS = 40_000

#: Steps of local search before the first bound and after each pass that forgets; more after large ones, one for so
#: many labels: about a fifth of their time.
LOCAL_ITERATIONS, LOCAL_SHARE = 2000, 20

#: Steps of local search where neither passes without multipliers nor their bound were enough.
HARD_ITERATIONS = 50_000

#: An attempt with complete memory is worth it only if the bound is less than so many times the best route: before that,
#: labels pile up early on, where every bound on the rest is weakest.
CLOSE = 1.4

#: Places, the start among them, above which there is local search alone: a table of passes grows with their cube.
MAX_PLACES = 2000

#: Cycles shorter than this part of the horizon are always remembered: without that, labels could go round for ever.
SHORT_CYCLE = 1e-3


class Workspace:
    """Room for the labels of a pass; reused, and grown only when a pass needs more."""

    def __init__(self) -> None:
        self._shape = (0, 0, 0)
        self._labels: Labels | None = None

    def of(self, capacity: int, words: int, segments: int) -> Labels:
        """Room for so many labels, of sets of so many words, with so many segments each on average."""
        wanted = (capacity, words, capacity * segments)
        if self._labels is None or self._shape[1] != words or wanted[0] > self._shape[0] or wanted[2] > self._shape[2]:
            self._shape = wanted
            arrays = [np.empty(capacity) for _ in range(5)]
            arrays += [np.empty(capacity, np.int64) for _ in range(2)]
            arrays += [np.empty(capacity, np.bool_)]
            arrays += [np.empty(capacity, np.int64) for _ in range(2)]
            arrays += [np.empty((capacity, words), np.uint64)]
            arrays += [np.empty(wanted[2] + 1024) for _ in range(2)]
            arrays += [np.empty(capacity + 1, np.int64) for _ in range(2)]
            self._labels = Labels(*arrays)
        return self._labels


def nothing(n: int, words: int, completion: np.ndarray | None = None) -> Known:
    """No labels of the other direction are known; perhaps a table (n, spans) for the rest of a route."""
    reals, whole = np.empty(0), np.empty(0, np.int64)
    table = np.empty((n, 0)) if completion is None else completion
    none = np.empty((0, words), np.uint64)
    no_most, no_ptr = np.empty((n, 1)), np.zeros((n, 2), np.int64)
    return Known(table, no_most, no_most, no_ptr, reals, reals, reals, whole, whole, none, reals, reals)


def known_after(arrays: Arrays, reverse: bool, count: int, labels: Labels, table: np.ndarray | None) -> Known:
    """
    What a finished pass in the direction ``reverse`` tells one in the other.

    Parameters
    ----------
    count, labels
        The labels of that pass.
    table
        Bounds on the rest of a route in the other direction that were known before, (n, spans).
    """
    travel = arrays.data(not reverse).travel
    completion, most = completion_bounds(travel, arrays.horizon, BOUND_SPANS, count, labels)
    if table is not None:
        # Both hold: take the finer grid, and the lesser value of each of its spans.
        fine = max(table.shape[1], BOUND_SPANS)
        at = np.arange(fine)
        # Indexed by columns, the arrays would be in Fortran's order, which kernels are compiled anew for.
        coarse = table.take(at * table.shape[1] // fine, axis=1)
        completion = np.minimum(coarse, completion.take(at * BOUND_SPANS // fine, axis=1))
    n = len(travel)
    live = np.flatnonzero(~labels.removed[1:count]) + 1
    grid = arrays.horizon / BOUND_SPANS if arrays.horizon > 0 else 1.0
    span = np.clip(np.ceil(labels.leave[live] / grid - 1e-9).astype(np.int64), 0, BOUND_SPANS)
    cell = labels.node[live] * (BOUND_SPANS + 1) + span
    order = np.lexsort((-labels.top[live], cell))
    live, cell = live[order], cell[order]
    ptr = np.searchsorted(cell, np.arange(n * (BOUND_SPANS + 1) + 1))
    starts = np.column_stack((ptr[:-1].reshape(n, -1), ptr[BOUND_SPANS + 1 :: BOUND_SPANS + 1]))
    highest = np.full((n, BOUND_SPANS + 1), -np.inf)
    np.maximum.at(highest.reshape(-1), cell, labels.top[live])
    highest = np.maximum.accumulate(highest, axis=1)
    counts = labels.end[live] - labels.begin[live]
    ends = np.cumsum(counts)
    picked = np.repeat(labels.begin[live] - ends + counts, counts) + np.arange(ends[-1] if len(ends) else 0)
    return Known(
        completion,
        most,
        highest,
        starts,
        labels.leave[live],
        labels.base[live],
        labels.top[live],
        ends - counts,
        ends,
        labels.barred[live],
        labels.length[picked],
        labels.rate[picked],
    )


@dataclass
class Pass:
    """How a pass ended, number of labels, the best route to each last customer, best first, and an upper bound."""

    how: int
    count: int
    routes: list[np.ndarray]
    bound: float


@dataclass
class _Relaxation:
    """Passes that forget: tables and multipliers that they prune with, what a label remembers, and the last pass."""

    grid: TimeGrid | None
    multipliers: np.ndarray
    memory: np.ndarray
    known: Known
    reverse: bool = True
    passes: int = 0


class ExactSearch:
    """
    Find the most profitable route and prove it.

    Parameters
    ----------
    arrays
        The instance. Passes and bounds see it widened by its margin: whatever the judge may take is among their routes,
        and what they find beyond that is no proof.
    report
        Takes a route (by places of ``arrays``) that may be the best so far; returns the best profit known.
    report_bound
        Takes an upper bound on the profit.
    stop
        One value; set by another thread when time is up.
    workspace
        Reused between instances.
    best
        Profit known already.
    neighbours
        Customers that a label remembers at first, the nearest ones.
    max_labels, max_passes
        Limits of one pass and of the number of relaxed ones.
    first_labels, relaxed_labels
        Labels of the attempt without bounds, and of the first passes that forget where profits vary.
    """

    def __init__(
        self,
        arrays: Arrays,
        *,
        report: Callable[[np.ndarray], float],
        report_bound: Callable[[float], None],
        stop: np.ndarray,
        workspace: Workspace | None = None,
        best: float = 0.0,
        neighbours: int = 14,
        max_labels: int = 4_000_000,
        max_passes: int = 200,
        first_labels: int = FIRST_LABELS,
        relaxed_labels: int = RELAXED_LABELS,
    ) -> None:
        self.arrays = arrays
        self._wide = arrays.widened()
        self.best = best
        self.stats: dict[str, float] = {"customers": len(arrays.places) - 1, "passes": 0, "labels": 0}
        self._report, self._report_bound, self._stop = report, report_bound, stop
        self._workspace = workspace or Workspace()
        self._neighbours, self._max_labels, self._max_passes = neighbours, max_labels, max_passes
        self._first_labels, self._relaxed_labels = first_labels, relaxed_labels
        n = len(arrays.places)
        self._words = (n + 63) // 64
        self._everything = np.full((n, self._words), ~np.uint64(0))
        self._no_multipliers = np.zeros(n)
        self._local: local.SearchState | None = None
        self._per_label = 8 if len(arrays.segment_rate) else 1

    def run(self) -> bool:
        """Whether the best route known is optimal; not tried above :data:`MAX_PLACES`."""
        if len(self.arrays.places) > MAX_PLACES:
            self._improve(LOCAL_ITERATIONS)
            return False
        unknown = nothing(len(self.arrays.places), self._words)
        # Easy instances, the published ones among them, need no bounds.
        if self._exact(False, unknown, self._no_multipliers, capacity=self._first_labels):
            return True
        self._improve(LOCAL_ITERATIONS)
        if self._stop[0]:
            return False
        # Harder ones need the bounds of passes that forget, and if those grow too large, multipliers. These take the
        # whole numbers from fixed profits, and with them most of the dominance between labels: then they come last.
        is_fixed = not len(self.arrays.segment_rate)
        capacity = self._max_labels if is_fixed else self._relaxed_labels
        if self._relax(self._relaxation(None, self._no_multipliers), capacity):
            return True
        if self._stop[0]:
            return False
        grid = TimeGrid(self._wide)
        multipliers = grid.optimise(self.best, self._stop, self._report_bound)
        if grid.bound <= self._target() + self._noise():
            self._report_bound(self.best)
            return True
        # What is left is hard: a good route now saves labels, and may be all that there is in the end.
        self._improve(HARD_ITERATIONS)
        return not self._stop[0] and self._relax(self._relaxation(grid, multipliers), self._max_labels)

    def _target(self) -> float:
        # Integer profits: only a whole unit more is better.
        return self.best + 0.5 if self.arrays.is_integral else self.best

    def _noise(self) -> float:
        # What rounding, and time within the margin, may add to the profit of one and the same route.
        return 1e-9 * max(1.0, self.best) + self.arrays.worth_of(self.arrays.margin)

    def _offer(self, route: np.ndarray) -> None:
        # A route of the margin, or one that was shortened where the triangle inequality does not hold, may be too late.
        if self.arrays.profit(route) >= 0:
            self.best = max(self.best, self._report(route))

    def _pass(
        self,
        reverse: bool,
        known: Known,
        multipliers: np.ndarray,
        memory: np.ndarray,
        *,
        is_exact: bool,
        beam: int = 0,
        capacity: int,
        early_share: float = 1.0,
    ) -> tuple[Pass, Labels]:
        a, target = self._wide, self._target()
        labels = self._workspace.of(min(capacity, self._max_labels), self._words, self._per_label)
        capacity = min(capacity, self._max_labels)
        if is_exact:
            margin = 0.5 if a.is_integral else 0.0
            data, dues, paid_back = a.data(reverse), multipliers, 0.0
        else:
            # Charged to the prizes: labels are compared by what they come to after that.
            paid_back = float(multipliers.sum())
            data, dues, margin, target = a.data(reverse, multipliers), self._no_multipliers, 0.0, target - paid_back
        early = int(early_share * capacity)
        how, count, best, open_bound = run_pass(
            data, known, labels, memory, dues, target, margin, reverse, is_exact, beam, capacity, early, self._stop
        )
        self.stats["passes"] += 1
        self.stats["labels"] += count
        routes, bound = [], max(target, open_bound) + paid_back
        if best >= 0:
            bound = max(bound, float(labels.closed[best]) + paid_back)
            ends = [best]
            if not is_exact:
                good = np.flatnonzero(labels.closed[1:count] > target) + 1
                good = good[np.argsort(-labels.closed[good], kind="stable")]
                _, where = np.unique(labels.node[good], return_index=True)
                ends = good[np.sort(where)].tolist()
            routes = [_route(end, labels.node, labels.parent, reverse) for end in ends]
        return Pass(how, count, routes, bound), labels

    def _exact(
        self, reverse: bool, known: Known, multipliers: np.ndarray, *, capacity: int, early_share: float = 1.0
    ) -> bool:
        """A pass with complete memory; whether it has proven the best route."""
        found, _ = self._pass(
            reverse,
            known,
            multipliers,
            self._everything,
            is_exact=True,
            capacity=capacity,
            early_share=early_share,
        )
        for route in found.routes:
            self._offer(route)
        is_proven = found.how == DONE and (not found.routes or found.bound <= self.best + self._noise())
        self._report_bound(self.best if is_proven else max(self.best, found.bound))
        return is_proven

    def _improve(self, iterations: int) -> None:
        """Go on with the local search: every bound prunes with the best route known."""
        if self._local is None:
            self._local = local.start(self.arrays, local.construct(self.arrays, self._stop), 0)
        state, slices = self._local, Slices(iterations)
        begin = state.iteration
        while not slices.is_out and not self._stop[0]:
            slices.run(lambda count: local.run(self.arrays, state, count) - begin)
        self._offer(state.best_visits)

    def _relaxation(self, grid: TimeGrid | None, multipliers: np.ndarray) -> _Relaxation:
        a, n = self.arrays, len(self.arrays.places)
        memory = nearest(a.travel, 1, self._words) | self._short_cycles()
        table = None if grid is None else grid.table(True, multipliers)
        return _Relaxation(grid, multipliers, memory, nothing(n, self._words, table))

    def _relax(self, state: _Relaxation, capacity: int) -> bool:
        """
        Passes that forget, in turns of direction, with memory that grows along the cycles of their routes.

        Parameters
        ----------
        state
            Where to go on.
        capacity
            Labels of a pass at most.

        Returns
        -------
        bool
            Whether the best route known is proven.
        """
        a = self._wide
        while state.passes < self._max_passes and not self._stop[0]:
            found, labels = self._pass(
                state.reverse, state.known, state.multipliers, state.memory, is_exact=False, capacity=capacity
            )
            self._report_bound(max(self.best, found.bound))
            if found.how != DONE:
                return False
            if not found.routes:
                self._report_bound(self.best)
                return True
            self._offer(without_repeats(self.arrays, found.routes[0]))
            self._improve(max(LOCAL_ITERATIONS, found.count // LOCAL_SHARE))
            if found.bound <= self._target() + self._noise():
                self._report_bound(self.best)
                return True
            table = None if state.grid is None else state.grid.table(not state.reverse, state.multipliers)
            state.known = known_after(a, state.reverse, found.count, labels, table)
            state.reverse = not state.reverse
            state.passes += 1
            grows = False
            for route in found.routes:
                for customer, between in repeats(route):
                    grows = True
                    for place in between:
                        state.memory[place, customer >> 6] |= np.uint64(1) << np.uint64(customer & 63)
            if state.passes == 1:
                state.memory |= nearest(a.travel, self._neighbours, self._words)
            if grows and found.bound > CLOSE * self.best:
                continue
            # With bounds this close, all memory may be affordable: then the next pass is the last one. It also is if
            # no route goes in cycles: what is left of the gap is due to multipliers.
            allowed = EXACT_SHARE * found.count if grows else capacity
            share = EARLY_SHARE if grows else 1.0
            if self._exact(state.reverse, state.known, state.multipliers, capacity=allowed, early_share=share):
                return True
            if not grows:
                return False
        return False

    def beam(self, width: int) -> bool:
        """
        A pass that keeps so many labels of each customer and span of time, without bounds.

        Returns
        -------
        bool
            Whether there was time and room for it.
        """
        unknown = nothing(len(self.arrays.places), self._words)
        found, _ = self._pass(
            False, unknown, self._no_multipliers, self._everything, is_exact=True, beam=width, capacity=self._max_labels
        )
        for route in found.routes:
            self._offer(route)
        return found.how == DONE

    def _short_cycles(self) -> np.ndarray:
        """Bit sets of the places that can be left for and come back from in next to no time."""
        a, n = self.arrays, len(self.arrays.places)
        there = a.least + a.service
        is_short = (there + there.T <= SHORT_CYCLE * a.horizon) & (np.arange(n) > 0)
        padded = np.zeros((n, 64 * self._words), np.uint8)
        padded[:, :n] = is_short
        packed: np.ndarray = np.packbits(padded, axis=1, bitorder="little").view("<u8")
        return packed.astype(np.uint64)


def solve(arrays: Arrays, **arguments: object) -> tuple[bool, dict[str, float]]:
    """Run an :class:`ExactSearch` with these arguments; whether its best route is proven, and what was done."""
    search = ExactSearch(arrays, **arguments)  # type: ignore[arg-type]
    return search.run(), search.stats


def _route(label: int, node: np.ndarray, parent: np.ndarray, reverse: bool) -> np.ndarray:
    visits = []
    while label > 0:
        visits.append(int(node[label]))
        label = int(parent[label])
    return np.array(visits if reverse else visits[::-1], np.int64)


def nearest(travel: np.ndarray, count: int, words: int) -> np.ndarray:
    """Bit sets of the ``count`` customers nearest to each place in either direction, itself included."""
    n = len(travel)
    near = np.argsort(np.minimum(travel, travel.T), axis=1, kind="stable")
    memory = np.zeros((n, words), np.uint64)
    for i in range(n):
        others = [int(k) for k in near[i] if k not in (0, i)][:count]
        for k in [i, *others]:
            memory[i, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
    return memory


def repeats(route: np.ndarray) -> list[tuple[int, list[int]]]:
    """Each customer visited again, with the places between the two visits."""
    seen: dict[int, int] = {}
    out = []
    for at, customer in enumerate(route.tolist()):
        if customer in seen:
            out.append((customer, route[seen[customer] + 1 : at].tolist()))
        seen[customer] = at
    return out


def without_repeats(arrays: Arrays, route: np.ndarray) -> np.ndarray:
    """The route with each customer once: visits are dropped one by one, those that cost the least profit first."""
    customers = route.tolist()
    while len(set(customers)) < len(customers):
        twice = [k for k, c in enumerate(customers) if customers.count(c) > 1]
        trials = [customers[:k] + customers[k + 1 :] for k in twice]
        customers = max(trials, key=lambda trial: arrays.profit(np.array(trial, np.int64)))
    return np.array(customers, np.int64)
