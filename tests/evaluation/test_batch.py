"""Solvers that take several instances at once."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.result import Limit, Status
from cosolve.core.stop import Stop
from cosolve.evaluation.executor import LocalExecutor
from cosolve.evaluation.machine import describe
from cosolve.evaluation.plan import jobs, plan
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.site import Site
from cosolve.evaluation.solutions import from_arrays
from cosolve.evaluation.suite import Case, Entrant, FromFile, FromGenerator, Suite

SOLVER = "batch_stubs:NearestNeighbours"
MANY = Entrant("many", SOLVER, batch_size=4)


def uniform(size: int, seed: int = 0) -> Case:
    source = FromGenerator("uniform", {"size": size, "seed": seed})
    return Case(f"u{size}.{seed}", "tsp", source)


def suite(*entrants: Entrant, sizes: tuple[int, ...] = (5, 9, 7, 12), **values) -> Suite:
    values = {"stop": Stop(time_limit=20.0), "grace": 5.0} | values
    return Suite("test", tuple(map(uniform, sizes)), entrants, **values)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("batch") / "scratch") as site:
        yield site


@pytest.fixture
def run(site):
    """Do all jobs of a suite here; records by name of the instance."""

    def go(wanted: Suite) -> dict[str, Record]:
        finished = [site.run(job) for job in jobs(plan(wanted))]
        runs = [found for one in finished for found in one.runs]
        for found in runs:
            assert (found.solution is None) == (found.record.objective is None)
        return {found.record.case: found.record for found in runs}

    return go


def test_a_batch_gives_the_tours_that_its_instances_give_alone(site):
    """Padding must not leak from one instance into another; the judge works on each as it is."""
    wanted = suite(MANY, Entrant("one", SOLVER), sizes=(5, 9, 7))
    runs = [found for job in jobs(plan(wanted)) for found in site.run(job).runs]
    by_label: dict = {"many": {}, "one": {}}
    for found in runs:
        by_label[found.record.solver][found.record.case] = found
    assert len(by_label["many"]) == len(by_label["one"]) == 3
    for case in wanted.cases:
        together, alone = by_label["many"][case.name], by_label["one"][case.name]
        assert together.record.objective is not None
        assert together.record.objective == alone.record.objective
        instance = cosolve.generate("tsp", case.source.distribution, **case.source.parameters)
        tour = from_arrays("tsp", together.solution)
        assert cosolve.judge(instance, tour).objective == together.record.objective


def test_a_batch_shares_its_time_and_says_so(run):
    """Batch latency and amortised time are two different claims; warm-up is in neither."""
    for record in run(suite(MANY)).values():
        batch = record.batch
        assert batch.size == 4
        assert batch.amortised == batch.latency / 4
        assert record.times.solve == batch.latency
        assert 0 < record.times.best <= batch.latency < record.times.wall
        assert batch.warm_up > 0
        assert (batch.device, batch.peak_device_memory, batch.halvings) == ("cpu", None, 0)
        assert record.stats == {"together": 4}
        assert record.peak_memory > 0
        assert Record.from_dict(record.to_dict()) == record


@pytest.mark.parametrize(
    ("stub", "compiles", "warm_up"),
    [
        ("SaysItsLimits", False, "2: 30 s, None"),
        ("SaysItsLimits", True, "2: 300 s, None"),
        ("Searches", False, "2: 2 s, None"),
        ("Counts", True, "2: 300 s, 1"),
    ],
)
def test_the_limit_of_the_runs_does_not_cut_off_the_warm_up(run, tmp_path, stub, compiles, warm_up):
    """What took longer to compile was compiled for one instance alone, and went on in the measured time."""
    options = {"marks": str(tmp_path), "compile": compiles}
    run(suite(replace(MANY, solver=f"batch_stubs:{stub}", options=options), stop=Stop(time_limit=2.0)))
    assert (tmp_path / "limits").read_text().splitlines() == [warm_up, "4: 2 s, None"]


def test_batches_are_of_the_size_that_was_asked_for(run):
    """The last one is smaller; no instance is left out."""
    records = run(suite(replace(MANY, batch_size=3)))
    assert sorted(record.batch.size for record in records.values()) == [1, 3, 3, 3]


def test_a_batch_that_does_not_fit_is_halved(run, tmp_path):
    """Otherwise the largest batch that works would have to be guessed for each set of instances."""
    marks = tmp_path / "marks"
    marks.mkdir()
    records = run(suite(replace(MANY, options={"room": 2, "marks": str(marks)})))
    assert [record.batch.size for record in records.values()] == [2, 2, 2, 2]
    assert {(record.batch.halvings, record.failure) for record in records.values()} == {(1, None)}
    assert (marks / "4").read_text() == "x"  # what did not fit once is not tried again


def test_a_batch_over_its_memory_cap_is_halved_too(run):
    """The supervisor's kill and the solver's own MemoryError mean the same."""
    options = {"bytes_each": 200 * 2**20}
    records = run(suite(replace(MANY, options=options), memory_limit=500 * 2**20))
    assert [record.batch.size for record in records.values()] == [2, 2, 2, 2]
    assert {(record.batch.halvings, record.failure) for record in records.values()} == {(1, None)}


def test_halving_ends_at_one_instance(run):
    """What does not fit alone is a memory failure, not an endless loop."""
    for record in run(suite(replace(MANY, options={"room": -1}), sizes=(5, 6))).values():
        assert (record.failure, record.limit) == (Failure.MEMORY, Limit.MEMORY)
        assert (record.batch.size, record.batch.halvings) == (1, 1)


def test_an_error_is_no_reason_to_halve(run, tmp_path):
    """A bug would be run once for every power of two."""
    marks = tmp_path / "marks"
    marks.mkdir()
    records = run(suite(replace(MANY, options={"bytes_each": -1, "marks": str(marks)})))
    assert {record.failure for record in records.values()} == {Failure.ERROR}
    assert (marks / "4").read_text() == "x"


def test_a_batch_that_crashes_keeps_what_it_reported_before(run):
    """Three of four tours were found: a kill loses what was in flight, no more."""
    records = run(suite(replace(MANY, options={"then": "abort"})))
    assert {record.failure for record in records.values()} == {Failure.CRASH}
    assert [record.objective is not None for record in records.values()] == [True, True, True, False]
    assert [record.batch for record in records.values()] == [None] * 4


def test_a_batch_that_hangs_is_killed_and_keeps_what_it_reported_in_time(run):
    """The limit is that of the batch, whatever the number of instances."""
    wanted = suite(replace(MANY, options={"then": "hang"}), stop=Stop(time_limit=1.5), grace=1.0)
    records = list(run(wanted).values())
    assert {record.failure for record in records} == {Failure.HANG}
    assert {record.limit for record in records} == {Limit.TIME}
    assert [record.status for record in records] == [Status.FEASIBLE] * 3 + [Status.NO_SOLUTION]


def test_a_missing_instance_leaves_the_rest_of_its_batch_alone(run):
    """One missing file must not cost the records of the others."""
    wanted = suite(MANY, sizes=(5, 6))
    missing = Case("gone", "tsp", FromFile(None, "gone.tsp"))
    records = run(replace(wanted, cases=(*wanted.cases, missing)))
    assert records["gone"].failure is Failure.MISSING
    assert [records[name].batch.size for name in ("u5.0", "u6.0")] == [2, 2]


@pytest.mark.parametrize(
    ("entrant", "stop", "part"),
    [
        (Entrant("x", "batch_stubs:OneByOne", batch_size=2), Stop(time_limit=5), "takes no batches"),
        (MANY, Stop(time_limit=5, target=1.0), "stopped by target"),
    ],
)
def test_what_a_batch_can_not_do_is_said(run, entrant, stop, part):
    """A limit that is silently dropped makes a comparison unfair."""
    for record in run(suite(entrant, stop=stop)).values():
        assert record.failure is Failure.UNSUPPORTED
        assert part in record.message


def test_the_device_reaches_the_solver_as_an_option():
    """Without it, a table would say GPU over numbers from a CPU; the device is part of the record's key."""
    on_gpu, on_cpu = (plan(suite(replace(MANY, device=device)))[0] for device in ("cuda", "cpu"))
    assert (on_gpu.options["device"], on_gpu.device) == ("cuda", "cuda:0")
    assert on_cpu.options["device"] == "cpu"
    assert on_gpu.key("0") != on_cpu.key("0")
    with pytest.raises(ValueError, match="CPU only"):
        plan(suite(Entrant("greedy", "greedy", device="cuda")))


