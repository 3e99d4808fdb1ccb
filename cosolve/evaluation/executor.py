"""Where jobs run: the interface, and this machine."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from cosolve.evaluation.machine import total_memory, usable_cores
from cosolve.evaluation.plan import Job, Task
from cosolve.evaluation.site import Finished, Site

#: Seconds that closing may take before it is said what is waited for.
_NOTICE_AFTER = 2.0


class Executor(Protocol):
    """Takes jobs and gives back what they found, in any order."""

    slots: int
    """Jobs that run at the same time."""

    def submit(self, job: Job) -> Future[Finished]:
        """
        Take a job.

        The future raises only what ends the whole evaluation (a full disk, no process can be started): a solver that
        fails gives a record. A job that is lost with its machine is the executor's to do again.
        """

    def close(self) -> None:
        """Kill what runs, leave nothing behind; jobs that were not done raise or are cancelled."""


class LocalExecutor:
    """
    Jobs on this machine, each with cores of its own.

    Parameters
    ----------
    scratch
        Folder for what runs need while they work.
    workers
        Jobs at the same time.
    width
        Cores for each; jobs are pinned to them if there are ``workers * width``.
    fork
        See :class:`cosolve.evaluation.launcher.Launcher`.
    on_wait
        Called if closing takes long, with the names of the cases whose instances are being read or generated: that
        can't be ended.
    """

    def __init__(
        self,
        scratch: Path,
        *,
        workers: int = 1,
        width: int = 1,
        fork: bool | None = None,
        on_wait: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self.slots = workers
        self._on_wait = on_wait
        self._site = Site(scratch, keep=workers + 1, fork=fork)
        cores = usable_cores() if hasattr(os, "sched_setaffinity") else []
        self._free: queue.SimpleQueue[tuple[int, ...]] = queue.SimpleQueue()
        for slot in range(workers):
            first = slot * width
            self._free.put(tuple(cores[first : first + width]) if workers * width <= len(cores) else ())
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="slot", initializer=self._take_cores)
        self._mine = threading.local()

    def _take_cores(self) -> None:
        # Reading an instance and judging a solution is work of this slot: done elsewhere, it would disturb others.
        self._mine.cores = self._free.get()
        if self._mine.cores:
            os.sched_setaffinity(threading.get_native_id(), self._mine.cores)

    def submit(self, job: Job) -> Future[Finished]:
        """See :class:`Executor`."""
        return self._pool.submit(self._run, job)

    def _run(self, job: Job) -> Finished:
        return self._site.run(job, self._mine.cores[: job.threads])

    def close(self) -> None:
        """See :class:`Executor`."""
        self._site.launcher.stop()
        notice = threading.Timer(_NOTICE_AFTER, self._say_what_is_waited_for)
        notice.daemon = True
        notice.start()
        try:
            self._pool.shutdown(cancel_futures=True)
        finally:
            notice.cancel()
        self._site.close()

    def _say_what_is_waited_for(self) -> None:
        names = sorted(set(self._site.instances.loading))
        if names and self._on_wait is not None:
            self._on_wait(names)


def width_of(tasks: Iterable[Task]) -> int:
    """Cores that any of these tasks may need."""
    return max((task.threads for task in tasks), default=1)


def default_workers(tasks: Iterable[Task]) -> int:
    """Jobs that fit this machine at the same time, by cores and by the memory cap of the runs."""
    tasks = list(tasks)
    workers = len(usable_cores()) // width_of(tasks)
    caps = [task.memory_limit for task in tasks if task.memory_limit is not None]
    if caps:
        workers = min(workers, total_memory() // max(caps))
    return max(1, workers)
