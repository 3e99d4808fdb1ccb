"""Drawings of the best solution of each instance, packed for the page and kept within a budget."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosolve.core.errors import UnsupportedProblemError
from cosolve.evaluation.drawing import draw
from cosolve.evaluation.records import Record
from cosolve.evaluation.report.collect import RunId, run_id
from cosolve.evaluation.solutions import load_solution
from cosolve.evaluation.sources import read_cases, reload
from cosolve.evaluation.store import files_folder

#: Elements per drawing when there are up to so many drawings: the page is to stay small, a browser to stay quick.
_ELEMENTS = ((20, 20_000), (100, 6_000), (400, 2_500))

#: Most drawings in a page.
MAX_DRAWINGS = 400

#: Larger instances take minutes and gigabytes to read again for one small picture.
MAX_SIZE = 2_000_000


@dataclass(frozen=True)
class Drawing:
    """
    A drawing, or why there is none.

    Parameters
    ----------
    packed
        Base64 text of the zlib stream of the SVG element; "" if there is none.
    why
        Why there is none, a clause for people.
    """

    packed: str = ""
    why: str = ""


#: In place of a drawing for which there is no room.
LEFT_OUT = Drawing(why="left out to keep the page small")


class Artist:
    """
    Draws solutions that records name, as long as there is room.

    Parameters
    ----------
    folders
        Folder of the files of each run.
    budget
        Bytes for all drawings together as they stand in the page.
    """

    def __init__(self, folders: Mapping[RunId, Path], budget: int) -> None:
        self._folders = folders
        self._cases = {folder: read_cases(folder) for folder in set(folders.values())}
        self._left = budget
        self._num_drawn = 0
        self.num_left_out = 0

    def draw_all(self, best: Sequence[Record | None]) -> list[Drawing]:
        """
        One drawing per record; of as many as there are, the detail of each depends.

        Parameters
        ----------
        best
            Run with the best solution of each instance, ``None`` where nobody has one.
        """
        wanted = sum(record is not None for record in best)
        elements = next((elements for most, elements in _ELEMENTS if wanted <= most), 1_000)
        return [self._draw(record, elements) for record in best]

    def _draw(self, record: Record | None, elements: int) -> Drawing:
        if record is None:
            return Drawing(why="no run has a solution")
        if self._left <= 0 or self._num_drawn >= MAX_DRAWINGS:
            return self._leave_out()
        try:
            packed = pack(self._picture(record, elements))
        except LookupError as error:
            return Drawing(why=str(error.args[0]))
        if len(packed) > self._left:
            self._left = 0  # from here on all are left out: which ones does not depend on luck with their sizes
            return self._leave_out()
        self._left -= len(packed)
        self._num_drawn += 1
        return Drawing(packed)

    def _leave_out(self) -> Drawing:
        self.num_left_out += 1
        return LEFT_OUT

    def _picture(self, record: Record, elements: int) -> str:
        """
        SVG text.

        Raises
        ------
        LookupError
            With a reason for people.
        """
        folder = self._folders.get(run_id(record))
        if folder is None or record.solution is None or record.digest is None:
            raise LookupError("the solution was not kept")
        if record.size is not None and record.size > MAX_SIZE:
            raise LookupError(f"an instance of size {record.size:,} is too large to draw here")
        try:
            solution = load_solution(_solution_file(folder, record.solution), record.problem)
        except FileNotFoundError:
            raise LookupError("the solution's file is gone") from None
        except (OSError, ValueError, UnsupportedProblemError) as error:
            raise LookupError(f"the solution can't be read: {error}") from error
        instance = reload(record.digest, self._cases[folder])
        try:
            return draw(instance, solution, max_elements=elements)
        except (UnsupportedProblemError, TypeError, ValueError) as error:
            raise LookupError(f"it can't be drawn: {error}") from error


def _solution_file(folder: Path, name: str) -> Path:
    # By its name alone: the files may have been moved, and a record can't lead out of the run's folder.
    return folder / "solutions" / PurePosixPath(name).name


def folders_of(files: Mapping[Path, Sequence[Record]]) -> dict[RunId, Path]:
    """Folder of the files of each run in several files of records; of a run in many, the first with its solution."""
    folders: dict[RunId, Path] = {}
    for path, records in files.items():
        for record in records:
            run, folder = run_id(record), files_folder(path)
            known = folders.setdefault(run, folder)
            if known != folder and record.solution and not _solution_file(known, record.solution).exists():
                folders[run] = folder
    return folders


def pack(svg: str) -> str:
    """SVG text as the page holds it: base64 of a zlib stream."""
    return base64.b64encode(zlib.compress(svg.encode(), 9)).decode()
