"""Instances small enough to solve by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.instances.distances import Distances
from cosolve.instances.milp import MILPInstance
from cosolve.instances.tsp import TSPInstance


@pytest.fixture
def square() -> TSPInstance:
    """Four corners of a square of side 10 in cyclic order: the optimum is 40, the crossing tours are 48."""
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    return TSPInstance(name="square", distances=Distances.from_coords(corners))


@pytest.fixture
def knapsack() -> MILPInstance:
    """max 3x + 2y, x + y <= 1.5, x, y in {0, 1}: optimum 3, and a maximisation."""
    return MILPInstance(
        name="knapsack",
        cost=np.array([3.0, 2.0]),
        col_lower=np.zeros(2),
        col_upper=np.ones(2),
        is_integer=np.ones(2, bool),
        data=np.ones(2),
        indices=np.array([0, 1]),
        indptr=np.array([0, 2]),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([1.5]),
        maximize=True,
    )
