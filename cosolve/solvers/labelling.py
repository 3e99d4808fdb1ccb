"""Solver "labelling": orienteering with time windows, exact by dynamic programming over labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

import cosolve
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.core.watcher import stop_flag
from cosolve.instances.orienteering import OPTWVPInstance
from cosolve.search import label_passes
from cosolve.search.orienteering import Arrays
from cosolve.solvers.compiled import CompiledSolver, small_instances
from cosolve.solvers.orienteering import arrays_of, in_own_units, timed


@dataclass(frozen=True)
class LabellingOptions:
    """
    Options of "labelling".

    Parameters
    ----------
    neighbours
        Customers that a label of the relaxation remembers at first, >= 0.
    max_labels
        Most labels of one pass, >= 1000; a label takes about 150 bytes, more with variable profits.
    """

    neighbours: int = 14
    max_labels: int = 4_000_000

    def __post_init__(self) -> None:
        if self.neighbours < 0:
            raise ValueError(f"neighbours must be >= 0, got {self.neighbours}.")
        if self.max_labels < 1000:
            raise ValueError(f"max_labels must be >= 1000, got {self.max_labels}.")


class Labelling(CompiledSolver):
    """
    Labels with concave profit functions, bounded by relaxed passes in both directions.

    See :mod:`cosolve.search.labelling` for the method and its sources.
    """

    name = "labelling"
    title = "exact labelling with ng-route bounds (optw, optwvp)"
    problems = frozenset({"optw", "optwvp"})
    features = Feature.EXACT | Feature.BOUND | Feature.TRAJECTORY | Feature.WARM_START | Feature.DETERMINISTIC
    options_type = LabellingOptions

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def warm_up(self, instance: Instance) -> None:
        """Compile what easy instances never reach, too."""
        super().warm_up(instance)
        _warm_up_all()

    def solve(
        self,
        instance: OPTWVPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: LabellingOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        instance, monitor = in_own_units(instance, monitor)
        monitor.report(timed(instance, np.empty(0, np.int64)), 0.0)
        if monitor.should_stop():
            return Outcome()
        reporting = Reporting(instance, monitor)
        with stop_flag(monitor) as stop:
            # What the judge's slack, for which passes leave room in routes, may add in service.
            room = reporting.arrays.worth_of(reporting.arrays.margin)
            _, stats = label_passes.solve(
                reporting.arrays,
                report=reporting.report,
                report_bound=lambda bound: monitor.report_bound(bound + room),
                stop=stop,
                best=reporting.best,
                neighbours=options.neighbours,
                max_labels=options.max_labels,
            )
        message = ""
        if len(reporting.arrays.places) > label_passes.MAX_PLACES:
            message = f"no proof is tried above {label_passes.MAX_PLACES - 1} customers that can be visited."
        return Outcome(stats=stats, message=message)


class Reporting:
    """
    What the kernels of labels are told and tell: arrays and routes.

    Parameters
    ----------
    instance
        The instance.
    monitor
        Takes the routes.
    """

    def __init__(self, instance: OPTWVPInstance, monitor: Monitor) -> None:
        self.arrays = arrays_of(instance)
        self._instance, self._monitor = instance, monitor

    @property
    def best(self) -> float:
        """Profit of the best route known."""
        return self._monitor.best.objective if self._monitor.best is not None else 0.0

    def report(self, route: np.ndarray) -> float:
        """Hand over a route by places of the arrays; best profit known then."""
        self._monitor.report(timed(self._instance, self.arrays.places[route]))
        return self.best


@cache
def _warm_up_all() -> None:
    # Kernels are the same for both problems; variable profits reach all of them.
    for instance in small_instances("optwvp"):
        assert isinstance(instance, OPTWVPInstance)
        arrays = arrays_of(instance)

        def profit(route: np.ndarray, arrays: Arrays = arrays) -> float:
            return arrays.profit(route)

        for relaxed_labels in (2, 10_000):  # passes that end for want of room, and those that come to their end
            label_passes.solve(
                arrays,
                report=profit,
                report_bound=lambda bound: None,
                stop=np.zeros(1, np.int64),
                first_labels=2,
                relaxed_labels=relaxed_labels,
            )
