"""Trained networks by name, and their routes for whole lists of instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.models import checkpoints
from cosolve.models.decost.batch import Batch, arrays_of, coords_of
from cosolve.models.decost.config import DecostConfig
from cosolve.models.decost.inference import facts, propose, timed_route
from cosolve.models.decost.network import Network
from cosolve.models.decost.rollout import optimise
from cosolve.models.devices import autocast, device_of
from cosolve.models.watch import TimeUpError
from cosolve.search.orienteering import Arrays

#: Pairs of places that are decoded together, for each kind of device; a pair takes about 0.5 KB.
MAX_PAIRS = {"cpu": 400_000, "cuda": 20_000_000}

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
    network = Network(checkpoint.config(DecostConfig).model)
    checkpoint.load_into(network)
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
    """
    where = next(network.parameters()).device
    batch = Batch.of([job.arrays for job in jobs], [coords_of(job.instance, job.arrays) for job in jobs]).to(where)
    generator = torch.Generator(where).manual_seed(seed)
    # A large instance does not fit under all symmetries at once.
    together = max(1, MAX_PAIRS[where.type] // batch.travel.numel())
    parts = []
    with autocast(where, precision):
        for first in range(0, symmetries, together):
            some = range(first, min(first + together, symmetries))
            try:
                parts.append(
                    propose(
                        network, batch, symmetries=some, samples=samples, generator=generator, should_stop=should_stop
                    )
                )
            except TimeUpError:
                break
    if not parts:
        return [[] for _ in jobs]
    most = max(choices.shape[2] for choices, _ in parts)
    choices = torch.cat([functional.pad(choices, (0, most - choices.shape[2])) for choices, _ in parts], dim=1)
    tables = [table.cpu().numpy() for table in (choices, *optimise(batch, choices))]
    out = []
    for job, routes, profit, start, duration in zip(jobs, *tables, strict=True):
        found: dict[bytes, Prediction] = {}
        for k in np.argsort(-profit, kind="stable"):
            customers = routes[k][routes[k] > 0]
            if customers.tobytes() not in found:
                route = timed_route(job.instance, job.arrays, routes[k], start[k], duration[k])
                found[customers.tobytes()] = Prediction(customers, route, float(profit[k]))
        out.append(list(found.values()))
    return out
