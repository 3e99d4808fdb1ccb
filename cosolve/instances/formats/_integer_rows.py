"""Rows of integers as text, compiled: Python's own formatting takes half a minute for ten million cities."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cosolve.core.jit import jit_allocating

#: Rows formatted at a time: a few tens of MB.
_CHUNK = 1_000_000

#: Digits of the largest int64, and a sign.
_WIDTH = 20


def integer_rows(rows: np.ndarray, prefix: str = "") -> Iterator[str]:
    """
    Text of integer rows, in pieces to be written one after the other.

    Parameters
    ----------
    rows
        (n, k) integers; one row a line, separated by blanks.
    prefix
        Put before each row ("e ").
    """
    start = np.frombuffer(prefix.encode(), np.uint8)
    for begin in range(0, len(rows), _CHUNK):
        yield _format(np.ascontiguousarray(rows[begin : begin + _CHUNK], np.int64), start).tobytes().decode("ascii")


def is_whole(values: np.ndarray) -> bool:
    """Whether integers say all there is to say: no fraction, nothing beyond exact doubles, no minus zero."""
    return bool((values == np.rint(values)).all() and (np.abs(values) < 2**53).all()) and not bool(
        (np.signbit(values) & (values == 0)).any()
    )


@jit_allocating
def _format(rows: np.ndarray, prefix: np.ndarray) -> np.ndarray:
    n, k = rows.shape
    out = np.empty(n * (len(prefix) + k * (_WIDTH + 1)), np.uint8)
    digits = np.empty(_WIDTH, np.uint8)
    at = 0
    for i in range(n):
        for c in prefix:
            out[at] = c
            at += 1
        for j in range(k):
            # As unsigned: the least int64 has no positive twin, but its bits negated are its amount.
            value = np.uint64(rows[i, j])
            if rows[i, j] < 0:
                out[at] = 45
                at += 1
                value = np.uint64(0) - value
            count = 0
            while True:
                quotient = value // np.uint64(10)
                digits[count] = np.uint8(48) + np.uint8(value - quotient * np.uint64(10))
                count += 1
                value = quotient
                if value == np.uint64(0):
                    break
            while count > 0:
                count -= 1
                out[at] = digits[count]
                at += 1
            out[at] = 32 if j < k - 1 else 10
            at += 1
    return out[:at]
