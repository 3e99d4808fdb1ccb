import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.core.gap import relative_gap

numbers = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("a", "b", "gap"),
    [
        (110.0, 100.0, 1 / 11),
        (100.0, 110.0, 1 / 11),
        (0.0, 0.0, 0.0),
        (-5.0, -5.0, 0.0),
        (0.0, 5.0, 1.0),
        (5.0, -5.0, 1.0),
        (1e-200, -1e-200, 1.0),
        (3e-12, 2e-12, 1 / 3),
        (None, 5.0, 1.0),
        (5.0, None, 1.0),
        (None, None, 1.0),
        (math.inf, 5.0, 1.0),
        (math.inf, math.inf, 1.0),
        (math.nan, math.nan, 1.0),
    ],
)
def test_gap_by_hand(a, b, gap):
    """Wrong values here would be wrong proofs, of tiny objectives too; signs, since 1e-200 * -1e-200 underflows."""
    assert relative_gap(a, b) == pytest.approx(gap)


@given(numbers, numbers)
def test_gap_is_symmetric_and_in_the_unit_interval(a, b):
    """A gap above 1 or one that depends on the order could not be averaged."""
    gap = relative_gap(a, b)
    assert 0 <= gap <= 1
    assert gap == relative_gap(b, a)
    assert (gap == 0) == (a == b) or abs(a - b) < 1e-300 * max(abs(a), abs(b), 1)
