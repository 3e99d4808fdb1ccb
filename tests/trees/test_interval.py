"""The interval search: the optimum, always, and honest about what is proven before it is done."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from tree_oracle import Case, close, optimum, random_case, total_sse

from cosolve.core.result import Limit
from cosolve.trees.data import TrainingData, prepare
from cosolve.trees.interval import fit_interval
from cosolve.trees.outcome import SearchOutcome
from cosolve.trees.tree import Tree, leaf, split
from cosolve.trees.warm_up import warm_up


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    warm_up()


def solve(case: Case, **options) -> SearchOutcome:
    return fit_interval(
        prepare(case.X, case.y, case.weights),
        max_depth=case.depth,
        min_samples_leaf=case.min_rows,
        penalty=case.penalty,
        max_splits=case.splits,
        **{"gap_tol": 0.0, **options},
    )


def check_tree(case: Case, outcome: SearchOutcome) -> None:
    """The tree keeps to the limits and costs what is said, computed here from its predictions."""
    tree = outcome.tree
    assert tree.depth <= case.depth
    assert case.splits is None or tree.num_splits <= case.splits
    sizes = np.bincount(tree.apply(case.X), minlength=tree.num_nodes)[tree.is_leaf]
    assert tree.num_splits == 0 or sizes.min() >= case.min_rows
    cost = np.dot(case.weights, (case.y - tree.predict(case.X)) ** 2) + case.penalty * tree.num_splits
    assert close(outcome.objective, float(cost), total_sse(case))


def check_optimal(case: Case, **options) -> None:
    outcome = solve(case, **options)
    check_tree(case, outcome)
    reference, unit = optimum(case), total_sse(case)
    assert outcome.is_proven
    assert close(outcome.objective, reference, unit), case
    assert close(outcome.lower_bound, reference, unit), case


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_optimum_equals_brute_force(depth):
    """Every pruning rule, limit and tie is in here; a wrong bound shows as a missed optimum."""
    for seed in range(60):
        check_optimal(random_case(seed, depth), n_jobs=1 + seed % 2)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [2, 3, 4])
def test_optimum_equals_brute_force_on_500_sets(depth):
    """As above, where a rule that is wrong once in a hundred sets would still be found."""
    for seed in range(1000, 1500):
        check_optimal(random_case(seed, depth))


def test_min_rows_break_the_plain_interval_bound():
    """
    A tree with 2 rows per leaf on a set need not have 2 rows per leaf on a subset, so the optimum of a subset with
    that limit is no lower bound: taken for one, this search misses the optimum in about every fifth such set.
    """
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 14
        case = Case(rng.random((n, 2)), rng.normal(size=n) ** 3, np.ones(n), 2, int(rng.integers(2, 4)), 0.0, None)
        check_optimal(case)


def test_min_rows_of_larger_sets_with_few_leaves_possible():
    """Wide spans count on no minimum, narrow ones on some of it: both must hold where the minimum is a fifth of all."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        n = 40
        X = np.round(rng.random((n, 2)), 1 + seed % 2)
        check_optimal(Case(X, rng.normal(size=n), np.ones(n), 2, 8, 0.0, None))


def test_many_rows_of_few_values_against_brute_force_of_the_values():
    """Blocks of tied rows and weights: 3,000 rows on a grid of 5 x 4 values are 20 weighted rows plus a constant."""
    rng = np.random.default_rng(3)
    X = np.stack([rng.integers(0, 5, 3000), rng.integers(0, 4, 3000)], axis=1).astype(float)
    y = X[:, 0] * X[:, 1] % 3 + rng.normal(size=3000)
    cells, which, counts = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    means = np.bincount(which.ravel(), y) / counts
    inside = float(np.sum((y - means[which.ravel()]) ** 2))
    for depth in (2, 3):
        case = Case(cells, means, counts.astype(float), depth, 1, 0.0, None)
        outcome = fit_interval(prepare(X, y), max_depth=depth, gap_tol=0.0)
        assert close(outcome.objective, optimum(case) + inside, inside)
        assert outcome.is_proven


def test_blocks_of_continuous_values_against_all_pairs_of_cuts():
    """Splits inside a block are only looked at if its bound beats the best: with 300 rows there are ten blocks."""
    rng = np.random.default_rng(5)
    X = rng.random((300, 2))
    y = np.sin(7 * X[:, 0]) * X[:, 1] + 0.3 * rng.normal(size=300)

    def stump(rows: np.ndarray) -> float:
        best = float(np.sum((y[rows] - y[rows].mean()) ** 2))
        for feature in range(2):
            target = y[rows][np.argsort(X[rows, feature])]
            left, count = np.cumsum(target)[:-1], np.arange(1, len(rows))
            gain = left**2 / count + (target.sum() - left) ** 2 / (len(rows) - count)
            if len(rows) > 1:
                best = min(best, float(np.sum(target**2) - gain.max()))
        return best

    reference = math.inf
    for feature in range(2):
        order = np.argsort(X[:, feature])
        for cut in range(1, 300):
            reference = min(reference, stump(order[:cut]) + stump(order[cut:]))
    outcome = fit_interval(prepare(X, y), max_depth=2, gap_tol=0.0)
    assert outcome.objective == pytest.approx(reference, rel=1e-9)
    assert outcome.is_proven


