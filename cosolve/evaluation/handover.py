"""
What crosses the border between runner and run: the instance goes in, incumbents and a last word come out.

An instance is written to a file once and mapped read-only by everybody, so that memory holds one copy of it however
many processes work on it. Incumbents lie in two files that are written in turn: whatever is killed, and whenever,
the older one of the two is whole.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.instance import Instance
from cosolve.core.result import TracePoint
from cosolve.evaluation.solutions import Arrays
from cosolve.instances.files import replacing

_ALIGNMENT = 64

# -- instances ------------------------------------------------------------------------------------------------------

_MAP_MAGIC = b"cosolve-instance-map-1\n\0"
_MAP_HEADER = struct.Struct(f"<{len(_MAP_MAGIC)}sQQ")  # length of the pickle, number of buffers


def write_map(instance: Instance, path: Path) -> None:
    """
    Write an instance such that :func:`open_map` needs no copy of its arrays.

    The digest is computed now if it was not, and travels along.
    """
    _ = instance.digest
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(instance, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    sizes = struct.pack(f"<{len(views)}Q", *(view.nbytes for view in views))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_MAP_HEADER.pack(_MAP_MAGIC, len(body), len(views)) + sizes + body)
        for view in views:
            file.seek(_aligned(file.tell()))
            file.write(view)
        file.truncate()


@lru_cache(maxsize=1)
def open_map(path: Path) -> Instance:
    """
    Instance in a file of :func:`write_map`, its arrays mapped read-only.

    The last one is remembered: a process forked after the call has it already. Only for files that this very
    evaluation wrote: the small part that is not arrays is a pickle.
    """
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    magic, length, count = _MAP_HEADER.unpack_from(view)
    if magic != _MAP_MAGIC:
        raise ValueError(f"{path}: not the map of an instance.")
    sizes = struct.unpack_from(f"<{count}Q", view, _MAP_HEADER.size)
    position = _MAP_HEADER.size + 8 * count
    body = view[position : position + length]
    position += length
    buffers = []
    for size in sizes:
        position = _aligned(position)
        buffers.append(view[position : position + size])
        position += size
    instance: Instance = pickle.loads(body, buffers=buffers)
    return instance


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


# -- incumbents -----------------------------------------------------------------------------------------------------

_BOX_MAGIC = b"cosolve1"
_BOX_HEADER = struct.Struct("<8sQdddQ")  # magic, sequence number, time, objective, bound, length of the layout
_BOX_NAMES = ("incumbent.0", "incumbent.1")
_TRACE_NAME = "trace"

#: Files of an :class:`Outbox`.
OUTBOX_FILES = (*_BOX_NAMES, _TRACE_NAME)

_TRACE_POINT = struct.Struct("<ddd")  # time, objective, bound; NaN for none

#: Most points of a trajectory that are kept: a solver that reports each of a million bounds must not fill the disk.
MAX_POINTS = 10_000


@dataclass(frozen=True)
class Handed:
    """
    A solution as it was handed over.

    Parameters
    ----------
    time
        Seconds from the start of the solver's clock.
    objective, bound
        What the giver believed at that time; ``None`` for nothing.
    arrays
        The solution, not judged yet.
    """

    time: float
    objective: float | None
    bound: float | None
    arrays: Arrays


class Outbox:
    """
    Where a run leaves its incumbents and its curve; each call returns when a kill can't take it back.

    Writing is a plain copy into the page cache, without a thread: a solver that never lets another thread run
    leaves its incumbents all the same.

    Parameters
    ----------
    folder
        Work folder of the run.
    time_limit
        Whatever is stamped later is not taken.
    """

    def __init__(self, folder: Path, time_limit: float = math.inf) -> None:
        self._limit = time_limit
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._boxes = [os.open(folder / name, flags, 0o600) for name in _BOX_NAMES]
        self._trace = os.open(folder / _TRACE_NAME, flags | os.O_APPEND, 0o600)
        self._sequence = 0

    def put(self, time: float, objective: float | None, bound: float | None, arrays: Mapping[str, np.ndarray]) -> None:
        """
        Hand over a solution that is better than all before.

        Parameters
        ----------
        time
            Seconds from the start of the clock.
        objective, bound
            As known now.
        arrays
            See :func:`cosolve.evaluation.solutions.to_arrays`.
        """
        if time > self._limit:
            return
        self._sequence += 1
        box = self._boxes[self._sequence % 2]
        parts = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        layout = json.dumps([[name, part.dtype.str, list(part.shape)] for name, part in parts.items()]).encode()
        os.pwrite(box, bytes(_BOX_HEADER.size), 0)  # nobody must take the old head for that of the new body
        position = _write(box, layout, _BOX_HEADER.size)
        for part in parts.values():
            position = _write(box, part.reshape(-1).view(np.uint8).data, _aligned(position))
        numbers = time, _to_nan(objective), _to_nan(bound)
        os.pwrite(box, _BOX_HEADER.pack(_BOX_MAGIC, self._sequence, *numbers, len(layout)), 0)
        self.trace(time, objective, bound)

    def trace(self, time: float, objective: float | None, bound: float | None) -> None:
        """Add a point to the curve."""
        if time <= self._limit:
            os.write(self._trace, _TRACE_POINT.pack(time, _to_nan(objective), _to_nan(bound)))


def read_incumbent(folder: Path) -> Handed | None:
    """
    The last whole solution in a work folder, ``None`` if there is none.

    Raises
    ------
    ValueError
        If the file is not one of an :class:`Outbox`.
    """
    found: list[tuple[int, Path]] = []
    for name in _BOX_NAMES:
        path = folder / name
        try:
            with path.open("rb") as file:
                head = file.read(_BOX_HEADER.size)
        except FileNotFoundError:
            continue
        if len(head) == _BOX_HEADER.size:
            magic, sequence, *_ = _BOX_HEADER.unpack(head)
            if magic == _BOX_MAGIC:
                found.append((sequence, path))
    return _read_box(max(found)[1]) if found else None


def _read_box(path: Path) -> Handed:
    # Not mapped but read: the writer may still be alive on other systems, and a file cut off kills who maps it.
    data = memoryview(path.read_bytes())
    _, _, time, objective, bound, length = _BOX_HEADER.unpack_from(data)
    position = _BOX_HEADER.size + length
    arrays: Arrays = {}
    try:
        for name, kind, shape in json.loads(bytes(data[_BOX_HEADER.size : position])):
            dtype = np.dtype(kind)
            if dtype.kind not in "biuf":
                raise ValueError(f"{dtype} values")
            position = _aligned(position)
            size = math.prod(shape) * dtype.itemsize
            arrays[str(name)] = np.frombuffer(data[position : position + size], dtype).reshape(shape)
            position += size
    except (ValueError, TypeError) as error:
        raise ValueError(f"what was handed over is no solution: {error}.") from error
    return Handed(time, _from_nan(objective), _from_nan(bound), arrays)


def read_trace(folder: Path) -> tuple[TracePoint, ...]:
    """The curve in a work folder, thinned to :data:`MAX_POINTS` if it is longer; empty if there is none."""
    try:
        data = (folder / _TRACE_NAME).read_bytes()
    except FileNotFoundError:
        return ()
    whole = data[: len(data) // _TRACE_POINT.size * _TRACE_POINT.size]
    rows = np.frombuffer(whole, "<f8").reshape(-1, 3)
    if len(rows) > MAX_POINTS:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, MAX_POINTS).astype(np.int64))]
    return tuple(TracePoint(time, _from_nan(objective), _from_nan(bound)) for time, objective, bound in rows.tolist())


def _write(file: int, data: Any, position: int) -> int:
    view = memoryview(data)
    while view.nbytes:
        written = os.pwrite(file, view, position)
        position += written
        view = view[written:]
    return position


def _to_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _from_nan(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- the last word ----------------------------------------------------------------------------------------------------

_ANSWER = "answer.json"


def write_answer(folder: Path, answer: Mapping[str, Any]) -> None:
    """Leave the last word of a run in its work folder, whole or not at all."""
    temporary = folder / f"{_ANSWER}.new"
    temporary.write_text(json.dumps(answer, allow_nan=False))
    os.replace(temporary, folder / _ANSWER)


def read_answer(folder: Path) -> dict[str, Any] | None:
    """
    The last word of a run, ``None`` if it did not come to that.

    Raises
    ------
    ValueError
        If it is not what :func:`write_answer` writes.
    """
    try:
        return dict(json.loads((folder / _ANSWER).read_text()))
    except FileNotFoundError:
        return None
    except TypeError as error:
        raise ValueError(f"what it left is no answer: {error}.") from error
