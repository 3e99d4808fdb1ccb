"""Solver "scip": SCIP on the MILP formulation of a problem."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import PROBLEMS, Formulation
from cosolve.solvers.mip import Answer, FormulationSolver, Incumbents, csr, is_unbounded
from cosolve.solvers.packages import availability
from cosolve.solvers.proofs import INFINITY, Precision

logger = logging.getLogger(__name__)

_STATUS = {
    "optimal": Status.OPTIMAL,
    "infeasible": Status.INFEASIBLE,
    "unbounded": Status.UNBOUNDED,
    "inforunbd": Status.INFEASIBLE_OR_UNBOUNDED,
    # Ended by a limit: no claim.
    "userinterrupt": Status.FEASIBLE,
    "terminate": Status.FEASIBLE,
    "nodelimit": Status.FEASIBLE,
    "totalnodelimit": Status.FEASIBLE,
    "stallnodelimit": Status.FEASIBLE,
    "timelimit": Status.FEASIBLE,
    "memlimit": Status.FEASIBLE,
    "gaplimit": Status.FEASIBLE,
    "primallimit": Status.FEASIBLE,
    "duallimit": Status.FEASIBLE,
    "sollimit": Status.FEASIBLE,
    "bestsollimit": Status.FEASIBLE,
    "restartlimit": Status.FEASIBLE,
    "unknown": Status.UNKNOWN,
}

_LIMIT = {
    "timelimit": Limit.TIME,
    "memlimit": Limit.MEMORY,
    "nodelimit": Limit.NODE,
    "totalnodelimit": Limit.NODE,
    "stallnodelimit": Limit.NODE,
    "gaplimit": Limit.GAP,
    "primallimit": Limit.TARGET,
    "sollimit": Limit.SOLUTION,
    "bestsollimit": Limit.SOLUTION,
}

#: Parameters of SCIP with which its answers are not about the optimum.
_OTHER_QUESTION = ("constraints/countsols/", "reoptimization/")

#: Parameters of SCIP whose values its claims rest on: least, largest, and what others do.
_SOUND: dict[str, tuple[float, float, str]] = {
    "numerics/infinity": (INFINITY, INFINITY, "SCIP would take finite bounds and sides for infinite, or the reverse"),
    "numerics/hugeval": (1e15, INFINITY, "SCIP would leave out terms of rows"),
    "numerics/epsilon": (0.0, 1e-9, "SCIP would take coefficients and differences for zero"),
    "numerics/sumepsilon": (0.0, 1e-6, "SCIP would take sums and differences for zero"),
    # Bugs of SCIP 10: optimal or infeasible where the model has better solutions.
    "presolving/donotaggr": (False, False, "SCIP's presolve would lose solutions"),
    "presolving/donotmultaggr": (False, False, "SCIP's presolve would lose solutions"),
    "separating/rapidlearning/applyprimalsol": (True, True, "SCIP would lose the optimum that it has found"),
}

#: Seconds between two looks at the monitor while SCIP works.
_POLL = 0.05

#: Coefficients in a row with integers, largest by smallest, from which on SCIP may lose solutions: of random integer
#: programs of six columns one in some thousands had a wrong bound or was "infeasible", the least of them at 3e7.
_SPREAD = 1e7


@dataclass(frozen=True)
class ScipOptions:
    """
    Options of :class:`Scip`.

    Parameters
    ----------
    presolve
        Whether to presolve.
    emphasis
        "default", "optimality", "feasibility" or "easycip": what SCIP's settings are tuned for.
    heuristics
        "default", "off", "fast" or "aggressive" primal heuristics.
    native
        Further parameters of SCIP by their own names ("separating/maxrounds"); they win over everything
        set here, but for symmetry and dual reductions where rows are written on demand. Values that its proofs do
        not hold with are refused.
    """

    presolve: bool = True
    emphasis: str = "default"
    heuristics: str = "default"
    native: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in (
            ("emphasis", ("default", "optimality", "feasibility", "easycip")),
            ("heuristics", ("default", "off", "fast", "aggressive")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}.")


class Scip(FormulationSolver):
    """
    SCIP, sequential, in this process; an event handler carries incumbents and bounds.

    The time limit is SCIP's own and always holds. An interrupt waits for the linear program under way.
    """

    name = "scip"
    title = "SCIP (MILP)"
    problems = PROBLEMS
    features = (
        Feature.EXACT | Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.DETERMINISTIC
    )
    limits = frozenset({Limit.NODE})
    options_type = ScipOptions
    modules = ("pyscipopt",)

    def available(self) -> Availability:
        """Whether ``pyscipopt`` is installed."""
        return availability("pyscipopt")

    def check(self, options: ScipOptions) -> None:
        """SCIP takes the native parameters."""
        if options.native:
            from pyscipopt import Model

            scip = Model()
            scip.hideOutput()
            for name, value in options.native.items():
                _check_range(scip, name, value)
            _set_all(scip, options.native)

    def precision(self, options: ScipOptions) -> Precision:
        """See :meth:`FormulationSolver.precision`."""
        return Precision(coefficient=float(options.native.get("numerics/epsilon", 1e-9)), row_spread=_SPREAD)

    def solve_formulation(
        self,
        formulation: Formulation,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        start: np.ndarray | None,
        options: ScipOptions,
    ) -> Outcome:
        """See :meth:`FormulationSolver.solve_formulation`."""
        started = perf_counter()
        incumbents = Incumbents(formulation, monitor)
        with _opened(formulation, incumbents, monitor, seed, options, has_bound=True) as (scip, variables):
            if monitor.should_stop():  # its set-up may have been cut short
                return Outcome(build_time=perf_counter() - started)
            if start is not None:
                _add_solution(scip, variables, start)
            build_time = perf_counter() - started
            native, status = _run(scip, monitor, incumbents)
            if status in (Status.OPTIMAL, Status.FEASIBLE):
                if scip.getNSols() > 0:
                    incumbents.offer(_values(scip, variables, scip.getBestSol()), scip.getPrimalbound())
                _report_bound(scip, monitor, is_final=status is Status.OPTIMAL)
            stats = {
                "nodes": scip.getNTotalNodes(),
                "lp_iterations": scip.getNLPIterations(),
                # In per cent times seconds there; of SCIP's own bounds, from the beginning of its run.
                "primal_dual_integral": scip.getPrimalDualIntegral() / 100.0,
                "native_status": native,
            }
        limit = _limit(native, options)
        if status in (Status.INFEASIBLE_OR_UNBOUNDED, Status.UNBOUNDED) and formulation.separate is None:

            def solve(feasibility: MILPInstance) -> Answer:
                question = replace(formulation, model=feasibility)
                with _opened(question, incumbents, monitor, seed, options, has_bound=False) as (scip, _):
                    if monitor.should_stop():
                        return Answer(Status.FEASIBLE)
                    native, status = _run(scip, monitor, incumbents)
                    return Answer(status, limit=_limit(native, options))

            answer = is_unbounded(formulation.model, monitor, solve)
            status, limit = answer.status, answer.limit
        incumbents.repair()
        message = f"SCIP ended with {native}." if status is Status.UNKNOWN else ""
        return Outcome(status=status, limit=limit, build_time=build_time, stats=stats, message=message)


def _limit(native: str, options: ScipOptions) -> Limit | None:
    limit = _LIMIT.get(native)
    if limit is Limit.GAP and options.native.keys().isdisjoint(("limits/gap", "limits/absgap")):
        return None  # SCIP's word for bounds that met at its infinity
    return limit


@contextmanager
def _opened(
    formulation: Formulation,
    incumbents: Incumbents,
    monitor: Monitor,
    seed: int,
    options: ScipOptions,
    *,
    has_bound: bool,
) -> Iterator[tuple[Any, list[Any]]]:
    """SCIP with the model, parameters and handlers, and its variables in the order of the columns; freed at the end."""
    scip, variables = _build(formulation.model, monitor, seed, options)
    listener = _listen(scip, variables, incumbents, monitor, has_bound=has_bound)
    handlers = [listener]
    if formulation.separate is not None:
        handlers.append(_separate(scip, variables, formulation, incumbents))
    try:
        yield scip, variables
    finally:
        # Freed while the run still knows that it is over: left to the garbage collector, the problem would live on
        # with its gigabytes, and be freed in the middle of another run.
        listener.end()
        scip.freeProb()
        for handler in handlers:
            handler.model = None


def _build(model: MILPInstance, monitor: Monitor, seed: int, options: ScipOptions) -> tuple[Any, list[Any]]:
    """SCIP with the model and all parameters, and its variables in the order of the columns."""
    from pyscipopt import Expr, Model
    from pyscipopt.scip import ExprCons, Term

    scip = Model()
    scip.hideOutput()
    _set_parameters(scip, monitor, seed, options)
    lower = [None if value <= -INFINITY else value for value in model.col_lower.tolist()]
    upper = [None if value >= INFINITY else value for value in model.col_upper.tolist()]
    kinds = ["I" if is_integer else "C" for is_integer in model.is_integer.tolist()]
    variables: list[Any] = []
    for kind, low, high, cost in zip(kinds, lower, upper, model.cost.tolist(), strict=True):
        if len(variables) % 1024 == 0 and monitor.should_stop():
            return scip, variables
        variables.append(scip.addVar(vtype=kind, lb=low, ub=high, obj=cost))
    if model.maximize:
        scip.setMaximize()
    if model.offset:
        scip.addObjoffset(model.offset)
    data, indices, indptr = (array.tolist() for array in csr(model))
    for row, (low, high) in enumerate(zip(model.row_lower.tolist(), model.row_upper.tolist(), strict=True)):
        first, last = indptr[row], indptr[row + 1]
        # An empty row is a row of the first column with coefficient 0; further terms skip the slow expressions.
        start = data[first] if last > first else 0.0
        column = indices[first] if last > first else 0
        sides = (None if low <= -INFINITY else low, None if high >= INFINITY else high)
        if sides == (None, None):
            continue
        constraint = scip.addCons(ExprCons(Expr({Term(variables[column]): start}), *sides))
        for k in range(first + 1, last):
            scip.addCoefLinear(constraint, variables[indices[k]], data[k])
        if row % 1024 == 0 and monitor.should_stop():
            break
    return scip, variables


def _set_parameters(scip: Any, monitor: Monitor, seed: int, options: ScipOptions) -> None:
    from pyscipopt import SCIP_PARAMEMPHASIS, SCIP_PARAMSETTING

    emphasis = {"optimality": "OPTIMALITY", "feasibility": "FEASIBILITY", "easycip": "EASYCIP"}
    if options.emphasis != "default":
        scip.setEmphasis(getattr(SCIP_PARAMEMPHASIS, emphasis[options.emphasis]))
    if options.heuristics != "default":  # that would undo what an emphasis does to them
        scip.setHeuristics(getattr(SCIP_PARAMSETTING, options.heuristics.upper()))
    if not options.presolve:
        scip.setPresolve(SCIP_PARAMSETTING.OFF)
    settings: dict[str, Any] = {
        "randomization/randomseedshift": seed % (2**31 - 1),
        # Below the judge's 1e-6, so that rounded values still pass.
        "numerics/feastol": 1e-7,
        # SCIP would take Ctrl-C from everyone else in the process.
        "misc/catchctrlc": False,
        "timing/clocktype": 2,
    }
    if monitor.stop.nodes is not None:
        settings["limits/totalnodes"] = min(monitor.stop.nodes, 2**63 - 1)
    _set_all(scip, settings | dict(options.native))


def _set_all(scip: Any, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name.startswith(_OTHER_QUESTION):
            raise ValueError(f"parameter {name!r} makes SCIP answer another question.")
        try:
            kind = type(scip.getParam(name))
            if kind is int and value != int(value):
                raise ValueError("not an integer")
            # Before SCIP has it: some last for the process.
            unsound = _unsound(name, (int if kind is bool else kind)(value)) if name in _SOUND else ""
            if not unsound:
                scip.setParam(name, value)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise _refused(name, value) from error
        if unsound:
            raise ValueError(f"{unsound}, got {value!r}: {_SOUND[name][2]}.")


def _unsound(name: str, value: float) -> str:
    """What the parameter must be, if this value is one that SCIP's claims do not hold with."""
    least, largest, _ = _SOUND[name]
    if least <= value <= largest:
        return ""
    if least != largest:
        return f"{name} must be in [{least:g}, {largest:g}]"
    return f"{name} must be {str(least).lower() if isinstance(least, bool) else f'{least:g}'}"


