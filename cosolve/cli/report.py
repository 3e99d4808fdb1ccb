"""``cosolve report``: recorded runs as a table, CSV, LaTeX or one HTML page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cosolve.cli.errors import DONE, UsageError
from cosolve.cli.paths import check_writable

_EPILOG = """
\b
Examples:
  cosolve report smoke.jsonl
  cosolve report smoke.jsonl --format html
  cosolve report before.jsonl after.jsonl --out both.csv

table and latex summarise each group of instances, csv has one line per run. html has all of it with curves, tests
and drawings of solutions, in one file that loads nothing from anywhere.
"""

_FORMATS = ("table", "csv", "latex", "html")
_SUFFIXES = {".csv": "csv", ".tex": "latex", ".html": "html", ".htm": "html"}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("report", epilog=_EPILOG, no_args_is_help=True)(report)


def report(
    records: Annotated[list[Path], typer.Argument(help="Files of records (.jsonl).", show_default=False)],
    format: Annotated[
        str | None, typer.Option(help="table, csv, latex or html; else by the suffix of --out, else table.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; else standard output, for html RUN.html beside the records.", metavar="FILE"),
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="strict, or frontierco for the two numbers of that benchmark by its own formulas.")
    ] = "strict",
    title: Annotated[str | None, typer.Option(help="Title of the page or table; else the suites' names.")] = None,
    drawings: Annotated[bool, typer.Option(help="Draw the best solution of each instance (html).")] = True,
) -> int:
    """Show what recorded runs have found."""
    from cosolve.cli.console import print_table
    from cosolve.cli.progress import notice
    from cosolve.evaluation.report import Report

    chosen = format or (_SUFFIXES.get(out.suffix.lower()) if out is not None else None) or "table"
    if chosen not in _FORMATS:
        raise UsageError(f"--format must be one of {', '.join(_FORMATS)}, got {chosen!r}.")
    if chosen == "table" and out is not None:
        raise UsageError("--out needs --format csv, latex or html: the table goes to standard output.")
    if metrics not in ("strict", "frontierco"):
        raise UsageError(f"--metrics must be strict or frontierco, got {metrics!r}.")
    if chosen == "html" and out is None:
        out = records[0].with_suffix(".html")
    if out is not None:
        check_writable(out, *records)
    with notice(f"reading {', '.join(map(str, records))} ..."):
        loaded = Report.load(records, title=title, metrics=metrics)  # type: ignore[arg-type]
    if chosen == "table":
        with notice("summing up ..."):
            table = loaded.table()
        print_table(table.header, [row for group in table.groups for row in group], title=loaded.title)
        for note in loaded.collection.notes:
            print(f"note: {note}")
        return DONE
    with notice("computing statistics and drawings ..." if chosen == "html" else "writing ..."):
        if chosen == "html":
            text = loaded.html(drawings=drawings)
        else:
            text = loaded.csv() if chosen == "csv" else loaded.latex()
    if out is None:
        print(text, end="")
        return DONE
    from cosolve.instances.files import replacing

    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    size = len(text.encode())
    amount = f"{size / 1e6:.1f} MB" if size >= 999_500 else f"{size / 1e3:.3g} kB"
    print(f"{out}: {amount} written.", file=sys.stderr)
    return DONE
