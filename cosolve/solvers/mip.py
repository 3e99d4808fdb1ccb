"""What the MILP backends share: from column values to verified solutions, rows on demand, repair of rounding."""

from __future__ import annotations

import logging
import math
import threading
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, OutOfTime, ScaledMonitor, SolutionsOnly, unit_factor
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome, Solver, join_messages
from cosolve.core.stop import Stop
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.compiled import WARM_UP_TIME, small_instances, solve_tiny
from cosolve.solvers.formulations import Formulation, Rows, formulate
from cosolve.solvers.proofs import Precision, doubt, with_smaller_rows, without_huge_limits

logger = logging.getLogger(__name__)

#: Relative distance by which the value of a relaxation may be off: its backend works to 1e-7.
BOUND_MARGIN = 1e-7

#: What a direction must be paid, of the largest cost, for one step in its widest column to count as a ray.
_RAY = 1e-6

#: Where the largest cost is beyond the first, it is brought below two to the second: no smaller, as others must not
#: become noise.
_HUGE_COST, _LARGE_COST = 1e15, 40

#: Rounds of row addition without progress after which the linear relaxation is left for branch and bound.
MAX_STALLED = 60


class FormulationSolver(Solver):
    """Base of the MILP backends: a formulation of the instance goes to :meth:`solve_formulation`."""

    def warm_up(self, instance: Instance) -> None:
        """Formulate and separate on small instances of the problem, once: what they compile is no search."""
        super().warm_up(instance)
        _warm_up(type(self), instance.problem)

    def solve(
        self,
        instance: Any,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        prepared = prepare(instance, monitor)
        if isinstance(prepared, Outcome):
            return prepared
        formulation, monitor, formulated = prepared
        start = start_values(formulation, initial)
        outcome = self.solve_provably(formulation, monitor, seed=seed, threads=threads, start=start, options=options)
        return replace(outcome, build_time=formulated + outcome.build_time)

    def solve_provably(
        self,
        formulation: Formulation,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        start: np.ndarray | None,
        options: Any,
    ) -> Outcome:
        """:meth:`solve_formulation`, but nothing is claimed that its backend can't prove of this model."""
        model, row = with_smaller_rows(formulation.model, self.precision(options))
        if row:
            return Outcome(message=f"{row} has coefficients that are too large for {self.name}: it was not asked.")
        model, has_huge = without_huge_limits(model)
        formulation = replace(formulation, model=model)
        outcome = solve_trivial(formulation, monitor) if has_huge else None
        if outcome is None:
            has_doubt = doubt(model, self.precision(options))
            is_open = not has_doubt and has_ray(model, monitor)
            if has_doubt or is_open:
                monitor = SolutionsOnly(monitor, iterations=monitor.stop.iterations, nodes=monitor.stop.nodes)
            outcome = self.solve_formulation(
                formulation, monitor, seed=seed, threads=threads, start=start, options=options
            )
            if has_doubt:
                return _weakened(outcome, f"{self.name} proves nothing: {has_doubt}.")
            if is_open and outcome.status in (Status.OPTIMAL, Status.FEASIBLE):
                outcome = _weakened(outcome, "the relaxation is unbounded.")
        if has_huge and not monitor.is_proven and outcome.status is not Status.INFEASIBLE:
            outcome = _weakened(outcome, f"{has_huge}, which {self.name} takes for none.")
        if monitor.instance.problem != "milp" and outcome.status in (Status.UNBOUNDED, Status.INFEASIBLE_OR_UNBOUNDED):
            # No other problem has solutions without bound.
            outcome = _weakened(outcome, f"the numbers are too large for {self.name}.")
        return outcome

    def precision(self, options: Any) -> Precision:
        """What the backend takes for zero with these options."""
        return Precision()

    @abstractmethod
    def solve_formulation(
        self,
        formulation: Formulation,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        start: np.ndarray | None,
        options: Any,
    ) -> Outcome:
        """
        Solve a formulation that :func:`solve_trivial` left over.

        Parameters
        ----------
        formulation
            Its solutions go to the monitor decoded, its bound as it is.
        start
            Column values to start from, feasible or not.
        monitor, seed, threads, options
            As for :meth:`Solver.solve`.
        """


def _weakened(outcome: Outcome, reason: str) -> Outcome:
    """The outcome without its claim, which a gap is too."""
    status = outcome.status if outcome.status is Status.ERROR else Status.FEASIBLE
    limit = None if outcome.limit is Limit.GAP else outcome.limit
    return replace(outcome, status=status, limit=limit, message=join_messages(outcome.message, reason))


@cache
def _warm_up(solver: type[FormulationSolver], problem: str) -> None:
    for instance in small_instances(problem):
        monitor = Monitor(instance, Stop(time_limit=WARM_UP_TIME))
        formulation = formulate(instance, monitor)
        start_values(formulation, None if monitor.best is None else monitor.best.solution)
        for x in (np.full(formulation.model.size, 0.5), np.ones(formulation.model.size)):
            if formulation.separate is not None:
                formulation.separate(x)
            monitor.report(formulation.decode(x))
    if not solver.isolated:  # a child's kernels come from the disk, where they are by now
        solve_tiny(solver(), problem)


class Incumbents:
    """
    Takes column values from a backend, from any thread: decodes, reports, and keeps what went wrong.

    Parameters
    ----------
    formulation, monitor
        The formulation being solved and where its solutions go.

    Attributes
    ----------
    violated
        Rows that offered values break, for a formulation with ``separate``.
    refused
        The last values whose decoded solution the judge refused.
    error
        First exception of a decoder: it must not travel through a backend's native frames.
    """

    def __init__(self, formulation: Formulation, monitor: Monitor) -> None:
        self.violated: list[Rows] = []
        self.refused: np.ndarray | None = None
        self.error: Exception | None = None
        self._formulation = formulation
        self._monitor = monitor
        self._lock = threading.Lock()

    def offer(self, x: np.ndarray, objective: float | None = None) -> None:
        """Report the solution that column values stand for, or note why they stand for none."""
        formulation, monitor = self._formulation, self._monitor
        try:
            with self._lock:
                if formulation.separate is not None:
                    rows = formulation.separate(np.where(formulation.model.is_integer, np.rint(x), x))
                    if rows is not None:
                        self.violated.append(rows)
                        return
                solution = formulation.decode(x)
                # Judged here too: in a child process only the parent's monitor judges, and can't ask for a repair.
                if not judge(monitor.instance, solution).feasible:
                    self.refused = np.array(x)
                monitor.report(solution, objective)
        except Exception as error:
            self.error = self.error or error

    @property
    def must_stop(self) -> bool:
        """Whether the backend has to stop: a limit, an exception, or rows to add first."""
        return self.error is not None or bool(self.violated) or self._monitor.should_stop()

    def repair(self) -> None:
        """
        Give refused values a second chance: integers rounded and fixed, continuous columns solved for again.

        A backend accepts 2.9999999 for 3; a coefficient of 1e6 makes that a broken row once 3 is exact.
        """
        if self.refused is not None and self._monitor.time_left() > 0:
            x = complete(self._formulation.model, self.refused, min(10.0, self._monitor.time_left()))
            self.refused = None
            if x is not None:
                self.offer(x)
        if self.error is not None:
            raise self.error


def start_values(formulation: Formulation, initial: Solution | None) -> np.ndarray | None:
    """Column values of a warm start, or ``None`` without one."""
    if initial is None or formulation.encode is None:
        return None
    return np.asarray(formulation.encode(initial), dtype=np.float64)


def csr(model: MILPInstance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Data, indices and indptr with the index types that backends take."""
    return model.data, model.indices, model.indptr.astype(np.int32)


def with_rows(model: MILPInstance, pool: list[Rows]) -> MILPInstance:
    """The model with further rows below its own."""
    if not pool:
        return model
    data, indices, indptr = [model.data], [model.indices], [model.indptr]
    lower, upper = [model.row_lower], [model.row_upper]
    last = model.indptr[-1]
    for row_data, row_indices, row_indptr, row_lower, row_upper in pool:
        data.append(row_data)
        indices.append(row_indices)
        indptr.append(np.asarray(row_indptr, dtype=np.int64)[1:] + last)
        lower.append(row_lower)
        upper.append(row_upper)
        last += row_indptr[-1]
    return replace(
        model,
        data=np.concatenate(data),
        indices=np.concatenate(indices),
        indptr=np.concatenate(indptr),
        row_lower=np.concatenate(lower),
        row_upper=np.concatenate(upper),
        row_names=(),
    )


def complete(model: MILPInstance, x: np.ndarray, time_limit: float) -> np.ndarray | None:
    """Values with the integer columns of ``x`` rounded and the best others for them; ``None`` if there are none."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    if model.is_integer.all():
        return None
    whole = np.rint(x)
    lower = np.where(model.is_integer, whole, model.col_lower)
    upper = np.where(model.is_integer, whole, model.col_upper)
    rows = [LinearConstraint(model.matrix, model.row_lower, model.row_upper)] if len(model.row_lower) else []
    sign = -1.0 if model.maximize else 1.0
    options = {"time_limit": time_limit}
    result = milp(sign * model.cost, bounds=Bounds(lower, upper), constraints=rows, options=options)
    return None if result.x is None else np.where(model.is_integer, whole, result.x)


def pulls_to_infinity(model: MILPInstance) -> np.ndarray:
    """(n,) bool: columns that nothing of their own keeps from paying without end."""
    cost = -model.cost if model.maximize else model.cost
    pulls: np.ndarray = ((cost > 0) & (model.col_lower == -np.inf)) | ((cost < 0) & (model.col_upper == np.inf))
    return pulls


def has_ray(model: MILPInstance, monitor: Monitor) -> bool:
    """
    Whether a MILP is unbounded if it has a solution: with fractions one can go on for ever, so with multiples too.

    Backends call such models optimal now and then, at some huge value that their tolerances or their infinity end at.
    Not looked for where no column is paid for growing without end, nor longer than a tenth of the time.
    """
    if not (model.is_integer.any() and pulls_to_infinity(model).any()):
        return False
    from scipy.optimize import linprog
    from scipy.sparse import vstack

    falls, rises = np.isneginf(model.col_lower), np.isposinf(model.col_upper)
    moves = np.flatnonzero(falls | rises)
    matrix = model.matrix[:, moves]
    # In units of its least coefficient a row lets next to nothing through by tolerance.
    least = np.full(matrix.shape[0], np.inf)
    np.minimum.at(least, np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)), np.abs(matrix.data))
    matrix = matrix.multiply(1 / least[:, None]).tocsr()
    rows = vstack([matrix[np.isfinite(model.row_upper)], -matrix[np.isfinite(model.row_lower)]]).tocsr()
    cost = (-model.cost if model.maximize else model.cost)[moves]
    scale = np.abs(cost).max()
    found = linprog(
        cost / scale,
        A_ub=rows if rows.shape[0] else None,
        b_ub=np.zeros(rows.shape[0]) if rows.shape[0] else None,
        bounds=np.column_stack((-1.0 * falls[moves], 1.0 * rises[moves])),
        method="highs",
        options={"time_limit": max(0.0, min(1e9, 0.1 * monitor.time_left()))},
    )
    return found.status == 0 and bool(found.fun < -_RAY)


