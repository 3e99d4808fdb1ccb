"""What the solvers that decode solutions with a network share: options, the choice of a checkpoint, and the clock."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Outcome, Solver, join_messages
from cosolve.core.stop import Stop
from cosolve.solvers.compiled import small_instances


@dataclass(frozen=True)
class DecodingOptions:
    """
    Options of solvers that decode.

    Parameters
    ----------
    checkpoint
        Folder of a checkpoint or name of a bundled one; empty for the bundled one that covers the instance best.
    device
        "cpu", "cuda" or "cuda:N".
    decode
        "greedy" for the choices of greatest probability, or "sampling".
    samples
        With "sampling", solutions sampled in place of each greedy one, >= 1; ``None`` is 16, of tours and vehicle
        routes 1.
    augmentation
        Symmetries that each instance is decoded under, 1 to 8: those of the plane; of tours and vehicle routes 1 to
        16, every other one backwards in time.
    precision
        "float32" or "bfloat16".
    compile
        Whether PyTorch compiles the network first, which takes a minute and pays off on a GPU.
    """

    checkpoint: str = ""
    device: str = "cpu"
    decode: str = "greedy"
    samples: int | None = None
    augmentation: int = 8
    precision: str = "float32"
    compile: bool = False

    default_samples: ClassVar[int] = 16
    symmetries: ClassVar[int] = 8

    @property
    def sampled(self) -> int:
        """Samples in place of each greedy solution; 0 for that one itself."""
        if self.decode == "greedy":
            return 0
        return self.default_samples if self.samples is None else self.samples

    def __post_init__(self) -> None:
        if self.decode not in ("greedy", "sampling"):
            raise ValueError(f"decode must be greedy or sampling, got {self.decode!r}.")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}.")
        if self.samples is not None and self.samples < 1:
            raise ValueError(f"samples must be >= 1, got {self.samples}.")
        if self.samples is not None and self.decode == "greedy":
            raise ValueError("samples are drawn with decode=sampling only; decode is greedy.")
        if not 1 <= self.augmentation <= self.symmetries:
            raise ValueError(f"augmentation must be in 1..{self.symmetries}, got {self.augmentation}.")


class Job(Protocol):
    """An instance as the networks of a family see it."""

    @property
    def refusal(self) -> str:
        """Why no network is asked about it; empty if one is."""

    @property
    def problem(self) -> str:
        """That the networks are for."""

    @property
    def facts(self) -> Mapping[str, float]:
        """What a checkpoint's coverage is about."""


class Prediction(Protocol):
    """What a network made of an instance."""

    @property
    def solution(self) -> Solution:
        """For the judge."""

    @property
    def objective(self) -> float:
        """Of it."""


J = TypeVar("J", bound=Job)
P = TypeVar("P", bound=Prediction)


@dataclass(frozen=True)
class Choice:
    """
    The network that is asked about an instance.

    Parameters
    ----------
    outcome
        With the checkpoint's name, and a message where the instance is outside of its training data.
    folder
        Of the checkpoint; ``None`` if no network is asked.
    """

    outcome: Outcome
    folder: Path | None = None


@dataclass(frozen=True)
class Decoded(Generic[P]):
    """
    What came of an instance.

    Parameters
    ----------
    outcome
        See :class:`Choice`.
    predictions
        The best first; none if time was up before, or no network was asked.
    """

    outcome: Outcome
    predictions: list[P] = field(default_factory=list)


