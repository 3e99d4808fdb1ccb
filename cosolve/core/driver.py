"""``solve``: one call for every problem and every solver, with one clock and one judge."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from cosolve.core.errors import CosolveError, SolverUnavailableError, UnsupportedFeatureError, UnsupportedProblemError
from cosolve.core.instance import Instance, Solution, whole_number
from cosolve.core.isolation import run_isolated
from cosolve.core.monitor import Monitor, proves
from cosolve.core.problem import check_instance, judge, problems
from cosolve.core.result import Incumbent, Limit, SolveResult, Status, jsonable
from cosolve.core.solver import Feature, Outcome, Solver, make_options, solvers
from cosolve.core.stop import Stop
from cosolve.core.verdict import Verdict

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds that a solver in this process may overrun before it is left behind (it can't be killed).
GRACE = 10.0


def solve(
    instance: Instance,
    solver: str | None = None,
    *,
    time_limit: float = 60.0,
    seed: int = 0,
    threads: int = 1,
    gap: float = 0.0,
    iterations: int | None = None,
    nodes: int | None = None,
    target: float | None = None,
    solutions: int | None = None,
    initial: Solution | None = None,
    on_incumbent: Callable[[Incumbent], None] | None = None,
    on_bound: Callable[[float, float], None] | None = None,
    on_rejected: Callable[[Verdict], None] | None = None,
    options: Mapping[str, Any] | Any = None,
) -> SolveResult:
    """
    Solve an instance.

    Parameters
    ----------
    instance
        What :func:`cosolve.read` or a generator returned.
    solver
        Registered name; ``None`` is "auto", the documented choice for this problem and size.
    time_limit
        Wall-clock seconds from this call, model building included; only the compilation of our own kernels,
        on their first use on a machine, comes before.
    seed
        Seed of all random choices.
    threads
        Threads that the solver may use.
    gap, iterations, nodes, target, solutions
        Further stopping criteria, see :class:`Stop`.
    initial
        Feasible solution to start from.
    on_incumbent
        Called with each :class:`Incumbent` the moment it is verified, from whichever thread found it.
    on_bound
        Called with (seconds, bound) at each better bound.
    on_rejected
        Called with the verdict on each solution that turns out to be infeasible.
    options
        The solver's own options: a mapping or its options dataclass.

    Returns
    -------
    SolveResult
        With the best verified solution and bound, also after Ctrl-C or a failure of the solver.

    Raises
    ------
    UnsupportedProblemError
        If the solver does not handle this problem.
    UnsupportedFeatureError
        If it lacks a feature that was asked for (``initial``, ``threads``, ``iterations``, ...).
    SolverUnavailableError
        If it is unknown or its package is missing.
    ValueError
        If an argument is out of range, or ``initial`` is infeasible.
    TypeError
        If ``instance`` is none, or ``initial`` is a solution of another problem.
    """
    seed, threads = whole_number(seed, "seed"), whole_number(threads, "threads")
    stop = Stop(time_limit, iterations, nodes, gap, target, solutions)
    adapter = solvers.get(solver or "auto")()
    _check_request(adapter, instance, stop, seed, threads, initial)
    availability = adapter.available()
    if not availability.ok:
        raise SolverUnavailableError(f"solver {adapter.name!r} is not available: {availability.reason}")
    chosen = make_options(adapter.options_type, options)
    adapter.check(chosen)
    adapter.warm_up(instance)
    monitor = Monitor(instance, stop, on_incumbent=on_incumbent, on_bound=on_bound, on_rejected=on_rejected)
    if initial is not None and not monitor.report_start(initial):
        raise ValueError(f"initial solution is infeasible: {judge(instance, initial).violations[0]}")

    def work() -> Outcome:
        return run_adapter(adapter, instance, monitor, seed=seed, threads=threads, initial=initial, options=chosen)

    outcome = _run_in_thread(work, [monitor], adapter.name)
    monitor.close()
    if monitor.callback_error is not None:
        raise monitor.callback_error
    return _conclude(adapter, availability.version, instance, monitor, outcome, seed, threads, chosen)


def solve_batch(
    instances: Sequence[Instance],
    solver: str | None = None,
    *,
    time_limit: float = 60.0,
    seed: int = 0,
    threads: int = 1,
    iterations: int | None = None,
    on_incumbent: Callable[[int, Incumbent], None] | None = None,
    on_bound: Callable[[int, float, float], None] | None = None,
    on_rejected: Callable[[int, Verdict], None] | None = None,
    options: Mapping[str, Any] | Any = None,
) -> list[SolveResult]:
    """
    Solve several instances of one problem; a solver with ``Feature.BATCH`` gets them together.

    Parameters
    ----------
    instances
        Instances of one problem.
    time_limit
        Wall-clock seconds for each instance; for a batch solver, for the batch.
    on_incumbent, on_bound, on_rejected
        As for :func:`solve`, with the position of the instance as first argument.
    solver, seed, threads, iterations, options
        As for :func:`solve`.

    Returns
    -------
    list of SolveResult
        In the order of ``instances``; after Ctrl-C only of those begun.

    Raises
    ------
    CosolveError, ValueError
        As for :func:`solve`.
    """
    seed, threads = whole_number(seed, "seed"), whole_number(threads, "threads")
    adapter = solvers.get(solver or "auto")()
    given = {"on_incumbent": on_incumbent, "on_bound": on_bound, "on_rejected": on_rejected}
    callbacks: list[dict[str, Any]] = [
        {name: partial(call, i) for name, call in given.items() if call is not None} for i in range(len(instances))
    ]
    if Feature.BATCH not in adapter.features:
        results = []
        for instance, calls in zip(instances, callbacks, strict=True):
            result = solve(
                instance,
                solver,
                time_limit=time_limit,
                seed=seed,
                threads=threads,
                iterations=iterations,
                options=options,
                **calls,
            )
            results.append(result)
            if result.limit is Limit.INTERRUPTED:
                break
        return results
    stop = Stop(time_limit, iterations)
    for instance in instances:
        _check_request(adapter, instance, stop, seed, threads, None)
    availability = adapter.available()
    if not availability.ok:
        raise SolverUnavailableError(f"solver {adapter.name!r} is not available: {availability.reason}")
    chosen = make_options(adapter.options_type, options)
    adapter.check(chosen)
    for instance in instances:
        adapter.warm_up(instance)
    monitors = [Monitor(instance, stop, **calls) for instance, calls in zip(instances, callbacks, strict=True)]

    def work() -> list[Outcome]:
        return adapter.solve_batch(instances, monitors, seed=seed, threads=threads, options=chosen)

    outcomes = _run_in_thread(work, monitors, adapter.name)
    if isinstance(outcomes, Outcome):  # the batch as a whole failed or overran
        outcomes = [outcomes] * len(instances)
    for monitor in monitors:
        monitor.close()
    for monitor in monitors:
        if monitor.callback_error is not None:
            raise monitor.callback_error
    return [
        _conclude(adapter, availability.version, instance, monitor, outcome, seed, threads, chosen)
        for instance, monitor, outcome in zip(instances, monitors, outcomes, strict=True)
    ]


def run_adapter(
    adapter: Solver,
    instance: Instance,
    monitor: Monitor,
    *,
    seed: int,
    threads: int,
    initial: Solution | None,
    options: Any,
) -> Outcome:
    """Call an adapter here, or in a child process if it must be isolated. Solvers made of solvers use this too."""
    if not adapter.isolated:
        return adapter.solve(instance, monitor, seed=seed, threads=threads, initial=initial, options=options)
    target = f"{type(adapter).__module__}:{type(adapter).__qualname__}"
    return run_isolated(target, instance, monitor, seed=seed, threads=threads, initial=initial, options=options)


def _check_request(
    adapter: Solver, instance: Instance, stop: Stop, seed: int, threads: int, initial: Solution | None
) -> None:
    name = adapter.name
    check_instance(instance)
    if instance.problem not in adapter.problems:
        raise UnsupportedProblemError(
            f"solver {name!r} does not handle {instance.problem}; it handles: {', '.join(sorted(adapter.problems))}."
        )
    if threads < 1:
        raise ValueError(f"threads must be >= 1, got {threads}.")
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}.")
    asked = {
        "initial": (initial is not None, Feature.WARM_START),
        "threads": (threads > 1, Feature.THREADS),
        "seed": (seed != 0, Feature.SEED),
    }
    for what, (is_asked, feature) in asked.items():
        if is_asked and feature not in adapter.features:
            raise UnsupportedFeatureError(f"solver {name!r} can't make use of {what!r}.")
    if stop.iterations is not None and Limit.ITERATION not in adapter.limits:
        raise UnsupportedFeatureError(f"solver {name!r} has no iteration limit.")
    if stop.nodes is not None and Limit.NODE not in adapter.limits:
        raise UnsupportedFeatureError(f"solver {name!r} has no node limit.")


@contextmanager
def _interruptible(monitors: Sequence[Monitor]) -> Iterator[None]:
    """First Ctrl-C asks the solver to stop, the second raises KeyboardInterrupt; only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    pressed = False

    def on_signal(signum: int, frame: Any) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        for monitor in monitors:
            monitor.interrupt()

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if previous is None else previous)


