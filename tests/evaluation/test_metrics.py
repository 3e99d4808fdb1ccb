"""Gaps, curves, integrals and means against values computed by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.core.result import TracePoint
from cosolve.evaluation.metrics import (
    curve_values,
    gap_beyond_noise,
    is_new_best,
    mean_curve,
    penalised_runtimes,
    primal_dual_gap_curve,
    primal_dual_integral,
    primal_gap,
    primal_gap_curve,
    primal_integral,
    shifted_geometric_mean,
    signed_gap,
    step_integral,
    time_to_target,
)

FINITE = st.floats(-1e9, 1e9)
SENSE = st.sampled_from(["min", "max"])


def trace(*points):
    return [TracePoint(*point) for point in points]


@pytest.mark.parametrize(
    ("objective", "reference", "sense", "gap", "signed"),
    [
        (125.0, 100.0, "min", 0.2, 0.2),  # 25 / 125
        (200.0, 100.0, "min", 0.5, 0.5),  # twice the reference is 0.5, not 1
        (80.0, 100.0, "min", 0.0, -0.2),  # better: 20 / 100
        (80.0, 100.0, "max", 0.2, 0.2),
        (125.0, 100.0, "max", 0.0, -0.2),
        (100.0, 100.0, "min", 0.0, 0.0),
        (0.0, 0.0, "min", 0.0, 0.0),
        (5.0, 0.0, "min", 1.0, 1.0),  # 5 / 5: against 0 every difference is all of it
        (0.0, 5.0, "max", 1.0, 1.0),
        (0.0, 5.0, "min", 0.0, -1.0),
        (-80.0, -100.0, "min", 0.2, 0.2),
        (-125.0, -100.0, "min", 0.0, -0.2),
        (-125.0, -100.0, "max", 0.2, 0.2),
        (3.0, -4.0, "min", 1.0, 1.0),  # signs differ
        (-4.0, 3.0, "min", 0.0, -1.0),
    ],
)
def test_gaps_equal_the_values_computed_by_hand(objective, reference, sense, gap, signed):
    """A wrong case here (sense, sign, zero, better than known) makes every table wrong."""
    assert primal_gap(objective, reference, sense) == pytest.approx(gap, abs=1e-15)
    assert signed_gap(objective, reference, sense) == pytest.approx(signed, abs=1e-15)


@pytest.mark.parametrize(("value", "gap"), [(1e-12, 0.0), (1e-9, 0.0), (2e-9, 1.0)])
def test_noise_beside_zero_is_no_gap(value, gap):
    """A sum of floats is seldom 0 itself; a perfect solution would have a gap of 100 % in every table."""
    assert primal_gap(value, 0.0, "min") == gap
    assert signed_gap(-value, 0.0, "min") == -gap
    assert gap_beyond_noise(value, 0.0) == gap
    assert primal_dual_gap_curve(trace((1.0, value, 0.0)))[-1][1] == gap


@pytest.mark.parametrize("objective", [None, math.nan, math.inf, -math.inf])
def test_no_solution_has_gap_one(objective):
    """-inf compares as better than any reference and must not count as a perfect solution."""
    assert primal_gap(objective, 100.0, "min") == 1.0
    assert primal_gap(objective, 100.0, "max") == 1.0


def test_equal_values_have_no_negative_zero():
    """-0.0 would be printed as an improvement."""
    assert math.copysign(1.0, signed_gap(7.0, 7.0, "min")) == 1.0


@given(FINITE, FINITE, SENSE)
def test_the_primal_gap_is_the_positive_part_of_the_signed_gap(objective, reference, sense):
    """Two functions for one thing must not drift apart."""
    gap, signed = primal_gap(objective, reference, sense), signed_gap(objective, reference, sense)
    assert 0.0 <= gap <= 1.0
    assert gap == max(signed, 0.0)


@given(FINITE, FINITE)
def test_gaps_do_not_depend_on_how_the_sense_is_written(objective, reference):
    """Minimising f is maximising -f."""
    assert signed_gap(objective, reference, "min") == signed_gap(-objective, -reference, "max")


@pytest.mark.parametrize(
    ("objective", "reference", "sense", "expected"),
    [
        (99.0, 100.0, "min", True),
        (100.00005, 100.0, "max", False),  # 5e-5 <= 1e-6 * 100
        (100.0002, 100.0, "max", True),
        (-1e-7, 0.0, "min", False),  # absolute below 1
        (101.0, 100.0, "min", False),
    ],
)
def test_a_new_best_is_better_by_more_than_rounding(objective, reference, sense, expected):
    """Published values are rounded: the last digit is no discovery."""
    assert is_new_best(objective, reference, sense) is expected


@pytest.mark.parametrize(
    ("magnitude", "expected"), [(1e-9, True), (1e-3, True), (0.5, False), (1.0, False), (1e9, False)]
)
def test_a_new_best_of_small_costs_is_measured_by_these(magnitude, expected):
    """In units of a billionth no solution was better than another; 1e-7 is nothing where a cost is 1e9."""
    assert is_new_best(-1e-7, 0.0, "min", magnitude=magnitude) is expected


def test_primal_integral_by_hand():
    """
    Reference 100 (min), limit 10 s: no solution for 2 s, 200 (gap 0.5) for 3 s, 125 (gap 0.2) for 5 s.

    2 * 1 + 3 * 0.5 + 5 * 0.2 = 4.5 s
    """
    points = trace((2.0, 200.0, None), (5.0, 125.0, None))
    assert primal_integral(points, 100.0, "min", 10.0) == pytest.approx(4.5, abs=1e-12)


def test_primal_integral_ignores_what_comes_after_the_limit():
    """A late solution must not pay: 2 * 1 + 2 * 0.5 = 3 s at a limit of 4 s."""
    points = trace((2.0, 200.0, None), (5.0, 100.0, None))
    assert primal_integral(points, 100.0, "min", 4.0) == pytest.approx(3.0, abs=1e-12)


def test_primal_integral_keeps_the_last_gap_of_a_run_that_ends_early():
    """Stopping with a bad solution must not be cheaper than going on: 1 * 1 + 99 * 0.5 = 50.5 s."""
    assert primal_integral(trace((1.0, 200.0, None)), 100.0, "min", 100.0) == pytest.approx(50.5)


def test_primal_integral_of_nothing_and_of_the_optimum_at_once():
    """The two ends of the scale."""
    assert primal_integral([], 100.0, "min", 10.0) == 10.0
    assert primal_integral(trace((0.0, 100.0, None)), 100.0, "min", 10.0) == 0.0
    assert primal_integral(trace((0.0, 90.0, None)), 100.0, "min", 10.0) == 0.0


def test_primal_dual_integral_by_hand():
    """
    Bound 50 from 1 s; solution 100 from 2 s (gap 0.5); bound 80 from 4 s (gap 0.2); proven at 6 s; limit 10 s.

    2 * 1 + 2 * 0.5 + 2 * 0.2 + 4 * 0 = 3.4 s
    """
    points = trace((1.0, None, 50.0), (2.0, 100.0, 50.0), (4.0, 100.0, 80.0), (6.0, 100.0, 100.0))
    assert primal_dual_integral(points, 10.0) == pytest.approx(3.4, abs=1e-12)


def test_bound_and_solution_of_different_sign_have_gap_one():
    """SCIP's rule; the difference over the larger would be above 1."""
    assert primal_dual_gap_curve(trace((1.0, 5.0, -1.0))) == [(0.0, 1.0)]


