"""Flexible job shop files (.fjs), job shop files in the layout of JSPLIB, and schedules."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.instances.fjsp import FJSPInstance, Schedule, durations
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.source import Source

#: A file may declare machines that it never names (mk06, mk10), but not more than this if it is short.
_MAX_UNNAMED = 1_000_000
#: Jobs that a sniffer looks at.
_SNIFFED = 50


def sniff_fjs(source: Source) -> tuple[str, ...]:
    """Whether the first jobs read as counts of operations and alternatives that end with their lines."""
    head = _sniff_rows(source)
    if head is None:
        return ()
    num_machines, rows = head
    for row in rows:
        position = 1
        for _ in range(min(row[0], len(row))):
            count = row[position] if position < len(row) else 0
            machines = row[position + 1 : position + 2 * count : 2]
            if count < 1 or not all(0 <= machine <= num_machines for machine in machines):
                return ()
            position += 1 + 2 * count
        if row[0] < 0 or position != len(row):
            return ()
    return ("fjsp",)


def sniff_jsplib(source: Source) -> tuple[str, ...]:
    """Whether the first jobs are rows of one (machine, time) pair for each machine."""
    head = _sniff_rows(source, most=2)
    if head is None:
        return ()
    num_machines, rows = head
    for row in rows:
        machines = sorted(row[::2])
        if len(row) != 2 * num_machines or machines[0] not in (0, 1) or min(row) < 0:
            return ()
        if machines != list(range(machines[0], machines[0] + num_machines)):
            return ()
    return ("fjsp",)


def _sniff_rows(source: Source, most: int = 3) -> tuple[int, list[list[int]]] | None:
    """Number of machines and the first rows, or ``None`` if head and rows are not numbers in the right counts."""
    lines = [line for line in source.head_lines if not line.startswith("#")]
    whole = len(source.data) <= 65536
    try:
        head = lines[0].split() if lines else []
        num_jobs, num_machines = (int(word) for word in head[:2])
        if not 2 <= len(head) <= most or num_jobs < 1 or num_machines < 1 or (len(head) == 3 and float(head[2]) < 0):
            return None
        if whole and len(lines) != num_jobs + 1:
            return None
        body = lines[1:] if whole else lines[1:-1]
        rows = [[int(word) for word in line.split()] for line in body[:_SNIFFED]]
    except ValueError:
        return None
    return (num_machines, rows) if rows else None


def read_fjs(source: Source, problem: str, *, base: int | None = None) -> FJSPInstance:
    """
    Read ``jobs machines [flexibility]``, then a line for each job: operations, and for each alternatives and pairs.

    Parameters
    ----------
    base
        Number of the first machine, 0 or 1. Without it: 0 if a machine 0 occurs anywhere, else 1; a file that
        counts from 0 and never names machine 0 is then read with all machines moved by one, which changes
        nothing but their names.
    """
    num_jobs, num_machines, body, meta = _read_head(source, 3)
    values, lines, rows = _read_rows(source, body, num_jobs)
    counts = np.empty(num_jobs, np.int64)
    ops = np.empty(len(values), np.int64)
    keep = np.zeros(len(values), bool)
    fault, token, num_ops = _scan_fjs(values, rows, counts, ops, keep)
    if fault:
        line = int(lines[min(token, len(lines) - 1)])
        source.fail(
            {
                1: f"number of operations or alternatives must be >= 0 and >= 1, got {values[token]}.",
                2: "the line ends before all operations of the job are there.",
                3: "the line goes on after the last operation of the job.",
            }[fault],
            line=line,
        )
    pairs = np.flatnonzero(keep)
    machine, time = values[pairs], values[pairs + 1]
    first = _base(source, base, machine, num_machines, lines[pairs], lines[pairs + 1], time)
    alt_ptr = np.concatenate(([0], np.cumsum(ops[:num_ops])))
    _fail_on_repeats(source, alt_ptr, machine, lines[pairs])
    return FJSPInstance(
        name=source.stem,
        meta=meta,
        job_ptr=np.concatenate(([0], np.cumsum(counts))),
        alt_ptr=alt_ptr,
        alt_machine=machine - first,
        alt_time=time,
        num_machines=num_machines,
    )


def read_jsplib(source: Source, problem: str, *, base: int | None = None) -> FJSPInstance:
    """
    Read ``jobs machines``, then a line of (machine, time) pairs for each job, one pair for each machine.

    Parameters
    ----------
    base
        Number of the first machine, 0 or 1; without it 0 if a machine 0 occurs anywhere, else 1.
    """
    num_jobs, num_machines, body, meta = _read_head(source, 2)
    values, lines, rows = _read_rows(source, body, num_jobs)
    wrong = np.flatnonzero(np.diff(rows) != 2 * num_machines)
    if len(wrong):
        job = int(wrong[0])
        found = int(rows[job + 1] - rows[job])
        source.fail(
            f"a job needs {num_machines} pairs of machine and time ({2 * num_machines} numbers), got {found} numbers.",
            line=int(lines[rows[job]]),
        )
    machine, time = values[::2], values[1::2]
    first = _base(source, base, machine, num_machines, lines[::2], lines[1::2], time)
    return FJSPInstance(
        name=source.stem,
        meta=meta,
        job_ptr=np.arange(num_jobs + 1) * num_machines,
        alt_ptr=np.arange(len(machine) + 1),
        alt_machine=machine - first,
        alt_time=time,
        num_machines=num_machines,
    )


def _read_head(source: Source, most: int) -> tuple[int, int, int, dict[str, object]]:
    """Jobs, machines, byte position of the body, and what else the head says."""
    comments = []
    position, line, words = 0, "", [""]
    for position, line in source.lines():  # noqa: B007 (used behind the loop)
        words = line.split()
        if line.lstrip().startswith("#"):
            comments.append(line.strip("# +\t"))
        elif words:
            break
    else:
        source.fail("expected the line 'jobs machines', the file holds comments only.")
    if not 2 <= len(words) <= most:
        expected = "'jobs machines'" if most == 2 else "'jobs machines [flexibility]'"
        source.fail(f"expected the line {expected}, got {len(words)} words.", position)
    head, _ = source.integers(position, 2, what="number of jobs or machine")
    num_jobs, num_machines = int(head[0]), int(head[1])
    if num_jobs < 1 or num_machines < 1:
        source.fail(f"numbers of jobs and machines must be >= 1, got {num_jobs} and {num_machines}.", position)
    if num_machines > max(_MAX_UNNAMED, len(source.data)):
        source.fail(f"{num_machines} machines are more than this file could name.", position)
    if num_jobs > len(source.data):
        source.fail(f"{num_jobs} jobs are announced, but the file has only {len(source.data)} bytes.", position)
    meta: dict[str, object] = {}
    if len(words) == 3:
        flexibility, _ = source.numbers(position, 3, what="number")
        meta["flexibility"] = float(flexibility[2])
    if any(comments):
        meta["comment"] = "\n".join(comment for comment in comments if comment)
    return num_jobs, num_machines, source.line_end(position) + 1, meta


def _read_rows(source: Source, body: int, num_jobs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All numbers of the body, their line numbers, and where the row of each job begins among them."""
    if body >= len(source.data):
        source.fail(f"expected {num_jobs} lines of jobs, the file ends.", len(source.data) - 1)
    values, end = source.integers(body, what="number")
    for position, line in source.lines(end):
        if line.strip() and not line.lstrip().startswith("#"):
            source.fail(f"expected a number, got {line.split()[0]!r}.", position)
    lines = _token_lines(source.data, body, len(values)) + source.line_number(body) - 1
    begins = np.flatnonzero(np.diff(lines, prepend=-1))
    if len(begins) != num_jobs:
        where = int(lines[begins[num_jobs]]) if len(begins) > num_jobs else None
        last = int(lines[-1]) if len(lines) else None
        source.fail(f"expected {num_jobs} lines of jobs, got {len(begins)}.", line=where or last)
    return values, lines, np.append(begins, len(values))


