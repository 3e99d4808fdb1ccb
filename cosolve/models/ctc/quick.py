"""Good solutions in a moment, where the structure of a MILP is known: what they agree on, a network can rely on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.node_sets import node_set_problem
from cosolve.search import weighted_mis

#: Runs from different beginnings, and perturbations of each, for each node.
_RUNS, _ITERATIONS = 8, 10

#: Of the weights of solutions: those half a per cent worse count a third.
_SHARPNESS = 200.0

#: Perturbations between two looks at the clock.
_SLICE = 100

#: Weights become whole numbers up to this: their sum over a million nodes is far below what 64 bits hold.
_LARGEST = 2.0**30


def quick_solutions(
    instance: MILPInstance,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_better: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray | None:
    """
    Solutions of a set packing or vertex cover by local search on the graph of its conflicts.

    Eight runs that know nothing of each other, some milliseconds for each hundred columns: they end within a per cent
    of the optimum, in different places. So what all of them have is likely in a best solution, too.

    Parameters
    ----------
    instance
        Any MILP.
    should_stop
        Asked all along; what is finished by then is returned.
    on_better
        Called with the column values (num_cols,) of each solution better than all before.

    Returns
    -------
    np.ndarray or None
        (K, num_cols) values of a solution of each run; ``None`` if it is another problem, or there was no time.
    """
    try:
        problem = node_set_problem(instance)
    except ValueError:
        return None
    most = problem.weights.max(initial=0.0)
    if not most > 0:
        return None
    weight = np.rint(problem.weights * (_LARGEST / most)).astype(np.int64)
    found: list[np.ndarray] = []
    best = -1
    for run in range(_RUNS):
        state = weighted_mis.make_state(problem.graph.num_nodes, run)
        left = _ITERATIONS * problem.graph.num_nodes
        while left > 0 and not should_stop():
            weighted_mis.run(problem.graph.indptr, problem.graph.indices, weight, state, min(left, _SLICE))
            left -= _SLICE
            if state.counts[weighted_mis.BEST] > best:
                best = int(state.counts[weighted_mis.BEST])
                if on_better is not None:
                    on_better(problem.values(state.best))
        if left > 0:
            break
        found.append(problem.values(state.best))
    return np.array(found) if found else None


def agreement(instance: MILPInstance, solutions: np.ndarray, is_met: np.ndarray) -> np.ndarray:
    """
    How far solutions agree on what is said of each.

    Parameters
    ----------
    solutions
        (K, num_cols), K >= 1.
    is_met
        (K, m) what is true in which.

    Returns
    -------
    np.ndarray
        (m, 3): share of the solutions; share by weights that fall with the distance to the best objective; the
        best one alone.
    """
    objective = solutions @ instance.cost
    best = objective.max() if instance.maximize else objective.min()
    gap = np.abs(objective - best) / max(abs(best), 1e-300)
    weight = np.exp(-_SHARPNESS * gap)
    return np.column_stack([is_met.mean(axis=0), weight / weight.sum() @ is_met, is_met[int(gap.argmin())]])
