"""Trees for people and for scikit-learn: text, a drawing, a fitted decision tree."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cosolve.trees.tree import Tree

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor


def export_text(tree: Tree, feature_names: Sequence[str] | None = None, decimals: int = 2) -> str:
    """
    Tree as indented text, in the layout of ``sklearn.tree.export_text``.

    Parameters
    ----------
    tree
        The tree.
    feature_names
        Names of the features; ``None`` for ``feature_0``, ``feature_1``, ...
    decimals
        Digits after the point, >= 0.

    Raises
    ------
    ValueError
        If there are fewer names than features in use.
    """
    names = _names(tree, feature_names)
    lines: list[str] = []

    def write(node: int, indent: str) -> None:
        if tree.is_leaf[node]:
            lines.append(f"{indent}|--- value: [{tree.value[node]:.{decimals}f}]")
            return
        threshold = f"{tree.threshold[node]:.{decimals}f}"
        for relation, child in (("<=", tree.left[node]), ("> ", tree.right[node])):
            lines.append(f"{indent}|--- {names[tree.feature[node]]} {relation} {threshold}")
            write(int(child), indent + "|   ")

    write(0, "")
    return "\n".join(lines) + "\n"


def plot_tree(
    tree: Tree,
    num_rows: np.ndarray,
    feature_names: Sequence[str] | None = None,
    decimals: int = 2,
    ax: Any = None,
) -> Any:
    """
    Draw a tree with matplotlib; boxes are shaded by the value of the node.

    Parameters
    ----------
    tree
        The tree, with values at inner nodes.
    num_rows
        Training rows in each node, written into its box.
    feature_names
        Names of the features; ``None`` for ``x[0]``, ``x[1]``, ...
    decimals
        Digits after the point, >= 0.
    ax
        matplotlib axes to draw on; ``None`` for a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib import colormaps
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError("drawing a tree needs matplotlib: pip install matplotlib.") from error
    names = _names(tree, feature_names, "x[{}]")
    depths = tree.depths
    if ax is None:
        size = (max(4.0, 1.6 * tree.num_leaves), 1.5 * (tree.depth + 1))
        _, ax = plt.subplots(figsize=size, layout="constrained")

    # Leaves stand side by side in preorder, a parent stands in the middle of its children.
    position = np.zeros(tree.num_nodes)
    position[tree.is_leaf] = np.arange(tree.num_leaves)
    for node in np.flatnonzero(~tree.is_leaf)[::-1]:
        position[node] = (position[tree.left[node]] + position[tree.right[node]]) / 2
    low, high = float(tree.value.min()), float(tree.value.max())
    shade = (tree.value - low) / (high - low) if high > low else np.full(tree.num_nodes, 0.5)
    colours = colormaps["Blues"](0.1 + 0.5 * shade)
    for node in range(tree.num_nodes):
        text = f"{tree.value[node]:.{decimals}f}\nn = {num_rows[node]}"
        if not tree.is_leaf[node]:
            text = f"{names[tree.feature[node]]} <= {tree.threshold[node]:.{decimals}f}\n{text}"
            for child, label in ((tree.left[node], "yes"), (tree.right[node], "no")):
                ends = (position[node], position[child]), (-depths[node], -depths[child])
                ax.plot(*ends, color="0.6", linewidth=1, zorder=1)
                if node == 0:
                    ax.text(float(np.mean(ends[0])), float(np.mean(ends[1])), label, ha="center", va="bottom")
        box = {"boxstyle": "round", "facecolor": colours[node], "edgecolor": "0.4"}
        ax.text(position[node], -depths[node], text, ha="center", va="center", bbox=box, zorder=2)
    ax.set_xlim(-0.6, max(tree.num_leaves - 0.4, 0.6))
    ax.set_ylim(-tree.depth - 0.5, 0.5)
    ax.set_axis_off()
    return ax