@jit_allocating
def _token_lines(data: np.ndarray, start: int, count: int) -> np.ndarray:
    """Line of each of the first ``count`` tokens, the line of ``start`` being 1."""
    out = np.empty(count, np.int64)
    line = 1
    filled = 0
    inside = False
    for i in range(start, len(data)):
        blank = data[i] <= 32 or data[i] == 44
        if not blank and not inside:
            if filled == count:
                break
            out[filled] = line
            filled += 1
        inside = not blank
        if data[i] == 10:
            line += 1
    return out


@jit
def _scan_fjs(
    values: np.ndarray, rows: np.ndarray, counts: np.ndarray, ops: np.ndarray, keep: np.ndarray
) -> tuple[int, int, int]:
    """
    Walk over the rows: operations of each job, alternatives of each operation, places of the machines.

    Returns fault (0 none, 1 bad count, 2 row too short, 3 row too long), the token, and the number of operations.
    """
    num_ops = 0
    for job in range(len(rows) - 1):
        position, end = rows[job], rows[job + 1]
        count = values[position]
        if count < 0:
            return 1, position, num_ops
        if count > end - position:
            return 2, position, num_ops
        counts[job] = count
        position += 1
        for _ in range(count):
            if position >= end:
                return 2, end - 1, num_ops
            alternatives = values[position]
            if alternatives < 1:
                return 1, position, num_ops
            if alternatives > (end - position - 1) // 2:
                return 2, position, num_ops
            for k in range(alternatives):
                keep[position + 1 + 2 * k] = True
            ops[num_ops] = alternatives
            num_ops += 1
            position += 1 + 2 * alternatives
        if position < end:
            return 3, position, num_ops
    return 0, 0, num_ops


