"""
VRPLIB files of type CVRP, and the route lists of CVRPLIB [1]_.

The grammar is TSPLIB's. One thing a file does not say: CVRPLIB's sets A, B, E, F, M, P, X and XXL round EUC_2D
distances to the nearest integer, as TSPLIB does, while the sets of Christofides et al. (CMT), Golden et al., Li
et al. and Taillard are published with unrounded ones under the same EDGE_WEIGHT_TYPE. Fractional coordinates do not
tell them apart (set F has them), so the name does: CMT*, Golden_*, Li_* and tai* are exact, all others rounded. The
option ``rounding`` overrides this, and ``meta["rounding"]`` notes what was chosen.

References
----------
.. [1] Uchoa, E. et al. (2017). New benchmark instances for the Capacitated Vehicle Routing Problem.
       *European Journal of Operational Research* 257(3): 845-858. http://vrp.galgos.inf.puc-rio.br
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.distances import Distances
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

_SECTIONS = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION", "DEMAND_SECTION", "DEPOT_SECTION")
_READ_KEYWORDS = {
    "NAME", "TYPE", "DIMENSION", "CAPACITY", "DISTANCE", "SERVICE_TIME", "VEHICLES", "ROUNDING",
    "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "NODE_COORD_TYPE",
}  # fmt: skip
_METRICS = {metric.name: metric for metric in Metric if metric is not Metric.MATRIX}
_ROUNDINGS = {
    "nint": Metric.EUC_2D,
    "exact": Metric.EXACT_2D,
    "ceil": Metric.CEIL_2D,
    "trunc": Metric.FLOOR_2D,
}
_UNROUNDED_SETS = re.compile(r"(cmt\d+|golden_\d+|li_\d+|tai\d+[a-d]?)", re.IGNORECASE)
_VRP_WORDS = {"CAPACITY", "DEMAND_SECTION", "DEPOT_SECTION", "VEHICLES"}


def sniff(source: Source) -> Collection[str]:
    """
    Any vehicle-routing file with TSPLIB keywords.

    Other types than CVRP are taken too: the reader then says which are read, rather than "unknown format".
    """
    if not is_keyword_file(source):
        return ()
    found = head_keywords(source)
    kind = found.get("TYPE", "").upper().split()[:1]
    return ("cvrp",) if (kind and "VRP" in kind[0]) or (not kind and _VRP_WORDS & set(found)) else ()


def read(source: Source, problem: str, *, rounding: str | None = None) -> CVRPInstance:
    """
    Read an instance.

    Parameters
    ----------
    rounding
        How EUC_2D distances are rounded: "nint" (nearest integer), "exact" (not), "ceil" or "trunc" (to an
        integer); ``None`` decides by the name, see above.
    """
    if rounding is not None and rounding not in _ROUNDINGS:
        raise ValueError(f"rounding must be one of {', '.join(_ROUNDINGS)}, got {rounding!r}.")
    header = scan(source)
    kind = header.word("TYPE", "CVRP")
    if kind != "CVRP":
        source.fail(
            f"TYPE {kind} is not read; of the vehicle-routing types only CVRP is "
            "(symmetric distances, one depot, no time windows).",
            header.position("TYPE"),
        )
    for name in header.sections:
        if name not in _SECTIONS:
            allowed = ", ".join(_SECTIONS)
            source.fail(f"section {name} is not read for a CVRP; allowed: {allowed}.", header.position(name))
    n = header.integer("DIMENSION", least=1)
    name = header.value("NAME", "") or source.stem
    meta = _meta(header)
    distances = _distances(header, n, rounding, (name, source.stem), meta)
    if not distances.is_symmetric:
        i, j = (int(k) for k in np.argwhere(distances.matrix != distances.matrix.T)[0])
        weights = f"{distances.matrix[i, j]:g} and {distances.matrix[j, i]:g}"
        source.fail(
            f"the weights between nodes {i + 1} and {j + 1} are {weights}; asymmetric vehicle routing is not read.",
            header.position("EDGE_WEIGHT_SECTION"),
        )
    demand = _demand(header, n)
    return CVRPInstance(
        name=name,
        meta=meta,
        distances=distances,
        demand=demand,
        capacity=_number_of(header, "CAPACITY"),
        depot=_depot(header, n, demand),
        max_length=_number_of(header, "DISTANCE") if "DISTANCE" in header.keywords else None,
        service_time=_number_of(header, "SERVICE_TIME") if "SERVICE_TIME" in header.keywords else 0.0,
    )


def _meta(header: Header) -> dict[str, Any]:
    meta: dict[str, Any] = {
        key.lower(): value for key, (value, _) in header.keywords.items() if key not in _READ_KEYWORDS
    }
    comment = header.value("COMMENT", "")
    if "VEHICLES" in header.keywords:
        meta["vehicles"] = header.integer("VEHICLES")
    elif found := re.search(r"(?:No of trucks|trucks|vehicles)\s*:\s*(\d{1,9})\b", comment, re.IGNORECASE):
        meta["vehicles"] = int(found[1])
    if found := re.search(r"(?:optimal|best) value\s*:\s*(\d{1,15}(?:\.\d{1,9})?)", comment, re.IGNORECASE):
        meta["declared_objective"] = float(found[1])
    return meta


def _distances(header: Header, n: int, rounding: str | None, names: tuple[str, ...], meta: dict[str, Any]) -> Distances:
    source = header.source
    kind = header.word("EDGE_WEIGHT_TYPE")
    if rounding is not None and kind != "EUC_2D":
        raise ValueError(f"rounding is a choice for EUC_2D distances only; this file has {kind}.")
    if kind == "EXPLICIT":
        if "EDGE_WEIGHT_SECTION" not in header.sections:
            source.fail("EDGE_WEIGHT_TYPE EXPLICIT needs an EDGE_WEIGHT_SECTION.")
        layout = header.word("EDGE_WEIGHT_FORMAT")
        matrix, end = explicit_matrix(source, header.sections["EDGE_WEIGHT_SECTION"], n, layout)
        require_end(source, end, f"the weights of {n} nodes (DIMENSION) in layout {layout}")
        places = next((s for s in ("NODE_COORD_SECTION", "DISPLAY_DATA_SECTION") if s in header.sections), None)
        return Distances.from_matrix(matrix, None if places is None else _coords(header, places, n))
    if kind not in _METRICS:
        allowed = ", ".join(["EXPLICIT", *_METRICS])
        source.fail(f"EDGE_WEIGHT_TYPE {kind!r} is not read; allowed: {allowed}.", header.position("EDGE_WEIGHT_TYPE"))
    if "NODE_COORD_SECTION" not in header.sections:
        source.fail(f"EDGE_WEIGHT_TYPE {kind} needs a NODE_COORD_SECTION.")
    metric: Metric = _METRICS[kind]
    if kind == "EUC_2D":
        if rounding is None:
            rounding = header.value("ROUNDING", "") or _usual_rounding(*names)
        if rounding not in _ROUNDINGS:
            source.fail(f"ROUNDING must be one of {', '.join(_ROUNDINGS)}, got {rounding[:40]!r}.",
                        header.position("ROUNDING"))  # fmt: skip
        metric = _ROUNDINGS[rounding]
        meta["rounding"] = rounding
    return Distances.from_coords(_coords(header, "NODE_COORD_SECTION", n), metric)


def _usual_rounding(*names: str) -> str:
    return "exact" if any(_UNROUNDED_SETS.fullmatch(name) for name in names) else "nint"


def _coords(header: Header, section: str, n: int) -> np.ndarray:
    if header.word("NODE_COORD_TYPE", "TWOD_COORDS") == "THREED_COORDS":
        header.source.fail("THREED_COORDS are not read; allowed: TWOD_COORDS.", header.position("NODE_COORD_TYPE"))
    coords, end = node_coords(header.source, header.sections[section], n)
    require_end(header.source, end, f"{n} nodes (DIMENSION)")
    return coords


def _number_of(header: Header, keyword: str) -> float:
    text = header.value(keyword)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        header.source.fail(f"{keyword} must be a number >= 0, got {text[:40]!r}.", header.position(keyword))
    return number


def _demand(header: Header, n: int) -> np.ndarray:
    source = header.source
    if "DEMAND_SECTION" not in header.sections:
        source.fail("DEMAND_SECTION is missing.")
    position = header.sections["DEMAND_SECTION"]
    values, end = source.numbers(position, 2 * n, what="number of node id and demand")
    require_end(source, end, f"the demands of {n} nodes (DIMENSION)")
    ids, demand = values[0::2], values[1::2]
    bad = np.flatnonzero((ids < 1) | (ids > n) | (ids != np.rint(ids)) | (demand < 0))
    row = int(bad[0]) if len(bad) else -1
    if row < 0:
        order = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(np.diff(ids[order]) == 0)
        if not len(twice):
            return demand[order]
        row = int(order[twice[0] + 1])
    _, at = source.numbers(position, 2 * row + 1)
    if len(bad) and demand[row] < 0:
        source.fail(f"demands must be >= 0, got {demand[row]:g} of node {ids[row]:g}.", at - 1)
    source.fail(f"every node id from 1 to {n} needs one demand; {ids[row]:g} is out of range or comes twice.", at - 1)


def _depot(header: Header, n: int, demand: np.ndarray) -> int:
    source = header.source
    if "DEPOT_SECTION" not in header.sections:
        # FrontierCO's rule for files without the section.
        free = np.flatnonzero(demand == 0)
        if not len(free):
            source.fail("DEPOT_SECTION is missing, and no node has demand 0.")
        return int(free[0])
    position = header.sections["DEPOT_SECTION"]
    ids, end = source.integers(position, what="depot")
    require_end(source, end, "the depots")
    stops = np.flatnonzero(ids == -1)
    depots = ids[: stops[0]] if len(stops) else ids
    if len(depots) != 1:
        source.fail(f"DEPOT_SECTION must name one depot, got {len(depots)}.", position)
    if not 1 <= depots[0] <= n:
        source.fail(f"the depot must be one of the nodes 1 to {n}, got {depots[0]}.", position)
    return int(depots[0]) - 1


def write(instance: CVRPInstance, path: Path) -> None:
    """Write an instance; a matrix as LOWER_ROW, as CVRPLIB's explicit files have it."""
    distances, demand = instance.distances, instance.demand
    n = distances.num_nodes
    is_matrix = distances.metric == Metric.MATRIX
    lines = [f"NAME : {_one_line(instance.name)}"]
    lines += [f"COMMENT : {_one_line(line)}" for line in str(instance.meta.get("comment", "")).splitlines()]
    lines += ["TYPE : CVRP", f"DIMENSION : {n}"]
    lines.append(f"EDGE_WEIGHT_TYPE : {'EXPLICIT' if is_matrix else distances.metric.name}")
    if is_matrix:
        lines.append("EDGE_WEIGHT_FORMAT : LOWER_ROW")
    elif distances.metric == Metric.EUC_2D and _usual_rounding(instance.name, path.stem) != "nint":
        lines.append("ROUNDING : nint")
    if isinstance(vehicles := instance.meta.get("vehicles"), int):
        lines.append(f"VEHICLES : {vehicles}")
    lines.append(f"CAPACITY : {_number(instance.capacity)}")
    if instance.max_length is not None:
        lines.append(f"DISTANCE : {_number(instance.max_length)}")
    if instance.service_time:
        lines.append(f"SERVICE_TIME : {_number(instance.service_time)}")
    if is_matrix:
        lines.append("EDGE_WEIGHT_SECTION")
        lines += [" ".join(map(_number, distances.matrix[i, :i].tolist())) for i in range(1, n)]
    if len(distances.coords):
        lines.append("NODE_COORD_SECTION")
        lines += [f"{k} {_number(x)} {_number(y)}" for k, (x, y) in enumerate(distances.coords.tolist(), 1)]
    lines.append("DEMAND_SECTION")
    lines += [f"{k} {_number(d)}" for k, d in enumerate(demand.tolist(), 1)]
    lines += ["DEPOT_SECTION", str(instance.depot + 1), "-1", "EOF", ""]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float) -> str:
    # repr of a float is the shortest text that reads back to the same double; ".0f" keeps the sign of -0.0.
    return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value)


