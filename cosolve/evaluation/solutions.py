"""Solutions as named arrays: in files without pickle, and between processes that don't trust each other."""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.instance import Solution
from cosolve.core.problem import problems
from cosolve.instances.files import replacing

Arrays = dict[str, np.ndarray]


def to_arrays(solution: Solution) -> Arrays:
    """
    The fields of a solution as arrays; the inverse of :func:`from_arrays`.

    A field that is a sequence of arrays becomes two: ``field.values``, all of them joined, and ``field.offsets``.

    Raises
    ------
    TypeError
        If a field is neither numbers nor a sequence of arrays of numbers.
    """
    result: Arrays = {}
    for f in dataclasses.fields(solution):
        value = getattr(solution, f.name)
        if isinstance(value, tuple | list):
            parts = [np.asarray(part) for part in value]
            offsets = np.zeros(len(parts) + 1, np.int64)
            np.cumsum([len(part) for part in parts], out=offsets[1:])
            result[f"{f.name}.values"] = np.concatenate(parts) if parts else np.empty(0, np.int64)
            result[f"{f.name}.offsets"] = offsets
        else:
            result[f.name] = np.asarray(value)
    for name, array in result.items():
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{type(solution).__name__}.{name} must hold numbers, got {array.dtype}.")
    return result


def from_arrays(problem: str, arrays: Mapping[str, np.ndarray]) -> Solution:
    """
    Solution of a problem from :func:`to_arrays`.

    Raises
    ------
    ValueError
        If a field is missing or unknown, or does not have the form that the solution needs.
    """
    solution_type = problems.get(problem).solution_type
    values: dict[str, Any] = {}
    rest = dict(arrays)
    for f in dataclasses.fields(solution_type):
        if f.name in rest:
            array = rest.pop(f.name)
            values[f.name] = array if array.ndim else array.item()
        elif f"{f.name}.offsets" in rest and f"{f.name}.values" in rest:
            joined, offsets = rest.pop(f"{f.name}.values"), rest.pop(f"{f.name}.offsets").tolist()
            values[f.name] = tuple(joined[i:j] for i, j in pairwise(offsets))
        else:
            raise ValueError(f"{solution_type.__name__} needs the field {f.name!r}.")
    if rest:
        raise ValueError(f"{solution_type.__name__} has no field {sorted(rest)[0]!r}.")
    try:
        return solution_type(**values)
    except TypeError as error:
        raise ValueError(f"{solution_type.__name__}: {error}.") from error


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as an .npz file, whole or not at all."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **dict(arrays))  # type: ignore[arg-type]  # numbers only: nothing is pickled


def load_arrays(path: str | os.PathLike[str]) -> Arrays:
    """
    Read an .npz file; nothing in it is ever executed.

    Raises
    ------
    ValueError
        If it is no such file, or holds objects.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not a file of arrays: {error}") from error


def load_solution(path: str | os.PathLike[str], problem: str) -> Solution:
    """
    Solution that a record names.

    Raises
    ------
    ValueError
        If the file does not hold a solution of the problem.
    OSError
        If it can't be read.
    """
    try:
        return from_arrays(problem, load_arrays(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}" if str(path) not in str(error) else str(error)) from error
