"""What the runner decides itself: how many runs at a time, where, under which rules, and what the records say."""

from __future__ import annotations

import json
import os
import threading

import numpy as np
import pytest

import cosolve
from cosolve.core.result import Status
from cosolve.evaluation import executor, site
from cosolve.evaluation.executor import LocalExecutor, default_workers, width_of
from cosolve.evaluation.launcher import Interrupted
from cosolve.evaluation.machine import describe, total_memory, usable_cores
from cosolve.evaluation.plan import jobs, plan
from cosolve.evaluation.records import Record
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.site import Instances, Site
from cosolve.evaluation.solutions import from_arrays, load_solution
from cosolve.evaluation.suite import Case, FromFile
from tests.evaluation.tiny import tiny_cases, tiny_suite

pytestmark = pytest.mark.usefixtures("stubs", "no_process_left")


def test_a_record_tells_the_whole_run(tmp_path):
    """Read years later, alone: what, on what, with what, when, how long, what came out, and the solution."""
    suite = tiny_suite("local-search", seeds=(2,), time_limit=0.5, memory_limit=2**31)
    [record] = evaluate(suite, tmp_path / "run.jsonl")
    assert Record.from_dict(json.loads((tmp_path / "run.jsonl").read_text())) == record
    instance = cosolve.generate("tsp", "uniform", size=8, seed=0)
    assert (record.digest, record.size, record.sense, record.seed) == (instance.digest, 8, "min", 2)
    assert (record.solver_name, record.version) == ("local-search", cosolve.__version__)
    tour = load_solution(tmp_path / record.solution, "tsp")
    assert cosolve.judge(instance, tour).objective == record.objective == record.trajectory[-1].objective
    times = record.times
    assert 0 < times.best <= times.solve <= times.wall
    assert times.read > 0
    assert 2**20 < record.peak_memory < 2**31
    assert record.machine["packages"]["cosolve"] == cosolve.__version__
    assert record.machine["cores"] == len(usable_cores())  # of the machine, not of the slot
    assert record.started.endswith("+00:00")


def test_the_rules_of_frontierco_judge_the_final_solution(tmp_path):
    """Lengths unrounded, as in that harness; a curve of rounded ones beside it would mix two scales."""
    suite = tiny_suite("greedy")
    [strict] = evaluate(suite, tmp_path / "strict.jsonl")
    [compat] = evaluate(tiny_suite("greedy", judge="frontierco"), tmp_path / "compat.jsonl")
    tour = load_solution(tmp_path / compat.solution, "tsp")
    instance = cosolve.generate("tsp", "uniform", size=8, seed=0)
    assert compat.objective == cosolve.judge(instance, tour, "frontierco").objective != strict.objective
    assert (compat.trajectory, compat.bound) == ((), None)
    assert compat.key != strict.key


def test_a_folder_of_nothing_but_scratch_is_enough_to_run_a_job(tmp_path):
    """A worker of a cluster has no records, no runner and no suite, only a job."""
    [job] = jobs(plan(tiny_suite("greedy")))
    with Site(tmp_path / "scratch") as site:
        finished = site.run(job)
        [run] = finished.runs
        assert run.record.status is Status.FEASIBLE
        assert from_arrays("tsp", run.solution).problem == "tsp"
        assert [identity.size for identity in finished.identities.values()] == [8]
        again = site.run(type(job)(job.tasks, frozenset({run.record.key})))
        assert again.runs == ()
    assert not (tmp_path / "scratch").exists()


def test_an_instance_is_read_once_and_its_file_goes_when_it_is_not_needed(tmp_path, monkeypatch):
    """Sixty runs on an instance of a gigabyte read it once, and a suite of them doesn't fill the disk."""
    read = []
    real = cosolve.generate
    monkeypatch.setattr(cosolve, "generate", lambda *a, **k: read.append(k["seed"]) or real(*a, **k))
    instances = Instances(tmp_path, keep=1)
    first, second, third = tiny_cases(3)
    with instances.borrow(first) as one, instances.borrow(first) as same, instances.borrow(second):
        assert one is same
    with instances.borrow(third), instances.borrow(third):
        pass
    assert read == [0, 1, 2]
    assert len(list(tmp_path.glob("*.map"))) == 1
    with instances.borrow(first):
        assert read == [0, 1, 2, 0]


