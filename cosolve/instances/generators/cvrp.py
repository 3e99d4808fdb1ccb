"""Capacitated vehicle routing: FrontierCO's uniform family and the X family of Uchoa et al."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.cvrp import CVRPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator

#: Side of the square of the X family.
_SIDE = 1000

DEPOTS = {"C": "at the centre", "E": "in the corner (0, 0)", "R": "at random"}
CUSTOMERS = {"R": "at random", "C": "clustered", "RC": "half and half"}

#: Demand type to (least, greatest) where demands are uniform.
DEMANDS = {
    "unitary": (1, 1),
    "1-10": (1, 10),
    "5-10": (5, 10),
    "1-100": (1, 100),
    "50-100": (50, 100),
    "quadrant": (1, 100),
    "many-small": (1, 100),
}


def uniform(*, seed: int = 0, n: int = 100, capacity: int = 50) -> CVRPInstance:
    """
    FrontierCO's validation family: customers uniform in a square of side 100, depot at its centre, demands 1 to 9.

    Distances are not rounded.

    Raises
    ------
    ValueError
        If n < 1 or capacity < 9.
    """
    _check("n", n, 1)
    _check("capacity", capacity, 9)
    rng = np.random.default_rng(seed)
    customers = rng.random((n, 2)) * 100.0
    demand = rng.integers(1, 10, n)
    return CVRPInstance(
        name=f"uniform-n{n + 1}-s{seed}",
        meta={"generator": "cvrp/uniform", "seed": seed, "n": n, "capacity": capacity},
        distances=Distances.from_coords(np.vstack([[[50.0, 50.0]], customers]), Metric.EXACT_2D),
        demand=np.concatenate([[0], demand]),
        capacity=capacity,
    )


def x(
    *,
    seed: int = 0,
    n: int = 100,
    depot: str = "R",
    customers: str = "RC",
    demand: str = "1-100",
    route_size: float = 10.0,
) -> CVRPInstance:
    """
    The X family [1]_, section 4: integer points of a square of side 1000, distances rounded to integers.

    Customers never share a point with each other or the depot. Clustered ones are drawn around 3 to 8 random
    seed customers, a point being accepted with probability ``sum exp(-distance / 40)`` over the seeds. The capacity is
    ``ceil(route_size * total demand / n)``, at least the greatest demand.

    Parameters
    ----------
    depot
        "C" (centre), "E" (eccentric: the corner) or "R" (random).
    customers
        "R" (random), "C" (clustered) or "RC" (half of them clustered).
    demand
        "unitary", "1-10", "5-10", "1-100", "50-100", "quadrant" (1-50 in the even quadrants seen from the
        square's centre, 51-100 in the odd ones) or "many-small" (most 1-10, the others 50-100).
    route_size
        Customers of an average route, r.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    .. [1] Uchoa, E. et al. (2017). New benchmark instances for the Capacitated Vehicle Routing Problem.
           *European Journal of Operational Research* 257(3): 845-858.
    """
    _check("n", n, 1)
    most = 100_000 if customers == "R" else 10_000
    if n > most:
        raise ValueError(f"n must be <= {most} (the points are distinct, and clusters are small), got {n}.")
    for name, value, allowed in (("depot", depot, DEPOTS), ("customers", customers, CUSTOMERS),
                                 ("demand", demand, DEMANDS)):  # fmt: skip
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}.")
    if not 1 <= route_size <= 1e12:
        raise ValueError(f"route_size must be in 1..1e12, got {route_size}.")
    rng = np.random.default_rng(seed)
    taken: set[tuple[int, int]] = set()
    if depot == "R":
        points = [_free_point(rng, taken)]
    else:
        points = [(_SIDE // 2, _SIDE // 2) if depot == "C" else (0, 0)]
        taken.add(points[0])
    num_random = {"R": n, "C": 0, "RC": n // 2}[customers]
    num_seeds = 0 if customers == "R" else min(int(rng.integers(3, 9)), n - num_random)
    seeds = [_free_point(rng, taken) for _ in range(num_seeds)]
    points += seeds
    points += [_free_point(rng, taken) for _ in range(num_random)]
    if seeds:
        points += _clustered(rng, taken, np.array(seeds, float), n + 1 - len(points))
    coords = np.array(points, float)
    demands = _demands(rng, demand, coords[1:], route_size)
    capacity = max(math.ceil(route_size * int(demands.sum()) / n), int(demands.max()))
    return CVRPInstance(
        name=f"X-n{n + 1}-{depot}-{customers}-{demand}-r{route_size:g}-s{seed}",
        meta={
            "generator": "cvrp/x",
            "seed": seed,
            "n": n,
            "depot": depot,
            "customers": customers,
            "demand": demand,
            "route_size": route_size,
        },
        distances=Distances.from_coords(coords, Metric.EUC_2D),
        demand=np.concatenate([[0], demands]),
        capacity=capacity,
    )


def _check(name: str, value: int, least: int) -> None:
    if value != int(value) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value}.")


def _free_point(rng: np.random.Generator, taken: set[tuple[int, int]]) -> tuple[int, int]:
    while True:
        a, b = rng.integers(0, _SIDE + 1, 2).tolist()
        if (a, b) not in taken:
            taken.add((a, b))
            return a, b


def _clustered(
    rng: np.random.Generator, taken: set[tuple[int, int]], seeds: np.ndarray, count: int
) -> list[tuple[int, int]]:
    """Points accepted with a probability that falls off exponentially from the seeds; drawn in blocks."""
    points: list[tuple[int, int]] = []
    while len(points) < count:
        block = rng.integers(0, _SIDE + 1, (4096, 2))
        chance = rng.random(4096)
        gaps = np.hypot(block[:, None, 0] - seeds[None, :, 0], block[:, None, 1] - seeds[None, :, 1])
        for a, b in block[chance <= np.exp(-gaps / 40.0).sum(axis=1)].tolist():
            if (a, b) not in taken and len(points) < count:
                taken.add((a, b))
                points.append((a, b))
    return points


def _demands(rng: np.random.Generator, kind: str, coords: np.ndarray, route_size: float) -> np.ndarray:
    n = len(coords)
    least, greatest = DEMANDS[kind]
    if kind == "quadrant":
        centre = _SIDE / 2
        even = (coords[:, 0] < centre) == (coords[:, 1] >= centre)  # upper left and lower right
        return np.where(even, rng.integers(1, 51, n), rng.integers(51, 101, n))
    if kind == "many-small":
        # 70 to 95 % of the customers are small ones.
        small = rng.random(n) < rng.uniform(0.7, 0.95)
        return np.where(small, rng.integers(1, 11, n), rng.integers(50, 101, n))
    return rng.integers(least, greatest + 1, n)


UNIFORM = Generator(
    "cvrp",
    "uniform",
    "uniform square, depot at the centre, demands 1-9 (FrontierCO validation)",
    uniform,
    {"n": (int, 100, "number of customers"), "capacity": (int, 50, "vehicle capacity, >= 9")},
)
X = Generator(
    "cvrp",
    "x",
    "family X of Uchoa et al. (2017)",
    x,
    {
        "n": (int, 100, "number of customers, at most 10000 (100000 without clusters)"),
        "depot": (str, "R", "depot: " + ", ".join(f"{k} ({v})" for k, v in DEPOTS.items())),
        "customers": (str, "RC", "customers: " + ", ".join(f"{k} ({v})" for k, v in CUSTOMERS.items())),
        "demand": (str, "1-100", "demands: " + ", ".join(DEMANDS)),
        "route_size": (float, 10.0, "customers of an average route"),
    },
)
