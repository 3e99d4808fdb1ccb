"""Capacitated p-median instances after Osman and Christofides."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.cpmp import CPMPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator


def osman(*, seed: int = 0, n: int = 500, p: int = 50, tightness: float = 0.0) -> CPMPInstance:
    """
    Integer points in [1, 100]^2, demands U{1..20}, one capacity for all, unrounded distances.

    Parameters
    ----------
    seed
        Seed of all random choices.
    n, p
        Numbers of nodes and of medians, 1 <= p <= n.
    tightness
        Total demand over p times the capacity, in 1e-12..1; 0 draws it from U(0.82, 0.96). Tight instances of
        few nodes per median may be infeasible.

    References
    ----------
    .. [1] Osman, I. H., Christofides, N. (1994). Capacitated clustering problems by hybrid simulated annealing
           and tabu search. *International Transactions in Operational Research* 1(3): 317-336.
    """
    if not 1 <= p <= n:
        raise ValueError(f"p must be in 1..n, got p = {p} and n = {n}.")
    if not (tightness == 0 or 1e-12 <= tightness <= 1):
        raise ValueError(f"tightness must be in 1e-12..1, or 0 for a random one, got {tightness}.")
    rng = np.random.default_rng(seed)
    coords = rng.integers(1, 101, (n, 2)).astype(np.float64)
    demand = rng.integers(1, 21, n).astype(np.float64)
    drawn = 0.82 + 0.14 * rng.random()
    tight = tightness or drawn
    # Rounded up, and never below the largest demand: no node may be impossible to place.
    capacity = max(float(math.ceil(demand.sum() / (p * tight))), float(demand.max()))
    distances = Distances.from_coords(coords, Metric.EXACT_2D)
    name = f"osman-{n}-{p}-{seed}"
    return CPMPInstance(name=name, distances=distances, capacity=np.full(n, capacity), demand=demand, p=p)


OSMAN = Generator(
    problem="cpmp",
    distribution="osman",
    title="integer points in a square, equal capacities (Osman and Christofides 1994)",
    generate=osman,
    parameters={
        "n": (int, 500, "number of nodes"),
        "p": (int, 50, "number of medians"),
        "tightness": (float, 0.0, "total demand over total capacity of p medians; 0: random in 0.82..0.96"),
    },
)
