"""
Tables of numbers with a target column: comma, semicolon, tab or blank separated, with or without a header row.

What a table can't say (depth, penalty, which column is what) comes from reader options, or from a comment in its
first line that looks like ``# regtree max_depth=2 alpha=0.01 target=y``; options win over the comment.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.instances.formats._table_scan import scan
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source, decoded, is_number
from cosolve.instances.regtree import RegressionTreeInstance

_MARK = "# regtree"

#: Rows that decide on separator and header.
_PREVIEW = 30

_SEPARATORS = (";", "\t", ",")

_HINT = "text must be encoded as numbers; drop= leaves a column out"

_SUFFIXES = (".csv", ".tsv", ".data")

#: Instance fields that options and the comment line may set.
_LIMITS: dict[str, Callable[[str], Any]] = {
    "max_depth": int,
    "min_samples_leaf": int,
    "alpha": float,
    "max_splits": int,
}


def _name_or_position(text: str) -> str | int:
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else text


_WORDS: dict[str, Callable[[str], Any]] = {
    **_LIMITS,
    "target": _name_or_position,
    "weights": _name_or_position,
    "header": {"true": True, "false": False}.__getitem__,
}


def sniff(source: Source) -> tuple[str, ...]:
    """
    Whether the file says so, or its first rows are separated by commas, semicolons or tabs into equally many fields.

    Rows of nothing but numbers are many formats' way: without a header row they are claimed only by their suffix.
    """
    if source.head.startswith(_MARK):
        return ("regtree",)
    is_named = source.suffix in _SUFFIXES
    rows, separator = _preview(source, least=2 if is_named else 0)  # lines of other formats may be of any length
    if separator.isspace() and separator != "\t":
        return ()
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return ()
    if rows[0][0].startswith(("#", "%")) or not any(is_number(cell) for cell in rows[1]):
        return ()
    return ("regtree",) if is_named or (_is_header(rows) and len(rows[0]) > 2) else ()


def read(
    source: Source,
    problem: str,
    *,
    target: str | int | None = None,
    weights: str | int | None = None,
    drop: str | int | Sequence[str | int] = (),
    header: bool | None = None,
    separator: str | None = None,
    max_depth: int | None = None,
    min_samples_leaf: int | None = None,
    alpha: float | None = None,
    max_splits: int | None = None,
) -> RegressionTreeInstance:
    """
    Read a table; every column that is kept must hold finite numbers in every row.

    Parameters
    ----------
    target, weights
        Column of the target and of the sample weights: a name of the header row, or a position counted from 0 or,
        if negative, from the end. Without them the last column is the target and all weights are 1.
    drop
        Columns to leave out, as names or positions; a text is split at commas unless a column has that name.
        Only columns that are left out may hold text.
    header
        Whether the first row is one of names. Without it, the first row is one if it has a word above a number,
        consists of words, or counts its columns (0, 1, 2, ... or 1, 2, 3, ...).
    separator
        One of ";", "," "tab" and "blank"; without it, the first that divides the first rows alike.
    max_depth, min_samples_leaf, alpha, max_splits
        As in :class:`RegressionTreeInstance`.

    Raises
    ------
    InvalidInstanceError
        With the line, for ragged rows, text, missing values, NaN and infinities.
    """
    said = _comment(source)
    rows, sep = _preview(source, separator)
    if not rows:
        source.fail("there is no row of data.")
    start = _first_row(source)
    header = said.get("header") if header is None else header
    if header not in (None, True, False):
        source.fail(f"header must be true or false, got {header!r}.")
    has_names = _is_header(rows) if header is None else bool(header)
    num_columns = len(rows[0])
    names = list(rows[0]) if has_names else [f"x{j}" for j in range(num_columns)]
    if len(set(names)) < num_columns:
        again = next(name for name in names if names.count(name) > 1)
        source.fail(f"two columns are named {again[:60]!r}.", start)
    if num_columns < 2:
        source.fail("expected at least two columns, a feature and the target, got 1.", start)
    target = said.get("target", -1) if target is None else target
    weights = said.get("weights") if weights is None else weights
    target_column = _column(source, names, target, "target")
    weight_column = None if weights is None else _column(source, names, weights, "weights")
    dropped = {_column(source, names, which, "drop") for which in _as_list(drop, names)}
    used = {target_column, weight_column}
    if dropped & used or target_column == weight_column:
        source.fail("target, weights and dropped columns must be different columns.")
    kept = [j for j in range(num_columns) if j not in dropped]
    is_feature = np.array([j not in used for j in kept])
    if not is_feature.any():
        source.fail("no column is left for a feature.")
    table = _table(source, _first_row(source, 1) if has_names else start, sep, names, dropped)
    if not len(table):
        source.fail("there is no row of data behind the header.")
    sample_weight = None if weight_column is None else table[:, kept.index(weight_column)]
    if sample_weight is not None and not (sample_weight > 0).all():
        row = int(np.flatnonzero(sample_weight <= 0)[0])
        source.fail(f"weights must be > 0, got {sample_weight[row]:g} in row {row + 1} of the data.")
    given = {"max_depth": max_depth, "min_samples_leaf": min_samples_leaf, "alpha": alpha, "max_splits": max_splits}
    limits: dict[str, Any] = {name: said.get(name) if given[name] is None else given[name] for name in _LIMITS}
    return RegressionTreeInstance(
        name=source.stem,
        meta={"target": names[target_column] if has_names else "y"},
        X=table[:, is_feature],
        y=table[:, kept.index(target_column)],
        weights=sample_weight,
        feature_names=tuple(names[j] for j in kept if j not in used),
        **{name: value for name, value in limits.items() if value is not None},
    )


def write(instance: RegressionTreeInstance, path: Path) -> None:
    """Write the comment line with all that a table can't say, a header row, and the rows; the target comes last."""
    assert instance.feature_names is not None
    words = ["header=true", "target=-1", f"max_depth={instance.max_depth}"]
    words += [f"min_samples_leaf={instance.min_samples_leaf}", f"alpha={instance.alpha!r}"]
    if instance.max_splits is not None:
        words.append(f"max_splits={instance.max_splits}")
    names, columns = list(instance.feature_names), [instance.X]
    if instance.weights is not None:
        words.append("weights=-2")
        names.append("weight")
        columns.append(instance.weights[:, None])
    names.append(str(instance.meta.get("target", "y")))
    columns.append(instance.y[:, None])
    table = np.hstack(columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{_MARK} {' '.join(words)}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_column_names(names))
        for begin in range(0, len(table), 10_000):  # lists of Python floats take several times the array's memory
            writer.writerows([_number(v) for v in row] for row in table[begin : begin + 10_000].tolist())


