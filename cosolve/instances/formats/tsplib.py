"""
TSPLIB files of type TSP and ATSP, and TSPLIB tours [1]_.

Strict where a guess would change the instance: node ids must be 1..n, each once, in any order;
EDGE_WEIGHT_TYPE must be there; sections that would add constraints (FIXED_EDGES_SECTION) are refused. Lenient
where nothing hangs on it: blanks around colons, a missing EOF, matrices and tours over any number of lines.
Beyond TSPLIB, EXACT_2D (unrounded) and FLOOR_2D (truncated) name CVRPLIB's other roundings.

References
----------
.. [1] Reinelt, G. (1995). *TSPLIB 95*. Universitaet Heidelberg.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.formats._integer_rows import integer_rows, is_whole
from cosolve.instances.formats._tsplib_sections import (
    Header,
    explicit_matrix,
    head_keywords,
    is_keyword_file,
    node_coords,
    require_end,
    scan,
)
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.source import Source
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance

_METRICS = {metric.name: metric for metric in Metric if metric is not Metric.MATRIX}
_TYPES = ("TSP", "ATSP")
_SECTIONS = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION")
_VRP_WORDS = {"CAPACITY", "DEMAND_SECTION", "DEPOT_SECTION", "VEHICLES"}

#: Lines written at a time.
_CHUNK = 1 << 16


def sniff(source: Source) -> Collection[str]:
    """
    Any file with TSPLIB keywords and nothing of a vehicle-routing problem; without TYPE a tsp if there are distances.

    Types that are not read are taken too: the reader then says which are, rather than "unknown format".
    """
    if not is_keyword_file(source):
        return ()
    found = head_keywords(source)
    if _VRP_WORDS & set(found):
        return ()
    kind = (found.get("TYPE", "").upper().split() or [""])[0]
    if not (("VRP" not in kind) if kind else ("EDGE_WEIGHT_TYPE" in found and "DIMENSION" in found)):
        return ()
    return ("atsp",) if kind == "ATSP" else ("tsp",)


def read(source: Source, problem: str) -> TSPInstance:
    """Read an instance of type TSP or ATSP."""
    header = scan(source)
    kind = header.word("TYPE", "TSP") or "TSP"
    if kind not in _TYPES:
        what = "holds a solution, not an instance" if kind == "TOUR" else f"is not read; {' and '.join(_TYPES)} are"
        source.fail(f"TYPE {kind} {what}.", header.position("TYPE"))
    for name in header.sections:
        if name not in _SECTIONS:
            allowed = ", ".join(_SECTIONS)
            source.fail(f"section {name} is not supported for a {problem}; allowed: {allowed}.", header.position(name))
    for name in _VRP_WORDS & set(header.keywords):
        source.fail(f"{name} belongs to a vehicle-routing problem, not to a {problem}.", header.position(name))
    n = header.integer("DIMENSION", least=1)
    kind = header.word("EDGE_WEIGHT_TYPE")
    if kind == "EXPLICIT":
        distances = _explicit(header, n)
    elif kind in _METRICS:
        if "NODE_COORD_SECTION" not in header.sections:
            source.fail(f"EDGE_WEIGHT_TYPE {kind} needs a NODE_COORD_SECTION.")
        distances = Distances.from_coords(_coords(header, "NODE_COORD_SECTION", n), _METRICS[kind])
    else:
        allowed = ", ".join(["EXPLICIT", *_METRICS])
        source.fail(
            f"EDGE_WEIGHT_TYPE {kind!r} is not supported; allowed: {allowed}.", header.position("EDGE_WEIGHT_TYPE")
        )
    if problem == "tsp" and not distances.is_symmetric:
        i, j = (int(k) for k in np.argwhere(distances.matrix != distances.matrix.T)[0])
        weights = f"{distances.matrix[i, j]:g} and {distances.matrix[j, i]:g}"
        source.fail(
            f"TYPE is TSP, but the weights between nodes {i + 1} and {j + 1} are {weights}; "
            "a matrix that is not symmetric needs TYPE : ATSP.",
            header.position("EDGE_WEIGHT_SECTION"),
        )
    meta: dict[str, Any] = {
        key.lower(): value
        for key, (value, _) in header.keywords.items()
        if key not in ("NAME", "TYPE", "DIMENSION", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT")
    }
    name = header.value("NAME", "") or source.stem
    return (ATSPInstance if problem == "atsp" else TSPInstance)(name=name, meta=meta, distances=distances)


def _coords(header: Header, section: str, n: int) -> np.ndarray:
    if header.word("NODE_COORD_TYPE", "TWOD_COORDS") == "THREED_COORDS":
        header.source.fail("THREED_COORDS are not supported; allowed: TWOD_COORDS.", header.position("NODE_COORD_TYPE"))
    coords, end = node_coords(header.source, header.sections[section], n)
    require_end(header.source, end, f"{n} nodes (DIMENSION)")
    return coords


def _explicit(header: Header, n: int) -> Distances:
    source = header.source
    if "EDGE_WEIGHT_SECTION" not in header.sections:
        source.fail("EDGE_WEIGHT_TYPE EXPLICIT needs an EDGE_WEIGHT_SECTION.")
    layout = header.word("EDGE_WEIGHT_FORMAT")
    matrix, end = explicit_matrix(source, header.sections["EDGE_WEIGHT_SECTION"], n, layout)
    require_end(source, end, f"the weights of {n} nodes (DIMENSION) in layout {layout}")
    places = next((s for s in ("DISPLAY_DATA_SECTION", "NODE_COORD_SECTION") if s in header.sections), None)
    return Distances.from_matrix(matrix, None if places is None else _coords(header, places, n))


def write(instance: TSPInstance, path: Path) -> None:
    """Write an instance; integers without decimals, other numbers with all digits that matter."""
    distances = instance.distances
    n = instance.size
    is_matrix = distances.metric == Metric.MATRIX
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"NAME : {_one_line(instance.name)}\n")
        for line in str(instance.meta.get("comment", "")).splitlines():
            file.write(f"COMMENT : {_one_line(line)}\n")
        file.write(f"TYPE : {instance.problem.upper()}\nDIMENSION : {n}\n")
        file.write(f"EDGE_WEIGHT_TYPE : {'EXPLICIT' if is_matrix else distances.metric.name}\n")
        if is_matrix:
            file.write("EDGE_WEIGHT_FORMAT : FULL_MATRIX\n")
            if len(distances.coords):
                file.write("DISPLAY_DATA_TYPE : TWOD_DISPLAY\n")
            file.write("EDGE_WEIGHT_SECTION\n")
            for row in distances.matrix:
                file.write(" ".join(map(_number, row.tolist())) + "\n")
        if len(distances.coords):
            file.write("DISPLAY_DATA_SECTION\n" if is_matrix else "NODE_COORD_SECTION\n")
            file.writelines(_coordinate_rows(distances.coords))
        file.write("EOF\n")


def _coordinate_rows(coords: np.ndarray) -> Iterator[str]:
    if is_whole(coords):
        yield from integer_rows(np.column_stack([np.arange(1, len(coords) + 1), coords.astype(np.int64)]))
        return
    for begin in range(0, len(coords), _CHUNK):
        rows = coords[begin : begin + _CHUNK].tolist()
        yield "".join(f"{k} {_number(x)} {_number(y)}\n" for k, (x, y) in enumerate(rows, begin + 1))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float) -> str:
    # repr of a float is the shortest text that reads back to the same double; ".0f" keeps the sign of -0.0.
    return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value)


def read_tour(source: Source, instance: TSPInstance) -> Tour:
    """Read a TOUR_SECTION: 1-based cities over any number of lines, ended by -1 or the end of the file."""
    header = scan(source)
    if "TOUR_SECTION" not in header.sections:
        source.fail("expected a TOUR_SECTION.")
    if header.word("TYPE", "TOUR") != "TOUR":
        source.fail(f"TYPE must be TOUR, got {header.value('TYPE')!r}.", header.position("TYPE"))
    position = header.sections["TOUR_SECTION"]
    cities, end = source.integers(position, what="city")
    require_end(source, end, "the tour")
    stops = np.flatnonzero(cities == -1)
    order = cities[: stops[0]] if len(stops) else cities
    if len(stops) and (cities[stops[0] :] != -1).any():
        source.fail("expected one tour, found several.", position)
    if "DIMENSION" in header.keywords and header.integer("DIMENSION") != len(order):
        source.fail(f"DIMENSION is {header.value('DIMENSION')}, but the tour has {len(order)} cities.", position)
    return Tour(order=order - 1)


def write_tour(instance: TSPInstance, tour: Tour, objective: float | None, path: Path) -> None:
    """Write a tour as TSPLIB does."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f"NAME : {_one_line(instance.name)}\nTYPE : TOUR\n")
        if objective is not None:
            file.write(f"COMMENT : Length {_number(float(objective))}\n")
        file.write(f"DIMENSION : {len(tour.order)}\nTOUR_SECTION\n")
        file.writelines(integer_rows(tour.order[:, None] + 1))
        file.write("-1\nEOF\n")


_SUFFIXES = {".tsp": ("tsp",), ".atsp": ("atsp",)}
TSPLIB = Format("tsplib", "TSPLIB, type TSP or ATSP", ("tsp", "atsp"), _SUFFIXES, sniff, read, write)
TOUR = SolutionFormat("tour", "TSPLIB tour", ("tsp", "atsp"), (".tour",), read_tour, write_tour)
