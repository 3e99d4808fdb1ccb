"""Edge assembly crossover: children are tours, lengths and counts are right, and small instances are solved."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.instances.distances import Distances
from cosolve.search import tsp
from cosolve.search.edge_assembly import Population, _count_all, _find_cycles, assemble, evolve, length_of
from cosolve.search.random import stream
from cosolve.search.tours import shortest_tour


def prepared(n: int, seed: int, kind: str = "points") -> tsp.Search:
    """Points in the plane, on a grid with many equal distances, or a matrix."""
    rng = np.random.default_rng(seed)
    if kind == "matrix":
        matrix = rng.integers(1, 50, (n, n)).astype(float)
        distances = Distances.from_matrix(np.triu(matrix, 1) + np.triu(matrix, 1).T, np.empty((0, 2)))
    else:
        coords = rng.integers(0, 6, (n, 2)).astype(float) if kind == "grid" else rng.random((n, 2)) * 1000
        distances = Distances.from_coords(coords)
    return tsp.prepare(*distances.kernel_args, is_integral=False)[0]


def edges(order: np.ndarray) -> set[frozenset[int]]:
    """Of a tour."""
    return {frozenset(edge) for edge in zip(order.tolist(), np.roll(order, -1).tolist(), strict=True)}


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 40), st.integers(0, 10**6))
def test_cycles_hold_each_differing_edge_once_in_turns(n: int, seed: int):
    """Edge behind an even city A's, behind an odd one B's; both closed."""
    rng = np.random.default_rng(seed)
    a, b = rng.permutation(n).astype(np.int32), rng.permutation(n).astype(np.int32)
    links = Population.of(np.stack([a, b])).links
    at = np.full((n, 2), -1, np.int32)
    members, begin = np.empty(2 * n, np.int32), np.empty(n + 1, np.int32)
    scratch = np.empty((2, n, 2), np.int32), np.empty((2, n), np.int32), np.empty(2 * n + 1, np.int32)
    count = _find_cycles(links[0], links[1], *scratch, at, members, begin, stream(seed))
    assert (at == -1).all()
    found: list[list[frozenset[int]]] = [[], []]
    for c in range(count):
        cycle = members[begin[c] : begin[c + 1]].tolist()
        assert len(cycle) % 2 == 0
        for k, v in enumerate(cycle):
            found[k % 2].append(frozenset((v, cycle[(k + 1) % len(cycle)])))
    assert sorted(map(sorted, found[0])) == sorted(map(sorted, edges(a) - edges(b)))
    assert sorted(map(sorted, found[1])) == sorted(map(sorted, edges(b) - edges(a)))


@settings(max_examples=60, deadline=None)
@given(st.integers(8, 60), st.integers(2, 10), st.integers(0, 10**6), st.sampled_from(["points", "grid", "matrix"]))
def test_children_are_shorter_tours_of_the_length_that_is_kept(n: int, size: int, seed: int, kind: str):
    """A wrong join leaves several cycles; what is undone must be as it was; edges are counted as they are."""
    rng = np.random.default_rng(seed)
    search = prepared(n, seed, kind)
    metric = search.metric, search.coords, search.matrix
    orders = np.stack([rng.permutation(n) for _ in range(size)]).astype(np.int32)
    population = Population.of(orders)
    lengths = np.array([length_of(*metric, order) for order in orders])
    for generation in range(6):
        before, shorter = population.links.copy(), lengths.copy()
        turn = rng.permutation(size)
        replaced = evolve(
            *metric, search.neighbours, search.lengths, *population, lengths,
            np.column_stack([turn, np.roll(turn, -1)]), stream(seed + generation), search.epsilon,
        )  # fmt: skip
        changed = (np.sort(population.links, axis=2) != np.sort(before, axis=2)).any(axis=(1, 2))
        assert changed.sum() == replaced
        assert (lengths[changed] < shorter[changed]).all()
        assert (lengths[~changed] == shorter[~changed]).all()
        for k in range(size):
            order = population.order(k)
            assert sorted(order.tolist()) == list(range(n))
            assert length_of(*metric, order) == pytest.approx(lengths[k])
        others, counts = np.zeros_like(population.others), np.zeros_like(population.counts)
        _count_all(population.links, others, counts)
        for v in range(n):
            one, other = (
                {int(w): int(c) for w, c in zip(names[v], numbers[v], strict=True) if c > 0}
                for names, numbers in ((others, counts), (population.others, population.counts))
            )
            assert one == other


@pytest.mark.parametrize("kind", ["points", "grid", "matrix"])
@pytest.mark.parametrize("n", [11, 12, 13])
def test_small_instances_are_solved(n: int, kind: str):
    """By dynamic programming as by populations."""
    for seed in range(4):
        search = prepared(n, seed, kind)
        metric = search.metric, search.coords, search.matrix
        found = assemble(search, [], 20, np.random.default_rng(seed))
        best = min(length_of(*metric, order) for order, _ in found)
        points = Distances.from_matrix(search.matrix, search.coords) if kind == "matrix" else None
        dense = search.matrix if points else Distances.from_coords(search.coords).dense()
        assert best == pytest.approx(length_of(*metric, shortest_tour(dense)))


def test_iterations_end_where_they_are_told_to():
    """Pairs; a generation at the end is cut short."""
    search, size = prepared(150, 0), 8
    total = sum(done for _, done in assemble(search, [], size, np.random.default_rng(1)))
    assert total > size
    assert total % size == 0
    for most in (1, size, size + 3):
        assert sum(done for _, done in assemble(search, [], size, np.random.default_rng(1), most)) == most
