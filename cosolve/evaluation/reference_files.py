"""
Reference values in CSV files, and the gaps that others have published.

A file of references has a header and a row for each instance. Columns: ``instance`` (name, or file name as the suite
writes it) and ``value``; optionally ``kind`` ("optimal", "best", "own"; default "best"), ``rounding``, ``bound``,
``doubt``, ``source``, ``problem``, and any others to select rows by.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cosolve.core.errors import InvalidFileError
from cosolve.evaluation import shipped
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.suite import Suite


@dataclass(frozen=True)
class PublishedGap:
    """
    A gap that others have published for a set of instances; not a run of ours, and not verified by us.

    Parameters
    ----------
    suite
        Name of the shipped suite with the same instances.
    solver, kind
        Name of the solver in the publication; "classical", "neural" or "llm".
    gap
        Mean primal gap of the set in [0, 1], by the publication's own definition.
    deviation
        Standard deviation of the gaps, ``None`` if not known.
    note, source
        What to know about it, and where it is from.
    """

    suite: str
    solver: str
    kind: str
    gap: float
    deviation: float | None
    note: str
    source: str


def read_references(path: Path, *, problem: str = "", where: Mapping[str, str] | None = None) -> dict[str, Reference]:
    """
    Instance to reference, in the order of the file.

    Parameters
    ----------
    path
        The CSV file (UTF-8).
    problem
        If the file has a column ``problem``: only rows of this one.
    where
        Further columns and the text that they must hold.

    Raises
    ------
    InvalidFileError
        With file and line, if a column is missing, a value is not allowed, an instance comes twice, or no row is
        selected.
    FileNotFoundError, OSError
        As the operating system says.
    """
    where = dict(where or {})
    columns, rows = _read(path, ("instance", "value"))
    for column in where:
        if column not in columns:
            raise InvalidFileError(f"no column {column!r}; there are: {', '.join(columns)}.", path, 1)
    if problem and "problem" in columns:
        where["problem"] = problem
    found: dict[str, Reference] = {}
    for line, row in rows:
        if any(row[column] != text for column, text in where.items()):
            continue
        if row["instance"] in found:
            raise InvalidFileError(f"instance {row['instance']!r} comes twice.", path, line)
        found[row["instance"]] = _reference(row, path, line)
    if not found:
        selection = ", ".join(f"{column} = {text!r}" for column, text in where.items())
        raise InvalidFileError(f"no row with {selection}." if selection else "no rows.", path)
    return found


def published_gaps(suite: str | Suite) -> tuple[PublishedGap, ...]:
    """
    Gaps that the authors of FrontierCO published for the instances of a suite; empty for all other suites.

    Parameters
    ----------
    suite
        A suite or its name. "frontierco-easy", "frontierco-hard" and "frontierco" give the means over all eight
        problems.
    """
    name = suite if isinstance(suite, str) else suite.name
    path = shipped.folder("references") / "frontierco_published.csv"
    _, rows = _read(path, ("suite", "solver", "kind", "gap_percent", "deviation_percent", "note", "source"))
    return tuple(
        PublishedGap(
            suite=row["suite"],
            solver=row["solver"],
            kind=row["kind"],
            gap=_number(row["gap_percent"], "gap_percent", path, line) / 100.0,
            deviation=_number(text, "deviation_percent", path, line) / 100.0
            if (text := row["deviation_percent"])
            else None,
            note=row["note"],
            source=row["source"],
        )
        for line, row in rows
        if row["suite"] == name
    )


def _read(path: Path, needed: tuple[str, ...]) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Columns, and rows with their line numbers."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            columns = list(reader.fieldnames or ())
            for column in needed:
                if column not in columns:
                    raise InvalidFileError(f"no column {column!r}; needed: {', '.join(needed)}.", path, 1)
            rows = []
            for row in reader:
                if "" in row or None in row.values():
                    raise InvalidFileError(f"expected {len(columns)} values.", path, reader.line_num)
                rows.append((reader.line_num, {column: text.strip() for column, text in row.items()}))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InvalidFileError(f"not a CSV file in UTF-8: {error}.", path) from error
    return columns, rows


def _reference(row: Mapping[str, str], path: Path, line: int) -> Reference:
    kind = row.get("kind") or ReferenceKind.BEST.value
    if kind not in set(ReferenceKind):
        allowed = ", ".join(known.value for known in ReferenceKind)
        raise InvalidFileError(f"kind must be one of {allowed}, got {kind!r}.", path, line)
    bound = row.get("bound", "")
    return Reference(
        value=_number(row["value"], "value", path, line),
        kind=ReferenceKind(kind),
        rounding=row.get("rounding") or "instance",
        source=row.get("source", ""),
        bound=_number(bound, "bound", path, line) if bound else None,
        doubt=row.get("doubt", ""),
    )


def _number(text: str, column: str, path: Path, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidFileError(f"{column} must be a finite number, got {text!r}.", path, line)
    return value
