"""What every solver, format and judge has to keep."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter

import pytest

import cosolve
from cosolve.core.errors import InvalidSolutionError, UnsupportedFeatureError, UnsupportedProblemError
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import is_close
from cosolve.core.result import Limit, SolveResult, Status, result_from_dict
from cosolve.core.solver import Feature, solvers

#: Seconds a run may take beyond its limit: start of a child process and of a backend on a loaded machine.
GRACE = 15.0


def check_solver(
    name: str, instance: Instance, optimum: float, *, time_limit: float = 10.0, proves: bool = True
) -> SolveResult:
    """
    Run a solver on a small instance and check everything that its features promise.

    Parameters
    ----------
    name
        Registered and available solver.
    instance
        Instance of one of its problems, small enough to be solved at once.
    optimum
        Its optimum, known from elsewhere.
    time_limit
        Seconds for the main run.
    proves
        False excuses a solver with ``Feature.EXACT`` from the proof: where its backend has to round the data.

    Returns
    -------
    SolveResult
        Of the main run.

    Raises
    ------
    AssertionError
        Naming the promise that is broken.
    """
    adapter = solvers.get(name)()
    availability = adapter.available()
    assert availability.ok, f"{name} is not available: {availability.reason}"
    assert availability.version, f"{name} does not say its version"
    seen: list[float] = []
    # Who can't prove optimality would search on until the limit: the known optimum ends it.
    target = None if Feature.EXACT in adapter.features else optimum
    result = cosolve.solve(
        instance, name, time_limit=time_limit, target=target, on_incumbent=lambda i: seen.append(i.objective)
    )
    check_result(result, instance, optimum)
    assert result.status not in (Status.ERROR, Status.INFEASIBLE), f"{name}: {result.status}: {result.message}"
    if result.objective is not None:
        assert seen, f"{name} gave a solution without telling on_incumbent"
        assert seen[-1] == result.objective, f"{name}: the last incumbent is not the result"
    if Feature.EXACT in adapter.features and proves:
        assert result.status is Status.OPTIMAL, f"{name} says EXACT, but ended with {result.status}: {result.message}"
        assert result.objective is not None
        assert is_close(instance, result.objective, optimum), (
            f"{name} proved {result.objective}, the optimum is {optimum}"
        )
    if not adapter.features & (Feature.BOUND | Feature.EXACT):
        assert result.bound is None, f"{name} gave a bound without the BOUND feature"
    _check_round_trip(result)
    _check_limit(name, instance, optimum, 0.0)
    _check_limit(name, instance, optimum, 0.5)
    _check_refusals(name, instance)
    if Feature.WARM_START in adapter.features and result.solution is not None:
        again = cosolve.solve(instance, name, time_limit=2.0, target=target, initial=result.solution)
        check_result(again, instance, optimum)
        assert again.objective is not None, f"{name} lost the initial solution"
        worse = (again.objective - result.objective) * _sign(instance)  # type: ignore[operator]
        assert worse <= 0, f"{name} made the initial solution worse"
    if Feature.DETERMINISTIC in adapter.features:
        iterations = 50 if Limit.ITERATION in adapter.limits else None
        runs = [cosolve.solve(instance, name, time_limit=60.0, iterations=iterations) for _ in range(2)]
        assert runs[0].objective == runs[1].objective, f"{name} is not deterministic"
        assert runs[0].solution == runs[1].solution, f"{name} is not deterministic in its solution"
    return result


def check_result(result: SolveResult, instance: Instance, optimum: float | None = None) -> None:
    """
    Check that a result is consistent in itself, with the judge, and with a known optimum.

    Raises
    ------
    AssertionError
        Naming what does not fit.
    """
    sign = _sign(instance)
    if result.solution is None:
        assert result.objective is None, "an objective without a solution"
        assert result.status not in (Status.OPTIMAL, Status.FEASIBLE), f"{result.status} without a solution"
    else:
        verdict = cosolve.judge(instance, result.solution)
        assert verdict.feasible, f"the solution is infeasible: {verdict.violations[0]}"
        assert verdict.objective == result.objective, "the objective is not the judge's"
    if result.objective is not None and result.bound is not None:
        assert sign * (result.objective - result.bound) >= 0, "the bound lies beyond the objective"
    if result.status is Status.OPTIMAL:
        assert result.gap <= 1e-6, f"optimal with a gap of {result.gap}"
    if optimum is not None:
        if result.objective is not None:
            assert sign * (result.objective - optimum) >= 0 or is_close(instance, result.objective, optimum), (
                f"objective {result.objective} is better than the optimum {optimum}"
            )
        if result.bound is not None:
            assert sign * (optimum - result.bound) >= 0 or is_close(instance, result.bound, optimum), (
                f"bound {result.bound} cuts off the optimum {optimum}"
            )
    previous_time, objective, bound = 0.0, None, None
    for point in result.trajectory:
        assert point.time >= previous_time, "the trajectory goes back in time"
        if objective is not None:
            assert point.objective is not None, "the trajectory loses its objective"
            assert sign * (point.objective - objective) <= 0, "the trajectory gets worse"
        if bound is not None:
            assert point.bound is not None, "the trajectory loses its bound"
            assert sign * (point.bound - bound) >= 0, "the bound in the trajectory gets worse"
        previous_time, objective, bound = point.time, point.objective, point.bound
    if result.trajectory and result.objective is not None:
        assert result.trajectory[-1].objective == result.objective, "the trajectory does not end at the result"


def _sign(instance: Instance) -> float:
    return 1.0 if instance.sense == "min" else -1.0


def _check_round_trip(result: SolveResult) -> None:
    data = json.loads(result.to_json())
    solution_type = cosolve.problems.get(result.problem).solution_type
    again = result_from_dict(data, solution_type)
    assert again.to_dict() == result.to_dict(), "the result does not survive JSON"


def _check_limit(name: str, instance: Instance, optimum: float, time_limit: float) -> None:
    start = perf_counter()
    result = cosolve.solve(instance, name, time_limit=time_limit)
    assert perf_counter() - start < time_limit + GRACE, f"{name} overran a limit of {time_limit} seconds"
    assert result.status is not Status.ERROR, f"{name} fails when it has {time_limit} seconds: {result.message}"
    check_result(result, instance, optimum)


def _check_refusals(name: str, instance: Instance) -> None:
    adapter = solvers.get(name)()
    others = [key for key in cosolve.problems.names() if key not in adapter.problems]
    if others:

        class Stranger(type(instance)):  # type: ignore[misc]
            problem = others[0]

        stranger = object.__new__(Stranger)
        stranger.__dict__.update(instance.__dict__)
        with pytest.raises(UnsupportedProblemError):
            cosolve.solve(stranger, name)
    for feature, arguments in ((Feature.THREADS, {"threads": 2}), (Feature.SEED, {"seed": 1})):
        if feature not in adapter.features:
            with pytest.raises(UnsupportedFeatureError):
                cosolve.solve(instance, name, **arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown option"):
        cosolve.solve(instance, name, options={"no such option": 1})


def check_format(name: str, instance: Instance, path: Path) -> None:
    """
    Write an instance in a format, read it back without and with its name, and compare.

    Raises
    ------
    AssertionError
        If it comes back different.
    """
    cosolve.write(instance, path, format=name)
    assert cosolve.read(path, problem=instance.problem) == instance, f"{name} is not recognised or changes the data"
    assert cosolve.read(path, problem=instance.problem, format=name) == instance, f"{name} changes the data"


def check_solution_format(instance: Instance, solution: Solution, path: Path) -> None:
    """
    Write a solution under the path's suffix, read it back and compare.

    Raises
    ------
    AssertionError
        If it comes back different, or if a cut file is accepted as the same solution.
    """
    objective = cosolve.judge(instance, solution).objective
    cosolve.write_solution(instance, solution, path, objective=objective)
    again = cosolve.read_solution(path, instance)
    assert cosolve.judge(instance, again) == cosolve.judge(instance, solution)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    try:
        cut = cosolve.read_solution(path, instance)
    except InvalidSolutionError:
        return
    assert not cosolve.judge(instance, cut).feasible or cut != solution, "half a file reads as the whole solution"


def check_judge(instance: Instance, solution: Solution, corrupted: Iterable[Solution]) -> None:
    """
    Check that a judge accepts a feasible solution and rejects each of its corruptions with a named violation.

    Raises
    ------
    AssertionError
        Naming the corruption that passed.
    """
    assert cosolve.judge(instance, solution).feasible, "the judge rejects a feasible solution"
    for broken in corrupted:
        verdict = cosolve.judge(instance, broken)
        assert not verdict.feasible, f"the judge accepts {broken}"
        assert all(v.what for v in verdict.violations), "a violation without a name"
