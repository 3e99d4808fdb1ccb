"""Solver "cpsat": OR-Tools CP-SAT, one model per problem in a module of its own."""

from __future__ import annotations

import importlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, OutOfTime
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.core.stop import Stop
from cosolve.core.watcher import Watcher
from cosolve.solvers.compiled import WARM_UP_TIME, small_instances, solve_tiny
from cosolve.solvers.packages import availability

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

logger = logging.getLogger(__name__)

_STATUS = {
    "OPTIMAL": Status.OPTIMAL,
    "FEASIBLE": Status.FEASIBLE,
    "INFEASIBLE": Status.INFEASIBLE,
    "MODEL_INVALID": Status.ERROR,
    "UNKNOWN": Status.NO_SOLUTION,  # CP-SAT's word for "a limit came first"
}

#: Largest number in a constraint that CP-SAT may presolve. From 2^31 on the presolve of 9.15 cuts optima off: of random
#: models of 6 to 8 variables 0.2 to 3 % were closed at a wrong value, none below that and none without presolve.
MAX_PRESOLVED = 2**30

#: Characters of a reason that CP-SAT gives.
_MOST_REASON = 200


@dataclass(frozen=True)
class Model:
    """
    A CP-SAT model of an instance and the way back.

    Parameters
    ----------
    model
        The model, with its objective in the sense of the instance.
    variables
        The variables that ``decode`` wants to see, in its order.
    decode
        Values of ``variables`` to a solution.
    encode
        Solution to values of ``variables``, for a warm start; ``None`` if there is none.
    exclude
        Called with the values of ``variables`` in an optimum that the judge refuses: adds to the model that it is
        none. ``None`` where the model has no such solutions.
    scale, offset
        ``objective * scale + offset`` of the model is the objective of the instance.
    bound_slack
        What the judge's slack may add to the objective of the model's best solution.
    magnitude
        Largest coefficient, side or bound of a variable, the objective apart; above :data:`MAX_PRESOLVED` the model is
        not presolved.
    bound_is_valid
        Whether all solutions of the instance are some of the model, so that its bound and its INFEASIBLE hold for the
        instance: False if data had to be rounded to another side, or choices were left out.
    """

    model: CpModel
    variables: Sequence[IntVar]
    decode: Callable[[Sequence[int]], Solution]
    encode: Callable[[Any], Sequence[int]] | None = None
    exclude: Callable[[Sequence[int]], None] | None = None
    scale: float = 1.0
    offset: float = 0.0
    bound_slack: float = 0.0
    magnitude: float = 0.0
    bound_is_valid: bool = True

    def bound(self, value: float) -> float:
        """A bound of the model as one of the instance."""
        return value * self.scale + self.offset + self.bound_slack


@dataclass(frozen=True)
class CpSatOptions:
    """
    Options of :class:`CpSat`.

    Parameters
    ----------
    workers
        Search workers. 8 whatever the number of cores: with fewer, CP-SAT drops its linear-programming
        workers and with them most of the bound. ``threads`` above 8 raises it.
    linearization_level
        0, 1 or 2: how much of the model enters the linear relaxation; ``None`` leaves it to each worker.
    presolve
        Whether to presolve; models with numbers above :data:`MAX_PRESOLVED` never are.
    interleave
        Time-slice the workers deterministically, as many at once as there are threads: slower, but runs that
        end by proof or by ``deterministic_time`` repeat exactly. With more than one thread, which of two
        equally good solutions of one slice is told first is still left to the machine.
    deterministic_time
        Limit in CP-SAT's own deterministic seconds, which do not depend on the machine's speed.
    """

    workers: int = 8
    linearization_level: int | None = None
    presolve: bool = True
    interleave: bool = False
    deterministic_time: float | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be >= 1, got {self.workers}.")
        if self.linearization_level not in (None, 0, 1, 2):
            raise ValueError(f"linearization_level must be 0, 1 or 2, got {self.linearization_level}.")
        if self.deterministic_time is not None and not self.deterministic_time >= 0:
            raise ValueError(f"deterministic_time must be >= 0, got {self.deterministic_time}.")


