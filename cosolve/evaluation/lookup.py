"""Finding the instance files that a suite names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

_COMPRESSED = (".gz", ".bz2", ".xz")


def data_folders() -> tuple[Path, ...]:
    """Folders of the environment variable ``COSOLVE_DATA``, in its order."""
    return tuple(Path(text) for text in os.environ.get("COSOLVE_DATA", "").split(os.pathsep) if text)


def is_pattern(name: str) -> bool:
    """Whether a name has wildcards."""
    return any(character in name for character in "*?[")


def plain_name(name: str) -> str:
    """
    Name of a file without folders, compression and format suffix.

    What follows the last dot is a format suffix only if it begins with a letter: "E10k.0" and "gen200_p0.9_44" are
    whole names.
    """
    path = PurePosixPath(name)
    if path.suffix.lower() in _COMPRESSED:
        path = path.with_suffix("")
    return path.stem if path.suffix[1:2].isalpha() else path.name


class Lookup:
    """
    Folders in which the files of a suite are looked for.

    Parameters
    ----------
    home
        Folder of the suite's own file: names and patterns are taken relative to it first.
    folders
        Then names are looked for at any depth below each of these, in this order; folders that do not exist hold
        nothing, hidden ones are skipped.
    """

    def __init__(self, home: Path, folders: Iterable[Path]) -> None:
        self.home = home
        self._trees = [_Tree(folder) for folder in folders]

    def find(self, name: str, *, within: Sequence[str] = ("",), suffixes: Sequence[str] = ()) -> Path | None:
        """
        File of that name, or ``None``.

        Parameters
        ----------
        name
            File name, with folders or without; the file may also be compressed (.gz, .bz2, .xz).
        within
            Folders that it may lie in, themselves at any depth; an earlier one wins, "" means any folder.
        suffixes
            Suffixes that it may have in place of its own.
        """
        names = [name, *(str(PurePosixPath(name).with_suffix(suffix)) for suffix in suffixes)]
        wanted = [str(PurePosixPath(place) / one) for place in within for one in names]
        for one in wanted:
            for path in (self.home / one, *((self.home / (one + suffix)) for suffix in _COMPRESSED)):
                if path.is_file():
                    return path
        # All that follows is relative: an absolute name has been looked up above.
        return next((path for one in wanted for tree in self._trees for path in tree.ending_in(one)), None)

    def match(self, pattern: str) -> list[Path]:
        """Files that match a pattern, sorted: relative to ``home``, else to the first folder where any does."""
        if PurePosixPath(pattern).is_absolute():
            path = Path(pattern)
            return _files(Path(path.anchor), str(path.relative_to(path.anchor)))
        found = (_files(folder, pattern) for folder in (self.home, *(tree.folder for tree in self._trees)))
        return next((files for files in found if files), [])


class _Tree:
    """The files below a folder by their names, read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ending_in(self, name: str) -> Iterator[Path]:
        """Files whose path ends in that name, the ones least deep first."""
        parts = PurePosixPath(name).parts
        for path in self._by_name.get(parts[-1], ()):
            tail = path.parts[-len(parts) :]
            if tail[:-1] == parts[:-1]:
                yield path

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        seen: set[str] = set()
        for parent, folders, files in os.walk(self.folder, followlinks=True):
            # A link may lead back up; each folder is entered once.
            real = os.path.realpath(parent)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                path = Path(parent, name)
                found.setdefault(name, []).append(path)
                if path.suffix.lower() in _COMPRESSED:
                    found.setdefault(path.stem, []).append(path)
        for paths in found.values():
            paths.sort(key=lambda path: (len(path.parts), path.suffix.lower() in _COMPRESSED, path))
        return found


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))
