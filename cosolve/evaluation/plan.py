"""From a suite to its runs: which solver works on which instance with which seed, and the key of each run."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosolve.core.errors import SolverUnavailableError
from cosolve.core.instance import Instance, Sense
from cosolve.core.problem import JudgeMode, problems
from cosolve.core.result import Limit, Status, jsonable
from cosolve.core.solver import Feature, Solver, join_messages, make_options, solvers
from cosolve.core.stop import Stop
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.references import Reference
from cosolve.evaluation.saved import content_of, fingerprint
from cosolve.evaluation.suite import Case, Entrant, Suite

#: Options of solvers that name a file or a folder, bundled networks apart.
_NAME_FILES = ("checkpoint", "reference")


class Kind(enum.StrEnum):
    """How an entrant is run; :data:`cosolve.evaluation.site.HANDLERS` has the code of each."""

    SOLVER = "solver"
    """One instance in a process of its own."""
    BATCH = "batch"
    """Several instances together on a device."""
    COMMAND = "command"
    """An outside program."""
    SOLUTIONS = "solutions"
    """Nothing runs: solutions made elsewhere are judged."""


@dataclass(frozen=True)
class Identity:
    """
    What the records say of an instance.

    Parameters
    ----------
    digest, sense, size
        Of the instance.
    read
        Seconds that it took to read or generate it.
    is_integral
        Whether every objective is an integer.
    magnitude
        Of the largest number that objectives are sums of.
    """

    digest: str
    sense: Sense
    size: int
    read: float
    is_integral: bool = False
    magnitude: float = 1.0

    @classmethod
    def of(cls, instance: Instance, read: float) -> Identity:
        """Identity of an instance that took ``read`` seconds to load."""
        size, is_integral, magnitude = int(instance.size), bool(instance.is_integral), float(instance.magnitude)
        return cls(instance.digest, instance.sense, size, read, is_integral, magnitude)


@dataclass(frozen=True, kw_only=True)
class Task:
    """
    One run that is to be: one line of the records.

    Parameters
    ----------
    suite
        Name of the suite.
    case, entrant, seed
        Instance, solver and seed.
    options
        The solver's options, complete with their defaults; as given for outside solvers.
    stop, threads, memory_limit, grace, judge
        As in :class:`Suite`, with what the entrant has in place of it.
    folder
        Folder of the suite's file.
    takes_seed
        False if the solver has no use for a seed: it is then called with 0.
    note
        Something to say in the record's message.
    """

    suite: str
    case: Case
    entrant: Entrant
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)
    stop: Stop
    threads: int = 1
    memory_limit: int | None = None
    grace: float = 5.0
    judge: JudgeMode = "strict"
    folder: Path | None = None
    takes_seed: bool = True
    note: str = ""

    @property
    def kind(self) -> Kind:
        """How it is run."""
        return kind_of(self.entrant)

    @property
    def device(self) -> str:
        """What its solver works on: "cpu" or "cuda:0", with its number."""
        device = str(self.options.get("device", self.entrant.device))
        return "cuda:0" if device == "cuda" else device

    @property
    def reference(self) -> Reference | None:
        """What its objective is compared with."""
        return self.case.reference

    @property
    def saved_solution(self) -> Path | None:
        """File of a solution made elsewhere, relative to the suite's folder."""
        if self.kind is not Kind.SOLUTIONS:
            return None
        name = self.entrant.solutions.format(case=self.case.name, group=self.case.group, seed=self.seed)
        return (self.folder or Path()) / name

    def key(self, digest: str | None) -> str:
        """
        Name of this experiment, the same in every session; 32 hex digits.

        Names of instance and solver are part of it: two rows of a table never share a record. So is the content of
        a saved solution, and of a checkpoint or reference that the options name: what was changed is run again.

        Parameters
        ----------
        digest
            Of the instance; ``None`` if it can't be read.
        """
        entrant = self.entrant
        content: dict[str, Any] = {
            "instance": digest,
            "case": [self.case.problem, self.case.group, self.case.name],
            "label": entrant.label,
            "solver": entrant.solver,
            # Names of files as the suite has them: it may lie elsewhere next time.
            "options": jsonable({**self.options, **{k: v for k, v in entrant.options.items() if k in _NAME_FILES}}),
            "batch": [entrant.batch_size, entrant.device] if self.kind is Kind.BATCH else None,
            "command": list(entrant.command),
            "formats": list(entrant.formats) if entrant.command else None,
            "solutions": entrant.solutions,
            "stop": stop_to_dict(self.stop),
            "seed": self.seed,
            "threads": self.threads,
            "memory": self.memory_limit,
            "judge": self.judge,
        }
        saved = None if self.saved_solution is None else fingerprint(self.saved_solution)
        if saved is not None:
            content["saved"] = [saved, entrant.formats[1]]
        held = {key: content_of(Path(self.options[key])) for key in _NAME_FILES if self.options.get(key)}
        if any(held.values()):
            content["held"] = held
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def record(self, identity: Identity | None, *, status: Status, **facts: Any) -> Record:
        """
        Record of this run: what the plan knows, and ``facts``, the other fields of :class:`Record`.

        Parameters
        ----------
        identity
            Of the instance; ``None`` if it could not be read.
        """
        known: dict[str, Any] = {
            "key": self.key(None if identity is None else identity.digest),
            "suite": self.suite,
            "group": self.case.group,
            "case": self.case.name,
            "problem": self.case.problem,
            "solver": self.entrant.label,
            "solver_name": solver_name(self.entrant),
            "options": jsonable(self.options),
            "stop": stop_to_dict(self.stop),
            "seed": self.seed,
            "threads": self.threads,
            "memory_limit": self.memory_limit,
            "judge": self.judge,
            "reference": self.reference,
        }
        if identity is not None:
            known |= {"sense": identity.sense, "digest": identity.digest, "size": identity.size}
            known["magnitude"] = identity.magnitude
            known["is_integral"] = identity.is_integral and self.judge == "strict"  # other rules do not round
        elif self.case.problem in problems:
            sense = problems.get(self.case.problem).sense
            known["sense"] = sense if sense in ("min", "max") else None  # milp: each instance has its own
        facts["message"] = join_messages(facts.get("message", ""), self.note)
        return Record(**(known | facts), status=status)

    def failure(self, identity: Identity | None, failure: Failure, message: str, **facts: Any) -> Record:
        """Record of a run that never came to work on the instance."""
        limit = Limit.MEMORY if failure is Failure.MEMORY else None
        text = " ".join(message.split())
        return self.record(identity, status=Status.UNKNOWN, limit=limit, failure=failure, message=text, **facts)