def _run_in_thread(work: Callable[[], T], monitors: Sequence[Monitor], name: str) -> T | Outcome:
    # Native code blocks Python's signal handlers in the thread that called it, so the solver never gets the
    # main thread. A thread can't be killed: one that overruns is left behind, and solvers known for that are
    # isolated in a process instead.
    answers: list[T] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            answers.append(work())
        except BaseException as error:
            errors.append(error)

    def is_over() -> bool:
        return all(monitor.limit is not None or monitor.time_left() == 0 for monitor in monitors)

    thread = threading.Thread(target=target, name=f"cosolve-{name}", daemon=True)
    asked: float | None = None
    with _interruptible(monitors):
        thread.start()
        while thread.is_alive():
            thread.join(0.05)
            if asked is None and is_over():
                asked = monotonic()
            if asked is not None and monotonic() - asked > GRACE:
                logger.warning("solver %s did not stop within %g s after its limit; left behind.", name, GRACE)
                return Outcome(limit=Limit.TIME, message="the solver did not stop in time.")
    if answers:
        return answers[0]
    error = errors[0]
    if isinstance(error, CosolveError | KeyboardInterrupt | SystemExit):
        raise error
    if _is_out_of_memory(error):
        return Outcome(status=Status.ERROR, limit=Limit.MEMORY, message="out of memory.")
    logger.error("solver %s failed", name, exc_info=error)
    return Outcome(status=Status.ERROR, message=f"{type(error).__name__}: {error}")


