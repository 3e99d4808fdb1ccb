"""Greedy-edge tour."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search.tours import candidates, greedy_edge
from cosolve.search.tsp import renumber

_CANDIDATES = 8


def construct(instance: TSPInstance, monitor: Monitor, rng: np.random.Generator) -> Tour:
    """Greedy edge, 14 to 20 % above the optimum for uniform points; O(n log n)."""
    if instance.size <= 3:
        return Tour(order=np.arange(instance.size))
    metric, coords, matrix, numbering = renumber(*instance.distances.kernel_args)
    near, lengths = candidates(metric, coords, matrix, _CANDIDATES)
    order = greedy_edge(metric, coords, matrix, near, lengths)
    return Tour(order=numbering[order])
