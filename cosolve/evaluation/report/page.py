"""One self-contained HTML page: numbers are computed here, the browser sorts, filters and draws."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import cosolve
from cosolve.evaluation.drawing.svg import shown
from cosolve.evaluation.frontierco import score_records
from cosolve.evaluation.records import Record
from cosolve.evaluation.reference_files import published_gaps
from cosolve.evaluation.report import words
from cosolve.evaluation.report.collect import Collection, RunId
from cosolve.evaluation.report.drawings import LEFT_OUT, Artist
from cosolve.evaluation.report.runs import (
    RUN_COLUMNS,
    Interned,
    case_values,
    cases,
    machine_text,
    renumbered,
    run_rows,
    runs_that_fit,
)
from cosolve.evaluation.report.scopes import ALPHA, TARGET_GAP, Scope, scopes, statistics_of
from cosolve.evaluation.report.tables import best_of, frontierco_table
from cosolve.evaluation.scores import took_place
from cosolve.evaluation.summary import SummaryRow, summarise

#: Bytes that the page should not grow beyond.
MAX_PAGE_SIZE = 20_000_000
#: Share of it for statistics; of the rest, runs come before drawings.
_STATISTICS = 0.4
#: Most seeds that are listed.
_MAX_SEEDS = 50

_SCRIPTS = ("dom.js", "scales.js", "charts.js", "table.js", "detail.js", "app.js")
_CONFIDENCE = 0.95


def page(
    collection: Collection,
    *,
    title: str,
    folders: Mapping[RunId, Path] | None = None,
    frontierco: bool = False,
    now: datetime | None = None,
) -> str:
    """
    HTML text of the report.

    Parameters
    ----------
    collection
        The records.
    title
        Heading of the page.
    folders
        Folder of the files of each run; without them there are no drawings.
    frontierco
        Add FrontierCO's own two numbers, and set those beside the published ones.
    now
        Date of the page; the present by default.
    """
    data = page_data(collection, folders or {}, frontierco=frontierco)
    script = "\n".join(["(() => {", '"use strict";', *(_asset(name) for name in _SCRIPTS), "})();"])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # No script but this one, nothing from anywhere: a hostile name in the data has nothing to work with.
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return Template(_asset("page.html")).substitute(
        title=html.escape(shown(title)),
        policy=html.escape(policy, quote=True).replace("&#x27;", "'"),
        version=html.escape(cosolve.__version__),
        date=(now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
        lead=html.escape(_lead(collection.records)),
        missing="".join(f'<p class="note">{html.escape(text)}</p>' for text in data["missing"]),
        profile_note=f"Share of instances on which a solver comes within {TARGET_GAP:.0%} of the reference, within a "
        "multiple of the fastest solver's time (Dolan and Moré).",
        alpha=f"{ALPHA:g}",
        style=_asset("page.css"),
        data=embedded_json(data),
        script=script,
    )


def embedded_json(value: Any) -> str:
    """JSON that may stand in a script element: no ``<`` in it, so nothing that could end the element."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def page_data(collection: Collection, folders: Mapping[RunId, Path], *, frontierco: bool = False) -> dict[str, Any]:
    """Everything that the page shows, as JSON values."""
    records: Sequence[Record] = collection.records
    solvers = {name: number for number, name in enumerate(dict.fromkeys(record.solver for record in records))}
    all_cases = cases(records)
    setups, machines = Interned(), Interned()
    rows = run_rows(records, all_cases, solvers, setups, machines)
    summary = summarise(records, confidence=_CONFIDENCE)
    statistics: list[dict[str, Any]] = []
    room = int(_STATISTICS * MAX_PAGE_SIZE)
    for scope in (found := scopes(records)):
        values = {
            "label": scope.label,
            "problem": scope.problem,
            "group": scope.group,
            **_summary(scope, [row for row in summary if row.group == scope.label], solvers),
            **statistics_of(scope, solvers),
        }
        room -= len(embedded_json(values))
        if room < 0 and statistics:
            break
        statistics.append(values)
    data = {
        "solvers": list(solvers),
        "confidence": f"{_CONFIDENCE:.0%}",
        "alpha": ALPHA,
        "facts": _facts(records),
        "scopes": statistics,
        "frontierco": _frontierco(records) if frontierco else None,
        "published": _published(records, frontierco),
        "run_columns": RUN_COLUMNS,
        "setups": setups.values,
        "machines": machines.values,
    }
    budget = MAX_PAGE_SIZE * 9 // 10 - len(embedded_json(data))
    positions = runs_that_fit(
        all_cases,
        [record.seed for record in records],
        [len(embedded_json(row)) + 1 for row in rows],
        [len(embedded_json(case_values(case, records, LEFT_OUT, None))) + 1 for case in all_cases],
        budget,
    )
    missing = _missing(len(positions), len(records), len(found) - len(statistics), len(found) - 1)
    records, rows = [records[i] for i in positions], [rows[i] for i in positions]
    all_cases = renumbered(all_cases, positions)
    for number, case in enumerate(all_cases):
        for i in case.records:
            rows[i][RUN_COLUMNS.index("case")] = number
    data["runs"] = rows
    artist = Artist(folders, budget - len(embedded_json(rows)))
    drawings = artist.draw_all([None if case.best is None else records[case.best] for case in all_cases])
    packed = [drawing.packed for drawing in drawings if drawing.packed]
    numbers = iter(range(len(packed)))
    data["cases"] = [
        case_values(case, records, drawing, next(numbers) if drawing.packed else None)
        for case, drawing in zip(all_cases, drawings)
    ]
    data["drawings"] = packed
    data["missing"] = missing
    data["notes"] = [*missing, *_notes(collection, artist.num_left_out)]
    return data


