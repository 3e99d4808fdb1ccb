"""Optimal regression trees: instance, judge, generators."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidSolutionError
from cosolve.instances.regtree import RegressionTree, RegressionTreeInstance, evaluate
from cosolve.instances.tiny import tiny_instances
from cosolve.testing import check_judge


def small(**limits) -> RegressionTreeInstance:
    """Two features, five samples; the target follows the first feature."""
    X = [[1, 5], [2, 5], [3, 5], [4, 6], [5, 6]]
    return RegressionTreeInstance(X=np.array(X, float), y=[0, 0, 3, 6, 9], **limits)


def tree(feature, threshold, left, right, value) -> RegressionTree:
    return RegressionTree(feature=feature, threshold=threshold, left=left, right=right, value=value)


#: x0 <= 2 | x0 <= 3 | the rest, in an order that is not preorder.
GOOD = {
    "feature": [0, 0, -2, -2, -2],
    "threshold": [2.5, 3.5, 0, 0, 0],
    "left": [2, 3, -1, -1, -1],
    "right": [1, 4, -1, -1, -1],
    "value": [0, 0, 0, 3, 7.5],
}


def test_objective_is_the_squared_error_plus_the_price_of_the_splits():
    """By hand: 1.5^2 twice, and two splits at a tenth of (3.6^2 + 3.6^2 + 0.6^2 + 2.4^2 + 5.4^2) = 61.2."""
    assert evaluate(small(), tree(**GOOD)).objective == pytest.approx(4.5)
    assert evaluate(small(alpha=0.1), tree(**GOOD)).objective == pytest.approx(4.5 + 2 * 6.12)


def test_weights_multiply_the_squared_errors_and_move_the_mean():
    """A weight of 2 is as good as the sample twice."""
    weights = np.array([1.0, 2, 1, 3, 1])
    weighted = small(weights=weights, alpha=0.2)
    rows = np.repeat(np.arange(5), weights.astype(int))
    repeated = RegressionTreeInstance(X=weighted.X[rows], y=weighted.y[rows], alpha=0.2)
    assert weighted.baseline == pytest.approx(repeated.baseline)
    assert evaluate(weighted, tree(**GOOD)).objective == pytest.approx(evaluate(repeated, tree(**GOOD)).objective)


def test_values_equal_to_the_threshold_go_left():
    """scikit-learn's convention; the other one moves every sample on a threshold."""
    on_it = tree(**{**GOOD, "threshold": [2, 3, 0, 0, 0]})
    assert evaluate(small(), on_it).objective == pytest.approx(4.5)


def test_predictions_are_taken_as_they_are():
    """Not the means that they should be: the judge judges the solution, not what it could have been."""
    assert evaluate(small(), tree(**{**GOOD, "value": [0, 0, 1, 3, 7.5]})).objective == pytest.approx(6.5)


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"max_depth": 1}, "tree too deep"),
        ({"max_splits": 1}, "too many splits"),
        ({"min_samples_leaf": 2}, "too few samples in a leaf"),
    ],
)
def test_limits_of_the_instance_are_kept(limits, what):
    """Each of them changes the optimum."""
    assert evaluate(small(), tree(**GOOD)).feasible
    (violation,) = evaluate(small(**limits), tree(**GOOD)).violations
    assert violation.what == what


def test_an_empty_leaf_is_no_leaf():
    """Its value would be predicted to nobody, and its split paid for nothing."""
    verdict = evaluate(small(), tree([0, -2, -2], [0.5, 0, 0], [1, -1, -1], [2, -1, -1], [0, 1, 3.6]))
    assert [v.what for v in verdict.violations] == ["too few samples in a leaf"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"left": [2, 3, -1, -1, 1]}, "child out of range"),
        ({"left": [2, 9, -1, -1, -1]}, "child out of range"),
        ({"left": [0, 3, -1, -1, -1]}, "child out of range"),
        ({"right": [2, 4, -1, -1, -1]}, "node with two parents"),
        ({"left": [2, 1, -1, -1, -1]}, "node with two parents"),
        ({"right": [1, 4, 4, -1, -1]}, "leaf with a right child"),
        ({"feature": [0, 0, 0, -2, -2]}, "leaf with a feature"),
        ({"feature": [0, 2, -2, -2, -2]}, "no such feature"),
        ({"feature": [0, -1, -2, -2, -2]}, "no such feature"),
        ({"threshold": [2.5, np.nan, 0, 0, 0]}, "threshold is not finite"),
        ({"value": [0, 0, np.inf, 3, 7.5]}, "value is not finite"),
        ({"value": [0, 0, 0, 3]}, "arrays of different lengths"),
        ({name: [] for name in GOOD}, "no node"),
    ],
)
def test_what_is_no_tree_is_named(change, what):
    """Following such arrays down would loop forever or read beyond their end."""
    verdict = evaluate(small(), tree(**{**GOOD, **change}))
    assert verdict.objective is None
    assert what in {v.what for v in verdict.violations}


