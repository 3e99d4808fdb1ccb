"""Road networks: streets with a time for each direction, places along them, and fastest paths between those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.instance import ReadOnly, frozen_array

#: Entries of a table (sources times nodes) that fastest paths hold at once: 32 MB each, five or so of them.
_TABLE = 4_000_000


@dataclass(frozen=True, eq=False)
class RoadNetwork(ReadOnly):
    """
    Streets between junctions; each direction has a length and a time of its own.

    Parameters
    ----------
    coords
        Junctions, (n, 2) float64.
    ends
        The two junctions of each street, (m, 2) int64.
    length
        Length from ``ends[:, 0]`` to ``ends[:, 1]`` and back, > 0 and finite, (m, 2) float64.
    time
        Time for the same ways, > 0; infinite where the street is one-way against it. (m, 2) float64.

    Raises
    ------
    ValueError
        If shapes do not fit or a value is out of range.
    """

    coords: np.ndarray
    ends: np.ndarray
    length: np.ndarray
    time: np.ndarray

    def __post_init__(self) -> None:
        for name, dtype in (("coords", np.float64), ("ends", np.int64), ("length", np.float64), ("time", np.float64)):
            array = frozen_array(getattr(self, name), dtype, ndim=2, what=name)
            if array.shape[1] != 2 or (name != "coords" and len(array) != len(self.ends)):
                raise ValueError(f"{name} must have two columns and a row for each street, got shape {array.shape}.")
            object.__setattr__(self, name, array)
        if not np.isfinite(self.coords).all():
            raise ValueError("coords must be finite numbers.")
        if len(self.ends) and not 0 <= self.ends.min() <= self.ends.max() < len(self.coords):
            raise ValueError(f"ends must be junctions in 0..{len(self.coords) - 1}.")
        if not (np.isfinite(self.length).all() and (self.length > 0).all()):
            raise ValueError("lengths must be finite numbers > 0.")
        if not (self.time > 0).all():
            raise ValueError("times must be > 0 (infinite for a closed direction).")

    @property
    def num_nodes(self) -> int:
        """Number of junctions, places on streets included."""
        return len(self.coords)


def largest_part(network: RoadNetwork) -> RoadNetwork:
    """The largest part in which every junction reaches every other; the first of equal ones."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    tail, head, _, _ = _arcs(network)
    graph = csr_matrix((np.ones(len(tail)), (tail, head)), shape=(network.num_nodes, network.num_nodes))
    _, label = connected_components(graph, connection="strong")
    kept = label == np.argmax(np.bincount(label))
    streets = kept[network.ends].all(axis=1)
    number = np.cumsum(kept) - 1
    return RoadNetwork(
        network.coords[kept], number[network.ends[streets]], network.length[streets], network.time[streets]
    )


def with_places(network: RoadNetwork, count: int, rng: np.random.Generator) -> RoadNetwork:
    """
    The network with ``count`` places along its streets, which become its last nodes.

    A street is drawn with probability proportional to its length, then a position uniformly along it.
    """
    if not len(network.ends):
        raise ValueError("a network without streets has no places.")
    street = rng.choice(len(network.ends), count, p=_share(network.length.mean(axis=1)))
    part = rng.random(count)
    order = np.lexsort((part, street))
    street, part = street[order], part[order]
    node = network.num_nodes + order
    first, last = network.ends[street, 0], network.ends[street, 1]
    coords = np.empty((count, 2))
    coords[order] = network.coords[first] * (1.0 - part)[:, None] + network.coords[last] * part[:, None]
    # A street with k places becomes k + 1: from each place back to the one before, and from the last on to its end.
    is_first = np.append(True, street[1:] != street[:-1])[:count]
    is_last = np.append(street[1:] != street[:-1], True)[:count]
    before = np.where(is_first, first, np.roll(node, 1))
    gap = part - np.where(is_first, 0.0, np.roll(part, 1))
    ends = np.concatenate((np.column_stack((before, node)), np.column_stack((node, last))[is_last]))
    share = np.concatenate((gap, (1.0 - part)[is_last]))
    of = np.concatenate((street, street[is_last]))
    # Two places may coincide to the last digit, and a part of a street still takes time.
    share = np.maximum(share, 1e-12)[:, None]
    whole = np.bincount(street, minlength=len(network.ends)) == 0
    return RoadNetwork(
        np.concatenate((network.coords, coords)),
        np.concatenate((network.ends[whole], ends)),
        np.concatenate((network.length[whole], network.length[of] * share)),
        np.concatenate((network.time[whole], network.time[of] * share)),
    )


def _share(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum()


def fastest_paths(network: RoadNetwork, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Length and time of the fastest path between each two of the nodes; infinite where there is none.

    The length is that of the fastest path, as in a routing engine's table: it need not be the shortest, and may
    break the triangle inequality.

    Returns
    -------
    distance, duration
        (k, k) float64; the diagonal is 0.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    n = network.num_nodes
    tail, head, length, time = _arcs(network)
    graph = csr_matrix((time, (tail, head)), shape=(n, n))
    key = tail * n + head
    distance, duration = np.empty((2, len(nodes), len(nodes)))
    step = max(1, _TABLE // n)
    for first in range(0, len(nodes), step):
        sources = nodes[first : first + step]
        times, before = dijkstra(graph, indices=sources, return_predecessors=True)
        known = before >= 0
        row, column = np.nonzero(known)
        before[~known] = np.broadcast_to(np.arange(n), before.shape)[~known]
        lengths = np.zeros(before.shape)
        lengths[row, column] = length[np.searchsorted(key, before[row, column].astype(np.int64) * n + column)]
        # Each round doubles the part of the path, seen from its end, that the lengths cover.
        while known.any():
            lengths += np.take_along_axis(lengths, before, axis=1)
            known = before != (before := np.take_along_axis(before, before, axis=1))
        lengths[~np.isfinite(times)] = np.inf
        distance[first : first + step] = lengths[:, nodes]
        duration[first : first + step] = times[:, nodes]
    return distance, duration


def _arcs(network: RoadNetwork) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tail, head, length and time of each open direction, by tail and head; of parallel ones the fastest."""
    tail, head = network.ends.T.ravel(), network.ends[:, ::-1].T.ravel()
    length, time = network.length.T.ravel(), network.time.T.ravel()
    order = np.lexsort((time, head, tail))
    order = order[np.isfinite(time[order]) & (tail[order] != head[order])]
    same = (np.diff(tail[order]) == 0) & (np.diff(head[order]) == 0)
    order = order[np.append(True, ~same)[: len(order)]]
    return tail[order], head[order], length[order], time[order]