def _is_out_of_memory(error: BaseException) -> bool:
    # A full GPU raises torch.OutOfMemoryError, which is a RuntimeError; torch itself may not be imported here.
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return isinstance(error, MemoryError) or "torch.OutOfMemoryError" in names


def _conclude(
    adapter: Solver,
    version: str,
    instance: Instance,
    monitor: Monitor,
    outcome: Outcome,
    seed: int,
    threads: int,
    options: Any,
) -> SolveResult:
    """Turn the solver's claim and the monitor's facts into a result; facts win."""
    best, bound = monitor.best, monitor.bound
    status, message = outcome.status, outcome.message
    limit = monitor.limit or outcome.limit
    notes = [message] if message else []
    objective = None if best is None else best.objective
    if status is Status.UNBOUNDED and bound is not None:
        notes.append(f"the solver says unbounded, yet it has reported a bound of {bound:.12g}.")
        status, bound = Status.FEASIBLE, None
    if best is not None and bound is not None:
        sign = 1.0 if instance.sense == "min" else -1.0
        if sign * (bound - best.objective) > 0 and not proves(instance, bound, best.objective):
            notes.append(f"the solver's bound {bound:.12g} contradicts the verified objective {best.objective:.12g}.")
            bound, status = None, Status.ERROR if status is Status.ERROR else Status.FEASIBLE
        elif sign * (bound - best.objective) > 0:
            bound = best.objective  # rounding noise: a bound is never beyond a feasible solution
    if best is None:
        if status in (Status.OPTIMAL, Status.FEASIBLE):
            if monitor.rejected is not None:
                notes.append(f"the solver's solution breaks a rule: {monitor.rejected.violations[0]}.")
            status = Status.NO_SOLUTION
    elif status in (Status.INFEASIBLE, Status.INFEASIBLE_OR_UNBOUNDED):
        notes.append(f"the solver says {status.value}, yet a verified solution is known.")
        status = Status.FEASIBLE
    elif bound is not None and proves(instance, bound, best.objective):
        status = Status.OPTIMAL if status is not Status.ERROR else status
        bound = best.objective
    elif status is Status.OPTIMAL:
        if limit is not Limit.SOLUTION:  # with that one its optimum may have come too late
            notes.append("the solver says optimal, but its bound does not agree with the verified objective.")
        status = Status.FEASIBLE
    elif status in (Status.NO_SOLUTION, Status.UNKNOWN):
        status = Status.FEASIBLE
    if status is Status.INFEASIBLE:
        bound = None  # whatever was reported on the way: there is nothing to be bounded
    if status in (Status.OPTIMAL, Status.INFEASIBLE, Status.UNBOUNDED) and limit is not Limit.INTERRUPTED:
        limit = None
    return SolveResult(
        problem=instance.problem,
        instance=instance.name,
        digest=instance.digest,
        solver=adapter.name,
        version=version,
        status=status,
        limit=limit,
        objective=objective,
        claimed_objective=monitor.claimed_objective,
        bound=bound,
        solution=None if best is None else best.solution,
        trajectory=tuple(monitor.trajectory),
        build_time=outcome.build_time,
        runtime=monitor.elapsed(),
        seed=seed,
        threads=threads,
        options=jsonable(options),
        stats=jsonable(outcome.stats),
        message=" ".join(" ".join(notes).split()),
    )


def list_solvers(problem: str | None = None, *, only_available: bool = False) -> list[str]:
    """
    Names of the registered solvers.

    Parameters
    ----------
    problem
        Only those that handle this problem.
    only_available
        Only those whose package is installed.

    Raises
    ------
    UnsupportedProblemError
        If there is no such problem.
    """
    if problem is not None:
        problems.get(problem)
    names = []
    for name in solvers.names():
        try:
            adapter = solvers.get(name)()
        except ImportError as error:  # an installed plug-in that is broken must not hide the others
            logger.warning("solver %s can't be loaded: %s", name, error)
            continue
        if (problem is None or problem in adapter.problems) and (not only_available or adapter.available().ok):
            names.append(name)
    return names
