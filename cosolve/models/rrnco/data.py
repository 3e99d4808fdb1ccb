"""Training and validation instances: places in cities, with good solutions as labels where they are wanted."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosolve.core.instance import Instance
from cosolve.core.problem import judge
from cosolve.instances.distances import Distances
from cosolve.instances.files import replacing
from cosolve.instances.generators.road import acvrp_at, acvrptw_at
from cosolve.instances.generators.roads import CITIES, draw_places, road_tables
from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.instances.tsp import ATSPInstance
from cosolve.models.rrnco import labels
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import DataConfig
from cosolve.models.rrnco.instances import arrays_of, solution_of
from cosolve.models.sampler import Helpers, Sampler, later, wanted
from cosolve.models.schedule import derived_seed

#: Seed of the validation set, whose instances are of the training cities, as in the paper.
VALIDATION_SEED = 2024

#: File in the folder of a run that keeps what these solutions cost.
REFERENCES = "references.json"

#: Iterations per node of the search that validation solutions are measured by.
_VALIDATION_EFFORT = 300

#: Cities that instances are drawn from together, if there are as many: tables of a city take a second.
_CITIES = 16


@dataclass(frozen=True)
class Dataset:
    """
    Instances of one size, as the judge, the searches and the network see them.

    Parameters
    ----------
    solutions
        Routes, or one tour, of each instance by places of its arrays; empty if unlabelled.
    costs
        What solutions of the instances cost, where that is all that was kept of them.
    """

    instances: Sequence[Instance]
    arrays: Sequence[RoutingArrays]
    batch: Batch
    solutions: Sequence[Sequence[np.ndarray]] = ()
    costs: Sequence[float] = ()

    @cached_property
    def reference(self) -> list[float]:
        """Judged cost of each solution."""
        if self.costs:
            return list(self.costs)
        out = []
        for instance, arrays, solution in zip(self.instances, self.arrays, self.solutions, strict=True):
            choices = labels.as_choices(solution, self.batch.is_tour)
            verdict = judge(instance, solution_of(instance, arrays, choices))
            assert verdict.objective is not None
            assert verdict.feasible
            out.append(verdict.objective)
        return out

    def to(self, device: torch.device) -> Dataset:
        """With the batch on another device."""
        return replace(self, batch=self.batch.to(device))

    @cached_property
    def _stops(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Nodes of the solutions in order, their routes and places there, (N, n) each; lengths of routes, (N, R)."""
        widest = max(len(solution) for solution in self.solutions)
        lengths = np.zeros((len(self.solutions), widest), np.int64)
        for k, solution in enumerate(self.solutions):
            lengths[k, : len(solution)] = [len(route) for route in solution]
        nodes = np.stack([np.concatenate(solution) for solution in self.solutions]).astype(np.int64)
        route = np.stack([np.repeat(np.arange(widest), some) for some in lengths])
        begin = lengths.cumsum(axis=1) - lengths
        return nodes, route, np.arange(nodes.shape[1]) - np.take_along_axis(begin, route, axis=1), lengths

    def choices(self, rows: Tensor, starts: int, rng: np.random.Generator) -> Tensor:
        """
        The solutions of some instances as a network would decode them, int64 (B, starts, L).

        Tours begin anywhere, and routes come in any order.
        """
        nodes, route, place, lengths = (table[rows.numpy()][:, None] for table in self._stops)
        shape = len(rows), starts
        if self.batch.is_tour:
            n = nodes.shape[2]
            turned = (np.arange(n) + rng.integers(n, size=shape)[:, :, None]) % n
            return torch.from_numpy(np.take_along_axis(nodes, turned, axis=2))
        widths = np.where(lengths > 0, lengths + 1, 0)  # with the depot behind
        order = (rng.random((*shape, lengths.shape[2])) + (widths == 0)).argsort(axis=2)
        sorted_widths = np.take_along_axis(widths, order, axis=2)
        begin = np.empty_like(order)
        np.put_along_axis(begin, order, sorted_widths.cumsum(axis=2) - sorted_widths, axis=2)
        out = np.zeros((*shape, int(widths.sum(axis=2).max())), np.int64)
        np.put_along_axis(out, np.take_along_axis(begin, route, axis=2) + place, nodes, axis=2)
        return torch.from_numpy(out)


def draw(
    config: DataConfig, seed: int, count: int, *, effort: int = 0, size: int = 0, pool: Helpers | None = None
) -> Dataset:
    """
    Instances of one size from cities that the seed chooses, the same with and without a pool.

    Parameters
    ----------
    effort
        Of the search for labels, see :func:`labels.solve`; 0 for none.
    size
        Customers or cities; 0 for one between the smallest and largest of the config.
    """
    return _begin_draw(config, seed, count, effort, size, pool)()


