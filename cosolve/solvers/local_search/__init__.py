"""Solver "local-search": our own anytime search for every problem, one module each over kernels of cosolve.search."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

import cosolve
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.solvers.compiled import CompiledSolver
from cosolve.solvers.greedy import none_found

#: Problems without a construction of their own.
_STARTS_ITSELF = frozenset({"milp"})


class LocalSearch(CompiledSolver):
    """
    Start (given, from "greedy", or the search's own), then local search with perturbation until the limit.

    Each module here has ``search(instance, start, monitor, rng) -> Outcome`` and reports improvements itself;
    its path depends on the random stream and ``monitor.stop.iterations`` alone, never on the clock.
    """

    name = "local-search"
    title = "cosolve's own iterated local search"
    problems = frozenset({"tsp", "atsp", "cvrp", "mis", "mds", "cflp", "cpmp", "fjsp", "stp", "milp", "optw", "optwvp"})
    features = Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.DETERMINISTIC
    limits = frozenset({Limit.ITERATION})
    warm_up_iterations = 1000

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
        """See :meth:`Solver.solve`."""
        rng = np.random.default_rng(seed)
        start = initial
        if start is None and instance.problem not in _STARTS_ITSELF:
            greedy = importlib.import_module(f"cosolve.solvers.greedy.{instance.problem}")
            start = greedy.construct(instance, monitor, rng)
            if start is None:
                return none_found(instance.problem)
            monitor.report(start)
        if monitor.should_stop():
            return Outcome()
        module = importlib.import_module(f"cosolve.solvers.local_search.{instance.problem}")
        return module.search(instance, start, monitor, rng)