def test_runs_one_by_one_take_turns_on_a_device_too(tmp_path):
    """Only batches did: on a machine of eight cores, eight processes shared one GPU and measured each other."""
    one = Entrant("one", "batch_stubs:Alone", options={"marks": str(tmp_path), "pause": 0.5}, device="cuda")
    executor = LocalExecutor(tmp_path / "scratch", workers=2)
    futures = [executor.submit(job) for job in jobs(plan(suite(one, sizes=(5, 6))))]
    failures = [found.record.failure for future in futures for found in future.result(60).runs]
    executor.close()
    assert failures == [None, None]


@pytest.mark.gpu
def test_a_batch_on_a_gpu_records_its_memory_and_agrees_with_the_cpu(run):
    """Device, synchronised latency and peak memory are what a learned solver is judged by."""
    if not describe()["gpus"]:
        pytest.skip("no GPU here")
    pytest.importorskip("torch")
    on_gpu = run(suite(replace(MANY, device="cuda"), sizes=(50, 80, 65)))
    on_cpu = run(suite(MANY, sizes=(50, 80, 65)))
    for name, record in on_gpu.items():
        assert record.batch.device == "cuda:0"
        assert record.batch.peak_device_memory > 0
        assert np.isclose(record.objective, on_cpu[name].objective)


def test_a_batch_may_have_more_instances_than_open_files_by_default(tmp_path):
    """Each takes some; the usual limit of 1024 ended batches of 240 instances, every run of them, before they began."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
    try:
        with Site(tmp_path / "scratch") as site:
            [job] = jobs(plan(suite(replace(MANY, batch_size=50), sizes=tuple(range(3, 53)))))
            runs = site.run(job).runs
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {found.record.failure for found in runs} == {None}
    assert len(runs) == 50
