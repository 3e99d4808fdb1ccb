"""Where a file given by name lies."""

from __future__ import annotations

import os
from pathlib import Path

from cosolve.cli.errors import UsageError


def resolve(name: str | os.PathLike[str]) -> Path:
    """
    Path of an instance or solution file.

    Parameters
    ----------
    name
        A path; if nothing is there and it is relative, it is looked up in each folder of the environment
        variable ``COSOLVE_DATA`` and then among the names of the bundled instances.

    Raises
    ------
    FileNotFoundError
        If it is nowhere.
    """
    return locate(name)[0]


def locate(name: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """As :func:`resolve`, with the problem key if the file is a bundled instance."""
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path, None
    folders = [folder for folder in os.environ.get("COSOLVE_DATA", "").split(os.pathsep) if folder]
    for folder in folders:
        if (candidate := Path(folder) / path).is_file():
            return candidate, None
    from cosolve.instances.catalogue import find

    entry = find(str(name))
    if entry is not None:
        return entry.path, entry.problem
    places = ["no such file", *([f"nor in COSOLVE_DATA={os.environ['COSOLVE_DATA']}"] if folders else [])]
    text = ", ".join([*places, "nor a bundled instance (cosolve info instances)"])
    raise FileNotFoundError(2, text, str(name))


def check_writable(path: Path) -> None:
    """
    Refuse an output path that can't be written before any work is done for it.

    Raises
    ------
    UsageError
        With what is wrong.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file.")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: its folder {path.parent} does not exist.")
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise UsageError(f"{path}: not writable.")


def is_folder(name: str) -> bool:
    """Whether a path is a folder or is to be one: a slash at its end, which a ``Path`` would forget, says so."""
    return name.endswith(("/", os.sep)) or Path(name).is_dir()


def stem(path: Path) -> str:
    """File name without compression and format suffix."""
    import numpy as np

    from cosolve.instances.formats.source import Source

    return Source(np.empty(0, np.uint8), path).stem
