"""A MILP as far as its file has been read: what the MPS and the LP reader share."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

import numpy as np

from cosolve.instances.formats.source import Source, plain
from cosolve.instances.milp import MILPInstance

#: Sides and bounds from here on mean infinite, as in SCIP and HiGHS.
INFINITY = 1e20

#: Row number of the objective among the entries.
OBJECTIVE = -1


class Draft:
    """
    Rows, columns and entries with the lines that they stand in.

    Parameters
    ----------
    source
        The file, for errors.

    Attributes
    ----------
    rows, columns
        Name to number.
    row_lower, row_upper, col_lower, col_upper, is_integer
        One entry per row or column.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows: dict[str, int] = {}
        self.columns: dict[str, int] = {}
        self.row_lower: list[float] = []
        self.row_upper: list[float] = []
        self.col_lower: list[float] = []
        self.col_upper: list[float] = []
        self.is_integer: list[bool] = []
        self.offset = 0.0
        self.maximize = False
        self._row_lines: list[int] = []
        self._col_lines: list[int] = []
        self._entries: tuple[list[int], list[int], list[float], list[int]] = ([], [], [], [])

    def add_row(self, name: str, line: int, lower: float = -math.inf, upper: float = math.inf) -> int:
        """Declare a row."""
        number = len(self.row_lower)
        if self.rows.setdefault(name, number) != number:
            self.source.fail(f"row {name!r} comes twice.", line=line)
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        self._row_lines.append(line)
        return number

    def add_column(self, name: str, line: int) -> int:
        """Declare a column, continuous and >= 0."""
        number = len(self.col_lower)
        if self.columns.setdefault(name, number) != number:
            self.source.fail(f"column {name!r} comes twice.", line=line)
        self.col_lower.append(0.0)
        self.col_upper.append(math.inf)
        self.is_integer.append(False)
        self._col_lines.append(line)
        return number

    def add_entry(self, row: int, column: int, value: float, line: int) -> None:
        """Add a coefficient of a row, or of :data:`OBJECTIVE`."""
        rows, columns, values, lines = self._entries
        rows.append(row)
        columns.append(column)
        values.append(value)
        lines.append(line)

    def column(self, name: str, line: int) -> int:
        """Number of a column that must have been declared."""
        number = self.columns.get(name)
        if number is None:
            self.source.fail(f"unknown column {name!r}: it is in no row and not in the objective.", line=line)
        return number

    def set_side(self, row: int, line: int, *, lower: float | None = None, upper: float | None = None) -> None:
        """Set sides of a row; the line is that of errors about them."""
        if lower is not None:
            self.row_lower[row] = lower
        if upper is not None:
            self.row_upper[row] = upper
        self._row_lines[row] = line

    def set_bound(self, column: int, line: int, *, lower: float | None = None, upper: float | None = None) -> None:
        """Set bounds of a column; the line is that of errors about them."""
        if lower is not None:
            self.col_lower[column] = lower
        if upper is not None:
            self.col_upper[column] = upper
        self._col_lines[column] = line

    def number(self, word: str, line: int, *, is_side: bool = False) -> float:
        """A finite number, or of a side or bound also an infinity."""
        try:
            value = float(plain(word))
        except ValueError:
            value = math.nan
        if is_side and abs(value) >= INFINITY:
            return math.copysign(math.inf, value)
        if not math.isfinite(value):
            what = "a number or an infinity" if is_side else "a finite number"
            self.source.fail(f"expected {what}, got {word[:80]!r}.", line=line)
        return value

    def build(self, name: str, *, can_repeat: bool, has_row_names: bool = True) -> MILPInstance:
        """
        The instance, after the checks that need the whole file.

        Parameters
        ----------
        can_repeat
            Whether repeated entries add up; else they are errors.
        has_row_names
            Whether the file names its rows.
        """
        from scipy.sparse import csr_array

        self._check_pairs("row", list(self.rows), self.row_lower, self.row_upper, self._row_lines)
        self._check_pairs("column", list(self.columns), self.col_lower, self.col_upper, self._col_lines)
        m, n = len(self.row_lower), len(self.col_lower)
        rows, columns = (np.array(part, dtype=np.int64) for part in self._entries[:2])
        values = np.array(self._entries[2], dtype=np.float64)
        if not can_repeat:
            self._check_repeats(rows, columns, n)
        is_cost = rows == OBJECTIVE
        rest = ~is_cost
        matrix = csr_array((values[rest], (rows[rest], columns[rest])), shape=(m, n))
        return MILPInstance.from_scipy(
            matrix,
            cost=np.bincount(columns[is_cost], values[is_cost], n),
            row_lower=np.array(self.row_lower),
            row_upper=np.array(self.row_upper),
            col_lower=np.array(self.col_lower),
            col_upper=np.array(self.col_upper),
            is_integer=np.array(self.is_integer, dtype=np.bool_),
            offset=self.offset,
            maximize=self.maximize,
            row_names=tuple(self.rows) if has_row_names else (),
            col_names=tuple(self.columns),
            name=name,
        )

    def _check_pairs(
        self, what: str, names: list[str], lower: list[float], upper: list[float], lines: list[int]
    ) -> None:
        for number, (low, high) in enumerate(zip(lower, upper, strict=True)):
            if low > high or low == math.inf or high == -math.inf:
                text = f"{what} {names[number]!r} has the contradictory bounds {low:g} <= ... <= {high:g}."
                self.source.fail(text, line=lines[number])

    def _check_repeats(self, rows: np.ndarray, columns: np.ndarray, num_columns: int) -> None:
        _, first = np.unique((rows - OBJECTIVE) * num_columns + columns, return_index=True)
        if len(first) < len(rows):
            again = np.ones(len(rows), dtype=np.bool_)
            again[first] = False
            entry = int(np.flatnonzero(again)[0])
            column = list(self.columns)[int(columns[entry])]
            row = "the objective" if rows[entry] == OBJECTIVE else f"row {list(self.rows)[int(rows[entry])]!r}"
            self.source.fail(f"{row} comes twice in column {column!r}.", line=self._entries[3][entry])


