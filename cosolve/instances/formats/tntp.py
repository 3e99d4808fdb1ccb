"""
Street networks of the Transportation Networks repository [1]_.

Links stand in ``NAME_net.tntp``, places in ``NAME_node.tntp``. Not instances, but cities to draw them from. A file does
not name its units: lengths are metres, feet, miles or kilometres, times seconds or minutes.

References
----------
.. [1] Transportation Networks for Research Core Team. *Transportation Networks for Research*.
       https://github.com/bstabler/TransportationNetworks
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cosolve.instances.formats.source import Source, plain
from cosolve.instances.road_network import RoadNetwork, largest_part

#: Columns of a link that are read: its two ends, length and free-flow time.
_TAIL, _HEAD, _LENGTH, _TIME = 0, 1, 3, 4


def read_network(path: str | Path, *, km: float = 1.0, minutes: float = 1.0) -> RoadNetwork:
    """
    The largest part of a network in which all junctions reach each other.

    Zones, the nodes before FIRST THRU NODE, are no junctions, and links without length or time join them to the
    streets: both are left out. Of several links between the same junctions the fastest stays.

    Parameters
    ----------
    path
        The file with the links, which ends in ``_net.tntp`` and may be compressed; that with the places stands beside
        it, under the same name but for ``_node``.
    km, minutes
        Kilometres in a unit of length and minutes in a unit of time of the file.

    Raises
    ------
    InvalidInstanceError
        With file and line, if a file is malformed.
    FileNotFoundError
        If either file is missing.
    """
    path = Path(path)
    places_name, count = re.subn(r"_net(?=\.tntp(\.\w+)?$)", "_node", path.name, flags=re.IGNORECASE)
    if not count:
        raise ValueError(f"the file with the links must be named ..._net.tntp, got {path.name}.")
    source = Source.open(path)
    first_junction = _number_of(source, "FIRST THRU NODE") or 1
    links = _table(source, 5, "link")
    promised = _number_of(source, "NUMBER OF LINKS")
    if promised != len(links):
        wanted = "must say <NUMBER OF LINKS>" if promised is None else f"<NUMBER OF LINKS> is {promised}"
        source.fail(f"{wanted}, there are {len(links)}: was the file cut off?")
    ends = _node_numbers(source, links[:, [_TAIL, _HEAD]])
    length, time = links[:, _LENGTH] * km, links[:, _TIME] * minutes
    keep = (ends >= first_junction).all(axis=1) & (ends[:, 0] != ends[:, 1]) & (length > 0) & (time > 0)
    if not keep.any():
        source.fail("there is no link between junctions with a length and a time.")
    ends, length, time = ends[keep], length[keep], time[keep]
    places = Source.open(path.with_name(places_name))
    rows = _table(places, 3, "node")
    numbers, number_at = np.unique(_node_numbers(places, rows[:, :1]), return_index=True)
    lost = np.setdiff1d(ends, numbers)
    if len(lost):
        places.fail(f"node {lost[0]}, an end of a link, has no place.")
    return largest_part(_streets(rows[number_at, 1:3], np.searchsorted(numbers, ends), length, time))


def _streets(coords: np.ndarray, ends: np.ndarray, length: np.ndarray, time: np.ndarray) -> RoadNetwork:
    """Links of the two directions side by side, the fastest of each."""
    n = len(coords)
    low, high = ends.min(axis=1), ends.max(axis=1)
    direction = (ends[:, 0] == high).astype(np.int64)
    keys, street = np.unique(low * n + high, return_inverse=True)
    lengths, times = np.zeros((len(keys), 2)), np.full((len(keys), 2), np.inf)
    slowest_first = np.argsort(-time, kind="stable")
    place = street[slowest_first], direction[slowest_first]
    lengths[place], times[place] = length[slowest_first], time[slowest_first]
    # A closed direction is as long as the open one.
    lengths = np.where(lengths > 0, lengths, lengths[:, ::-1])
    return RoadNetwork(coords, np.column_stack((keys // n, keys % n)), lengths, times)


def _number_of(source: Source, name: str) -> int | None:
    """What the metadata say under a name."""
    found = re.search(rf"<{name}>\s*(\d{{1,15}})", source.head, re.IGNORECASE)
    return int(found[1]) if found else None


def _rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Position and words of each line of data: those that begin with a number, behind the metadata."""
    for position, line in source.lines():
        words = line.replace(";", " ").split()
        if words and words[0][0] not in "<~" and not words[0][0].isalpha():
            yield position, words


def _table(source: Source, columns: int, what: str) -> np.ndarray:
    rows = []
    for position, words in _rows(source):
        if len(words) < columns:
            source.fail(f"a {what} needs at least {columns} numbers, got {len(words)}.", position)
        try:
            rows.append([float(plain(word)) for word in words[:columns]])
        except ValueError:
            source.fail(f"a {what} must hold numbers, got {' '.join(words)[:60]!r}.", position)
        if not np.isfinite(rows[-1]).all() or (what == "link" and min(rows[-1]) < 0):
            source.fail(f"a {what} must hold finite numbers{' >= 0' * (what == 'link')}.", position)
    if not rows:
        source.fail(f"there is no {what}.")
    return np.array(rows)


def _node_numbers(source: Source, values: np.ndarray) -> np.ndarray:
    bad = values[(values != np.rint(values)) | (values > 2**53)]
    if len(bad):
        source.fail(f"numbers of nodes must be integers, got {bad[0]:g}.")
    numbers: np.ndarray = values.astype(np.int64)
    return numbers
