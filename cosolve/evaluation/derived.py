"""Records made from records: the latest of each run, with references that others have, or the best of several."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from cosolve.core.result import Status
from cosolve.evaluation.metrics import is_new_best
from cosolve.evaluation.records import Record
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.scores import (
    PROOFS,
    contradicts_reference,
    instance_keys,
    is_answered,
    is_solved,
    run_time,
    took_place,
)


def run_key(record: Record) -> tuple[str, str, str, str, int]:
    """What runs of one file that can't stand side by side have in common, whatever their settings."""
    return record.problem, record.group, record.case, record.solver, record.seed


def latest_runs(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """
    Of the same solver, instance and seed the run that started last, in whatever order they are.

    Parameters
    ----------
    records
        Of one file.

    Returns
    -------
    list of Record
        Those that stand.
    list of Record
        Of those left out the latest under each of the other settings; a run that was repeated replaces itself.
    """
    latest: dict[tuple, Record] = {}
    of_settings: dict[tuple, Record] = {}
    for record in records:
        run = run_key(record)
        for known, key in ((latest, run), (of_settings, (run, record.key))):
            if key not in known or record.started >= known[key].started:
                known[key] = record
    replaced = [record for (run, key), record in of_settings.items() if key != latest[run].key]
    return list(latest.values()), replaced


def left_out_note(replaced: Sequence[Record]) -> str:
    """What :func:`latest_runs` left out, for people."""
    return f"{len(replaced)} runs are left out: the same solver, instance and seed were run again under other settings."


def with_one_reference(records: Sequence[Record], keys: Sequence[Hashable] | None = None) -> tuple[list[Record], int]:
    """
    Give all runs on an instance the same reference: a record keeps what was known on the day when it was made.

    A trusted reference goes before a doubted one or one under another rounding, then the better value; of equal values
    what the latest record says of it.

    Parameters
    ----------
    records
        Of any number of suites and days.
    keys
        What runs that are measured against one value have in common: by default instance and rules of the judge, since
        benchmarks with rules of their own have references of their own.

    Returns
    -------
    list of Record
        In the same order.
    int
        Instances on which they did not agree.
    """
    if keys is None:
        keys = _judged_instances(records)
    known: dict[Hashable, dict[float | None, Record]] = defaultdict(dict)
    for key, record in zip(keys, records):
        value = None if record.reference is None else record.reference.value
        latest = known[key].get(value)
        if latest is None or record.started >= latest.started:
            known[key][value] = record
    best: dict[Hashable, Reference] = {}
    for key, by_value in known.items():
        candidates = [record.reference for record in by_value.values() if record.reference is not None]
        sign = -1.0 if any(record.sense == "max" for record in by_value.values()) else 1.0
        if candidates:
            best[key] = min(candidates, key=lambda reference: (not reference.is_trusted, sign * reference.value))
    shared = [
        record if record.reference == best.get(key) else dataclasses.replace(record, reference=best.get(key))
        for key, record in zip(keys, records)
    ]
    return shared, sum(len(by_value) > 1 for by_value in known.values())


def with_own_references(records: Sequence[Record], keys: Sequence[Hashable] | None = None) -> list[Record]:
    """
    Give instances without a reference the best objective among these records, marked as our own.

    Gaps to it compare these solvers with each other and say nothing about the distance to the optimum.

    Parameters
    ----------
    records
        With one reference per instance.
    keys
        As in :func:`with_one_reference`.

    Returns
    -------
    list of Record
        In the same order.
    """
    if keys is None:
        keys = _judged_instances(records)
    best = _best_of_each(keys, records)
    known = {key for key, record in zip(keys, records) if record.reference is not None}
    filled = []
    for key, record in zip(keys, records):
        if key not in known and key in best:
            record = dataclasses.replace(record, reference=_own_reference(best[key]))
        filled.append(record)
    return filled


def with_beaten_references_replaced(
    records: Sequence[Record], keys: Sequence[Hashable] | None = None
) -> tuple[list[Record], int]:
    """
    Measure against the best objective among these records where it is better than the reference.

    Gaps end at 0: two solvers that both beat the reference would be equal, whatever lies between them. For comparing
    solvers with each other; a table keeps the published value.

    Parameters
    ----------
    records
        With one reference per instance.
    keys
        As in :func:`with_one_reference`.

    Returns
    -------
    list of Record
        In the same order.
    int
        Instances whose reference was replaced.
    """
    if keys is None:
        keys = _judged_instances(records)
    best = {key: record for key, record in _best_of_each(keys, records).items() if _beats_reference(record)}
    replaced = [
        record if key not in best else dataclasses.replace(record, reference=_own_reference(best[key]))
        for key, record in zip(keys, records)
    ]
    return replaced, len(best)


def _best_of_each(keys: Sequence[Hashable], records: Sequence[Record]) -> dict[Hashable, Record]:
    """Of the runs with the same key the one with the best verified solution; keys without a solution are left out."""
    best: dict[Hashable, Record] = {}
    for key, record in zip(keys, records):
        if record.is_feasible and record.sense is not None and (key not in best or _is_better(record, best[key])):
            best[key] = record
    return best


def _beats_reference(record: Record) -> bool:
    if record.objective is None or record.reference is None or record.sense is None:
        return False
    return is_new_best(record.objective, record.reference.value, record.sense, **record.precision)


def _own_reference(best: Record) -> Reference:
    assert best.objective is not None
    return Reference(best.objective, ReferenceKind.OWN, source=f"best of these runs ({best.solver})")


def contradictions(records: Sequence[Record]) -> list[bool]:
    """
    Which runs claim what a trusted reference, or a verified solution of any of these runs, excludes.

    Parameters
    ----------
    records
        Of any number of solvers; solutions count against claims under the same rules of the judge.
    """
    keys = _judged_instances(records)
    best = _best_of_each(keys, records)
    return [
        contradicts_reference(record) or (key in best and _is_refuted(record, best[key]))
        for key, record in zip(keys, records)
    ]


def _is_refuted(record: Record, best: Record) -> bool:
    """Whether a verified solution shows a claim to be wrong: that there is none, or none as good."""
    if record.status is Status.INFEASIBLE:
        return True
    bound = record.objective if record.bound is None and record.status is Status.OPTIMAL else record.bound
    if bound is None or best.objective is None or best.sense is None:
        return False
    precision = record.precision if best.is_integral else best.precision
    return is_new_best(best.objective, bound, best.sense, **precision)


def with_refuted_proofs_withdrawn(records: Sequence[Record]) -> tuple[list[Record], list[bool]]:
    """
    Take what contradicts a reference or a verified solution for no proof.

    Returns
    -------
    list of Record
        In the same order, refuted ones with the status of what the judge saw.
    list of bool
        Whether each was refuted.
    """
    refuted = contradictions(records)
    return [_unproven(record) if is_wrong else record for record, is_wrong in zip(records, refuted)], refuted


def _unproven(record: Record) -> Record:
    if record.status not in PROOFS:
        return record
    return dataclasses.replace(record, status=Status.FEASIBLE if record.is_feasible else Status.NO_SOLUTION)


def _judged_instances(records: Sequence[Record]) -> list[Hashable]:
    """Instance and rules of the judge: what objectives that can be compared have in common."""
    return [(key, record.judge) for key, record in zip(instance_keys(records), records)]


def virtual_best(records: Sequence[Record], *, label: str = "virtual best") -> list[Record]:
    """
    The solver that picks the best of all for each instance and seed: what a perfect selector would reach.

    A solver that ran with one seed only stands with that run for each of the others' seeds. A better solution goes
    first, so that no solver's gap is smaller; then runs that ended as they should, those that proved their answer,
    those that returned sooner, and those that had their solution first.

    Parameters
    ----------
    records
        Of several solvers.
    label
        Name of the virtual solver.

    Returns
    -------
    list of Record
        One per instance and seed that any solver ran, otherwise as it was recorded.
    """
    single = solvers_with_one_seed(records)
    runs: dict[Hashable, list[Record]] = defaultdict(list)
    for key, record in zip(instance_keys(records), records):
        if took_place(record):
            runs[key].append(record)
    chosen = []
    for candidates in runs.values():
        for seed in sorted({record.seed for record in candidates}):
            best: Record | None = None
            for record in candidates:
                if record.seed != seed and record.solver not in single:
                    continue
                if best is None or _is_choice(record, best):
                    best = record
            assert best is not None
            chosen.append(dataclasses.replace(best, solver=label, seed=seed))
    return chosen


def solvers_with_one_seed(records: Iterable[Record]) -> set[str]:
    """Labels of the solvers that ran with the same seed throughout: one run of theirs stands for every seed."""
    seeds: dict[str, set[int]] = defaultdict(set)
    for record in records:
        seeds[record.solver].add(record.seed)
    return {solver for solver, used in seeds.items() if len(used) == 1}


def _is_better(a: Record, b: Record) -> bool:
    if a.objective is None or b.objective is None:
        return a.objective is not None
    if a.objective != b.objective:
        return a.objective < b.objective if a.sense == "min" else a.objective > b.objective
    return _time_to_best(a) < _time_to_best(b)


def _is_choice(a: Record, b: Record) -> bool:
    """Whether a perfect selector takes ``a`` rather than ``b``."""
    if a.objective != b.objective:
        return _is_better(a, b)
    return _rank(a) < _rank(b)


def _rank(record: Record) -> tuple[bool, bool, float, float]:
    """Of runs with equal objectives, lowest first."""
    time = run_time(record)
    return not is_answered(record), not is_solved(record), math.inf if math.isnan(time) else time, _time_to_best(record)


def _time_to_best(record: Record) -> float:
    known: Iterable[float | None] = (record.times.best, record.times.solve)
    return next((time for time in known if time is not None), math.inf)
