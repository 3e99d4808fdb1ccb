"""LP files in the form of CPLEX, read and written."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import NoReturn

from cosolve.instances.formats._milp_draft import (
    INFINITY,
    OBJECTIVE,
    Draft,
    check_written,
    fresh,
    written_names,
)
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source
from cosolve.instances.milp import MILPInstance

#: Section headers stand at the beginning of a line; a colon behind one makes it the name of a row.
_HEADER = re.compile(
    r"""^[ \t]*(?:
    (?P<maximize>maximi[sz]e|maximum|max)
    |(?P<minimize>minimi[sz]e|minimum|min)
    |(?P<rows>subject\s+to|such\s+that|s\.t\.|st\.?)
    |(?P<bounds>bounds?)
    |(?P<integers>generals?(?!\s+constraint)|gen|integers?|int)
    |(?P<binaries>binary|binaries|bin)
    |(?P<refused>semi-continuous|semi-integer|semis?|sos[12]?|lazy\s+constraints|user\s+cuts|general\s+constraints?
        |pwlobj|scenario)
    |(?P<end>end)
    )(?=\s|\Z)(?!\s*:)""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)

_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NAME = r"(?:[^\W\d]|[!\"#$%&(),;?@`'{}~/|])[^\s+\-*<>=:^\\]*"
_TOKEN = re.compile(rf"{_NUMBER}|{_NAME}|<=|=<|>=|=>|->|[<>=]|\S")
_IS_NAME = re.compile(_NAME).fullmatch

#: For "expression relation number": whether the number bounds the expression from above (1), below (-1) or both (0).
_RELATIONS = {"<": 1, "<=": 1, "=<": 1, ">": -1, ">=": -1, "=>": -1, "=": 0}

_INFINITIES = ("inf", "infinity")

#: Words that can't name a column: they mean something else at the beginning of a line or in a bound.
_RESERVED = (*_INFINITIES, "free")

_TERMS_PER_LINE = 8


def sniff(source: Source) -> Collection[str]:
    """The sense of the objective as the first word, but with no colon behind it."""
    head = re.sub(r"\\[^\n]*", "", source.head).lstrip()
    match = _HEADER.match(head)
    return ("milp",) if match is not None and match.lastgroup in ("maximize", "minimize") else ()


def read(source: Source, problem: str) -> MILPInstance:
    """
    Read a file; columns are numbered in the order in which the objective and the rows name them.

    Rows may be double-sided ("1 <= x + y <= 3"); constants in them move to their sides; repeated variables add up.
    """
    return _Reader(source).read()


