"""Tabu search with restarts between good schedules, over the kernels of :mod:`cosolve.search.fjsp`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.search import fjsp as kernel
from cosolve.search.fjsp_bound import lower_bound
from cosolve.solvers.greedy.fjsp import prepare, to_schedule, with_even_loads

#: Schedules that the restarts choose from.
_POOL = 10
#: Moves without improvement before a restart, at least; four for each operation if that is more.
_PATIENCE = 2000
#: Moves times operations in one slice between two looks at the clock: below 0.1 s.
_SLICE = 300_000


@dataclass
class _Member:
    """A schedule of the pool: makespan, alternatives, start times and places in a topological order."""

    makespan: int
    alt: np.ndarray
    head: np.ndarray
    rank: np.ndarray


def search(instance: FJSPInstance, start: Schedule, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """
    Improve a schedule until the limit, or until it meets a simple lower bound.

    First a pool is filled: tabu search from the start, then from randomised dispatching. From then on two members
    are drawn, tabu search starts between them, and what it finds takes the place of the worse parent or of the
    worst member. When the pool has become one schedule in many copies, all but the best are made anew.
    """
    run = _Run(instance, monitor, rng)
    monitor.report_bound(run.bound)
    if instance.num_ops == 0:
        return Outcome()
    alt, order = _from_schedule(instance, start)
    pool = [run.improve(alt, order)]
    while not run.is_over:
        while len(pool) < _POOL and not run.is_over:
            pool.append(run.improve(*run.random_dispatch()))
        if run.is_over:
            break
        first, second = (pool[k] for k in rng.choice(len(pool), 2, replace=False))
        child = run.improve(*_between(first, second, rng))
        worst = max(range(len(pool)), key=lambda k: pool[k].makespan)
        if not any(child.makespan == m.makespan and np.array_equal(child.head, m.head) for m in pool) and (
            child.makespan <= pool[worst].makespan
        ):
            pool[worst] = child
            run.failures = 0
        else:
            run.failures += 1
        if run.failures >= 3 * _POOL:
            pool = [min(pool, key=lambda m: m.makespan)]
            run.failures = 0
    limit = Limit.ITERATION if run.iterations_left() == 0 else None
    return Outcome(limit=limit, stats={"iterations": int(run.state.counts[kernel.ITERATION])})


class _Run:
    """The state of one run, and what is reported of it."""

    def __init__(self, instance: FJSPInstance, monitor: Monitor, rng: np.random.Generator) -> None:
        self.instance = instance
        self.monitor = monitor
        self.rng = rng
        self.data = prepare(instance)
        self.even = with_even_loads(self.data) if instance.num_ops else None
        self.state = kernel.make_state(self.data, int(rng.integers(2**62)))
        self.bound = lower_bound(
            instance.job_ptr,
            instance.alt_ptr,
            instance.alt_machine,
            instance.alt_time,
            instance.num_machines,
            of_loads=None if self.even is None else self.even.bound,
            should_stop=monitor.should_stop,
        )
        self.best = None if monitor.best is None else int(np.ceil(monitor.best.objective))
        self.slice = max(10, _SLICE // max(1, instance.num_ops))
        self.patience = max(_PATIENCE, 4 * instance.num_ops)
        self.failures = 0
        self.is_over = False

    def iterations_left(self) -> int | None:
        limit = self.monitor.stop.iterations
        return None if limit is None else max(0, limit - int(self.state.counts[kernel.ITERATION]))

    def improve(self, alt: np.ndarray, order: np.ndarray) -> _Member:
        """Tabu search from a solution until it stagnates or a limit is reached; every new best is reported."""
        data, state = self.data, self.state
        kernel.load(data, state, alt, order)
        self._report()
        while True:
            left = self.iterations_left()
            if left == 0 or self.monitor.should_stop() or int(state.counts[kernel.BEST]) <= self.bound:
                self.is_over = True
                break
            moves = self.slice if left is None else min(self.slice, left)
            stagnates = kernel.run(data, state, moves, self.patience, self.bound)
            self._report()
            if stagnates:
                break
        self.is_over |= int(state.counts[kernel.BEST]) <= self.bound
        return _Member(
            int(state.counts[kernel.BEST]), state.best_alt.copy(), state.best_head.copy(), state.best_rank.copy()
        )

    def _report(self) -> None:
        makespan = int(self.state.counts[kernel.BEST])
        if self.best is None or makespan < self.best:
            self.best = makespan
            self.monitor.report(to_schedule(self.data, self.state), makespan)

    def random_dispatch(self) -> tuple[np.ndarray, np.ndarray]:
        alt = np.zeros(self.instance.num_ops, np.int64)
        order = alt.copy()
        rule, delay = int(self.rng.integers(5)), float(self.rng.random())
        if self.even is not None and self.rng.random() < 0.5:
            kernel.dispatch(self.even.data, self.state, rule, delay, 50, alt, order)
            return self.even.alt, order
        kernel.dispatch(self.data, self.state, rule, delay, 50, alt, order)
        return alt, order


def _from_schedule(instance: FJSPInstance, schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
    """Alternatives and order of a feasible schedule."""
    owner = np.repeat(np.arange(instance.num_ops), np.diff(instance.alt_ptr))
    alt = np.flatnonzero(instance.alt_machine == schedule.machine[owner])
    end = schedule.start + instance.alt_time[alt]
    # Of operations that start together one of time 0 is first; a job's own order settles the rest.
    return alt, np.lexsort((np.arange(instance.num_ops), end, schedule.start))


def _between(first: _Member, second: _Member, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """
    Solution between two: operations by a convex combination of their start times, machines from either.

    What comes first in both comes first in the combination, so it keeps every job's order.
    """
    n = len(first.rank)
    weight = 0.3 + 0.4 * rng.random()
    key = (1.0 - weight) * first.head + weight * second.head
    rank = (1.0 - weight) * first.rank + weight * second.rank
    alt = np.where(rng.random(n) < weight, second.alt, first.alt)
    return alt, np.lexsort((rank, key))
