"""A thread that asks whether to stop on behalf of what can't."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from cosolve.core.monitor import Monitor

#: Seconds between two questions.
_POLL = 0.02


class Watcher:
    """
    Acts once a condition holds, as long as the context lasts; what it watches must let go of the GIL.

    Parameters
    ----------
    condition
        Asked every 20 ms.
    act
        Called again and again from then on: a call that comes before a backend has begun may be lost.
    """

    def __init__(self, condition: Callable[[], bool], act: Callable[[], object]) -> None:
        self._condition = condition
        self._act = act
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cosolve-watcher", daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(_POLL):
            if self._condition():
                self._act()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *args: object) -> None:
        self._done.set()
        self._thread.join()


@contextmanager
def stop_flag(monitor: Monitor) -> Iterator[np.ndarray]:
    """(1,) int64 for compiled searches to look at, 0 until a monitor says stop."""
    flag = np.zeros(1, np.int64)
    with Watcher(monitor.should_stop, lambda: flag.fill(1)):
        yield flag
