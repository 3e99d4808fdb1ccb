"""
Local search for Steiner trees: vertex insertion, key-path exchange, key-vertex elimination.

The neighbourhoods are those of Uchoa and Werneck (2012), *ACM Journal of Experimental Algorithmics* 17, 2.4. Where they
merge heaps of boundary edges, we number the tree in preorder and scan the smaller side of a cut: a pass costs
O(m log n) for each accepted move and the sum of the smaller sides, about t sqrt(t) for a tree of t nodes in practice.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.stp_graph import ascending, heap_pop, heap_push, prune, tree_nodes, voronoi

#: Part of what a move takes away that it has to save: less may be the rounding of sums of a million weights.
_LEAST_GAIN = 1e-10


@jit
def improve(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    in_tree: np.ndarray,
    cursor: np.ndarray,
    budget: int,
) -> bool:
    """
    Descend from the tree in ``in_tree`` (a flag per edge, changed in place).

    Parameters
    ----------
    cursor
        (3,) int64: phase, next node, nodes in a row without improvement; zeros to begin. Kept between calls, so that
        many calls with small budgets walk the same path as one call.
    budget
        Work units (arcs looked at) after which the call returns.

    Returns
    -------
    bool
        True at a local optimum, False if the budget ran out first.
    """
    n = len(indptr) - 1
    root = 0
    while not is_terminal[root]:
        root += 1
    work = 0
    if cursor[0] == 3:
        return True
    while work < budget:
        if cursor[0] == 0 or cursor[0] == 2:
            work = _insertions(
                indptr, neighbours, edge_ids, ends, weights, is_terminal, in_tree, root, cursor, work, budget
            )
            if cursor[2] >= n:
                # Phase 2 is insertions after key moves: without success, all neighbourhoods are exhausted.
                cursor[0] += 1
                cursor[1] = 0
                cursor[2] = 0
                if cursor[0] == 3:
                    return True
                continue
        if cursor[0] == 1:
            work = _key_moves(
                indptr, neighbours, edge_ids, ends, weights, is_terminal, in_tree, root, cursor, work, budget
            )
            if cursor[2] >= n:
                cursor[0] = 2
                cursor[1] = 0
                cursor[2] = 0
    return False


@jit_allocating
def _root_tree(
    indptr: np.ndarray, neighbours: np.ndarray, edge_ids: np.ndarray, in_tree: np.ndarray, root: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
    """Preorder, position in it (-1 outside the tree), end of each subtree in it, parent, parent edge, degree, size."""
    n = len(indptr) - 1
    order = np.empty(n, np.int64)
    first = np.full(n, -1, np.int64)
    last = np.zeros(n, np.int64)
    parent = np.full(n, -1, np.int64)
    parent_edge = np.full(n, -1, np.int64)
    degree = np.zeros(n, np.int64)
    stack = np.empty(n, np.int64)
    stack[0] = root
    top = 1
    count = 0
    while top > 0:
        top -= 1
        v = stack[top]
        first[v] = count
        order[count] = v
        count += 1
        for k in range(indptr[v], indptr[v + 1]):
            e = edge_ids[k]
            if in_tree[e]:
                degree[v] += 1
                if e != parent_edge[v]:
                    u = neighbours[k]
                    parent[u] = v
                    parent_edge[u] = e
                    stack[top] = u
                    top += 1
    for k in range(count):
        last[order[k]] = k + 1
    for k in range(count - 1, 0, -1):
        v = order[k]
        last[parent[v]] = max(last[parent[v]], last[v])
    return order, first, last, parent, parent_edge, degree, count


@jit_allocating
def _insertions(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    in_tree: np.ndarray,
    root: int,
    cursor: np.ndarray,
    work: int,
    budget: int,
) -> int:
    """Add a node with its edges to the tree wherever the tree edges that this makes superfluous weigh more."""
    n = len(indptr) - 1
    _, first, _, parent, parent_edge, _, _ = _root_tree(indptr, neighbours, edge_ids, in_tree, root)
    work += n + len(neighbours)
    removed = np.zeros(len(ends), np.bool_)
    star = np.empty(n, np.int64)
    star_weight = np.empty(n)
    added = np.empty(n, np.int64)
    dropped = np.empty(n, np.int64)
    while work < budget and cursor[2] < n:
        v = cursor[1] % n
        cursor[1] = v + 1
        cursor[2] += 1
        if first[v] >= 0:
            continue
        size = 0
        for k in range(indptr[v], indptr[v + 1]):
            if first[neighbours[k]] >= 0 and weights[edge_ids[k]] < np.inf:
                star[size] = edge_ids[k]
                star_weight[size] = weights[edge_ids[k]]
                size += 1
        work += indptr[v + 1] - indptr[v] + 1
        if size < 2:
            continue
        ranks = ascending(star_weight[:size])
        added[0] = star[ranks[0]]
        num_added = 1
        num_dropped = 0
        saved, spent = 0.0, star_weight[ranks[0]]
        for rank in ranks[1:]:
            e = star[rank]
            x = ends[e, 0] + ends[e, 1] - v
            # The one earlier attached node whose tree path to x is whole closes the cycle.
            for a in range(num_added):
                y = ends[added[a], 0] + ends[added[a], 1] - v
                worst = -1
                p = x
                q = y
                broken = False
                while p != q:
                    if first[p] > first[q]:
                        step = parent_edge[p]
                        p = parent[p]
                    else:
                        step = parent_edge[q]
                        q = parent[q]
                    work += 1
                    if removed[step]:
                        broken = True
                        break
                    if worst < 0 or weights[step] > weights[worst]:
                        worst = step
                if broken:
                    continue
                if worst >= 0 and weights[worst] > star_weight[rank]:
                    removed[worst] = True
                    dropped[num_dropped] = worst
                    num_dropped += 1
                    saved += weights[worst]
                    spent += star_weight[rank]
                    added[num_added] = e
                    num_added += 1
                break
        for k in range(num_dropped):
            removed[dropped[k]] = False
        if saved - spent > _LEAST_GAIN * saved:
            for k in range(num_added):
                in_tree[added[k]] = True
            for k in range(num_dropped):
                in_tree[dropped[k]] = False
            prune(indptr, neighbours, edge_ids, in_tree, is_terminal)
            _, first, _, parent, parent_edge, _, _ = _root_tree(indptr, neighbours, edge_ids, in_tree, root)
            work += n + 2 * len(neighbours)
            cursor[2] = 0
            if cursor[0] == 2:
                cursor[0] = 0  # something moved: the key moves get another round
    return work


@jit_allocating
def _group(n: int, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CSR lists of the items of each owner (negative owners are left out)."""
    start = np.zeros(n + 1, np.int64)
    for item in range(len(owner)):
        if owner[item] >= 0:
            start[owner[item] + 1] += 1
    for v in range(n):
        start[v + 1] += start[v]
    place = start.copy()
    items = np.empty(start[n], np.int64)
    for item in range(len(owner)):
        if owner[item] >= 0:
            items[place[owner[item]]] = item
            place[owner[item]] += 1
    return start, items


