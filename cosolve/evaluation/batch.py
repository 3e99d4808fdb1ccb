"""
Several instances together on a device: solvers with the BATCH feature, as they are meant to be run.

The batch is one supervised process. Before its clock starts, the solver runs on the first two instances, so that
loading weights, compiling and the first kernels on the device are in no measured time. The clock is read with the
device synchronised. The time limit is that of the whole batch, and a solution is in time if it was reported before
it. If memory runs out, on the device or on the host, the two halves of the batch are run instead, each in a process
of its own with a device that nothing is left on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import cosolve
from cosolve.core.result import Limit
from cosolve.core.solver import Feature, solvers
from cosolve.evaluation.child import Clock
from cosolve.evaluation.conclusion import Evidence, conclude
from cosolve.evaluation.handover import open_map, read_answer, write_answer
from cosolve.evaluation.launcher import BASELINE, Request
from cosolve.evaluation.plan import Task, stop_to_dict
from cosolve.evaluation.records import Batch, Failure
from cosolve.evaluation.site import Ready, Run, Site
from cosolve.evaluation.solver_run import Teller, check_options, write_failure

#: Longest warm-ups in seconds: of a solver that works for as long as it may, of one that ends by itself, and of one
#: whose network PyTorch compiles, which takes a minute, more on a busy machine.
_SEARCHING, _LOADING, _COMPILING = 10.0, 30.0, 300.0

# -- in the process -------------------------------------------------------------------------------------------------


def work(arguments: Mapping[str, Any], clock: Clock) -> None:
    """
    Warm up, solve the batch, and leave incumbents and answers in one folder for each instance.

    Parameters
    ----------
    arguments
        As :func:`run` makes them.
    clock
        Tells the supervisor when the time limit begins to count.
    """
    folder, device = Path(arguments["folder"]), arguments["device"]
    places = [_place(folder, i) for i in range(len(arguments["instances"]))]
    limits = {"time_limit": math.inf, **arguments["stop"]}
    solve = partial(
        cosolve.solve_batch,
        solver=arguments["solver"],
        seed=arguments["seed"],
        threads=arguments["threads"],
        options=arguments["options"],
    )
    try:
        instances = [open_map(Path(path)) for path in arguments["instances"]]
        tellers = [Teller(place, limits["time_limit"]) for place in places]
        check_options(arguments["solver"], arguments["options"])
        start = perf_counter()
        # Two, if there are: PyTorch compiles anew for several what it has compiled for one.
        solve(instances[:2], **_warm_up_limits(arguments["solver"], arguments["options"], limits))
        _synchronise(device)
        warm_up = perf_counter() - start
        _reset_peak(device)
        clock.start()
        start = perf_counter()
        results = solve(
            instances,
            on_incumbent=lambda i, incumbent: tellers[i].on_incumbent(incumbent),
            on_bound=lambda i, time, bound: tellers[i].on_bound(time, bound),
            on_rejected=lambda i, verdict: tellers[i].on_rejected(verdict),
            **limits,
        )
        _synchronise(device)
        latency = perf_counter() - start
        clock.stop()
    except Exception as error:
        for place in places:
            write_failure(place, error)
        return
    write_answer(folder, {"warm_up": warm_up, "latency": latency, "peak_device_memory": _peak(device)})
    for teller, result in zip(tellers, results, strict=True):
        teller.answer(result)


def _warm_up_limits(solver: str, options: Mapping[str, Any], limits: Mapping[str, Any]) -> dict[str, Any]:
    """Stopping criteria of a warm-up: where it can be helped, not the clock, or what is prepared would be cut off."""
    adapter = solvers.get(solver)()
    counts = Limit.ITERATION in adapter.limits
    if Feature.TRAJECTORY in adapter.features and not counts:
        return {**limits, "time_limit": min(limits["time_limit"], _SEARCHING)}
    return {
        "time_limit": _COMPILING if options.get("compile") else _LOADING,
        "iterations": 1 if counts else None,
    }


def _place(folder: Path, position: int) -> Path:
    """Folder of one instance within that of the batch."""
    return folder / str(position)


def _synchronise(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.synchronize(device)


def _reset_peak(device: str) -> None:
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def _peak(device: str) -> int | None:
    if device == "cpu":
        return None
    import torch

    return int(torch.cuda.max_memory_allocated(device))


# -- in the runner --------------------------------------------------------------------------------------------------


def run(tasks: Sequence[Ready], site: Site, cores: tuple[int, ...]) -> list[Run]:
    """Run the tasks of a batch together; see :data:`cosolve.evaluation.site.Handler`."""
    task = tasks[0].task
    refusal = _refusal(task)
    if refusal is not None:
        return [Run(ready.task.failure(ready.identity, *refusal)) for ready in tasks]
    with site.turn(task.device):
        return _attempt(tasks, site, cores, 0)


def _refusal(task: Task) -> tuple[Failure, str] | None:
    """Why a task can't be run in a batch, ``None`` if it can."""
    try:
        solver = solvers.get(task.entrant.solver)()
    except Exception as error:
        return Failure.UNAVAILABLE, str(error)
    if Feature.BATCH not in solver.features:
        return Failure.UNSUPPORTED, f"solver {solver.name!r} takes no batches; leave out batch_size."
    others = sorted(set(stop_to_dict(task.stop)) - {"time_limit", "iterations"})
    if others:
        return Failure.UNSUPPORTED, f"a batch can't be stopped by {others[0]}, only by time_limit and iterations."
    return None