def _base(
    source: Source,
    base: int | None,
    machine: np.ndarray,
    num_machines: int,
    machine_lines: np.ndarray,
    time_lines: np.ndarray,
    time: np.ndarray,
) -> int:
    """Number of the first machine, once machines and times are in range."""
    if base not in (None, 0, 1):
        source.fail(f"base must be 0 or 1, got {base!r}.")
    first = int(not (machine == 0).any()) if base is None else int(base)
    bad = np.flatnonzero((machine < first) | (machine >= first + num_machines))
    if len(bad):
        counted = f"{first} .. {first + num_machines - 1} (machines counted from {first})"
        source.fail(f"machine must be in {counted}, got {machine[bad[0]]}.", line=int(machine_lines[bad[0]]))
    bad = np.flatnonzero(time < 0)
    if len(bad):
        source.fail(f"time must be >= 0, got {time[bad[0]]}.", line=int(time_lines[bad[0]]))
    return first


def _fail_on_repeats(source: Source, alt_ptr: np.ndarray, machine: np.ndarray, lines: np.ndarray) -> None:
    owner = np.repeat(np.arange(len(alt_ptr) - 1), np.diff(alt_ptr))
    order = np.lexsort((machine, owner))
    twice = np.flatnonzero((machine[order][1:] == machine[order][:-1]) & (owner[order][1:] == owner[order][:-1]))
    if len(twice):
        place = order[twice[0]]
        source.fail(f"machine {machine[place]} is listed twice for one operation.", line=int(lines[place]))


def _require_jobs(instance: FJSPInstance, name: str) -> None:
    if not instance.num_jobs:
        raise ValueError(f"format {name!r} holds at least 1 job, this instance has none.")


def write_fjs(instance: FJSPInstance, path: Path) -> None:
    """
    Write with machines counted from 1 and the mean number of alternatives as third number.

    Raises
    ------
    ValueError
        If there are no jobs.
    """
    _require_jobs(instance, "fjs")
    flexibility = len(instance.alt_machine) / instance.num_ops if instance.num_ops else 0.0
    machine, time = (instance.alt_machine + 1).tolist(), instance.alt_time.tolist()
    job_ptr, alt_ptr = instance.job_ptr.tolist(), instance.alt_ptr.tolist()
    with path.open("w") as file:
        file.write(f"{instance.num_jobs} {instance.num_machines} {flexibility:.6g}\n")
        for job in range(instance.num_jobs):
            words = [str(job_ptr[job + 1] - job_ptr[job])]
            for op in range(job_ptr[job], job_ptr[job + 1]):
                begin, end = alt_ptr[op], alt_ptr[op + 1]
                words.append(str(end - begin))
                words.extend(f"{machine[k]} {time[k]}" for k in range(begin, end))
            file.write(" ".join(words) + "\n")


def write_jsplib(instance: FJSPInstance, path: Path) -> None:
    """
    Write a job shop with machines counted from 0.

    Raises
    ------
    ValueError
        If there are no jobs, an operation has several machines, a job visits a machine never or twice (such rows are
        those of other formats too), or no operation needs machine 0: read back, the machines would count from 1.
    """
    _require_jobs(instance, "jsplib")
    if not instance.is_job_shop or (np.diff(instance.job_ptr) != instance.num_machines).any():
        raise ValueError(
            "format 'jsplib' holds one machine per operation and one operation per job and machine; "
            "write this instance as 'fjs'."
        )
    if instance.num_ops and not (instance.alt_machine == 0).any():
        raise ValueError("format 'jsplib' holds machine 0 with an operation only; write this instance as 'fjs'.")
    visits = np.sort(instance.alt_machine.reshape(instance.num_jobs, -1))
    if (visits[:, 1:] == visits[:, :-1]).any():
        raise ValueError("format 'jsplib' holds jobs that visit each machine once; write this instance as 'fjs'.")
    pairs = np.column_stack((instance.alt_machine, instance.alt_time)).reshape(instance.num_jobs, -1)
    with path.open("w") as file:
        file.write(f"{instance.num_jobs} {instance.num_machines}\n")
        for row in pairs.tolist():
            file.write(" ".join(map(str, row)) + "\n")


FJS = Format(
    "fjs",
    "flexible job shop, one line per job (.fjs)",
    ("fjsp",),
    {".fjs": ("fjsp",), ".txt": ("fjsp",)},
    sniff_fjs,
    read_fjs,
    write_fjs,
    {"base": "number of the first machine, 0 or 1 (default: 0 if a machine 0 occurs, else 1)"},
)

