"""Lines of integers in graph files: compiled scanning and parsing, shared by all graph formats."""

from __future__ import annotations

from typing import Any

import numpy as np

from cosolve.core.jit import jit
from cosolve.instances.formats.source import Source
from cosolve.instances.graphs import MAX_NODES, Graph, MDSInstance, MISInstance

#: Both problems on plain graphs.
BOTH = ("mis", "mds")
#: A file may declare nodes that have no edges, but not more than this beyond one for each of its bytes.
_MAX_UNNAMED = 1_000_000

_MESSAGES = {
    1: "expected an integer, got {token!r}.",
    2: "a line must hold {wanted}, this one ends early.",
    3: "a line must hold {wanted}, then {token!r} follows.",
    4: "a line must start with {prefix!r}, got {token!r}.",
}


def make_instance(problem: str, graph: Graph, name: str, meta: dict[str, Any]) -> MISInstance | MDSInstance:
    """Instance of the problem on a graph."""
    kind = MISInstance if problem == "mis" else MDSInstance
    return kind(graph=graph, name=name, meta=meta)


def check_sizes(source: Source, num_nodes: int, num_edges: int, position: int, least: int = 4) -> None:
    """Refuse declared sizes that the file is too short for; an edge takes ``least`` bytes."""
    if not 1 <= num_nodes <= min(MAX_NODES, len(source.data) + _MAX_UNNAMED):
        source.fail(f"number of nodes must be at least 1 and fit the length of the file, got {num_nodes}.", position)
    if not 0 <= num_edges <= (len(source.data) - position) // least + 1:
        source.fail(f"number of edges must be >= 0 and fit the length of the file, got {num_edges}.", position)


def is_header(words: list[str], *, least: int = 2, most: int = 2) -> bool:
    """Whether words are that many plain decimal numbers."""
    return least <= len(words) <= most and all(word.isascii() and word.isdigit() and len(word) < 16 for word in words)


def data_lines(source: Source, comments: str) -> list[list[str]]:
    """Words of the head's lines that are no comments, without a last line that may be cut."""
    lines = source.head_lines
    if len(source.data) > 65536:
        lines = lines[:-1]
    return [line.split() for line in lines if line[0] not in comments]


def header_line(source: Source, comments: str) -> tuple[int, str]:
    """Byte position and text of the first line that is neither blank nor a comment."""
    for position, line in source.lines():
        text = line.strip()
        if text and text[0] not in comments:
            return position, text
    source.fail("the file holds nothing but comments.", 0)


def next_line(source: Source, position: int) -> int:
    """Byte position behind the line that starts at a position."""
    for start, _ in source.lines(position):
        if start > position:
            return start
    return len(source.data)


def comment_text(source: Source, mark: str) -> str:
    """Leading comments of the head, without their marks."""
    texts = []
    for line in source.head_lines:
        if not line.startswith(mark):
            break
        texts.append(line[1:].strip())
    return "\n".join(texts[:50])


