"""The verbs together, signals, and how every error becomes one line and an exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Annotated

import typer

from cosolve import __version__
from cosolve.cli import compare, convert, demo, evaluate, generate, info, report, solve, train, validate
from cosolve.cli.errors import describe_usage_error, is_usage_error
from cosolve.cli.errors import report as report_error

app = typer.Typer(
    name="cosolve",
    help="Solve, check, convert and generate instances of combinatorial-optimisation problems.",
    epilog="Exit codes: 0 done, 1 no feasible solution or a check failed, 2 wrong usage or bad input, "
    "3 solver unavailable, 130 interrupted.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,  # Rich's help takes as long to import as everything else together
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _verb in (solve, validate, info, convert, generate, demo, evaluate, compare, report, train):
    _verb.register(app)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"cosolve {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def run(arguments: Sequence[str]) -> int:
    """
    Run the command line.

    Parameters
    ----------
    arguments
        Without the program's name.

    Returns
    -------
    int
        Exit code.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell (>&-): what is printed has to go somewhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for the rest of the process)
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # a file name may be no text of any encoding
            stream.reconfigure(errors="backslashreplace")
    debug = bool(os.environ.get("COSOLVE_DEBUG"))
    logger = logging.getLogger("cosolve")
    # What users must know stands in results and error lines; without a handler Python would print tracebacks.
    handler = logging.StreamHandler() if debug else logging.NullHandler()
    logger.addHandler(handler)
    if debug:
        logger.setLevel(logging.DEBUG)
    if threading.current_thread() is threading.main_thread():
        # A shell that starts us in the background may have set SIGINT to "ignore".
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = app(list(arguments), prog_name="cosolve", standalone_mode=False)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if is_usage_error(error):
            print(describe_usage_error(error), file=sys.stderr)
            return 2
        return report_error(error)
    finally:
        logger.removeHandler(handler)
    return code if isinstance(code, int) else 0
