"""
Labels: best solutions of the instances in a folder, made by any registered solver and kept in one file beside them.

``labels.jsonl`` begins with a manifest: the solver and its limits. Then comes one line for each instance: file, digest,
objective, status, bound, seconds, and the solutions. It is appended to as labels are made, so that a run that was cut
off goes on where it was. What is tight is computed from the solutions, never asked from a solver.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.core.driver import solve
from cosolve.core.errors import InvalidFileError
from cosolve.core.problem import judge
from cosolve.core.result import Incumbent, Status
from cosolve.instances.files import lock, read
from cosolve.instances.formats.source import format_suffix
from cosolve.instances.milp import MILPInstance, Values, with_whole_limits
from cosolve.models.ctc.config import DataConfig
from cosolve.models.ctc.lines import whole_text
from cosolve.models.ctc.node_sets import node_set_problem
from cosolve.models.ctc.rows import tight

logger = logging.getLogger(__name__)

LABELS = "labels.jsonl"

#: Of the files that are learned from, those of a compression aside.
_SUFFIXES = (".mps", ".lp")

#: Most solutions kept for an instance.
_MOST = 50


@dataclass(frozen=True)
class Label:
    """
    What is known of an instance.

    Parameters
    ----------
    path
        Of its file.
    instance
        Itself, with the limits that the solvers see.
    solutions
        (K, num_cols) feasible values, the best first.
    objectives
        (K,) verified.
    seconds
        That the solver took.
    """

    path: Path
    instance: MILPInstance
    solutions: np.ndarray
    objectives: np.ndarray
    seconds: float

    def tight(self) -> np.ndarray:
        """(K, num_rows) which rows hold with equality at either side."""
        return tight(self.instance, self.solutions)


def instance_files(folder: Path) -> list[Path]:
    """
    The instance files of a folder by name, compressed ones too.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(2, "no such folder of instances; name the one by --instances FOLDER", str(folder))
    files = sorted(path for path in folder.iterdir() if _is_instance(path))
    if not files:
        raise FileNotFoundError(2, f"no {' or '.join(_SUFFIXES)} file to learn from in the folder", str(folder))
    return files


def _is_instance(path: Path) -> bool:
    return format_suffix(path) in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _manifest(config: DataConfig) -> dict[str, Any]:
    return {key: getattr(config, key) for key in ("solver", "graph", "time_limit", "runs", "gap")}


def label(
    folder: Path,
    config: DataConfig,
    *,
    threads: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    on_label: Callable[[dict[str, Any]], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Label], list[Path]]:
    """
    Labels of all instances in a folder; those not yet in its file are made and appended.

    Ctrl-C keeps what is finished and waits for nothing.

    Parameters
    ----------
    threads
        Instances solved at the same time.
    should_stop
        Asked before each, the first too; what is under way is finished.
    on_label
        Called with each new line, without the solutions.
    on_progress
        Called with the number of instances that have a line, and that of all.

    Returns
    -------
    list of Label
        Of instances with solutions.
    list of Path
        Instances that the file has no line of, as it was stopped before.

    Raises
    ------
    InvalidFileError
        If the file was made with other settings, or belongs to other instances; or if an instance is broken, before
        any is solved.
    BlockingIOError
        If another run is writing it.
    """
    files = instance_files(folder)
    path = folder / LABELS
    manifest = _manifest(config)
    lines = _read(path, manifest)
    if any(file.name not in lines for file in files):
        with path.open("a", encoding="utf-8") as stream:
            lock(stream, path, "another run is making these labels; wait for it")
            lines = _read(path, manifest)  # another run may have made some meanwhile
            stream.truncate(len(whole_text(path)) if lines else 0)
            stream.seek(0, os.SEEK_END)
            missing = [file for file in files if file.name not in lines]
            for unread in missing:
                if should_stop():
                    break
                read_milp(unread)  # a broken one is told of now, not after hours
            # A pool whose threads are called so is not waited for when the command ends.
            pool = ThreadPoolExecutor(threads, thread_name_prefix="cosolve-label")

            def tell_progress() -> None:
                if on_progress is not None:
                    on_progress(sum(file.name in lines for file in files), len(files))

            def keep(line: dict[str, Any]) -> None:
                if line["file"] not in lines:
                    if not stream.tell():  # with the first label: where all of them fail, other settings may be tried
                        stream.write(json.dumps({"kind": "manifest", **manifest}) + "\n")
                    stream.write(json.dumps(line) + "\n")
                    stream.flush()
                    lines[line["file"]] = line
                    tell_progress()
                    if on_label is not None:
                        told = ("kind", "file", "objective", "status", "seconds", "message")
                        on_label({key: line[key] for key in told if line.get(key) != ""})

            tell_progress()
            waiting = iter(missing)
            running: set[Future[dict[str, Any]]] = set()
            try:
                while True:
                    while len(running) < threads and not should_stop():
                        file = next(waiting, None)
                        if file is None:
                            break
                        running.add(pool.submit(_solve, file, config))
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        keep(future.result())
                        running.remove(future)
            except KeyboardInterrupt:
                for future in running:
                    if future.done() and future.exception() is None:
                        keep(future.result())
                raise
            finally:
                # Leaving a pool by its own context would wait for every solve that runs.
                pool.shutdown(wait=False, cancel_futures=True)
    out = []
    for file in files:
        if file.name in lines and lines[file.name]["solutions"]:
            out.append(_checked(file, lines[file.name], path))
    return out, [file for file in files if file.name not in lines]


