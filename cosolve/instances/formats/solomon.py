"""
Text files of Solomon [1]_ and of Gehring and Homberger: vehicle routing with time windows.

The file does not say how distances are rounded. CVRPLIB and the DIMACS challenge cut them off behind one decimal, and
their best known values minimise the distance; the lists at SINTEF count vehicles first and round nothing.

References
----------
.. [1] Solomon, M. M. (1987). Algorithms for the vehicle routing and scheduling problems with time window constraints.
       *Operations Research* 35(2): 254-265.
"""

from __future__ import annotations

import re

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.formats.base import Format
from cosolve.instances.formats.source import Source
from cosolve.instances.vrptw import VRPTWInstance

#: Numbers of a row: number, x, y, demand, ready time, due date, service time.
_COLUMNS = 7

_ROUNDINGS = ("trunc1", "exact")


def sniff(source: Source) -> tuple[str, ...]:
    """Whether the second line with text is VEHICLE, as in no other format."""
    lines = source.head_lines[:3]
    is_solomon = len(lines) == 3 and lines[1].upper() == "VEHICLE" and lines[2].upper().startswith("NUMBER")
    return ("vrptw",) if is_solomon else ()


def read(source: Source, problem: str, *, rounding: str = "trunc1") -> VRPTWInstance:
    """
    Read an instance; the first row is the depot, whose window is the horizon.

    Parameters
    ----------
    rounding
        "trunc1": distances and durations are cut off behind one decimal; "exact": they are not rounded.
    """
    if rounding not in _ROUNDINGS:
        raise ValueError(f"rounding must be one of {', '.join(_ROUNDINGS)}, got {rounding!r}.")
    fleet = _behind(source, "NUMBER CAPACITY")
    (vehicles, capacity), end = source.numbers(fleet, 2, what="number of vehicles and capacity")
    start = _behind(source, "CUST NO.", end)
    values, end = source.numbers(start, what="number of a customer's row")
    rest = bytes(source.data[end:]).strip()
    if rest:
        source.fail(f"expected a number, got {rest[:40].decode('latin-1').split()[0]!r}.", source.place(0, end))
    if not len(values) or len(values) % _COLUMNS:
        source.fail(f"each customer needs {_COLUMNS} numbers; {len(values)} are no multiple of that.", end - 1)
    rows = values.reshape(-1, _COLUMNS)
    wrong = np.flatnonzero(rows[:, 0] != np.arange(len(rows)))
    if len(wrong):
        k = int(wrong[0])
        source.fail(f"expected customer {k}, got {rows[k, 0]:g}.", source.place(_COLUMNS * k, start))
    coords = rows[:, 1:3]
    distances = (
        Distances.truncated(coords, 1) if rounding == "trunc1" else Distances.from_coords(coords, Metric.EXACT_2D)
    )
    return VRPTWInstance(
        name=source.head_lines[0],
        meta={"vehicles": int(vehicles), "rounding": rounding},
        distances=distances,
        demand=rows[:, 3],
        capacity=float(capacity),
        opens=rows[:, 4],
        closes=rows[:, 5],
        service=rows[:, 6],
    )


def _behind(source: Source, title: str, start: int = 0) -> int:
    """Byte position behind the line of the head that begins with a title, however its words are spaced."""
    pattern = r"^[^\S\n]*" + r"\s+".join(map(re.escape, title.split())) + r"[^\n]*(\n|$)"
    found = re.compile(pattern, re.IGNORECASE | re.MULTILINE).search(source.head, start)
    if found is None:
        source.fail(f"the line {title!r} is missing.")
    return found.end()


SOLOMON = Format(
    "solomon",
    "Solomon, Gehring and Homberger: vehicle routing with time windows",
    ("vrptw",),
    {},
    sniff,
    read,
    options={"rounding": f"rounding of Euclidean distances: {', '.join(_ROUNDINGS)} (default: trunc1)"},
)