_ROUTE = re.compile(r"\s*route\s*#?\s*\d*\s*:", re.IGNORECASE)


def read_routes(source: Source, instance: CVRPInstance) -> Routes:
    """
    Read lines ``Route #1: 3 5 2``; the line ``Cost 123`` and blank lines are skipped.

    CVRPLIB numbers the customers from 1 in the order of the instance file, the depot left out, and calls the
    depot 0. Numbers out of range are left for the judge.
    """
    number_to_node = np.concatenate([[instance.depot], instance.customers])
    routes = []
    for position, line in source.lines():
        found = _ROUTE.match(line)
        if found is None:
            if line.strip() and not line.strip().lower().startswith(("cost", "time")):
                source.fail(f"expected 'Route #1: 3 5 2' or 'Cost 123', got {line.strip()[:40]!r}.", position)
            continue
        try:
            numbers = np.array(line[found.end() :].split(), np.int64)
        except (ValueError, OverflowError):
            source.fail("a route must hold the integer numbers of customers.", position)
        inside = (numbers >= 0) & (numbers < len(number_to_node))
        routes.append(np.where(inside, number_to_node[np.where(inside, numbers, 0)], numbers))
    if not routes and instance.size:
        source.fail("there is no line 'Route #1: ...'.")
    return Routes(routes=tuple(routes))


