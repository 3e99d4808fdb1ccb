"""MPS files, free and fixed, read and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import NoReturn

from cosolve.core.errors import InvalidInstanceError
from cosolve.instances.formats._milp_draft import OBJECTIVE, Draft, check_written, fresh, written_names
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source
from cosolve.instances.milp import MILPInstance

#: Sections of what is no MILP, or would be read by half.
_REFUSED = {
    "SOS": "special ordered sets",
    "SOS1": "special ordered sets",
    "SOS2": "special ordered sets",
    "SETS": "special ordered sets",
    "QUADOBJ": "a quadratic objective",
    "QMATRIX": "a quadratic objective",
    "QSECTION": "a quadratic objective",
    "QCMATRIX": "quadratic constraints",
    "CSECTION": "cone constraints",
    "INDICATORS": "indicator constraints",
    "GENCONS": "general constraints",
    "PWLOBJ": "a piecewise-linear objective",
    "LAZYCONS": "lazy constraints",
    "USERCUTS": "user cuts",
    "SCENARIOS": "several scenarios",
}

#: What HiGHS takes for the beginning of a section even in lines that begin with a blank, as those of columns.
_SECTIONS_ANYWHERE = frozenset({"NAME", "OBJSENSE", "QSECTION", "QCMATRIX", "CSECTION"})

_WITH_VALUE = frozenset({"UP", "LO", "FX", "LI", "UI"})
_WITHOUT_VALUE = frozenset({"FR", "MI", "PL", "BV"})
_SEMI = {"SC": "semi-continuous", "SI": "semi-integer", "SN": "semi-integer"}

_SENSES = {"MAX": True, "MAXIMIZE": True, "MAXIMISE": True, "MIN": False, "MINIMIZE": False, "MINIMISE": False}

#: Dropped free rows: those after the first.
_IGNORED = -2

#: The six fields of the fixed format, and what lies between them.
_FIELDS = (slice(1, 3), slice(4, 12), slice(14, 22), slice(24, 36), slice(39, 47), slice(49, 61))
#: Where a dollar begins a comment there: the third field, and the fifth.
_COMMENTS = (14, 39)
_GAPS = (slice(0, 1), slice(3, 4), slice(12, 14), slice(22, 24), slice(36, 39), slice(47, 49), slice(61, None))


def sniff(source: Source) -> Collection[str]:
    """A section ROWS, or the name of a section in the first line of a file that says it is MPS."""
    lines = [line for line in source.head_lines if not line.startswith("*")]
    word = lines[0].split()[0].upper() if lines else ""
    if word not in ("NAME", "ROWS", "OBJSENSE", "OBJNAME"):
        return ()
    return ("milp",) if ".mps" in source.suffixes or "ROWS" in lines else ()


def read(source: Source, problem: str) -> MILPInstance:
    """
    Read a file by words; failing that, by the columns of the fixed format, whose names may hold blanks.

    If both fail, the error is that of the reading that got further.

    The first free row is the objective, further ones are dropped. A right-hand side of the objective is minus its
    constant. Integer columns without bounds are binary; a negative upper bound without a lower one makes that
    minus infinity, as in CPLEX, Gurobi and GLPK.
    """
    lines = source.text().split("\n")
    free, fixed = _Reader(source, _free_words), _Reader(source, _fixed_words)
    try:
        return free.read(lines)
    except InvalidInstanceError as error:
        try:
            return fixed.read(lines)
        except InvalidInstanceError as other:
            raise (error if free.line >= fixed.line else other) from None


def _free_words(line: str) -> list[str]:
    return line.split()


def _fixed_words(line: str) -> list[str]:
    """Fields without those left empty, up to a comment; none at all if something stands between them."""
    line = line[: next((at for at in _COMMENTS if line[at : at + 1] == "$"), None)]
    if any(line[gap].strip() for gap in _GAPS):
        return []
    return [word for field in _FIELDS if (word := line[field].strip())]


class _Reader:
    """State of reading one file."""

    def __init__(self, source: Source, words: Callable[[str], list[str]]) -> None:
        #: Number of the line that is being read.
        self.line = 0
        self._source = source
        self._words = words
        self._draft = Draft(source)
        self._title = ""
        self._objective = ""
        self._has_objective = False
        self._is_integer = False
        self._column = (-1, "")
        #: Rows that are no constraints, by number; looked up together with those that are.
        self._free: dict[str, int] = {}
        self._sense: dict[int, str] = {}
        self._rhs: dict[int, float] = {}
        self._ranges: dict[int, tuple[float, int]] = {}
        self._has_lower: set[int] = set()
        self._has_bound: set[int] = set()
        self._sets: dict[str, str] = {}

    def read(self, lines: list[str]) -> MILPInstance:
        handlers: dict[str, Callable[[list[str], int], None]] = {
            "OBJSENSE": self._objsense,
            "OBJNAME": self._objname,
            "ROWS": self._row,
            "COLUMNS": self._entries,
            "RHS": self._right_side,
            "RANGES": self._range,
            "BOUNDS": self._bound,
        }
        handle: Callable[[list[str], int], None] = self._nothing
        words_of = self._words
        for number, line in enumerate(lines, 1):
            self.line = number
            if line[:1] == "*":
                # A comment to others: PuLP's only word for the sense, without which its maxima would be minimised.
                word, _, sense = line.strip().upper().partition(":")
                if word == "*SENSE" and sense in _SENSES:
                    self._draft.maximize = _SENSES[sense]
                continue
            if line[:1].isspace():
                words = words_of(line)
                if "$" in line:
                    words = self._without_comment(words)
                if words:
                    handle(words, number)
                elif line.strip():
                    self._fail("not in the columns of the fixed format.", number)
                continue
            words = line.split()
            if not words:
                continue
            section = words[0].upper()
            if section == "ENDATA":
                return self._finish()
            if section == "NAME":
                self._title, handle = line[4:].strip(), self._nothing
            elif section in handlers:
                handle = handlers[section]
                if section in ("OBJSENSE", "OBJNAME") and len(words) > 1:
                    handle(words[1:], number)
            elif handle == self._objsense and section in _SENSES:  # not indented, as HiGHS reads it too
                handle(words, number)
            elif section in _REFUSED:
                self._fail(f"the section {section} holds {_REFUSED[section]}: only linear models are read.", number)
            else:
                known = ", ".join(("NAME", *handlers, "ENDATA"))
                text = f"unknown section {words[0][:80]!r}; known: {known} (lines of data begin with a blank)."
                self._fail(text, number)
        self._fail("the file ends without ENDATA: it may be cut off.", len(lines))

    def _without_comment(self, words: list[str]) -> list[str]:
        """The words before a comment: it begins with a dollar, behind two words at least, and is no name."""
        names = self._draft.rows, self._draft.columns, self._free
        for k in range(2, len(words)):
            if words[k][0] == "$" and not any(words[k] in known for known in names):
                return words[:k]
        return words

    def _fail(self, message: str, line: int) -> NoReturn:
        self._source.fail(message, line=line)

    def _nothing(self, words: list[str], line: int) -> None:
        self._fail(f"data outside of a section: {' '.join(words)[:80]!r}.", line)

    def _objsense(self, words: list[str], line: int) -> None:
        if len(words) != 1 or words[0].upper() not in _SENSES:
            self._fail(f"expected MAX or MIN, got {' '.join(words)[:80]!r}.", line)
        self._draft.maximize = _SENSES[words[0].upper()]

    def _objname(self, words: list[str], line: int) -> None:
        if self._free or self._draft.rows:
            self._fail("OBJNAME must come before the rows.", line)
        self._objective = words[0]

    def _row(self, words: list[str], line: int) -> None:
        if len(words) != 2:
            self._fail(f"expected the sense and the name of a row, got {len(words)} words.", line)
        sense, name = words[0].upper(), words[1]
        if name in self._free or name in self._draft.rows:
            self._fail(f"row {name!r} comes twice.", line)
        if sense == "N":
            is_objective = name == (self._objective or name) and not self._has_objective
            self._has_objective |= is_objective
            self._free[name] = OBJECTIVE if is_objective else _IGNORED
        elif sense in ("L", "G", "E"):
            row = self._draft.add_row(name, line, 0.0 if sense != "L" else -math.inf, 0.0 if sense != "G" else math.inf)
            self._sense[row] = sense
        else:
            self._fail(f"expected a row of sense N, L, G or E, got {words[0][:80]!r}.", line)

    def _find_row(self, name: str, line: int) -> int:
        row = self._draft.rows.get(name)
        if row is None:
            row = self._free.get(name)
            if row is None:
                self._fail(f"unknown row {name[:80]!r}.", line)
        return row

    def _entries(self, words: list[str], line: int) -> None:
        count = len(words)
        if count not in (3, 5):
            self._fail(f"expected a column and one or two pairs of row and value, got {count} words.", line)
        if words[1] == "'MARKER'":
            return self._marker(words, line)
        name = words[0]
        if name != self._column[1]:
            if name in self._draft.columns:
                self._fail(f"column {name!r} comes twice: its entries must follow one another.", line)
            column = self._draft.add_column(name, line)
            self._draft.is_integer[column] = self._is_integer
            self._column = (column, name)
        column = self._column[0]
        for k in range(1, count, 2):
            row = self._find_row(words[k], line)
            value = self._draft.number(words[k + 1], line)
            if row != _IGNORED:
                self._draft.add_entry(row, column, value, line)

    def _marker(self, words: list[str], line: int) -> None:
        kind = words[2].strip("'").upper()
        if kind not in ("INTORG", "INTEND"):
            what = (
                "special ordered sets are not read" if kind.startswith("SOS") else f"unknown marker {words[2][:80]!r}"
            )
            self._fail(f"{what}; known: 'INTORG', 'INTEND'.", line)
        self._is_integer = kind == "INTORG"

    def _pairs(self, words: list[str], line: int, section: str) -> Iterable[tuple[int, str]]:
        """Rows and values of a line of RHS or RANGES, whose set may be left unnamed."""
        if not 2 <= len(words) <= 5:
            self._fail(f"expected one or two pairs of row and value, got {len(words)} words.", line)
        if len(words) % 2:
            self._check_set(section, words[0], line)
        for k in range(len(words) % 2, len(words), 2):
            yield self._find_row(words[k], line), words[k + 1]

    def _check_set(self, section: str, name: str, line: int) -> None:
        if self._sets.setdefault(section, name) != name:
            text = (
                f"a second set {name[:80]!r} besides {self._sets[section]!r} in {section}: keep the one that is meant."
            )
            self._fail(text, line)

    def _right_side(self, words: list[str], line: int) -> None:
        for row, word in self._pairs(words, line, "RHS"):
            if row == _IGNORED:
                continue
            if row in self._rhs:
                self._fail("a second right-hand side of the same row.", line)
            side = self._rhs[row] = self._draft.number(word, line, is_side=row != OBJECTIVE)
            if row == OBJECTIVE:
                self._draft.offset = -side
            else:
                sense = self._sense[row]
                self._draft.set_side(
                    row, line, lower=side if sense != "L" else None, upper=side if sense != "G" else None
                )

    def _range(self, words: list[str], line: int) -> None:
        for row, word in self._pairs(words, line, "RANGES"):
            if row < 0 or row in self._ranges:
                self._fail("a second range of the same row." if row >= 0 else "a range of a free row.", line)
            self._ranges[row] = (self._draft.number(word, line, is_side=True), line)

    def _bound(self, words: list[str], line: int) -> None:
        kind = words[0].upper()
        if kind in _SEMI:
            self._fail(f"a {_SEMI[kind]} column: only continuous and integer ones are read.", line)
        if kind not in _WITH_VALUE and kind not in _WITHOUT_VALUE:
            known = ", ".join(sorted(_WITH_VALUE | _WITHOUT_VALUE))
            self._fail(f"unknown kind of bound {words[0][:80]!r}; known: {known}.", line)
        rest = words[1:]
        columns = self._draft.columns
        # The set may be left unnamed, and a value may stand where none is needed.
        has_set = len(rest) == 3
        if kind in _WITHOUT_VALUE and len(rest) == 2:
            has_set = rest[1] in columns or rest[0] not in columns
        if has_set:
            self._check_set("BOUNDS", rest.pop(0), line)
        if not 1 + (kind in _WITH_VALUE) <= len(rest) <= 2:
            self._fail(f"expected a set, a column{' and a value' * (kind in _WITH_VALUE)} after {kind}.", line)
        value = self._draft.number(rest[1], line, is_side=True) if kind in _WITH_VALUE else 0.0
        self._apply(kind, self._draft.column(rest[0], line), value, line)

    def _apply(self, kind: str, column: int, value: float, line: int) -> None:
        draft = self._draft
        self._has_bound.add(column)
        if kind in ("BV", "LI", "UI"):
            draft.is_integer[column] = True
        lower, upper = {
            "LO": (value, None),
            "LI": (value, None),
            "UP": (None, value),
            "UI": (None, value),
            "FX": (value, value),
            "FR": (-math.inf, math.inf),
            "MI": (-math.inf, None),
            "PL": (None, math.inf),
            "BV": (0.0, 1.0),
        }[kind]
        if lower is not None:
            self._has_lower.add(column)
        draft.set_bound(column, line, lower=lower, upper=upper)

    def _finish(self) -> MILPInstance:
        draft = self._draft
        for column, upper in enumerate(draft.col_upper):
            if draft.is_integer[column] and column not in self._has_bound:
                draft.col_upper[column] = 1.0
            elif upper < 0 and column not in self._has_lower:
                draft.col_lower[column] = -math.inf
        for row, (width, line) in self._ranges.items():
            side, sense = self._rhs.get(row, 0.0), self._sense[row]
            if sense == "G" or (sense == "E" and width >= 0):
                draft.set_side(row, line, upper=side + abs(width))
            else:
                draft.set_side(row, line, lower=side - abs(width))
        if self._objective and self._objective not in self._free:
            self._source.fail(f"OBJNAME names {self._objective!r}, which is no free row.")
        # The name is often that of the file in capitals.
        stem = self._source.stem
        name = self._title if self._title.casefold() != stem.casefold() else stem
        return draft.build(name or stem, can_repeat=False)


def write(instance: MILPInstance, path: Path) -> None:
    """
    Write a free MPS file that reads back to the last bit.

    Raises
    ------
    ValueError
        If a name holds blanks, begins like a comment or is that of markers, or a column's that of a section; or if a
        side or bound is beyond what the format can say.
    """
    # SCIP crashes at a row called $r.
    rows, columns = written_names(
        instance, lambda name: name == "'MARKER'" or name[:1] == "$" or name.split() != [name], _SECTIONS_ANYWHERE
    )
    check_written(instance)
    # HiGHS takes the name of a set for the row or column of that name.
    objective, side_set, range_set = (fresh(name, rows) for name in ("obj", "RHS", "RANGES"))
    bound_set = fresh("BOUND", columns)
    parts = [f"NAME {' '.join(instance.name.split())}"]
    if instance.maximize:
        parts += ["OBJSENSE", " MAX"]
    parts += ["ROWS", f" N {objective}"]
    sides, ranges = [], []
    for name, low, high in zip(rows, instance.row_lower.tolist(), instance.row_upper.tolist(), strict=True):
        sense, side, width = _sides(name, low, high)
        parts.append(f" {sense} {name}")
        if side:
            sides.append(f" {side_set} {name} {side!r}")
        if width is not None:
            ranges.append(f" {range_set} {name} {width!r}")
    if instance.offset:
        sides.append(f" {side_set} {objective} {-instance.offset!r}")
    parts += ["COLUMNS", *_columns(instance, objective, rows, columns), "RHS", *sides]
    if ranges:
        parts += ["RANGES", *ranges]
    parts += ["BOUNDS", *_bounds(instance, bound_set, columns), "ENDATA\n"]
    path.write_text("\n".join(parts), encoding="utf-8")


def _sides(name: str, low: float, high: float) -> tuple[str, float, float | None]:
    """Sense, right-hand side and range (or ``None``) of a row."""
    if low == high:
        return "E", low, None
    if low == -math.inf:
        return "L", min(high, 1e30), None
    if high == math.inf:
        return "G", low, None
    # A range is a difference, and its rounding may miss the other side from one end but not from the other.
    for width in (high - low, math.nextafter(high - low, 0.0), math.nextafter(high - low, math.inf)):
        if low + width == high:
            return "G", low, width
        if high - width == low:
            return "L", high, width
    raise ValueError(
        f"MPS has no range for the sides {low!r} and {high!r} of row {name!r}, which are no sum in floating point; "
        "split the row in two, or write an LP file, which other programs may not read."
    )


def _columns(instance: MILPInstance, objective: str, rows: list[str], columns: list[str]) -> Iterable[str]:
    matrix = instance.matrix.tocsc()
    data, indices, indptr = matrix.data.tolist(), matrix.indices.tolist(), matrix.indptr.tolist()
    was_integer = False
    for column, (name, cost, is_integer) in enumerate(
        zip(columns, instance.cost.tolist(), instance.is_integer.tolist(), strict=True)
    ):
        if is_integer != was_integer:
            yield f" MARKER 'MARKER' '{'INTORG' if is_integer else 'INTEND'}'"
            was_integer = is_integer
        part = range(indptr[column], indptr[column + 1])
        if cost or not part:
            yield f" {name} {objective} {cost!r}"
        for k in part:
            yield f" {name} {rows[indices[k]]} {data[k]!r}"


def _bounds(instance: MILPInstance, bound_set: str, columns: list[str]) -> Iterable[str]:
    for name, low, high, is_integer in zip(
        columns, instance.col_lower.tolist(), instance.col_upper.tolist(), instance.is_integer.tolist(), strict=True
    ):
        if (low, high) == (0.0, math.inf):
            if is_integer:  # which would be binary without a bound
                yield f" PL {bound_set} {name}"
        elif (low, high) == (-math.inf, math.inf):
            yield f" FR {bound_set} {name}"
        elif low == high:
            yield f" FX {bound_set} {name} {low!r}"
        else:
            if low == -math.inf:
                yield f" MI {bound_set} {name}"
            elif low or high < 0:
                yield f" LO {bound_set} {name} {low!r}"
            if high < math.inf:
                yield f" UP {bound_set} {name} {high!r}"


MPS = Format(
    name="mps",
    title="MPS files, free or fixed: mixed-integer linear programs",
    problems=("milp",),
    suffixes={".mps": ("milp",)},
    sniff=sniff,
    read=read,
    write=write,
)
