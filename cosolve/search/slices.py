"""A search in short slices, so that it hears of the clock and of Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

#: Seconds that a slice should take, at least and at most.
_LEAST, _MOST = 0.03, 0.08


class Slices:
    """
    Iterations of a compiled search, some hundredths of a second at a time.

    Only the length of slices follows the clock; the path of a search does not depend on it.

    Parameters
    ----------
    limit
        Iterations in all; ``None`` for no limit.
    first
        Iterations of the first slice.
    longest
        Iterations of the longest; ``None`` for no limit.
    """

    def __init__(self, limit: int | None, first: int = 1, longest: int | None = None) -> None:
        self.done = 0
        self._limit = limit
        self._length = first
        self._longest = longest

    @property
    def is_out(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and self.done >= self._limit

    def run(self, work: Callable[[int], int]) -> bool:
        """
        One slice.

        Parameters
        ----------
        work
            Makes so many iterations, or fewer, and returns how many there have been in all.

        Returns
        -------
        bool
            Whether there were any.
        """
        steps = self._length if self._limit is None else min(self._length, self._limit - self.done)
        begin, before = perf_counter(), self.done
        self.done = work(steps)
        seconds = perf_counter() - begin
        if seconds > _MOST:
            self._length = max(self._length // 2, 1)
        elif seconds < _LEAST and self.done - before >= self._length:
            self._length = 2 * self._length if self._longest is None else min(2 * self._length, self._longest)
        return self.done > before
