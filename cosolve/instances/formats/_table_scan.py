"""Structure of a separated table, checked byte by byte before its numbers are parsed."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit

_KINDS = ("", "few", "many", "missing", "several", "quote")
_FEW, _MANY, _MISSING, _SEVERAL, _QUOTE = range(1, len(_KINDS))


def scan(data: np.ndarray, start: int, separator: str, skip: np.ndarray) -> tuple[np.ndarray, int, str, int, int]:
    """
    Check that each line has one word in each column, and make bytes that a parser of blank-separated numbers reads.

    Parameters
    ----------
    data
        (size,) uint8.
    start
        Byte position of the first row; blank lines are no rows.
    separator
        Character between columns; a blank stands for any run of blanks.
    skip
        (num_columns,) bool: columns whose content does not matter; they are blanked.

    Returns
    -------
    clean, num_rows, kind, position, column
        Bytes of the same length, with separators and quotes blanked; number of rows; then "" or what is wrong
        ("few" or "many" columns, "missing" value, "several" words in one, open "quote"), where, and in which
        column ("few": how many there are).
    """
    clean = np.array(data)
    num_rows, kind, position, column = _scan(clean, start, ord(separator), skip)
    return clean, int(num_rows), _KINDS[kind], int(position), int(column)


@jit
def _scan(data: np.ndarray, start: int, separator: int, skip: np.ndarray) -> tuple[int, int, int, int]:
    size, num_columns = len(data), len(skip)
    by_blanks = separator == 32
    num_rows = 0
    i = start
    while i < size:
        begin = i
        i = _skip_blanks(data, i, separator)
        if i < size and data[i] == 10:
            i += 1
            continue
        if i >= size:
            break
        column = 0
        while True:
            # One column: blanks, a word that may stand in quotes, blanks, then a separator or the end of the line.
            i = _skip_blanks(data, i, separator)
            at_end = i >= size or data[i] == 10
            if at_end and by_blanks:
                break
            if column >= num_columns:
                return num_rows, _MANY, begin, column
            first, words = i, 0
            quoted = inside = False
            while i < size and data[i] != 10:
                byte = data[i]
                if byte == 34:
                    quoted = not quoted
                    data[i] = byte = 32
                elif not quoted and (byte == separator or (by_blanks and byte <= 32)):
                    break
                # A comma inside a value would be taken for a blank later: 1,5 is not the numbers 1 and 5.
                if byte == 44:
                    words = 2
                elif byte > 32 and not inside:
                    words += 1
                inside = byte > 32
                i += 1
            if quoted:
                return num_rows, _QUOTE, first, column
            if skip[column]:
                data[first:i] = 32
            elif words != 1:
                return num_rows, _MISSING if words == 0 else _SEVERAL, first, column
            column += 1
            if i >= size or data[i] == 10:
                break
            data[i] = 32
            i += 1
        if column != num_columns:
            return num_rows, _FEW, begin, column
        num_rows += 1
    return num_rows, 0, 0, 0


@jit
def _skip_blanks(data: np.ndarray, i: int, separator: int) -> int:
    """Position of the next byte that is no blank, or that separates columns or lines."""
    while i < len(data) and data[i] <= 32 and data[i] != 10 and (data[i] != separator or separator == 32):
        i += 1
    return i
