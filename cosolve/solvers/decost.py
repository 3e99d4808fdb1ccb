"""Solvers "decost" and "decost+": routes of a trained network with optimal service times, and a search from there."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Feature, Outcome
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search import orienteering_local
from cosolve.search.slices import Slices
from cosolve.solvers.neural import Choice, DecodingOptions, DecodingSolver
from cosolve.solvers.orienteering import in_own_units, timed

if TYPE_CHECKING:
    from cosolve.models.decost.predictor import Job, Prediction

#: Iterations of the local search before the next start's turn.
_TURN = 100

#: Routes of the network that are kept at least, in case the judge refuses the best.
_KEEP = 32

#: Share of the time after which "decost+" stops to decode: a route that was cut short is still worth a search.
_DECODING = 0.5


@dataclass(frozen=True)
class DecostOptions(DecodingOptions):
    """Options of "decost": see :class:`DecodingOptions`; ``samples`` are those of each symmetry."""


@dataclass(frozen=True)
class DecostPlusOptions(DecostOptions):
    """
    Options of "decost+": those of "decost", and

    Parameters
    ----------
    starts
        Different routes of the network, the best ones, that the search goes on from in turns, >= 1.
    """

    starts: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.starts < 1:
            raise ValueError(f"starts must be >= 1, got {self.starts}.")


class Decost(DecodingSolver["Job", "Prediction"]):
    """
    Decode routes with a network, optimise their service times, keep the best [1]_.

    References
    ----------
    .. [1] Gao, S., Ruan, R., Floor, P., Roveri, M., Palopoli, L., Fontanelli, D. (2026). Learning to solve the
           orienteering problem with time windows and variable profits. *ICLR*.
    """

    name = "decost"
    title = "learned routes with optimal service times (optwvp)"
    family = "decost"
    problems = frozenset({"optwvp"})
    features = Feature.BATCH | Feature.GPU | Feature.SEED | Feature.THREADS | Feature.DETERMINISTIC
    options_type: ClassVar[type[Any]] = DecostOptions

    def network(self, folder: Path, options: Any) -> Any:
        """See :meth:`DecodingSolver.network`."""
        from cosolve.models.decost.predictor import network_of

        return network_of(folder, options.device, options.compile)

    def chunks(self, jobs: Sequence[Job], options: Any) -> Iterable[Sequence[int]]:
        """See :meth:`DecodingSolver.chunks`."""
        from cosolve.models.decost.predictor import in_chunks

        return in_chunks(jobs, options.augmentation * max(1, options.sampled), options.device)

    def predict(
        self, network: Any, jobs: Sequence[Job], seed: int, options: Any, should_stop: Callable[[], bool]
    ) -> list[list[Prediction]]:
        """See :meth:`DecodingSolver.predict`."""
        from cosolve.models.decost.predictor import predict

        return predict(
            network,
            jobs,
            symmetries=options.augmentation,
            samples=options.sampled,
            seed=seed,
            precision=options.precision,
            keep=max(_KEEP, options.starts if isinstance(options, DecostPlusOptions) else 0),
            should_stop=should_stop,
        )

    def solve_batch(
        self,
        instances: Sequence[OPTWVPInstance],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: DecostOptions,
    ) -> list[Outcome]:
        """See :meth:`Solver.solve_batch`."""
        jobs, choices, monitors = self._begin(instances, monitors, options)
        decoded = self.decode(jobs, monitors, choices, seed=seed, threads=threads, options=options)
        return [found.outcome for found in decoded]

    def _begin(
        self, instances: Sequence[OPTWVPInstance], monitors: Sequence[Monitor], options: DecostOptions
    ) -> tuple[list[Job], list[Choice], list[Monitor]]:
        """What is to be done, in units of its own; staying at home is reported for each: any other route beats it."""
        from cosolve.models.decost.predictor import Job

        scaled = [in_own_units(whole, parent) for whole, parent in zip(instances, monitors, strict=True)]
        jobs = [Job(instance) for instance, _ in scaled]
        choices = self.choose(jobs, options)
        nothing = np.empty(0)
        for _, monitor in scaled:
            monitor.report(TimedRoute(customers=nothing, start=nothing, duration=nothing), 0.0)
        return jobs, choices, [monitor for _, monitor in scaled]


class DecostPlus(Decost):
    """The network's best routes, improved by iterated local search until the limit."""

    name = "decost+"
    title = "learned routes improved by local search (optwvp)"
    features = Decost.features | Feature.TRAJECTORY | Feature.WARM_START
    limits = frozenset({Limit.ITERATION})
    options_type = DecostPlusOptions

    def solve(
        self,
        instance: OPTWVPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        return self._run([instance], [monitor], seed, threads, options, initial)[0]

    def solve_batch(
        self,
        instances: Sequence[OPTWVPInstance],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: Any,
    ) -> list[Outcome]:
        """See :meth:`Solver.solve_batch`; what is left of the time after decoding is shared out evenly."""
        return self._run(instances, monitors, seed, threads, options, None)

    def _run(
        self,
        instances: Sequence[OPTWVPInstance],
        monitors: Sequence[Monitor],
        seed: int,
        threads: int,
        options: DecostPlusOptions,
        initial: Solution | None,
    ) -> list[Outcome]:
        jobs, choices, monitors = self._begin(instances, monitors, options)
        inserted = [orienteering_local.construct(job.arrays) for job in jobs]
        for job, monitor, route in zip(jobs, monitors, inserted, strict=True):
            # At hand at once, where a large instance takes the network longer than there is time.
            monitor.report(timed(job.instance, job.arrays.places[route]), job.arrays.profit(route))
        decoded = self.decode(jobs, monitors, choices, seed=seed, threads=threads, options=options, share=_DECODING)
        streams = np.random.default_rng(seed).spawn(len(instances))
        outcomes = []
        for i, (job, found, monitor) in enumerate(zip(jobs, decoded, monitors, strict=True)):
            until = monitor.elapsed() + monitor.time_left() / (len(instances) - i)
            starts = [prediction.customers for prediction in found.predictions[: options.starts]] or [inserted[i]]
            if isinstance(initial, TimedRoute):
                number = {place: k for k, place in enumerate(job.arrays.places.tolist())}
                known = np.array([number[place] for place in initial.customers.tolist() if place in number], np.int64)
                # Without the customers that are worth nothing it may be another route, and a detour too far.
                if job.arrays.profit(known) >= 0:
                    starts.insert(0, known)
            iterations = _improve(job, starts, monitor, until, streams[i])
            outcomes.append(replace(found.outcome, stats={**found.outcome.stats, "iterations": iterations}))
        return outcomes


def _improve(job: Job, starts: Sequence[np.ndarray], monitor: Monitor, until: float, rng: np.random.Generator) -> int:
    """Local search from each start in turns; number of iterations."""
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    arrays = job.arrays
    states = [orienteering_local.start(arrays, route, seed=int(rng.integers(2**62))) for route in starts]
    # What everybody earns if time is no matter: nothing is left to search for.
    most = float(arrays.worth.sum()) * (1 - 1e-9)
    best, done = 0.0 if monitor.best is None else monitor.best.objective, 0
    while not monitor.should_stop() and monitor.elapsed() < until and done < limit and best < most:
        state = states[done // _TURN % len(states)]
        turn, begin = Slices(int(min(_TURN, limit - done))), state.iteration

        def run(count: int, state: orienteering_local.SearchState = state, begin: int = begin) -> int:
            return orienteering_local.run(arrays, state, count) - begin

        while not turn.is_out and not monitor.should_stop() and monitor.elapsed() < until:
            turn.run(run)
        done += turn.done
        if state.best > best:
            best = state.best
            monitor.report(timed(job.instance, arrays.places[state.best_visits]), best)
    if done >= limit:
        monitor.interrupt(Limit.ITERATION)
    return done
