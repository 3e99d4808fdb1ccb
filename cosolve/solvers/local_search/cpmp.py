"""Capacitated p-median: regions of neighbouring clusters rebuilt again and again."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.core.watcher import stop_flag
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.search.cpmp import link, rebuild_regions
from cosolve.solvers.formulations.location import relax

#: Clusters of a region, at most; members tried as new medians.
_WIDTH, _MOST = 6, 60
#: Moves of one cooling per median, and the temperatures as parts of the mean cost of a cluster.
_CYCLE, _HOT, _COLD = 60, 0.08, 0.001
#: Nodes up to which there is a bound, and iterations for it: half a second.
_BOUND_NODES, _BOUND_ITERATIONS = 500, 200
#: Seconds between two reports for large instances.
_PAUSE = 0.5


def search(instance: CPMPInstance, start: Clustering, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """One iteration is one region rebuilt."""
    n, p = instance.size, instance.p
    medians = start.medians.copy()
    position = np.full(n, -1)
    position[medians] = np.arange(p)
    label = position[start.assignment]
    heads, links = link(label, p)
    args = (*instance.distances.kernel_args, instance.load_limit, instance.demand)
    assert monitor.best is not None
    cost = best = monitor.best.objective
    kept = start
    if n <= _BOUND_NODES:
        matrix = instance.distances.dense().T
        root = relax(matrix, instance.demand, instance.load_limit, np.zeros(n), p, monitor, best, _BOUND_ITERATIONS)
        monitor.report_bound(root.bound)
    # About 20 ms each: a region of clusters of n / p nodes takes about its square.
    per_cluster = n / p
    size = int(np.clip(2e5 / (per_cluster * per_cluster * _WIDTH), 1, 50))
    cycle, is_large = _CYCLE * p + 200, n > 20_000
    done, limit, last = 0, monitor.stop.iterations, monitor.elapsed()
    stats: dict[str, int] = {}
    ended: Limit | None = None
    with stop_flag(monitor) as stop:
        while not monitor.should_stop():
            count = size if limit is None else min(size, limit - done)
            if count <= 0:
                ended = Limit.ITERATION
                break
            age = (done % cycle) / cycle
            temperature = 0.0 if is_large or age > 0.9 else cost / p * _HOT * (_COLD / _HOT) ** age
            cost += rebuild_regions(
                *args, medians, label, heads, links, rng.random((count, _WIDTH + 4)), _WIDTH, temperature, _MOST, stop
            )
            done += count
            if cost < best - 1e-9 * abs(best):
                best = cost
                # Large instances never get worse, so that what they have at the end is their best.
                if not is_large or monitor.elapsed() - last > _PAUSE:
                    kept = Clustering(medians=medians.copy(), assignment=medians[label])
                    monitor.report(kept)
                    last = monitor.elapsed()
    if is_large:
        kept = Clustering(medians=medians.copy(), assignment=medians[label])
    monitor.report(kept)
    stats["iterations"] = done
    return Outcome(limit=ended, stats=stats)
