"""Kernels against numpy on all cuts of small nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cosolve.trees.data import prepare
from cosolve.trees.kernels import Rows, add_up, best_stump, cut_blocks, max_blocks, nearest_cut, take_side
from cosolve.trees.lanes import MAX_LANES, look_inside, make_lanes, open_lanes, scan_pair


def make_rows(X: np.ndarray, y: np.ndarray, weights: np.ndarray, min_rows: int = 1) -> tuple[Rows, np.ndarray]:
    data = prepare(X, y, weights)
    sums = np.stack([np.ones(len(y)), weights, weights * data.y, weights * data.y**2], axis=1)
    return Rows(data.rank, sums, 0.0, min_rows, 0.0), data.order


def stump_sse(x: np.ndarray, y: np.ndarray, weights: np.ndarray, min_rows: int) -> float:
    """Least SSE after a split, by the definition."""
    best = math.inf
    for value in np.unique(x)[:-1]:
        parts = [x <= value, x > value]
        if min(part.sum() for part in parts) >= min_rows:
            means = [np.average(y[part], weights=weights[part]) for part in parts]
            best = min(best, sum(np.dot(weights[p], (y[p] - mean) ** 2) for p, mean in zip(parts, means, strict=True)))
    return best


@pytest.mark.parametrize("size", [2, 37, 320])
@pytest.mark.parametrize("num_values", [3, 40, 10_000])
@pytest.mark.parametrize("min_rows", [1, 3])
def test_scan_finds_the_best_split_of_both_sides_of_all_lanes(size, num_values, min_rows):
    """Tied and untied values: blocks whose bound is too high would hide the best split."""
    rng = np.random.default_rng([size, num_values, min_rows])
    X = rng.integers(0, num_values, (size, 3)).astype(float)
    weights = rng.integers(1, 4, size).astype(float)
    y = np.sin(X[:, 0] * 7 / num_values) + rng.normal(size=size)
    rows, order = make_rows(X, y, weights, min_rows)
    total, lanes = np.zeros(4), make_lanes(size, 3)
    add_up(rows, order[0], total)
    starts = np.zeros(size + 1, np.int32)
    cuts = np.flatnonzero(np.diff(rows.rank[0][order[0]])) + 1
    count = min(MAX_LANES, len(cuts))
    positions = cuts[np.linspace(0, len(cuts) - 1, count).astype(int)]
    lanes.position[:count] = positions
    open_lanes(rows, order[0], total, count, lanes)
    for feature in range(3):
        num_blocks = cut_blocks(order[feature], rows.rank[feature], starts)
        scan_pair(rows, feature, order[feature], starts, num_blocks, count, lanes)
        for lane in range(count):
            for side in range(2):
                look_inside(rows, feature, order[feature], starts, num_blocks, side, lane, np.inf, lanes)
    assert int(lanes.num_evals[0]) == count
    for lane, position in list(enumerate(positions))[::4]:
        for side, members in enumerate((order[0][:position], order[0][position:])):
            sse = [stump_sse(X[members, f], y[members], weights[members], min_rows) for f in range(3)]
            assert lanes.best[side, lane] == pytest.approx(min(sse))
            loose = [stump_sse(X[members, f], y[members], weights[members], 1) for f in range(3)]
            for feature in range(3):
                assert lanes.bound[side, lane, feature] <= loose[feature] + 1e-9
            if min_rows == 1 and math.isfinite(min(sse)):
                assert lanes.bound[side, lane].min() == pytest.approx(min(sse))
                feature = lanes.feature[side, lane]
                goes_left = rows.rank[feature][members] <= lanes.cut[side, lane]
                parts = [members[goes_left], members[~goes_left]]
                cost = sum(add_up(rows, part.astype(np.int32), np.empty(4)) for part in parts)
                assert cost == pytest.approx(min(sse))


def test_stump_of_four_rows_by_hand():
    """Targets 0, 0, 3, 5 at 1, 2, 3, 4: the cut after two rows leaves (3 - 4)^2 + (5 - 4)^2 = 2."""
    rows, order = make_rows(np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0.0, 0.0, 3.0, 5.0]), np.ones(4))
    total = np.zeros(4)
    assert add_up(rows, order[0], total) == pytest.approx(18.0)
    assert best_stump(rows, order[0], rows.rank[0], total, 1) == (pytest.approx(2.0), 2, 1)
    assert best_stump(rows, order[0], rows.rank[0], total, 3) == (math.inf, 0, -1)


def test_nearest_cut_respects_ties_and_ends():
    """A cut inside a tie can't be made by a threshold; one at an end of the span was evaluated before."""
    rank = np.array([0, 1, 1, 1, 1, 2, 3], dtype=np.int32)  # cuts at 1, 5, 6
    listed = np.arange(7, dtype=np.int32)
    assert [nearest_cut(listed, rank, wanted, 0, 7) for wanted in range(1, 7)] == [1, 1, 1, 5, 5, 6]
    assert nearest_cut(listed, rank, 3, 1, 7) == 5
    assert nearest_cut(listed, rank, 3, 0, 5) == 1
    assert nearest_cut(listed, rank, 3, 1, 5) == -1
    assert nearest_cut(listed, rank, 3, 3, 4) == -1


def test_blocks_end_between_values():
    """A block that ends in a tie would be evaluated as a cut there."""
    rng = np.random.default_rng(0)
    for num_values in (2, 30, 5000):
        rank = np.sort(rng.integers(0, num_values, 3000)).astype(np.int32)
        listed = np.arange(3000, dtype=np.int32)
        starts = np.zeros(3001, np.int32)
        count = cut_blocks(listed, rank, starts)
        assert starts[0] == 0
        assert starts[count] == 3000
        inner = starts[1:count]
        assert (np.diff(starts[: count + 1]) > 0).all()
        assert (rank[inner] > rank[inner - 1]).all()
        assert count <= max_blocks(3000)


def test_sides_keep_all_lists_sorted():
    """Children are never sorted again."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, 5, (20, 3)).astype(float)
    rows, order = make_rows(X, rng.normal(size=20), np.ones(20))
    for take_left in (True, False):
        target = np.full((3, 20), -1, np.int32)
        count = take_side(order, 20, rows.rank[1], 2, take_left, target)
        members = np.flatnonzero((X[:, 1] <= 2) == take_left)
        for feature in range(3):
            assert sorted(target[feature, :count]) == members.tolist()
            assert (np.diff(X[target[feature, :count], feature]) >= 0).all()
