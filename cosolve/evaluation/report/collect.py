"""Records of one or several files made ready for a report: one run per instance, solver and seed, with a reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cosolve.evaluation.derived import (
    latest_runs,
    left_out_note,
    run_key,
    with_beaten_references_replaced,
    with_one_reference,
    with_own_references,
)
from cosolve.evaluation.records import Record
from cosolve.evaluation.scores import instance_keys


@dataclass(frozen=True)
class Collection:
    """
    What a report is about.

    Parameters
    ----------
    records
        One per instance, solver and seed, in the order of the files.
    notes
        What readers have to know about how they were put together.
    """

    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


#: What tells two runs apart: the experiment, and when it was made.
RunId = tuple[str, str]


def run_id(record: Record) -> RunId:
    """Identity of a run; repeated after a change of the code, an experiment keeps its key."""
    return record.key, record.started


def collect(files: Mapping[Path, Sequence[Record]], *, own_references: bool = True) -> Collection:
    """
    Put the records of several files together.

    Runs of the same solver, instance and seed that differ in anything else can't share a line. In different files
    (before and after a change) the solver's label takes the file's name, and a run that is in several files stands
    under each label, so that all are about the same instances; in the same file (a suite that was changed between two
    calls) the run that started last stands.

    Parameters
    ----------
    files
        Each file's path and records.
    own_references
        Compare instances without a known reference with the best solution among these runs.

    Raises
    ------
    ValueError
        If there is no record at all.
    """
    notes: list[str] = []
    names = _short_names(list(files))
    latest = {}
    for path, found in files.items():
        latest[names[path]], left_out = latest_runs(found)
        if left_out:
            notes.append(left_out_note(left_out))
    records = _labelled(latest)
    if not records:
        raise ValueError("there is no record in the files given.")
    records, num_different = with_one_reference(records)
    if num_different:
        notes.append(
            f"{num_different} instances were recorded with different references, or with and without one, as known at "
            "the time: the best one is used for all runs."
        )
    num_beaten = with_beaten_references_replaced(records)[1]
    if num_beaten:
        notes.append(
            f"{num_beaten} references are beaten: in pairs and rankings, gaps there are to the best solution among "
            "these runs."
        )
    if not own_references:
        return Collection(tuple(records), tuple(notes))
    filled = with_own_references(records)
    own = {key for key, old, new in zip(instance_keys(records), records, filled) if old.reference is not new.reference}
    if own:
        notes.append(
            f"{len(own)} instances have no known reference: their gaps are to the best solution among these runs, "
            "which says nothing about the distance to the optimum."
        )
    return Collection(tuple(filled), tuple(notes))


def _short_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Name of each file without folder and suffix, or the whole path where two share it."""
    stems = [path.stem for path in paths]
    return {path: path.stem if stems.count(path.stem) == 1 else str(path) for path in paths}


def _labelled(files: Mapping[str, Sequence[Record]]) -> list[Record]:
    runs: dict[tuple, set[RunId]] = defaultdict(set)
    for records in files.values():
        for record in records:
            runs[run_key(record)].add(run_id(record))
    ambiguous = {solver for (*_, solver, _seed), ids in runs.items() if len(ids) > 1}
    seen: set[RunId] = set()
    labelled = []
    for name, records in files.items():
        for record in records:
            if record.solver in ambiguous:
                record = replace(record, solver=f"{record.solver} ({name})")
            elif run_id(record) in seen:
                continue  # the very same run in two files
            seen.add(run_id(record))
            labelled.append(record)
    return labelled
