"""Covering formulation of minimum dominating sets on the reduced problem."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.graphs import MDSInstance, NodeSet
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.local_search.mds import make_cover


def formulate(instance: MDSInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Minimise the sum of binaries with at least one in each row of the reduced set cover.

    The reductions keep some optimum; a start that uses removed nodes is completed and stripped to a cover.
    """
    cover = make_cover(instance.graph, monitor)
    n, rows = cover.num_columns, cover.num_rows
    model = MILPInstance(
        name=instance.name,
        cost=np.ones(n),
        col_lower=np.zeros(n),
        col_upper=np.ones(n),
        is_integer=np.ones(n, np.bool_),
        data=np.ones(len(cover.row_columns)),
        indices=cover.row_columns,
        indptr=cover.row_ptr,
        row_lower=np.ones(rows),
        row_upper=np.full(rows, np.inf),
        offset=float(len(cover.taken)),
    )

    def decode(values: np.ndarray) -> NodeSet:
        return cover.lift(values > 0.5)

    def encode(solution: NodeSet) -> np.ndarray:
        return cover.restrict(solution).astype(np.float64)

    return Formulation(model, decode, encode)
