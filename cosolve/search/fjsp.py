"""
Tabu search for the (flexible) job shop, compiled.

A solution is a sequence of operations for each machine. Heads (longest path to an operation) and tails (longest
path from its end) give the makespan; one critical path is drawn at random and two kinds of moves on it are
estimated from heads and tails alone:

- within a block of its machine, the moves of N7: any operation of the block behind its last or before its first,
  and the first and the last into the block [3]_ [4]_, estimated as in [2]_;
- to another eligible machine, between the positions that contain the best insertion [1]_.

The best estimate that is not tabu is applied and evaluated exactly: O(n) an iteration, plus the moves. After a
number of iterations without improvement the caller starts again from a solution between two good ones, in the
spirit of the path relinking of [5]_: operations sorted by a convex combination of their places in both.

References
----------
.. [1] Mastrolilli, M., Gambardella, L. M. (2000). Effective neighbourhood functions for the flexible job shop
       problem. *Journal of Scheduling* 3(1): 3-20.
.. [2] Balas, E., Vazacopoulos, A. (1998). Guided local search with shifting bottleneck for job shop scheduling.
       *Management Science* 44(2): 262-275.
.. [3] Nowicki, E., Smutnicki, C. (1996). A fast taboo search algorithm for the job shop problem. *Management
       Science* 42(6): 797-813.
.. [4] Zhang, C., Li, P., Guan, Z., Rao, Y. (2007). A tabu search algorithm with a new neighborhood structure for
       the job shop scheduling problem. *Computers & Operations Research* 34(11): 3229-3242.
.. [5] Peng, B., Lu, Z., Cheng, T. C. E. (2015). A tabu search/path relinking algorithm to solve the job shop
       scheduling problem. *Computers & Operations Research* 53: 154-164.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit, jit_allocating

#: Entries of the table of forbidden orders; pairs of larger instances share entries.
_MAX_ORDERS = 1 << 22
_NONE = np.iinfo(np.int64).max

# Places in ``State.counts``.
ITERATION, LAST_IMPROVEMENT, MAKESPAN, BEST = 0, 1, 2, 3


class Data(NamedTuple):
    """An instance as the kernels want it; operations of a job are consecutive."""

    job: np.ndarray
    is_first: np.ndarray
    is_last: np.ndarray
    alt_ptr: np.ndarray
    alt_machine: np.ndarray
    alt_time: np.ndarray
    seq_ptr: np.ndarray
    num_jobs: int


class State(NamedTuple):
    """A solution, its heads and tails, the tabu lists, and the best solution since the last :func:`load`."""

    seq: np.ndarray
    length: np.ndarray
    alt: np.ndarray
    duration: np.ndarray
    position: np.ndarray
    head: np.ndarray
    tail: np.ndarray
    job_head: np.ndarray
    job_tail: np.ndarray
    topological: np.ndarray
    missing: np.ndarray
    path: np.ndarray
    scratch: np.ndarray
    tabu_order: np.ndarray
    tabu_alt: np.ndarray
    best_alt: np.ndarray
    best_head: np.ndarray
    best_rank: np.ndarray
    counts: np.ndarray
    random: np.ndarray


def make_data(
    job_ptr: np.ndarray, alt_ptr: np.ndarray, alt_machine: np.ndarray, alt_time: np.ndarray, num_machines: int
) -> Data:
    """Precompute what the kernels need; a machine's sequence has room for every operation that may run there."""
    sizes = np.diff(job_ptr)
    job = np.repeat(np.arange(len(sizes)), sizes)
    num_ops = len(job)
    is_first, is_last = np.zeros(num_ops, np.bool_), np.zeros(num_ops, np.bool_)
    is_first[job_ptr[:-1][sizes > 0]] = True
    is_last[job_ptr[1:][sizes > 0] - 1] = True
    room = np.bincount(alt_machine, minlength=num_machines)
    seq_ptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(room)))
    alt_ptr, alt_machine, alt_time = (np.array(a, np.int64) for a in (alt_ptr, alt_machine, alt_time))
    return Data(job, is_first, is_last, alt_ptr, alt_machine, alt_time, seq_ptr, len(sizes))


