"""Separation for routing polytopes against brute force."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.search.cuts import capacity_cuts, components, cuts_below


def random_weights(seed: int, n: int, density: float = 0.6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) * (rng.random((n, n)) < density), 1)
    return upper + upper.T


def cut_value(weights: np.ndarray, members: np.ndarray) -> float:
    return float(weights[np.ix_(members, ~members)].sum())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 8), threshold=st.floats(0.05, 3.0))
def test_a_cut_below_the_threshold_is_found_if_and_only_if_one_exists(seed, n, threshold):
    """A missed minimum cut would let a tour with subtours pass as optimal."""
    weights = random_weights(seed, n)
    least = min(
        cut_value(weights, np.isin(np.arange(n), [0, *rest]))
        for size in range(n - 1)
        for rest in combinations(range(1, n), size)
    )
    if abs(least - threshold) < 1e-9:
        return
    found = cuts_below(weights, threshold, n)
    assert (len(found) > 0) == (least < threshold)
    for row in found:
        assert 0 < row.sum() < n
        assert cut_value(weights, row) < threshold


def test_components_of_two_triangles_are_two():
    """Wrong components would separate sets that are not disconnected."""
    roots = components(7, np.array([0, 1, 2, 3, 4, 5]), np.array([1, 2, 0, 4, 5, 3]))
    assert roots.tolist() == [0, 0, 0, 3, 3, 3, 6]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 9))
def test_every_capacity_cut_returned_is_violated(seed, n):
    """A row that is not violated would loop for ever; one with a wrong right-hand side would cut off solutions."""
    rng = np.random.default_rng(seed)
    weights = random_weights(seed, n)
    demand = rng.integers(1, 10, n).astype(float)
    for row in capacity_cuts(weights, demand, 12.0, 1e-4):
        internal = weights[np.ix_(row, row)].sum() / 2
        assert internal > row.sum() - np.ceil(demand[row].sum() / 12.0) + 1e-4


@pytest.mark.parametrize("seed", range(5))
def test_a_route_above_capacity_is_always_separated(seed):
    """On integer points the greedy must be exact: a path that is too heavy may never pass."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(8)
    weights = np.zeros((8, 8))
    for a, b in pairwise(order):
        weights[a, b] = weights[b, a] = 1.0
    assert len(capacity_cuts(weights, np.full(8, 2.0), 15.0, 1e-4)) > 0
    assert len(capacity_cuts(weights, np.full(8, 2.0), 16.0, 1e-4)) == 0
