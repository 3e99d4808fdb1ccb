"""Solver "highs": HiGHS on the MILP formulation of a problem."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import PROBLEMS, Formulation, Rows
from cosolve.solvers.mip import (
    Answer,
    FormulationSolver,
    Incumbents,
    csr,
    is_unbounded,
    solve_with_rows,
    with_rows,
)
from cosolve.solvers.packages import availability
from cosolve.solvers.proofs import Precision, small_cost

logger = logging.getLogger(__name__)

_STATUS = {
    "kOptimal": Status.OPTIMAL,
    "kInfeasible": Status.INFEASIBLE,
    "kUnbounded": Status.UNBOUNDED,
    "kUnboundedOrInfeasible": Status.INFEASIBLE_OR_UNBOUNDED,
    # Ended by a limit: no claim.
    "kObjectiveBound": Status.FEASIBLE,
    "kObjectiveTarget": Status.FEASIBLE,
    "kTimeLimit": Status.FEASIBLE,
    "kIterationLimit": Status.FEASIBLE,
    "kSolutionLimit": Status.FEASIBLE,
    "kInterrupt": Status.FEASIBLE,
    "kHighsInterrupt": Status.FEASIBLE,
    "kMemoryLimit": Status.FEASIBLE,
    # Failed.
    "kLoadError": Status.ERROR,
    "kModelError": Status.ERROR,
    "kPresolveError": Status.ERROR,
    "kSolveError": Status.ERROR,
    "kPostsolveError": Status.ERROR,
    "kNotset": Status.UNKNOWN,
    "kUnknown": Status.UNKNOWN,
}

_LIMIT = {
    "kTimeLimit": Limit.TIME,
    "kMemoryLimit": Limit.MEMORY,
    "kIterationLimit": Limit.ITERATION,
    "kObjectiveBound": Limit.TARGET,
    "kObjectiveTarget": Limit.TARGET,
}

#: Options of HiGHS with which its answers are not about the model.
_OTHER_MODEL = ("solve_relaxation", "user_objective_scale", "user_bound_scale")

#: Options of HiGHS whose defaults are the largest values with which its claims hold, and what larger ones do.
_LARGEST = {
    "small_matrix_value": (1e-9, "HiGHS would drop coefficients"),
    "dual_feasibility_tolerance": (1e-7, "HiGHS would call worse solutions optimal"),
    "kkt_tolerance": (1e-7, "HiGHS would call worse solutions optimal"),
}

#: Largest matrix coefficient that HiGHS drops, by default and at least. Where the model has none in between it is the
#: first: what its presolve computes is noise below that, and taken for more with the second.
_USUAL, _SMALL = 1e-9, 1e-12

#: Above, an integer that is off by what is allowed moves a row by hundreds (measured: false "infeasible" at 5e9).
_LARGE = 1e9

#: ``large_matrix_value`` of HiGHS.
_REFUSED = 1e15

#: What reduced costs may be off by where costs are small: the least value of HiGHS.
_TIGHT = 1e-10

#: Integrality and rows: below the judge's 1e-6, so that rounded values still pass.
_FEASIBILITY = 1e-7


@dataclass(frozen=True)
class HighsOptions:
    """
    Options of :class:`Highs`.

    Parameters
    ----------
    presolve
        Whether to presolve.
    lp_solver
        "choose", "simplex", "ipm" or "pdlp", for linear programs.
    heuristic_effort
        Share of the work of branch and bound that goes to primal heuristics, in [0, 1]; ``None`` for the
        default of HiGHS (0.05).
    native
        Further options of HiGHS by their own names; they win over everything set here. With ``objective_bound``
        nothing counts as proven; tolerances that its proofs rest on are not taken above their defaults.
    """

    presolve: bool = True
    lp_solver: str = "choose"
    heuristic_effort: float | None = None
    native: Mapping[str, bool | int | float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        allowed = ("choose", "simplex", "ipm", "pdlp")
        if self.lp_solver not in allowed:
            raise ValueError(f"lp_solver must be one of {', '.join(allowed)}, got {self.lp_solver!r}.")
        if self.heuristic_effort is not None and not 0 <= self.heuristic_effort <= 1:
            raise ValueError(f"heuristic_effort must be in [0, 1], got {self.heuristic_effort}.")


class Highs(FormulationSolver):
    """
    HiGHS, in this process; its callbacks carry incumbents, bounds and the wish to stop.

    The time limit is HiGHS's own and always holds. An interrupt during branch and bound waits for the linear
    program under way.
    """

    name = "highs"
    title = "HiGHS (MILP)"
    problems = PROBLEMS
    features = (
        Feature.EXACT
        | Feature.BOUND
        | Feature.TRAJECTORY
        | Feature.WARM_START
        | Feature.SEED
        | Feature.THREADS
        | Feature.DETERMINISTIC
    )
    limits = frozenset({Limit.NODE})
    options_type = HighsOptions
    modules = ("highspy",)

    def available(self) -> Availability:
        """Whether ``highspy`` is installed."""
        return availability("highspy")

    def check(self, options: HighsOptions) -> None:
        """HiGHS takes the native options."""
        if options.native:
            import highspy

            highs = highspy.Highs()
            highs.silent()
            _set_options(highs, options.native)

    def precision(self, options: HighsOptions) -> Precision:
        """See :meth:`FormulationSolver.precision`."""
        coefficient = float(options.native.get("small_matrix_value", _SMALL))
        # Other algorithms and native options may mean other tolerances.
        is_tight = options.lp_solver in ("choose", "simplex") and not options.native
        cost = 100 * _TIGHT if is_tight else Precision.cost
        return Precision(coefficient, cost, _LARGE, _REFUSED)

    def solve_formulation(
        self,
        formulation: Formulation,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        start: np.ndarray | None,
        options: HighsOptions,
    ) -> Outcome:
        """See :meth:`FormulationSolver.solve_formulation`."""
        started = perf_counter()
        engine = _Engine(formulation, monitor, seed, threads, options)
        engine.start = start
        build_time = perf_counter() - started
        if monitor.should_stop():
            return Outcome(build_time=build_time)
        if formulation.separate is not None:
            outcome = solve_with_rows(engine, formulation, engine.incumbents, monitor)
        else:
            outcome = engine.solve_once()
        engine.incumbents.repair()
        has_gap = monitor.stop.gap > 0 or not options.native.keys().isdisjoint(("mip_rel_gap", "mip_abs_gap"))
        if outcome.status is Status.OPTIMAL and has_gap and not monitor.is_proven:
            outcome = replace(outcome, status=Status.FEASIBLE, limit=Limit.GAP)  # "optimal" within the gap
        return replace(outcome, build_time=build_time, stats={**engine.stats, **outcome.stats})


def _set_options(highs: Any, values: Mapping[str, Any]) -> None:
    from highspy import HighsStatus

    for name, value in values.items():
        if name in _OTHER_MODEL:
            raise ValueError(f"option {name!r} makes HiGHS solve another model, or in other units.")
        try:
            is_refused = highs.setOptionValue(name, value) == HighsStatus.kError
        except TypeError:  # nothing that an option may be
            is_refused = True
        if is_refused:
            raise ValueError(f"HiGHS has no option {name!r} or refuses {value!r} for it.")
        if name in _LARGEST:
            largest, reason = _LARGEST[name]
            if not highs.getOptionValue(name)[1] <= largest:  # as HiGHS took it: text and NaN too
                raise ValueError(f"{name} must be <= {largest:g}, got {value!r}: {reason}.")


def _is_between(sizes: np.ndarray) -> bool:
    return bool(((sizes > _SMALL) & (sizes <= _USUAL)).any())


class _Engine:
    """HiGHS on one formulation; an :class:`cosolve.solvers.mip.Engine`."""

    def __init__(
        self, formulation: Formulation, monitor: Monitor, seed: int, threads: int, options: HighsOptions
    ) -> None:
        self.incumbents = Incumbents(formulation, monitor)
        self.start: np.ndarray | None = None
        self.stats: dict[str, Any] = {"nodes": 0, "simplex_iterations": 0}
        self._formulation = formulation
        self._monitor = monitor
        self._seed = seed
        self._threads = threads
        self._options = options
        self._relaxation: Any = None
        self._pool: list[Rows] = []

    # -- one model, or an engine for rows on demand ---------------------------------------------------------

    def solve_once(self) -> Outcome:
        """Solve the model as it stands."""
        model = self._formulation.model
        is_milp = bool(model.is_integer.any())
        answer = self._run(self._load(model), is_milp=is_milp)
        # HiGHS 1.13's presolve leaves an error of some small models that have no solution. It may lose the solutions of
        # a linear program too, and a second look costs little.
        is_failed = answer.status is Status.ERROR and not self._monitor.should_stop()
        is_lost = answer.status is Status.INFEASIBLE and not is_milp
        if self._options.presolve and (is_failed or is_lost):
            self._options = replace(self._options, presolve=False)
            answer = self._run(self._load(model), is_milp=is_milp)
        if answer.bound is not None:
            self._monitor.report_bound(answer.bound)
        if (is_milp and answer.status is Status.UNBOUNDED) or answer.status is Status.INFEASIBLE_OR_UNBOUNDED:

            def solve(feasibility: MILPInstance) -> Answer:
                return self._run(self._load(feasibility), is_milp=True, has_bound=False)

            answer = is_unbounded(model, self._monitor, solve)
        return Outcome(status=answer.status, limit=answer.limit, message=answer.message)

    def solve_relaxation(self) -> Answer:
        """Solve the linear relaxation; the last basis is the start of the next one."""
        if self._relaxation is None:
            model = self._formulation.model
            relaxed = replace(with_rows(model, self._pool), is_integer=np.zeros(len(model.cost), dtype=bool))
            self._relaxation = self._load(relaxed)
        return self._run(self._relaxation, is_milp=False, is_final=False)

    def solve_milp(self) -> Answer:
        """Branch and bound over all rows so far, started from the best solution known."""
        best, encode = self._monitor.best, self._formulation.encode
        if best is not None and encode is not None:
            self.start = np.asarray(encode(best.solution), dtype=np.float64)
        return self._run(self._load(with_rows(self._formulation.model, self._pool)), is_milp=True)

    def add_rows(self, rows: Rows) -> None:
        """Add rows to the model and to its relaxation."""
        data, indices, indptr, lower, upper = rows
        self._pool.append(rows)
        if self._relaxation is not None:
            starts = np.asarray(indptr[:-1], dtype=np.int32)
            self._relaxation.addRows(
                len(lower), lower, upper, len(data), starts, np.asarray(indices, dtype=np.int32), data
            )

    # -- HiGHS ----------------------------------------------------------------------------------------------

    def _load(self, model: MILPInstance) -> Any:
        """A HiGHS object with the model and all options but the time limit."""
        import highspy

        # HiGHS keeps one pool of workers per calling thread and refuses to run with another number of them.
        highspy.Highs.resetGlobalScheduler(True)
        highs = highspy.Highs()
        # Bounds come with the log's callback, which needs the log switched on; without it PDLP prints nothing.
        settings: dict[str, Any] = {
            "output_flag": bool(model.is_integer.any()),
            "log_to_console": False,
            "presolve": "choose" if self._options.presolve else "off",
            "solver": self._options.lp_solver,
            "threads": self._threads,
            "random_seed": self._seed % (2**31 - 1),
            "mip_rel_gap": self._monitor.stop.gap,
            "mip_abs_gap": 1e-9,
            "mip_feasibility_tolerance": _FEASIBILITY,
            "primal_feasibility_tolerance": _FEASIBILITY,
            "small_matrix_value": _SMALL if _is_between(np.abs(model.data)) else _USUAL,
        }
        if self._options.heuristic_effort is not None:
            settings["mip_heuristic_effort"] = self._options.heuristic_effort
        if small_cost(model, Precision().cost) is not None:
            settings["dual_feasibility_tolerance"] = _TIGHT
        if self._monitor.stop.nodes is not None:
            settings["mip_max_nodes"] = min(self._monitor.stop.nodes, 2**31 - 1)
        _set_options(highs, settings | dict(self._options.native))
        data, indices, indptr = csr(model)
        sense = highspy.ObjSense.kMaximize if model.maximize else highspy.ObjSense.kMinimize
        status = highs.passModel(
            len(model.cost),
            len(model.row_lower),
            len(data),
            int(highspy.MatrixFormat.kRowwise),
            int(sense),
            model.offset,
            model.cost,
            model.col_lower,
            model.col_upper,
            model.row_lower,
            model.row_upper,
            indptr,
            indices,
            data,
            model.is_integer.astype(np.int32),
        )
        if status == highspy.HighsStatus.kError:
            raise ValueError("HiGHS refuses the model: a coefficient or bound is out of its range.")
        return highs

    def _run(self, highs: Any, *, is_milp: bool, is_final: bool = True, has_bound: bool = True) -> Answer:
        """
        Run a loaded model.

        ``is_final`` says that its solutions are solutions of the formulation, ``has_bound`` that its bound is one.
        """
        if is_milp and self.start is not None:
            columns = np.arange(len(self.start), dtype=np.int32)
            highs.setSolution(len(columns), columns, self.start)
        has_bound = has_bound and "objective_bound" not in self._options.native
        self._listen(highs, is_milp=is_milp, has_bound=has_bound)
        left = min(self._monitor.time_left(), float(self._options.native.get("time_limit", np.inf)))
        if left < np.inf:
            highs.setOptionValue("time_limit", highs.getRunTime() + left)  # its clock adds up over runs
        highs.run()
        highs.disableCallbacks()
        if self.incumbents.error is not None:
            raise self.incumbents.error
        native = str(highs.getModelStatus()).rpartition(".")[2]
        status = _STATUS.get(native, Status.UNKNOWN)
        info = highs.getInfo()
        self.stats["nodes"] += max(0, info.mip_node_count)
        self.stats["simplex_iterations"] += max(0, info.simplex_iteration_count)
        self.stats["native_status"] = native
        x = None
        if info.primal_solution_status == 2:  # feasible
            x = np.array(highs.getSolution().col_value)
            if is_final:
                self.incumbents.offer(x, info.objective_function_value if has_bound else None)
        bound = None
        if is_milp and status in (Status.OPTIMAL, Status.FEASIBLE):
            bound = info.mip_dual_bound
        elif status is Status.OPTIMAL:
            bound = info.objective_function_value
        message = "" if status not in (Status.ERROR, Status.UNKNOWN) else f"HiGHS ended with {native}."
        if "objective_bound" in self._options.native and status is not Status.ERROR:
            # Whatever is not better than that value was cut off: the claims are those of another model.
            status, bound = Status.FEASIBLE, None
        return Answer(status, x, bound, self._limit(native), message)

    def _limit(self, native: str) -> Limit | None:
        if native != "kSolutionLimit":
            return _LIMIT.get(native)
        # HiGHS has one word for nodes and for improving solutions.
        has_nodes = self._monitor.stop.nodes is not None or "mip_max_improving_sols" not in self._options.native
        return Limit.NODE if has_nodes else Limit.SOLUTION

    def _listen(self, highs: Any, *, is_milp: bool, has_bound: bool) -> None:
        # The raw callback: the events of highspy.Highs cost several times as much, once per simplex iteration.
        from highspy import cb

        kinds = cb.HighsCallbackType
        logging_, improving = int(kinds.kCallbackMipLogging), int(kinds.kCallbackMipImprovingSolution)
        incumbents, monitor = self.incumbents, self._monitor

        def on_event(kind: int, message: str, out: Any, reply: Any, data: Any) -> None:
            # No exception may reach HiGHS: those of decoders are kept by Incumbents, the rest can't raise.
            if kind == logging_:
                monitor.report_bound(out.mip_dual_bound)
            elif kind == improving:
                told = out.objective_function_value if has_bound else None  # else of another objective
                incumbents.offer(np.array(out.mip_solution), told)
            if kind != logging_ and incumbents.must_stop:
                reply.user_interrupt = True

        highs.disableCallbacks()
        highs.setCallback(on_event, None)
        wanted = ["SimplexInterrupt", "IpmInterrupt"]
        if is_milp:
            wanted = ["MipInterrupt", "MipImprovingSolution"] + ["MipLogging"] * has_bound
        for name in wanted:
            highs.startCallback(getattr(kinds, f"kCallback{name}"))
