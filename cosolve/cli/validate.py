"""``cosolve validate``: what is in an instance file, and what the judge says of a solution."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from cosolve.cli.errors import DONE, FAILED, UsageError
from cosolve.cli.paths import locate, resolve

_EPILOG = """
\b
Examples:
  cosolve validate berlin52.tsp
  cosolve validate berlin52.tsp berlin52.opt.tour
  cosolve validate graph.gr answer.sol --problem mds --json

The judge recomputes the objective from the instance and lists every kind of rule that the solution breaks;
indices are 0-based. Exit code 1 if there is one.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("validate", epilog=_EPILOG, no_args_is_help=True)(validate)


def validate(
    file: Annotated[str, typer.Argument(help="Instance file.", show_default=False)],
    solution: Annotated[str | None, typer.Argument(help="Solution file.", show_default=False)] = None,
    mode: Annotated[
        str, typer.Option(help="strict, or frontierco for the rules of the FrontierCO harness with their holes.")
    ] = "strict",
    problem: Annotated[str | None, typer.Option(help="Problem, where a file fits several (mis or mds).")] = None,
    format: Annotated[str | None, typer.Option(help="Format of FILE, where it fits several.")] = None,
    solution_format: Annotated[str | None, typer.Option(help="Format of SOLUTION; else by its suffix.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the file's reader (capacity=8000)."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")] = False,
) -> int:
    """Read an instance, describe it, and judge a solution."""
    import cosolve
    from cosolve.cli.console import number, print_facts, print_json, print_table
    from cosolve.cli.values import reader_options
    from cosolve.core.result import jsonable

    if mode not in ("strict", "frontierco"):
        raise UsageError(f"--mode must be strict or frontierco, got {mode!r}.")
    options = reader_options(set_ or [])
    path, bundled_problem = locate(file)
    instance = cosolve.read(path, problem=problem or bundled_problem, format=format, **options)
    facts = describe(instance)
    report: dict[str, Any] = {"file": str(path), **facts}
    verdict = None
    if solution is not None:
        answer = cosolve.read_solution(resolve(solution), instance, format=solution_format)
        verdict = cosolve.judge(instance, answer, mode=mode)  # type: ignore[arg-type]
        report["solution"] = {
            "file": solution,
            "mode": mode,
            "objective": verdict.objective,
            "feasible": verdict.feasible,
            "violations": [dataclasses.asdict(violation) for violation in verdict.violations],
        }
    if json:
        print_json(jsonable(report))
    else:
        data = [(key, text(value)) for key, value in facts["data"].items()]
        meta = [(key, text(value)) for key, value in facts["meta"].items()]
        head = [(key, text(value)) for key, value in facts.items() if key not in ("data", "meta")]
        print_facts([("file", str(path)), *head, *data, *meta])
        if verdict is not None:
            print()
            answer_facts = [("feasible", "yes" if verdict.feasible else "no"), ("objective", number(verdict.objective))]
            print_facts([("solution", str(Path(str(solution)))), *answer_facts])
        if verdict is not None and verdict.violations:
            print()
            rows = [[v.what, v.where, "" if v.amount is None else f"{v.amount:g}"] for v in verdict.violations]
            print_table(["violation", "where", "by"], rows)
    return FAILED if verdict is not None and not verdict.feasible else DONE


def describe(instance: Any) -> dict[str, Any]:
    """
    What an instance is and holds, without knowing its problem: its fields, arrays by shape and range.

    Parameters
    ----------
    instance
        Any instance.

    Returns
    -------
    dict
        name, problem, size, sense, digest, and the dictionaries ``data`` and ``meta``.
    """
    data: dict[str, Any] = {}
    _collect(instance, "", data)
    return {
        "name": instance.name,
        "problem": instance.problem,
        "size": instance.size,
        "sense": instance.sense,
        "digest": instance.digest,
        "data": data,
        "meta": dict(instance.meta),
    }


def text(value: Any) -> str:
    """A fact for people, on one line of moderate length."""
    if isinstance(value, float):
        return f"{value:g}"
    line = " ".join(str(value).split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def _collect(value: Any, prefix: str, data: dict[str, Any]) -> None:
    import numpy as np

    for field in dataclasses.fields(value):
        if not field.compare and not prefix:
            continue  # name and meta
        item = getattr(value, field.name)
        key = f"{prefix}{field.name}"
        if dataclasses.is_dataclass(item):
            _collect(item, f"{key}.", data)
        elif isinstance(item, np.ndarray):
            if item.size:
                shape = " x ".join(map(str, item.shape))
                numeric = item.dtype.kind in "iuf"
                data[key] = f"{shape}, {item.min():g} to {item.max():g}" if numeric else shape
        elif hasattr(item, "name") and hasattr(item, "value"):
            data[key] = item.name
        else:
            data[key] = item
