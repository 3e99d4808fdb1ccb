"""
Jobs on a Ray cluster.

Each slot is an actor somewhere on the cluster with the cores, memory and GPU that a run needs; it has a scratch folder
on its node and does whole jobs with the code of the local executor, supervision included. What it finds comes back to
the driver, the only one who writes records. A job whose actor is lost, be it by a kill, a full node or a pulled plug,
is done again on another.

Instance files must lie under the same path on every node, and every node needs this version of cosolve.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cosolve
from cosolve.core.errors import SolverUnavailableError
from cosolve.evaluation.executor import width_of
from cosolve.evaluation.launcher import Interrupted
from cosolve.evaluation.machine import usable_cores
from cosolve.evaluation.plan import Job, Kind, Task
from cosolve.evaluation.records import Failure
from cosolve.evaluation.site import Finished, Run, Site
from cosolve.evaluation.suite import FromFile

logger = logging.getLogger(__name__)

#: Actors that a job may cost: one that takes its node down every time must not do so for ever.
_MAX_LOSSES = 3

#: Actors in a row that may fail to start before the evaluation is given up.
_MAX_FALSE_STARTS = 3

#: Seconds that an actor may take to kill its runs and tidy up at the end.
_CLOSING = 20.0

_PREFIX = "cosolve-"


class Worker:
    """
    One slot of the cluster: the actor's side.

    Its scratch folder is that of the process; folders of processes on this host that are gone are removed.

    Parameters
    ----------
    search_path
        Where the driver finds modules: a solver given as "module:Class" is to be found here too.
    """

    def __init__(self, search_path: Sequence[str] = ()) -> None:
        sys.path += [place for place in search_path if place not in sys.path]
        root = Path(tempfile.gettempdir())
        mine = f"{_PREFIX}{socket.gethostname()}-"
        for folder in root.glob(f"{mine}*"):
            pid = folder.name.removeprefix(mine)
            if pid.isdigit() and not _is_alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)
        self._folder = root / f"{mine}{os.getpid()}"
        self._site = Site(self._folder)
        self._busy = threading.Lock()

    def version(self) -> str:
        """Version of cosolve on this node; also the sign that the actor is up."""
        return cosolve.__version__

    def run(self, job: Job) -> Finished:
        """Do a job to its end."""
        with self._busy:
            return self._site.run(job)

    def close(self) -> None:
        """Kill what runs and leave nothing behind; called while :meth:`run` is under way."""
        self._site.close()
        with self._busy:  # a job that is being given up may still have left something
            shutil.rmtree(self._folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


@dataclass
class _Order:
    """A job on its way, and how many actors it has cost."""

    job: Job
    future: Future[Finished]
    losses: int = 0


class RayExecutor:
    """
    Jobs on a cluster; see :class:`cosolve.evaluation.executor.Executor`.

    Parameters
    ----------
    tasks
        What will be run: it decides what a slot needs.
    workers
        Jobs at the same time; by default as many as the nodes have room for now.
    address
        Of the cluster, as for ``ray.init``; ``None`` for one of its own on this machine, unless the calling program is
        connected to one.

    Raises
    ------
    SolverUnavailableError
        If Ray is not installed.
    ConnectionError
        If there is no cluster at the address.
    ValueError
        If no node has room for a single slot.
    """

    def __init__(self, tasks: Sequence[Task], *, workers: int | None = None, address: str | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise SolverUnavailableError(
                "the executor 'ray' needs the package ray: pip install 'cosolve[ray]'"
            ) from error
        self._owns_ray = not ray.is_initialized()
        if self._owns_ray:
            _connect(address, cores=None if workers is None else workers * width_of(tasks))
        self._pools: list[_Pool] = []
        try:
            needs = _needs(tasks)
            room = _room(needs)
            if room < 1:
                wanted = ", ".join(f"{name.removeprefix('num_')}: {amount:g}" for name, amount in needs.items())
                raise ValueError(f"no node of the cluster has room for one run ({wanted}).")
            # An actor on a GPU takes no core from the others' account, or the last of them might wait for ever; that
            # it needs one all the same shows in the number of slots.
            gpus = _room({"num_gpus": 1}) if any(map(_is_on_gpu, tasks)) else 0
            self._cpu = self._pool(needs, workers or max(1, room - gpus))
            self._gpu = self._pool(needs | {"num_cpus": 0, "num_gpus": 1}, gpus) if gpus else self._cpu
        except BaseException:
            self.close()
            raise
        self.slots = sum(pool.slots for pool in self._pools)

    def _pool(self, needs: Mapping[str, float], slots: int) -> _Pool:
        pool = _Pool(needs, slots)
        self._pools.append(pool)
        return pool

    def submit(self, job: Job) -> Future[Finished]:
        """See :class:`cosolve.evaluation.executor.Executor`."""
        pool = self._gpu if _is_on_gpu(job.tasks[0]) else self._cpu
        return pool.submit(_portable(job))

    def close(self) -> None:
        """See :class:`cosolve.evaluation.executor.Executor`."""
        for pool in self._pools:
            pool.close()
        if self._owns_ray:
            import ray

            ray.shutdown()


class _Pool:
    """
    Actors of one kind, each served by a thread of this process, and one queue for all of them.

    Parameters
    ----------
    needs
        Resources of an actor, as for ``ray.remote``.
    slots
        How many actors.
    """

    def __init__(self, needs: Mapping[str, float], slots: int) -> None:
        self.slots = slots
        self._needs = needs
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._actors: dict[int, Any] = {}
        self._up: set[int] = set()
        self._error: Exception | None = None
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._serve, args=(i,), daemon=True) for i in range(slots)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> Future[Finished]:
        """Take a job."""
        order = _Order(job, Future())
        self._orders.put(order)
        if self._error is not None:
            self._refuse_all()
        return order.future

    def close(self) -> None:
        """Kill what runs; orders that were not done end in :class:`Interrupted`."""
        import ray

        self._closing.set()
        with self._lock:
            # One that is not up yet has nothing to tidy, and would answer when it is.
            actors = [self._actors[slot] for slot in self._up]
        if actors:
            ray.wait([actor.close.remote() for actor in actors], num_returns=len(actors), timeout=_CLOSING)
        self._kill_actors()
        for _ in self._threads:
            self._orders.put(None)
        for thread in self._threads:
            thread.join()
        self._kill_actors()  # one may have been hired meanwhile
        self._error = self._error or Interrupted()
        self._refuse_all()

    def _kill_actors(self) -> None:
        import ray

        with self._lock:
            for actor in self._actors.values():
                ray.kill(actor)

    def _serve(self, slot: int) -> None:
        """Work for one slot: hire an actor, have it do jobs, hire another if it is lost."""
        while not self._closing.is_set() and self._error is None:
            actor = self._hire(slot)
            while actor is not None:
                order = self._orders.get()
                if order is None:
                    return
                if not self._do(order, actor):
                    break
        if self._error is not None:
            self._refuse_all()

    def _hire(self, slot: int) -> Any:
        """An actor that is up; ``None`` if the evaluation is over or no actor will start."""
        import ray

        for _ in range(_MAX_FALSE_STARTS):
            # Two calls at a time: one runs jobs, the other may end them.
            actor = ray.remote(Worker).options(**self._needs, max_concurrency=2).remote(_search_path())
            with self._lock:
                self._actors[slot] = actor
                self._up.discard(slot)
            answer = actor.version.remote()
            while not ray.wait([answer], timeout=0.5)[0]:  # the cluster may be full for a while
                if self._closing.is_set():
                    return None
            try:
                version = ray.get(answer)
            except Exception as error:
                failure = error
                continue
            if version == cosolve.__version__:
                with self._lock:
                    self._up.add(slot)
                return actor
            failure = RuntimeError(f"a node of the cluster has cosolve {version}, here it is {cosolve.__version__}.")
        self._error = failure
        return None

    def _do(self, order: _Order, actor: Any) -> bool:
        """Have a job done; False if the actor was lost."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        if self._closing.is_set():
            order.future.set_exception(Interrupted())
            return True
        try:
            order.future.set_result(ray.get(actor.run.remote(order.job)))
        except RayTaskError as error:
            order.future.set_exception(error.cause or error)
        except RayError:
            # The actor is gone, or its node, or the answer with the node; if it can only not be reached, it must not
            # go on with what another begins anew.
            ray.kill(actor)
            order.losses += 1
            if self._closing.is_set():
                order.future.set_exception(Interrupted())
            elif order.losses < _MAX_LOSSES:
                logger.warning("a worker was lost; its job goes to another.")
                self._orders.put(order)
            else:
                order.future.set_result(_lost(order.job))
            return False
        except Exception as error:
            order.future.set_exception(error)
        return True

    def _refuse_all(self) -> None:
        """Nobody is left to do what waits in the queue."""
        ends = 0
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                break
            if order is None:
                ends += 1
            else:
                order.future.set_exception(self._error)
        for _ in range(ends):  # the other threads wait for them
            self._orders.put(None)


