"""Training instances from the registered generator, with exact routes as labels where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cosolve.instances.generators.orienteering import decost
from cosolve.instances.orienteering import OPTWVPInstance
from cosolve.models.decost.batch import Batch, arrays_of, coords_of
from cosolve.models.decost.config import DataConfig
from cosolve.models.sampler import Helpers, Sampler, later, wanted
from cosolve.search import label_passes
from cosolve.search.label_passes import Workspace
from cosolve.search.orienteering import Arrays

#: Seed of the validation set; 2025 is that of the published test sets.
VALIDATION_SEED = 2024


@dataclass(frozen=True)
class Dataset:
    """
    Instances as objects, as the kernels see them and as tensors.

    Parameters
    ----------
    routes
        Most profitable route of each, with its return and padded by the depot, int64 (N, L); ``None`` if unlabelled.
    optimum
        Its profit, (N,).
    """

    instances: Sequence[OPTWVPInstance]
    arrays: Sequence[Arrays]
    batch: Batch
    routes: Tensor | None = None
    optimum: Tensor | None = None


def draw(
    config: DataConfig, seed: int, count: int, *, labelled: bool, stream: int = 0, pool: Helpers | None = None
) -> Dataset:
    """
    The first ``count`` instances of one stream of the generator.

    Parameters
    ----------
    stream
        Instances drawn together, which changes all of them: 10,000 in the published sets; 0 for ``count``.
    labelled
        Whether exact routes are wanted.
    pool
        Whose thread this may run in.
    """
    instances = [
        decost(
            seed=seed,
            size=config.size,
            width=config.width,
            windows=config.windows,
            horizon=config.horizon,
            index=index,
            batch=stream or count,
        )
        for index in wanted(pool, range(count))
    ]
    arrays = [arrays_of(instance) for instance in instances]
    batch = Batch.of(arrays, [coords_of(i, a) for i, a in zip(instances, arrays, strict=True)])
    if not labelled:
        return Dataset(instances, arrays, batch)
    workspace = Workspace()
    found = [exact_route(a, workspace) for a in wanted(pool, arrays)]
    routes = np.zeros((count, 1 + max(len(route) for route, _ in found)), np.int64)
    for row, (route, _) in zip(routes, found, strict=True):
        row[: len(route)] = route
    optimum = torch.tensor([profit for _, profit in found], dtype=torch.float64)
    return Dataset(instances, arrays, batch, torch.from_numpy(routes), optimum)


def exact_route(arrays: Arrays, workspace: Workspace | None = None) -> tuple[np.ndarray, float]:
    """
    Most profitable route, without the depot, and its profit.

    Raises
    ------
    RuntimeError
        If the labelling gave up; the published families never make it.
    """
    best: list[np.ndarray] = [np.empty(0, np.int64)]
    profits = [0.0]

    def report(route: np.ndarray) -> float:
        profit = arrays.profit(route)
        if profit > profits[-1]:
            best.append(route)
            profits.append(profit)
        return profits[-1]

    is_proven, _ = label_passes.solve(
        arrays, report=report, report_bound=lambda bound: None, stop=np.zeros(1, np.int64), workspace=workspace
    )
    if not is_proven:
        raise RuntimeError("no optimum was proven; these instances are too hard to be labelled.")
    return best[-1], profits[-1]


def sampler(
    config: DataConfig, seed: int, phase: int, batch_size: int, *, labelled: bool, pool: Helpers | None = None
) -> Sampler[Dataset]:
    """Batches of training instances by number, made in the pool; see :class:`Sampler`."""
    return Sampler(
        lambda chunk_seed: later(pool, lambda: draw(config, chunk_seed, config.chunk, labelled=labelled, pool=pool)),
        chunk=config.chunk,
        passes=config.passes,
        seed=seed,
        phase=phase,
        batch_size=batch_size,
        sizes=lambda data: data.batch.valid.sum(dim=1).numpy(),
    )
