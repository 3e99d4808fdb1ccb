"""Clique formulation of maximum independent sets on the kernel of the graph."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.graphs import MISInstance, NodeSet
from cosolve.instances.milp import MILPInstance
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.local_search.mis import make_kernel


def formulate(instance: MISInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Maximise the sum of binaries with at most one in each clique of a cover of all edges.

    One row for each edge would allow 1/2 everywhere, which makes a bound of n / 2; cliques cut that off. The graph is
    kernelised before: the rules keep some optimum, and a start outside the kernel is cut down to it.

    Raises
    ------
    OutOfTime
        Once ``monitor.should_stop()``.
    """
    kernel = make_kernel(instance.graph, monitor)
    n = len(kernel.kept)
    ptr, members = kernel.edge_cliques(monitor)
    rows = len(ptr) - 1
    model = MILPInstance(
        name=instance.name,
        cost=np.ones(n),
        col_lower=np.zeros(n),
        col_upper=np.ones(n),
        is_integer=np.ones(n, np.bool_),
        data=np.ones(len(members)),
        indices=members,
        indptr=ptr,
        row_lower=np.full(rows, -np.inf),
        row_upper=np.ones(rows),
        offset=float(len(kernel.taken)),
        maximize=True,
    )

    def decode(values: np.ndarray) -> NodeSet:
        return kernel.lift(np.flatnonzero(values > 0.5))

    def encode(solution: NodeSet) -> np.ndarray:
        values = np.zeros(n)
        values[kernel.restrict(solution)] = 1.0
        return values

    return Formulation(model, decode, encode)
