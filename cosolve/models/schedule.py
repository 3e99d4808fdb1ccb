"""Two phases of training, imitation then reward: which step is of which, and how fast it learns."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np


class Settings(Protocol):
    """What the two phases of a training table have in common."""

    @property
    def imitation_steps(self) -> int:
        """Steps of the first phase."""

    @property
    def reinforce_steps(self) -> int:
        """Steps of the second."""

    @property
    def imitation_rate(self) -> float:
        """Learning rate at the start of the first."""

    @property
    def reinforce_rate(self) -> float:
        """And of the second."""

    @property
    def final_rate(self) -> float:
        """Share of it at a phase's end."""


def phase(settings: Settings, step: int) -> tuple[bool, int]:
    """Whether a step is one of imitation, and its number within its phase."""
    imitating = step < settings.imitation_steps
    return imitating, step if imitating else step - settings.imitation_steps


def phase_name(settings: Settings, step: int) -> str:
    """What the phase of a step is called in measurements."""
    return "imitation" if phase(settings, step)[0] else "reinforce"


def learning_rate(settings: Settings, step: int) -> float:
    """Along a cosine from a phase's rate to its ``final_rate`` share, after a linear start of 100 steps."""
    imitating, position = phase(settings, step)
    rate = settings.imitation_rate if imitating else settings.reinforce_rate
    steps = settings.imitation_steps if imitating else settings.reinforce_steps
    share = (1 + math.cos(math.pi * min(1.0, position / steps))) / 2
    return rate * min(1.0, (position + 1) / 100) * (settings.final_rate + (1 - settings.final_rate) * share)


def derived_seed(*parts: int) -> int:
    """A seed of 32 bits that is a function of the parts alone."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
