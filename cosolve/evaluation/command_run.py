"""The child's side of an outside solver: starts the program, watches its solution file, hands over what it finds."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosolve.core.instance import Instance
from cosolve.core.isolation import signal_name
from cosolve.core.problem import JudgeMode, judge
from cosolve.core.result import Limit, Status
from cosolve.evaluation.child import Clock
from cosolve.evaluation.handover import Outbox, open_map, write_answer
from cosolve.evaluation.launcher import BASELINE
from cosolve.evaluation.records import Failure
from cosolve.evaluation.solution_file import Found, SolutionFile, load_reader
from cosolve.evaluation.solutions import to_arrays
from cosolve.evaluation.solver_run import prepare

#: Seconds between two looks at the solution file.
_LOOK_EVERY = 0.01


class _Best:
    """The best solution in time so far, and what was wrong with the last one that was refused."""

    def __init__(self, instance: Instance, mode: JudgeMode, box: Outbox, time_limit: float) -> None:
        self.limit = time_limit
        self.objective: float | None = None
        self.refused: list[str] = []
        self.late: float | None = None
        self._instance = instance
        self._mode = mode
        self._box = box
        self._sign = 1.0 if instance.sense == "min" else -1.0
        self._value: float | None = None

    def take(self, found: Found | None) -> None:
        """Judge a solution and hand it over if it is in time and the best."""
        if found is None:
            return
        verdict = judge(self._instance, found.solution, self._mode)
        if not verdict.feasible:
            self.refused = [str(violation) for violation in verdict.violations]
            return
        self.refused = []  # what was wrong before may have been half of this one
        value = verdict.objective
        assert value is not None
        if self._value is not None and self._sign * value >= self._sign * self._value:
            return
        if found.time > self.limit:
            self.late = self.late or found.time
            return
        # The runner checks what is said here by the instance's own rules, whatever those of the suite: by them the
        # solution may be infeasible, and its objective still another.
        strict = verdict if self._mode == "strict" else judge(self._instance, found.solution)
        self.objective = value if strict.objective is None else strict.objective
        self._value = value
        self._box.put(found.time, self.objective, None, to_arrays(found.solution))


def work(arguments: Mapping[str, Any], clock: Clock) -> None:
    """
    Run a program and write the account of it.

    At the time limit it is asked to end (SIGTERM); at the limit plus grace the supervisor kills it with all that it
    started.

    Parameters
    ----------
    arguments
        As :func:`cosolve.evaluation.external.run_command` makes them.
    clock
        Of the supervisor.
    """
    instance = open_map(Path(arguments["instance"]))
    folder, solution = Path(arguments["folder"]), Path(arguments["solution"])
    limit = float("inf") if arguments["time_limit"] is None else float(arguments["time_limit"])
    best = _Best(instance, arguments["judge"], Outbox(folder, limit), limit)
    copy = folder / f"copy{solution.suffix}"
    # What is loaded later would be loaded on the cores of the program.
    prepare(BASELINE, instance)
    load_reader(instance, arguments["solution_format"], copy)
    clock.start()
    watched = SolutionFile(solution, instance, arguments["solution_format"], copy)
    try:
        program = subprocess.Popen(
            arguments["command"], cwd=arguments["place"], stdin=subprocess.DEVNULL, process_group=0
        )
    except OSError as error:
        write_answer(folder, {"failure": Failure.UNAVAILABLE, "message": str(error)})
        return
    ends: list[float] = []

    def wait() -> None:
        # A thread of its own: the end must be timed even while a large solution is being read.
        program.wait()
        ends.append(watched.elapsed())
        ended.set()

    ended = threading.Event()
    threading.Thread(target=wait, daemon=True).start()
    asked = False
    while not ended.wait(_LOOK_EVERY):
        is_over = watched.elapsed() >= limit
        best.take(watched.look(force=is_over and not asked))
        if is_over and not asked:
            asked = True
            _terminate(program.pid)
    clock.stop()
    best.take(watched.look(force=True))
    if watched.error is not None and not asked:  # ended in the middle of writing is no wrong answer
        best.refused = [str(watched.error)]
    failure, message = _how_it_ended(program.returncode, best, asked=asked, exit_codes=arguments["exit_codes"])
    answer: dict[str, Any] = {"message": message, "solve": ends[0]}
    if failure is not None:
        answer |= {"failure": failure}
    else:
        answer |= {
            "status": Status.NO_SOLUTION if best.objective is None else Status.FEASIBLE,
            "limit": Limit.TIME if asked or best.late is not None else None,
            "objective": best.objective,
            "violations": best.refused,
            "claimed": None,
            "build": None,
            "version": "",
            "stats": {},
            "is_running": False,
        }
    write_answer(folder, answer)


def _how_it_ended(code: int, best: _Best, *, asked: bool, exit_codes: Sequence[int]) -> tuple[Failure | None, str]:
    """What went wrong with the program, ``None`` if nothing did, and a line about its end."""
    if code < 0 and not (asked and -code == signal.SIGTERM):
        return Failure.CRASH, f"ended by {signal_name(-code)}."
    if not asked and code not in exit_codes:
        return Failure.EXIT, f"ended with exit code {code}."
    hint = "the option margin tells the program to end earlier"
    if best.late is not None:
        late = best.late - best.limit
        return None, f"a solution came {late:.3g} s after the limit and does not count; {hint}."
    if best.objective is not None:
        return None, ""
    if asked:
        return None, f"was still running at its limit, without a solution that counts; {hint}."
    if best.refused:
        return None, f"its solution can't be used: {best.refused[0]}"
    return Failure.EXIT, "ended without a solution file."


def _terminate(group: int) -> None:
    try:
        os.killpg(group, signal.SIGTERM)
    except ProcessLookupError:
        pass
