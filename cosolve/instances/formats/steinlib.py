"""
SteinLib .stp files, the PACE 2018 .gr files without header, and edge lists of Steiner trees.

A file is a sequence of ``SECTION name`` ... ``END`` blocks, then ``EOF``; keywords ignore case, ``#`` starts a comment.
Graph and Terminals are read, Comment, Coordinates and Presolve are kept in ``meta``, a final solution and a tree
decomposition are skipped. All others (MaximumDegrees, NodeWeights, HopConstraint, ...) make it another problem.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.instance import frozen_array
from cosolve.core.jit import jit
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.source import Source, plain
from cosolve.instances.stp import EdgeSet, STPInstance

_MAGIC = "33d32945"

#: Characters of a line whose weight is not cut off by this limit, but refused.
_LONGEST = 2000

#: Sections that change nothing about the problem; the last two are skipped.
_HARMLESS = ("comment", "coordinates", "presolve", "finalsolution", "tree")

#: What the edge kernel may object to, by its code.
_FAULTS = {
    1: "expected 'E node node weight'",
    2: "node out of range",
    3: "weight must be finite and >= 0",
    4: "an edge must join two different nodes",
}


def sniff(source: Source) -> tuple[str, ...]:
    """The magic number, or a SECTION as the first line that is no comment."""
    for line in source.head_lines:
        if line.startswith("#"):
            continue
        low = line.lower()
        return ("stp",) if low.startswith(_MAGIC) or low.split()[0] == "section" else ()
    return ()


def read(source: Source, problem: str) -> STPInstance:
    """Read an instance; node numbers become 0-based, parallel edges are merged."""
    reader = _Reader(source)
    reader.run()
    return reader.instance()


class _Reader:
    """Walks through the sections and keeps what they say."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.num_nodes = -1
        self.edges: np.ndarray | None = None
        self.weights = np.empty(0)
        self.terminals: list[int] | None = None
        self.coords: np.ndarray | None = None
        self.meta: dict[str, Any] = {}
        self.name = source.stem

    def run(self) -> None:
        position, first = 0, True
        while position < len(self.source.data):
            start, text = next(self.source.lines(position))
            words = text.split("#")[0].split()
            position = self.source.line_end(start) + 1
            if not words:
                continue
            keyword = words[0].lower()
            if first and keyword == _MAGIC:
                pass
            elif keyword == "eof":
                break
            elif keyword == "section" and len(words) > 1:
                section = words[1].lower()
                if section == "graph":
                    position = self.graph(position, start)
                elif section != "terminals" and section not in _HARMLESS:
                    self.source.fail(f"section {words[1][:40]}: not the plain Steiner tree problem, not read.", start)
                else:
                    position = self.other(section, position, start)
            else:
                self.source.fail(f"expected SECTION or EOF, got {words[0]!r}.", start)
            first = False

    def graph(self, position: int, begin: int) -> int:
        source = self.source
        if self.edges is not None:
            source.fail("a second section Graph.", begin)
        num_edges = -1
        while True:
            start, words, position = self.line(position, begin, "Graph")
            keyword = words[0].lower()
            if keyword == "end":
                break
            if keyword == "nodes":
                self.num_nodes = self.count(words, start)
                # Edges name at most two nodes in 8 bytes: more nodes than bytes is a wrong or hostile file.
                if not 1 <= self.num_nodes <= max(1000, len(source.data)):
                    source.fail(f"Nodes must be >= 1 and not more than the file can hold, got {self.num_nodes}.", start)
            elif keyword == "edges":
                num_edges = self.count(words, start)
            elif keyword in ("arcs", "a"):
                source.fail("directed arcs: only undirected graphs (E lines) are supported.", start)
            elif keyword == "e":
                if self.num_nodes < 0:
                    source.fail("Nodes must come before the first edge.", start)
                if self.edges is not None:
                    source.fail("edges must stand together.", start)
                position = self.read_edges(start)
            elif keyword not in ("obstacles",):
                source.fail(f"expected Nodes, Edges, E or END, got {words[0]!r}.", start)
        if self.num_nodes < 0:
            source.fail("section Graph has no line Nodes.", begin)
        if self.edges is None:
            self.edges = np.empty((0, 2), np.int64)
        if num_edges >= 0 and num_edges != len(self.edges):
            source.fail(f"Edges says {num_edges}, but there are {len(self.edges)} lines E.", begin)
        return position

    def read_edges(self, start: int) -> int:
        source = self.source
        data = source.data
        count = int(_count_edges(data, start))
        edges = np.empty((count, 2), np.int64)
        self.weights = np.empty(count)
        begins = np.empty(count, np.int64)
        position, fault, filled = _parse_edges(data, start, self.num_nodes, edges, self.weights, begins)
        if fault:
            message = _FAULTS[fault] + (f" 1..{self.num_nodes}" if fault == 2 else "")
            source.fail(f"{message}, got {_text(data, position)!r}.", position)
        for k in np.flatnonzero(np.isnan(self.weights)):
            # More digits than a double holds exactly: leave the rounding to Python.
            line = int(begins[k])
            text = _text(data, line, _LONGEST)
            if len(text) == _LONGEST:
                source.fail(f"an edge must stand in a line of less than {_LONGEST} characters.", line)
            try:
                self.weights[k] = float(plain(text.split("#")[0].split()[3]))
            except ValueError:
                source.fail(f"{_FAULTS[3]}, got {_text(data, line)!r}.", line)
            if not 0 <= self.weights[k] < np.inf:
                source.fail(f"{_FAULTS[3]}, got {_text(data, line)!r}.", line)
        self.edges = edges[:filled]
        return int(position)

    def other(self, section: str, position: int, begin: int) -> int:
        source = self.source
        if section == "terminals" and self.terminals is not None:
            source.fail("a second section Terminals.", begin)
        terminals: list[int] = []
        claimed = -1
        coords: dict[int, list[float]] = {}
        for start, text in source.lines(position):
            words = text.split("#")[0].split() if section != "comment" else text.split()
            if not words:
                continue
            keyword = words[0].lower()
            if keyword == "end":
                break
            if keyword == "section":
                source.fail(f"section {section.capitalize()} has no END.", start)
            if section == "terminals":
                if keyword == "terminals":
                    claimed = self.count(words, start)
                elif keyword == "t":
                    terminals.append(self.node(words, start))
                elif keyword in ("root", "rootp"):
                    self.meta["root"] = self.node(words, start)
                else:
                    source.fail(f"expected Terminals, T, Root or END, got {words[0]!r}.", start)
            elif section == "comment":
                self.comment(keyword, text)
            elif section == "coordinates" and keyword in ("dd", "ddd"):
                coords[self.node(words, start)] = [self.number(word, start) for word in words[2:]]
            elif section == "presolve" and len(words) == 2 and keyword in ("fixed", "lower", "upper"):
                self.meta[f"presolve_{keyword}"] = self.number(words[1], start)
        else:
            source.fail(f"the file ends inside section {section.capitalize()}.", begin)
        if section == "terminals":
            if claimed >= 0 and claimed != len(terminals):
                source.fail(f"Terminals says {claimed}, but there are {len(terminals)} lines T.", begin)
            if len(set(terminals)) < len(terminals):
                source.fail("a terminal is given twice.", begin)
            if not terminals:
                source.fail("there must be at least 1 terminal.", begin)
            self.terminals = terminals
        if coords and sorted(coords) == list(range(self.num_nodes)) and len(set(map(len, coords.values()))) == 1:
            self.coords = frozen_array([coords[node] for node in range(self.num_nodes)], np.float64)
        return source.line_end(start) + 1

    def comment(self, keyword: str, text: str) -> None:
        value = text.split(None, 1)[1].strip().strip('"') if len(text.split(None, 1)) > 1 else ""
        if keyword == "name" and value:
            self.name = value
        elif keyword in ("creator", "remark", "date", "problem") and value:
            self.meta[keyword] = value

    def line(self, position: int, begin: int, section: str) -> tuple[int, list[str], int]:
        for start, text in self.source.lines(position):
            words = text.split("#")[0].split()
            if words:
                return start, words, self.source.line_end(start) + 1
        self.source.fail(f"the file ends inside section {section}.", begin)

    def count(self, words: list[str], start: int) -> int:
        if len(words) != 2 or not words[1].isascii() or not words[1].isdigit() or len(words[1]) > 15:
            self.source.fail(f"expected '{words[0]} number', got {' '.join(words)[:60]!r}.", start)
        return int(words[1])

    def node(self, words: list[str], start: int) -> int:
        if len(words) < 2 or not words[1].isascii() or not words[1].isdigit() or len(words[1]) > 15:
            self.source.fail(f"expected '{words[0]} node', got {' '.join(words)[:60]!r}.", start)
        node = int(words[1]) - 1
        if self.num_nodes < 0:
            self.source.fail("section Graph must come first.", start)
        if not 0 <= node < self.num_nodes:
            self.source.fail(f"node must be in 1..{self.num_nodes}, got {words[1]}.", start)
        return node

    def number(self, word: str, start: int) -> float:
        try:
            return float(plain(word))
        except ValueError:
            self.source.fail(f"expected a number, got {word!r}.", start)

    def instance(self) -> STPInstance:
        if self.edges is None:
            self.source.fail("there is no section Graph.")
        if self.terminals is None:
            self.source.fail("there is no section Terminals.")
        if self.coords is not None:
            self.meta["coords"] = self.coords
        return STPInstance(
            num_nodes=self.num_nodes,
            edges=self.edges,
            weights=self.weights,
            terminals=np.array(self.terminals),
            name=self.name,
            meta=self.meta,
        )


