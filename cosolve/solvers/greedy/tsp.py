"""Greedy-edge tour."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search.tours import greedy_edge
from cosolve.search.tsp import prepare


def construct(instance: TSPInstance, monitor: Monitor, rng: np.random.Generator) -> Tour:
    """Greedy edge, 14 to 20 % above the optimum for uniform points; O(n log n)."""
    if instance.size <= 3:
        return Tour(order=np.arange(instance.size))
    search, numbering = prepare(*instance.distances.kernel_args, is_integral=instance.is_integral)
    order = greedy_edge(search.metric, search.coords, search.matrix, search.neighbours, search.lengths)
    return Tour(order=numbering[order])
