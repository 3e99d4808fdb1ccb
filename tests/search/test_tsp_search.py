"""Kernels of the travelling salesman: neighbours, construction, local search, bounds."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.core.metric import Metric, geo_radians
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import _tour_length
from cosolve.search import atsp, held_karp, neighbours, tours, tsp

EMPTY = tours.frozen(np.empty((0, 0)))
NO_COORDS = tours.frozen(np.empty((0, 2)))


def points(n: int, seed: int, kind: str = "uniform") -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "grid":  # many equal distances and duplicates
        return rng.integers(0, 4, (n, 2)).astype(float)
    if kind == "line":
        return np.column_stack([rng.integers(0, 1000, n), np.zeros(n)]).astype(float)
    if kind == "same":
        return np.ones((n, 2))
    return rng.integers(0, 1000, (n, 2)).astype(float)


def brute_force(matrix: np.ndarray) -> float:
    n = len(matrix)
    if n == 1:
        return 0.0
    return min(
        sum(matrix[a, b] for a, b in zip((0, *rest), (*rest, 0), strict=True)) for rest in permutations(range(1, n))
    )


@pytest.mark.parametrize("kind", ["uniform", "grid", "line", "same"])
@pytest.mark.parametrize("n", [1, 2, 5, 9, 200])
def test_the_tree_finds_the_nearest_points(n: int, kind: str):
    """A wrong prune loses neighbours, and with them moves; ties may fall either way, distances may not."""
    coords = points(n, 1, kind)
    near = neighbours.nearest_points(tours.frozen(coords), 6)
    assert near.shape == (n, min(6, n - 1))
    full = np.hypot(*(coords[:, None] - coords).transpose(2, 0, 1))
    for i in range(n):
        assert i not in near[i]
        assert len(set(near[i].tolist())) == len(near[i])
        expected = np.sort(np.delete(full[i], i))[: len(near[i])]
        assert full[i, near[i]] == pytest.approx(expected)


def test_neighbours_on_the_globe_cross_the_date_line():
    """Coordinates of 179.59 and -179.59 degrees are neighbours: a planar tree would not know."""
    coords = geo_radians(np.array([[0.0, 179.59], [0.0, -179.59], [0.0, 150.0], [0.0, -150.0]]))
    near = neighbours.nearest(int(Metric.GEO), tours.frozen(coords), EMPTY, 1)
    assert near[:2, 0].tolist() == [1, 0]


def test_quadrant_candidates_are_the_nearest_and_then_those_around():
    """Against brute force, in clusters: the nearest alone would stay inside."""
    rng = np.random.default_rng(3)
    coords = tours.frozen(rng.random((8, 1, 2)).repeat(40, axis=1).reshape(-1, 2) + 0.01 * rng.random((320, 2)))
    near = neighbours.quadrant_points(coords, 10, 5)
    for i in range(len(coords)):
        squares = ((coords - coords[i]) ** 2).sum(axis=1)
        ranking = [int(j) for j in np.argsort(squares) if j != i]
        side = coords >= coords[i]
        around = [[j for j in ranking if side[j].tolist() == [x, y]][:2] for x in (False, True) for y in (False, True)]
        wanted = sorted((j for quadrant in around for j in quadrant), key=ranking.index)
        expected = [*ranking[:5], *(j for j in wanted if j not in ranking[:5])][:10]
        expected += [j for j in ranking if j not in expected][: 10 - len(expected)]
        assert near[i].tolist() == expected


@pytest.mark.parametrize("kind", ["grid", "line", "same"])
@pytest.mark.parametrize("n", [2, 5, 9, 300, 20_000])
def test_quadrant_candidates_of_degenerate_points(n: int, kind: str):
    """Empty quadrants must neither leave holes in a list nor cost a search of everything for every point."""
    near = neighbours.quadrant_points(tours.frozen(points(n, 4, kind)), 10, 5)
    assert near.shape == (n, min(10, n - 1))
    for i in range(0, n, 1 + n // 300):
        assert len({i, *near[i].tolist()}) == near.shape[1] + 1


@pytest.mark.parametrize("kind", ["uniform", "grid", "line", "same"])
@pytest.mark.parametrize("n", [4, 5, 11, 300, 3000])
def test_constructions_visit_every_city_once(n: int, kind: str):
    """Fragments left apart, or cities left out."""
    coords = tours.frozen(points(n, 2, kind))
    near, lengths = tours.candidates(1, coords, EMPTY, 8)
    assert sorted(tours.greedy_edge(1, coords, EMPTY, near, lengths).tolist()) == list(range(n))
    assert sorted(tours.space_filling_curve(coords).tolist()) == list(range(n))


def test_greedy_and_curve_have_their_known_quality():
    """About 16 % and 25 % above 0.7124 sqrt(n A) (Johnson and McGeoch 1997); a random order is 25 times longer."""
    n = 20_000
    coords = tours.frozen(np.random.default_rng(5).random((n, 2)) * 1e6)
    expected = 0.7124 * np.sqrt(n * 1e12)
    near, lengths = tours.candidates(1, coords, EMPTY, 8)
    greedy = _tour_length(1, coords, EMPTY, tours.greedy_edge(1, coords, EMPTY, near, lengths).astype(np.int64))
    curve = _tour_length(1, coords, EMPTY, tours.space_filling_curve(coords).astype(np.int64))
    assert 1.05 < greedy / expected < 1.25
    assert 1.15 < curve / expected < 1.45


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(0, 10**6))
def test_dynamic_programming_agrees_with_brute_force(n: int, seed: int):
    """Also for directed lengths."""
    matrix = np.random.default_rng(seed).integers(0, 50, (n, n)).astype(float)
    order = tours.shortest_tour(matrix)
    assert sorted(order.tolist()) == list(range(n))
    assert _tour_length(0, np.empty((0, 2)), matrix, order.astype(np.int64)) == pytest.approx(
        brute_force(matrix) if n > 1 else 0.0
    )


@pytest.mark.parametrize("kind", ["uniform", "grid", "line", "same"])
@pytest.mark.parametrize("n", [8, 9, 12, 50, 400])
def test_gains_are_what_the_tour_loses(n: int, kind: str):
    """Every move type in both directions: a wrong reconnection would change the length by something else."""
    search, _ = tsp.prepare(1, points(n, 3, kind), EMPTY, is_integral=True)
    state = tsp.start(np.random.default_rng(1).permutation(n), np.random.default_rng(2))
    length = _tour_length(1, search.coords, EMPTY, state.order.astype(np.int64))
    while not state.is_settled:
        length -= search.descend(state, 7)
        assert _tour_length(1, search.coords, EMPTY, state.order.astype(np.int64)) == pytest.approx(length)
    for _ in range(20):
        gain = search.iterate(state, 25)
        assert gain >= 0
        length -= gain
        assert _tour_length(1, search.coords, EMPTY, state.order.astype(np.int64)) == pytest.approx(length)
    assert sorted(state.order.tolist()) == list(range(n))
    assert (state.order[state.position] == np.arange(n)).all()


def test_a_limit_on_reversals_keeps_gains_right():
    """Above 150,000 cities long reversals are left out: the rest must still be exact."""
    coords = points(2000, 4)
    search, _ = tsp.prepare(1, coords, EMPTY, is_integral=True)
    search = tsp.Search(1, search.coords, EMPTY, search.neighbours, search.lengths, 50, 0.5)
    state = tsp.start(np.arange(2000), np.random.default_rng(0))
    before = _tour_length(1, search.coords, EMPTY, state.order.astype(np.int64))
    gain = search.descend(state, 10**9) + search.iterate(state, 200)
    assert state.is_settled
    assert before - gain == pytest.approx(_tour_length(1, search.coords, EMPTY, state.order.astype(np.int64)))


def test_slices_do_not_change_the_path():
    """Same seed and iterations, same tour, however often the clock is looked at."""
    search, _ = tsp.prepare(1, points(300, 5), EMPTY, is_integral=True)
    states = [tsp.start(np.arange(300), np.random.default_rng(7)) for _ in range(2)]
    for state, step in zip(states, (1000, 3), strict=True):
        while not state.is_settled:
            search.descend(state, step)
        while state.kicks < 300:
            search.iterate(state, min(step, 300 - state.kicks))
    assert states[0].order.tolist() == states[1].order.tolist()


@pytest.mark.parametrize("n", [4, 5, 6, 7, 8])
def test_local_search_is_optimal_on_most_tiny_instances_and_never_better(n: int):
    """Better than brute force would be a wrong length; far worse a broken neighbourhood."""
    ratios = []
    for seed in range(10):
        distances = Distances.from_coords(points(n, seed))
        optimum = brute_force(distances.dense())
        search, _ = tsp.prepare(*distances.kernel_args, is_integral=True)
        state = tsp.start(np.arange(n), np.random.default_rng(0))
        search.descend(state, 10**6)
        length = _tour_length(1, search.coords, EMPTY, state.order.astype(np.int64))
        assert length >= optimum
        ratios.append(length / optimum)
    assert np.mean(ratios) < 1.05


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 7), st.integers(0, 10**6))
def test_assignment_is_optimal_and_its_duals_prove_it(n: int, seed: int):
    """Duals that are not feasible would make the reported bound wrong."""
    from scipy.optimize import linear_sum_assignment

    matrix = np.random.default_rng(seed).integers(0, 100, (n, n)).astype(float)
    columns, rows, duals = atsp.assignment(matrix)
    assert sorted(columns.tolist()) == list(range(n))
    value = matrix[np.arange(n), columns].sum()
    blocked = matrix + np.diag(np.full(n, 1e6))
    assert value == pytest.approx(blocked[linear_sum_assignment(blocked)].sum())
    assert rows.sum() + duals.sum() == pytest.approx(value)
    slack = matrix - rows[:, None] - duals
    np.fill_diagonal(slack, 0)
    assert slack.min() >= -1e-9
    assert sorted(atsp.patch(matrix, columns).tolist()) == list(range(n))


@pytest.mark.parametrize("n", [8, 9, 20, 100])
def test_directed_gains_are_what_the_tour_loses(n: int):
    """A segment swap that turns a segment around would give another length."""
    matrix = np.random.default_rng(n).integers(1, 1000, (n, n)).astype(float)
    near = neighbours.nearest_by_matrix(matrix, 6)
    order = np.arange(n, dtype=np.int32)
    best, excess, counters = order.copy(), np.zeros(1), atsp.new_counters(np.random.default_rng(0))
    length = _tour_length(0, NO_COORDS, matrix, order.astype(np.int64))
    for _ in range(20):
        length -= atsp.iterate(matrix, near, order, best, excess, counters, 30, 10, 50.0, 0.5)
        assert _tour_length(0, NO_COORDS, matrix, best.astype(np.int64)) == pytest.approx(length)
        now = _tour_length(0, NO_COORDS, matrix, order.astype(np.int64))
        assert now == pytest.approx(length + excess[0])
    assert sorted(best.tolist()) == list(range(n))


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 7), st.integers(0, 10**6))
def test_one_tree_bounds_never_exceed_the_optimum(n: int, seed: int):
    """At any prices; the sparse 1-tree on the complete graph is the dense one."""
    rng = np.random.default_rng(seed)
    distances = Distances.from_coords(points(n, seed))
    metric, coords, matrix = distances.kernel_args
    optimum = brute_force(distances.dense())
    near, lengths = tours.candidates(metric, coords, matrix, n)
    tour = np.arange(n, dtype=np.int32)
    graph = held_karp.sparse_graph(near, lengths, tour, held_karp.edge_lengths(metric, coords, matrix, tour))
    degree, sparse_degree = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for scale in (0.0, 10.0, 300.0):
        prices = rng.normal(0, 1, n) * scale
        bound = held_karp.dense_one_tree(metric, coords, matrix, prices, degree)
        assert bound <= optimum + 1e-6
        assert held_karp.safe(bound, prices) <= bound
        assert degree.sum() == 2 * n
        assert held_karp.sparse_one_tree(*graph, prices, sparse_degree) == pytest.approx(bound)


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 6), st.integers(0, 10**6))
def test_the_symmetric_twin_of_a_directed_instance_bounds_it(n: int, seed: int):
    """From the assignment bound upwards, never beyond the optimum."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, 100, (n, n)).astype(float)
    np.fill_diagonal(matrix, 0)
    columns, rows, duals = atsp.assignment(matrix)
    symmetric, prices, constant = held_karp.two_node_matrix(matrix, rows, duals)
    assert (symmetric == symmetric.T).all()
    degree = np.zeros(2 * n, np.int64)
    for scale in (0.0, 5.0, 50.0):
        moved = prices + rng.normal(0, 1, 2 * n) * scale
        bound = held_karp.dense_one_tree(0, NO_COORDS, symmetric, moved, degree) + constant
        assert bound <= brute_force(matrix) + 1e-6
        if scale == 0.0:
            assert bound >= matrix[np.arange(n), columns].sum() - 1e-6


def test_steps_of_the_ascent_have_no_unit():
    """A floor of 1e-9 under the step: on distances of that size the bound fell far below what it is on large ones."""
    moved = []
    for scale in (1.0, 2.0**-60):
        ascent = held_karp.Ascent(np.zeros(4), 10.0 * scale)
        ascent.step(8.0 * scale, np.array([1, 3, 1, 3]))
        moved.append(ascent.prices / scale)
    assert np.array_equal(*moved)


def test_descent_ends_after_the_move_that_fills_its_journal():
    """A city that moved again and again ran past the end of the journal, and its kick could not be undone."""
    rng = np.random.default_rng(0)
    search, _ = tsp.prepare(int(Metric.EUC_2D), points(200, 0), EMPTY, is_integral=True)
    arrays = search.metric, search.coords, search.matrix, search.neighbours, search.lengths
    for _ in range(50):
        state = tsp.start(rng.permutation(200), rng)
        own = state.order, state.position, state.queue, state.is_queued, state.journal, state.counters
        limits = search.max_reversal, search.epsilon, 1 << 40, 0
        assert tsp._descend(*arrays, *own, *search.breadth, *limits) > 0
        assert state.counters[tsp._USED] <= 3
