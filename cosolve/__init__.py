"""Solve any combinatorial-optimisation instance with exact, heuristic or learned solvers under one interface."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
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
    from cosolve.core.solver import Availability, Feature, Outcome, Solver
    from cosolve.core.stop import Stop
    from cosolve.core.verdict import Verdict, Violation
    from cosolve.evaluation.load import load_suite
    from cosolve.evaluation.records import Record
    from cosolve.evaluation.runner import evaluate
    from cosolve.evaluation.store import read_records
    from cosolve.evaluation.suite import Suite
    from cosolve.instances.files import read, read_solution, write, write_solution
    from cosolve.instances.generators import generate
    from cosolve.instances.milp import MILPInstance
    from cosolve.instances.pulp_models import from_pulp, to_pulp
    from cosolve.solvers.pulp_door import COSOLVE
    from cosolve.trees.estimator import OptimalRegressionTree

# Where each public name lives. They are imported when first used: the command line answers `--help` and a wrong
# argument without waiting for the compiler behind the kernels.
_HOMES = {
    "cosolve.core.driver": ("list_solvers", "solve", "solve_batch"),
    "cosolve.core.errors": (
        "CosolveError",
        "InvalidFileError",
        "InvalidInstanceError",
        "InvalidSolutionError",
        "SolverUnavailableError",
        "UnsupportedFeatureError",
        "UnsupportedProblemError",
    ),
    "cosolve.core.gap": ("relative_gap",),
    "cosolve.core.instance": ("Instance", "Solution"),
    "cosolve.core.monitor": ("Monitor",),
    "cosolve.core.problem": ("Problem", "judge", "problems"),
    "cosolve.core.result": ("Incumbent", "Limit", "SolveResult", "Status", "TracePoint"),
    "cosolve.core.solver": ("Availability", "Feature", "Outcome", "Solver"),
    "cosolve.core.stop": ("Stop",),
    "cosolve.core.verdict": ("Verdict", "Violation"),
    "cosolve.evaluation.load": ("load_suite",),
    "cosolve.evaluation.records": ("Record",),
    "cosolve.evaluation.runner": ("evaluate",),
    "cosolve.evaluation.store": ("read_records",),
    "cosolve.evaluation.suite": ("Suite",),
    "cosolve.instances.files": ("read", "read_solution", "write", "write_solution"),
    "cosolve.instances.generators": ("generate",),
    "cosolve.instances.milp": ("MILPInstance",),
    "cosolve.instances.pulp_models": ("from_pulp", "to_pulp"),
    "cosolve.solvers.pulp_door": ("COSOLVE",),
    "cosolve.trees.estimator": ("OptimalRegressionTree",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "COSOLVE",
    "Availability",
    "CosolveError",
    "Feature",
    "Incumbent",
    "Instance",
    "InvalidFileError",
    "InvalidInstanceError",
    "InvalidSolutionError",
    "Limit",
    "MILPInstance",
    "Monitor",
    "OptimalRegressionTree",
    "Outcome",
    "Problem",
    "Record",
    "Solution",
    "SolveResult",
    "Solver",
    "SolverUnavailableError",
    "Status",
    "Stop",
    "Suite",
    "TracePoint",
    "UnsupportedFeatureError",
    "UnsupportedProblemError",
    "Verdict",
    "Violation",
    "evaluate",
    "from_pulp",
    "generate",
    "judge",
    "list_solvers",
    "load_suite",
    "problems",
    "read",
    "read_records",
    "read_solution",
    "relative_gap",
    "solve",
    "solve_batch",
    "to_pulp",
    "write",
    "write_solution",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
