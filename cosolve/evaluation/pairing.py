"""The same instance and seed on two sides: which runs can be compared, and by how much they differ."""

from __future__ import annotations

import enum
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from cosolve.evaluation.derived import (
    latest_runs,
    left_out_note,
    solvers_with_one_seed,
    with_beaten_references_replaced,
    with_one_reference,
    with_own_references,
    with_refuted_proofs_withdrawn,
)
from cosolve.evaluation.metrics import TIME_SHIFT, signed_gap
from cosolve.evaluation.records import Record
from cosolve.evaluation.scores import Metric, instance_keys, score, took_place


class Measure(enum.StrEnum):
    """What is compared; a difference above 0 means that B is worse."""

    GAP = "gap"
    """Difference of the primal gaps."""
    TIME = "time"
    """Relative change of the shifted run time: 0.1 means that B takes 10 % longer."""
    PRIMAL_INTEGRAL = "primal-integral"
    """Difference of the primal integrals divided by the time limit."""
    OBJECTIVE = "objective"
    """Signed gap of B's objective to A's; needs no reference."""


_SCORED_BY = {
    Measure.GAP: Metric.GAP,
    Measure.TIME: Metric.TIME,
    Measure.PRIMAL_INTEGRAL: Metric.PRIMAL_INTEGRAL,
}


@dataclass(frozen=True)
class Pair:
    """
    One instance that both ran.

    Parameters
    ----------
    problem, group, case
        The instance, as A names it.
    runs
        Pairs of runs, one per seed, and per name where the instance has several.
    a, b
        Means over the runs of gap, seconds, integral or objective; ``None`` for the objective of a run without one.
    difference
        What B adds, as its :class:`Measure` says; above 0 if B is worse.
    is_integral
        Whether all objectives are integers.
    """

    problem: str
    group: str
    case: str
    runs: int
    a: float | None
    b: float | None
    difference: float
    is_integral: bool = False


@dataclass(frozen=True)
class Unpaired:
    """A run that has no partner, or cannot be measured, and why."""

    problem: str
    group: str
    case: str
    seed: int
    why: str


@dataclass(frozen=True)
class Pairing:
    """
    What :func:`pair_runs` found.

    Parameters
    ----------
    pairs
        One per instance that both ran.
    unpaired
        What was left out.
    notes
        What was not the same on both sides, for people.
    """

    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    notes: tuple[str, ...]


def pair_runs(a: Sequence[Record], b: Sequence[Record], measure: Measure) -> Pairing:
    """
    Pair the runs of one solver with those of another, of each the latest under whatever settings.

    Parameters
    ----------
    a, b
        Records of one solver each.
    measure
        What they differ in.

    Raises
    ------
    ValueError
        If a time is needed of a run that failed without a limit.
    """
    (a, replaced_a), (b, replaced_b) = latest_runs(a), latest_runs(b)
    records, notes = _with_one_reference([*a, *b])
    records, _ = with_refuted_proofs_withdrawn(records)  # a wrong "infeasible" is not fast
    keys = instance_keys(records)
    runs_a = _by_instance_and_seed(keys[: len(a)], records[: len(a)])
    runs_b = _by_instance_and_seed(keys[len(a) :], records[len(a) :])
    one_seed = bool(solvers_with_one_seed(a)), bool(solvers_with_one_seed(b))
    pairs: list[Pair] = []
    unpaired: list[Unpaired] = []
    matched: list[tuple[Record, Record]] = []
    for key in dict.fromkeys(keys):
        usable = []
        for seed, run_a, run_b in _match(runs_a.get(key, {}), runs_b.get(key, {}), one_seed):
            if run_a is not None and run_b is not None and not (why := _why_not(run_a, run_b, measure)):
                usable.append((run_a, run_b))
                continue
            known = run_a or run_b
            assert known is not None
            if run_a is None or run_b is None:
                why = "only in B" if run_a is None else "only in A"
            unpaired.append(_unpaired(known, seed, why))
        if usable:
            pairs.append(_pair(usable, measure))
            matched += usable
    left_out = []
    for replaced, side in ((replaced_a, "A"), (replaced_b, "B")):
        unpaired += [_unpaired(run, run.seed, f"run again in {side} under other settings") for run in replaced]
        if replaced:
            left_out.append(f"In {side}, {left_out_note(replaced)}")
    return Pairing(tuple(pairs), tuple(unpaired), (*left_out, *notes, *_differences_of_setting(matched)))


def _unpaired(record: Record, seed: int, why: str) -> Unpaired:
    return Unpaired(record.problem, record.group, record.case, seed, why)


