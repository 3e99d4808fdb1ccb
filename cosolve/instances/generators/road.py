"""
Routing instances on the roads of made-up cities, with distances in km and durations in minutes.

Places, demands, capacities and windows are drawn as for RRNCO [1]_.

References
----------
.. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with
       neural combinatorial optimization. *ICLR*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.text import writable
from cosolve.instances.cvrp import ACVRPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator
from cosolve.instances.generators.cities import from_file, made_up
from cosolve.instances.generators.roads import CITIES, draw_places
from cosolve.instances.tsp import ATSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance

#: Units of a road instance's numbers, for people.
UNITS = {"distance": "km", "duration": "min"}


def atsp(
    *,
    seed: int = 0,
    n: int = 100,
    split: str = "in",
    city: int = -1,
    points: int = 1000,
    file: str = "",
    km: float = 1.0,
    minutes: float = 1.0,
) -> ATSPInstance:
    """
    Places of a city to visit on the shortest round trip; the length of a way is that of the fastest path.

    Parameters
    ----------
    seed
        Of the choice of places.
    n
        Number of places.
    split
        "in" (any places of one of the 80 cities for training), "city" (of one of 20 others) or "cluster" (places
        near each other, of a city for training).
    city
        Seed of the city, >= 0; -1 takes turns through the cities of the split.
    points
        Places that the city has, of which those of the instance are drawn; at least ``n``.
    file, km, minutes
        A city from a file instead, and its units: see :func:`cosolve.instances.generators.cities.from_file`.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """
    places = _Choice(split, city, points, file, km, minutes)
    coords, distance, _, meta = places.draw(np.random.default_rng(seed), seed, n)
    return ATSPInstance(
        name=f"atsp-road-{meta['where']}-n{n}-s{seed}",
        meta={"generator": "atsp/road", "seed": seed, "n": n, **meta},
        distances=Distances.from_matrix(distance, coords),
    )


#: Number of customers to the capacity of a vehicle for demands 1 to 9; sizes between take the next smaller one's.
CAPACITIES = {
    0: 20, 15: 25, 20: 30, 30: 33, 40: 37, 50: 40, 60: 43, 75: 45,
    100: 50, 125: 55, 150: 60, 200: 70, 500: 100, 1000: 150,
}  # fmt: skip


def acvrp(*, seed: int = 0, n: int = 100, **places: Any) -> ACVRPInstance:
    """
    A depot and ``n`` customers of a city; whole demands from 1 to 9, capacities by :data:`CAPACITIES`.

    Parameters
    ----------
    n
        Number of customers, >= 0.
    seed, places
        See :func:`atsp`.
    """
    rng = np.random.default_rng(seed)
    coords, distance, duration, meta = _Choice(**places).draw(rng, seed, n + 1)
    meta = {"generator": "acvrp/road", "seed": seed, "n": n, **meta}
    return acvrp_at(rng, coords, distance, duration, f"acvrp-road-{meta['where']}-n{n}-s{seed}", meta)


def acvrp_at(
    rng: np.random.Generator,
    coords: np.ndarray,
    distance: np.ndarray,
    duration: np.ndarray,
    name: str = "",
    meta: Mapping[str, Any] | None = None,
) -> ACVRPInstance:
    """An instance of :func:`acvrp` at given places, the depot first; for many from the tables of one city."""
    n = len(distance) - 1
    return ACVRPInstance(
        name=name,
        meta=dict(meta or {}),
        distances=Distances.from_matrix(distance, coords),
        demand=np.append(0, rng.integers(1, 10, n)),
        capacity=CAPACITIES[max(size for size in CAPACITIES if size <= n)],
    )


#: Hours of the depot, and ranges of service times and window lengths, in units of the longest duration.
HORIZON, SERVICE, LENGTH = 4.6, (0.15, 0.18), (0.18, 0.20)


def acvrptw(*, seed: int = 0, n: int = 100, **places: Any) -> ACVRPTWInstance:
    """
    A depot and ``n`` customers of a city with time windows, all times in minutes.

    The published instances measure time in units of the longest duration between two places of the instance. Here
    their numbers are multiplied by that duration: about 11 minutes, so that a depot is open for some 50 minutes, a
    service takes 2 and a window lasts 2. Every customer can be served by a vehicle of its own.

    Parameters
    ----------
    n
        Number of customers, >= 0.
    seed, places
        See :func:`atsp`.
    """
    rng = np.random.default_rng(seed)
    coords, distance, duration, meta = _Choice(**places).draw(rng, seed, n + 1)
    meta = {"generator": "acvrptw/road", "seed": seed, "n": n, "unit": _unit(duration), **meta}
    return acvrptw_at(rng, coords, distance, duration, f"acvrptw-road-{meta['where']}-n{n}-s{seed}", meta)


def acvrptw_at(
    rng: np.random.Generator,
    coords: np.ndarray,
    distance: np.ndarray,
    duration: np.ndarray,
    name: str = "",
    meta: Mapping[str, Any] | None = None,
) -> ACVRPTWInstance:
    """An instance of :func:`acvrptw` at given places, the depot first; for many from the tables of one city."""
    n, unit = len(distance) - 1, _unit(duration)
    service, length, position = rng.uniform(*SERVICE, n), rng.uniform(*LENGTH, n), rng.random(n)
    there = duration[0, 1:] / unit
    far = np.maximum(there, duration[1:, 0] / unit)
    # The published formula: a window begins between the earliest arrival and the last time to be back from it.
    opens = there + ((HORIZON - service - length) / (far + 1e-6) - 2.0) * far * position
    capacity = 30 + n // 5 if n <= 1000 else int(230 + (n - 1000) / 33.3)
    return ACVRPTWInstance(
        name=name,
        meta=dict(meta or {}),
        distances=Distances.from_matrix(distance, coords),
        durations=Distances.from_matrix(duration, coords),
        demand=np.append(0, rng.integers(1, 10, n)),
        capacity=30 if n <= 20 else capacity,
        opens=np.append(0.0, opens) * unit,
        closes=np.append(HORIZON, opens + length) * unit,
        service=np.append(0.0, service) * unit,
    )


def _unit(duration: np.ndarray) -> float:
    """Longest duration, in minutes."""
    return float(duration.max()) or 1.0


@dataclass(frozen=True)
class _Choice:
    """Which city, and which of its places."""

    split: str = "in"
    city: int = -1
    points: int = 1000
    file: str = ""
    km: float = 1.0
    minutes: float = 1.0

    def __post_init__(self) -> None:
        if self.split not in CITIES:
            raise ValueError(f"split must be one of {', '.join(CITIES)}; got {self.split!r}.")
        if not 1 <= self.points <= 5000:
            raise ValueError(f"points must be in 1..5000, got {self.points}.")
        if self.city < -1:
            raise ValueError(f"city must be >= 0, or -1 for the split's own, got {self.city}.")
        if self.split == "city" and self.city in CITIES["in"]:
            raise ValueError(f"split city is of cities that none is trained on: city must be >= 80, got {self.city}.")
        for name in ("km", "minutes"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be a finite number > 0, got {getattr(self, name)}.")
            if not self.file and getattr(self, name) != 1.0:
                raise ValueError(f"{name} is a unit of a file: give file too.")
        if self.file and self.city != -1:
            raise ValueError("city is the seed of a made-up city: give either city, or file.")

    def draw(
        self, rng: np.random.Generator, seed: int, count: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Coordinates, distances and durations of so many places, and what to note of them."""
        meta: dict[str, Any] = {"where": self.split, "split": self.split}
        if self.file:
            pool = from_file(self.file, self.points, self.km, self.minutes)
            name = writable(Path(self.file).name)
            stem = name.split(".")[0]
            meta |= {"where": stem if self.split != "cluster" else f"{stem}-cluster", "file": name}
        else:
            cities = CITIES[self.split]
            city = cities[seed % len(cities)] if self.city < 0 else self.city
            pool = made_up(city, self.points)
            meta |= {"city": city, "units": UNITS}
        meta["points"] = len(pool.points)
        if not 1 <= count <= len(pool.points):
            raise ValueError(
                f"there must be 1 to {len(pool.points)} places (the city's points), depot included; got {count}."
            )
        places = draw_places(rng, pool.points, count, self.split)
        return pool.points[places], *pool.tables(places), meta


_PARAMETERS = {
    "split": (str, "in", "places: in (any, of a city for training), city (of another city), cluster (near each other)"),
    "city": (int, -1, "seed of the city; -1 takes turns through those of the split"),
    "points": (int, 1000, "places of the city, of which those of the instance are drawn"),
    "file": (str, "", "city from a file: a street network (..._net.tntp) or tables (.npz)"),
    "km": (float, 1.0, "kilometres in a unit of length of the file"),
    "minutes": (float, 1.0, "minutes in a unit of time of the file"),
}
ATSP = Generator(
    "atsp",
    "road",
    "places on the roads of a made-up city, distances in km",
    atsp,
    {"n": (int, 100, "number of places"), **_PARAMETERS},
)
_CUSTOMERS = {"n": (int, 100, "number of customers"), **_PARAMETERS}
ACVRP = Generator("acvrp", "road", "customers on the roads of a made-up city, distances in km", acvrp, _CUSTOMERS)
ACVRPTW = Generator(
    "acvrptw", "road", "customers on the roads of a made-up city with time windows, km and minutes", acvrptw, _CUSTOMERS
)
