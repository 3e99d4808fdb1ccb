"""Solver "rr": ruin and recreate for vehicle routing on matrices; see :mod:`cosolve.search.ruin`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import repeat
from typing import Any

import numpy as np

import cosolve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.core.watcher import stop_flag
from cosolve.instances.cvrp import Routes, VehicleRoutingInstance
from cosolve.instances.routing_arrays import RoutingArrays, routing_arrays
from cosolve.search import route_state as row
from cosolve.search.random import stream
from cosolve.search.route_moves import descend, settle
from cosolve.search.route_parts import can_split, run_parts
from cosolve.search.route_state import Data, State, adopt, is_complete, prepare, with_nearest
from cosolve.search.ruin import run, start
from cosolve.solvers.compiled import CompiledSolver
from cosolve.solvers.greedy.cvrp import first_out_of_reach
from cosolve.solvers.route_pool import RoutePool

#: There are dense matrices of the instance, and one to three more: with so many nodes each takes 0.8 GB.
MAX_NODES = 10_000

#: Neighbours in whose routes a customer's place is sought.
NUM_NEIGHBOURS = 60

#: Neighbours that the descent from the best solution makes ways to: with all of them half the time would go there.
NUM_DESCENT_NEIGHBOURS = 20

#: Iterations between two looks at the clock, and two descents: 10 to 50 ms.
SLICE = 1000

#: Routes of solutions up to so many times the best cost are kept; they are joined in this share of the time so far.
_GOOD, _SHARE = 1.05, 0.05


class RuinRecreate(CompiledSolver):
    """
    Slack induction by string removals on matrices, from given or greedy routes, until the limit.

    Now and then a descent by exchanges (:mod:`cosolve.search.route_moves`) sets the best solution right. Several
    threads search parts of the routes (:mod:`cosolve.search.route_parts`), or walk each for itself where routes are
    few. Takes instances of up to :data:`MAX_NODES` nodes; "local-search" is the same idea for more, without matrices.
    """

    name = "rr"
    title = "cosolve's own ruin and recreate for vehicle routing"
    problems = frozenset({"cvrp", "acvrp", "vrptw", "acvrptw"})
    features = Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.THREADS | Feature.DETERMINISTIC
    limits = frozenset({Limit.ITERATION})
    warm_up_iterations = 5000

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def solve(
        self,
        instance: VehicleRoutingInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        return search(instance, monitor, seed, threads, initial)


def search(
    instance: VehicleRoutingInstance,
    monitor: Monitor,
    seed: int,
    threads: int,
    initial: Solution | None,
    pool: RoutePool | None = None,
) -> Outcome:
    """
    See :class:`RuinRecreate`.

    Parameters
    ----------
    pool
        Routes that are joined by set partitioning with those that the search comes by, at the end of each cycle.
    """
    if instance.distances.num_nodes > MAX_NODES:
        raise UnsupportedProblemError(
            f"rr takes at most {MAX_NODES} nodes (it needs dense matrices), got {instance.distances.num_nodes}."
        )
    if first_out_of_reach(instance) is not None:
        return Outcome(Status.INFEASIBLE, message="a customer is out of reach of any vehicle.")
    first = initial
    if first is None:
        greedy = importlib.import_module(f"cosolve.solvers.greedy.{instance.problem}")
        first = greedy.construct(instance, monitor, np.random.default_rng(seed))
        if first is not None:
            monitor.report(first)
    if instance.size < 2 or monitor.should_stop():
        return Outcome()
    assert first is None or isinstance(first, Routes)
    return _search(routing_arrays(instance), first, monitor, seed, threads, pool)


def _search(
    arrays: RoutingArrays, first: Routes | None, monitor: Monitor, seed: int, threads: int, pool: RoutePool | None
) -> Outcome:
    """Search until the limit: on several threads in parts as long as there are routes enough, else in walks."""
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    data, done = _data(arrays), 0
    reported = math.inf
    with stop_flag(monitor) as stop, ThreadPoolExecutor(threads) as workers:
        walks = [_Walk(data, start(data, *_flat([] if first is None else arrays.visits(first)), seed), seed, stop)]
        if first is not None:
            reported = walks[0].state.best
        while not monitor.should_stop() and done < limit:
            if len(walks) == 1 < threads and not can_split(walks[0].state):
                walks += [walks[0].copy(seed + k) for k in range(1, threads)]
            left = limit - done
            if len(walks) == 1:
                done += walks[0].advance(left, threads, workers)
            elif left < len(walks):
                done += walks[0].advance(left)
            else:
                done += sum(workers.map(_Walk.advance, walks, repeat(left / len(walks))))
                _share(walks)
            if pool is not None:
                _join(walks, pool, monitor)
            best = _best(walks)
            if best.best < reported and is_complete(data, best):
                monitor.report(_routes(arrays, best), best.best)
                reported = best.best
    if done >= limit:
        monitor.interrupt(Limit.ITERATION)
    status = Status.FEASIBLE if reported < math.inf else Status.NO_SOLUTION
    return Outcome(status, stats={"iterations": done})


class _Walk:
    """
    Ruin and recreate with descents from each new best solution.

    Parameters
    ----------
    data
        The instance.
    state
        Where it begins.
    seed
        Of what the state's own random stream does not decide.
    stop
        (1,) not 0 once descents are to end.
    """

    def __init__(self, data: Data, state: State, seed: int, stop: np.ndarray) -> None:
        self.data = data
        self.state = state
        self._near = with_nearest(data, NUM_DESCENT_NEIGHBOURS)
        self._rng = np.random.default_rng(seed)
        self._stop = stop
        self._settled = math.inf

    def copy(self, seed: int) -> _Walk:
        """Another walk from here on."""
        state = State(*(array.copy() for array in self.state))._replace(random=stream(seed))
        return _Walk(self.data, state, seed, self._stop)

    @property
    def is_cycle_over(self) -> bool:
        """Whether the temperature is at its lowest, and rises again with the next iteration."""
        return bool(self.state.iteration == self.state.ints[row.CYCLE_END])

    def advance(self, most: float, threads: int = 1, pool: Executor | None = None) -> int:
        """
        Some iterations, then descend from the best solution unless it is the last one settled; how many they were.

        Parameters
        ----------
        most
            Iterations to do, at most; never beyond the end of a cycle.
        threads, pool
            For the parts of :func:`run_parts`, if more than one.
        """
        data, state = self.data, self.state
        before = state.iteration
        if pool is None or not run_parts(data, state, most, threads, pool, self._rng):
            left = int(state.ints[row.CYCLE_END]) - state.iteration
            run(data, state, int(min(SLICE, most, left or math.inf)))
        if state.best < self._settled:
            settle(self._near, state, self._stop)
            self._settled = state.best
        return state.iteration - before


def _share(walks: Sequence[_Walk]) -> None:
    """Whoever is at the end of a cycle goes on from the best solution of all."""
    best = _best(walks)
    behind = [walk for walk in walks if walk.is_cycle_over and best.best < walk.state.best]
    if behind:
        routes = best.best_routes()
        for walk in behind:
            adopt(walk.data, walk.state, *routes)


def _join(walks: Sequence[_Walk], pool: RoutePool, monitor: Monitor) -> None:
    """Keep the routes of good solutions, and join them when a cycle is over: the next one begins with the result."""
    best = _best(walks)
    if not is_complete(walks[0].data, best):
        return
    for walk in walks:
        if walk.state.floats[row.COST] < _GOOD * best.best:
            pool.add(*walk.state.current_routes())
    over = [walk for walk in walks if walk.is_cycle_over]
    if over:
        # With a limit of iterations no clock decides, so that the outcome is the same on every machine.
        share = math.inf if monitor.stop.iterations is not None else _SHARE * monitor.elapsed()
        joined = pool.combine(*best.best_routes(), min(monitor.time_left(), share), monitor.should_stop)
        if joined is not None:
            adopt(over[0].data, over[0].state, *joined)


def _best(walks: Sequence[_Walk]) -> State:
    return min((walk.state for walk in walks), key=lambda state: state.best)


def polish(
    arrays: RoutingArrays, starts: Sequence[Sequence[np.ndarray]], monitor: Monitor, pool: RoutePool, share: float
) -> list[np.ndarray]:
    """
    The best of the local optima that descents from several solutions end in, and of their routes; places per route.

    Parameters
    ----------
    arrays
        The instance.
    starts
        Solutions that keep all limits, places per route; the first has its descent in any case.
    monitor
        Asked before each of the others.
    pool
        Takes in all routes.
    share
        Of the time that is left then, to join the routes in.
    """
    data = _data(arrays)
    best = descend(data, *_flat(starts[0]))
    pool.add(*best.best_routes())
    for visits in starts[1:]:
        if monitor.should_stop():
            break
        found = descend(data, *_flat(visits))
        pool.add(*found.best_routes())
        best = min(best, found, key=lambda state: state.best)
    joined = None
    if not monitor.should_stop():
        joined = pool.combine(*best.best_routes(), monitor.allowance(share), monitor.should_stop)
    if joined is not None:
        best = descend(data, *joined)
    nodes, offsets = best.best_routes()
    return np.split(nodes, offsets[1:-1])


def _data(arrays: RoutingArrays) -> Data:
    return prepare(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service,
        NUM_NEIGHBOURS,
    )  # fmt: skip


def _flat(visits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([np.empty(0, np.int64), *visits]), np.cumsum([0, *map(len, visits)])


def _routes(arrays: RoutingArrays, state: State) -> Routes:
    nodes, offsets = state.best_routes()
    return Routes.from_flat(arrays.nodes[nodes], offsets)
