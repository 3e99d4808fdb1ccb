"""Orienteering with time windows, profits fixed or growing with the time of service: instance, route, judge."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from cosolve.core.instance import Instance, Sense, Solution, frozen_array, largest, plain_zeros
from cosolve.core.jit import frozen
from cosolve.core.metric import Metric
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation
from cosolve.instances.distances import Distances

#: Slack of every time, absolute: windows, service, horizon.
TOLERANCE = 1e-6


def _nothing() -> np.ndarray:
    return np.empty(0)


@dataclass(frozen=True, eq=False, kw_only=True)
class OPTWVPInstance(Instance):
    """
    One tour from the depot, place 0, to some customers and back; maximise the profit.

    Travel time is distance. A customer's service starts within a window (waiting is free), takes at least a
    minimum time, and yields a prize for the visit plus a profit that grows with the service time beyond the
    minimum: concave and piecewise linear, by segments of falling rate [1]_. The window binds the start alone.

    Parameters
    ----------
    distances
        Travel times between all places, n >= 1; any matrix of times >= 0.
    opens, closes
        Window of the start of service, float64 (n,); ``opens`` may be negative. Place 0 is left at ``opens[0]``
        at the earliest and ``closes[0]`` is of no use.
    horizon
        Latest return to place 0.
    prize
        Profit of a visit, >= 0, float64 (n,); the depot's must be 0.
    min_service
        Shortest service, >= 0, float64 (n,); the depot's must be 0.
    segment_ptr, segment_length, segment_rate
        Customer i earns ``segment_rate[k]`` per unit of time during the next ``segment_length[k]`` units beyond
        its minimum, k = ``segment_ptr[i]`` .. ``segment_ptr[i + 1] - 1``; lengths > 0, rates >= 0 and not rising
        within a customer. int64 (n + 1,), float64, float64. The depot has none.

    Raises
    ------
    ValueError
        If the arrays do not fit together or a value is out of range.

    References
    ----------
    .. [1] Gao, S., Ruan, R., Floor, P., Roveri, M., Palopoli, L., Fontanelli, D. (2026). Learning to solve the
           orienteering problem with time windows and variable profits. *ICLR*.
    """

    problem: ClassVar[str] = "optwvp"
    sense: ClassVar[Sense] = "max"

    distances: Distances
    opens: np.ndarray
    closes: np.ndarray
    horizon: float
    prize: np.ndarray = field(default_factory=_nothing)
    min_service: np.ndarray = field(default_factory=_nothing)
    segment_ptr: np.ndarray = field(default_factory=_nothing)
    segment_length: np.ndarray = field(default_factory=_nothing)
    segment_rate: np.ndarray = field(default_factory=_nothing)

    def __post_init__(self) -> None:
        n = self.distances.num_nodes
        if n < 1:
            raise ValueError("there must be at least one place, the depot.")
        self.distances.require_complete(f"an {self.problem}")
        for name in ("prize", "min_service"):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.zeros(n))
        if not len(self.segment_ptr):
            object.__setattr__(self, "segment_ptr", np.zeros(n + 1, np.int64))
        for name in ("opens", "closes", "prize", "min_service", "segment_length", "segment_rate"):
            values = plain_zeros(frozen_array(getattr(self, name), np.float64, ndim=1, what=name))
            object.__setattr__(self, name, values)
            if not np.isfinite(values).all():
                raise ValueError(f"{name} must hold finite numbers.")
        object.__setattr__(self, "segment_ptr", frozen_array(self.segment_ptr, np.int64, ndim=1, what="segment_ptr"))
        object.__setattr__(self, "horizon", float(self.horizon) + 0.0)
        for name in ("opens", "closes", "prize", "min_service"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} must have one entry for each of {n} places, got {len(getattr(self, name))}.")
        for name in ("prize", "min_service"):
            values = getattr(self, name)
            if values.min() < 0:
                i = int(np.argmin(values))
                raise ValueError(f"{name} must be >= 0, got {values[i]:g} at place {i}.")
            if values[0] != 0:
                raise ValueError(f"{name} of the depot must be 0, got {values[0]:g}.")
        shut = np.flatnonzero(self.opens[1:] > self.closes[1:]) + 1
        if len(shut):
            i = int(shut[0])
            raise ValueError(f"window of place {i} closes at {self.closes[i]:g}, before it opens at {self.opens[i]:g}.")
        if not (math.isfinite(self.horizon) and self.horizon >= self.opens[0]):
            raise ValueError(f"horizon must be finite and >= the start {self.opens[0]:g}, got {self.horizon}.")
        self._check_segments(n)

    def _check_segments(self, n: int) -> None:
        ptr, length, rate = self.segment_ptr, self.segment_length, self.segment_rate
        if len(ptr) != n + 1 or ptr[0] != 0 or (np.diff(ptr) < 0).any() or not len(length) == len(rate) == ptr[-1]:
            raise ValueError("segment_ptr must start at 0, not fall, and end at the number of segments.")
        if ptr[1] != 0:
            raise ValueError("the depot must have no profit segments.")
        if len(length) and length.min() <= 0:
            raise ValueError(f"segment_length must be > 0, got {length.min():g}.")
        if len(rate) and rate.min() < 0:
            raise ValueError(f"segment_rate must be >= 0, got {rate.min():g}.")
        owner = np.repeat(np.arange(n), np.diff(ptr))
        rising = np.flatnonzero((rate[1:] > rate[:-1]) & (owner[1:] == owner[:-1]))
        if len(rising):
            raise ValueError(f"segment rates must not rise within a customer, they do at place {owner[rising[0]]}.")

    @property
    def size(self) -> int:
        """Number of places, the depot included."""
        return self.distances.num_nodes

    @property
    def num_customers(self) -> int:
        """Number of places less the depot."""
        return self.size - 1

    @cached_property
    def is_integral(self) -> bool:
        """Whether profits come from visits alone and are integers."""
        return not len(self.segment_rate) and bool((self.prize == np.rint(self.prize)).all())

    @cached_property
    def magnitude(self) -> float:
        """Of the largest profit of a visit or a segment."""
        return largest(self.prize, self.segment_rate * self.segment_length)

    @cached_property
    def time_noise(self) -> float:
        """What sums of times along a route may be off by, rounding and the kernels' own comparisons together."""
        return 2e-9 + 1e-13 * max(abs(self.horizon), abs(float(self.opens[0])))

    @cached_property
    def time_slack(self) -> float:
        """
        Slack of windows and horizon that kernels may use up: the judge's, less the noise that it must still hold.

        Half of the judge's at least: from a horizon of 5e6 on, noise takes more only on the longest of routes.
        """
        return max(TOLERANCE - self.time_noise, TOLERANCE / 2)

    @property
    def time_margin(self) -> float:
        """By how much a route that the judge takes may miss windows and horizon of :attr:`kernel_args`."""
        return TOLERANCE - self.time_slack + self.time_noise

    @property
    def kernel_args(
        self,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """
        Dense travel times, windows, horizon, services and segments: what the kernels take of an instance.

        Closing times and horizon hold :attr:`time_slack`: what keeps them is feasible to the judge.
        """
        return (
            self.distances.dense(),
            self.opens,
            frozen(self.closes + self.time_slack),
            self.horizon + self.time_slack,
            self.min_service,
            self.segment_ptr,
            self.segment_length,
            self.segment_rate,
        )

    @property
    def kernel_facts(self) -> dict[str, Any]:
        """What searches take beside :attr:`kernel_args`: prizes, whether profits are integers, times a metric."""
        return {
            "prize": self.prize,
            "is_integral": self.is_integral,
            "is_metric": self.distances.metric is Metric.EXACT_2D,
            "margin": self.time_margin,
        }

    @cached_property
    def caps(self) -> np.ndarray:
        """Longest service time of each place that still earns something, minimum included; (n,)."""
        owner = np.repeat(np.arange(self.size), np.diff(self.segment_ptr))
        return self.min_service + np.bincount(owner, self.segment_length, self.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class OPTWInstance(OPTWVPInstance):
    """Orienteering with time windows and fixed profits: no profit segments."""

    problem: ClassVar[str] = "optw"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.segment_rate):
            raise ValueError("optw has fixed profits; segments make it an optwvp.")


@dataclass(frozen=True, eq=False, kw_only=True)
class TimedRoute(Solution):
    """
    Customers in the order of their visits, with the service of each.

    Parameters
    ----------
    customers
        Places other than the depot; int64, shape (m,), empty for the tour that never leaves.
    start, duration
        Start and length of each service; float64, shape (m,).
    """

    problem: ClassVar[str] = "optwvp"

    customers: np.ndarray
    start: np.ndarray
    duration: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "customers", frozen_array(self.customers, np.int64, ndim=1, what="customers"))
        for name in ("start", "duration"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.float64, ndim=1, what=name))


