"""
A machine that runs are made on: its instances, its processes, its scratch folder.

:meth:`Site.run` does a whole job, from reading the instance to judging the answer, and needs nothing but a scratch
folder: the local executor and the workers of a cluster call the same method.
"""

from __future__ import annotations

import importlib
import shutil
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any

from cosolve.core.instance import Instance
from cosolve.evaluation.handover import open_map, write_map
from cosolve.evaluation.launcher import Interrupted, Launcher
from cosolve.evaluation.machine import allow_open_files
from cosolve.evaluation.plan import Identity, Job, Kind, Task
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.solutions import Arrays
from cosolve.evaluation.sources import load_source, source_key
from cosolve.evaluation.suite import Case
from cosolve.evaluation.syncing import Syncer

#: What runs the tasks of a job, by the kind of its entrant: "module:function", a :data:`Handler`.
HANDLERS: dict[Kind, str] = {
    Kind.SOLVER: "cosolve.evaluation.solver_run:run",
    Kind.BATCH: "cosolve.evaluation.batch:run",
    Kind.COMMAND: "cosolve.evaluation.external:run_command",
    Kind.SOLUTIONS: "cosolve.evaluation.external:run_solutions",
}


@dataclass(frozen=True)
class Loaded:
    """
    An instance that is here.

    Parameters
    ----------
    identity
        What the records say of it.
    instance
        Mapped from ``path``, read-only.
    path
        File for :func:`cosolve.evaluation.handover.open_map`.
    """

    identity: Identity
    instance: Instance
    path: Path


@dataclass(frozen=True)
class Ready:
    """A task whose instance is here, and the key of its record."""

    task: Task
    loaded: Loaded
    key: str

    @property
    def identity(self) -> Identity:
        """What the record says of the instance."""
        return self.loaded.identity

    @property
    def instance(self) -> Instance:
        """The instance, mapped read-only."""
        return self.loaded.instance


@dataclass(frozen=True)
class Run:
    """
    What a task gave.

    Parameters
    ----------
    record
        Complete but for the file of the solution.
    solution
        Its best verified solution.
    """

    record: Record
    solution: Arrays | None = None


@dataclass(frozen=True)
class Finished:
    """
    What a job gave.

    Parameters
    ----------
    runs
        One for each task, but for those whose records turned out to be there already.
    identities
        Of the instances, by :func:`cosolve.evaluation.sources.source_key`.
    """

    runs: tuple[Run, ...]
    identities: Mapping[str, Identity]


#: ``run(tasks, site, cores)``: runs for all tasks; may raise :class:`cosolve.evaluation.launcher.Interrupted`.
Handler = Callable[[Sequence[Ready], "Site", tuple[int, ...]], list[Run]]


