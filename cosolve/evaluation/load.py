"""
Suites from TOML files.

A suite has settings at its top, a table ``[[instances]]`` for each set of instances and a table ``[[solvers]]`` for
each solver; docs/evaluation-suites.md describes every key, with an example::

    title = "Two solvers on my instances"
    time_limit = 60
    seeds = [0, 1]
    memory = "2 GiB"

    [[instances]]
    problem = "cvrp"
    files = ["mine/*.vrp", "X-n101-k25.vrp"]
    references = "best_known.csv"

    [[solvers]]
    solver = "auto"

    [[solvers]]
    solver = "pyvrp"
    time_limit = 30

At the top: ``name``, ``title``, ``time_limit``, ``gap``, ``iterations``, ``nodes``, ``target``, ``solutions``,
``seeds``, ``threads``, ``memory``, ``grace``, ``judge``. What is not here when a suite is loaded is a case all the
same, one without a path: it is reported as missing and never left out.
"""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from cosolve.core.errors import InvalidFileError, SolverUnavailableError
from cosolve.core.problem import JudgeMode
from cosolve.core.solver import make_options, solvers
from cosolve.core.stop import Stop
from cosolve.core.toml import read_toml
from cosolve.core.values import near
from cosolve.evaluation import shipped
from cosolve.evaluation.cases import KEYS, cases_of, check_problem
from cosolve.evaluation.command import CommandOptions, fields_of
from cosolve.evaluation.lookup import Lookup, data_folders
from cosolve.evaluation.suite import Entrant, Suite
from cosolve.evaluation.toml_table import Table

_STOP = ("time_limit", "gap", "iterations", "nodes", "target", "solutions")
_TOP = ("name", "title", *_STOP, "seeds", "threads", "memory", "grace", "judge", "instances", "solvers")
_SOLVERS = (
    "label",
    "solver",
    "command",
    "solutions",
    "problems",
    "options",
    "time_limit",
    "threads",
    "batch_size",
    "device",
    "instance_format",
    "solution_format",
)

#: What may stand in braces in the pattern of saved solutions.
_SOLUTION_FIELDS = ("case", "group", "seed")


def load_suite(name: str | os.PathLike[str], *, folders: Iterable[str | os.PathLike[str]] | None = None) -> Suite:
    """
    Read a suite.

    Parameters
    ----------
    name
        Name of a shipped suite (:func:`list_suites`), or path of a TOML file.
    folders
        Folders in which instance files are looked for after the suite's own; by default those of the environment
        variable ``COSOLVE_DATA``.

    Raises
    ------
    ValueError
        If there is no shipped suite of that name, nor such a file.
    InvalidFileError
        With file, table, key, value and what is allowed, if the suite or a file of references is malformed.
    """
    path = _path_of(name)
    content = read_toml(path)
    top = Table(content, path, "", _TOP)
    lookup = Lookup(path.parent, data_folders() if folders is None else map(Path, folders))
    cases = [case for table in _tables(content, path, "instances", KEYS) for case in cases_of(table, lookup)]
    entrants = [_entrant(table) for table in _tables(content, path, "solvers", _SOLVERS)]
    for kind, found in (("instances", cases), ("solvers", entrants)):
        if not found:
            top.fail(f"a suite needs at least one table [[{kind}]].")
    grace = top.number("grace")
    judge: Any = top.text("judge", "strict")
    if judge not in get_args(JudgeMode):
        top.wrong("judge", f"one of {', '.join(get_args(JudgeMode))}")
    try:
        return Suite(
            name=top.text("name", path.stem),
            title=top.text("title"),
            cases=tuple(cases),
            entrants=tuple(entrants),
            stop=_stop(top),
            seeds=top.seeds("seeds") or (0,),
            threads=top.integer("threads", least=1) or 1,
            memory_limit=top.memory("memory"),
            grace=5.0 if grace is None else grace,
            judge=judge,
            folder=path.parent,
        )
    except InvalidFileError:
        raise
    except ValueError as error:
        raise InvalidFileError(str(error), path) from error


