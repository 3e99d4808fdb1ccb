"""Solver "hgs": HGS-CVRP (hybrid genetic search) through its Python wrapper hygese."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.solvers.greedy.cvrp import first_out_of_reach, generous_fleet
from cosolve.solvers.packages import availability

#: HGS keeps a dense matrix and one list of all nodes per node.
MAX_NODES = 10_000

#: Part of the time for a first short run, whose answer is safe whatever becomes of the second.
FIRST_SHARE = 0.1

#: Seconds kept back for building the matrix and unpacking the answer.
_RESERVE = 0.3

#: Part of the CPU time that a busy machine is trusted to give the second run, going by the first.
_CAUTION = 0.9


@dataclass(frozen=True)
class HGSOptions:
    """
    Options of :class:`HGS`; names and defaults are those of HGS-CVRP in snake case.

    Parameters
    ----------
    granular
        Neighbours of a customer that the local search looks at (nbGranular).
    population, generation
        Least size of the population and offspring between two selections (mu, lambda).
    elite, close
        Elite solutions, and solutions that measure the diversity (nbElite, nbClose).
    iterations_to_restart
        Iterations without improvement before a restart (nbIter).
    """

    granular: int = 20
    population: int = 25
    generation: int = 40
    elite: int = 4
    close: int = 5
    iterations_to_restart: int = 20_000

    def __post_init__(self) -> None:
        for name in ("granular", "population", "generation", "elite", "close", "iterations_to_restart"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}.")


class HGS(Solver):
    """
    Hybrid genetic search of Vidal (2022), a reference for the CVRP.

    It can't be interrupted, tells nothing while it runs, and its own limit counts CPU seconds instead of
    wall-clock ones: so it runs in a process of its own, twice, a short run first. With an iteration limit it
    runs once, and an iteration is one without improvement.
    """

    name = "hgs"
    title = "HGS-CVRP (hygese)"
    problems = frozenset({"tsp", "atsp", "cvrp"})
    features = Feature.SEED | Feature.DETERMINISTIC
    limits = frozenset({Limit.ITERATION})
    isolated = True
    options_type = HGSOptions

    def available(self) -> Availability:
        """Whether ``hygese`` is installed."""
        return availability("hygese", "peers")

    def solve(
        self,
        instance: CVRPInstance | TSPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: HGSOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        n = instance.distances.num_nodes
        if n > MAX_NODES:
            raise UnsupportedProblemError(f"hgs takes at most {MAX_NODES} nodes (it needs dense matrices), got {n}.")
        is_cvrp = isinstance(instance, CVRPInstance)
        if isinstance(instance, CVRPInstance) and first_out_of_reach(instance) is not None:
            return Outcome(Status.INFEASIBLE, message="a customer is out of reach of any vehicle.")
        if n <= 2:
            alone = instance.customers if isinstance(instance, CVRPInstance) else np.arange(n)
            monitor.report(Routes(routes=(alone,)) if is_cvrp else Tour(order=alone))
            return Outcome()
        data, nodes, scale = _data(instance)
        if not data["distance_matrix"].any():
            # Nothing to gain, and nothing that HGS would take.
            monitor.report(Routes(routes=tuple(nodes[1:, None])) if is_cvrp else Tour(order=nodes))
            return Outcome()
        if monitor.stop.iterations is not None or not math.isfinite(monitor.time_left()):
            shares = [0.0]  # one run until the iterations are over; without any limit, until it converges
        else:
            shares = [FIRST_SHARE, 1.0]
        speed = 1.0  # CPU seconds per second: below 1 on a busy machine
        for k, share in enumerate(shares):
            seconds = share * (monitor.time_left() - _RESERVE) * min(1.0, speed) if share else 0.0
            if monitor.should_stop() or (share and seconds < 0.02):
                break
            wall, cpu = perf_counter(), process_time()
            cost, routes = _run(data, seed + k, seconds, monitor.stop.iterations, options, is_cvrp)
            speed = _CAUTION * (process_time() - cpu) / (perf_counter() - wall)
            if routes is not None:
                found = [nodes[np.array(route, np.int64)] for route in routes]
                solution = Routes(routes=tuple(found)) if is_cvrp else Tour(order=np.concatenate([[0], *found]))
                monitor.report(solution, None if cost is None else cost / scale)
        limit = Limit.ITERATION if monitor.stop.iterations is not None else None
        return Outcome(limit=limit)


def _safe_scale(values: np.ndarray, wanted: int) -> float:
    """
    1 where HGS takes these values, else a power of two that makes the largest one about ``wanted``.

    Outside of 0.1 to 100,000 it throws an exception that nobody catches: the process dies.
    """
    largest = float(values.max(initial=0.0))
    return 1.0 if largest == 0 or 0.1 <= largest <= 1e5 else float(2.0 ** np.floor(np.log2(wanted / largest)))


def _data(instance: CVRPInstance | TSPInstance) -> tuple[dict[str, Any], np.ndarray, float]:
    """Arguments for hygese, whose depot is node 0, the node that each of its nodes stands for, and a unit's length."""
    distances = instance.distances
    n = distances.num_nodes
    depot = instance.depot if isinstance(instance, CVRPInstance) else 0
    nodes = np.concatenate([[depot], np.delete(np.arange(n), depot)])
    matrix = distances.dense()[np.ix_(nodes, nodes)]
    scale = _safe_scale(matrix, 1000)  # far longer ones would dwarf its first penalties
    data: dict[str, Any] = {"distance_matrix": matrix * scale}
    if len(distances.coords):
        # Only their angles matter, for the SWAP* neighbourhood; hygese wants them >= 0.
        coords = distances.coords[nodes] - distances.coords.min(axis=0)
        data["x_coordinates"], data["y_coordinates"] = coords[:, 0], coords[:, 1]
    if isinstance(instance, CVRPInstance):
        demand, capacity = instance.demand[nodes], instance.load_limit
        if not demand.any():
            demand, capacity = (np.arange(n) > 0).astype(float), float(n)  # it wants some
        unit = _safe_scale(demand, 50_000)  # it forgives an overload of 0.00001
        data["demands"], data["vehicle_capacity"] = demand * unit, capacity * unit
        data["num_vehicles"] = generous_fleet(instance)
        if instance.max_length is not None:
            data["duration_limit"] = instance.length_limit * scale
            data["service_times"] = np.where(np.arange(n) > 0, instance.service_time * scale, 0.0)
    return data, nodes, scale


def _run(
    data: dict[str, Any], seed: int, seconds: float, iterations: int | None, options: HGSOptions, is_cvrp: bool
) -> tuple[float | None, list[list[int]] | None]:
    import hygese

    parameters = hygese.AlgorithmParameters(
        nbGranular=options.granular,
        mu=options.population,
        lambda_=options.generation,
        nbElite=options.elite,
        nbClose=options.close,
        nbIter=options.iterations_to_restart if iterations is None else max(1, iterations),
        timeLimit=0.0 if iterations is not None else seconds,
        seed=seed % (2**31 - 1),
        # Without coordinates all routes would seem to overlap, and SWAP* would try all pairs.
        useSwapStar="x_coordinates" in data,
    )
    solver = hygese.Solver(parameters, verbose=False)
    try:
        result = solver.solve_cvrp(dict(data)) if is_cvrp else solver.solve_tsp(dict(data))
    except TypeError:
        return None, None  # the wrapper's way to say that the library returned no solution
    return result.cost, [list(route) for route in result.routes if len(route)]