def _refused(name: str, value: Any) -> ValueError:
    return ValueError(f"SCIP has no parameter {name!r} or refuses {value!r} for it.")


def _check_range(scip: Any, name: str, value: Any) -> None:
    """Refuse what SCIP would refuse, but for lines of its own on stderr."""
    try:
        kind = type(scip.getParam(name))
        allowed = _ranges().get(name)
        if isinstance(allowed, str):
            is_allowed = value in tuple(allowed)
        else:
            is_allowed = allowed is None or allowed[0] <= kind(value) <= allowed[1]
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise _refused(name, value) from error
    if not is_allowed:
        raise _refused(name, value)


@cache
def _ranges() -> dict[str, str | tuple[float, float]]:
    """Least and largest value of each numeric parameter of SCIP and the letters of each character one."""
    from pyscipopt import Model

    with TemporaryDirectory() as folder:  # SCIP tells the ranges nowhere else
        path = Path(folder) / "scip.set"
        Model().writeParams(str(path), comments=True, onlychanged=False, verbose=False)
        text = path.read_text(encoding="utf-8")
    ranges: dict[str, str | tuple[float, float]] = {}
    pattern = r"^# \[type: (\w+), advanced: \w+, range: (?:\[(\S+),(\S+)\]|\{(\w+)\}), default: .*\]\n(\S+) = "
    for kind, least, largest, letters, name in re.findall(pattern, text, re.MULTILINE):
        ranges[name] = letters if kind == "char" else (float(least), float(largest))
    return ranges


