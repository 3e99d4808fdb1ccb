"""Reduced-space branch and bound against all trees, and its bounds at every moment."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cosolve.core.result import Limit
from cosolve.trees.cores import clusters
from cosolve.trees.data import TrainingData, prepare
from cosolve.trees.interval import fit_interval
from cosolve.trees.rsbb import fit_rsbb
from cosolve.trees.tree import leaf, split

#: Relative to the squared error of the constant: sums in another order.
CLOSE = 1e-9


def random_data(rng: np.random.Generator) -> TrainingData:
    """A tiny set with ties, duplicates and constant columns."""
    n, p = int(rng.integers(2, 13)), int(rng.integers(1, 4))
    X = rng.integers(0, int(rng.integers(1, 7)), (n, p)).astype(float)
    y = rng.normal(size=n).round(int(rng.integers(0, 3)))
    weights = rng.integers(1, 4, n).astype(float) if rng.random() < 0.4 else None
    return prepare(X, y, weights)


def all_trees(data: TrainingData, rows: np.ndarray, depth: int, splits: int, min_leaf: int, penalty: float) -> float:
    """Least objective by the definition: every feature, every threshold, every way to share out the splits."""
    if len(rows) < min_leaf:
        return math.inf
    w, y = data.weights[rows], data.y[rows]
    best = float(w @ (y - np.average(y, weights=w)) ** 2)
    if depth == 0 or splits == 0:
        return best
    for j in range(data.num_features):
        for cut in np.unique(data.X[rows, j])[:-1]:
            goes_left = data.X[rows, j] <= cut
            for given in range(splits):
                left = all_trees(data, rows[goes_left], depth - 1, given, min_leaf, penalty)
                if left + penalty < best:
                    right = all_trees(data, rows[~goes_left], depth - 1, splits - 1 - given, min_leaf, penalty)
                    best = min(best, left + right + penalty)
    return best


def check(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    data = random_data(rng)
    min_leaf = int(rng.choice([1, 1, 2, 3]))
    penalty = float(rng.choice([0.0, 0.01, 0.1])) * data.total_sse
    max_splits = None if rng.random() < 0.6 else int(rng.integers(0, 2**depth))
    outcome = fit_rsbb(
        data, max_depth=depth, min_samples_leaf=min_leaf, penalty=penalty, max_splits=max_splits, gap_tol=0.0
    )
    full = 2**depth - 1 if max_splits is None else max_splits
    optimum = all_trees(data, np.arange(data.num_rows), depth, full, min_leaf, penalty)
    if math.isinf(optimum):
        optimum = data.total_sse  # fewer samples than a leaf needs: the root stays one
    assert outcome.is_proven
    assert outcome.objective == pytest.approx(optimum, abs=CLOSE * (1 + data.total_sse))
    assert outcome.lower_bound <= outcome.objective
    assert outcome.tree.depth <= depth
    assert outcome.tree.num_splits <= full
    counts = np.bincount(outcome.tree.apply(data.X), minlength=outcome.tree.num_nodes)
    assert outcome.tree.num_splits == 0 or counts[outcome.tree.is_leaf].min() >= min_leaf


@pytest.mark.parametrize(("depth", "number"), [(0, 5), (1, 40), (2, 60), (3, 25)])
def test_optimum_is_that_of_all_trees(depth, number):
    """Ties, duplicates, weights, penalties, limits on splits, and leaves of several samples."""
    for seed in range(number):
        check(seed, depth)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [2, 3])
def test_optimum_is_that_of_all_trees_many_times(depth):
    """The same for 500 sets."""
    for seed in range(1000, 1500):
        check(seed, depth)


def test_cores_bound_samples_in_small_groups():
    """
    A core smaller than ``min_samples_leaf`` still has a split in its bound.

    With the limit on leaves in the bound of a core too, boxes that hold the optimum are cut off: a tree that is
    allowed on all samples of a node may not be on those that surely come to it. That version misses 19 of these 60.
    """
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = prepare(rng.random((14, 2)), rng.normal(size=14))
        outcome = fit_rsbb(data, max_depth=2, min_samples_leaf=3, gap_tol=0.0)
        optimum = all_trees(data, np.arange(14), 2, 3, 3, 0.0)
        assert outcome.objective == pytest.approx(optimum, abs=CLOSE * data.total_sse)


def test_bounds_hold_and_improve_at_every_moment():
    """What is told on the way must bracket the optimum, or a run that is cut short would lie."""
    rng = np.random.default_rng(3)
    X = rng.random((60, 4))
    data = prepare(X, X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=60))
    told: list[tuple[float, float, float]] = []

    def listen(seconds, upper, lower, tree):
        told.append((seconds, upper, lower))
        if tree is not None:
            assert data.sse(tree) == pytest.approx(upper)

    optimum = fit_rsbb(data, max_depth=3, gap_tol=0.0, on_improvement=listen).objective
    assert len(told) > 5
    for (before, upper_before, lower_before), (after, upper_after, lower_after) in itertools.pairwise(told):
        assert before <= after
        assert upper_after <= upper_before
        assert lower_after >= lower_before
    assert all(lower <= optimum * (1 + 1e-12) <= upper * (1 + 1e-9) for _, upper, lower in told)


def test_limits_stop_the_search_with_a_valid_bound():
    """Boxes that were not looked at keep the bound of the box they come from."""
    data = prepare(np.random.default_rng(0).random((80, 5)), np.random.default_rng(1).normal(size=80))
    whole = fit_rsbb(data, max_depth=2, gap_tol=0.0)
    asked = itertools.count()
    stopped = fit_rsbb(data, max_depth=2, gap_tol=0.0, should_stop=lambda: next(asked) > 30)
    assert stopped.limit is Limit.INTERRUPTED
    assert not stopped.is_proven
    assert stopped.lower_bound <= whole.objective <= stopped.objective
    assert fit_rsbb(data, max_depth=2, time_limit=0.0).limit is Limit.TIME
    assert fit_rsbb(data, max_depth=2, gap_tol=0.5).n_evals < whole.n_evals


def small_data(seed: int) -> TrainingData:
    rng = np.random.default_rng(seed)
    return prepare(rng.random((10, 2)), rng.normal(size=10))


def test_a_gap_that_is_allowed_is_left_open_below_the_optimum():
    """Boxes dropped within the gap may hold the optimum: their bounds are part of the lower bound."""
    data = small_data(15)
    outcome = fit_rsbb(data, max_depth=2, gap_tol=0.1)
    assert outcome.lower_bound <= all_trees(data, np.arange(10), 2, 3, 1, 0.0) * (1 + CLOSE)


@pytest.mark.parametrize("asked", range(6))
def test_boxes_of_a_batch_cut_short_keep_the_bound_of_their_parent(asked):
    """Stopped between two boxes of one batch, the second must not count as empty."""
    data, calls = small_data(8), itertools.count()
    outcome = fit_rsbb(data, max_depth=2, gap_tol=0.0, should_stop=lambda: next(calls) > asked)
    assert outcome.limit is Limit.INTERRUPTED
    assert outcome.lower_bound <= all_trees(data, np.arange(10), 2, 3, 1, 0.0) * (1 + CLOSE)


def test_threads_find_the_same_optimum():
    """They take boxes in another order."""
    rng = np.random.default_rng(5)
    data = prepare(rng.random((100, 4)), rng.normal(size=100))
    one, two = (fit_rsbb(data, max_depth=2, gap_tol=0.0, n_jobs=jobs) for jobs in (1, 2))
    assert one.is_proven
    assert two.is_proven
    assert one.objective == pytest.approx(two.objective)


def test_a_given_tree_is_kept_unless_a_better_one_is_found():
    data = prepare(np.arange(6.0)[:, None], np.array([0, 0, 1, 1, 5, 5.0]))
    start = split(0, 3.5, leaf(9.0), leaf(9.0))  # its values are refitted
    outcome = fit_rsbb(data, max_depth=1, initial=start, time_limit=0.0)
    assert outcome.objective == pytest.approx(1.0)
    with pytest.raises(ValueError, match="depth"):
        fit_rsbb(data, max_depth=0, initial=start)


@pytest.mark.parametrize("change", [{"max_depth": -1}, {"max_depth": 13}, {"min_samples_leaf": 0}, {"n_jobs": 0}])
def test_arguments_out_of_range_are_refused(change):
    data = prepare(np.arange(6.0)[:, None], np.arange(6.0))
    with pytest.raises(ValueError, match="must be"):
        fit_rsbb(data, **{"max_depth": 2, **change})


def test_perfect_fits_are_proven_at_once():
    """A relative gap to an error of zero never closes by itself."""
    rng = np.random.default_rng(2)
    X = rng.random((40, 3))
    data = prepare(X, 1e6 * ((X[:, 1] > 0.3).astype(float) + 2 * (X[:, 1] > 0.7)))
    outcome = fit_rsbb(data, max_depth=2, gap_tol=0.0)
    assert outcome.is_proven
    assert outcome.objective <= 1e-12 * data.total_sse


def test_clusters_on_a_line_are_optimal():
    """The bound for undecided samples: every way to cut the sorted numbers into k groups."""
    rng = np.random.default_rng(4)
    for _ in range(60):
        n, k = int(rng.integers(1, 9)), int(rng.integers(1, 5))
        y, w = np.sort(rng.normal(size=n).round(1)), rng.integers(1, 4, n).astype(float)
        best = math.inf
        for cuts in itertools.combinations_with_replacement(range(n + 1), k - 1):
            parts = [slice(a, b) for a, b in itertools.pairwise([0, *cuts, n]) if b > a]
            best = min(best, sum(w[s] @ (y[s] - np.average(y[s], weights=w[s])) ** 2 for s in parts))
        assert clusters(y, w, k) == pytest.approx(best, abs=1e-9)


def test_both_methods_agree_where_a_split_has_an_empty_side_on_a_part_of_the_rows():
    """
    The optimum splits x0, then x2, then x1, and x2 is constant on the rows of the smallest values of x0.

    A bound of "split on x2 first" from these rows alone must allow for what is left of such a tree: its lower split on
    any feature. A search that takes them for a leaf instead strikes x2 out and ends at 3.667.
    """
    X = [[1, 2, 1], [2, 0, 2], [0, 2, 0], [2, 2, 0], [1, 2, 0], [1, 0, 0], [0, 2, 0], [0, 0, 0], [1, 0, 2]]
    data = prepare(np.array(X, float), np.array([0.0, 0, -1, 0, -1, 0, -2, 2, -1]))
    for method in (fit_rsbb, fit_interval):
        outcome = method(data, max_depth=3, min_samples_leaf=2, gap_tol=0.0)
        assert outcome.objective == pytest.approx(19 / 6)
        assert outcome.is_proven


@pytest.mark.parametrize(
    ("name", "depth", "error"),
    [("servo", 2, 1.6110), ("servo", 3, 0.9603), ("enb-heat", 2, 11.5106), ("real-estate", 2, 96.8458)],
)
def test_published_optima_are_reached(data, name, depth, error):
    """Mean squared errors that OSRT proved (Zhang et al. 2023, their benchmark repository)."""
    table = np.loadtxt(data / f"regression/osrt_binarized/{name}.csv", delimiter=",", skiprows=1)
    outcome = fit_rsbb(prepare(table[:, :-1], table[:, -1]), max_depth=depth)
    assert outcome.is_proven
    assert outcome.objective / len(table) == pytest.approx(error, abs=6e-5)


def test_concrete_at_depth_two_is_proven(data):
    """RMSE 11.9146; the paper reports 631 s for this data set (a training split of it)."""
    table = np.loadtxt(data / "regression/uci_raw/concrete/data.txt")
    outcome = fit_rsbb(prepare(table[:, :-1], table[:, -1]), max_depth=2)
    assert outcome.is_proven
    assert math.sqrt(outcome.objective / len(table)) == pytest.approx(11.9146, abs=1e-4)
    assert outcome.n_evals < 1000
