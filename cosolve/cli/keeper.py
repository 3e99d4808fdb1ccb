"""Keeps the best solution so far in a file, so that even a kill leaves it."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

#: Least seconds between two writes; after a slow write the pause grows, so that writing never takes over.
PAUSE, PAUSE_PER_WRITE = 0.5, 3.0


class Keeper:
    """
    Writes incumbents of one run to a file from a thread of its own, each atomically, the first at once.

    Parameters
    ----------
    instance
        The instance being solved.
    path
        Solution file; untouched until there is a solution.
    """

    def __init__(self, instance: Any, path: Path) -> None:
        self.instance = instance
        self.path = path
        self._wake = threading.Condition()
        self._latest: Any = None
        self._written: Any = None
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._wake:
            self._closed = True
            self._wake.notify()
        # A second Ctrl-C must not wait for a large file; what is there stays whole, the thread dies with us.
        self._thread.join(None if kind is None else 0.2)

    def offer(self, incumbent: Any) -> None:
        """Take an incumbent; returns at once."""
        with self._wake:
            self._latest = incumbent
            self._wake.notify()

    def finish(self, solution: Any, objective: float | None) -> None:
        """
        Write the final solution, unless it is what the file holds.

        Raises
        ------
        OSError, ValueError
            If this or an earlier write failed.
        """
        if self._error is not None:
            raise self._error
        if self._written is None or self._written.solution is not solution:
            self._write(solution, objective)

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._latest is not self._written)
                if self._closed:
                    return
                incumbent = self._latest
            started = monotonic()
            try:
                self._write(incumbent.solution, incumbent.objective)
            except Exception as error:
                self._error = error
                return
            now = monotonic()
            with self._wake:
                self._written = incumbent
                self._wake.wait_for(lambda: self._closed, max(PAUSE, PAUSE_PER_WRITE * (now - started)))

    def _write(self, solution: Any, objective: float | None) -> None:
        from cosolve.instances.files import write_solution

        write_solution(self.instance, solution, self.path, objective=objective)