def list_suites() -> dict[str, str]:
    """Name to title of every shipped suite."""
    return {name: read_toml(path).get("title", "") for name, path in shipped.suites().items()}


def _path_of(name: str | os.PathLike[str]) -> Path:
    known = shipped.suites()
    if name in known:
        return known[str(name)]
    path = Path(name)
    if path.is_file():
        return path.absolute()
    places = near(str(name), known)
    raise ValueError(f"no suite {str(name)!r}, neither a file nor a shipped one{places} (cosolve info suites).")


def _tables(content: dict[str, Any], path: Path, kind: str, allowed: Iterable[str]) -> list[Table]:
    tables = content.get(kind, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidFileError(f"{kind} must be tables, each headed [[{kind}]].", path)
    return [Table(table, path, f"[[{kind}]] number {i}", allowed) for i, table in enumerate(tables, 1)]


def _stop(top: Table) -> Stop:
    time_limit, gap = top.number("time_limit"), top.number("gap")
    return Stop(
        time_limit=60.0 if time_limit is None else time_limit,
        iterations=top.integer("iterations", least=0),
        nodes=top.integer("nodes", least=0),
        gap=gap or 0.0,
        target=top.number("target"),
        solutions=top.integer("solutions", least=1),
    )


def _entrant(table: Table) -> Entrant:
    if sum(key in table for key in ("solver", "command", "solutions")) != 1:
        table.fail("give one of solver, command and solutions.")
    solver = table.text("solver")
    command, solutions = table.texts("command"), table.text("solutions")
    label = table.text("label", solver)
    if not label:
        table.fail("label must be given where there is no solver.")
    options, keys = table.mapping("options"), table.texts("problems")
    for key in keys:
        check_problem(table, "problems", key)
    if solver:
        _check_solver(table, solver, options, keys)
    elif command:
        _check_command(table, command, options)
    else:
        _check_solutions(table, solutions, options)
    time_limit = table.number("time_limit")
    if time_limit is not None and not time_limit >= 0:
        table.wrong("time_limit", "a number of seconds >= 0")
    device = table.text("device", "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        table.wrong("device", "'cpu', 'cuda' or 'cuda:' and a number")
    return Entrant(
        label=label,
        solver=solver,
        problems=keys,
        options=options,
        time_limit=time_limit,
        threads=table.integer("threads", least=1),
        batch_size=table.integer("batch_size", least=0) or 0,
        device=device,
        command=command,
        formats=(table.text("instance_format") or None, table.text("solution_format") or None),
        solutions=solutions,
    )


def _check_solver(table: Table, name: str, options: dict[str, Any], keys: Iterable[str]) -> None:
    if ":" in name:  # a class given as "package.module:Class" is known only to those who run it
        return
    if name not in solvers:
        table.fail(f"unknown solver {name!r}{near(name, solvers)}; known: {', '.join(solvers)}.")
    try:
        adapter = solvers.get(name)
        make_options(adapter.options_type, options)
    except (ImportError, SolverUnavailableError):  # of a third party whose own package is broken: the run will say so
        return
    except (TypeError, ValueError) as error:
        table.fail(f"options of solver {name!r}: {error}")
    for key in keys:
        if key not in adapter.problems:
            table.fail(f"solver {name!r} does not handle {key!r}; it handles: {', '.join(sorted(adapter.problems))}.")


def _check_command(table: Table, command: tuple[str, ...], options: dict[str, Any]) -> None:
    try:
        fields_of(command)
        make_options(CommandOptions, options)
    except (TypeError, ValueError) as error:
        table.fail(f"command: {error}")


def _check_solutions(table: Table, pattern: str, options: dict[str, Any]) -> None:
    if options:
        table.fail("options mean nothing with solutions.")
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(pattern) if field is not None]
    except ValueError as error:
        table.fail(f"solutions: {pattern!r} is no pattern: {error}.")
    for field in fields:
        if field not in _SOLUTION_FIELDS:
            allowed = ", ".join("{" + name + "}" for name in _SOLUTION_FIELDS)
            table.fail(f"solutions: unknown field {{{field}}}{near(field, _SOLUTION_FIELDS)}; allowed: {allowed}.")
