"""
How this package compiles its kernels: cached on disk, without the GIL, with exact floating-point semantics.

There is no fast-math, so that NaN stays NaN and sums have one order, and x / 0 is inf or NaN as in numpy: a loop that
may raise an exception does not become vector code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import numba
import numpy as np
from numba import types

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
    return _compiled(function, counts_references=False)


def jit_allocating(function: F) -> F:
    """Compile a kernel that creates arrays, or returns them; what it does most often belongs in a :func:`jit`."""
    return _compiled(function, counts_references=True)


def frozen(array: np.ndarray) -> np.ndarray:
    """Read-only contiguous view: kernels are compiled anew for each kind of array, so give them one kind only."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def freeze_fields(data: Any) -> None:
    """Give a frozen dataclass, in its ``__post_init__``, :func:`frozen` arrays; what was given stays as it is."""
    for field in fields(data):
        value = getattr(data, field.name)
        if isinstance(value, np.ndarray):
            object.__setattr__(data, field.name, frozen(value))


def _compiled(function: F, *, counts_references: bool) -> F:
    """
    Compile once for each kind of arrays.

    Other kernels' calls would have a version for each constant that they give, and for each width of a number: a third
    of all that there is to compile. They are given as Python gives them, which is int64 and bool.
    """
    kernel = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=counts_references)(function)
    template = getattr(kernel, "get_call_template", None)
    if template is None:  # by NUMBA_DISABLE_JIT=1, to debug: the function itself
        return kernel
    kernel.get_call_template = lambda given, by_name: template(
        tuple(map(_plain, given)), {name: _plain(kind) for name, kind in by_name.items()}
    )
    return kernel


def _plain(kind: types.Type) -> types.Type:
    plain = types.unliteral(kind)
    is_narrow = isinstance(plain, types.Integer) and plain.signed and plain.bitwidth < 64
    return types.int64 if is_narrow else plain
