"""
Edge assembly crossover for the asymmetric TSP.

Two tours A and B fall apart into AB-cycles: closed ways that follow an arc of A and go back on an arc of B in turns.
Every city has one arc out of it in A and one into it in B, so these cycles are those of a permutation, v to the city
before A's successor of v in B, and unique. A child is A with the arcs of B on one of them; where that leaves several
cycles, the smallest is joined to another by the cheapest exchange of two arcs until one is left [1]_, [2]_. Of the
children of a pair the one that gains most for the diversity it costs replaces A: the loss is that of the entropy of
the population's arcs [1]_.

References
----------
.. [1] Nagata, Y., Kobayashi, S. (2013). A powerful genetic algorithm using edge assembly crossover for the traveling
       salesman problem. *INFORMS Journal on Computing* 25(2): 346-363.
.. [2] Nagata, Y., Soler, D. (2012). A new genetic algorithm for the asymmetric traveling salesman problem. *Expert
       Systems with Applications* 39(10): 8947-8953.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search import atsp
from cosolve.search.edge_assembly import generations
from cosolve.search.neighbours import nearest_by_matrix
from cosolve.search.random import below, stream

#: Children of a pair, at most.
CHILDREN = 30


class Population(NamedTuple):
    """
    Tours by successors.

    Parameters
    ----------
    following
        City behind each city in each tour, int32 (P, n).
    counts
        Of each arc in the population, int32 (n, n).
    """

    following: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, orders: np.ndarray) -> Population:
        """From cities in order, int32 (P, n)."""
        following = np.empty_like(orders)
        np.put_along_axis(following, orders, np.roll(orders, -1, axis=1), axis=1)
        n = orders.shape[1]
        counts = np.zeros((n, n), np.int32)
        np.add.at(counts, (np.arange(n), following), 1)
        return cls(following, counts)

    def shortest(self, matrix: np.ndarray) -> int:
        """Number of the shortest tour."""
        return int(matrix[np.arange(len(matrix)), self.following].sum(axis=1).argmin())

    def order(self, k: int) -> np.ndarray:
        """Cities of tour k in order, from 0 on, int32 (n,)."""
        return _order(self.following[k])


def assemble(
    data: atsp.Data, given: Sequence[np.ndarray], size: int, rng: np.random.Generator, most: float = math.inf
) -> Iterator[tuple[np.ndarray, int]]:
    """
    Tours by iterated 3-opt, a kick for each city, that meet then until no child is better than its parents.

    Parameters
    ----------
    data
        The instance, of eight cities or more.
    given
        Tours to begin with, int32 (n,) each; up to ``size`` the others are made up.
    size
        Of the population.
    rng
        Decides everything.
    most
        Iterations, at most: kicks, and pairs that meet.

    Yields
    ------
    tuple
        Some tens of milliseconds apart, the best tour of those that are worked on, and iterations since the last one.
    """
    n, random = len(data.matrix), stream(int(rng.integers(2**62)))
    orders = np.empty((size, n), np.int32)
    for k in range(size):
        order = given[k] if k < len(given) else atsp.nearest_tour(data.matrix, data.successors, random)
        for orders[k], done in atsp.kick(data, order, n, 0.0, rng, most):
            yield orders[k], done
            most -= done
        if most <= 0:
            return
    predecessors = nearest_by_matrix(np.ascontiguousarray(data.matrix.T), data.successors.shape[1])
    population = Population.of(orders)

    def meet(pairs: np.ndarray) -> int:
        return evolve(data.matrix, data.successors, predecessors, *population, pairs, random, data.epsilon)

    for done in generations(meet, size, max(1, 30_000 // n), rng, most):
        yield population.order(population.shortest(data.matrix)), done


def length_of(matrix: np.ndarray, order: np.ndarray) -> float:
    """Of a tour."""
    return float(matrix[order, np.roll(order, -1)].sum())


@jit_allocating
def _order(following: np.ndarray) -> np.ndarray:
    out = np.empty(len(following), np.int32)
    city = 0
    for k in range(len(following)):
        out[k] = city
        city = following[city]
    return out


@jit
def _find_cycles(
    following: np.ndarray, before: np.ndarray, members: np.ndarray, begin: np.ndarray, seen: np.ndarray
) -> int:
    """AB-cycles of two or more cities of A, whose successors are given, and B, whose predecessors are; their number."""
    seen[:] = 0
    count = filled = 0
    for first in range(len(following)):
        if seen[first] or before[following[first]] == first:
            continue
        begin[count] = filled
        v = first
        while not seen[v]:
            seen[v] = 1
            members[filled] = v
            filled += 1
            v = before[following[v]]
        count += 1
    begin[count] = filled
    return count


@jit
def _join(
    matrix: np.ndarray,
    successors: np.ndarray,
    predecessors: np.ndarray,
    child: np.ndarray,
    before: np.ndarray,
    label: np.ndarray,
    sizes: np.ndarray,
    entry: np.ndarray,
) -> float:
    """Make one tour of the child's cycles, smallest first; what it costs, infinite if candidate arcs do not suffice."""
    n = len(child)
    label[:] = -1
    left = 0
    for first in range(n):
        if label[first] >= 0:
            continue
        sizes[left], entry[left] = 0, first
        v = first
        while label[v] < 0:
            label[v] = left
            sizes[left] += 1
            v = child[v]
        left += 1
    total = 0.0
    num_cycles = left
    while left > 1:
        least = -1
        for s in range(num_cycles):
            if sizes[s] > 0 and (least < 0 or sizes[s] < sizes[least]):
                least = s
        best, out, into = np.inf, -1, -1
        v = entry[least]
        for _ in range(sizes[least]):
            behind = child[v]
            length = matrix[v, behind]
            for k in range(successors.shape[1]):
                t = successors[v, k]
                if label[t] != least:
                    w = before[t]
                    change = matrix[v, t] + matrix[w, behind] - length - matrix[w, t]
                    if change < best:
                        best, out, into = change, v, w
                w = predecessors[behind, k]
                if label[w] != least:
                    t = child[w]
                    change = matrix[v, t] + matrix[w, behind] - length - matrix[w, t]
                    if change < best:
                        best, out, into = change, v, w
            v = behind
        if out < 0:
            return np.inf
        total += best
        target = label[into]
        v = entry[least]
        for _ in range(sizes[least]):
            label[v] = target
            v = child[v]
        sizes[target] += sizes[least]
        sizes[least] = 0
        child[out], child[into] = child[into], child[out]
        before[child[out]], before[child[into]] = out, into
        left -= 1
    return total