def has_side(model: MILPInstance) -> np.ndarray:
    """(m,) bool: rows that demand something."""
    sides: np.ndarray = np.isfinite(model.row_lower) | np.isfinite(model.row_upper)
    return sides


def is_unbounded(model: MILPInstance, monitor: Monitor, solve: Callable[[MILPInstance], Answer]) -> Answer:
    """
    Which of the two "infeasible or unbounded" is.

    An unbounded relaxation proves only that the MILP is one or the other. With the objective removed the
    question is mere feasibility, which any solution answers.

    Parameters
    ----------
    model
        A MILP that a backend says is unbounded, or infeasible or unbounded.
    monitor
        Knows whether there is a solution, and time to ask.
    solve
        Runs the backend on a MILP without objective; OPTIMAL means feasible.
    """
    answer = Answer(Status.UNKNOWN)
    if monitor.best is None and not monitor.should_stop():
        answer = solve(replace(model, cost=np.zeros_like(model.cost), offset=0.0))
    if monitor.best is not None or answer.status is Status.OPTIMAL:
        return Answer(Status.UNBOUNDED)
    if answer.status is Status.INFEASIBLE:
        return Answer(Status.INFEASIBLE)
    return Answer(Status.INFEASIBLE_OR_UNBOUNDED, limit=answer.limit)


