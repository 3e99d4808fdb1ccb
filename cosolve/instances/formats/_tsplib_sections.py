"""The grammar that TSPLIB and VRPLIB files share: keyword lines, sections, coordinates and matrix layouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.instances.formats.source import Source, plain

#: Rows of coordinates read at a time: bounds the memory held beside the result.
_ROWS = 1 << 18

#: EDGE_WEIGHT_FORMAT to (first, diagonal): whether rows of the stored triangle run above or below the diagonal,
#: and whether they hold it. The column layouts of a symmetric matrix are the row layouts of the other triangle.
LAYOUTS = {
    "UPPER_ROW": ("upper", False),
    "LOWER_ROW": ("lower", False),
    "UPPER_DIAG_ROW": ("upper", True),
    "LOWER_DIAG_ROW": ("lower", True),
    "UPPER_COL": ("lower", False),
    "LOWER_COL": ("upper", False),
    "UPPER_DIAG_COL": ("lower", True),
    "LOWER_DIAG_COL": ("upper", True),
}


@dataclass(frozen=True)
class Header:
    """
    What a file consists of.

    Parameters
    ----------
    source
        The file.
    keywords
        Keyword in upper case to (value, byte position of its line); several COMMENT lines are joined by newlines.
    sections
        Section name in upper case (``NODE_COORD_SECTION``) to the byte position where its body begins.
    """

    source: Source
    keywords: dict[str, tuple[str, int]]
    sections: dict[str, int]

    def value(self, keyword: str, default: str | None = None) -> str:
        """Value of a keyword; fails if it is missing and there is no default."""
        if keyword in self.keywords:
            return self.keywords[keyword][0]
        if default is None:
            self.source.fail(f"{keyword} is missing.")
        return default

    def word(self, keyword: str, default: str | None = None) -> str:
        """First word of a value in upper case: "TSP" of ``TYPE : TSP (M. Hofmeister)``."""
        words = self.value(keyword, default).upper().split()
        return words[0] if words else ""

    def integer(self, keyword: str, *, least: int = 0) -> int:
        """Value of a keyword that must be an integer."""
        text = self.value(keyword).strip()
        position = self.keywords[keyword][1]
        try:
            number = int(plain(text))
        except ValueError:
            self.source.fail(f"{keyword} must be an integer, got {text[:40]!r}.", position)
        if number < least:
            self.source.fail(f"{keyword} must be >= {least}, got {number}.", position)
        return number

    def position(self, name: str) -> int:
        """Byte position of a keyword's line or a section's body, for messages."""
        return self.keywords[name][1] if name in self.keywords else self.sections.get(name, 0)


def is_keyword_file(source: Source) -> bool:
    """Whether the first line looks like ``KEYWORD : value`` or ``NAME_SECTION``; never raises."""
    lines = source.head_lines
    if not lines:
        return False
    key, colon, _ = lines[0].partition(":")
    name = key.strip()
    return bool(colon and name and name.replace("_", "").isalnum() and name[0].isalpha()) or name.endswith("_SECTION")


def head_keywords(source: Source) -> dict[str, str]:
    """Keywords (upper case) to values as far as the head goes, sections to ""; for sniffing, never raises."""
    found: dict[str, str] = {}
    for line in source.head_lines:
        if not line[0].isalpha():
            continue
        key, _, value = line.partition(":")
        found.setdefault(key.strip().upper(), value.strip())
    return found


def scan(source: Source) -> Header:
    """
    Find all keywords and sections; section bodies are skipped over, not parsed.

    A line whose first character is a letter is ``KEYWORD : value`` (blanks around the colon are free),
    ``NAME_SECTION`` or ``EOF``; every other line belongs to the section before it.

    Raises
    ------
    InvalidFileError
        If a line is neither, data comes before any section, or a keyword or section comes twice.
    """
    keywords: dict[str, tuple[str, int]] = {}
    sections: dict[str, int] = {}
    comments: list[str] = []
    data = source.data
    position = int(_next_word_line(data, 0))
    if (data[:position] > 32).any():
        first = int(np.flatnonzero(data[:position] > 32)[0])
        source.fail("expected a keyword line (KEYWORD : value) at the beginning.", first)
    while position < len(data):
        _, line = next(source.lines(position))
        body = source.line_end(position)
        name, colon, value = line.partition(":")
        key = name.strip().upper()
        first_word = key.split()[0] if key else ""
        if first_word == "EOF":
            break
        if first_word.endswith("_SECTION"):
            if first_word in sections:
                source.fail(f"{first_word} comes twice.", position)
            is_alone = key == first_word  # then a colon may follow, behind blanks or none
            end = len(name + colon) if is_alone else line.upper().index(first_word) + len(first_word)
            sections[first_word] = body = position + end
        elif not colon:
            source.fail(f"expected KEYWORD : value, a section or EOF, got {line.strip()[:60]!r}.", position)
        elif key == "COMMENT":
            comments.append(value.strip())
            keywords.setdefault(key, ("", position))
        elif key in keywords:
            source.fail(f"{key} comes twice.", position)
        else:
            keywords[key] = (value.strip(), position)
        following = int(_next_word_line(data, body))
        if not sections and (data[body:following] > 32).any():
            stray = body + int(np.flatnonzero(data[body:following] > 32)[0])
            text = bytes(data[stray : stray + 60]).splitlines()[0].decode("latin-1")
            source.fail(f"expected KEYWORD : value, a section or EOF, got {text!r}.", stray)
        position = following
    if comments:
        keywords["COMMENT"] = ("\n".join(comments), keywords["COMMENT"][1])
    return Header(source, keywords, sections)


def node_coords(source: Source, position: int, n: int, *, what: str = "coordinate") -> tuple[np.ndarray, int]:
    """
    Read n lines "id x y"; the ids must be 1..n in any order.

    Parameters
    ----------
    source
        The file.
    position
        Where the section's body begins.
    n
        How many; checked against the size of the file before memory is taken.

    Returns
    -------
    coords, end
        (n, 2) float64 ordered by id, and the byte position behind the last number.

    Raises
    ------
    InvalidFileError
        If there are fewer, or an id is no integer, out of 1..n or given twice.
    """
    # "1 0 0" and a line end: six bytes at least.
    if n * 6 > len(source.data) - position + 1:
        source.fail(f"{n} nodes do not fit into the {len(source.data) - position} bytes that follow.", position)
    coords = np.full((n, 2), np.nan)
    seen = np.zeros(n, np.uint8)
    done = 0
    while done < n:
        rows = min(_ROWS, n - done)
        values, end = source.numbers(position, 3 * rows, what=what)
        table = values.reshape(-1, 3)
        bad = int(_place(table, coords, seen))
        if bad >= 0:
            _, at = source.numbers(position, 3 * bad + 1)
            number = table[bad, 0]
            why = "comes twice" if number in range(1, n + 1) else f"is not one of 1 to {n}"
            source.fail(f"node id {number:g} {why}; every id from 1 to {n} must come once.", at - 1)
        done += rows
        position = end
    return coords, position


def explicit_matrix(source: Source, position: int, n: int, layout: str) -> tuple[np.ndarray, int]:
    """
    Read an EDGE_WEIGHT_SECTION and expand it.

    Parameters
    ----------
    source
        The file.
    position
        Where the section's body begins.
    n
        Number of nodes; checked against the size of the file before memory is taken.
    layout
        FULL_MATRIX or one of :data:`LAYOUTS`.

    Returns
    -------
    matrix, end
        (n, n) float64 with a zero diagonal (the diagonal of the file means nothing), and the byte position
        behind the last number.

    Raises
    ------
    InvalidFileError
        If the layout is unknown, numbers are missing, or a weight is negative.
    """
    if layout != "FULL_MATRIX" and layout not in LAYOUTS:
        source.fail(f"EDGE_WEIGHT_FORMAT must be FULL_MATRIX or one of {', '.join(LAYOUTS)}; got {layout!r}.", position)
    if layout == "FULL_MATRIX":
        values, end = source.numbers(position, n * n, what="weight")
        matrix = values.reshape(n, n)
        np.fill_diagonal(matrix, 0.0)
    else:
        triangle, diagonal = LAYOUTS[layout]
        values, end = source.numbers(position, n * (n + 1) // 2 if diagonal else n * (n - 1) // 2, what="weight")
        matrix = _expand(values, n, triangle == "upper", diagonal)
    if n and matrix.min() < 0:
        # The diagonal may hold anything, so look for the first bad one among those that count.
        i, j = (int(k) for k in np.argwhere(matrix < 0)[0])
        source.fail(f"weights must be >= 0, got {matrix[i, j]:g} between nodes {i + 1} and {j + 1}.", position)
    return matrix, end


def require_end(source: Source, position: int, what: str) -> None:
    """Fail if anything but the next keyword line or the end of the file follows, naming what was complete."""
    size = len(source.data)
    while position < size and source.data[position] <= 32:
        position += 1
    if position < size:
        word = bytes(source.data[position : position + 40]).decode("latin-1").split()[0]
        start = position
        while start > 0 and source.data[start - 1] != 10 and source.data[start - 1] <= 32:
            start -= 1
        is_new_line = start == 0 or source.data[start - 1] == 10
        if not (word[0].isalpha() and is_new_line):
            source.fail(f"expected the end of the section after {what}, got {word!r}.", position)


@jit
def _next_word_line(data: np.ndarray, position: int) -> int:
    """Start of the first line from ``position`` on whose first visible character is a letter; its end if none."""
    size = len(data)
    while position < size:
        start = position
        while position < size and data[position] <= 32 and data[position] != 10:
            position += 1
        if position < size:
            letter = data[position] | 32
            # A position inside of a line (behind a section's name) is not the start of a line.
            if 97 <= letter <= 122 and (start == 0 or data[start - 1] == 10):
                return start
        while position < size and data[position] != 10:
            position += 1
        position += 1
    return size


@jit
def _place(table: np.ndarray, coords: np.ndarray, seen: np.ndarray) -> int:
    """Copy rows "id x y" to their places; index of the first row with a bad id, or -1."""
    n = len(coords)
    for row in range(len(table)):
        number = table[row, 0]
        if not (1.0 <= number <= n) or number != np.floor(number):
            return row
        node = int(number) - 1
        if seen[node]:
            return row
        seen[node] = 1
        coords[node, 0] = table[row, 1]
        coords[node, 1] = table[row, 2]
    return -1


@jit_allocating
def _expand(values: np.ndarray, n: int, upper: bool, diagonal: bool) -> np.ndarray:
    matrix = np.zeros((n, n))
    k = 0
    for i in range(n):
        if upper:
            begin, stop = (i if diagonal else i + 1), n
        else:
            begin, stop = 0, (i + 1 if diagonal else i)
        for j in range(begin, stop):
            if i != j:
                matrix[i, j] = values[k]
                matrix[j, i] = values[k]
            k += 1
    return matrix
