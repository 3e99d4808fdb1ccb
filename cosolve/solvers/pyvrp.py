"""Solver "pyvrp": PyVRP's iterated local search for routing problems."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

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
from cosolve.solvers.whole_numbers import WholeClock, no_way, whole_clock, whole_demand, whole_distances, whole_limit

if TYPE_CHECKING:
    from pyvrp import ProblemData

#: PyVRP keeps two dense matrices of 64-bit integers and builds its neighbourhoods from several more: 5,000
#: nodes take 2 GB.
MAX_NODES = 5000


@dataclass(frozen=True)
class PyVRPOptions:
    """
    Options of :class:`PyVRP`.

    Parameters
    ----------
    restart_after
        Iterations without improvement before the search returns to the best solution.
    history_length
        Length of the late-acceptance history.
    num_neighbours
        Neighbours of a client that the local search looks at.
    """

    restart_after: int = 150_000
    history_length: int = 300
    num_neighbours: int = 50

    def __post_init__(self) -> None:
        for name, least in (("restart_after", 0), ("history_length", 1), ("num_neighbours", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be >= {least}, got {getattr(self, name)}.")


class PyVRP(Solver):
    """
    PyVRP's iterated local search, on integer data: fractional data is scaled, and so is what is too large; times are
    rounded to the safe side.

    Takes instances of up to :data:`MAX_NODES` nodes.
    """

    name = "pyvrp"
    title = "PyVRP iterated local search"
    problems = frozenset({"tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw"})
    features = Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.DETERMINISTIC
    limits = frozenset({Limit.ITERATION})
    options_type = PyVRPOptions
    modules = ("pyvrp",)

    def available(self) -> Availability:
        """Whether ``pyvrp`` is installed."""
        return availability("pyvrp")

    def solve(
        self,
        instance: VehicleRoutingInstance | TSPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: PyVRPOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        started = perf_counter()
        if isinstance(instance, VehicleRoutingInstance) and first_out_of_reach(instance) is not None:
            return Outcome(Status.INFEASIBLE, message="a customer is out of reach of any vehicle.")
        model = _build(instance, monitor, initial)
        if model.data is None:
            monitor.report(model.decode([]))
            return Outcome()
        build_time = perf_counter() - started
        if monitor.should_stop():
            return Outcome(build_time=build_time)
        return _run(model, monitor, seed, initial, options, build_time)


@dataclass(frozen=True)
class _Model:
    """
    PyVRP's data (``None`` without clients), the nodes that its clients stand for, and the scale of distances.

    A solution as long as ``no_way`` uses a way that does not exist.
    """

    instance: VehicleRoutingInstance | TSPInstance
    data: ProblemData | None
    nodes: np.ndarray
    scale: float
    no_way: float = math.inf

    def decode(self, visits: Sequence[Sequence[int]]) -> Solution:
        """Solution with these client indices per route."""
        routes = tuple(self.nodes[np.array(route, np.int64)] for route in visits)
        if isinstance(self.instance, VehicleRoutingInstance):
            return Routes(routes=routes)
        return Tour(order=np.concatenate([[0], *routes]))

    def encode(self, solution: Any) -> list[list[int]]:
        """Client indices per route."""
        client = np.zeros(len(self.nodes) + 1, np.int64)
        client[self.nodes] = np.arange(len(self.nodes))
        if isinstance(solution, Routes):
            return [client[route].tolist() for route in solution.routes if len(route)]
        start = int(np.flatnonzero(solution.order == 0)[0])
        return [client[np.roll(solution.order, -start)[1:]].tolist()]


def _build(instance: VehicleRoutingInstance | TSPInstance, monitor: Monitor, initial: Any) -> _Model:
    n = instance.distances.num_nodes
    if n > MAX_NODES:
        raise UnsupportedProblemError(f"pyvrp takes at most {MAX_NODES} nodes (it needs dense matrices), got {n}.")
    depot = instance.depot if isinstance(instance, VehicleRoutingInstance) else 0
    nodes = np.delete(np.arange(n), depot)
    if n == 1:
        return _Model(instance, None, nodes, 1.0)
    from pyvrp import Client, Depot, Location, ProblemData, VehicleType

    numbers = _whole(instance, coarse=False)
    if _overflows(instance, numbers):
        numbers = _whole(instance, coarse=True)
    matrix, scale, times = numbers.matrix, numbers.scale, numbers.times
    durations = np.zeros_like(matrix)
    coords = instance.distances.coords if len(instance.distances.coords) else np.zeros((n, 2))
    limits: dict[str, int] = {}
    loads, clock = np.empty((n, 0), np.int64), np.zeros((n, 3), np.int64)
    clock[:, 2] = np.iinfo(np.int64).max
    vehicles, capacity = 1, []
    if isinstance(instance, VehicleRoutingInstance):
        loads, capacity = numbers.demand[:, None], [numbers.capacity]
        vehicles = generous_fleet(instance, known_routes(instance, monitor, initial, times))
    if times is not None:
        durations = times.duration
        clock = np.column_stack((times.service, times.opens, times.closes))
        limits["tw_late"] = times.horizon
    elif isinstance(instance, CVRPInstance) and instance.max_length is not None:
        if instance.service_time == 0:
            limits["max_distance"] = whole_limit(instance.length_limit, scale)
        else:
            # Service counts towards the length of a route: let the clock measure it.
            durations = matrix
            clock[:, 0] = int(np.rint(instance.service_time * scale))
            limits["shift_duration"] = whole_limit(instance.length_limit, scale)
    clients = [
        Client(node, loads[node].tolist(), service_duration=service, tw_early=opens, tw_late=closes)
        for node, (service, opens, closes) in zip(nodes.tolist(), clock[nodes].tolist(), strict=True)
    ]
    data = ProblemData(
        [Location(x, y) for x, y in coords.tolist()],
        clients,
        [Depot(depot)],
        [VehicleType(vehicles, capacity, **limits)],
        [matrix],
        [durations],
    )
    limit = math.inf if instance.distances.is_complete else no_way(instance.distances, scale)
    return _Model(instance, data, nodes, scale, limit)


@dataclass(frozen=True, eq=False)
class _Numbers:
    """What :mod:`.whole_numbers` makes of an instance; ``times`` with windows only, demand 0 in tours."""

    matrix: np.ndarray
    scale: float
    times: WholeClock | None
    demand: np.ndarray
    capacity: int


def _whole(instance: VehicleRoutingInstance | TSPInstance, *, coarse: bool) -> _Numbers:
    matrix, scale = whole_distances(instance, coarse=coarse)
    times = whole_clock(instance, coarse=coarse) if isinstance(instance, VRPTWInstance) else None
    demand, capacity = np.zeros(len(matrix), np.int64), 0
    if isinstance(instance, VehicleRoutingInstance):
        demand, capacity = whole_demand(instance, coarse=coarse)
    return _Numbers(matrix, scale, times, demand, capacity)


def _overflows(instance: VehicleRoutingInstance | TSPInstance, numbers: _Numbers) -> bool:
    """
    Whether sums of lengths or penalties may leave 64 bits.

    PyVRP's local search then takes a loss for a gain, and may never end.
    """
    n, longest = len(numbers.matrix), float(numbers.matrix.max())
    finite = math.inf if instance.distances.is_complete else no_way(instance.distances, numbers.scale)
    is_limited = isinstance(instance, CVRPInstance) and instance.max_length is not None
    lateness = n * (longest if is_limited else float(numbers.times.horizon if numbers.times else 0))
    excess = max(lateness, float(numbers.demand.sum(dtype=np.float64)))
    return max(n * longest, _max_penalty(numbers.matrix, finite) * excess) > 2.0**62


def _max_penalty(matrix: np.ndarray, no_way: float) -> float:
    """The default ceiling of penalties is for data in the thousands; scaled data goes far beyond."""
    return max(100_000.0, 10.0 * float(matrix[matrix < no_way].max()))


def _run(model: _Model, monitor: Monitor, seed: int, initial: Any, options: PyVRPOptions, build_time: float) -> Outcome:
    import pyvrp
    from pyvrp import IteratedLocalSearchParams, PenaltyParams, SolveParams
    from pyvrp import Solution as PyVRPSolution
    from pyvrp.IteratedLocalSearch import IteratedLocalSearchCallbacks
    from pyvrp.search import NeighbourhoodParams

    def report(best: PyVRPSolution) -> None:
        if best.is_feasible() and best.distance() < model.no_way:
            visits = [[stop.idx for stop in route if stop.is_client()] for route in best.routes()]
            monitor.report(model.decode(visits), best.distance() / model.scale)

    class Callbacks(IteratedLocalSearchCallbacks):
        def on_start(self, ils: Any) -> None:
            report(ils.initial_solution)

        def on_best(self, best: PyVRPSolution) -> None:
            report(best)

    limit = monitor.stop.iterations
    done = 0

    def stop(best_cost: float) -> bool:
        nonlocal done
        if limit is not None and done >= limit:
            monitor.interrupt(Limit.ITERATION)
        if monitor.should_stop():
            return True
        done += 1
        return False

    assert model.data is not None
    ceiling = _max_penalty(model.data.distance_matrix(0), model.no_way)
    params = SolveParams(
        ils=IteratedLocalSearchParams(options.restart_after, options.history_length, callbacks=Callbacks()),
        penalty=PenaltyParams(max_penalty=ceiling),
        neighbourhood=NeighbourhoodParams(num_neighbours=options.num_neighbours),
    )
    start = None if initial is None else PyVRPSolution(model.data, model.encode(initial))
    result = pyvrp.solve(model.data, stop, seed % 2**32, collect_stats=False, params=params, initial_solution=start)
    is_found = result.is_feasible() and result.best.distance() < model.no_way
    status = Status.FEASIBLE if is_found else Status.NO_SOLUTION
    return Outcome(status=status, build_time=build_time, stats={"iterations": done})
