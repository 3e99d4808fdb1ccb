"""
Lower bounds on the makespan of a (flexible) job shop that need no search.

References
----------
.. [1] Carlier, J. (1982). The one-machine sequencing problem. *European Journal of Operational Research* 11(1):
       42-47. The preemptive schedule by longest tail is optimal and bounds the one-machine problem.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from cosolve.core.jit import jit_allocating
from cosolve.search.fjsp_assignment import assign


def lower_bound(
    job_ptr: np.ndarray,
    alt_ptr: np.ndarray,
    alt_machine: np.ndarray,
    alt_time: np.ndarray,
    num_machines: int,
    *,
    of_loads: int | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """
    Largest of: longest job, and for each set of machines that some operation has as its alternatives, the work
    that can't leave the set, averaged over its machines, behind the least head and before the least tail; for a
    single machine the preemptive one-machine bound; and the load that machines can't avoid by sharing, see
    :func:`cosolve.search.fjsp_assignment.assign`.

    Every operation counts with its shortest time but in the last. O(sets x operations x alternatives).

    Parameters
    ----------
    job_ptr, alt_ptr, alt_machine, alt_time, num_machines
        As in :class:`cosolve.instances.fjsp.FJSPInstance`.
    of_loads
        The last of these bounds, if it is known.
    should_stop
        Asked before each set: what is known by then is a bound, too.
    """
    num_ops = len(alt_ptr) - 1
    if num_ops == 0:
        return 0
    time = np.minimum.reduceat(alt_time, alt_ptr[:-1])
    job = np.repeat(np.arange(len(job_ptr) - 1), np.diff(job_ptr))
    total = np.concatenate((np.zeros(1, np.int64), np.cumsum(time)))
    head = total[:-1] - total[job_ptr[job]]
    tail = total[job_ptr[job + 1]] - total[1:]
    bound = int((head + time + tail).max())
    sets = {alt_machine[a:b].tobytes() for a, b in pairwise(alt_ptr)}
    sets.update(np.array([k]).tobytes() for k in range(num_machines))
    sets.add(np.unique(alt_machine).tobytes())
    # Instances with thousands of different sets get the smallest ones: they bind most tightly.
    for key in sorted(sets, key=lambda s: (len(s), s))[:_MAX_SETS]:
        if should_stop():
            return bound
        machines = np.frombuffer(key, np.int64)
        inside = np.zeros(num_machines, np.bool_)
        inside[machines] = True
        ops = np.flatnonzero(np.logical_and.reduceat(inside[alt_machine], alt_ptr[:-1]))
        if len(ops) == 0:
            continue
        if len(machines) == 1:
            bound = max(bound, int(_one_machine(head[ops], time[ops], tail[ops])))
        else:
            bound = max(bound, int(_averaged(head[ops], time[ops], tail[ops], len(machines))))
    if of_loads is None and len(alt_machine) > num_ops:
        of_loads = int(assign(alt_ptr, alt_machine, alt_time, num_machines)[1])
    return bound if of_loads is None else max(bound, of_loads)


_MAX_SETS = 2000


@jit_allocating
def _averaged(head: np.ndarray, time: np.ndarray, tail: np.ndarray, machines: int) -> int:
    """Work averaged over machines between a head and a tail; heads are raised one by one with the least tail."""
    order = np.argsort(-head)
    bound = 0
    work = 0
    least_tail = tail[order[0]]
    for k in range(len(order)):
        op = order[k]
        work += time[op]
        least_tail = min(least_tail, tail[op])
        if work > 0:
            bound = max(bound, head[op] + (work + machines - 1) // machines + least_tail)
    order = np.argsort(-tail)
    work = 0
    least_head = head[order[0]]
    for k in range(len(order)):
        op = order[k]
        work += time[op]
        least_head = min(least_head, head[op])
        if work > 0:
            bound = max(bound, least_head + (work + machines - 1) // machines + tail[op])
    return bound


@jit_allocating
def _one_machine(head: np.ndarray, time: np.ndarray, tail: np.ndarray) -> int:
    """Makespan of the preemptive one-machine schedule that always runs the available operation of longest tail."""
    n = len(head)
    by_head = np.argsort(head)
    rest = time.copy()
    # A binary heap of available operations by tail: n log n.
    heap = np.empty(n, np.int64)
    size = 0
    released = 0
    now = 0
    bound = 0
    while released < n or size > 0:
        if size == 0 and released < n:
            now = max(now, head[by_head[released]])
        while released < n and head[by_head[released]] <= now:
            child = size
            op = by_head[released]
            size += 1
            released += 1
            while child > 0 and tail[heap[(child - 1) // 2]] < tail[op]:
                heap[child] = heap[(child - 1) // 2]
                child = (child - 1) // 2
            heap[child] = op
        op = heap[0]
        step = rest[op]
        if released < n:
            step = min(step, head[by_head[released]] - now)
        now += step
        rest[op] -= step
        if rest[op] == 0:
            bound = max(bound, now + tail[op])
            size -= 1
            moved = heap[size]
            parent = 0
            while True:
                child = 2 * parent + 1
                if child >= size:
                    break
                if child + 1 < size and tail[heap[child + 1]] > tail[heap[child]]:
                    child += 1
                if tail[heap[child]] <= tail[moved]:
                    break
                heap[parent] = heap[child]
                parent = child
            if size > 0:
                heap[parent] = moved
    return bound
