"""Steiner trees by shortest paths."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.search.stp_graph import shortest_path_tree_heuristic, spanning_tree, tree_weight

#: Arcs that the searches from different roots may look at together: well below a second.
_WORK = 5_000_000


def construct(instance: STPInstance, monitor: Monitor, rng: np.random.Generator) -> EdgeSet | None:
    """
    Best tree of the shortest path heuristic from up to 20 terminals, each made a pruned minimum spanning tree.

    ``None`` if the terminals are not connected. Takahashi and Matsuyama (1980), *Mathematica Japonica* 24: 573-577.
    """
    best: np.ndarray | None = None
    best_weight = np.inf
    number = int(np.clip(_WORK // (1 + 2 * instance.num_edges), 1, min(20, len(instance.terminals))))
    for root in rng.permutation(instance.terminals)[:number]:
        nodes = shortest_path_tree_heuristic(
            *instance.adjacency, instance.edges, instance.weights, instance.is_terminal, int(root)
        )
        if not nodes.any():
            return None
        tree = np.zeros(instance.num_edges, np.bool_)
        spanning_tree(*instance.adjacency, instance.weights, nodes, instance.is_terminal, tree)
        if (weight := float(tree_weight(instance.weights, tree))) < best_weight:
            best, best_weight = tree, weight
    return None if best is None else EdgeSet(edges=instance.edges[best])
