"""Solvers that do everything wrong, in real processes: each gives a typed record, and nothing of them stays."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import psutil
import pytest

from cosolve.core.result import Limit, Status
from cosolve.evaluation import launcher
from cosolve.evaluation.records import Failure
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.solutions import load_solution
from tests.evaluation.tiny import STUBS, tiny_suite

pytestmark = pytest.mark.usefixtures("no_process_left")

#: What each does, how it is recorded, whether its first tour is kept, and a word of the message.
CASES = [
    ("Aborts", Failure.CRASH, True, "SIGABRT"),
    ("KillsItself", Failure.CRASH, True, "SIGKILL"),
    ("KillsItsParent", Failure.CRASH, True, "SIGKILL"),
    ("PrintsAndCrashes", Failure.CRASH, True, "assertion failed: the last words"),
    ("ExitsAtOnce", Failure.EXIT, True, "exit code 0"),
    ("Exits", Failure.EXIT, True, "exit code 3"),
    ("Raises", Failure.ERROR, True, "RuntimeError: boom"),
    ("ReturnsGarbage", Failure.ERROR, True, "int"),
    ("ReportsGarbage", Failure.ERROR, False, "Tour"),
    ("ChangesItsAnswer", Failure.ERROR, False, "judge"),
    ("ForgesItsAnswer", Failure.EXIT, True, "exit code 0"),
    ("ForgesItsIncumbent", Failure.ERROR, False, "no solution"),
    ("RaisesRealTimeSignal", Failure.CRASH, True, "signal 35"),
    ("ReportsWrongTour", Failure.INVALID, False, "city visited twice"),
    ("ReportsNan", None, True, ""),
    ("PrintsMegabytes", None, True, ""),
]


#: Solvers that meet a limit, or leave something behind.
BOUNDED = (
    "Hangs",
    "HangsInNativeCode",
    "IgnoresSignals",
    "Leaks",
    "LeaksInChildren",
    "AsksForTooMuch",
    "LeavesProcesses",
    "LeavesTemporaryFiles",
    "TooLate",
    "OnlyTooLate",
    "Unavailable",
    "no-such-solver",
    "CrashesInWarmUp",
    "StartsThreadsInWarmUp",
    "SaysWhatItHas",
)


def run_all(folder: Path, *solvers: str, **fields):
    """Folder, and the records of one suite by solver."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STUBS)
        patch.setenv("LEFT_PROCESS", str(folder / "pid"))
        suite = tiny_suite(*solvers, **fields)
        return folder, {record.solver: record for record in evaluate(suite, folder / "run.jsonl", workers=2)}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """One suite of all of them: the ones after a crash run as if nothing had been."""
    return run_all(tmp_path_factory.mktemp("gallery"), *[name for name, *_ in CASES], "Quick")


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """The same with tight limits."""
    folder = tmp_path_factory.mktemp("bounded")
    limits = {"Leaks": 30.0, "LeaksInChildren": 30.0, "AsksForTooMuch": 30.0}
    return run_all(folder, *BOUNDED, "Quick", time_limit=0.6, limits=limits, memory_limit=300 * 2**20, seeds=(7,))


@pytest.mark.parametrize(("solver", "failure", "is_kept", "word"), CASES, ids=[case[0] for case in CASES])
def test_every_failure_is_a_typed_record(gallery, solver, failure, is_kept, word):
    """A table must tell a crash from a wrong answer, and a crash must not cost the solution found before."""
    folder, records = gallery
    record = records[solver]
    assert record.failure is failure
    assert word in record.message
    assert record.is_feasible is is_kept
    if is_kept:
        assert record.solution is not None
        assert load_solution(folder / record.solution, "tsp").order.tolist() == list(range(8))
        assert [point.objective for point in record.trajectory] == [record.objective]
        assert 0 < record.times.best <= record.times.wall
    else:
        assert record.solution is None
    expected = (
        Status.FEASIBLE if failure is None else Status.NO_SOLUTION if failure is Failure.INVALID else Status.ERROR
    )
    assert record.status is expected


def test_the_suite_goes_on_after_every_failure(gallery):
    """One bad solver must not take the others with it."""
    _, records = gallery
    assert len(records) == len(CASES) + 1
    assert records["Quick"].failure is None
    assert records["Quick"].is_feasible


def test_what_the_judge_refused_is_told(gallery):
    """Without the violation nobody finds the error in an adapter."""
    _, records = gallery
    assert records["ReportsWrongTour"].violations == ("city visited twice: city 0 at position 1",)
    assert records["Quick"].violations == ()


def test_numbers_that_are_none_do_not_reach_the_record(gallery):
    """NaN is no JSON and no bound."""
    _, records = gallery
    record = records["ReportsNan"]
    assert (record.claimed, record.bound, record.stats) == (None, None, {"value": None, "array": [None]})


@pytest.mark.parametrize("solver", ["Hangs", "HangsInNativeCode", "IgnoresSignals"])
def test_a_solver_that_hangs_is_killed_and_its_incumbent_kept(bounded, solver):
    """A solver that never returns may have found the best solution of all before."""
    _, records = bounded
    record = records[solver]
    assert record.failure is Failure.HANG
    assert (record.status, record.limit) == (Status.FEASIBLE, Limit.TIME)
    assert record.is_feasible
    assert 1.1 < record.times.wall < 5
    assert "0.6 s and 0.5 s of grace" in record.message


