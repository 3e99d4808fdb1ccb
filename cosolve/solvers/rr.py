"""Solver "rr": ruin and recreate for vehicle routing on matrices; see :mod:`cosolve.search.ruin`."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cosolve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.cvrp import Routes, VehicleRoutingInstance
from cosolve.instances.routing_arrays import RoutingArrays, routing_arrays
from cosolve.search.route_moves import descend, settle
from cosolve.search.route_state import Data, State, is_complete, prepare, with_nearest
from cosolve.search.ruin import run, start
from cosolve.solvers.compiled import CompiledSolver
from cosolve.solvers.greedy.cvrp import first_out_of_reach

#: Four dense matrices of floats: 5,000 nodes take 0.8 GB.
MAX_NODES = 5000

#: Neighbours in whose routes a customer's place is sought.
NUM_NEIGHBOURS = 60

#: Neighbours that the descent from the best solution makes ways to: with all of them half the time would go there.
NUM_DESCENT_NEIGHBOURS = 20

#: Iterations between two looks at the clock, and two descents: 10 to 50 ms.
SLICE = 1000


class RuinRecreate(CompiledSolver):
    """
    Slack induction by string removals on matrices, from given or greedy routes, until the limit.

    Now and then a descent by exchanges (:mod:`cosolve.search.route_moves`) sets the best solution right. Takes
    instances of up to :data:`MAX_NODES` nodes; "local-search" is the same idea for more, without matrices.
    """

    name = "rr"
    title = "cosolve's own ruin and recreate for vehicle routing"
    problems = frozenset({"cvrp", "acvrp", "vrptw", "acvrptw"})
    features = Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.DETERMINISTIC
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
        return _search(routing_arrays(instance), first, monitor, seed)


def _search(arrays: RoutingArrays, first: Routes | None, monitor: Monitor, seed: int) -> Outcome:
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    data, state = _begin(arrays, [] if first is None else arrays.visits(first), seed)
    reported = state.best if first is not None else math.inf
    near, settled = with_nearest(data, NUM_DESCENT_NEIGHBOURS), math.inf
    while not monitor.should_stop() and state.iteration < limit:
        settled = _advance(data, near, state, int(min(SLICE, limit - state.iteration)), settled)
        if state.best < reported and is_complete(data, state):
            monitor.report(_routes(arrays, state), state.best)
            reported = state.best
    if state.iteration >= limit:
        monitor.interrupt(Limit.ITERATION)
    status = Status.FEASIBLE if reported < math.inf else Status.NO_SOLUTION
    return Outcome(status, stats={"iterations": state.iteration})


def polish(
    arrays: RoutingArrays, starts: Sequence[Sequence[np.ndarray]], should_stop: Callable[[], bool]
) -> list[np.ndarray]:
    """
    The cheapest of the local optima that descents from several solutions end in; places per route.

    Parameters
    ----------
    arrays
        The instance.
    starts
        Solutions that keep all limits, places per route; the first has its descent in any case.
    should_stop
        Asked before each of the others.
    """
    data = _data(arrays)
    best = descend(data, *_flat(starts[0]))
    for visits in starts[1:]:
        if should_stop():
            break
        best = min(best, descend(data, *_flat(visits)), key=lambda state: state.best)
    nodes, offsets = best.best_routes()
    return np.split(nodes, offsets[1:-1])


def improve(arrays: RoutingArrays, visits: Sequence[np.ndarray], *, iterations: int, seed: int = 0) -> list[np.ndarray]:
    """
    The best routes found from given ones.

    Parameters
    ----------
    arrays
        The instance.
    visits
        Places per route; they keep all limits.
    iterations
        Of ruin and recreate, about 10 microseconds each.
    seed
        Of the search.
    """
    if arrays.num_customers < 2:
        return list(visits)
    data, state = _begin(arrays, visits, seed)
    near, settled = with_nearest(data, NUM_DESCENT_NEIGHBOURS), math.inf
    while state.iteration < iterations:
        settled = _advance(data, near, state, min(SLICE, iterations - state.iteration), settled)
    nodes, offsets = state.best_routes()
    return np.split(nodes, offsets[1:-1])


def _begin(arrays: RoutingArrays, visits: Sequence[np.ndarray], seed: int) -> tuple[Data, State]:
    data = _data(arrays)
    return data, start(data, *_flat(visits), seed)


def _data(arrays: RoutingArrays) -> Data:
    return prepare(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service,
        NUM_NEIGHBOURS,
    )  # fmt: skip


def _flat(visits: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([np.empty(0, np.int64), *visits]), np.cumsum([0, *map(len, visits)])


def _advance(data: Data, near: Data, state: State, iterations: int, settled: float) -> float:
    """
    Ruin and recreate, then descend from the best solution unless it is the last one settled; its cost.

    Parameters
    ----------
    near
        The instance as the descent sees it.
    """
    run(data, state, iterations)
    if state.best < settled:
        settle(near, state)
    return state.best


def _routes(arrays: RoutingArrays, state: State) -> Routes:
    nodes, offsets = state.best_routes()
    return Routes.from_flat(arrays.nodes[nodes], offsets)
