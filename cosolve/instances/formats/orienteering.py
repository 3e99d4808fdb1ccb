"""Orienteering files: the text format of KU Leuven's (T)OPTW sets, and cosolve's own, as JSON or as a NumPy archive."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.formats import npz
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source, is_number, plain
from cosolve.instances.orienteering import OPTWInstance, OPTWVPInstance

#: Numbers before the list of a point: i, x, y, service, score, frequency, length of the list.
_HEAD = 7


def sniff_toptw(source: Source) -> tuple[str, ...]:
    """Whether there are rows of 4 and 2 numbers, then points that end with a window where their lists say."""
    rows = [line.split() for line in source.head_lines]
    if len(rows) < 3 or len(rows[0]) != 4 or len(rows[1]) != 2:
        return ()
    try:
        points = [[float(word) for word in row] for row in rows[2:20]]
    except ValueError:
        return ()
    # The last line of the head may be cut, or be the only place.
    whole = points[:-1] or points
    if any(len(row) < _HEAD + 2 or row[0] != i or len(row) != _HEAD + row[6] + 2 for i, row in enumerate(whole)):
        return ()
    return ("optw",)


def read_toptw(source: Source, problem: str, *, decimals: int | None = None) -> OPTWInstance:
    """
    Read one tour's problem: ``k v N t``, ``D Q``, then ``i x y service score f a list... opens closes`` for each place.

    Parameters
    ----------
    decimals
        Travel times are Euclidean distances cut off behind this many decimals; without it 1, or 2 in files with a
        limit D of the tour, which are Cordeau's [1]_.

    References
    ----------
    .. [1] Vansteenwegen, P., Souffriau, W., Vanden Berghe, G., Van Oudheusden, D. (2009). Iterated local search for
           the team orienteering problem with time windows. *Computers & Operations Research* 36(12): 3281-3290.
    """
    lines = [(position, line.split()) for position, line in source.lines() if line.strip()]
    if len(lines) < 3:
        source.fail("expected the lines 'k v N t' and 'D Q' and a line for each place.")
    announced = _row(source, *lines[0], 4)[2]
    limit = _row(source, *lines[1], 2)[0]
    if decimals is None:
        decimals = 1 if limit == 0 else 2
    if not 0 <= decimals <= 9:
        source.fail(f"decimals must be in 0..9, got {decimals}.")
    points = np.empty((len(lines) - 2, 6))
    for k, (position, words) in enumerate(lines[2:]):
        if len(words) < _HEAD + 2:
            source.fail(f"a place needs at least {_HEAD + 2} numbers, got {len(words)}.", position)
        row = _row(source, position, words, len(words))
        listed = row[6]
        if listed != int(listed) or listed < 0 or len(row) != _HEAD + int(listed) + 2:
            source.fail(f"a list of {listed:g} entries makes {_HEAD + 2 + listed:g} numbers, got {len(row)}.", position)
        if row[0] != k:
            source.fail(f"expected place {k}, got {row[0]:g}.", position)
        points[k] = [row[1], row[2], row[3], row[4], row[-2], row[-1]]
        if k and points[k, 4] > points[k, 5]:
            source.fail(f"window closes at {row[-1]:g}, before it opens at {row[-2]:g}.", position)
        for what, value in (("service", row[3]), ("score", row[4])):
            if value < 0:
                source.fail(f"{what} must be >= 0, got {value:g}.", position)
    meta: dict[str, Any] = {"decimals": decimals}
    if announced != len(points) - 1:
        meta["announced_customers"] = announced  # the sets' own files are not always right about it
    coords = points[:, :2]
    return OPTWInstance(
        name=source.stem,
        meta=meta,
        distances=Distances.truncated(coords, decimals),
        opens=points[:, 4],
        closes=points[:, 5],
        horizon=float(points[0, 5]),
        prize=np.append(0.0, points[1:, 3]),
        min_service=np.append(0.0, points[1:, 2]),
    )


def _row(source: Source, position: int, words: list[str], count: int) -> list[float]:
    if len(words) != count:
        source.fail(f"expected {count} numbers, got {len(words)}.", position)
    try:
        values = [float(plain(word)) for word in words]
    except ValueError:
        bad = next(word for word in words if not is_number(word))
        source.fail(f"expected a number, got {bad[:80]!r}.", position)
    if not all(map(math.isfinite, values)):
        source.fail("numbers must be finite.", position)
    return values


_ARRAYS = ("opens", "closes", "prize", "min_service", "segment_ptr", "segment_length", "segment_rate")
_KEYS = frozenset({"problem", "name", "meta", "metric", "coords", "matrix", "horizon", *_ARRAYS})
_TYPES: dict[str, type[OPTWVPInstance]] = {"optwvp": OPTWVPInstance, "optw": OPTWInstance}


def sniff_json(source: Source) -> tuple[str, ...]:
    """Whether it is an object that names its problem; of one that is broken, whether the name of one is in it."""
    if not source.head.lstrip().startswith("{") or '"optw' not in (text := source.text()):
        return ()
    try:
        problem = json.loads(text).get("problem")
    except (ValueError, RecursionError):
        return tuple(key for key in _TYPES if f'"{key}"' in text)
    return tuple(key for key in _TYPES if key == problem)


def read_json(source: Source, problem: str) -> OPTWVPInstance:
    """Read the object that :func:`write_json` writes; arrays that an instance may lack may be left out."""
    try:
        data = json.loads(source.text())
    except json.JSONDecodeError as error:
        source.fail(f"not JSON: {error.msg}.", line=error.lineno)
    except RecursionError:
        source.fail("not an instance: nested too deeply.")
    if not isinstance(data, dict):
        source.fail("not an instance: expected an object.")
    return _instance(source, problem, data)


def _instance(source: Source, problem: str, data: dict[str, Any]) -> OPTWVPInstance:
    unknown = sorted(set(data) - _KEYS)
    if unknown:
        source.fail(f"unknown key {unknown[0]!r}; allowed: {', '.join(sorted(_KEYS))}.")
    for key in ("opens", "closes", "horizon"):
        if key not in data:
            source.fail(f"the key {key!r} is missing.")
    try:
        coords = None if data.get("coords") is None else np.array(data["coords"], np.float64).reshape(-1, 2)
        if data.get("matrix") is not None:
            distances = Distances.from_matrix(np.array(data["matrix"], np.float64), coords)
        elif coords is not None:
            distances = Distances.from_coords(coords, Metric[data.get("metric", "EXACT_2D")])
        else:
            source.fail("either 'coords' or 'matrix' must be given.")
        arrays = {key: np.array(data[key]) for key in _ARRAYS if key in data}
        name, meta = str(data.get("name", source.stem)), dict(data.get("meta", {}))
        return _TYPES[problem](name=name, meta=meta, distances=distances, horizon=data["horizon"], **arrays)
    except KeyError as error:
        source.fail(f"metric must be one of {', '.join(m.name for m in Metric if m)}, got {error}.")
    except (TypeError, ValueError) as error:
        source.fail(f"{error}")


def _data(instance: OPTWVPInstance) -> dict[str, Any]:
    """What a file holds of an instance, by :data:`_KEYS`."""
    distances = instance.distances
    data: dict[str, Any] = {"problem": instance.problem, "name": instance.name}
    if instance.meta:
        data["meta"] = dict(instance.meta)
    if len(distances.coords):
        data["coords"] = distances.coords
    if distances.metric == Metric.MATRIX:
        data["matrix"] = distances.matrix
    else:
        data["metric"] = distances.metric.name
    data["horizon"] = instance.horizon
    return {**data, **{key: getattr(instance, key) for key in _ARRAYS}}


def write_json(instance: OPTWVPInstance, path: Path) -> None:
    """Write one object; numbers are written so that they read back as they are."""
    data = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in _data(instance).items()}
    path.write_text(json.dumps(data, allow_nan=False, default=str) + "\n")


def sniff_npz(source: Source) -> tuple[str, ...]:
    """Whether it is an archive of what :func:`write_npz` writes; the problem is told by its array of that name."""
    names = npz.array_names(source)
    if not {"problem", "opens", "closes", "horizon"} <= names:
        return ()
    try:
        key = str(npz.read_arrays(source, {"problem": ("problem",)})["problem"])
    except source.error_type:
        return ()
    return (key,) if key in _TYPES else ()


def read_npz(source: Source, problem: str) -> OPTWVPInstance:
    """Read an archive with the arrays of :func:`read_json`; ``meta`` is a text, its JSON. Nothing is unpickled."""
    names = npz.array_names(source)
    data: dict[str, Any] = dict(npz.read_arrays(source, {name: (name,) for name in names}))
    data.update({key: array.item() for key, array in data.items() if array.ndim == 0})
    if "meta" in data:
        data["meta"] = npz.meta_of(source, str(data["meta"]))
    return _instance(source, problem, data)


def write_npz(instance: OPTWVPInstance, path: Path) -> None:
    """Write one archive, compressed."""
    data = _data(instance)
    if "meta" in data:
        data["meta"] = json.dumps(data["meta"], default=str)
    with path.open("wb") as file:
        np.savez_compressed(file, **data)


TOPTW = Format(
    "toptw",
    "(team) orienteering with time windows, KU Leuven's text format, one tour",
    ("optw",),
    {},
    sniff_toptw,
    read_toptw,
    options={"decimals": "decimals of the travel times, the rest is cut off (1 Solomon, 2 Cordeau)"},
)
ORIENTEERING_JSON = Format(
    "orienteering-json",
    "orienteering with time windows, fixed or variable profits, cosolve's own",
    ("optwvp", "optw"),
    {".json": ("optwvp", "optw")},
    sniff_json,
    read_json,
    write_json,
)
ORIENTEERING_NPZ = Format(
    "orienteering-npz",
    "orienteering with time windows, cosolve's own arrays in a NumPy archive",
    ("optwvp", "optw"),
    {".npz": ("optwvp", "optw")},
    sniff_npz,
    read_npz,
    write_npz,
)
