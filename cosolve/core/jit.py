"""How this package compiles its kernels: cached on disk, without the GIL, with exact floating-point semantics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile a kernel over plain arrays; no fast-math, so that NaN stays NaN and sums have one order."""
    return numba.njit(cache=True, nogil=True)(function)