JSPLIB = Format(
    "jsplib",
    "job shop in the layout of JSPLIB: rows of machine and time (.jsp)",
    ("fjsp",),
    {".jsp": ("fjsp",), ".jss": ("fjsp",)},
    sniff_jsplib,
    read_jsplib,
    write_jsplib,
    {"base": "number of the first machine, 0 or 1 (default: 0 if a machine 0 occurs, else 1)"},
)


def read_schedule(source: Source, instance: FJSPInstance) -> Schedule:
    """Read lines ``job operation machine start end``, in any order, all counted from 0; the end must fit the start."""
    n = instance.num_ops
    begin = 0
    for begin, line in source.lines():  # noqa: B007 (used behind the loop)
        if line.strip() and not line.lstrip().startswith("#"):
            break
    else:
        begin = len(source.data)
    values, end = source.numbers(begin, what="number")
    for position, line in source.lines(end):
        if line.strip():
            source.fail(f"expected a number, got {line.split()[0]!r}.", position)
    lines = _token_lines(source.data, begin, len(values)) + source.line_number(begin) - 1
    rows, sizes = np.unique(lines, return_counts=True)
    wrong = np.flatnonzero(sizes != 5)
    if len(wrong):
        source.fail(f"expected 5 numbers in a line, got {sizes[wrong[0]]}.", line=int(rows[wrong[0]]))
    table = values.reshape(-1, 5)
    names = ("job", "operation", "machine")
    for column, name in enumerate(names):
        bad = np.flatnonzero((table[:, column] != np.rint(table[:, column])) | (np.abs(table[:, column]) > 2**53))
        if len(bad):
            source.fail(f"{name} must be an integer, got {table[bad[0], column]:g}.", line=int(rows[bad[0]]))
    job, operation, machine = (table[:, column].astype(np.int64) for column in range(3))
    bad = np.flatnonzero((job < 0) | (job >= instance.num_jobs))
    if len(bad):
        source.fail(
            f"job must be in [0, {instance.num_jobs - 1}] (all counts from 0), got {job[bad[0]]}.",
            line=int(rows[bad[0]]),
        )
    op = instance.job_ptr[job] + operation
    bad = np.flatnonzero((operation < 0) | (op >= instance.job_ptr[job + 1]))
    if len(bad):
        source.fail(f"job {job[bad[0]]} has no operation {operation[bad[0]]}.", line=int(rows[bad[0]]))
    times = np.bincount(op, minlength=n)
    if len(times) and times.max() > 1:
        row = int(np.flatnonzero(op == int(np.argmax(times)))[1])
        source.fail(f"operation {operation[row]} of job {job[row]} is listed twice.", line=int(rows[row]))
    if len(op) != n:
        missing = int(np.argmin(times))
        source.fail(f"expected {n} operations, got {len(op)}; the first missing one is number {missing}.")
    order = np.argsort(op)
    schedule = Schedule(machine=machine[order], start=table[order, 3])
    time, stated = durations(instance, schedule.machine), table[order, 4]
    # A machine that can't do the operation is for the judge.
    bad = np.flatnonzero((time >= 0) & ~(np.abs(stated - schedule.start - time) <= 1e-6 * (1.0 + np.abs(stated))))
    if len(bad):
        row = order[bad[0]]
        source.fail(
            f"operation {operation[row]} of job {job[row]} ends at {table[row, 4]:g}, but takes {time[bad[0]]} from "
            f"{table[row, 3]:g} on.",
            line=int(rows[row]),
        )
    return schedule


def write_schedule(instance: FJSPInstance, schedule: Schedule, objective: float | None, path: Path) -> None:
    """
    Write one line per operation, everything counted from 0.

    Raises
    ------
    ValueError
        If the schedule has not one entry per operation.
    """
    n = instance.num_ops
    if not len(schedule.machine) == len(schedule.start) == n:
        got = f"{len(schedule.machine)} machines and {len(schedule.start)} starts"
        raise ValueError(f"a schedule of {n} operations is needed, got {got}.")
    job = np.repeat(np.arange(instance.num_jobs), np.diff(instance.job_ptr))
    operation = np.arange(n) - instance.job_ptr[job]
    end = schedule.start + durations(instance, schedule.machine)
    columns = (job, operation, schedule.machine, schedule.start, end)
    with path.open("w") as file:
        if objective is not None:
            file.write(f"# makespan {_number(objective)}\n")
        file.write("# job operation machine start end (counted from 0)\n")
        for row in zip(*(column.tolist() for column in columns), strict=True):
            file.write(" ".join(map(_number, row)) + "\n")


def _number(value: float) -> str:
    return str(int(value)) if value == value // 1 else repr(value)


SCHEDULE = SolutionFormat(
    "schedule",
    "schedule: lines of job, operation, machine, start, end",
    ("fjsp",),
    (".sol",),
    read_schedule,
    write_schedule,
)
