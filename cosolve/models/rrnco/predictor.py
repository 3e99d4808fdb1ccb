"""Trained networks by name, and their solutions for whole lists of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosolve.core.errors import InvalidFileError
from cosolve.core.instance import Instance, Solution
from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.instances.tsp import TSPInstance
from cosolve.models import checkpoints
from cosolve.models.devices import autocast, device_of, stream
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import RrncoConfig
from cosolve.models.rrnco.inference import propose
from cosolve.models.rrnco.instances import arrays_of, facts, solution_of
from cosolve.models.rrnco.network import Network
from cosolve.models.shortlist import Shortlist

#: Entries of the encoder's tables, a square for each copy of an instance, that are held together, for each kind of
#: device; one takes up to 100 bytes. No more solutions than nodes are decoded from a copy, with a row of scores each.
MAX_SCORES = {"cpu": 1_000_000, "cuda": 100_000_000}

#: Scores of nodes in all whose decoding takes some tenths of a second on a CPU, two seconds on a GPU.
_LONG = {"cpu": 5_000_000, "cuda": 1_000_000_000}

#: Nodes of the largest instance that is decoded.
MAX_NODES = 2000

#: Problem of an instance to that of the network: symmetric ones are a special case.
NETWORK = {
    "tsp": "atsp",
    "atsp": "atsp",
    "cvrp": "acvrp",
    "acvrp": "acvrp",
    "vrptw": "acvrptw",
    "acvrptw": "acvrptw",
}


@dataclass(frozen=True)
class Job:
    """An instance."""

    instance: Instance

    @cached_property
    def arrays(self) -> RoutingArrays:
        """With coordinates."""
        return arrays_of(self.instance)

    @property
    def refusal(self) -> str:
        """Why no network is asked about it; empty if one is."""
        return f"more than {MAX_NODES} places" if self.instance.size > MAX_NODES else ""

    @property
    def problem(self) -> str:
        """That the networks are for."""
        return NETWORK[self.instance.problem]

    @property
    def facts(self) -> Mapping[str, float]:
        """What a checkpoint's coverage is about."""
        return facts(self.arrays, self.is_tour)

    @property
    def is_tour(self) -> bool:
        """Whether it has no depot."""
        return isinstance(self.instance, TSPInstance)

    @property
    def has_gaps(self) -> bool:
        """Whether some node can't be reached from some other one directly."""
        return not (np.isfinite(self.arrays.distance).all() and np.isfinite(self.arrays.duration).all())

    @property
    def num_nodes(self) -> int:
        """The depot included."""
        return len(self.arrays.nodes)


@dataclass(frozen=True)
class Prediction:
    """
    A decoded solution.

    Parameters
    ----------
    visits
        Places of each route, or of the one tour, by numbers of the job's ``arrays``.
    solution
        The same for the judge.
    objective
        Cost of it.
    """

    visits: list[np.ndarray]
    solution: Solution
    objective: float


@checkpoints.kept_while_unchanged
def network_of(folder: Path, device: str, compiled: bool = False) -> Network:
    """A checkpoint's network on its device, compiled by PyTorch or not."""
    checkpoint = checkpoints.read(folder)
    config = checkpoint.config(RrncoConfig)
    if config.data.problem != checkpoint.problem:
        said = f"[checkpoint] problem is {checkpoint.problem!r}, [data] problem {config.data.problem!r}"
        raise InvalidFileError(f"{said}; they must be the same.", folder / checkpoints.CONFIG)
    network = checkpoint.network(lambda: Network(config.model, config.data.problem))
    network = network.to(device_of(device)).eval()
    if compiled:
        network.compile_parts()
    return network


