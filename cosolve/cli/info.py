"""``cosolve info``: what can be solved, read, generated, and what is installed here."""

from __future__ import annotations

import enum
import inspect
import os
import platform
import re
from importlib import metadata
from typing import Annotated, Any

import typer

from cosolve.cli.errors import DONE, UsageError

_EPILOG = """
\b
Examples:
  cosolve info
  cosolve info solvers --problem cvrp
  cosolve info options --problem cvrp
  cosolve info formats --json
"""

#: Installed packages worth naming, with the terms they come under.
_PACKAGES = {
    "numpy": "BSD-3-Clause",
    "scipy": "BSD-3-Clause",
    "numba": "BSD-2-Clause",
    "networkx": "BSD-3-Clause",
    "ortools": "Apache-2.0",
    "pyscipopt": "MIT (SCIP: Apache-2.0)",
    "highspy": "MIT",
    "pulp": "MIT (CBC: EPL)",
    "pyvrp": "MIT",
    "scikit-learn": "BSD-3-Clause",
    "torch": "BSD-3-Clause",
    "torch-geometric": "MIT",
    "hygese": "none stated (HGS-CVRP: MIT)",
    "chszlablib": "MIT",
    "elkai": "LKH inside: non-commercial use only",
    "pystreed": "MIT",
}


class Topic(enum.StrEnum):
    """What to tell about."""

    SOLVERS = "solvers"
    OPTIONS = "options"
    FORMATS = "formats"
    INSTANCES = "instances"
    PROBLEMS = "problems"
    GENERATORS = "generators"
    SUITES = "suites"
    ENVIRONMENT = "environment"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("info", epilog=_EPILOG)(info)


def info(
    topic: Annotated[
        str | None, typer.Argument(metavar=f"[{'|'.join(Topic)}]", help="Without one: environment and solvers.")
    ] = None,
    problem: Annotated[str | None, typer.Option(help="Only what concerns this problem.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object or list, nothing else.")] = False,
) -> int:
    """List solvers, their options, formats, bundled instances, problems, generators, suites, or the environment."""
    from cosolve.cli.console import print_json
    from cosolve.core.problem import problems
    from cosolve.core.result import jsonable
    from cosolve.core.values import near

    if topic is not None and topic not in list(Topic):
        raise UsageError(f"unknown topic {topic!r}{near(topic, map(str, Topic))}; known: {', '.join(Topic)}.")
    if problem is not None:
        problems.get(problem)
    topics = [Topic(topic)] if topic is not None else [Topic.ENVIRONMENT, Topic.SOLVERS]
    found = {t.value: _COLLECT[t](problem) for t in topics}
    if json:
        print_json(jsonable(found[topic] if topic is not None else found))
        return DONE
    for index, (name, rows) in enumerate(found.items()):
        if index:
            print()
        _print(name, rows)
    return DONE


def _solvers(problem: str | None) -> list[dict[str, Any]]:
    import dataclasses

    from cosolve.core.solver import solvers

    rows = []
    for name in solvers:
        try:
            adapter = solvers.get(name)()
            ok = adapter.available()
        except ImportError as error:  # an adapter of a third party whose own package is broken
            rows.append({"name": name, "available": False, "version": "", "reason": str(error)})
            continue
        if problem is not None and problem not in adapter.problems:
            continue
        rows.append(
            {
                "name": name,
                "available": ok.ok,
                "version": ok.version,
                "reason": ok.reason,
                "title": adapter.title,
                "problems": sorted(adapter.problems),
                "features": [feature.name.lower() for feature in adapter.features if feature.name],
                "limits": sorted(limit.value for limit in adapter.limits),
                "options": [f.name for f in dataclasses.fields(adapter.options_type)],
            }
        )
    return rows


