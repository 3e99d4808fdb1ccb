"""Orienteering with time windows as a circuit with optional places, times in whole steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.orienteering import TOLERANCE, OPTWVPInstance, TimedRoute
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.formulations.optwvp import Frame
from cosolve.solvers.orienteering import arrays_of, report_empty, timed

#: Steps of time in the horizon, and steps of profit in the most that a unit of time or a visit earns, where the
#: instance's own numbers are not whole.
TIME_STEPS, PROFIT_STEPS = 100_000, 10_000


def build(instance: OPTWVPInstance, monitor: Monitor | None = None) -> Model:
    """
    Arcs, starts and served time. Travel is rounded up and windows inward, so that routes of the model are feasible.

    Its bound holds only if times and profits are whole numbers, up to a common power of ten.

    Raises
    ------
    ValueError
        Above :data:`cosolve.solvers.formulations.optwvp.MAX_ARCS` arcs.
    """
    from ortools.sat.python import cp_model

    report_empty(instance, monitor)
    frame = Frame.of(arrays_of(instance))
    a = frame.arrays
    n = len(a.places)
    # Lengths that earn in part make times of service real numbers, whatever the data. Whether these are whole is asked
    # without the judge's slack, which is less than any step of whole numbers.
    limits = np.append(a.closes, a.horizon) - instance.time_slack
    times = np.concatenate((limits, a.travel.ravel(), a.opens, a.service, a.segment_length))
    unit, is_exact = _unit(times, max(a.horizon, 1e-9) / TIME_STEPS)
    travel = _up(a.travel / unit)
    service = _up(a.service / unit)
    horizon = _down(a.horizon / unit)
    first, last = _up(frame.first / unit), _down(frame.last / unit)
    length = _down(a.segment_length / unit)
    amounts = np.concatenate((a.prize, a.segment_rate * unit))
    step, is_whole = _unit(amounts, max(float(amounts.max(initial=0.0)), 1e-9) / PROFIT_STEPS)
    prize, rate = np.rint(a.prize / step).astype(np.int64), np.rint(a.segment_rate * unit / step).astype(np.int64)
    model = cp_model.CpModel()
    arcs = [model.new_bool_var("") for _ in until(monitor, frame.tails)]
    stays = [model.new_bool_var("") for _ in range(n)]
    loops = [(i, i, stay) for i, stay in enumerate(stays)]
    model.add_circuit([*zip(frame.tails.tolist(), frame.heads.tolist(), arcs, strict=True), *loops])
    for stay in stays[1:]:
        model.add_implication(stays[0], stay)  # the route that never leaves
    for i in range(1, n):
        if first[i] > last[i]:
            model.add(stays[i] == 1)  # rounding has closed the window
    start = [model.new_int_var(int(first[i]), int(max(first[i], last[i])), "") for i in range(n)]
    served = [model.new_int_var(0, int(size), "") for size in length]
    own = [served[a.segment_ptr[i] : a.segment_ptr[i + 1]] for i in range(n)]
    leave = [0] + [start[i] + int(service[i]) + cp_model.LinearExpr.sum(own[i]) for i in until(monitor, range(1, n))]
    for i in until(monitor, range(1, n)):
        for amount in own[i]:
            model.add(amount == 0).only_enforce_if(stays[i])
    for arc, i, j in until(monitor, zip(arcs, frame.tails.tolist(), frame.heads.tolist(), strict=True)):
        if i or j:
            model.add(leave[i] + int(travel[i, j]) <= (start[j] if j else int(horizon))).only_enforce_if(arc)
    model.maximize(
        cp_model.LinearExpr.weighted_sum([*stays, *served], [*(-prize).tolist(), *rate.tolist()]) + int(prize.sum())
    )

    def decode(values: Sequence[int]) -> TimedRoute:
        return timed(instance, frame.route(np.array(values[: len(arcs)], bool)))

    def encode(solution: TimedRoute) -> list[int]:
        known = frame.numbers(solution)
        visits = np.empty(0, np.int64) if known is None else known[0]
        return [int(used) for used in frame.used_arcs(visits)]

    # Whole numbers leave the slack unused, the service times that are sought for the route do not.
    return Model(
        model,
        arcs,
        decode,
        encode,
        scale=step,
        bound_slack=a.worth_of(TOLERANCE),
        magnitude=float(max(horizon, length.max(initial=0), travel.max(initial=0))),
        bound_is_valid=is_exact and is_whole,
    )


def _unit(values: np.ndarray, coarse: float) -> tuple[float, bool]:
    """Largest power of ten of which all values are multiples, and True; else ``coarse``, and False."""
    for power in range(4):
        scaled = values * 10.0**power
        if (np.abs(scaled - np.rint(scaled)) <= 1e-9 + 8 * np.spacing(np.abs(scaled))).all():
            return 10.0**-power, bool(np.abs(scaled).max(initial=0.0) < 1e9)
    return coarse, False


def _up(values: np.ndarray) -> np.ndarray:
    out: np.ndarray = np.ceil(values - 1e-6).astype(np.int64)
    return out


def _down(values: np.ndarray | float) -> np.ndarray:
    out: np.ndarray = np.floor(np.asarray(values) + 1e-6).astype(np.int64)
    return out
