"""The scikit-learn estimator: its contract, its views of the tree, its errors."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from cosolve.trees import estimator
from cosolve.trees.estimator import OptimalRegressionTree
from cosolve.trees.tree import leaf, split
from cosolve.trees.warm_up import warm_up


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """Values in single precision, as scikit-learn's trees see them."""
    rng = np.random.default_rng(0)
    X = rng.random((200, 4)).astype(np.float32).astype(np.float64)
    return X, np.sin(6 * X[:, 0]) * X[:, 1] + X[:, 2] ** 2 + 0.1 * rng.normal(size=200)


@parametrize_with_checks([OptimalRegressionTree(max_depth=2)])
def test_scikit_learn_contract(estimator, check):
    """Pipelines and grid searches rely on it."""
    check(estimator)


def test_both_methods_return_the_same_optimum(table):
    """Two methods with nothing in common but the data: the strongest check of either."""
    X, y = table
    for options in ({"max_depth": 2}, {"max_depth": 2, "alpha": 0.05, "min_samples_leaf": 7}, {"max_depth": 1}):
        interval, rsbb = (
            OptimalRegressionTree(gap_tol=0.0, method=method, **options).fit(X[:80], y[:80])
            for method in ("interval", "rsbb")
        )
        assert interval.objective_ == pytest.approx(rsbb.objective_, rel=1e-9)
        assert interval.status_ == rsbb.status_ == "optimal"


def test_objective_is_error_plus_price_of_splits(table):
    """The alpha of the estimator is relative to the constant predictor's error."""
    X, y = table
    weights = np.random.default_rng(1).random(200)
    model = OptimalRegressionTree(max_depth=3, alpha=0.02).fit(X, y, sample_weight=weights)
    base = np.dot(weights, (y - np.average(y, weights=weights)) ** 2)
    cost = np.dot(weights, (y - model.predict(X)) ** 2) + 0.02 * base * (model.get_n_leaves() - 1)
    assert model.objective_ == pytest.approx(cost)
    assert model.lower_bound_ <= model.objective_
    assert model.gap_ <= model.gap_tol


@pytest.mark.parametrize("method", ["interval", "rsbb"])
@pytest.mark.parametrize("unit", [2.0**-1000, 1e-200, 1e200])
def test_the_unit_of_weights_does_not_matter(table, method, unit):
    """A single leaf was said to be optimal: squares of sums of weights vanished or overflowed."""
    X, y = table
    weights = np.random.default_rng(1).random(200)
    usual, model = (
        OptimalRegressionTree(max_depth=2, method=method, alpha=0.02).fit(X, y, sample_weight=w)
        for w in (weights, weights * unit)
    )
    assert model.status_ == "optimal"
    assert model.objective_ == pytest.approx(usual.objective_ * unit, rel=1e-9)
    assert usual.objective_ * (1 - 1e-4) * unit <= model.lower_bound_ <= model.objective_
    assert model.get_n_leaves() == usual.get_n_leaves() > 1
    assert model.trace_[-1, 1:].tolist() == [model.objective_, model.lower_bound_]


def test_trace_ends_with_the_result(table):
    """Anytime curves are drawn from it."""
    model = OptimalRegressionTree(max_depth=3).fit(*table)
    assert model.trace_.shape[1] == 3
    assert model.trace_[-1, 1:].tolist() == [model.objective_, model.lower_bound_]
    assert (np.diff(model.trace_[:, 0]) >= 0).all()
    assert (np.diff(model.trace_[:, 1]) <= 0).all()
    assert (np.diff(model.trace_[:, 2]) >= 0).all()


def test_time_limit_is_a_status_and_not_an_error(table):
    """Whoever sets a limit wants the tree."""
    X = np.random.default_rng(0).random((2000, 6))
    start = time.perf_counter()
    model = OptimalRegressionTree(max_depth=8, time_limit=0.2).fit(X, np.sin(X.sum(axis=1)))
    assert time.perf_counter() - start < 0.2 + 0.5
    assert model.status_ == "time_limit"
    assert model.gap_ > model.gap_tol
    assert model.get_n_leaves() > 1


