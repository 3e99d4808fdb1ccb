"""``evaluate``: every run of a suite that is not recorded yet, whatever interrupted the ones before."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from cosolve.core.errors import CosolveError
from cosolve.core.solver import solvers
from cosolve.evaluation.command import find_program
from cosolve.evaluation.executor import Executor, LocalExecutor, default_workers, width_of
from cosolve.evaluation.load import load_suite
from cosolve.evaluation.plan import Identity, Job, Kind, Task, jobs, plan
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.site import Finished, Run
from cosolve.evaluation.solutions import save_arrays
from cosolve.evaluation.solver_run import check_options
from cosolve.evaluation.sources import CASES_FILE, case_to_dict, read_cases, source_key
from cosolve.evaluation.store import RecordFile, files_folder, read_records, run_names
from cosolve.evaluation.suite import Suite
from cosolve.instances.files import replacing

#: Jobs handed to the executor beyond those that run: enough that no slot waits for us.
_AHEAD = 2


@dataclass(frozen=True)
class Outlook:
    """
    What lies ahead when an evaluation begins.

    Parameters
    ----------
    tasks
        All runs of the suite.
    recorded
        How many of them are recorded already.
    to_do
        The others.
    slots
        Runs at the same time.
    obstacles
        What keeps entrants from running here, by label: a package, a program, a checkpoint or a device that is not
        there. Only :func:`preview` looks for it.
    """

    tasks: tuple[Task, ...]
    recorded: int
    to_do: tuple[Task, ...]
    slots: int
    obstacles: Mapping[str, str] = field(default_factory=dict)


def evaluate(
    suite: Suite | str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    workers: int | None = None,
    executor: str = "local",
    address: str | None = None,
    retry: bool = False,
    on_start: Callable[[Outlook], None] | None = None,
    on_record: Callable[[Record], None] | None = None,
    on_wait: Callable[[Sequence[str]], None] | None = None,
) -> list[Record]:
    """
    Run every solver of a suite on every instance with every seed, and record what comes out.

    Records are appended to a file as they are made. The same call goes on where an earlier one ended, however it
    ended: what is recorded is not run again. Runs whose instance, solver or device was missing are made as soon as
    it is there.

    Parameters
    ----------
    suite
        A suite, the name of a shipped one, or its TOML file.
    out
        File of the records; by default the suite's name with ``.jsonl`` in the working folder. Solutions and
        scratch files lie beside it in a folder with the suffix ``.files``.
    workers
        Runs at the same time; by default as many as cores and memory caps allow.
    executor
        "local", or "ray" for a cluster.
    address
        Of the cluster.
    retry
        Make runs again that failed.
    on_start
        Called once, when it is known what there is to do.
    on_record
        Called with each record the moment it is safe on the disk.
    on_wait
        Called if Ctrl-C has to wait for instances that are being read or generated here, with their names.

    Returns
    -------
    list of Record
        All records of the suite that are there now, in the order of the suite and with the references that the suite
        has now; the file keeps those of the day when a run was made.

    Raises
    ------
    ValueError, CosolveError
        If the suite is wrong, or the file holds something else.
    BlockingIOError
        If another evaluation writes to the file.
    KeyboardInterrupt
        On Ctrl-C, after everything that ran is killed; what is recorded stays.
    """
    if not isinstance(suite, Suite):
        suite = load_suite(suite)
    if workers is not None and workers < 1:
        raise ValueError(f"workers must be >= 1, got {workers}.")
    tasks = plan(suite)
    with RecordFile(records_path(suite) if out is None else out) as store:
        state = _State(tasks, store.records, store.folder, retry=retry)
        (store.folder / "solutions").mkdir(parents=True, exist_ok=True)
        chosen = _make_executor(executor, store.folder, state.to_do, workers, address, on_wait)
        try:
            if on_start is not None:
                on_start(state.outlook(chosen.slots))
            for finished in _work(jobs(state.to_do, state.settled), chosen):
                for name, identity in finished.identities.items():
                    state.identities.add(name, identity)
                for run in finished.runs:
                    record = _keep(run, store) if _is_news(run.record, store) else run.record
                    if on_record is not None:
                        on_record(record)
        finally:
            chosen.close()
            state.write_cases()
        return state.records()


def preview(
    suite: Suite, out: str | os.PathLike[str] | None = None, *, workers: int | None = None, retry: bool = False
) -> Outlook:
    """What :func:`evaluate` would do on this machine; nothing is run and nothing is written."""
    tasks = plan(suite)
    path = Path(records_path(suite) if out is None else out)
    records = {record.key: record for record in read_records(path)} if path.exists() else {}
    state = _State(tasks, records, files_folder(path), retry=retry)
    outlook = state.outlook(workers or default_workers(state.to_do))
    entrants = {task.entrant.label: task for task in tasks}
    found = {label: obstacle(task) for label, task in entrants.items()}
    return replace(outlook, obstacles={label: reason for label, reason in found.items() if reason})


def records_path(suite: Suite) -> Path:
    """File of the records if none is named: ``SUITE.jsonl`` in the working folder."""
    return Path(f"{suite.name}.jsonl")


def _make_executor(
    kind: str,
    folder: Path,
    to_do: list[Task],
    workers: int | None,
    address: str | None,
    on_wait: Callable[[Sequence[str]], None] | None,
) -> Executor:
    if kind == "local":
        if address is not None:
            raise ValueError("address is for the executor 'ray'.")
        workers = workers or default_workers(to_do)
        return LocalExecutor(folder / "work", workers=workers, width=width_of(to_do), on_wait=on_wait)
    if kind == "ray":
        from cosolve.evaluation.ray_executor import RayExecutor

        return RayExecutor(to_do, workers=workers, address=address)
    raise ValueError(f"executor must be 'local' or 'ray', got {kind!r}.")


def _work(todo: Iterable[Job], executor: Executor) -> Iterator[Finished]:
    """Have all jobs done."""
    rest = iter(todo)
    under_way: set[Future[Finished]] = set()
    while True:
        while len(under_way) < executor.slots + _AHEAD and (job := next(rest, None)) is not None:
            under_way.add(executor.submit(job))
        if not under_way:
            return
        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _is_news(record: Record, store: RecordFile) -> bool:
    """Whether a record says something that the file does not: what is still missing need not be said again."""
    known = store.records.get(record.key)
    is_run = record.digest is not None and record.failure is not Failure.UNAVAILABLE
    return known is None or is_run or (known.failure, known.message) != (record.failure, record.message)


def _keep(run: Run, store: RecordFile) -> Record:
    """Write the solution, then the record: what a record names is there."""
    record = run.record
    if run.solution is not None:
        path = store.folder / "solutions" / f"{record.key}.npz"
        save_arrays(path, run.solution)
        record = replace(record, solution=path.relative_to(store.path.parent).as_posix())
    store.append(record)
    return record


def is_available(task: Task) -> bool:
    """Whether the solver, program or solution of a task is here now, and what its options name."""
    if task.kind is Kind.SOLUTIONS:
        return task.saved_solution is not None and task.saved_solution.is_file()
    return not obstacle(task)


def obstacle(task: Task) -> str:
    """Why the runs of an entrant would fail whatever their instances: what is missing here; empty if nothing is."""
    if task.kind is Kind.SOLUTIONS:  # one for each instance
        return ""
    try:
        if task.kind is Kind.COMMAND:
            home = (task.folder or Path()).absolute()
            program = task.entrant.command[0].format(folder=home)
            return "" if find_program(program, home) else f"{program}: no such program."
        available = solvers.get(task.entrant.solver)().available()
        if not available.ok:
            return available.reason or "not available."
        check_options(task.entrant.solver, task.options)
    except (KeyError, IndexError, ValueError):  # a program that is another for each run
        return ""
    except (CosolveError, ImportError) as error:
        return str(error)
    return ""


class _State:
    """
    What is planned and what of it is recorded.

    Parameters
    ----------
    tasks
        All runs of the suite.
    recorded
        Records by key.
    folder
        Folder beside the records.
    retry
        Whether runs that failed are to be made again.
    """

    def __init__(self, tasks: list[Task], recorded: Mapping[str, Record], folder: Path, *, retry: bool) -> None:
        self._tasks = tasks
        self._recorded = recorded
        self._folder = folder
        self._retry = retry
        self._entrants = {task.entrant.label: task for task in tasks}
        self._available: dict[str, bool] = {}
        self.identities = _Identities(folder / "identities.jsonl")
        #: Keys of records that stand: runs that would give one of them are not made.
        self.settled = frozenset(key for key, record in recorded.items() if not self._is_open(record))
        #: Tasks that are not settled, or of which that shows only when their instance has been read.
        self.to_do = [task for task in tasks if self._key(task) not in self.settled]

    def outlook(self, slots: int) -> Outlook:
        """See :class:`Outlook`."""
        return Outlook(tuple(self._tasks), len(self._tasks) - len(self.to_do), tuple(self.to_do), slots)

    def records(self) -> list[Record]:
        """Records of the tasks, in their order."""
        by_name: dict[Hashable, list[Record]] = defaultdict(list)
        for record in self._recorded.values():
            by_name[run_names(record)].append(record)
        found = [self._record(task, by_name) for task in self._tasks]
        # A record keeps the reference of its day; runs of today stand beside it.
        return [replace(r, reference=task.reference) for r, task in zip(found, self._tasks) if r is not None]

    def _record(self, task: Task, by_name: Mapping[Hashable, Sequence[Record]]) -> Record | None:
        """What is recorded of a task; if its instance has gone since it was run, what was recorded then."""
        identity = self._identity(task)
        record = self._recorded.get(task.key(None if identity is None else identity.digest))
        if record is None or record.digest is not None:
            return record
        earlier = by_name[run_names(record)]
        return next((r for r in earlier if r.digest is not None and r.key == task.key(r.digest)), record)

    def write_cases(self) -> None:
        """Leave word where the instances came from, for who draws their solutions."""
        path = self._folder / CASES_FILE
        cases = {}
        if path.exists():
            cases = {digest: case_to_dict(*case) for digest, case in read_cases(self._folder).items()}
        for task in self._tasks:
            identity = self._identity(task)
            if identity is not None:
                cases[identity.digest] = case_to_dict(task.case.problem, task.case.source)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(cases, indent=1))

    def _key(self, task: Task) -> str | None:
        """Key of a task's record, ``None`` if the instance is here and not known yet."""
        identity = self._identity(task)
        if identity is None and source_key(task.case.source, task.case.problem) is not None:
            return None
        return task.key(None if identity is None else identity.digest)

    def _identity(self, task: Task) -> Identity | None:
        return self.identities.get(source_key(task.case.source, task.case.problem))

    def _is_open(self, record: Record) -> bool:
        """Whether the run of a record may give something else now."""
        if record.failure is Failure.UNAVAILABLE:
            return self._retry or self._is_available(record.solver)
        return record.failure is not None and self._retry

    def _is_available(self, label: str) -> bool:
        """Whether an entrant can be run here; saved solutions have other keys once they are."""
        if label not in self._available:
            self._available[label] = label in self._entrants and is_available(self._entrants[label])
        return self._available[label]


class _Identities:
    """What is known of instances without reading them; forgetting it costs time, nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Identity] = {}
        try:
            lines = path.read_text().splitlines()
        except (OSError, UnicodeDecodeError):
            lines = []
        for line in lines:
            try:
                row = json.loads(line)
                name = row.pop("name")
                self._known[name] = Identity(**row)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # torn by a kill

    def get(self, name: str | None) -> Identity | None:
        return None if name is None else self._known.get(name)

    def add(self, name: str, identity: Identity) -> None:
        if self._known.get(name) != identity:
            self._known[name] = identity
            with self._path.open("a") as file:
                file.write(json.dumps({"name": name, **asdict(identity)}) + "\n")
