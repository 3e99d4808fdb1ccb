"""
VRPLIB files of vehicle routing, with or without time windows, and the route lists of CVRPLIB [1]_.

The grammar is TSPLIB's. TYPE CVRP with a FULL_MATRIX that is not symmetric is an acvrp; TYPE VRPTW with a FULL_MATRIX
is an acvrptw, whose matrix holds distances and durations at once, as in ORTEC's files [2]_.

One thing a file does not say: CVRPLIB's sets A, B, E, F, M, P, X and XXL round EUC_2D distances to the nearest integer,
as TSPLIB does, while the sets of Christofides et al. (CMT), Golden et al., Li et al. and Taillard are published with
unrounded ones under the same EDGE_WEIGHT_TYPE. Fractional coordinates do not tell them apart (set F has them), so the
name does: CMT*, Golden_*, Li_* and tai* are exact, all others rounded. Files with time windows are published with
distances and times cut off behind one decimal, "trunc1". The option ``rounding`` overrides this, and
``meta["rounding"]`` notes what was chosen.

References
----------
.. [1] Uchoa, E. et al. (2017). New benchmark instances for the Capacitated Vehicle Routing Problem.
       *European Journal of Operational Research* 257(3): 845-858. http://vrp.galgos.inf.puc-rio.br
.. [2] Kool, W. et al. (2022). EURO Meets NeurIPS 2022 vehicle routing competition.
       https://github.com/ortec/euro-neurips-vrp-2022-quickstart
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.errors import InvalidFileError
from cosolve.core.metric import Metric
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes, VehicleRoutingInstance
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
from cosolve.instances.formats.source import Source, is_number, plain
from cosolve.instances.vrptw import ACVRPTWInstance, VRPTWInstance

_SECTIONS = ("NODE_COORD_SECTION", "EDGE_WEIGHT_SECTION", "DISPLAY_DATA_SECTION", "DEMAND_SECTION", "DEPOT_SECTION")
_TIMED_SECTIONS = (*_SECTIONS, "TIME_WINDOW_SECTION", "SERVICE_TIME_SECTION")

#: TYPE to problem, where the matrix says nothing else.
_TYPES = {"CVRP": "cvrp", "ACVRP": "acvrp", "VRPTW": "vrptw", "CVRPTW": "vrptw", "ACVRPTW": "acvrptw"}
_INSTANCES: dict[str, type[VehicleRoutingInstance]] = {
    "cvrp": CVRPInstance,
    "acvrp": ACVRPInstance,
    "vrptw": VRPTWInstance,
    "acvrptw": ACVRPTWInstance,
}
_PROBLEMS = tuple(_INSTANCES)
#: Limits of the length of a route: CVRPLIB's, to which service times count, and PyVRP's, to which they do not.
_LIMITS = ("DISTANCE", "VEHICLES_MAX_DISTANCE")
_READ_KEYWORDS = {
    "NAME", "TYPE", "DIMENSION", "CAPACITY", "SERVICE_TIME", "VEHICLES", "ROUNDING",
    "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "NODE_COORD_TYPE", *_LIMITS,
}  # fmt: skip
#: How other keywords begin that state a rule, as those of PyVRP do: without it the instance is another one.
_RULES = ("VEHICLES_", "VEHICLE_", "MAX_")
_METRICS = {metric.name: metric for metric in Metric if metric is not Metric.MATRIX}
_ROUNDINGS = {
    "nint": Metric.EUC_2D,
    "exact": Metric.EXACT_2D,
    "ceil": Metric.CEIL_2D,
    "trunc": Metric.FLOOR_2D,
    "trunc1": Metric.MATRIX,
}
_UNROUNDED_SETS = re.compile(r"(cmt\d+|golden_\d+|li_\d+|tai\d+[a-d]?)", re.IGNORECASE)
_VRP_WORDS = {"CAPACITY", "DEMAND_SECTION", "DEPOT_SECTION", "VEHICLES"}


def sniff(source: Source) -> Collection[str]:
    """
    Any vehicle-routing file with TSPLIB keywords.

    Types that are not read are taken too: the reader then says which are, rather than "unknown format".
    """
    if not is_keyword_file(source):
        return ()
    found = head_keywords(source)
    kind = (found.get("TYPE", "").upper().split() or [""])[0]
    if not (("VRP" in kind) if kind else (_VRP_WORDS & set(found))):
        return ()
    problem = _TYPES.get(kind, "cvrp")
    if "FULL_MATRIX" in found.get("EDGE_WEIGHT_FORMAT", "").upper() and (
        problem == "vrptw" or (problem == "cvrp" and not _is_symmetric(source, found))
    ):
        problem = "acvrp" if problem == "cvrp" else "acvrptw"
    return (problem,)


def _is_symmetric(source: Source, found: dict[str, str]) -> bool:
    """Whether a FULL_MATRIX is, as far as it can be read; looks no farther than the first pair that differs."""
    try:
        header = scan(source)
        n = header.integer("DIMENSION", least=1)
        rows, position = np.empty((0, n)), header.sections["EDGE_WEIGHT_SECTION"]
        while len(rows) < n:
            values, position = source.numbers(position, min(max(len(rows), 8), n - len(rows)) * n)
            rows = np.concatenate((rows, values.reshape(-1, n)))
            corner = rows[:, : len(rows)]
            np.fill_diagonal(corner, 0.0)
            if not np.array_equal(corner, corner.T):
                return False
    except (InvalidFileError, KeyError):
        return True
    return True


def read(source: Source, problem: str, *, rounding: str | None = None) -> VehicleRoutingInstance:
    """
    Read an instance.

    Parameters
    ----------
    problem
        "cvrp", "acvrp", "vrptw" or "acvrptw".
    rounding
        How EUC_2D distances are rounded: "nint" (nearest integer), "exact" (not), "ceil" or "trunc" (to an
        integer), "trunc1" (cut off behind one decimal); ``None`` decides by type and name, see above.
    """
    if rounding is not None and rounding not in _ROUNDINGS:
        raise ValueError(f"rounding must be one of {', '.join(_ROUNDINGS)}, got {rounding!r}.")
    header = scan(source)
    kind = header.word("TYPE", "CVRP")
    if kind not in _TYPES:
        source.fail(
            f"TYPE {kind} is not read; of the vehicle-routing types {', '.join(_TYPES)} are (one depot).",
            header.position("TYPE"),
        )
    is_timed = _TYPES[kind].endswith("tw")
    if is_timed != problem.endswith("tw"):
        source.fail(f"TYPE {kind} does not hold a problem of kind {problem}.", header.position("TYPE"))
    allowed = _TIMED_SECTIONS if is_timed else _SECTIONS
    for name in header.sections:
        if name not in allowed:
            source.fail(
                f"section {name} is not read for a {kind}; allowed: {', '.join(allowed)}.", header.position(name)
            )
    rule = next((key for key in header.keywords if key.startswith(_RULES) and key not in _READ_KEYWORDS), None)
    if rule is not None:
        source.fail(
            f"{rule} states a rule that is not read; of the rules for vehicles CAPACITY, {', '.join(_LIMITS)} are.",
            header.position(rule),
        )
    n = header.integer("DIMENSION", least=1)
    name = header.value("NAME", "") or source.stem
    meta = _meta(header)
    distances = _distances(header, n, rounding, _usual_rounding(is_timed, name, source.stem), meta)
    demand = _demand(header, n)
    fields: dict[str, Any] = {
        "name": name,
        "meta": meta,
        "distances": distances,
        "demand": demand,
        "capacity": _number_of(header, "CAPACITY"),
        "depot": _depot(header, n, demand),
    }
    if is_timed:
        windows = _per_node(header, "TIME_WINDOW_SECTION", n, 2, "window")
        fields |= {"opens": windows[:, 0], "closes": windows[:, 1], "service": _service(header, n, fields["depot"])}
    limits = {key: _number_of(header, key) for key in _LIMITS if key in header.keywords}
    if problem != "cvrp":
        for key in limits:
            source.fail(f"{key}, a limit of the length of routes, is read for a cvrp only.", header.position(key))
        return _INSTANCES[problem](**fields)
    if len(set(limits.values())) > 1:
        source.fail(f"{' and '.join(limits)} are limits of the same length, and differ.", header.position(_LIMITS[1]))
    is_served = "SERVICE_TIME" in header.keywords and list(limits) != ["VEHICLES_MAX_DISTANCE"]
    return CVRPInstance(
        **fields,
        max_length=next(iter(limits.values()), None),
        service_time=_number_of(header, "SERVICE_TIME") if is_served else 0.0,
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


def _distances(header: Header, n: int, rounding: str | None, usual: str, meta: dict[str, Any]) -> Distances:
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
            rounding = header.value("ROUNDING", "") or usual
        if rounding not in _ROUNDINGS:
            source.fail(f"ROUNDING must be one of {', '.join(_ROUNDINGS)}, got {rounding[:40]!r}.",
                        header.position("ROUNDING"))  # fmt: skip
        meta["rounding"] = rounding
        if rounding == "trunc1":
            return Distances.truncated(_coords(header, "NODE_COORD_SECTION", n), 1)
        metric = _ROUNDINGS[rounding]
    return Distances.from_coords(_coords(header, "NODE_COORD_SECTION", n), metric)


def _usual_rounding(is_timed: bool, *names: str) -> str:
    if is_timed:
        return "trunc1"
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
        number = float(plain(text))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        header.source.fail(f"{keyword} must be a number >= 0, got {text[:40]!r}.", header.position(keyword))
    return number


def _demand(header: Header, n: int) -> np.ndarray:
    return _per_node(header, "DEMAND_SECTION", n, 1, "demand", least=0.0)[:, 0]


def _service(header: Header, n: int, depot: int) -> np.ndarray:
    """Service time of each node: a section, or one for all customers, or none."""
    if "SERVICE_TIME_SECTION" in header.sections:
        return _per_node(header, "SERVICE_TIME_SECTION", n, 1, "service time", least=0.0)[:, 0]
    service = np.full(n, _number_of(header, "SERVICE_TIME") if "SERVICE_TIME" in header.keywords else 0.0)
    service[depot] = 0.0
    return service


def _per_node(header: Header, section: str, n: int, count: int, what: str, least: float = -math.inf) -> np.ndarray:
    """(n, count) numbers of each node, ordered by id, from rows of an id and ``count`` numbers >= ``least``."""
    source = header.source
    if section not in header.sections:
        source.fail(f"{section} is missing.")
    position = header.sections[section]
    values, end = source.numbers(position, (count + 1) * n, what=f"number of node id and {what}")
    require_end(source, end, f"the {what}s of {n} nodes (DIMENSION)")
    rows = values.reshape(n, count + 1)
    ids, numbers = rows[:, 0], rows[:, 1:]
    bad = np.flatnonzero((ids < 1) | (ids > n) | (ids != np.rint(ids)) | (numbers < least).any(axis=1))
    row = int(bad[0]) if len(bad) else -1
    if row < 0:
        order = np.argsort(ids, kind="stable")
        twice = np.flatnonzero(np.diff(ids[order]) == 0)
        if not len(twice):
            return numbers[order]
        row = int(order[twice[0] + 1])
    _, at = source.numbers(position, (count + 1) * row + 1)
    if len(bad) and numbers[row].min() < least:
        source.fail(f"{what}s must be >= {least:g}, got {numbers[row].min():g} of node {ids[row]:g}.", at - 1)
    source.fail(f"every node id from 1 to {n} needs one {what}; {ids[row]:g} is out of range or comes twice.", at - 1)


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


def write(instance: VehicleRoutingInstance, path: Path) -> None:
    """
    Write an instance; a symmetric matrix as LOWER_ROW, as CVRPLIB's explicit files have it, others as FULL_MATRIX.

    Raises
    ------
    ValueError
        If durations are not the distances, or there is no way between some places: a file holds one finite matrix.
    """
    distances, demand = instance.distances, instance.demand
    n = distances.num_nodes
    is_matrix = distances.metric == Metric.MATRIX
    is_full = is_matrix and instance.problem.startswith("a")
    if not distances.is_complete:
        raise ValueError("format vrplib holds finite distances only; format npz holds infinite ones too.")
    if isinstance(instance, VRPTWInstance) and not _is_same(distances, instance.durations):
        raise ValueError("format vrplib holds one matrix, here durations differ from distances; format npz holds both.")
    lines = [f"NAME : {_one_line(instance.name)}"]
    lines += [f"COMMENT : {_one_line(line)}" for line in str(instance.meta.get("comment", "")).splitlines()]
    lines += [f"TYPE : {instance.problem.upper()}", f"DIMENSION : {n}"]
    lines.append(f"EDGE_WEIGHT_TYPE : {'EXPLICIT' if is_matrix else distances.metric.name}")
    if is_matrix:
        lines.append(f"EDGE_WEIGHT_FORMAT : {'FULL_MATRIX' if is_full else 'LOWER_ROW'}")
    elif distances.metric == Metric.EUC_2D:
        lines.append("ROUNDING : nint")  # always: a file may get the name of an unrounded set later
    if isinstance(vehicles := instance.meta.get("vehicles"), int):
        lines.append(f"VEHICLES : {vehicles}")
    lines.append(f"CAPACITY : {_number(instance.capacity)}")
    if isinstance(instance, CVRPInstance) and instance.max_length is not None:
        lines.append(f"DISTANCE : {_number(instance.max_length)}")
    if isinstance(instance, CVRPInstance) and instance.service_time:
        lines.append(f"SERVICE_TIME : {_number(instance.service_time)}")
    if is_matrix:
        lines.append("EDGE_WEIGHT_SECTION")
        rows = distances.matrix if is_full else (distances.matrix[i, :i] for i in range(1, n))
        lines += [" ".join(map(_number, row.tolist())) for row in rows]
    if len(distances.coords):
        lines.append("NODE_COORD_SECTION")
        lines += [f"{k} {_number(x)} {_number(y)}" for k, (x, y) in enumerate(distances.coords.tolist(), 1)]
    lines.append("DEMAND_SECTION")
    lines += [f"{k} {_number(d)}" for k, d in enumerate(demand.tolist(), 1)]
    if isinstance(instance, VRPTWInstance):
        lines.append("SERVICE_TIME_SECTION")
        lines += [f"{k} {_number(s)}" for k, s in enumerate(instance.service.tolist(), 1)]
        lines.append("TIME_WINDOW_SECTION")
        windows = zip(instance.opens.tolist(), instance.closes.tolist(), strict=True)
        lines += [f"{k} {_number(a)} {_number(b)}" for k, (a, b) in enumerate(windows, 1)]
    lines += ["DEPOT_SECTION", str(instance.depot + 1), "-1", "EOF", ""]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")


def _is_same(one: Distances, other: Distances) -> bool:
    return one is other or (
        one.metric == other.metric
        and np.array_equal(one.coords, other.coords)
        and np.array_equal(one.matrix, other.matrix)
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float) -> str:
    # repr of a float is the shortest text that reads back to the same double; ".0f" keeps the sign of -0.0.
    return f"{value:.0f}" if value.is_integer() and abs(value) < 2**53 else repr(value)


_ROUTE = re.compile(r"\s*route\s*#?\s*\d*\s*:", re.IGNORECASE)


def read_routes(source: Source, instance: VehicleRoutingInstance) -> Routes:
    """
    Read lines ``Route #1: 3 5 2``; comments (#), blank lines and headings in words are skipped.

    Headings are ``Cost 123``, or those of published lists, ``Authors : ...`` and ``Solution``.

    CVRPLIB numbers the customers from 1 in the order of the instance file, the depot left out, and calls the
    depot 0. Numbers out of range are left for the judge.
    """
    number_to_node = np.concatenate([[instance.depot], instance.customers])
    routes = []
    for position, line in source.lines():
        found = _ROUTE.match(line)
        if found is None:
            if not _is_heading(line.strip()):
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


def _is_heading(line: str) -> bool:
    """Whether a line says nothing of the routes: no row of numbers, whatever word it has in front."""
    if not line or line[0] == "#":
        return True
    numbers = line.partition(":")[2].split() or line.split()[1:]
    is_row = len(numbers) > 1 and all(map(is_number, numbers))
    return line[0].isalpha() and not line.lower().startswith("route") and not is_row


def write_routes(instance: VehicleRoutingInstance, solution: Routes, objective: float | None, path: Path) -> None:
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
    "VRPLIB, types CVRP and VRPTW",
    _PROBLEMS,
    {".vrp": _PROBLEMS},
    sniff,
    read,
    write,
    {"rounding": f"rounding of EUC_2D distances: {', '.join(_ROUNDINGS)} (default: by type and name)"},
)
ROUTES = SolutionFormat("routes", "CVRPLIB routes", _PROBLEMS, (".sol",), read_routes, write_routes)
