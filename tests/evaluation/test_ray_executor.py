"""A cluster of two workers on this machine."""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import psutil
import pytest

import cosolve
from cosolve.core.errors import SolverUnavailableError
from cosolve.core.stop import Stop
from cosolve.evaluation import ray_executor
from cosolve.evaluation.launcher import Interrupted
from cosolve.evaluation.plan import jobs, plan
from cosolve.evaluation.ray_executor import RayExecutor, Worker, _Pool, _portable
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.suite import Case, Entrant, FromFile, FromGenerator, Suite

SOLVER = "batch_stubs:NearestNeighbours"


def suite(**values) -> Suite:
    """Three instances, each alone and all in a batch, and an instance that is not here."""
    cases = tuple(Case(f"u{size}", "tsp", FromGenerator("uniform", {"size": size})) for size in (5, 6, 7))
    entrants = (Entrant("alone", SOLVER, options={"pause": 0.3}), Entrant("together", SOLVER, batch_size=3))
    missing = Case("gone", "tsp", FromFile(None, "gone.tsp"))
    values = {"stop": Stop(time_limit=20.0)} | values
    return Suite("test", (*cases, missing), entrants, **values)


def content(records: list[Record]) -> list[tuple]:
    return [(record.key, record.objective, record.failure, record.limit) for record in records]


def workers() -> list[psutil.Process]:
    """The actors' processes on this machine that descend from this one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[0].startswith("ray::Worker"):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def test_without_ray_the_message_names_the_extra(monkeypatch):
    """Who has no cluster does not have the package."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SolverUnavailableError, match=r"cosolve\[ray\]"):
        RayExecutor(plan(suite()))


def test_a_wrong_address_is_told_within_seconds():
    """Ray would try for minutes, and then end the whole program."""
    pytest.importorskip("ray", reason="ray is not installed")
    with socket.socket() as unused:  # bound, so that nobody else takes the port, but nobody listens
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        for form in (address, f"ray://{address}"):
            with pytest.raises(ConnectionError, match=f"no Ray cluster at {form}"):
                RayExecutor(plan(suite()), address=form)


def test_without_an_address_no_cluster_is_joined(monkeypatch):
    """Ray takes one that a variable or an earlier call named, and refuses to be told the number of cores then."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    asked: list[dict] = []

    def init(**arguments) -> None:
        asked.append(arguments)
        raise ConnectionError

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(ConnectionError):
        RayExecutor(plan(suite()))
    assert [arguments["address"] for arguments in asked] == ["local"]


def test_paths_of_a_job_mean_the_same_elsewhere(tmp_path, monkeypatch):
    """An actor's working folder is not the driver's; the record must stay the same one."""
    monkeypatch.chdir(tmp_path)
    case = Case("a", "tsp", FromFile(Path("a.tsp"), "a.tsp"))
    [job] = jobs(plan(Suite("s", (case,), (Entrant("x", solutions="{case}.tour"),), folder=Path("sub"))))
    [task] = _portable(job).tasks
    assert task.case.source.path == tmp_path / "a.tsp"
    assert task.folder == tmp_path / "sub"
    assert task.key("0") == job.tasks[0].key("0")


def test_a_worker_removes_what_a_killed_one_left(tmp_path, monkeypatch):
    """Instances of a killed worker would fill the node's disk; those of a living one must stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = Worker()
    [folder] = tmp_path.iterdir()
    head = folder.name.removesuffix(str(os.getpid()))
    with open("/proc/sys/kernel/pid_max") as file:
        dead = tmp_path / f"{head}{int(file.read()) + 1}"
    living, other = tmp_path / f"{head}1", tmp_path / "somebody-elses"
    for path in (dead, living, other):
        path.mkdir()
    own.close()
    own = Worker()
    assert not dead.exists()
    assert living.exists()
    assert other.exists()
    own.close()
    assert not folder.exists()


class RayStub(ModuleType):
    """Actors of nothing but a number, what they were asked, and answers by a test's own functions."""

    class RayError(Exception):
        pass

    class RayTaskError(RayError):
        cause = Interrupted()

    def __init__(self) -> None:
        super().__init__("ray")
        self.asked: list[tuple[int, str]] = []
        self._numbers = itertools.count()

    def remote(self, kind):
        def hire(*arguments):
            number = next(self._numbers)
            return SimpleNamespace(**{name: self._method(number, name) for name in ("version", "run", "close")})

        return SimpleNamespace(options=lambda **needs: SimpleNamespace(remote=hire))

    def _method(self, number: int, name: str):
        def remote(*arguments):
            self.asked.append((number, name))
            return number, name

        return SimpleNamespace(remote=remote)

    def kill(self, actor) -> None:
        pass


@pytest.fixture
def ray_stub(monkeypatch) -> RayStub:
    stub = RayStub()
    monkeypatch.setitem(sys.modules, "ray", stub)
    monkeypatch.setitem(sys.modules, "ray.exceptions", stub)
    return stub


def close_within(pool: _Pool, seconds: float) -> bool:
    closing = threading.Thread(target=pool.close, daemon=True)
    closing.start()
    closing.join(seconds)
    return not closing.is_alive()


