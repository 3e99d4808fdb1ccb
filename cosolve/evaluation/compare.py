"""Is B worse than A? Two files of records, or two solvers of one, paired run by run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.result import jsonable
from cosolve.evaluation.pairing import Measure, Pair, Unpaired, pair_runs
from cosolve.evaluation.records import Record
from cosolve.evaluation.statistics import (
    EXACT_TOLERANCE,
    TIE_TOLERANCE,
    Interval,
    WinTieLoss,
    bootstrap_interval,
    holm,
    wilcoxon_p,
    win_tie_loss,
)


@dataclass(frozen=True)
class Comparison:
    """
    B against A.

    Parameters
    ----------
    measure
        What was compared.
    a, b
        Labels of the solvers.
    pairs
        One per instance that both ran.
    unpaired
        What was left out.
    counts
        On how many instances B is better (wins), equal and worse (losses).
    mean_difference
        Mean over instances, above 0 if B is worse; for time the relative change of the shifted geometric mean.
        ``None`` without pairs.
    interval
        Bootstrap interval of it; ``None`` for fewer than two pairs.
    p_value, p_adjusted
        Of Wilcoxon's signed-rank test, and adjusted by Holm over the solvers compared together; NaN without pairs.
    notes
        Differences between the two experiments that speak against comparing them.
    """

    measure: Measure
    a: str
    b: str
    pairs: tuple[Pair, ...]
    unpaired: tuple[Unpaired, ...]
    counts: WinTieLoss
    mean_difference: float | None
    interval: Interval | None
    p_value: float
    p_adjusted: float
    notes: tuple[str, ...] = ()

    def is_worse(self, threshold: float, *, strict: bool = False) -> bool:
        """
        Whether B is worse by more than a threshold.

        Parameters
        ----------
        threshold
            Of the mean difference.
        strict
            Do not ask that the interval lies above 0 too.
        """
        if self.mean_difference is None or self.mean_difference <= threshold:
            return False
        return strict or (self.interval is not None and self.interval.low > 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return jsonable(self)


def compare(
    a: Sequence[Record],
    b: Sequence[Record],
    *,
    measure: Measure | str = Measure.GAP,
    solver: str | None = None,
    solver_b: str | None = None,
    tolerance: float = TIE_TOLERANCE,
    confidence: float = 0.95,
) -> list[Comparison]:
    """
    Compare B with A, solver by solver.

    Runs are paired by the instance's content and the seed; a solver that ran with one seed throughout stands with that
    run for every seed of the other. Of runs on one side that differ in their settings alone, the one that started last
    stands. Means over the seeds of an instance come first, so that the sample is one of instances. Failed runs count
    with the worst value of the measure; what has no partner, or was run again, is listed.

    Parameters
    ----------
    a, b
        Records; the same sequence twice to compare two solvers of one file.
    measure
        What to compare. Gaps are to the best reference that either file knows, or to the better of the two where
        there is none or one of them beats it.
    solver, solver_b
        Labels in A and B; ``solver_b`` is ``solver`` if it is not given. Without either, every solver that is in
        both files is compared with itself, or the only one of A with the only one of B; :func:`unmatched_solvers`
        names the others.
    tolerance
        Differences up to this are ties.
    confidence
        Coverage of the intervals.

    Returns
    -------
    list of Comparison
        At least one.

    Raises
    ------
    ValueError
        If a solver is not in the file, or none is in both; or a time is needed of a run that failed without a limit.
    """
    measure = Measure(measure)
    comparisons = []
    for label_a, label_b in _solver_pairs(a, b, solver, solver_b):
        chosen_a = [record for record in a if record.solver == label_a]
        chosen_b = [record for record in b if record.solver == label_b]
        comparisons.append(_compare(chosen_a, chosen_b, label_a, label_b, measure, tolerance, confidence))
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [dataclasses.replace(c, p_adjusted=float(p)) for c, p in zip(comparisons, adjusted)]


def unmatched_solvers(a: Sequence[Record], b: Sequence[Record]) -> tuple[list[str], list[str]]:
    """Solvers in A alone and in B alone, which :func:`compare` leaves out if it is told no names; by label."""
    labels_a, labels_b = ({record.solver: None for record in records} for records in (a, b))
    if len(labels_a) == len(labels_b) == 1:
        return [], []  # the only one on each side: compared whatever their names
    return [x for x in labels_a if x not in labels_b], [x for x in labels_b if x not in labels_a]


def _solver_pairs(
    a: Sequence[Record], b: Sequence[Record], solver: str | None, solver_b: str | None
) -> list[tuple[str, str]]:
    labels_a, labels_b = ({record.solver: None for record in records} for records in (a, b))
    if solver is None and solver_b is None:
        common = [label for label in labels_a if label in labels_b]
        if not common and len(labels_a) == len(labels_b) == 1:
            return [(next(iter(labels_a)), next(iter(labels_b)))]
        if not common:
            raise ValueError(f"no solver is in both: A has {_names(labels_a)}, B has {_names(labels_b)}.")
        return [(label, label) for label in common]
    if solver is None:
        if len(labels_a) != 1:
            raise ValueError(f"name the solver of A too; it has {_names(labels_a)}.")
        solver = next(iter(labels_a))
    solver_b = solver if solver_b is None else solver_b
    for label, labels, where in ((solver, labels_a, "A"), (solver_b, labels_b, "B")):
        if label not in labels:
            raise ValueError(f"{where} has no solver {label!r}; it has {_names(labels)}.")
    return [(solver, solver_b)]


def _names(labels: Iterable[str]) -> str:
    return ", ".join(repr(label) for label in labels) or "no records"


def _compare(
    a: Sequence[Record],
    b: Sequence[Record],
    label_a: str,
    label_b: str,
    measure: Measure,
    tolerance: float,
    confidence: float,
) -> Comparison:
    pairing = pair_runs(a, b, measure)
    differences = np.array([pair.difference for pair in pairing.pairs])
    # Integers differ by whole units or not at all; a tolerance above the usual one was chosen on purpose.
    is_exact = measure in (Measure.GAP, Measure.OBJECTIVE) and tolerance <= TIE_TOLERANCE
    exact = min(tolerance, EXACT_TOLERANCE)
    tolerances = np.array([exact if is_exact and pair.is_integral else tolerance for pair in pairing.pairs])
    # Time is averaged on the scale of logarithms, where half and double weigh the same.
    sample = np.log1p(differences) if measure is Measure.TIME else differences
    back: Callable[[float], float] = math.expm1 if measure is Measure.TIME else float
    interval = bootstrap_interval(sample, confidence=confidence)
    p_value = wilcoxon_p(sample, np.zeros(len(sample)), tolerance=tolerances)
    return Comparison(
        measure,
        label_a,
        label_b,
        pairing.pairs,
        pairing.unpaired,
        win_tie_loss(differences, np.zeros(len(differences)), tolerance=tolerances),
        back(float(sample.mean())) if len(sample) else None,
        None if interval is None else Interval(back(interval.low), back(interval.high)),
        p_value,
        p_value,
        pairing.notes,
    )
