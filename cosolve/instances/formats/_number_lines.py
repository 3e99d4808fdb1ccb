"""How a file of nothing but numbers is broken into lines: what tells such formats apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit_allocating
from cosolve.instances.formats.source import Source

#: Bytes looked at for the structure; a longer file is judged by its beginning.
_SCANNED = 1 << 20

_NUMERIC = b"0123456789+-.eE, \t\r\n\f\v"


@dataclass(frozen=True)
class NumberLines:
    """
    Line structure of a file whose first line holds two integers >= 0 and nothing else.

    Parameters
    ----------
    first, second
        The two integers.
    starts
        How many numbers come before each line, counted behind the first line; blank lines left out. The last
        entry is the end of the last whole line seen.
    is_whole
        Whether the entire file was seen.
    """

    first: int
    second: int
    starts: np.ndarray
    is_whole: bool

    def breaks_at(self, positions: np.ndarray) -> bool:
        """Whether a line begins (or the file ends) at each of these counts, as far as was seen."""
        seen = positions[positions <= self.starts[-1]]
        at = np.searchsorted(self.starts, seen)
        return bool((self.starts[at] == seen).all()) if len(seen) else True

    def num_rows_of(self, width: int, begin: int = 0) -> int:
        """Number of lines of exactly ``width`` numbers in a row, from line ``begin`` on."""
        other = np.flatnonzero(np.diff(self.starts[begin:]) != width)
        return int(other[0]) if len(other) else max(len(self.starts) - 1 - begin, 0)


def number_lines(source: Source, word: bytes = b"") -> NumberLines | None:
    """Structure of a source, or ``None`` if it holds anything but numbers (and ``word``) or starts otherwise."""
    head = bytes(source.data[:65536])
    if head.replace(word, b"0").translate(None, _NUMERIC) if word else head.translate(None, _NUMERIC):
        return None
    lines = source.head_lines
    words = lines[0].split() if lines else []
    if len(words) != 2 or not all(w.isdigit() and len(w) < 10 for w in words):
        return None
    is_whole = len(source.data) <= _SCANNED
    starts = _line_starts(source.data[:_SCANNED])
    if not is_whole:
        starts = starts[:-1]  # the last line may be cut
    if len(starts) < 2:
        return None
    return NumberLines(int(words[0]), int(words[1]), starts[1:] - 2, is_whole)


@jit_allocating
def _line_starts(data: np.ndarray) -> np.ndarray:
    """Tokens before each non-blank line, and in all."""
    starts = np.empty(len(data) // 2 + 2, np.int64)
    num_lines = tokens = 0
    inside = False
    is_fresh = True
    for i in range(len(data)):
        byte = data[i]
        blank = byte <= 32 or byte == 44
        if not blank and not inside:
            if is_fresh:
                starts[num_lines] = tokens
                num_lines += 1
                is_fresh = False
            tokens += 1
        inside = not blank
        if byte == 10:
            is_fresh = True
    starts[num_lines] = tokens
    return starts[: num_lines + 1]
