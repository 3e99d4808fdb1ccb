"""Loops over the many parts of large models that end when time is up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from cosolve.core.monitor import Monitor, OutOfTime

T = TypeVar("T")

#: Items between two looks at the clock: some 20 ms of calls to CP-SAT.
_SLICE = 1_000


def until(monitor: Monitor | None, items: Iterable[T]) -> Iterator[T]:
    """
    The items.

    Raises
    ------
    OutOfTime
        Once ``monitor.should_stop()``.
    """
    rest = iter(items)
    while part := list(islice(rest, _SLICE)):
        if monitor is not None and monitor.should_stop():
            raise OutOfTime
        yield from part
