"""What a solver is, for cosolve's own adapters and those of third parties."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from cosolve.core.errors import SolverUnavailableError
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.problem import warm_up_judge
from cosolve.core.registry import Registry
from cosolve.core.result import Limit, Status
from cosolve.core.values import check_value


class Feature(enum.Flag):
    """What a solver can do; asking for a feature it lacks is an error."""

    NONE = 0
    EXACT = enum.auto()
    """Given time, it proves optimality, unless its backend has to round the instance's data."""
    BOUND = enum.auto()
    """It reports proven bounds."""
    TRAJECTORY = enum.auto()
    """It reports solutions while it runs, not only at the end."""
    WARM_START = enum.auto()
    """It makes use of ``initial``."""
    SEED = enum.auto()
    """Its random choices follow ``seed``."""
    THREADS = enum.auto()
    """It makes use of more than one thread."""
    BATCH = enum.auto()
    """It solves several instances together faster than one after the other."""
    GPU = enum.auto()
    """It can run on a GPU."""
    DETERMINISTIC = enum.auto()
    """Same seed, same iteration limit and one thread give the same answer."""


@dataclass(frozen=True)
class Availability:
    """Whether a solver can run here, the version that would, and if not, why and what to install."""

    ok: bool
    version: str = ""
    reason: str = ""


@dataclass(frozen=True)
class NoOptions:
    """For solvers without options of their own."""


@dataclass(frozen=True)
class Outcome:
    """
    A solver's own account at its end; solutions and bounds went to the monitor before.

    Parameters
    ----------
    status
        The claim: OPTIMAL, INFEASIBLE, UNBOUNDED, INFEASIBLE_OR_UNBOUNDED, UNKNOWN, or FEASIBLE for "no claim".
    limit
        Which limit ended the run, as far as the solver knows better than the monitor.
    build_time
        Seconds spent to set up the backend's model.
    stats, message
        Numbers and a line for people.
    """

    status: Status = Status.FEASIBLE
    limit: Limit | None = None
    build_time: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""


def join_messages(*messages: str) -> str:
    """One line of all those that say something."""
    return " ".join(message for message in messages if message)


class Solver(ABC):
    """
    Base of all solvers: Instance in, incumbents and bounds to the monitor, Outcome out.

    Class attributes
    ----------------
    name
        Registered name.
    title
        One line for people.
    problems
        Keys of the problems it handles.
    features
        What it can do.
    limits
        Which of ``Limit.ITERATION`` and ``Limit.NODE`` it honours; the monitor does the others.
    isolated
        True if it holds the GIL or can't be interrupted: it then runs in a child process that is killed
        when it overruns.
    modules
        Of others, which it imports where it needs them: :meth:`warm_up` does so before the clock starts.
    options_type
        Frozen dataclass of its own options.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    problems: ClassVar[frozenset[str]]
    features: ClassVar[Feature] = Feature.NONE
    limits: ClassVar[frozenset[Limit]] = frozenset()
    isolated: ClassVar[bool] = False
    modules: ClassVar[tuple[str, ...]] = ()
    options_type: ClassVar[type[Any]] = NoOptions

    @abstractmethod
    def available(self) -> Availability:
        """Whether it can run here; never imports more than it must."""

    def check(self, options: Any) -> None:  # noqa: B027  (most options name nothing outside of them)
        """
        Look whether the files, checkpoints and devices that options name are there, before anything begins.

        Raises
        ------
        OSError, ValueError
            If one is not.
        """

    def warm_up(self, instance: Instance) -> None:
        """
        Compile or load what the first run on a machine would otherwise spend its time limit on, the judge included.

        The driver calls it before the clock starts; it must not work on the instance itself.
        """
        for name in self.modules:
            importlib.import_module(name)
        warm_up_judge(instance.problem)

    @abstractmethod
    def solve(
        self,
        instance: Any,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """
        Work until done or until ``monitor.should_stop()``.

        Parameters
        ----------
        instance
            An instance of one of ``problems``.
        monitor
            Takes incumbents and bounds, knows the limits.
        seed
            Seed of all random choices.
        threads
            Threads it may use, >= 1.
        initial
            Feasible start that the driver has reported already, or ``None``.
        options
            An ``options_type`` object.
        """

    def solve_batch(
        self,
        instances: Sequence[Any],
        monitors: Sequence[Monitor],
        *,
        seed: int,
        threads: int,
        options: Any,
    ) -> list[Outcome]:
        """Solve several instances; the default does one after the other."""
        return [
            self.solve(instance, monitor, seed=seed, threads=threads, initial=None, options=options)
            for instance, monitor in zip(instances, monitors, strict=True)
        ]


solvers: Registry[type[Solver]] = Registry("solver", "cosolve.solvers", SolverUnavailableError, "cosolve.solvers")


def make_options(options_type: type[Any], options: Any) -> Any:
    """
    Options object from a mapping, an object of that type, or ``None`` for the defaults.

    Raises
    ------
    ValueError
        If a key is unknown, the message lists those allowed; or if a value is not of its declared type.
    TypeError
        If the object is of another type.
    """
    if options is None:
        return options_type()
    if isinstance(options, options_type):
        _check_types(options_type, {f.name: getattr(options, f.name) for f in dataclasses.fields(options_type)})
        return options
    if not isinstance(options, Mapping):
        raise TypeError(f"options must be a mapping or {options_type.__name__}, got {type(options).__name__}.")
    allowed = [f.name for f in dataclasses.fields(options_type)]
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        raise ValueError(f"unknown option {unknown[0]!r}; allowed: {', '.join(allowed) or 'none'}.")
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in options.items()}
    _check_types(options_type, plain)
    return options_type(**plain)


def _check_types(options_type: type[Any], values: Mapping[str, Any]) -> None:
    hints = typing.get_type_hints(options_type)
    for name, value in values.items():
        check_value(value, hints[name], f"option {name}")