@pytest.mark.parametrize("method", ["interval", "rsbb"])
@pytest.mark.parametrize("outlier", [1e3, 1e5, 1e6, 1e7])
def test_an_outlier_makes_the_bound_looser_and_never_too_high(outlier, method):
    """Errors that are lost in the sums' rounding were "optimal": 5.37 where CART's tree has 3.39."""
    rng = np.random.default_rng(0)
    X = rng.random((60, 1))
    y = np.sin(6 * X[:, 0]) + 0.1 * rng.standard_normal(60)
    y[np.argmax(X[:, 0])] = outlier
    cart = DecisionTreeRegressor(max_depth=2).fit(X, y)
    model = OptimalRegressionTree(max_depth=2, method=method).fit(X, y)
    assert model.lower_bound_ <= ((cart.predict(X) - y) ** 2).sum() + 1e-9
    assert model.status_ == ("optimal" if outlier < 1e4 else "rounding")


@pytest.mark.parametrize("method", ["interval", "rsbb"])
def test_what_is_small_beside_an_outlier_is_not_nothing(method):
    """An error of 399 was "optimal" where there is a tree without any: the outlier's square is 1e16 times as large."""
    X, y = outlier_and_two_groups(1e9)
    model = OptimalRegressionTree(max_depth=2, method=method).fit(X, y)
    assert model.status_ == ("optimal" if model.objective_ < 1e-6 else "rounding")


@pytest.mark.parametrize("outlier", [1e7, 1e9])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_groups_beside_an_outlier_are_told_apart(outlier, noise):
    """They stayed in one leaf, and CART was better: what their split gains was less than the rounding of all sums."""
    X, y = outlier_and_two_groups(outlier)
    y[1:] += noise * np.random.default_rng(2).standard_normal(len(y) - 1)
    cart = DecisionTreeRegressor(max_depth=2, random_state=0).fit(X, y)
    model = OptimalRegressionTree(max_depth=2).fit(X, y)
    assert model.objective_ <= ((cart.predict(X) - y) ** 2).sum() + 1e-6
    assert model.status_ == ("rounding" if noise else "optimal")
    few = OptimalRegressionTree(max_depth=2, max_splits=1).fit(X, y)
    assert few.get_n_leaves() == 2


def outlier_and_two_groups(outlier: float) -> tuple[np.ndarray, np.ndarray]:
    """Targets -1 and 1 by the second column, but for an outlier that the first one parts from them."""
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.random(400), np.arange(400) % 2, rng.random(400)])
    y = np.where(X[:, 1] > 0.5, 1.0, -1.0)
    X[0, 0], y[0] = 5.0, outlier
    return X, y


@pytest.mark.parametrize("method", ["interval", "rsbb"])
def test_means_of_many_equal_targets_are_no_error(method):
    """The error of a perfect tree is that of its means, which are sums of 100,000 rounded numbers."""
    X = np.random.default_rng(0).random((100_000, 1))
    model = OptimalRegressionTree(max_depth=1, method=method).fit(X, np.where(X[:, 0] < 0.3, 0.1, 0.7))
    assert model.status_ == "optimal"


