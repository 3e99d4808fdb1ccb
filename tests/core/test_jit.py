"""Kernels are compiled once for each kind of arrays."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass

import numba
import numpy as np
import pytest

from cosolve.core.jit import freeze_fields, frozen, jit


@jit
def _entry(values: np.ndarray, place: int, is_last: bool) -> float:
    return values[len(values) - 1 - place] if is_last else values[place]


@numba.njit  # not kept on disk: what it calls would not be looked at then
def _entries(values: np.ndarray, places: np.ndarray) -> float:
    total = _entry(values, 0, False) + 10 * _entry(values, 1, True)
    for place in places:
        total += 100 * _entry(values, place, place > 0)
    return total


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.int64])
def test_constants_and_narrow_numbers_have_no_version_of_their_own(kind):
    """Each constant that a kernel was called with, and each width of a number, was compiled for seconds again."""
    assert _entries(np.array([1.0, 2.0, 3.0]), np.array([2], kind)) == 1.0 + 20.0 + 100.0
    assert len(_entry.signatures) == 1


def test_kernels_run_uncompiled_to_be_debugged():
    """Debuggers and coverage see nothing of a compiled one."""
    code = "from cosolve.core.union_find import find; import numpy as np; print(find(np.array([1, 1]), 0), type(find))"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("1 <class 'function'>")


def test_frozen_arrays_are_read_only_and_contiguous_and_their_own_owners_stay_as_they_are():
    """A kernel would be compiled anew for a transposed one."""
    own = np.arange(6.0).reshape(2, 3)
    view = frozen(own.T)
    assert view.flags.c_contiguous
    assert not view.flags.writeable
    assert own.flags.writeable
    assert np.array_equal(view, own.T)
    assert np.shares_memory(frozen(own), own)


def test_freeze_fields_takes_the_arrays_of_a_dataclass():
    """And leaves what is none."""

    @dataclass(frozen=True)
    class Data:
        values: np.ndarray
        number: int

    data = Data(np.zeros(3), 4)
    freeze_fields(data)
    assert not data.values.flags.writeable
    assert data.number == 4
