"""Solver "greedy": a fast construction for every problem, one module each."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

import cosolve
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.solvers.compiled import CompiledSolver

#: Problems whose construction finds a solution wherever there is one.
_SURE = frozenset({"stp"})


def none_found(problem: str) -> Outcome:
    """Where the construction of a problem has no solution."""
    if problem in _SURE:
        return Outcome(Status.INFEASIBLE, message="there is no solution: the construction finds one wherever there is.")
    return Outcome(message="no feasible start was found.")


class Greedy(CompiledSolver):
    """
    Construction heuristic: one solution, fast, feasible wherever that is easy; with a bound where one falls off (cflp).

    Each module here has ``construct(instance, monitor, rng) -> Solution | None``.
    """

    name = "greedy"
    title = "fast construction heuristic of the problem"
    problems = frozenset(
        {
            "tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw", "mis", "mds", "cflp", "cpmp", "fjsp", "stp", "optw",
            "optwvp",
        }
    )  # fmt: skip
    features = Feature.BOUND | Feature.SEED | Feature.DETERMINISTIC

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

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
        """See :meth:`Solver.solve`; construction ignores the clock, it is over before that matters."""
        module = importlib.import_module(f"cosolve.solvers.greedy.{instance.problem}")
        solution = module.construct(instance, monitor, np.random.default_rng(seed))
        if solution is None:
            return none_found(instance.problem)
        monitor.report(solution)
        return Outcome()
