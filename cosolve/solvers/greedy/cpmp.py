"""Capacitated p-median: seeds far apart, assignment by regret, better medians."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.search.cpmp import assign_all, seed_medians

#: Medians kept per node while assigning.
_NEAR = 8
#: Seedings tried before the medians of the largest capacity.
_ATTEMPTS = 5


def construct(instance: CPMPInstance, monitor: Monitor, rng: np.random.Generator) -> Clustering | None:
    """Clustering of the first seeding that fits; ``None`` if neither regret nor largest-first finds room."""
    args = instance.distances.kernel_args
    demand, limit, p = instance.demand, instance.load_limit, instance.p
    label = np.empty(instance.size, np.int64)
    largest = np.argsort(-limit, kind="stable")[:p]
    if limit[largest].sum() < demand.sum():
        return None
    for attempt in range(_ATTEMPTS + 1):
        medians = largest if attempt == _ATTEMPTS else seed_medians(*args, limit, p, rng.random(p))
        if limit[medians].sum() < demand.sum():
            continue
        for by_size in (False, True):
            if assign_all(*args, limit, demand, medians, _NEAR, by_size, label):
                return Clustering(medians=medians, assignment=medians[label])
    return None
