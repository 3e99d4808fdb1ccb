"""What solvers over compiled kernels share: compilation happens before the clock starts."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from cosolve.core.instance import Instance
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Solver
from cosolve.core.stop import Stop
from cosolve.instances.generators import generate
from cosolve.instances.tiny import tiny_instances

#: Small instances that between them reach every kernel of their problem: sparse and dense graphs have their own.
_FAMILIES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "tsp": (("uniform", {"size": 60}),),
    "atsp": (("uniform", {"size": 12}),),
    "cvrp": (("uniform", {"n": 40}),),
    "acvrp": (("road", {"n": 20, "points": 100}),),
    "vrptw": (("uniform", {"n": 20}),),
    "acvrptw": (("road", {"n": 20, "points": 100}),),
    "mis": (("er", {"nodes": 120, "probability": 0.03}), ("er", {"nodes": 40, "probability": 0.6})),
    "mds": (("ba", {"nodes": 80}),),
    "cflp": (("cornuejols", {"facilities": 8, "customers": 12}),),
    "cpmp": (("osman", {"n": 30, "p": 4}),),
    "fjsp": (("sd2", {"jobs": 4, "machines": 3, "operations": 3}),),
    "optw": (("uniform", {"size": 14}),),
    "optwvp": (("hard", {"size": 14, "width": 4.0}),),
    "stp": (
        ("hypercube", {"dimensions": 5}),
        ("hypercube", {"dimensions": 5, "perturbed": True}),
        ("random", {"num_nodes": 60, "num_edges": 90, "num_terminals": 15}),
    ),
    "milp": (
        ("auction", {"items": 10, "bids": 30}),
        ("set-cover", {"rows": 10, "columns": 20, "density": 0.3}),
    ),
    "regtree": (
        ("friedman1", {"n": 50, "p": 5, "max_depth": 3}),
        ("household", {"n": 50, "max_depth": 2, "alpha": 0.01, "min_samples_leaf": 2}),
    ),
}

#: What only instances above a size reach: the size, and an instance that does.
_LARGE: dict[str, tuple[int, tuple[str, dict[str, Any]]]] = {
    "mis": (10_000, ("er", {"nodes": 14_000, "probability": 4 / 14_000})),
}


#: Seconds that a warm-up run may take: all kernels compiled from nothing on a machine that is busy with other work.
WARM_UP_TIME = 900.0


@cache
def small_instances(problem: str) -> tuple[Instance, ...]:
    """Instances that :meth:`CompiledSolver.warm_up` runs on, tiny ones among them; empty where there are no kernels."""
    if problem not in _FAMILIES:
        return ()
    made = [generate(problem, family, seed=1, **parameters) for family, parameters in _FAMILIES[problem]]
    return tuple(made + [instance for instance, _ in tiny_instances(problem)])


def solve_tiny(solver: Solver, problem: str) -> None:
    """Solve the tiny instances of a problem that has kernels: what backends call back into is compiled then."""
    if problem not in _FAMILIES:
        return
    for instance, _ in tiny_instances(problem):
        monitor = Monitor(instance, Stop(time_limit=1.0))
        solver.solve(instance, monitor, seed=0, threads=1, initial=None, options=solver.options_type())


class CompiledSolver(Solver):
    """
    Base of solvers that run kernels compiled by numba.

    The first use of a kernel on a machine compiles it, for seconds to half a minute; the result is kept on
    disk. That is no search, so it happens before the time limit starts to count.
    """

    #: Iterations that reach every kernel, perturbation and restarts included.
    warm_up_iterations: ClassVar[int] = 300

    def warm_up(self, instance: Instance) -> None:
        """Compile, or load from disk, what this instance's problem needs."""
        size, _ = _LARGE.get(instance.problem, (instance.size, None))
        _warm_up(type(self), instance.problem, instance.size > size)


@cache
def _warm_up(solver: type[CompiledSolver], problem: str, is_large: bool) -> None:
    adapter = solver()
    iterations = adapter.warm_up_iterations if Limit.ITERATION in adapter.limits else None
    instances = small_instances(problem)
    if is_large:
        family, parameters = _LARGE[problem][1]
        instances += (generate(problem, family, seed=1, **parameters),)
    for instance in instances:
        monitor = Monitor(instance, Stop(time_limit=WARM_UP_TIME, iterations=iterations))
        adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
