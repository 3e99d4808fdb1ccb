"""
Capacitated p-median on any metric: construction, and a search that rebuilds small regions of clusters.

Construction seeds medians with probability proportional to distance [1]_ and assigns by regret within capacities
[2]_. The search takes a median and its nearest others, replaces some of the region's medians by random members,
assigns the region anew, improves it by shifts, swaps and better medians, and keeps it if it pays: ruin and recreate
[3]_ at a cost that does not depend on the size of the instance.

References
----------
.. [1] Arthur, D., Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding. *SODA*: 1027-1035.
.. [2] Mulvey, J. M., Beck, M. P. (1984). Solving capacitated clustering problems. *European Journal of Operational
       Research* 18(3): 339-348.
.. [3] Schrimpf, G., Schneider, J., Stamm-Wilbrandt, H., Dueck, G. (2000). Record breaking optimization results
       using the ruin and recreate principle. *Journal of Computational Physics* 159(2): 139-171.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.core.metric import distance
from cosolve.search.neighbours import build_tree, points_of, query

#: Pairs that one call of :func:`shift_and_swap` looks at for exchanges, at most: a few milliseconds.
_PAIRS = 5_000_000


@jit_allocating
def seed_medians(
    metric: int, coords: np.ndarray, matrix: np.ndarray, capacity: np.ndarray, p: int, draws: np.ndarray
) -> np.ndarray:
    """p different nodes, each drawn with probability proportional to distance times capacity; O(n p)."""
    n = len(capacity)
    gap = np.full(n, 1.0)
    medians = np.empty(p, np.int64)
    taken = np.zeros(n, np.bool_)
    for k in range(p):
        total = 0.0
        for i in range(n):
            if not taken[i]:
                total += gap[i] * capacity[i]
        left = draws[k] * total
        chosen = -1
        for i in range(n):
            if not taken[i]:
                if chosen < 0 or gap[i] * capacity[i] > 0:
                    chosen = i
                left -= gap[i] * capacity[i]
                if left <= 0 and gap[i] * capacity[i] > 0:
                    break
        medians[k] = chosen
        taken[chosen] = True
        for i in range(n):
            length = distance(metric, coords, matrix, i, chosen)
            if k == 0 or length < gap[i]:
                gap[i] = length
    return medians


@jit_allocating
def assign(cost: np.ndarray, demand: np.ndarray, capacity: np.ndarray, place: np.ndarray, load: np.ndarray) -> bool:
    """
    Assign nodes by regret: those that lose most by their second choice first, then the large ones; O(s q log s).

    Parameters
    ----------
    cost
        (s, q) cost of each node at each median.
    demand, capacity
        (s,), (q,).
    place, load
        (s,), (q,) out: median (a column of ``cost``) of each node, and loads.

    Returns
    -------
    bool
        Whether all found room.
    """
    s, q = cost.shape
    for attempt in range(2):
        regret = np.empty(s)
        for i in range(s):
            first, second = np.inf, np.inf
            for k in range(q):
                if cost[i, k] < first:
                    first, second = cost[i, k], first
                elif cost[i, k] < second:
                    second = cost[i, k]
            # On the second attempt the large come first, whatever it costs.
            regret[i] = -demand[i] if attempt == 1 else (first - second if q > 1 else 0.0)
        order = np.argsort(regret, kind="mergesort")
        load[:] = 0.0
        fits = True
        for i in order:
            best = -1
            for k in range(q):
                if load[k] + demand[i] <= capacity[k] and (best < 0 or cost[i, k] < cost[i, best]):
                    best = k
            if best < 0:
                fits = False
                break
            place[i] = best
            load[best] += demand[i]
        if fits:
            return True
    return False


@jit
def shift_and_swap(
    cost: np.ndarray, demand: np.ndarray, capacity: np.ndarray, place: np.ndarray, load: np.ndarray, stop: np.ndarray
) -> bool:
    """
    Move nodes to better medians and exchange pairs until neither helps; whether anything changed.

    After :data:`_PAIRS` pairs there are no more exchanges, so that regions of large clusters take no minutes.
    """
    s, q = cost.shape
    left = _PAIRS
    any_change = False
    changed = True
    largest = 0.0
    for i in range(s):
        for k in range(q):
            largest = max(largest, cost[i, k])
    while changed and stop[0] == 0:
        changed = False
        for i in range(s):
            a = place[i]
            best, other, gain = -1, -1, 1e-12 * largest
            for b in range(q):
                if b == a or cost[i, a] - cost[i, b] <= gain:
                    continue
                if load[b] + demand[i] <= capacity[b]:
                    best, other, gain = b, -1, cost[i, a] - cost[i, b]
                    continue
                if left <= 0:
                    continue
                left -= s
                room_a = capacity[a] - load[a] + demand[i]
                room_b = capacity[b] - load[b] - demand[i]
                for j in range(s):
                    if place[j] != b or demand[j] > room_a or room_b + demand[j] < 0:
                        continue
                    value = cost[i, a] - cost[i, b] + cost[j, b] - cost[j, a]
                    if value > gain:
                        best, other, gain = b, j, value
            if best >= 0:
                load[a] -= demand[i]
                load[best] += demand[i]
                place[i] = best
                if other >= 0:
                    load[best] -= demand[other]
                    load[a] += demand[other]
                    place[other] = a
                changed = True
                any_change = True
    return any_change


@jit_allocating
def _better_medians(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    all_capacity: np.ndarray,
    nodes: np.ndarray,
    medians: np.ndarray,
    capacity: np.ndarray,
    place: np.ndarray,
    load: np.ndarray,
    cost: np.ndarray,
    is_median: np.ndarray,
    most: int,
    stop: np.ndarray,
) -> bool:
    """Replace each median by the member that serves its cluster best; of large clusters, ``most`` are tried."""
    s, q = cost.shape
    changed = False
    for k in range(q):
        if stop[0] != 0:
            return False
        members = np.flatnonzero(place == k)
        if len(members) == 0:
            continue
        best = 0.0
        for i in members:
            best += cost[i, k]
        chosen = -1
        # The members nearest to the median are the likely ones.
        order = members
        if len(members) > most:
            order = members[np.argsort(cost[members, k], kind="mergesort")[:most]]
        for c in order:
            node = nodes[c]
            if is_median[node] or all_capacity[node] < load[k]:
                continue
            total = 0.0
            for i in members:
                total += distance(metric, coords, matrix, nodes[i], node)
                if total >= best:
                    break
            if total < best - 1e-12 * abs(best):
                best, chosen = total, int(node)
        if chosen >= 0:
            is_median[medians[k]] = False
            is_median[chosen] = True
            medians[k] = chosen
            capacity[k] = all_capacity[chosen]
            for x in range(s):
                cost[x, k] = distance(metric, coords, matrix, nodes[x], chosen)
            changed = True
    return changed


@jit_allocating
def settle(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    all_capacity: np.ndarray,
    all_demand: np.ndarray,
    nodes: np.ndarray,
    medians: np.ndarray,
    is_median: np.ndarray,
    place: np.ndarray,
    is_placed: bool,
    most: int,
    stop: np.ndarray,
) -> float:
    """
    Assign a region's nodes to its medians and improve both in turn; the region's cost, infinity if it won't fit.

    ``medians``, ``is_median`` and ``place`` are changed in place; with ``is_placed`` the given places are the start.
    Once ``stop`` is not 0, improving ends.
    """
    s, q = len(nodes), len(medians)
    cost, demand, capacity, load = np.empty((s, q)), np.empty(s), np.empty(q), np.zeros(q)
    for k in range(q):
        capacity[k] = all_capacity[medians[k]]
    for i in range(s):
        demand[i] = all_demand[nodes[i]]
        for k in range(q):
            cost[i, k] = distance(metric, coords, matrix, nodes[i], medians[k]) if nodes[i] != medians[k] else 0.0
    if is_placed:
        for i in range(s):
            load[place[i]] += demand[i]
    elif not assign(cost, demand, capacity, place, load):
        return np.inf
    for _ in range(20):
        if q > 1:
            shift_and_swap(cost, demand, capacity, place, load, stop)
        if not _better_medians(
            metric, coords, matrix, all_capacity, nodes, medians, capacity, place, load, cost, is_median, most, stop
        ):
            break
    total = 0.0
    for i in range(s):
        total += cost[i, place[i]]
    return total


@jit_allocating
def rebuild_regions(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    capacity: np.ndarray,
    demand: np.ndarray,
    medians: np.ndarray,
    label: np.ndarray,
    heads: np.ndarray,
    links: np.ndarray,
    draws: np.ndarray,
    width: int,
    temperature: float,
    most: int,
    stop: np.ndarray,
) -> float:
    """
    Rebuild one region per row of ``draws``; returns the change of the objective.

    Parameters
    ----------
    metric, coords, matrix
        See :func:`cosolve.core.metric.distance`.
    capacity, demand
        (n,).
    medians
        (p,) state.
    label
        (n,) state: position in ``medians`` of each node's median.
    heads, links
        (p,) and (n,) state: linked lists of the members of each cluster, ended by -1.
    draws
        (moves, width + 4) uniform random numbers.
    width
        Clusters of a region, at most.
    temperature
        Loss accepted with probability 1/e.
    most
        Members tried as new medians of a cluster.
    stop
        (1,), see :func:`cosolve.core.watcher.stop_flag`.
    """
    n, p = len(label), len(medians)
    is_median = np.zeros(n, np.bool_)
    is_median[medians] = True
    change = 0.0
    gap = np.empty(p)
    for draw in draws:
        if stop[0] != 0:
            break
        centre = min(int(draw[0] * p), p - 1)
        q = min(p, 2 + int(draw[1] * (width - 1)))
        for k in range(p):
            gap[k] = -1.0 if k == centre else distance(metric, coords, matrix, medians[centre], medians[k])
        region = np.argsort(gap, kind="mergesort")[:q] if p <= 64 else _nearest(gap, q)
        size = 0
        for k in region:
            i = heads[k]
            while i >= 0:
                size += 1
                i = links[i]
        if size == 0:
            continue
        nodes, place = np.empty(size, np.int64), np.empty(size, np.int64)
        old, at = 0.0, 0
        for x in range(q):
            i = heads[region[x]]
            while i >= 0:
                nodes[at] = i
                place[at] = x
                old += distance(metric, coords, matrix, i, medians[region[x]]) if i != medians[region[x]] else 0.0
                at += 1
                i = links[i]
        before = medians[region].copy()
        trial = before.copy()
        # One median goes, or two; random members of the region take their places.
        for c in range(1 if draw[2] < 0.7 or q < 3 else 2):
            k = min(int(draw[4 + c] * q), q - 1)
            node = nodes[min(int(draw[4 + (2 + c) % width] * size), size - 1)]
            if not is_median[node]:
                is_median[trial[k]] = False
                is_median[node] = True
                trial[k] = node
        new = settle(metric, coords, matrix, capacity, demand, nodes, trial, is_median, place, False, most, stop)
        loss = new - old
        if loss < -1e-12 * old or (temperature > 0 and loss < -temperature * np.log(max(draw[3], 1e-300))):
            change += loss
            for x in range(q):
                medians[region[x]] = trial[x]
                heads[region[x]] = -1
            for i in range(size):
                k = region[place[i]]
                label[nodes[i]] = k
                links[nodes[i]] = heads[k]
                heads[k] = nodes[i]
        else:
            for k in trial:
                is_median[k] = False
            for k in before:
                is_median[k] = True
    return change


@jit_allocating
def _nearest(gap: np.ndarray, q: int) -> np.ndarray:
    """Positions of the q smallest values, smallest first."""
    found = np.empty(q, np.int64)
    size = 0
    for k in range(len(gap)):
        if size < q:
            at = size
            size += 1
        elif gap[k] < gap[found[q - 1]]:
            at = q - 1
        else:
            continue
        while at > 0 and gap[found[at - 1]] > gap[k]:
            found[at] = found[at - 1]
            at -= 1
        found[at] = k
    return found


@jit_allocating
def link(label: np.ndarray, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Linked lists of the members of each cluster."""
    heads = np.full(p, -1, np.int64)
    links = np.full(len(label), -1, np.int64)
    for i in range(len(label) - 1, -1, -1):
        links[i] = heads[label[i]]
        heads[label[i]] = i
    return heads, links


