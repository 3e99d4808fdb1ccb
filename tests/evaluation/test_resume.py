"""Whatever ends an evaluation, and whenever: the same call again gives the records of an undisturbed one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

import cosolve
from cosolve.evaluation.handover import read_incumbent
from cosolve.evaluation.records import Failure
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.runner import evaluate, preview
from cosolve.evaluation.solutions import load_solution
from cosolve.evaluation.sources import read_cases, reload
from cosolve.evaluation.store import RecordFile, read_records
from cosolve.evaluation.suite import Case, FromFile
from cosolve.evaluation.summary import summarise
from tests.evaluation import driver
from tests.evaluation.tiny import STUBS, tiny_cases, tiny_suite

pytestmark = pytest.mark.usefixtures("stubs")

ROOT = Path(__file__).parents[2]
INSTANCE = cosolve.generate("tsp", "uniform", size=8, seed=1)


def start_driver(out: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(STUBS)])}
    return subprocess.Popen([sys.executable, "-m", "tests.evaluation.driver", out], env=environment, cwd=out.parent)


def content(records):
    """What must not depend on interruptions."""
    return {(r.key, r.case, r.solver, r.seed, r.objective, r.status, r.failure) for r in records}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Records of the driver's suite, and the seconds that they took."""
    out = tmp_path_factory.mktemp("undisturbed") / "run.jsonl"
    start = time.monotonic()
    assert start_driver(out).wait(120) == 0
    records = read_records(out)
    assert len(records) == 12
    assert all(record.failure is None for record in records)
    return content(records), time.monotonic() - start


def family(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def leaves(process: subprocess.Popen) -> list[psutil.Process]:
    """Processes at the ends of the tree: those that solvers work in, or fork servers and supervisors between runs."""
    found = []
    for member in family(process):
        try:
            if not member.children():
                found.append(member)
        except psutil.NoSuchProcess:
            continue
    return found


def interrupt(out: Path, how: str, delay: float) -> None:
    """Start the driver, wait, strike, and check that nothing of it is left."""
    process = start_driver(out)
    time.sleep(delay)
    members = family(process)
    if how == "child":
        for member in leaves(process)[:1]:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                pass
    else:
        process.send_signal(signal.SIGINT if how == "SIGINT" else signal.SIGKILL)
    assert process.wait(60) in ((0,) if how == "child" else (0, 130, -signal.SIGKILL, -signal.SIGINT))
    _, alive = psutil.wait_procs(members, timeout=15)
    assert not alive, f"{how} after {delay:.2f} s leaves {alive}"


def check_interrupted(tmp_path: Path, undisturbed, how: str, part: float) -> None:
    expected, seconds = undisturbed
    out = tmp_path / "run.jsonl"
    interrupt(out, how, part * seconds)
    if out.exists():
        with out.open("rb") as file:
            kept = [json.loads(line)["key"] for line in file if line.endswith(b"\n")]
        assert len(set(kept)) == len(kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        records = evaluate(driver.suite(), out, workers=2, retry=True)
    assert content(records) == expected
    assert content(read_records(out)) == expected
    for record in records:
        assert record.solution is not None
        assert len(load_solution(tmp_path / record.solution, "tsp").order) == 8


@pytest.mark.parametrize(("how", "part"), [("SIGINT", 0.8), ("SIGKILL", 0.6), ("child", 0.7)])
def test_an_interrupted_evaluation_goes_on_to_the_same_records(tmp_path, undisturbed, how, part):
    """Hours of computation must not be lost, nor counted twice."""
    check_interrupted(tmp_path, undisturbed, how, part)


@pytest.mark.slow
@pytest.mark.parametrize("point", range(20))
def test_any_point_of_interruption_is_as_good(tmp_path, undisturbed, point):
    """Twenty random points, with each way to end in turn."""
    how = ("SIGINT", "SIGKILL", "child")[point % 3]
    check_interrupted(tmp_path, undisturbed, how, float(np.random.default_rng(point).uniform()))


def test_a_killed_runner_leaves_what_its_runs_had_found(tmp_path):
    """After a day of search, the solution is there although nothing was recorded."""
    out = tmp_path / "run.jsonl"
    code = (
        "import sys; from cosolve.evaluation.runner import evaluate; from tests.evaluation.tiny import tiny_suite;"
        "evaluate(tiny_suite('Hangs', time_limit=600.0), sys.argv[1])"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(STUBS)])}
    process = subprocess.Popen([sys.executable, "-c", code, out], env=environment)
    while not list((tmp_path / "run.files").glob("work/*/trace")) or read_incumbent(folder := work(out)) is None:
        assert process.poll() is None
        time.sleep(0.05)
    members = family(process)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(members, timeout=15)
    assert not alive
    assert read_incumbent(folder).arrays["order"].tolist() == list(range(8))
    assert read_records(out) == []
    evaluate(tiny_suite("Quick"), out)
    assert folder.exists()  # until the very run is made again