@dataclass(frozen=True)
class Job:
    """
    What is handed to a machine in one piece: one task, or the tasks of one batch.

    Parameters
    ----------
    tasks
        At least one; all of one entrant and seed.
    skip
        Keys that are recorded already: a task whose instance turns out to give one of them is not run.
    """

    tasks: tuple[Task, ...]
    skip: frozenset[str] = frozenset()

    @property
    def kind(self) -> Kind:
        """How it is run."""
        return self.tasks[0].kind

    @property
    def threads(self) -> int:
        """Threads that it occupies."""
        return self.tasks[0].threads


def kind_of(entrant: Entrant) -> Kind:
    """How an entrant is run."""
    if entrant.solutions:
        return Kind.SOLUTIONS
    if entrant.command:
        return Kind.COMMAND
    return Kind.BATCH if entrant.batch_size > 0 else Kind.SOLVER


def solver_name(entrant: Entrant) -> str:
    """Registered name of the solver, the program's name, or "" for solutions made elsewhere."""
    if entrant.solutions:
        return ""
    return Path(entrant.command[0]).name if entrant.command else entrant.solver


def stop_to_dict(stop: Stop) -> dict[str, Any]:
    """The criteria that are set, as plain JSON values; the inverse of :func:`stop_from_dict`."""
    default = Stop()
    fields = [f.name for f in dataclasses.fields(Stop)]
    return {name: getattr(stop, name) for name in fields if getattr(stop, name) != getattr(default, name)}


def stop_from_dict(data: Mapping[str, Any]) -> Stop:
    """Rebuild stopping criteria."""
    return Stop(**data)


