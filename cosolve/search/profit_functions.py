"""Profit as a concave function of time: what a label of :mod:`cosolve.search.labelling` carries.

F is given by the earliest time to leave, its value there, and segments (length, rate) of falling rate in a pool of
all labels' segments, ``begin`` .. ``end - 1``; behind the last segment it is flat.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit

#: Times and profits closer than this count as equal.
EPS = 1e-9


@jit
def fold(length: np.ndarray, rate: np.ndarray, begin: int, end: int, gap: float) -> tuple[int, float]:
    """Spend ``gap`` of time on the first segments; new beginning and the profit."""
    profit = 0.0
    while begin < end and gap > 0.0:
        if length[begin] <= gap:
            profit += length[begin] * rate[begin]
            gap -= length[begin]
            begin += 1
        else:
            profit += gap * rate[begin]
            length[begin] -= gap
            gap = 0.0
    return begin, profit


@jit
def cut(length: np.ndarray, begin: int, end: int, room: float) -> int:
    """Keep the first ``room`` of time; new end."""
    for s in range(begin, end):
        if length[s] >= room:
            if room <= EPS:
                return s
            length[s] = room
            return s + 1
        room -= length[s]
    return end


@jit
def value_at(
    leave: float, base: float, length: np.ndarray, rate: np.ndarray, begin: int, end: int, time: float
) -> float:
    """F at a time >= leave."""
    gap = time - leave
    profit = base
    for s in range(begin, end):
        if gap <= length[s]:
            return profit + gap * rate[s]
        profit += length[s] * rate[s]
        gap -= length[s]
    return profit


@jit
def is_above(
    leave1: float,
    base1: float,
    begin1: int,
    end1: int,
    leave2: float,
    base2: float,
    begin2: int,
    end2: int,
    length: np.ndarray,
    rate: np.ndarray,
) -> bool:
    """Whether F1 >= F2 from leave2 >= leave1 on; both are linear between the breakpoints of either."""
    s1 = begin1
    value1, gap = base1, leave2 - leave1
    left1 = 0.0
    while s1 < end1:
        if length[s1] > gap:
            value1 += gap * rate[s1]
            left1 = length[s1] - gap
            break
        value1 += length[s1] * rate[s1]
        gap -= length[s1]
        s1 += 1
    value2 = base2
    if value1 < value2 - EPS:
        return False
    s2 = begin2
    left2 = length[s2] if s2 < end2 else 0.0
    while s2 < end2:
        if s1 < end1 and left1 <= left2:
            step = left1
        else:
            step = left2
        if s1 < end1:
            value1 += step * rate[s1]
            left1 -= step
        value2 += step * rate[s2]
        left2 -= step
        if value1 < value2 - EPS:
            return False
        if s1 < end1 and left1 <= 0.0:
            s1 += 1
            left1 = length[s1] if s1 < end1 else 0.0
        if left2 <= 0.0:
            s2 += 1
            left2 = length[s2] if s2 < end2 else 0.0
    return True


@jit
def extend(
    arrival: float,
    profit: float,
    begin: int,
    end: int,
    k: int,
    opens: float,
    closes: float,
    home: float,
    service: float,
    prize: float,
    segment_ptr: np.ndarray,
    segment_length: np.ndarray,
    segment_rate: np.ndarray,
    reverse: bool,
    length: np.ndarray,
    rate: np.ndarray,
    out: int,
) -> tuple[int, int, float, float]:
    """Segments of the extended function from ``out`` on: their range, earliest departure (-1 if none), its profit."""
    now = arrival
    if not reverse:
        if now > closes + EPS:
            return out, out, -1.0, 0.0
        # Copy, so that folding and cutting leave the parent alone.
        last = out
        for s in range(begin, end):
            length[last], rate[last] = length[s], rate[s]
            last += 1
        first = out
        if now < opens:
            first, gained = fold(length, rate, first, last, opens - now)
            profit += gained
            now = opens
        last = cut(length, first, last, closes - now)
        # Merge in place from the back: the customer's own segments, sorted by falling rate as all are.
        own = segment_ptr[k + 1] - segment_ptr[k]
        a, b, at = last - 1, segment_ptr[k + 1] - 1, last + own - 1
        while b >= segment_ptr[k]:
            if a >= first and rate[a] < segment_rate[b]:
                length[at], rate[at] = length[a], rate[a]
                a -= 1
            else:
                length[at], rate[at] = segment_length[b], segment_rate[b]
                b -= 1
            at -= 1
        last += own
        now += service
    else:
        first = out
        last = out
        a, b = begin, segment_ptr[k]
        while a < end or b < segment_ptr[k + 1]:
            if b >= segment_ptr[k + 1] or (a < end and rate[a] >= segment_rate[b]):
                length[last], rate[last] = length[a], rate[a]
                a += 1
            else:
                length[last], rate[last] = segment_length[b], segment_rate[b]
                b += 1
            last += 1
        now += service
        if now > closes + EPS:
            return out, out, -1.0, 0.0
        if now < opens:
            first, gained = fold(length, rate, first, last, opens - now)
            profit += gained
            now = opens
        home = min(home, closes)
    if now > home + EPS:
        return out, out, -1.0, 0.0
    last = cut(length, first, last, home - now)
    return first, last, now, profit + prize


@jit
def peak(
    now: float,
    profit: float,
    whole: float,
    first: int,
    last: int,
    length: np.ndarray,
    rate: np.ndarray,
    completion: np.ndarray,
    least: float,
    enough: float,
    horizon: float,
) -> float:
    """
    Most of F(t) + completion(t), or the first value above ``enough``, or any bound on it that is not above ``least``.

    ``completion`` (spans,) holds for times from the beginning of each span on and does not rise, F is taken at the
    span's end; ``whole`` is what F comes to at last.
    """
    spans = len(completion)
    grid = horizon / spans if horizon > 0 else 1.0
    at = max(0, min(int(now / grid), spans - 1))
    until = (at + 1) * grid
    value, s = profit, first
    left = length[s] if s < last else 0.0
    time = now
    most = -np.inf
    while True:
        if whole + completion[at] <= least:
            return max(most, whole + completion[at])
        while s < last and time < until:
            step = min(left, until - time)
            value += step * rate[s]
            time += step
            left -= step
            if left <= 0.0:
                s += 1
                left = length[s] if s < last else 0.0
        most = max(most, value + completion[at])
        if most > enough or s >= last or at + 1 >= spans:
            return most
        at += 1
        until += grid
