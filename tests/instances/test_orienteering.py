"""Orienteering with time windows: instance, timed route, judge."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.distances import Distances
from cosolve.instances.orienteering import OPTWInstance, OPTWRoute, OPTWVPInstance, TimedRoute
from cosolve.instances.tsp import Tour

LINE = Distances.from_coords(np.array([[0.0, 0], [1, 0], [3, 0]]), Metric.EXACT_2D)


def line(**changes):
    """Customers at 1 and 3; the near one earns 2 a unit for two units, then 1; the far one a prize and 5 a unit."""
    values = {
        "distances": LINE,
        "opens": [0, 0, 4],
        "closes": [20, 5, 8],
        "horizon": 12,
        "prize": [0, 0, 7],
        "min_service": [0, 0, 1],
        "segment_ptr": [0, 0, 2, 3],
        "segment_length": [2, 3, 1.5],
        "segment_rate": [2, 1, 5],
    }
    return OPTWVPInstance(**{key: v for key, v in {**values, **changes}.items() if v is not None})


GOOD = TimedRoute(customers=[1, 2], start=[1, 6], duration=[3, 2.5])


def kinds(route):
    return {v.what for v in judge(line(), route).violations}


def test_judge_adds_prizes_and_segments():
    """2 * 2 + 1 * 1 at the near customer, 7 + 1.5 * 5 beyond the minimum at the far one."""
    verdict = judge(line(), GOOD)
    assert verdict.feasible
    assert verdict.objective == 4 + 1 + 7 + 7.5


def test_minus_zero_is_zero_in_the_digest():
    """Equal instances would be two in records."""
    assert line(opens=[-0.0, 0, 4], prize=[-0.0, 0, 7]) == line()


def test_service_may_run_past_the_window():
    """The window binds the start of a service alone."""
    assert judge(line(), TimedRoute(customers=[1], start=[4.5], duration=[4])).feasible


def test_the_tour_that_never_leaves_is_feasible_and_earns_nothing():
    """It is the optimum wherever nobody can be reached in time."""
    verdict = judge(line(), TimedRoute(customers=[], start=[], duration=[]))
    assert (verdict.feasible, verdict.objective) == (True, 0)


@pytest.mark.parametrize(
    ("customers", "start", "duration", "what"),
    [
        ([1, 2], [1, 5.5], [3, 2.5], "starts before arrival"),
        ([2], [3.5], [1], "starts before the window opens"),
        ([1], [5.1], [1], "starts after the window closes"),
        ([2], [5], [0.5], "service shorter than its minimum"),
        ([1], [1], [5.5], "service longer than its cap"),
        ([2], [7.5], [2], "returns after the horizon"),
        ([1, 1], [1, 3], [1, 1], "customer visited twice"),
        ([0], [0], [0], "no such customer"),
        ([3], [0], [0], "no such customer"),
        ([-1], [0], [0], "no such customer"),
        ([1], [np.nan], [1], "time is not finite"),
        ([1], [1], [np.inf], "time is not finite"),
        ([1], [1, 2], [1], "not one start and duration for each customer"),
        ([1], [1], [-1], "service shorter than its minimum"),
    ],
)
def test_judge_names_the_broken_rule(customers, start, duration, what):
    """A judge that misses one of these would accept more profit than there is."""
    assert what in kinds(TimedRoute(customers=customers, start=start, duration=duration))


def test_judge_allows_noise_and_no_more():
    """Sums of square roots are not exact; a thousandth is no noise."""
    noisy = TimedRoute(customers=[1, 2], start=[1 - 5e-7, 6], duration=[3 + 5e-7, 2.5])
    assert judge(line(), noisy).feasible
    assert not judge(line(), TimedRoute(customers=[1], start=[0.999], duration=[1])).feasible


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"opens": [0, 6, 4]}, "window of place 1 closes at 5, before it opens at 6"),
        ({"prize": [0, -1, 7]}, "prize must be >= 0, got -1 at place 1"),
        ({"prize": [1, 0, 7]}, "prize of the depot must be 0"),
        ({"min_service": [0, -2, 1]}, "min_service must be >= 0"),
        ({"min_service": [1, 0, 1]}, "min_service of the depot must be 0"),
        ({"segment_rate": [2, -1, 5]}, "segment_rate must be >= 0"),
        ({"segment_rate": [1, 2, 5]}, "must not rise within a customer, they do at place 1"),
        ({"segment_length": [2, 0, 1.5]}, "segment_length must be > 0"),
        ({"segment_ptr": [0, 1, 2, 3]}, "the depot must have no profit segments"),
        ({"segment_ptr": [0, 0, 2, 2]}, "segment_ptr must start at 0"),
        ({"horizon": -1}, "horizon must be finite and >= the start 0"),
        ({"horizon": np.nan}, "horizon must be finite"),
        ({"horizon": np.inf}, "horizon must be finite"),
        ({"opens": [0, np.nan, 4]}, "opens must hold finite numbers"),
        ({"closes": [20, np.inf, 8]}, "closes must hold finite numbers"),
        ({"prize": [0, np.nan, 7]}, "prize must hold finite numbers"),
        ({"opens": [0, 0]}, "opens must have one entry for each of 3 places, got 2"),
    ],
)
def test_bad_data_is_refused_in_one_line(changes, message):
    """What gets in would come out as a wrong optimum."""
    with pytest.raises(ValueError, match=message) as error:
        line(**changes)
    assert "\n" not in str(error.value)


def test_fixed_profits_have_no_segments():
    """A solver for fixed profits would leave them out without a word."""
    with pytest.raises(ValueError, match="segments make it an optwvp"):
        OPTWInstance(distances=LINE, opens=[0, 0, 0], closes=[9, 9, 9], horizon=9,
                     segment_ptr=[0, 0, 1, 1], segment_length=[1], segment_rate=[1])  # fmt: skip


def test_profits_are_integral_only_without_segments():
    """Bounds are rounded down to the next integer where this is said."""
    fixed = {"segment_ptr": None, "segment_length": None, "segment_rate": None}
    assert line(**fixed).is_integral
    assert not line(**fixed, prize=[0, 0.5, 7]).is_integral
    assert not line().is_integral


def test_closed_doors_leave_the_trivial_optimum():
    """One place, no time, or nobody within reach: proven at once, never a hang."""
    depot = Distances.from_coords(np.zeros((1, 2)), Metric.EXACT_2D)
    alone = OPTWVPInstance(distances=depot, opens=[0], closes=[5], horizon=5)
    far = {"segment_ptr": None, "segment_length": None, "segment_rate": None, "horizon": 1.5}
    for instance in (alone, line(horizon=0), line(**far)):
        for solver in ("labelling", "auto", "scip"):
            result = cosolve.solve(instance, solver, time_limit=20)
            assert (result.status, result.objective) == ("optimal", 0), (instance, solver)


def test_route_of_the_other_problem_is_refused():
    """The two problems share a judge, not a solution type."""
    with pytest.raises(TypeError, match="optwvp needs a TimedRoute"):
        judge(line(), Tour(order=np.arange(3)))
    with pytest.raises(TypeError, match="optw needs a OPTWRoute"):
        judge(cosolve.generate("optw", "uniform", size=4), GOOD)
    assert OPTWRoute.problem == "optw"


def test_slack_of_one_visit_is_not_there_for_the_next():
    """Starts 9e-7 before each arrival added up to a visit that no proof had thought possible."""
    ways = np.array([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    instance = OPTWInstance(
        distances=Distances.from_matrix(ways), opens=np.zeros(3), closes=np.array([10, 5, 2 - 1.5e-6]), horizon=10.0,
        prize=np.array([0.0, 5, 7]),
    )  # fmt: skip
    early = OPTWRoute(customers=[1, 2], start=np.array([1 - 9e-7, 2 - 1.8e-6]), duration=np.zeros(2))
    broken = [violation.what for violation in judge(instance, early).violations]
    assert broken == ["starts before arrival", "starts after the window closes"]
    assert judge(instance, OPTWRoute(customers=[1], start=np.array([1 - 9e-7]), duration=np.zeros(1))).feasible


def test_an_early_start_gives_no_later_visit_slack():
    """A start 9e-7 before the window opened let the clock run on from there: 8 where 5 is the proven most."""
    ways = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    instance = OPTWInstance(
        distances=Distances.from_matrix(ways), opens=np.array([0, 10, 10.5]), closes=np.array([100, 10.2, 11 - 1.5e-6]),
        horizon=13 - 1.5e-6, prize=np.array([0.0, 5, 3]),
    )  # fmt: skip
    early = OPTWRoute(customers=[1, 2], start=np.array([10 - 9e-7, 11 - 9e-7]), duration=np.zeros(2))
    assert not judge(instance, early).feasible
    assert judge(instance, OPTWRoute(customers=[1], start=np.array([10 - 9e-7]), duration=np.zeros(1))).feasible


def test_short_services_give_no_time_for_the_way_back():
    """Each 9e-7 short of its minimum, three of them made up for a horizon that the route misses."""
    instance = OPTWInstance(
        distances=Distances.from_matrix(np.ones((4, 4)) - np.eye(4)), opens=np.zeros(4), closes=np.full(4, 10.0),
        horizon=7 - 2.5e-6, prize=np.array([0.0, 1, 1, 1]), min_service=np.array([0.0, 1, 1, 1]),
    )  # fmt: skip
    short = np.full(3, 1 - 9e-7)
    route = OPTWRoute(customers=[1, 2, 3], start=1 + np.arange(3) * (2 - 9e-7), duration=short)
    assert "returns after the horizon" in [violation.what for violation in judge(instance, route).violations]
