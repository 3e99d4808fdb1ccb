"""Good solutions in a moment, where the structure of a MILP is known: what they agree on, a network can rely on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cosolve.core.errors import InvalidFileError
from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.covering import covering_program
from cosolve.models.ctc.lines import whole_lines
from cosolve.models.ctc.node_sets import node_set_problem
from cosolve.search import weighted_mis
from cosolve.search.covering import greedy, improve
from cosolve.search.mis import BEST

#: File in the folder of a run that keeps those of its instances.
QUICK = "quick.jsonl"

#: Runs from different beginnings.
_RUNS = 8

#: On graphs: perturbations of each run, for each node, and at most.
_ITERATIONS, _MOST_ITERATIONS = 15, 100_000

#: Of covers: entries, rows and columns that the rounds of a run look at, some 20 ms; rounds at least and at most.
_COVER_VISITS, _LEAST_ROUNDS, _MOST_ROUNDS = 2_200_000, 20, 1_000

#: Of the weights of solutions: those half a per cent worse count a third.
_SHARPNESS = 200.0

#: Perturbations between two looks at the clock, fewer on graphs where one may visit many nodes and edges.
_SLICE, _VISITS = 100, 10_000_000


def quick_solutions(
    instance: MILPInstance,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    on_better: Callable[[np.ndarray], None] | None = None,
) -> np.ndarray | None:
    """
    Solutions of set packings and vertex covers by local search on the graph of conflicts, of covers by iterated greedy.

    Eight runs that know nothing of each other, a millisecond for each column in all on a graph, 0.2 s for a cover:
    they end a per cent or two from the optimum, in different places. So what all of them have is likely in a best
    solution, too.

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
        return _of_cover(instance, should_stop, on_better)
    if not problem.weights.any():
        return None
    weight = problem.whole_weights()
    is_worth = weight > 0  # what is worth nothing may be in a set all the same, and cost something
    graph, n = problem.graph, instance.size
    step = max(1, min(_SLICE, _VISITS // (n + len(graph.indices))))
    found: list[np.ndarray] = []
    best = 0
    for run in range(_RUNS):
        state = weighted_mis.make_state(n, run)
        left = min(_ITERATIONS * n, _MOST_ITERATIONS)
        while left > 0 and not should_stop():
            weighted_mis.run(graph.indptr, graph.indices, weight, state, min(left, step))
            left -= step
            if state.counts[BEST] > best:
                best = int(state.counts[BEST])
                if on_better is not None:
                    on_better(problem.values(state.best & is_worth))
        if left > 0:
            break
        found.append(problem.values(state.best & is_worth))
    return np.array(found) if found else None


def _of_cover(
    instance: MILPInstance, should_stop: Callable[[], bool], on_better: Callable[[np.ndarray], None] | None
) -> np.ndarray | None:
    # They are kept as the columns that are 1.
    if not (instance.is_integer & (instance.col_lower >= 0) & (instance.col_upper <= 1)).all() or should_stop():
        return None
    program = covering_program(instance)
    if program is None or not len(program.columns):
        return None
    found: list[np.ndarray] = []
    best = np.inf
    for run in range(_RUNS):
        search = program.search(run)
        cost = np.inf
        left = min(_MOST_ROUNDS, max(_LEAST_ROUNDS, program.rounds(_COVER_VISITS)))
        while left > 0 and not should_stop():
            cost = greedy(search) if cost == np.inf else improve(search, cost, 1)
            left -= 1
            if cost < best:
                best = cost
                if on_better is not None:
                    on_better(program.solution(search))
        if left > 0:
            break
        found.append(program.solution(search))
    return np.array(found) if found else None


def kept_quick_solutions(
    instances: Sequence[MILPInstance],
    keep: Path,
    *,
    threads: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, np.ndarray | None]:
    """
    Quick solutions of many instances, by their digests; those not yet in a file are made and appended.

    Parameters
    ----------
    keep
        The file, made if need be: a line of digest and solutions for each instance, these by the columns that are 1.
    threads
        Instances searched at the same time.
    should_stop
        Asked all along; instances that are not finished by then are missing.
    on_progress
        Called with the number of instances that are done, and that of all.

    Raises
    ------
    InvalidFileError
        If the file holds something else.
    """
    known = _read(keep, {instance.digest: instance.size for instance in instances})
    missing = [instance for instance in instances if instance.digest not in known]
    is_over = threading.Event()

    def search(instance: MILPInstance) -> tuple[np.ndarray | None, bool]:
        found = quick_solutions(instance, should_stop=lambda: is_over.is_set() or should_stop())
        return found, should_stop()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="cosolve-quick")
    try:
        with keep.open("a", encoding="utf-8") as stream:
            for instance, (found, is_late) in zip(missing, pool.map(search, missing), strict=True):
                if is_late:
                    break
                ones = [] if found is None else [np.flatnonzero(values).tolist() for values in found]
                stream.write(json.dumps({"digest": instance.digest, "ones": ones}) + "\n")
                stream.flush()
                known[instance.digest] = found
                on_progress(len(known), len(instances))
    finally:
        is_over.set()
        pool.shutdown(wait=False, cancel_futures=True)
    return known


def _read(path: Path, sizes: Mapping[str, int]) -> dict[str, np.ndarray | None]:
    """Kept solutions of instances of these sizes by digest; a last line that was cut off is dropped."""
    known: dict[str, np.ndarray | None] = {}
    for number, line in whole_lines(path):
        try:
            digest, ones = line["digest"], line["ones"]
            if digest in sizes:
                values = np.zeros((len(ones), sizes[digest]))
                for row, columns in zip(values, ones, strict=True):
                    row[np.array(columns, dtype=np.uint64)] = 1.0
                known[digest] = values if len(values) else None
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise InvalidFileError(f"no quick solutions: {error!r}; delete the line.", path, number) from None
    return known


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
