"""Cycles of the assignment problem, patched to a tour."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.tsp import ATSPInstance, Tour
from cosolve.search.atsp import assignment, patch
from cosolve.search.tours import nearest_neighbour

#: Above this many cities the assignment problem may take minutes.
_MAX_ASSIGNMENT = 5_000


def construct(instance: ATSPInstance, monitor: Monitor, rng: np.random.Generator) -> Tour:
    """Karp's patching; a nearest-neighbour tour above 5,000 cities."""
    if instance.size <= 2:
        return Tour(order=np.arange(instance.size))
    matrix = instance.distances.dense()
    if instance.size > _MAX_ASSIGNMENT:
        return Tour(order=nearest_neighbour(matrix, 0))
    columns, _, _ = assignment(matrix)
    return Tour(order=patch(matrix, columns))
