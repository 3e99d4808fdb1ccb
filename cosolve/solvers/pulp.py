"""Solver "pulp": any solver that PuLP can drive, on the MILP formulation of a problem."""

from __future__ import annotations

import inspect
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from cosolve.core.errors import SolverUnavailableError
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.milp import MILPInstance
from cosolve.instances.pulp_models import to_pulp
from cosolve.solvers.formulations import PROBLEMS, Formulation, Rows
from cosolve.solvers.mip import (
    Answer,
    FormulationSolver,
    Incumbents,
    has_side,
    is_unbounded,
    pulls_to_infinity,
    solve_with_rows,
    with_rows,
)
from cosolve.solvers.packages import availability

# PuLP's own words. "Optimal" there covers a solution found before a limit; ``sol_status`` tells the two apart.
_STATUS = {
    "Optimal Solution Found": Status.OPTIMAL,
    "Solution Found": Status.FEASIBLE,
    "No Solution Exists": Status.INFEASIBLE,
    "Solution is Unbounded": Status.UNBOUNDED,
    "No Solution Found": Status.NO_SOLUTION,
}

_CBC = ("PULP_CBC_CMD", "COIN_CMD")

#: Largest cost below which CBC's "infeasible" is believed: from 1e15 on, it says so of what it can't tell apart.
_MOST_COST = 1e14

#: Arguments of PuLP's solvers that leave a proof what it is. All else, a gap or words for the backend, may change that.
# fmt: off
_HARMLESS = frozenset((
    "path", "keepFiles", "msg", "logPath", "threads", "timeLimit", "timeMode", "presolve", "cuts", "strong",
    "warmStart",
))
# fmt: on

#: Those that mean nothing to a linear program.
_GAPS = frozenset(("gapRel", "gapAbs"))


@dataclass(frozen=True)
class PulpOptions:
    """
    Options of :class:`Pulp`.

    Parameters
    ----------
    solver
        One of ``pulp.listSolvers()``: "PULP_CBC_CMD" (CBC, comes with PuLP), "GUROBI", "CPLEX_PY", "COPT",
        "GLPK_CMD", ... Solvers other than CBC need an installation, and maybe a licence, of their own.
    arguments
        Further arguments of PuLP's solver class ("options", "path", ...); they win over everything set here. With
        any that may change what its "optimal" means (a gap, "options") nothing counts as proven.
    """

    solver: str = "PULP_CBC_CMD"
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Pulp(FormulationSolver):
    """
    A solver driven by PuLP, in a child process that can be killed.

    PuLP hands over one solution, at the end, and no bound: no trajectory, and no bound but that of a proof.
    """

    name = "pulp"
    title = "PuLP (CBC, or any solver that PuLP drives)"
    problems = PROBLEMS
    features = Feature.EXACT | Feature.BOUND | Feature.WARM_START | Feature.THREADS
    isolated = True
    options_type = PulpOptions

    def available(self) -> Availability:
        """Whether ``pulp`` is installed; the solver behind it is known only by the options."""
        return availability("pulp")

    def check(self, options: PulpOptions) -> None:
        """PuLP knows the solver and finds it here, and the solver takes the arguments."""
        _check_solver(options)

    def solve_formulation(
        self,
        formulation: Formulation,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        start: np.ndarray | None,
        options: PulpOptions,
    ) -> Outcome:
        """See :meth:`FormulationSolver.solve_formulation`."""
        started = perf_counter()
        model = formulation.model
        engine = _Engine(formulation, monitor, threads, options)
        engine.start = start
        build_time = perf_counter() - started
        if formulation.separate is not None:
            outcome = solve_with_rows(engine, formulation, engine.incumbents, monitor)
        else:
            # CBC stops at a column that is in no row, whatever it costs.
            is_loose = (pulls_to_infinity(model) & ~_is_in_a_row(model)).any()
            answer = Answer(Status.UNBOUNDED) if is_loose else engine.solve_milp()
            if answer.bound is not None:
                monitor.report_bound(answer.bound)
            is_open = answer.status is Status.UNBOUNDED and (is_loose or model.is_integer.any())
            # CBC also says "infeasible" of models that are unbounded.
            if is_open or (answer.status is Status.INFEASIBLE and pulls_to_infinity(model).any()):
                answer = is_unbounded(model, monitor, engine.is_feasible)
            outcome = Outcome(status=answer.status, limit=answer.limit, message=answer.message)
        engine.incumbents.repair()
        return replace(outcome, build_time=build_time, stats={"solver": options.solver, **outcome.stats})


