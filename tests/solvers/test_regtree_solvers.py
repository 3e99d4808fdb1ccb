"""Solvers of regression trees: the MILP, CART, STreeD and the exact search, against one another."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.regtree import RegressionTree, RegressionTreeInstance, evaluate
from cosolve.instances.tiny import tiny_instances
from cosolve.solvers.formulations import formulate
from cosolve.solvers.trees import to_solution, to_tree, training_data

METHODS = ("interval", "rsbb")


def random_instance(seed: int, n: int = 12, **limits) -> RegressionTreeInstance:
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 6, (n, 2)).astype(float)
    return RegressionTreeInstance(X=X, y=rng.normal(size=n).round(2), **limits)


def needs(name: str) -> None:
    availability = solvers.get(name)().available()
    if not availability.ok:
        pytest.skip(availability.reason)


LIMITS = (
    {"max_depth": 1},
    {"max_depth": 2},
    {"max_depth": 2, "min_samples_leaf": 3, "alpha": 0.05},
    {"max_depth": 2, "max_splits": 2},
    {"max_depth": 0},
)


@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_both_searches_prove_the_same_optimum(limits):
    """Two algorithms with nothing but the data in common."""
    for seed in range(5):
        instance = random_instance(seed, 40, **limits)
        one, two = (cosolve.solve(instance, "trees", time_limit=20, options={"method": m}) for m in METHODS)
        assert one.status == two.status == "optimal"
        assert one.objective == pytest.approx(two.objective, rel=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_unit_of_weights_does_not_matter(method):
    """The optimum and bound of large weights were those of a single leaf."""
    weights = np.random.default_rng(1).random(40) + 0.5
    usual, large = (
        cosolve.solve(
            random_instance(1, 40, weights=weights * unit, alpha=0.01),
            "trees",
            time_limit=20,
            options={"method": method},
        )
        for unit in (1.0, 1e200)
    )
    assert usual.status == large.status == "optimal"
    assert large.objective == pytest.approx(usual.objective * 1e200, rel=1e-9)


@pytest.mark.parametrize("limits", LIMITS[:4], ids=str)
def test_milp_has_the_optimum_of_the_exact_search(limits):
    """The formulation is written down independently of any tree code."""
    instance = random_instance(1, 9, **limits)
    optimum = cosolve.solve(instance, "trees", time_limit=20, options={"method": "rsbb"}).objective
    result = cosolve.solve(instance, "scip", time_limit=60)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(optimum, abs=1e-6)


@pytest.mark.parametrize("index", [0, 1])
def test_encoded_trees_keep_the_rows_and_decode_to_themselves(index):
    """A warm start that breaks a row is silently thrown away by every backend."""
    instance, optimum = tiny_instances("regtree")[index]
    best = cosolve.solve(instance, "trees", time_limit=20, options={"method": "rsbb"}).solution
    formulation = formulate(instance, Monitor(instance, Stop()))
    model, x = formulation.model, formulation.encode(best)
    activity = np.zeros(len(model.row_lower))
    rows = np.repeat(np.arange(len(activity)), np.diff(model.indptr))
    np.add.at(activity, rows, model.data * x[model.indices])
    assert (activity >= model.row_lower - 1e-9).all()
    assert (activity <= model.row_upper + 1e-9).all()
    assert (x >= model.col_lower).all()
    assert (x <= model.col_upper).all()
    assert float(model.cost @ x) == pytest.approx(optimum)
    assert formulation.separate(x) is None
    assert evaluate(instance, formulation.decode(x)).objective == pytest.approx(optimum)


def test_an_underrated_routing_is_cut_off():
    """Without tangents at the means of its leaves the relaxation would call any routing free."""
    instance, _ = tiny_instances("regtree")[1]
    best = cosolve.solve(instance, "trees", time_limit=20, options={"method": "rsbb"}).solution
    formulation = formulate(instance)
    x = formulation.encode(best)
    x[-instance.size :] = 0.0  # the errors stand last
    data, indices, indptr, lower, _ = formulation.separate(x)
    assert len(lower)
    for k in range(len(lower)):
        row = slice(indptr[k], indptr[k + 1])
        assert data[row] @ x[indices[row]] < lower[k]


def test_formulation_refuses_what_is_hopeless():
    """A model of millions of rows would only fill the memory."""
    instance = cosolve.generate("regtree", "friedman1", n=3000, max_depth=3)
    with pytest.raises(ValueError, match="at most 20000 samples times leaves"):
        formulate(instance)


def test_cart_is_that_of_scikit_learn():
    """Same splits as fitting it by hand; ranks instead of values change nothing but the rounding."""
    from sklearn.tree import DecisionTreeRegressor

    instance = cosolve.generate("regtree", "friedman1", n=300, max_depth=3, min_samples_leaf=5)
    model = DecisionTreeRegressor(max_depth=3, min_samples_leaf=5, random_state=0).fit(instance.X, instance.y)
    error = float(((model.predict(instance.X) - instance.y) ** 2).sum())
    result = cosolve.solve(instance, "cart")
    assert result.objective == pytest.approx(error)
    assert result.status == "feasible"
    assert result.bound is None


def test_cart_sees_differences_below_single_precision():
    """scikit-learn keeps features as float32, where these four values are one."""
    X = 1.0 + 1e-9 * np.arange(4.0)[:, None]
    instance = RegressionTreeInstance(X=X, y=[0, 0, 1, 1], max_depth=1)
    assert cosolve.solve(instance, "cart").objective == 0


@pytest.mark.parametrize("limits", [{"max_splits": 2}, {"max_splits": 0}, {"alpha": 0.1}, {"max_depth": 0}], ids=str)
def test_cart_keeps_the_limits(limits):
    """Each has another parameter in scikit-learn, or none."""
    instance = cosolve.generate("regtree", "friedman1", n=200)
    instance = RegressionTreeInstance(X=instance.X, y=instance.y, **{"max_depth": 3, **limits})
    result = cosolve.solve(instance, "cart")
    assert cosolve.solve(instance, "trees", time_limit=20, gap=0.01).bound <= result.objective
    assert result.solution.num_splits <= limits.get("max_splits", 7)


def test_streed_with_all_thresholds_proves_the_optimum():
    needs("streed")
    instance = random_instance(3, 30, max_depth=2, min_samples_leaf=2)
    optimum = cosolve.solve(instance, "trees", time_limit=20, options={"method": "rsbb"}).objective
    result = cosolve.solve(instance, "streed", time_limit=60)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(optimum)
    assert result.stats["all_thresholds"]


def test_streed_with_some_thresholds_proves_nothing_about_the_instance():
    """Its proof is one for the binarised table: no bound, and no "optimal", for the real one."""
    needs("streed")
    instance = random_instance(3, 30, max_depth=2)
    result = cosolve.solve(instance, "streed", time_limit=60, options={"thresholds": 2})
    assert result.status == "feasible"
    assert result.bound is None
    assert "thresholds" in result.message
    assert result.objective >= cosolve.solve(instance, "trees", options={"method": "rsbb"}).objective - 1e-9


@pytest.mark.parametrize(
    ("limits", "message"),
    [({"weights": np.arange(1.0, 13.0)}, "weights"), ({"alpha": 0.1, "max_splits": 2}, "not both")],
)
def test_streed_refuses_what_it_can_not_do(limits, message):
    """Leaving it out silently would be the answer to another question."""
    needs("streed")
    adapter = solvers.get("streed")()
    instance = random_instance(0, **limits)
    with pytest.raises(UnsupportedProblemError, match=message):
        adapter.solve(
            instance, Monitor(instance, Stop()), seed=0, threads=1, initial=None, options=adapter.options_type()
        )


def test_trees_and_solutions_are_the_same_thing():
    """Nodes in any numbering, and marks instead of NaN."""
    best = cosolve.solve(tiny_instances("regtree")[1][0], "trees", options={"method": "rsbb"}).solution
    assert to_solution(to_tree(best)) == best
    assert all(math.isfinite(v) for v in best.threshold)
    backwards = RegressionTree(feature=[0, -2, -2], threshold=[1.5, 0, 0], left=[2, -1, -1], right=[1, -1, -1],
                               value=[0, 7, 3])  # fmt: skip
    assert to_solution(to_tree(backwards)).value.tolist() == [0, 3, 7]


def test_start_is_kept_and_improved():
    """An initial tree in any numbering is a start for both methods."""
    instance = cosolve.generate("regtree", "friedman1", n=150)
    start = cosolve.solve(instance, "cart").solution
    for method in METHODS:
        result = cosolve.solve(instance, "trees", initial=start, time_limit=30, options={"method": method})
        assert result.status == "optimal"
        assert result.objective <= evaluate(instance, start).objective


def test_training_data_are_those_of_the_instance():
    instance = tiny_instances("regtree")[0][0]
    data = training_data(instance)
    assert data.total_sse == pytest.approx(instance.baseline)
    assert data.weights.tolist() == instance.weights.tolist()


@pytest.mark.parametrize("options", [{"method": "cart"}, {"thresholds": 0}])
def test_options_out_of_range_are_refused(options):
    name = "trees" if "method" in options else "streed"
    needs(name)
    with pytest.raises(ValueError, match="must be"):
        cosolve.solve(tiny_instances("regtree")[1][0], name, options=options)


@pytest.mark.parametrize("name", ["trees", "cart"])
def test_a_row_of_next_to_no_weight_is_not_the_best_split(name):
    """Sums lose its weight, and nonsense comes out where it is alone: scikit-learn's too."""
    rng = np.random.default_rng(2)
    X, weights = rng.random((24, 2)), rng.random(24)
    y = rng.random(24) + (X[:, 1] > 0.5)
    weights[np.argmax(X[:, 0])] = 1e-20
    instance = RegressionTreeInstance(X=X, y=y, weights=weights, max_depth=1)
    assert cosolve.solve(instance, name, time_limit=20).solution.feature[0] == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_gap_of_one_ends_at_once(method):
    """Any tree will do; it was an error of the search, whose tolerance must be less than 1."""
    result = cosolve.solve(random_instance(0), "trees", gap=1.0, time_limit=20, options={"method": method})
    assert result.status in ("optimal", "feasible")
    assert result.objective > 0


@pytest.mark.parametrize("unit", [1e-4, 1e-8])
def test_targets_in_small_units_have_the_same_tree(unit):
    """With targets of 1e-4 a tree that is 1.3 % worse was within an absolute tolerance, and called optimal."""
    instance = cosolve.generate("regtree", "friedman1", seed=3, n=200, p=5, max_depth=3)
    result = cosolve.solve(replace(instance, y=instance.y * unit), "trees", time_limit=60)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective / unit**2 == pytest.approx(cosolve.solve(instance, "trees", time_limit=60).objective)