@jit_allocating
def _boundary(
    n: int, ends: np.ndarray, weights: np.ndarray, base: np.ndarray, in_tree: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CSR lists of the edges outside the tree that leave each base's region."""
    m = len(ends)
    owner = np.full(2 * m, -1, np.int64)
    for e in range(m):
        a = base[ends[e, 0]]
        b = base[ends[e, 1]]
        if a != b and a >= 0 and b >= 0 and not in_tree[e] and weights[e] < np.inf:
            owner[2 * e] = a
            owner[2 * e + 1] = b
    return _group(n, owner)


@jit
def _component(first: np.ndarray, low: int, high: int, starts: np.ndarray, stops: np.ndarray, num: int, v: int) -> int:
    """Which part of the broken tree node v is in: 0 outside the cut-out interval, 1.. its parts, -1 removed."""
    p = first[v]
    if p < low or p >= high:
        return 0
    left = 0
    right = num
    while left < right:
        middle = (left + right) // 2
        if starts[middle] <= p:
            left = middle + 1
        else:
            right = middle
    if left > 0 and p < stops[left - 1]:
        return left
    return -1


@jit_allocating
def _key_moves(
    indptr: np.ndarray,
    neighbours: np.ndarray,
    edge_ids: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    is_terminal: np.ndarray,
    in_tree: np.ndarray,
    root: int,
    cursor: np.ndarray,
    work: int,
    budget: int,
) -> int:
    """
    Cut out a key path (or a key node with all its key paths) and reconnect the parts more cheaply.

    Key nodes are terminals and branching nodes, key paths the tree paths between them. The Voronoi regions of all tree
    nodes are computed once per tree; when some bases vanish, only their regions are searched again.
    """
    n = len(indptr) - 1
    key = np.full(n, np.inf)
    new_base = np.full(n, -1, np.int64)
    new_pred = np.full(n, -1, np.int64)
    where = np.full(n, -1, np.int64)
    heap = np.empty(n, np.int64)
    region = np.empty(n, np.int64)
    starts = np.empty(n, np.int64)
    stops = np.empty(n, np.int64)
    out = np.empty(n, np.int64)
    group = np.empty(n + 1, np.int64)
    chosen = np.empty(n + 1, np.int64)
    m = len(ends)
    found = np.empty(2 * m + 1, np.int64)
    found_cost = np.empty(2 * m + 1)
    is_fresh = False
    order = first = last = parent = parent_edge = degree = region_start = region_item = edge_start = edge_item = where
    base = pred = where
    dist = key
    count = 0
    while work < budget and cursor[2] < n:
        if not is_fresh:
            order, first, last, parent, parent_edge, degree, count = _root_tree(
                indptr, neighbours, edge_ids, in_tree, root
            )
            dist, base, pred = voronoi(indptr, neighbours, edge_ids, weights, tree_nodes(ends, in_tree, is_terminal))
            region_start, region_item = _group(n, base)
            edge_start, edge_item = _boundary(n, ends, weights, base, in_tree)
            work += 4 * (n + len(neighbours))
            is_fresh = True
        # Two moves belong to a node: its path upwards, and the node itself if it is no terminal.
        v = cursor[1] % n
        cursor[1] = v + 1
        cursor[2] += 1
        work += 1
        if first[v] < 0 or (degree[v] == 2 and not is_terminal[v]):
            continue
        for move in range(2):
            if (move == 0 and v == root) or (move == 1 and is_terminal[v]):
                continue
            # Nodes and edges to cut out, and the intervals of preorder positions that remain.
            num_out = 0
            total = 0.0
            top = v
            a = v
            while True:
                total += weights[parent_edge[a]]
                a = parent[a]
                if is_terminal[a] or degree[a] != 2:
                    break
                out[num_out] = a
                num_out += 1
                top = a
            num_parts = 0
            if move == 0:
                starts[0] = first[v]
                stops[0] = last[v]
                num_parts = 1
            else:
                out[num_out] = v
                num_out += 1
                position = first[v] + 1
                while position < last[v]:
                    child = order[position]
                    position = last[child]
                    total += weights[parent_edge[child]]
                    while degree[child] == 2 and not is_terminal[child]:
                        out[num_out] = child
                        num_out += 1
                        child = order[first[child] + 1]
                        total += weights[parent_edge[child]]
                    starts[num_parts] = first[child]
                    stops[num_parts] = last[child]
                    num_parts += 1
            low = first[top]
            high = last[top]
            # Search the regions of the vanished bases again, from their neighbours.
            num_region = 0
            for k in range(num_out):
                for i in range(region_start[out[k]], region_start[out[k] + 1]):
                    region[num_region] = region_item[i]
                    num_region += 1
            size = 0
            for i in range(num_region):
                x = region[i]
                work += indptr[x + 1] - indptr[x]
                for k in range(indptr[x], indptr[x + 1]):
                    y = neighbours[k]
                    length = dist[y] + weights[edge_ids[k]]
                    if (
                        length < key[x]
                        and length < total
                        and base[y] >= 0
                        and _component(first, low, high, starts, stops, num_parts, base[y]) >= 0
                    ):
                        key[x] = length
                        new_base[x] = base[y]
                        new_pred[x] = edge_ids[k]
                        size = heap_push(heap, where, key, size, x)
            while size > 0:
                x = heap_pop(heap, where, key, size)
                size -= 1
                for k in range(indptr[x], indptr[x + 1]):
                    y = neighbours[k]
                    if base[y] < 0 or _component(first, low, high, starts, stops, num_parts, base[y]) >= 0:
                        continue
                    length = key[x] + weights[edge_ids[k]]
                    if length < key[y] and length < total:
                        key[y] = length
                        new_base[y] = new_base[x]
                        new_pred[y] = edge_ids[k]
                        size = heap_push(heap, where, key, size, y)
            # Edges between parts: those of the regions just searched, and those of all parts but the largest.
            num_found = 0
            for i in range(num_region):
                x = region[i]
                if new_base[x] < 0:
                    continue
                c = _component(first, low, high, starts, stops, num_parts, new_base[x])
                for k in range(indptr[x], indptr[x + 1]):
                    y = neighbours[k]
                    if key[y] < np.inf:
                        if y < x:
                            continue
                        cost = key[x] + weights[edge_ids[k]] + key[y]
                        d = _component(first, low, high, starts, stops, num_parts, new_base[y])
                    else:
                        if base[y] < 0:
                            continue
                        d = _component(first, low, high, starts, stops, num_parts, base[y])
                        cost = key[x] + weights[edge_ids[k]] + dist[y]
                    if d >= 0 and c != d and cost < total:
                        found[num_found] = edge_ids[k]
                        found_cost[num_found] = cost
                        num_found += 1
            largest = 0
            largest_size = count - (high - low)
            for p in range(num_parts):
                if stops[p] - starts[p] > largest_size:
                    largest = p + 1
                    largest_size = stops[p] - starts[p]
            for p in range(num_parts + 1):
                if p == largest:
                    continue
                for piece in range(2):
                    # Part 0 is what lies before and behind the interval.
                    if p == 0:
                        begin = 0 if piece == 0 else high
                        end = low if piece == 0 else count
                    elif piece == 0:
                        begin = starts[p - 1]
                        end = stops[p - 1]
                    else:
                        break
                    for position in range(begin, end):
                        b = order[position]
                        work += edge_start[b + 1] - edge_start[b] + 1
                        for i in range(edge_start[b], edge_start[b + 1]):
                            e = edge_item[i] >> 1
                            side = edge_item[i] & 1
                            x = ends[e, side]
                            y = ends[e, 1 - side]
                            cost = dist[x] + weights[e] + dist[y]
                            if cost < total:
                                d = _component(first, low, high, starts, stops, num_parts, base[y])
                                if d >= 0 and d != p and (d < p or d == largest):
                                    found[num_found] = e
                                    found_cost[num_found] = cost
                                    num_found += 1
            # Kruskal over the parts.
            better = False
            if num_found >= num_parts:
                ranks = ascending(found_cost[:num_found])
                for p in range(num_parts + 1):
                    group[p] = p
                cost = 0.0
                joined = 0
                for rank in ranks:
                    e = found[rank]
                    x = ends[e, 0]
                    y = ends[e, 1]
                    bx = new_base[x] if key[x] < np.inf else base[x]
                    by = new_base[y] if key[y] < np.inf else base[y]
                    c = _component(first, low, high, starts, stops, num_parts, bx)
                    d = _component(first, low, high, starts, stops, num_parts, by)
                    while group[c] != c:
                        c = group[c]
                    while group[d] != d:
                        d = group[d]
                    if c != d:
                        group[c] = d
                        cost += found_cost[rank]
                        chosen[joined] = e
                        joined += 1
                        if joined == num_parts or cost >= total:
                            break
                better = joined == num_parts and cost < (1.0 - _LEAST_GAIN) * total
                if better:
                    _cut_out(in_tree, is_terminal, degree, order, first, last, parent, parent_edge, v, move)
                    for k in range(joined):
                        e = chosen[k]
                        in_tree[e] = True
                        for side in range(2):
                            x = ends[e, side]
                            while True:
                                step = new_pred[x] if key[x] < np.inf else pred[x]
                                if step < 0:
                                    break
                                in_tree[step] = True
                                x = ends[step, 0] + ends[step, 1] - x
            for i in range(num_region):
                key[region[i]] = np.inf
                new_base[region[i]] = -1
                new_pred[region[i]] = -1
            if better:
                prune(indptr, neighbours, edge_ids, in_tree, is_terminal)
                is_fresh = False
                cursor[2] = 0
                break
    return work


@jit
def _cut_out(
    in_tree: np.ndarray,
    is_terminal: np.ndarray,
    degree: np.ndarray,
    order: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    parent: np.ndarray,
    parent_edge: np.ndarray,
    v: int,
    move: int,
) -> None:
    """Take the key path above v out of the tree, and with ``move`` 1 those below it as well."""
    a = v
    while True:
        in_tree[parent_edge[a]] = False
        a = parent[a]
        if is_terminal[a] or degree[a] != 2:
            break
    if move == 1:
        position = first[v] + 1
        while position < last[v]:
            child = order[position]
            position = last[child]
            in_tree[parent_edge[child]] = False
            while degree[child] == 2 and not is_terminal[child]:
                child = order[first[child] + 1]
                in_tree[parent_edge[child]] = False