def _attempt(tasks: Sequence[Ready], site: Site, cores: tuple[int, ...], halvings: int) -> list[Run]:
    task = tasks[0].task
    started = datetime.now(UTC)
    with site.work_folder(f"{tasks[0].key}-batch") as folder:
        for i in range(len(tasks)):
            _place(folder, i).mkdir()
        request = Request(
            target="cosolve.evaluation.batch:work",
            arguments={
                "folder": str(folder),
                "instances": [str(ready.loaded.path) for ready in tasks],
                "solver": task.entrant.solver,
                "options": dict(task.options),
                "stop": stop_to_dict(task.stop),
                "seed": task.seed if task.takes_seed else 0,
                "threads": task.threads,
                "device": task.device,
            },
            folder=folder,
            threads=task.threads,
            time_limit=task.stop.time_limit,
            grace=task.grace,
            memory_limit=task.memory_limit,
            cores=cores,
        )
        # Forked with the judge's kernels, not with the solver's: a process that has used a GPU can't be forked.
        account = site.launcher.run(request, warm_up=(BASELINE, task.case.problem, tasks[0].loaded.path))
        evidence = [Evidence.collect(_place(folder, i), account) for i in range(len(tasks))]
        timing = _timing(folder)
    runs = [conclude(ready, found, started) for ready, found in zip(tasks, evidence, strict=True)]
    if len(tasks) > 1 and all(run.record.failure is Failure.MEMORY for run in runs):
        middle = (len(tasks) + 1) // 2
        halves = tasks[:middle], tasks[middle:]
        return [run for half in halves for run in _attempt(half, site, cores, halvings + 1)]
    if timing is None:
        return runs
    latency, warm_up, peak = timing
    batch = Batch(
        size=len(tasks),
        latency=latency,
        amortised=latency / len(tasks),
        warm_up=warm_up,
        device=task.device,
        peak_device_memory=peak,
        halvings=halvings,
    )
    return [_in_batch(run, batch) for run in runs]


def _timing(folder: Path) -> tuple[float, float, int | None] | None:
    """Latency, warm-up and peak of the device's memory; ``None`` if the batch did not come to its end."""
    try:
        answer = read_answer(folder) or {}
        peak = answer["peak_device_memory"]
        return float(answer["latency"]), float(answer["warm_up"]), None if peak is None else int(peak)
    except (ValueError, TypeError, KeyError):
        return None


def _in_batch(run: Run, batch: Batch) -> Run:
    times = replace(run.record.times, solve=batch.latency)
    return replace(run, record=replace(run.record, batch=batch, times=times))
