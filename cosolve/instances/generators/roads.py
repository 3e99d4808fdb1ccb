"""
Road networks of made-up cities, and tables of distances and durations between places in them.

A city is a square of 3 km: junctions by one of three street plans, bent towards a dense core or cut by a river in
some of them. Streets are the *strokes* of the network [1]_, chains of segments that go straight on: long strokes
make the arterial roads, fast as a whole, and a stroke is one-way as a whole. A spanning tree of two-way segments
keeps every place in reach. Tables hold what a routing engine says: the time of the fastest path, and its length [2]_.

References
----------
.. [1] Thomson, R. C., Richardson, D. E. (1999). The 'good continuation' principle of perceptual organization applied
       to the generalization of road networks. *Proc. 19th International Cartographic Conference*: 1215-1223.
.. [2] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with
       neural combinatorial optimization. *ICLR*.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cosolve.core.instance import frozen_array
from cosolve.instances.road_network import RoadNetwork, fastest_paths, with_places

#: Side of a city in km.
SIDE = 3.0

#: Street plans, and how likely each is.
PLANS = {"grid": 0.45, "irregular": 0.3, "radial": 0.25}

#: Split to its cities: those for training, and those kept apart for tests.
CITIES = {"in": range(80), "city": range(80, 100), "cluster": range(80)}

#: Keeps the random stream of cities apart from those of instances with the same seed.
_STREAM = 0x726F6164

#: Share of the street length, longest strokes first, and speed in km/h of each class of streets.
_CLASSES = ((0.10, 54.0), (0.30, 38.0), (0.75, 26.0), (1.0, 18.0))

#: Two segments are one street if it turns by less than this: cosine of 40 degrees.
_STRAIGHT = 0.766


@lru_cache(maxsize=128)
def road_network(seed: int) -> RoadNetwork:
    """
    The streets of a city; lengths in km, times in minutes, coordinates in km.

    Every junction reaches every other. Equal seeds give equal networks, bit by bit.
    """
    rng = np.random.default_rng([_STREAM, seed])
    plan = str(rng.choice(list(PLANS), p=list(PLANS.values())))
    coords, ends = {"grid": _grid, "irregular": _irregular, "radial": _radial}[plan](rng)
    if rng.random() < 0.5:
        coords = _dense_core(coords, rng.uniform(1.05, 1.35))
    coords, ends = _cropped(coords, ends)
    # Whole metres: sines and powers differ in the last digit between platforms.
    coords = np.rint(coords * 1000.0) / 1000.0
    kept = rng.random(len(ends)) < rng.uniform(0.65, 0.80)
    if rng.random() < 0.35:
        bridge, water = _river(coords, ends, rng)
        kept = (kept & ~water) | bridge
    else:
        water = np.zeros(len(ends), bool)
    tree = _spanning_tree(coords, ends, water & ~kept)
    kept |= tree
    return _streets(coords, ends[kept], tree[kept], rng)


def _grid(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of some 100 m, turned by any angle, corners moved by a fifth of a block."""
    cell = SIDE / rng.integers(26, 33)
    stretch = rng.uniform(0.8, 1.25)
    reach = int(np.ceil(SIDE / cell * 1.1))
    index = np.arange(-reach, reach + 1)
    number = np.arange(len(index) ** 2).reshape(len(index), -1)
    x, y = np.meshgrid(index * cell * stretch, index * cell / stretch, indexing="ij")
    coords = np.column_stack((x.ravel(), y.ravel()))
    coords += rng.uniform(-0.2, 0.2, coords.shape) * cell * (stretch, 1 / stretch)
    angle = rng.choice([0.0, 1.0]) * rng.uniform(0, np.pi / 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    ends = np.concatenate(
        (
            np.column_stack((number[:-1].ravel(), number[1:].ravel())),
            np.column_stack((number[:, :-1].ravel(), number[:, 1:].ravel())),
        )
    )
    return coords @ turn, ends


def _irregular(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Junctions at random, none too near to another, joined by short edges of their Delaunay triangulation."""
    from scipy.spatial import Delaunay, cKDTree

    coords = rng.uniform(-SIDE / 2, SIDE / 2, (1800, 2))
    near = cKDTree(coords).query_pairs(0.045, output_type="ndarray")
    coords = np.delete(coords, np.unique(near[:, 1]), axis=0)
    sides = Delaunay(coords).simplices[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    ends = np.unique(np.sort(sides, axis=1), axis=0)
    # Of a triangle's three sides the longest is seldom a street.
    ends = ends[_lengths(coords, ends) < 0.13]
    return coords, ends


def _radial(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rings around a centre and spokes from it, whose number doubles as they come apart."""
    centre = rng.uniform(-0.4, 0.4, 2)
    gap = rng.uniform(0.095, 0.115)
    coords, ends = [centre[None]], []
    inner, count, total = np.zeros(1, np.int64), 6, 1
    for ring in range(1, int(2.6 / gap)):
        radius = ring * gap
        if 2 * np.pi * radius / count > 1.9 * gap:
            count *= 2
        angle = (np.arange(count) + rng.uniform(-0.12, 0.12, count)) * (2 * np.pi / count)
        distance = radius + rng.uniform(-0.12, 0.12, count) * gap
        coords.append(centre + distance[:, None] * np.column_stack((np.cos(angle), np.sin(angle))))
        nodes = total + np.arange(count)
        ends.append(np.column_stack((nodes, np.roll(nodes, -1))))
        factor = count // len(inner)
        ends.append(np.column_stack((inner, nodes[:: max(1, factor)] if ring > 1 else nodes[:1])))
        if ring == 1:
            ends.append(np.column_stack((np.zeros(count - 1, np.int64), nodes[1:])))
        inner, total = nodes, total + count
    return np.concatenate(coords), np.concatenate(ends)


def _cropped(coords: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest connected part inside the square."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    inside = (np.abs(coords) <= SIDE / 2).all(axis=1)
    ends = ends[inside[ends].all(axis=1)]
    graph = csr_matrix((np.ones(len(ends)), ends.T), shape=(len(coords), len(coords)))
    _, label = connected_components(graph, directed=False)
    part = label == np.argmax(np.bincount(label))
    number = np.cumsum(part) - 1
    return coords[part], number[ends[part[ends[:, 0]]]]


def _dense_core(coords: np.ndarray, power: float) -> np.ndarray:
    """Coordinates drawn towards the centre: blocks are small there and large at the edge."""
    radius = np.sqrt((coords * coords).sum(axis=1)) / (SIDE / 2)
    return coords * (radius ** (power - 1.0))[:, None]


def _river(coords: np.ndarray, ends: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flags of the segments that are bridges, and of all that meet the water."""
    slope, shift, bend = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.3)
    x, y = coords.T if rng.random() < 0.5 else coords[:, ::-1].T
    side = y > slope * x + shift + bend * np.sin(2.0 * x + shift)
    water = side[ends[:, 0]] != side[ends[:, 1]]
    crossings = np.flatnonzero(water)
    crossings = crossings[np.argsort(x[ends[crossings, 0]], kind="stable")]
    # Bridges at even gaps, each moved a little.
    num_bridges = min(int(rng.integers(3, 7)), len(crossings))
    place = (np.arange(num_bridges) + rng.uniform(0.2, 0.8, num_bridges)) / max(num_bridges, 1) * len(crossings)
    bridge = np.zeros(len(ends), bool)
    bridge[crossings[place.astype(np.int64)]] = True
    return bridge, water


def _lengths(coords: np.ndarray, ends: np.ndarray) -> np.ndarray:
    gap = coords[ends[:, 0]] - coords[ends[:, 1]]
    return np.sqrt((gap * gap).sum(axis=1))


def _spanning_tree(coords: np.ndarray, ends: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Flags of the segments of a shortest spanning tree that uses those in ``last`` only where it must."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = len(coords)
    low, high = ends.min(axis=1), ends.max(axis=1)
    weight = _lengths(coords, ends) + 0.001 + 1000.0 * last
    tree = minimum_spanning_tree(csr_matrix((weight, (low, high)), shape=(n, n))).tocoo()
    return np.isin(low * n + high, tree.row.astype(np.int64) * n + tree.col)


def _streets(coords: np.ndarray, ends: np.ndarray, tree: np.ndarray, rng: np.random.Generator) -> RoadNetwork:
    """Lengths, speeds and directions, by strokes."""
    stroke, forward = _strokes(coords, ends)
    straight = _lengths(coords, ends)
    count = stroke.max() + 1
    total = np.bincount(stroke, straight)
    # The longest streets are the fastest, with some luck.
    order = np.argsort(-total * rng.uniform(0.5, 1.0, count), kind="stable")
    rank = np.empty(count)
    rank[order] = (np.cumsum(total[order]) - total[order] / 2) / total.sum()
    limits, speeds = np.array(_CLASSES).T
    speed = speeds[np.searchsorted(limits, rank)] * rng.uniform(0.9, 1.1, count)
    length = np.maximum(straight, 0.001) * rng.uniform(1.0, 1.25, len(ends))
    time = (60.0 * length / speed[stroke])[:, None] * rng.uniform(0.85, 1.2, (len(ends), 2))
    one_way = (rng.random(count) < rng.uniform(0.4, 0.6))[stroke] & ~tree
    against = (rng.random(count) < 0.5)[stroke] ^ forward
    closed = np.flatnonzero(one_way)
    time[closed, against[closed].astype(np.int64)] = np.inf
    return RoadNetwork(coords, ends, np.column_stack((length, length)), time)


def _strokes(coords: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Number of the stroke of each segment, and whether the stroke runs from its first end to its second.

    At every junction the straightest pairs of segments are joined first, each segment once.
    """
    m = len(ends)
    heading = coords[ends[:, 1]] - coords[ends[:, 0]]
    heading /= np.maximum(_lengths(coords, ends), 1e-9)[:, None]
    # Slot 2e is the first end of segment e, slot 2e + 1 its second; away[slot] points into the segment.
    away = np.stack((heading, -heading), axis=1).reshape(-1, 2)
    node = ends.ravel()
    by_node = np.argsort(node, kind="stable")
    start = np.searchsorted(node[by_node], np.arange(len(coords) + 1))
    joined = np.full(2 * m, -1)
    pairs = []
    for first, last in zip(start[:-1].tolist(), start[1:].tolist(), strict=True):
        slots = by_node[first:last]
        straight = -(away[slots] @ away[slots].T)
        pairs += [
            (-straight[i, j], slots[i], slots[j])
            for i in range(len(slots))
            for j in range(i)
            if straight[i, j] > _STRAIGHT
        ]
    for _, a, b in sorted(pairs):
        if joined[a] < 0 and joined[b] < 0:
            joined[a], joined[b] = b, a
    stroke, forward = np.full(m, -1), np.zeros(m, bool)
    count = 0
    # Chains from their loose ends first, then what is left: closed rings.
    for slot in [*np.flatnonzero(joined < 0).tolist(), *range(2 * m)]:
        if stroke[slot // 2] >= 0:
            continue
        while slot >= 0 and stroke[slot // 2] < 0:
            stroke[slot // 2], forward[slot // 2] = count, slot % 2 == 0
            slot = int(joined[slot ^ 1])
        count += 1
    return stroke, forward


@lru_cache(maxsize=32)
def with_points(city: int, points: int) -> RoadNetwork:
    """The streets of a city with points along them, its last nodes."""
    return with_places(road_network(city), points, np.random.default_rng([_STREAM, city, points]))


def road_tables(city: int, places: np.ndarray, points: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`road_city`, but of some of its points only, by index; equal to its rows and columns, bit by bit."""
    network = with_points(city, points)
    nodes = network.num_nodes - points + places
    return network.coords[nodes], *fastest_paths(network, nodes)


@lru_cache(maxsize=8)
def road_city(city: int, points: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Places on the streets of a city, and the table of fastest paths between them; about a second for 1000 places.

    Parameters
    ----------
    city
        Seed of the city; :data:`CITIES` says which serve for training and which for tests.
    points
        Number of places, drawn along the streets in proportion to their length.

    Returns
    -------
    points, distance, duration
        (n, 2) in km; (n, n) in km and in minutes, the diagonal 0. Read-only.
    """
    coords, distance, duration = road_tables(city, np.arange(points), points)
    return frozen_array(coords), frozen_array(distance), frozen_array(duration)


def draw_places(rng: np.random.Generator, points: np.ndarray, count: int, split: str = "in") -> np.ndarray:
    """
    Indices of ``count`` of the points, in random order: any of them, or for "cluster" those nearest to a random one.

    Parameters
    ----------
    points
        (n, 2), n >= ``count``.
    split
        One of :data:`CITIES`.
    """
    if split != "cluster":
        return rng.choice(len(points), count, replace=False)
    gap = points - points[rng.integers(len(points))]
    nearest = np.argsort((gap * gap).sum(axis=1), kind="stable")[:count]
    return rng.permutation(nearest)