def written_names(
    instance: MILPInstance, is_refused: Callable[[str], bool], column_words: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """
    Names of rows and columns for a file: their own, or "r0" and "x0" without.

    Parameters
    ----------
    is_refused
        Whether the format can't hold a name.
    column_words
        What no column may be called either, in capitals or not.

    Raises
    ------
    ValueError
        If the format can't hold a name.
    """
    m, n = len(instance.row_lower), instance.size
    rows = list(instance.row_names) or [f"r{row}" for row in range(m)]
    columns = list(instance.col_names) or [f"x{column}" for column in range(n)]
    for what, names, words in (("row", rows, ()), ("column", columns, column_words)):
        refused = next((name for name in names if is_refused(name) or name.upper() in words), None)
        if refused is not None:
            raise ValueError(f"the name {refused[:80]!r} of a {what} can't stand in this format; try another one.")
    return rows, columns


def fresh(name: str, taken: Collection[str]) -> str:
    """The name, with underscores behind it until it is not taken."""
    while name in taken:
        name += "_"
    return name


def check_written(instance: MILPInstance) -> None:
    """
    Refuse what no file can tell from an error or from infinity.

    Raises
    ------
    ValueError
        If bounds cross, or a finite one is as large as what readers take for infinite.
    """
    for what, low, high in (
        ("row", instance.row_lower, instance.row_upper),
        ("column", instance.col_lower, instance.col_upper),
    ):
        if ((low > high) | (low == np.inf) | (high == -np.inf)).any():
            raise ValueError(f"a {what} has crossing bounds: readers would call the file wrong.")
        sides = np.concatenate((low, high))
        if (np.isfinite(sides) & (np.abs(sides) >= INFINITY)).any():
            raise ValueError(
                f"a {what} has a finite bound of {INFINITY:g} or more: readers would take it for infinite."
            )
