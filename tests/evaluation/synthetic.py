"""Records that no solver made: as many as wanted, with every kind of outcome, always the same for the same seed."""

from __future__ import annotations

import math

import numpy as np

from cosolve.core.result import Limit, Status, TracePoint
from cosolve.evaluation.records import Failure, Record, Times
from cosolve.evaluation.references import Reference, ReferenceKind

GROUPS = (("tsp", "easy"), ("tsp", "hard"), ("mis", "easy"), ("cvrp", ""))
MACHINE = {
    "host": "node7",
    "cpu": "Test CPU 3000",
    "cores": 8,
    "memory": 32 * 2**30,
    "gpus": [],
    "os": "Linux 6.1",
    "python": "3.12.1",
    "packages": {"cosolve": "0.1.0", "numpy": "2.1.0"},
    "git": "abc1234",
}


def synthetic_records(
    num_records: int, *, num_solvers: int = 5, seeds: tuple[int, ...] = (0, 1), seed: int = 0
) -> list[Record]:
    """At least ``num_records`` records: solvers differ in quality, some runs fail, some instances are not here."""
    rng = np.random.default_rng(seed)
    num_cases = math.ceil(num_records / (num_solvers * len(seeds)))
    records = []
    for c in range(num_cases):
        problem, group = GROUPS[c % len(GROUPS)]
        sense = "max" if problem == "mis" else "min"
        value = float(rng.integers(100, 100_000))
        doubt = "computed under another rounding" if c % 11 == 3 else ""
        kind = ReferenceKind.OPTIMAL if c % 3 == 0 else ReferenceKind.BEST
        reference = None if c % 13 == 7 else Reference(value, kind, source="a paper", doubt=doubt)
        difficulty = float(rng.uniform(0.5, 2.0))
        size = int(rng.integers(10, 10_000))
        for s in range(num_solvers):
            for run_seed in seeds:
                facts = {
                    "key": f"{c:05d}-{s:02d}-{run_seed}",
                    "suite": "synthetic",
                    "group": group,
                    "case": f"{problem}-{c:04d}",
                    "problem": problem,
                    "sense": sense,
                    "digest": f"{c:064x}",
                    "size": size,
                    "solver": f"solver-{s}",
                    "solver_name": f"package{s}",
                    "version": "1.2",
                    "options": {"restarts": s},
                    "stop": {"time_limit": 60.0},
                    "seed": run_seed,
                    "machine": MACHINE,
                    "started": f"2026-01-{1 + c % 28:02d}T00:00:00+00:00",
                    "reference": reference,
                    "peak_memory": int(rng.integers(10, 900)) * 2**20,
                }
                records.append(_run(rng, facts, value, sense, difficulty * (s + 1) / num_solvers, c))
    return records


def _run(rng: np.random.Generator, facts: dict, value: float, sense: str, quality: float, c: int) -> Record:
    if c % 17 == 5:
        gone = dict.fromkeys(("sense", "digest", "size", "peak_memory"))
        return Record(**{**facts, **gone}, status=Status.UNKNOWN, failure=Failure.MISSING, message="no such file")
    kind = rng.random()
    if kind < 0.05:
        failure = (Failure.CRASH, Failure.MEMORY, Failure.HANG, Failure.ERROR)[int(rng.integers(4))]
        times = Times(wall=float(rng.uniform(1, 60)))
        return Record(**facts, status=Status.ERROR, failure=failure, message=f"ended by {failure}", times=times)
    final = 0.0 if kind < 0.25 else float(np.round(0.08 * quality * rng.random() ** 2, 5))
    if kind > 0.98:
        final = -0.002
    sign = 1.0 if sense == "min" else -1.0
    gaps = np.sort(final + (0.6 + 0.2 * rng.random()) * rng.random(int(rng.integers(2, 15))))[::-1]
    gaps[-1] = final
    stamps = np.sort(rng.uniform(0.01, 50.0 * quality, len(gaps)))
    objectives = [value * (1 + sign * gap) for gap in gaps]
    bound = value * (1 - sign * 0.02 * quality * rng.random()) if quality < 0.9 else None
    points = [TracePoint(float(t), float(o), bound) for t, o in zip(stamps, objectives)]
    is_optimal = final == 0.0 and bound is not None
    return Record(
        **facts,
        status=Status.OPTIMAL if is_optimal else Status.FEASIBLE,
        limit=None if is_optimal else Limit.TIME,
        objective=float(objectives[-1]),
        claimed=float(objectives[-1]),
        bound=float(objectives[-1]) if is_optimal else bound,
        trajectory=tuple(points),
        times=Times(
            read=0.01,
            build=0.1,
            solve=float(stamps[-1] + 0.1) if is_optimal else 60.0,
            best=float(stamps[-1]),
            wall=61.0,
        ),
    )
