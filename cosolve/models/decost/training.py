"""
Train a DeCoST network: imitation of exact routes, then REINFORCE on the profit after service time optimisation.

Instances, symmetries and samples of a step are functions of the seed and the step, so a run that was cut into slices
goes the way of one that was not, bit by bit on a CPU with the same number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cosolve.core.problem import judge
from cosolve.models import Trainer
from cosolve.models.decost.batch import SYMMETRIES
from cosolve.models.decost.card import card
from cosolve.models.decost.config import DecostConfig, TrainingConfig
from cosolve.models.decost.data import VALIDATION_SEED, Dataset, draw, sampler
from cosolve.models.decost.inference import facts, propose, timed_route
from cosolve.models.decost.losses import imitation_loss, reinforce_loss
from cosolve.models.decost.network import Network
from cosolve.models.decost.rollout import follow, optimise, starts
from cosolve.models.devices import autocast, device_of
from cosolve.models.run import Run
from cosolve.models.sampler import Phases, helpers
from cosolve.models.schedule import derived_seed, learning_rate, phase_name

#: Instances decoded together in a validation.
_VALIDATION_BATCH = 64


def train(
    config: DecostConfig,
    out: Path,
    *,
    max_steps: int | None = None,
    time_limit: float = math.inf,
    resume: bool = False,
    device: str = "cpu",
    threads: int = 1,
    on_metrics: Callable[[dict[str, Any]], None] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """
    Train, or train on; the weights of the best validation so far lie in ``out`` at any time.

    Parameters
    ----------
    config
        What to train on what; with ``resume`` only its table ``training`` may differ from that of the run.
    out
        Checkpoint folder.
    max_steps
        Steps of this call at most; ``None`` for all that are left.
    time_limit
        Seconds after which no further step of this call begins.
    resume
        Go on from the state in ``out``.
    device
        "cpu", "cuda" or "cuda:N".
    threads
        CPU threads; half of them, with a GPU all but one, make the next instances meanwhile.
    on_metrics
        Called with each line of ``metrics.jsonl``.
    on_progress
        Called with what is done now, in words, and how much of it is done and there is in all; 0 and 0 if that can't
        be said.

    Returns
    -------
    dict
        The last validation.

    Raises
    ------
    ValueError
        If ``out`` holds a run already and ``resume`` is not set, or the other way round.
    InvalidFileError
        If the state is damaged or of another config.
    BlockingIOError
        If another process is at the run.
    """
    settings, where = config.training, device_of(device)
    with helpers(threads, where) as pool:
        torch.manual_seed(settings.seed)
        network = Network(config.model).to(where)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-4, weight_decay=settings.weight_decay)
        run = Run(
            out,
            config,
            network,
            optimiser,
            family="decost",
            problem="optwvp",
            score="gap_x8",
            card=card,
            device=where,
            time_limit=time_limit,
            on_metrics=on_metrics,
            on_progress=on_progress,
        )
        with run.opened(resume=resume, begin_from=settings.begin_from):
            if settings.compile and where.type == "cuda":
                network.compile_parts()
            batches = partial(sampler, config.data, settings.seed, pool=pool)
            phases = Phases(
                settings,
                lambda: batches(0, settings.imitation_batch, labelled=True),
                lambda: batches(1, settings.reinforce_batch, labelled=False),
                lambda what: run.show(what, 0, 0),
            )
            generator = torch.Generator(where)

            def loss_of_step(number: int) -> tuple[Tensor, dict[str, Any]]:
                imitating, data, rows = phases.rows(number)
                symmetry = np.random.default_rng([settings.seed, number]).integers(len(SYMMETRIES), size=len(rows))
                batch = data.batch.take(rows).reflect(torch.from_numpy(symmetry)).to(where)
                with autocast(where, settings.precision):
                    if imitating:
                        assert data.routes is not None
                        loss, metrics = imitation_loss(network, batch, data.routes[rows].to(where))
                    else:
                        generator.manual_seed(derived_seed(settings.seed, 2, number))
                        loss, metrics = reinforce_loss(network, batch, settings, generator)
                return loss, metrics

            run.show("instances to validate on, and their optima", 0, 0)
            fixed = draw(config.data, VALIDATION_SEED, settings.validation_size, labelled=True)
            return run.go_on(
                loss_of_step,
                lambda: validate(network, fixed, settings),
                ranges(fixed),
                rate_of=partial(learning_rate, settings),
                phase_of=partial(phase_name, settings),
                max_steps=max_steps,
            )


@torch.no_grad()
def validate(network: Network, data: Dataset, settings: TrainingConfig) -> dict[str, float]:
    """
    Judge greedy routes, one of each instance and the best under eight symmetries, against the optimum.

    Service times are those that ``settings.reward`` rewards.

    Returns
    -------
    dict
        ``gap``, ``gap_x8``: means of 1 - profit / optimum; ``profit_x8``; ``infeasible``: share of refused routes.
    """
    assert data.optimum is not None
    where = next(network.parameters()).device
    gaps: list[list[float]] = []
    profits, refused = [], 0
    for rows in torch.arange(len(data.instances)).split(_VALIDATION_BATCH):
        batch = data.batch.take(rows).to(where)
        with autocast(where, settings.precision):
            choices, service = propose(network, batch)
        _, start, duration = optimise(batch, choices)
        if settings.reward == "predicted":
            start, duration = starts(batch, follow(batch, choices, service)), service
        for i, row in enumerate(rows.tolist()):
            values = []
            for k in range(choices.shape[1]):
                parts = (table[i, k].cpu().numpy() for table in (choices, start, duration))
                verdict = judge(data.instances[row], timed_route(data.instances[row], data.arrays[row], *parts))
                refused += not verdict.feasible
                values.append(verdict.objective or 0.0 if verdict.feasible else 0.0)
            best, optimum = max(values), float(data.optimum[row])
            profits.append(best)
            gaps.append([1 - values[0] / optimum, 1 - best / optimum] if optimum > 0 else [0.0, 0.0])
    gap, gap_x8 = np.mean(gaps, axis=0)
    share = refused / (len(profits) * len(SYMMETRIES))
    return {"gap": float(gap), "gap_x8": float(gap_x8), "profit_x8": float(np.mean(profits)), "infeasible": share}


def ranges(data: Dataset) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each fact over instances, with a quarter of leeway on either side."""
    known = [facts(i, a) for i, a in zip(data.instances, data.arrays, strict=True)]
    out = {}
    for name in known[0]:
        values = [entry[name] for entry in known if name in entry]
        out[name] = (round(0.75 * min(values), 6), round(1.25 * max(values), 6))
    return out


TRAINER = Trainer("decost", "routes for orienteering with time windows and variable profits", DecostConfig, train)