def work(out: Path) -> Path:
    """Work folder of the only run under way."""
    [trace] = (out.parent / "run.files").glob("work/*/trace")
    return trace.parent


def test_what_is_recorded_is_not_run_again(tmp_path):
    """Not even the instance is read a second time."""
    out = tmp_path / "run.jsonl"
    suite = tiny_suite("Quick", cases=tiny_cases(2))
    seen = []
    first = evaluate(suite, out, on_record=seen.append)
    before = out.read_bytes()
    assert evaluate(suite, out, on_record=seen.append) == first
    assert out.read_bytes() == before
    assert len(seen) == 2
    outlook = preview(suite, out)
    assert (len(outlook.tasks), outlook.recorded, outlook.to_do) == (2, 2, ())
    assert preview(tiny_suite("Quick", "Slow", cases=tiny_cases(2)), out).recorded == 2
    # Without what was remembered of the instances they are read, and then found to be recorded.
    (tmp_path / "run.files" / "identities.jsonl").unlink()
    assert evaluate(suite, out, on_record=seen.append) == first
    assert out.read_bytes() == before


def test_records_of_two_days_have_one_reference(tmp_path):
    """A better value was published in between: gaps of old and new runs in one table must be to the same."""
    out = tmp_path / "run.jsonl"

    def go(value: float, *solvers: str):
        reference = None if value is None else Reference(value, ReferenceKind.BEST)
        [case] = tiny_cases()
        return evaluate(tiny_suite(*solvers, cases=(replace(case, reference=reference),)), out)

    go(None, "Quick")
    go(2_000_000.0, "Quick", "Slow")
    records = go(1_000_000.0, "Quick", "Slow", "greedy")
    assert [record.reference.value for record in records] == [1_000_000.0] * 3
    assert [record.reference and record.reference.value for record in read_records(out)] == [None, 2e6, 1e6]
    assert {row.with_reference for row in summarise(read_records(out))} == {1}


def test_failures_are_made_again_only_when_asked_for(tmp_path):
    """A crash that comes every time would else be waited for every time."""
    out = tmp_path / "run.jsonl"
    suite = tiny_suite("Raises", "Quick")
    evaluate(suite, out)
    made = []
    evaluate(suite, out, on_record=made.append)
    assert made == []
    evaluate(suite, out, retry=True, on_record=made.append)
    assert [(record.solver, record.failure) for record in made] == [("Raises", Failure.ERROR)]
    assert len(read_records(out)) == 2


