"""What a run of a solver gives back."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cosolve.core.gap import relative_gap
from cosolve.core.instance import Solution


class Status(enum.StrEnum):
    """What is known about the instance after the run."""

    OPTIMAL = "optimal"
    """The solution is proven optimal for this very instance."""
    FEASIBLE = "feasible"
    """A verified solution is known, no proof of optimality."""
    INFEASIBLE = "infeasible"
    """Proven: there is no solution."""
    UNBOUNDED = "unbounded"
    """Proven: the objective can be improved without end."""
    INFEASIBLE_OR_UNBOUNDED = "infeasible_or_unbounded"
    """Proven: one of the two, not which."""
    NO_SOLUTION = "no_solution"
    """The solver stopped at a limit before it found a solution; a bound may be known."""
    UNKNOWN = "unknown"
    """The backend ended in a state that says nothing."""
    ERROR = "error"
    """The solver failed; ``message`` says how. A solution found before is kept."""


class Limit(enum.StrEnum):
    """Why the run stopped, if not because it was done."""

    TIME = "time"
    ITERATION = "iteration"
    NODE = "node"
    SOLUTION = "solution"
    GAP = "gap"
    TARGET = "target"
    MEMORY = "memory"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Incumbent:
    """
    A verified solution, better than all before it, handed to ``on_incumbent`` the moment it is known.

    Parameters
    ----------
    time
        Seconds since the call of ``solve``.
    objective
        Verified objective value.
    bound
        Best proven bound at that time, ``None`` if there is none.
    solution
        The solution itself.
    """

    time: float
    objective: float
    bound: float | None
    solution: Solution


@dataclass(frozen=True)
class TracePoint:
    """Best objective and bound from ``time`` (seconds) on; either may be ``None``."""

    time: float
    objective: float | None
    bound: float | None


@dataclass(frozen=True)
class SolveResult:
    """
    Outcome of a run: what is known, why it stopped, and the curve that led there.

    Parameters
    ----------
    problem, instance, digest
        Problem key, name and content hash of the instance.
    solver, version
        Name of the solver and of the package version that did the work.
    status, limit
        What is known, and why the run stopped (``None``: it was done).
    objective
        Objective of ``solution``, recomputed by the judge; ``None`` without a solution.
    claimed_objective
        What the solver said the objective was; ``None`` if it said nothing.
    bound
        Best proven bound on the optimum (lower for "min", upper for "max"); ``None`` if none is proven.
    solution
        Best verified solution, or ``None``.
    trajectory
        Every improvement of objective or bound, in order of time.
    build_time, runtime
        Seconds spent to set up the backend's model, and in all from the call to the return.
    seed, threads, options
        What the run was given; options are echoed complete with their defaults.
    stats
        Numbers of the solver's own (iterations, nodes, ...); plain JSON values.
    message
        One line for people where something is worth saying.
    """

    problem: str
    instance: str
    digest: str
    solver: str
    version: str
    status: Status
    limit: Limit | None
    objective: float | None
    claimed_objective: float | None
    bound: float | None
    solution: Solution | None
    trajectory: tuple[TracePoint, ...] = ()
    build_time: float = 0.0
    runtime: float = 0.0
    seed: int = 0
    threads: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    stats: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""

    @property
    def gap(self) -> float:
        """Relative gap of objective and bound, in [0, 1]; 1 if either is missing."""
        return relative_gap(self.objective, self.bound)

    @property
    def is_feasible(self) -> bool:
        """Whether a verified solution is known."""
        return self.solution is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values (no NaN, no infinity); the inverse of :func:`result_from_dict`."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        data["gap"] = self.gap
        data["solution"] = None if self.solution is None else self.solution.to_dict()
        data["trajectory"] = [[p.time, p.objective, p.bound] for p in self.trajectory]
        return jsonable(data)

    def to_json(self, **kwargs: Any) -> str:
        """JSON text of :meth:`to_dict`; keyword arguments go to :func:`json.dumps`."""
        return json.dumps(self.to_dict(), allow_nan=False, **kwargs)


def result_from_dict(data: Mapping[str, Any], solution_type: type[Solution]) -> SolveResult:
    """
    Rebuild a result from :meth:`SolveResult.to_dict`; the gap is derived again.

    Raises
    ------
    ValueError
        If a key is missing or a value is not one of those allowed.
    """
    fields = {f.name for f in dataclasses.fields(SolveResult)}
    missing = fields - set(data)
    if missing:
        raise ValueError(f"result lacks the keys {sorted(missing)}.")
    values = {name: data[name] for name in fields}
    values["status"] = Status(values["status"])
    values["limit"] = None if values["limit"] is None else Limit(values["limit"])
    try:
        values["trajectory"] = tuple(TracePoint(*point) for point in values["trajectory"])
    except TypeError as error:
        raise ValueError("trajectory must be a list of [time, objective, bound].") from error
    if values["solution"] is not None:
        values["solution"] = solution_type.from_dict(values["solution"])
    return SolveResult(**values)


def jsonable(value: Any) -> Any:
    """Plain JSON value: enums and numpy scalars unwrapped, NaN and infinities replaced by ``None``."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, bool | str | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return str(value)