@pytest.mark.parametrize("end", [-1.0, math.inf, math.nan])
def test_an_integral_needs_a_finite_end(end):
    """Without a limit the area is infinite or says nothing."""
    with pytest.raises(ValueError, match="finite number of seconds"):
        step_integral([(0.0, 1.0)], end)


@st.composite
def trajectories(draw):
    """Improving objectives (min) at ascending times, with an oracle's dense copy in mind."""
    times = sorted(draw(st.lists(st.floats(0.0, 20.0), min_size=0, max_size=8, unique=True)))
    values = sorted(draw(st.lists(st.floats(50.0, 1000.0), min_size=len(times), max_size=len(times))), reverse=True)
    return trace(*((t, v, None) for t, v in zip(times, values)))


@given(trajectories(), st.floats(0.1, 20.0))
def test_primal_integral_equals_a_sum_over_every_piece(points, limit):
    """The definition, piece by piece between all break points, as an independent oracle."""
    cuts = sorted({0.0, limit, *(p.time for p in points if p.time < limit)})
    area = 0.0
    for left, right in pairwise(cuts):
        known = [p.objective for p in points if p.time <= left]
        area += (right - left) * (max(0.0, (min(known) - 100.0) / min(known)) if known else 1.0)
    assert primal_integral(points, 100.0, "min", limit) == pytest.approx(area, abs=1e-9)


