"""
Populations of tours by iterated directed 3-opt that meet; see :mod:`cosolve.search.directed_edge_assembly`.

One population after the other, each but the first with the best tour so far in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.solver import Outcome
from cosolve.instances.tsp import ATSPInstance, Tour
from cosolve.search import atsp
from cosolve.search.directed_edge_assembly import assemble, length_of
from cosolve.search.tours import shortest_tour
from cosolve.solvers.local_search.tsp import KICKS, TINY, Best

#: Above this many cities populations come to nothing: one tour is kicked.
_MAX_POPULATION = 5_000

#: How much longer than the best that tour may be, in mean arcs of the start.
_SLACK = 1.0

#: Tours of the first population, at least; each later one has twice as many, up to the most.
_FIRST, _MOST = 30, 100


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
    given = [tour.order.astype(np.int32) for tour in (start, *others)]
    best = Best(monitor, given[0], lambda order: length_of(matrix, order), lambda order: order)
    slack = _SLACK * length_of(matrix, best.order) / n
    kicks = KICKS * n if n <= _MAX_POPULATION else math.inf
    tours = atsp.kick(data, best.order, kicks, slack, rng, best.left)
    size = max(_FIRST, len(given))
    while best.follow(tours):
        tours = assemble(data, [best.order, *given[1:]], size, rng, best.left)
        given, size = [], min(_MOST, 2 * size)
    return best.outcome()
