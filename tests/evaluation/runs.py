"""Records of runs that took place in a test's imagination, with what the test cares about and defaults for the rest."""

from __future__ import annotations

from typing import Any

from cosolve.core.result import Status, TracePoint
from cosolve.evaluation.records import Failure, Record, Times
from cosolve.evaluation.references import Reference, ReferenceKind


def run(
    solver: str = "a",
    case: str = "one",
    objective: float | None = None,
    *,
    seed: int = 0,
    reference: float | Reference | None = 100.0,
    time: float | None = 1.0,
    best: float | None = None,
    limit: float | None = 10.0,
    trajectory: tuple[tuple[float, float | None, float | None], ...] = (),
    failure: Failure | None = None,
    status: Status | None = None,
    **facts: Any,
) -> Record:
    """A run of ``solver`` on ``case`` (digest: its name) that ended with ``objective`` after ``time`` seconds."""
    if isinstance(reference, int | float):
        reference = Reference(float(reference), ReferenceKind.BEST)
    default = Status.NO_SOLUTION if objective is None else Status.FEASIBLE
    known: dict[str, Any] = {
        "key": f"{solver}/{case}/{seed}",
        "case": case,
        "problem": "tsp",
        "group": "easy",
        "sense": "min",
        "digest": case,
        "solver": solver,
        "solver_name": solver,
        "stop": {} if limit is None else {"time_limit": limit},
        "seed": seed,
        "status": status or default,
        "failure": failure,
        "objective": objective,
        "reference": reference,
        "times": Times(solve=time, best=best),
        "trajectory": tuple(TracePoint(*point) for point in trajectory),
    }
    return Record(**(known | facts))
