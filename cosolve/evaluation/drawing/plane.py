"""Places on the canvas: coordinates of instances, fitted and thinned to what can be seen."""

from __future__ import annotations

import numpy as np

from cosolve.core.metric import Metric
from cosolve.evaluation.drawing.layout import layout_distances
from cosolve.evaluation.drawing.svg import Box
from cosolve.instances.distances import Distances


def fit(points: np.ndarray, box: Box, margin: float = 6.0) -> np.ndarray:
    """
    Pixels of points in the plane: one scale for both axes, y upwards, centred.

    Parameters
    ----------
    points
        (n, 2) finite numbers of any size.
    box
        Where they have to lie.
    margin
        Pixels that stay free inside the box, for the shapes around the points.

    Returns
    -------
    np.ndarray
        (n, 2) pixels; all in the middle where all points are equal.
    """
    if not len(points):
        return np.empty((0, 2))
    # Divided first: the difference of two numbers near the largest double would be infinite.
    points = points / (np.abs(points).max() or 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([box.width, box.height]) - 2 * margin
    span = high - low
    scale = min((r / s for r, s in zip(room, span) if s > 1e-12), default=0.0)
    pixels = (points - (low + high) / 2) * (scale, -scale)
    return pixels + np.array([box.left + box.right, box.top + box.bottom]) / 2


def places(distances: Distances, box: Box) -> tuple[np.ndarray, str]:
    """
    (n, 2) places of nodes, and what to say about them in a legend: nothing if they are those of the instance.

    Without coordinates they are laid out such that they resemble the distances.
    """
    coords = map_coords(distances)
    if coords is not None:
        return coords, ""
    return layout_distances(distances, box.width / box.height), "places laid out to resemble the distances"


def map_coords(distances: Distances) -> np.ndarray | None:
    """
    (n, 2) coordinates for a map, or ``None`` if the instance has none.

    Latitudes and longitudes (TSPLIB's GEO, degrees and minutes as DDD.MM) become an equirectangular map, east to
    the right, with true proportions at its middle latitude.
    """
    coords = distances.coords
    if not len(coords):
        return None
    if distances.metric != Metric.GEO:
        return coords
    whole = np.trunc(coords)
    latitude, longitude = (whole + (coords - whole) * 5 / 3).T
    middle = (latitude.min() + latitude.max()) / 2
    return np.column_stack((longitude * np.cos(np.radians(middle)), latitude))


def thin(pixels: np.ndarray, starts: np.ndarray, limit: int) -> np.ndarray:
    """
    Vertices that polylines need at the resolution of the canvas.

    Of vertices in a row within one pixel the first stays; if there are still more than ``limit``, evenly spaced
    ones stay. The first vertex of every polyline stays in any case.

    Parameters
    ----------
    pixels
        (n, 2) vertices of all polylines, one after the other.
    starts
        (k,) ascending positions at which a polyline begins.
    limit
        How many are wanted; k are kept if that is more.

    Returns
    -------
    np.ndarray
        Ascending positions.
    """
    cell = np.floor(pixels).astype(np.int64)
    moves = np.ones(len(pixels), np.bool_)
    moves[1:] = (cell[1:] != cell[:-1]).any(axis=1)
    moves[starts] = False
    rest = np.flatnonzero(moves)
    room = max(limit - len(starts), 0)
    if len(rest) > room:
        rest = rest[np.linspace(0, len(rest) - 1, room).astype(np.int64)]
    return np.union1d(starts, rest)


def dot_radius(box: Box, count: int) -> float:
    """Radius in pixels at which ``count`` dots fill a fair part of the box without hiding each other."""
    return float(np.clip(0.13 * np.sqrt(box.area / max(count, 1)), 0.7, 4.0))
