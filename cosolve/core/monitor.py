"""The clock, the judge and the memory of a run: what a solver talks to while it works."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from cosolve.core.gap import relative_gap
from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import judge
from cosolve.core.result import Incumbent, Limit, TracePoint
from cosolve.core.stop import Stop
from cosolve.core.verdict import Verdict

logger = logging.getLogger(__name__)

#: Two objective values closer than this, relative to the larger, count as equal; see :func:`is_close` for small ones.
TOLERANCE = 1e-6


def is_close(instance: Instance, a: float, b: float) -> bool:
    """Whether objective values are equal within :data:`TOLERANCE` of the larger, or of the magnitude up to 1."""
    return abs(a - b) <= TOLERANCE * max(min(1.0, instance.magnitude), abs(a), abs(b))


def proves(instance: Instance, bound: float, objective: float) -> bool:
    """
    Whether a bound shows an objective to be optimal.

    Integer objectives leave no room for a relative tolerance: at ten million it would hide ten units.
    """
    return abs(bound - objective) < 0.5 if instance.is_integral else is_close(instance, bound, objective)


#: Seconds whose shares the parts of a run without a time limit get: the default limit of ``solve``.
UNLIMITED = 60.0


#: Seconds that no patience ends before, and that it has to better a solution of others.
_BREATH, _SECOND_LOOK = 0.02, 1.0


class OutOfTime(Exception):
    """A model was not built to its end."""


def stop_of(monitor: Monitor | None) -> Callable[[], bool]:
    """When to stop, for what takes no monitor; never without one."""
    return (lambda: False) if monitor is None else monitor.should_stop


class Monitor:
    """
    One run's view of time, incumbents and bounds; safe to call from any thread.

    A solver calls :meth:`report` with each improving solution, :meth:`report_bound` with each better
    proven bound, and :meth:`should_stop` often enough to honour the limit.
    """

    def __init__(
        self,
        instance: Instance,
        stop: Stop,
        *,
        on_incumbent: Callable[[Incumbent], None] | None = None,
        on_bound: Callable[[float, float], None] | None = None,
        on_rejected: Callable[[Verdict], None] | None = None,
    ) -> None:
        self.instance = instance
        self.stop = stop
        self.limit: Limit | None = None
        self._best: Incumbent | None = None
        self.claimed_objective: float | None = None
        self._bound: float | None = None
        self.trajectory: list[TracePoint] = []
        self._rejected: Verdict | None = None
        self.num_solutions = 0
        self.callback_error: BaseException | None = None
        self._on_incumbent = on_incumbent
        self._on_bound = on_bound
        self._on_rejected = on_rejected
        self._sign = 1.0 if instance.sense == "min" else -1.0
        self._is_integral = instance.is_integral
        self._lock = threading.RLock()
        self._closed = False
        self._start = perf_counter()

    @property
    def best(self) -> Incumbent | None:
        """Best solution."""
        return self._best

    @property
    def bound(self) -> float | None:
        """Best proven bound."""
        return self._bound

    @property
    def rejected(self) -> Verdict | None:
        """Verdict on the last solution that was infeasible."""
        return self._rejected

    # -- time ---------------------------------------------------------------------------------------------

    def elapsed(self) -> float:
        """Seconds since the call of ``solve``."""
        return perf_counter() - self._start

    def time_left(self) -> float:
        """Seconds until the time limit, never negative, ``inf`` without a limit."""
        return max(0.0, self.stop.time_limit - self.elapsed())

    def allowance(self, share: float) -> float:
        """Seconds for a part of the run: a share of the time left, and without a limit of 60 s, below a share of 1."""
        left = self.time_left()
        return share * (UNLIMITED if left == math.inf and share < 1 else left)

    def interrupt(self, limit: Limit = Limit.INTERRUPTED) -> None:
        """Ask the solver to stop; the first reason stays."""
        with self._lock:
            if self.limit is None:
                self.limit = limit

    def should_stop(self) -> bool:
        """Whether a limit is reached; after the first True it stays True and ``limit`` says why."""
        if self.limit is None:
            if self.elapsed() >= self.stop.time_limit:
                self.interrupt(Limit.TIME)
            elif self.best is not None and self._is_good_enough():
                pass
        return self.limit is not None or self.is_proven

    def _is_good_enough(self) -> bool:
        assert self.best is not None
        stop, objective = self.stop, self.best.objective
        if stop.target is not None and self._sign * objective <= self._sign * stop.target:
            self.interrupt(Limit.TARGET)
        elif stop.solutions is not None and self.num_solutions >= stop.solutions:
            self.interrupt(Limit.SOLUTION)
        elif stop.gap > 0 and not self.is_proven and relative_gap(objective, self.bound) <= stop.gap:
            self.interrupt(Limit.GAP)
        return self.limit is not None

    @property
    def is_proven(self) -> bool:
        """Whether objective and bound meet: nothing is left to do."""
        if self.best is None or self.bound is None:
            return False
        return proves(self.instance, self.bound, self.best.objective)

    # -- solutions and bounds -----------------------------------------------------------------------------

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """
        Hand over a solution; it is judged here.

        Parameters
        ----------
        solution
            Any solution, feasible or not, better or not.
        objective
            What the solver believes its objective to be.

        Returns
        -------
        bool
            True if it is feasible and better than all before, and as many as were asked for have not come yet.
        """
        verdict = judge(self.instance, solution)
        with self._lock:
            # A backend may hear late that it has found enough; what it sends until then is more than was asked for.
            if self._closed or self.limit is Limit.SOLUTION:
                return False
            if not verdict.feasible:
                self._rejected = verdict
                logger.debug("solution rejected: %s", verdict.violations[0])
                self._call(self._on_rejected, verdict)
                return False
            value = verdict.objective
            assert value is not None
            if self.best is not None and self._sign * value >= self._sign * self.best.objective:
                return False
            self.claimed_objective = objective
            self.num_solutions += 1
            incumbent = Incumbent(self.elapsed(), value, self.bound, solution)
            self._best = incumbent
            self.trajectory.append(TracePoint(incumbent.time, value, self.bound))
            self._is_good_enough()
            self._call(self._on_incumbent, incumbent)
        return True

    def report_start(self, solution: Solution) -> bool:
        """Hand over the solution that a search is given: as :meth:`report`, but it counts as none that was found."""
        with self._lock:
            self.num_solutions -= 1
            is_better = self.report(solution)
            self.num_solutions += not is_better
            return is_better

    def report_bound(self, bound: float) -> None:
        """
        Hand over a proven bound on the optimum of this very instance.

        It is rounded to the next integer if every objective value is one; worse bounds than the best
        known, NaN and infinities are ignored.
        """
        if not math.isfinite(bound):
            return
        value = float(bound)
        if self._is_integral:
            # Noise must not lift a bound of 7542.0000003 to 7543; above 1e5 a relative slack would give away
            # whole units, until floating point has none to give.
            slack = min(0.1, TOLERANCE * max(1.0, abs(value))) + 4.0 * math.ulp(value)
            value = math.ceil(value - slack) if self._sign > 0 else math.floor(value + slack)
            value = float(value)
        with self._lock:
            if self._closed or (self.bound is not None and self._sign * value <= self._sign * self.bound):
                return
            self._bound = value
            objective = None if self.best is None else self.best.objective
            time = self.elapsed()
            self.trajectory.append(TracePoint(time, objective, value))
            if self.best is not None:
                self._is_good_enough()
            self._call(self._on_bound, time, value)

    def close(self) -> None:
        """Ignore whatever a solver that did not stop in time still reports."""
        with self._lock:
            self._closed = True

    def _call(self, callback: Callable[..., None] | None, *args: object) -> None:
        # A callback may run on a backend's own thread, where an exception would vanish: keep it for the driver.
        if callback is None or self.callback_error is not None:
            return
        try:
            callback(*args)
        except BaseException as error:
            self.callback_error = error
            self.interrupt()


class StageMonitor(Monitor):
    """
    A part of a run with a nearer limit: everything is reported to the whole run.

    Parameters
    ----------
    parent
        Monitor of the whole run.
    time_limit
        Seconds from now.
    iterations, nodes
        Limits of this part alone.
    """

    def __init__(
        self,
        parent: Monitor,
        time_limit: float = math.inf,
        iterations: int | None = None,
        nodes: int | None = None,
    ) -> None:
        whole = parent.stop
        # Seconds from now; never past the end of the whole run.
        stop = Stop(min(time_limit, parent.time_left()), iterations, nodes, whole.gap, whole.target, whole.solutions)
        super().__init__(parent.instance, stop)
        self._parent = parent

    @property
    def best(self) -> Incumbent | None:
        """Best of the whole run."""
        return self._parent.best

    @property
    def bound(self) -> float | None:
        """Bound of the whole run."""
        return self._parent.bound

    @property
    def rejected(self) -> Verdict | None:
        """Last one of the whole run."""
        return self._parent.rejected

    def should_stop(self) -> bool:
        """Whether this part's or the whole run's limit is reached."""
        if self._parent.should_stop():
            return True
        if self.limit is None and self.elapsed() >= self.stop.time_limit:
            self.interrupt(Limit.TIME)
        return self.limit is not None

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """See :meth:`Monitor.report`."""
        return not self._closed and self._parent.report(solution, objective)

    def report_start(self, solution: Solution) -> bool:
        """See :meth:`Monitor.report_start`."""
        return not self._closed and self._parent.report_start(solution)

    def report_bound(self, bound: float) -> None:
        """See :meth:`Monitor.report_bound`."""
        if not self._closed:
            self._parent.report_bound(bound)


class PatientMonitor(StageMonitor):
    """
    A stage that ends sooner where it finds nothing more.

    Parameters
    ----------
    parent, time_limit
        See :class:`StageMonitor`.
    patience
        How many times as long as it took to its last solution it goes on without a better one, 0.02 s at least. Until
        its first it has all of its time, or one second where there was a solution before.
    """

    def __init__(self, parent: Monitor, time_limit: float, patience: float) -> None:
        super().__init__(parent, time_limit)
        self._patience = patience
        self._end = math.inf if patience == math.inf or parent.best is None else _SECOND_LOOK

    def should_stop(self) -> bool:
        """Whether a limit is reached, or patience at an end."""
        if self.elapsed() >= self._end:
            self.interrupt(Limit.TIME)
        return super().should_stop()

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """See :meth:`Monitor.report`."""
        is_better = super().report(solution, objective)
        if is_better and self._patience < math.inf:
            self._end = max(_BREATH, (1 + self._patience) * self.elapsed())
        return is_better


class SolutionsOnly(StageMonitor):
    """A stage that solves another problem, or can't prove what it claims: solutions are judged, bounds not heard."""

    has_found = False

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """See :meth:`Monitor.report`."""
        is_better = super().report(solution, objective)
        self.has_found |= is_better
        return is_better

    def report_bound(self, bound: float) -> None:
        """Not passed on."""