def _number(value: float) -> str:
    # The shortest text that reads back as the same double.
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else repr(value)


def _column_names(names: list[str]) -> list[str]:
    """Names on one line without quotes, each once."""
    unique: list[str] = []
    taken = {"-1", "-2"}  # positions in the comment line; a name would win over them
    for name in names:
        name = " ".join(name.replace('"', " ").split())
        while name in taken:
            name += "_"
        taken.add(name)
        unique.append(name)
    return unique


# -- rows and columns ------------------------------------------------------------------------------------------


def _comment(source: Source) -> dict[str, Any]:
    """What the comment of the first line sets."""
    if not source.head.startswith(_MARK):
        return {}
    _, first = next(source.lines())
    said: dict[str, Any] = {}
    for word in first[len(_MARK) :].split():
        key, _, text = word.partition("=")
        if key not in _WORDS:
            source.fail(f"unknown word {word[:40]!r} behind {_MARK!r}; allowed: {', '.join(_WORDS)}.", line=1)
        try:
            said[key] = _WORDS[key](text)
        except (ValueError, KeyError):
            source.fail(f"{text[:40]!r} is no value for {key}.", line=1)
    return said


def _rows(source: Source) -> Iterator[tuple[int, str]]:
    """Byte position and text of each line that is neither blank nor the comment."""
    return ((k, line) for k, line in source.lines() if line.strip() and (k > 0 or not line.startswith(_MARK)))


def _first_row(source: Source, skip: int = 0) -> int:
    """Byte position of the first row, or of the one ``skip`` rows behind."""
    return next((position for position, _ in islice(_rows(source), skip, None)), len(source.data))


def _preview(source: Source, separator: str | None = None, *, least: int = 2) -> tuple[list[list[str]], str]:
    """Cells of the rows that the head holds, but of ``least`` rows however long they are, stripped; the separator."""
    lines = source.head.split("\n")
    if len(source.data) > len(source.head):
        del lines[-1]  # it may be cut
    if lines and lines[0].startswith(_MARK):
        del lines[0]
    lines = [_text(line).rstrip("\r") for line in lines if line.strip()][:_PREVIEW]
    if len(lines) < least:
        lines = [line for _, line in islice(_rows(source), least)]
    if separator is not None:
        separator = {"tab": "\t", "blank": " "}.get(separator, separator)
        if separator not in (*_SEPARATORS, " "):
            source.fail(f'separator must be ";", ",", "tab" or "blank", got {separator!r}.')
        return [_cells(line, separator) for line in lines], separator
    split = {sep: [_cells(line, sep) for line in lines] for sep in _SEPARATORS}
    for sep, rows in split.items():
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
            return rows, sep
    # Ragged or none of them: what most divides the first row is meant, and the reader says where it fails.
    sep = max(_SEPARATORS, key=lambda s: len(split[s][0])) if lines else " "
    if lines and len(split[sep][0]) > 1:
        return split[sep], sep
    return [_cells(line, " ") for line in lines], " "


