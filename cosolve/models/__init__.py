"""Neural networks, their training and their checkpoints; the only room that imports PyTorch, and not in this module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.registry import Registry


@dataclass(frozen=True)
class Trainer:
    """
    What ``cosolve train`` knows about a family of networks.

    Parameters
    ----------
    name, title
        Registered name, and one line for people.
    config_type
        Frozen dataclass of frozen dataclasses: one table of the config file each.
    train
        Called with a config, the checkpoint folder, and the keyword arguments ``max_steps``, ``time_limit``,
        ``resume``, ``device``, ``threads`` and ``on_metrics``; returns the last metrics, or what comes before any.
    """

    name: str
    title: str
    config_type: type[Any]
    train: Callable[..., dict[str, Any]]


trainers: Registry[Trainer] = Registry("trainer", "cosolve.trainers", UnsupportedProblemError)
trainers.register("decost", "cosolve.models.decost.training:TRAINER")
trainers.register("ctc", "cosolve.models.ctc.training:TRAINER")
trainers.register("rrnco", "cosolve.models.rrnco.training:TRAINER")
