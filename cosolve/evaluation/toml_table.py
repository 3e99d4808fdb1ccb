"""Typed access to the tables of a TOML file, with errors that name file, table, key, value and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from cosolve.core.errors import InvalidFileError
from cosolve.core.values import near

_UNITS = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
}


#: Most seeds of a suite: a night of runs of milliseconds.
_MAX_SEEDS = 1_000_000


def seeds_of(parts: Iterable[Any]) -> tuple[int, ...]:
    """
    The seeds of a list of integers and ranges, such as [7, "0-4"].

    Raises
    ------
    ValueError
        Which says what the list must be.
    """
    found: list[int] = []
    for part in parts:
        limits = re.fullmatch(r"(\d+)-(\d+)", part) if isinstance(part, str) else None
        least, most = map(int, limits.groups()) if limits else (part, part)
        if isinstance(least, bool) or not isinstance(least, int) or least < 0:
            raise ValueError('a list of integers >= 0 and ranges like "0-9"')
        if most < least:
            raise ValueError("a list with ranges from the least to the greatest")
        if len(found) + most - least >= _MAX_SEEDS:
            raise ValueError(f"at most {_MAX_SEEDS:,} seeds")
        found += range(least, most + 1)
    if not found or len(set(found)) < len(found):
        raise ValueError("a list of distinct integers, at least one")
    return tuple(found)


class Table:
    """
    One table.

    Parameters
    ----------
    values
        What it holds.
    path, place
        File, and name of the table in messages ("[[solvers]] number 2").
    allowed
        The keys that it may have.

    Raises
    ------
    InvalidFileError
        If it has another key.
    """

    def __init__(self, values: Mapping[str, Any], path: Path, place: str, allowed: Iterable[str]) -> None:
        self._values = values
        self.path = path
        self.place = place
        known = list(allowed)
        for key in values:
            if key not in known:
                self.fail(f"unknown key {key!r}{near(key, known)}; allowed: {', '.join(known)}.")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def fail(self, message: str) -> NoReturn:
        """Raise :class:`InvalidFileError` that names file and table."""
        raise InvalidFileError(f"{self.place}: {message}" if self.place else message, self.path)

    def wrong(self, key: str, allowed: str) -> NoReturn:
        """Raise for a value that is not allowed."""
        self.fail(f"{key} must be {allowed}, got {self._values.get(key)!r}.")

    def text(self, key: str, default: str = "") -> str:
        """A text that is not empty."""
        value = self._values.get(key, default)
        if not isinstance(value, str) or (key in self and not value):
            self.wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, not empty where given."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value) or (key in self and not value):
            self.wrong(key, "a list of texts")
        return tuple(value)

    def number(self, key: str) -> float | None:
        """A number, ``None`` where not given."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, "a number")
        return float(value)

    def integer(self, key: str, *, least: int) -> int | None:
        """An integer of at least ``least``, ``None`` where not given."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.wrong(key, f"an integer >= {least}")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """A table of any keys, empty where not given."""
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "a table, such as { key = value }")
        return dict(value)

    def seeds(self, key: str) -> tuple[int, ...]:
        """See :func:`seeds_of`; or one range. Empty where not given."""
        if key not in self:
            return ()
        value = self._values[key]
        try:
            return seeds_of(value if isinstance(value, list) else [str(value)])
        except ValueError as error:
            self.wrong(key, str(error))

    def memory(self, key: str) -> int | None:
        """Bytes, from an integer or a text such as "2 GiB"; ``None`` where not given."""
        value = self._values.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", value)
            if match and match[2] in _UNITS:
                value = round(float(match[1]) * _UNITS[match[2]])
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.wrong(key, f"bytes, or a number with one of {', '.join(_UNITS)}, such as '2 GiB'")
        return value
