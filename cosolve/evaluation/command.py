"""The command line of an outside solver: which words it may hold, how they are filled in, which files it works on."""

from __future__ import annotations

import math
import shutil
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cosolve
from cosolve.core.instance import Instance
from cosolve.instances.files import writing_formats
from cosolve.instances.formats.base import solution_formats

#: Fields that a command may name in braces; ``{{`` and ``}}`` stand for the braces themselves.
FIELDS = {
    "instance": "path of the instance file",
    "solution": "path that the solution file is expected at",
    "time_limit": "seconds until the program should end, options.margin taken off",
    "seed": "seed of the run",
    "threads": "threads that the program may use",
    "name": "name of the instance",
    "folder": "folder of the suite's file, or else the working folder",
}


@dataclass(frozen=True)
class CommandOptions:
    """
    What may stand in the ``options`` of an outside solver.

    Parameters
    ----------
    margin
        Seconds by which the program is told to end before the time limit. A program that writes its only solution
        when its time is up needs some: solutions written after the limit do not count.
    exit_codes
        Exit codes that are no failure.
    """

    margin: float = 0.0
    exit_codes: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"margin must be >= 0 seconds, got {self.margin}.")
        object.__setattr__(self, "exit_codes", tuple(self.exit_codes))


def fields_of(command: Sequence[str]) -> set[str]:
    """
    Names of the fields in a command.

    Raises
    ------
    ValueError
        If the command is empty, a field is unknown, a brace is not closed, or ``{instance}`` or ``{solution}`` is
        missing.
    """
    if not command:
        raise ValueError("a command needs a program.")
    found: set[str] = set()
    for word in command:
        try:
            parts = list(string.Formatter().parse(word))
        except ValueError as error:
            raise ValueError(f"command word {word!r}: {error}.") from error
        for _, name, form, conversion in parts:
            if name is None:
                continue
            if name not in FIELDS or form or conversion:
                allowed = ", ".join(f"{{{field}}}" for field in FIELDS)
                raise ValueError(f"command word {word!r} has an unknown field; allowed: {allowed}.")
            found.add(name)
    for name in ("instance", "solution"):
        if name not in found:
            raise ValueError(f"the command must name {{{name}}}, the {FIELDS[name]}.")
    return found


def fill(command: Sequence[str], values: Mapping[str, Any], folder: Path) -> list[str]:
    """
    Program and arguments with the fields filled in; no shell ever sees them.

    Parameters
    ----------
    command
        Words that :func:`fields_of` has accepted.
    values
        Value of every field.
    folder
        A program that lies in this folder is taken from there, others from ``PATH``.

    Raises
    ------
    FileNotFoundError
        If there is no such program, or it can't be executed.
    """
    words = [word.format(**values) for word in command]
    found = find_program(words[0], folder)
    if found is None:
        raise FileNotFoundError(2, "no such program that can be executed", words[0])
    return [str(found), *words[1:]]


def find_program(program: str, folder: Path) -> Path | None:
    """A program that can be executed, in this folder or on the ``PATH``; ``None`` if there is none of that name."""
    found = shutil.which(folder.absolute() / program) or shutil.which(program)
    return None if found is None else Path(found).absolute()


def write_instance(instance: Instance, folder: Path, format: str | None) -> Path:
    """
    Write an instance file for an outside solver; the suffix is the format's own.

    Parameters
    ----------
    instance
        What is written.
    folder
        Where.
    format
        Name of the format; ``None`` is the first that can hold the instance.

    Raises
    ------
    ValueError
        If no format writes this instance, or not the one that was asked for.
    """
    chosen = writing_formats(instance.problem, "", format)[0]
    suffix = next((suffix for suffix, problems in chosen.suffixes.items() if instance.problem in problems), "")
    path = folder / f"instance{suffix}"
    cosolve.write(instance, path, format=format)
    return path


def solution_suffix(problem: str, format: str | None) -> str:
    """Suffix of solution files in a format, or in the problem's own one."""
    names = [format] if format is not None else solution_formats.names()
    for name in names:
        chosen = solution_formats.get(name)
        if problem in chosen.problems or "*" in chosen.problems:
            return chosen.suffixes[0] if chosen.suffixes else ""
    raise ValueError(f"no solution format {format!r} for {problem}.")
