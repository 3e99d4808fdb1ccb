"""Routing data as whole numbers, for backends that know nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.instances.cvrp import CVRPInstance, VehicleRoutingInstance
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import TSPInstance
from cosolve.instances.vrptw import VRPTWInstance

#: Largest scaled distance: eight digits, so that sums over 10,000 arcs times penalties stay below 2^63.
MAX_DISTANCE = 10**8

#: Largest scaled time: lateness times a penalty per unit must stay below 2^63 too.
MAX_TIME = 10**7

#: Largest scaled time, load or length where excess has no penalty: sums of two stay below what CP-SAT's presolve bears.
MAX_RELAXED = 5 * 10**8

# Largest scaled capacity: sums over all customers stay below 2^63.
_MAX_LOAD = 10**14

# The same where each unit of excess has a penalty.
_COARSE_LOAD = 10**7


def whole_distances(
    instance: VehicleRoutingInstance | TSPInstance, *, coarse: bool = False
) -> tuple[np.ndarray, float]:
    """
    (n, n) int64 matrix and scale, with matrix = distance * scale; exact for integer distances unless ``coarse``.

    Fractional distances are multiplied by the largest power of ten that keeps them below :data:`MAX_DISTANCE`, then
    rounded; integer ones by the smallest that makes whole what else counts towards the length of a route, mostly 1. An
    infinite distance becomes more than the sum of any n finite ones.

    Parameters
    ----------
    coarse
        Whether integer distances above that are scaled down and rounded too.

    Raises
    ------
    ValueError
        If integer distances are too large already.
    """
    distances = instance.distances
    dense = distances.dense()
    service = 0.0
    if isinstance(instance, CVRPInstance) and instance.max_length is not None:
        service = instance.service_time
    if distances.is_complete:
        largest = float(dense.max(initial=0.0))
    else:
        largest = float(dense[np.isfinite(dense)].max())
    scale = 1.0
    if not distances.is_integral or (coarse and largest > MAX_DISTANCE):
        scale = _decimal_scale(largest, MAX_DISTANCE)
    elif largest > 10_000 * MAX_DISTANCE:
        raise ValueError(
            f"distances up to {largest:g} are too large for this solver; at most {10_000 * MAX_DISTANCE:g}."
        )
    finest = _decimal_scale(max(largest, service), MAX_DISTANCE)
    while distances.is_integral and scale < finest and abs(service * scale - round(service * scale)) > 1e-9 * scale:
        scale *= 10
    whole = np.rint(dense * scale)
    if not distances.is_complete:
        whole[np.isinf(whole)] = no_way(distances, scale)
    return whole.astype(np.int64), scale


def no_way(distances: Distances, scale: float) -> float:
    """The whole number for an infinite distance; a solution that costs less uses none."""
    finite = distances.matrix[np.isfinite(distances.matrix)]
    return (len(distances.matrix) * 2 + 1) * (np.rint(float(finite.max(initial=0.0)) * scale) + 1)


def _decimal_scale(largest: float, most: float, finest: float = 1e15) -> float:
    """The greatest power of ten, at most ``finest``, that keeps ``largest`` within ``most``."""
    scale = 1.0
    while largest * scale * 10 <= most and scale < finest:
        scale *= 10
    while largest * scale > most:
        scale /= 10
    return scale


@dataclass(frozen=True, eq=False)
class WholeClock:
    """
    Times of an instance as whole numbers from the opening of the depot on.

    Parameters
    ----------
    duration
        (n, n) int64; longer than ``horizon`` where there is no way.
    opens, closes, service
        (n,) int64; the depot opens at 0.
    horizon
        When the depot closes.
    is_exact
        Whether nothing had to be rounded.
    """

    duration: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    service: np.ndarray
    horizon: int
    is_exact: bool


def whole_clock(instance: VRPTWInstance, *, coarse: bool = False) -> WholeClock:
    """
    Whole times, rounded to the safe side: routes that keep these keep the instance's.

    Fractional times are scaled by the greatest power of ten that :data:`MAX_TIME` allows.

    Parameters
    ----------
    coarse
        Whether whole times above :data:`MAX_TIME` are scaled down too.

    Raises
    ------
    ValueError
        If whole times are too large already.
    """
    times = _Times.of(instance)
    scale = times.scale(instance, MAX_TIME, coarse=coarse)
    # A way longer than the day is none, however long; this keeps sums small.
    whole = np.minimum(_up(times.duration * scale), np.floor(times.horizon * scale) + 1)
    first, last = _up(times.opens * scale), _down(np.minimum(times.closes, times.horizon) * scale)
    service = _up(times.service * scale)
    # No whole unit lies within a window so short: begin a unit early, and serve as much longer.
    service[first > last] += 1
    first = np.minimum(first, last)
    return WholeClock(
        duration=whole.astype(np.int64),
        opens=first.astype(np.int64),
        closes=last.astype(np.int64),
        service=service.astype(np.int64),
        horizon=int(last[instance.depot]),
        is_exact=times.are_whole(scale),
    )


def relaxed_clock(instance: VRPTWInstance) -> WholeClock:
    """
    Whole times rounded the other way: routes that keep the instance's, by the judge's slack, keep these.

    Fractional times are scaled by the greatest power of ten that :data:`MAX_RELAXED` allows, so that few routes keep
    these and not the instance's; so are whole ones above that.
    """
    times = _Times.of(instance)
    scale = times.scale(instance, MAX_RELAXED, coarse=True)
    closes = np.minimum(times.closes + instance.time_slack, times.never)
    last = _most(closes, closes + abs(instance.opens[instance.depot]), scale, 2 * len(closes) + 1)
    last = np.minimum(last, last[instance.depot])
    return WholeClock(
        duration=np.minimum(_down(times.duration * scale), last[instance.depot] + 1).astype(np.int64),
        opens=np.minimum(_down(times.opens * scale), last).astype(np.int64),
        closes=last.astype(np.int64),
        service=_down(times.service * scale).astype(np.int64),
        horizon=int(last[instance.depot]),
        is_exact=times.are_whole(scale),
    )


@dataclass(frozen=True, eq=False)
class _Times:
    """Times of an instance from the opening of the depot on; windows that never close do so after all."""

    duration: np.ndarray
    opens: np.ndarray
    closes: np.ndarray
    service: np.ndarray
    horizon: float
    never: float

    @classmethod
    def of(cls, instance: VRPTWInstance) -> _Times:
        start = instance.opens[instance.depot]
        opens = np.maximum(instance.opens - start, 0.0)
        duration = instance.durations.dense()
        if not (instance.durations.is_complete and instance.distances.is_complete):
            duration = np.where(np.isinf(instance.distances.dense()), np.inf, duration)
        # Windows may close at a number that stands for "never", in whose units all the others would be 0. No vehicle
        # that does not dawdle is out for longer than this; twice as long leaves room for what is rounded up. Ways may
        # take as long, and are never in time.
        in_time = (opens + instance.service)[:, None] + duration <= instance.closes - start + instance.time_slack
        longest = float(np.max(duration, where=in_time & np.isfinite(duration), initial=0.0))
        never = 2.0 * np.ceil(opens.max() + instance.service.sum() + len(opens) * longest)
        closes = np.minimum(instance.closes - start, never)
        return cls(duration, opens, closes, instance.service, float(closes[instance.depot]), float(never))

    def scale(self, instance: VRPTWInstance, most: float, *, coarse: bool = False) -> float:
        """What makes a horizon of at most ``most``; 1 for whole times, but for ``coarse`` ones above that."""
        is_scaled = bool(instance.time_slack.any()) or (coarse and self.horizon > most)
        # No unit as large as the judge's least slack, 1e-9: days below a hundredth would be a few of them.
        scale = _decimal_scale(self.horizon, most) if is_scaled else 1.0
        if self.horizon * scale > 10_000 * MAX_TIME:
            raise ValueError(
                f"times up to {self.horizon:g} are too large for this solver; at most {10_000 * MAX_TIME:g}."
            )
        return scale

    def are_whole(self, scale: float) -> bool:
        """Whether all of them are whole numbers of so many units each."""
        scaled = (self.duration[self.duration <= self.horizon], self.opens, self.closes, self.service)
        return all(_are_whole(t * scale) for t in scaled)


#: What floating-point noise may add to a whole number of scaled units.
_NOISE = 1e-6


def _are_whole(values: np.ndarray) -> bool:
    return bool((np.abs(values - np.rint(values)) <= _NOISE).all())


def _up(values: np.ndarray) -> np.ndarray:
    return np.ceil(values - _NOISE)


def _down(values: np.ndarray | float) -> np.ndarray:
    return np.floor(values + _NOISE)


def _most(limit: np.ndarray | float, largest: np.ndarray | float, scale: float, terms: int) -> np.ndarray:
    """
    Most whole units that a sum of so many terms rounded by :func:`_down` can be where the judge sees ``limit`` at most.

    Each term may be a hair above the number it stands for, and the judge's own sum of numbers up to ``largest`` may be
    rounded down as often.
    """
    return np.floor(limit * scale + terms * (_NOISE + np.spacing(largest) * scale))


def whole_limit(limit: float, scale: float) -> int:
    """A limit in scaled units; rounded down, but not below a whole number that floating-point noise just misses."""
    return int(_down(limit * scale))


def whole_demand(instance: VehicleRoutingInstance, *, coarse: bool = False) -> tuple[np.ndarray, int]:
    """
    (n,) int64 demands and capacity in a unit that makes all demands whole, if there is one.

    That is a power of ten, the smallest demand or a part of the capacity. Otherwise they are rounded to the safe side:
    every solution stays feasible, and each customer by himself fits a vehicle as before.

    Parameters
    ----------
    coarse
        Whether that is done too where the capacity would be more than ten million units.
    """
    demand, capacity = instance.demand, instance.capacity
    scale = _common_scale(np.unique(demand[demand > 0]), capacity)
    if coarse and capacity * scale > _COARSE_LOAD:
        scale = _decimal_scale(capacity, _COARSE_LOAD, scale)
    most = whole_limit(instance.load_limit, scale)
    return np.minimum(np.ceil(demand * scale - _NOISE).astype(np.int64), most), most


def relaxed_demand(instance: VehicleRoutingInstance) -> tuple[np.ndarray, int]:
    """As :func:`whole_demand`, rounded the other way: what the judge lets a vehicle take fits into this one too."""
    demand, limit = relaxed_loads(instance.demand, np.array([instance.load_limit]))
    return demand, int(limit[0])


def relaxed_loads(demand: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Demands and limits of sums of them as whole numbers: what keeps these limits keeps those too.

    Exact if some unit makes all demands whole numbers; they are up to :data:`MAX_RELAXED`.
    """
    limits = np.minimum(limits, demand.sum())
    largest = float(limits.max()) or float(demand.max())
    scale = _common_scale(np.unique(demand[demand > 0]), largest)
    if largest * scale > MAX_RELAXED or not _are_whole(demand * scale):
        scale = MAX_RELAXED / largest
    most = _most(limits, limits, scale, len(demand))
    return np.minimum(_down(demand * scale), most.max() + 1).astype(np.int64), most.astype(np.int64)


