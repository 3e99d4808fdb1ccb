"""
CSV: one line per record, everything but the trajectory in columns of its own.

Names and values are those of :class:`cosolve.evaluation.records.Record`, parts of it with their name in front
(``batch_size``, ``reference_kind``). Times are in seconds, memory in bytes, gaps are fractions (0.01 is 1 %),
``is_new_best`` is 0 or 1. An empty cell is "not known". ``options``, ``stop`` and ``stats`` are JSON objects.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from cosolve.core.result import jsonable
from cosolve.core.text import writable
from cosolve.evaluation.records import Record


def _json(value: Any) -> str:
    return json.dumps(jsonable(value), sort_keys=True) if value else ""


def _of(part: str, name: str) -> Callable[[Record], Any]:
    """Attribute of a part of the record that may be absent."""
    return lambda record: getattr(getattr(record, part), name, None)


#: Column to what stands in it.
COLUMNS: dict[str, Callable[[Record], Any]] = {
    "suite": lambda r: r.suite,
    "group": lambda r: r.group,
    "problem": lambda r: r.problem,
    "instance": lambda r: r.case,
    "size": lambda r: r.size,
    "digest": lambda r: r.digest,
    "solver": lambda r: r.solver,
    "solver_name": lambda r: r.solver_name,
    "version": lambda r: r.version,
    "seed": lambda r: r.seed,
    "threads": lambda r: r.threads,
    "time_limit": lambda r: r.time_limit,
    "memory_limit": lambda r: r.memory_limit,
    "status": lambda r: r.status.value,
    "limit": lambda r: None if r.limit is None else r.limit.value,
    "failure": lambda r: None if r.failure is None else r.failure.value,
    "message": lambda r: r.message,
    "sense": lambda r: r.sense,
    "objective": lambda r: r.objective,
    "claimed": lambda r: r.claimed,
    "bound": lambda r: r.bound,
    "reference": _of("reference", "value"),
    "reference_kind": lambda r: None if r.reference is None else r.reference.kind.value,
    "reference_doubt": _of("reference", "doubt"),
    "primal_gap": lambda r: r.primal_gap,
    "signed_gap": lambda r: r.signed_gap,
    "optimality_gap": lambda r: r.optimality_gap,
    "is_new_best": lambda r: int(r.is_new_best),
    "solve_time": lambda r: r.times.solve,
    "best_time": lambda r: r.times.best,
    "build_time": lambda r: r.times.build,
    "wall_time": lambda r: r.times.wall,
    "read_time": lambda r: r.times.read,
    "peak_memory": lambda r: r.peak_memory,
    "batch_size": _of("batch", "size"),
    "batch_latency": _of("batch", "latency"),
    "batch_amortised": _of("batch", "amortised"),
    "batch_warm_up": _of("batch", "warm_up"),
    "batch_device": _of("batch", "device"),
    "batch_peak_device_memory": _of("batch", "peak_device_memory"),
    "host": lambda r: r.machine.get("host"),
    "started": lambda r: r.started,
    "options": lambda r: _json(r.options),
    "stop": lambda r: _json(r.stop),
    "stats": lambda r: _json(r.stats),
    "key": lambda r: r.key,
}


def csv_text(records: Sequence[Record]) -> str:
    """
    CSV text with a header line (RFC 4180, but for lines that end in a line feed).

    Parameters
    ----------
    records
        One line each; the columns are those of :data:`COLUMNS`.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for record in records:
        writer.writerow(["" if (cell := value(record)) is None else cell for value in COLUMNS.values()])
    return writable(buffer.getvalue())