def prepare(instance: Instance, monitor: Monitor) -> tuple[Formulation, Monitor, float] | Outcome:
    """
    Formulate an instance for backends.

    Returns
    -------
    tuple
        The formulation and the monitor for it, see :func:`scaled`, and the seconds that it took.
    Outcome
        Instead, if there is no time for more, or nothing left to solve.
    """
    if monitor.should_stop():
        return Outcome()
    started = perf_counter()
    try:
        formulation = formulate(instance, monitor)
    except OutOfTime:
        return Outcome(build_time=perf_counter() - started)
    formulated = perf_counter() - started
    trivial = solve_trivial(formulation, monitor)
    return trivial if trivial is not None else (*scaled(formulation, monitor), formulated)


def scaled(formulation: Formulation, monitor: Monitor) -> tuple[Formulation, Monitor]:
    """
    The formulation with costs that backends can tell from noise, and a monitor that takes their values for it.

    They compare reduced costs with 1e-7 and improvements with up to 1e-5, so that of costs of 1e-9 any solution is
    optimal, and of costs of 1e-2 one that is 3e-6 too dear. Costs of 1e20, and what adds up to that, are infinite to
    them.
    """
    model = formulation.model
    factor = unit_factor(model.magnitude)
    if model.magnitude > _HUGE_COST:
        factor = 2.0 ** (_LARGE_COST - math.frexp(model.magnitude)[1])
    if factor == 1:
        return formulation, monitor
    scaled_monitor = ScaledMonitor(monitor, factor, model.offset)
    return replace(formulation, model=replace(model, cost=model.cost * factor, offset=0.0)), scaled_monitor


