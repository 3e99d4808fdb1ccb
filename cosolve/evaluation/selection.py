"""Part of a suite: some groups, instances or solvers, another time limit, other seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

from cosolve.evaluation.suite import Suite

T = TypeVar("T")


def narrow(
    suite: Suite,
    *,
    groups: Sequence[str] = (),
    instances: Sequence[str] = (),
    entrants: Sequence[str] = (),
    time_limit: float | None = None,
    seeds: Sequence[int] = (),
) -> Suite:
    """
    Part of a suite.

    Parameters
    ----------
    groups, instances, entrants
        Names or patterns (``E10k.*``) of those to keep; empty keeps all.
    time_limit
        Seconds for every run, in place of the suite's and the entrants' own.
    seeds
        In place of the suite's.

    Raises
    ------
    ValueError
        If a pattern fits nothing; the message lists the names.
    """
    cases = _pick(suite.cases, groups, lambda case: case.group, f"group of suite {suite.name!r}")
    cases = _pick(cases, instances, lambda case: case.name, f"instance of suite {suite.name!r}")
    chosen = _pick(suite.entrants, entrants, lambda entrant: entrant.label, f"solver of suite {suite.name!r}")
    stop = suite.stop
    if time_limit is not None:
        stop = dataclasses.replace(stop, time_limit=time_limit)
        chosen = tuple(dataclasses.replace(entrant, time_limit=None) for entrant in chosen)
    return dataclasses.replace(suite, cases=cases, entrants=chosen, stop=stop, seeds=tuple(seeds) or suite.seeds)


def _pick(items: tuple[T, ...], patterns: Sequence[str], name: Callable[[T], str], what: str) -> tuple[T, ...]:
    for pattern in patterns:
        if not any(fnmatchcase(name(item), pattern) for item in items):
            names = list(dict.fromkeys(name(item) for item in items if name(item)))
            shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
            raise ValueError(f"{pattern!r} fits no {what}; there are: {shown or 'none'}.")
    return tuple(item for item in items if not patterns or any(fnmatchcase(name(item), p) for p in patterns))