def test_a_worker_that_gives_up_while_closing_leaves_the_others_their_end(ray_stub):
    """It took the words that were to end them out of the queue, and closing waited for them for ever."""

    def get(asked: tuple[int, str]) -> str:
        number, name = asked
        if name == "version":
            return cosolve.__version__
        if number == 0:
            wait_until(lambda: pool._orders.qsize() == 2)
            raise ray_stub.RayError
        wait_until(lambda: not all(thread.is_alive() for thread in pool._threads))
        raise ray_stub.RayTaskError

    ray_stub.get, ray_stub.wait = get, lambda asked, **limits: (asked, [])
    pool = _Pool({}, 2)
    futures = [pool.submit(job) for job in jobs(plan(suite()))[:2]]
    wait_until(lambda: {(0, "run"), (1, "run")} <= set(ray_stub.asked))
    pool._error = RuntimeError("a third could not be started")
    assert close_within(pool, 10.0)
    assert all(future.exception(timeout=0) is not None for future in futures)


def test_closing_asks_nothing_of_a_worker_that_is_not_up(ray_stub):
    """On a full cluster it would answer in hours; Ctrl-C took 20 seconds there."""
    ray_stub.wait = lambda asked, **limits: ([], asked)
    pool = _Pool({}, 1)
    wait_until(lambda: ray_stub.asked == [(0, "version")])
    assert close_within(pool, 10.0)
    assert ray_stub.asked == [(0, "version")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """Two workers; gives the folder that they have their scratch folders in."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    # pytest's own folders are too deep for the names of Ray's sockets.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, pytest.MonkeyPatch.context() as patch:
        scratch = Path(folder)
        patch.setenv("TMPDIR", str(scratch))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=80 * 2**20,
        )
        yield scratch
        ray.shutdown()


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> list[Record]:
    return evaluate(suite(), tmp_path_factory.mktemp("local") / "local.jsonl", workers=2)


@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_costs_no_record(local, tmp_path, caplog):
    """Nodes of a cluster fail: its runs are done again elsewhere, and the records are those of one machine."""
    killed: list[psutil.Process] = []
    orphans: list[psutil.Process] = []

    def kill_one(record: Record) -> None:
        if not killed and record.solver == "alone" and record.objective is not None:
            # Both workers have been given jobs ahead of this record, whichever it came from.
            killed.append(workers()[0])
            orphans.extend(killed[0].children(recursive=True))
            os.kill(killed[0].pid, signal.SIGKILL)

    with caplog.at_level(logging.WARNING, "cosolve"):
        records = evaluate(suite(), tmp_path / "ray.jsonl", executor="ray", on_record=kill_one)
    assert len(killed) == 1
    assert orphans
    wait_until(lambda: not any(process.is_running() for process in orphans))
    assert "a worker was lost" in caplog.text
    assert content(records) == content(local)
    assert [record.failure for record in records].count(Failure.MISSING) == 2
    assert all((tmp_path / record.solution).exists() for record in records if record.objective is not None)


def test_closing_kills_what_runs_and_leaves_nothing(cluster):
    """Ctrl-C on the driver must not leave a cluster full of solvers."""
    wanted = Suite("s", suite().cases[:2], (Entrant("slow", SOLVER, options={"pause": 60.0}),))
    tasks = plan(wanted)
    executor = RayExecutor(tasks)
    futures = [executor.submit(job) for job in jobs(tasks)]
    assert executor.slots == 2
    me = psutil.Process()

    def runs() -> list[psutil.Process]:
        return [p for p in me.children(recursive=True) if "cosolve.evaluation.zygote" in " ".join(p.cmdline())]

    wait_until(lambda: len(runs()) >= 4)  # a fork server and its runs for each of the two
    before = runs()
    executor.close()
    for future in futures:
        assert future.exception(timeout=5) is not None
    wait_until(lambda: not any(process.is_running() for process in before))
    assert not list(cluster.glob("cosolve-*"))


def wait_until(condition, seconds: float = 20.0) -> None:
    ready = threading.Event()
    for _ in range(int(seconds / 0.05)):
        try:
            if condition():
                return
        except psutil.Error:
            pass
        ready.wait(0.05)
    raise AssertionError("it did not come to that in time")


@pytest.mark.usefixtures("cluster")
def test_a_job_that_takes_its_workers_down_ends_in_a_record(monkeypatch):
    """One instance that no node survives must not be tried for ever, nor cost the others their runs."""
    monkeypatch.setattr(ray_executor, "_MAX_LOSSES", 1)
    wanted = Suite("s", suite().cases[:1], (Entrant("slow", SOLVER, options={"pause": 60.0}),))
    tasks = plan(wanted)
    executor = RayExecutor(tasks, workers=1)
    try:
        future = executor.submit(jobs(tasks)[0])
        wait_until(lambda: [worker for worker in workers() if worker.children()])
        os.kill(workers()[0].pid, signal.SIGKILL)
        [run] = future.result(timeout=30).runs
    finally:
        executor.close()
    assert run.record.failure is Failure.CRASH
    assert "lost" in run.record.message


@pytest.mark.usefixtures("cluster")
def test_a_node_with_another_version_is_refused(monkeypatch):
    """Records of two versions under one name would be compared as one."""
    monkeypatch.setattr(ray_executor, "_MAX_FALSE_STARTS", 1)
    monkeypatch.setattr(cosolve, "__version__", "0.0.0")
    tasks = plan(suite())
    executor = RayExecutor(tasks, workers=1)
    try:
        with pytest.raises(RuntimeError, match=r"here it is 0\.0\.0"):
            executor.submit(jobs(tasks)[0]).result(timeout=60)
    finally:
        executor.close()


@pytest.mark.usefixtures("cluster")
def test_what_no_node_has_room_for_is_refused_at_once():
    """The evaluation would wait for ever."""
    wanted = Suite("s", suite().cases, (Entrant("wide", SOLVER, threads=64),))
    with pytest.raises(ValueError, match="cpus: 64"):
        RayExecutor(plan(wanted))