@dataclass(frozen=True, eq=False, kw_only=True)
class OPTWRoute(TimedRoute):
    """A timed route of an instance with fixed profits."""

    problem: ClassVar[str] = "optw"


def evaluate(instance: OPTWVPInstance, route: TimedRoute, mode: JudgeMode = "strict") -> Verdict:
    """
    Profit of a route, and whether visits are distinct and in time, services in their limits, the return in time.

    Times may be off by :data:`TOLERANCE`. A service longer than earns anything is refused: it is the cap of the
    published problem. O(m) for m visits. Both modes are the same; FrontierCO has no such problem.
    """
    visits, start, duration = route.customers, route.start, route.duration
    m = len(visits)
    if not len(start) == len(duration) == m:
        counts = f"{m} customers, {len(start)} starts, {len(duration)} durations"
        return Verdict(None, (Violation("not one start and duration for each customer", counts),))
    outside = np.flatnonzero((visits < 1) | (visits >= instance.size))
    if len(outside):
        return Verdict(None, (Violation("no such customer", f"place {visits[outside[0]]}"),))
    unusable = np.flatnonzero(~(np.isfinite(start) & np.isfinite(duration)))
    if len(unusable):
        return Verdict(None, (Violation("time is not finite", f"place {visits[unusable[0]]}"),))
    violations = []
    values, times = np.unique(visits, return_counts=True)
    if m and times.max() > 1:
        violations.append(Violation("customer visited twice", f"place {values[np.argmax(times)]}"))
    ready, begin = np.empty(m), np.empty(m)
    time, place = float(instance.opens[0]), 0
    for k in range(m):
        time += instance.distances.between(place, int(visits[k]))
        ready[k] = time
        place = int(visits[k])
        # Slack does not add up: a start that is too early by a hair is one in time for all that comes after.
        begin[k] = max(time, float(start[k]), float(instance.opens[place]))
        time = begin[k] + max(float(duration[k]), float(instance.min_service[place]))
    back = time + (instance.distances.between(place, 0) if m else 0.0)
    longest = instance.caps[visits]
    for what, excess in (
        ("starts before arrival", ready - start),
        ("starts before the window opens", instance.opens[visits] - start),
        ("starts after the window closes", begin - instance.closes[visits]),
        ("service shorter than its minimum", instance.min_service[visits] - duration),
        ("service longer than its cap", duration - longest),
    ):
        if m and excess.max() > TOLERANCE:
            worst = int(np.argmax(excess))
            violations.append(Violation(what, f"place {visits[worst]}", float(excess[worst])))
    if back > instance.horizon + TOLERANCE:
        violations.append(Violation("returns after the horizon", "", back - instance.horizon))
    profit = sum(_profit(instance, int(i), float(d)) for i, d in zip(visits, duration, strict=True))
    return Verdict(float(profit), tuple(violations))


def _profit(instance: OPTWVPInstance, place: int, duration: float) -> float:
    left = duration - float(instance.min_service[place])
    profit = float(instance.prize[place])
    for k in range(instance.segment_ptr[place], instance.segment_ptr[place + 1]):
        used = min(max(left, 0.0), float(instance.segment_length[k]))
        profit += used * float(instance.segment_rate[k])
        left -= used
    return profit


OPTWVP = Problem("optwvp", "Orienteering, time windows, variable profits", OPTWVPInstance, TimedRoute, evaluate)
OPTW = Problem("optw", "Orienteering, time windows", OPTWInstance, OPTWRoute, evaluate)
