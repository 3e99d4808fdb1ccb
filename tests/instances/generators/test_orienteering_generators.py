"""Generated orienteering: the published sets to the last digit, and the hard family."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve


def published(size: int, width: float, index: int = 0):
    # A small batch changes the stream; the whole one of size 50 takes a second, so only that is drawn by default.
    return cosolve.generate("optwvp", "decost", seed=2025, size=size, width=width, index=index)


def test_stream_is_that_of_the_published_set():
    """Values of the released n=50, TW=100 set (seed 2025, batch of 10,000), drawn with PyTorch's own generator."""
    instance = published(50, 100)
    assert instance.distances.coords[0] == pytest.approx([0.684971, 0.935530], abs=1e-6)
    assert instance.opens[1] == pytest.approx(17.922201, abs=1e-5)
    assert instance.segment_rate[0] == pytest.approx(6.556920, abs=1e-6)
    assert instance.horizon == 10
    assert np.allclose((instance.closes - instance.opens)[1:], 0.25, atol=1e-6)
    assert np.allclose(instance.caps[1:], 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "width", "optima"),
    [
        (50, 100, (13.6452, 14.0110, 23.2698)),
        (50, 500, (52.262132, 50.841343, 65.007031)),
        pytest.param(100, 100, (21.532032, 27.314483, 28.800359), marks=pytest.mark.slow),
        pytest.param(100, 500, (75.074718, 87.706981, 89.117798), marks=pytest.mark.slow),
        pytest.param(500, 100, (74.952618, 83.333485, 81.533425), marks=pytest.mark.slow),
    ],
)
def test_optima_of_the_published_sets(size, width, optima):
    """The first of size 50 and TW 100 are Gurobi's in the authors' repository, the others of an independent program."""
    for index, optimum in enumerate(optima):
        result = cosolve.solve(published(size, width, index), "labelling", time_limit=60)
        assert result.status == "optimal"
        assert result.objective == pytest.approx(optimum, abs=1e-4)


def test_intended_windows_have_both_ends_at_random():
    """The released code overwrites them; the paper's text does not."""
    instance = cosolve.generate("optwvp", "decost", size=20, batch=3, windows="intended")
    width = (instance.closes - instance.opens)[1:]
    assert len(np.unique(width.round(6))) == 19
    assert (width >= 0).all()
    assert (width <= 1 + 1e-6).all()


def test_same_seed_same_instance_and_another_seed_another():
    """Suites name instances by their seeds."""
    for family, parameters in (("hard", {}), ("decost", {"batch": 4, "size": 10})):
        first, again, other = (cosolve.generate("optwvp", family, seed=s, **parameters) for s in (3, 3, 4))
        assert first == again
        assert first != other


def test_hard_windows_lie_within_the_horizon():
    """A window beyond it would make the instance easier than it says."""
    instance = cosolve.generate("optwvp", "hard", seed=1, size=30, width=5, cap=0.1)
    assert np.allclose((instance.closes - instance.opens)[1:], 5)
    assert instance.closes.max() <= 10
    assert instance.caps[1:].tolist() == [0.1] * 29


@pytest.mark.parametrize(
    ("family", "parameters", "message"),
    [
        ("decost", {"size": 1}, "size must be in 2..5000"),
        ("decost", {"index": 5, "batch": 5}, "index must be in 0..4"),
        ("decost", {"windows": "open"}, "windows must be 'released' or 'intended'"),
        ("decost", {"width": 0.0}, "width must be > 0"),
        ("decost", {"batch": 100_000, "size": 5000}, "batch must be"),
        ("hard", {"cap": 0.0}, "cap must be > 0"),
        ("hard", {"width": 11.0}, "width must be <= horizon"),
    ],
)
def test_impossible_parameters_are_refused(family, parameters, message):
    """Before anything is drawn."""
    with pytest.raises(ValueError, match=message):
        cosolve.generate("optwvp", family, **parameters)