def relaxed_length(instance: CVRPInstance) -> tuple[np.ndarray, int, int]:
    """
    (n, n) distances, service time and limit of a route's length: routes within the judge's keep this limit too.

    Whole numbers stay as they are; others are scaled by the greatest power of ten that :data:`MAX_RELAXED` allows, and
    so are whole ones above that.
    """
    dense = instance.distances.dense()
    limit = min(instance.length_limit, float(dense.max(axis=1).sum()) + instance.size * instance.service_time)
    is_whole = instance.distances.is_integral and instance.service_time.is_integer()
    scale = _decimal_scale(limit, MAX_RELAXED, 1.0 if is_whole else 1e15)
    most = _most(limit, limit, scale, 2 * len(dense))
    distance = np.minimum(_down(dense * scale), most + 1).astype(np.int64)
    return distance, int(_down(instance.service_time * scale)), int(most)


def _common_scale(values: np.ndarray, capacity: float) -> float:
    """What makes these demands whole numbers; what leaves the capacity at least 10^6 units if nothing does."""
    powers = [10.0**k for k in range(7) if k == 0 or capacity * 10.0**k < _MAX_LOAD]
    # Floating point keeps a multiple of a third as well as it keeps one of a tenth.
    parts = [k / unit for unit in (*values[:1].tolist(), capacity) if unit > 0 for k in range(1, 1001)]
    tried = [(power, 1e-9 * power * min(1.0, capacity)) for power in powers]
    tried += [(part, 1e-9) for part in parts if capacity * part <= 1e7]
    for scale, noise in tried:
        if (np.abs(values * scale - np.rint(values * scale)) <= noise).all():
            return scale
    return min(1e6 * max(1.0, 1.0 / capacity), _MAX_LOAD / capacity)