def _run(scip: Any, monitor: Monitor, incumbents: Incumbents) -> tuple[str, Status]:
    """Optimise without the GIL, stopped from a thread; native status and ours."""
    from pyscipopt import SCIP_STAGE

    left = monitor.time_left()
    if left < scip.getParam("limits/time"):  # unless a native one is nearer
        scip.setParam("limits/time", left)
    # In other stages (transforming, leaving) SCIP answers an interrupt with an error.
    stages = (SCIP_STAGE.PRESOLVING, SCIP_STAGE.SOLVING)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL):
            if incumbents.must_stop and scip.getStage() in stages:
                scip.interruptSolve()

    watcher = threading.Thread(target=watch, name="cosolve-scip-watcher", daemon=True)
    watcher.start()
    try:
        scip.optimizeNogil()
    finally:
        done.set()
        watcher.join()
    if incumbents.error is not None:
        raise incumbents.error
    native = scip.getStatus()
    return native, _STATUS.get(native, Status.UNKNOWN)


def _values(scip: Any, variables: list[Any], solution: Any) -> np.ndarray:
    value = scip.getSolVal
    return np.array([value(solution, variable) for variable in variables])


def _add_solution(scip: Any, variables: list[Any], x: np.ndarray) -> None:
    solution = scip.createSol()
    for variable, value in zip(variables, x.tolist(), strict=True):
        scip.setSolVal(solution, variable, value)
    scip.addSol(solution)