def make_state(data: Data, seed: int) -> State:
    """Empty state; ``seed`` is any integer >= 0."""
    num_ops, num_alts = len(data.job), len(data.alt_machine)

    def ints(size: int) -> np.ndarray:
        return np.zeros(size, np.int64)

    return State(
        seq=ints(num_alts),
        length=ints(len(data.seq_ptr) - 1),
        alt=ints(num_ops),
        duration=ints(num_ops),
        position=ints(num_ops),
        head=ints(num_ops),
        tail=ints(num_ops),
        job_head=ints(num_ops),
        job_tail=ints(num_ops),
        topological=ints(num_ops),
        missing=ints(num_ops),
        path=ints(num_ops),
        scratch=ints(num_ops),
        tabu_order=ints(max(1, min(num_ops * data.num_jobs, _MAX_ORDERS))),
        tabu_alt=ints(num_alts),
        best_alt=ints(num_ops),
        best_head=ints(num_ops),
        best_rank=ints(num_ops),
        counts=ints(4),
        random=np.array([seed % (2**63 - 1) + 1], np.uint64),
    )


@jit
def _random(random: np.ndarray, n: int) -> int:
    """Integer in [0, n) from splitmix64; the bias for n far below 2^63 is nothing."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return int(np.int64(z >> np.uint64(1))) % n


@jit
def load(data: Data, state: State, alt: np.ndarray, order: np.ndarray) -> int:
    """
    Make the solution with these alternatives whose machines run operations in the given order.

    Parameters
    ----------
    alt
        Index of the chosen alternative of each operation.
    order
        All operations in an order in which those of a job come one after the other.

    Returns
    -------
    int
        Its makespan. Tabu lists and the best solution start anew; the iteration count goes on.
    """
    state.length[:] = 0
    for op in order:
        a = alt[op]
        k = data.alt_machine[a]
        state.alt[op] = a
        state.duration[op] = data.alt_time[a]
        state.position[op] = state.length[k]
        state.seq[data.seq_ptr[k] + state.length[k]] = op
        state.length[k] += 1
    state.tabu_order[:] = 0
    state.tabu_alt[:] = 0
    makespan = _evaluate(data, state)
    state.counts[MAKESPAN] = makespan
    state.counts[LAST_IMPROVEMENT] = state.counts[ITERATION]
    _remember(data, state)
    return makespan


@jit
def _remember(data: Data, state: State) -> None:
    state.counts[BEST] = state.counts[MAKESPAN]
    state.counts[LAST_IMPROVEMENT] = state.counts[ITERATION]
    for op in range(len(state.alt)):
        state.best_alt[op], state.best_head[op] = state.alt[op], state.head[op]
    for k in range(len(state.topological)):
        state.best_rank[state.topological[k]] = k


@jit
def _evaluate(data: Data, state: State) -> int:
    """Heads, tails and a topological order in O(n); -1 if the sequences contradict each other."""
    n = len(data.job)
    seq, position, topological, missing = state.seq, state.position, state.topological, state.missing
    filled = 0
    for op in range(n):
        missing[op] = (0 if data.is_first[op] else 1) + (1 if position[op] > 0 else 0)
        state.head[op] = 0
        if missing[op] == 0:
            topological[filled] = op
            filled += 1
    makespan = 0
    done = 0
    while done < filled:
        op = topological[done]
        done += 1
        end = state.head[op] + state.duration[op]
        makespan = max(makespan, end)
        if not data.is_last[op]:
            other = op + 1
            state.job_head[other] = end
            state.head[other] = max(state.head[other], end)
            missing[other] -= 1
            if missing[other] == 0:
                topological[filled] = other
                filled += 1
        k = data.alt_machine[state.alt[op]]
        if position[op] + 1 < state.length[k]:
            other = seq[data.seq_ptr[k] + position[op] + 1]
            state.head[other] = max(state.head[other], end)
            missing[other] -= 1
            if missing[other] == 0:
                topological[filled] = other
                filled += 1
    if filled < n:
        return -1
    for place in range(n - 1, -1, -1):
        op = topological[place]
        tail = 0
        if not data.is_last[op]:
            tail = state.tail[op + 1] + state.duration[op + 1]
        state.job_tail[op] = tail
        k = data.alt_machine[state.alt[op]]
        if position[op] + 1 < state.length[k]:
            other = seq[data.seq_ptr[k] + position[op] + 1]
            tail = max(tail, state.tail[other] + state.duration[other])
        state.tail[op] = tail
    return makespan


@jit
def _no_path(head: np.ndarray, tail: np.ndarray, duration: np.ndarray, a: int, b: int) -> bool:
    """Sufficient for: no path from operation a to operation b (heads or tails would then be further apart)."""
    return a != b and (head[b] < head[a] + duration[a] or tail[a] < tail[b] + duration[b])


@jit
def _critical_path(data: Data, state: State) -> int:
    """Draw a critical path; it stands at the end of ``state.path``, its first place is returned."""
    n = len(data.job)
    makespan = state.counts[MAKESPAN]
    op, seen = -1, 0
    for other in range(n):
        if state.head[other] + state.duration[other] == makespan and state.tail[other] == 0:
            seen += 1
            if _random(state.random, seen) == 0:
                op = other
    place = n
    while True:
        place -= 1
        state.path[place] = op
        if state.head[op] == 0 and (data.is_first[op] or state.duration[op - 1] > 0):
            break
        by_job = not data.is_first[op] and state.head[op - 1] + state.duration[op - 1] == state.head[op]
        before = -1
        if state.position[op] > 0:
            k = data.alt_machine[state.alt[op]]
            before = state.seq[data.seq_ptr[k] + state.position[op] - 1]
        by_machine = before >= 0 and state.head[before] + state.duration[before] == state.head[op]
        if by_machine and (not by_job or _random(state.random, 2) == 0):
            op = before
        elif by_job:
            op = op - 1
        else:
            break
    return place


@jit
def _estimate_later(data: Data, state: State, begin: int, length: int, i: int, j: int, cut: int) -> int:
    """Longest path through the moved operations if place i of a machine's sequence goes behind place j > i."""
    seq = state.seq
    u = seq[begin + i]
    end = 0
    if i > 0:
        w = seq[begin + i - 1]
        end = state.head[w] + state.duration[w]
    # Without u, those behind it start earlier by at most its time and the wait before it.
    w = seq[begin + j]
    if state.head[w] + state.duration[w] - (state.head[u] - end) + state.job_tail[u] > cut:
        return _NONE
    for place in range(i + 1, j + 1):
        w = seq[begin + place]
        head = max(state.job_head[w], end)
        state.scratch[place] = head
        end = head + state.duration[w]
    tail = 0
    if j + 1 < length:
        w = seq[begin + j + 1]
        tail = state.tail[w] + state.duration[w]
    tail = max(state.job_tail[u], tail) + state.duration[u]
    longest = max(state.job_head[u], end) + tail
    for place in range(j, i, -1):
        if longest > cut:
            break
        w = seq[begin + place]
        tail = max(state.job_tail[w], tail) + state.duration[w]
        longest = max(longest, state.scratch[place] + tail)
    return longest


