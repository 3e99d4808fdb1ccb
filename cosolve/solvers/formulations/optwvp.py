"""
Orienteering with time windows by arcs, starts and served segments, with the smallest big-M of each arc.

Customers and arcs that no route can use are left out first; starts lie within what the windows, the way out and the
way home leave. The linear relaxation is weak all the same (Vansteenwegen et al. 2009 give the model with one M for
all): for cross-checks and small instances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor, unit_factor
from cosolve.instances.milp import MILPInstance
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search.orienteering import Arrays
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.orienteering import arrays_of, report_empty, timed_part

#: More arcs than this would make a model that no backend does anything with.
MAX_ARCS = 60_000

#: Arcs that take less of the horizon than this could close a cycle within the backends' tolerances.
_SHORT = 1e-3

#: Big-Ms that are less than this share of the horizon are made so large, and rows with less are left out: beside the
#: others they would be next to nothing, and backends trusted less. Windows that overlap by the judge's slack have such.
_LEAST_SLACK, _LEAST_WAY = 1e-3, 1e-7


@dataclass(frozen=True)
class Frame:
    """
    Bounds of the starts, and the arcs that a route can use; by numbers of ``arrays``.

    Parameters
    ----------
    arrays
        The instance, restricted to customers that can be visited.
    first, last
        Earliest and latest start of each service; (n,), the depot's are of no use.
    cap
        Longest service that earns anything; (n,).
    tails, heads
        Ends of the arcs, the depot's among them.
    """

    arrays: Arrays
    first: np.ndarray
    last: np.ndarray
    cap: np.ndarray
    tails: np.ndarray
    heads: np.ndarray

    @classmethod
    def of(cls, arrays: Arrays) -> Frame:
        """
        Preprocess an instance.

        Raises
        ------
        ValueError
            Above :data:`MAX_ARCS` arcs.
        """
        a = arrays
        n = len(a.places)
        first = np.maximum(a.opens, a.least[0])
        last = np.minimum(a.closes, a.horizon - a.least[:, 0] - a.service)
        cap = a.service + np.bincount(np.repeat(np.arange(n), np.diff(a.segment_ptr)), a.segment_length, n)
        leave = first + a.service
        leave[0] = 0.0
        fits = leave[:, None] + a.travel <= last + a.margin
        fits[:, 0] = leave + a.travel[:, 0] <= a.horizon + a.margin
        np.fill_diagonal(fits, False)
        tails, heads = np.nonzero(fits)
        if len(tails) > MAX_ARCS:
            raise UnsupportedProblemError(f"the arc formulation takes at most {MAX_ARCS} arcs, got {len(tails)}.")
        return cls(a, first, np.maximum(first, last), cap, tails, heads)

    @property
    def is_short(self) -> np.ndarray:
        """Arcs between customers that take next to no time."""
        a = self.arrays
        taken = a.travel[self.tails, self.heads] + a.service[self.tails]
        is_short: np.ndarray = (taken <= _SHORT * a.horizon) & (self.tails > 0) & (self.heads > 0)
        return is_short

    def route(self, used: np.ndarray) -> np.ndarray:
        """Places in the order of the used arcs (bool), from the depot on."""
        following = dict(zip(self.tails[used].tolist(), self.heads[used].tolist(), strict=True))
        visits: list[int] = []
        at = following.get(0, 0)
        while at != 0 and len(visits) < len(following):
            visits.append(at)
            at = following.get(at, 0)
        return self.arrays.places[np.array(visits, np.int64)]

    def numbers(self, route: TimedRoute) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Visits, starts and services by numbers of the arrays; ``None`` with a visit that was left out."""
        place = np.full(int(route.customers.max(initial=0)) + 1, -1, np.int64)
        known = self.arrays.places[self.arrays.places < len(place)]
        place[known] = np.arange(len(known))
        visits = place[route.customers]
        return None if (visits < 0).any() else (visits, route.start, route.duration)

    def used_arcs(self, visits: np.ndarray) -> np.ndarray:
        """Flag of each arc; all False for the route that never leaves."""
        stops = np.concatenate(([0], visits, [0])) if len(visits) else np.empty(0, np.int64)
        pairs = set(zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True))
        return np.array([(t, h) in pairs for t, h in zip(self.tails.tolist(), self.heads.tolist(), strict=True)], bool)


