"""Greedy cover for minimum dominating sets."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.graphs import MDSInstance, NodeSet
from cosolve.search import mds_reduce


def construct(instance: MDSInstance, monitor: Monitor, rng: np.random.Generator) -> NodeSet | None:
    """Dominating set by most undominated nodes first, then without redundant nodes; ties by random order."""
    graph = instance.graph
    n = graph.num_nodes
    everything = np.ones(n, np.bool_)
    row_ptr, row_columns, _ = mds_reduce.extract(graph.indptr, graph.indices, everything, everything)
    # A node dominates whom it is dominated by: rows and columns are the same.
    order = rng.permutation(n).astype(np.int32)
    chosen = mds_reduce.greedy(row_ptr, row_columns, row_ptr, row_columns, order, ~everything)
    return NodeSet(nodes=np.flatnonzero(chosen))
