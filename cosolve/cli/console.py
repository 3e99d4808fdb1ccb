"""Tables for people on stdout, and a stdout that solvers can't write to."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any


def number(value: float | None) -> str:
    """A value as short as it is exact: integers without a point, ``-`` for none."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.10g}"


def percent(gap: float | None) -> str:
    """A gap in [0, 1] in per cent, ``-`` for none."""
    return "-" if gap is None else f"{100 * gap:.2f} %"


def seconds(value: float) -> str:
    """Seconds with two decimals."""
    return f"{value:.2f} s"


def print_json(value: Any) -> None:
    """One line of JSON on stdout."""
    print(json.dumps(value, allow_nan=False), flush=True)


def print_facts(facts: Sequence[tuple[str, str]], title: str = "") -> None:
    """Two columns, name and value."""
    print_table([], [[name, value] for name, value in facts], title=title)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> None:
    """A table on stdout, as wide as the terminal; complete and unwrapped where stdout is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title or None,
        title_justify="left",
        show_header=bool(header),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for name in header or [""] * max((len(row) for row in rows), default=0):
        table.add_column(name, overflow="fold", style=None)
    for row in rows:
        table.add_row(*[Text(cell) for cell in row])
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 1000)
    with console.capture() as capture:
        console.print(table)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()), flush=True)


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send whatever solvers print to stderr, native code on file descriptor 1 too: stdout holds results alone."""
    sys.stdout.flush()
    try:
        saved = os.dup(1)
    except OSError:  # closed
        yield
        return
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if os.name == "posix":
            ctypes.CDLL(None).fflush(None)  # C libraries keep text back when stdout is no terminal
        os.dup2(saved, 1)
        os.close(saved)
