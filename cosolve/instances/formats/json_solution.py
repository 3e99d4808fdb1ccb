"""Solutions of any problem as JSON: ``{"problem": ..., "instance": ..., "objective": ..., "solution": {...}}``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import problems
from cosolve.instances.formats.base import SolutionFormat
from cosolve.instances.formats.source import Source


def read(source: Source, instance: Instance) -> Solution:
    """Read a solution, also out of a whole ``solve --json`` result; its declared objective is ignored."""
    try:
        data = json.loads(source.text())
    except json.JSONDecodeError as error:
        source.fail(f"not JSON: {error.msg}.", line=error.lineno)
    except RecursionError:
        source.fail("not a solution: nested too deeply.")
    if not isinstance(data, dict) or not isinstance(data.get("solution"), dict):
        source.fail("expected an object with the key 'solution'.")
    if data.get("problem", instance.problem) != instance.problem:
        source.fail(f"a solution of {data['problem']!r}, not of {instance.problem!r}.")
    return problems.get(instance.problem).solution_type.from_dict(data["solution"])


def write(instance: Instance, solution: Solution, objective: float | None, path: Path) -> None:
    """Write a solution with the objective that the judge found."""
    data: dict[str, Any] = {
        "problem": instance.problem,
        "instance": instance.name,
        "objective": objective,
        "solution": solution.to_dict(),
    }
    path.write_text(json.dumps(data, allow_nan=False) + "\n")


JSON = SolutionFormat("json", "JSON of any problem's solution", ("*",), (".json",), read, write)
