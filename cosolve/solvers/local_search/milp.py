"""Local search for MILPs: on the graph of conflicts if that says all, else column by column, with LPs in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import Outcome
from cosolve.instances.milp import MILPInstance, Values, tolerance_scale
from cosolve.models.ctc.covering import first_solutions
from cosolve.models.ctc.node_sets import NodeSetProblem, node_set_problem
from cosolve.search import local_mip, mis, weighted_mis
from cosolve.search.local_mip import FOUND, ITERATION, Model
from cosolve.search.slices import Slices
from cosolve.solvers.formulations import Formulation
from cosolve.solvers.mip import complete, prepare, start_values

#: Moves before the first linear program, and how many times as many before each further one.
_FIRST_LP, _NEXT_LP = 2_000, 1.5
#: Part of the time left that a linear program may take, and seconds at most: it hears of nothing else.
_LP_SHARE, _LP_SECONDS = 0.2, 5.0
#: Entries, rows and columns that may be looked at between two looks at the clock.
_VISITS = 100_000_000
#: Pairs of columns in a common row, counted once for each of the two, of the largest graph; half a second's work.
_MOST_PAIRS = 2_000_000
#: By how much a solution must be better, of its cost or of the mean cost of a column: where continuous columns cost
#: something, and where costs are fractions.
_CONTINUOUS_STEP, _FRACTIONAL_STEP = 1e-4, 1e-9
#: What activities may be off by, next to nothing of what the judge takes: what needs more than that, exact solvers call
#: infeasible.
_SLACK = 1e-9


def make_model(instance: MILPInstance) -> Model:
    """A MILP as the search takes it."""
    columns = instance.matrix.tocsc()
    cost = np.array(-instance.cost if instance.maximize else instance.cost)  # both writable: one type for the compiler
    is_priced = cost != 0
    mean = float(np.abs(cost[is_priced]).mean()) if is_priced.any() else 1.0
    if not instance.is_integer[is_priced].all():
        step = _CONTINUOUS_STEP * mean, _CONTINUOUS_STEP
    elif (cost == np.rint(cost)).all() and np.abs(cost).max(initial=0) < 2**53:
        step = float(np.gcd.reduce(np.abs(cost).astype(np.int64))), 0.0
    else:
        step = _FRACTIONAL_STEP * mean, _FRACTIONAL_STEP
    lower, upper = instance.row_lower, instance.row_upper
    return Model(
        indptr=instance.indptr,
        columns=instance.indices,
        coefs=instance.data,
        starts=columns.indptr.astype(np.int64),
        rows=columns.indices.astype(np.int32),
        entries=columns.data,
        lower=instance.col_lower,
        upper=instance.col_upper,
        is_integer=instance.is_integer,
        cost=cost,
        row_lower=lower,
        row_upper=upper,
        least=lower - _SLACK * tolerance_scale(lower, instance.is_integer_row),
        most=upper + _SLACK * tolerance_scale(upper, instance.is_integer_row),
        priced=np.flatnonzero(is_priced & (instance.col_lower < instance.col_upper)),
        step=np.array(step),
        unit=np.array([1 / mean]),
    )


def search(instance: MILPInstance, start: Values | None, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Improve a solution until the limit; without one, begin with the first solutions of covers, else at 0."""
    prepared = prepare(instance, monitor)
    if isinstance(prepared, Outcome):
        return prepared
    formulation, monitor, build_time = prepared
    outcome = improve(formulation, start_values(formulation, start), monitor, int(rng.integers(2**62)))
    return replace(outcome, build_time=build_time)


def improve(formulation: Formulation, value: np.ndarray | None, monitor: Monitor, seed: int) -> Outcome:
    """
    Search on the graph of conflicts if that says all, else column by column.

    Parameters
    ----------
    formulation
        Without ``separate``: its model says all.
    value
        (n,) where to begin, feasible or not; ``None`` for the first solutions of covers, else 0.
    monitor
        Is told of solutions, and says when to stop.
    seed
        Of the random stream.
    """
    instance = formulation.model
    if value is None:
        value = np.zeros(instance.size)
        for value in first_solutions(instance, seed):
            monitor.report(formulation.decode(value))
            if monitor.should_stop():
                break
    if monitor.should_stop():
        return Outcome()
    problem = _node_set_problem(instance)
    if problem is not None:
        return _on_graph(problem, formulation, value, monitor, seed)
    return _by_columns(formulation, value, monitor, seed)


