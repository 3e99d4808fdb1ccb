"""Training and validation instances: places in cities, with good solutions as labels where they are wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from cosolve.core.instance import Instance
from cosolve.core.problem import judge
from cosolve.instances.distances import Distances
from cosolve.instances.generators.road import acvrp_at, acvrptw_at
from cosolve.instances.generators.roads import CITIES, draw_places, road_tables
from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.instances.tsp import ATSPInstance
from cosolve.models.rrnco import labels
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import DataConfig
from cosolve.models.rrnco.instances import arrays_of, solution_of
from cosolve.models.sampler import Sampler

#: Seed of the validation set, whose instances are of the training cities, as in the paper.
VALIDATION_SEED = 2024

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
    """

    instances: Sequence[Instance]
    arrays: Sequence[RoutingArrays]
    batch: Batch
    solutions: Sequence[Sequence[np.ndarray]] = ()

    @cached_property
    def reference(self) -> list[float]:
        """Judged cost of each solution."""
        out = []
        for instance, arrays, solution in zip(self.instances, self.arrays, self.solutions, strict=True):
            choices = labels.as_choices(solution, self.batch.is_tour)
            verdict = judge(instance, solution_of(instance, arrays, choices))
            assert verdict.objective is not None
            assert verdict.feasible
            out.append(verdict.objective)
        return out

    def choices(self, rows: Tensor, starts: int, rng: np.random.Generator) -> Tensor:
        """The solutions of some instances as a network would decode them, from random starts, int64 (B, starts, L)."""
        is_tour = self.batch.is_tour
        found = [
            [labels.as_choices(labels.shuffled(self.solutions[row], is_tour, rng), is_tour) for _ in range(starts)]
            for row in rows.tolist()
        ]
        out = np.zeros((len(found), starts, max(len(several[0]) for several in found)), np.int64)
        for i, several in enumerate(found):
            out[i, :, : len(several[0])] = several
        return torch.from_numpy(out)


def draw(config: DataConfig, seed: int, count: int, *, effort: int = 0, size: int = 0) -> Dataset:
    """
    Instances of one size from cities that the seed chooses.

    Parameters
    ----------
    effort
        Of the search for labels, see :func:`labels.solve`; 0 for none.
    size
        Customers or cities; 0 for one between the smallest and largest of the config.
    """
    rng = np.random.default_rng(seed)
    size = size or int(rng.integers(config.least_size or config.size, config.size + 1))
    known = CITIES["in"][: config.cities]
    cities = rng.choice(known, min(_CITIES, len(known), count), replace=False)
    instances: list[Instance] = []
    for k, city in enumerate(cities.tolist()):
        coords, distance, duration = road_tables(city, np.arange(config.points), config.points)
        for _ in range(count * k // len(cities), count * (k + 1) // len(cities)):
            nodes = draw_places(rng, coords, size + (config.problem != "atsp"))
            pairs = np.ix_(nodes, nodes)
            instances.append(_MAKE[config.problem](rng, coords[nodes], distance[pairs], duration[pairs]))
    arrays = [arrays_of(one) for one in instances]
    is_tour = config.problem == "atsp"
    solutions = [labels.solve(one, is_tour, effort, rng) for one in arrays] if effort else []
    return Dataset(instances, arrays, Batch.of(arrays, is_tour=is_tour), solutions)


def _tour_at(rng: np.random.Generator, coords: np.ndarray, distance: np.ndarray, duration: np.ndarray) -> ATSPInstance:
    return ATSPInstance(name="", distances=Distances.from_matrix(distance, coords))


_MAKE: dict[str, Callable[..., Instance]] = {"atsp": _tour_at, "acvrp": acvrp_at, "acvrptw": acvrptw_at}


def validation(config: DataConfig, count: int) -> Dataset:
    """The fixed set of a config: instances of its largest size, with solutions of a long search."""
    return draw(config, VALIDATION_SEED, count, effort=_VALIDATION_EFFORT, size=config.size)


def sampler(config: DataConfig, seed: int, phase: int, batch_size: int, *, labelled: bool) -> Sampler[Dataset]:
    """Batches of training instances by number; see :class:`Sampler`."""
    effort = config.label_effort if labelled else 0
    return Sampler(
        lambda chunk_seed: draw(config, chunk_seed, config.chunk, effort=effort),
        chunk=config.chunk,
        passes=config.passes,
        seed=seed,
        phase=phase,
        batch_size=batch_size,
    )
