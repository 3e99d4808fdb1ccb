"""
How this package compiles its kernels: cached on disk, without the GIL, with exact floating-point semantics.

There is no fast-math, so that NaN stays NaN and sums have one order, and x / 0 is inf or NaN as in numpy: a loop that
may raise an exception does not become vector code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

F = TypeVar("F", bound=Callable[..., Any])

#: A flag to stop, see :func:`cosolve.core.watcher.stop_flag`, that nobody sets.
NEVER = np.zeros(1, np.int64)


def jit(function: F) -> F:
    """
    Compile a kernel over plain arrays that creates none and returns none.

    References to arrays are not counted: in the short functions that the searches consist of, counting them when
    called took half to three quarters of the time. A kernel that creates an array is refused when it is compiled; one
    that returned an array, or a view of one, would free it too early, and one that calls for a new array would never
    free it, so that a test reads all signatures and calls.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)


def jit_allocating(function: F) -> F:
    """Compile a kernel that creates arrays, or returns them; what it does most often belongs in a :func:`jit`."""
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=True)(function)