def _cells(line: str, separator: str) -> list[str]:
    """Columns of a line without blanks around them; separators inside double quotes are text."""
    if separator == " " and '"' not in line:
        return line.split()
    cells: list[str] = []
    pieces: list[str] = []
    quotes = 0
    for piece in line.split(separator):
        pieces.append(piece)
        quotes += piece.count('"')
        if quotes % 2 == 0:
            cells.append(separator.join(pieces).replace('"', " ").strip())
            pieces = []
    if pieces:
        cells.append(separator.join(pieces).strip())
    return [cell for cell in cells if cell] if separator == " " else cells


def _text(line: str) -> str:
    """A line of a source's head, which is bytes as Latin-1, in the file's own encoding."""
    return decoded(line.encode("latin-1"))


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row is one of names rather than of data."""
    first = rows[0]
    words = [not is_number(cell) for cell in first]
    if all(words):
        return True
    if len(rows) > 1 and any(word and is_number(below) for word, below in zip(words, rows[1], strict=False)):
        return True
    # Tables without names get written with their column numbers on top; as data this would be an odd row.
    counts = [str(k) for k in range(len(first) + 1)]
    return len(first) > 2 and first in (counts[:-1], counts[1:])


def _as_list(drop: str | int | Sequence[str | int], names: list[str]) -> Iterable[str | int]:
    if isinstance(drop, int):
        return [drop]
    if isinstance(drop, str):
        return [drop] if drop in names else [part.strip() for part in drop.split(",") if part.strip()]
    return drop


def _column(source: Source, names: list[str], which: str | int, what: str) -> int:
    """Position of a column given by name or position; a name of digits wins over the position."""
    if str(which) in names:
        return names.index(str(which))
    try:
        position = int(which)
    except ValueError:
        known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        source.fail(f"{what}: there is no column {str(which)[:60]!r}; there are: {known}.")
    if not -len(names) <= position < len(names):
        source.fail(f"{what}: column {position} is not within {-len(names)}..{len(names) - 1}.")
    return position % len(names)


def _table(source: Source, start: int, separator: str, names: list[str], dropped: set[int]) -> np.ndarray:
    """The numbers from a byte position on, a row for each line; dropped columns are left out."""
    kept = [j for j in range(len(names)) if j not in dropped]
    skip = np.ones(len(names), np.bool_)
    skip[kept] = False
    clean, num_rows, kind, position, column = scan(source.data, start, separator, skip)
    if kind:
        where = f"column {names[column][:60]!r}" if column < len(names) else ""
        messages = {
            "few": f"expected {len(names)} columns, got {column}.",
            "many": f"expected {len(names)} columns, got more.",
            "missing": f"{where}: there is no value (drop= leaves a column out).",
            "several": f"{where}: expected one number, got {_word(source, position, separator)!r} ({_HINT}).",
            "quote": f"{where}: a quote is not closed in its line.",
        }
        source.fail(messages[kind], position)
    numbers = Source(clean, source.path, source.error_type)
    values, end = numbers.numbers(start, what="value", finite=False)
    width = len(kept)
    if len(values) < num_rows * width:
        name, word = names[kept[len(values) % width]][:60], _word(numbers, end, " ")
        if word.lower().strip("+-") in ("nan", "inf", "infinity"):
            source.fail(f"column {name!r}: numbers must be finite, got {word!r}.", end)
        source.fail(f"column {name!r}: expected a number, got {word!r} ({_HINT}).", end)
    if not np.isfinite(values).all():
        bad = int(np.flatnonzero(~np.isfinite(values))[0])
        source.fail(f"column {names[kept[bad % width]][:60]!r}: the number is too large.", numbers.place(bad, start))
    return values.reshape(num_rows, width)


def _word(source: Source, position: int, separator: str) -> str:
    """The cell at a byte position, cut to what a message can hold."""
    text = bytes(source.data[position : position + 60]).decode("latin-1")
    return re.split(r"[\r\n" + re.escape(separator) + "]", text, maxsplit=1)[0].strip()


CSV = Format(
    name="csv",
    title="table of numbers with a target column (regression)",
    problems=("regtree",),
    suffixes={suffix: ("regtree",) for suffix in _SUFFIXES},
    sniff=sniff,
    read=read,
    write=write,
    options={
        "target": "column to predict, by name or position from 0 (default: the last)",
        "weights": "column of sample weights (default: none)",
        "drop": "columns to leave out, separated by commas",
        "header": "true or false: whether the first row is one of names (default: looks)",
        "separator": 'one of ";", ",", "tab", "blank" (default: looks)',
        "max_depth": "longest path of splits (default 2)",
        "min_samples_leaf": "fewest samples in a leaf (default 1)",
        "alpha": "price of a split in units of the constant's squared error (default 0)",
        "max_splits": "most splits (default: as many as the depth allows)",
    },
)
