"""The instances and runs of the page as compact JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.evaluation.derived import contradictions
from cosolve.evaluation.records import Record
from cosolve.evaluation.report import words
from cosolve.evaluation.report.curves import trace
from cosolve.evaluation.report.drawings import Drawing
from cosolve.evaluation.scores import instance_keys, took_place

#: Fields of a run, in the order in which the page's rows hold them.
RUN_COLUMNS = (
    "case",
    "solver",
    "seed",
    "objective",
    "bound",
    "gap",
    "signed",
    "optimality",
    "is_new_best",
    "time",
    "best_time",
    "memory",
    "took_place",
    "status",
    "limit",
    "failure",
    "message",
    "setup",
    "machine",
    "facts",
    "trace",
)

#: Points of all curves together: the page is to stay below some 20 MB.
_MAX_POINTS = 250_000


@dataclass(frozen=True)
class CaseRuns:
    """
    One instance of a group and the runs on it.

    Parameters
    ----------
    records
        Positions of its records.
    best
        Position of the one with the best solution, the earliest of equals; ``None`` without any.
    """

    records: tuple[int, ...]
    best: int | None


def cases(records: Sequence[Record]) -> list[CaseRuns]:
    """Instances in order of appearance."""
    members: dict[Hashable, list[int]] = {}
    for i, (key, record) in enumerate(zip(instance_keys(records), records)):
        members.setdefault((key, record.group), []).append(i)
    result = []
    for positions in members.values():
        solved = [i for i in positions if records[i].objective is not None]
        sign = -1.0 if solved and records[solved[0]].sense == "max" else 1.0
        best = min(solved, key=lambda i: sign * (records[i].objective or 0.0), default=None)
        result.append(CaseRuns(tuple(positions), best))
    return result


def runs_that_fit(
    cases: Sequence[CaseRuns], seeds: Sequence[int], sizes: Sequence[int], case_sizes: Sequence[int], room: int
) -> list[int]:
    """
    Positions of the runs that the page lists: all, or a part evenly spaced over instances and seeds.

    Runs on the same instance with the same seed stay together, so that solvers can be compared, and with them the
    best run on that instance.

    Parameters
    ----------
    cases
        All instances.
    seeds, sizes
        Seed of each run, and its bytes in the page.
    case_sizes
        Bytes of each instance.
    room
        Most bytes of all; exceeded only by the runs on one instance with one seed.
    """
    together: dict[tuple[int, int], list[int]] = {}
    for number, case in enumerate(cases):
        for i in case.records:
            together.setdefault((number, seeds[i]), []).append(i)
    keys = list(together)
    num = len(keys)
    while True:
        kept = [keys[k] for k in np.unique(np.linspace(0, len(keys) - 1, num).astype(np.int64)).tolist()]
        numbers = {number for number, _ in kept}
        positions = {i for key in kept for i in together[key]}
        positions |= {best for number in numbers if (best := cases[number].best) is not None}
        size = sum(sizes[i] for i in positions) + sum(case_sizes[number] for number in numbers)
        if size <= room or num <= 1:
            return sorted(positions)
        num = max(1, min(num - 1, num * room // size))


def renumbered(cases: Sequence[CaseRuns], positions: Sequence[int]) -> list[CaseRuns]:
    """Those of the instances that have runs at these positions, with what these are among each other."""
    new = {position: k for k, position in enumerate(positions)}
    parts = ((case, tuple(new[i] for i in case.records if i in new)) for case in cases)
    return [CaseRuns(records, None if case.best is None else new[case.best]) for case, records in parts if records]


def case_values(case: CaseRuns, records: Sequence[Record], drawing: Drawing, number: int | None) -> dict[str, Any]:
    """
    What the page says of an instance.

    Parameters
    ----------
    case
        The instance.
    records
        All records.
    drawing, number
        Its drawing, and its number among those of the page (``None`` if there is none).
    """
    first = records[case.records[0]]
    reference = first.reference
    sizes = [size for i in case.records if (size := records[i].size) is not None]
    return {
        "name": first.case,
        "problem": first.problem,
        "group": first.group,
        "size": sizes[0] if sizes else None,
        "reference": None if reference is None else reference.to_dict(),
        "best": case.best,
        "drawing": number,
        "why": drawing.why,
    }


class Interned:
    """Values that many runs share, each held once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._positions: dict[str, int] = {}

    def position(self, value: Any) -> int:
        """Position of an equal value, added if there is none."""
        text = json.dumps(value)
        if text not in self._positions:
            self._positions[text] = len(self.values)
            self.values.append(value)
        return self._positions[text]