def to_sklearn(tree: Tree, X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> DecisionTreeRegressor:
    """
    Fitted ``DecisionTreeRegressor`` with the splits of a tree, for ``sklearn.tree.plot_tree`` and its relatives.

    scikit-learn compares features in single precision: a row closer to a threshold than that may go the other way. A
    warning says so if one of these does.

    Parameters
    ----------
    tree
        The tree.
    X, y, weights
        Training rows, from which the counts and impurities of the nodes come.
    """
    from sklearn.tree import DecisionTreeRegressor

    leaves = tree.apply(X)
    above = _ancestors(tree)
    centre = float(np.average(y, weights=weights))
    # Sums of each leaf, then of all nodes above it.
    num_rows, weight, total, squares = (
        above.T @ np.bincount(leaves, factor, tree.num_nodes)
        for factor in (np.ones(len(y)), weights, weights * (y - centre), weights * (y - centre) ** 2)
    )
    weight_or_one = np.where(weight > 0, weight, 1.0)
    impurity = np.maximum(0.0, squares / weight_or_one - (total / weight_or_one) ** 2)

    model = DecisionTreeRegressor(max_depth=max(tree.depth, 1))
    model.fit(np.zeros((1, X.shape[1])), np.zeros(1))
    # There is no public way to make a tree: an empty one gets its nodes through the pickle protocol. The fitted one
    # would not do: it keeps the room it has and would be written past its end.
    empty = type(model.tree_)(X.shape[1], np.ones(1, dtype=np.intp), 1)
    state = model.tree_.__getstate__()
    nodes = np.zeros(tree.num_nodes, state["nodes"].dtype)
    nodes["left_child"], nodes["right_child"] = tree.left, tree.right
    nodes["feature"] = tree.feature
    nodes["threshold"] = np.where(tree.is_leaf, -2.0, tree.threshold)
    nodes["impurity"] = impurity
    nodes["n_node_samples"] = num_rows
    nodes["weighted_n_node_samples"] = weight
    state |= {
        "max_depth": tree.depth,
        "node_count": tree.num_nodes,
        "nodes": nodes,
        "values": np.ascontiguousarray(tree.value).reshape(-1, 1, 1),
    }
    empty.__setstate__(state)
    model.tree_ = empty
    moved = int((empty.apply(X.astype(np.float32)) != leaves).sum())
    if moved:
        what = f"{moved} of {len(X)} rows come to another leaf in single precision, in which scikit-learn compares."
        warnings.warn(f"{what} Subtract what the features have in common, or scale them.", stacklevel=3)
    return model


def node_path(tree: Tree, leaves: np.ndarray) -> Any:
    """
    Nodes on the way to each row's leaf.

    Parameters
    ----------
    tree
        The tree.
    leaves
        Leaf of each row.

    Returns
    -------
    scipy.sparse.csr_matrix
        Shape (rows, nodes), 1 where the row goes through the node.
    """
    return _ancestors(tree)[leaves]


def _ancestors(tree: Tree) -> Any:
    """Sparse matrix with a 1 where the node of the column lies on the way to the node of the row, or is it."""
    from scipy.sparse import csr_matrix

    above: list[list[int]] = [[0]]
    parent = np.zeros(tree.num_nodes, np.int64)
    inner = np.flatnonzero(~tree.is_leaf)
    parent[tree.left[inner]] = parent[tree.right[inner]] = inner
    for node in range(1, tree.num_nodes):
        above.append([*above[parent[node]], node])
    ends = np.cumsum([0, *(len(nodes) for nodes in above)])
    indices = np.concatenate(above)
    return csr_matrix((np.ones(len(indices), np.int64), indices, ends), shape=(tree.num_nodes, tree.num_nodes))


def _names(tree: Tree, feature_names: Sequence[str] | None, pattern: str = "feature_{}") -> Sequence[str]:
    used = int(tree.feature.max()) + 1
    if feature_names is None:
        return [pattern.format(feature) for feature in range(used)]
    if len(feature_names) < used:
        raise ValueError(f"feature_names must have at least {used} names, got {len(feature_names)}.")
    return feature_names
