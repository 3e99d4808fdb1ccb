"""Regression tables: Friedman's first function, and one shaped like a year of a household's electricity meters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.regtree import RegressionTreeInstance

_MINUTES = 1440

_LIMITS: dict[str, tuple[type, object, str]] = {
    "max_depth": (int, 2, "longest path of splits"),
    "min_samples_leaf": (int, 1, "fewest samples in a leaf"),
    "alpha": (float, 0.0, "price of a split in units of the constant's squared error"),
}


def friedman1(
    *, seed: int = 0, n: int = 1000, p: int = 10, noise: float = 1.0, **limits: Any
) -> RegressionTreeInstance:
    """
    ``10 sin(pi x0 x1) + 20 (x2 - 1/2)^2 + 10 x3 + 5 x4`` plus noise, over uniform features; the rest means nothing.

    Parameters
    ----------
    seed
        Seed of all random choices.
    n, p
        Numbers of samples (>= 1) and of features (>= 5).
    noise
        Standard deviation of the normal noise, >= 0.
    limits
        ``max_depth``, ``min_samples_leaf`` and ``alpha`` of the instance.

    References
    ----------
    .. [1] Friedman, J. H. (1991). Multivariate adaptive regression splines. *The Annals of Statistics* 19(1): 1-67.
    """
    if n < 1 or p < 5:
        raise ValueError(f"n must be >= 1 and p >= 5, got {n} and {p}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a finite number >= 0, got {noise}.")
    rng = np.random.default_rng(seed)
    X = rng.random((n, p))
    y = 20.0 * (X[:, 2] - 0.5) ** 2 + 10.0 * X[:, 3] + 5.0 * X[:, 4] + noise * _normal(rng, n)
    y += 10.0 * _half_sine(X[:, 0] * X[:, 1])
    return RegressionTreeInstance(name=f"friedman1-{n}-{p}-{seed}", X=X, y=y, **limits)


def household(*, seed: int = 0, n: int = 100_000, **limits: Any) -> RegressionTreeInstance:
    """
    Minute readings of seven meters with at most 4,000 distinct values each; the target is the current they cause.

    Made like the "Individual household electric power consumption" table of the UCI repository, whose copies are
    too large to pass around: few distinct values in millions of rows, which is what it is for. Features: minute of
    the day, day, voltage (0.01 V steps), reactive power (0.002 kVAr), and three sub-meters (1 Wh, 1 Wh, 0.01 kW).

    Parameters
    ----------
    seed
        Seed of all random choices.
    n
        Number of samples, >= 1.
    limits
        ``max_depth``, ``min_samples_leaf`` and ``alpha`` of the instance.
    """
    if n < 1:
        raise ValueError(f"n must be >= 1, got {n}.")
    rng = np.random.default_rng(seed)
    time = np.arange(n, dtype=np.int64)
    minute, day = (time % _MINUTES).astype(np.float64), (time // _MINUTES % 1461).astype(np.float64)
    # Use peaks in the morning and the evening and in winter.
    evening = _half_sine(np.clip((minute - 1020.0) / 360.0, 0.0, 1.0))
    morning = _half_sine(np.clip((minute - 390.0) / 210.0, 0.0, 1.0))
    winter = 1.0 - _half_sine(day % 365.0 / 365.0)
    kitchen = np.where(rng.random(n) < 0.04 + 0.15 * evening, rng.integers(1, 80, n), 0).astype(np.float64)
    laundry = np.where(rng.random(n) < 0.06, rng.integers(1, 75, n), 0).astype(np.float64)
    heating = np.round(np.clip(8.0 * winter + 9.0 * morning + 3.0 * _normal(rng, n), 0.0, 39.99), 2)
    reactive = np.round(np.clip(0.12 + 0.1 * evening + 0.1 * _normal(rng, n), 0.0, 1.4) * 500.0) / 500.0
    active = 0.3 + 0.9 * evening + 0.4 * morning + 0.06 * (kitchen + laundry + heating) + 0.2 * _normal(rng, n)
    voltage = np.round(np.clip(241.0 - 1.2 * active + 2.0 * _normal(rng, n), 223.0, 254.0), 2)
    X = np.column_stack([minute, day, voltage, reactive, kitchen, laundry, heating])
    y = np.round(np.maximum(active, 0.08) * 1000.0 / voltage * 5.0) / 5.0  # the meter shows steps of 0.2 A
    names = ("minute", "day", "voltage", "reactive_power", "kitchen", "laundry", "heating")
    return RegressionTreeInstance(name=f"household-{n}-{seed}", X=X, y=y, feature_names=names, **limits)


def _normal(rng: np.random.Generator, n: int) -> np.ndarray:
    """Nearly normal numbers that are the same on every platform: twelve uniform ones added up, minus 6."""
    total = np.full(n, -6.0)
    for _ in range(12):
        total += rng.random(n)
    return total


def _half_sine(t: np.ndarray) -> np.ndarray:
    """``sin(pi t)`` for t in [0, 1] by additions and multiplications alone; libraries differ in the last digit."""
    s = math.pi * (0.5 - np.abs(0.5 - t))  # sin(pi t) = sin(pi (1 - t)), so that 0 <= s <= pi / 2
    square = s * s
    term, total = s.copy(), s.copy()
    for k in range(1, 11):
        term *= -square / ((2 * k) * (2 * k + 1))
        total += term
    return total


FRIEDMAN1 = Generator(
    problem="regtree",
    distribution="friedman1",
    title="Friedman's first function of five out of p uniform features (Friedman 1991)",
    generate=friedman1,
    parameters={
        "n": (int, 1000, "number of samples"),
        "p": (int, 10, "number of features, at least 5"),
        "noise": (float, 1.0, "standard deviation of the noise"),
        **_LIMITS,
    },
)

HOUSEHOLD = Generator(
    problem="regtree",
    distribution="household",
    title="minute readings of seven household meters with few distinct values",
    generate=household,
    parameters={"n": (int, 100_000, "number of samples"), **_LIMITS},
)