def _read(path: Path, manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Lines of a file by instance."""
    # Read without the lock too: a line that another run is writing must not be dropped.
    rows = whole_text(path).splitlines()
    if len(rows) == 1 and rows[0].startswith(b'{"kind": "manifest"'):  # of settings that made no label
        return {}
    lines = {}
    for number, row in enumerate(rows, start=1):
        try:
            line = json.loads(row)
            if number == 1:
                kept = {key: value for key, value in line.items() if key != "kind"}
                if kept != manifest:
                    raise InvalidFileError(
                        f"made with {kept}, not {manifest}: move it away, or keep the settings.", path
                    )
            else:
                _check_line(line)
                lines[line["file"]] = line
        except InvalidFileError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
            advice = "move the file away" if number == 1 else "delete the line, and it is made again"
            raise InvalidFileError(f"no label: {what.rstrip('.')}; {advice}.", path, number) from None
    return lines


def _check_line(line: dict[str, Any]) -> None:
    """Raise one of several errors if it is no label."""
    for key, kind in (("file", str), ("digest", str), ("status", str), ("seconds", float), ("solutions", list)):
        if not isinstance(line[key], (int, float) if kind is float else kind):
            raise TypeError(f"{key} must be {kind.__name__}")
    solutions = np.array(line["solutions"], dtype=np.float64)
    if line["solutions"] and solutions.ndim != 2:
        raise ValueError("a solution must be a list of numbers")
    if not math.isfinite(line["seconds"]) or not np.isfinite(solutions).all():
        raise ValueError("seconds, or values of a solution, are not finite")


def _solve(file: Path, config: DataConfig) -> dict[str, Any]:
    """One line: every different solution within the gap of the best, over all runs."""
    instance = read_milp(file)
    problem = node_set_problem(instance) if config.graph else None
    found: dict[bytes, tuple[float, np.ndarray]] = {}

    def keep(incumbent: Incumbent) -> None:
        solution: Any = incumbent.solution
        values = solution.values if problem is None else problem.values(solution.nodes)
        verdict = judge(instance, Values(values=values))
        if verdict.feasible and verdict.objective is not None:
            found[np.round(values, 6).tobytes()] = verdict.objective, values

    seconds, status, bound, message = 0.0, "", None, ""
    for seed in range(config.runs):
        result = solve(
            instance if problem is None else problem.unweighted(),
            config.solver,
            time_limit=config.time_limit,
            seed=seed,
            on_incumbent=keep,
        )
        seconds += result.runtime
        if problem is None:
            status, bound = result.status.value, result.bound
        if not found:
            message = result.message
        if result.status in (Status.UNBOUNDED, Status.INFEASIBLE_OR_UNBOUNDED):
            found.clear()  # no solution is the best one
            break
    sign = -1.0 if instance.maximize else 1.0
    best = min((sign * objective for objective, _ in found.values()), default=0.0)
    near = [pair for pair in found.values() if sign * pair[0] - best <= config.gap * max(1.0, abs(best)) + 1e-9]
    near.sort(key=lambda pair: sign * pair[0])
    return {
        "kind": "instance",
        "file": file.name,
        "digest": instance.digest,
        "status": status,
        "objective": near[0][0] if near else None,
        "bound": bound,
        "seconds": round(seconds, 3),
        "message": message,
        "solutions": [_plain(values) for _, values in near[:_MOST]],
    }


def _plain(values: np.ndarray) -> list[float]:
    """Numbers as short as they can be."""
    return [int(value) if value == int(value) else value for value in values.tolist()]


def _checked(file: Path, line: dict[str, Any], path: Path) -> Label:
    instance = read_milp(file)
    if instance.digest != line["digest"]:
        raise InvalidFileError(
            f"{file.name} is not the instance that was labelled; delete its line, and it is made again.", path
        )
    solutions = np.array(line["solutions"], dtype=np.float64)
    objectives = []
    for values in solutions:
        verdict = judge(instance, Values(values=values))
        if not verdict.feasible or verdict.objective is None:
            raise InvalidFileError(f"a solution of {file.name} breaks a rule: {verdict.violations[0]}.", path)
        objectives.append(verdict.objective)
    return Label(file, with_whole_limits(instance), solutions, np.array(objectives), float(line["seconds"]))


def read_milp(file: Path) -> MILPInstance:
    """
    Read a MILP file.

    Raises
    ------
    InvalidFileError
        If it holds another problem.
    """
    instance = read(file, problem="milp")
    if not isinstance(instance, MILPInstance):
        raise InvalidFileError(f"holds a {instance.problem} instance, not a MILP.", file)
    return instance
