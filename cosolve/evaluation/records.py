"""Records: what one run of one solver on one instance with one seed gave, one line of JSON each."""

from __future__ import annotations

import dataclasses
import enum
import math
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cosolve.core.instance import Sense
from cosolve.core.problem import JudgeMode
from cosolve.core.result import Limit, Status, TracePoint, jsonable
from cosolve.core.values import check_value, kinds_of
from cosolve.evaluation.metrics import gap_beyond_noise, is_new_best, primal_gap, signed_gap
from cosolve.evaluation.references import Reference

#: Version of the form of a record; raised when a field changes its meaning.
SCHEMA = 1


class Failure(enum.StrEnum):
    """What went wrong; a record may have a failure and, from before it, a verified solution."""

    MISSING = "missing"
    """The instance is not here: no file of that name in any folder that was searched."""
    UNREADABLE = "unreadable"
    """The instance can't be read."""
    UNAVAILABLE = "unavailable"
    """The solver, its package or its device is not here."""
    UNSUPPORTED = "unsupported"
    """The solver does not handle this problem, or lacks a feature that was asked for."""
    ERROR = "error"
    """The solver raised an error, or its answer contradicts the judge."""
    INVALID = "invalid"
    """No solution stood up to the judge, and at least one did not."""
    CRASH = "crash"
    """The process was ended by a signal that we did not send."""
    EXIT = "exit"
    """The process ended by itself without an answer."""
    HANG = "hang"
    """It did not stop at its limit plus grace and was killed."""
    MEMORY = "memory"
    """It went over its memory cap, or ran out of memory."""


@dataclass(frozen=True)
class Times:
    """
    Seconds spent.

    Parameters
    ----------
    read
        To read or generate the instance, once for all runs on it.
    build
        To set up the backend's model, part of ``solve``.
    solve
        From the call of the solver to its return, by the clock that the time limit uses.
    best
        From the same start to the best solution.
    wall
        From the start of the process to its end, warm-up and hand-over included.
    """

    read: float | None = None
    build: float | None = None
    solve: float | None = None
    best: float | None = None
    wall: float | None = None


@dataclass(frozen=True)
class Batch:
    """
    How a run shared its time with others of one batch.

    Parameters
    ----------
    size
        Instances in the batch that this run was part of.
    latency
        Seconds from the batch's start to its end, device synchronised; ``Times.solve`` is the same number.
    amortised
        ``latency / size``: seconds per instance.
    warm_up
        Seconds spent before the first batch (compilation, first kernels); in none of the other numbers.
    device
        "cpu", "cuda:0", ...
    peak_device_memory
        Most bytes allocated on the device, ``None`` on a CPU.
    halvings
        How often the batch had to be halved because the device ran out of memory.
    """

    size: int
    latency: float
    amortised: float
    warm_up: float
    device: str
    peak_device_memory: int | None = None
    halvings: int = 0


