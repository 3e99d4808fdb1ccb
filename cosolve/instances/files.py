"""``read``, ``write``, ``read_solution``, ``write_solution``: files in and out, whatever their format."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError, UnsupportedProblemError
from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import check_instance, check_solution, problems
from cosolve.core.text import writable
from cosolve.core.values import check_value, convert_value, kinds_of
from cosolve.instances.formats.base import Format, SolutionFormat, formats, solution_formats
from cosolve.instances.formats.source import Source, format_suffix, is_archive

_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": lambda data: gzip.compress(data, mtime=0),  # the same content is the same file
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


#: Suffixes that formats claim and that say nothing all the same.
_VAGUE = (".txt", ".dat")


def read(
    path: str | os.PathLike[str], *, problem: str | None = None, format: str | None = None, **options: Any
) -> Instance:
    """
    Read an instance file; its format is recognised by content, then by suffix.

    A file that fits no format is read as the one that its suffix stands for, which says what is wrong.

    Parameters
    ----------
    path
        The file; .gz, .bz2 and .xz are decompressed.
    problem
        Problem key, needed only where a file fits several (a plain graph may be mis or mds).
    format
        Format name, needed only where the content fits several.
    options
        Passed to the format's reader (``capacity=8000`` for OR-Library capa files); texts are converted to the type
        that the reader declares, ``capacity="8000"``.

    Returns
    -------
    Instance

    Raises
    ------
    InvalidInstanceError
        With file and line, if the file is malformed, unknown or fits several kinds.
    UnsupportedProblemError
        If ``problem`` or ``format`` is unknown.
    ValueError
        If an option is unknown to the format or of another type.
    FileNotFoundError, OSError
        As the operating system says.
    """
    path = Path(path)
    if problem is not None:
        problems.get(problem)
    source = Source.open(path)
    chosen, key = _recognise(source, problem, format)
    typed = _typed(chosen, options)
    instance = _read(source, chosen, key, typed)
    name = writable(instance.name)
    return instance if name == instance.name else replace(instance, name=name)


def _read(source: Source, chosen: Format, problem: str, options: dict[str, Any]) -> Instance:
    try:
        return chosen.read(source, problem, **options)
    except (ValueError, OverflowError, MemoryError) as error:
        # A reader that passes impossible data to an instance's own checks has no line to name.
        if isinstance(error, InvalidInstanceError):
            raise
        raise InvalidInstanceError(str(error) or type(error).__name__, source.path) from error


def _typed(chosen: Format, options: dict[str, Any]) -> dict[str, Any]:
    """Options as the reader declares them: texts, which are all that a command line has, converted, others checked."""
    unknown = sorted(set(options) - set(chosen.options))
    if unknown:
        allowed = ", ".join(chosen.options) or "none"
        raise ValueError(f"format {chosen.name!r} has no option {unknown[0]!r}; allowed: {allowed}.")
    types = chosen.option_types()
    typed = {}
    for key, value in options.items():
        name = f"option {key} of format {chosen.name!r}"
        kinds = [kind for kind in kinds_of(types[key]) if kind is not type(None)]
        if not isinstance(value, str):
            check_value(value, types[key], name)
            typed[key] = value
        else:  # a column may be called "no", "1e3" or "none": what may be a text stays one
            typed[key] = value if str in kinds else convert_value(value, kinds[0], name)
    return typed


def _recognise(source: Source, problem: str | None, format: str | None) -> tuple[Format, str]:
    every = [formats.get(name) for name in (formats.names() if format is None else [format])]
    if format is not None and problem in every[0].problems:
        return every[0], problem
    claims = [(f, f.sniff(source)) for f in every]
    candidates = [(f, key) for f, keys in claims for key in keys if problem in (None, key)]
    if not candidates and (format is not None or source.suffix not in _VAGUE):
        candidates = _meant(source, claims, problem, format)
    elif len(candidates) > 1:
        candidates = _of_suffix(candidates, source.suffix)
    if len(candidates) == 1:
        return candidates[0]
    if not candidates and is_archive(source.data) and source.suffix != ".npz":
        raise InvalidInstanceError("a zip archive, which is not read; unpack it.", source.path)
    if not candidates:
        wanted = f" for {problem}" if problem else ""
        names = ", ".join(n for n in formats.names() if problem is None or problem in formats.get(n).problems)
        raise InvalidInstanceError(f"not in any known format{wanted}; known: {names}.", source.path)
    keys = sorted({k for _, k in candidates})
    if len(keys) > 1:
        raise InvalidInstanceError(
            f"fits several problems; say which with problem= (--problem): {', '.join(keys)}.", source.path
        )
    names = ", ".join(sorted(f.name for f, _ in candidates))
    raise InvalidInstanceError(f"fits several formats; say which with format= (--format): {names}.", source.path)


def _meant(
    source: Source, claims: list[tuple[Format, Collection[str]]], problem: str | None, format: str | None
) -> list[tuple[Format, str]]:
    """
    The one format that suffix or caller mean, with its problems, though it does not know the content as its own.

    Something is wrong with the content, most likely, and its reader says what.
    """
    meant = [
        (f, key)
        for f, keys in claims
        for key in (f.suffixes.get(source.suffix, ()) if format is None else f.problems)
        if not keys and problem in (None, key)
    ]
    if len({f.name for f, _ in meant}) != 1:
        return []
    candidates = _of_suffix(meant, source.suffix)
    if len(candidates) > 1:
        _read(source, *candidates[0], {})  # if nothing is wrong after all, the problem has to be asked for
    return candidates


def _of_suffix(candidates: list[tuple[Format, str]], suffix: str) -> list[tuple[Format, str]]:
    """Those problems that the format uses the suffix for, or all if there is none."""
    return [(f, key) for f, key in candidates if key in f.suffixes.get(suffix, ())] or candidates


def write(instance: Instance, path: str | os.PathLike[str], *, format: str | None = None) -> str:
    """
    Write an instance file, whole or not at all.

    Parameters
    ----------
    instance
        Any instance.
    path
        Target; unless ``format`` is given, the first format of its suffix that can hold the instance, or of
        all formats if the suffix is that of no format. Compressed if it ends in .gz, .bz2 or .xz.

    Returns
    -------
    str
        Name of the format.

    Raises
    ------
    ValueError
        If no format writes this problem, the suffix is that of formats that don't, or the format can't hold this
        instance.
    TypeError
        If ``instance`` is none.
    """
    check_instance(instance)
    path = Path(path)
    refused: ValueError | None = None
    for chosen in writing_formats(instance.problem, path, format):
        assert chosen.write is not None
        try:
            with replacing(path) as temporary:
                chosen.write(instance, temporary)
                _compress(temporary, path)
        except ValueError as error:
            refused = refused or error
        else:
            return chosen.name
    assert refused is not None
    raise refused


def writing_formats(problem: str, path: str | os.PathLike[str], format: str | None = None) -> list[Format]:
    """
    The formats that :func:`write` tries in turn.

    Raises
    ------
    ValueError
        If no format writes this problem, not the one that was asked for, or not those of the suffix; the message
        lists those that do.
    """
    if format is not None:
        formats.get(format)
    every = [formats.get(name) for name in formats.names()]
    writers = [f for f in every if problem in f.problems and f.write]
    suffix = format_suffix(Path(path))
    if format is not None:
        chosen = [f for f in writers if f.name == format]
    else:
        chosen = [f for f in writers if problem in f.suffixes.get(suffix, ())] or writers
    claimed = [f.name for f in every if suffix in f.suffixes and suffix not in _VAGUE and format is None]
    if claimed and writers and not any(problem in f.suffixes.get(suffix, ()) for f in chosen):
        raise ValueError(
            f"suffix {suffix} is that of {', '.join(claimed)}, which can't be written for {problem}; say which format "
            f"is meant with format= (convert --to, generate --format): {', '.join(f.name for f in writers)}."
        )
    if not chosen:
        which = "no format writes" if format is None else f"format {format!r} does not write"
        allowed = ", ".join(f.name for f in writers) or "none"
        raise ValueError(f"{which} {problem} instances; allowed: {allowed}.")
    return chosen


def read_solution(path: str | os.PathLike[str], instance: Instance, *, format: str | None = None) -> Solution:
    """
    Read a solution file of a known instance: JSON if it is an object, else by suffix, else the problem's own format.

    Raises
    ------
    InvalidSolutionError
        If the file is malformed; an infeasible solution is for the judge.
    TypeError
        If ``instance`` is none.
    """
    check_instance(instance)
    path = Path(path)
    chosen = _solution_format(instance.problem, path, format)
    source = Source.open(path, InvalidSolutionError)
    if format is None and source.head.lstrip()[:1] == "{":
        chosen = solution_formats.get("json")
    try:
        return chosen.read(source, instance)
    except (ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, InvalidSolutionError):
            raise
        raise InvalidSolutionError(str(error) or type(error).__name__, path) from error


def write_solution(
    instance: Instance,
    solution: Solution,
    path: str | os.PathLike[str],
    *,
    objective: float | None = None,
    format: str | None = None,
) -> None:
    """
    Write a solution file, whole or not at all; .json is the generic format, others are the field's own.

    Parameters
    ----------
    objective
        Verified objective to note in the file where its format has a place for it.

    Raises
    ------
    TypeError
        If the solution belongs to another problem, or one of them is none.
    """
    check_solution(instance, solution)
    path = Path(path)
    chosen = _solution_format(instance.problem, path, format)
    with replacing(path) as temporary:
        chosen.write(instance, solution, objective, temporary)
        _compress(temporary, path)


def _solution_format(problem: str, path: Path, format: str | None) -> SolutionFormat:
    every = [
        f for f in map(solution_formats.get, solution_formats.names()) if problem in f.problems or "*" in f.problems
    ]
    if format is not None:
        named = [f for f in every if f.name == format]
        if not named:
            allowed = ", ".join(f.name for f in every)
            raise UnsupportedProblemError(f"no solution format {format!r} for {problem}; allowed: {allowed}.")
        return named[0]
    suffix = format_suffix(path)
    matching = [f for f in every if suffix in f.suffixes]
    return (matching or every)[0]


def _compress(temporary: Path, path: Path) -> None:
    """Compress what was written if the name of the target says so; a pipe is left alone."""
    compress = _COMPRESS.get(path.suffix.lower())
    if compress is not None and temporary != path:
        temporary.write_bytes(compress(temporary.read_bytes()))


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether what is written to a path goes on somewhere: to a pipe, a device, or an open file as ``/dev/stdout``."""
    path = Path(path)
    return _descriptor(path) is not None or (path.exists() and not stat.S_ISREG(path.stat().st_mode))


