"""Solver "beam": orienteering with time windows by beam search over the labels of the exact search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import cosolve
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.core.watcher import stop_flag
from cosolve.instances.orienteering import OPTWVPInstance
from cosolve.search.label_passes import ExactSearch
from cosolve.solvers.compiled import CompiledSolver
from cosolve.solvers.labelling import Reporting
from cosolve.solvers.orienteering import in_own_units, timed


@dataclass(frozen=True)
class BeamOptions:
    """
    Options of "beam".

    Parameters
    ----------
    width
        Labels kept at last for each customer and each of 64 spans of time, >= 1; it begins with 1 and doubles.
    """

    width: int = 1024

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"width must be >= 1, got {self.width}.")


class Beam(CompiledSolver):
    """
    Beams of doubling width over labels that carry their profit as a function of time.

    See :mod:`cosolve.search.labelling`; a label that falls out of the beam is lost, so there is no bound.
    """

    name = "beam"
    title = "beam search over labels (optw, optwvp)"
    problems = frozenset({"optw", "optwvp"})
    features = Feature.TRAJECTORY | Feature.WARM_START | Feature.DETERMINISTIC
    options_type = BeamOptions

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def solve(
        self,
        instance: OPTWVPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: BeamOptions,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        instance, monitor = in_own_units(instance, monitor)
        monitor.report(timed(instance, np.empty(0, np.int64)), 0.0)
        if monitor.should_stop():
            return Outcome()
        reporting = Reporting(instance, monitor)
        with stop_flag(monitor) as stop:
            search = ExactSearch(
                reporting.arrays,
                report=reporting.report,
                report_bound=lambda bound: None,
                stop=stop,
                best=reporting.best,
            )
            width = 1
            while search.beam(width) and width < options.width:
                width = min(2 * width, options.width)
        return Outcome(stats={**search.stats, "width": width})