@jit_allocating
def assign_all(
    metric: int,
    coords: np.ndarray,
    matrix: np.ndarray,
    capacity: np.ndarray,
    demand: np.ndarray,
    medians: np.ndarray,
    near: int,
    by_size: bool,
    label: np.ndarray,
) -> bool:
    """
    Assign all nodes to medians by regret (or largest first) with little memory: O(n near) space.

    Nodes that find none of their nearest medians free go to the nearest that is. With coordinates the nearest come
    from a k-d tree over the medians, O(n (near + log p)) on the average; with a matrix the search takes O(n p).
    """
    n, p = len(demand), len(medians)
    near = min(near, p)
    found = np.empty((n, near), np.int32)
    cost = np.empty((n, near))
    key = np.empty(n)
    if metric == 0:
        gap = np.empty(p)
        for i in range(n):
            for k in range(p):
                gap[k] = distance(metric, coords, matrix, i, medians[k]) if i != medians[k] else 0.0
            found[i] = _nearest(gap, near)
    else:
        places = points_of(metric, coords)
        points = np.concatenate((places[medians], places))
        order, axis, value = build_tree(points[:p])
        stack, offsets, squares = np.empty((128, 3), np.int64), np.empty(128), np.empty(near)
        for i in range(n):
            query(points, order, axis, value, p + i, found[i], squares, stack, offsets, -1)
    for i in range(n):
        for x in range(near):
            k = medians[found[i, x]]
            cost[i, x] = distance(metric, coords, matrix, i, k) if i != k else 0.0
        key[i] = -demand[i] if by_size else cost[i, 0] - cost[i, min(1, near - 1)]
    load = np.zeros(p)
    for i in np.argsort(key, kind="mergesort"):
        chosen = -1
        for x in range(near):
            if load[found[i, x]] + demand[i] <= capacity[medians[found[i, x]]]:
                chosen = found[i, x]
                break
        if chosen < 0:
            least = np.inf
            for k in range(p):
                if load[k] + demand[i] <= capacity[medians[k]]:
                    length = distance(metric, coords, matrix, i, medians[k])
                    if length < least:
                        least, chosen = length, k
        if chosen < 0:
            return False
        label[i] = chosen
        load[chosen] += demand[i]
    return True
