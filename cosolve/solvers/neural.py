"""What the solvers that decode solutions with a network share: their options, and what they need."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Outcome, Solver
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
        Solutions sampled in place of each greedy one, >= 1.
    augmentation
        Symmetries of the plane that each instance is decoded under, 1 to 8.
    precision
        "float32" or "bfloat16".
    compile
        Whether PyTorch compiles the network first, which takes a minute and pays off on a GPU.
    """

    checkpoint: str = ""
    device: str = "cpu"
    decode: str = "greedy"
    samples: int = 16
    augmentation: int = 8
    precision: str = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        if self.decode not in ("greedy", "sampling"):
            raise ValueError(f"decode must be greedy or sampling, got {self.decode!r}.")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision must be float32 or bfloat16, got {self.precision!r}.")
        if self.samples < 1:
            raise ValueError(f"samples must be >= 1, got {self.samples}.")
        if not 1 <= self.augmentation <= 8:
            raise ValueError(f"augmentation must be in 1..8, got {self.augmentation}.")


class DecodingSolver(Solver):
    """
    Base of solvers that need PyTorch, and whose first run in a process takes longer than any other.

    Class attributes
    ----------------
    family
        Of their checkpoints.
    """

    family: ClassVar[str]

    def available(self) -> Availability:
        """Whether PyTorch and safetensors are installed."""
        for package in ("torch", "safetensors"):
            if importlib.util.find_spec(package) is None:
                return Availability(False, reason=f"{package} is not installed: pip install 'cosolve[neural]'")
        return Availability(True, importlib.metadata.version("torch"))

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


@cache
def _warm_up(solver: type[DecodingSolver], problem: str) -> None:
    from cosolve.models.checkpoints import bundled

    adapter = solver()
    if not bundled(adapter.family):
        return
    for instance in small_instances(problem):
        monitor = Monitor(instance, Stop(time_limit=120.0, iterations=200 if adapter.limits else None))
        adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