@dataclass(frozen=True, kw_only=True)
class Record:
    """
    One run.

    Parameters
    ----------
    key
        Hash of instance digest, solver, options, stop, seed, threads and memory cap, and of the names of group,
        instance and solver: same key, same experiment.
    suite, group, case
        Name of the suite, of the set within it ("easy"), and of the instance within that.
    problem, sense, digest, size
        Of the instance; the last three are ``None`` if it could not be read.
    is_integral
        Whether every objective, by the rules that it was judged by, is an integer; False in records from before this
        field, whose tolerances are then those of real numbers.
    magnitude
        Of the instance, see :attr:`cosolve.core.instance.Instance.magnitude`; 1 in records from before this field.
    solver, solver_name, version, options
        Label in the suite, registered name, version of the package that did the work, complete options.
    stop, seed, threads, memory_limit
        Stopping criteria, seed, threads, and cap in bytes.
    judge
        Rules that the solution was judged by: "strict" or "frontierco".
    status, limit, failure, message
        What is known, why it stopped, what went wrong, and a line for people.
    objective
        Objective of the best solution, recomputed by the judge in the runner; ``None`` without a solution.
    claimed
        What the solver said it was.
    bound
        Best bound that the solver proved.
    reference
        What to compare with, as known when the run was recorded.
    trajectory
        Improvements of objective and bound in order of time.
    times, peak_memory
        Seconds, and most bytes of memory held by the run's processes together.
    batch
        For runs in batches.
    violations
        What the judge found wrong with the last solution that it refused.
    solution
        File of the best solution, relative to the folder of the records.
    machine
        Host, CPU, cores, GPU, versions of Python and packages, git revision.
    started
        Date and time (UTC, ISO 8601).
    stats
        Numbers of the solver's own.
    """

    key: str
    suite: str = ""
    group: str = ""
    case: str
    problem: str
    sense: Sense | None = None
    digest: str | None = None
    size: int | None = None
    is_integral: bool = False
    magnitude: float = 1.0
    solver: str
    solver_name: str
    version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    stop: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    threads: int = 1
    memory_limit: int | None = None
    judge: JudgeMode = "strict"
    status: Status
    limit: Limit | None = None
    failure: Failure | None = None
    message: str = ""
    objective: float | None = None
    claimed: float | None = None
    bound: float | None = None
    reference: Reference | None = None
    trajectory: tuple[TracePoint, ...] = ()
    times: Times = field(default_factory=Times)
    peak_memory: int | None = None
    batch: Batch | None = None
    violations: tuple[str, ...] = ()
    solution: str | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    started: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_feasible(self) -> bool:
        """Whether a verified solution is known."""
        return self.objective is not None

    @property
    def is_saved(self) -> bool:
        """Whether the solution was made elsewhere and only judged here."""
        return not self.solver_name

    @property
    def is_untimed(self) -> bool:
        """Whether nobody knows how long the run took: a saved solution without a time, good or not."""
        is_known = self.times.best is not None or self.times.solve is not None or bool(self.trajectory)
        return not is_known and (self.is_saved or (self.failure is None and self.is_feasible))

    @property
    def time_limit(self) -> float | None:
        """Seconds that the run was given, ``None`` if it had no such limit."""
        return self.stop.get("time_limit")

    @property
    def primal_gap(self) -> float | None:
        """Gap to the reference in [0, 1], one-sided; ``None`` without a reference or a known sense."""
        if self.reference is None or self.sense is None:
            return None
        return primal_gap(self.objective, self.reference.value, self.sense)

    @property
    def signed_gap(self) -> float | None:
        """Gap to the reference, negative if better; ``None`` without reference or solution."""
        if self.reference is None or self.sense is None or self.objective is None:
            return None
        return signed_gap(self.objective, self.reference.value, self.sense)

    @property
    def precision(self) -> dict[str, Any]:
        """What :func:`cosolve.evaluation.metrics.is_new_best` has to know of the instance."""
        return {"is_integral": self.is_integral, "magnitude": self.magnitude}

    @property
    def is_new_best(self) -> bool:
        """Whether the solution is better than a trusted reference: not doubted, and under the same rounding."""
        if self.reference is None or not self.reference.is_trusted or self.sense is None or self.objective is None:
            return False
        return is_new_best(self.objective, self.reference.value, self.sense, **self.precision)

    @property
    def optimality_gap(self) -> float:
        """Gap of objective and own bound in [0, 1]; 1 if either is missing."""
        return gap_beyond_noise(self.objective, self.bound)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, gaps included for readers that know nothing of us; inverse of :meth:`from_dict`."""
        data = {f.name: jsonable(getattr(self, f.name)) for f in dataclasses.fields(self)}
        data["trajectory"] = [[p.time, p.objective, p.bound] for p in self.trajectory]
        data["gaps"] = jsonable(
            {
                "primal": self.primal_gap,
                "signed": self.signed_gap,
                "optimality": self.optimality_gap,
                "is_new_best": self.is_new_best,
            }
        )
        return {"schema": SCHEMA, **data}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Rebuild a record; the gaps are derived again.

        Raises
        ------
        ValueError
            If it is no object, of another schema, or a key or value is not allowed.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"a record must be an object, got {str(data)[:60]!r}.")
        if data.get("schema") != SCHEMA:
            raise ValueError(f"record of schema {data.get('schema')!r}, this version reads {SCHEMA}.")
        names = {f.name for f in dataclasses.fields(cls)}
        unknown = set(data) - names - {"schema", "gaps"}
        if unknown:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r} in a record.")
        values = {name: data[name] for name in names if name in data}
        try:
            values["status"] = Status(values["status"])
            for name, kind in (("limit", Limit), ("failure", Failure)):
                if values.get(name) is not None:
                    values[name] = kind(values[name])
            if values.get("reference") is not None:
                values["reference"] = Reference.from_dict(values["reference"])
                _check_fields(vars(values["reference"]), _REFERENCE, "reference.")
            if values.get("batch") is not None:
                _check_fields(values["batch"], _BATCH, "batch.")
                values["batch"] = Batch(**values["batch"])
            times = values.get("times", {})
            _check_fields(times, _TIMES, "times.")
            _check_seconds(times)
            values["times"] = Times(**times)
            values["trajectory"] = tuple(_trace_point(*point) for point in values.get("trajectory", ()))
            if values.get("magnitude", 0.0) is None:
                del values["magnitude"]  # what was not finite is written as null
            _check_fields(values, _RECORD)
            _check_fields(values.get("stop", {}), _STOP, "stop.")
            values["violations"] = tuple(values.get("violations", ()))
            return cls(**values)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not a record: {error}.") from error


def _fields(kind: type, *without: str) -> dict[str, tuple[Any, frozenset[Any]]]:
    """Declared type of each field that can be checked alone, and the plain types that need no further look."""
    hints = {name: hint for name, hint in typing.get_type_hints(kind).items() if name not in without}
    return {name: (hint, frozenset(kinds_of(hint))) for name, hint in hints.items()}


_TIMES = _fields(Times)
_BATCH = _fields(Batch)
_REFERENCE = _fields(Reference, "kind")
_RECORD = _fields(Record, "status", "limit", "failure", "reference", "trajectory", "times", "batch")
_STOP = {"time_limit": _TIMES["solve"]}


def _check_fields(
    values: Mapping[str, Any], fields: Mapping[str, tuple[Any, frozenset[Any]]], prefix: str = ""
) -> None:
    """Refuse values that are not of their declared types, and numbers that are not finite, which JSON does not have."""
    for name, (hint, plain) in fields.items():
        value = values.get(name)
        if name not in values or (value is None and type(None) in plain):
            continue
        if type(value) not in plain:
            check_value(value, hint, prefix + name)  # ten times slower
        if not (_is_number(value) if float in plain else _is_finite(value)):
            raise ValueError(f"{prefix}{name} must be finite, got {value!r}.")


def _check_seconds(times: Mapping[str, float | None]) -> None:
    for name, value in times.items():
        if value is not None and value < 0:
            raise ValueError(f"times.{name} must be >= 0 seconds, got {value}.")


def _is_finite(value: Any) -> bool:
    """Whether every number in a JSON value is finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list | tuple) else True


def _trace_point(time: Any, objective: Any, bound: Any) -> TracePoint:
    # By hand: there may be ten thousand in a record.
    if not (_is_number(time) and time >= 0):
        raise ValueError(f"times in a trajectory must be finite and >= 0 seconds, got {time!r}.")
    for name, value in (("objectives", objective), ("bounds", bound)):
        if value is not None and not _is_number(value):
            raise ValueError(f"{name} in a trajectory must be finite numbers or none, got {value!r}.")
    return TracePoint(time, objective, bound)


def _is_number(value: Any) -> bool:
    """Whether it is a number that a float can hold; a truth value is none."""
    is_number = isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))
    return is_number and abs(value) <= sys.float_info.max