def _text(data: np.ndarray, start: int, length: int = 80) -> str:
    return bytes(data[start : start + length]).decode("latin-1").split("\n")[0].rstrip()


@jit
def _count_edges(data: np.ndarray, position: int) -> int:
    """Number of lines from here on that begin with E, up to the first that begins with anything else."""
    size = len(data)
    count = 0
    while position < size:
        while position < size and data[position] <= 32:
            position += 1
        if position >= size:
            break
        if data[position] == 69 or data[position] == 101:
            # "END" and "EOF" begin with E too.
            if position + 1 < size and data[position + 1] > 32:
                break
            count += 1
        elif data[position] != 35:
            break
        while position < size and data[position] != 10:
            position += 1
    return count


@jit
def _parse_edges(
    data: np.ndarray, position: int, num_nodes: int, edges: np.ndarray, weights: np.ndarray, begins: np.ndarray
) -> tuple[int, int, int]:
    """Fill the arrays; position behind the last line or of a faulty one, its fault, and the number filled."""
    size = len(data)
    k = 0
    while k < len(edges):
        while position < size and data[position] <= 32:
            position += 1
        begin = position
        if data[position] == 35:
            while position < size and data[position] != 10:
                position += 1
            continue
        position += 1
        for side in range(2):
            while position < size and (data[position] == 32 or data[position] == 9):
                position += 1
            node = 0
            digits = 0
            while position < size and 48 <= data[position] <= 57:
                node = min(node * 10 + (data[position] - 48), 1 << 50)
                digits += 1
                position += 1
            if digits == 0 or (position < size and data[position] > 32):
                return begin, 1, k
            if node < 1 or node > num_nodes:
                return begin, 2, k
            edges[k, side] = node - 1
        if edges[k, 0] == edges[k, 1]:
            return begin, 4, k
        while position < size and (data[position] == 32 or data[position] == 9):
            position += 1
        mantissa = 0
        digits = 0
        decimals = 0
        if position < size and data[position] == 45:
            return begin, 3, k
        while position < size and (48 <= data[position] <= 57 or data[position] == 46):
            if data[position] == 46:
                if decimals > 0:
                    return begin, 1, k
                decimals = 1
            else:
                mantissa = mantissa * 10 + (data[position] - 48)
                digits += 1
                if decimals > 0:
                    decimals += 1
                if digits > 15:
                    break
            position += 1
        weights[k] = mantissa / 10.0 ** max(decimals - 1, 0)
        begins[k] = begin
        if position < size and data[position] > 32 and data[position] != 35:
            # An exponent, more digits than a double holds, or no number: Python decides.
            weights[k] = np.nan
            while position < size and data[position] > 32:
                position += 1
        elif digits == 0:
            return begin, 1, k
        while position < size and data[position] != 10:
            if data[position] == 35:
                while position < size and data[position] != 10:
                    position += 1
                break
            if data[position] > 32:
                return begin, 1, k
            position += 1
        k += 1
    return position, 0, k


