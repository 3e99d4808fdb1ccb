"""Capacitated p-median: seeds far apart, assignment by regret, better medians."""

from __future__ import annotations

import numpy as np

from cosolve.core.instance import frozen_array
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.search.cpmp import assign_all, seed_medians

#: Medians kept per node while assigning.
_NEAR = 8
#: Seedings tried before the medians of the largest capacity.
_ATTEMPTS = 5
#: Pairs of node and median above which seeds come from a sample, and medians above which they are drawn blindly.
_PAIRS, _BLIND = 50_000_000, 20_000


def construct(instance: CPMPInstance, monitor: Monitor, rng: np.random.Generator) -> Clustering | None:
    """Clustering of the first seeding that fits; ``None`` if neither regret nor largest-first finds room."""
    args = instance.distances.kernel_args
    demand, limit, p = instance.demand, instance.load_limit, instance.p
    label = np.empty(instance.size, np.int64)
    largest = np.argsort(-limit, kind="stable")[:p]
    if limit[largest].sum() < demand.sum():
        return None
    for attempt in range(_ATTEMPTS + 1):
        if attempt and monitor.should_stop():
            return None
        medians = largest if attempt == _ATTEMPTS else _seed(instance, rng)
        if limit[medians].sum() < demand.sum():
            continue
        for by_size in (False, True):
            if assign_all(*args, limit, demand, medians, _NEAR, by_size, label):
                return Clustering(medians=medians, assignment=medians[label])
    return None


def _seed(instance: CPMPInstance, rng: np.random.Generator) -> np.ndarray:
    """Seeds far apart; of a large instance, among a sample of at least two nodes per median."""
    n, p = instance.size, instance.p
    metric, coords, matrix = instance.distances.kernel_args
    if n * p <= _PAIRS or metric == Metric.MATRIX:
        return seed_medians(metric, coords, matrix, instance.load_limit, p, rng.random(p))
    possible = np.flatnonzero(instance.load_limit > 0)
    if p > min(_BLIND, len(possible)):
        return np.sort(rng.choice(n, p, replace=False))
    sample = rng.choice(possible, min(len(possible), max(2 * p, _PAIRS // p)), replace=False)
    # Read-only as the instance's own, for which the kernel is compiled.
    near, limit = frozen_array(coords[sample]), frozen_array(instance.load_limit[sample])
    chosen = seed_medians(metric, near, matrix, limit, p, rng.random(p))
    return np.asarray(sample[chosen])