class _Reader:
    """State of reading one file: the words of the section at hand with their lines, an empty one behind the last."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._draft = Draft(source)
        self._words: list[str] = []
        self._lines: list[int] = []
        self._unnamed: set[str] = set()
        #: Line that makes a column binary; its bounds may follow.
        self._binary: dict[int, int] = {}

    def read(self) -> MILPInstance:
        text = self._source.text()
        title = re.match(r"\s*\\\s*Problem(?: name)?:[ \t]*([^\n]*)", text, re.IGNORECASE)
        text = re.sub(r"\\[^\n]*", "", text)
        headers = list(_HEADER.finditer(text))
        handlers = {
            "rows": self._rows,
            "bounds": self._bounds,
            "integers": self._integers,
            "binaries": self._binaries,
        }
        line = 1
        position = 0
        for number, header in enumerate(headers):
            line += text.count("\n", position, header.start())
            if not number and text[: header.start()].strip():
                self._fail("expected Minimize or Maximize.", 1)
            position = header.start()
            kind, word = str(header.lastgroup), " ".join(header.group().split())
            if kind == "end":
                break
            if kind == "refused":
                self._fail(f"the section {word!r} is no part of a linear model with integers.", line)
            stop = headers[number + 1].start() if number + 1 < len(headers) else len(text)
            self._split(text[header.end() : stop], line + header.group().count("\n"))
            if (kind in ("minimize", "maximize")) != (number == 0):
                self._fail(f"{word!r} is out of place: the objective comes first, and once.", line)
            if number == 0:
                self._draft.maximize = kind == "maximize"
                self._objective()
            else:
                handlers[kind]()
        else:
            self._fail("the file ends without End: it may be cut off.", text.count("\n") + 1)
        return self._finish(title.group(1).strip() if title else "")

    def _finish(self, title: str) -> MILPInstance:
        draft, rows = self._draft, self._draft.rows
        for column, line in self._binary.items():
            draft.is_integer[column] = True
            low, high = max(0.0, draft.col_lower[column]), min(1.0, draft.col_upper[column])
            draft.set_bound(column, line, lower=low, upper=high)
        has_names = len(self._unnamed) < len(rows)
        if has_names and self._unnamed:
            self._draft.rows = {}
            for name, number in rows.items():
                new = f"r{number}" if name in self._unnamed else name
                while new in self._draft.rows or (name in self._unnamed and new in rows):
                    new += "_"
                self._draft.rows[new] = number
        name = title or self._source.stem
        return self._draft.build(name, can_repeat=True, has_row_names=has_names)

    def _fail(self, message: str, line: int) -> NoReturn:
        self._source.fail(message, line=line)

    def _fail_at(self, k: int, wanted: str) -> NoReturn:
        word = self._words[k]
        if word in ("[", "^", "*") or word.startswith("]"):
            self._fail("quadratic terms are no part of a linear model.", self._lines[k])
        if word == "->":
            self._fail("indicator constraints are no part of a linear model.", self._lines[k])
        got = repr(word[:80]) if word else "the end of the section"
        self._fail(f"expected {wanted}, got {got}.", self._lines[k])

    def _split(self, text: str, line: int) -> None:
        self._words, self._lines = [], []
        for number, part in enumerate(text.split("\n"), line):
            words = _TOKEN.findall(part)
            self._words += words
            self._lines += [number] * len(words)
        self._words += ["", ""]
        self._lines += [self._lines[-1] if self._lines else line] * 2

    # -- sections -------------------------------------------------------------------------------------------

    def _objective(self) -> None:
        k = 2 if self._words[1] == ":" else 0
        if self._words[k]:
            k, self._draft.offset, _ = self._linear(k, OBJECTIVE)
        if self._words[k]:
            self._fail_at(k, "a sign or a section")

    def _rows(self) -> None:
        k = 0
        while self._words[k]:
            k = self._row(k)

    def _row(self, k: int) -> int:
        words, draft, line = self._words, self._draft, self._lines[k]
        if words[k + 1] == ":":
            name = words[k]
            k += 2
        else:
            name = f"\n{len(draft.rows)}"  # as no name can be, until all are known
            self._unnamed.add(name)
        row = draft.add_row(name, line)
        k, constant, has_terms = self._linear(k, row)
        is_above = self._relation(k)
        if has_terms:
            k, side = self._value(k + 1)
            self._bound_row(row, line, is_above, side - constant)
            return k
        first = constant
        k, constant, has_terms = self._linear(k + 1, row)
        if words[k] in _RELATIONS:
            if words[k] == "=" or self._relation(k) != is_above:
                self._fail("the relations of a double-sided row must point the same way.", line)
            k, side = self._value(k + 1)
            self._bound_row(row, line, is_above, side - constant)
        elif not has_terms:
            first, constant, is_above = constant, first, -is_above  # "0 <= 4": a row without columns
        self._bound_row(row, line, -is_above, first - constant)
        return k

    def _bound_row(self, row: int, line: int, is_above: int, side: float) -> None:
        low, high = self._draft.row_lower[row], self._draft.row_upper[row]
        self._draft.set_side(row, line, lower=low if is_above > 0 else side, upper=high if is_above < 0 else side)

    def _bounds(self) -> None:
        k = 0
        while self._words[k]:
            k = self._bound(k)

    def _bound(self, k: int) -> int:
        words, draft, line = self._words, self._draft, self._lines[k]
        bounds: list[tuple[int, float]] = []
        if not _IS_NAME(words[k]) or words[k].lower() in _INFINITIES:
            k, value = self._value(k)
            bounds.append((-self._relation(k), value))
            k += 1
        if not _IS_NAME(words[k]):
            self._fail_at(k, "a column")
        column = draft.column(words[k], line)
        k += 1
        if not bounds and words[k].lower() == "free":
            draft.set_bound(column, line, lower=-math.inf, upper=math.inf)
            return k + 1
        if not bounds or words[k] in _RELATIONS:
            is_above = self._relation(k)
            k, value = self._value(k + 1)
            bounds.append((is_above, value))
        for is_above, value in bounds:
            lower, upper = value if is_above <= 0 else None, value if is_above >= 0 else None
            draft.set_bound(column, line, lower=lower, upper=upper)
        return k

    def _integers(self) -> None:
        for k, word in enumerate(self._words[:-2]):
            self._draft.is_integer[self._draft.column(word, self._lines[k])] = True

    def _binaries(self) -> None:
        for k, word in enumerate(self._words[:-2]):
            self._binary[self._draft.column(word, self._lines[k])] = self._lines[k]

    # -- parts ----------------------------------------------------------------------------------------------

    def _linear(self, k: int, row: int) -> tuple[int, float, bool]:
        """Add the terms from word ``k`` on to a row: the next word, the sum of constants, whether it has variables."""
        words, draft, columns = self._words, self._draft, self._draft.columns
        total, has_terms, is_first = 0.0, False, True
        while True:
            sign, start = 1.0, k
            while words[k] == "+" or words[k] == "-":
                sign = -sign if words[k] == "-" else sign
                k += 1
            if k == start and not is_first:
                return k, total, has_terms
            is_first = False
            word, value = words[k], None
            if word[:1].isdigit() or word[:1] == ".":
                value = float(word) if word != "." else self._fail_at(k, "a number or a column")
                k += 1
                word = words[k]
            column = columns.get(word)
            if column is None and _IS_NAME(word) and words[k + 1] != ":":
                if word.lower() in _INFINITIES:
                    if value is not None:
                        self._fail_at(k, "a column")
                    value = math.inf
                    k += 1
                else:
                    column = draft.add_column(word, self._lines[k])
            if column is not None and words[k + 1] != ":":
                coefficient = sign if value is None else sign * value
                if math.isinf(coefficient):
                    self._fail(f"the coefficient of {word!r} is not finite.", self._lines[k])
                draft.add_entry(row, column, coefficient, self._lines[k])
                has_terms = True
                k += 1
            elif value is not None:
                total += sign * (value if value < INFINITY else math.inf)
            else:
                self._fail_at(k, "a number or a column")

    def _value(self, k: int) -> tuple[int, float]:
        sign = 1.0
        while self._words[k] in ("+", "-"):
            sign = -sign if self._words[k] == "-" else sign
            k += 1
        word = self._words[k]
        if not word or not (word[0].isdigit() or word[0] == "." or word.lower() in _INFINITIES):
            self._fail_at(k, "a number")
        return k + 1, sign * self._draft.number(word, self._lines[k], is_side=True)

    def _relation(self, k: int) -> int:
        if self._words[k] not in _RELATIONS:
            self._fail_at(k, "a relation (<=, >=, =)")
        return _RELATIONS[self._words[k]]


def write(instance: MILPInstance, path: Path) -> None:
    """
    Write a file that reads back to the last bit; every column stands in the objective, so that their order stays.

    Raises
    ------
    ValueError
        If a name can't stand in an LP file, or a side, bound or constant is beyond what it can say.
    """
    rows, columns = written_names(instance, _refuse_name)
    check_written(instance)
    if abs(instance.offset) >= INFINITY:
        raise ValueError(f"a constant of {INFINITY:g} or more is infinite to readers of LP files; write mps.")
    data, indices, indptr = (array.tolist() for array in (instance.data, instance.indices, instance.indptr))
    terms = _joined([_term(value, name) for value, name in zip(instance.cost.tolist(), columns, strict=True)])
    constant = f" {_signed(instance.offset)}" if instance.offset or not columns else ""
    parts = [f"\\Problem name: {' '.join(instance.name.split())}\n", "Maximize" if instance.maximize else "Minimize"]
    parts += [f" {fresh('obj', rows)}: {terms}{constant}", "Subject To"]
    empty = f"0 {columns[0]}" if columns else "0"
    for row, (name, low, high) in enumerate(
        zip(rows, instance.row_lower.tolist(), instance.row_upper.tolist(), strict=True)
    ):
        part = range(indptr[row], indptr[row + 1])
        terms = _joined([_term(data[k], columns[indices[k]]) for k in part]) if part else empty
        if low == high:
            text = f"{terms} = {low!r}"
        elif -math.inf < low and high < math.inf:
            text = f"{low!r} <= {terms} <= {high!r}"
        else:
            text = f"{terms} <= {high!r}" if high < math.inf else f"{terms} >= {max(low, -1e30)!r}"
        parts.append(f" {name}: {text}")
    parts.append("Bounds")
    kinds: dict[str, list[str]] = {"Generals": [], "Binaries": []}
    for name, low, high, is_integer in zip(
        columns, instance.col_lower.tolist(), instance.col_upper.tolist(), instance.is_integer.tolist(), strict=True
    ):
        is_binary = is_integer and (low, high) == (0.0, 1.0)
        if is_integer:
            kinds["Binaries" if is_binary else "Generals"].append(name)
        if is_binary or (low, high) == (0.0, math.inf):
            continue
        if (low, high) == (-math.inf, math.inf):
            parts.append(f" {name} free")
        elif low == high:
            parts.append(f" {name} = {low!r}")
        else:
            parts.append(f" {low!r} <= {name}" + f" <= {high!r}" * (high < math.inf))
    for kind, names in kinds.items():
        if names:
            parts += [kind, *(f" {name}" for name in names)]
    path.write_text("\n".join([*parts, "End\n"]), encoding="utf-8")


def _term(value: float, name: str) -> str:
    return f"{_signed(value)} {name}"


def _signed(value: float) -> str:
    return f"- {-value!r}" if value < 0 else f"+ {value!r}"


def _joined(terms: list[str]) -> str:
    """Terms in short lines: other readers have limits."""
    lines = [" ".join(terms[k : k + _TERMS_PER_LINE]) for k in range(0, len(terms), _TERMS_PER_LINE)]
    return "\n  ".join(lines)


def _refuse_name(name: str) -> bool:
    return not _IS_NAME(name) or name.lower() in _RESERVED or _HEADER.match(name) is not None


LP = Format(
    name="lp",
    title="LP files (CPLEX): mixed-integer linear programs",
    problems=("milp",),
    suffixes={".lp": ("milp",)},
    sniff=sniff,
    read=read,
    write=write,
)
