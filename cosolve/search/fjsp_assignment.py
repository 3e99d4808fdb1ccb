"""
Which machine for which operation, order left out: a bound on the makespan, and machines of even load.

The makespan is at least the largest load, which is at least any average of the loads with weights that add up to 1: and
the least value of that is each operation on its machine of least weighted time. The weights that give the most are
sought by multiplicative updates [1]_, and come close to the value of the linear relaxation of scheduling on
unrelated machines [2]_. The assignment they lead to is then evened out by moves that lower the largest load. Where
jobs outnumber machines by far, schedules of about that length exist, and a search had better begin there than with
machines chosen one operation at a time.

O(rounds x alternatives) time, linear memory.

References
----------
.. [1] Plotkin, S. A., Shmoys, D. B., Tardos, E. (1995). Fast approximation algorithms for fractional packing and
       covering problems. *Mathematics of Operations Research* 20(2): 257-301.
.. [2] Lenstra, J. K., Shmoys, D. B., Tardos, E. (1990). Approximation algorithms for scheduling unrelated parallel
       machines. *Mathematical Programming* 46: 259-271.
"""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.jit import frozen, jit_allocating

#: Updates of the weights, at most, and alternatives looked at in all of them and in all moves after: a second each.
_ROUNDS, _EFFORT = 3000, 200_000_000

#: First step of the updates; the k-th is smaller by the root of k.
_STEP = 0.3


def assign(
    alt_ptr: np.ndarray, alt_machine: np.ndarray, alt_time: np.ndarray, num_machines: int
) -> tuple[np.ndarray, int]:
    """
    Alternatives that share the work out evenly.

    Parameters
    ----------
    alt_ptr, alt_machine, alt_time, num_machines
        As in :class:`cosolve.instances.fjsp.FJSPInstance`.

    Returns
    -------
    alt
        Number of the alternative of each operation, (n,) int64.
    bound
        No schedule is shorter.
    """
    return _assign(frozen(alt_ptr), frozen(alt_machine), frozen(alt_time), num_machines)


@jit_allocating
def _assign(
    alt_ptr: np.ndarray, alt_machine: np.ndarray, alt_time: np.ndarray, num_machines: int
) -> tuple[np.ndarray, int]:
    n, num_alts = len(alt_ptr) - 1, len(alt_machine)
    weight = np.full(num_machines, 1.0 / max(1, num_machines))
    alt, best_alt = np.zeros(n, np.int64), np.zeros(n, np.int64)
    least, bound = np.inf, 0.0
    for k in range(max(1, min(_ROUNDS, _EFFORT // max(1, num_alts)))):
        load = np.zeros(num_machines)
        value = 0.0
        for op in range(n):
            cheapest = np.inf
            for a in range(alt_ptr[op], alt_ptr[op + 1]):
                cost = weight[alt_machine[a]] * alt_time[a]
                # Of equal ones the least loaded: identical machines would else have all work on one of them.
                if cost < cheapest or (cost == cheapest and load[alt_machine[a]] < load[alt_machine[alt[op]]]):
                    cheapest = cost
                    alt[op] = a
            value += cheapest
            load[alt_machine[alt[op]]] += alt_time[alt[op]]
        bound = max(bound, value)
        most = load.max()
        if most < least:
            least = most
            best_alt[:] = alt
        if most <= 0.0:
            break
        weight *= np.exp(_STEP / math.sqrt(k + 1.0) * (load - value) / most)
        weight /= weight.sum()
    _even_out(alt_ptr, alt_machine, alt_time, num_machines, best_alt)
    # Times are whole numbers; the sum of products is not exact.
    return best_alt, math.ceil(bound * (1.0 - 1e-9) - 1e-9)


@jit_allocating
def _even_out(
    alt_ptr: np.ndarray, alt_machine: np.ndarray, alt_time: np.ndarray, num_machines: int, alt: np.ndarray
) -> None:
    """Move operations off the machine of the largest load, those that add least work first, while that pays."""
    n = len(alt)
    load = np.zeros(num_machines)
    for op in range(n):
        load[alt_machine[alt[op]]] += alt_time[alt[op]]
    for _ in range(_EFFORT // max(1, len(alt_machine)) + 1):
        fullest = load.argmax()
        taken, to, least = -1, -1, np.inf
        for op in range(n):
            if alt_machine[alt[op]] != fullest:
                continue
            time = alt_time[alt[op]]
            for a in range(alt_ptr[op], alt_ptr[op + 1]):
                extra = alt_time[a] - time
                if load[alt_machine[a]] + alt_time[a] < load[fullest] and time > 0 and extra < least:
                    taken, to, least = op, a, extra
        if taken < 0:
            return
        load[fullest] -= alt_time[alt[taken]]
        load[alt_machine[to]] += alt_time[to]
        alt[taken] = to