#: Bounds from here on are less by what SCIP's relative tolerance may hide: below, that is no whole unit.
_MANY = 5e8


def _report_bound(scip: Any, monitor: Monitor, *, is_final: bool) -> None:
    """
    Report the dual bound; one that meets the primal bound only at the end of a run that SCIP calls optimal.

    In between, the two also meet where a problem turns out to be unbounded, or is being left.
    """
    bound, primal = scip.getDualbound(), scip.getPrimalbound()
    is_open = bound < primal if scip.getObjectiveSense() == "minimize" else bound > primal
    if abs(bound) < INFINITY and (is_final or is_open):
        # Nodes within this of the cutoff are pruned: units of whole objectives in the billions.
        room = 2 * scip.epsilon() * abs(bound) if abs(bound) > _MANY else 0.0
        monitor.report_bound(bound - room if scip.getObjectiveSense() == "minimize" else bound + room)


def _listen(scip: Any, variables: list[Any], incumbents: Incumbents, monitor: Monitor, *, has_bound: bool) -> Any:
    """Install the event handler."""
    listener = _listener_type()(variables, incumbents, monitor, has_bound)
    scip.includeEventhdlr(listener, "cosolve", "incumbents and bounds")
    return listener


@cache
def _listener_type() -> type[Any]:
    from pyscipopt import SCIP_EVENTTYPE, Eventhdlr

    class Listener(Eventhdlr):
        """Events arrive on the solving thread."""

        def __init__(self, variables: list[Any], incumbents: Incumbents, monitor: Monitor, has_bound: bool) -> None:
            self._variables, self._incumbents, self._monitor = variables, incumbents, monitor
            self._kinds = [SCIP_EVENTTYPE.BESTSOLFOUND] + [SCIP_EVENTTYPE.DUALBOUNDIMPROVED] * has_bound
            self._is_over = False

        def end(self) -> None:
            """Hear nothing any more: SCIP lifts the dual bound to the primal one when it frees a problem."""
            self._is_over = True

        def eventinit(self) -> None:
            for kind in self._kinds:
                self.model.catchEvent(kind, self)

        def eventexit(self) -> None:
            for kind in self._kinds:
                self.model.dropEvent(kind, self)

        def eventexec(self, event: Any) -> None:
            if self._is_over:
                return
            if event.getType() == SCIP_EVENTTYPE.BESTSOLFOUND:
                # getPrimalbound() is still the old value here.
                best = self.model.getBestSol()
                self._incumbents.offer(_values(self.model, self._variables, best), self.model.getSolObjVal(best))
            else:
                _report_bound(self.model, self._monitor, is_final=False)

    return Listener