@given(trajectories(), st.floats(0.1, 20.0), st.floats(0.001, 1000.0))
def test_primal_integral_scales_with_time_and_not_with_the_objective(points, limit, factor):
    """A change of currency must not change it, a change of the clock's unit must."""
    area = primal_integral(points, 100.0, "min", limit)
    dearer = trace(*((p.time, p.objective * factor, None) for p in points))
    slower = trace(*((p.time * 2.0, p.objective, None) for p in points))
    assert 0.0 <= area <= limit * (1 + 1e-12)
    assert primal_integral(dearer, 100.0 * factor, "min", limit) == pytest.approx(area, abs=1e-6)
    assert primal_integral(slower, 100.0, "min", limit * 2.0) == pytest.approx(2.0 * area, abs=1e-9)


def test_curves_are_read_at_any_time():
    """A value holds from its own time on, not from the time after it."""
    curve = primal_gap_curve(trace((2.0, 200.0, None), (5.0, 125.0, None)), 100.0, "min")
    assert curve == [(0.0, 1.0), (2.0, 0.5), (5.0, pytest.approx(0.2))]
    assert curve_values(curve, [0.0, 1.9, 2.0, 4.0, 5.0, 99.0]) == pytest.approx([1, 1, 0.5, 0.5, 0.2, 0.2])
    assert mean_curve([curve, [(0.0, 1.0)]], [1.0, 3.0]) == pytest.approx([1.0, 0.75])  # (0.5 + 1) / 2


def test_a_worse_point_does_not_raise_the_curve():
    """The best solution so far is what a user would take home."""
    assert primal_gap_curve(trace((1.0, 125.0, None), (2.0, 200.0, None)), 100.0, "min")[-1] == (1.0, 0.2)


def test_time_to_target_is_the_first_time_at_or_below_it():
    """Reaching the target exactly counts."""
    curve = [(0.0, 1.0), (2.0, 0.5), (5.0, 0.2)]
    assert time_to_target(curve, 0.5) == 2.0
    assert time_to_target(curve, 0.49) == 5.0
    assert time_to_target(curve, 0.1) is None


def test_shifted_geometric_mean_by_hand():
    """(0 + 1)(3 + 1)(15 + 1) = 64, its cube root 4, less the shift 3; without a shift the 0 decides alone."""
    assert shifted_geometric_mean([0.0, 3.0, 15.0], shift=1.0) == pytest.approx(3.0, abs=1e-12)
    assert shifted_geometric_mean([2.0, 8.0], shift=0.0) == pytest.approx(4.0, abs=1e-12)
    assert shifted_geometric_mean([0.0, 8.0], shift=0.0) == 0.0
    assert shifted_geometric_mean([1.0, math.inf]) == math.inf


@pytest.mark.parametrize("values", [[], [-0.1, 1.0], [math.nan]])
def test_shifted_geometric_mean_refuses_what_has_none(values):
    """NaN must not travel into a table."""
    with pytest.raises(ValueError, match="at least one value, all of them >= 0"):
        shifted_geometric_mean(values)


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=20), st.floats(0.1, 100.0))
def test_shifted_geometric_mean_lies_between_the_extremes_and_below_the_mean(values, shift):
    """The inequality of the means holds for any shift."""
    mean = shifted_geometric_mean(values, shift=shift)
    assert min(values) - 1e-6 * (1 + min(values)) <= mean <= np.mean(values) * (1 + 1e-9) + 1e-6


def test_par2_by_hand():
    """Solved in 1 s and 3 s, once not within 10 s: (1 + 3 + 20) / 3 = 8; PAR-10: (1 + 3 + 100) / 3."""
    times, solved = [1.0, 3.0, 10.0], [True, True, False]
    assert penalised_runtimes(times, solved, 10.0).mean() == pytest.approx(8.0)
    assert penalised_runtimes(times, solved, [10.0, 10.0, 10.0], factor=10.0).mean() == pytest.approx(104.0 / 3.0)
