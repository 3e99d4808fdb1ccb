"""The solution file of an outside solver: looked at while it is written to, read only when it stands still."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time

import cosolve
from cosolve.core.errors import InvalidSolutionError
from cosolve.core.instance import Instance, Solution

#: A look costs its own time; the next is not before this many times that, so that watching never costs over 10 %.
_PAUSE = 10.0


@dataclass(frozen=True)
class Found:
    """
    A solution that appeared in the file.

    Parameters
    ----------
    time
        Seconds from the start until it was written.
    solution
        As read, not judged.
    """

    time: float
    solution: Solution


def load_reader(instance: Instance, format: str | None, scratch: Path) -> None:
    """Have the reader of solutions in memory before it is needed: it takes as long as many a program. Uses a file."""
    scratch.write_text("0\n")
    try:
        cosolve.read_solution(scratch, instance, format=format)
    except InvalidSolutionError:
        pass  # as it should be


class SolutionFile:
    """
    Watches one file from its construction on, which is the start of the clock.

    Parameters
    ----------
    path
        The file; it need not exist yet.
    instance
        What its solutions are for.
    format
        Name of the solution format, ``None`` to choose by the suffix.
    copy
        Path for a private copy. The file itself is never read in place: a program that cuts it off at that moment
        would take this process down with it (SIGBUS on a mapped file).
    """

    def __init__(self, path: Path, instance: Instance, format: str | None, copy: Path) -> None:
        self.path = path
        self.error: InvalidSolutionError | None = None
        self._instance = instance
        self._format = format
        self._copy = copy
        self._seen: tuple[int, ...] | None = None
        self._last_look = 0.0
        self._next_look = 0.0
        self._start = perf_counter()
        self._start_date = time()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self._start

    def look(self, *, force: bool = False) -> Found | None:
        """
        A solution not seen before, or ``None``.

        What can't be read may be half written, so that is no error yet; ``error`` holds it until the file changes.

        Parameters
        ----------
        force
            Look even if the pause since the last look is not over: the program is gone, or its time is up.
        """
        now = self.elapsed()
        if now < self._next_look and not force:
            return None
        earliest, self._last_look = self._last_look, now
        state = self._state()
        if state is None or state == self._seen:
            return None
        try:
            shutil.copyfile(self.path, self._copy)
        except OSError:
            return None  # taken away between two looks: a program may replace its file by renaming another
        if self._state() != state:
            self._last_look = earliest  # written to meanwhile: a time stamp may be as early as before
            return None
        self._seen = state
        self.error = None
        try:
            solution = cosolve.read_solution(self._copy, self._instance, format=self._format)
        except InvalidSolutionError as error:
            self.error = InvalidSolutionError(error.message, self.path.name, error.line)
            return None
        finally:
            self._next_look = now + _PAUSE * (self.elapsed() - now)
        # The file's own date has the clock ticks of the kernel and can be set to anything: it is believed between
        # the last look that did not see this content and the one that did.
        written = state[0] / 1e9 - self._start_date
        return Found(min(max(written, earliest), now), solution)

    def _state(self) -> tuple[int, ...] | None:
        """Date of the last change (ns), size and identity; ``None`` if there is no such regular file."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
