"""CP-SAT model of minimum dominating sets: one clause for each row of the reduced set cover."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.graphs import MDSInstance, NodeSet
from cosolve.search.mds_reduce import greedy
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.local_search.mds import make_cover


def build(instance: MDSInstance, monitor: Monitor | None = None) -> Model:
    """A literal for each candidate, a clause for each row, and a greedy cover as hint."""
    from ortools.sat.python import cp_model

    cover = make_cover(instance.graph, monitor)
    n = cover.num_columns
    model = cp_model.CpModel()
    literals = [model.new_bool_var("") for _ in until(monitor, range(n))]
    bounds, columns = cover.row_ptr.tolist(), cover.row_columns.tolist()
    for row in until(monitor, range(cover.num_rows)):
        model.add_bool_or(literals[c] for c in columns[bounds[row] : bounds[row + 1]])
    model.minimize(cp_model.LinearExpr.sum(list(until(monitor, literals))))
    args = (cover.row_ptr, cover.row_columns, cover.column_ptr, cover.column_rows)
    hint = greedy(*args, np.arange(n, dtype=np.int32), np.zeros(n, np.bool_))
    for literal, value in until(monitor, zip(literals, hint.tolist(), strict=True)):
        model.add_hint(literal, value)

    def decode(values: Sequence[int]) -> NodeSet:
        return cover.lift(np.asarray(values, np.int64) > 0)

    def encode(solution: NodeSet) -> list[int]:
        return cover.restrict(solution).astype(np.int64).tolist()

    return Model(model, literals, decode, encode, offset=float(len(cover.taken)))