def test_weights_are_repeated_rows():
    """A row of weight 3 is three rows; a bound that mixes up weight and count would show here."""
    rng = np.random.default_rng(2)
    X, y, weights = rng.integers(0, 6, (60, 3)).astype(float), rng.normal(size=60), rng.integers(1, 4, 60)
    for depth in (2, 3):
        weighted = fit_interval(prepare(X, y, weights), max_depth=depth, gap_tol=0.0)
        repeated = fit_interval(
            prepare(np.repeat(X, weights, axis=0), np.repeat(y, weights)), max_depth=depth, gap_tol=0.0
        )
        assert weighted.objective == pytest.approx(repeated.objective, rel=1e-9)


def test_splits_limit_is_exact_at_depth_three():
    """With 4 splits of 7 the best share between the sides differs from cut to cut."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, y = rng.integers(0, 4, (12, 3)).astype(float), rng.normal(size=12)
        for splits in range(8):
            check_optimal(Case(X, y, np.ones(12), 3, 1, 0.0, splits))


def test_perfect_fit_costs_nothing():
    """Sums of squares that cancel must not become negative, nor the search go on below zero."""
    X = np.array([[a, b] for a in range(4) for b in range(4)], dtype=float)
    y = 1e6 + (X[:, 0] > 1) * 10 + (X[:, 1] > 1)
    outcome = fit_interval(prepare(X, y), max_depth=2, gap_tol=0.0)
    assert outcome.objective == 0.0
    assert outcome.lower_bound == 0.0
    assert outcome.is_proven


def test_constant_target_and_constant_features_give_a_leaf():
    """No cut exists, or none helps."""
    for X, y in ((np.ones((5, 2)), np.arange(5.0)), (np.arange(10.0).reshape(5, 2), np.full(5, 7.0))):
        outcome = fit_interval(prepare(X, y), max_depth=3)
        assert outcome.tree.num_splits == 0
        assert outcome.is_proven


def friedman(n: int, seed: int = 0) -> TrainingData:
    """The first of Friedman's (1991) functions, on five features."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 5))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return prepare(X, y + rng.normal(size=n))


def test_gap_claim_is_strict_at_every_depth():
    """Tolerances of nested searches add up unless each level is exact: the bound would then be above the optimum."""
    data = friedman(150)
    exact = fit_interval(data, max_depth=3, gap_tol=0.0)
    for gap_tol in (1e-3, 0.02, 0.2):
        loose = fit_interval(data, max_depth=3, gap_tol=gap_tol)
        assert loose.lower_bound <= exact.objective * (1 + 1e-9)
        assert loose.objective >= exact.objective * (1 - 1e-9)
        assert loose.gap <= gap_tol
        assert loose.is_proven


def test_threads_find_the_same_optimum():
    """Threads share the target and the spans; what one has not finished must not count as proven."""
    data = friedman(250)
    outcomes = [fit_interval(data, max_depth=3, gap_tol=0.0, n_jobs=n_jobs) for n_jobs in (1, 2, 4)]
    for outcome in outcomes:
        assert outcome.is_proven
        assert outcome.objective == pytest.approx(outcomes[0].objective, rel=1e-9)


def test_trace_is_monotone_and_brackets_the_optimum():
    """A bound that is ever above the optimum, or goes back, is no bound."""
    data = friedman(200, seed=1)
    trace: list[tuple[float, float, float, Tree | None]] = []
    outcome = fit_interval(data, max_depth=3, gap_tol=0.0, on_improvement=lambda *event: trace.append(event))
    times, uppers, lowers = (np.array([event[k] for event in trace]) for k in range(3))
    assert (np.diff(times) >= 0).all()
    assert (np.diff(uppers) <= 0).all()
    assert (np.diff(lowers) >= 0).all()
    assert uppers[-1] == outcome.objective
    assert (lowers <= outcome.objective * (1 + 1e-9)).all()
    assert len(np.unique(lowers)) > 3
    for _, upper, _, tree in trace:
        if tree is not None:
            assert data.sse(tree) == pytest.approx(upper)