def _begin_draw(
    config: DataConfig, seed: int, count: int, effort: int, size: int, pool: Helpers | None
) -> Callable[[], Dataset]:
    rng = np.random.default_rng(seed)
    size = size or int(rng.integers(config.least_size or config.size, config.size + 1))
    known = CITIES["in"][: config.cities]
    cities = rng.choice(known, min(_CITIES, len(known), count), replace=False).tolist()
    ends = [count * k // len(cities) for k in range(len(cities) + 1)]
    parts = [
        later(pool, partial(_in_city, config, city, size, after - before, effort, derived_seed(seed, k), pool))
        for k, (city, (before, after)) in enumerate(zip(cities, pairwise(ends), strict=True))
    ]

    def collect() -> Dataset:
        instances, arrays, solutions = (list(chain(*some)) for some in zip(*(part() for part in parts), strict=True))
        return Dataset(instances, arrays, Batch.of(arrays, is_tour=config.problem == "atsp"), solutions)

    return collect


def _in_city(
    config: DataConfig, city: int, size: int, count: int, effort: int, seed: int, pool: Helpers | None
) -> tuple[list[Instance], list[RoutingArrays], list[list[np.ndarray]]]:
    """Some instances in a city, also as arrays, and their solutions."""
    rng = np.random.default_rng(seed)
    coords, distance, duration = road_tables(city, np.arange(config.points), config.points)
    is_tour = config.problem == "atsp"
    instances: list[Instance] = []
    for _ in wanted(pool, range(count)):
        split = "cluster" if config.clusters and rng.random() < config.clusters else "in"
        nodes = draw_places(rng, coords, size + (not is_tour), split)
        pairs = np.ix_(nodes, nodes)
        instances.append(_MAKE[config.problem](rng, coords[nodes], distance[pairs], duration[pairs]))
    arrays = [arrays_of(one) for one in instances]
    solutions = [labels.solve(one, is_tour, effort, rng) for one in wanted(pool, arrays)] if effort else []
    return instances, arrays, solutions


def _tour_at(rng: np.random.Generator, coords: np.ndarray, distance: np.ndarray, duration: np.ndarray) -> ATSPInstance:
    return ATSPInstance(name="", distances=Distances.from_matrix(distance, coords))


_MAKE: dict[str, Callable[..., Instance]] = {"atsp": _tour_at, "acvrp": acvrp_at, "acvrptw": acvrptw_at}


def validation(config: DataConfig, count: int, pool: Helpers | None = None, keep: Path | None = None) -> Dataset:
    """
    The fixed set of a config: instances of its largest size, none clustered, measured by solutions of a long search.

    Parameters
    ----------
    keep
        Folder whose ``references.json`` holds what those cost, or will: the search takes several times as long as the
        instances. One that is damaged, or of other instances, is made again.
    """
    fixed = partial(draw, replace(config, clusters=0.0), VALIDATION_SEED, count, size=config.size, pool=pool)
    path = None if keep is None else keep / REFERENCES
    if path is not None and path.is_file():
        data = fixed()
        costs = _kept_costs(path, data)
        if costs:
            return replace(data, costs=costs)
    data = fixed(effort=_VALIDATION_EFFORT)
    if path is not None:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps({"digest": _digest(data), "costs": data.reference}), encoding="utf-8")
    return data


def _kept_costs(path: Path, data: Dataset) -> list[float]:
    """What a file holds of these instances, empty if that is nothing."""
    try:
        kept = json.loads(path.read_bytes())
        costs = [float(cost) for cost in kept["costs"]]
        is_good = kept["digest"] == _digest(data) and len(costs) == len(data.instances)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return []
    return costs if is_good and all(0 < cost < math.inf for cost in costs) else []


def _digest(data: Dataset) -> str:
    """Of instances, and of the search that their solutions are from."""
    text = "".join(instance.digest for instance in data.instances) + str(_VALIDATION_EFFORT)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sampler(
    config: DataConfig,
    phase: int,
    batch_size: int,
    *,
    labelled: bool,
    seed: int,
    device: torch.device,
    pool: Helpers | None = None,
) -> Sampler[Dataset]:
    """Batches of training instances by number, made in the pool and kept on the device; see :class:`Sampler`."""
    effort = config.label_effort if labelled else 0

    def begin(chunk_seed: int) -> Callable[[], Dataset]:
        collect = _begin_draw(config, chunk_seed, config.chunk, effort, 0, pool)
        return lambda: collect().to(device)

    return Sampler(begin, chunk=config.chunk, passes=config.passes, seed=seed, phase=phase, batch_size=batch_size)