def in_chunks(jobs: Sequence[Job], copies: int, device: str) -> Iterator[list[int]]:
    """
    Numbers of jobs to be decoded together: of one size, and with limits of the same kind, as many as fit.

    Parameters
    ----------
    copies
        Times that each of them is encoded.
    """
    most = MAX_SCORES[device.partition(":")[0]]
    groups: dict[tuple[int, bool, bool], list[int]] = {}
    for i, job in enumerate(jobs):
        is_timed = bool(np.isfinite(job.arrays.closes).any())
        groups.setdefault((job.num_nodes, job.is_tour, is_timed), []).append(i)
    for (n, _, _), members in groups.items():
        together = max(1, most // (copies * n * n))
        for first in range(0, len(members), together):
            yield members[first : first + together]


@torch.inference_mode()
def predict(
    network: Network,
    jobs: Sequence[Job],
    *,
    symmetries: int,
    starts: int = 0,
    samples: int = 0,
    seed: int = 0,
    precision: str = "float32",
    keep: int = 32,
    should_stop: Callable[[], bool] | None = None,
) -> list[list[Prediction]]:
    """
    Different solutions for each job, the cheapest first; fewer or none if stopped.

    Parameters
    ----------
    jobs
        Of one chunk of :func:`in_chunks`.
    symmetries
        How many of them.
    starts
        First nodes under each; 0 for all.
    samples
        Solutions sampled from each start; 0 for the one of greatest probabilities.
    seed
        Of the samples.
    precision
        "float32" or "bfloat16".
    keep
        Solutions of each job at most.
    """
    if jobs[0].num_nodes == 1 and not jobs[0].is_tour:
        # Nobody to serve, and no first node to decode from.
        nothing = np.empty(0, np.int64)
        return [[Prediction([], solution_of(job.instance, job.arrays, nothing), 0.0)] for job in jobs]
    where = next(network.parameters()).device
    batch = Batch.of([job.arrays for job in jobs], is_tour=jobs[0].is_tour).to(where)
    generator = stream(where, seed) if samples else None
    n = batch.num_nodes
    together = max(1, MAX_SCORES[where.type] // (n**2 * len(jobs)))
    best: list[Shortlist[Prediction]] = [Shortlist(keep) for _ in jobs]
    with autocast(where, precision):
        if len(jobs) * symmetries * max(1, samples) * min(starts or n, n) * n * n > _LONG[where.type]:
            # One solution each, in case there is no time for more.
            quick = propose(network, batch, symmetries=[0], starts=1, should_stop=should_stop)
            if quick is not None:
                _take_in(best, jobs, *quick)
        for first in range(0, symmetries * max(1, samples), together):
            some = [k % symmetries for k in range(first, min(first + together, symmetries * max(1, samples)))]
            found = propose(
                network, batch, symmetries=some, starts=starts, generator=generator, should_stop=should_stop
            )
            if found is None:
                break
            _take_in(best, jobs, *found)
    return [each.predictions for each in best]


def _take_in(best: Sequence[Shortlist[Prediction]], jobs: Sequence[Job], choices: Tensor, cost: Tensor) -> None:
    """A part of the decoding: complete solutions, each once: tours turned to begin alike, routes in one order."""
    for each, job, rows, values in zip(best, jobs, choices.cpu().numpy(), cost.cpu().numpy(), strict=True):
        seen = set()
        for k in np.argsort(values, kind="stable"):
            row, value = rows[k], float(values[k])
            if not np.isfinite(value) or not each.has_room(value):
                break
            # Samples of a small instance are the same few over and over.
            if row.tobytes() in seen:
                continue
            seen.add(row.tobytes())
            if job.is_tour:
                visits = [np.roll(row, -int(row.argmin()))]
            else:
                visits = [part[part > 0] for part in np.split(row, np.flatnonzero(row == 0))]
                visits = sorted((part for part in visits if len(part)), key=lambda part: int(part[0]))
            key = tuple(part.tobytes() for part in visits)
            each.add(key, value, partial(_prediction, job, visits, row, value))


def _prediction(job: Job, visits: list[np.ndarray], row: np.ndarray, cost: float) -> Prediction:
    return Prediction(visits, solution_of(job.instance, job.arrays, row), cost)
