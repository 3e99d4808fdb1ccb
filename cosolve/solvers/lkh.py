"""Solver "lkh": LKH through the package elkai, for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.solvers.packages import availability

#: elkai takes a dense matrix only, as a list of lists: 40 bytes an entry, 4 GB for so many cities.
MAX_CITIES = 10_000

#: Largest integer length that is safe for LKH's 32-bit arithmetic with its internal factor of 100.
_MAX_LENGTH = 2e7


#: Runs per call, at most: LKH refuses numbers that do not fit into 32 bits.
_MAX_RUNS = 1_000


@dataclass(frozen=True)
class LKHOptions:
    """
    Options of :class:`LKH`.

    Parameters
    ----------
    runs
        LKH runs in each call; calls are repeated with more runs until time is up.
    """

    runs: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.runs <= _MAX_RUNS:
            raise ValueError(f"runs must be in 1..{_MAX_RUNS}, got {self.runs}.")


class LKH(Solver):
    """
    LKH 3 by elkai. Its licence allows non-commercial and research use only; no plan of "auto" contains it.

    It can't be stopped, has no seed and tells nothing before a call ends: it runs in a process of its own, and
    the number of runs per call doubles from call to call.
    """

    name = "lkh"
    title = "LKH by elkai (NON-COMMERCIAL and research use only)"
    problems = frozenset({"tsp", "atsp"})
    features = Feature.TRAJECTORY
    isolated = True
    options_type = LKHOptions

    def available(self) -> Availability:
        """Whether ``elkai`` is installed."""
        return availability("elkai", "peers")

    def solve(
        self,
        instance: TSPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: LKHOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        n = instance.size
        if monitor.should_stop():
            return Outcome()
        if n <= 3:
            return _tiny(instance, monitor)
        if n > MAX_CITIES:
            return Outcome(message=f"elkai needs a dense matrix: at most {MAX_CITIES} cities here, got {n}.")
        import elkai

        matrix = instance.distances.dense()
        largest = float(matrix.max())
        scale = 1.0 if instance.is_integral and largest <= _MAX_LENGTH else _MAX_LENGTH / max(largest, 1e-300)
        cities = elkai.DistanceMatrix(np.rint(matrix * scale).astype(np.int64).tolist())
        runs, calls = options.runs, 0
        while not monitor.should_stop():
            order = cities.solve_tsp(runs=runs)[:-1]  # it repeats the first city at the end
            monitor.report(Tour(order=order))
            calls += 1
            runs = min(2 * runs, _MAX_RUNS)
        return Outcome(stats={"calls": calls})


def _tiny(instance: Any, monitor: Monitor) -> Outcome:
    from cosolve.search.tours import shortest_tour

    monitor.report(Tour(order=shortest_tour(instance.distances.dense())))
    return Outcome()