def write_routes(instance: CVRPInstance, solution: Routes, objective: float | None, path: Path) -> None:
    """
    Write the routes as CVRPLIB does; empty ones are left out.

    Raises
    ------
    ValueError
        If a node is none of the instance, for it has no customer number.
    """
    nodes, _ = solution.flat
    unknown = nodes[(nodes < 0) | (nodes >= instance.distances.num_nodes)]
    if len(unknown):
        raise ValueError(f"format 'routes' holds nodes in 0..{instance.distances.num_nodes - 1}, got {unknown[0]}.")
    node_to_number = np.empty(instance.distances.num_nodes, np.int64)
    node_to_number[instance.depot] = 0
    node_to_number[instance.customers] = np.arange(1, instance.size + 1)
    # A file without any route could not be told from one that is no solution.
    used = [route for route in solution.routes if len(route)] or [nodes]
    lines = [f"Route #{k}: {' '.join(map(str, node_to_number[r].tolist()))}" for k, r in enumerate(used, 1)]
    if objective is not None:
        lines.append(f"Cost {_number(float(objective))}")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")


VRPLIB = Format(
    "vrplib",
    "VRPLIB, type CVRP",
    ("cvrp",),
    {".vrp": ("cvrp",)},
    sniff,
    read,
    write,
    {"rounding": f"rounding of EUC_2D distances: {', '.join(_ROUNDINGS)} (default: by the name of the set)"},
)
ROUTES = SolutionFormat("routes", "CVRPLIB routes", ("cvrp",), (".sol",), read_routes, write_routes)
