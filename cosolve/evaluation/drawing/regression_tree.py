"""Diagrams of regression trees."""

from __future__ import annotations

import numpy as np

from cosolve.evaluation.drawing.palette import COLOURS, ink, scale
from cosolve.evaluation.drawing.svg import Box, Canvas, counted
from cosolve.instances.regtree import NO_CHILD, RegressionTree, RegressionTreeInstance

_WIDEST, _TALLEST, _NARROWEST = 130.0, 36.0, 42.0


def draw_regression_tree(
    instance: RegressionTreeInstance, solution: RegressionTree | None, canvas: Canvas, limit: int
) -> None:
    """
    The tree from the root down: splits, leaves in the colour of their value, branches as wide as their samples.

    Without a solution, the target over the samples from its lowest to its highest value.

    Parameters
    ----------
    instance, solution
        What is drawn.
    canvas
        Where.
    limit
        Most nodes, or samples, that are drawn.
    """
    low, high = float(instance.y.min()), float(instance.y.max())
    what = f"{counted(instance.size, 'sample')}, {counted(instance.num_features, 'feature')}"
    ends = scale(np.array([0.0, 1.0]))
    if solution is None:
        canvas.legend(
            [("dot", COLOURS[0], f"target of {what}, in ascending order"), ("", "", f"{low:,.4g} to {high:,.4g}")]
        )
        _draw_target(instance.y, canvas, limit)
        return
    leaves = solution.value[solution.left == NO_CHILD]
    low, high = float(leaves.min()), float(leaves.max())
    canvas.legend(
        [
            ("square", ends[0], f"prediction {low:,.4g}"),
            ("square", ends[1], f"{high:,.4g}"),
            ("", "", f"{what}; left where the condition holds"),
        ]
    )
    _draw_tree(instance, solution, canvas, limit)


def _draw_target(y: np.ndarray, canvas: Canvas, limit: int) -> None:
    box = canvas.box
    ordered = np.sort(y)[np.unique(np.linspace(0, len(y) - 1, min(len(y), limit)).astype(np.int64))]
    half = ordered / 2
    span = (half[-1] - half[0]) or 1.0
    x = box.left + box.width * (np.arange(len(half)) + 0.5) / len(half)
    pixels = np.column_stack((x, box.bottom - box.height * (half - half[0]) / span))
    canvas.dots(pixels, 2.0, COLOURS[0], css="target")


def _draw_tree(instance: RegressionTreeInstance, tree: RegressionTree, canvas: Canvas, limit: int) -> None:
    assert instance.feature_names is not None  # filled in by the instance
    order, depth, samples = _walk(instance.X, tree)
    is_leaf = tree.left == NO_CHILD
    leaves = order[is_leaf[order]]
    box = canvas.box
    column = box.width / len(leaves)
    # Every node stands above the middle of its leaves.
    first, last = np.zeros(len(tree.left)), np.zeros(len(tree.left))
    first[leaves] = last[leaves] = np.arange(len(leaves))
    for node in order[::-1].tolist():
        if not is_leaf[node]:
            first[node], last[node] = first[tree.left[node]], last[tree.right[node]]
    x = box.left + column * ((first + last) / 2 + 0.5)
    levels = int(depth.max())
    height = min(_TALLEST, 0.6 * box.height / (levels + 1))
    y = box.top + height / 2 + (box.height - height) * depth / max(levels, 1)

    order = order[np.argsort(depth[order], kind="stable")][:limit]
    with canvas.group(css="branches", stroke_opacity=0.45):
        for node in order[~is_leaf[order]].tolist():
            for child in (tree.left[node], tree.right[node]):
                width = 1.0 + 9.0 * np.sqrt(samples[child] / instance.size)
                ends = np.array([[x[node], y[node] + height / 2], [x[child], y[child] - height / 2]])
                canvas.lines(ends, stroke="currentColor", stroke_width=float(width))
    low, high = float(tree.value[leaves].min()) / 2, float(tree.value[leaves].max()) / 2
    # The value of an inner node means nothing and may be NaN.
    colour = scale(np.where(is_leaf, tree.value / 2 - low, 0.0) / ((high - low) or 1.0))
    for node in order.tolist():
        count = counted(samples[node], "sample")
        half = max(min(column * (last[node] - first[node] + 1) - 4, _WIDEST), 1.0) / 2
        frame = Box(x[node] - half, y[node] - height / 2, x[node] + half, y[node] + height / 2)
        if is_leaf[node]:
            words = (f"{tree.value[node]:,.4g}", count if column > 80 else f"{samples[node]:,}")
            _draw_node(canvas, frame, words, f"predicts {tree.value[node]:,.6g} for {count}", "leaf", colour[node])
        else:
            name, bound = instance.feature_names[tree.feature[node]], tree.threshold[node]
            title = f"{name} <= {bound:,.6g}: {count}"
            _draw_node(canvas, frame, (name, f"<= {bound:,.4g}"), title, "split", "")


def _walk(X: np.ndarray, tree: RegressionTree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes from left to right with parents first, and depth and number of samples of each node."""
    depth = np.zeros(len(tree.left), np.int64)
    samples = np.zeros(len(tree.left), np.int64)
    order = []
    stack = [(0, np.arange(len(X)))]
    while stack:
        node, rows = stack.pop()
        order.append(node)
        samples[node] = len(rows)
        left, right = int(tree.left[node]), int(tree.right[node])
        if left != NO_CHILD:
            goes_left = X[rows, tree.feature[node]] <= tree.threshold[node]
            depth[[left, right]] = depth[node] + 1
            stack += [(right, rows[~goes_left]), (left, rows[goes_left])]
    return np.array(order), depth, samples


def _draw_node(canvas: Canvas, box: Box, words: tuple[str, str], title: str, css: str, fill: str) -> None:
    """A box with words where they fit."""
    paint = {"fill": fill} if fill else {"fill": "currentColor", "fill_opacity": "0.06"}
    canvas.rect(box, title=title, css=css, rx=4.0, stroke="currentColor", **paint)
    if box.width < _NARROWEST or box.height < 26:
        return
    letters = max(1, int((box.width - 6) / 6.2))
    colour = ink(fill) if fill else "currentColor"
    with canvas.group(text_anchor="middle", font_size=11.0, fill=colour, pointer_events="none"):
        for k, line in enumerate(words):
            line = line if len(line) <= letters else line[: letters - 1] + "…"
            canvas.element("text", line, x=(box.left + box.right) / 2, y=box.top + box.height / 2 - 3 + 14 * k)
