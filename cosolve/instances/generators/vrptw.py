"""Random vehicle routing with time windows, after the random problems of Solomon [1]_.

References
----------
.. [1] Solomon, M. M. (1987). Algorithms for the vehicle routing and scheduling problems with time window constraints.
       *Operations Research* 35(2): 254-265.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator
from cosolve.instances.vrptw import VRPTWInstance

#: Side of the square, horizon and service time of Solomon's set R1; demands are 1 to 41 there, 18 at the centre.
_SIDE, _HORIZON, _SERVICE = 70.0, 230.0, 10.0


def uniform(
    *, seed: int = 0, n: int = 100, width: float = 30.0, density: float = 1.0, capacity: int = 200
) -> VRPTWInstance:
    """
    As Solomon's set R1: customers uniform in a square around the depot, travel time = distance, short horizon.

    The middle of a window is uniform over the times at which service may start, its width fixed; what lies outside
    of those times is cut off.

    Parameters
    ----------
    n
        Number of customers, >= 0.
    width
        Width of the windows, >= 0; 10 in Solomon's first problems, 30 in later ones.
    density
        Share of the customers that have a window, 0 to 1; the others may be served at any time.
    capacity
        Of a vehicle, >= 41.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """
    if n < 0:
        raise ValueError(f"n must be >= 0, got {n}.")
    if not 0 <= width <= _HORIZON:
        raise ValueError(f"width must be in 0..{_HORIZON:g}, got {width}.")
    if not 0 <= density <= 1:
        raise ValueError(f"density must be in 0..1, got {density}.")
    if capacity < 41:
        raise ValueError(f"capacity must be >= 41, the greatest demand, got {capacity}.")
    rng = np.random.default_rng(seed)
    coords = np.vstack(([[_SIDE / 2, _SIDE / 2]], rng.random((n, 2)) * _SIDE))
    demand = rng.integers(1, 42, n)
    gap = coords[1:] - coords[0]
    # sqrt is correctly rounded everywhere, hypot is not.
    far = np.sqrt((gap * gap).sum(axis=1))
    first, last = far, _HORIZON - _SERVICE - far
    middle = first + rng.random(n) * (last - first)
    windows = rng.random(n) < density
    return VRPTWInstance(
        name=f"vrptw-uniform-n{n}-s{seed}",
        meta={"generator": "vrptw/uniform", "seed": seed, "n": n, "width": width, "density": density},
        distances=Distances.from_coords(coords, Metric.EXACT_2D),
        demand=np.append(0, demand),
        capacity=capacity,
        opens=np.append(0.0, np.where(windows, np.maximum(first, middle - width / 2), 0.0)),
        closes=np.append(_HORIZON, np.where(windows, np.minimum(last, middle + width / 2), last)),
        service=np.append(0.0, np.full(n, _SERVICE)),
    )


UNIFORM = Generator(
    "vrptw",
    "uniform",
    "customers around a depot, windows at random (after Solomon's set R1)",
    uniform,
    {
        "n": (int, 100, "number of customers"),
        "width": (float, 30.0, "width of the windows"),
        "density": (float, 1.0, "share of the customers that have a window"),
        "capacity": (int, 200, "vehicle capacity, >= 41"),
    },
)
