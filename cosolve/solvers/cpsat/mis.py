"""CP-SAT model of maximum independent sets: at most one node of each clique, on the kernel of the graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor, stop_of
from cosolve.instances.graphs import MISInstance, NodeSet
from cosolve.search.mis_reduce import greedy
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.local_search.mis import cover_cliques, make_kernel


def build(instance: MISInstance, monitor: Monitor | None = None) -> Model:
    """
    A literal for each kernel node, at-most-one over cliques that hold all edges, and a greedy solution as hint.

    A partition of the nodes into few cliques is added to the cover of the edges: its number is a bound that the
    linear relaxation then sees.
    """
    from ortools.sat.python import cp_model

    kernel = make_kernel(instance.graph, monitor)
    n = len(kernel.kept)
    model = cp_model.CpModel()
    literals = [model.new_bool_var("") for _ in until(monitor, range(n))]
    ptr, members = kernel.edge_cliques(monitor)
    bounds, nodes = ptr.tolist(), members.tolist()
    for row in until(monitor, range(len(bounds) - 1)):
        model.add_at_most_one(literals[v] for v in nodes[bounds[row] : bounds[row + 1]])
    clique, count = cover_cliques(kernel.indptr, kernel.indices, np.random.default_rng(0), stop_of(monitor))
    groups: list[list[int]] = [[] for _ in range(count)]
    for v, c in enumerate(clique.tolist()):
        groups[c].append(v)
    for group in until(monitor, groups):
        if len(group) > 1:
            model.add_at_most_one(literals[v] for v in group)
    model.maximize(cp_model.LinearExpr.sum(list(until(monitor, literals))))
    hint = np.zeros(n, np.int64)
    hint[greedy(kernel.indptr, kernel.indices, np.arange(n, dtype=np.int32))] = 1
    for literal, value in until(monitor, zip(literals, hint.tolist(), strict=True)):
        model.add_hint(literal, value)

    def decode(values: Sequence[int]) -> NodeSet:
        return kernel.lift(np.flatnonzero(np.asarray(values, np.int64)))

    def encode(solution: NodeSet) -> list[int]:
        values = np.zeros(n, np.int64)
        values[kernel.restrict(solution)] = 1
        return values.tolist()

    return Model(model, literals, decode, encode, offset=float(len(kernel.taken)))
