"""Solvers "rrnco" and "rrnco+": tours and routes of a trained network, and a search from there."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, StageMonitor
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Feature, Outcome, join_messages
from cosolve.instances.cvrp import CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance
from cosolve.solvers import rr
from cosolve.solvers.greedy.cvrp import first_out_of_reach
from cosolve.solvers.local_search import atsp, cvrp, tsp
from cosolve.solvers.neural import Decoded, DecodingOptions, DecodingSolver
from cosolve.solvers.route_pool import RoutePool

if TYPE_CHECKING:
    from cosolve.models.rrnco.predictor import Job, Prediction


#: Share of the time left that "rrnco+" joins the polished routes in, unless iterations are its limit.
_JOINING = 0.1


@dataclass(frozen=True)
class RoutesOptions(DecodingOptions):
    """
    Options of both: those of :class:`DecodingOptions`, where ``samples`` are those of each start and every other
    symmetry drives the routes backwards in time, and

    Parameters
    ----------
    starts
        First nodes that solutions are decoded from under each symmetry, at most; >= 1.
    """

    starts: int = 100
    default_samples: ClassVar[int] = 1
    symmetries: ClassVar[int] = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.starts < 1:
            raise ValueError(f"starts must be >= 1, got {self.starts}.")


@dataclass(frozen=True)
class RrncoOptions(RoutesOptions):
    """
    Options of "rrnco": those of :class:`RoutesOptions`, and

    Parameters
    ----------
    polish
        Whether descents improve the solutions, and the best choice of all their routes is taken; of tours the best.
    """

    polish: bool = False


@dataclass(frozen=True)
class RrncoPlusOptions(RoutesOptions):
    """Options of "rrnco+": those of :class:`RoutesOptions`; few are decoded, as the search makes more of the time."""

    augmentation: int = 1
    starts: int = 5


class Rrnco(DecodingSolver["Job", "Prediction"]):
    """
    Decode tours or routes with a network, from many starts and under symmetries, and keep the best [1]_.

    References
    ----------
    .. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with
           neural combinatorial optimization. *ICLR*.
    """

    name = "rrnco"
    title = "learned tours and routes on road networks"
    family = "rrnco"
    problems = frozenset({"tsp", "atsp", "cvrp", "acvrp", "vrptw", "acvrptw"})
    features = Feature.BATCH | Feature.GPU | Feature.SEED | Feature.THREADS | Feature.DETERMINISTIC
    options_type: ClassVar[type[Any]] = RrncoOptions

    #: Share of the time after which it stops to decode.
    decoding: ClassVar[float] = 1.0

    def network(self, folder: Path, options: Any) -> Any:
        """See :meth:`DecodingSolver.network`."""
        from cosolve.models.rrnco.predictor import network_of

        return network_of(folder, options.device, options.compile)

    def chunks(self, jobs: Sequence[Job], options: Any) -> Iterable[Sequence[int]]:
        """See :meth:`DecodingSolver.chunks`."""
        from cosolve.models.rrnco.predictor import in_chunks

        return in_chunks(jobs, options.augmentation * max(1, options.sampled), options.device)

    def predict(
        self, network: Any, jobs: Sequence[Job], seed: int, options: Any, should_stop: Callable[[], bool]
    ) -> list[list[Prediction]]:
        """See :meth:`DecodingSolver.predict`."""
        from cosolve.models.rrnco.predictor import predict

        return predict(
            network,
            jobs,
            symmetries=options.augmentation,
            starts=options.starts,
            samples=options.sampled,
            seed=seed,
            precision=options.precision,
            should_stop=should_stop,
        )

    def solve_batch(
        self,
        instances: Sequence[Instance],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: Any,
    ) -> list[Outcome]:
        """See :meth:`Solver.solve_batch`; whoever is out of reach needs no network to tell."""
        from cosolve.models.rrnco.predictor import Job

        outcomes = [Outcome(Status.INFEASIBLE, message="a customer is out of reach of any vehicle.")] * len(instances)
        some = [i for i, instance in enumerate(instances) if not _is_out_of_reach(instance)]
        jobs, watched = [Job(instances[i]) for i in some], [monitors[i] for i in some]
        choices = self.choose(jobs, options)
        self._begin(jobs, watched, seed)
        begun = max((m.elapsed() / m.stop.time_limit for m in watched if m.stop.time_limit > 0), default=0.0)
        share = begun + self.decoding * max(0.0, 1.0 - begun)
        decoded = self.decode(jobs, watched, choices, seed=seed, threads=threads, options=options, share=share)
        for k, (job, found, monitor) in enumerate(zip(jobs, decoded, watched, strict=True)):
            is_over = monitor.limit is not None or monitor.elapsed() > share * monitor.stop.time_limit
            if not (found.predictions or job.refusal or is_over):
                gaps = "some ways are missing, and no decoded solution does without them."
                why = gaps if job.has_gaps else "no decoded solution keeps all limits."
                message = join_messages(found.outcome.message, why)
                decoded[k] = replace(found, outcome=replace(found.outcome, message=message))
        for i, outcome in zip(some, self._finish(jobs, decoded, watched, seed, threads, options), strict=True):
            outcomes[i] = outcome
        return outcomes

    def _begin(self, jobs: Sequence[Job], monitors: Sequence[Monitor], seed: int) -> None:
        """What comes before the decoding."""

    def _finish(
        self, jobs: Sequence[Job], decoded: Sequence[Decoded[Prediction]], monitors: Sequence[Monitor], seed: int,
        threads: int, options: Any,
    ) -> list[Outcome]:  # fmt: skip
        """What follows the decoding."""
        for i, (job, found, monitor) in enumerate(zip(jobs, decoded, monitors, strict=True)):
            if options.polish and found.predictions:
                stage = StageMonitor(monitor, monitor.time_left() / (len(jobs) - i))
                _polish(job, found.predictions, stage, np.random.default_rng(seed), _pool_of(job), 1.0)
        return [found.outcome for found in decoded]


class RrncoPlus(Rrnco):
    """
    The network's solutions, improved by local search, and a search with perturbation from the best one until the limit.

    Routes of all of them and of the search are joined by set partitioning now and then: :mod:`.route_pool`.
    """

    name = "rrnco+"
    title = "learned tours and routes improved by local search"
    features = Rrnco.features | Feature.TRAJECTORY | Feature.WARM_START
    limits = frozenset({Limit.ITERATION})
    options_type = RrncoPlusOptions
    decoding = 0.1

    def _begin(self, jobs: Sequence[Job], monitors: Sequence[Monitor], seed: int) -> None:
        """Greedy solutions come first, as decoding takes long on a busy machine, unless they take long themselves."""
        for job, monitor in zip(jobs, monitors, strict=True):
            is_late = monitor.elapsed() > 0.5 * self.decoding * monitor.stop.time_limit
            # Who stops at the first solution asks for the network's.
            if monitor.best is None and monitor.stop.solutions is None and not is_late:
                _report_greedy(job.instance, monitor, np.random.default_rng(seed))

    def _finish(
        self, jobs: Sequence[Job], decoded: Sequence[Decoded[Prediction]], monitors: Sequence[Monitor], seed: int,
        threads: int, options: Any,
    ) -> list[Outcome]:  # fmt: skip
        """What is left of the time after decoding is shared out evenly; nobody is left without a greedy solution."""
        for job, monitor in zip(jobs, monitors, strict=True):
            if monitor.best is None:
                _report_greedy(job.instance, monitor, np.random.default_rng(seed))
        streams = np.random.default_rng(seed).spawn(len(jobs))
        outcomes = []
        for i, (job, found, monitor) in enumerate(zip(jobs, decoded, monitors, strict=True)):
            share = monitor.time_left() / (len(jobs) - i)
            stage = StageMonitor(monitor, share, monitor.stop.iterations)
            limit, pool = monitor.stop.iterations, None if stage.should_stop() else _pool_of(job)
            if found.predictions and not stage.should_stop():
                _polish(job, found.predictions, stage, streams[i], pool, _JOINING if limit is None else 1.0)
            if stage.should_stop():
                outcomes.append(found.outcome)
                continue
            # The given solution, if that was better, or a decoded one, or else a greedy one.
            start = None if monitor.best is None else monitor.best.solution
            others = [prediction.solution for prediction in found.predictions]
            searched = _search(job.instance, start, stage, streams[i], threads, pool, others)
            if limit is not None and searched.stats.get("iterations", 0) >= limit:
                monitor.interrupt(Limit.ITERATION)
            message = join_messages(found.outcome.message, searched.message)
            outcomes.append(replace(found.outcome, message=message, stats={**found.outcome.stats, **searched.stats}))
        return outcomes


def _is_out_of_reach(instance: Instance) -> bool:
    return isinstance(instance, VehicleRoutingInstance) and first_out_of_reach(instance) is not None


def _pool_of(job: Job) -> RoutePool | None:
    """None for tours, which have no use for its tables, and where these are too large."""
    return RoutePool(job.arrays) if _has_tables(job.instance) else None


def _has_tables(instance: Instance) -> bool:
    return isinstance(instance, VehicleRoutingInstance) and instance.distances.num_nodes <= rr.MAX_NODES


def _polish(
    job: Job,
    predictions: Sequence[Prediction],
    monitor: Monitor,
    rng: np.random.Generator,
    pool: RoutePool | None,
    share: float,
) -> None:
    """Descend: from all routes that the network found, which are joined then, or, without a pool, its best tour."""
    if pool is None:
        # Searches descend before they count.
        _search(job.instance, predictions[0].solution, StageMonitor(monitor, iterations=1), rng, 1)
        return
    if job.arrays.num_customers < 2:
        return
    # A descent keeps the limits only where its start does.
    starts = [found.visits for found in predictions if judge(job.instance, found.solution).feasible]
    if starts:
        monitor.report(job.arrays.routes(rr.polish(job.arrays, starts, monitor, pool, share)))


def _search(
    instance: Instance,
    start: Solution | None,
    monitor: Monitor,
    rng: np.random.Generator,
    threads: int,
    pool: RoutePool | None = None,
    others: Sequence[Solution] = (),
) -> Outcome:
    """
    Our own search from a solution on, or from one of its own where the network had nothing to say.

    Parameters
    ----------
    pool
        Of the routes, see :func:`cosolve.solvers.rr.search`.
    others
        More tours for directed ones, see :func:`cosolve.solvers.local_search.atsp.search`.
    """
    if isinstance(instance, VehicleRoutingInstance) and _has_tables(instance):
        return rr.search(instance, monitor, int(rng.integers(2**31)), threads, start, pool)
    if start is None:
        start = _report_greedy(instance, monitor, rng)
    if isinstance(instance, VehicleRoutingInstance):
        if isinstance(instance, CVRPInstance) and isinstance(start, Routes):
            return cvrp.search(instance, start, monitor, rng)
        return Outcome(message=f"no search above {rr.MAX_NODES} nodes.")
    assert isinstance(start, Tour)
    if isinstance(instance, ATSPInstance):
        return atsp.search(instance, start, monitor, rng, [one for one in others if isinstance(one, Tour)])
    assert isinstance(instance, TSPInstance)
    return tsp.search(instance, start, monitor, rng)


def _report_greedy(instance: Instance, monitor: Monitor, rng: np.random.Generator) -> Solution | None:
    module = importlib.import_module(f"cosolve.solvers.greedy.{instance.problem}")
    start: Solution | None = module.construct(instance, monitor, rng)
    if start is not None:
        monitor.report(start)
    return start
