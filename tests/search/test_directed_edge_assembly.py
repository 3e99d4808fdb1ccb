"""Edge assembly crossover: children are tours, gains are what they say, and small instances are solved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.search import atsp
from cosolve.search.directed_edge_assembly import Population, assemble, evolve
from cosolve.search.neighbours import nearest_by_matrix
from cosolve.search.random import stream
from cosolve.search.tours import shortest_tour


def lengths(matrix: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Of tours by successors."""
    return matrix[np.arange(len(matrix)), following].sum(axis=1)


def directed(n: int, seed: int) -> np.ndarray:
    """Ways between points in the plane, each up to a half longer."""
    rng = np.random.default_rng(seed)
    points = rng.random((n, 2))
    return np.linalg.norm(points[:, None] - points, axis=2) * rng.uniform(1, 1.5, (n, n))


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 40), st.integers(2, 12), st.integers(0, 10**6))
def test_children_are_shorter_tours_and_arcs_are_counted(n: int, size: int, seed: int):
    """A wrong join leaves several cycles, a wrong gain a longer tour, a wrong count a wrong loss of diversity."""
    rng = np.random.default_rng(seed)
    matrix = directed(n, seed)
    successors, predecessors = nearest_by_matrix(matrix, 5), nearest_by_matrix(np.ascontiguousarray(matrix.T), 5)
    population = Population.of(np.stack([rng.permutation(n) for _ in range(size)]).astype(np.int32))
    for generation in range(5):
        before = population.following.copy()
        turn = rng.permutation(size)
        pairs = np.column_stack([turn, np.roll(turn, -1)])
        replaced = evolve(matrix, successors, predecessors, *population, pairs, stream(seed + generation), 1e-9)
        for k in range(size):
            assert sorted(population.order(k).tolist()) == list(range(n))
        assert (lengths(matrix, population.following) < lengths(matrix, before) + 1e-12).all()
        assert (population.following != before).any(axis=1).sum() == replaced
        counts = np.zeros((n, n), np.int32)
        np.add.at(counts, (np.arange(n), population.following), 1)
        np.testing.assert_array_equal(population.counts, counts)
    best = population.order(population.shortest(matrix))
    assert matrix[best, np.roll(best, -1)].sum() == pytest.approx(lengths(matrix, population.following).min())


@pytest.mark.parametrize("n", [11, 12, 13])
def test_small_instances_are_solved(n: int):
    """By dynamic programming as by populations, symmetric matrices included."""
    for seed in range(5):
        matrix = directed(n, seed)
        if seed == 0:
            matrix = (matrix + matrix.T) / 2
        best = min(
            (order.copy() for order, _ in assemble(atsp.prepare(matrix, is_integral=False), [], 20,
                                                   np.random.default_rng(seed))),
            key=lambda order: float(matrix[order, np.roll(order, -1)].sum()),
        )  # fmt: skip
        optimum = shortest_tour(matrix)
        assert matrix[best, np.roll(best, -1)].sum() == pytest.approx(matrix[optimum, np.roll(optimum, -1)].sum())


def test_iterations_end_where_they_are_told_to():
    """Kicks in the first part, pairs in the second; a slice at the end is cut short."""
    data = atsp.prepare(directed(60, 0), is_integral=False)
    kicks, size = 60 * 8, 8
    total = sum(done for _, done in assemble(data, [], size, np.random.default_rng(1)))
    assert total > kicks + size
    assert (total - kicks) % size == 0
    for most in (1, 59, 61, kicks, kicks + 1, kicks + size + 3):
        assert sum(done for _, done in assemble(data, [], size, np.random.default_rng(1), most)) == most


def test_ways_that_do_not_exist_are_left_out():
    """Infinite lengths make gains that are no numbers; tours without such ways are found all the same."""
    matrix = directed(20, 3)
    matrix[np.random.default_rng(0).random((20, 20)) < 0.3] = np.inf
    np.fill_diagonal(matrix, 0)
    best = np.inf
    for order, _ in assemble(atsp.prepare(matrix, is_integral=False), [], 20, np.random.default_rng(0)):
        best = min(best, float(matrix[order, np.roll(order, -1)].sum()))
    assert best < np.inf
