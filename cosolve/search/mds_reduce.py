"""Dominating sets as set covers: exact reductions, greedy construction, a packing bound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosolve.core.jit import jit, jit_allocating

#: Neighbour visits that one subset test may take.
_MAX_WORK = 20_000

#: Neighbour visits between two looks at the clock: some hundredths of a second.
_AT_ONCE = 2_000_000


@jit
def _first_alive(indptr: np.ndarray, indices: np.ndarray, v: int, alive: np.ndarray) -> int:
    if alive[v]:
        return v
    for k in range(indptr[v], indptr[v + 1]):
        if alive[indices[k]]:
            return indices[k]
    return -1


@jit
def _supersets(
    indptr: np.ndarray,
    indices: np.ndarray,
    v: int,
    size: int,
    across: np.ndarray,
    alike: np.ndarray,
    hits: np.ndarray,
    out: np.ndarray,
    counts: np.ndarray,
) -> int:
    """
    Nodes u != v, alive in ``alike``, whose closed neighbourhood among ``across`` contains that of v (``size`` nodes).

    Neighbour visits are added to ``counts[3]``.
    """
    work = 0
    for k in range(indptr[v] - 1, indptr[v + 1]):
        w = v if k < indptr[v] else indices[k]
        if across[w]:
            work += indptr[w + 1] - indptr[w] + 1
    counts[3] += indptr[v + 1] - indptr[v] + 1
    if work > _MAX_WORK:
        return 0
    counts[3] += work
    count = 0
    for k in range(indptr[v] - 1, indptr[v + 1]):
        w = v if k < indptr[v] else indices[k]
        if across[w]:
            for j in range(indptr[w] - 1, indptr[w + 1]):
                u = w if j < indptr[w] else indices[j]
                hits[u] += 1
                if hits[u] == size and u != v and alike[u]:
                    out[count] = u
                    count += 1
    for k in range(indptr[v] - 1, indptr[v + 1]):
        w = v if k < indptr[v] else indices[k]
        if across[w]:
            hits[w] = 0
            for j in range(indptr[w], indptr[w + 1]):
                hits[indices[j]] = 0
    return count


@jit_allocating
def _work_off(
    indptr: np.ndarray,
    indices: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    row_size: np.ndarray,
    column_size: np.ndarray,
    queue: np.ndarray,
    queued: np.ndarray,
    hits: np.ndarray,
    taken: np.ndarray,
    counts: np.ndarray,
    visits: int,
) -> None:
    """
    Work off the queue until so many neighbour visits are spent.

    ``counts`` hold where it begins, its length, how many are taken, and the visits.
    """
    n = len(indptr) - 1
    found = np.empty(n, np.int32)
    # Removals to be worked off: rows as they are, columns + n.
    stack = np.empty(2 * n, np.int64)
    head, waiting, num_taken = counts[0], counts[1], counts[2]
    counts[3] = 0
    while waiting > 0 and counts[3] < visits:
        counts[3] += 1
        entry = queue[head]
        head = head + 1 if head + 1 < 2 * n else 0
        waiting -= 1
        queued[entry] = False
        depth = 0
        if entry < n:
            if not rows[entry]:
                continue
            if row_size[entry] == 1:
                column = _first_alive(indptr, indices, entry, columns)
                taken[num_taken] = column
                num_taken += 1
                columns[column] = False
                for k in range(indptr[column] - 1, indptr[column + 1]):
                    r = column if k < indptr[column] else indices[k]
                    if rows[r]:
                        rows[r] = False
                        stack[depth] = r
                        depth += 1
            else:
                count = _supersets(indptr, indices, entry, row_size[entry], columns, rows, hits, found, counts)
                for i in range(count):
                    rows[found[i]] = False
                    stack[depth] = found[i]
                    depth += 1
        else:
            column = entry - n
            if not columns[column]:
                continue
            if column_size[column] == 0 or (
                _supersets(indptr, indices, column, column_size[column], rows, columns, hits, found, counts) > 0
            ):
                columns[column] = False
                stack[depth] = column + n
                depth += 1
        while depth > 0:
            depth -= 1
            gone = stack[depth]
            v = gone if gone < n else gone - n
            counts[3] += indptr[v + 1] - indptr[v] + 1
            for k in range(indptr[v] - 1, indptr[v + 1]):
                w = v if k < indptr[v] else indices[k]
                if gone < n:
                    if not columns[w]:
                        continue
                    column_size[w] -= 1
                    again = w + n
                else:
                    if not rows[w]:
                        continue
                    row_size[w] -= 1
                    again = w
                if not queued[again]:
                    queued[again] = True
                    tail = head + waiting
                    queue[tail if tail < 2 * n else tail - 2 * n] = again
                    waiting += 1
    counts[0], counts[1], counts[2] = head, waiting, num_taken


def reduce(
    indptr: np.ndarray, indices: np.ndarray, should_stop: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Set cover left of a dominating set problem when three rules have nothing more to do, or when it is told to stop.

    A node that only one node can dominate forces that one. A node whose possible dominators include all those of
    another is dominated with it, so it may be forgotten. A node that dominates no more than another does is no
    candidate ([1]_). A node is looked at again only when its set has shrunk.

    Returns
    -------
    rows
        (n,) bool: nodes still to be dominated.
    columns
        (n,) bool: candidates that may still be chosen.
    taken
        Nodes chosen for sure.

    References
    ----------
    .. [1] Beasley, J. E. (1987). An algorithm for set covering problem. *European Journal of Operational Research*
           31(1): 85-93.
    """
    n = len(indptr) - 1
    rows, columns = np.ones(n, np.bool_), np.ones(n, np.bool_)
    row_size = np.diff(indptr).astype(np.int64) + 1
    column_size = row_size.copy()
    # Entries below n are rows, the others columns; small sets first, they have most supersets.
    order = np.argsort(row_size, kind="stable")
    queue = np.concatenate((order, order + n))
    queued = np.ones(2 * n, np.bool_)
    hits, taken = np.zeros(n, np.int32), np.empty(n, np.int32)
    counts = np.array([0, 2 * n, 0, 0])
    state = (rows, columns, row_size, column_size, queue, queued, hits, taken, counts)
    while counts[1] > 0 and not should_stop():
        _work_off(indptr, indices, *state, _AT_ONCE)
    return rows, columns, taken[: counts[2]].copy()