def parse_edges(
    source: Source,
    start: int,
    *,
    comments: str,
    prefix: str = "",
    columns: tuple[int, int] = (2, 2),
    count: int | None = None,
    num_nodes: int | None = None,
    base: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Read lines ``[prefix] i j [ignored...]`` to the end of the file.

    Parameters
    ----------
    start
        Byte position to start at.
    comments
        Characters that make a line a comment if they stand first.
    prefix
        Letter that every line must start with.
    columns
        Least and largest number of columns after the prefix; those behind the second may be any word.
    count
        Number of lines that must be there.
    num_nodes, base
        Ids must be in base..num_nodes-1+base, and are returned from 0; without ``num_nodes`` they are returned
        as they are, and must not be negative.

    Returns
    -------
    tails, heads
        int64.
    """
    marks = np.frombuffer(comments.encode(), np.uint8)
    lines, _ = count_lines(source.data, start, marks)
    # Counted from the bytes, so a huge claim takes no memory.
    ends = np.empty((2, lines), np.int64)
    letter = ord(prefix) if prefix else 0
    filled, kind, position = _parse(source.data, start, marks, letter, columns[0], columns[1], ends)
    if kind:
        wanted = f"{columns[0]} to {columns[1]} numbers" if columns[0] != columns[1] else f"{columns[0]} numbers"
        token = source._token(position)
        source.fail(_MESSAGES[kind].format(token=token[:80], wanted=wanted, prefix=prefix), position)
    if count is not None and filled != count:
        source.fail(f"{count} edges are declared, but {filled} lines of edges follow.", max(len(source.data) - 1, 0))
    low, high = (0, 2**53) if num_nodes is None else (base, num_nodes - 1 + base)
    if filled and not low <= ends.min() <= ends.max() <= high:
        line = int(np.flatnonzero(((ends < low) | (ends > high)).any(axis=0))[0])
        place = int(find_line(source.data, start, marks, line))
        source.fail(f"node ids must be in {low}..{high}.", place)
    if num_nodes is not None and base:
        ends -= base
    return ends[0], ends[1]


@jit
def count_lines(data: np.ndarray, start: int, marks: np.ndarray) -> tuple[int, int]:
    """Numbers of lines and of words in lines that are neither blank nor comments."""
    lines = words = 0
    position = start
    size = len(data)
    while position < size:
        while position < size and data[position] <= 32 and data[position] != 10:
            position += 1
        is_comment = False
        for mark in marks:
            if position < size and data[position] == mark:
                is_comment = True
        inside = any_word = False
        while position < size and data[position] != 10:
            blank = data[position] <= 32 or data[position] == 44
            if not blank and not inside:
                any_word = True
                words += 0 if is_comment else 1
            inside = not blank
            position += 1
        position += 1
        if any_word and not is_comment:
            lines += 1
    return lines, words


@jit
def find_line(data: np.ndarray, start: int, marks: np.ndarray, index: int) -> int:
    """Byte position of the data line with this number, counted from 0."""
    position = start
    size = len(data)
    while position < size:
        while position < size and data[position] <= 32:
            position += 1
        is_comment = False
        for mark in marks:
            if position < size and data[position] == mark:
                is_comment = True
        if position < size and not is_comment:
            if index == 0:
                return position
            index -= 1
        while position < size and data[position] != 10:
            position += 1
    return max(size - 1, 0)


@jit
def _parse(
    data: np.ndarray, start: int, marks: np.ndarray, letter: int, least: int, most: int, ends: np.ndarray
) -> tuple[int, int, int]:
    """Number of lines read; kind (see ``_MESSAGES``) and byte position of the first fault."""
    filled = 0
    position = start
    size = len(data)
    while True:
        while position < size and data[position] <= 32:
            position += 1
        if position >= size:
            return filled, 0, position
        is_comment = False
        for mark in marks:
            if data[position] == mark:
                is_comment = True
        if is_comment:
            while position < size and data[position] != 10:
                position += 1
            continue
        line = position
        if letter:
            if data[position] != letter or (position + 1 < size and data[position + 1] > 32):
                return filled, 4, position
            position += 1
        columns = 0
        while True:
            while position < size and (data[position] <= 32 or data[position] == 44) and data[position] != 10:
                position += 1
            if position >= size or data[position] == 10:
                break
            if columns == most:
                return filled, 3, position
            begin = position
            if columns < 2:
                value = 0
                negative = data[position] == 45
                if negative:
                    position += 1
                digits = 0
                while position < size and 48 <= data[position] <= 57:
                    value = min(value * 10 + (data[position] - 48), 1 << 55)
                    digits += 1
                    position += 1
                if digits == 0 or (position < size and data[position] > 32 and data[position] != 44):
                    return filled, 1, begin
                ends[columns, filled] = -value if negative else value
            else:
                while position < size and data[position] > 32 and data[position] != 44:
                    position += 1
            columns += 1
        if columns < least:
            return filled, 2, line
        filled += 1
