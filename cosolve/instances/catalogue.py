"""The instances that come with the package: small, free to ship, with a reference and where it comes from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cosolve
from cosolve.core.errors import InvalidInstanceError


@dataclass(frozen=True)
class Entry:
    """
    One bundled instance.

    Parameters
    ----------
    name, problem, path
        Name to solve it by, problem key, and its file.
    digest
        Content hash that the file must have.
    source, licence
        How it was made, and the terms it comes under.
    reference, reference_kind, reference_source
        Objective to compare with, "optimal" or "best", and where that is known from.
    bound
        Best proven bound where the reference is not known to be optimal, else ``None``.
    demo
        Whether ``cosolve demo`` shows it.
    """

    name: str
    problem: str
    path: Path
    digest: str
    source: str
    licence: str
    reference: float
    reference_kind: str
    reference_source: str
    bound: float | None = None
    demo: bool = False


def folder() -> Path:
    """Folder of the bundled instances: inside the package when installed from a wheel, else of the checkout."""
    package = Path(cosolve.__file__).parent
    inside = package / "_data" / "instances"
    return inside if inside.is_dir() else package.parent / "instances"


@cache
def entries() -> tuple[Entry, ...]:
    """All bundled instances, in the order of the catalogue."""
    path = folder() / "catalogue.toml"
    rows = tomllib.loads(path.read_text())["instance"]
    return tuple(Entry(**{**row, "path": folder() / row["path"]}) for row in rows)


def find(name: str) -> Entry | None:
    """Entry of that name, or ``None``."""
    return next((entry for entry in entries() if entry.name == name), None)


def load(name: str) -> cosolve.Instance:
    """
    Read a bundled instance.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists them.
    InvalidInstanceError
        If the file is not the one that the catalogue describes.
    """
    entry = find(name)
    if entry is None:
        raise ValueError(f"no bundled instance {name!r}; there are: {', '.join(e.name for e in entries())}.")
    instance = cosolve.read(entry.path, problem=entry.problem)
    if instance.digest != entry.digest:
        raise InvalidInstanceError("the content is not the one in the catalogue.", entry.path)
    return instance