def solve_trivial(formulation: Formulation, monitor: Monitor) -> Outcome | None:
    """
    Solve a model without columns or without rows that have a side, or with crossed bounds; ``None`` if it is neither.

    Backends treat these in ways of their own: as an error, as "empty", or as a bound of 0.
    """
    model = formulation.model
    lower, upper = model.col_lower, model.col_upper
    for low, high in ((lower, upper), (model.row_lower, model.row_upper)):
        if (low > high).any() or (low == np.inf).any() or (high == -np.inf).any():
            return Outcome(status=Status.INFEASIBLE)
    if len(model.cost) and (formulation.separate is not None or has_side(model).any()):
        return None
    if pulls_to_infinity(model).any():
        return Outcome(status=Status.UNBOUNDED)
    cost = -model.cost if model.maximize else model.cost
    idle = np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), upper, 0.0))
    x = np.where(cost > 0, lower, np.where(cost < 0, upper, idle))
    solution = formulation.decode(x)
    if not judge(monitor.instance, solution).feasible:
        return Outcome(status=Status.INFEASIBLE if len(x) == 0 else Status.UNKNOWN)
    monitor.report(solution)
    monitor.report_bound(float(model.cost @ x) + model.offset)
    return Outcome(status=Status.OPTIMAL)


@dataclass(frozen=True)
class Answer:
    """
    What a backend says of one model.

    Parameters
    ----------
    status
        The claim, OPTIMAL within the backend's tolerances.
    x
        Column values, if there are any.
    bound
        Proven bound, if there is one.
    limit
        Which limit ended the run.
    message
        The backend's own words where something went wrong.
    """

    status: Status
    x: np.ndarray | None = None
    bound: float | None = None
    limit: Limit | None = None
    message: str = ""


class Engine(Protocol):
    """A backend as :func:`solve_with_rows` sees it."""

    def solve_relaxation(self) -> Answer:
        """Solve the linear relaxation of the model with all rows added so far."""

    def solve_milp(self) -> Answer:
        """Solve the model itself; must offer solutions to ``Incumbents`` and heed its ``must_stop``."""

    def add_rows(self, rows: Rows) -> None:
        """Add rows."""


def solve_with_rows(engine: Engine, formulation: Formulation, incumbents: Incumbents, monitor: Monitor) -> Outcome:
    """
    Solve a formulation whose rows are added on demand.

    Rows that the optimum of the linear relaxation violates are added until there are none, or the bound has
    stopped to grow. Then the MILP over these rows is solved; as long as one of its solutions violates
    another row, that row is added and everything starts again. Each relaxation solved gives a bound. [1]_

    Parameters
    ----------
    engine
        The backend.
    formulation
        With ``separate``, whose answer ``None`` is final for integer points.
    incumbents, monitor
        Where solutions and bounds go.

    References
    ----------
    .. [1] Dantzig, G., Fulkerson, R., Johnson, S. (1954). Solution of a large-scale traveling-salesman
           problem. *Operations Research* 2(4): 393-410.
    """
    assert formulation.separate is not None
    sign = -1.0 if formulation.model.maximize else 1.0
    num_rows = rounds = restarts = 0
    while not monitor.should_stop():
        best = -np.inf
        stalled = 0
        while stalled < MAX_STALLED and not monitor.should_stop():
            answer = engine.solve_relaxation()
            if answer.status is not Status.OPTIMAL or answer.x is None or answer.bound is None:
                break
            rounds += 1
            monitor.report_bound(answer.bound - sign * BOUND_MARGIN * max(1.0, abs(answer.bound)))
            if sign * answer.bound > best + 1e-5 * max(1.0, abs(answer.bound)):
                best, stalled = sign * answer.bound, 0
            else:
                stalled += 1
            rows = formulation.separate(answer.x)
            if rows is None:
                break
            num_rows += len(rows[3])
            engine.add_rows(rows)
        if monitor.should_stop():
            break
        if answer.status is Status.INFEASIBLE:
            return _close(answer, rounds, restarts, num_rows)
        answer = engine.solve_milp()
        if incumbents.error is not None:
            raise incumbents.error
        if answer.bound is not None:
            monitor.report_bound(answer.bound)
        if not incumbents.violated:
            return _close(answer, rounds, restarts, num_rows)
        restarts += 1
        for rows in incumbents.violated:
            num_rows += len(rows[3])
            engine.add_rows(rows)
        incumbents.violated.clear()
    return _close(Answer(Status.FEASIBLE), rounds, restarts, num_rows)


def _close(answer: Answer, rounds: int, restarts: int, num_rows: int) -> Outcome:
    stats: dict[str, Any] = {"rounds": rounds, "restarts": restarts, "rows_added": num_rows}
    return Outcome(status=answer.status, limit=answer.limit, stats=stats, message=answer.message)