class _RowList:
    """Rows with an upper side, collected one by one."""

    def __init__(self) -> None:
        self.data: list[float] = []
        self.indices: list[int] = []
        self.indptr = [0]
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, entries: list[tuple[int, float]], upper: float, lower: float = -np.inf) -> None:
        self.indices += [column for column, _ in entries]
        self.data += [value for _, value in entries]
        self.indptr.append(len(self.indices))
        self.lower.append(lower)
        self.upper.append(upper)


def _big_m(least: float, horizon: float) -> float:
    return max(least, _LEAST_SLACK * horizon) if least > 0 else 0.0


def formulate(instance: OPTWVPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Columns: arcs, starts, served share of each segment, positions where arcs take no time, and visits.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_ARCS` arcs.
    """
    report_empty(instance, monitor)
    a = arrays_of(instance).widened()
    factor = unit_factor(a.horizon)  # so that backends' tolerances are small beside the horizon
    frame = Frame.of(a.in_units(factor))
    a = frame.arrays
    n, num_arcs, num_segments = len(a.places), len(frame.tails), len(a.segment_rate)
    start, served, position = num_arcs, num_arcs + n, num_arcs + n + num_segments
    visit = position + n
    columns = visit + n
    tails, heads = frame.tails.tolist(), frame.heads.tolist()
    inward: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    outward: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    for e in range(num_arcs):
        inward[heads[e]].append((e, 1.0))
        outward[tails[e]].append((e, 1.0))
    segments = [range(a.segment_ptr[i], a.segment_ptr[i + 1]) for i in range(n)]
    rows = _RowList()
    for i in range(n):
        rows.add([*inward[i], (visit + i, -1.0)], 0.0, 0.0)
        rows.add([*outward[i], (visit + i, -1.0)], 0.0, 0.0)
        for s in segments[i]:
            rows.add([(served + s, 1.0), (visit + i, -1.0)], 0.0)
    is_short = frame.is_short
    for e in range(num_arcs):
        i, j, way = tails[e], heads[e], float(a.travel[tails[e], heads[e]])
        if i == 0:
            # The direct way is longer than one over other places.
            if way - frame.first[j] > _LEAST_WAY * a.horizon:
                rows.add([(start + j, -1.0), (e, way - float(frame.first[j]))], -float(frame.first[j]))
            continue
        end = [(start + i, 1.0)] + [(served + s, float(a.segment_length[s])) for s in segments[i]]
        latest = float(frame.last[i] + frame.cap[i]) + way
        spent = float(a.service[i]) + way
        if j == 0:
            slack = _big_m(latest - a.horizon, a.horizon)
            rows.add([*end, (e, slack)], a.horizon + slack - spent)
            continue
        slack = _big_m(latest - float(frame.first[j]), a.horizon)
        rows.add([*end, (start + j, -1.0), (e, slack)], slack - spent)
        if is_short[e]:
            rows.add([(position + i, 1.0), (position + j, -1.0), (e, float(n))], n - 1.0)
    cost = np.zeros(columns)
    cost[visit:] = a.prize
    cost[served:position] = a.segment_rate * a.segment_length
    lower, upper = np.zeros(columns), np.ones(columns)
    lower[start:served], upper[start:served] = frame.first, frame.last
    upper[position:visit] = n
    model = MILPInstance(
        cost=cost,
        col_lower=lower,
        col_upper=upper,
        is_integer=(np.arange(columns) < num_arcs) | (np.arange(columns) >= visit),
        data=np.array(rows.data),
        indices=np.array(rows.indices, np.int32),
        indptr=np.array(rows.indptr),
        row_lower=np.array(rows.lower),
        row_upper=np.array(rows.upper),
        maximize=True,
        name=instance.name,
    )

    def decode(x: np.ndarray) -> TimedRoute:
        return timed_part(instance, frame.route(np.asarray(x[:num_arcs]) > 0.5))

    def encode(solution: TimedRoute) -> np.ndarray:
        x = lower.copy()
        known = frame.numbers(solution)
        if known is None:
            return x
        visits, begin, duration = known
        x[:num_arcs] = frame.used_arcs(visits)
        x[visit] = min(len(visits), 1)
        for k, i in enumerate(visits.tolist()):
            x[start + i] = np.clip((begin[k] - instance.opens[0]) * factor, frame.first[i], frame.last[i])
            x[position + i] = k + 1
            x[visit + i] = 1.0
            left = float(duration[k] * factor - a.service[i])
            for s in segments[i]:
                length = float(a.segment_length[s])
                x[served + s] = min(max(left / length, 0.0), 1.0) if length > 0 else 0.0
                left -= x[served + s] * length
        return x

    return Formulation(model, decode, encode)
