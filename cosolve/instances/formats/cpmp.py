"""Capacitated p-median files: OR-Library pmedcap, Lorena's (also FrontierCO's) coordinates, matrices; solutions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.formats._number_lines import number_lines
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.source import Source


def _layout(source: Source) -> str | None:
    """Which of "orlib", "lorena" and "matrix" the content is in."""
    lines = number_lines(source)
    if lines is None:
        return None
    n, p, seen = lines.first, lines.second, int(lines.starts[-1])
    num_lines = len(lines.starts) - 1
    if lines.num_rows_of(3) >= 1 and lines.starts[1] == 3 and lines.num_rows_of(4, 1) == num_lines - 1 > 0:
        return "orlib"
    if not 1 <= p <= n:
        return None
    if seen <= 4 * n and lines.num_rows_of(4) == num_lines and (seen == 4 * n or not lines.is_whole):
        return None if _is_job_shop(source, p) else "lorena"
    total = n * n + 2 * n
    ends = np.append(np.arange(n, n * n + 1, n), [n * n + n, total])
    if seen <= total and (seen == total or not lines.is_whole) and lines.breaks_at(ends):
        return "matrix"
    return None


def _is_job_shop(source: Source, num_machines: int) -> bool:
    """Two machines make job shop rows of four numbers too: machine, time, machine, time."""
    rows = [line.split() for line in source.head_lines[1:-1]]
    machines = [{row[0], row[2]} for row in rows if len(row) == 4]
    return num_machines == 2 and (all(m == {"0", "1"} for m in machines) or all(m == {"1", "2"} for m in machines))


def _sniff_as(source: Source, name: str) -> tuple[str, ...]:
    return ("cpmp",) if _layout(source) == name else ()


def _whole(source: Source, values: np.ndarray, end: int) -> None:
    rest = bytes(source.data[end : end + 4096]).strip()
    if rest:
        word = rest.split()[0][:40].decode("latin-1")
        source.fail(f"expected the end after {len(values)} numbers, got {word!r}.", end)


def _size(source: Source, n: int, p: int, position: int) -> None:
    if n < 1 or not 1 <= p <= n:
        source.fail(f"there must be n >= 1 nodes and 1 <= p <= n medians, got n = {n} and p = {p}.", position)


def read_orlib(source: Source, problem: str) -> CPMPInstance:
    """Read ``number value``, ``n p capacity``, then ``i x y demand``; distances are truncated to integers."""
    head, end = source.numbers(0, 5, what="number")
    number, value, capacity = head[0], head[1], float(head[4])
    if head[2] != int(head[2]) or head[3] != int(head[3]):
        source.fail(f"n and p must be integers, got {head[2]:g} and {head[3]:g}.", end)
    n, p = int(head[2]), int(head[3])
    _size(source, n, p, end)
    values, end = source.numbers(end, 4 * n)
    _whole(source, values, end)
    table = values.reshape(n, 4)
    if not np.array_equal(table[:, 0], np.arange(1, n + 1)):
        row = int(np.flatnonzero(table[:, 0] != np.arange(1, n + 1))[0])
        source.fail(
            f"nodes must be numbered 1..{n} in order, got {table[row, 0]:g} in place {row + 1}.",
            source.place(5 + 4 * row),
        )
    return CPMPInstance(
        name=source.stem,
        meta={"number": int(number), "optimum": float(value)},
        distances=Distances.from_coords(table[:, 1:3], Metric.FLOOR_2D),
        capacity=np.full(n, capacity),
        demand=table[:, 3],
        p=p,
    )


def read_lorena(source: Source, problem: str) -> CPMPInstance:
    """Read ``n p``, then ``x y capacity demand``; distances are unrounded."""
    head, end = source.integers(0, 2, what="size")
    n, p = int(head[0]), int(head[1])
    _size(source, n, p, 0)
    values, end = source.numbers(end, 4 * n)
    _whole(source, values, end)
    table = values.reshape(n, 4)
    distances = Distances.from_coords(table[:, :2], Metric.EXACT_2D)
    return CPMPInstance(name=source.stem, distances=distances, capacity=table[:, 2], demand=table[:, 3], p=p)


def read_matrix(source: Source, problem: str) -> CPMPInstance:
    """Read ``n p``, n rows of distances, a row of demands and a row of capacities."""
    head, end = source.integers(0, 2, what="size")
    n, p = int(head[0]), int(head[1])
    _size(source, n, p, 0)
    values, end = source.numbers(end, n * n + 2 * n)
    _whole(source, values, end)
    distances = Distances.from_matrix(values[: n * n].reshape(n, n))
    demand, capacity = values[n * n : n * n + n], values[n * n + n :]
    return CPMPInstance(name=source.stem, distances=distances, capacity=capacity, demand=demand, p=p)


def _number(value: float) -> str:
    # The shortest text that reads back as the same double.
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _rows(table: np.ndarray) -> str:
    return "".join(" ".join(map(_number, row)) + "\n" for row in table.tolist())


def write_orlib(instance: CPMPInstance, path: Path) -> None:
    """Write the OR-Library layout; only for truncated distances and one capacity for all."""
    if instance.distances.metric != Metric.FLOOR_2D or (instance.capacity != instance.capacity[0]).any():
        raise ValueError("cpmp-orlib holds only truncated Euclidean distances and one capacity for all nodes.")
    n = instance.size
    number, value = instance.meta.get("number", 1), float(instance.meta.get("optimum", 0))
    table = np.column_stack([np.arange(1, n + 1), instance.distances.coords, instance.demand])
    with path.open("w") as file:
        file.write(f"{number} {_number(value)}\n{n} {instance.p} {_number(float(instance.capacity[0]))}\n")
        file.write(_rows(table))


def write_lorena(instance: CPMPInstance, path: Path) -> None:
    """Write coordinates, capacities and demands; only for unrounded Euclidean distances."""
    if instance.distances.metric != Metric.EXACT_2D:
        raise ValueError(f"cpmp-lorena holds only unrounded distances, not {instance.distances.metric.name}.")
    table = np.column_stack([instance.distances.coords, instance.capacity, instance.demand])
    with path.open("w") as file:
        file.write(f"{instance.size} {instance.p}\n{_rows(table)}")


def write_matrix(instance: CPMPInstance, path: Path) -> None:
    """
    Write the distance matrix, demands and capacities.

    Raises
    ------
    ValueError
        If there are coordinates: they would be lost.
    """
    if instance.distances.metric != Metric.MATRIX or len(instance.distances.coords):
        raise ValueError("cpmp-matrix holds a matrix without coordinates; Distances.from_matrix makes one of dense().")
    with path.open("w") as file:
        file.write(f"{instance.size} {instance.p}\n{_rows(instance.distances.dense())}")
        file.write(_rows(np.vstack([instance.demand, instance.capacity])))


def read_solution(source: Source, instance: CPMPInstance) -> Clustering:
    """Read what :func:`write_solution` writes."""
    data = source.data
    end = 0
    while True:
        # Comments are whole lines at the top.
        text = bytes(data[end : end + 4096])
        skip = len(text) - len(text.lstrip())
        if not text[skip:].startswith(b"#"):
            break
        stop = text.find(b"\n", skip)
        if stop < 0:
            source.fail("the file holds nothing but a comment.", end)
        end += stop + 1
    values, end = source.integers(end, instance.p + instance.size, what="node")
    _whole(source, values, end)
    return Clustering(medians=values[: instance.p] - 1, assignment=values[instance.p :] - 1)


def write_solution(instance: CPMPInstance, solution: Clustering, objective: float | None, path: Path) -> None:
    """Write the medians on a line, then the median of each node on a line of its own, counted from 1."""
    with path.open("w") as file:
        if objective is not None:
            file.write(f"# cost {objective!r}\n")
        file.write(" ".join(map(str, (solution.medians + 1).tolist())) + "\n")
        file.writelines(f"{node}\n" for node in (solution.assignment + 1).tolist())


ORLIB = Format(
    name="cpmp-orlib",
    title="OR-Library pmedcap (distances truncated to integers)",
    problems=("cpmp",),
    suffixes={},
    sniff=lambda source: _sniff_as(source, "orlib"),
    read=read_orlib,
    write=write_orlib,
)

LORENA = Format(
    name="cpmp-lorena",
    title="capacitated p-median by Lorena and FrontierCO (unrounded distances)",
    problems=("cpmp",),
    suffixes={".dat": ("cpmp",), ".cpmp": ("cpmp",)},
    sniff=lambda source: _sniff_as(source, "lorena"),
    read=read_lorena,
    write=write_lorena,
)

MATRIX = Format(
    name="cpmp-matrix",
    title="capacitated p-median by a distance matrix (Ceselli)",
    problems=("cpmp",),
    suffixes={},
    sniff=lambda source: _sniff_as(source, "matrix"),
    read=read_matrix,
    write=write_matrix,
)

SOLUTION = SolutionFormat(
    name="cpmp-solution",
    title="medians on a line, then the median of each node",
    problems=("cpmp",),
    suffixes=(".sol",),
    read=read_solution,
    write=write_solution,
)
