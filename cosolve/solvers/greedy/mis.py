"""Minimum-degree greedy for maximum independent sets."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.graphs import MISInstance, NodeSet
from cosolve.search.mis_reduce import greedy


def construct(instance: MISInstance, monitor: Monitor, rng: np.random.Generator) -> NodeSet | None:
    """Independent set by least degree first, which takes nodes of degree 0 and 1 for sure; ties by random order."""
    graph = instance.graph
    order = rng.permutation(graph.num_nodes).astype(np.int32)
    return NodeSet(nodes=np.sort(greedy(graph.indptr, graph.indices, order)))
