"""Capacitated vehicle routing: instance, routes, judge."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.distances import Distances

# A depot at the origin and four customers at distance 5, in opposite pairs.
COORDS = np.array([[0, 0], [3, 4], [4, 3], [-3, -4], [-4, -3]], float)


def square(**changes):
    values = {
        "distances": Distances.from_coords(COORDS, Metric.EXACT_2D),
        "demand": [0, 2, 3, 2, 3],
        "capacity": 5,
    }
    return CVRPInstance(**{**values, **changes})


GOOD = Routes(routes=([1, 2], [3, 4]))


def kinds(instance, solution, mode="strict"):
    return {v.what for v in judge(instance, solution, mode).violations}


def test_judge_sums_the_routes_with_the_way_out_and_back():
    """Each route costs 5 + sqrt(2) + 5."""
    verdict = judge(square(), GOOD)
    assert verdict.feasible
    assert verdict.objective == pytest.approx(2 * (10 + 2**0.5))


def test_judge_uses_the_rounding_of_the_instance():
    """nint(sqrt(2)) is 1."""
    assert judge(square(distances=Distances.from_coords(COORDS)), GOOD).objective == 22


def test_empty_routes_are_allowed_and_cost_nothing():
    """The FrontierCO harness raises an IndexError on one."""
    with_empty = Routes(routes=([], [1, 2], [], [3, 4], []))
    assert judge(square(), with_empty) == judge(square(), GOOD)


@pytest.mark.parametrize(
    ("routes", "what"),
    [
        (([1, 2], [3]), "customer not visited"),
        ((), "customer not visited"),
        (([1, 2], [3, 4], [1]), "customer visited twice"),
        (([1, 2, 1], [3, 4]), "customer visited twice"),
        (([1, 0, 2], [3, 4]), "depot inside a route"),
        (([1, 2], [3, 4, 5]), "no such node"),
        (([1, 2], [3, 4, -1]), "no such node"),
        (([1, 2, 3], [4]), "capacity exceeded"),
    ],
)
def test_judge_names_the_broken_rule(routes, what):
    """A judge that misses one of these would accept a cheaper, wrong solution."""
    assert what in kinds(square(), Routes(routes=routes))


def test_judge_tells_by_how_much_and_where_the_capacity_is_exceeded():
    """Route 1 carries 8 of 5."""
    (violation,) = judge(square(), Routes(routes=([1], [2, 3, 4]))).violations
    assert (violation.where, violation.amount) == ("route 1", 3)


def test_slack_of_fractional_demands_is_that_of_their_sums():
    """What a sum in floating point may miss, and no more."""
    for excess, broken in ((2e-10, set()), (1e-6, {"capacity exceeded"})):
        assert kinds(square(demand=[0, 2.5 + excess, 2.5, 2, 3]), GOOD) == broken


def test_route_length_limit_counts_service_time():
    """11.42 for the way and 2 x 1 for service fit 13.5 but not 13."""
    assert judge(square(max_length=13.5, service_time=1), GOOD).feasible
    assert kinds(square(max_length=13, service_time=1), GOOD) == {"route too long"}
    assert judge(square(max_length=13), GOOD).feasible


def test_route_length_limit_is_met_exactly_by_unrounded_sums():
    """0.1 + 0.2 is more than 0.3 in floating point: no reason to refuse a route."""
    matrix = np.array([[0, 0.1, 0.3], [0.1, 0, 0.2], [0.3, 0.2, 0]])
    instance = CVRPInstance(distances=Distances.from_matrix(matrix), demand=[0, 0.1, 0.2], capacity=0.3, max_length=0.6)
    assert judge(instance, Routes(routes=([1, 2],))).feasible


def test_frontierco_mode_accepts_what_that_harness_accepts():
    """Repeated visits pass, lengths are unrounded and unlimited; missing customers and overload fail."""
    instance = square(distances=Distances.from_coords(COORDS), max_length=1)
    assert judge(instance, GOOD, "frontierco").objective == pytest.approx(2 * (10 + 2**0.5))
    assert judge(instance, Routes(routes=([1, 2], [3, 4], [1])), "frontierco").feasible
    assert kinds(instance, Routes(routes=([1, 2, 3], [4])), "frontierco") == {"capacity exceeded"}
    assert kinds(instance, Routes(routes=([1, 2], [3])), "frontierco") == {"customer not visited"}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 8), max_size=6), max_size=6))
def test_judge_agrees_with_the_definition_on_any_content(routes):
    """Whatever the ids: feasible means a partition of the customers within capacity, and nothing crashes."""
    instance = square()
    verdict = judge(instance, Routes(routes=routes))
    visited = sorted(node for route in routes for node in route)
    within = all(sum(instance.demand[c] for c in route if 0 <= c < 5) <= 5 for route in routes)
    assert verdict.feasible == (visited == [1, 2, 3, 4] and within)


@pytest.mark.parametrize(
    "routes", [None, 3, "12", [[1.5]], [[float("nan")]], [[[1]]], [["a"]], [1, 2], [[1], [2, [3]]], [[2**70]]]
)
def test_routes_refuse_what_is_no_list_of_integers(routes):
    """A solution file may hold anything."""
    with pytest.raises(ValueError, match=r"route|array"):
        Routes.from_dict({"routes": routes})


def test_routes_survive_json_and_pickle_and_cannot_be_written_to():
    """Results are stored as JSON and cross process borders."""
    assert Routes.from_dict(GOOD.to_dict()) == GOOD
    assert GOOD.to_dict() == {"routes": [[1, 2], [3, 4]]}
    copy = pickle.loads(pickle.dumps(GOOD))
    assert copy == GOOD
    assert copy.flat[1].tolist() == [0, 2, 4]
    with pytest.raises(ValueError, match="read-only"):
        copy.routes[0][0] = 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demand": [0, 2, 3]}, "one entry per node"),
        ({"demand": [1, 2, 3, 2, 3]}, "depot must be 0"),
        ({"demand": [0, -2, 3, 2, 3]}, ">= 0"),
        ({"demand": [0, float("nan"), 3, 2, 3]}, "finite"),
        ({"demand": [0, 2, 3, 2, 6]}, "more than the capacity"),
        ({"capacity": float("inf")}, "capacity"),
        ({"depot": 5}, "depot"),
        ({"depot": 0.7}, "depot must be an integer"),
        ({"max_length": -1}, "max_length"),
        ({"service_time": float("nan")}, "service_time"),
        ({"distances": Distances.from_matrix(np.triu(np.ones((5, 5))))}, "symmetric"),
    ],
)
def test_instance_refuses_impossible_data(changes, message):
    """Such an instance would make judges and solvers answer nonsense."""
    with pytest.raises(ValueError, match=message):
        square(**changes)


def test_digest_covers_the_limits():
    """Two instances that differ in the length limit only have different optima."""
    instance = square()
    assert replace(instance, max_length=20).digest != instance.digest
    assert replace(instance, name="other") == instance


def test_minus_zero_is_zero_in_the_digest():
    """Equal instances would be two in records."""
    assert square(demand=[-0.0, 2, 3, -0.0, 3]) == square(demand=[0.0, 2, 3, 0.0, 3])


def test_lengths_beyond_the_largest_double_are_an_infeasibility():
    """The judge ended in an error of its own, and with it every solver and every drawing."""
    huge = square(distances=Distances.from_coords(COORDS * 3e307, Metric.EXACT_2D))
    verdict = judge(huge, Routes(routes=[[1, 2], [3, 4]]))
    assert verdict.objective is None
    assert [violation.what for violation in verdict.violations] == ["objective is not a finite number"]
