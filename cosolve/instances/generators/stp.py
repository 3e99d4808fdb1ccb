"""Steiner tree instances: hypercubes, random graphs, road-like grids."""

from __future__ import annotations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.stp import STPInstance

#: Best known weights of SteinLib's hc<d>u; proven for 6 and 7 dimensions only.
_HYPERCUBE_BEST = {6: 39, 7: 77, 8: 148, 9: 292, 10: 575, 11: 1144, 12: 2256}


def hypercube(*, seed: int = 0, dimensions: int, perturbed: bool = False) -> STPInstance:
    """
    The graph of a hypercube whose terminals are the nodes with an even number of ones.

    Without perturbation this is exactly hc<d>u of SteinLib's PUC set [1]_: all weights are 1, the seed plays no role.
    With it, weights are uniform integers in 100..110 as in hc<d>p, but drawn from ``seed``: equal in kind only.

    References
    ----------
    .. [1] Rosseti, Poggi de Aragao, Ribeiro, Uchoa and Werneck (2001). New benchmark instances for the Steiner problem
           in graphs. *MIC'2001*: 557-561.
    """
    if not 1 <= dimensions <= 20:
        raise ValueError(f"dimensions must be in 1..20, got {dimensions}.")
    num_nodes = 1 << dimensions
    nodes = np.arange(num_nodes)
    edges = np.concatenate(
        [np.column_stack((low := nodes[nodes >> b & 1 == 0], low | 1 << b)) for b in range(dimensions)]
    )
    ones = np.zeros(num_nodes, np.int64)
    for b in range(dimensions):
        ones += nodes >> b & 1
    weights = np.ones(len(edges))
    meta: dict[str, object] = {}
    if perturbed:
        weights = np.random.default_rng(seed).integers(100, 111, len(edges)).astype(np.float64)
        meta["seed"] = seed
    elif dimensions in _HYPERCUBE_BEST:
        meta["best_known"] = _HYPERCUBE_BEST[dimensions]
    name = f"hc{dimensions}p-seed{seed}" if perturbed else f"hc{dimensions}u"
    return STPInstance(
        num_nodes=num_nodes, edges=edges, weights=weights, terminals=nodes[ones % 2 == 0], name=name, meta=meta
    )


