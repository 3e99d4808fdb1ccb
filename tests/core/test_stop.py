import math

import pytest

from cosolve.core.stop import Stop


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_limit", -1.0),
        ("time_limit", math.nan),
        ("gap", -0.1),
        ("gap", 1.1),
        ("gap", math.nan),
        ("target", math.nan),
        ("iterations", -1),
        ("nodes", -1),
        ("solutions", 0),
        ("time_limit", "5"),
        ("gap", "0.1"),
        ("target", True),
        ("nodes", 1.5),
        ("iterations", "3"),
        ("solutions", math.inf),
    ],
)
def test_impossible_criteria_are_refused_by_name(name, value):
    """A negative limit that is taken as "none" would run forever."""
    with pytest.raises(ValueError, match=name):
        Stop(**{name: value})


def test_zero_and_infinite_limits_are_allowed():
    """time_limit=0 means "only what is at hand", infinity means "until done"."""
    assert Stop(0.0, iterations=0, nodes=0).time_limit == 0
    assert Stop().time_limit == math.inf
