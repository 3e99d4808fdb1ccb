"""
Outside solvers: any program that reads an instance file and writes a solution file, and solutions made elsewhere.

Their solutions go through the same judge as all others, and their records stand in the same table. A program runs
under the same supervision as our own solvers: cores, memory cap, hard kill of all that it started. Its clock starts
before the program does, so its start-up and its reading of the instance count; its solution file is looked at while
it runs, so that improvements appear on the curve by the date of the file. The time limit is the only stopping
criterion that is kept for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cosolve
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import make_options
from cosolve.evaluation.command import CommandOptions, fields_of, fill, solution_suffix, write_instance
from cosolve.evaluation.conclusion import Evidence, conclude
from cosolve.evaluation.launcher import BASELINE, Account, Request
from cosolve.evaluation.machine import describe
from cosolve.evaluation.records import Failure, Times
from cosolve.evaluation.saved import seconds_of
from cosolve.evaluation.site import Ready, Run, Site
from cosolve.evaluation.solutions import to_arrays
from cosolve.evaluation.suite import FromFile

# -- programs -------------------------------------------------------------------------------------------------------


def run_command(tasks: Sequence[Ready], site: Site, cores: tuple[int, ...]) -> list[Run]:
    """Run an outside program on one instance; see :data:`cosolve.evaluation.site.Handler`."""
    [ready] = tasks
    task = ready.task
    started = datetime.now(UTC)
    with site.work_folder(ready.key) as work:
        folder = work.absolute()  # the program works elsewhere
        place = folder / "place"
        place.mkdir()
        try:
            arguments = _arguments(ready, folder, place)
        except FileNotFoundError as error:
            return [Run(task.failure(ready.identity, Failure.UNAVAILABLE, f"{error.filename}: {error.strerror}."))]
        except (ValueError, TypeError) as error:  # a format that can't hold this instance, or a wrong option
            return [Run(task.failure(ready.identity, Failure.UNSUPPORTED, str(error)))]
        request = Request(
            target="cosolve.evaluation.command_run:work",
            arguments=arguments,
            folder=folder,
            threads=task.threads,
            time_limit=task.stop.time_limit,
            grace=task.grace,
            memory_limit=task.memory_limit,
            cores=cores,
        )
        account = site.launcher.run(request, warm_up=(BASELINE, task.case.problem, ready.loaded.path))
        evidence = Evidence.collect(folder, account)
    run = conclude(ready, evidence, started)
    return [replace(run, record=replace(run.record, message=_with_last_words(run, account)))]


def _arguments(ready: Ready, folder: Path, place: Path) -> dict[str, Any]:
    """
    What :func:`cosolve.evaluation.command_run.work` needs; the instance file is there afterwards.

    Raises
    ------
    FileNotFoundError
        If there is no such program.
    ValueError, TypeError
        If the command or an option is wrong, or the instance can't be written in the wanted format.
    """
    task = ready.task
    command, (instance_format, solution_format) = task.entrant.command, task.entrant.formats
    fields_of(command)
    options = make_options(CommandOptions, task.options)
    home = (task.folder or Path()).absolute()
    solution = place / f"solution{solution_suffix(task.case.problem, solution_format)}"
    values = {
        "instance": _instance_file(ready, folder, instance_format),
        "solution": solution,
        "time_limit": _plain(max(0.0, task.stop.time_limit - options.margin)),
        "seed": task.seed if task.takes_seed else 0,
        "threads": task.threads,
        "name": task.case.name,
        "folder": home,
    }
    limit = task.stop.time_limit
    return {
        "folder": str(folder),
        "place": str(place),
        "instance": str(ready.loaded.path),
        "command": fill(command, values, home),
        "solution": str(solution),
        "solution_format": solution_format,
        "exit_codes": list(options.exit_codes),
        "judge": task.judge,
        "time_limit": limit if math.isfinite(limit) else None,
    }


def _instance_file(ready: Ready, folder: Path, format: str | None) -> Path:
    """The instance's own file, or one written for this run if there is none or another format is wanted."""
    source = ready.task.case.source
    if format is None and isinstance(source, FromFile) and source.path is not None:
        return source.path.absolute()
    return write_instance(ready.instance, folder, format)


def _plain(seconds: float) -> float | int:
    """Whole seconds without a point: many programs read nothing else."""
    return int(seconds) if math.isfinite(seconds) and seconds == int(seconds) else seconds


def _with_last_words(run: Run, account: Account) -> str:
    """The record's message, with what the program printed last if it failed."""
    words = " ".join(account.output.split())[-300:]
    if run.record.failure not in (Failure.EXIT, Failure.CRASH) or not words or "Last words" in run.record.message:
        return run.record.message
    return f"{run.record.message} Last words: ...{words}"


# -- saved solutions ------------------------------------------------------------------------------------------------


def run_solutions(tasks: Sequence[Ready], site: Site, cores: tuple[int, ...]) -> list[Run]:
    """Judge a solution made elsewhere; see :data:`cosolve.evaluation.site.Handler`."""
    [ready] = tasks
    task = ready.task
    path = task.saved_solution
    assert path is not None
    try:
        solution = cosolve.read_solution(path, ready.instance, format=task.entrant.formats[1])
        verdict = judge(ready.instance, solution, task.judge)
        seconds = seconds_of(path)
    except FileNotFoundError:
        return [Run(task.failure(ready.identity, Failure.UNAVAILABLE, f"{path}: no such file."))]
    except (ValueError, OSError) as error:
        return [Run(task.failure(ready.identity, Failure.INVALID, str(error)))]
    limit = task.stop.time_limit
    is_late = seconds is not None and seconds > limit
    objective = verdict.objective if verdict.feasible and not is_late else None
    violations = tuple(map(str, verdict.violations))
    record = task.record(
        ready.identity,
        status=Status.NO_SOLUTION if objective is None else Status.FEASIBLE,
        limit=Limit.TIME if is_late else None,
        failure=None if verdict.feasible else Failure.INVALID,
        message=f"{path.name}: {violations[0]}" if violations else _too_late(seconds, limit) if is_late else "",
        objective=objective,
        times=Times(read=ready.identity.read, solve=seconds),
        violations=violations,
        machine=describe(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return [Run(record, to_arrays(solution) if objective is not None else None)]


def _too_late(seconds: float | None, limit: float) -> str:
    return f"took {seconds:g} s, more than the limit of {limit:g} s, and does not count."
