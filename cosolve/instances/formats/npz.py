"""
NumPy archives of routing instances: matrices of distances and durations, one instance or a batch of them.

The names are those of RRNCO's files [1]_: ``points``, ``distance`` and ``duration`` of a city, and ``locs``,
``distance_matrix``, ``demand``, ``time_windows`` and so on of its test sets, whose first axis is the instance. What the
arrays are decides the problem: with time windows an acvrptw, with demands an acvrp, else an atsp. Nothing is unpickled.

References
----------
.. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with
       neural combinatorial optimization. *ICLR*. https://github.com/ai4co/real-routing-nco
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.instance import Instance
from cosolve.core.metric import Metric
from cosolve.core.values import near
from cosolve.instances.cvrp import ACVRPInstance, VehicleRoutingInstance
from cosolve.instances.distances import Distances
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source, is_archive
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.instances.tsp import ATSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance

#: What an archive may hold, by each name that is in use.
_NAMES = {
    "points": ("points", "locs"),
    "distance": ("distance", "distance_matrix"),
    "duration": ("duration", "duration_matrix"),
    "duration_points": ("duration_points",),
    "demand": ("demand", "demand_linehaul"),
    "capacity": ("capacity", "vehicle_capacity"),
    "time_windows": ("time_windows",),
    "service_time": ("service_time",),
    "depot": ("depot",),
    "problem": ("problem",),
    "name": ("name",),
    "meta": ("meta",),
}
_TEXTS = ("problem", "name", "meta")

#: From this likeness on a name is a known one misspelt: "demands" is, "location" and "city" are names of their own.
_LIKENESS = 0.8

#: Arrays that mean nothing without others: with one of those misnamed, the problem would be another.
_NEEDED = {"capacity": ("demand",), "service_time": ("time_windows",), "depot": ("demand", "time_windows")}

#: Limits of a route's length or time, as archives call them.
_LIMITS = ("distance_limit", "duration_limit", "length_limit", "max_distance", "max_duration", "max_length")

#: Arrays of other archives of routing instances (RL4CO's, RouteFinder's) that are rules which no problem here has, each
#: with the value that says nothing; "tw" always says something.
_RULES = {
    **dict.fromkeys(_LIMITS, np.inf),
    **dict.fromkeys(("demand_backhaul", "open_route", "open_routes"), 0.0),
    "tw": np.nan,
}

#: Largest capacity that demands given as shares of it are read in units of.
_MAX_UNITS = 10_000

#: What a share in float32 may be off by, relative: half a unit in the last place is 2^-24, and divisions may add to it.
_SHARE_ERROR = 2.0**-22

_PROBLEMS = ("atsp", "acvrp", "acvrptw")

#: The arrays that make an archive one of another problem than the first.
_DECISIVE = {"acvrp": "demand", "acvrptw": "time_windows"}

_BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError, NotImplementedError, RuntimeError)


def sniff(source: Source) -> tuple[str, ...]:
    """Whether it is an archive of routing instances, also one that lacks the distances; the problem by the arrays."""
    names = array_names(source)
    held = {key for key, others in _NAMES.items() if names & set(others)}
    if not held & {"distance", "duration", "demand", "time_windows"}:
        return ()
    return ("acvrptw" if "time_windows" in held else "acvrp" if "demand" in held else "atsp",)


def array_names(source: Source) -> set[str]:
    """Names of the arrays of an archive; none if it is no archive."""
    if not is_archive(source.data):
        return set()
    try:
        return {name.removesuffix(".npy") for name in _archive(source).namelist()}
    except _BROKEN:
        return set()


def _archive(source: Source) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(source.data.tobytes()))


def read_arrays(source: Source, known: Mapping[str, tuple[str, ...]] = _NAMES) -> dict[str, np.ndarray]:
    """
    The arrays of an archive; others than those known are left alone.

    Parameters
    ----------
    known
        What an array is called here, to every name that it may have in an archive.

    Raises
    ------
    InvalidFileError
        If the archive is broken, or an array is larger than it says, or holds Python objects.
    """
    arrays: dict[str, np.ndarray] = {}
    if not is_archive(source.data):
        source.fail("not a NumPy archive (.npz).")
    try:
        archive = _archive(source)
        for key, names in known.items():
            for name in names:
                if f"{name}.npy" in archive.namelist():
                    if key in arrays:
                        source.fail(f"holds {' and '.join(names)}, which mean the same.")
                    arrays[key] = _array(source, archive, name)
    except _BROKEN as error:
        if isinstance(error, source.error_type):
            raise
        source.fail(f"broken archive: {error}.")
    return arrays


def _array(source: Source, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(f"{name}.npy")
    source.require_size(info.file_size)
    with archive.open(info) as file:
        major, _ = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
    if dtype.kind not in "biufU":
        source.fail(f"array {name!r} must hold numbers, got {dtype}.")
    if math.prod(shape) * dtype.itemsize > info.file_size:
        source.fail(f"array {name!r} of shape {shape} does not fit into {info.file_size} bytes.")
    with archive.open(info) as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def read(source: Source, problem: str, *, index: int = 0) -> Instance:
    """
    Read an instance.

    Parameters
    ----------
    index
        Which one of a batch, from 0 on.

    Raises
    ------
    InvalidFileError
        If arrays do not fit together or make another problem than "problem" says, one is named much as one that is
        read or is another rule of routes, or what another one needs is missing.
    """
    arrays = read_arrays(source, _NAMES | {name: (name,) for name in _RULES})
    rules = {key: arrays.pop(key) for key in _RULES if key in arrays}
    _require_names(source, arrays)
    if "distance" not in arrays:
        source.fail("there is no array 'distance' or 'distance_matrix'.")
    texts = {key: _text(source, key, arrays.pop(key)) for key in _TEXTS if key in arrays}
    _require_problem(source, texts.get("problem", ""))
    for key, array in arrays.items():
        if array.dtype.kind == "U":
            source.fail(f"array {key!r} must hold numbers, got text.")
    shape = arrays["distance"].shape
    if len(shape) not in (2, 3) or 0 in shape[:-2]:
        source.fail(f"distance must be a square matrix, or a batch of one or more, got shape {shape}.")
    is_batch = len(shape) == 3
    count = shape[0] if is_batch else 1
    if not 0 <= index < count:
        raise ValueError(f"index must be in 0..{count - 1} for this file, got {index}.")
    if is_batch:
        short = next((key for key, array in arrays.items() if array.ndim and len(array) != count), None)
        if short is not None:
            source.fail(f"{short} must have {count} instances as distance has, got {len(arrays[short])}.")
        arrays = {key: array[index] if array.ndim else array for key, array in arrays.items()}
    if is_batch:
        rules = {key: array[index : index + 1] if array.ndim else array for key, array in rules.items()}
    _require_no_rules(source, rules)
    tables = {key: array.astype(np.float64) for key, array in arrays.items()}
    n = len(tables["distance"])
    depot = _depot(source, tables, n)
    fields: dict[str, Any] = {
        "name": texts.get("name", source.stem + (f"-{index}" if is_batch else "")),
        "meta": meta_of(source, texts.get("meta", "{}")),
        "distances": _matrix(source, "distance", tables, n),
    }
    if problem == "atsp":
        return ATSPInstance(**fields)
    fields["demand"] = _of_nodes(source, "demand", tables, n, depot) if "demand" in tables else np.zeros(n)
    if "capacity" not in tables and fields["demand"].any():
        source.fail("there are demands, but no 'capacity'.")
    fields |= {"capacity": _scalar(source, "capacity", tables), "depot": depot}
    if "demand" in arrays and arrays["demand"].dtype == np.float32 and "demand_linehaul" in array_names(source):
        units = _units_of(fields["demand"])
        fields |= {"demand": np.rint(fields["demand"] * units), "capacity": fields["capacity"] * units} if units else {}
    if problem == "acvrp":
        return ACVRPInstance(**fields)
    if "time_windows" not in tables:
        source.fail("there is no array 'time_windows'.")
    windows = tables["time_windows"]
    if windows.shape != (n, 2):
        source.fail(f"time_windows must have shape ({n}, 2), got {windows.shape}.")
    if "duration" in tables:
        fields["durations"] = _matrix(source, "duration", tables, n)
    fields["service"] = _of_nodes(source, "service_time", tables, n, depot) if "service_time" in tables else np.zeros(n)
    return ACVRPTWInstance(**fields, opens=windows[:, 0], closes=windows[:, 1])


def _require_names(source: Source, arrays: Mapping[str, np.ndarray]) -> None:
    """Fail if an array is misnamed, so far as this shows: it would be left alone, and the problem be another."""
    known = [name for key, names in _NAMES.items() if key not in _TEXTS for name in names]
    for name in sorted(array_names(source).difference(*_NAMES.values())):
        if suggestion := near(name.lower(), known, _LIKENESS):
            source.fail(f"array {name!r} is not read{suggestion}; rename it or leave it out.")
    for key, others in _NEEDED.items():
        if key in arrays and not any(other in arrays for other in others):
            source.fail(f"array {key!r} means nothing without {' or '.join(map(repr, others))}; there is none.")


def _require_problem(source: Source, said: str) -> None:
    """Fail if the archive says that it is another problem than its arrays make it; words of other tools say nothing."""
    said = said.lower()
    (held,) = sniff(source)
    if said not in _PROBLEMS or said == held:
        return
    is_missing = _PROBLEMS.index(said) > _PROBLEMS.index(held)
    names = " or ".join(map(repr, _NAMES[_DECISIVE[said if is_missing else held]]))
    source.fail(f"problem is {said!r}, but there is {'no' if is_missing else 'an'} array {names}.")


def _depot(source: Source, tables: dict[str, np.ndarray], n: int) -> int:
    """The node that the depot is; one that is given as a point becomes the first of the points."""
    depot, points = tables.get("depot", np.zeros(1)), tables.get("points")
    if depot.size not in (1, 2):
        source.fail(f"depot must be one node or two coordinates, got shape {depot.shape}.")
    if depot.size == 2:
        if points is not None and points.ndim == 2 and points.shape[1] == 2:
            tables["points"] = np.vstack((depot.reshape(1, 2), points))
        return 0
    node = float(depot.item())
    if not (node.is_integer() and 0 <= node < max(n, 1)):
        source.fail(f"depot must be a whole number in 0..{n - 1}, got {node:g}.")
    return int(node)


def _require_no_rules(source: Source, rules: Mapping[str, np.ndarray]) -> None:
    """Fail if routes have to keep what would be left alone."""
    for key, array in rules.items():
        if array.dtype.kind == "U" or not (array.astype(np.float64) == _RULES[key]).all():
            called = "; time windows are called 'time_windows'" if key == "tw" else ""
            source.fail(f"array {key!r} is a rule of routes that is not known here{called}.")


def _text(source: Source, key: str, array: np.ndarray) -> str:
    if array.dtype.kind != "U" or array.ndim:
        source.fail(f"array {key!r} must hold one text, got {array.dtype} of shape {array.shape}.")
    return str(array)


def meta_of(source: Source, text: str) -> dict[str, Any]:
    """The object that the array "meta" is the JSON of."""
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError) as error:
        source.fail(f"'meta' must be JSON: {error}.")
    if not isinstance(meta, dict):
        source.fail("'meta' must be a JSON object.")
    return meta


def _matrix(source: Source, key: str, tables: dict[str, np.ndarray], n: int) -> Distances:
    matrix = tables[key]
    places = f"{key}_points" if f"{key}_points" in tables else "points"
    points = tables.get(places)
    if matrix.shape != (n, n) or not n:
        places_of = f"{n} places" if n else "one place or more"
        source.fail(f"{key} must be a square matrix of {places_of}, got shape {matrix.shape}.")
    if points is not None and points.shape not in ((n, 2), (0, 2)):
        source.fail(f"{places} must have shape ({n}, 2), or (0, 2) for none, got {points.shape}.")
    return Distances.from_matrix(matrix, points)


def _of_nodes(source: Source, key: str, tables: dict[str, np.ndarray], n: int, depot: int) -> np.ndarray:
    """A number for each node; where there is none of the depot, it is 0."""
    values = tables[key]
    if values.shape == (n - 1,):
        values = np.insert(values, depot, 0.0)
    if values.shape != (n,):
        source.fail(f"{key} must hold {n} numbers, or {n - 1} without the depot, got shape {values.shape}.")
    return values


def _units_of(shares: np.ndarray) -> int:
    """
    Least capacity that these shares of it in float32 are whole numbers of; 0 if there is none up to 10,000.

    Rounded to float32, the shares of a full vehicle may add up to more than 1.
    """
    units = np.arange(1, _MAX_UNITS + 1)
    if not np.isfinite(shares).all():
        return 0
    for share in np.unique(shares):
        demand = share * units
        units = units[np.abs(demand - np.rint(demand)) <= _SHARE_ERROR * demand]
    return int(units[0]) if len(units) else 0


def _scalar(source: Source, key: str, tables: dict[str, np.ndarray]) -> float:
    value = tables.get(key, np.zeros(1))
    if value.size != 1:
        source.fail(f"{key} must be one number, got shape {value.shape}.")
    return float(value.item())


def write(instance: Instance, path: Path) -> None:
    """
    Write one instance, compressed.

    Raises
    ------
    ValueError
        If the distances are no matrix.
    """
    assert isinstance(instance, ATSPInstance | VehicleRoutingInstance)
    arrays: dict[str, Any] = {"problem": instance.problem, "name": instance.name}
    if instance.meta:
        arrays["meta"] = json.dumps(dict(instance.meta), default=str)
    arrays |= {"points": instance.distances.coords} if len(instance.distances.coords) else {}
    arrays["distance"] = instance.distances.matrix
    matrices = [instance.distances]
    if isinstance(instance, VehicleRoutingInstance):
        arrays |= {"demand": instance.demand, "capacity": instance.capacity, "depot": instance.depot}
    if isinstance(instance, ACVRPTWInstance):
        matrices.append(instance.durations)
        arrays["duration"] = instance.durations.matrix
        if not np.array_equal(instance.durations.coords, instance.distances.coords):
            arrays["duration_points"] = instance.durations.coords
        arrays["time_windows"] = np.column_stack((instance.opens, instance.closes))
        arrays["service_time"] = instance.service
    if any(distances.metric != Metric.MATRIX for distances in matrices):
        raise ValueError("format npz holds matrices; these distances are by coordinates.")
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def write_set(instances: Sequence[Instance], path: Path) -> None:
    """
    Write instances of one size as a test set of RRNCO's: its names and shapes, float32, the depot first.

    Demands are shares of the capacity, and times are in units of the longest duration of each instance, for an acvrptw.
    :func:`read` gets them back one by one, with these units of time, and demands whole again if they were.

    Raises
    ------
    ValueError
        If the instances differ in problem or size, or lack coordinates.
    """
    problems = {instance.problem for instance in instances}
    if len(problems) != 1 or not problems <= set(_PROBLEMS) or len({instance.size for instance in instances}) != 1:
        raise ValueError(f"a set holds instances of one size and one of the problems {', '.join(_PROBLEMS)}.")
    rows: list[dict[str, Any]] = []
    for instance in instances:
        if isinstance(instance, ATSPInstance):
            rows.append({"locs": instance.distances.coords, "distance_matrix": instance.distances.dense()})
            continue
        assert isinstance(instance, VehicleRoutingInstance)
        arrays = routing_arrays(instance)
        places = np.empty((0, 2)) if arrays.coords is None else arrays.coords
        row: dict[str, Any] = {"locs": places, "distance_matrix": arrays.distance}
        if isinstance(instance, ACVRPTWInstance):
            unit = float(arrays.duration[np.isfinite(arrays.duration)].max()) or 1.0
            nodes = arrays.nodes
            windows = np.column_stack((instance.opens[nodes], instance.closes[nodes]))
            row |= {
                "demand_linehaul": arrays.demand[1:] / (instance.capacity or 1.0),
                "vehicle_capacity": np.ones(1),
                "speed": np.ones(1),
                "duration_matrix": arrays.duration / unit,
                "time_windows": windows / unit,
                "service_time": arrays.service / unit,
            }
        else:
            row |= {"depot": places[:1].ravel(), "locs": places[1:], "demand": arrays.demand[1:]}
            row |= {"capacity": np.float64(instance.capacity)}
        rows.append(row)
    if not all(len(row["locs"]) for row in rows):
        raise ValueError("a set holds coordinates, and these instances have none.")
    tables: dict[str, Any] = {key: np.stack([row[key] for row in rows]).astype(np.float32) for key in rows[0]}
    with path.open("wb") as file:
        np.savez_compressed(file, **tables)


NPZ = Format(
    "npz",
    "NumPy archive of distance and duration matrices (RRNCO's names)",
    _PROBLEMS,
    {".npz": _PROBLEMS},
    sniff,
    read,
    write,
    {"index": "which instance of a batch, from 0 on (default 0)"},
)