#: What solvers with absolute tolerances are given for costs or profits below 1: 2 to this power, or half of it.
_LARGE = 10


def unit_factor(magnitude: float) -> float:
    """
    Factor for costs or profits of a magnitude below 1, where absolute tolerances may hide what :func:`is_close` sees.

    A power of two: nothing is rounded. 1 for other magnitudes.
    """
    return 2.0 ** min(1000, _LARGE - math.frexp(magnitude)[1]) if 0 < magnitude < 1 else 1.0


class ScaledMonitor(StageMonitor):
    """
    A whole run as seen by a solver that works on the objective less an offset, multiplied by a factor.

    Parameters
    ----------
    parent
        Monitor of the run.
    factor
        As of :func:`unit_factor`.
    offset
        What the solver leaves out.
    """

    def __init__(self, parent: Monitor, factor: float, offset: float = 0.0) -> None:
        super().__init__(parent, iterations=parent.stop.iterations, nodes=parent.stop.nodes)
        if offset:  # the solver's own gap would be one of the objective without it: the run knows when to stop
            self.stop = replace(self.stop, gap=0.0)
        self._factor, self._offset = factor, offset

    def interrupt(self, limit: Limit = Limit.INTERRUPTED) -> None:
        """See :meth:`Monitor.interrupt`."""
        self._parent.interrupt(limit)

    @property
    def best(self) -> Incumbent | None:
        """Best of the whole run, in the solver's units."""
        best = self._parent.best
        return None if best is None else replace(best, objective=(best.objective - self._offset) * self._factor)

    @property
    def bound(self) -> float | None:
        """Bound of the whole run, in the solver's units."""
        return None if self._parent.bound is None else (self._parent.bound - self._offset) * self._factor

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """See :meth:`Monitor.report`."""
        return super().report(solution, None if objective is None else objective / self._factor + self._offset)

    def report_bound(self, bound: float) -> None:
        """See :meth:`Monitor.report_bound`."""
        super().report_bound(bound / self._factor + self._offset)