def _descriptor(path: Path) -> int | None:
    """Of ``/dev/stdout``, ``/dev/fd/3`` and the like; ``None`` of other paths."""
    folder, name = os.path.split(os.path.abspath(path))
    if folder == "/dev":
        return {"stdout": 1, "stderr": 2}.get(name)
    is_one = folder in ("/dev/fd", "/proc/self/fd") and name.isdecimal() and path.exists()
    return int(name) if is_one else None


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """
    Path of a temporary file beside ``path`` that takes its place on success and vanishes on failure.

    A symbolic link keeps pointing where it did. What is no regular file (a pipe, ``/dev/null``) is written to
    directly: it can't be replaced, and must not be. Nor must the file that ``/dev/stdout`` may be, which others write
    to: there it goes on where they are.
    """
    path = Path(path)
    number = _descriptor(path)
    if number is not None:
        with tempfile.TemporaryDirectory(prefix="cosolve.") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            for stream in filter(None, (sys.stdout, sys.stderr)):  # which come before what is written now
                stream.flush()
            with open(os.dup(number), "wb") as file:
                file.write(temporary.read_bytes())
        return
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        yield path
        return
    target = Path(os.path.realpath(path))
    # The end of the name is kept: by its suffix a writer knows what the file will be read as.
    end = target.name[-200:]
    while len(os.fsencode(end)) > 200:  # names are limited to 255 bytes, whatever their characters take
        end = end[1:]
    temporary = target.with_name(f".{secrets.token_hex(8)}.{end}")
    try:
        # Created here with the permissions of any new file; a private temporary one would stay private.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.filename is None and error.errno is not None:  # of a write, as to a full disk
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def lock(file: int | IO[Any], path: str | os.PathLike[str], message: str) -> None:
    """
    Keep other processes that ask the same from an open file until it is closed.

    Parameters
    ----------
    file
        Itself, or its descriptor.
    path, message
        What the error names and says.

    Raises
    ------
    BlockingIOError
        If another process has it.
    """
    import fcntl  # not on Windows, where files are read and written all the same

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(errno.EAGAIN, message, str(path)) from None
