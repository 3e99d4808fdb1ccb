"""Maximum independent set (mis) and minimum dominating set (mds): graph, instances, node set, judges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from cosolve.core.instance import Instance, ReadOnly, Sense, Solution, frozen_array, whole_number
from cosolve.core.jit import jit_allocating
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

#: Node ids are int32.
MAX_NODES = 2**31 - 2


@dataclass(frozen=True, eq=False)
class Graph(ReadOnly):
    """
    Undirected simple graph in CSR form: the neighbours of v are ``indices[indptr[v] : indptr[v + 1]]``, ascending.

    Parameters
    ----------
    indptr
        (n + 1,) int64.
    indices
        (2 m,) int32; every edge stands in the rows of both its ends.

    Raises
    ------
    ValueError
        If rows are not ascending, not symmetric, or hold a loop or a node out of range.
    """

    indptr: np.ndarray
    indices: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "indptr", frozen_array(self.indptr, np.int64, ndim=1, what="indptr"))
        object.__setattr__(self, "indices", frozen_array(self.indices, np.int32, ndim=1, what="indices"))
        indptr, indices = self.indptr, self.indices
        if len(indptr) < 2:
            raise ValueError("a graph needs at least 1 node, got 0.")
        if len(indptr) - 1 > MAX_NODES:
            raise ValueError(f"a graph may have at most {MAX_NODES} nodes, got {len(indptr) - 1}.")
        if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
            raise ValueError("indptr and indices do not fit together.")
        bad = int(_find_asymmetry(indptr, indices))
        if bad >= 0:
            raise ValueError(
                f"neighbours of node {bad} must be ascending, in range, not the node itself, and have it as theirs."
            )

    @classmethod
    def from_edges(cls, num_nodes: int, tails: np.ndarray, heads: np.ndarray) -> Self:
        """
        Graph from a list of edges in any order and direction; loops and repeats are dropped. O(n + m).

        Raises
        ------
        ValueError
            If ``num_nodes`` is out of range, the arrays differ in length, or a node id is not in 0..num_nodes-1.
        """
        num_nodes = whole_number(num_nodes, "num_nodes")
        if not 1 <= num_nodes <= MAX_NODES:
            raise ValueError(f"num_nodes must be in 1..{MAX_NODES}, got {num_nodes}.")
        tails = frozen_array(tails, np.int64, ndim=1, what="tails")
        heads = frozen_array(heads, np.int64, ndim=1, what="heads")
        if len(tails) != len(heads):
            raise ValueError(f"tails and heads must have the same length, got {len(tails)} and {len(heads)}.")
        for ends in (tails, heads):
            if len(ends) and not 0 <= ends.min() <= ends.max() < num_nodes:
                bad = ends[(ends < 0) | (ends >= num_nodes)][0]
                raise ValueError(f"edge ends must be in 0..{num_nodes - 1}, got {bad}.")
        indptr, indices = _build(num_nodes, tails, heads)
        return cls(indptr, indices)

    @property
    def num_nodes(self) -> int:
        """Number of nodes n."""
        return len(self.indptr) - 1

    @property
    def num_edges(self) -> int:
        """Number of edges m."""
        return len(self.indices) // 2

    @property
    def degrees(self) -> np.ndarray:
        """(n,) int64."""
        return np.diff(self.indptr)

    def neighbours(self, node: int) -> np.ndarray:
        """Neighbours of a node, ascending."""
        return self.indices[self.indptr[node] : self.indptr[node + 1]]

    def edges(self) -> np.ndarray:
        """(m, 2) int32 pairs with the smaller end first, in lexicographic order."""
        tails = np.repeat(np.arange(self.num_nodes, dtype=np.int32), self.degrees)
        upper = tails < self.indices
        return np.column_stack((tails[upper], self.indices[upper]))

    def complement(self) -> Graph:
        """Graph with exactly the missing edges; takes O(n^2)."""
        n = self.num_nodes
        indptr, indices = _complement(self.indptr, self.indices, n * (n - 1) - len(self.indices))
        return Graph(indptr, indices)


@dataclass(frozen=True, eq=False, kw_only=True)
class _GraphInstance(Instance):
    graph: Graph

    def __post_init__(self) -> None:
        if not isinstance(self.graph, Graph):
            raise ValueError(f"graph must be a Graph (see Graph.from_edges), got {type(self.graph).__name__}.")

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.graph.num_nodes

    @property
    def is_integral(self) -> bool:
        """Always: the objective counts nodes."""
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class MISInstance(_GraphInstance):
    """
    Largest set of nodes no two of which are adjacent.

    Parameters
    ----------
    graph
        The graph itself, not its complement: a clique instance must be complemented first.
    """

    problem: ClassVar[str] = "mis"
    sense: ClassVar[Sense] = "max"


@dataclass(frozen=True, eq=False, kw_only=True)
class MDSInstance(_GraphInstance):
    """
    Smallest set of nodes such that every node is in it or has a neighbour in it.

    Parameters
    ----------
    graph
        The graph.
    """

    problem: ClassVar[str] = "mds"


@dataclass(frozen=True, eq=False, kw_only=True)
class NodeSet(Solution):
    """
    A set of nodes.

    Parameters
    ----------
    nodes
        0-based ids, int64, shape (k,), in any order.
    """

    problem: ClassVar[str] = "mis"

    nodes: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", frozen_array(self.nodes, np.int64, ndim=1, what="nodes"))


def evaluate_mis(instance: MISInstance, solution: NodeSet, mode: JudgeMode = "strict") -> Verdict:
    """Number of nodes, and whether they are distinct and independent; O(n + m), the same in both modes."""
    graph = instance.graph
    fault = _check_nodes(solution, graph)
    if fault is not None:
        return fault
    conflicts, first, second = _count_conflicts(graph.indptr, graph.indices, solution.nodes)
    size = float(len(solution.nodes))
    if conflicts:
        return Verdict(size, (Violation("nodes are adjacent", f"nodes {first} and {second}", float(conflicts)),))
    return Verdict(size)


def evaluate_mds(instance: MDSInstance, solution: NodeSet, mode: JudgeMode = "strict") -> Verdict:
    """Number of nodes, and whether they are distinct and dominate all; O(n + m), the same in both modes."""
    graph = instance.graph
    fault = _check_nodes(solution, graph)
    if fault is not None:
        return fault
    missing, first = _count_undominated(graph.indptr, graph.indices, solution.nodes)
    size = float(len(solution.nodes))
    if missing:
        return Verdict(size, (Violation("node is not dominated", f"node {first}", float(missing)),))
    return Verdict(size)


def _check_nodes(solution: NodeSet, graph: Graph) -> Verdict | None:
    position, kind = _find_fault(solution.nodes, graph.num_nodes)
    if kind == 0:
        return None
    where = f"node {solution.nodes[position]} at position {position}"
    return Verdict(None, (Violation("no such node" if kind == 1 else "node listed twice", where),))


@jit_allocating
def _find_fault(nodes: np.ndarray, n: int) -> tuple[int, int]:
    """Position and kind of the first fault: 0 none, 1 out of range, 2 repeated."""
    seen = np.zeros(n, np.uint8)
    for position in range(len(nodes)):
        node = nodes[position]
        if node < 0 or node >= n:
            return position, 1
        if seen[node]:
            return position, 2
        seen[node] = 1
    return 0, 0


@jit_allocating
def _count_conflicts(indptr: np.ndarray, indices: np.ndarray, nodes: np.ndarray) -> tuple[int, int, int]:
    """Number of edges within the set, and the first of them."""
    member = np.zeros(len(indptr) - 1, np.uint8)
    for node in nodes:
        member[node] = 1
    conflicts = 0
    first = second = -1
    for node in nodes:
        for k in range(indptr[node], indptr[node + 1]):
            other = indices[k]
            if other > node and member[other]:
                if conflicts == 0:
                    first = node
                    second = other
                conflicts += 1
    return conflicts, first, second


@jit_allocating
def _count_undominated(indptr: np.ndarray, indices: np.ndarray, nodes: np.ndarray) -> tuple[int, int]:
    """Number of nodes outside all closed neighbourhoods of the set, and the first of them."""
    n = len(indptr) - 1
    dominated = np.zeros(n, np.uint8)
    for node in nodes:
        dominated[node] = 1
        for k in range(indptr[node], indptr[node + 1]):
            dominated[indices[k]] = 1
    missing = 0
    first = -1
    for node in range(n):
        if not dominated[node]:
            if missing == 0:
                first = node
            missing += 1
    return missing, first


@jit_allocating
def _find_asymmetry(indptr: np.ndarray, indices: np.ndarray) -> int:
    """First node whose row is wrong, or -1: walking all rows in order must meet every row in order. O(n + m)."""
    n = len(indptr) - 1
    cursor = indptr[:-1].copy()
    for node in range(n):
        for k in range(indptr[node], indptr[node + 1]):
            other = indices[k]
            if other < 0 or other >= n or other == node or (k > indptr[node] and indices[k - 1] >= other):
                return node
            if cursor[other] >= indptr[other + 1] or indices[cursor[other]] != node:
                return node
            cursor[other] += 1
    return -1


@jit_allocating
def _build(n: int, tails: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Two bucket passes: rows filled in any order, then transposed, which sorts them because rows are read in order.
    raw = np.zeros(n + 1, np.int64)
    for e in range(len(tails)):
        if tails[e] != heads[e]:
            raw[tails[e] + 1] += 1
            raw[heads[e] + 1] += 1
    for v in range(n):
        raw[v + 1] += raw[v]
    first = np.empty(raw[n], np.int32)
    cursor = raw[:-1].copy()
    for e in range(len(tails)):
        a = tails[e]
        b = heads[e]
        if a != b:
            first[cursor[a]] = b
            cursor[a] += 1
            first[cursor[b]] = a
            cursor[b] += 1
    rows = np.empty(raw[n], np.int32)
    cursor[:] = raw[:-1]
    for v in range(n):
        for k in range(raw[v], raw[v + 1]):
            w = first[k]
            # Repeats come in a run, as v is fixed: drop them here.
            if cursor[w] == raw[w] or rows[cursor[w] - 1] != v:
                rows[cursor[w]] = v
                cursor[w] += 1
    indptr = np.zeros(n + 1, np.int64)
    for v in range(n):
        indptr[v + 1] = indptr[v] + cursor[v] - raw[v]
    if indptr[n] == raw[n]:
        return indptr, rows
    indices = np.empty(indptr[n], np.int32)
    for v in range(n):
        length = indptr[v + 1] - indptr[v]
        indices[indptr[v] : indptr[v + 1]] = rows[raw[v] : raw[v] + length]
    return indptr, indices


@jit_allocating
def _complement(indptr: np.ndarray, indices: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(indptr) - 1
    out_ptr = np.zeros(n + 1, np.int64)
    out = np.empty(size, np.int32)
    filled = 0
    for v in range(n):
        k = indptr[v]
        for w in range(n):
            if k < indptr[v + 1] and indices[k] == w:
                k += 1
            elif w != v:
                out[filled] = w
                filled += 1
        out_ptr[v + 1] = filled
    return out_ptr, out


MIS = Problem("mis", "Maximum independent set", MISInstance, NodeSet, evaluate_mis)
MDS = Problem("mds", "Minimum dominating set", MDSInstance, NodeSet, evaluate_mds)