@jit_allocating
def extract(
    indptr: np.ndarray, indices: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Set cover on the marked nodes in CSR over its rows.

    Returns
    -------
    row_ptr, row_columns
        Columns of each row, by their number.
    nodes
        Node of each column.
    """
    n = len(indptr) - 1
    number = np.full(n, -1, np.int32)
    nodes = np.flatnonzero(columns).astype(np.int32)
    for i in range(len(nodes)):
        number[nodes[i]] = i
    row_nodes = np.flatnonzero(rows)
    row_ptr = np.zeros(len(row_nodes) + 1, np.int64)
    for i in range(len(row_nodes)):
        r = row_nodes[i]
        count = 1 if number[r] >= 0 else 0
        for k in range(indptr[r], indptr[r + 1]):
            if number[indices[k]] >= 0:
                count += 1
        row_ptr[i + 1] = row_ptr[i] + count
    row_columns = np.empty(row_ptr[len(row_nodes)], np.int32)
    filled = 0
    for r in row_nodes:
        if number[r] >= 0:
            row_columns[filled] = number[r]
            filled += 1
        for k in range(indptr[r], indptr[r + 1]):
            if number[indices[k]] >= 0:
                row_columns[filled] = number[indices[k]]
                filled += 1
    return row_ptr, row_columns, nodes


@jit_allocating
def transpose(row_ptr: np.ndarray, row_columns: np.ndarray, num_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """CSR over the columns."""
    column_ptr = np.zeros(num_columns + 1, np.int64)
    for c in row_columns:
        column_ptr[c + 1] += 1
    for c in range(num_columns):
        column_ptr[c + 1] += column_ptr[c]
    cursor = column_ptr[:-1].copy()
    column_rows = np.empty(len(row_columns), np.int32)
    for r in range(len(row_ptr) - 1):
        for k in range(row_ptr[r], row_ptr[r + 1]):
            column_rows[cursor[row_columns[k]]] = r
            cursor[row_columns[k]] += 1
    return column_ptr, column_rows


@jit_allocating
def greedy(
    row_ptr: np.ndarray,
    row_columns: np.ndarray,
    column_ptr: np.ndarray,
    column_rows: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """
    Greedy cover: always the column with most uncovered rows, then redundant columns leave; linear time.

    Parameters
    ----------
    order
        Columns in the order that settles ties: the last of them comes first.
    start
        (num_columns,) bool: columns chosen beforehand; they may leave as redundant.

    Returns
    -------
    numpy.ndarray
        (num_columns,) bool.
    """
    num_columns = len(column_ptr) - 1
    gain = np.empty(num_columns, np.int64)
    top = 0
    for c in range(num_columns):
        gain[c] = column_ptr[c + 1] - column_ptr[c]
        top = max(top, gain[c])
    # Lazy buckets: a column's entry is moved down when it turns up with a gain that has shrunk.
    first = np.full(top + 1, -1, np.int32)
    after = np.full(num_columns, -1, np.int32)
    for c in order:
        after[c] = first[gain[c]]
        first[gain[c]] = c
    covered = np.zeros(len(row_ptr) - 1, np.int32)
    chosen = np.zeros(num_columns, np.bool_)
    picked = np.empty(num_columns, np.int32)
    count = 0
    for c in range(num_columns):
        if start[c]:
            chosen[c] = True
            picked[count] = c
            count += 1
            for k in range(column_ptr[c], column_ptr[c + 1]):
                r = column_rows[k]
                covered[r] += 1
                if covered[r] == 1:
                    for j in range(row_ptr[r], row_ptr[r + 1]):
                        gain[row_columns[j]] -= 1
    level = top
    while level > 0:
        c = first[level]
        if c < 0:
            level -= 1
            continue
        first[level] = after[c]
        if chosen[c]:
            continue
        if gain[c] < level:
            after[c] = first[gain[c]]
            first[gain[c]] = c
            continue
        chosen[c] = True
        picked[count] = c
        count += 1
        for k in range(column_ptr[c], column_ptr[c + 1]):
            r = column_rows[k]
            covered[r] += 1
            if covered[r] == 1:
                for j in range(row_ptr[r], row_ptr[r + 1]):
                    gain[row_columns[j]] -= 1
    # The first picked cover most, but what came later may cover all of it.
    for i in range(count):
        c = picked[i]
        is_needed = False
        for k in range(column_ptr[c], column_ptr[c + 1]):
            if covered[column_rows[k]] == 1:
                is_needed = True
                break
        if not is_needed:
            chosen[c] = False
            for k in range(column_ptr[c], column_ptr[c + 1]):
                covered[column_rows[k]] -= 1
    return chosen


@jit_allocating
def pack(row_ptr: np.ndarray, row_columns: np.ndarray, num_columns: int) -> int:
    """Number of rows without a common column, found greedily by length: as many columns are needed at least."""
    lengths = np.empty(len(row_ptr) - 1, np.int64)
    for r in range(len(lengths)):
        lengths[r] = row_ptr[r + 1] - row_ptr[r]
    used = np.zeros(num_columns, np.bool_)
    count = 0
    for r in np.argsort(lengths, kind="mergesort"):
        is_apart = True
        for k in range(row_ptr[r], row_ptr[r + 1]):
            if used[row_columns[k]]:
                is_apart = False
                break
        if is_apart:
            count += 1
            for k in range(row_ptr[r], row_ptr[r + 1]):
                used[row_columns[k]] = True
    return count