def _node_set_problem(model: MILPInstance) -> NodeSetProblem | None:
    try:
        problem = node_set_problem(model, most_pairs=_MOST_PAIRS)
    except ValueError:
        return None
    return problem if problem.weights.any() else None


def _on_graph(
    problem: NodeSetProblem, formulation: Formulation, value: np.ndarray, monitor: Monitor, seed: int
) -> Outcome:
    """After HILS: :mod:`cosolve.search.weighted_mis`."""
    graph, weight = problem.graph, problem.whole_weights()
    is_worth = weight > 0
    state = weighted_mis.make_state(len(weight), seed)
    is_in = (value < 0.5 if problem.is_cover else value > 0.5) & is_worth
    weighted_mis.begin(graph.indptr, graph.indices, weight, state, np.flatnonzero(is_in))
    reported = 0

    def run(steps: int) -> int:
        weighted_mis.run(graph.indptr, graph.indices, weight, state, steps)
        return int(state.counts[mis.ITERATION])

    def report() -> None:
        nonlocal reported
        if state.counts[mis.BEST] > reported:
            reported = int(state.counts[mis.BEST])
            monitor.report(formulation.decode(problem.values(state.best & is_worth)))

    return _in_slices(run, report, monitor, len(weight) + len(graph.indices))


def _by_columns(formulation: Formulation, value: np.ndarray, monitor: Monitor, seed: int) -> Outcome:
    """After Local-MIP, :mod:`cosolve.search.local_mip`, with the best values of continuous columns now and then."""
    instance = formulation.model
    model = make_model(instance)
    state, choice = local_mip.make_state(model, value, seed), local_mip.make_choice()
    if not len(model.priced):  # all solutions are equal
        monitor.report_bound(float(instance.cost @ state.value) + instance.offset)
    is_mixed = not instance.is_integer.all()
    reported, completed, next_lp = 0, 0, _FIRST_LP

    def run(steps: int) -> int:
        local_mip.run(model, state, choice, min(steps, next_lp - int(state.counts[ITERATION])))
        return int(state.counts[ITERATION])

    def finish() -> None:
        nonlocal completed
        if is_mixed and reported > completed and not monitor.should_stop():
            completed = reported
            others = complete(instance, state.best, min(_LP_SECONDS, monitor.allowance(_LP_SHARE)))
            if others is not None:
                monitor.report(formulation.decode(others))

    def report() -> None:
        nonlocal reported, next_lp
        if state.counts[FOUND] > reported:
            reported = int(state.counts[FOUND])
            monitor.report(formulation.decode(state.best))
        if state.counts[ITERATION] >= next_lp:
            next_lp = int(_NEXT_LP * next_lp)
            finish()

    outcome = _in_slices(run, report, monitor, len(instance.data) + len(instance.row_lower) + instance.size)
    local_mip.record(model, state)  # where the end came between moves that only make it better
    report()
    finish()
    return outcome


def _in_slices(run: Callable[[int], int], report: Callable[[], None], monitor: Monitor, size: int) -> Outcome:
    """
    Search and report by turns until the limit, or until nothing moves.

    Parameters
    ----------
    run
        Makes so many moves, or fewer, and says how many there have been in all.
    report
        Hands over what is new.
    size
        Entries, rows and columns that a move may have to look at.
    """
    slices = Slices(monitor.stop.iterations, longest=max(1, _VISITS // size))
    while not monitor.should_stop() and not slices.is_out:
        is_moving = slices.run(run)
        report()
        if not is_moving:
            break
    return Outcome(limit=Limit.ITERATION if slices.is_out else None, stats={"iterations": slices.done})