def run_rows(
    records: Sequence[Record],
    cases: Sequence[CaseRuns],
    solvers: Mapping[str, int],
    setups: Interned,
    machines: Interned,
) -> list[list[Any]]:
    """
    One row per record, with the fields of :data:`RUN_COLUMNS`.

    Parameters
    ----------
    records, cases, solvers
        Records, instances, and number of each solver.
    setups, machines
        Take what runs share.
    """
    case_of = {i: number for number, case in enumerate(cases) for i in case.records}
    most_points = max(8, min(200, _MAX_POINTS // max(len(records), 1)))
    contradicts = contradictions(records)
    rows = []
    for i, record in enumerate(records):
        values = {
            "case": case_of[i],
            "solver": solvers[record.solver],
            "seed": record.seed,
            "objective": record.objective,
            "bound": record.bound,
            "gap": record.primal_gap,
            "signed": record.signed_gap,
            "optimality": None if record.objective is None or record.bound is None else record.optimality_gap,
            "is_new_best": record.is_new_best,
            "time": record.times.solve if record.times.solve is not None else record.times.wall,
            "best_time": record.times.best if record.objective is not None else None,
            "memory": record.peak_memory,
            "took_place": took_place(record),
            "status": record.status,
            "limit": record.limit,
            "failure": record.failure,
            "message": record.message,
            "setup": setups.position(_setup(record)),
            "machine": machines.position(machine_text(record.machine)),
            "facts": _facts(record, contradicts=contradicts[i]),
            "trace": trace(record, most_points),
        }
        rows.append([values[name] for name in RUN_COLUMNS])
    return rows


def machine_text(machine: Mapping[str, Any]) -> str:
    """A machine in one line."""
    cores = machine.get("cores")
    memory = machine.get("memory")
    revision = str(machine.get("git") or "")
    if len(revision) > 12:
        revision = revision[:12] + ("+" if revision.endswith("+") else "")
    parts = [
        machine.get("host"),
        machine.get("cpu"),
        words.count(cores, "core") if cores else None,
        f"{memory / 2**30:.0f} GiB" if isinstance(memory, int) else None,
        *(machine.get("gpus") or ()),
        machine.get("os"),
        f"Python {machine['python']}" if machine.get("python") else None,
        f"revision {revision}" if revision else None,
    ]
    return ", ".join(str(part) for part in parts if part) or "not recorded"


def _setup(record: Record) -> list[tuple[str, str]]:
    """Facts that all runs of a solver have in common, as a rule."""
    facts = [("Solver", " ".join(part for part in (record.solver_name, record.version) if part))]
    if record.options:
        facts.append(("Options", ", ".join(f"{name} = {value}" for name, value in record.options.items())))
    limits = [f"{name.replace('_', ' ')} {value}" for name, value in record.stop.items()]
    limits.append(f"{record.threads} thread{'s' if record.threads > 1 else ''}")
    if record.memory_limit is not None:
        limits.append(f"{record.memory_limit / 2**20:.0f} MiB of memory")
    facts.append(("Limits", ", ".join(limits)))
    return facts


def _facts(record: Record, *, contradicts: bool) -> list[tuple[str, str]]:
    """Facts of the run alone."""
    facts = []
    if contradicts:
        text = "the solver's bound or proof excludes the reference or a verified solution: one of the two is wrong"
        facts.append(("Contradiction", text))
    claimed = record.claimed
    if claimed is not None and record.objective is not None and not math.isclose(claimed, record.objective):
        facts.append(("Claimed", f"{claimed:.12g}; the judge recomputed {record.objective:.12g}"))
    if record.violations:
        facts.append(("Violations", "\n".join(record.violations)))
    times = record.times
    parts = [("best solution", times.best), ("build", times.build), ("read", times.read), ("process", times.wall)]
    known = [f"{name} {value:.3g} s" for name, value in parts if value is not None]
    if known:
        facts.append(("Times", ", ".join(known)))
    if record.batch is not None:
        batch = record.batch
        text = f"{batch.size} on {batch.device}: {batch.latency:.3g} s, {batch.amortised:.3g} s each"
        facts.append(("Batch", f"{text}, warm-up {batch.warm_up:.3g} s"))
    if record.started:
        facts.append(("Started", record.started))
    return facts
