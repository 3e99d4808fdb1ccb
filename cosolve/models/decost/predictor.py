"""Trained networks by name, and their routes for whole lists of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.models import checkpoints
from cosolve.models.decost.batch import Batch, arrays_of, coords_of
from cosolve.models.decost.config import DecostConfig
from cosolve.models.decost.inference import facts, propose, timed_route
from cosolve.models.decost.network import Network
from cosolve.models.decost.rollout import optimise
from cosolve.models.devices import autocast, device_of, stream
from cosolve.models.shortlist import Shortlist
from cosolve.models.watch import TimeUpError
from cosolve.search.orienteering import Arrays

#: Pairs of places that are decoded together, for each kind of device; a pair takes about 0.5 KB.
MAX_PAIRS = {"cpu": 400_000, "cuda": 20_000_000}

#: Samples under each symmetry that are decoded together at least: each part encodes its instances anew.
_MIN_SAMPLES = 16

#: Places of the largest instance that is decoded: its pairs take half a gigabyte.
MAX_PLACES = 1000


@dataclass(frozen=True)
class Job:
    """An instance."""

    instance: OPTWVPInstance

    @cached_property
    def arrays(self) -> Arrays:
        """As the kernels see it."""
        return arrays_of(self.instance)

    @property
    def refusal(self) -> str:
        """Why no network is asked about it; empty if one is."""
        return f"more than {MAX_PLACES} reachable places" if len(self.arrays.places) > MAX_PLACES else ""

    @property
    def problem(self) -> str:
        """That the networks are for."""
        return "optwvp"

    @property
    def facts(self) -> Mapping[str, float]:
        """What a checkpoint's coverage is about."""
        return facts(self.instance, self.arrays)


@dataclass(frozen=True)
class Prediction:
    """
    A decoded route.

    Parameters
    ----------
    customers
        In order, by numbers of the job's ``arrays``.
    solution
        The route with its best service times.
    objective
        Its profit.
    """

    customers: np.ndarray
    solution: TimedRoute
    objective: float


@checkpoints.kept_while_unchanged
def network_of(folder: Path, device: str, compiled: bool = False) -> Network:
    """A checkpoint's network on its device, compiled by PyTorch or not."""
    checkpoint = checkpoints.read(folder)
    network = checkpoint.network(lambda: Network(checkpoint.config(DecostConfig).model))
    network = network.to(device_of(device)).eval()
    if compiled:
        network.compile_parts()
    return network


def in_chunks(jobs: Sequence[Job], routes: int, device: str) -> Iterator[list[int]]:
    """
    Numbers of jobs to be decoded together: like sizes, so that there is little padding, and as many as fit.

    Parameters
    ----------
    routes
        Decoded for each of them.
    """
    most = MAX_PAIRS[device.partition(":")[0]]
    rest = sorted(range(len(jobs)), key=lambda i: len(jobs[i].arrays.places))
    while rest:
        pairs = routes * len(jobs[rest[-1]].arrays.places) ** 2
        chunk = rest[-max(1, most // pairs) :]
        del rest[-len(chunk) :]
        yield chunk


@torch.inference_mode()
def predict(
    network: Network,
    jobs: Sequence[Job],
    *,
    symmetries: int,
    samples: int,
    seed: int,
    precision: str = "float32",
    keep: int = 32,
    should_stop: Callable[[], bool] | None = None,
) -> list[list[Prediction]]:
    """
    Different routes for each job, the most profitable first; fewer or none if stopped.

    Parameters
    ----------
    symmetries
        How many of the eight.
    samples, should_stop
        As for :func:`cosolve.models.decost.inference.propose`.
    seed
        Of the samples.
    precision
        "float32" or "bfloat16".
    keep
        Routes of each job at most.
    """
    where = next(network.parameters()).device
    batch = Batch.of([job.arrays for job in jobs], [coords_of(job.instance, job.arrays) for job in jobs]).to(where)
    generator = stream(where, seed)
    # A large instance does not fit under all symmetries at once.
    together = max(1, MAX_PAIRS[where.type] // batch.travel.numel())
    # Nor do any number of samples, which would all be cut short together when time is up.
    at_once = max(_MIN_SAMPLES, together // symmetries)
    best: list[Shortlist[Prediction]] = [Shortlist(keep) for _ in jobs]
    with autocast(where, precision):
        for done in range(0, max(1, samples), at_once):
            for first in range(0, symmetries, together):
                some = range(first, min(first + together, symmetries))
                count = min(at_once, samples - done)
                try:
                    choices, _ = propose(
                        network, batch, symmetries=some, samples=count, generator=generator, should_stop=should_stop
                    )
                except TimeUpError:
                    return [each.predictions for each in best]
                _take_in(best, jobs, choices, *optimise(batch, choices))
    return [each.predictions for each in best]


def _take_in(
    best: Sequence[Shortlist[Prediction]], jobs: Sequence[Job], choices: Tensor, profit: Tensor, *times: Tensor
) -> None:
    """A part of the decoding, each route once, at its best service times."""
    tables = [table.cpu().numpy() for table in (choices, profit, *times)]
    for each, job, routes, profits, start, duration in zip(best, jobs, *tables, strict=True):
        for k in np.argsort(-profits, kind="stable"):
            value = float(profits[k])
            if not each.has_room(-value):
                break
            customers = routes[k][routes[k] > 0]
            made = partial(_prediction, job, customers, routes[k], value, start[k], duration[k])
            each.add(customers.tobytes(), -value, made)


def _prediction(
    job: Job, customers: np.ndarray, choices: np.ndarray, profit: float, start: np.ndarray, duration: np.ndarray
) -> Prediction:
    return Prediction(customers, timed_route(job.instance, job.arrays, choices, start, duration), profit)
