"""Files of solutions that were made elsewhere, and of the times that they took."""

from __future__ import annotations

import csv
import hashlib
import math
from functools import lru_cache
from pathlib import Path

#: Name of the file with the times of saved solutions, in their folder.
TIMES_FILE = "times.csv"


def fingerprint(path: Path) -> str | None:
    """
    What tells whether a saved solution has changed: its content and its rows of ``times.csv``; ``None`` if it is not
    here.
    """
    times = path.with_name(TIMES_FILE)
    try:
        content = _digest(path, *_stamp(path))
        rows = _rows_of(times, path.name, *_stamp(times)) if times.is_file() else ""
    except OSError:
        return None
    return hashlib.sha256(f"{content} {rows}".encode()).hexdigest()[:32]


def content_of(path: Path) -> str | None:
    """What tells whether a file, or one of those in a folder, has changed; ``None`` if there is no such path."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        parts = [f"{file.name} {_digest(file, *_stamp(file))}" for file in files if file.is_file()]
    except OSError:
        return None
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] if parts else None


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=100_000)
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=100_000)
def _rows_of(times: Path, name: str, size: int, changed: int) -> str:
    """Header and the rows that name a solution: one more solution with its time is no change of the others."""
    header, *rows = _lines(times, size, changed) or ("",)
    return "\n".join([header, *(row for row in rows if name in row)])


@lru_cache(maxsize=100)
def _lines(path: Path, size: int, changed: int) -> tuple[str, ...]:
    return tuple(path.read_text(errors="replace").splitlines())


def seconds_of(path: Path) -> float | None:
    """
    Seconds that a saved solution took: of the file ``times.csv`` beside it, with the columns ``file`` and ``seconds``.

    Raises
    ------
    ValueError
        If that file has other columns, or the value is no number >= 0.
    """
    times = path.with_name(TIMES_FILE)
    if not times.is_file():
        return None
    with times.open(newline="") as file:
        rows = csv.DictReader(file)
        if not {"file", "seconds"} <= set(rows.fieldnames or ()):
            raise ValueError(f"{times}: needs the columns file and seconds.")
        for row in rows:
            if row["file"] == path.name:
                try:
                    seconds = float(row["seconds"])
                except (TypeError, ValueError):
                    seconds = math.nan
                if not (math.isfinite(seconds) and seconds >= 0):
                    raise ValueError(f"{times}:{rows.line_num}: seconds must be >= 0, got {row['seconds']!r}.")
                return seconds
    return None