@dataclass(frozen=True)
class _Counts:
    instances: int
    solvers: int
    failed: int
    not_run: int


def _counts(records: Sequence[Record]) -> _Counts:
    return _Counts(
        instances=len(cases(records)),
        solvers=len({record.solver for record in records}),
        failed=sum(record.failure is not None and took_place(record) for record in records),
        not_run=sum(not took_place(record) for record in records),
    )


def _lead(records: Sequence[Record]) -> str:
    counts = _counts(records)
    runs = words.count(len(records) - counts.not_run, "run")
    parts = [words.count(counts.instances, "instance"), words.count(counts.solvers, "solver"), runs]
    if counts.failed:
        parts.append(f"{counts.failed:,} failed")
    if counts.not_run:
        parts.append(f"{counts.not_run:,} could not be made")
    return ", ".join(parts) + "."


def _missing(listed: int, runs: int, groups_left_out: int, groups: int) -> list[str]:
    """What is not in the page, and what shows it."""
    texts = []
    if listed < runs:
        texts.append(
            f"To keep the page small, {listed:,} of {runs:,} runs are listed and plotted one by one, evenly spaced "
            "over instances and seeds; all other numbers are of all runs. All runs as a table: "
            "cosolve report RUN.jsonl --format csv."
        )
    if groups_left_out:
        texts.append(
            f"To keep the page small, {groups_left_out:,} of {groups:,} groups have no statistics of their own here. "
            "The summary of all groups: cosolve report RUN.jsonl."
        )
    return texts


def _facts(records: Sequence[Record]) -> list[tuple[str, str]]:
    def listed(values: Sequence[str]) -> str:
        return "\n".join(sorted({value for value in values if value}))

    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in (record.machine.get("packages") or {}).items():
            if version:
                versions.setdefault(name, set()).add(version)
    started = sorted(record.started for record in records if record.started)
    limits = sorted({record.time_limit for record in records if record.time_limit is not None})
    memory = sorted({record.memory_limit for record in records if record.memory_limit is not None})
    seeds = sorted({record.seed for record in records})
    many = f"{len(seeds):,} from {seeds[0]} to {seeds[-1]}"
    facts = [
        ("Suites", listed([record.suite for record in records])),
        ("Started", f"{started[0]} to {started[-1]}" if started else ""),
        ("Machines", listed([machine_text(record.machine) for record in records])),
        ("Packages", ", ".join(f"{name} {' / '.join(sorted(found))}" for name, found in sorted(versions.items()))),
        ("Time limits", ", ".join(f"{limit:g} s" for limit in limits)),
        ("Memory limits", ", ".join(f"{limit / 2**20:g} MiB" for limit in memory)),
        ("Threads", ", ".join(map(str, sorted({record.threads for record in records})))),
        ("Seeds", ", ".join(map(str, seeds)) if len(seeds) <= _MAX_SEEDS else many),
    ]
    return [(name, text) for name, text in facts if text]