def _connect(address: str | None, cores: int | None) -> None:
    """
    Connect to a cluster, or start one on this machine that keeps to itself.

    Raises
    ------
    ConnectionError
        If there is no cluster at the address.
    """
    import ray

    if address is not None:
        _check_reachable(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",  # without a word, Ray would join any cluster that it knows of
        num_cpus=max(cores or 0, len(usable_cores())),
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _check_reachable(address: str) -> None:
    # Ray itself would try for minutes.
    host, _, port = address.rpartition("/")[2].rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise ConnectionError(f"no Ray cluster at {address}: {error.strerror or error}.") from error


def _search_path() -> list[str]:
    return [place or os.getcwd() for place in sys.path]


def _needs(tasks: Sequence[Task]) -> dict[str, float]:
    """Resources of an actor that can run any of the tasks."""
    needs: dict[str, float] = {"num_cpus": width_of(tasks)}
    caps = [task.memory_limit for task in tasks if task.memory_limit is not None]
    return needs | ({"memory": max(caps)} if caps else {})


def _room(needs: Mapping[str, float]) -> int:
    """Actors with these needs that the nodes would hold if they were empty."""
    import ray

    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    total = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            total += min(int(has.get(names[name], 0) // amount) for name, amount in needs.items())
    return total


def _is_on_gpu(task: Task) -> bool:
    return task.kind in (Kind.BATCH, Kind.SOLVER) and task.device != "cpu"


def _portable(job: Job) -> Job:
    """The job with paths that mean the same wherever a process was started."""
    return replace(job, tasks=tuple(map(_with_absolute_paths, job.tasks)))


def _with_absolute_paths(task: Task) -> Task:
    source = task.case.source
    if isinstance(source, FromFile) and source.path is not None:
        source = replace(source, path=source.path.absolute())
    # Without a folder, names are relative to where the evaluation was started.
    return replace(task, case=replace(task.case, source=source), folder=(task.folder or Path()).absolute())


def _lost(job: Job) -> Finished:
    """What is recorded of a job that takes its worker down every time."""
    message = f"{_MAX_LOSSES} workers of the cluster were lost with it."
    return Finished(tuple(Run(task.failure(None, Failure.CRASH, message)) for task in job.tasks), {})