@jit
def _estimate_earlier(data: Data, state: State, begin: int, length: int, i: int, j: int, cut: int) -> int:
    """As :func:`_estimate_later`, if place j goes before place i < j."""
    seq = state.seq
    u = seq[begin + j]
    tail = 0
    if j + 1 < length:
        w = seq[begin + j + 1]
        tail = state.tail[w] + state.duration[w]
    w = seq[begin + i]
    if state.tail[w] + state.duration[w] - (state.tail[u] - tail) + state.job_head[u] > cut:
        return _NONE
    for place in range(j - 1, i - 1, -1):
        w = seq[begin + place]
        tail = max(state.job_tail[w], tail) + state.duration[w]
        state.scratch[place] = tail
    end = 0
    if i > 0:
        w = seq[begin + i - 1]
        end = state.head[w] + state.duration[w]
    end = max(state.job_head[u], end)
    longest = end + state.duration[u] + max(state.job_tail[u], tail)
    end += state.duration[u]
    for place in range(i, j):
        if longest > cut:
            break
        w = seq[begin + place]
        head = max(state.job_head[w], end)
        longest = max(longest, head + state.scratch[place])
        end = head + state.duration[w]
    return longest


@jit
def _entry(data_job: np.ndarray, num_jobs: int, size: int, a: int, b: int) -> int:
    """Place of "a before b" in the table of forbidden orders: a job meets a machine seldom more than once."""
    return (a * num_jobs + data_job[b]) % size