@jit_allocating
def evolve(
    matrix: np.ndarray,
    successors: np.ndarray,
    predecessors: np.ndarray,
    following: np.ndarray,
    counts: np.ndarray,
    pairs: np.ndarray,
    random: np.ndarray,
    epsilon: float,
) -> int:
    """
    Let pairs of tours meet, one after the other: the best child of A and B replaces A.

    Parameters
    ----------
    matrix
        Lengths, or lengths reduced by duals, (n, n).
    successors, predecessors
        Candidates of each city, int32 (n, K).
    following, counts
        See :class:`Population`, changed in place.
    pairs
        Tours A and B, (M, 2).
    random
        See :mod:`cosolve.search.random`.
    epsilon
        Smallest gain that counts.

    Returns
    -------
    int
        Tours that were replaced.
    """
    size, n = following.shape
    entropy = np.zeros(size + 2)
    for k in range(1, size + 2):
        entropy[k] = -(k / size) * np.log(k / size)
    before_a, before_b, before = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    child, chosen = np.empty(n, np.int32), np.empty(n, np.int32)
    members, begin, seen = np.empty(n, np.int32), np.empty(n + 1, np.int32), np.empty(n, np.uint8)
    label, sizes, entry = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    replaced = 0
    for pair in range(len(pairs)):
        a, b = following[pairs[pair, 0]], following[pairs[pair, 1]]
        for v in range(n):
            before_a[a[v]] = v
            before_b[b[v]] = v
        cycles = _find_cycles(a, before_b, members, begin, seen)
        if cycles < 2:
            continue  # the only child would be B
        best = 0.0
        for c in range(min(cycles, CHILDREN)):
            pick = below(random, cycles) if cycles > CHILDREN else c
            child[:] = a
            before[:] = before_a
            gain = 0.0
            for k in range(begin[pick], begin[pick + 1]):
                v = members[k]
                gain += matrix[v, a[v]] - matrix[v, b[v]]
                child[v] = b[v]
                before[b[v]] = v
            gain -= _join(matrix, successors, predecessors, child, before, label, sizes, entry)
            if not gain > epsilon:
                continue
            loss = 0.0
            for v in range(n):
                if child[v] != a[v]:
                    gone, come = counts[v, a[v]], counts[v, child[v]]
                    loss += entropy[gone] - entropy[gone - 1] + entropy[come] - entropy[come + 1]
            score = gain / max(loss, 1e-9)
            if score > best:
                best = score
                chosen[:] = child
        if best > 0.0:
            replaced += 1
            for v in range(n):
                if chosen[v] != a[v]:
                    counts[v, a[v]] -= 1
                    counts[v, chosen[v]] += 1
                    a[v] = chosen[v]
    return replaced
