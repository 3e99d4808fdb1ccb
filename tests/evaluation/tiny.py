"""Suites that take no time, of solvers of cosolve and of those in ``stubs/misbehaving.py``."""

from __future__ import annotations

from pathlib import Path

from cosolve.core.stop import Stop
from cosolve.evaluation.suite import Case, Entrant, FromGenerator, Suite

#: Folder of the module ``misbehaving``.
STUBS = Path(__file__).parent / "stubs"


def tiny_cases(count: int = 1, size: int = 8) -> tuple[Case, ...]:
    """Instances of the travelling salesman problem, made on the spot."""
    return tuple(
        Case(f"t{seed}", "tsp", FromGenerator("uniform", {"size": size, "seed": seed})) for seed in range(count)
    )


def tiny_suite(*solvers: str, cases: tuple[Case, ...] | None = None, time_limit: float = 5.0, **fields) -> Suite:
    """A suite of solvers by name ("greedy") or by class of the module ``misbehaving`` ("Aborts")."""
    options, limits = fields.pop("options", {}), fields.pop("limits", {})
    entrants = tuple(
        Entrant(
            name,
            name if name[0].islower() else f"misbehaving:{name}",
            options=options,
            time_limit=limits.get(name),
        )
        for name in solvers
    )
    cases = tiny_cases() if cases is None else cases
    return Suite("tiny", cases, entrants, **{"stop": Stop(time_limit=time_limit), "grace": 0.5, **fields})