@pytest.mark.parametrize("seed", range(40))
def test_no_event_tells_a_bound_above_the_optimum(seed):
    """With one feature a single task holds all that is open: a tree told before its spans were proof of anything."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(int(rng.integers(60, 400)), int(rng.integers(1, 3))))
    y = np.sin(4 * X[:, 0]) + 0.6 * rng.normal(size=len(X)) + (X[:, -1] > 0)
    trace = []
    tolerance = (0.0, 0.05)[seed % 2]
    data = prepare(X, y)
    fit_interval(data, max_depth=2, gap_tol=tolerance, on_improvement=lambda *event: trace.append(event))
    optimum = fit_interval(data, max_depth=2, gap_tol=0.0).objective
    assert max(lower for _, _, lower, _ in trace) <= optimum * (1 + 1e-9)


def test_time_limit_keeps_the_best_tree_and_a_valid_bound():
    """Depth 6 on 3,000 rows takes ages; what is known after 0.4 s must be a tree at least as good as CART."""
    from sklearn.tree import DecisionTreeRegressor

    data = friedman(3000)
    start = time.perf_counter()
    outcome = fit_interval(data, max_depth=6, time_limit=0.4)
    assert time.perf_counter() - start < 0.4 + 0.5
    assert outcome.limit is Limit.TIME
    assert not outcome.is_proven
    assert 0 <= outcome.lower_bound < outcome.objective
    cart = DecisionTreeRegressor(max_depth=6, random_state=0).fit(data.X, data.y)
    assert outcome.objective <= np.sum((data.y - cart.predict(data.X)) ** 2) * (1 + 1e-6)


def test_caller_can_stop_the_search():
    """``should_stop`` is what a solver's monitor hangs on."""
    outcome = fit_interval(friedman(3000), max_depth=6, should_stop=lambda: True)
    assert outcome.limit is Limit.INTERRUPTED
    assert not outcome.is_proven


def test_tiny_targets_are_proven_no_sooner():
    """Objective and bound of targets in millionths are both below 1e-9: near to each other, but no proof."""
    data = friedman(3000)
    tiny = prepare(data.X, 1e-8 * data.y)
    outcome = fit_interval(tiny, max_depth=6, should_stop=lambda: True)
    assert outcome.objective < 1e-9
    assert not outcome.is_proven
    assert outcome.gap > 0.1


def test_initial_tree_is_refitted_and_kept_if_nothing_better_is_found():
    """A good start must not be lost to a worse first tree."""
    data = friedman(400)
    best = fit_interval(data, max_depth=3).tree
    spoiled = Tree(best.feature, best.threshold, best.left, best.right, np.zeros(best.num_nodes))
    outcome = fit_interval(data, max_depth=3, initial=spoiled, should_stop=lambda: True)
    assert outcome.objective == pytest.approx(data.sse(best))


def test_bad_arguments_are_named():
    """One line that says what is allowed."""
    data = friedman(20)
    chain = split(0, 0.5, leaf(0.0), split(0, 0.6, leaf(0.0), leaf(1.0)))
    for message, options in (
        ("max_depth", {"max_depth": 13}),
        ("max_depth", {"max_depth": -1}),
        ("min_samples_leaf", {"max_depth": 2, "min_samples_leaf": 0}),
        ("penalty", {"max_depth": 2, "penalty": -1.0}),
        ("max_splits", {"max_depth": 2, "max_splits": -1}),
        ("gap_tol", {"max_depth": 2, "gap_tol": 1.0}),
        ("n_jobs", {"max_depth": 2, "n_jobs": 0}),
        ("depth 2, allowed is 1", {"max_depth": 1, "initial": chain}),
        ("2 splits, allowed are 1", {"max_depth": 2, "max_splits": 1, "initial": chain}),
        ("a leaf with", {"max_depth": 2, "min_samples_leaf": 10, "initial": chain}),
        ("splits by feature 9", {"max_depth": 2, "initial": split(9, 0.5, leaf(0.0), leaf(1.0))}),
    ):
        with pytest.raises(ValueError, match=message):
            fit_interval(data, **options)


# Training mean squared errors that OSRT (Zhang, Xin, Seltzer, Rudin, AAAI 2023) reports as optimal, from the result
# files of its authors' repository ruizhang1996/regression-tree-benchmark; single precision.
PUBLISHED = {
    "airfoil": (40.0968, 37.3133),
    "enb-heat": (11.5106, 6.8295),
    "insurance": (40_496_967.36, 33_666_846.35),
    "real-estate": (96.8458, 78.8948),
    "servo": (1.6110, 0.9603),
    "yacht": (64.2502, 63.5886),
    "optical": (40_147.40, 29_640.73),
    "airquality": (392.5792, 254.256),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_optima_of_binary_tables(data, name):
    """Not our own output: another exact method found these."""
    table = np.loadtxt(data / "regression" / "osrt_binarized" / f"{name}.csv", delimiter=",", skiprows=1)
    for depth, reference in zip((2, 3), PUBLISHED[name], strict=True):
        outcome = fit_interval(prepare(table[:, :-1], table[:, -1]), max_depth=depth, gap_tol=0.0)
        assert outcome.is_proven
        # The last printed digit of the reference, or its single precision.
        tolerance = max(0.51 * 10.0 ** -len(str(reference).partition(".")[2]), 2e-6 * reference)
        assert outcome.objective / len(table) == pytest.approx(reference, abs=tolerance)


def test_a_bound_is_there_before_the_search_has_one():
    """Stopped at once, the bound by targets stands: equal rows with different targets put it far from 0."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (400, 12)).astype(float)
    data = prepare(X, X[:, 0] + rng.normal(size=400))
    stopped = fit_interval(data, max_depth=5, should_stop=lambda: True)
    best = fit_interval(data, max_depth=3).objective
    assert stopped.limit is Limit.INTERRUPTED
    assert 0 < stopped.lower_bound < best