def _check_solver(options: PulpOptions) -> None:
    import pulp

    name = options.solver
    if name not in pulp.listSolvers():
        raise SolverUnavailableError(f"PuLP knows no solver {name!r}; it knows: {', '.join(pulp.listSolvers())}.")
    if not pulp.getSolver(name, msg=False).available():
        usable = ", ".join(pulp.listSolvers(onlyAvailable=True))
        raise SolverUnavailableError(f"PuLP's solver {name!r} is not installed here; usable: {usable}.")
    try:
        pulp.getSolver(name, **{"msg": False, **options.arguments})
    except (TypeError, pulp.PulpError) as error:
        raise ValueError(f"PuLP's solver {name!r} does not take these arguments: {error}.") from error


def _is_in_a_row(model: MILPInstance) -> np.ndarray:
    """(n,) bool: columns of a row that has a side."""
    found = np.zeros(model.size, np.bool_)
    found[model.indices[np.repeat(has_side(model), np.diff(model.indptr))]] = True
    return found


class _Engine:
    """PuLP on one formulation; an :class:`cosolve.solvers.mip.Engine` that starts afresh each time."""

    def __init__(self, formulation: Formulation, monitor: Monitor, threads: int, options: PulpOptions) -> None:
        self.incumbents = Incumbents(formulation, monitor)
        self.start: np.ndarray | None = None
        self._formulation = formulation
        self._monitor = monitor
        self._threads = threads
        self._options = options
        self._pool: list[Rows] = []

    def add_rows(self, rows: Rows) -> None:
        """Add rows."""
        self._pool.append(rows)

    def solve_relaxation(self) -> Answer:
        """Solve the linear relaxation."""
        model = with_rows(self._formulation.model, self._pool)
        return self.run(replace(model, is_integer=np.zeros_like(model.is_integer)), is_milp=False)

    def solve_milp(self) -> Answer:
        """Solve the model."""
        model = with_rows(self._formulation.model, self._pool)
        answer = self.run(model, is_milp=bool(model.is_integer.any()))
        if answer.x is not None:
            self.incumbents.offer(answer.x)
        return answer

    def is_feasible(self, model: MILPInstance) -> Answer:
        """Whether a model has a solution; where PuLP's solver says so, the judge must take its values."""
        answer = self.run(model, is_milp=True)
        if answer.x is not None and judge(self._monitor.instance, self._formulation.decode(answer.x)).feasible:
            return Answer(Status.OPTIMAL)
        return answer if answer.x is None else replace(answer, status=Status.UNKNOWN)

    def run(self, model: MILPInstance, *, is_milp: bool) -> Answer:
        """Solve a model over the formulation's columns."""
        import pulp

        # Names need not survive the files in between: ours are plain numbers.
        problem, variables = to_pulp(replace(model, name="", row_names=(), col_names=()))
        if is_milp and self.start is not None:
            # PuLP refuses values that the judge takes, off by less than his tolerances.
            start = np.where(model.is_integer, np.rint(self.start), self.start)
            for variable, value in zip(variables, np.clip(start, model.col_lower, model.col_upper), strict=True):
                variable.setInitialValue(float(value))
        left = self._monitor.time_left()
        wanted: dict[str, Any] = {"msg": False, "mip": is_milp}
        if self._threads > 1:
            wanted["threads"] = self._threads
        if left < np.inf:
            # Earlier than ours: the solution has to come back through a file before the child is told to stop.
            wanted["timeLimit"] = max(0.01, 0.95 * left - 0.2)
        if is_milp:
            wanted |= {"gapRel": self._monitor.stop.gap, "warmStart": self.start is not None}
        solver_type = type(pulp.getSolver(self._options.solver, msg=False))
        known = inspect.signature(solver_type.__init__).parameters
        arguments = {name: value for name, value in wanted.items() if name in known}
        own = dict(self._options.arguments)
        # CBC 2.10's preprocessing of integer columns loses solutions of small models with fractional sides; without it
        # CBC leaves no answer behind where it sees at once that there is no solution.
        is_cbc = is_milp and self._options.solver in _CBC
        for extra in (["preprocess off"], []) if is_cbc else ([],):
            if is_cbc:
                own["options"] = [*extra, *self._options.arguments.get("options", ())]
            with tempfile.TemporaryDirectory(prefix="cosolve-pulp-", ignore_cleanup_errors=True) as folder:
                solver = pulp.getSolver(self._options.solver, **(arguments | own))
                solver.tmpDir = folder
                error = self._wait(lambda solver=solver: problem.solve(solver))
            if not error.startswith("PulpSolverError"):
                break
        if error == "stopped":
            return Answer(Status.FEASIBLE)
        if error:
            return Answer(Status.ERROR, message=f"PuLP's {self._options.solver} failed: {error}")
        status = _STATUS.get(pulp.LpSolution.get(problem.sol_status, ""), Status.UNKNOWN)
        if status is Status.NO_SOLUTION and problem.status == pulp.LpStatusInfeasible:
            status = Status.INFEASIBLE  # CBC's "integer infeasible" has no word of its own in sol_status
        elif is_cbc and not extra:
            return Answer(Status.UNKNOWN)  # the other answers of this way are not to be trusted
        late = self._monitor.time_left() < left - 0.9 * wanted.get("timeLimit", np.inf)
        limit = Limit.TIME if status in (Status.FEASIBLE, Status.NO_SOLUTION) and late else None
        is_proof = self._options.arguments.keys() <= (_HARMLESS if is_milp else _HARMLESS | _GAPS)
        if status is Status.INFEASIBLE and not (is_proof and model.magnitude <= _MOST_COST):
            status = Status.UNKNOWN
        if status not in (Status.OPTIMAL, Status.FEASIBLE):
            return Answer(status, limit=limit)
        values = [variable.value() for variable in variables]
        # Solution files leave out columns at zero.
        x = np.array([0.0 if value is None else value for value in values])
        bound = None
        if status is Status.OPTIMAL and is_proof and (self._monitor.stop.gap == 0 or not is_milp):
            # PuLP gives no bound. A proof of optimality within gap 0, as opposed to a solution found before a
            # limit, says that the solver's bound met the value of its own x. Ours comes from a file with 8
            # digits (CBC), which are exact for integers only: the bound gives way by what may be lost.
            lost = np.where((x == np.rint(x)) & (np.abs(x) < 1e8), 0.0, 5e-8 * np.abs(model.cost * x)).sum()
            bound = float(model.cost @ x) + model.offset - (-lost if model.maximize else lost)
        elif status is Status.OPTIMAL:
            status, limit = Status.FEASIBLE, Limit.GAP if is_proof or "gapRel" in self._options.arguments else None
        return Answer(status, x, bound, limit)

    def _wait(self, work: Any) -> str:
        """Work in a thread until done or told to stop; the child's end takes the backend along."""
        box: list[str] = []

        def target() -> None:
            try:
                work()
                box.append("")
            except Exception as error:
                box.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(0.05)
            if self._monitor.should_stop() and not self._is_about_to_end():
                break
        return box[0] if box else "stopped"

    def _is_about_to_end(self) -> bool:
        """Whether the stop is that of the clock, and so recent that the backend's own stop may still come."""
        late = self._monitor.elapsed() - self._monitor.stop.time_limit
        return -0.1 < late < 1.0
