"""A MILP is its own formulation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.milp import TOLERANCE, MILPInstance, Values
from cosolve.solvers.formulations import Formulation


def formulate(instance: MILPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    The instance itself, bounds of integer columns rounded to the integers that the judge allows.

    Backends treat fractional ones in ways of their own, and some of them lose solutions. ``decode`` rounds integer
    columns and pulls the others into their bounds.
    """
    model = _with_whole_bounds(instance)

    def decode(x: np.ndarray) -> Values:
        values = np.where(model.is_integer, np.rint(x), x)
        return Values(values=np.clip(values, model.col_lower, model.col_upper))

    def encode(solution: Any) -> np.ndarray:
        return np.asarray(solution.values, dtype=np.float64)

    return Formulation(model, decode, encode)


def _with_whole_bounds(model: MILPInstance) -> MILPInstance:
    lower = np.where(model.is_integer, np.ceil(model.col_lower - TOLERANCE), model.col_lower)
    upper = np.where(model.is_integer, np.floor(model.col_upper + TOLERANCE), model.col_upper)
    if (lower == model.col_lower).all() and (upper == model.col_upper).all():
        return model
    return replace(model, col_lower=lower, col_upper=upper)
