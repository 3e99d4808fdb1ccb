"""Flexible job shop, with the job shop as the case of one machine per operation: instance, schedule, judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, frozen_array, whole_number
from cosolve.core.jit import jit_allocating
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

#: Sum of the longest times of all operations: every date of a sensible schedule is then exact in a double.
MAX_HORIZON = 2**52


@dataclass(frozen=True, eq=False, kw_only=True)
class FJSPInstance(Instance):
    """
    Give every operation one of its machines and a start; minimise the end of the last one.

    Operations are numbered through, job after job; the operations of a job run in this order, and a machine
    runs one operation at a time without interruption. The alternatives of an operation are kept in the order
    of their machines, so that two files that list them differently hold equal instances.

    Parameters
    ----------
    job_ptr
        Job ``j`` has the operations ``job_ptr[j] .. job_ptr[j + 1] - 1``; int64, shape (num_jobs + 1,).
    alt_ptr
        Operation ``o`` has the alternatives ``alt_ptr[o] .. alt_ptr[o + 1] - 1``, at least one; int64, shape
        (num_ops + 1,).
    alt_machine, alt_time
        0-based machine and processing time >= 0 of each alternative; int64.
    num_machines
        Number of machines; some may be unused.

    Raises
    ------
    ValueError
        If the arrays do not fit together, a machine is out of range or listed twice for one operation, a time
        is negative, or the times add up to more than 2^52.
    """

    problem: ClassVar[str] = "fjsp"

    job_ptr: np.ndarray
    alt_ptr: np.ndarray
    alt_machine: np.ndarray
    alt_time: np.ndarray
    num_machines: int

    def __post_init__(self) -> None:
        for name in ("job_ptr", "alt_ptr", "alt_machine", "alt_time"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64, ndim=1, what=name))
        object.__setattr__(self, "num_machines", whole_number(self.num_machines, "num_machines", 1))
        if len(self.job_ptr) < 1 or self.job_ptr[0] != 0 or (np.diff(self.job_ptr) < 0).any():
            raise ValueError("job_ptr must start at 0 and must not decrease.")
        num_ops = int(self.job_ptr[-1])
        if len(self.alt_ptr) != num_ops + 1 or self.alt_ptr[0] != 0:
            raise ValueError(f"alt_ptr must start at 0 and have {num_ops + 1} entries, got {len(self.alt_ptr)}.")
        counts = np.diff(self.alt_ptr)
        if (counts < 1).any():
            raise ValueError(f"operation {int(np.argmin(counts))} has no machine; at least 1 is needed.")
        if not len(self.alt_machine) == len(self.alt_time) == self.alt_ptr[-1]:
            raise ValueError("alt_machine and alt_time must have one entry per alternative.")
        bad = np.flatnonzero((self.alt_machine < 0) | (self.alt_machine >= self.num_machines))
        if len(bad):
            raise ValueError(f"machine must be in [0, {self.num_machines - 1}], got {self.alt_machine[bad[0]]}.")
        if len(self.alt_time) and (self.alt_time.min() < 0 or self.alt_time.max() > MAX_HORIZON):
            raise ValueError(f"times must be >= 0 and <= 2^52, got {self.alt_time.min()} .. {self.alt_time.max()}.")
        owner = np.repeat(np.arange(num_ops), counts)
        order = np.lexsort((self.alt_machine, owner))
        machine = self.alt_machine[order]
        twice = np.flatnonzero((machine[1:] == machine[:-1]) & (owner[1:] == owner[:-1]))
        if len(twice):
            raise ValueError(f"operation {owner[twice[0]]} lists machine {machine[twice[0]]} twice.")
        object.__setattr__(self, "alt_machine", frozen_array(machine))
        object.__setattr__(self, "alt_time", frozen_array(self.alt_time[order]))
        if num_ops and np.maximum.reduceat(self.alt_time, self.alt_ptr[:-1]).astype(float).sum() > MAX_HORIZON:
            raise ValueError("the times add up to more than 2^52.")

    @property
    def num_jobs(self) -> int:
        """Number of jobs."""
        return len(self.job_ptr) - 1

    @property
    def num_ops(self) -> int:
        """Number of operations."""
        return len(self.alt_ptr) - 1

    @property
    def size(self) -> int:
        """Number of operations."""
        return self.num_ops

    @property
    def is_job_shop(self) -> bool:
        """Whether every operation has exactly one machine."""
        return len(self.alt_machine) == self.num_ops

    @property
    def is_integral(self) -> bool:
        """True: times are integers, so every left-shifted schedule, and with it the optimum, is integral."""
        return True


@dataclass(frozen=True, eq=False, kw_only=True)
class Schedule(Solution):
    """
    Machine and start of each operation, in the numbering of the instance.

    Parameters
    ----------
    machine
        0-based machines; int64, shape (num_ops,).
    start
        Start times; float64 although times are integers: schedules of other programs may hold fractions or
        NaN, which the judge must see as they are and not cut to integers. Shape (num_ops,).
    """

    problem: ClassVar[str] = "fjsp"

    machine: np.ndarray
    start: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "machine", frozen_array(self.machine, np.int64, ndim=1, what="machine"))
        object.__setattr__(self, "start", frozen_array(self.start, np.float64, ndim=1, what="start"))


def evaluate(instance: FJSPInstance, schedule: Schedule, mode: JudgeMode = "strict") -> Verdict:
    """
    Makespan, and whether machines are eligible, starts >= 0, jobs in order and machines free; O(n log n).

    Of two operations on a machine one must end before the other starts; an operation of time 0 may lie at the
    edge of another, not inside. All comparisons are exact.

    The "frontierco" mode accepts negative starts, and ignores entries beyond the last operation, as that
    harness does.
    """
    n = instance.num_ops
    machine, start = schedule.machine, schedule.start
    for what, given in (("machines", len(machine)), ("starts", len(start))):
        if given < n or (given > n and mode == "strict"):
            return Verdict(None, (Violation(f"wrong number of {what}", f"{given} for {n} operations"),))
    machine, start = machine[:n], start[:n]
    duration = durations(instance, machine)
    bad = np.flatnonzero(duration < 0)
    if len(bad):
        op = int(bad[0])
        return Verdict(None, (Violation("machine not eligible", f"machine {machine[op]} for operation {op}"),))
    if not np.isfinite(start).all():
        return Verdict(None, (Violation("start is not finite", f"operation {np.flatnonzero(~np.isfinite(start))[0]}"),))
    far = np.flatnonzero(np.abs(start) > MAX_HORIZON)
    if len(far):
        # There doubles are too coarse to add a time to: operations at once would seem to follow each other.
        return Verdict(None, (Violation("start is beyond 2^52", f"operation {far[0]}"),))
    end = start + duration
    violations = []
    if n and mode == "strict" and start.min() < 0:
        op = int(np.argmin(start))
        violations.append(Violation("start before 0", f"operation {op}", -float(start[op])))
    follows = np.ones(n, bool)
    follows[instance.job_ptr[:-1][instance.job_ptr[:-1] < n]] = False
    ops = np.flatnonzero(follows)
    early = end[ops - 1] - start[ops]
    if len(early) and early.max() > 0:
        op = int(ops[np.argmax(early)])
        violations.append(
            Violation("starts before its predecessor in the job ends", f"operation {op}", float(early.max()))
        )
    # Sorted by start, then end: if each operation ends before the next one starts, no two overlap.
    order = np.lexsort((end, start, machine))
    a, b = order[:-1], order[1:]
    overlap = np.where(machine[a] == machine[b], end[a] - start[b], 0.0)
    if len(overlap) and overlap.max() > 0:
        k = int(np.argmax(overlap))
        where = f"operations {a[k]} and {b[k]} on machine {machine[a[k]]}"
        violations.append(Violation("two operations at once on a machine", where, float(overlap[k])))
    return Verdict(float(end.max()) if n else 0.0, tuple(violations))


def durations(instance: FJSPInstance, machine: np.ndarray) -> np.ndarray:
    """Time of each operation on the given machines; -1 where a machine is not eligible."""
    return _durations(instance.alt_ptr, instance.alt_machine, instance.alt_time, machine)


@jit_allocating
def _durations(alt_ptr: np.ndarray, alt_machine: np.ndarray, alt_time: np.ndarray, machine: np.ndarray) -> np.ndarray:
    out = np.full(len(machine), -1, np.int64)
    for op in range(len(machine)):
        for k in range(alt_ptr[op], alt_ptr[op + 1]):
            if alt_machine[k] == machine[op]:
                out[op] = alt_time[k]
    return out


FJSP = Problem("fjsp", "Flexible job shop", FJSPInstance, Schedule, evaluate)
