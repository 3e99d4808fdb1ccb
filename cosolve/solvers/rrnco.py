"""Solvers "rrnco" and "rrnco+": tours and routes of a trained network, and a search from there."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor, StageMonitor
from cosolve.core.result import Limit
from cosolve.core.solver import Feature, Outcome
from cosolve.instances.cvrp import VehicleRoutingInstance
from cosolve.solvers.neural import DecodingOptions, DecodingSolver
from cosolve.solvers.rr import RuinRecreate

if TYPE_CHECKING:
    from cosolve.models.rrnco.predictor import Job, Prediction

#: Share of the time after which "rrnco+" stops to decode.
_DECODING = 0.1


@dataclass(frozen=True)
class RrncoOptions(DecodingOptions):
    """
    Options of "rrnco": those of :class:`DecodingOptions`, and

    Parameters
    ----------
    samples
        Solutions sampled from each start under each symmetry.
    starts
        First nodes that solutions are decoded from under each symmetry, at most; >= 1.
    polish
        Whether a short local search improves the best solution.
    """

    samples: int = 1
    starts: int = 100
    polish: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.starts < 1:
            raise ValueError(f"starts must be >= 1, got {self.starts}.")


@dataclass(frozen=True)
class RrncoPlusOptions(RrncoOptions):
    """Options of "rrnco+": those of "rrnco"; fewer solutions are decoded, as the search makes more of the time."""

    augmentation: int = 2
    starts: int = 20


class Rrnco(DecodingSolver):
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

    def solve_batch(
        self,
        instances: Sequence[Instance],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: Any,
    ) -> list[Outcome]:
        """See :meth:`Solver.solve_batch`."""
        decoded = _decode(instances, monitors, seed, threads, options)
        for instance, found, monitor in zip(instances, decoded, monitors, strict=True):
            if options.polish and found.predictions:
                # Searches descend before they count.
                stage = StageMonitor(monitor, iterations=1)
                _search(instance, found.predictions[0].solution, stage, np.random.default_rng(seed))
        return [found.outcome for found in decoded]


class RrncoPlus(Rrnco):
    """The network's best solution, improved by local search with perturbation until the limit."""

    name = "rrnco+"
    title = "learned tours and routes improved by local search"
    features = Rrnco.features | Feature.TRAJECTORY | Feature.WARM_START
    limits = frozenset({Limit.ITERATION})
    options_type = RrncoPlusOptions

    def solve_batch(
        self,
        instances: Sequence[Instance],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: Any,
    ) -> list[Outcome]:
        """See :meth:`Solver.solve_batch`; what is left of the time after decoding is shared out evenly."""
        decoded = _decode(instances, monitors, seed, threads, options, share=_DECODING)
        streams = np.random.default_rng(seed).spawn(len(instances))
        outcomes = []
        for i, (found, monitor) in enumerate(zip(decoded, monitors, strict=True)):
            share = monitor.time_left() / (len(instances) - i)
            stage = StageMonitor(monitor, share, monitor.stop.iterations)
            # The given solution, if that was better, or a decoded one.
            start = _greedy(instances[i], monitor, streams[i]) if monitor.best is None else monitor.best.solution
            if start is None or stage.should_stop():
                outcomes.append(found.outcome)
                continue
            searched = _search(instances[i], start, stage, streams[i])
            if searched.stats.get("iterations", 0) >= (monitor.stop.iterations or np.inf):
                monitor.interrupt(Limit.ITERATION)
            outcomes.append(replace(found.outcome, stats={**found.outcome.stats, **searched.stats}))
        return outcomes


def _search(instance: Instance, start: Solution, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Our own search from a solution on, until the monitor's limit."""
    if isinstance(instance, VehicleRoutingInstance):
        seed = int(rng.integers(2**31))
        return RuinRecreate().solve(instance, monitor, seed=seed, threads=1, initial=start, options=None)
    module = importlib.import_module(f"cosolve.solvers.local_search.{instance.problem}")
    outcome: Outcome = module.search(instance, start, monitor, rng)
    return outcome


def _greedy(instance: Instance, monitor: Monitor, rng: np.random.Generator) -> Solution | None:
    """Something to begin with where the network had nothing to say."""
    module = importlib.import_module(f"cosolve.solvers.greedy.{instance.problem}")
    start: Solution | None = module.construct(instance, monitor, rng)
    if start is not None:
        monitor.report(start)
    return start


@dataclass(frozen=True)
class _Decoded:
    """What the network made of an instance; no predictions if time was up before, or it is too large."""

    job: Job | None
    outcome: Outcome
    predictions: list[Prediction] = field(default_factory=list)


def _decode(
    instances: Sequence[Instance],
    monitors: Sequence[Monitor],
    seed: int,
    threads: int,
    options: RrncoOptions,
    share: float = 1.0,
) -> list[_Decoded]:
    """Decode for at most a share of the time, and report the best solution of each instance."""
    from cosolve.models import checkpoints
    from cosolve.models.devices import cpu_threads, device_of
    from cosolve.models.rrnco import predictor
    from cosolve.models.rrnco.instances import arrays_of, facts

    device_of(options.device)
    decoded: list[_Decoded] = []
    groups: dict[Path, list[int]] = {}
    for i, instance in enumerate(instances):
        if instance.size > predictor.MAX_NODES:
            message = f"more than {predictor.MAX_NODES} places: the network was not asked."
            decoded.append(_Decoded(None, Outcome(message=message)))
            continue
        job = predictor.Job(instance, arrays_of(instance))
        problem = predictor.NETWORK[instance.problem]
        checkpoint, outside = checkpoints.choose("rrnco", options.checkpoint, facts(job.arrays, job.is_tour), problem)
        message = f"outside of what {checkpoint.name} was trained on: {'; '.join(outside)}." if outside else ""
        decoded.append(_Decoded(job, Outcome(stats={"checkpoint": checkpoint.name}, message=message)))
        groups.setdefault(checkpoint.folder, []).append(i)
    samples = options.samples if options.decode == "sampling" else 0

    def is_over(chunk: Sequence[int]) -> bool:
        return any(
            monitors[i].should_stop() or monitors[i].elapsed() > share * monitors[i].stop.time_limit for i in chunk
        )

    for folder, members in groups.items():
        network = predictor.network_of(folder, options.device, options.compile)
        jobs = [found for i in members if (found := decoded[i].job) is not None]
        for numbers in predictor.in_chunks(
            jobs, options.augmentation * max(1, samples), options.starts, options.device
        ):
            chunk, some = [members[k] for k in numbers], [jobs[k] for k in numbers]
            if is_over(chunk):
                continue
            with cpu_threads(threads):
                several = predictor.predict(
                    network,
                    some,
                    symmetries=options.augmentation,
                    starts=options.starts,
                    samples=samples,
                    seed=seed,
                    precision=options.precision,
                    should_stop=partial(is_over, chunk),
                )
            for i, predictions in zip(chunk, several, strict=True):
                decoded[i].predictions.extend(predictions)
                if predictions:
                    monitors[i].report(predictions[0].solution, predictions[0].cost)
    return decoded