def plan(suite: Suite) -> list[Task]:
    """
    All runs of a suite: instance by instance, for each one seed by seed, for each seed solver by solver.

    A solver without threads or seeds takes part with one thread and one run where the suite asks for more.

    Raises
    ------
    ValueError
        If an option of a solver is unknown or out of range.
    """
    entries = [(entrant, *_describe(entrant, suite.folder)) for entrant in suite.entrants]
    tasks = []
    for case in suite.cases:
        for seed in suite.seeds:
            for entrant, solver, options in entries:
                handled = entrant.problems or (None if solver is None else solver.problems)
                if handled is not None and case.problem not in handled:
                    continue
                takes_seed = _takes_seed(entrant, solver)
                if not takes_seed and seed != suite.seeds[0]:
                    continue
                many = solver is None or Feature.THREADS in solver.features
                time_limit = suite.stop.time_limit if entrant.time_limit is None else entrant.time_limit
                tasks.append(
                    Task(
                        suite=suite.name,
                        case=case,
                        entrant=entrant,
                        seed=seed,
                        options=options,
                        stop=dataclasses.replace(suite.stop, time_limit=time_limit),
                        threads=entrant.threads or (suite.threads if many else 1),
                        memory_limit=suite.memory_limit,
                        grace=suite.grace,
                        judge=suite.judge,
                        folder=suite.folder,
                        takes_seed=takes_seed,
                        note="" if takes_seed or len(suite.seeds) == 1 else "Run once: the solver takes no seed.",
                    )
                )
    return tasks


def _takes_seed(entrant: Entrant, solver: Solver | None) -> bool:
    if entrant.solutions or entrant.command:
        return any("{seed}" in word for word in (*entrant.command, entrant.solutions))
    return solver is None or Feature.SEED in solver.features


def _describe(entrant: Entrant, folder: Path | None) -> tuple[Solver | None, Mapping[str, Any]]:
    """The solver, ``None`` if it is not one of cosolve's or not here, and its complete options."""
    if entrant.command or entrant.solutions:
        return None, entrant.options
    try:
        solver = solvers.get(entrant.solver)()
    except (SolverUnavailableError, ImportError):
        return None, entrant.options  # becomes a record for each instance, so that a table shows the hole
    try:
        options = jsonable(make_options(solver.options_type, _with_device(entrant, solver)))
    except (ValueError, TypeError) as error:
        raise ValueError(f"solver {entrant.label!r}: {error}") from error
    for key in _NAME_FILES:
        if options.get(key) and folder is not None and (folder / options[key]).exists():
            options[key] = str((folder / options[key]).absolute())
    return solver, options


def _with_device(entrant: Entrant, solver: Solver) -> dict[str, Any]:
    """
    Options with the device among them: a solver learns it through the option of that name.

    Raises
    ------
    ValueError
        If the solver has no such option and so knows the CPU alone.
    """
    options = dict(entrant.options)
    if "device" in {f.name for f in dataclasses.fields(solver.options_type)}:
        return {"device": entrant.device} | options
    if entrant.device != "cpu":
        raise ValueError(f"it has no option 'device' and runs on the CPU only, not on {entrant.device}.")
    return options


def jobs(tasks: Iterable[Task], skip: frozenset[str] = frozenset()) -> list[Job]:
    """Jobs for tasks, in their order: tasks of one batch entrant, seed and problem together, others alone."""
    result: list[list[Task]] = []
    open_batches: dict[tuple[str, int, str], list[Task]] = {}
    for task in tasks:
        if task.kind is not Kind.BATCH:
            result.append([task])
            continue
        group = (task.entrant.label, task.seed, task.case.problem)
        batch = open_batches.get(group)
        if batch is None or len(batch) >= task.entrant.batch_size:
            batch = open_batches[group] = []
            result.append(batch)
        batch.append(task)
    return [Job(tuple(members), skip) for members in result]


def planned_seconds(tasks: Iterable[Task]) -> float:
    """Sum of the time limits, ``inf`` if a run has none."""
    return math.fsum(task.stop.time_limit for task in tasks)