def _separate(scip: Any, variables: list[Any], formulation: Formulation, incumbents: Incumbents) -> Any:
    """Install the constraint handler for rows on demand, and switch off what must not happen without them."""
    from pyscipopt import SCIP_RESULT, Conshdlr, quicksum

    separate: Any = formulation.separate
    is_integer = formulation.model.is_integer

    class RowsOnDemand(Conshdlr):
        """Cuts off points that violate a row not yet written down, in the relaxation and for candidates."""

        def _add(self, solution: Any) -> bool:
            rows = separate(_values(self.model, variables, solution))
            if rows is None:
                return False
            data, indices, indptr, lower, upper = rows
            for row in range(len(lower)):
                part = slice(int(indptr[row]), int(indptr[row + 1]))
                pairs = zip(data[part].tolist(), indices[part].tolist(), strict=True)
                activity = quicksum(value * variables[column] for value, column in pairs)
                low, high = float(lower[row]), float(upper[row])
                if low > -INFINITY:
                    self.model.addCons(activity >= low, removable=True)
                if high < INFINITY:
                    self.model.addCons(activity <= high, removable=True)
            return True

        def _guarded(self, work: Any) -> Any:
            # Python exceptions do not survive SCIP's frames: keep the first, stop, raise it after the run.
            try:
                return work()
            except Exception as error:
                incumbents.error = incumbents.error or error
                return None

        def conscheck(self, constraints: Any, solution: Any, *args: Any) -> dict[str, Any]:
            x = _values(self.model, variables, solution)
            rows = self._guarded(lambda: separate(np.where(is_integer, np.rint(x), x)))
            return {"result": SCIP_RESULT.FEASIBLE if rows is None else SCIP_RESULT.INFEASIBLE}

        def consenfolp(self, constraints: Any, n_useful: int, infeasible: bool) -> dict[str, Any]:
            added = self._guarded(lambda: self._add(None))
            return {"result": SCIP_RESULT.CONSADDED if added else SCIP_RESULT.FEASIBLE}

        def consenfops(self, *args: Any) -> dict[str, Any]:
            added = self._guarded(lambda: self._add(None))
            return {"result": SCIP_RESULT.CONSADDED if added else SCIP_RESULT.FEASIBLE}

        def conssepalp(self, constraints: Any, n_useful: int) -> dict[str, Any]:
            added = self._guarded(lambda: self._add(None))
            return {"result": SCIP_RESULT.CONSADDED if added else SCIP_RESULT.DIDNOTFIND}

        def conslock(self, constraint: Any, locktype: int, nlockspos: int, nlocksneg: int) -> None:
            # Any column may occur with either sign in a row to come.
            for variable in variables:
                locks = nlockspos + nlocksneg
                self.model.addVarLocksType(variable, locktype, locks, locks)

    # A symmetry or a dual argument of the rows at hand need not hold for those to come.
    scip.setParam("misc/usesymmetry", 0)
    scip.setParam("misc/allowstrongdualreds", False)
    scip.setParam("misc/allowweakdualreds", False)
    handler = RowsOnDemand()
    scip.includeConshdlr(
        handler,
        "rows-on-demand",
        "rows separated from a family too large to write down",
        sepapriority=1_000_000,
        enfopriority=-1,
        chckpriority=-1,
        sepafreq=1,
        propfreq=-1,
        eagerfreq=-1,
        maxprerounds=0,
        delaysepa=False,
        needscons=False,
    )
    return handler