class DecodingSolver(Solver, Generic[J, P]):
    """
    Base of solvers that need PyTorch, and whose first run in a process takes longer than any other.

    Class attributes
    ----------------
    family
        Of their checkpoints.
    """

    family: ClassVar[str]

    def network(self, folder: Path, options: Any) -> Any:
        """A checkpoint's network."""
        raise NotImplementedError

    def chunks(self, jobs: Sequence[J], options: Any) -> Iterable[Sequence[int]]:
        """Numbers of jobs to be decoded together."""
        raise NotImplementedError

    def predict(
        self, network: Any, jobs: Sequence[J], seed: int, options: Any, should_stop: Callable[[], bool]
    ) -> Sequence[Sequence[P]]:
        """Predictions for each job of a chunk, the best first."""
        raise NotImplementedError

    def available(self) -> Availability:
        """Whether PyTorch and safetensors are installed."""
        for package in ("torch", "safetensors"):
            if importlib.util.find_spec(package) is None:
                return Availability(False, reason=f"{package} is not installed: pip install 'cosolve[neural]'")
        return Availability(True, importlib.metadata.version("torch"))

    def check(self, options: Any) -> None:
        """See :func:`check_network`."""
        check_network(options)

    def warm_up(self, instance: Instance) -> None:
        """Import PyTorch and run once: the first tensors of a process cost as much as many instances."""
        _warm_up(type(self), instance.problem)

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
        """See :meth:`Solver.solve`: a batch of one."""
        return self.solve_batch([instance], [monitor], seed=seed, threads=threads, options=options)[0]

    def choose(self, jobs: Sequence[J], options: Any) -> list[Choice]:
        """
        A checkpoint for each job; nothing may be reported before, as what the option names may be refused.

        Raises
        ------
        FileNotFoundError, UnsupportedProblemError
            See :func:`cosolve.models.checkpoints.choose`.
        """
        from cosolve.models import checkpoints
        from cosolve.models.devices import caution, device_of

        warning = caution(device_of(options.device), options.precision)
        choices = []
        for job in jobs:
            if job.refusal:
                choices.append(Choice(Outcome(message=f"{job.refusal}: the network was not asked.")))
                continue
            checkpoint, outside = checkpoints.choose(self.family, options.checkpoint, job.facts, job.problem)
            strange = f"outside of what {checkpoint.name} was trained on: {'; '.join(outside)}." if outside else ""
            outcome = Outcome(stats={"checkpoint": checkpoint.name}, message=join_messages(strange, warning))
            choices.append(Choice(outcome, checkpoint.folder))
        return choices

    def decode(
        self,
        jobs: Sequence[J],
        monitors: Sequence[Monitor],
        choices: Sequence[Choice],
        *,
        seed: int,
        threads: int,
        options: Any,
        share: float = 1.0,
    ) -> list[Decoded[P]]:
        """Decode for at most a share of the time limit, and report the best feasible prediction of each job."""
        from cosolve.models.devices import cpu_threads

        decoded: list[Decoded[P]] = [Decoded(choice.outcome) for choice in choices]
        groups: dict[Path, list[int]] = {}
        for i, choice in enumerate(choices):
            if choice.folder is not None:
                groups.setdefault(choice.folder, []).append(i)

        def is_over(i: int) -> bool:
            return monitors[i].should_stop() or monitors[i].elapsed() > share * monitors[i].stop.time_limit

        def are_over(chunk: Sequence[int]) -> bool:
            return all(is_over(i) for i in chunk)

        for folder, members in groups.items():
            network = self.network(folder, options)
            for numbers in self.chunks([jobs[i] for i in members], options):
                # Whoever has met a target already must not end the others' decoding.
                chunk = [members[k] for k in numbers if not is_over(members[k])]
                if not chunk:
                    continue
                with cpu_threads(threads):
                    found = self.predict(network, [jobs[i] for i in chunk], seed, options, partial(are_over, chunk))
                for i, predictions in zip(chunk, found, strict=True):
                    decoded[i].predictions.extend(_report(monitors[i], predictions))
        return decoded


def _report(monitor: Monitor, predictions: Sequence[P]) -> Sequence[P]:
    """Hand over the best prediction that the judge does not refuse; that one and those behind it."""
    for k, prediction in enumerate(predictions):
        refused = monitor.rejected
        if monitor.report(prediction.solution, prediction.objective) or monitor.rejected is refused:
            return predictions[k:]
    return []


def check_network(options: Any) -> None:
    """Whether the device and the checkpoint that options name are there; an error if not, see :meth:`Solver.check`."""
    from cosolve.models import checkpoints
    from cosolve.models.devices import device_of

    device_of(options.device)
    if options.checkpoint:
        checkpoints.find(options.checkpoint)


@cache
def _warm_up(solver: type[DecodingSolver[Any, Any]], problem: str) -> None:
    from cosolve.models.checkpoints import bundled

    adapter = solver()
    if not bundled(adapter.family):
        return
    for instance in small_instances(problem):
        monitor = Monitor(instance, Stop(time_limit=120.0, iterations=200 if adapter.limits else None))
        adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
