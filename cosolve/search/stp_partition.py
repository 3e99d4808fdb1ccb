"""
Steiner trees of large graphs, part by part: cut a connected part out of the tree, solve what is left open, put it back.

A part is the tree around some node up to so many terminals. What hangs on it, each piece shrunk to one terminal, and
the Voronoi regions of its nodes make a small Steiner tree problem whose every tree is one of the whole graph; it is
left to the same search that the whole is for, and most of the time solved to its optimum. After Leitner, Ljubic,
Luipersbeck and Resch (2014), "A partition-based heuristic for the Steiner tree problem in large graphs", *Hybrid
Metaheuristics*, LNCS 8457: 56-70; parts overlap here, and no terminal is looked at again until something near it
changes.

Cutting out and putting back cost O(m log n), hundredths of a second for a hundred thousand edges. Memory O(n + m).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.stp_graph import Adjacency, prune, tree_nodes, voronoi


@dataclass(frozen=True)
class Part:
    """
    The problem of one part.

    Parameters
    ----------
    num_nodes, ends, weights, is_terminal
        The graph: (k, 2) int64, (k,) float64, flag per node.
    in_tree
        Flag per edge: the part as it is now.
    edges, tails
        (k,) the edge of the whole graph at the core of each edge, and (n,) for each node of the whole graph the edge
        along which it is reached from the pieces around the part (-1: it belongs to a piece, or to the part's region).
    terminals
        Of the whole graph, in the part; the nearest to its centre first.
    """

    num_nodes: int
    ends: np.ndarray
    weights: np.ndarray
    is_terminal: np.ndarray
    in_tree: np.ndarray
    edges: np.ndarray
    tails: np.ndarray
    terminals: np.ndarray


def cut_out(
    adjacency: Adjacency,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    tree: np.ndarray,
    centre: int,
    num_terminals: int,
) -> Part:
    """The part of ``tree`` (a flag per edge) around ``centre``, one of its nodes, up to ``num_terminals`` terminals."""
    return Part(*_cut_out(*adjacency, ends, weights, is_terminal, tree, centre, num_terminals))


def put_back(
    adjacency: Adjacency,
    ends: np.ndarray,
    is_terminal: np.ndarray,
    tree: np.ndarray,
    part: Part,
    in_tree: np.ndarray,
) -> np.ndarray:
    """The tree with the part replaced by another tree (a flag per edge) of the part's problem."""
    whole = tree.copy()
    whole[part.edges[part.in_tree]] = False
    _put_back(ends, part.edges[in_tree], part.tails, whole)
    prune(*adjacency, whole, is_terminal)
    return whole


@jit_allocating
def _cut_out(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    tree: np.ndarray,
    centre: int,
    num_terminals: int,
) -> tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n = len(indptr) - 1
    m = len(ends)
    # Breadth first along the tree; the part is closed once it has its terminals.
    label = np.full(n, -1, np.int64)
    inner = np.int64(n)
    queue = np.empty(n, np.int64)
    queue[0] = centre
    label[centre] = inner
    head, tail = 0, 1
    terminals = np.empty(num_terminals, np.int64)
    count = 0
    while head < tail and count < num_terminals:
        v = queue[head]
        head += 1
        if is_terminal[v]:
            terminals[count] = v
            count += 1
        for k in range(indptr[v], indptr[v + 1]):
            u = neighbours[k]
            if tree[edge_ids[k]] and label[u] < 0:
                label[u] = inner
                queue[tail] = u
                tail += 1
    # What was reached but not looked at begins a piece outside.
    for k in range(head, tail):
        label[queue[k]] = -1
    num_pieces = 0
    for k in range(head, tail):
        first = queue[k]
        label[first] = num_pieces
        stack = np.empty(64, np.int64)
        stack[0] = first
        top = 1
        while top > 0:
            top -= 1
            v = stack[top]
            for j in range(indptr[v], indptr[v + 1]):
                u = neighbours[j]
                if tree[edge_ids[j]] and label[u] < 0:
                    label[u] = num_pieces
                    if top == len(stack):
                        stack = np.concatenate((stack, np.empty(top, np.int64)))
                    stack[top] = u
                    top += 1
        num_pieces += 1
    dist, base, pred = voronoi(indptr, neighbours, edge_ids, weights, tree_nodes(ends, tree, is_terminal))
    number = np.full(n, -1, np.int64)
    tails = pred.copy()
    num_nodes = num_pieces
    for v in range(n):
        if base[v] >= 0 and label[base[v]] == inner:
            number[v] = num_nodes
            num_nodes += 1
            tails[v] = -1
        elif base[v] >= 0:
            number[v] = label[base[v]]
    new_ends = np.empty((m, 2), np.int64)
    new_weights = np.empty(m)
    edges = np.empty(m, np.int64)
    in_tree = np.zeros(m, np.bool_)
    size = 0
    for e in range(m):
        u, v = ends[e]
        a, b = number[u], number[v]
        if a == b or a < 0 or b < 0 or weights[e] == np.inf:
            continue
        new_ends[size, 0] = a
        new_ends[size, 1] = b
        new_weights[size] = weights[e] + (dist[u] if a < num_pieces else 0.0) + (dist[v] if b < num_pieces else 0.0)
        edges[size] = e
        in_tree[size] = tree[e]
        size += 1
    flags = np.zeros(num_nodes, np.bool_)
    flags[:num_pieces] = True
    for k in range(count):
        flags[number[terminals[k]]] = True
    return (
        num_nodes,
        new_ends[:size].copy(),
        new_weights[:size].copy(),
        flags,
        in_tree[:size].copy(),
        edges[:size].copy(),
        tails,
        terminals[:count].copy(),
    )


@jit
def _put_back(ends: np.ndarray, edges: np.ndarray, tails: np.ndarray, tree: np.ndarray) -> None:
    for e in edges:
        tree[e] = True
        for side in range(2):
            v = ends[e, side]
            while tails[v] >= 0 and not tree[tails[v]]:
                tree[tails[v]] = True
                v = ends[tails[v], 0] + ends[tails[v], 1] - v
