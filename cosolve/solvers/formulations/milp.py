"""A MILP is its own formulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.milp import MILPInstance, Values, with_whole_limits
from cosolve.solvers.formulations import Formulation


def formulate(instance: MILPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    The instance itself, rounded by :func:`with_whole_limits`.

    ``decode`` rounds integer columns and pulls the others into their bounds.
    """
    model = with_whole_limits(instance)

    def decode(x: np.ndarray) -> Values:
        values = np.where(model.is_integer, np.rint(x), x)
        return Values(values=np.clip(values, model.col_lower, model.col_upper))

    def encode(solution: Any) -> np.ndarray:
        return np.asarray(solution.values, dtype=np.float64)

    return Formulation(model, decode, encode)
