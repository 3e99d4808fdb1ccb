"""Cities to draw routing instances from: made up, from a street network, or from a table of distances and durations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cosolve.instances.formats.npz import read_arrays
from cosolve.instances.formats.source import Source, format_suffix
from cosolve.instances.formats.tntp import read_network
from cosolve.instances.generators.roads import road_tables, with_points
from cosolve.instances.road_network import RoadNetwork, fastest_paths, with_places

#: Distances beyond this, in km, stand for places that cannot be reached.
UNREACHABLE = 1e5


@dataclass(frozen=True, eq=False)
class City:
    """
    Places, and a way to get the tables between some of them.

    Parameters
    ----------
    points
        (n, 2) coordinates.
    tables
        ``tables(places)`` gives (k, k) distances and durations between k of the points, by index.
    """

    points: np.ndarray
    tables: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def made_up(city: int, points: int) -> City:
    """A city by its seed, see :mod:`cosolve.instances.generators.roads`."""
    return City(with_points(city, points).coords[-points:], lambda places: road_tables(city, places, points)[1:])


def from_file(path: str, points: int, km: float = 1.0, minutes: float = 1.0) -> City:
    """
    A city from a file.

    Parameters
    ----------
    path
        ``..._net.tntp``, on whose streets places are drawn, or an archive (.npz) of ``points``, ``distance`` and
        ``duration``, whose places are those of the file, less some so that the others all reach each other.
    points
        Number of places on streets; those of a table are all in the file.
    km, minutes
        Kilometres and minutes in the file's units of length and time.

    Raises
    ------
    InvalidInstanceError
        If the file is malformed.
    """
    status = Path(path).stat()
    return _from_file(path, status.st_mtime_ns, status.st_size, points, km, minutes)


@lru_cache(maxsize=4)
def _from_file(path: str, changed: int, size: int, points: int, km: float, minutes: float) -> City:
    if format_suffix(Path(path)) == ".tntp":
        network = with_places(read_network(path, km=km, minutes=minutes), points, np.random.default_rng(points))
        return _on_streets(network, points)
    source = Source.open(path)
    arrays = read_arrays(source)
    lost = [key for key in ("points", "distance", "duration") if key not in arrays]
    if lost:
        source.fail(f"a city needs the arrays points, distance and duration; {lost[0]} is missing.")
    coords, distance, duration = (arrays[key].astype(np.float64) for key in ("points", "distance", "duration"))
    n = len(coords)
    if coords.shape != (n, 2) or distance.shape != (n, n) or duration.shape != (n, n):
        source.fail(f"a city of {n} points needs (n, 2) points and (n, n) tables, got {distance.shape}.")
    distance, duration = km * distance, minutes * duration
    for table in (distance, duration):
        np.fill_diagonal(table, 0.0)  # some write there that no way is needed
    kept = _reachable(distance, duration)
    return City(coords[kept], lambda places: (_cut(distance, kept[places]), _cut(duration, kept[places])))


def _reachable(distance: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """Indices of places that all reach each other: whoever lacks the most ways is left out until none lacks any."""
    closed = ~((distance <= UNREACHABLE) & np.isfinite(duration))
    lacks = closed.sum(axis=0) + closed.sum(axis=1)
    kept = np.ones(len(distance), bool)
    while lacks.max(initial=0) > 0:
        worst = int(np.argmax(lacks))
        kept[worst] = False
        lacks -= closed[worst] + closed[:, worst].astype(np.int64)
        lacks[~kept] = 0
    return np.flatnonzero(kept)


def _cut(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    return table[np.ix_(places, places)]


def _on_streets(network: RoadNetwork, points: int) -> City:
    first = network.num_nodes - points
    return City(network.coords[first:], lambda places: fastest_paths(network, first + places))
