"""Iterated directed 3-opt on reduced lengths; see :mod:`cosolve.search.atsp`."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.tsp import ATSPInstance, Tour, evaluate
from cosolve.search import atsp
from cosolve.search.neighbours import nearest_by_matrix
from cosolve.search.tours import shortest_tour
from cosolve.solvers.local_search.tsp import TINY, Reporter

#: Candidate successors of a city.
_CANDIDATES = 8

#: Longest segment of a kick.
_SEGMENT = 30

#: How much longer than the best the current tour may be, in mean arcs of the start.
_SLACK = 1.0

#: Above this many cities the duals of the assignment problem take too long.
_MAX_ASSIGNMENT = 5_000


def search(instance: ATSPInstance, start: Tour, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Descend from ``start``, then kick and repair until the limit."""
    n = instance.size
    matrix = instance.distances.dense()
    if n <= TINY:
        monitor.report(Tour(order=shortest_tour(matrix)))
        return Outcome(message="solved by dynamic programming.")
    if n <= _MAX_ASSIGNMENT:
        _, rows, columns = atsp.assignment(matrix)
        matrix = matrix - rows[:, None] - columns
    neighbours = nearest_by_matrix(matrix, _CANDIDATES)
    epsilon = 0.5 if instance.is_integral else 1e-9 * float(instance.distances.matrix.max()) + 1e-300
    order = start.order.astype(np.int32)
    best, excess = order.copy(), np.zeros(1)
    slack = _SLACK * (evaluate(instance, start).objective or 0.0) / n
    counters = atsp.new_counters(rng)
    reporter = Reporter(monitor)
    limit = monitor.stop.iterations
    per_slice = max(1, min(500, 200_000 // n))
    while not monitor.should_stop() and (limit is None or counters[atsp.KICKS] < limit):
        kicks = per_slice if limit is None else min(per_slice, limit - int(counters[atsp.KICKS]))
        reporter.add(atsp.iterate(matrix, neighbours, order, best, excess, counters, kicks, _SEGMENT, slack, epsilon))
        reporter.report(lambda: Tour(order=best))
    reporter.report(lambda: Tour(order=best), final=True)
    is_out = limit is not None and counters[atsp.KICKS] >= limit
    return Outcome(limit=Limit.ITERATION if is_out else None, stats={"iterations": int(counters[atsp.KICKS])})
