"""
Train an RRNCO network: imitation of good solutions if wanted, then REINFORCE with the shared baseline of POMO.

Instances, symmetries, starts and samples of a step are functions of the seed and the step, so a run that was cut into
slices goes the way of one that was not, bit by bit on a CPU with the same number of threads.
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

from cosolve.models import Trainer
from cosolve.models.devices import autocast, device_of
from cosolve.models.rrnco.batch import SYMMETRIES
from cosolve.models.rrnco.card import card
from cosolve.models.rrnco.config import RrncoConfig
from cosolve.models.rrnco.data import sampler, validation
from cosolve.models.rrnco.environment import turned_round
from cosolve.models.rrnco.losses import imitation_loss, reinforce_loss
from cosolve.models.rrnco.network import Network
from cosolve.models.rrnco.validation import ranges, validate
from cosolve.models.run import Run
from cosolve.models.sampler import Phases, helpers
from cosolve.models.schedule import derived_seed, learning_rate, phase_name


def train(
    config: RrncoConfig,
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
        network = Network(config.model, config.data.problem).to(where)
        optimiser = torch.optim.Adam(
            network.parameters(), lr=1e-4, weight_decay=settings.weight_decay, fused=where.type == "cuda"
        )
        run = Run(
            out,
            config,
            network,
            optimiser,
            family="rrnco",
            problem=config.data.problem,
            score="gap_x8",
            card=card,
            device=where,
            time_limit=time_limit,
            on_metrics=on_metrics,
            on_progress=on_progress,
        )
        with run.opened(resume=resume, begin_from=settings.begin_from, load=network.load):
            if settings.compile and where.type == "cuda":
                network.compile_encoder()
            batches = partial(sampler, config.data, seed=settings.seed, device=where, pool=pool)
            phases = Phases(
                settings,
                lambda: batches(0, settings.imitation_batch, labelled=True),
                lambda: batches(1, settings.reinforce_batch // settings.reinforce_copies, labelled=False),
                lambda what: run.show(what, 0, 0),
            )
            generator = torch.Generator(where)

            def loss_of_step(number: int) -> tuple[Tensor, dict[str, Any]]:
                imitating, data, rows = phases.rows(number)
                rng = np.random.default_rng([settings.seed, number])
                copies = 1 if imitating else settings.reinforce_copies
                symmetry = torch.from_numpy(_symmetries(rng, len(rows), copies)).to(where)
                batch = data.batch.take(rows.repeat_interleave(copies).to(where)).reflect(symmetry)
                with autocast(where, settings.precision):
                    if imitating:
                        solutions = data.choices(rows, settings.imitation_starts, rng).to(where)
                        solutions = turned_round(batch, solutions, batch.is_backwards(symmetry))
                        loss, metrics = imitation_loss(network, batch, solutions)
                    else:
                        generator.manual_seed(derived_seed(settings.seed, 2, number))
                        loss, metrics = reinforce_loss(
                            network, batch, settings.reinforce_starts, generator, settings.leader_weight, copies
                        )
                return loss, metrics

            run.show("instances to validate on, and their references", 0, 0)
            fixed = validation(config.data, settings.validation_size, pool, out)

            def scores() -> dict[str, float]:
                with torch.compiler.set_stance("force_eager"):  # other shapes, which are not worth compiling for
                    return validate(network, fixed, settings.precision)

            return run.go_on(
                loss_of_step,
                scores,
                ranges(fixed, config.data),
                rate_of=partial(learning_rate, settings),
                phase_of=partial(phase_name, settings),
                max_steps=max_steps,
            )


def _symmetries(rng: np.random.Generator, count: int, copies: int) -> np.ndarray:
    """Different symmetries for the copies of each instance, (count * copies,)."""
    if copies == 1:
        return rng.integers(len(SYMMETRIES), size=count)
    return rng.random((count, len(SYMMETRIES))).argsort(axis=1)[:, :copies].flatten()


TRAINER = Trainer("rrnco", "tours and routes on road networks", RrncoConfig, train)
