"""DIMACS families and uniform instances."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.instances.generators import tsp


def test_the_stream_gives_the_published_numbers():
    """Check values of the challenge's own generator."""
    state = tsp._stream(1)
    assert [tsp._draw(state) for _ in range(3)] == [921674862, 250065336, 377506581]
    state = tsp._stream(2)
    for _ in range(1_000_000):
        tsp._draw(state)
    assert tsp._draw(state) == 572653995


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("E1k.0", [(140237, 801141), (169837, 196125), (685585, 729516)]),
        ("C1k.0", [(877915, 39773), (121704, 262791), (672273, 702811)]),
    ],
)
def test_named_instances_begin_with_the_published_cities(name: str, first: list[tuple[int, int]]):
    """Else the published optima belong to other cities."""
    instance = cosolve.generate("tsp", "dimacs", name=name)
    assert instance.name == name
    assert instance.size == 1000
    assert instance.distances.coords[:3].tolist() == [list(map(float, city)) for city in first]


@pytest.mark.parametrize("seed", [None, 1.5, "1", -1])
def test_a_seed_is_a_whole_number(seed):
    """Without one the instance came from the entropy of the machine, and was called "...-sNone"."""
    with pytest.raises(ValueError, match="seed must be an integer >= 0"):
        cosolve.generate("tsp", "uniform", size=5, seed=seed)


def test_a_name_is_the_same_as_its_family_size_and_seed():
    """Number 1 of size 1k has the seed 10001."""
    named = cosolve.generate("tsp", "dimacs", name="E1k.1")
    assert named == cosolve.generate("tsp", "dimacs", family="E", size=1000, seed=10001)


@pytest.mark.parametrize(("word", "size"), [("3k", 3162), ("10k", 10_000), ("31k", 31_623), ("100k", 100_000)])
def test_size_words_mean_the_sizes_of_the_challenge(word: str, size: int):
    """Powers of the square root of ten."""
    assert cosolve.generate("tsp", "dimacs", name=f"C{word}.1").size == size


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"name": "D1k.0"},
        {"name": "E2k.0"},
        {"name": "E1M.1"},
        {"name": "E1k"},
        {"name": "E1k.0", "size": 5},
        {"family": "F", "size": 10},
        {"family": "C", "size": 99},
        {"size": -5},
        {"size": 5, "seed": 10**9},
        {"colour": "red"},
    ],
)
def test_impossible_parameters_are_refused(parameters: dict):
    """With the allowed values in the message, not with some other instance."""
    with pytest.raises(ValueError, match=r"must|give|only|no parameter"):
        cosolve.generate("tsp", "dimacs", **parameters)


@pytest.mark.parametrize("problem", ["tsp", "atsp"])
def test_equal_seeds_give_equal_instances_and_others_do_not(problem: str):
    """Reproducible, and not constant."""
    first, again, other = (cosolve.generate(problem, "uniform", size=20, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first != other
    assert first.is_integral
    assert first.size == 20


def test_directions_of_the_asymmetric_family_differ_within_the_spread():
    """Every arc is 1 to 1 + spread times its straight line."""
    instance = cosolve.generate("atsp", "uniform", size=30, seed=0)
    coords, matrix = instance.distances.coords, instance.distances.matrix
    line = np.hypot(*(coords[:, None] - coords).transpose(2, 0, 1))
    assert not instance.distances.is_symmetric
    assert (matrix >= line - 1).all()
    assert (matrix <= 1.3 * line + 1).all()
