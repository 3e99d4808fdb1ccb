"""Solver "routing": OR-Tools' routing library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.cvrp import CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.instances.vrptw import VRPTWInstance
from cosolve.solvers.greedy.cvrp import first_out_of_reach, generous_fleet, known_routes
from cosolve.solvers.packages import availability
from cosolve.solvers.whole_numbers import no_way, whole_clock, whole_demand, whole_distances, whole_limit

#: The matrix passes through Python lists: 3,000 nodes take half a gigabyte and some seconds.
MAX_NODES = 3000

FIRST_SOLUTIONS = (
    "AUTOMATIC", "PATH_CHEAPEST_ARC", "PATH_MOST_CONSTRAINED_ARC", "SAVINGS", "PARALLEL_SAVINGS", "CHRISTOFIDES",
    "BEST_INSERTION", "PARALLEL_CHEAPEST_INSERTION", "SEQUENTIAL_CHEAPEST_INSERTION", "LOCAL_CHEAPEST_INSERTION",
    "GLOBAL_CHEAPEST_ARC", "LOCAL_CHEAPEST_ARC", "FIRST_UNBOUND_MIN_VALUE",
)  # fmt: skip
METAHEURISTICS = ("GUIDED_LOCAL_SEARCH", "GREEDY_DESCENT", "SIMULATED_ANNEALING", "TABU_SEARCH")

# Words of operations_research.RoutingSearchStatus; all but the first three mean that nothing was found.
_STATUS = {
    "ROUTING_SUCCESS": Status.FEASIBLE,
    "ROUTING_PARTIAL_SUCCESS_LOCAL_OPTIMUM_NOT_REACHED": Status.FEASIBLE,
    "ROUTING_OPTIMAL": Status.FEASIBLE,
    "ROUTING_FAIL": Status.NO_SOLUTION,
    "ROUTING_FAIL_TIMEOUT": Status.NO_SOLUTION,
    "ROUTING_INFEASIBLE": Status.NO_SOLUTION,  # the number of vehicles is our choice: no proof
    "ROUTING_NOT_SOLVED": Status.NO_SOLUTION,
    "ROUTING_INVALID": Status.ERROR,
}


@dataclass(frozen=True)
class RoutingOptions:
    """
    Options of :class:`Routing`.

    Parameters
    ----------
    first_solution
        One of :data:`FIRST_SOLUTIONS`. With time windows AUTOMATIC becomes PARALLEL_CHEAPEST_INSERTION: the library
        itself takes PATH_CHEAPEST_ARC, which ends without a solution on many of them.
    metaheuristic
        One of :data:`METAHEURISTICS`; GREEDY_DESCENT ends in the first local optimum.
    """

    first_solution: str = "AUTOMATIC"
    metaheuristic: str = "GUIDED_LOCAL_SEARCH"

    def __post_init__(self) -> None:
        for name, allowed in (("first_solution", FIRST_SOLUTIONS), ("metaheuristic", METAHEURISTICS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}.")


class Routing(Solver):
    """
    Guided local search of OR-Tools' routing library, on integer data: fractional data is scaled, times are rounded to
    the safe side.

    It holds Python's lock while it searches, so it runs in a process of its own. An iteration is a solution
    that its search moves to, better or not. Takes instances of up to :data:`MAX_NODES` nodes.
    """

    name = "routing"
    title = "OR-Tools routing (guided local search)"
    problems = frozenset({"tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw"})
    features = Feature.TRAJECTORY | Feature.WARM_START | Feature.DETERMINISTIC
    limits = frozenset({Limit.ITERATION})
    isolated = True
    options_type = RoutingOptions

    def available(self) -> Availability:
        """Whether ``ortools`` is installed."""
        return availability("ortools")

    def solve(
        self,
        instance: VehicleRoutingInstance | TSPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: RoutingOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        started = perf_counter()
        if isinstance(instance, VehicleRoutingInstance) and first_out_of_reach(instance) is not None:
            return Outcome(Status.INFEASIBLE, message="a customer is out of reach of any vehicle.")
        n = instance.distances.num_nodes
        if n > MAX_NODES:
            raise UnsupportedProblemError(
                f"routing takes at most {MAX_NODES} nodes (it needs a dense matrix), got {n}."
            )
        if n == 1:
            monitor.report(_decode(instance, []))
            return Outcome()
        manager, model, scale = _build(instance, monitor, initial)
        build_time = perf_counter() - started
        if monitor.should_stop() or monitor.stop.iterations == 0:
            limit = Limit.ITERATION if monitor.stop.iterations == 0 else None
            return Outcome(limit=limit, build_time=build_time)
        return _run(instance, manager, model, scale, monitor, initial, options, build_time)


def _build(instance: VehicleRoutingInstance | TSPInstance, monitor: Monitor, initial: Any) -> tuple[Any, Any, float]:
    from ortools.constraint_solver import pywrapcp

    matrix, scale = whole_distances(instance)
    clock = whole_clock(instance) if isinstance(instance, VRPTWInstance) else None
    depot, vehicles = 0, 1
    if isinstance(instance, VehicleRoutingInstance):
        depot = instance.depot
        vehicles = generous_fleet(instance, known_routes(instance, monitor, initial, clock))
    manager = pywrapcp.RoutingIndexManager(len(matrix), vehicles, depot)
    model = pywrapcp.RoutingModel(manager)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(matrix.tolist()))
    if isinstance(instance, VehicleRoutingInstance):
        demand, capacity = whole_demand(instance)
        load = model.RegisterUnaryTransitVector(demand.tolist())
        model.AddDimensionWithVehicleCapacity(load, 0, [capacity] * vehicles, True, "load")
    if not instance.distances.is_complete:
        missing = (matrix >= no_way(instance.distances, scale)).astype(np.int64)
        model.AddDimension(model.RegisterTransitMatrix(missing.tolist()), 0, 0, True, "missing ways")
    if isinstance(instance, VRPTWInstance) and clock is not None:
        steps = model.RegisterTransitMatrix((clock.duration + clock.service[:, None]).tolist())
        model.AddDimension(steps, clock.horizon, clock.horizon, True, "time")
        time = model.GetDimensionOrDie("time")
        for node in instance.customers.tolist():
            window = int(clock.opens[node]), int(clock.closes[node])
            time.CumulVar(manager.NodeToIndex(node)).SetRange(*window)
    elif isinstance(instance, CVRPInstance) and instance.max_length is not None:
        service = np.full(len(matrix), int(np.rint(instance.service_time * scale)))
        service[depot] = 0
        times = model.RegisterTransitMatrix((matrix + service[:, None]).tolist())
        model.AddDimension(times, 0, whole_limit(instance.length_limit, scale), True, "length")
    return manager, model, scale


def _decode(instance: VehicleRoutingInstance | TSPInstance, routes: Sequence[Sequence[int]]) -> Solution:
    if isinstance(instance, VehicleRoutingInstance):
        return Routes(routes=tuple(np.array(route, np.int64) for route in routes if route))
    return Tour(order=np.array([0, *(node for route in routes for node in route)], np.int64))


def _encode(solution: Any) -> list[list[int]]:
    if isinstance(solution, Routes):
        return [route.tolist() for route in solution.routes if len(route)]
    start = int(np.flatnonzero(solution.order == 0)[0])
    return [np.roll(solution.order, -start)[1:].tolist()]


def _run(
    instance: VehicleRoutingInstance | TSPInstance,
    manager: Any,
    model: Any,
    scale: float,
    monitor: Monitor,
    initial: Any,
    options: RoutingOptions,
    build_time: float,
) -> Outcome:
    from ortools.constraint_solver import pywrapcp
    from ortools.constraint_solver import routing_enums_pb2 as enums

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    first = options.first_solution
    if first == "AUTOMATIC" and isinstance(instance, VRPTWInstance):
        first = "PARALLEL_CHEAPEST_INSERTION"
    parameters.first_solution_strategy = enums.FirstSolutionStrategy.Value.Value(first)
    parameters.local_search_metaheuristic = enums.LocalSearchMetaheuristic.Value.Value(options.metaheuristic)
    left = monitor.time_left()
    if math.isfinite(left):
        parameters.time_limit.FromMilliseconds(max(1, int(1000 * left)))
    if monitor.stop.iterations is not None:
        parameters.solution_limit = monitor.stop.iterations
    best = math.inf
    solutions = 0
    errors: list[Exception] = []

    def at_solution() -> None:
        # An exception must not travel through the library's C++ frames: keep it, stop, raise it below.
        nonlocal best, solutions
        try:
            solutions += 1
            cost = model.CostVar().Min()
            if cost < best:
                best = cost
                routes = []
                for vehicle in range(model.vehicles()):
                    index = model.NextVar(model.Start(vehicle)).Value()
                    route = []
                    while not model.IsEnd(index):
                        route.append(manager.IndexToNode(index))
                        index = model.NextVar(index).Value()
                    routes.append(route)
                monitor.report(_decode(instance, routes), cost / scale)
            if monitor.should_stop():
                model.CancelSearch()
        except Exception as error:
            errors.append(error)
            model.CancelSearch()

    model.AddAtSolutionCallback(at_solution)
    model.CloseModelWithParameters(parameters)
    if initial is None:
        model.SolveWithParameters(parameters)
    else:
        start = model.ReadAssignmentFromRoutes(_encode(initial), True)
        if start is None:
            model.SolveWithParameters(parameters)
        else:
            model.SolveFromAssignmentWithParameters(start, parameters)
    if errors:
        raise errors[0]
    word = enums.RoutingSearchStatus.Value.Name(model.status())
    limit = None
    if monitor.stop.iterations is not None and solutions >= monitor.stop.iterations:
        limit = Limit.ITERATION
    elif monitor.time_left() < 0.05:
        limit = Limit.TIME
    stats = {"solutions": solutions, "native_status": word}
    return Outcome(_STATUS.get(word, Status.UNKNOWN), limit, build_time, stats)
