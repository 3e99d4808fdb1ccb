"""
Solver "auto", the default: a fixed, documented plan for each problem and size.

A plan is a chain of solvers that hand the best solution on, each with a share of the time that is left when
it starts, and solvers beside it that run at the same time if there is a second thread. The choice depends on
the instance alone, never on what happens to be installed. ``docs/auto.md`` prints the table with the
measurements behind it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import cosolve
from cosolve.core.driver import run_adapter
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, PatientMonitor, StageMonitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver, join_messages, make_options, solvers
from cosolve.instances.stp import STPInstance
from cosolve.instances.vrptw import VRPTWInstance

#: Nothing is left to do after these.
_PROOFS = (Status.INFEASIBLE, Status.UNBOUNDED)


@dataclass(frozen=True)
class Stage:
    """
    One solver of a plan.

    Parameters
    ----------
    solver
        Registered name.
    share
        Part of the time left at its start that it may use, in (0, 1]; see :meth:`Monitor.allowance`.
    options
        Its own options.
    patience
        How many times as long as it took to its last solution it goes on without a better one; see
        :class:`cosolve.core.monitor.PatientMonitor`.
    """

    solver: str
    share: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)
    patience: float = math.inf


@dataclass(frozen=True)
class Plan:
    """
    What to run for an instance.

    Parameters
    ----------
    chain
        One after the other, each starting from the best solution so far.
    beside
        At the same time on a second thread; with one thread, before the last of the chain with their share.
    before
        With one thread only, before what stands beside: what finds a good solution, or proves an easy instance,
        soon enough that nobody should wait for the rest.
    """

    chain: tuple[Stage, ...]
    beside: tuple[Stage, ...] = ()
    before: tuple[Stage, ...] = ()

    @property
    def in_turn(self) -> tuple[Stage, ...]:
        """All stages in the order of a single thread."""
        return (*self.chain[:-1], *self.before, *self.beside, self.chain[-1])


#: Where nothing else keeps up with our own search.
_SEARCH = Plan((Stage("greedy"), Stage("local-search")))


def plan(instance: Instance) -> Plan:
    """The fixed choice for this problem and size."""
    n = instance.size
    match instance.problem:
        case "tsp" if 3 <= n <= 150:
            return Plan((Stage("greedy"), Stage("local-search", 0.01), Stage("scip")))
        case "tsp" if n > 20_000:
            return _SEARCH
        case "atsp" if n <= (200 if instance.is_integral else 100):
            stages = Stage("held-karp", 0.01), Stage("local-search", 0.02), Stage("cpsat", 0.7), Stage("local-search")
            return Plan((Stage("greedy"), *stages))
        case "tsp" | "atsp":
            return Plan(
                (Stage("greedy"), Stage("local-search")),
                beside=(Stage("held-karp", 0.2),),
                before=(Stage("held-karp", 0.01), Stage("local-search", 0.1)),
            )
        case "cvrp" if n <= 450 and getattr(instance, "max_length", None) is None:
            return Plan((Stage("greedy"), Stage("rr")), beside=(Stage("scip", 0.2),), before=(Stage("rr", 0.1),))
        case "cvrp" | "acvrp" | "vrptw" | "acvrptw" if n <= 20:
            return Plan((Stage("greedy"), Stage("rr", 0.02), Stage("cpsat", 0.7), Stage("rr")))
        case "cvrp" if n <= 1500:
            return Plan((Stage("greedy"), Stage("rr")), beside=(Stage("pyvrp", 0.2),), before=(Stage("rr", 0.1),))
        case "cvrp" if n <= 6000:
            return Plan((Stage("greedy"), Stage("rr")))
        case "cvrp":
            return _SEARCH
        case "acvrp" if n <= 50:
            return Plan((Stage("greedy"), Stage("rr")), beside=(Stage("cpsat", 0.2),), before=(Stage("rr", 0.1),))
        case "vrptw" | "acvrptw" if n <= 200 and _num_ways(instance) <= 65 * n:
            return Plan((Stage("greedy"), Stage("rr")), beside=(Stage("cpsat", 0.5),), before=(Stage("rr", 0.05),))
        case "acvrp" | "vrptw" | "acvrptw":
            return Plan((Stage("greedy"), Stage("rr")))
        case "mis" if n > 100_000:
            return _SEARCH
        case "mis" if n > 5_000:
            return Plan((Stage("greedy"), Stage("local-search", 0.6), Stage("cpsat")))
        case "mis":
            stages = Stage("local-search", 0.02), Stage("cpsat", 0.1), Stage("local-search", 0.6), Stage("cpsat")
            return Plan((Stage("greedy"), *stages))
        case "mds" if n > 100_000:
            return _SEARCH
        case "mds":
            return Plan(
                (Stage("greedy"), Stage("local-search", 0.15), Stage("highs")), beside=(Stage("local-search", 0.3),)
            )
        case "cflp":
            return Plan((Stage("greedy"), Stage("lagrangian")))
        case "cpmp" if n <= 300:
            stages = Stage("local-search", 0.02), Stage("highs", 0.1), Stage("local-search", 0.1), Stage("highs")
            return Plan((Stage("greedy"), *stages))
        case "cpmp" if n <= 3000:
            return Plan((Stage("greedy"), Stage("local-search", 0.6), Stage("highs")))
        case "cpmp":
            return _SEARCH
        case "fjsp" if n <= 1000:
            return Plan(
                (Stage("greedy"), Stage("local-search", 0.02), Stage("cpsat")),
                beside=(Stage("local-search", 0.5),),
                before=(Stage("cpsat", 0.1),),
            )
        case "fjsp":
            return Plan((Stage("greedy"), Stage("local-search", 0.85), Stage("cpsat")))
        case "stp" if n > 1000 or (isinstance(instance, STPInstance) and instance.num_edges < 2 * n):
            return _SEARCH
        case "stp":
            return Plan((Stage("greedy"), Stage("local-search", 0.6), Stage("scip")))
        case "regtree":
            return Plan((Stage("trees"),))
        case "milp":
            return Plan((Stage("local-search", 0.02, patience=2.0), Stage("scip")), beside=(Stage("highs", 0.2),))
        case "optw" | "optwvp":
            return Plan((Stage("labelling", 0.7), Stage("local-search")))
        case _:
            return Plan((Stage("highs"),))


def _num_ways(instance: Instance) -> int:
    """How many ways from place to place windows leave, by the earliest departure: CP-SAT has a variable for each."""
    assert isinstance(instance, VRPTWInstance)
    arrival = (instance.opens + instance.service)[:, None] + instance.durations.dense()
    return int((arrival <= instance.closes).sum())


class Auto(Solver):
    """The documented plan for the instance; see :func:`plan`."""

    name = "auto"
    title = "the documented choice for the problem and size (default)"
    problems = frozenset(
        {
            "tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw", "mis", "mds", "cflp", "cpmp", "fjsp", "stp", "milp",
            "regtree", "optw", "optwvp",
        }
    )  # fmt: skip
    features = Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.SEED | Feature.THREADS

    def available(self) -> Availability:
        """Always: every part of a plan is a dependency of the package."""
        return Availability(True, cosolve.__version__)

    def warm_up(self, instance: Instance) -> None:
        """Warm up every part of the plan, once those that come twice."""
        for name in dict.fromkeys(stage.solver for stage in plan(instance).in_turn):
            adapter = solvers.get(name)()
            if instance.problem in adapter.problems:
                adapter.warm_up(instance)

    def solve(
        self,
        instance: Instance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        run = _Run(instance, monitor, seed)
        chosen = plan(instance)
        if threads == 1:
            for stage in chosen.in_turn:
                run.stage(stage, 1)
            return run.outcome()
        side = threading.Thread(target=run.side, args=(chosen.beside,), name="cosolve-auto-beside", daemon=True)
        side.start()
        for stage in chosen.chain:
            run.stage(stage, max(1, threads - bool(chosen.beside)))
        run.is_over = True
        side.join()
        return run.outcome()


class _Run:
    """What the stages of one run share."""

    def __init__(self, instance: Instance, monitor: Monitor, seed: int) -> None:
        self.instance = instance
        self.monitor = monitor
        self.seed = seed
        self.is_over = False
        self._outcomes: list[tuple[str, float, Outcome]] = []
        self._limit: Limit | None = None

    def side(self, stages: tuple[Stage, ...]) -> None:
        """Run what stands beside the chain, with a seed of its own so that it does not search the same way."""
        for stage in stages:
            self.stage(stage, 1, _SideMonitor(self), self.seed + 1)

    def stage(self, stage: Stage, threads: int, monitor: Monitor | None = None, seed: int | None = None) -> None:
        if self.is_over or self.monitor.should_stop():
            return
        adapter = solvers.get(stage.solver)()
        if self.instance.problem not in adapter.problems:
            return
        is_in_chain = monitor is None
        if monitor is None:
            monitor = _ChainMonitor(self, stage)
        best = self.monitor.best
        initial = best.solution if best is not None and Feature.WARM_START in adapter.features else None
        start = perf_counter()
        try:
            outcome = run_adapter(
                adapter,
                self.instance,
                monitor,
                seed=(self.seed if seed is None else seed) if Feature.SEED in adapter.features else 0,
                threads=threads if Feature.THREADS in adapter.features else 1,
                initial=initial,
                options=make_options(adapter.options_type, stage.options),
            )
        except Exception as error:  # one part failing must not lose what the others found or still can find
            outcome = Outcome(status=Status.ERROR, message=f"{stage.solver}: {type(error).__name__}: {error}")
        monitor.close()
        self._outcomes.append((stage.solver, perf_counter() - start, outcome))
        self.is_over |= outcome.status in _PROOFS
        if is_in_chain:
            self._limit = outcome.limit  # of the last: what ended the run, where the clock has not yet struck

    def outcome(self) -> Outcome:
        outcomes = [outcome for _, _, outcome in self._outcomes]
        known = (*_PROOFS, Status.INFEASIBLE_OR_UNBOUNDED)  # which of the two does not matter where it stays open
        proofs = sorted((o.status for o in outcomes if o.status in known), key=known.index)
        failed = [outcome for outcome in outcomes if outcome.status is Status.ERROR]
        if proofs:
            status = proofs[0]
        elif self.monitor.best is None and failed and len(failed) == len(outcomes):
            status = Status.ERROR
        else:
            status = Status.FEASIBLE
        stages = [
            {"solver": name, "runtime": seconds, "status": outcome.status.value, **outcome.stats}
            for name, seconds, outcome in self._outcomes
        ]
        # Why one part could prove nothing is no news where another did.
        is_proven = bool(proofs) or self.monitor.is_proven
        telling = [o for o in outcomes if not is_proven or o.status in (*known, Status.OPTIMAL, Status.ERROR)]
        message = join_messages(*(outcome.message for outcome in telling))
        build_time = sum(outcome.build_time for outcome in outcomes)
        return Outcome(status, limit=self._limit, build_time=build_time, stats={"stages": stages}, message=message)


class _ChainMonitor(PatientMonitor):
    """Stops once there is a proof, from beside it, too."""

    def __init__(self, run: _Run, stage: Stage) -> None:
        super().__init__(run.monitor, run.monitor.allowance(stage.share), stage.patience)
        self._run = run

    def should_stop(self) -> bool:
        return self._run.is_over or super().should_stop()


class _SideMonitor(StageMonitor):
    """Stops with the chain, even though the time is not up."""

    def __init__(self, run: _Run) -> None:
        super().__init__(run.monitor)
        self._run = run

    def should_stop(self) -> bool:
        return self._run.is_over or super().should_stop()
