"""CP-SAT model of the flexible job shop: optional intervals on machines, one chosen for each operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.search import fjsp as kernel
from cosolve.search.fjsp_bound import lower_bound
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.greedy.fjsp import best_dispatch, prepare


def build(instance: FJSPInstance, monitor: Monitor | None = None) -> Model:
    """
    Start of each operation; where it has several machines, a literal and an optional interval for each.

    A machine's intervals don't overlap, and where machines are shared, all operations together use at most as
    many machines as there are. Domains run from the head of an operation to the horizon less its tail. Equal
    machines are left to CP-SAT's own symmetry detection, which also sees the objective.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    job_ptr, alt_ptr = instance.job_ptr.tolist(), instance.alt_ptr.tolist()
    alt_machine, alt_time = instance.alt_machine.tolist(), instance.alt_time.tolist()
    n = instance.num_ops
    shortest = [min(alt_time[a:b]) for a, b in pairwise(alt_ptr)]
    horizon = _horizon(instance)
    bound = lower_bound(
        instance.job_ptr, instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines
    )
    makespan = model.new_int_var(bound, max(bound, horizon), "makespan")
    starts: list[cp_model.IntVar] = []
    ends: list[cp_model.LinearExprT] = []
    literals: list[cp_model.IntVar] = []
    literal_alts: list[int] = []
    on_machine: list[list[cp_model.IntervalVar]] = [[] for _ in range(instance.num_machines)]
    wholes: list[cp_model.IntervalVar] = []
    for job in range(instance.num_jobs):
        ops = range(job_ptr[job], job_ptr[job + 1])
        head, tail = 0, sum(shortest[op] for op in ops)
        for op in until(monitor, ops):
            start = model.new_int_var(head, horizon - tail, f"start{op}")
            starts.append(start)
            tail -= shortest[op]
            begin, end = alt_ptr[op], alt_ptr[op + 1]
            if end - begin == 1:
                interval = model.new_fixed_size_interval_var(start, alt_time[begin], f"op{op}")
                on_machine[alt_machine[begin]].append(interval)
                ends.append(start + alt_time[begin])
                wholes.append(interval)
            else:
                present = [model.new_bool_var(f"on{op}_{alt_machine[a]}") for a in range(begin, end)]
                model.add_exactly_one(present)
                literals.extend(present)
                literal_alts.extend(range(begin, end))
                duration = model.new_int_var_from_domain(
                    cp_model.Domain.from_values(sorted(set(alt_time[begin:end]))), f"time{op}"
                )
                finish = model.new_int_var(head + shortest[op], horizon - tail, f"end{op}")
                model.add(duration == sum(t * x for t, x in zip(alt_time[begin:end], present, strict=True)))
                wholes.append(model.new_interval_var(start, duration, finish, f"op{op}"))
                ends.append(finish)
                for literal, a in zip(present, range(begin, end), strict=True):
                    on_machine[alt_machine[a]].append(
                        model.new_optional_fixed_size_interval_var(start, alt_time[a], literal, f"op{op}_{a}")
                    )
            if op > ops[0]:
                model.add(start >= ends[op - 1])
            head += shortest[op]
        if len(ops):
            model.add(makespan >= ends[ops[-1]])
    for intervals in on_machine:
        if len(intervals) > 1:
            model.add_no_overlap(intervals)
    used = sum(1 for intervals in on_machine if intervals)
    if literals and n > used:
        model.add_cumulative(wholes, [1] * n, used)
    model.minimize(makespan)
    decode, encode = _translators(instance, np.array(literal_alts, np.int64))
    largest = float(max([horizon, *alt_time]))
    return Model(model, [*starts, *literals], decode, encode, magnitude=largest)


def _horizon(instance: FJSPInstance) -> int:
    """Length of the best schedule of the dispatching rules, of which an optimal one is no longer."""
    if instance.num_ops == 0:
        return 0
    data = prepare(instance)
    state = kernel.make_state(data, 0)
    return int(kernel.load(data, state, *best_dispatch(data, state)))


def _translators(
    instance: FJSPInstance, literal_alts: np.ndarray
) -> tuple[Callable[[Sequence[int]], Schedule], Callable[[Schedule], list[int]]]:
    n = instance.num_ops
    fixed = instance.alt_machine[instance.alt_ptr[:-1]].copy()
    owner = np.repeat(np.arange(n), np.diff(instance.alt_ptr))

    def decode(values: Sequence[int]) -> Schedule:
        array = np.asarray(values, np.int64)
        machine = fixed.copy()
        chosen = literal_alts[array[n:] > 0]
        machine[owner[chosen]] = instance.alt_machine[chosen]
        return Schedule(machine=machine, start=array[:n])

    def encode(schedule: Schedule) -> list[int]:
        present = schedule.machine[owner[literal_alts]] == instance.alt_machine[literal_alts]
        return [*np.ceil(schedule.start).astype(np.int64).tolist(), *present.astype(np.int64).tolist()]

    return decode, encode