class Site:
    """
    This machine; safe to use from several threads at once.

    Parameters
    ----------
    scratch
        Folder for instances and for what runs write while they work; created, and removed at the end. What a run
        had found when its runner was killed stays there until the run is made again.
    keep
        Instances kept for the next job although none works on them.
    fork
        See :class:`Launcher`.
    """

    def __init__(self, scratch: Path, *, keep: int = 4, fork: bool | None = None) -> None:
        self._scratch = scratch
        scratch.mkdir(parents=True, exist_ok=True)
        self._remove_maps()
        allow_open_files()  # each instance of a batch takes one here, and four in the batch's process
        self.launcher = Launcher(fork=fork)
        self.instances = Instances(scratch, keep=keep)
        self._syncer = Syncer()
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def run(self, job: Job, cores: tuple[int, ...] = ()) -> Finished:
        """
        Do a job to its end.

        Parameters
        ----------
        job
            What to do.
        cores
            CPUs that its processes are pinned to; empty for no pinning.

        Raises
        ------
        Interrupted
            If the site was closed meanwhile.
        """
        runs: list[Run] = []
        ready: list[Ready] = []
        identities: dict[str, Identity] = {}
        with ExitStack() as stack:
            for task in job.tasks:
                try:
                    loaded = stack.enter_context(self.instances.borrow(task.case))
                except Exception as error:
                    if self.launcher.stopped:  # the folder that the instance was to go to may be gone
                        raise Interrupted from error
                    is_missing = isinstance(error, FileNotFoundError)
                    failure = Failure.MISSING if is_missing else Failure.UNREADABLE
                    runs.append(Run(task.failure(None, failure, text_of(error))))
                    continue
                name = source_key(task.case.source, task.case.problem)
                if name is not None:
                    identities[name] = loaded.identity
                key = task.key(loaded.identity.digest)
                if key not in job.skip:
                    ready.append(Ready(task, loaded, key))
            if ready:
                module, _, function = HANDLERS[job.kind].partition(":")
                handler: Handler = getattr(importlib.import_module(module), function)
                runs += handler(ready, self, cores)
        return Finished(tuple(runs), identities)

    def turn(self, device: str) -> AbstractContextManager[Any]:
        """One at a time on each device but the CPU: two would measure each other, and share its memory."""
        return nullcontext() if device == "cpu" else self._turns[device]

    @contextmanager
    def work_folder(self, key: str) -> Iterator[Path]:
        """An empty folder for one run, gone afterwards."""
        folder = self._scratch / key
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._syncer.add(folder)
        try:
            yield folder
        finally:
            self._syncer.remove(folder)
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Kill what runs and leave nothing of it behind."""
        self.launcher.close()
        self._syncer.close()
        self._remove_maps()
        try:
            self._scratch.rmdir()
        except OSError:
            pass  # it holds what a killed runner left, or is gone already

    def _remove_maps(self) -> None:
        for path in self._scratch.glob("*.map"):
            path.unlink(missing_ok=True)

    def __enter__(self) -> Site:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass
class _Entry:
    """An instance that is, or is being, or could not be loaded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: Loaded | None = None
    error: Exception | None = None
    users: int = 0


class Instances:
    """
    Instances in files that processes map: each is read once, however many runs work on it.

    Parameters
    ----------
    folder
        Where the files are.
    keep
        How many to keep that nobody works on.
    """

    def __init__(self, folder: Path, *, keep: int = 4) -> None:
        self._folder = folder
        self._keep = keep
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        #: Names of the cases whose instances are being read or generated.
        self.loading: list[str] = []

    @contextmanager
    def borrow(self, case: Case) -> Iterator[Loaded]:
        """
        The instance of a case, kept at least until the end of the context.

        Raises
        ------
        FileNotFoundError
            If it is not here.
        Exception
            Whatever reading or generating it raised, at every call.
        """
        name = repr((case.problem, case.source))
        with self._lock:
            entry = self._entries.setdefault(name, _Entry())
            self._entries.move_to_end(name)
            entry.users += 1
        try:
            with entry.lock:
                if entry.loaded is None and entry.error is None:
                    self.loading.append(case.name)
                    try:
                        entry.loaded = self._load(case)
                    except Exception as error:
                        entry.error = error
                    finally:
                        self.loading.remove(case.name)
            if entry.loaded is None:
                assert entry.error is not None
                raise entry.error
            yield entry.loaded
        finally:
            with self._lock:
                entry.users -= 1
                self._evict()

    def _load(self, case: Case) -> Loaded:
        start = perf_counter()
        instance = load_source(case.source, case.problem)
        identity = Identity.of(instance, perf_counter() - start)
        path = self._folder / f"{identity.digest}.map"
        write_map(instance, path)
        del instance  # from here on, its arrays are in memory once: as pages of the file, for whoever maps it
        return Loaded(identity, open_map(path), path)

    def _evict(self) -> None:
        idle = [name for name, entry in self._entries.items() if entry.users == 0]
        for name in idle[: max(0, len(idle) - self._keep)]:
            entry = self._entries.pop(name)
            path = None if entry.loaded is None else entry.loaded.path
            still_used = any(e.loaded is not None and e.loaded.path == path for e in self._entries.values())
            if path is not None and not still_used:
                path.unlink(missing_ok=True)


def text_of(error: Exception) -> str:
    """What went wrong, in a line for the records."""
    if isinstance(error, FileNotFoundError):
        return f"{error.filename}: {error.strerror}." if error.filename else str(error)
    if isinstance(error, ValueError | OSError):
        return str(error)
    return "out of memory." if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
