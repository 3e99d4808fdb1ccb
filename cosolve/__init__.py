"""Solve any combinatorial-optimisation instance with exact, heuristic or learned solvers under one interface."""

from cosolve.core.driver import list_solvers, solve, solve_batch
from cosolve.core.errors import (
    CosolveError,
    InvalidFileError,
    InvalidInstanceError,
    InvalidSolutionError,
    SolverUnavailableError,
    UnsupportedFeatureError,
    UnsupportedProblemError,
)
from cosolve.core.gap import relative_gap
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.problem import Problem, judge, problems
from cosolve.core.result import Incumbent, Limit, SolveResult, Status, TracePoint
from cosolve.core.solver import Availability, Feature, Outcome, Solver, solvers
from cosolve.core.stop import Stop
from cosolve.core.verdict import Verdict, Violation

__version__ = "0.1.0"

from cosolve import instances as _instances
from cosolve import solvers as _solvers  # noqa: F401
from cosolve.instances.files import read, read_solution, write, write_solution
from cosolve.instances.generators import generate

__all__ = [
    "Availability",
    "CosolveError",
    "Feature",
    "Incumbent",
    "Instance",
    "InvalidFileError",
    "InvalidInstanceError",
    "InvalidSolutionError",
    "Limit",
    "Monitor",
    "Outcome",
    "Problem",
    "Solution",
    "SolveResult",
    "Solver",
    "SolverUnavailableError",
    "Status",
    "Stop",
    "TracePoint",
    "UnsupportedFeatureError",
    "UnsupportedProblemError",
    "Verdict",
    "Violation",
    "generate",
    "judge",
    "list_solvers",
    "problems",
    "read",
    "read_solution",
    "relative_gap",
    "solve",
    "solve_batch",
    "solvers",
    "write",
    "write_solution",
]
