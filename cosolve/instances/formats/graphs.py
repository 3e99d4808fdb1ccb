"""Graph files: DIMACS, PACE, METIS, Matrix Market, edge lists; and files of node sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from cosolve.core.jit import jit
from cosolve.instances.formats._edge_lines import (
    BOTH,
    check_sizes,
    comment_text,
    count_lines,
    data_lines,
    header_line,
    is_header,
    make_instance,
    next_line,
    parse_edges,
)
from cosolve.instances.formats._integer_rows import integer_rows
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.metis import METIS
from cosolve.instances.formats.source import Source, is_number
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance, NodeSet

__all__ = ["DIMACS", "EDGE_LIST", "MATRIX_MARKET", "METIS", "NODE_SET", "PACE"]

_DIMACS_KINDS = ("edge", "col", "edges")
_PACE_KINDS = {"td": BOTH, "vc": ("mis",), "ds": ("mds",)}

#: The largest clique instances have 4,000; so many take a hundred million pairs.
_MAX_COMPLEMENTED = 15_000

GraphInstance = MISInstance | MDSInstance


def sniff_dimacs(source: Source) -> tuple[str, ...]:
    """Whether the first line that is no comment is ``p edge|col ...``."""
    return BOTH if _problem_line(source)[:1] in ([kind] for kind in _DIMACS_KINDS) else ()


def _problem_line(source: Source) -> list[str]:
    """Words behind the "p" of the first line that is no comment."""
    for line in source.head_lines:
        words = line.split()
        if words[0] != "c" and not line.startswith("c"):
            return words[1:] if words[0] == "p" else []
    # Comments longer than the head: the line must be searched.
    if source.head_lines and source.head_lines[0].startswith("c"):
        for _, text in source.lines():
            words = text.split()
            if words and not text.lstrip().startswith("c"):
                return words[1:] if words[0] == "p" else []
    return []


def read_dimacs(source: Source, problem: str, *, complement: bool | None = None) -> GraphInstance:
    """
    Read ``p edge n m`` and m lines ``e i j`` with ids from 1.

    Repeated edges and loops are legal and dropped, but count as lines: another number of lines than declared is
    an error.

    Parameters
    ----------
    complement
        Whether to take the pairs of nodes that are no edges, in which a clique is an independent set; a file of a
        clique instance (.clq) has to be told.
    """
    if complement is None and ".clq" in source.suffixes:
        source.fail(
            "a .clq file is a clique instance: complement=true (--set complement=true) reads it as the independent set "
            "instance that it is, complement=false takes the graph as it stands."
        )
    instance = _read_declared(source, problem, _DIMACS_KINDS, "e")
    return replace(instance, graph=_complement(source, instance.graph)) if complement else instance


def _complement(source: Source, graph: Graph) -> Graph:
    if graph.num_nodes > _MAX_COMPLEMENTED:
        source.fail(f"complement takes graphs of at most {_MAX_COMPLEMENTED} nodes, got {graph.num_nodes}.")
    is_edge = np.zeros((graph.num_nodes, graph.num_nodes), np.bool_)
    tails, heads = graph.edges().T
    is_edge[tails, heads] = is_edge[heads, tails] = True
    return Graph.from_edges(graph.num_nodes, *np.nonzero(np.triu(~is_edge, 1)))


def _read_declared(source: Source, problem: str, kinds: tuple[str, ...], prefix: str) -> GraphInstance:
    position, line = header_line(source, "c")
    words = line.split()
    allowed = "|".join(kinds)
    if len(words) != 4 or words[0] != "p" or words[1] not in kinds or not is_header(words[2:]):
        source.fail(f"expected 'p {allowed} nodes edges', got {line[:80]!r}.", position)
    num_nodes, num_edges = int(words[2]), int(words[3])
    check_sizes(source, num_nodes, num_edges, position)
    tails, heads = parse_edges(
        source, next_line(source, position), comments="c", prefix=prefix, count=num_edges, num_nodes=num_nodes
    )
    comment = comment_text(source, "c")
    meta = {"comment": comment} if comment else {}
    return make_instance(problem, Graph.from_edges(num_nodes, tails, heads), source.stem, meta)


def write_dimacs(instance: GraphInstance, path: Path) -> None:
    """Write ``p edge n m`` and one line for each edge."""
    _write_edges(instance, path, f"p edge {instance.graph.num_nodes} {instance.graph.num_edges}", "e ")


def _write_edges(instance: GraphInstance, path: Path, header: str, prefix: str) -> None:
    edges = instance.graph.edges()
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"c {line}\n" for line in str(instance.meta.get("comment", "")).splitlines())
        file.write(header + "\n")
        file.writelines(integer_rows(edges + 1, prefix))


def sniff_pace(source: Source) -> tuple[str, ...]:
    """
    Whether there is a line ``p td|vc|ds``, or none but a first line ``n m`` with m lines of two ids behind it.

    In a file .gr, PACE's suffix, any number of lines may follow: the reader says that some are missing.
    """
    kind = _problem_line(source)[:1]
    if kind:
        return _PACE_KINDS.get(kind[0], ())
    return BOTH if _is_bare(source, "c") else ()


def _is_bare(source: Source, comments: str) -> bool:
    """Whether the file is ``n m``, then exactly m lines with two ids in 1..n; or lines of two in a file .gr."""
    rows = data_lines(source, comments)
    if not rows or not is_header(rows[0]):
        return False
    if source.suffix == ".gr":
        # Without its end such a file would be a list of edges, the header among them. The last line may be cut too.
        return all(is_header(row) for row in rows[1:-1]) and len(rows[-1]) <= 2
    n, m = int(rows[0][0]), int(rows[0][1])
    for row in rows[1:]:
        if not is_header(row) or not all(1 <= int(word) <= n for word in row):
            return False
    return count_lines(source.data, 0, np.frombuffer(comments.encode(), np.uint8))[0] == m + 1


def read_pace(source: Source, problem: str) -> GraphInstance:
    """
    Read ``p td|vc|ds n m`` and m lines ``i j`` with ids from 1; lines that start with c are comments anywhere.

    A first line ``n m`` without "p vc" is read as well: some copies of the vertex cover instances have it.
    """
    position, line = header_line(source, "c")
    words = line.split()
    if words[0] == "p":
        return _read_declared(source, problem, tuple(_PACE_KINDS), "")
    if not is_header(words):
        source.fail(f"expected 'p td|vc|ds nodes edges' or 'nodes edges', got {line[:80]!r}.", position)
    num_nodes, num_edges = int(words[0]), int(words[1])
    check_sizes(source, num_nodes, num_edges, position)
    start = next_line(source, position)
    tails, heads = parse_edges(source, start, comments="c", count=num_edges, num_nodes=num_nodes)
    return make_instance(problem, Graph.from_edges(num_nodes, tails, heads), source.stem, {})


def write_pace(instance: GraphInstance, path: Path) -> None:
    """Write ``p ds n m`` or ``p vc n m`` and one line for each edge."""
    kind = "ds" if instance.problem == "mds" else "vc"
    _write_edges(instance, path, f"p {kind} {instance.graph.num_nodes} {instance.graph.num_edges}", "")


def sniff_matrix_market(source: Source) -> tuple[str, ...]:
    """Whether the banner is there."""
    return BOTH if source.head[:15].lower() == "%%matrixmarket " else ()


def read_matrix_market(source: Source, problem: str) -> GraphInstance:
    """
    Read a square matrix in coordinate form as a graph: every stored entry off the diagonal is an edge.

    Values, zeros included, and the direction of entries mean nothing here.
    """
    banner = source.head_lines[0].lower().split()
    if len(banner) != 5 or banner[1:3] != ["matrix", "coordinate"]:
        source.fail("expected '%%MatrixMarket matrix coordinate FIELD SYMMETRY'.", 0)
    extra = {"pattern": 0, "integer": 1, "real": 1, "double": 1, "complex": 2}.get(banner[3])
    if extra is None:
        source.fail(f"field must be pattern, integer, real or complex, got {banner[3]!r}.", 0)
    if banner[4] not in ("general", "symmetric", "skew-symmetric", "hermitian"):
        source.fail(f"symmetry must be general, symmetric, skew-symmetric or hermitian, got {banner[4]!r}.", 0)
    position, line = header_line(source, "%")
    words = line.split()
    if not is_header(words, least=3, most=3):
        source.fail(f"expected 'rows columns entries', got {line[:80]!r}.", position)
    rows, columns, entries = map(int, words)
    if rows != columns:
        source.fail(f"the matrix of a graph must be square, got {rows} x {columns}.", position)
    check_sizes(source, rows, entries, position)
    start = next_line(source, position)
    tails, heads = parse_edges(
        source, start, comments="%", columns=(2 + extra, 2 + extra), count=entries, num_nodes=rows
    )
    return make_instance(problem, Graph.from_edges(rows, tails, heads), source.stem, {})


def write_matrix_market(instance: GraphInstance, path: Path) -> None:
    """Write the lower triangle as a symmetric pattern."""
    graph = instance.graph
    with path.open("w", encoding="utf-8") as file:
        file.write("%%MatrixMarket matrix coordinate pattern symmetric\n")
        file.write(f"{graph.num_nodes} {graph.num_nodes} {graph.num_edges}\n")
        file.writelines(integer_rows(graph.edges()[:, ::-1] + 1))


def sniff_edge_list(source: Source) -> tuple[str, ...]:
    """Whether every line of the head is two ids, or two ids and a number, and no header format fits better."""
    rows = data_lines(source, "#%")
    if not rows or source.head.startswith("%%Matrix"):
        return ()
    body = rows[1:] if len(rows[0]) == 2 and len(rows) > 1 else rows
    width = len(body[0])
    if width not in (2, 3) or len(rows[0]) > width:
        return ()
    if not is_header(rows[0][:2]):
        return ()
    for row in body:
        if len(row) != width or not is_header(row[:2]) or not is_number(row[-1]):
            return ()
    if "#" not in source.head and width == 2 and _is_bare(source, "c"):
        return ()
    if width == 3 and len(rows[0]) == 3 and len(rows) < 2:
        return ()
    return BOTH


def read_edge_list(source: Source, problem: str) -> GraphInstance:
    """
    Read lines ``i j`` or ``i j weight`` with # or % comments.

    A first line ``n m`` is a header if it is the only one with two columns, or if exactly m lines with ids below
    n follow: then there are n nodes with ids from 0. Otherwise the ids that occur are all the nodes there are;
    they are numbered in ascending order, and the original ids are kept in ``meta["original_ids"]``. Weights mean
    nothing to mis and mds and are ignored.
    """
    position, line = header_line(source, "#%")
    words = line.split()
    start = next_line(source, position)
    marks = np.frombuffer(b"#%", np.uint8)
    lines, num_words = count_lines(source.data, position, marks)
    declared = is_header(words) and num_words == 2 + 3 * (lines - 1) and lines > 1
    if declared:
        num_nodes, num_edges = int(words[0]), int(words[1])
        check_sizes(source, num_nodes, num_edges, position)
        tails, heads = parse_edges(
            source, start, comments="#%", columns=(3, 3), count=num_edges, num_nodes=num_nodes, base=0
        )
        return make_instance(problem, Graph.from_edges(num_nodes, tails, heads), source.stem, {})
    width = len(words) if len(words) in (2, 3) else 2
    tails, heads = parse_edges(source, 0, comments="#%", columns=(width, width))
    if not len(tails):
        source.fail("expected lines of two node numbers, there are none.", position)
    n, m = int(tails[0]), int(heads[0])
    if width == 2 and len(tails) == m + 1 and len(tails) > 1 and max(tails[1:].max(), heads[1:].max()) < n:
        check_sizes(source, n, m, position)
        return make_instance(problem, Graph.from_edges(n, tails[1:], heads[1:]), source.stem, {})
    ids, inverse = np.unique(np.concatenate((tails, heads)), return_inverse=True)
    tails, heads = inverse[: len(tails)], inverse[len(tails) :]
    meta = {} if len(ids) == ids[-1] + 1 else {"original_ids": ids}
    return make_instance(problem, Graph.from_edges(len(ids), tails, heads), source.stem, meta)


def write_edge_list(instance: GraphInstance, path: Path) -> None:
    """Write ``n m`` and lines ``i j 1`` with ids from 0: the header keeps nodes without edges."""
    graph = instance.graph
    if graph.num_edges == 0:
        raise ValueError("an edge list can't hold a graph without edges; write it as DIMACS (.gph).")
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{graph.num_nodes} {graph.num_edges}\n")
        edges = graph.edges()
        file.writelines(integer_rows(np.column_stack([edges, np.ones(len(edges), edges.dtype)])))


def read_node_set(source: Source, instance: GraphInstance) -> NodeSet:
    """
    Read the number of nodes, then as many ids from 1, one in each line; lines that start with c are comments.

    The count is mandatory: a list without one could not be told from a list that was cut.
    """
    position, line = header_line(source, "c")
    words = line.split()
    if not is_header(words, least=1, most=1):
        source.fail(f"expected the number of nodes, got {line[:80]!r}.", position)
    start = next_line(source, position)
    count, _ = count_lines(source.data, start, np.frombuffer(b"c", np.uint8))
    if int(words[0]) != count:
        source.fail(f"{words[0]} nodes are declared, but {count} lines follow.", position)
    nodes = np.empty(count, np.int64)
    filled, place = _parse_ids(source.data, start, nodes)
    if filled < count:
        source.fail(f"expected one node id >= 1, got {source._token(place)[:80]!r}.", place)
    return NodeSet(nodes=nodes - 1)


def write_node_set(instance: GraphInstance, solution: NodeSet, objective: float | None, path: Path) -> None:
    """Write the number of nodes, then one id from 1 in each line."""
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{len(solution.nodes)}\n")
        file.writelines(integer_rows(np.asarray(solution.nodes)[:, None] + 1))


@jit
def _parse_ids(data: np.ndarray, position: int, ids: np.ndarray) -> tuple[int, int]:
    """Number of lines with exactly one positive integer read into ``ids``, and the position of the first other."""
    size = len(data)
    filled = 0
    while filled < len(ids):
        while position < size and data[position] <= 32:
            position += 1
        if position < size and data[position] == 99:
            while position < size and data[position] != 10:
                position += 1
            continue
        begin = position
        value = 0
        while position < size and 48 <= data[position] <= 57:
            value = min(value * 10 + (data[position] - 48), 1 << 55)
            position += 1
        digits = position - begin
        while position < size and data[position] <= 32 and data[position] != 10:
            position += 1
        if digits == 0 or value == 0 or (position < size and data[position] != 10):
            return filled, min(begin, max(size - 1, 0))
        ids[filled] = value
        filled += 1
    return filled, position


DIMACS = Format(
    "dimacs",
    "DIMACS graph (p edge n m, e i j)",
    BOTH,
    {".mis": ("mis",), ".gph": BOTH, ".col": BOTH, ".dimacs": BOTH, ".mds": ("mds",)},
    sniff_dimacs,
    read_dimacs,
    write_dimacs,
    {"complement": "whether the pairs that are no edges are the graph's; must be said for a clique instance (.clq)"},
)

PACE = Format("pace", "PACE graph (p vc|ds|td n m)", BOTH, {".gr": BOTH}, sniff_pace, read_pace, write_pace)

MATRIX_MARKET = Format(
    "matrix-market",
    "Matrix Market coordinate file as a graph",
    BOTH,
    {".mtx": BOTH, ".mm": BOTH},
    sniff_matrix_market,
    read_matrix_market,
    write_matrix_market,
)

EDGE_LIST = Format(
    "edge-list",
    "list of edges (SNAP, DRGraph)",
    BOTH,
    {".txt": BOTH, ".edges": BOTH, ".el": BOTH, ".edgelist": BOTH},
    sniff_edge_list,
    read_edge_list,
    write_edge_list,
)

NODE_SET = SolutionFormat(
    "node-set",
    "number of nodes, then one id from 1 in each line (PACE)",
    BOTH,
    (".sol", ".txt"),
    read_node_set,
    write_node_set,
)
