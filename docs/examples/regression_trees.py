"""
Optimal regression trees, step by step.

Run as a script (``python docs/examples/regression_trees.py``, which writes ``regression_trees.png``) or cell by cell in
an editor that knows ``# %%``. It needs matplotlib beside cosolve.
"""

# %%
from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor

import cosolve
from cosolve.trees.estimator import OptimalRegressionTree

figure, axes = plt.subplots(2, 2, figsize=(13, 10))

# %% [markdown]
# ## Where greedy splits fail
#
# The target is 1 where exactly one of two features is above 1/2. No single split helps, so CART's first one is as good
# as drawn by lot, and the second level can't repair it.

# %%
rng = np.random.default_rng(0)
X = rng.random((400, 3))
y = ((X[:, 0] > 0.5) != (X[:, 1] > 0.5)) + 0.1 * rng.normal(size=400)
for name, model in (
    ("CART", DecisionTreeRegressor(max_depth=2, random_state=0)),
    ("optimal", OptimalRegressionTree(max_depth=2)),
):
    model.fit(X, y)
    print(f"{name:>8}: mean squared error {np.mean((model.predict(X) - y) ** 2):.4f}")

# %% [markdown]
# ## A tree and its proof
#
# Friedman's first function: five features matter, five are noise. The trace holds seconds, objective and lower bound of
# every improvement; where both lines meet, the tree is proven optimal.

# %%
instance = cosolve.generate("regtree", "friedman1", n=600, seed=1)
X_train, X_test, y_train, y_test = train_test_split(instance.X, instance.y, test_size=0.5, random_state=0)
tree = OptimalRegressionTree(max_depth=3).fit(X_train, y_train)
print(tree.export_text())
print(f"{tree.status_}: objective {tree.objective_:.2f}, bound {tree.lower_bound_:.2f}, {tree.n_evals_} evaluations")

seconds, upper, lower = tree.trace_.T
axes[0, 0].step(seconds, upper, where="post", label="best tree")
axes[0, 0].step(seconds, lower, where="post", label="lower bound")
axes[0, 0].set(xlabel="seconds", ylabel="squared error", title="Depth 3: objective and bound")
axes[0, 0].legend()
tree.plot(X_train, ax=axes[0, 1])
axes[0, 1].set_title("The optimal tree")

# %% [markdown]
# ## How far is CART from the optimum?

# %%
depths = (1, 2, 3)
errors: dict[str, list[float]] = {"CART": [], "optimal": []}
for depth in depths:
    for name, model in (
        ("CART", DecisionTreeRegressor(max_depth=depth, random_state=0)),
        ("optimal", OptimalRegressionTree(max_depth=depth, time_limit=60)),
    ):
        model.fit(X_train, y_train)
        train, test = (np.mean((model.predict(X) - y) ** 2) for X, y in ((X_train, y_train), (X_test, y_test)))
        errors[name].append(train)
        print(f"depth {depth}, {name:>8}: training error {train:.3f}, test error {test:.3f}")
for name, values in errors.items():
    axes[1, 0].plot(depths, values, marker="o", label=name)
axes[1, 0].set(xlabel="depth", ylabel="mean squared error", title="Training error", xticks=depths)
axes[1, 0].legend()

# %% [markdown]
# ## The price of a split
#
# With `alpha` the tree keeps only splits that explain at least this share of the variance. Optimal trees for rising
# prices:

# %%
alphas = np.linspace(0.0, 0.2, 9)
splits = [OptimalRegressionTree(max_depth=3, alpha=a).fit(X_train, y_train).tree_.num_splits for a in alphas]
axes[1, 1].step(alphas, splits, where="post")
axes[1, 1].set(xlabel="alpha", ylabel="splits", title="Splits that are worth their price")

# %% [markdown]
# ## The same as an instance
#
# Any solver of problem `regtree` answers the same question, and the judge compares them.

# %%
for solver in ("cart", "trees"):
    result = cosolve.solve(instance, solver, time_limit=30)
    bound = "none" if result.bound is None else f"{result.bound:.2f}"
    print(f"{solver:>8}: {result.status.value}, objective {result.objective:.2f}, bound {bound}")

# %%
figure.tight_layout()
figure.savefig("regression_trees.png", dpi=120)