class CpSat(Solver):
    """
    CP-SAT on the model that ``build(instance, monitor)`` of the problem's module makes.

    Each module here has ``build(instance, monitor=None) -> Model``, which may raise
    :class:`cosolve.core.monitor.OutOfTime`. A rounded model (``bound_is_valid=False``) passes up its solutions,
    never its bound, its OPTIMAL or its INFEASIBLE.
    """

    name = "cpsat"
    title = "OR-Tools CP-SAT"
    problems = frozenset(
        {
            "tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw", "mis", "mds", "cflp", "cpmp", "fjsp", "stp", "optw",
            "optwvp", "milp",
        }
    )  # fmt: skip
    features = Feature.EXACT | Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.THREADS
    options_type = CpSatOptions
    modules = ("ortools.sat.python.cp_model",)

    def available(self) -> Availability:
        """Whether ``ortools`` is installed."""
        return availability("ortools")

    def warm_up(self, instance: Instance) -> None:
        """Build and solve models of small instances of the problem, once: what that compiles is no search."""
        super().warm_up(instance)
        _warm_up(instance.problem)

    def solve(
        self,
        instance: Any,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: CpSatOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        if monitor.should_stop():
            return Outcome()
        started = perf_counter()
        try:
            model = _build(instance, monitor)
        except OutOfTime:
            return Outcome(build_time=perf_counter() - started)
        if initial is not None and model.encode is not None:
            model.model.clear_hints()
            for variable, value in zip(model.variables, model.encode(initial), strict=True):
                model.model.add_hint(variable, int(value))
        build_time = perf_counter() - started
        if monitor.should_stop():
            return Outcome(build_time=build_time)
        return run(model, monitor, seed=seed, threads=threads, options=options, build_time=build_time)


def _build(instance: Any, monitor: Monitor | None = None) -> Model:
    return importlib.import_module(f"cosolve.solvers.cpsat.{instance.problem}").build(instance, monitor)


@cache
def _warm_up(problem: str) -> None:
    for instance in small_instances(problem):
        monitor = Monitor(instance, Stop(time_limit=WARM_UP_TIME))
        model = _build(instance, monitor)
        if monitor.best is not None and model.encode is not None:
            model.decode(model.encode(monitor.best.solution))
    solve_tiny(CpSat(), problem)


def run(
    model: Model, monitor: Monitor, *, seed: int, threads: int, options: CpSatOptions, build_time: float = 0.0
) -> Outcome:
    """
    Solve a CP-SAT model under a monitor; solvers that build models of their own use this too.

    Parameters
    ----------
    model
        The model, with hints if there are any.
    monitor
        Takes incumbents and bounds, knows the limits.
    seed, threads
        As for :meth:`Solver.solve`.
    options
        Options of the search.
    build_time
        Seconds spent on the model, passed on to the outcome.
    """
    from ortools.sat.python import cp_model

    columns = np.array([variable.index for variable in model.variables], dtype=np.int64)
    errors: list[BaseException] = []

    class Callback(cp_model.CpSolverSolutionCallback):
        """Runs on the thread of whichever worker found the solution; CP-SAT itself calls one at a time."""

        def on_solution_callback(self) -> None:
            # An exception must not travel through CP-SAT's C++ frames: keep it, stop, raise it below.
            try:
                values = np.array(self.response_proto.solution, dtype=np.int64)[columns]
                monitor.report(model.decode(values.tolist()), self.objective_value * model.scale + model.offset)
            except Exception as error:
                errors.append(error)

    solver = cp_model.CpSolver()
    workers = max(options.workers, threads)
    if model.magnitude > MAX_PRESOLVED:
        options = replace(options, presolve=False)
    if model.bound_is_valid:
        solver.best_bound_callback = lambda bound: monitor.report_bound(model.bound(bound))
    if logger.isEnabledFor(logging.DEBUG):
        solver.parameters.log_search_progress = True
        solver.parameters.log_to_stdout = False
        solver.log_callback = logger.debug
    branches, conflicts, deterministic_time = 0, 0, 0.0
    most_deterministic_time = math.inf if options.deterministic_time is None else options.deterministic_time
    while True:
        _set_parameters(solver.parameters, options, workers, threads, seed, monitor)
        solver.parameters.max_deterministic_time = most_deterministic_time - deterministic_time
        with Watcher(lambda: bool(errors) or monitor.should_stop(), solver.stop_search):
            native = solver.solve(model.model, Callback())
        if errors:
            raise errors[0]
        status = _STATUS.get(solver.status_name(native), Status.UNKNOWN)
        branches += solver.num_branches
        conflicts += solver.num_conflicts
        deterministic_time += solver.deterministic_time
        if model.exclude is None or status is not Status.OPTIMAL:
            break
        values = [solver.value(variable) for variable in model.variables]
        if judge(monitor.instance, model.decode(values)).feasible:
            break
        status = Status.NO_SOLUTION if monitor.best is None else Status.FEASIBLE
        if monitor.should_stop() or deterministic_time >= most_deterministic_time:
            break
        model.exclude(values)
    if monitor.is_proven:  # and CP-SAT was stopped for that, perhaps before it had booked its last solution
        status = Status.OPTIMAL
    # Without a proof it was a limit: one of the monitor's, which knows better, or CP-SAT's own clock.
    limit = Limit.TIME if status in (Status.FEASIBLE, Status.NO_SOLUTION) else None
    message = ""
    if status is Status.ERROR:
        # With the reason may come the whole model.
        reason = model.model.validate().strip() or solver.solution_info()
        message = f"CP-SAT rejects the model: {reason[:_MOST_REASON]}"
    elif not model.bound_is_valid and status in (Status.OPTIMAL, Status.INFEASIBLE):
        status = Status.FEASIBLE
        message = "CP-SAT closed a rounded model: no proof for the instance itself."
    elif model.bound_is_valid and status in (Status.OPTIMAL, Status.FEASIBLE):
        # Without a solution this may be a meaningless default; the callback has reported the real bounds.
        monitor.report_bound(model.bound(solver.best_objective_bound))
    stats = {
        "workers": workers,
        "branches": branches,
        "conflicts": conflicts,
        "deterministic_time": deterministic_time,
        "native_status": solver.status_name(native),
    }
    return Outcome(status=status, limit=limit, build_time=build_time, stats=stats, message=message)


def _set_parameters(
    parameters: Any, options: CpSatOptions, workers: int, threads: int, seed: int, monitor: Monitor
) -> None:
    parameters.num_workers = workers
    parameters.random_seed = seed % (2**31 - 1)
    # CP-SAT's own handler of Ctrl-C would take it from everyone else in the process.
    parameters.catch_sigint_signal = False
    parameters.cp_model_presolve = options.presolve
    # The part of presolve that this gates is unsound in 9.15 (https://github.com/google/or-tools/issues/5293); on our
    # models it saves nothing.
    parameters.presolve_inclusion_work_limit = 0
    parameters.interleave_search = options.interleave
    # Workers of one batch run side by side and call back in any order.
    parameters.interleave_batch_size = threads
    if options.linearization_level is not None:
        parameters.linearization_level = options.linearization_level
    left = monitor.time_left()
    if left < float("inf"):
        parameters.max_time_in_seconds = left
