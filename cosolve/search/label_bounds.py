"""What the labels of one direction tell a label of the other: tables of the most profit, and exact joins."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.search.label_arrays import Known, Labels
from cosolve.search.profit_functions import EPS


@jit_allocating
def completion_bounds(
    travel: np.ndarray, horizon: float, num_spans: int, count: int, labels: Labels
) -> tuple[np.ndarray, np.ndarray]:
    """
    From the labels of one pass, most profit that a label of the other direction can add.

    Parameters
    ----------
    travel
        In the direction of the *other* pass.
    horizon, num_spans
        Latest return and number of spans that it is divided into.
    count, labels
        The labels of the pass.

    Returns
    -------
    completion
        (n, num_spans): leaving i in the span [q, q + 1) * horizon / num_spans of the other pass's time.
    most
        (n, num_spans + 1): at customer k with q * horizon / num_spans of this pass's time.
    """
    leave, base, node, removed = labels.leave, labels.base, labels.node, labels.removed
    begin, end, length, rate = labels.begin, labels.end, labels.length, labels.rate
    n = len(travel)
    grid = horizon / num_spans if horizon > 0 else 1.0
    most = np.full((n, num_spans + 1), -np.inf)
    for label in range(1, count):
        if removed[label]:
            continue
        k = node[label]
        at = math.ceil(leave[label] / grid - EPS)
        value, s = base[label], begin[label]
        left = length[s] if s < end[label] else 0.0
        time = leave[label]
        for q in range(max(at, 0), num_spans + 1):
            while s < end[label] and time < q * grid:
                step = min(left, q * grid - time)
                value += step * rate[s]
                time += step
                left -= step
                if left <= 0.0:
                    s += 1
                    left = length[s] if s < end[label] else 0.0
            if value > most[k, q]:
                most[k, q] = value
            if s >= end[label]:
                break  # flat from here on: the running maximum below carries it
    for k in range(n):
        for q in range(1, num_spans + 1):
            most[k, q] = max(most[k, q], most[k, q - 1])
    out = np.zeros((n, num_spans))
    for i in range(n):
        for k in range(1, n):
            if k == i:
                continue
            for q in range(num_spans):
                # Leaving at the beginning of the span leaves the most time; round what is left up.
                left_over = horizon - q * grid - travel[i, k]
                if left_over < -EPS:
                    break
                at = min(math.ceil(left_over / grid - EPS), num_spans)
                if most[k, at] > out[i, q]:
                    out[i, q] = most[k, at]
    return out, most


@jit
def joins(
    now: float,
    profit: float,
    whole: float,
    first: int,
    last: int,
    length: np.ndarray,
    rate: np.ndarray,
    barred: np.ndarray,
    reachable: np.ndarray,
    travel: np.ndarray,
    horizon: float,
    target: float,
    known: Known,
) -> bool:
    """Whether a label of the other direction joins this one to a route of more than ``target``, sets disjoint."""
    # Fields are taken out of the tuple once: in a loop each use would count references.
    most, highest, ptr, tops, leaves = known.most, known.highest, known.ptr, known.top, known.leave
    bases, begins, ends, sets = known.base, known.begin, known.end, known.barred
    lengths, rates = known.length, known.rate
    spans = most.shape[1] - 1
    if spans == 0:
        return True
    grid = horizon / spans if horizon > 0 else 1.0
    words = len(barred)
    for j in range(1, len(travel)):
        word, bit = j >> 6, np.uint64(1) << np.uint64(j & 63)
        if barred[word] & bit or not reachable[word] & bit:
            continue
        slack = horizon - now - travel[j]
        if slack < -EPS:
            continue
        at = min(math.ceil(slack / grid - EPS), spans)
        if whole + most[j, at] <= target + EPS:
            continue
        # Labels that leave earlier may grow until the slack is used up: only their tops bound what they come to.
        while at >= 0 and whole + highest[j, at] > target + EPS:
            # Labels that leave within the span before this grid point, by falling profit.
            for other in range(ptr[j, at], ptr[j, at + 1]):
                if whole + tops[other] <= target + EPS:
                    break
                left = slack - leaves[other]
                if left < -EPS:
                    continue
                is_disjoint = True
                for w in range(words):
                    if barred[w] & sets[other, w]:
                        is_disjoint = False
                        break
                if not is_disjoint:
                    continue
                # What time is left goes to the best segments of both.
                value = profit + bases[other]
                a, b, end_b = first, begins[other], ends[other]
                while left > 0.0 and (a < last or b < end_b):
                    if b >= end_b or (a < last and rate[a] >= rates[b]):
                        value += min(left, length[a]) * rate[a]
                        left -= length[a]
                        a += 1
                    else:
                        value += min(left, lengths[b]) * rates[b]
                        left -= lengths[b]
                        b += 1
                if value > target + EPS:
                    return True
            at -= 1
    return False