def test_a_cycle_beside_the_tree_is_found():
    """Each node has one parent, and yet two of them hang on nothing but themselves."""
    verdict = evaluate(
        small(max_depth=9),
        tree([-2, 0, 0, -2, -2], [0, 2.5, 2.5, 0, 0], [-1, 2, 1, -1, -1], [-1, 3, 4, -1, -1], [3.6, 0, 0, 1, 1]),
    )
    assert [v.what for v in verdict.violations] == ["nodes on a cycle"]


def test_judge_rejects_every_corruption_of_an_optimal_tree():
    """One of them at a time, so that no other rule catches it."""
    instance, _ = tiny_instances("regtree")[1]
    good = tree([0, 1, -2, -2, 1, -2, -2], [0.5, 0.5, 0, 0, 0.5, 0, 0], [1, 2, -1, -1, 5, -1, -1],
                [4, 3, -1, -1, 6, -1, -1], [0, 0, 0, 5, 0, 5, 0])  # fmt: skip
    fields = good.to_dict()
    changes = [("feature", 1, 7), ("left", 1, 1), ("right", 4, 5), ("threshold", 0, 9.0), ("left", 2, 3)]
    corrupted = []
    for name, k, value in changes:
        values = list(fields[name])
        values[k] = value
        corrupted.append(RegressionTree(**{**fields, name: values}))
    check_judge(instance, good, corrupted)


@pytest.mark.parametrize("index", [0, 1])
def test_hand_solved_optimum_is_that_of_all_trees(index):
    """All trees of depth 2 over all thresholds, with the means of their leaves."""
    instance, optimum = tiny_instances("regtree")[index]
    assert best_of_all(instance, np.arange(instance.size), instance.max_depth) == pytest.approx(optimum)


def best_of_all(i: RegressionTreeInstance, rows: np.ndarray, depth: int) -> float:
    """The definition, without a limit on the splits."""
    if len(rows) < i.min_samples_leaf:
        return np.inf
    w = np.ones(len(rows)) if i.weights is None else i.weights[rows]
    best = float(w @ (i.y[rows] - np.average(i.y[rows], weights=w)) ** 2)
    if depth:
        for j in range(i.num_features):
            for cut in np.unique(i.X[rows, j])[:-1]:
                left = i.X[rows, j] <= cut
                sides = (best_of_all(i, rows[side], depth - 1) for side in (left, ~left))
                best = min(best, sum(sides) + i.penalty)
    return best


@given(st.integers(0, 2**32 - 1))
def test_relabelling_of_nodes_and_features_changes_nothing(seed):
    """The judge must not lean on an order of the nodes."""
    rng = np.random.default_rng(seed)
    instance = small(alpha=0.05)
    nodes = np.append(0, 1 + rng.permutation(4))  # new number of each node
    place = np.argsort(nodes)
    fields = {name: np.array(values)[place] for name, values in GOOD.items()}
    for name in ("left", "right"):
        fields[name] = np.where(fields[name] < 0, -1, nodes[fields[name]])
    features = rng.permutation(2)
    fields["feature"] = np.where(fields["feature"] < 0, -2, features[fields["feature"]])
    moved = RegressionTreeInstance(X=instance.X[:, np.argsort(features)], y=instance.y, alpha=0.05)
    assert evaluate(moved, tree(**fields)) == evaluate(instance, tree(**GOOD))


