"""Suites: which instances, which solvers, how long, with which seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosolve.core.problem import JudgeMode
from cosolve.core.stop import Stop
from cosolve.evaluation.references import Reference


@dataclass(frozen=True)
class FromFile:
    """
    An instance in a file.

    Parameters
    ----------
    path
        The file, ``None`` if none of that name was found.
    wanted
        What was looked for, for the message if it is missing.
    reading
        Keyword arguments for :func:`cosolve.read` (``format``, ``capacity``, ...).
    """

    path: Path | None
    wanted: str
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FromCatalogue:
    """A bundled instance."""

    name: str


@dataclass(frozen=True)
class FromGenerator:
    """A call of :func:`cosolve.generate`: distribution and parameters, the seed among them."""

    distribution: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


Source = FromFile | FromCatalogue | FromGenerator


@dataclass(frozen=True)
class Case:
    """
    One instance of a suite, not read yet.

    Parameters
    ----------
    name, problem, group
        Name within the suite, problem key, and set that it belongs to ("easy").
    source
        Where it comes from.
    reference
        What to compare with, ``None`` if nothing is known.
    """

    name: str
    problem: str
    source: Source
    group: str = ""
    reference: Reference | None = None

    @property
    def is_missing(self) -> bool:
        """Whether its file was not found when the suite was loaded."""
        return isinstance(self.source, FromFile) and self.source.path is None


@dataclass(frozen=True)
class Entrant:
    """
    A solver as it takes part in a suite.

    Parameters
    ----------
    label
        Name in the tables, unique within the suite.
    solver
        Registered name; ignored for outside solvers.
    problems
        Problems that it is run on; empty means all that it handles.
    options
        Its own options.
    time_limit, threads
        In place of the suite's.
    batch_size, device
        For solvers with the BATCH feature: instances in one batch (0: one by one), and "cpu", "cuda", "cuda:1". A
        solver learns its device through its option ``device``, unless that is among ``options`` already.
    command
        An outside solver: program and arguments with the fields of :data:`cosolve.evaluation.command.FIELDS` in
        braces; empty for solvers of cosolve. Its ``options`` are :class:`cosolve.evaluation.command.CommandOptions`.
    formats
        Format that the instance is written in for ``command`` (``None``: the file as it is), and the one that its
        solution file is read in (``None``: by its content).
    solutions
        Pattern of saved solution files with the fields ``{case}``, ``{group}`` and ``{seed}``; empty for none.
    """

    label: str
    solver: str = ""
    problems: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    time_limit: float | None = None
    threads: int | None = None
    batch_size: int = 0
    device: str = "cpu"
    command: tuple[str, ...] = ()
    formats: tuple[str | None, str | None] = (None, None)
    solutions: str = ""


@dataclass(frozen=True)
class Suite:
    """
    An experiment: every case x entrant that handles its problem x seed.

    Parameters
    ----------
    name, title
        Short name, and one line for people.
    cases, entrants
        What is run on what.
    stop
        Limits of every run.
    seeds
        One run each; entrants without the SEED feature run once, with the first of these, and say so.
    threads
        Threads of every run.
    memory_limit
        Cap in bytes for each run's processes together, ``None`` for none.
    grace
        Seconds that a run may overrun its time limit before it is killed.
    judge
        Rules that solutions are judged by.
    folder
        Folder of the suite's file, for outside programs and files given relative to it.
    """

    name: str
    cases: tuple[Case, ...]
    entrants: tuple[Entrant, ...]
    title: str = ""
    stop: Stop = field(default_factory=lambda: Stop(time_limit=60.0))
    seeds: tuple[int, ...] = (0,)
    threads: int = 1
    memory_limit: int | None = None
    grace: float = 5.0
    judge: JudgeMode = "strict"
    folder: Path | None = None

    def __post_init__(self) -> None:
        labels = [entrant.label for entrant in self.entrants]
        repeated = {label for label in labels if labels.count(label) > 1}
        if repeated:
            raise ValueError(f"suite {self.name!r} has two solvers with the label {sorted(repeated)[0]!r}.")
        names = {(case.group, case.name) for case in self.cases}
        if len(names) < len(self.cases):
            raise ValueError(f"suite {self.name!r} names an instance twice in one group.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ValueError(f"seeds must be distinct integers >= 0, got {list(self.seeds)}.")
        if self.threads < 1:
            raise ValueError(f"threads must be >= 1, got {self.threads}.")
        if self.memory_limit is not None and self.memory_limit < 1:
            raise ValueError(f"memory must be a positive number of bytes, got {self.memory_limit}.")
        if not (math.isfinite(self.grace) and self.grace >= 0):
            raise ValueError(f"grace must be >= 0 seconds, got {self.grace}.")