def test_what_was_missing_is_run_as_soon_as_it_is_there(tmp_path, monkeypatch):
    """Hours later the data has been downloaded: the same command does the rest, and the gap in the table closes."""
    monkeypatch.setenv("SOLVER_HERE", str(tmp_path / "solver"))
    out, data = tmp_path / "run.jsonl", tmp_path / "late.tsp"
    suite = tiny_suite("Quick", "Unavailable", cases=(Case("late", "tsp", FromFile(None, "late.tsp")),))
    records = evaluate(suite, out)
    assert [record.failure for record in records] == [Failure.MISSING] * 2
    assert "late.tsp" in records[0].message
    size = out.stat().st_size
    evaluate(suite, out)
    assert out.stat().st_size == size  # still missing: nothing new to say

    cosolve.write(INSTANCE, data)
    suite = tiny_suite("Quick", "Unavailable", cases=(Case("late", "tsp", FromFile(data, "late.tsp")),))
    records = evaluate(suite, out)
    assert [record.failure for record in records] == [None, Failure.UNAVAILABLE]
    assert len(read_records(out)) == 2
    (tmp_path / "solver").touch()
    assert [record.failure for record in evaluate(suite, out)] == [None, None]
    assert [record.failure for record in read_records(out)] == [None, None]


def test_an_instance_that_has_gone_keeps_its_row(tmp_path):
    """The table of the second call must not be better than the first for want of a hard instance."""
    out, data = tmp_path / "run.jsonl", tmp_path / "gone.tsp"
    cosolve.write(INSTANCE, data)

    def go(path: Path | None, *solvers: str, **fields):
        cases = (Case("gone", "tsp", FromFile(path, "gone.tsp")), *tiny_cases(1))
        return evaluate(tiny_suite(*solvers, cases=cases, **fields), out)

    first = go(data, "Quick")
    assert [record.failure for record in first] == [None, None]
    data.unlink()
    assert go(None, "Quick") == first
    assert [(r.case, r.failure) for r in go(None, "Quick", time_limit=6.0)] == [("gone", Failure.MISSING), ("t0", None)]
    assert [r.failure for r in go(None, "Quick", "Slow")] == [None, Failure.MISSING, None, None]


def test_an_unreadable_instance_is_a_record_and_read_again_when_mended(tmp_path):
    """The other instances of a suite are as good as ever."""
    bad, out = tmp_path / "bad.tsp", tmp_path / "run.jsonl"
    bad.write_text("NAME: x\nTYPE: TSP\nDIMENSION: three\n")
    suite = tiny_suite("Quick", cases=(Case("bad", "tsp", FromFile(bad, "bad.tsp")), *tiny_cases(1)))
    broken, fine = evaluate(suite, out)
    assert (broken.failure, broken.digest, fine.failure) == (Failure.UNREADABLE, None, None)
    assert "bad.tsp" in broken.message
    size = out.stat().st_size
    evaluate(suite, out)
    assert out.stat().st_size == size
    cosolve.write(INSTANCE, bad)
    assert [record.failure for record in evaluate(suite, out)] == [None, None]
    assert len(read_records(out)) == 2


def test_the_folder_says_where_instances_came_from(tmp_path):
    """A report draws the solutions, for which it needs the instances, weeks later."""
    out = tmp_path / "run.jsonl"
    [record] = evaluate(tiny_suite("Quick"), out)
    assert reload(record.digest, read_cases(tmp_path / "run.files")).digest == record.digest


def test_two_evaluations_can_not_write_one_file(tmp_path):
    """Their lines would interleave, and each would run what the other does."""
    with RecordFile(tmp_path / "run.jsonl"), pytest.raises(BlockingIOError, match="another evaluation"):
        evaluate(tiny_suite("Quick"), tmp_path / "run.jsonl")


def test_a_full_disk_stops_with_the_file_as_it_was(tmp_path, monkeypatch):
    """A torn line in the middle would make everything after it unreadable."""
    out = tmp_path / "run.jsonl"
    with RecordFile(out) as store:
        [record] = evaluate(tiny_suite("Quick"), tmp_path / "other.jsonl")
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data[:10])) if len(data) > 10 else boom())

        def boom():
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            # Ten bytes at a time until fewer are left, then the disk is full.
            store.append(record)
        monkeypatch.undo()
        assert out.read_bytes() == b""
        store.append(record)
    assert read_records(out) == [record]
