"""
Edge assembly crossover for the symmetric TSP.

Tours A and B fall apart into AB-cycles, closed ways along edges of A and of B in turns, found by walking at random
along edges that only one of them has. A child is A with the edges of one AB-cycle exchanged; where that leaves several
cycles, the smallest is joined to another by the cheapest exchange of two edges until one is left. Of the children of
a pair the one that gains most for the diversity it costs replaces A; the loss is that of the entropy of the
population's edges. All that as in [1]_, the first of its two stages. A child is known by the pieces that the removed
edges cut A into, so that none costs a walk along the whole tour.

References
----------
.. [1] Nagata, Y., Kobayashi, S. (2013). A powerful genetic algorithm using edge assembly crossover for the traveling
       salesman problem. *INFORMS Journal on Computing* 25(2): 346-363.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import distance
from cosolve.search import tsp
from cosolve.search.random import below, stream, uniform

#: Children of a pair, at most.
CHILDREN = 30

#: Candidates of each city for the edges that join cycles; more take longer and find no better tours.
_JOIN = 5

#: Different neighbours of a city that are counted; more than tours near a local optimum have.
_COUNTED = 24


class Population(NamedTuple):
    """
    Tours by neighbours.

    Parameters
    ----------
    links
        Both neighbours of each city in each tour, int32 (P, n, 2).
    others, counts
        Neighbours of each city in any tour, and in how many, int32 (n, W); entries of count 0 are free.
    """

    links: np.ndarray
    others: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, orders: np.ndarray) -> Population:
        """From cities in order, int32 (P, n)."""
        size, n = orders.shape
        links = np.empty((size, n, 2), np.int32)
        for k, order in enumerate(orders):
            links[k, order, 0], links[k, order, 1] = np.roll(order, 1), np.roll(order, -1)
        population = cls(links, np.zeros((n, _COUNTED), np.int32), np.zeros((n, _COUNTED), np.int32))
        _count_all(*population)
        return population

    def order(self, k: int) -> np.ndarray:
        """Cities of tour k in order, from 0 on, int32 (n,)."""
        order, position = np.empty((2, self.links.shape[1]), np.int32)
        _trace(self.links[k], order, position)
        return order


def assemble(
    search: tsp.Search, given: Sequence[np.ndarray], size: int, rng: np.random.Generator, most: float = math.inf
) -> Iterator[tuple[np.ndarray, int]]:
    """
    Locally optimal tours that meet until no child is better than its parents.

    Parameters
    ----------
    search
        The instance, of eight cities or more.
    given
        Tours to begin with, int32 (n,) each; up to ``size`` the others are made up.
    size
        Of the population.
    rng
        Decides everything.
    most
        Iterations, at most: pairs that meet.

    Yields
    ------
    tuple
        Some tens of milliseconds apart, the best tour of those that are worked on, and iterations since the last one.
    """
    n, random = len(search.neighbours), stream(int(rng.integers(2**62)))
    data = search.metric, search.coords, search.matrix, search.neighbours
    orders = np.empty((size, n), np.int32)
    for k in range(size):
        order = given[k] if k < len(given) else _nearest_tour(*data, random)
        for orders[k], _, _ in tsp.kick(search, order, 0, rng):
            yield orders[k], 0
    near, candidate_lengths = (np.ascontiguousarray(t[:, :_JOIN]) for t in (search.neighbours, search.lengths))
    population = Population.of(orders)
    lengths = np.array([length_of(search.metric, search.coords, search.matrix, order) for order in orders])

    def meet(pairs: np.ndarray) -> int:
        return evolve(
            search.metric, search.coords, search.matrix, near, candidate_lengths, *population, lengths, pairs, random,
            search.epsilon,
        )  # fmt: skip

    for done in generations(meet, size, max(1, 30_000 // n), rng, most):
        yield population.order(int(lengths.argmin())), done


def generations(
    meet: Callable[[np.ndarray], int], size: int, per_slice: int, rng: np.random.Generator, most: float
) -> Iterator[int]:
    """
    Every tour of a population meets the next one in a random order, again and again until nobody is replaced.

    Parameters
    ----------
    meet
        Lets pairs (M, 2) of tours meet, and says how many were replaced.
    size
        Of the population.
    per_slice, most
        Pairs that meet between two yields, and in all, at most.

    Yields
    ------
    int
        Pairs that have met since the last one.
    """
    replaced = size
    while replaced > 0 and most > 0:
        turn, replaced, k = rng.permutation(size), 0, 0
        pairs = np.column_stack([turn, np.roll(turn, -1)])
        while k < size and most > 0:
            some = pairs[k : k + int(min(per_slice, most))]
            replaced += meet(some)
            k += len(some)
            most -= len(some)
            yield len(some)


@jit
def length_of(metric: int, coords: np.ndarray, matrix: np.ndarray, order: np.ndarray) -> float:
    """Of a tour, for the arguments of :func:`cosolve.core.metric.distance`."""
    total = distance(metric, coords, matrix, order[-1], order[0])
    for k in range(1, len(order)):
        total += distance(metric, coords, matrix, order[k - 1], order[k])
    return total


@jit
def _free(step: np.ndarray, city: int) -> int:
    """The free city that the pointers from a city lead to, which are shortened; the last one if none is left."""
    while step[city] != city:
        step[city] = step[step[city]]
        city = step[city]
    return city


@jit_allocating
def _nearest_tour(
    metric: int, coords: np.ndarray, matrix: np.ndarray, neighbours: np.ndarray, random: np.ndarray
) -> np.ndarray:
    """
    Tour that goes on to the first candidate that is free, overlooking one in five; int32 (n,).

    Where no candidate is left it goes to a free city of a near number, which is near in the plane.
    """
    n = len(neighbours)
    order, is_free = np.empty(n, np.int32), np.ones(n, np.uint8)
    up, down = np.arange(n + 1), np.arange(n + 1)  # cities are shifted by one in ``down``, whose 0 is nobody
    city = below(random, n)
    for k in range(n):
        order[k] = city
        is_free[city] = 0
        up[city], down[city + 1] = city + 1, city
        if k == n - 1:
            break
        following = -1
        for t in neighbours[city]:
            if is_free[t] and uniform(random) > 0.2:
                following = t
                break
        if following < 0:
            above, below_it = _free(up, city), _free(down, city + 1) - 1
            following = above if above < n else below_it
            if above < n and below_it >= 0:
                there = distance(metric, coords, matrix, city, above)
                if distance(metric, coords, matrix, city, below_it) < there:
                    following = below_it
        city = following
    return order


@jit
def _count(others: np.ndarray, counts: np.ndarray, a: int, b: int) -> int:
    """Tours that have an edge."""
    for k in range(others.shape[1]):
        if counts[a, k] > 0 and others[a, k] == b:
            return int(counts[a, k])
    return 0


@jit
def _bump(others: np.ndarray, counts: np.ndarray, a: int, b: int, by: int) -> None:
    """Count one tour more or less with an edge, in the row of its first city."""
    free = -1
    for k in range(others.shape[1]):
        if counts[a, k] == 0:
            free = k
        elif others[a, k] == b:
            counts[a, k] += by
            return
    if by > 0 and free >= 0:
        others[a, free] = b
        counts[a, free] = 1


@jit
def _count_all(links: np.ndarray, others: np.ndarray, counts: np.ndarray) -> None:
    for k in range(links.shape[0]):
        for v in range(links.shape[1]):
            _bump(others, counts, v, links[k, v, 0], 1)
            _bump(others, counts, v, links[k, v, 1], 1)


@jit
def _trace(links: np.ndarray, order: np.ndarray, position: np.ndarray) -> None:
    """Cities of a tour in order, and where each is."""
    last, city = links[0, 1], 0
    for k in range(len(links)):
        order[k] = city
        position[city] = k
        following = links[city, 0] if links[city, 1] == last else links[city, 1]
        last, city = city, following


@jit
def _take(rest: np.ndarray, degree: np.ndarray, v: int, w: int) -> None:
    """Remove an edge that is left, seen from v."""
    degree[v] -= 1
    if rest[v, 0] == w:
        rest[v, 0] = rest[v, 1]


@jit
def _find_cycles(
    a: np.ndarray,
    b: np.ndarray,
    rest: np.ndarray,
    degree: np.ndarray,
    path: np.ndarray,
    at: np.ndarray,
    members: np.ndarray,
    begin: np.ndarray,
    random: np.ndarray,
) -> int:
    """
    AB-cycles, how many.

    Parameters
    ----------
    a, b
        Neighbours in the tours, (n, 2).
    rest, degree, path, at
        Scratch: (2, n, 2), (2, n), (2 n + 1,), and (n, 2) of -1, which it is again in the end.
    members, begin
        Cities of the cycles, the edge behind an even one being A's; (2 n,) and (n + 1,).
    """
    n = len(a)
    for v in range(n):
        degree[0, v] = degree[1, v] = 0
        for s in range(2):
            w = a[v, s]
            if w != b[v, 0] and w != b[v, 1]:
                rest[0, v, degree[0, v]] = w
                degree[0, v] += 1
            w = b[v, s]
            if w != a[v, 0] and w != a[v, 1]:
                rest[1, v, degree[1, v]] = w
                degree[1, v] += 1
    count = filled = 0
    begin[0] = 0
    offset = below(random, n)
    for k in range(n):
        first = (k + offset) % n
        while degree[0, first] > 0:
            path[0], at[first, 0] = first, 0
            v, end = first, 0
            while True:
                side = end & 1
                choice = 0
                if degree[side, v] == 2:
                    choice = below(random, 2)
                w = rest[side, v, choice]
                _take(rest[side], degree[side], v, w)
                _take(rest[side], degree[side], w, v)
                end += 1
                path[end] = w
                v = w
                back = at[w, end & 1]
                if back < 0:
                    at[w, end & 1] = end
                    continue
                # An even number of edges since the last visit: a cycle, told from an edge of A on.
                turn = back & 1
                for j in range(back + turn, end + turn):
                    members[filled] = path[j]
                    filled += 1
                for j in range(back + 1, end):
                    at[path[j], j & 1] = -1
                count += 1
                begin[count] = filled
                end = back
                if end == 0:
                    break
            at[first, 0] = -1
    return count


@jit
def _piece(cuts: np.ndarray, m: int, position: int) -> int:
    """Which of the pieces behind m cuts a position lies in."""
    low, high = 0, m
    while low < high:
        middle = (low + high) >> 1
        if cuts[middle] < position:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low > 0 else m - 1


@jit
def _relink(links: np.ndarray, journal: np.ndarray, filled: int, v: int, old: int, new: int) -> int:
    """Put another neighbour in the place of one; entries of the journal then."""
    s = 0 if links[v, 0] == old else 1
    journal[filled, 0], journal[filled, 1], journal[filled, 2] = v, s, old
    links[v, s] = new
    return filled + 1


@jit
def _label_pieces(
    links: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    cuts: np.ndarray,
    m: int,
    label: np.ndarray,
    sizes: np.ndarray,
) -> int:
    """Number the cycles that the pieces of a child form; how many there are, with their sizes in cities."""
    n = len(order)
    label[:m] = -1
    found = 0
    for origin in range(m):
        if label[origin] >= 0:
            continue
        sizes[found] = 0
        s, enter, last = origin, order[(cuts[origin] + 1) % n], -1
        while label[s] < 0:
            label[s] = found
            begin, end = cuts[s] + 1, cuts[s + 1] if s + 1 < m else cuts[0] + n
            sizes[found] += end - begin + 1
            head, tail = order[begin % n], order[end % n]
            leave = tail if enter == head else head
            if begin < end:
                last = order[(end - 1) % n] if enter == head else order[(begin + 1) % n]
            enter = links[leave, 1] if links[leave, 0] == last else links[leave, 0]
            last = leave
            s = _piece(cuts, m, position[enter])
        found += 1
    return found


@jit
def _join(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    neighbours: np.ndarray,
    lengths: np.ndarray,
    links: np.ndarray,
    order: np.ndarray,
    position: np.ndarray,
    cuts: np.ndarray,
    m: int,
    label: np.ndarray,
    sizes: np.ndarray,
    found: int,
    journal: np.ndarray,
    filled: int,
    edges: np.ndarray,
    num_edges: int,
    most: float,
) -> tuple[float, int, int]:
    """
    Make one tour of the child's cycles, smallest first.

    Returns
    -------
    cost, filled, num_edges
        Infinite if candidates do not suffice, or the cost of the first joints comes to ``most``; entries of the
        journal, and of the exchanged edges, then.
    """
    n = len(order)
    total = 0.0
    for _ in range(found - 1):
        least = -1
        for c in range(found):
            if sizes[c] > 0 and (least < 0 or sizes[c] < sizes[least]):
                least = c
        best, v1, v2, w1, w2 = np.inf, -1, -1, -1, -1
        for s in range(m):
            if label[s] != least:
                continue
            end = cuts[s + 1] if s + 1 < m else cuts[0] + n
            for p in range(cuts[s] + 1, end + 1):
                v = order[p % n]
                for k in range(neighbours.shape[1]):
                    w = neighbours[v, k]
                    if label[_piece(cuts, m, position[w])] == least:
                        continue
                    for i in range(2):
                        x = links[v, i]
                        base = lengths[v, k] - distance(metric, coords, matrix, v, x)
                        for j in range(2):
                            y = links[w, j]
                            change = base - distance(metric, coords, matrix, w, y)
                            change += distance(metric, coords, matrix, x, y)
                            if change < best:
                                best, v1, v2, w1, w2 = change, v, x, w, y
        total += best
        if v1 < 0 or total >= most:
            return np.inf, filled, num_edges
        filled = _relink(links, journal, filled, v1, v2, w1)
        filled = _relink(links, journal, filled, v2, v1, w2)
        filled = _relink(links, journal, filled, w1, w2, v1)
        filled = _relink(links, journal, filled, w2, w1, v2)
        for a, b, by in ((v1, w1, 1), (v2, w2, 1), (v1, v2, -1), (w1, w2, -1)):
            edges[num_edges, 0], edges[num_edges, 1], edges[num_edges, 2] = a, b, by
            num_edges += 1
        target = label[_piece(cuts, m, position[w1])]
        for s in range(m):
            if label[s] == least:
                label[s] = target
        sizes[target] += sizes[least]
        sizes[least] = 0
    return total, filled, num_edges


@jit_allocating
def evolve(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    neighbours: np.ndarray,
    candidate_lengths: np.ndarray,
    links: np.ndarray,
    others: np.ndarray,
    counts: np.ndarray,
    lengths: np.ndarray,
    pairs: np.ndarray,
    random: np.ndarray,
    epsilon: float,
) -> int:
    """
    Let pairs of tours meet, one after the other: the best child of A and B replaces A.

    Parameters
    ----------
    metric, coords, matrix, neighbours, candidate_lengths, epsilon
        See :class:`cosolve.search.tsp.Search`.
    links, others, counts
        See :class:`Population`, changed in place.
    lengths
        Of the tours, changed with them.
    pairs
        Tours A and B, (M, 2).
    random
        See :mod:`cosolve.search.random`.

    Returns
    -------
    int
        Tours that were replaced.
    """
    size, n = links.shape[0], links.shape[1]
    entropy = np.zeros(size + 2)
    for k in range(1, size + 2):
        entropy[k] = -(k / size) * math.log(k / size)
    order, position = np.empty(n, np.int32), np.empty(n, np.int32)
    rest, degree = np.empty((2, n, 2), np.int32), np.empty((2, n), np.int32)
    path, at = np.empty(2 * n + 1, np.int32), np.full((n, 2), -1, np.int32)
    members, begin = np.empty(2 * n, np.int32), np.empty(n + 1, np.int32)
    cuts, label, sizes = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n, np.int32)
    journal, edges = np.empty((6 * n + 8, 3), np.int32), np.empty((6 * n + 8, 3), np.int32)
    chosen, chosen_edges = np.empty_like(journal), np.empty_like(edges)
    replaced = 0
    for pair in range(len(pairs)):
        a, b = links[pairs[pair, 0]], links[pairs[pair, 1]]
        cycles = _find_cycles(a, b, rest, degree, path, at, members, begin, random)
        if cycles < 2:
            continue  # the only child would be B
        _trace(a, order, position)
        best, best_gain, num_chosen, num_chosen_edges = 0.0, 0.0, 0, 0
        for c in range(min(cycles, CHILDREN)):
            pick = below(random, cycles) if cycles > CHILDREN else c
            first, length = begin[pick], begin[pick + 1] - begin[pick]
            gain, m, num_edges = 0.0, 0, 0
            for k in range(length):
                v, w = members[first + k], members[first + (k + 1 if k + 1 < length else 0)]
                edges[k, 0], edges[k, 1], edges[k, 2] = v, w, 1 if k & 1 else -1
                way = distance(metric, coords, matrix, v, w)
                if k & 1:
                    gain -= way
                else:
                    gain += way
                    before, behind = min(position[v], position[w]), max(position[v], position[w])
                    cuts[m] = before if behind == before + 1 else behind
                    m += 1
            if gain <= epsilon:
                continue
            num_edges, filled = length, 0
            cuts[:m].sort()
            for k in range(length):
                v = members[first + k]
                earlier, later = members[first + (k - 1 if k else length - 1)], members[first + (k + 1) % length]
                if k & 1:
                    earlier, later = later, earlier
                filled = _relink(a, journal, filled, v, later, earlier)
            found = _label_pieces(a, order, position, cuts, m, label, sizes)
            if found > 1:
                cost, filled, num_edges = _join(
                    metric, coords, matrix, neighbours, candidate_lengths, a, order, position, cuts, m, label, sizes,
                    found, journal, filled, edges, num_edges, gain,
                )  # fmt: skip
                gain -= cost
            if gain > epsilon:
                loss = 0.0
                for k in range(num_edges):
                    f = _count(others, counts, edges[k, 0], edges[k, 1])
                    if edges[k, 2] > 0:
                        loss += entropy[f] - entropy[f + 1]
                    elif f > 0:
                        loss += entropy[f] - entropy[f - 1]
                score = gain / max(loss, 1e-9)
                if score > best:
                    best, best_gain, num_chosen, num_chosen_edges = score, gain, filled, num_edges
                    for k in range(filled):
                        v, s = journal[k, 0], journal[k, 1]
                        chosen[k, 0], chosen[k, 1], chosen[k, 2] = v, s, a[v, s]
                    chosen_edges[:num_edges] = edges[:num_edges]
            for k in range(filled - 1, -1, -1):
                a[journal[k, 0], journal[k, 1]] = journal[k, 2]
        if best > 0.0:
            replaced += 1
            lengths[pairs[pair, 0]] -= best_gain
            for k in range(num_chosen):
                a[chosen[k, 0], chosen[k, 1]] = chosen[k, 2]
            for k in range(num_chosen_edges):
                v, w, by = chosen_edges[k, 0], chosen_edges[k, 1], chosen_edges[k, 2]
                _bump(others, counts, v, w, by)
                _bump(others, counts, w, v, by)
    return replaced
