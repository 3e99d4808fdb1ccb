"""Exact orienteering with time windows and concave profits by labels that carry a function of time.

A label is a path from the depot to a customer: the earliest time it can leave, the customers it may not visit (again),
and F, the most profit it can have when it leaves at a later time: concave, piecewise linear, not falling. An extension
shifts F by the travel time, clips it to the window and merges the customer's profit segments into it by rate (the
sup-convolution of concave functions). One label dominates another at the same customer if it leaves no later, forbids
no more and its F is nowhere below [1]_.

Three relaxations and restrictions come from the same kernel:

- memory: label sets that forget customers outside a neighbourhood of the current one (ng-routes [2]_) give an upper
  bound; neighbourhoods grow along the cycles of the best route until that route is elementary, and so optimal [3]_;
- direction: the same pass from the depot backwards in time. The functions of one pass, joined with a label of the
  other, bound what that label can still reach: labels that can't beat the best known route are never made [4]_;
- beam: only the most promising labels of each customer and span of time, for good routes fast.

Worst case exponential in the customers; each label costs O(n (s + d)) for s segments in F and d labels compared with.

References
----------
.. [1] Feillet, D., Dejax, P., Gendreau, M., Gueguen, C. (2004). An exact algorithm for the elementary shortest path
       problem with resource constraints. *Networks* 44(3): 216-229.
.. [2] Baldacci, R., Mingozzi, A., Roberti, R. (2011). New route relaxation and pricing strategies for the vehicle
       routing problem. *Operations Research* 59(5): 1269-1283.
.. [3] Righini, G., Salani, M. (2009). Decremental state space relaxation strategies and initialization heuristics for
       solving the orienteering problem with time windows with dynamic programming. *Computers & Operations Research*
       36(4): 1191-1203.
.. [4] Roberti, R., Mingozzi, A. (2014). Dynamic ng-path relaxation for the delivery man problem. *Transportation
       Science* 48(3): 413-424.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.label_arrays import Data, Known, Labels
from cosolve.search.label_bounds import joins
from cosolve.search.profit_functions import EPS, extend, is_above, peak, value_at

#: How a pass ended.
DONE, FULL, STOPPED = 0, 1, 2

#: Spans of time that the labels of a customer are sorted into for dominance.
SPANS = 64


@jit_allocating
def shortest(travel: np.ndarray) -> np.ndarray:
    """Least travel times over any places between (Floyd-Warshall); equal to ``travel`` where no detour is shorter."""
    out = travel.copy()
    n = len(out)
    for k in range(n):
        for i in range(n):
            through = out[i, k]
            for j in range(n):
                if through + out[k, j] < out[i, j]:
                    out[i, j] = through + out[k, j]
    return out


@jit_allocating
def reach_limits(
    least: np.ndarray, opens: np.ndarray, closes: np.ndarray, horizon: float, service: np.ndarray, reverse: bool
) -> np.ndarray:
    """
    Latest departure from i after which k may still be served and the depot reached; (n, n).

    -inf for k = i, for the depot and for a customer that can't be served at all. ``least`` are shortest travel
    times: a customer that is too far by the direct way may yet be reached over another one.
    """
    n = len(least)
    out = np.full((n, n), -np.inf)
    for k in range(1, n):
        home = horizon - least[k, 0]
        first = max(opens[k], 0.0)
        latest = min(closes[k], home) - service[k] if reverse else min(closes[k], home - service[k])
        if first > closes[k] + EPS or (first if reverse else first + service[k]) > home + EPS:
            continue
        for i in range(n):
            if i != k:
                out[i, k] = latest - least[i, k] + EPS
    return out


@jit
def _push(heap: np.ndarray, size: int, key: np.ndarray, label: int) -> int:
    at = size
    while at > 0:
        parent = (at - 1) >> 1
        if key[heap[parent]] <= key[label]:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = label
    return size + 1


@jit
def _pop(heap: np.ndarray, size: int, key: np.ndarray) -> int:
    """Move the least to the end of the heap."""
    top = heap[0]
    size -= 1
    last = heap[size]
    at = 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and key[heap[child + 1]] < key[heap[child]]:
            child += 1
        if key[last] <= key[heap[child]]:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = last
    heap[size] = top
    return size


@jit_allocating
def run_pass(
    data: Data,
    known: Known,
    labels: Labels,
    memory: np.ndarray,
    multipliers: np.ndarray,
    target: float,
    margin: float,
    reverse: bool,
    is_exact: bool,
    beam: int,
    capacity: int,
    early: int,
    stop: np.ndarray,
) -> tuple[int, int, int, float]:
    """
    Make all labels that are not dominated and may lead to more than ``target``.

    Parameters
    ----------
    data
        The instance in the pass's own direction.
    known
        Bounds on the rest of a route. They may be for prizes less ``multipliers``.
    labels
        Where the labels go.
    memory
        Bit sets, uint64 (n, words): customers that a label at i remembers.
    multipliers
        (n,) prices of a visit that ``known`` has charged and ``data.prize`` has not; all of them are paid back.
    target
        Profit that a route must exceed.
    margin
        By how much a route found must be exceeded; 0.5 for integer profits.
    reverse
        Backwards: the window binds the end of a service as this direction sees it.
    is_exact
        Whether the memory is complete: every label is then a route, and routes found in this pass raise the target.
    beam
        Labels kept for each customer and span of time, 0 for all.
    capacity
        Most labels to make, at most ``len(labels.leave)``.
    early
        Most labels to make from those that leave within the first quarter of the time.
    stop
        One value; the pass ends when it is set.

    Returns
    -------
    how, count, best, open_bound
        DONE, FULL (no room, or likely none later) or STOPPED; number of labels; label of the best route above the
        target or -1; and what labels not extended yet may come to (-inf if DONE): with the best route and the target
        an upper bound unless there was a beam.
    """
    # Fields are taken out of the tuples once: in a loop each use would count references.
    travel, horizon, least, opens, closes = data.travel, data.horizon, data.least, data.opens, data.closes
    service, prize = data.service, data.prize
    segment_ptr, segment_length, segment_rate = data.segment_ptr, data.segment_length, data.segment_rate
    leave, base, top, barred = labels.leave, labels.base, labels.top, labels.barred
    begin, end, length, rate = labels.begin, labels.end, labels.length, labels.rate
    node, parent, removed, heap = labels.node, labels.parent, labels.removed, labels.heap
    dues, closing, completion = labels.due, labels.closed, known.completion
    n, words = len(travel), memory.shape[1]
    limits = reach_limits(least, opens, closes, horizon, service, reverse)
    # For each i, customers by falling limit and the sets of those reachable: rank r holds the first r of them.
    order = np.empty((n, n), np.int64)
    ranked = np.zeros((n, n + 1, words), np.uint64)
    for i in range(n):
        order[i] = np.argsort(-limits[i])
        for r in range(n):
            k = order[i, r]
            ranked[i, r + 1] = ranked[i, r]
            if limits[i, k] > -np.inf:
                ranked[i, r + 1, k >> 6] |= np.uint64(1) << np.uint64(k & 63)
    is_bounded = completion.shape[1] > 0
    has_labels = known.most.shape[1] > 1
    paid_back = multipliers.sum()
    span = horizon / SPANS if horizon > 0 else 1.0
    # The labels of a customer and span of time by falling top; and no top there is below ``lowest``.
    head = np.full((n, SPANS + 1), -1, np.int64)
    held = np.zeros((n, SPANS + 1), np.int64)
    lowest = np.full((n, SPANS + 1), np.inf)
    leave[0], base[0], top[0], closing[0], dues[0] = 0.0, 0.0, 0.0, 0.0, 0.0
    node[0], parent[0], removed[0], begin[0], end[0] = 0, -1, False, 0, 0
    barred[0] = 0
    count, used, size = 1, 0, _push(heap, 0, leave, 0)
    best, best_profit = -1, target
    label, steps, how = 0, 0, DONE
    while size and how == DONE:
        size = _pop(heap, size, leave)
        label = heap[size]
        if removed[label]:
            continue
        i = node[label]
        steps += 1
        if steps & 15 == 0 and stop[0]:
            how = STOPPED
            break
        for r in range(n):
            k = order[i, r]
            if leave[label] > limits[i, k]:
                break
            word, bit = k >> 6, np.uint64(1) << np.uint64(k & 63)
            if barred[label, word] & bit:
                continue
            own = segment_ptr[k + 1] - segment_ptr[k]
            room = early if leave[label] < horizon / 4 else capacity
            if count >= room or used + end[label] - begin[label] + own > len(length):
                how = FULL
                break
            first, last, now, profit = extend(
                leave[label] + travel[i, k], base[label], begin[label], end[label], k, opens[k], closes[k],
                horizon - least[k, 0], service[k], prize[k], segment_ptr, segment_length,
                segment_rate, reverse, length, rate, used,
            )  # fmt: skip
            if now < 0.0:
                continue
            whole = profit
            for s in range(first, last):
                whole += length[s] * rate[s]
            due = dues[label] + multipliers[k]
            cutoff = best_profit if is_exact else target
            # What the rest must come to, in the prices of the bounds.
            wanted = cutoff + EPS - paid_back
            if (
                is_bounded
                and peak(
                    now, profit - due, whole - due, first, last, length, rate, completion[k], wanted, wanted, horizon
                )
                <= wanted
            ):
                continue
            # What the label forbids: what it remembers and could still reach.
            low, high = 0, n
            while low < high:  # first rank whose limit is below now
                middle = (low + high) >> 1
                if limits[k, order[k, middle]] >= now:
                    low = middle + 1
                else:
                    high = middle
            reach = low
            for w in range(words):
                barred[count, w] = barred[label, w] & memory[k, w] & ranked[k, reach, w]
            barred[count, word] |= bit
            leave[count], base[count], top[count], begin[count], end[count] = now, profit, whole, first, last
            where = min(int(now / span), SPANS)
            if _is_dominated(count, k, where, words, head, labels, ranked[k, reach]):
                continue
            if (
                has_labels
                and whole <= cutoff + EPS
                and not joins(
                    now, profit - due, whole - due, first, last, length, rate, barred[count], ranked[k, reach],
                    travel[k], horizon, cutoff - paid_back, known,
                )
            ):  # fmt: skip
                continue
            _dominate(count, k, where, words, head, held, lowest, labels, limits[k])
            if beam and held[k, where] >= beam and not _make_room(count, k, where, head, held, labels):
                continue
            node[count], parent[count], removed[count] = k, label, False
            dues[count] = due
            _insert(count, k, where, head, held, lowest, labels)
            closed = whole
            if travel[k, 0] > least[k, 0]:
                away = horizon - travel[k, 0]
                closed = -np.inf if now > away + EPS else value_at(now, profit, length, rate, first, last, away)
            closing[count] = closed
            if closed > best_profit + EPS:
                best, best_profit = count, closed + margin
            size = _push(heap, size, leave, count)
            used = last
            count += 1
    open_bound = -np.inf
    if how != DONE:
        # The label in work when it ended is open, too.
        heap[size] = label
        for at in range(size + 1):
            label = heap[at]
            if removed[label]:
                continue
            if not is_bounded:
                open_bound = np.inf
                break
            rest = completion[node[label]]
            most = peak(
                leave[label], base[label] - dues[label], top[label] - dues[label], begin[label], end[label], length,
                rate, rest, open_bound - paid_back, np.inf, horizon,
            )  # fmt: skip
            open_bound = max(open_bound, most + paid_back)
    return how, count, best, open_bound


@jit
def _is_dominated(
    new: int, k: int, where: int, words: int, head: np.ndarray, labels: Labels, reachable: np.ndarray
) -> bool:
    leave, top, base, begin, end = labels.leave, labels.top, labels.base, labels.begin, labels.end
    barred, following, length, rate = labels.barred, labels.following, labels.length, labels.rate
    for span in range(where + 1):
        other = head[k, span]
        while other >= 0 and top[other] >= top[new] - EPS:
            if leave[other] <= leave[new] + EPS:
                extra = np.uint64(0)
                for w in range(words):
                    extra |= barred[other, w] & ~barred[new, w] & reachable[w]
                if extra == 0 and is_above(
                    leave[other], base[other], begin[other], end[other],
                    max(leave[new], leave[other]), base[new], begin[new], end[new], length, rate,
                ):  # fmt: skip
                    return True
            other = following[other]
    return False


@jit
def _dominate(
    new: int,
    k: int,
    where: int,
    words: int,
    head: np.ndarray,
    held: np.ndarray,
    lowest: np.ndarray,
    labels: Labels,
    limits: np.ndarray,
) -> None:
    """Take out labels that the new one dominates; those extended already only leave the comparison."""
    leave, top, base, begin, end = labels.leave, labels.top, labels.base, labels.begin, labels.end
    barred, following, length, rate = labels.barred, labels.following, labels.length, labels.rate
    for span in range(where, head.shape[1]):
        if lowest[k, span] > top[new] + EPS:
            continue
        before, other = -1, head[k, span]
        while other >= 0:
            after = following[other]
            worse = False
            if top[new] >= top[other] - EPS and leave[new] <= leave[other] + EPS:
                worse = True
                for w in range(words):
                    # What the other could not reach is not among what it bars, and the new one may bar it.
                    extra = barred[new, w] & ~barred[other, w]
                    at = w * 64
                    while extra and worse:
                        if extra & np.uint64(1) and leave[other] <= limits[at]:
                            worse = False
                        extra >>= np.uint64(1)
                        at += 1
                    if not worse:
                        break
                worse = worse and is_above(
                    leave[new], base[new], begin[new], end[new],
                    max(leave[other], leave[new]), base[other], begin[other], end[other], length, rate,
                )  # fmt: skip
            if worse:
                labels.removed[other] = True
                _unlink(other, before, k, span, head, held, labels)
            else:
                before = other
            other = after


@jit
def _insert(
    new: int, k: int, where: int, head: np.ndarray, held: np.ndarray, lowest: np.ndarray, labels: Labels
) -> None:
    top, following = labels.top, labels.following
    before, other = -1, head[k, where]
    while other >= 0 and top[other] > top[new]:
        before, other = other, following[other]
    following[new] = other
    if before < 0:
        head[k, where] = new
    else:
        following[before] = new
    held[k, where] += 1
    lowest[k, where] = min(lowest[k, where], top[new])


@jit
def _unlink(label: int, before: int, k: int, where: int, head: np.ndarray, held: np.ndarray, labels: Labels) -> None:
    if before < 0:
        head[k, where] = labels.following[label]
    else:
        labels.following[before] = labels.following[label]
    held[k, where] -= 1


@jit
def _make_room(new: int, k: int, where: int, head: np.ndarray, held: np.ndarray, labels: Labels) -> bool:
    """Drop the label of least profit from a full beam, if the new one has more."""
    before, worst = -1, head[k, where]
    while labels.following[worst] >= 0:
        before, worst = worst, labels.following[worst]
    if labels.top[worst] >= labels.top[new]:
        return False
    labels.removed[worst] = True
    _unlink(worst, before, k, where, head, held, labels)
    return True