def _by_instance_and_seed(
    keys: Iterable[Hashable], records: Iterable[Record]
) -> dict[Hashable, dict[int, list[Record]]]:
    """Several runs where a content has several names."""
    runs: dict[Hashable, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for key, record in zip(keys, records):
        runs[key][record.seed].append(record)
    return runs


def _match(
    a: Mapping[int, Sequence[Record]], b: Mapping[int, Sequence[Record]], one_seed: tuple[bool, bool]
) -> list[tuple[int, Record | None, Record | None]]:
    """Seed by seed, then name by name; a side that knows one seed only is repeated for each of the other's."""
    if one_seed[0] and a and b:
        a = dict.fromkeys(b, next(iter(a.values())))
    elif one_seed[1] and a and b:
        b = dict.fromkeys(a, next(iter(b.values())))
    seeds = sorted(a.keys() | b.keys())
    return [(seed, *pair) for seed in seeds for pair in _match_names(a.get(seed, ()), b.get(seed, ()))]


def _match_names(a: Sequence[Record], b: Sequence[Record]) -> list[tuple[Record | None, Record | None]]:
    """Runs of the same name; then the others in their order, which are of the same content all the same."""
    by_name_a, by_name_b = ({(run.group, run.case): run for run in runs} for runs in (a, b))
    common = [(run, by_name_b[name]) for name, run in by_name_a.items() if name in by_name_b]
    rest_a = [run for name, run in by_name_a.items() if name not in by_name_b]
    rest_b = [run for name, run in by_name_b.items() if name not in by_name_a]
    return [*common, *zip_longest(rest_a, rest_b)]


def _why_not(a: Record, b: Record, measure: Measure) -> str:
    """Why two runs can't be compared, empty if they can."""
    for record, side in ((a, "A"), (b, "B")):
        if not took_place(record):
            return f"not run in {side}: {record.failure}"
        if measure is Measure.OBJECTIVE:
            if record.sense is None:
                return f"not run in {side}: its sense is not known"
            continue
        value = score(record, _SCORED_BY[measure])
        if math.isinf(value):
            raise ValueError(
                f"{record.case}, seed {record.seed}: the run in {side} failed without a time limit, "
                f"so it has no time to compare; compare another measure."
            )
        if math.isnan(value):
            return f"no {measure} known in {side}"
    return ""


def _pair(runs: Sequence[tuple[Record, Record]], measure: Measure) -> Pair:
    first = runs[0][0]
    values_a: list[float | None]
    values_b: list[float | None]
    if measure is Measure.OBJECTIVE:
        values_a, values_b = [a.objective for a, _ in runs], [b.objective for _, b in runs]
        difference = float(np.mean([_objective_difference(a, b) for a, b in runs]))
    else:
        scores_a = [score(a, _SCORED_BY[measure]) for a, _ in runs]
        scores_b = [score(b, _SCORED_BY[measure]) for _, b in runs]
        values_a, values_b = [*scores_a], [*scores_b]
        mean_a, mean_b = float(np.mean(scores_a)), float(np.mean(scores_b))
        is_time = measure is Measure.TIME
        difference = (mean_b + TIME_SHIFT) / (mean_a + TIME_SHIFT) - 1.0 if is_time else mean_b - mean_a
    return Pair(
        first.problem,
        first.group,
        first.case,
        len(runs),
        _mean(values_a),
        _mean(values_b),
        difference,
        all(run.is_integral for pair in runs for run in pair),
    )


def _objective_difference(a: Record, b: Record) -> float:
    if a.objective is None or b.objective is None:
        return float(b.objective is None) - float(a.objective is None)
    assert a.sense is not None
    return signed_gap(b.objective, a.objective, a.sense)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


# -- fairness ---------------------------------------------------------------------------------------------


def _with_one_reference(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Both sides measured against the same value: the best that either knows or has found."""
    keys = instance_keys(records)
    shared, num_different = with_one_reference(records, keys)
    notes = []
    if num_different:
        notes.append(f"{num_different} instances have different references in A and B: the better one is used.")
    filled = with_own_references(shared, keys)
    num_own = len({key for key, old, new in zip(keys, shared, filled) if old.reference is not new.reference})
    if num_own:
        notes.append(f"{num_own} instances have no reference: gaps there are to the better of the two.")
    replaced, num_beaten = with_beaten_references_replaced(filled, keys)
    if num_beaten:
        notes.append(f"{num_beaten} references are beaten: gaps there are to the best solution of the two.")
    return replaced, notes


def _differences_of_setting(pairs: Sequence[tuple[Record, Record]]) -> list[str]:
    """What was not the same on both sides."""
    settings: dict[str, Callable[[Record], Any]] = {
        "stopping criteria": lambda record: ", ".join(f"{k} {v}" for k, v in sorted(record.stop.items())) or "none",
        "threads": lambda record: record.threads,
        "memory caps": lambda record: record.memory_limit,
        "judges": lambda record: record.judge,
        "CPUs": lambda record: record.machine.get("cpu", "unknown"),
    }
    notes = []
    for name, of in settings.items():
        different = [(x, y) for a, b in pairs if (x := of(a)) != (y := of(b))]
        if different:
            x, y = different[0]
            notes.append(f"{name} differ on {len(different)} of {len(pairs)} pairs of runs: {x} in A, {y} in B.")
    return notes
