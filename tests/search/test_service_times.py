"""Service times of a fixed route: the closed form against the linear program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orienteering_cases import random_instance
from scipy.optimize import linprog

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.distances import Distances
from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.search.service_times import best_service_times, best_service_times_of_all


def best(instance: OPTWVPInstance, route: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    start, duration = np.empty(len(route)), np.empty(len(route))
    profit = best_service_times(
        route, instance.distances.dense(), instance.opens, instance.closes, instance.horizon, instance.min_service,
        instance.segment_ptr, instance.segment_length, instance.segment_rate, start, duration,
    )  # fmt: skip
    return profit, start, duration


def by_linear_program(instance: OPTWVPInstance, route: np.ndarray) -> float | None:
    """Starts and a variable for each segment, in the constraints' own words; ``None`` if infeasible."""
    m, matrix = len(route), instance.distances.dense()
    owner, lengths, rates = [], [], []
    for k, i in enumerate(route.tolist()):
        for s in range(instance.segment_ptr[i], instance.segment_ptr[i + 1]):
            owner.append(k)
            lengths.append(instance.segment_length[s])
            rates.append(instance.segment_rate[s])
    columns = m + len(owner)
    rows, sides = [], []

    def ends_before(k: int, travel: float, later: int | None, limit: float) -> None:
        row = np.zeros(columns)
        row[k] = 1.0
        row[[m + s for s, o in enumerate(owner) if o == k]] = 1.0
        if later is not None:
            row[later] = -1.0
        rows.append(row)
        sides.append(limit - instance.min_service[route[k]] - travel)

    for k in range(m - 1):
        ends_before(k, matrix[route[k], route[k + 1]], k + 1, 0.0)
    ends_before(m - 1, matrix[route[-1], 0], None, instance.horizon)
    bounds = [(instance.opens[i], instance.closes[i]) for i in route] + [(0.0, length) for length in lengths]
    bounds[0] = (max(bounds[0][0], instance.opens[0] + matrix[0, route[0]]), bounds[0][1])
    if bounds[0][0] > bounds[0][1]:
        return None
    answer = linprog(np.append(np.zeros(m), -np.array(rates)), np.array(rows), sides, bounds=bounds, method="highs")
    return None if answer.status == 2 else -float(answer.fun)


@settings(max_examples=300)
@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_closed_form_equals_the_linear_program(seed, n):
    """The greedy by rates is exact only because the constraints form a polymatroid; a slip in the slacks shows here."""
    instance = random_instance(seed, n, fixed=False)
    rng = np.random.default_rng(seed)
    route = rng.permutation(np.arange(1, n))[: rng.integers(1, n)]
    profit, start, duration = best(instance, route)
    expected = by_linear_program(instance, route)
    if expected is None:
        assert profit == -1
        return
    assert profit == pytest.approx(expected, abs=1e-9)
    timed = TimedRoute(customers=route, start=start, duration=duration)
    verdict = judge(instance, timed)
    assert verdict.feasible
    assert verdict.objective == pytest.approx(profit + instance.prize[route].sum(), abs=1e-9)


def test_time_goes_to_the_best_rate_even_if_it_comes_last():
    """Six units are left after travel; the later customer's rate is higher, up to its cap of four."""
    instance = OPTWVPInstance(
        distances=Distances.from_coords(np.array([[0.0, 0], [1, 0], [2, 0]]), Metric.EXACT_2D),
        opens=np.zeros(3), closes=np.full(3, 10.0), horizon=10.0,
        segment_ptr=np.array([0, 0, 1, 2]), segment_length=np.array([10.0, 4.0]), segment_rate=np.array([1.0, 3.0]),
    )  # fmt: skip
    profit, start, duration = best(instance, np.array([1, 2]))
    assert profit == 3 * 4 + 1 * 2
    assert start.tolist() == [1, 4]
    assert duration.tolist() == [2, 4]


def test_the_window_of_a_later_customer_limits_an_earlier_service():
    """The second customer must start by 3, so the first has one unit; waiting before it would cost nothing."""
    instance = OPTWVPInstance(
        distances=Distances.from_coords(np.array([[0.0, 0], [1, 0], [2, 0]]), Metric.EXACT_2D),
        opens=np.zeros(3), closes=np.array([10.0, 10, 3]), horizon=10.0,
        segment_ptr=np.array([0, 0, 1, 2]), segment_length=np.array([10.0, 4.0]), segment_rate=np.array([5.0, 3.0]),
    )  # fmt: skip
    assert best(instance, np.array([1, 2]))[0] == 5 * 1 + 3 * 4


def test_empty_route_earns_nothing():
    """The tour that never leaves is always feasible."""
    assert best(random_instance(1, 3), np.empty(0, np.int64))[0] == 0


def test_many_routes_at_once_give_what_each_gives_alone():
    """Slices that overlap would let one route overwrite the times of the next."""
    instance = cosolve.generate("optwvp", "hard", size=9, width=4.0, seed=5)
    rng = np.random.default_rng(1)
    routes = [rng.permutation(np.arange(1, 9))[: rng.integers(0, 6)] for _ in range(50)]
    visits, ptr = np.concatenate(routes), np.append(0, np.cumsum([len(route) for route in routes]))
    start, duration = np.zeros(len(visits)), np.zeros(len(visits))
    profits = best_service_times_of_all(
        visits, ptr, instance.distances.dense(), instance.opens, instance.closes, instance.horizon,
        instance.min_service, instance.segment_ptr, instance.segment_length, instance.segment_rate, start, duration,
    )  # fmt: skip
    assert len({profit for profit in profits if profit > 0}) > 5
    for b, route in enumerate(routes):
        profit, begin, length = best(instance, route)
        assert profits[b] == profit
        if profit >= 0:
            assert start[ptr[b] : ptr[b + 1]].tolist() == begin.tolist()
            assert duration[ptr[b] : ptr[b + 1]].tolist() == length.tolist()
