"""
Dispatching rules for the flexible job shop: the best of several rules, from non-delay to active schedules.

Machines are chosen one operation after the other, or all before so that their loads are even.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from cosolve.core.monitor import Monitor, stop_of
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.search import fjsp as kernel
from cosolve.search.fjsp_assignment import assign

_NUM_RULES = 5
_DELAYS = (0.0, 0.5, 1.0)


def construct(instance: FJSPInstance, monitor: Monitor, rng: np.random.Generator) -> Schedule | None:
    """Best schedule of five rules, three degrees of delay and both ways to choose machines; the first one ends."""
    data = prepare(instance)
    state = kernel.make_state(data, 0)
    alt, order = best_dispatch(data, state, monitor)
    kernel.load(data, state, alt, order)
    return to_schedule(data, state)


def prepare(instance: FJSPInstance) -> kernel.Data:
    """Arrays of the instance for the kernels."""
    return kernel.make_data(
        instance.job_ptr, instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines
    )


class EvenShop(NamedTuple):
    """The job shop that is left when machines share the work evenly, its alternatives, and a bound on makespans."""

    data: kernel.Data
    alt: np.ndarray
    bound: int


def with_even_loads(data: kernel.Data) -> EvenShop | None:
    """See :func:`assign`; ``None`` without choice."""
    if len(data.alt_machine) == len(data.job):
        return None
    alt, bound = assign(data.alt_ptr, data.alt_machine, data.alt_time, len(data.seq_ptr) - 1)
    ptr = np.arange(len(alt) + 1)
    shop = data._replace(alt_ptr=ptr, alt_machine=data.alt_machine[alt], alt_time=data.alt_time[alt])
    return EvenShop(shop, alt, bound)


def best_dispatch(
    data: kernel.Data, state: kernel.State, monitor: Monitor | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Alternatives and order of the best rule."""
    n = len(data.job)
    best: tuple[int, np.ndarray, np.ndarray] | None = None
    for shop, machines in _shops(data, stop_of(monitor)):
        for delay in _DELAYS:
            for rule in range(_NUM_RULES):
                if best is not None and monitor is not None and monitor.should_stop():
                    return best[1], best[2]
                alt, order = np.zeros(n, np.int64), np.zeros(n, np.int64)
                makespan = int(kernel.dispatch(shop, state, rule, delay, 0, alt, order))
                if best is None or makespan < best[0]:
                    best = makespan, alt if machines is None else machines, order
    assert best is not None
    return best[1], best[2]


def _shops(data: kernel.Data, should_stop: Callable[[], bool]) -> Iterator[tuple[kernel.Data, np.ndarray | None]]:
    """As it is, then with machines chosen: with 40,000 operations that takes a second, and a schedule comes first."""
    yield data, None
    even = None if should_stop() else with_even_loads(data)
    if even is not None:
        yield even.data, even.alt


def to_schedule(data: kernel.Data, state: kernel.State) -> Schedule:
    """Best solution of a state, every operation as early as its sequences allow."""
    return Schedule(machine=data.alt_machine[state.best_alt], start=state.best_head)