def _summary(scope: Scope, rows: Sequence[SummaryRow], solvers: Mapping[str, int]) -> dict[str, Any]:
    with_reference = max((row.with_reference for row in rows), default=0)
    best = best_of(rows)
    doubtful = max((row.doubtful for row in rows), default=0)
    caption = (
        f"{scope.label}: {words.count(len(cases(scope.records)), 'instance')}, {with_reference:,} with a reference"
    )
    if doubtful:
        caption += f" ({doubtful:,} of these doubtful)"
    return {
        "caption": f"{caption}. Means over seeds, then over instances; a run without a solution has a gap of 100 %.",
        "summary": [
            {
                "solver": solvers[row.solver],
                "runs": row.runs,
                "gap": row.mean_gap,
                "low": None if row.gap_interval is None else row.gap_interval.low,
                "high": None if row.gap_interval is None else row.gap_interval.high,
                "median": row.median_gap,
                "gap_of_feasible": row.gap_of_feasible,
                "feasible_share": row.feasible_share,
                "proven_share": row.solved_share,
                "time": row.sgm_time,
                "new_bests": row.new_bests,
                "failures": {kind.value: count for kind, count in row.failures.items()},
                "is_best": is_best,
            }
            for row, is_best in zip(rows, best)
        ],
    }


def _frontierco(records: Sequence[Record]) -> dict[str, Any]:
    table = frontierco_table(records)
    return {"header": table.header, "rows": [row for group in table.groups for row in group]}


def _published(records: Sequence[Record], frontierco: bool) -> list[dict[str, Any]]:
    """What others have published on the same instances, and beside it our own rows."""
    rows: list[dict[str, Any]] = []
    for suite in sorted({record.suite for record in records if record.suite}):
        theirs = published_gaps(suite)
        if not theirs:
            continue
        rows += [
            {"set": suite, "solver": solver, "gap": gap, "note": note, "published": False}
            for solver, gap, note in _our_gaps([record for record in records if record.suite == suite], frontierco)
        ]
        for gap in theirs:
            note = "; ".join(part for part in (gap.kind, gap.note, gap.source) if part)
            rows.append({"set": suite, "solver": gap.solver, "gap": gap.gap, "note": note, "published": True})
    return rows


def _our_gaps(records: Sequence[Record], frontierco: bool) -> list[tuple[str, float | None, str]]:
    """Solver, mean gap and a note, for all records of a suite together."""
    if not frontierco:
        ours = summarise(records, group=lambda record: record.suite)
        return [(row.solver, row.mean_gap, f"{words.count(row.instances, 'instance')}, one-sided gap") for row in ours]
    scores = score_records(records, "paper", group=lambda record: record.suite)
    return [
        (row.solver, row.score.gap, f"{words.count(row.score.instances, 'run')}, the paper's gap, {row.judge} rules")
        for row in scores
    ]


def _notes(collection: Collection, num_left_out: int) -> list[str]:
    counts = _counts(collection.records)
    notes = [
        *collection.notes,
        "Gap: distance of the judged objective to the reference over the larger of the two, 0 if at least as good, "
        "1 without a solution (Berthold, 2013). The table of runs shows it with its sign: negative is better than the "
        "reference.",
        "Intervals are bootstrap intervals of the mean over instances (bias-corrected and accelerated).",
        "Mean time is the shifted geometric mean (shift 1 s) of the seconds until the solver returned, runs without an "
        "answer at their limit.",
        "Gaps below 0.01 % stand at the end of their axis.",
    ]
    if counts.not_run:
        notes.append(
            f"{words.count(counts.not_run, 'run')} could not be made (the instance or the solver was not there, or "
            "does not fit): listed below with the reason, in none of the numbers above."
        )
    if num_left_out:
        notes.append(f"{words.count(num_left_out, 'drawing')} left out to keep the page small.")
    return notes


def _asset(name: str) -> str:
    return (files(__package__) / "assets" / name).read_text(encoding="utf-8")