def random_graph(
    *, seed: int = 0, num_nodes: int, num_edges: int, num_terminals: int, max_weight: int = 10
) -> STPInstance:
    """
    Connected random graph with random terminals and integer weights 1..``max_weight``.

    A random tree, then random further edges, as the sets B, C, D and E of Beasley (1989), *Networks* 19: 147-159.
    """
    most = num_nodes * (num_nodes - 1) // 2
    if num_nodes < 2:
        raise ValueError(f"num_nodes must be >= 2, got {num_nodes}.")
    if not num_nodes - 1 <= num_edges <= most:
        raise ValueError(f"num_edges must be in {num_nodes - 1}..{most} for {num_nodes} nodes, got {num_edges}.")
    if not 1 <= num_terminals <= num_nodes:
        raise ValueError(f"num_terminals must be in 1..{num_nodes}, got {num_terminals}.")
    if max_weight < 1:
        raise ValueError(f"max_weight must be >= 1, got {max_weight}.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(num_nodes)
    # Each node of a random order joins a random earlier one.
    earlier = (rng.random(num_nodes - 1) * np.arange(1, num_nodes)).astype(np.int64)
    low, high = np.minimum(order[1:], order[earlier]), np.maximum(order[1:], order[earlier])
    codes = low * num_nodes + high
    while len(codes) < num_edges:
        # Draw with replacement, keep what is new, in order of drawing: dense graphs take a few rounds.
        u, v = rng.integers(num_nodes, size=(2, 2 * (num_edges - len(codes)) + 16))
        new = (np.minimum(u, v) * num_nodes + np.maximum(u, v))[u != v]
        both = np.concatenate((codes, new))
        codes = both[np.sort(np.unique(both, return_index=True)[1])][:num_edges]
    weights = rng.integers(1, max_weight + 1, num_edges).astype(np.float64)
    terminals = rng.choice(num_nodes, num_terminals, replace=False)
    return STPInstance(
        num_nodes=num_nodes,
        edges=np.column_stack((codes // num_nodes, codes % num_nodes)),
        weights=weights,
        terminals=terminals,
        name=f"stp-random-n{num_nodes}-m{num_edges}-t{num_terminals}-seed{seed}",
        meta={"seed": seed},
    )


def road(*, seed: int = 0, side: int, num_terminals: int, density: float = 0.8) -> STPInstance:
    """
    A road-like network: a grid of ``side`` times ``side`` shifted junctions, some streets missing, lengths in metres.

    Junctions lie 100 m apart, moved by up to 30 m each way; a street exists with probability ``density``, and lengths
    are rounded up. Terminals are drawn from the largest connected part.
    """
    if side < 2:
        raise ValueError(f"side must be >= 2, got {side}.")
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density}.")
    rng = np.random.default_rng(seed)
    nodes = np.arange(side * side).reshape(side, side)
    coords = np.column_stack((nodes.ravel() % side, nodes.ravel() // side)) * 100 + rng.integers(
        -30, 31, (side * side, 2)
    )
    across = np.column_stack((nodes[:, :-1].ravel(), nodes[:, 1:].ravel()))
    down = np.column_stack((nodes[:-1].ravel(), nodes[1:].ravel()))
    edges = np.concatenate((across, down))
    edges = edges[rng.random(len(edges)) < density]
    part = _largest_part(side * side, edges)
    if not 1 <= num_terminals <= part.sum():
        raise ValueError(f"num_terminals must be in 1..{part.sum()} for this network, got {num_terminals}.")
    number = np.cumsum(part) - 1
    edges = edges[part[edges[:, 0]]]
    gaps = coords[edges[:, 0]] - coords[edges[:, 1]]
    squares = (gaps * gaps).sum(axis=1)
    # Square roots are correctly rounded everywhere, so that the integers are the same on every platform.
    weights = np.ceil(np.sqrt(squares.astype(np.float64)))
    terminals = rng.choice(np.flatnonzero(part), num_terminals, replace=False)
    return STPInstance(
        num_nodes=int(part.sum()),
        edges=number[edges],
        weights=weights,
        terminals=number[terminals],
        name=f"stp-road-{side}x{side}-t{num_terminals}-seed{seed}",
        meta={"seed": seed, "coords": coords[part].astype(np.float64)},
    )


def _largest_part(num_nodes: int, edges: np.ndarray) -> np.ndarray:
    """Flag per node of the largest connected part (the first one of equals), by repeated labelling."""
    label = np.arange(num_nodes)
    while True:
        low = np.minimum(label[edges[:, 0]], label[edges[:, 1]])
        new = label.copy()
        np.minimum.at(new, edges[:, 0], low)
        np.minimum.at(new, edges[:, 1], low)
        new = new[new]
        if (new == label).all():
            return label == np.argmax(np.bincount(label))
        label = new


HYPERCUBE = Generator(
    "stp",
    "hypercube",
    "hypercubes with even nodes as terminals (SteinLib PUC hc*)",
    hypercube,
    {
        "dimensions": (int, None, "number of dimensions, 1..20"),
        "perturbed": (bool, False, "integer weights 100..110 instead of 1"),
    },
)
RANDOM = Generator(
    "stp",
    "random",
    "connected random graphs (SteinLib B, C, D, E)",
    random_graph,
    {
        "num_nodes": (int, None, "number of nodes, >= 2"),
        "num_edges": (int, None, "number of edges, >= num_nodes - 1"),
        "num_terminals": (int, None, "number of terminals, 1..num_nodes"),
        "max_weight": (int, 10, "weights are integers in 1..max_weight"),
    },
)
ROAD = Generator(
    "stp",
    "road",
    "road-like perturbed grids with lengths in metres",
    road,
    {
        "side": (int, None, "junctions on a side, >= 2"),
        "num_terminals": (int, None, "number of terminals"),
        "density": (float, 0.8, "share of the streets that exist, in (0, 1]"),
    },
)
