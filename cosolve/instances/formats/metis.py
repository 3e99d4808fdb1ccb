"""METIS graph files: one line of neighbours for each node."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.instances.formats._edge_lines import BOTH, check_sizes, header_line, is_header, make_instance, next_line
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance

_MESSAGES = {
    1: "expected an integer >= 0, got {token!r}.",
    2: "neighbours must be in 1..{n}, got {token!r}.",
    3: "node weights other than 1 make another problem, got {token!r}.",
    4: "the line of a node must hold its weights and pairs of neighbour and weight as the header says.",
    5: "more lines than the {n} nodes declared.",
    6: "the file ends before the lines of all {n} nodes.",
    7: "more neighbours than twice the number of edges declared.",
}


def _shape(words: list[str]) -> tuple[int, int, int, int] | None:
    """Nodes, edges, number of node weights, 1 if edges have weights; ``None`` if it is no header."""
    if not is_header(words, least=2, most=4):
        return None
    fmt = words[2].zfill(3) if len(words) > 2 else "000"
    if len(fmt) != 3 or set(fmt) - set("01"):
        return None
    sizes = int(fmt[0])
    weights = int(fmt[1]) * (int(words[3]) if len(words) > 3 else 1)
    if weights > 1000:
        return None
    return int(words[0]), int(words[1]), sizes + weights, int(fmt[2])


def sniff_metis(source: Source) -> tuple[str, ...]:
    """Whether there is a header ``n m [fmt [ncon]]``, and as many lines and numbers as it says."""
    lines = [line for line in source.head_lines if not line.startswith("%")]
    shape = _shape(lines[0].split()) if lines else None
    if shape is None or source.head.startswith("%%Matrix"):
        return ()
    n, m, node_weights, edge_weight = shape
    for line in lines[1:50]:
        if not all(word.isascii() and word.isdigit() for word in line.split()):
            return ()
    if source.suffix in (".metis", ".graph"):
        return BOTH
    rows, words = _count_rows(source.data)
    expected = len(lines[0].split()) + n * node_weights + 2 * m * (1 + edge_weight)
    # Blank lines at the end are no nodes, and editors drop the line of a last node without neighbours.
    return BOTH if words == expected and rows == n + 1 else ()


def read_metis(source: Source, problem: str) -> MISInstance | MDSInstance:
    """
    Read ``n m [fmt [ncon]]``, then for each node a line with its neighbours, ids from 1; % lines are comments.

    Edge weights mean nothing to mis and mds and are ignored; node weights other than 1 are refused.
    """
    position, line = header_line(source, "%")
    shape = _shape(line.split())
    if shape is None:
        source.fail(f"expected 'nodes edges [fmt [ncon]]' with fmt of digits 0 and 1, got {line[:80]!r}.", position)
    n, m, node_weights, edge_weight = shape
    check_sizes(source, n, m, position, least=2)
    tails = np.empty(2 * m, np.int64)
    heads = np.empty(2 * m, np.int64)
    filled, kind, place = _parse(source.data, next_line(source, position), n, node_weights, edge_weight, tails, heads)
    if kind:
        place = min(place, max(len(source.data) - 1, 0))
        source.fail(_MESSAGES[kind].format(token=source._token(place)[:80], n=n), place)
    if filled != 2 * m:
        source.fail(f"{m} edges are declared, but the lines hold {filled} neighbours, not {2 * m}.", position)
    graph = Graph.from_edges(n, tails, heads)
    if not _is_symmetric(n, tails, heads, graph.indptr):
        source.fail("every edge must stand in the lines of both its ends, once in each, and loops are not allowed.")
    return make_instance(problem, graph, source.stem, {})


def write_metis(instance: MISInstance | MDSInstance, path: Path) -> None:
    """Write ``n m`` and a line for each node."""
    graph = instance.graph
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{graph.num_nodes} {graph.num_edges}\n")
        for node in range(graph.num_nodes):
            file.write(" ".join(map(str, (graph.neighbours(node) + 1).tolist())) + "\n")


@jit_allocating
def _is_symmetric(n: int, tails: np.ndarray, heads: np.ndarray, indptr: np.ndarray) -> bool:
    # Cleaning drops repeats: every node's own line must be as long as its row, and so must its mentions be.
    lines = np.zeros(n, np.int64)
    mentions = np.zeros(n, np.int64)
    for k in range(len(tails)):
        lines[tails[k]] += 1
        mentions[heads[k]] += 1
    return np.array_equal(lines, np.diff(indptr)) and np.array_equal(lines, mentions)


@jit
def _count_rows(data: np.ndarray) -> tuple[int, int]:
    """Lines up to the last that is not blank, comments apart but blank lines included; words in them."""
    rows = words = pending = 0
    position = 0
    size = len(data)
    while position < size:
        is_comment = data[position] == 37
        inside = any_word = False
        while position < size and data[position] != 10:
            blank = data[position] <= 32
            if not blank and not inside and not is_comment:
                words += 1
                any_word = True
            inside = not blank
            position += 1
        position += 1
        if is_comment:
            continue
        pending += 1
        if any_word or rows > 0:
            rows += pending if any_word else 0
            pending = 0 if any_word else pending
        else:
            pending = 0  # blank lines before the header
    # Nodes without neighbours at the end are blank lines that do count: the number of lines is what is declared.
    return rows + pending, words


@jit
def _parse(
    data: np.ndarray,
    position: int,
    n: int,
    node_weights: int,
    edge_weight: int,
    tails: np.ndarray,
    heads: np.ndarray,
) -> tuple[int, int, int]:
    """Number of neighbours read; kind (see ``_MESSAGES``) and byte position of the first fault."""
    size = len(data)
    filled = 0
    node = 0
    while position < size:
        if data[position] == 37:
            while position < size and data[position] != 10:
                position += 1
            position += 1
            continue
        column = 0
        line = position
        while True:
            while position < size and data[position] <= 32 and data[position] != 10:
                position += 1
            if position >= size or data[position] == 10:
                break
            if node >= n:
                return filled, 5, position
            begin = position
            value = 0
            while position < size and 48 <= data[position] <= 57:
                value = min(value * 10 + (data[position] - 48), 1 << 55)
                position += 1
            if begin == position or (position < size and data[position] > 32):
                return filled, 1, begin
            if column < node_weights:
                if value != 1:
                    return filled, 3, begin
            elif (column - node_weights) % (1 + edge_weight) == 0:
                if value < 1 or value > n:
                    return filled, 2, begin
                if filled == len(tails):
                    return filled, 7, begin
                tails[filled] = node
                heads[filled] = value - 1
                filled += 1
            column += 1
        position += 1
        if node < n and (column < node_weights or (column - node_weights) % (1 + edge_weight)):
            return filled, 4, line
        node += 1
    if node < n:
        return filled, 6, size
    return filled, 0, size


METIS = Format(
    "metis",
    "METIS graph (a line of neighbours for each node)",
    BOTH,
    {".metis": BOTH, ".graph": BOTH},
    sniff_metis,
    read_metis,
    write_metis,
)
