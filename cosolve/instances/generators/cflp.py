"""Facility location instances after Cornuejols, Sridharan and Thizy."""

from __future__ import annotations

import math

import numpy as np

from cosolve.instances.cflp import CFLPInstance
from cosolve.instances.generators import Generator


def cornuejols(*, seed: int = 0, facilities: int = 100, customers: int = 100, ratio: float = 5.0) -> CFLPInstance:
    """
    Facilities and customers uniform in the unit square; demands U{5..35}, capacities U{10..160} scaled to a ratio.

    Fixed cost U{0..90} + U{100..110} * sqrt(capacity before scaling); serving a customer costs ten times
    demand times distance.

    Parameters
    ----------
    seed
        Seed of all random choices.
    facilities, customers
        Numbers of both, >= 1.
    ratio
        Total capacity over total demand, >= 1.

    References
    ----------
    .. [1] Cornuejols, G., Sridharan, R., Thizy, J. M. (1991). A comparison of heuristics and relaxations for
           the capacitated plant location problem. *European Journal of Operational Research* 50(3): 280-297.
    """
    if facilities < 1 or customers < 1:
        raise ValueError(f"facilities and customers must be >= 1, got {facilities} and {customers}.")
    if not (math.isfinite(ratio) and ratio >= 1):
        raise ValueError(f"ratio must be a finite number >= 1, got {ratio}.")
    rng = np.random.default_rng(seed)
    places = rng.random((facilities, 2))
    homes = rng.random((customers, 2))
    demand = rng.integers(5, 36, customers).astype(np.float64)
    capacity = rng.integers(10, 161, facilities).astype(np.float64)
    fixed = rng.integers(0, 91, facilities) + rng.integers(100, 111, facilities) * np.sqrt(capacity)
    scaled = capacity * (ratio * demand.sum() / capacity.sum())
    # Multiplication and square root round the same way on every platform, hypot need not.
    dx = places[:, None, 0] - homes[None, :, 0]
    dy = places[:, None, 1] - homes[None, :, 1]
    cost = 10.0 * demand * np.sqrt(dx * dx + dy * dy)
    name = f"cornuejols-{facilities}-{customers}-{ratio:g}-{seed}"
    return CFLPInstance(name=name, capacity=scaled, fixed_cost=fixed, demand=demand, cost=cost)


CORNUEJOLS = Generator(
    problem="cflp",
    distribution="cornuejols",
    title="facilities and customers in the unit square (Cornuejols et al. 1991)",
    generate=cornuejols,
    parameters={
        "facilities": (int, 100, "number of facilities"),
        "customers": (int, 100, "number of customers"),
        "ratio": (float, 5.0, "total capacity over total demand, >= 1"),
    },
)
