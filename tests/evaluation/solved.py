"""A small run that really took place, laid out on disk as the runner leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import cosolve
from cosolve.evaluation.records import Record, Times
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.solutions import save_arrays, to_arrays
from cosolve.evaluation.sources import CASES_FILE, case_to_dict
from cosolve.evaluation.suite import FromGenerator

CASES = (
    ("tsp", FromGenerator("uniform", {"size": 12, "seed": 1})),
    ("cvrp", FromGenerator("uniform", {"n": 12, "seed": 1})),
    ("mis", FromGenerator("hamming", {"n": 4, "d": 2})),
)


def solved_run(folder: Path) -> Path:
    """File of records of the greedy solver on small instances, with their solutions beside it."""
    path = folder / "small.jsonl"
    solutions = folder / "small.files" / "solutions"
    solutions.mkdir(parents=True)
    cases = {}
    with path.open("w") as file:
        for problem, source in CASES:
            instance = cosolve.generate(problem, source.distribution, **source.parameters)
            result = cosolve.solve(instance, "greedy", time_limit=10)
            key = f"{problem}-key"
            save_arrays(solutions / f"{key}.npz", to_arrays(result.solution))
            cases[instance.digest] = case_to_dict(problem, source)
            record = Record(
                key=key,
                suite="small",
                case=f"{problem}-small",
                problem=problem,
                sense=instance.sense,
                digest=instance.digest,
                size=int(instance.size),
                solver="greedy",
                solver_name="greedy",
                version=result.version,
                stop={"time_limit": 10.0},
                status=result.status,
                limit=result.limit,
                objective=result.objective,
                claimed=result.claimed_objective,
                reference=Reference(result.objective, ReferenceKind.OWN),
                trajectory=result.trajectory,
                times=Times(solve=result.runtime, build=result.build_time, best=result.trajectory[-1].time),
                solution=f"small.files/solutions/{key}.npz",
                started="2026-01-01T00:00:00+00:00",
            )
            file.write(json.dumps(record.to_dict()) + "\n")
    (folder / "small.files" / CASES_FILE).write_text(json.dumps(cases))
    return path
