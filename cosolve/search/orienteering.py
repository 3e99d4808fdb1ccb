"""Orienteering with time windows as the kernels see it: arrays of what matters, both directions of time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cosolve.core.jit import freeze_fields, frozen
from cosolve.search.label_arrays import Data
from cosolve.search.labelling import shortest
from cosolve.search.service_times import best_service_times


@dataclass(frozen=True)
class Arrays:
    """
    An instance as the kernels see it: times from the earliest start on, customers that nobody can visit left out.

    Parameters
    ----------
    places
        Original number of each place; the depot is the first.
    least
        Shortest travel times over any places between.
    travel, opens, closes, horizon, service, prize, segment_ptr, segment_length, segment_rate
        As in :class:`cosolve.instances.orienteering.OPTWVPInstance`, restricted to ``places``.
    is_integral
        Whether every profit is an integer.
    margin
        What windows and horizon may be off by: bounds must hold for routes that miss them by no more.
    """

    places: np.ndarray
    travel: np.ndarray
    least: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    horizon: float
    service: np.ndarray
    prize: np.ndarray
    segment_ptr: np.ndarray
    segment_length: np.ndarray
    segment_rate: np.ndarray
    is_integral: bool
    margin: float = 0.0

    def __post_init__(self) -> None:
        freeze_fields(self)

    def widened(self) -> Arrays:
        """Windows and horizon later by the margin: what holds for all routes of these holds whatever the rounding."""
        closes, horizon = self.closes + self.margin, self.horizon + self.margin
        return replace(self, closes=closes, horizon=horizon, margin=0.0)

    def in_units(self, factor: float) -> Arrays:
        """The same with all times multiplied by a factor, a power of two so that nothing is rounded."""
        names = ("travel", "least", "opens", "closes", "horizon", "service", "segment_length", "margin")
        times = {name: getattr(self, name) * factor for name in names}
        return replace(self, **times, segment_rate=self.segment_rate / factor)

    def worth_of(self, time: float) -> float:
        """
        Most profit that any route gains if windows and horizon close so much later.

        That lifts what each interval of :mod:`cosolve.search.service_times` holds by as much, so the services of any k
        customers by k times that at most.
        """
        has_segments = np.diff(self.segment_ptr) > 0
        return time * float(self.segment_rate[self.segment_ptr[:-1][has_segments]].sum())

    @property
    def worth(self) -> np.ndarray:
        """Most profit of each place, (n,)."""
        owner = np.repeat(np.arange(len(self.places)), np.diff(self.segment_ptr))
        return self.prize + np.bincount(owner, self.segment_length * self.segment_rate, len(self.places))

    def data(self, reverse: bool, multipliers: np.ndarray | None = None) -> Data:
        """The instance in one direction of time, prizes less the multipliers."""
        travel, least, opens, closes = self.travel, self.least, self.opens, self.closes
        if reverse:
            travel, least = frozen(travel.T), frozen(least.T)
            opens, closes = frozen(self.horizon - closes), frozen(self.horizon - opens)
        prize = self.prize if multipliers is None else frozen(self.prize - multipliers)
        segments = (self.segment_ptr, self.segment_length, self.segment_rate)
        return Data(travel, opens, closes, self.horizon, self.service, prize, *segments, least)

    def profit(self, route: np.ndarray) -> float:
        """Most profit of a route, by numbers of this object; -1 if it can't be done."""
        start, duration = np.empty(len(route)), np.empty(len(route))
        gained = best_service_times(
            route, self.travel, self.opens, self.closes, self.horizon, self.service,
            self.segment_ptr, self.segment_length, self.segment_rate, start, duration,
        )  # fmt: skip
        return -1.0 if gained < 0 else gained + float(self.prize[route].sum())


def prepare(
    travel: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    horizon: float,
    service: np.ndarray,
    segment_ptr: np.ndarray,
    segment_length: np.ndarray,
    segment_rate: np.ndarray,
    *,
    prize: np.ndarray,
    is_integral: bool,
    is_metric: bool,
    margin: float = 0.0,
) -> Arrays:
    """
    Drop customers that can't be visited even alone or are of no use; count times from the earliest start.

    ``is_metric`` says that no detour is shorter than the direct way, which saves the search for them. Customers that
    miss a limit by no more than ``margin`` stay.
    """
    begin = float(opens[0])
    least = travel if is_metric else shortest(np.ascontiguousarray(travel, np.float64))
    arrival = np.maximum(begin + least[0], opens)
    possible = (arrival <= closes + margin) & (arrival + service + least[:, 0] <= horizon + margin)
    worth = prize + np.add.reduceat(np.append(segment_rate, 0.0), segment_ptr[:-1]) * (np.diff(segment_ptr) > 0)
    for k in np.flatnonzero(possible & (worth <= 0)):
        # Nothing to earn: of use only where the way over this place is shorter than the direct one.
        possible[k] = not is_metric and bool((travel[:, k, None] + service[k] + travel[k] < travel).any())
    possible[0] = True
    places = np.flatnonzero(possible)
    counts = np.diff(segment_ptr)[places]
    chosen = np.repeat(possible, np.diff(segment_ptr))
    return Arrays(
        places=places,
        travel=np.ascontiguousarray(travel[np.ix_(places, places)], np.float64),
        least=np.ascontiguousarray(least[np.ix_(places, places)]),
        opens=np.append(0.0, opens[places[1:]] - begin),
        closes=np.append(horizon - begin, closes[places[1:]] - begin),
        horizon=float(horizon) - begin,
        service=service[places],
        prize=prize[places],
        segment_ptr=np.concatenate(([0], np.cumsum(counts))),
        segment_length=segment_length[chosen],
        segment_rate=segment_rate[chosen],
        is_integral=is_integral,
        margin=margin,
    )
