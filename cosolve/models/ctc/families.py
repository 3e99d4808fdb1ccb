"""
Which families of rows are critical: worth to be predicted and imposed.

A family is judged by its labels: enough tight rows, and neither nearly none nor nearly all of them tight, which teaches
nothing. Strength, ``-log rho`` [1]_, only orders them: it would not tell the rows of an auction that group bids from
those of items. So where several families pass, their worth is measured too: solve with the tight rows of one family as
equalities, and see how much sooner that ends.

References
----------
.. [1] Li, J. et al. (2026). Constraint matters: multi-modal representation for reducing mixed-integer linear
       programming. *ICLR*.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from cosolve.core.driver import solve
from cosolve.core.errors import InvalidFileError
from cosolve.core.result import Limit
from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.labels import Label
from cosolve.models.ctc.lines import whole_lines
from cosolve.models.ctc.rows import row_families, row_types
from cosolve.search.row_types import RowType

#: The judge: least number of tight rows over all instances, least and greatest tight share.
LEAST_TIGHT, LEAST_SHARE, GREATEST_SHARE = 20, 0.05, 0.95

#: Share of a family's tight rows imposed in the measurement, and least speed-up worth having.
_IMPOSED, _WORTH = 0.3, 1.25

#: Shorter solves count as this long.
_LEAST_SECONDS = 0.05

#: Where a run keeps what it measured.
MEASUREMENTS = "oracle.jsonl"


@dataclass(frozen=True)
class Family:
    """
    A family over all labelled instances.

    Parameters
    ----------
    name
        By the rows' names, else their structural type.
    kinds
        Structural types of its rows.
    rows
        Candidates per instance, on average.
    tight
        Share of them that is tight in the best solutions.
    rho
        Geometric mean of their strengths.
    speedup
        Geometric mean of time without over time with tight rows imposed; ``None`` if not measured.
    """

    name: str
    kinds: frozenset[RowType]
    rows: float
    tight: float
    rho: float
    speedup: float | None = None

    @property
    def is_critical(self) -> bool:
        """What the judge says, the measured worth included."""
        passes = LEAST_SHARE <= self.tight <= GREATEST_SHARE and self.rows > 0
        return passes and (self.speedup is None or self.speedup >= _WORTH)


def survey(labels: Sequence[Label]) -> list[Family]:
    """Families of candidates with enough tight rows to learn from, the strongest first."""
    count: dict[str, list[float]] = {}
    kinds: dict[str, set[RowType]] = {}
    for label in labels:
        types = row_types(label.instance)
        names = np.array(row_families(label.instance, types))
        tight = label.tight().mean(axis=0)
        for name in np.unique(names[types.is_candidate]).tolist():
            rows = np.flatnonzero((names == name) & types.is_candidate)
            sums = count.setdefault(name, [0.0, 0.0, 0.0])
            sums[0] += len(rows)
            sums[1] += float(tight[rows].sum())
            sums[2] += float(np.log(types.rho[rows]).sum())
            kinds.setdefault(name, set()).update(RowType(kind) for kind in np.unique(types.kind[rows]).tolist())
    families = [
        Family(name, frozenset(kinds[name]), rows / len(labels), tight / rows, math.exp(log_rho / rows))
        for name, (rows, tight, log_rho) in count.items()
        if tight >= LEAST_TIGHT
    ]
    return sorted(families, key=lambda family: (family.rho, family.name))


def choose(
    labels: Sequence[Label],
    *,
    oracle: int = 0,
    time_limit: float = 20.0,
    time_left: Callable[[], float] = lambda: math.inf,
    keep: Path | None = None,
    on_family: Callable[[Family], None] | None = None,
) -> list[Family]:
    """
    Critical families, the strongest first.

    If no measured worth is enough, those that pass by their labels; if none do, all of :func:`survey`.

    Parameters
    ----------
    oracle
        Instances on which the worth of a family is measured, the first ones with tight rows of it; 0 for none. With
        one family there is nothing to choose.
    time_limit
        Seconds that SCIP has for an instance then.
    time_left
        Seconds that all measurements together may still take.
    keep
        File with a line for each measurement, which is not taken again; made if need be.
    on_family
        Called with each family once it is judged.

    Raises
    ------
    TimeoutError
        If there is no time left for a measurement; those before it are kept.
    InvalidFileError
        If the file holds something else.
    """
    families = survey(labels)
    passing = [family for family in families if family.is_critical]
    if oracle and len(passing) > 1:
        known = {} if keep is None else _read(keep)

        def measured(label: Label, family: str = "") -> float:
            key = label.path.name, family
            if key not in known:
                limit = min(time_limit, time_left())
                instance = _imposed(label, family) if family else label.instance
                seconds = _seconds(instance, limit) if limit > 0 else math.inf
                if seconds == math.inf and limit < time_limit:
                    raise TimeoutError("no time is left for the oracle.")
                known[key] = min(seconds, time_limit)
                if keep is not None:
                    with keep.open("a", encoding="utf-8") as stream:
                        stream.write(json.dumps({"file": key[0], "family": family, "seconds": known[key]}) + "\n")
            return max(_LEAST_SECONDS, known[key])

        for i, family in enumerate(passing):
            some = list(islice((label for label in labels if len(_tight_rows(label, family.name))), oracle))
            base = [measured(label) for label in some]
            logs = [math.log(before / measured(label, family.name)) for label, before in zip(some, base, strict=True)]
            if logs:  # else no best solution has a tight one, and there is nothing to measure
                passing[i] = replace(family, speedup=math.exp(sum(logs) / len(logs)))
    judged = {family.name: family for family in passing}
    for family in families:
        if on_family is not None:
            on_family(judged.get(family.name, family))
    return [family for family in passing if family.is_critical] or passing or families


def families_text(chosen: Sequence[Family], all_families: Sequence[Family]) -> str:
    """
    The names of families as one text, with the structural types that only they have.

    So rows of a file without names, or of a formulation, are found by their structure where that is no other family's.
    """
    names = {family.name for family in chosen}
    taken = {kind for family in all_families if family.name not in names for kind in family.kinds}
    structural = {kind.name.lower() for family in chosen for kind in family.kinds if kind not in taken}
    return ",".join([*(family.name for family in chosen), *sorted(structural - names)])


def _tight_rows(label: Label, family: str) -> np.ndarray:
    """Rows of a family that are tight in the best solution."""
    types = row_types(label.instance)
    is_of = np.array(row_families(label.instance, types)) == family
    return np.flatnonzero(is_of & types.is_candidate & label.tight()[0])


def _imposed(label: Label, family: str) -> MILPInstance:
    """The instance with some of a family's tight rows as equalities."""
    instance, types, rows = label.instance, row_types(label.instance), _tight_rows(label, family)
    rng = np.random.default_rng(0)
    rows = rng.permutation(rows)[: max(1, round(_IMPOSED * len(rows)))]
    lower, upper = instance.row_lower.copy(), instance.row_upper.copy()
    lower[rows] = upper[rows] = np.where(types.is_upper[rows], upper[rows], lower[rows])
    return replace(instance, row_lower=lower, row_upper=upper)


def _seconds(instance: MILPInstance, time_limit: float) -> float:
    """Of a solve by SCIP; infinite if the limit ended it."""
    result = solve(instance, "scip", time_limit=time_limit)
    if result.limit is Limit.INTERRUPTED:
        raise KeyboardInterrupt  # which the driver turned into a result, but is meant for all solves
    return math.inf if result.limit is Limit.TIME else result.runtime


def _read(path: Path) -> dict[tuple[str, str], float]:
    """Kept seconds by file and family; a last line that was cut off is dropped."""
    known: dict[tuple[str, str], float] = {}
    for number, line in whole_lines(path):
        try:
            file, family, seconds = line["file"], line["family"], float(line["seconds"])
            if not (isinstance(file, str) and isinstance(family, str) and 0 <= seconds < math.inf):
                raise ValueError("a measurement has file, family and seconds >= 0")
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise InvalidFileError(f"no measurement: {error!r}.", path, number) from None
        known[file, family] = seconds
    return known
