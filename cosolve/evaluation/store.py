"""The file of records: JSON lines, appended and synced one by one, so that nothing once said is ever lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from cosolve.evaluation.records import Failure, Record
from cosolve.instances.files import lock

#: How every line begins; see :meth:`Record.to_dict`.
_BEGINNING = b'{"schema":'


class RecordFile:
    """
    A file of records, open for writing by one process at a time.

    Parameters
    ----------
    path
        The file; created if it is not there. A last line that a crash or a power cut left torn is cut off; one that
        only lacks its newline gets it.

    Raises
    ------
    BlockingIOError
        If another process writes to it.
    ValueError
        If a line is no record.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        is_new = not self.path.exists()
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            lock(self._file, self.path, "another evaluation is writing to it")
            if is_new:
                _sync_folder(self.path.parent)
            #: The latest record of each key, in order of their first appearance.
            self.records: dict[str, Record] = {}
            end = 0
            for record, line_end in _parse(self.path):
                self.records[record.key], end = record, line_end
            _end_last_line(self._file, self.path, end)
            os.lseek(self._file, 0, os.SEEK_END)
        except BaseException:
            os.close(self._file)
            raise

    @property
    def folder(self) -> Path:
        """Folder for solutions and for what runs need while they work: ``RUN.files`` beside ``RUN.jsonl``."""
        return files_folder(self.path)

    def append(self, record: Record) -> None:
        """
        Add a record; it is on the disk when this returns.

        Raises
        ------
        OSError
            If the disk is full; what was written of the line is taken back.
        """
        line = (json.dumps(record.to_dict(), allow_nan=False, separators=(",", ":")) + "\n").encode()
        end = os.lseek(self._file, 0, os.SEEK_END)
        try:
            view = memoryview(line)
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, end)
            raise
        self.records[record.key] = record

    def close(self) -> None:
        """Let others write; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def files_folder(path: str | os.PathLike[str]) -> Path:
    """Folder that belongs to a file of records: ``RUN.files`` beside ``RUN.jsonl``."""
    path = Path(path)
    # No other suffix gives way, or run.v1 and run.v2 would share a folder and undo each other's work.
    return path.with_name(f"{path.name.removesuffix('.jsonl')}.files")


def read_records(path: str | os.PathLike[str]) -> list[Record]:
    """
    The records that hold, in order of their first appearance; the file may be one that is being written.

    Of several records with one key the last holds; see also :func:`current`.

    Raises
    ------
    ValueError
        If a line is no record; the message names file and line.
    OSError
        If the file can't be read.
    """
    return current(record for record, _ in _parse(Path(path)))


def current(records: Iterable[Record]) -> list[Record]:
    """
    Last record of each key, without those of missing instances and saved solutions that have been there since.

    While one of them is missing, its content and so the key of the run are not known: the record of a run that could
    not be made gives way to any of the same instance, solver and seed by name.
    """
    latest = {record.key: record for record in records}
    known = {run_names(record) for record in latest.values() if not _is_hole(record)}
    return [record for record in latest.values() if not _is_hole(record) or run_names(record) not in known]


def _is_hole(record: Record) -> bool:
    """Whether a record stands for content that was not here."""
    return record.digest is None or (record.is_saved and record.failure is Failure.UNAVAILABLE)


def run_names(record: Record) -> tuple[str, str, str, str, int]:
    """What makes two records be of the same run for people, whatever its settings."""
    return record.suite, record.group, record.case, record.solver, record.seed


def _parse(path: Path) -> Iterator[tuple[Record, int]]:
    """Each record, and where its line ends; not a last line that is torn, or being written at this moment."""
    end = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            end += len(line)
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except ValueError as error:
                if not line.endswith(b"\n"):  # no beginning of a JSON object is one itself
                    return
                raise ValueError(
                    f"{path}:{number}: not a record ({error}); expected a .jsonl that cosolve evaluate wrote."
                ) from error
            try:
                yield Record.from_dict(values), end
            except (ValueError, AttributeError) as error:
                raise ValueError(f"{path}:{number}: {error}") from error


def _end_last_line(file: int, path: Path, end: int) -> None:
    """
    End the last record with a newline, and cut off what else follows the last newline, if it is the beginning of a
    record or zeros: nothing else is ours.

    Parameters
    ----------
    end
        Where the last record ends, with its newline if it has one; 0 if there is none.
    """
    rest = os.pread(file, os.fstat(file).st_size - end, end)
    torn = rest[rest.rfind(b"\n") + 1 :]
    if torn:
        beginning = torn[: len(_BEGINNING)].rstrip(b"\0")
        if beginning != _BEGINNING[: len(beginning)]:
            raise ValueError(f"{path}: not a file of records.")
        os.ftruncate(file, end + len(rest) - len(torn))
    elif end and not rest and os.pread(file, 1, end - 1) != b"\n":
        os.pwrite(file, b"\n", end)
    else:
        return
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    # A new file's name is lost in a power cut unless its folder is synced too.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
