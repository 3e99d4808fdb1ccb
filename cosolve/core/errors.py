"""Exceptions that a caller may want to catch by type."""

from __future__ import annotations

from os import PathLike, fspath

_MAX_LENGTH = 500


class CosolveError(Exception):
    """Base class of every error raised on purpose by cosolve."""


class InvalidFileError(CosolveError, ValueError):
    """
    A file does not say what its format promises.

    Parameters
    ----------
    message
        What is wrong and what is allowed, without the place.
    path
        The file, if there is one.
    line
        1-based line number, if it is known.
    """

    def __init__(self, message: str, path: str | PathLike[str] | None = None, line: int | None = None) -> None:
        # What a file holds may be quoted, and a single word of it may be megabytes long.
        self.message = message = message if len(message) <= _MAX_LENGTH else f"{message[:_MAX_LENGTH]} ..."
        self.path = None if path is None else fspath(path)
        self.line = line
        place = "" if self.path is None else self.path if line is None else f"{self.path}:{line}"
        super().__init__(f"{place}: {message}" if place else message)

    def __reduce__(self) -> tuple[type, tuple[str, str | None, int | None]]:
        return type(self), (self.message, self.path, self.line)


class InvalidInstanceError(InvalidFileError):
    """An instance file is malformed, or its data cannot be an instance."""


class InvalidSolutionError(InvalidFileError):
    """A solution file is malformed (an infeasible solution is not: the judge says so)."""


class UnsupportedProblemError(CosolveError, ValueError):
    """No such problem, or the solver does not handle it."""


class UnsupportedFeatureError(CosolveError, ValueError):
    """A feature was asked for that the solver does not have."""


class SolverUnavailableError(CosolveError, RuntimeError):
    """A solver's package is missing; the message names what to install."""


class TrainingError(CosolveError, RuntimeError):
    """A training can't go on."""