@pytest.mark.parametrize("solver", ["Leaks", "LeaksInChildren", "AsksForTooMuch"])
def test_a_solver_over_its_memory_cap_is_stopped(bounded, solver):
    """For all processes of a run together, or forking would be a way round; in one piece, before it is there."""
    _, records = bounded
    record = records[solver]
    assert record.failure is Failure.MEMORY
    assert record.limit is Limit.MEMORY
    assert record.is_feasible
    assert record.peak_memory < 1500 * 2**20
    if solver != "AsksForTooMuch":
        assert record.status is Status.FEASIBLE
        assert "its cap of 300 MiB" in record.message
        assert record.peak_memory > 300 * 2**20


def test_what_a_solver_leaves_running_is_killed(bounded):
    """A forgotten worker would slow down every run after it."""
    folder, records = bounded
    assert records["LeavesProcesses"].failure is None
    assert not psutil.pid_exists(int((folder / "pid").read_text()))


def test_temporary_files_of_a_solver_go_with_its_run(bounded):
    """Killed solvers clean up nothing, and a suite has thousands of runs."""
    folder, records = bounded
    temporary = Path(records["LeavesTemporaryFiles"].stats["folder"])
    assert folder in temporary.parents
    assert not temporary.exists()
    assert not (folder / "run.files" / "work").exists()


def test_a_solution_found_after_the_limit_does_not_count(bounded):
    """Else whoever overruns wins."""
    folder, records = bounded
    late, only = records["TooLate"], records["OnlyTooLate"]
    assert [point.objective for point in late.trajectory] == [late.objective]
    assert late.times.best < 0.6
    assert late.bound is None
    assert (late.status, late.limit, late.failure) == (Status.FEASIBLE, Limit.TIME, None)
    order = load_solution(folder / late.solution, "tsp").order
    assert order.tolist() == np.random.default_rng(0).permutation(8).tolist()
    assert (only.status, only.objective, only.trajectory) == (Status.NO_SOLUTION, None, ())
    assert "does not count" in only.message


def test_a_solver_that_is_not_here_says_what_to_install(bounded):
    """A missing package is no failure of the algorithm."""
    _, records = bounded
    for solver, word in (("Unavailable", "pip install it"), ("no-such-solver", "unknown solver 'no-such-solver'")):
        assert (records[solver].failure, records[solver].status) == (Failure.UNAVAILABLE, Status.UNKNOWN)
        assert word in records[solver].message


def test_a_crash_in_preparation_is_a_failure_of_the_run(bounded):
    """It happens in a fork server first, which must not take its runs or others with it."""
    _, records = bounded
    assert records["CrashesInWarmUp"].failure is Failure.CRASH
    assert "SIGABRT" in records["CrashesInWarmUp"].message
    assert records["Quick"].failure is None


def test_a_hang_in_preparation_is_a_failure_of_the_run(tmp_path, monkeypatch):
    """Nothing of the suite would ever run again."""
    monkeypatch.setattr(launcher, "PREPARE_LIMIT", 1.0)
    _, records = run_all(tmp_path, "HangsInWarmUp")
    assert records["HangsInWarmUp"].failure is Failure.HANG
    assert "preparation" in records["HangsInWarmUp"].message


@pytest.mark.parametrize("early", [0, 3])
def test_a_run_that_begins_late_is_heard_all_the_same(early):
    """On a busy machine its first word was taken for a part of the answer, and a hang for a crash."""
    ours, theirs = socket.socketpair()
    line = launcher._Line(ours)
    theirs.sendall(launcher.BEGUN[:early])
    assert not line.has_begun(0.05)
    theirs.sendall(launcher.BEGUN[early:] + b'{"killed": "preparation"}')
    theirs.close()
    assert line.read() == b'{"killed": "preparation"}'
    line.close()


def test_a_warm_up_that_starts_threads_does_not_spoil_the_run(bounded):
    """A fork has only one thread; a library that counts on its others would wait for ever."""
    _, records = bounded
    assert records["StartsThreadsInWarmUp"].failure is None
    assert records["StartsThreadsInWarmUp"].is_feasible


def test_threads_and_cores_are_capped_before_any_library_loads(bounded):
    """Two runs that each take all cores measure each other."""
    _, records = bounded
    stats = records["SaysWhatItHas"].stats
    assert {stats[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")} == {"1"}
    assert len(stats["cores"]) == 1 or os.cpu_count() == 1
    assert stats["seed"] == 7


def test_without_fork_servers_all_is_the_same(tmp_path, monkeypatch):
    """Systems other than Linux start a new Python for each run."""
    monkeypatch.setattr(launcher, "is_linux", lambda: False)
    folder, records = run_all(tmp_path, "Aborts", "Hangs", "LeavesProcesses", "Exits", "Quick", time_limit=1.0)
    failures = {solver: record.failure for solver, record in records.items()}
    assert failures == {
        "Aborts": Failure.CRASH,
        "Hangs": Failure.HANG,
        "LeavesProcesses": None,
        "Exits": Failure.EXIT,
        "Quick": None,
    }
    assert all(record.is_feasible for record in records.values())
    assert not psutil.pid_exists(int((folder / "pid").read_text()))
