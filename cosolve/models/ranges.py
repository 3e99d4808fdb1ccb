"""Checks of the values of a config."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def one_of(config: Any, name: str, allowed: Sequence[str]) -> None:
    """
    Check a word.

    Raises
    ------
    ValueError
        If it is not among those allowed.
    """
    if getattr(config, name) not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(config, name)!r}.")


def at_least(config: Any, least: float, *names: str) -> None:
    """
    Check numbers.

    Raises
    ------
    ValueError
        If one is less, or not finite.
    """
    for name in names:
        if not least <= getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be >= {least:g}, got {getattr(config, name)}.")


def at_most(config: Any, most: float, *names: str) -> None:
    """
    Check numbers.

    Raises
    ------
    ValueError
        If one is greater.
    """
    for name in names:
        if getattr(config, name) > most:
            raise ValueError(f"{name} must be <= {most:g}, got {getattr(config, name)}.")


#: Far beyond what is of use, and what the config of a stranger may ask for before weights are looked at.
MAX_WIDTH, MAX_LAYERS = 10_000, 100


def check_seed(config: Any) -> None:
    """
    Check the seed of a training: PyTorch takes 64 bits, and the steps are added to it.

    Raises
    ------
    ValueError
        If it is negative or has more than 62 bits.
    """
    if not 0 <= config.seed < 2**62:
        raise ValueError(f"seed must be in 0..2^62 - 1, got {config.seed}.")


def positive(config: Any, *names: str) -> None:
    """
    Check numbers.

    Raises
    ------
    ValueError
        If one is not greater than 0, or not finite.
    """
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be > 0, got {getattr(config, name)}.")
