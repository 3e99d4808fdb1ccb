"""Weighted independent sets and vertex covers written as MILPs, taken back to the graph, where searches are quick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from cosolve.instances.graphs import Graph, MISInstance
from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.rows import is_binary, row_types
from cosolve.search.row_types import RowType

#: Pairs of columns in a common row, each counted once for each, of the largest graph that is made; some 500 MB.
_MOST_PAIRS = 10_000_000

#: Sum of whole weights.
_TOTAL = 2.0**61


@dataclass(frozen=True, eq=False)
class NodeSetProblem:
    """
    The independent set problem behind a MILP.

    Parameters
    ----------
    name
        Of the MILP.
    graph
        Columns that may not both be 1, or 0.
    weights
        (n,) what a node in the set is worth, 0 where it is worth nothing or less.
    is_cover
        Whether the MILP asks for what an independent set leaves.
    """

    name: str
    graph: Graph
    weights: np.ndarray
    is_cover: bool

    def unweighted(self) -> MISInstance:
        """
        The graph problem, if all nodes are worth the same.

        Raises
        ------
        ValueError
            If they are not.
        """
        if len(set(self.weights.tolist())) != 1 or self.weights[0] <= 0:
            raise ValueError(f"{self.name}: no unweighted node set problem: all columns must be of one cost.")
        return MISInstance(name=self.name, graph=self.graph)

    def whole_weights(self) -> np.ndarray:
        """(n,) int64, the weights so close that their sum, some 2e18, has no more than rounding errors."""
        share = self.weights / self.weights.max()
        rounded: np.ndarray = np.rint(share * (_TOTAL / share.sum())).astype(np.int64)
        return rounded

    def values(self, nodes: np.ndarray) -> np.ndarray:
        """Column values that an independent set stands for, given as ids or as a mask."""
        x = np.zeros(self.graph.num_nodes)
        x[nodes] = 1.0
        return 1 - x if self.is_cover else x


def node_set_problem(instance: MILPInstance, *, most_pairs: int = _MOST_PAIRS) -> NodeSetProblem:
    """
    Recognise an independent set problem, weighted or not, as auctions and all set packings are, or a vertex cover.

    Rows that allow everything, of one column or none, say nothing and are skipped.

    Raises
    ------
    ValueError
        If it is neither: a column that is no binary, a row of another type, or too many pairs.
    """
    lengths = np.diff(instance.indptr)
    single = np.flatnonzero(lengths == 1)
    coefs = instance.data[instance.indptr[single]]
    is_free = instance.row_lower[single] <= np.minimum(coefs, 0)
    is_free &= instance.row_upper[single] >= np.maximum(coefs, 0)
    has_say = (lengths > 0) | (instance.row_lower > 0) | (instance.row_upper < 0)
    has_say[single[is_free]] = False
    kinds = set(row_types(instance).kind[has_say].tolist())
    if np.isposinf(instance.row_lower).any() or np.isneginf(instance.row_upper).any():
        raise ValueError(f"{instance.name}: no node set problem: a row allows nothing.")
    is_cover = RowType.SET_COVERING in kinds
    if not is_binary(instance).all():
        raise ValueError(f"{instance.name}: no node set problem: all columns must be binaries.")
    if (
        len(kinds - {RowType.SET_PACKING, RowType.SET_COVERING})
        or len(kinds) > 1
        or (is_cover and (lengths[has_say] != 2).any())
    ):
        raise ValueError(f"{instance.name}: no node set problem: rows must be x + y >= 1, or all sums of x <= 1.")
    entry = np.repeat(has_say, lengths)
    if (instance.data[entry] != 1).any():
        raise ValueError(f"{instance.name}: no node set problem: all coefficients must be 1.")
    if (pairs := int((lengths[has_say] ** 2).sum())) > most_pairs:
        raise ValueError(f"{instance.name}: {pairs:,} pairs of columns in a common row, at most {most_pairs:,}.")
    rows = csr_array(
        (np.ones(int(entry.sum()), np.int32), instance.indices[entry], np.append(0, np.cumsum(lengths[has_say]))),
        shape=(int(has_say.sum()), instance.size),
    )
    common = (rows.T @ rows).tocoo()
    graph = Graph.from_edges(instance.size, common.row, common.col)
    worth = instance.cost if instance.maximize != is_cover else -instance.cost
    return NodeSetProblem(instance.name, graph, np.maximum(worth, 0.0), is_cover)
