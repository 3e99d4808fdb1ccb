"""The other direction of solver "pulp": every MILP solver of cosolve as a solver of PuLP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cosolve.core.driver import solve
from cosolve.core.result import SolveResult, Status
from cosolve.instances.milp import Values
from cosolve.instances.pulp_models import from_pulp

if TYPE_CHECKING:
    from pulp import LpProblem

# Status and solution status in PuLP's words; "Optimal" there covers any solution, the second word tells more.
_STATUS = {
    Status.OPTIMAL: ("LpStatusOptimal", "LpSolutionOptimal"),
    Status.FEASIBLE: ("LpStatusOptimal", "LpSolutionIntegerFeasible"),
    Status.INFEASIBLE: ("LpStatusInfeasible", "LpSolutionInfeasible"),
    Status.UNBOUNDED: ("LpStatusUnbounded", "LpSolutionUnbounded"),
    Status.INFEASIBLE_OR_UNBOUNDED: ("LpStatusUndefined", "LpSolutionNoSolutionFound"),
}


class COSOLVE:
    """
    A solver for ``LpProblem.solve``, with the names that PuLP's own solvers have for their arguments.

    After a run ``problem.solverModel`` is the :class:`SolveResult` with bound, gap and trajectory. Variables get the
    values that the judge has checked, constraints their slacks; reduced costs and duals stay empty.

    Parameters
    ----------
    solver
        Name of a solver for ``milp``; ``None`` for the documented default.
    mip
        Whether integers are integers; else the linear relaxation is solved.
    msg
        Whether to print each better solution.
    timeLimit
        Seconds; ``None`` for no limit.
    gapRel
        Relative gap to stop at.
    threads, seed
        As for :func:`cosolve.solve`.
    warmStart
        Start from the variables' values, if all have one and they are feasible.
    options
        Options of the solver.

    Examples
    --------
    >>> problem.solve(cosolve.COSOLVE("scip", timeLimit=60))  # doctest: +SKIP
    """

    name = "COSOLVE"

    def __init__(
        self,
        solver: str | None = None,
        *,
        mip: bool = True,
        msg: bool = False,
        timeLimit: float | None = None,
        gapRel: float | None = None,
        threads: int | None = None,
        seed: int = 0,
        warmStart: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.solver = solver
        self.mip = mip
        self.msg = msg
        self.timeLimit = timeLimit
        self.gapRel = gapRel
        self.threads = threads
        self.seed = seed
        self.warmStart = warmStart
        self.options = options

    def available(self) -> bool:
        """Whether the solver's package is installed."""
        from cosolve.core.solver import solvers

        return self.solver is None or bool(solvers.get(self.solver)().available().ok)

    def solve(self, problem: LpProblem) -> int:
        """Solve through the problem's own method, as PuLP's solvers do."""
        return problem.solve(self)

    def actualSolve(self, lp: LpProblem, **_: Any) -> int:
        """Called by ``LpProblem.solve``; PuLP's status."""
        import pulp

        instance = from_pulp(lp)
        if not self.mip:
            instance = replace(instance, is_integer=np.zeros(instance.size, dtype=np.bool_))
        variables = lp.variables()
        result = solve(
            instance,
            self.solver,
            time_limit=float("inf") if self.timeLimit is None else self.timeLimit,
            gap=self.gapRel or 0.0,
            threads=self.threads or 1,
            seed=self.seed,
            initial=self._initial(instance, variables),
            on_incumbent=self._print if self.msg else None,
            options=self.options,
        )
        if result.status is Status.ERROR:
            raise pulp.PulpSolverError(f"cosolve's {result.solver}: {result.message}")
        lp.solverModel = result
        if result.solution is not None:
            _hand_over(lp, instance, variables, result)
        status, found = _STATUS.get(result.status, ("LpStatusNotSolved", "LpSolutionNoSolutionFound"))
        lp.assignStatus(getattr(pulp, status), getattr(pulp, found))
        return lp.status

    def actualResolve(self, lp: LpProblem, **others: Any) -> int:
        """Solve again from scratch."""
        return self.actualSolve(lp, **others)

    def _initial(self, instance: Any, variables: list[Any]) -> Values | None:
        values = [variable.varValue for variable in variables]
        if not self.warmStart or None in values:
            return None
        from cosolve.core.problem import judge

        initial = Values(values=np.array(values, dtype=np.float64))
        return initial if judge(instance, initial).feasible else None

    def _print(self, incumbent: Any) -> None:
        print(f"{incumbent.time:8.1f} s  objective {incumbent.objective:.10g}", flush=True)


def _hand_over(lp: LpProblem, instance: Any, variables: list[Any], result: SolveResult) -> None:
    assert isinstance(result.solution, Values)
    values = np.where(instance.is_integer, np.rint(result.solution.values), result.solution.values)
    for variable, value in zip(variables, values.tolist(), strict=True):
        variable.varValue = value
    activities = (instance.matrix @ values).tolist()
    for constraint, activity in zip(lp.constraints(), activities, strict=True):
        constraint.slack = -(constraint.constant + activity)
