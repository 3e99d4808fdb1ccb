"""What the edge formulations of routing problems share: columns for node pairs, rows for node sets."""

from __future__ import annotations

import numpy as np

from cosolve.solvers.formulations import Rows


class Edges:
    """
    All pairs of n nodes as columns.

    Parameters
    ----------
    num_nodes
        Number of nodes n.
    """

    def __init__(self, num_nodes: int) -> None:
        self.num_nodes = num_nodes
        tails, heads = np.triu_indices(num_nodes, 1)
        self.tails = tails.astype(np.int64)
        self.heads = heads.astype(np.int64)

    def __len__(self) -> int:
        return len(self.tails)

    def index(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        """Columns of the pairs (i, j), in either order."""
        low, high = np.minimum(i, j), np.maximum(i, j)
        return low * (2 * self.num_nodes - low - 1) // 2 + high - low - 1

    def weights(self, x: np.ndarray) -> np.ndarray:
        """(n, n) symmetric matrix of the values of the columns."""
        matrix = np.zeros((self.num_nodes, self.num_nodes))
        matrix[self.tails, self.heads] = x
        return matrix + matrix.T

    def degree_rows(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns of all edges at each node: indices and indptr of a CSR matrix of ones."""
        others = np.arange(self.num_nodes)
        rows = [self.index(np.full(self.num_nodes - 1, v), others[others != v]) for v in nodes]
        indptr = np.arange(len(nodes) + 1) * (self.num_nodes - 1)
        return (np.concatenate(rows) if rows else np.empty(0, np.int64)), indptr

    def inner_rows(self, sets: list[np.ndarray], upper: list[float]) -> Rows:
        """Rows x(E(S)) <= upper of node sets S."""
        indices = []
        for nodes in sets:
            i, j = np.triu_indices(len(nodes), 1)
            indices.append(self.index(nodes[i], nodes[j]))
        indptr = np.cumsum([0, *(len(row) for row in indices)])
        columns = np.concatenate(indices)
        return (np.ones(len(columns)), columns, indptr, np.full(len(sets), -np.inf), np.array(upper, float))
