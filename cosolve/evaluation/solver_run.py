"""One solver on one instance: what the process does, and how it is started."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cosolve
from cosolve.core.errors import SolverUnavailableError, UnsupportedFeatureError, UnsupportedProblemError
from cosolve.core.instance import Instance
from cosolve.core.result import Incumbent, SolveResult, jsonable
from cosolve.core.solver import make_options, solvers
from cosolve.core.verdict import Verdict
from cosolve.evaluation.conclusion import Evidence, conclude
from cosolve.evaluation.handover import Outbox, open_map, write_answer
from cosolve.evaluation.launcher import BASELINE, Request
from cosolve.evaluation.plan import stop_to_dict
from cosolve.evaluation.records import Failure
from cosolve.evaluation.site import text_of
from cosolve.evaluation.solutions import to_arrays

if TYPE_CHECKING:
    from cosolve.evaluation.child import Clock
    from cosolve.evaluation.site import Ready, Run, Site

#: Most characters of a solver's own numbers as JSON that are kept.
_MAX_STATS = 200_000

# -- in the process -------------------------------------------------------------------------------------------------


def work(arguments: Mapping[str, Any], clock: Clock) -> None:
    """
    Run a solver; its incumbents go to the work folder as they come, its answer at the end.

    Parameters
    ----------
    arguments
        As :func:`run` makes them.
    clock
        Tells the supervisor when the time limit begins to count.
    """
    folder, instance = Path(arguments["folder"]), open_map(Path(arguments["instance"]))
    limits = {"time_limit": math.inf, **arguments["stop"]}
    teller = Teller(folder, limits["time_limit"])
    try:
        check_options(arguments["solver"], arguments["options"])
        prepare(arguments["solver"], instance)
        clock.start()
        result = cosolve.solve(
            instance,
            arguments["solver"],
            seed=arguments["seed"],
            threads=arguments["threads"],
            options=arguments["options"],
            on_incumbent=teller.on_incumbent,
            on_bound=teller.on_bound,
            on_rejected=teller.on_rejected,
            **limits,
        )
        clock.stop()
    except Exception as error:
        write_failure(folder, error)
    else:
        teller.answer(result)


class Teller:
    """
    Tells the runner, through a work folder, what a solver finds and how it ends.

    Parameters
    ----------
    folder
        Work folder of the run.
    time_limit
        Seconds; what is found later is not handed over.
    """

    def __init__(self, folder: Path, time_limit: float) -> None:
        self._folder = folder
        self._outbox = Outbox(folder, time_limit)
        self._objective: float | None = None
        self._rejected: Verdict | None = None

    def on_incumbent(self, incumbent: Incumbent) -> None:
        """Hand over a solution now."""
        self._objective = incumbent.objective
        self._outbox.put(incumbent.time, incumbent.objective, incumbent.bound, to_arrays(incumbent.solution))

    def on_bound(self, time: float, bound: float) -> None:
        """Add a bound to the curve."""
        self._outbox.trace(time, self._objective, bound)

    def on_rejected(self, verdict: Verdict) -> None:
        """Remember what was wrong with the last infeasible solution."""
        self._rejected = verdict

    def answer(self, result: SolveResult) -> None:
        """The last word: the solver's result, without its solution."""
        stats = jsonable(result.stats)
        rejected = self._rejected
        write_answer(
            self._folder,
            {
                "status": result.status.value,
                "limit": jsonable(result.limit),
                "objective": result.objective,
                "claimed": jsonable(result.claimed_objective),
                "bound": result.bound,
                "build": result.build_time,
                "solve": result.runtime,
                "version": result.version,
                "message": result.message,
                "stats": stats if len(json.dumps(stats)) <= _MAX_STATS else {},
                "violations": [] if rejected is None else [str(violation) for violation in rejected.violations],
                # The solver's thread that the driver has given up on.
                "is_running": any(t.name.startswith("cosolve-") and t.is_alive() for t in threading.enumerate()),
            },
        )


def write_failure(folder: Path, error: Exception) -> None:
    """The last word of a run where there is no result."""
    write_answer(folder, {"failure": _failure_of(error), "message": str(error) or type(error).__name__})


def check_options(solver: str, options: Mapping[str, Any]) -> None:
    """
    Look whether the checkpoint and the device that a solver's options name are here.

    Raises
    ------
    SolverUnavailableError
        If one is not, or the solver is unknown.
    """
    adapter = solvers.get(solver)()
    if not adapter.available().ok:  # what it would look with is not here; a run says so itself
        return
    try:
        adapter.check(make_options(adapter.options_type, options))
    except (OSError, ValueError) as error:
        raise SolverUnavailableError(text_of(error)) from error


def prepare(solver: str, instance: Instance) -> None:
    """
    Load or compile what would else be loaded on a run's time: the kernels of the judge, then those of the solver.

    The second time in a process, or the first in a fork of it, this takes no time.
    """
    for name in (BASELINE, solver):
        adapter = solvers.get(name)()
        if adapter.available().ok and instance.problem in adapter.problems:
            adapter.warm_up(instance)


def _failure_of(error: Exception) -> Failure:
    if isinstance(error, SolverUnavailableError | ImportError):
        return Failure.UNAVAILABLE
    if isinstance(error, UnsupportedProblemError | UnsupportedFeatureError):
        return Failure.UNSUPPORTED
    return Failure.MEMORY if isinstance(error, MemoryError) else Failure.ERROR


# -- in the runner --------------------------------------------------------------------------------------------------


def run(tasks: Sequence[Ready], site: Site, cores: tuple[int, ...]) -> list[Run]:
    """Run one task in a process of its own; see :data:`cosolve.evaluation.site.Handler`."""
    [ready] = tasks
    task = ready.task
    with site.turn(task.device), site.work_folder(ready.key) as folder:
        started = datetime.now(UTC)
        request = Request(
            target="cosolve.evaluation.solver_run:work",
            arguments={
                "folder": str(folder),
                "instance": str(ready.loaded.path),
                "solver": task.entrant.solver,
                "options": dict(task.options),
                "stop": stop_to_dict(task.stop),
                "seed": task.seed if task.takes_seed else 0,
                "threads": task.threads,
            },
            folder=folder,
            threads=task.threads,
            time_limit=task.stop.time_limit,
            grace=task.grace,
            memory_limit=task.memory_limit,
            cores=cores,
        )
        warm_up = task.entrant.solver, task.case.problem, ready.loaded.path
        account = site.launcher.run(request, warm_up=warm_up)
        evidence = Evidence.collect(folder, account)
    return [conclude(ready, evidence, started)]
