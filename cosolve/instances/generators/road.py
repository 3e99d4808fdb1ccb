"""Routing instances on the roads of made-up cities [1]_, with distances in km and durations in minutes.

References
----------
.. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with
       neural combinatorial optimization. *ICLR*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator
from cosolve.instances.generators.roads import CITIES, draw_places, road_tables, with_points
from cosolve.instances.tsp import ATSPInstance

#: Units of a road instance's numbers, for people.
UNITS = {"distance": "km", "duration": "min"}


def atsp(*, seed: int = 0, n: int = 100, split: str = "in", city: int = -1, points: int = 1000) -> ATSPInstance:
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

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """
    coords, distance, _, meta = _places(np.random.default_rng(seed), seed, n, split, city, points)
    return ATSPInstance(
        name=f"atsp-road-{split}-n{n}-s{seed}",
        meta={"generator": "atsp/road", "seed": seed, "n": n, **meta},
        distances=Distances.from_matrix(distance, coords),
    )


def _places(
    rng: np.random.Generator, seed: int, count: int, split: str, city: int, points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """Coordinates, distances and durations of the places, and what to note of them."""
    if split not in CITIES:
        raise ValueError(f"split must be one of {', '.join(CITIES)}; got {split!r}.")
    if not 1 <= points <= 5000:
        raise ValueError(f"points must be in 1..5000, got {points}.")
    if not 1 <= count <= points:
        raise ValueError(f"there must be 1 to {points} places (the city's points), depot included; got {count}.")
    if city < -1:
        raise ValueError(f"city must be >= 0, or -1 for the split's own, got {city}.")
    if city < 0:
        city = CITIES[split][seed % len(CITIES[split])]
    places = draw_places(rng, with_points(city, points).coords[-points:], count, split)
    meta = {"split": split, "city": city, "points": points, "units": UNITS}
    return *road_tables(city, places, points), meta


_PARAMETERS = {
    "split": (str, "in", "places: in (any, of a city for training), city (of another city), cluster (near each other)"),
    "city": (int, -1, "seed of the city; -1 takes turns through those of the split"),
    "points": (int, 1000, "places of the city, of which those of the instance are drawn"),
}
ATSP = Generator(
    "atsp",
    "road",
    "places on the roads of a made-up city, distances in km",
    atsp,
    {"n": (int, 100, "number of places"), **_PARAMETERS},
)
