"""Independent sets and vertex covers written as MILPs, taken back to the graph, whose own solvers label at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cosolve.instances.graphs import Graph, MISInstance, NodeSet
from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.rows import is_binary, row_types
from cosolve.search.row_types import RowType


@dataclass(frozen=True)
class NodeSetProblem:
    """
    The independent set problem behind a MILP.

    Parameters
    ----------
    instance
        Its graph: columns that may not both be 1, or 0.
    is_cover
        Whether the MILP asks for what an independent set leaves.
    """

    instance: MISInstance
    is_cover: bool

    def values(self, solution: NodeSet) -> np.ndarray:
        """Column values that an independent set stands for."""
        x = np.zeros(self.instance.size)
        x[solution.nodes] = 1.0
        return 1 - x if self.is_cover else x


def node_set_problem(instance: MILPInstance) -> NodeSetProblem:
    """
    Recognise an unweighted independent set or vertex cover problem.

    Rows of one column that allow both 0 and 1 say nothing and are skipped.

    Raises
    ------
    ValueError
        If it is neither: a column that is no binary, different costs, or a row of another type.
    """
    lengths = np.diff(instance.indptr)
    single = np.flatnonzero(lengths == 1)
    coefs = instance.data[instance.indptr[single]]
    is_free = instance.row_lower[single] <= np.minimum(coefs, 0)
    is_free &= instance.row_upper[single] >= np.maximum(coefs, 0)
    has_say = np.ones(len(lengths), dtype=np.bool_)
    has_say[single[is_free]] = False
    rows = np.flatnonzero(has_say)
    kinds = set(row_types(instance).kind[rows].tolist())
    is_cover = not instance.maximize
    wanted = {RowType.SET_COVERING} if is_cover else {RowType.SET_PACKING}
    if not is_binary(instance).all() or len(set(instance.cost.tolist())) != 1 or instance.cost[0] <= 0:
        raise ValueError(f"{instance.name}: no unweighted node set problem: all columns must be binaries of one cost.")
    if not kinds <= wanted or (is_cover and not (lengths[rows] == 2).all()):
        raise ValueError(f"{instance.name}: no node set problem: rows must be x + y >= 1, or all sums of x <= 1.")
    if (instance.data[np.repeat(has_say, lengths)] != 1).any():
        raise ValueError(f"{instance.name}: no node set problem: all coefficients must be 1.")
    pairs = [
        pair
        for row in rows.tolist()
        for pair in combinations(instance.indices[instance.indptr[row] : instance.indptr[row + 1]].tolist(), 2)
    ]
    edges = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = Graph.from_edges(instance.size, edges[:, 0], edges[:, 1])
    return NodeSetProblem(MISInstance(name=instance.name, graph=graph), is_cover)