def test_an_instance_that_can_not_be_read_fails_once_for_all(tmp_path, monkeypatch):
    """The second solver need not wait for the same error."""
    path = tmp_path / "bad.tsp"
    path.write_text("NAME: x\nDIMENSION: three\n")
    instances = Instances(tmp_path)
    case = Case("bad", "tsp", FromFile(path, "bad.tsp"))
    errors = []
    for _ in range(2):
        with pytest.raises(ValueError) as info, instances.borrow(case):
            pass
        errors.append(info.value)
    assert errors[0] is errors[1]


def test_workers_follow_cores_and_memory(monkeypatch):
    """More than that and the runs measure each other, or die together."""
    monkeypatch.setattr(executor, "usable_cores", lambda: list(range(16)))
    monkeypatch.setattr(executor, "total_memory", lambda: 10 * 2**30)
    assert default_workers(plan(tiny_suite("auto"))) == 16
    assert default_workers(plan(tiny_suite("auto", threads=4))) == 4
    assert default_workers(plan(tiny_suite("auto", threads=4, memory_limit=4 * 2**30))) == 2
    assert default_workers(plan(tiny_suite("auto", threads=99))) == 1
    assert width_of(plan(tiny_suite("auto", threads=4))) == 4


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU pinning on this system")
def test_jobs_at_the_same_time_have_different_cores(tmp_path, monkeypatch):
    """Each has its own where there are enough, and all share all where there are not."""
    cores = usable_cores()
    if len(cores) < 2:
        pytest.skip("one core")
    suite = tiny_suite("SaysWhatItHas", cases=tiny_cases(4))
    records = evaluate(suite, tmp_path / "two.jsonl", workers=2)
    assert {tuple(record.stats["cores"]) for record in records} == {(cores[0],), (cores[1],)}
    [record] = evaluate(tiny_suite("SaysWhatItHas"), tmp_path / "many.jsonl", workers=len(cores) + 1)
    assert record.stats["cores"] == cores


def test_closing_an_executor_ends_what_runs(tmp_path):
    """Ctrl-C must not leave the machine busy, nor a record of a run that was not over."""
    local = LocalExecutor(tmp_path / "scratch", workers=1)
    futures = [local.submit(job) for job in jobs(plan(tiny_suite("Hangs", cases=tiny_cases(2), time_limit=600.0)))]
    while not any((tmp_path / "scratch").glob("*/trace")):
        assert not futures[0].done()
    local.close()
    assert all(future.cancelled() or future.exception() is not None for future in futures)
    assert not (tmp_path / "scratch").exists()


def test_closing_while_an_instance_is_read_is_no_missing_file(tmp_path, monkeypatch):
    """The folder that it was to go to is gone then; a record would say that the instance is not here."""
    [job] = jobs(plan(tiny_suite("greedy")))
    closed = Site(tmp_path / "scratch")
    load = site.load_source

    def load_late(*arguments):
        closed.close()
        return load(*arguments)

    monkeypatch.setattr(site, "load_source", load_late)
    with pytest.raises(Interrupted):
        closed.run(job)
    assert not (tmp_path / "scratch").exists()


def test_closing_says_which_instances_it_waits_for(tmp_path, monkeypatch):
    """After Ctrl-C, a terminal that says nothing for minutes looks dead."""
    reading, go_on, said = threading.Event(), threading.Event(), []

    def load(*arguments):
        reading.set()
        go_on.wait(30)
        raise ValueError

    def on_wait(names):
        said.extend(names)
        go_on.set()

    monkeypatch.setattr(site, "load_source", load)
    monkeypatch.setattr(executor, "_NOTICE_AFTER", 0.1)
    local = LocalExecutor(tmp_path / "scratch", on_wait=on_wait)
    future = local.submit(jobs(plan(tiny_suite("greedy")))[0])
    assert reading.wait(30)
    local.close()
    assert said == ["t0"]
    assert isinstance(future.exception(), Interrupted)


def test_wrong_arguments_are_refused(tmp_path):
    """Before a file is made."""
    out = tmp_path / "run.jsonl"
    for arguments, word in (
        ({"workers": 0}, "workers"),
        ({"executor": "mpi"}, "'local' or 'ray'"),
        ({"address": "auto"}, "executor 'ray'"),
    ):
        with pytest.raises(ValueError, match=word):
            evaluate(tiny_suite("Quick"), out, **arguments)


def test_the_description_of_the_machine_is_plain_json():
    """It stands in every record."""
    facts = describe()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["cores"] == len(usable_cores()) >= 1
    assert facts["memory"] == total_memory() > 2**28
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["host"]
