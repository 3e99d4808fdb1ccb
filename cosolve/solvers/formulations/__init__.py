"""Sparse MILP formulations of the problems, one module each, shared by every MILP backend."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import MILPInstance

#: Rows to add to a model: CSR triple over the columns (data, indices, indptr), lower and upper sides.
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Formulation:
    """
    A MILP whose solutions are solutions of an instance.

    Parameters
    ----------
    model
        The MILP; its objective equals the instance's objective for every solution, in the same sense.
    decode
        Column values (num_cols,) to a solution; rounds what is integer.
    encode
        Solution to column values for a warm start, or ``None`` if there is none.
    separate
        ``separate(x)`` gives violated rows of a family too large to write down, or ``None`` if x violates
        none. With it the model alone is a relaxation: only a bound and an x without violated rows count.
    """

    model: MILPInstance
    decode: Callable[[np.ndarray], Solution]
    encode: Callable[[Any], np.ndarray] | None = None
    separate: Callable[[np.ndarray], Rows | None] | None = None


#: Problems that have a module here, and "milp", which is its own formulation.
PROBLEMS = frozenset({"milp", "tsp", "cvrp", "mis", "mds", "cflp", "cpmp", "stp", "regtree", "optw", "optwvp"})


def formulate(instance: Any, monitor: Monitor | None = None) -> Formulation:
    """
    Formulation of an instance of one of :data:`PROBLEMS`; ``monitor`` lets a long set-up heed the clock.

    Raises
    ------
    cosolve.core.monitor.OutOfTime
        Once ``monitor.should_stop()``, where the set-up has no model to show by then.
    """
    module = importlib.import_module(f"cosolve.solvers.formulations.{instance.problem}")
    return module.formulate(instance, monitor)