@jit
def _is_shift_tabu(data: Data, state: State, begin: int, i: int, j: int, later: bool) -> bool:
    """Whether moving place i behind j (later) or j before i puts a pair in an order that is forbidden now."""
    now = state.counts[ITERATION]
    if later:
        u = state.seq[begin + i]
        for place in range(i + 1, j + 1):
            if (
                state.tabu_order[_entry(data.job, data.num_jobs, len(state.tabu_order), state.seq[begin + place], u)]
                > now
            ):
                return True
    else:
        u = state.seq[begin + j]
        for place in range(i, j):
            if (
                state.tabu_order[_entry(data.job, data.num_jobs, len(state.tabu_order), u, state.seq[begin + place])]
                > now
            ):
                return True
    return False


@jit
def _move(data: Data, state: State, op: int, alt: int, target: int) -> None:
    """Take an operation off its machine and insert it at a place of the sequence that is left of another (or it)."""
    k = data.alt_machine[state.alt[op]]
    begin = data.seq_ptr[k]
    for place in range(state.position[op], state.length[k] - 1):
        other = state.seq[begin + place + 1]
        state.seq[begin + place] = other
        state.position[other] = place
    state.length[k] -= 1
    k = data.alt_machine[alt]
    begin = data.seq_ptr[k]
    for place in range(state.length[k], target, -1):
        other = state.seq[begin + place - 1]
        state.seq[begin + place] = other
        state.position[other] = place
    state.seq[begin + target] = op
    state.position[op] = target
    state.length[k] += 1
    state.alt[op] = alt
    state.duration[op] = data.alt_time[alt]


@jit
def _best_insertion(data: Data, state: State, op: int, alt: int, cut: int) -> tuple[int, int]:
    """Place on another machine with the least longest path through the operation, and that length."""
    k = data.alt_machine[alt]
    begin, length = data.seq_ptr[k], state.length[k]
    head, tail, time = state.job_head[op], state.job_tail[op], data.alt_time[alt]
    if head + time + tail > cut:
        return -1, _NONE
    # Ends grow and tails shrink along a machine: those that end after the operation could start are a suffix,
    # those whose tails are longer than its own a prefix. An optimal place lies between the two borders [1].
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        other = state.seq[begin + middle]
        if state.head[other] + state.duration[other] > head:
            high = middle
        else:
            low = middle + 1
    suffix = low
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        other = state.seq[begin + middle]
        if state.tail[other] + state.duration[other] > tail:
            low = middle + 1
        else:
            high = middle
    prefix = low
    first, last = min(suffix, prefix), max(suffix, prefix)
    best_place, best, ties = -1, _NONE, 0
    for place in range(first, last + 1):
        start, rest = head, tail
        if place > 0:
            before = state.seq[begin + place - 1]
            if not data.is_last[op] and not _no_path(state.head, state.tail, state.duration, op + 1, before):
                continue
            start = max(start, state.head[before] + state.duration[before])
        if place < length:
            after = state.seq[begin + place]
            if not data.is_first[op] and not _no_path(state.head, state.tail, state.duration, after, op - 1):
                continue
            rest = max(rest, state.tail[after] + state.duration[after])
        value = start + time + rest
        if value < best:
            best_place, best, ties = place, value, 1
        elif value == best:
            ties += 1
            if _random(state.random, ties) == 0:
                best_place = place
    return best_place, best


