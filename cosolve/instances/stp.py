"""Steiner tree problem in graphs: instance, edge set, judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array, largest, plain_zeros, whole_number
from cosolve.core.jit import frozen, jit_allocating
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.union_find import find
from cosolve.core.verdict import Verdict, Violation


@dataclass(frozen=True, eq=False, kw_only=True)
class STPInstance(Instance):
    """
    Lightest tree in an undirected graph that spans all terminals.

    The edges are brought into one order at construction: smaller node first, sorted by nodes, and of parallel edges
    only the lightest is kept, since no optimal tree needs another. Equal graphs have equal digests.

    Parameters
    ----------
    num_nodes
        Number of nodes, >= 1; isolated ones are allowed.
    edges
        (m, 2) int64, 0-based nodes.
    weights
        (m,) float64, >= 0 and finite.
    terminals
        (t,) int64, t >= 1, distinct.

    Raises
    ------
    ValueError
        If a node is out of range, an edge joins a node to itself, a weight is negative or not finite, or a terminal is
        repeated.
    """

    problem: ClassVar[str] = "stp"

    num_nodes: int
    edges: np.ndarray
    weights: np.ndarray
    terminals: np.ndarray

    def __post_init__(self) -> None:
        n = whole_number(self.num_nodes, "num_nodes", 1)
        object.__setattr__(self, "num_nodes", n)
        edges = frozen_array(_as_pairs(self.edges), np.int64, ndim=2, what="edges")
        weights = np.ascontiguousarray(self.weights, np.float64)
        terminals = frozen_array(np.sort(frozen_array(self.terminals, np.int64, ndim=1, what="terminals")))
        if weights.shape != (len(edges),):
            raise ValueError(f"weights must have one entry for each of {len(edges)} edges, got shape {weights.shape}.")
        if len(edges) and not (edges.min() >= 0 and edges.max() < n):
            raise ValueError(f"nodes of edges must be in 0..{n - 1}, got {edges.min()}..{edges.max()}.")
        if (loops := edges[:, 0] == edges[:, 1]).any():
            raise ValueError(f"an edge must join two nodes, got a loop at node {edges[int(np.argmax(loops)), 0]}.")
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            bad = weights[int(np.argmin(np.isfinite(weights) & (weights >= 0)))]
            raise ValueError(f"weights must be finite and >= 0, got {bad}.")
        if not len(terminals):
            raise ValueError("there must be at least 1 terminal, got 0.")
        if terminals[0] < 0 or terminals[-1] >= n:
            raise ValueError(f"terminals must be in 0..{n - 1}, got {terminals[0]}..{terminals[-1]}.")
        if (repeated := terminals[1:] == terminals[:-1]).any():
            raise ValueError(f"terminal {terminals[int(np.argmax(repeated))]} is given twice.")
        edges, weights = _canonical(n, edges, weights)
        object.__setattr__(self, "edges", frozen_array(edges, np.int64, ndim=2, what="edges"))
        weights = plain_zeros(frozen_array(weights, np.float64, ndim=1, what="weights"))
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "terminals", terminals)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return self.num_nodes

    @property
    def num_edges(self) -> int:
        """Number of edges, parallel ones merged."""
        return len(self.edges)

    @cached_property
    def is_integral(self) -> bool:
        """Whether all weights are integers."""
        return bool((self.weights == np.rint(self.weights)).all())

    @cached_property
    def magnitude(self) -> float:
        """Of the largest weight."""
        return largest(self.weights)

    @cached_property
    def first_edge(self) -> np.ndarray:
        """(num_nodes + 1,) int64: the edges whose smaller node is u are ``first_edge[u]`` to ``first_edge[u + 1]``."""
        return frozen_array(np.searchsorted(self.edges[:, 0], np.arange(self.num_nodes + 1)), np.int64)

    @cached_property
    def is_terminal(self) -> np.ndarray:
        """Flag per node, (num_nodes,) bool."""
        flags = np.zeros(self.num_nodes, np.bool_)
        flags[self.terminals] = True
        return frozen(flags)

    @cached_property
    def adjacency(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """CSR form (indptr (n + 1,), neighbours (2m,), edge indices (2m,)), all int64; neighbours ascend."""
        m = self.num_edges
        tails = np.concatenate((self.edges[:, 1], self.edges[:, 0]))
        heads = np.concatenate((self.edges[:, 0], self.edges[:, 1]))
        # Edges are sorted, so a stable sort by tail puts first the smaller neighbours in order, then the larger.
        order = np.argsort(tails, kind="stable")
        indptr = np.concatenate(([0], np.cumsum(np.bincount(tails, minlength=self.num_nodes))))
        return frozen_array(indptr, np.int64), frozen_array(heads[order]), frozen_array(order % m if m else order)

    def find_edges(self, pairs: np.ndarray) -> np.ndarray:
        """Edge index of each pair of nodes (k, 2) in any order, -1 where there is no such edge; O(log degree) each."""
        return _find_edges(self.num_nodes, self.edges, self.first_edge, np.ascontiguousarray(pairs, np.int64))


@dataclass(frozen=True, eq=False, kw_only=True)
class EdgeSet(Solution):
    """
    The edges of a tree.

    Parameters
    ----------
    edges
        (k, 2) int64 pairs of 0-based nodes, in any order; empty if there is one terminal.
    """

    problem: ClassVar[str] = "stp"

    edges: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "edges", frozen_array(_as_pairs(self.edges), np.int64, ndim=2, what="edges"))


def evaluate(instance: STPInstance, solution: EdgeSet, mode: JudgeMode = "strict") -> Verdict:
    """
    Weight of the edges, and whether they are a tree that spans all terminals; O(k log(degree) + n).

    The "frontierco" mode wants existing edges that connect the terminals and nothing more: a repeated edge counts each
    time, cycles and components without terminals are accepted, as that harness does.
    """
    used = instance.find_edges(solution.edges)
    if (missing := used < 0).any():
        u, v = solution.edges[int(np.argmax(missing))]
        return Verdict(None, (Violation("no such edge", f"nodes {u} and {v}", float(missing.sum())),))
    weight = float(instance.weights[used].sum())
    repeated, cycle, pieces, stray = _check_tree(instance.num_nodes, instance.edges, used, instance.terminals)
    violations = []
    if pieces > 1:
        violations.append(Violation("terminals not connected", f"{pieces} parts", float(pieces - 1)))
    if mode == "strict":
        for what, edge in (("edge given twice", repeated), ("cycle", cycle), ("part without terminal", stray)):
            if edge >= 0:
                u, v = instance.edges[edge]
                violations.append(Violation(what, f"edge of nodes {u} and {v}"))
    return Verdict(weight, tuple(violations))


def _as_pairs(edges: Any) -> np.ndarray:
    array = np.asarray(edges)
    if array.size == 0:
        return np.empty((0, 2), np.int64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"edges must have shape (number, 2), got {array.shape}.")
    return array


def _canonical(n: int, edges: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = edges.min(axis=1, initial=n), edges.max(axis=1, initial=0)
    order = np.lexsort((weights, high, low))
    low, high, weights = low[order], high[order], weights[order]
    first = np.ones(len(low), np.bool_)
    first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return np.column_stack((low[first], high[first])), weights[first]


@jit_allocating
def _find_edges(n: int, edges: np.ndarray, first: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    out = np.full(len(pairs), -1, np.int64)
    for k in range(len(pairs)):
        u = min(pairs[k, 0], pairs[k, 1])
        v = max(pairs[k, 0], pairs[k, 1])
        if u < 0 or v >= n:
            continue
        low = first[u]
        high = first[u + 1]
        while low < high:
            middle = (low + high) // 2
            if edges[middle, 1] < v:
                low = middle + 1
            else:
                high = middle
        if low < first[u + 1] and edges[low, 1] == v:
            out[k] = low
    return out


@jit_allocating
def _check_tree(n: int, edges: np.ndarray, used: np.ndarray, terminals: np.ndarray) -> tuple[int, int, int, int]:
    """An edge given twice, one that closes a cycle, number of parts with terminals, an edge of one without; or -1."""
    parent = np.arange(n)
    seen = np.zeros(len(edges), np.bool_)
    repeated = -1
    cycle = -1
    for e in used:
        if seen[e]:
            repeated = e
            continue
        seen[e] = True
        u = find(parent, edges[e, 0])
        v = find(parent, edges[e, 1])
        if u == v:
            cycle = e
        else:
            parent[u] = v
    has_terminal = np.zeros(n, np.bool_)
    pieces = 0
    for t in terminals:
        root = find(parent, t)
        if not has_terminal[root]:
            has_terminal[root] = True
            pieces += 1
    stray = -1
    for e in used:
        if not has_terminal[find(parent, edges[e, 0])]:
            stray = e
    return repeated, cycle, pieces, stray


STP = Problem("stp", "Steiner tree in graphs", STPInstance, EdgeSet, evaluate)
