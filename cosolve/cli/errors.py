"""Exceptions to one clear line and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

DONE, FAILED, WRONG, UNAVAILABLE, INTERRUPTED = 0, 1, 2, 3, 130


class UsageError(ValueError):
    """Arguments that don't fit together."""


def report(error: BaseException, prefix: str = "") -> int:
    """
    Print one line about an error to stderr.

    Parameters
    ----------
    error
        Anything raised by a verb.
    prefix
        What was being worked on, where the message may not say ("berlin52.tsp").

    Returns
    -------
    int
        Exit code.
    """
    from cosolve.core.errors import CosolveError, SolverUnavailableError

    if os.environ.get("COSOLVE_DEBUG"):
        traceback.print_exception(error)
    code, text = WRONG, str(error)
    if isinstance(error, KeyboardInterrupt):
        code, text = INTERRUPTED, "interrupted."
    elif isinstance(error, SolverUnavailableError | ImportError):
        code = UNAVAILABLE
    elif isinstance(error, MemoryError):
        code, text = FAILED, "out of memory."
    elif isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else ""
        text = f"{place}{error.strerror or error}."
    elif not isinstance(error, CosolveError | ValueError):
        code, text = FAILED, f"{type(error).__name__}: {text} (set COSOLVE_DEBUG=1 for the traceback)"
    if prefix and prefix not in text:
        text = f"{prefix}: {text}"
    print(f"cosolve: error: {' '.join(text.split())}", file=sys.stderr, flush=True)
    return code


def is_usage_error(error: Any) -> bool:
    """Whether the command-line parser raised it; by its shape, because Typer has moved the class between packages."""
    return hasattr(error, "format_message") and hasattr(error, "exit_code")


def describe_usage_error(error: Any) -> str:
    """Help text where no arguments were given at all, else one line."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        return context.get_help()
    command = context.command_path if context is not None else "cosolve"
    text = " ".join(error.format_message().split()).replace("Value error, ", "")  # a word of Typer's own
    return f"{command}: error: {text} (see {command} --help)"