def write(instance: STPInstance, path: Path) -> None:
    """Write a SteinLib file; weights keep every digit, names and remarks become one line."""
    with path.open("w", encoding="utf-8") as file:
        file.write("33D32945 STP File, STP Format Version 1.0\n\nSECTION Comment\n")
        file.write(f'Name    "{_line(instance.name)}"\n')
        for key in ("creator", "remark", "date"):
            if key in instance.meta:
                file.write(f'{key.capitalize()} "{_line(instance.meta[key])}"\n')
        file.write(f"END\n\nSECTION Graph\nNodes {instance.num_nodes}\nEdges {instance.num_edges}\n")
        pairs = (instance.edges + 1).tolist()
        for (u, v), weight in zip(pairs, instance.weights.tolist()):
            file.write(f"E {u} {v} {_plain(weight)}\n")
        file.write(f"END\n\nSECTION Terminals\nTerminals {len(instance.terminals)}\n")
        file.writelines(f"T {t}\n" for t in (instance.terminals + 1).tolist())
        file.write("END\n\nEOF\n")


def _line(text: object) -> str:
    return " ".join(str(text).split())


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) and value < 2**53 else repr(value)


def read_solution(source: Source, instance: STPInstance) -> EdgeSet:
    """Read a PACE 2018 answer: an optional line ``VALUE w`` (ignored), then one edge ``u v`` per line, 1-based."""
    position = 0
    for start, text in source.lines():
        words = text.split()
        if not words or words[0].startswith(("#", "c")):
            continue
        if words[0].upper() != "VALUE":
            position = start
            break
    else:
        return EdgeSet(edges=np.empty((0, 2), np.int64))
    numbers, end = source.integers(position, what="node")
    rest = bytes(source.data[end : end + 80]).decode("latin-1").strip()
    if rest and not rest.upper().startswith("EOF"):
        source.fail(f"expected a node, got {rest.split()[0]!r}.", end)
    if len(numbers) % 2:
        source.fail(f"edges need two nodes each, got {len(numbers)} numbers.", position)
    return EdgeSet(edges=numbers.reshape(-1, 2) - 1)


def write_solution(instance: STPInstance, solution: EdgeSet, objective: float | None, path: Path) -> None:
    """Write a PACE 2018 answer."""
    with path.open("w") as file:
        if objective is None and not len(solution.edges):
            objective = 0.0  # an empty file would be no answer
        if objective is not None:
            file.write(f"VALUE {_plain(objective)}\n")
        file.writelines(f"{u} {v}\n" for u, v in (solution.edges + 1).tolist())


STEINLIB = Format(
    "steinlib",
    "SteinLib .stp and PACE 2018 .gr",
    ("stp",),
    {".stp": ("stp",), ".gr": ("stp",)},
    sniff,
    read,
    write,
)
SOLUTION = SolutionFormat(
    "stp-solution",
    "edges of a Steiner tree as in PACE 2018: VALUE w, then u v",
    ("stp",),
    (".stpsol", ".sol", ".ost"),
    read_solution,
    write_solution,
)
