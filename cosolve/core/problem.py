"""What a problem is: its types and its judge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Instance, Sense, Solution
from cosolve.core.registry import Registry
from cosolve.core.verdict import Verdict, Violation

JudgeMode = Literal["strict", "frontierco"]


@dataclass(frozen=True)
class Problem:
    """
    One problem family.

    Parameters
    ----------
    key, title
        Short key ("tsp") and name for people ("Travelling salesman").
    instance_type, solution_type
        Their classes.
    evaluate
        ``evaluate(instance, solution, mode)`` recomputes the objective and finds violations in linear time.
    """

    key: str
    title: str
    instance_type: type[Instance]
    solution_type: type[Solution]
    evaluate: Callable[[Any, Any, JudgeMode], Verdict]

    @property
    def sense(self) -> Sense:
        """Direction of the objective."""
        return self.instance_type.sense


problems: Registry[Problem] = Registry("problem", "cosolve.problems", UnsupportedProblemError, "cosolve.instances")

#: Of a problem with a compiled judge: its key to tiny instances, each with a solution that the judge reads to its end.
examples: Registry[Callable[[str], Iterable[tuple[Instance, Solution]]]] = Registry(
    "examples", "cosolve.examples", UnsupportedProblemError, "cosolve.instances"
)


@cache
def warm_up_judge(problem: str) -> None:
    """Compile, or load from disk, what the judge of a problem runs: a first solution would pay for it in time."""
    if problem in examples:
        for instance, solution in examples.get(problem)(problem):
            judge(instance, solution)


def check_instance(instance: Any) -> None:
    """Raise TypeError unless it is an instance: the attributes that others lack say nothing of reading a file first."""
    if not isinstance(instance, Instance):
        raise TypeError(f"instance must be an Instance, got {type(instance).__name__}; cosolve.read reads a file.")


def check_solution(instance: Any, solution: Any) -> Problem:
    """
    The problem that both an instance and a solution are of.

    Raises
    ------
    TypeError
        If one of them is none, or the solution belongs to another problem.
    """
    check_instance(instance)
    problem = problems.get(instance.problem)
    if not isinstance(solution, problem.solution_type):
        raise TypeError(f"{problem.key} needs a {problem.solution_type.__name__}, got {type(solution).__name__}.")
    return problem


def judge(instance: Instance, solution: Solution, mode: JudgeMode = "strict") -> Verdict:
    """
    Recompute the objective of a solution and list every kind of rule that it breaks.

    Parameters
    ----------
    instance
        The instance; nothing that the solution or a solver declares is trusted.
    solution
        A solution of the same problem.
    mode
        "strict", or "frontierco" for the rules of the FrontierCO harness with their known holes
        (unrounded distances, floored CPMP distances, repeated visits accepted, ...).

    Raises
    ------
    TypeError
        If the solution belongs to another problem, or one of them is none.
    """
    problem = check_solution(instance, solution)
    if mode not in ("strict", "frontierco"):
        raise ValueError(f"mode must be 'strict' or 'frontierco', got {mode!r}.")
    verdict = problem.evaluate(instance, solution, mode)
    objective = verdict.objective
    if objective is not None and not math.isfinite(objective):
        return Verdict(None, (*verdict.violations, Violation("objective is not a finite number")))
    return verdict
