"""Where a file given by name lies."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from cosolve.cli.errors import UsageError

if TYPE_CHECKING:
    from cosolve.instances.formats.source import Source


#: Endings that promise what nobody here writes.
_ARCHIVES = (".zip", ".zst", ".lzma", ".7z", ".tar", ".tgz", ".z")


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
    FileNotFoundError, IsADirectoryError
        If it is nowhere, or a folder.
    """
    return locate(name)[0]


def locate(name: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """As :func:`resolve`, with the problem key if the file is a bundled instance."""
    path = Path(name)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"is a folder; name its files, as in {path / '*.mps'}", str(name))
    if path.exists() or path.is_absolute():
        return path, None
    if str(name) == "-":
        raise FileNotFoundError(errno.ENOENT, "no such file; standard input is /dev/stdin", "-")
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
    raise FileNotFoundError(errno.ENOENT, text, str(name))


def check_writable(path: Path, *inputs: str | os.PathLike[str] | None, made: Path | None = None) -> None:
    """
    Refuse an output path that can't be written before any work is done for it.

    Parameters
    ----------
    path
        What is to be written.
    inputs
        Names of files that are read and must stay, as :func:`resolve` takes them; ``None`` where none was given.
    made
        Folder that will be made for it if it is not there.

    Raises
    ------
    UsageError
        With what is wrong.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a file.")
    if str(path) == "-":
        raise UsageError("- is no file; standard output is /dev/stdout.")
    if path.suffix.lower() in _ARCHIVES:
        raise UsageError(f"{path}: {path.suffix} is not written; .gz, .bz2 and .xz are.")
    if made is not None and not made.exists() and os.path.abspath(made) == os.path.abspath(path.parent):
        return
    if not path.parent.is_dir():
        raise UsageError(f"{path}: its folder {path.parent} does not exist.")
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise UsageError(f"{path}: not writable.")
    if path.is_file():  # a terminal or a pipe may well be both
        for name in inputs:
            if name is not None and _is_same(path, name):
                raise UsageError(f"{path}: would overwrite the input {name}; name another file to write.")


def _is_same(path: Path, name: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(path, resolve(name))
    except OSError:  # who reads it says so
        return False


def is_folder(name: str) -> bool:
    """Whether a path is a folder or is to be one: a slash at its end, which a ``Path`` would forget, says so."""
    return name.endswith(("/", os.sep)) or Path(name).is_dir()


def check_folder(name: str, flag: str) -> None:
    """
    Refuse a name for a new folder that is meant for a file: one with a format's suffix and no slash at its end.

    Raises
    ------
    UsageError
        With what the name must be.
    """
    from cosolve.instances.formats.base import formats, solution_formats
    from cosolve.instances.formats.source import format_suffix

    known = {suffix for key in formats for suffix in formats.get(key).suffixes}
    known |= {suffix for key in solution_formats for suffix in solution_formats.get(key).suffixes}
    if not is_folder(name) and format_suffix(Path(name)) in known:
        raise UsageError(f"{flag} must be a folder for several files, got {name}; with a slash at its end it is one.")


def stem(path: Path) -> str:
    """File name without compression and format suffix."""
    return _source(path).stem


def _source(path: Path) -> Source:
    """A file without its content, for its name."""
    import numpy as np

    from cosolve.instances.formats.source import Source

    return Source(np.empty(0, np.uint8), path)