def _options(problem: str | None) -> list[dict[str, Any]]:
    import dataclasses

    from cosolve.core.solver import solvers

    rows = []
    for solver in _solvers(problem):
        if not solver.get("options"):
            continue
        kind = solvers.get(solver["name"]).options_type
        meanings = _meanings(kind)
        for option in dataclasses.fields(kind):
            make = option.default_factory
            rows.append(
                {
                    "solver": solver["name"],
                    "option": option.name,
                    "type": str(option.type),
                    "default": option.default if make is dataclasses.MISSING else make(),
                    "meaning": meanings.get(option.name, ""),
                }
            )
    return rows


def _meanings(kind: type[Any]) -> dict[str, str]:
    """What the numpy docstrings of a class and its bases say about their parameters, in plain text."""
    meanings: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        _, _, section = (inspect.getdoc(base) or "").partition("Parameters\n----------\n")
        for names, text in re.findall(r"^(\w[\w, ]*)\n((?:[ ]+.*\n?)+)", section, re.MULTILINE):
            plain = re.sub(r":\w+:`[.~]*([^`]*)`|``([^`]*)``", r"\1\2", " ".join(text.split()))
            meanings |= dict.fromkeys(names.split(", "), plain)
    return meanings


def _formats(problem: str | None) -> list[dict[str, Any]]:
    from cosolve.instances.formats.base import formats, solution_formats

    rows: list[dict[str, Any]] = []
    for name in formats:
        known = formats.get(name)
        if problem is None or problem in known.problems:
            rows.append(
                {
                    "name": name,
                    "holds": "instance",
                    "title": known.title,
                    "problems": list(known.problems),
                    "suffixes": list(known.suffixes),
                    "writes": known.write is not None,
                    "options": dict(known.options),
                }
            )
    for name in solution_formats:
        answer = solution_formats.get(name)
        if problem is None or problem in answer.problems or "*" in answer.problems:
            rows.append(
                {
                    "name": name,
                    "holds": "solution",
                    "title": answer.title,
                    "problems": list(answer.problems),
                    "suffixes": list(answer.suffixes),
                    "writes": True,
                    "options": {},
                }
            )
    return rows


def _instances(problem: str | None) -> list[dict[str, Any]]:
    import dataclasses

    from cosolve.instances.catalogue import entries

    rows = [dataclasses.asdict(entry) for entry in entries() if problem in (None, entry.problem)]
    return [{**row, "path": str(row["path"])} for row in rows]


def _problems(problem: str | None) -> list[dict[str, Any]]:
    from cosolve.core.problem import problems

    found = [problems.get(name) for name in problems if problem in (None, name)]
    return [{"name": p.key, "title": p.title, "sense": _sense(p)} for p in found]


def _sense(problem: Any) -> str:
    # For MILPs the direction belongs to the instance.
    sense = problem.sense
    return sense if isinstance(sense, str) else "min or max"


def _generators(problem: str | None) -> list[dict[str, Any]]:
    from cosolve.instances.generators import generators

    families = [generators.get(name) for name in generators if problem in (None, name.partition("/")[0])]
    return [
        {
            "problem": family.problem,
            "distribution": family.distribution,
            "title": family.title,
            "parameters": {
                name: {"type": kind.__name__, "default": default, "meaning": meaning}
                for name, (kind, default, meaning) in family.parameters.items()
            },
        }
        for family in families
    ]


def _suites(problem: str | None) -> list[dict[str, Any]]:
    from cosolve.evaluation.load import list_suites, load_suite

    rows = []
    for name, title in list_suites().items():
        suite = load_suite(name)
        problems = sorted({case.problem for case in suite.cases})
        if problem is None or problem in problems:
            rows.append(
                {
                    "name": name,
                    "title": title,
                    "problems": problems,
                    "instances": len(suite.cases),
                    "missing": sum(case.is_missing for case in suite.cases),
                    "solvers": [entrant.label for entrant in suite.entrants],
                    "time_limit": suite.stop.time_limit,
                }
            )
    return rows


def _environment(problem: str | None) -> dict[str, Any]:
    from cosolve import __version__

    packages = {name: {"version": _version(name), "licence": licence} for name, licence in _PACKAGES.items()}
    return {
        "cosolve": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "data": os.environ.get("COSOLVE_DATA", ""),
        "packages": packages,
        "conflicts": conflicts(_version("highspy"), _version("ortools")),
    }


