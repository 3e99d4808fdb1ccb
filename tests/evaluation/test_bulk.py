"""Many runs at once give the numbers that one run at a time gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.evaluation.bulk import gap_curves, gaps_beyond_noise, primal_gaps
from cosolve.evaluation.metrics import gap_beyond_noise, primal_gap
from cosolve.evaluation.records import Failure
from cosolve.evaluation.scores import Metric, gap_curve, score, score_all
from tests.evaluation.runs import run

VALUES = st.sampled_from([None, -100.0, -5.0, -1e-12, 0.0, 1e-12, 5.0, 80.0, 100.0, 100.0 + 1e-9, 125.0, 300.0])
TIMES = st.sampled_from([0.0, 0.5, 2.0, 7.0, 10.0, 11.0])
OPTIONAL_TIMES = st.none() | TIMES


@st.composite
def records(draw):
    """Any run, sensible or not: no order among objectives, late points, nothing known."""
    times = sorted(draw(st.lists(TIMES, max_size=5)))
    return run(
        objective=draw(VALUES),
        reference=draw(VALUES),
        sense=draw(st.sampled_from(["min", "max", None])),
        limit=draw(st.sampled_from([None, 0.0, 5.0, 10.0])),
        time=draw(OPTIONAL_TIMES),
        best=draw(OPTIONAL_TIMES),
        bound=draw(VALUES),
        is_integral=draw(st.booleans()),
        failure=draw(st.sampled_from([None, None, Failure.CRASH, Failure.MISSING])),
        trajectory=tuple((time, draw(VALUES), draw(VALUES)) for time in times),
    )


@given(st.lists(records(), max_size=6), st.sampled_from([1e-6, 0.2, 0.5]))
def test_scores_of_many_are_the_scores_of_each(many, target_gap):
    """Two ways to one number: a table and a single look at a run must agree, whatever the run."""
    together = score_all(many, tuple(Metric), target_gap=target_gap)
    for metric in Metric:
        one_by_one = [score(record, metric, target_gap=target_gap) for record in many]
        np.testing.assert_allclose(together[metric], one_by_one, rtol=1e-12, atol=1e-12, err_msg=str(metric))


@given(st.lists(records(), min_size=1, max_size=6))
def test_curves_of_many_are_the_curves_of_each(many):
    """A running minimum that leaks from one run into the next would still give plausible integrals."""
    curves = gap_curves(many)
    for i, record in enumerate(many):
        points = list(zip(curves.time[curves.run == i].tolist(), curves.value[curves.run == i].tolist()))
        expected = gap_curve(record) or [(0.0, 1.0)]
        changes = [p for k, p in enumerate(expected) if k == 0 or p[1] < expected[k - 1][1]]
        assert points == [(time, pytest.approx(gap, abs=1e-12)) for time, gap in changes]


@given(VALUES, VALUES, st.booleans())
def test_gaps_of_arrays_are_the_gaps_of_numbers(a, b, is_max):
    """Zero, opposite signs and missing values, as the one gap function has them."""
    first, second = (np.array([math.nan if value is None else value]) for value in (a, b))
    assert gaps_beyond_noise(first, second)[0] == gap_beyond_noise(a, b)
    if b is not None:
        assert primal_gaps(first, second, np.array([is_max]))[0] == primal_gap(a, b, "max" if is_max else "min")


def test_no_runs_give_no_scores():
    """An empty file is a table without rows."""
    assert all(len(values) == 0 for values in score_all([], tuple(Metric)).values())
