"""
Populations of tours by iterated directed 3-opt that meet; see :mod:`cosolve.search.edge_assembly`.

One population after the other, each but the first with the best tour so far in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.tsp import ATSPInstance, Tour
from cosolve.search import atsp
from cosolve.search.edge_assembly import assemble
from cosolve.search.tours import shortest_tour
from cosolve.solvers.local_search.tsp import TINY, Reporter

#: Above this many cities populations come to nothing: one tour is kicked.
_MAX_POPULATION = 5_000

#: How much longer than the best that tour may be, in mean arcs of the start.
_SLACK = 1.0

#: Kicks of the first tour, per city, so that there is a good one soon.
_AT_FIRST = 10

#: Tours of the first population, at least, and of later ones.
_FIRST, _LATER = 50, 100


def search(
    instance: ATSPInstance,
    start: Tour,
    monitor: Monitor,
    rng: np.random.Generator,
    others: Sequence[Tour] = (),
) -> Outcome:
    """
    Improve ``start`` until the limit; iterations are kicks, and pairs of tours that meet.

    Parameters
    ----------
    others
        More tours for the first population, which makes up those that are missing.
    """
    if instance.size <= TINY:
        monitor.report(Tour(order=shortest_tour(instance.distances.dense())))
        return Outcome(message="solved by dynamic programming.")
    matrix, n = instance.distances.dense(), instance.size
    data = atsp.prepare(matrix, is_integral=instance.is_integral)
    limit = math.inf if monitor.stop.iterations is None else monitor.stop.iterations
    reporter = Reporter(monitor)
    given = [tour.order.astype(np.int32) for tour in (start, *others)]
    best, shortest, done = given[0], math.inf, 0

    def tour() -> Tour:
        return Tour(order=best)

    def follow(tours: Iterator[tuple[np.ndarray, int]]) -> bool:
        """Keep the best; whether the limit leaves time for more."""
        nonlocal best, shortest, done
        for order, iterations in tours:
            done += iterations
            length = float(matrix[order, np.roll(order, -1)].sum())
            if length < shortest:
                reporter.add(shortest - length)
                best, shortest = order.copy(), length
            reporter.report(tour)
            if monitor.should_stop():
                return False
        return done < limit

    slack = _SLACK * float(matrix[best, np.roll(best, -1)].sum()) / n
    has_population = n <= _MAX_POPULATION
    goes_on = follow(atsp.kick(data, best, _AT_FIRST * n if has_population else math.inf, slack, rng, limit))
    size = max(_FIRST, len(given))
    while goes_on:
        goes_on = follow(assemble(data, [best, *given[1:]], size, rng, limit - done))
        given, size = [], _LATER
    reporter.report(tour, final=True)
    return Outcome(limit=Limit.ITERATION if done >= limit else None, stats={"iterations": done})