def conflicts(highspy: str | None, ortools: str | None) -> list[str]:
    """
    Installed packages that can't share a process.

    From 1.15 on highspy ships a shared libhighs under the name of the one that OR-Tools brings, of another
    version (google/or-tools issue 5246): whichever is imported second fails.

    Parameters
    ----------
    highspy, ortools
        Installed versions, ``None`` if not installed.
    """
    if highspy is None or ortools is None:
        return []
    numbers = [int(part) for part in highspy.split(".")[:2] if part.isdigit()]
    if numbers < [1, 15]:
        return []
    return [f"highspy {highspy} and ortools {ortools} can't share a process: pip install 'highspy<1.15'"]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


_COLLECT = {
    Topic.SOLVERS: _solvers,
    Topic.OPTIONS: _options,
    Topic.FORMATS: _formats,
    Topic.INSTANCES: _instances,
    Topic.PROBLEMS: _problems,
    Topic.GENERATORS: _generators,
    Topic.SUITES: _suites,
    Topic.ENVIRONMENT: _environment,
}


def _default(value: Any) -> str:
    """As it is written behind ``--option NAME=``; nothing for what is empty."""
    return str(value).lower() if isinstance(value, bool) else "" if value in (None, "", {}) else str(value)


def _print(topic: str, found: Any) -> None:
    from cosolve.cli.console import number, print_facts, print_table

    if topic == Topic.ENVIRONMENT:
        packages = found["packages"].items()
        print_facts([(key, str(found[key]) or "-") for key in ("cosolve", "python", "platform", "cpus", "data")])
        print()
        print_table(
            ["package", "version", "licence"], [[n, p["version"] or "missing", p["licence"]] for n, p in packages]
        )
        for conflict in found["conflicts"]:
            print(f"conflict: {conflict}")
    elif topic == Topic.SOLVERS:
        rows = [
            [
                row["name"],
                row["version"] or "yes" if row["available"] else "missing",
                " ".join(row.get("problems", [])),
                " ".join(row.get("features", [])),
                row["reason"] or row.get("title", ""),
            ]
            for row in found
        ]
        print_table(["solver", "version", "problems", "features", ""], rows)
    elif topic == Topic.OPTIONS:
        rows = [[r["solver"], r["option"], r["type"], _default(r["default"]), r["meaning"]] for r in found]
        print_table(["solver", "--option", "type", "default", ""], rows)
    elif topic == Topic.FORMATS:
        rows = [
            [
                row["name"],
                row["holds"],
                "read, write" if row["writes"] else "read",
                " ".join(row["problems"]),
                " ".join(row["suffixes"]),
                ", ".join(f"{key}: {meaning}" for key, meaning in row["options"].items()),
                row["title"],
            ]
            for row in found
        ]
        print_table(["format", "holds", "", "problems", "suffixes", "--set", ""], rows)
    elif topic == Topic.INSTANCES:
        rows = [
            [
                r["name"],
                r["problem"],
                number(r["reference"]),
                r["reference_kind"],
                number(r["bound"]),
                r["licence"],
                r["source"],
            ]
            for r in found
        ]
        print_table(["instance", "problem", "reference", "", "bound", "licence", "source"], rows)
    elif topic == Topic.GENERATORS:
        rows = []
        for row in found:
            parameters = [
                f"{n}={p['default']}" if p["default"] is not None else n for n, p in row["parameters"].items()
            ]
            rows.append([row["problem"], row["distribution"], " ".join(parameters), row["title"]])
        print_table(["problem", "distribution", "--param", ""], rows)
    elif topic == Topic.SUITES:
        rows = [
            [
                row["name"],
                str(row["instances"]),
                str(row["missing"]),
                number(row["time_limit"]),
                " ".join(row["solvers"]),
                row["title"],
            ]
            for row in found
        ]
        print_table(["suite", "instances", "missing", "limit s", "solvers", ""], rows)
    else:
        print_table(["problem", "sense", ""], [[row["name"], row["sense"], row["title"]] for row in found])