@pytest.mark.parametrize("method", ["interval", "rsbb"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_row_of_next_to_no_weight_changes_nothing(method, depth):
    """The split that parts it from all others was best, with an error of 0: its weight is lost in that of all rows."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X, weights = rng.random((24, 2)), rng.random(24)
        y = rng.random(24) + (X[:, 1] > 0.5)
        light = np.argmax(X[:, 0])
        weights[light] = 1e-20
        others = np.delete(np.arange(24), light)
        model = OptimalRegressionTree(max_depth=depth, method=method)
        optimum = clone(model).fit(X[others], y[others], weights[others]).objective_
        model.fit(X, y, weights)
        assert model.objective_ == pytest.approx(optimum, rel=2e-4)
        assert model.lower_bound_ <= optimum * (1 + 1e-9)
        assert model.status_ == "optimal"


@pytest.mark.parametrize("method", ["interval", "rsbb"])
def test_an_outlier_of_next_to_no_weight_is_no_false_proof(method):
    """A bound of 9.93 was "proven" where a split has an error of 3.63: sums lose the row that it parts from others."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X, weights = rng.random((24, 2)), rng.random(24) + 0.1
        y = rng.random(24) + (X[:, 1] > 0.5)
        light = rng.integers(24)
        weights[light], y[light] = 1e-16, 3e8
        error = np.inf
        for column in X.T:
            for value in np.sort(column)[:-1]:
                parts = column <= value, column > value
                means = [np.average(y[part], weights=weights[part]) for part in parts]
                found = sum(weights[part] @ (y[part] - mean) ** 2 for part, mean in zip(parts, means, strict=True))
                error = min(error, found)
        model = OptimalRegressionTree(max_depth=1, method=method).fit(X, y, weights)
        assert model.lower_bound_ <= error * (1 + 1e-9)
        assert model.objective_ <= error * (1 + 1e-6)


def test_a_search_that_has_ended_is_never_a_time_limit():
    """Its bound is (1 - gap_tol) times the objective, and the gap of the two may be above gap_tol by rounding."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        model = OptimalRegressionTree(min_samples_leaf=2, gap_tol=0.01).fit(rng.random((8, 2)), rng.normal(size=8))
        assert model.status_ == "optimal"
        assert model.gap_ == pytest.approx(0.01) or model.gap_ < 0.01


def test_numbers_of_numpy_are_those_of_python_in_the_search(table, monkeypatch):
    """A grid search hands over np.int32: the kernels were compiled again for it, 44 seconds of the search."""
    given = {}
    fit = estimator._METHODS["interval"]
    monkeypatch.setitem(estimator._METHODS, "interval", lambda data, **kinds: given.update(kinds) or fit(data, **kinds))
    integers = {name: np.int32(2) for name in ("max_depth", "min_samples_leaf", "max_splits", "n_jobs")}
    reals = {name: np.float32(0.5) for name in ("alpha", "gap_tol", "time_limit")}
    OptimalRegressionTree(**integers, **reals).fit(*table)
    kinds = {name: type(value) for name, value in given.items()}
    assert {kinds[name] for name in integers} == {int}
    assert {kinds[name] for name in ("penalty", "gap_tol", "time_limit")} == {float}


def test_text_of_a_tree_by_hand():
    """The layout of scikit-learn's export_text, which people know."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    model = OptimalRegressionTree(max_depth=2).fit(X, [0.0, 1.0, 5.0, 5.0])
    assert model.export_text(["age", "mass"], decimals=1) == (
        "|--- age <= 0.5\n"
        "|   |--- mass <= 0.5\n"
        "|   |   |--- value: [0.0]\n"
        "|   |--- mass >  0.5\n"
        "|   |   |--- value: [1.0]\n"
        "|--- age >  0.5\n"
        "|   |--- value: [5.0]\n"
    )
    with pytest.raises(ValueError, match="at least 2 names"):
        model.export_text(["age"])


def test_scikit_learn_tree_predicts_and_counts_the_same(table):
    """plot_tree and its relatives show counts and impurities; wrong ones would go unnoticed."""
    from sklearn.tree import export_text

    X, y = table
    weights = np.random.default_rng(2).integers(1, 4, 200).astype(float)
    model = OptimalRegressionTree(max_depth=3).fit(X, y, sample_weight=weights)
    twin = model.to_sklearn(X, y, sample_weight=weights)
    assert isinstance(twin, DecisionTreeRegressor)
    assert twin.predict(X).tolist() == model.predict(X).tolist()
    assert (twin.apply(X) == model.apply(X)).all()
    assert (twin.decision_path(X) != model.decision_path(X)).nnz == 0
    assert twin.get_depth() == model.get_depth()
    assert export_text(twin, decimals=3) == model.export_text(decimals=3)
    # Refitted by scikit-learn itself with the root's split only, the root's statistics must agree.
    root = DecisionTreeRegressor(max_depth=1).fit(X, y, sample_weight=weights).tree_
    for name in ("impurity", "n_node_samples", "weighted_n_node_samples"):
        assert getattr(twin.tree_, name)[0] == pytest.approx(getattr(root, name)[0])
    leaves = twin.tree_.children_left == -1
    error = np.dot(twin.tree_.weighted_n_node_samples[leaves], twin.tree_.impurity[leaves])
    assert error == pytest.approx(model.objective_)


def test_plot_has_a_box_for_each_node(table):
    """Drawing must work without a screen and for a single leaf."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    X, y = table
    for depth in (0, 2):
        model = OptimalRegressionTree(max_depth=depth).fit(X, y)
        texts = [text.get_text() for text in model.plot(X).texts]
        assert sum("n = " in text for text in texts) == 2 * model.get_n_leaves() - 1
        assert f"n = {len(X)}" in texts[0] or any(f"n = {len(X)}" in text for text in texts)
        matplotlib.pyplot.close("all")


def test_warm_start_takes_trees_of_three_kinds(table):
    """A fitted CART is the tree that people have at hand."""
    X, y = table
    cart = DecisionTreeRegressor(max_depth=2, max_leaf_nodes=4, random_state=0).fit(X, y)
    optimal = OptimalRegressionTree(max_depth=2).fit(X, y)
    for start in (cart, optimal, optimal.tree_, None):
        model = OptimalRegressionTree(max_depth=2, warm_start_tree=start).fit(X, y)
        assert model.objective_ == pytest.approx(optimal.objective_, rel=1e-4)
    with pytest.raises(ValueError, match="depth 2, allowed is 1"):
        OptimalRegressionTree(max_depth=1, warm_start_tree=cart).fit(X, y)
    with pytest.raises(ValueError, match="warm_start_tree must be"):
        OptimalRegressionTree(warm_start_tree=DecisionTreeRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="a leaf with 0 rows"):
        OptimalRegressionTree(warm_start_tree=split(0, 99.0, leaf(0.0), leaf(0.0))).fit(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_depth", -1),
        ("max_depth", 2.0),
        ("max_depth", 13),
        ("min_samples_leaf", 0),
        ("alpha", -0.1),
        ("alpha", float("nan")),
        ("max_splits", -1),
        ("time_limit", 0.0),
        ("gap_tol", 1.0),
        ("method", "greedy"),
        ("n_jobs", 0),
    ],
)
def test_bad_parameters_are_named(table, name, value):
    """A typo must not fall back to a default."""
    with pytest.raises(ValueError, match=name):
        OptimalRegressionTree(**{name: value}).fit(*table)


def test_threads_follow_joblib_rules(table):
    """-1 is all processors, None is one."""
    X, y = table
    objectives = [OptimalRegressionTree(max_depth=3, n_jobs=n_jobs).fit(X, y).objective_ for n_jobs in (None, 2, -1)]
    assert objectives == pytest.approx([objectives[0]] * 3, rel=2e-4)


def test_warm_up_is_done_once():
    """Each fit calls it; only the first may cost anything."""
    warm_up()
    start = time.perf_counter()
    for _ in range(100):
        warm_up()
    assert time.perf_counter() - start < 0.01


def test_package_does_not_load_scikit_learn():
    """``import cosolve`` answers at once; the estimator is for those who ask for it."""
    code = "import sys, cosolve; assert not {'sklearn', 'numba', 'cosolve.trees'} & set(sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_estimator_that_lost_its_fit_is_told_so():
    """Cross-validation clones what is given, and the message asked for what had been given."""
    X, y = np.arange(8.0)[:, None], np.arange(8.0) % 3
    given = OptimalRegressionTree(max_depth=1).fit(X, y)
    model = clone(OptimalRegressionTree(max_depth=1, warm_start_tree=given))
    with pytest.raises(ValueError, match=r"must be fitted, .* give the tree itself, warm_start_tree=fitted.tree_"):
        model.fit(X, y)
    model = clone(OptimalRegressionTree(max_depth=1, warm_start_tree=given.tree_))
    assert model.fit(X, y).predict(X) == pytest.approx(given.predict(X))


def test_rows_that_single_precision_moves_are_warned_of():
    """Predictions were off by 2 without a word."""
    X, y = np.array([[1.0], [1 + 1e-9], [1 + 2e-9]]), np.arange(3.0)
    model = OptimalRegressionTree(max_depth=2).fit(X, y)
    with pytest.warns(UserWarning, match="2 of 3 rows come to another leaf"):
        model.to_sklearn(X, y)