@pytest.mark.parametrize(
    "change",
    [
        {"X": np.zeros((0, 2)), "y": []},
        {"X": np.zeros((2, 0)), "y": [1, 2]},
        {"X": np.array([[np.nan], [1.0]]), "y": [1, 2]},
        {"y": [0, 1]},
        {"y": [0, 0, 3, 6, np.inf]},
        {"weights": [1, 1, 1, 1, 0]},
        {"weights": [1, 1, 1, 1]},
        {"max_depth": -1},
        {"max_depth": 1.5},
        {"min_samples_leaf": 0},
        {"min_samples_leaf": 6},
        {"alpha": -0.1},
        {"alpha": np.nan},
        {"max_splits": -1},
        {"feature_names": ("a",)},
        {"y": [1e200, -1e200, 0, 0, 0]},
    ],
)
def test_data_out_of_range_are_refused(change):
    """Every solver may rely on it."""
    fields = {"X": small().X, "y": small().y} | change
    with pytest.raises(ValueError, match=r"must|finite"):
        RegressionTreeInstance(**fields)


def test_names_are_no_part_of_the_data():
    """Renaming a column does not make another instance."""
    assert small(feature_names=("a", "b")) == small()
    assert small(max_depth=3) != small()
    assert small().feature_names == ("x0", "x1")


@pytest.mark.parametrize(("family", "p"), [("friedman1", 10), ("household", 7)])
def test_generators_repeat_themselves_and_pass_limits_on(family, p):
    """Equal seeds must give equal bits, other seeds other data."""
    one, two, other = (cosolve.generate("regtree", family, seed=s, n=200, max_depth=3, alpha=0.01) for s in (1, 1, 2))
    assert one == two != other
    assert one.X.shape == (200, p)
    assert (one.max_depth, one.alpha) == (3, 0.01)


def test_friedman_target_follows_the_published_formula():
    """Without noise nothing but the formula is left (Friedman 1991, eq. 56)."""
    i = cosolve.generate("regtree", "friedman1", n=500, noise=0.0)
    x = i.X.T
    y = 10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
    assert i.y == pytest.approx(y, abs=1e-9)


def test_household_columns_have_few_distinct_values():
    """That is what the family is for: searches over histograms instead of samples."""
    i = cosolve.generate("regtree", "household", n=50_000)
    assert max(len(np.unique(i.X[:, j])) for j in range(7)) <= 4000


@pytest.mark.parametrize("change", [{"n": 0}, {"p": 4}, {"noise": -1.0}, {"depth": 3}])
def test_generator_refuses_parameters_out_of_range(change):
    with pytest.raises(ValueError, match=r"must be|no parameter"):
        cosolve.generate("regtree", "friedman1", **change)


def test_solutions_survive_json(tmp_path):
    """There is no other format of trees, and JSON knows no NaN."""
    from cosolve.testing import check_solution_format

    check_solution_format(small(), tree(**GOOD), tmp_path / "tree.json")


@pytest.mark.parametrize("value", [1e300, 2.0**64, float("nan"), "x", None, 10**400, 1.5, {}])
@pytest.mark.parametrize("field", ["feature", "left", "right"])
def test_json_trees_with_impossible_nodes_are_refused(tmp_path, field, value):
    """NumPy warns and wraps when 1e300 becomes an integer: child 1e300 must not become another node."""
    fields = {**GOOD, field: [value, *GOOD[field][1:]]}
    path = tmp_path / "tree.json"
    path.write_text(json.dumps({"problem": "regtree", "solution": fields}))
    with pytest.raises(InvalidSolutionError, match="integers"):
        cosolve.read_solution(path, small())


def test_every_depth_of_a_chain_is_counted():
    """Depth is the longest path, not the number of levels that are full."""
    n = 6
    instance = RegressionTreeInstance(X=np.arange(float(n))[:, None], y=np.arange(float(n)), max_depth=n - 1)
    nodes = []
    for k in range(n - 1):
        nodes += [(0, k + 0.5, 2 * k + 1, 2 * k + 2, 0.0), (-2, 0.0, -1, -1, float(k))]
    nodes.append((-2, 0.0, -1, -1, n - 1.0))
    columns = dict(
        zip(("feature", "threshold", "left", "right", "value"), map(list, zip(*nodes, strict=True)), strict=True)
    )
    # Leaf 2k + 1 stands behind the split k at 2k: node numbers as they are.
    assert evaluate(instance, tree(**columns)).objective == 0
    shallow = RegressionTreeInstance(X=instance.X, y=instance.y, max_depth=n - 2)
    assert [v.what for v in evaluate(shallow, tree(**columns)).violations] == ["tree too deep"]
