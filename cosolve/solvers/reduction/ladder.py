"""
The repair loop: reduced models one after the other, each less reduced than the last, and the original at the end.

A reduced model passes up solutions and nothing else: its bound, its OPTIMAL and its INFEASIBLE are about another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosolve.core.monitor import Monitor, SolutionsOnly
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome
from cosolve.models.ctc.rows import is_binary
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.mip import start_values
from cosolve.solvers.reduction.reduce import Reduction, reduce

#: ``backend(formulation, monitor, start)``.
Backend = Callable[[Formulation, Monitor, "np.ndarray | None"], Outcome]


@dataclass
class Ladder:
    """
    What became of each rung.

    Parameters
    ----------
    rungs
        One entry for each reduced model: what it imposed, how it ended, and the objective after it.
    fallbacks
        Rungs that were repaired: infeasible, or at an end while the run had no solution. One that found nothing better
        than the run had is none: nothing better may be left in that model.
    """

    rungs: list[dict[str, Any]] = field(default_factory=list)
    fallbacks: int = 0


def climb_down(
    formulation: Formulation,
    reduction: Reduction,
    monitor: Monitor,
    backend: Backend,
    *,
    share: float,
    most: int,
) -> Ladder:
    """
    Solve the reduced model; impose less; solve again, from the best solution so far.

    A wider model repairs a reduction without a solution, and goes on from one that has been solved, whether or not
    the backend may call that proven. A rung that runs out of time, or of anything else, with a solution in hand is the
    last: a wider model would only be slower.

    Parameters
    ----------
    formulation
        Of the original problem.
    reduction
        The first rung.
    monitor
        Of the whole run.
    backend
        Solves one formulation.
    share
        Of the time left that a rung may take.
    most
        Rungs that have a solution.
    """
    ladder = Ladder()
    num_binaries = int(is_binary(formulation.model).sum())
    while len(ladder.rungs) - ladder.fallbacks < most and not reduction.is_empty and not monitor.should_stop():
        best = monitor.best
        stage = SolutionsOnly(monitor, monitor.allowance(share))
        model = reduce(formulation, reduction)
        outcome = backend(model, stage, None if best is None else start_values(model, best.solution))
        ladder.rungs.append(
            {
                "rows": len(reduction.rows),
                "columns": len(reduction.columns),
                "status": outcome.status.value,
                "improved": stage.has_found,
                "runtime": round(stage.elapsed(), 3),
            }
        )
        if outcome.status is Status.INFEASIBLE or monitor.best is None:
            ladder.fallbacks += 1
        elif outcome.status is not Status.OPTIMAL and (stage.should_stop() or outcome.limit not in (None, Limit.GAP)):
            break
        reduction = reduction.wider(num_binaries)
    return ladder
