"""How this package compiles its kernels: cached on disk, without the GIL, with exact floating-point semantics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile a kernel over plain arrays; no fast-math, so that NaN stays NaN and sums have one order."""
    return numba.njit(cache=True, nogil=True)(function)


def jit_lean(function: F) -> F:
    """
    Like :func:`jit`, for inner kernels that create no array.

    References to arrays are not counted, which in short kernels can cost more than the work, and x / 0 is inf or NaN as
    in numpy: a loop that may raise an exception does not become vector code.
    """
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