@jit_allocating
def run(data: Data, state: State, iterations: int, patience: int, target: int) -> bool:
    """
    Tabu search on the loaded solution.

    Parameters
    ----------
    iterations
        Moves to make at most in this call.
    patience
        Stop after this many moves without a better makespan.
    target
        Stop at this makespan.

    Returns
    -------
    bool
        True if the search is over: patience or target reached, or no move is left (one block or one job is
        critical: on these machines it can't get shorter). False if only this call's moves are used up.
    """
    n = len(data.job)
    counts = state.counts
    used = 0
    for k in range(len(state.length)):
        used += state.length[k] > 0
    tenure = 10 + data.num_jobs // max(used, 1)
    chosen = np.empty(5, np.int64)  # kind (0 later, 1 earlier, 2 machine), operation, i, j, alternative
    spare = np.empty(5, np.int64)
    for _ in range(iterations):
        if counts[BEST] <= target or counts[ITERATION] - counts[LAST_IMPROVEMENT] >= patience:
            return True
        now = counts[ITERATION]
        first = _critical_path(data, state)
        best, ties, tabu_ties = _NONE, 0, 0
        at = first
        while at < n:
            op = state.path[at]
            k = data.alt_machine[state.alt[op]]
            begin, length = data.seq_ptr[k], state.length[k]
            bs = state.position[op]
            be = bs
            while at + be - bs + 1 < n:
                other = state.path[at + be - bs + 1]
                if data.alt_machine[state.alt[other]] != k or state.position[other] != be + 1:
                    break
                be += 1
            is_first_block, is_last_block = at == first, at + be - bs == n - 1
            for sort in range(4):
                # 0: i behind the last, 1: the first behind j, 2: j before the first, 3: the last before i
                if (sort == 0 and is_last_block) or (sort == 2 and is_first_block):
                    continue
                if (sort == 1 and is_first_block) or (sort == 3 and is_last_block):
                    continue
                for other_place in range(bs, be + 1):
                    if sort == 0:
                        i, j = other_place, be
                    elif sort == 1:
                        i, j = bs, other_place
                        if j >= be:
                            continue
                    elif sort == 2:
                        i, j = bs, other_place
                        if j == bs + 1 and not is_last_block:
                            continue  # the swap of the first two is among sort 0 or 1
                    else:
                        i, j = other_place, be
                        if i <= bs or i == be - 1:
                            continue
                    if i >= j:
                        continue
                    later = sort < 2
                    if later:
                        u = state.seq[begin + i]
                        if not data.is_last[u] and not _no_path(
                            state.head, state.tail, state.duration, u + 1, state.seq[begin + j]
                        ):
                            continue
                        value = _estimate_later(data, state, begin, length, i, j, best)
                    else:
                        u = state.seq[begin + j]
                        if not data.is_first[u] and not _no_path(
                            state.head, state.tail, state.duration, state.seq[begin + i], u - 1
                        ):
                            continue
                        value = _estimate_earlier(data, state, begin, length, i, j, best)
                    if value > best:
                        continue
                    if value >= counts[BEST] and _is_shift_tabu(data, state, begin, i, j, later):
                        tabu_ties += 1
                        if _random(state.random, tabu_ties) == 0:
                            spare[0], spare[1], spare[2], spare[3], spare[4] = not later, u, i, j, state.alt[u]
                        continue
                    ties = 1 if value < best else ties + 1
                    best = value
                    if _random(state.random, ties) == 0:
                        chosen[0], chosen[1], chosen[2], chosen[3], chosen[4] = not later, u, i, j, state.alt[u]
            for place in range(bs, be + 1):
                u = state.seq[begin + place]
                for alt in range(data.alt_ptr[u], data.alt_ptr[u + 1]):
                    if alt == state.alt[u]:
                        continue
                    target_place, value = _best_insertion(data, state, u, alt, best)
                    if target_place < 0 or value > best:
                        continue
                    if value >= counts[BEST] and state.tabu_alt[alt] > now:
                        tabu_ties += 1
                        if _random(state.random, tabu_ties) == 0:
                            spare[0], spare[1], spare[2], spare[3], spare[4] = 2, u, place, target_place, alt
                        continue
                    ties = 1 if value < best else ties + 1
                    best = value
                    if _random(state.random, ties) == 0:
                        chosen[0], chosen[1], chosen[2], chosen[3], chosen[4] = 2, u, place, target_place, alt
            at += be - bs + 1
        counts[ITERATION] += 1
        if ties == 0:
            if tabu_ties == 0:
                return True
            chosen[:] = spare
        kind, op, i, j, alt = chosen[0], chosen[1], chosen[2], chosen[3], chosen[4]
        old_alt, old_place = state.alt[op], state.position[op]
        begin = data.seq_ptr[data.alt_machine[old_alt]]
        if kind == 2:
            state.tabu_alt[old_alt] = counts[ITERATION] + tenure + _random(state.random, tenure // 2 + 1)
            _move(data, state, op, alt, j)
        else:
            until = counts[ITERATION] + tenure + _random(state.random, tenure // 2 + 1)
            for place in range(i, j + 1):
                other = state.seq[begin + place]
                if other != op:
                    if kind == 0:
                        state.tabu_order[_entry(data.job, data.num_jobs, len(state.tabu_order), op, other)] = until
                    else:
                        state.tabu_order[_entry(data.job, data.num_jobs, len(state.tabu_order), other, op)] = until
            _move(data, state, op, alt, j if kind == 0 else i)
        makespan = _evaluate(data, state)
        if makespan < 0:
            # The test for a path is exact for the graph that it looks at; should a move ever close a cycle, undo it.
            _move(data, state, op, old_alt, old_place)
            makespan = _evaluate(data, state)
        counts[MAKESPAN] = makespan
        if makespan < counts[BEST]:
            _remember(data, state)
    return counts[BEST] <= target or counts[ITERATION] - counts[LAST_IMPROVEMENT] >= patience


@jit_allocating
def dispatch(data: Data, state: State, rule: int, delay: float, noise: int, alt: np.ndarray, order: np.ndarray) -> int:
    """
    Schedule one operation after the other by a priority rule (Giffler & Thompson 1960, with flexible machines).

    The operation that can end first gives machine, start S and end C; among the operations that would end first
    on this machine and can start there before ``S + delay (C - S)`` the rule decides: 0 most work remaining,
    1 shortest time, 2 most operations remaining, 3 longest time, 4 earliest end. O(n x jobs x alternatives).

    Parameters
    ----------
    delay
        0 for non-delay, 1 for active schedules.
    noise
        Percentage by which a priority is lowered at random.
    alt, order
        Receive the alternatives and the order.

    Returns
    -------
    int
        Makespan.
    """
    n, num_jobs = len(data.job), data.num_jobs
    work = np.zeros(n + 1, np.int64)  # remaining work of the job from an operation on, at the shortest times
    left = np.zeros(n + 1, np.int64)
    for op in range(n - 1, -1, -1):
        shortest = data.alt_time[data.alt_ptr[op] : data.alt_ptr[op + 1]].min()
        work[op] = shortest + (0 if data.is_last[op] else work[op + 1])
        left[op] = 1 + (0 if data.is_last[op] else left[op + 1])
    free = np.zeros(len(state.length), np.int64)
    ready = np.zeros(num_jobs, np.int64)
    waiting = np.full(num_jobs, -1, np.int64)
    for op in range(n):
        if data.is_first[op]:
            waiting[data.job[op]] = op
    best_alt = np.zeros(num_jobs, np.int64)
    best_start = np.zeros(num_jobs, np.int64)
    stale = np.ones(num_jobs, np.bool_)
    makespan = 0
    for step in range(n):
        machine, start, end = -1, 0, _NONE
        for job in range(num_jobs):
            op = waiting[job]
            if op < 0:
                continue
            if stale[job]:
                least = _NONE
                for a in range(data.alt_ptr[op], data.alt_ptr[op + 1]):
                    begin = max(ready[job], free[data.alt_machine[a]])
                    if begin + data.alt_time[a] < least:
                        least = begin + data.alt_time[a]
                        best_alt[job] = a
                        best_start[job] = begin
                stale[job] = False
            finish = best_start[job] + data.alt_time[best_alt[job]]
            if finish < end:
                machine, start, end = data.alt_machine[best_alt[job]], best_start[job], finish
        for job in range(num_jobs):
            if waiting[job] >= 0 and data.alt_machine[best_alt[job]] == machine:
                start = min(start, best_start[job])
        border = start + delay * (end - start)
        taken, highest = -1, -np.inf
        for job in range(num_jobs):
            op = waiting[job]
            if op < 0 or data.alt_machine[best_alt[job]] != machine:
                continue
            if best_start[job] > border or (best_start[job] >= end and best_start[job] > start):
                continue
            time = data.alt_time[best_alt[job]]
            if rule == 0:
                value = float(work[op])
            elif rule == 1:
                value = 1.0 / (1.0 + time)
            elif rule == 2:
                value = float(left[op])
            elif rule == 3:
                value = float(time)
            else:
                value = 1.0 / (1.0 + best_start[job] + time)
            if noise > 0:
                value *= 1.0 - _random(state.random, noise * 100) / 10000.0
            if value > highest:
                taken, highest = job, value
        op = waiting[taken]
        alt[op] = best_alt[taken]
        order[step] = op
        finish = best_start[taken] + data.alt_time[best_alt[taken]]
        makespan = max(makespan, finish)
        free[machine] = finish
        ready[taken] = finish
        waiting[taken] = -1 if data.is_last[op] else op + 1
        stale[taken] = True
        for job in range(num_jobs):
            if waiting[job] >= 0 and data.alt_machine[best_alt[job]] == machine:
                stale[job] = True
    return makespan
