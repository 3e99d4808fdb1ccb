"""Performance profiles and distributions against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cosolve.evaluation.profiles import performance_profile, value_profile

NAMES = ("a", "b")


def test_performance_profile_by_hand():
    """
    Times a: 1, 4, failed; b: 2, 2, 5. Ratios a: 1, 2, never; b: 2, 1, 1.

    Within ratio 1: a 1/3, b 2/3; within 2: a 2/3, b 3/3.
    """
    profile = performance_profile(np.array([[1.0, 2.0], [4.0, 2.0], [math.inf, 5.0]]), NAMES)
    assert profile.instances == 3
    assert profile.thresholds.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(profile.shares, [[1 / 3, 2 / 3], [2 / 3, 1.0]])


def test_an_instance_that_nobody_solved_still_counts():
    """Dolan and Moré divide by all problems: 1 of 2 solved is a half, not all."""
    profile = performance_profile(np.array([[1.0, 1.0], [math.inf, math.inf]]), NAMES)
    np.testing.assert_allclose(profile.shares, [[0.5], [0.5]])


def test_rows_that_a_solver_did_not_run_are_left_out_and_counted():
    """A ratio to a solver that was not there is no ratio."""
    assert performance_profile(np.array([[1.0, np.nan], [1.0, 2.0]]), NAMES).instances == 1


def test_a_best_of_zero_is_reached_by_zero_only_unless_there_is_a_floor():
    """0 / 0 is as good as the best; 3 / 0 is infinitely worse; 0 and 3 ms are the same below a floor of 10 ms."""
    values = np.array([[0.0, 0.003], [0.0, 0.0]])
    np.testing.assert_allclose(performance_profile(values, NAMES).shares[:, -1], [1.0, 0.5])
    np.testing.assert_allclose(performance_profile(values, NAMES, floor=0.01).shares[:, 0], [1.0, 1.0])


def test_value_profile_by_hand():
    """Gaps a: 0, 0.2; b: 0.1, failed without a worst value."""
    profile = value_profile(np.array([[0.0, 0.1], [0.2, math.inf]]), NAMES, thresholds=[0.0, 0.1, 0.15, 0.2])
    np.testing.assert_allclose(profile.shares, [[0.5, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 0.5]])


@given(arrays(float, (6, 2), elements=st.floats(0.01, 100.0)), st.floats(0.1, 10.0))
def test_profiles_rise_have_a_winner_and_ignore_the_unit(values, unit):
    """Someone is best on every instance; seconds or minutes must give the same picture."""
    grid = [1.0, 1.5, 2.0, 10.0, 1e9]
    profile = performance_profile(values, NAMES, thresholds=grid)
    assert (np.diff(profile.shares, axis=1) >= 0).all()
    assert profile.shares[:, 0].sum() >= 1.0 - 1e-12
    assert (profile.shares[:, -1] == 1.0).all()
    shrunk = performance_profile(values * unit, NAMES, thresholds=np.array(grid) * (1 + 1e-9))
    np.testing.assert_allclose(
        shrunk.shares, performance_profile(values, NAMES, thresholds=np.array(grid) * (1 + 1e-9)).shares
    )


def test_profiles_of_no_instance_are_zero():
    """An empty group is a page with an empty chart, not a traceback."""
    profile = performance_profile(np.empty((0, 2)), NAMES)
    assert profile.instances == 0
    assert not profile.shares.any()


@pytest.mark.parametrize(
    ("values", "message"), [(np.zeros((2, 3)), "one column for each of the 2"), (np.array([[-1.0, 0.0]]), ">= 0")]
)
def test_profiles_refuse_scores_that_make_no_sense(values, message):
    """A signed gap has no ratio."""
    with pytest.raises(ValueError, match=message):
        performance_profile(values, NAMES)
