"""Solvers in a process of their own: whatever happens there, the run ends and keeps what was found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cosolve.core import isolation
from cosolve.core.driver import solve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.isolation import run_isolated
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import TSPInstance

STUBS = Path(__file__).parent / "stubs"


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(STUBS)


def instance(n: int = 6, name: str = "hexagon") -> TSPInstance:
    angles = np.arange(n) * 2 * np.pi / n
    return TSPInstance(
        name=name, distances=Distances.from_coords(np.column_stack([np.cos(angles), np.sin(angles)]) * 100)
    )


def run(cls: str, monitor: Monitor):
    return run_isolated(
        f"isolated_stubs:{cls}", monitor.instance, monitor, seed=0, threads=1, initial=None, options=None
    )


def test_outcome_incumbents_and_bounds_come_back():
    """Otherwise an isolated solver would look like one that found nothing."""
    monitor = Monitor(instance(), Stop(30))
    outcome = run("WellBehaved", monitor)
    assert (outcome.build_time, outcome.stats, outcome.message) == (0.25, {"iterations": 7}, "done")
    assert monitor.best is not None
    assert monitor.best.objective == 600
    assert monitor.claimed_objective == 1.0
    assert monitor.bound == 5.0


def test_a_refusal_is_the_same_error_as_without_a_child():
    """Who catches it by type would find an outcome with the status "error" in its place."""
    with pytest.raises(UnsupportedProblemError, match="no such instance"):
        run("Refuses", Monitor(instance(), Stop(30)))


def test_solver_that_listens_is_asked_to_stop_not_killed():
    """A kill would lose its statistics and its last solution."""
    monitor = Monitor(instance(), Stop(2))
    outcome = run("Obedient", monitor)
    assert outcome.stats == {"stopped": True}
    assert monitor.elapsed() < 2 + isolation.GRACE


@pytest.mark.parametrize("cls", ["Deaf", "HoldsTheGil"])
def test_solver_that_overruns_is_killed_and_its_solution_kept(cls, monkeypatch):
    """LKH through elkai can't be interrupted: without the kill it would run for as long as it likes."""
    monkeypatch.setattr(isolation, "GRACE", 0.3)
    monitor = Monitor(instance(), Stop(2.5))
    outcome = run(cls, monitor)
    assert monitor.elapsed() < 5
    assert outcome.limit is Limit.TIME
    assert outcome.stats == {"killed": True}
    assert monitor.best is not None


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        ("Exits", "exit code 3"),
        ("ExitsAtOnce", "exit code 0"),
        ("KillsItself", "SIGKILL"),
        ("Raises", "RuntimeError: boom"),
        ("WrongProblem", "TypeError: tsp needs a Tour, got Values."),
        ("LeavesGrandchild", "exit code 9"),
    ],
)
def test_child_that_dies_is_a_typed_error_that_keeps_the_incumbent(cls, message):
    """A crash of one backend must neither hang the run nor lose its best solution."""
    monitor = Monitor(instance(), Stop(60))
    outcome = run(cls, monitor)
    assert outcome.status is Status.ERROR
    assert message in outcome.message
    assert monitor.elapsed() < 20
    assert monitor.best is not None
    assert monitor.best.objective == 600


def test_error_of_the_child_carries_its_traceback():
    """Without it nobody could mend the adapter."""
    outcome = run("Raises", Monitor(instance(), Stop(60)))
    assert "in then" in outcome.stats["traceback"]


def test_printing_to_stdout_does_not_break_the_messages():
    """Backends print to file descriptor 1, the one our messages would go through."""
    monitor = Monitor(instance(), Stop(60))
    assert run("PrintsGarbage", monitor).stats == {"done": True}
    assert monitor.best is not None


def test_large_instances_and_many_solutions_pass_the_pipe():
    """A pipe holds 64 KiB: both ends writing at once would wait for each other forever."""
    monitor = Monitor(instance(200_000), Stop(60))
    assert run("ManySolutions", monitor).stats == {"sent": 20}
    assert monitor.best is not None


def test_child_that_never_reads_its_task_is_killed(monkeypatch):
    """The parent must not block on a full pipe while nobody reads the other end."""
    monkeypatch.setattr(isolation, "GRACE", 0.3)
    monkeypatch.setattr(sys, "executable", "/bin/sleep")
    monkeypatch.setattr(isolation.subprocess, "Popen", _sleeping_popen(subprocess.Popen))
    monitor = Monitor(instance(200_000), Stop(0.5))
    outcome = run("WellBehaved", monitor)
    assert outcome.limit is Limit.TIME
    assert monitor.elapsed() < 5


def test_no_child_is_started_once_time_is_up(monkeypatch):
    """Its start takes a second, of none that was left."""
    monkeypatch.setattr(isolation.subprocess, "Popen", None)
    assert run("WellBehaved", Monitor(instance(), Stop(0.0))).limit is Limit.TIME


def _sleeping_popen(popen):
    return lambda arguments, **kwargs: popen(["/bin/sleep", "600"], **kwargs)


def test_interrupt_stops_the_child():
    """Ctrl-C goes to the parent alone; it has to pass it on."""
    monitor = Monitor(instance(), Stop(60))
    threading.Timer(2.0, monitor.interrupt).start()
    assert run("Obedient", monitor).stats == {"stopped": True}
    assert monitor.limit is Limit.INTERRUPTED


def test_module_in_the_working_directory_does_not_shadow_the_library(tmp_path, monkeypatch):
    """``python -m`` puts the working directory first: a user's random.py would break every isolated solver."""
    (tmp_path / "random.py").write_text("raise RuntimeError('shadowed')\n")
    monkeypatch.chdir(tmp_path)
    assert run("WellBehaved", Monitor(instance(), Stop(60))).message == "done"


def test_driver_runs_isolated_solvers_in_a_child(monkeypatch):
    """``isolated = True`` must be enough: the driver decides, not the adapter."""
    import isolated_stubs

    monkeypatch.setitem(solvers._loaded, "kills-itself", isolated_stubs.KillsItself)
    result = solve(instance(), "kills-itself", time_limit=60)
    assert result.status is Status.ERROR
    assert result.objective == 600
    assert "SIGKILL" in result.message


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ties the child to its parent on Linux only")
@pytest.mark.parametrize("cls", ["TellsPid"])
def test_child_dies_with_its_parent(cls, tmp_path):
    """A killed evaluation must not leave solvers running on the machine."""
    note = tmp_path / "pid"
    program = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from test_isolation import instance, run\n"
        "from cosolve.core.monitor import Monitor\n"
        "from cosolve.core.stop import Stop\n"
        f"run({cls!r}, Monitor(instance(name=sys.argv[3]), Stop(60)))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(STUBS), str(STUBS.parent), str(note)])
    try:
        deadline = time.monotonic() + 30
        while not (note.exists() and note.read_text()):
            assert time.monotonic() < deadline, "the child did not start"
            assert parent.poll() is None
            time.sleep(0.05)
        child = int(note.read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 10
    while _is_running(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
