"""What HiGHS, SCIP and PuLP must all do right on MILPs."""

from __future__ import annotations

import ctypes
import gc
import math
import threading
import weakref
from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Outcome, solvers
from cosolve.core.stop import Stop
from cosolve.evaluation.metrics import primal_dual_integral
from cosolve.instances.milp import MILPInstance, Values
from cosolve.solvers import mip
from cosolve.solvers.formulations import formulate
from cosolve.solvers.scip import ScipOptions, _set_parameters
from tests.solvers.milps import INF, brute_force, hard_cover, milp, random_milp, with_hidden_rows

# PuLP starts two processes per call: it gets fewer cases.
BACKENDS = ["highs", "scip", "pulp"]


@pytest.mark.parametrize("solver", BACKENDS)
def test_a_start_that_the_judge_takes_may_be_off_by_his_tolerances(solver):
    """PuLP raises an error for an initial value beyond a bound."""
    instance = milp([[1.0, 1.0]], [-1.0, -1.0], upper=3.0, row_upper=2.5, integer=[True, False])
    start = Values(values=np.array([1.0 + 1e-9, -1e-9]))
    result = cosolve.solve(instance, solver, initial=start, time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, pytest.approx(-2.5))


@pytest.mark.parametrize("solver", BACKENDS)
def test_random_milps_agree_with_brute_force(solver):
    """A wrong sign of maximisation, a lost offset, a range row or a wrong status map would show here."""
    for seed in range(2 if solver == "pulp" else 40):
        instance = random_milp(seed)
        expected = brute_force(instance)
        result = cosolve.solve(instance, solver, time_limit=20)
        if expected is None:
            assert result.status == cosolve.Status.INFEASIBLE, seed
            assert result.objective is None
        else:
            assert result.status == cosolve.Status.OPTIMAL, (seed, result.message)
            assert result.objective == pytest.approx(expected, abs=1e-6), seed
            assert result.bound == pytest.approx(expected, abs=1e-5), seed


@pytest.mark.parametrize("solver", BACKENDS)
def test_linear_program_has_objective_and_bound(solver):
    """Backends treat LPs apart: no MIP bound, other callbacks. min x + 2 y: x + y >= 2, x + 3 y >= 3 gives 2.5."""
    instance = milp([[1, 1], [1, 3]], [1, 2], upper=5, integer=False, row_lower=[2, 3])
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective == pytest.approx(2.5)
    assert result.bound == pytest.approx(2.5)


@pytest.mark.parametrize("solver", BACKENDS)
def test_mixed_program_keeps_continuous_columns_continuous(solver):
    """max 3 x + 2 y, 2 x + y <= 7.5, x <= 3 integer, y <= 5: 13 at x = 1, y = 5; 13.75 if x were continuous."""
    instance = milp([[2, 1]], [3, 2], upper=[3, 5], integer=[True, False], row_upper=7.5, maximize=True)
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.objective == pytest.approx(13.0)
    assert result.status == cosolve.Status.OPTIMAL


@pytest.mark.parametrize("solver", BACKENDS)
def test_the_cheaper_continuous_column_covers_a_mixed_row(solver):
    """HiGHS 1.14.0's presolve calls 15 optimal here (ERGO-Code/HiGHS#3043): min 2 x + 3 z, x + z >= 4.5, z integer."""
    instance = milp([[1, 1]], [2, 3], upper=10, integer=[False, True], row_lower=4.5)
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective == pytest.approx(9.0)


@pytest.mark.parametrize("solver", BACKENDS)
def test_parity_makes_it_infeasible(solver):
    """2 x + 2 y = 1 has no integer solution although its relaxation has many; CBC calls it "integer infeasible"."""
    result = cosolve.solve(milp([[2, 2]], 1, upper=1, row_lower=1, row_upper=1), solver, time_limit=20)
    assert result.status == cosolve.Status.INFEASIBLE
    assert result.bound is None
    assert result.solution is None


@pytest.mark.parametrize("solver", BACKENDS)
@pytest.mark.parametrize("integer", [True, False])
def test_unbounded_is_told_from_infeasible(solver, integer):
    """min -x, x >= y >= 0 has no end; SCIP and HiGHS may say "infeasible or unbounded" from presolve."""
    result = cosolve.solve(milp([[1, -1]], [-1, 0], integer=integer, row_lower=0), solver, time_limit=20)
    assert result.status == cosolve.Status.UNBOUNDED
    assert result.bound is None


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_unbounded_relaxation_of_an_infeasible_milp_is_not_called_unbounded(solver):
    """2 x - 2 y = 1 has no integer point, z is free to grow: an unbounded relaxation proves nothing."""
    matrix = [[2, -2, 0], [0, 0, 1]]
    instance = milp(matrix, [0, -1, -1], row_lower=[1, 0], row_upper=[1, INF])
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.INFEASIBLE


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_models_without_rows_columns_or_room(solver):
    """Backends answer these with errors or "empty"."""
    free = cosolve.solve(milp(np.zeros((0, 3)), [1, -1, 0], upper=1), solver, time_limit=5)
    assert (free.status, free.objective) == (cosolve.Status.OPTIMAL, -1.0)
    endless = cosolve.solve(milp(np.zeros((0, 1)), [-1]), solver, time_limit=5)
    assert endless.status == cosolve.Status.UNBOUNDED
    nothing = cosolve.solve(milp(np.zeros((1, 0)), [], row_lower=0, row_upper=0), solver, time_limit=5)
    assert nothing.status == cosolve.Status.OPTIMAL
    broken = cosolve.solve(milp(np.zeros((1, 0)), [], row_lower=1), solver, time_limit=5)
    assert broken.status == cosolve.Status.INFEASIBLE
    crossed = cosolve.solve(milp([[1, 1]], 1, lower=[0, 2], upper=1, row_lower=0), solver, time_limit=5)
    assert crossed.status == cosolve.Status.INFEASIBLE


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_repeated_entries_of_a_row_add_up(solver):
    """1 x + 1 x >= 3 means x >= 2 for an integer x; HiGHS refuses repeated indices."""
    base = milp([[1, 0]], 1, row_lower=3)
    instance = cosolve.instances.milp.MILPInstance(
        **{
            **{f: getattr(base, f) for f in ("cost", "col_lower", "col_upper", "is_integer", "row_lower", "row_upper")},
            "data": np.ones(2),
            "indices": np.zeros(2, dtype=int),
            "indptr": np.array([0, 2]),
        }
    )
    assert cosolve.solve(instance, solver, time_limit=5).objective == 2.0


@pytest.mark.parametrize("solver", BACKENDS)
def test_free_columns_do_not_fake_a_proof(solver):
    """min x + y >= -3.5, both free: CBC prints x = 12345679000, y = -12345679000, whose sum is 0, not -3.5."""
    instance = milp([[1, 1]], 1, lower=-INF, integer=[True, False], row_lower=-3.5)
    result = cosolve.solve(instance, solver, time_limit=5)
    assert result.bound is None or result.bound <= -3.5 + 1e-5
    if solver != "pulp":
        assert result.objective == pytest.approx(-3.5, abs=1e-5)


@pytest.mark.parametrize("solver", BACKENDS)
def test_time_limit_of_zero_returns_at_once(solver):
    started = perf_counter()
    result = cosolve.solve(hard_cover(), solver, time_limit=0)
    assert perf_counter() - started < 3.0
    assert result.limit == cosolve.Limit.TIME
    assert result.status == cosolve.Status.NO_SOLUTION


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_one_second_on_a_hard_cover_gives_solution_and_bound(solver):
    """What a user sees when time runs out: not an empty hand, and not much later."""
    started = perf_counter()
    result = cosolve.solve(hard_cover(), solver, time_limit=1)
    assert perf_counter() - started < 2.0
    assert result.limit == cosolve.Limit.TIME
    assert result.status == cosolve.Status.FEASIBLE
    assert 0 < result.bound < result.objective
    objectives = [point.objective for point in result.trajectory if point.objective is not None]
    assert objectives == sorted(objectives, reverse=True)
    bounds = [point.bound for point in result.trajectory if point.bound is not None]
    assert bounds == sorted(bounds)
    assert len(bounds) > 0


def test_pulp_brings_a_solution_at_the_time_limit():
    """CBC stops by itself a moment before the child is killed."""
    result = cosolve.solve(hard_cover(), "pulp", time_limit=3)
    assert result.limit == cosolve.Limit.TIME
    assert result.status == cosolve.Status.FEASIBLE
    assert result.bound is None


@pytest.mark.parametrize("solver", ["highs", "scip"])
@pytest.mark.parametrize("delay", [0.05, 0.4, 0.9])
def test_interrupt_at_any_moment_ends_soon(solver, delay):
    """Ctrl-C during set-up, presolve or search; the best solution stays."""
    instance = hard_cover()
    monitor = Monitor(instance, cosolve.Stop(time_limit=60))
    adapter = solvers.get(solver)()
    threading.Timer(delay, monitor.interrupt).start()
    started = perf_counter()
    outcome = adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
    assert perf_counter() - started < delay + 2.0
    assert monitor.limit == cosolve.Limit.INTERRUPTED
    assert outcome.status == cosolve.Status.FEASIBLE


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_node_limit_and_seed_repeat_exactly(solver):
    """Feature.DETERMINISTIC: the path must not depend on the clock."""
    instance = cosolve.generate("milp", "steiner-triple", n=45)
    first, second = (cosolve.solve(instance, solver, nodes=5, seed=5, time_limit=60) for _ in range(2))
    assert first.limit == cosolve.Limit.NODE
    clocked = {"primal_dual_integral"}  # over time, by its nature
    assert {k: v for k, v in first.stats.items() if k not in clocked} == {
        k: v for k, v in second.stats.items() if k not in clocked
    }
    assert (first.objective, first.bound) == (second.objective, second.bound)
    assert first.solution == second.solution


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_any_number_of_nodes_may_be_the_limit(solver):
    """HiGHS counts with 32 bits, SCIP with 64: they refused their own options."""
    for nodes in (2**31, 2**63):
        result = cosolve.solve(milp([[1, 1]], [1, 2], row_lower=1), solver, nodes=nodes)
        assert result.status is cosolve.Status.OPTIMAL


@pytest.mark.parametrize("lp_solver", ["simplex", "ipm", "pdlp"])
def test_linear_programs_print_nothing(lp_solver, capfd):
    """PDLP has a log of its own, for the caller's standard output."""
    instance = milp([[1, 2], [3, 1]], [1, 1], row_lower=1, integer=False)
    result = cosolve.solve(instance, "highs", options={"lp_solver": lp_solver})
    assert result.objective == pytest.approx(0.6, abs=1e-5)
    ctypes.CDLL(None).fflush(None)  # what C has printed waits in a buffer of its own
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_gap_and_target_stop_early_and_say_so(solver):
    instance = hard_cover()
    gap = cosolve.solve(instance, solver, gap=0.5, time_limit=60)
    assert gap.status == cosolve.Status.FEASIBLE
    assert gap.limit == cosolve.Limit.GAP
    assert gap.gap <= 0.5
    target = cosolve.solve(instance, solver, target=float(instance.size), time_limit=60)
    assert target.limit == cosolve.Limit.TARGET


@pytest.mark.parametrize("solver", BACKENDS)
def test_warm_start_is_never_lost(solver):
    """The first incumbent is the start, and the answer is no worse."""
    instance = hard_cover()
    start = Values(values=np.ones(instance.size))
    result = cosolve.solve(instance, solver, initial=start, time_limit=1.5)
    assert result.trajectory[0].objective == pytest.approx(instance.cost.sum())
    assert result.objective <= instance.cost.sum()


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_warm_start_reaches_the_backend(solver):
    """With the optimum as start and no node to branch on, the backend's own answer is the optimum."""
    instance = cosolve.generate("milp", "steiner-triple", n=27)
    best = cosolve.solve(instance, "scip", time_limit=60).solution
    adapter = solvers.get(solver)()
    monitor = Monitor(instance, cosolve.Stop(time_limit=30, nodes=1))
    options = adapter.options_type(**({"heuristic_effort": 0.0} if solver == "highs" else {"heuristics": "off"}))
    adapter.solve(instance, monitor, seed=0, threads=1, initial=best, options=options)
    assert monitor.best is not None
    assert monitor.best.objective == 18


@pytest.mark.parametrize("solver", BACKENDS)
def test_hidden_rows_give_the_same_optimum(solver, monkeypatch):
    """Rows on demand: solving with a separator must equal solving the full model."""
    for seed in range(3 if solver == "pulp" else 15):
        instance = random_milp(seed, rows=5)
        expected = brute_force(instance)
        for visible in (0, 2):
            hidden = with_hidden_rows(instance, visible)
            monkeypatch.setattr(mip, "formulate", lambda *args, hidden=hidden: hidden)
            monitor = Monitor(instance, cosolve.Stop(time_limit=20))
            solver_object = solvers.get(solver)()
            outcome = solver_object.solve(
                instance, monitor, seed=0, threads=1, initial=None, options=solver_object.options_type()
            )
            if expected is None:
                assert outcome.status == cosolve.Status.INFEASIBLE, (seed, visible)
                assert monitor.best is None
            else:
                assert monitor.best is not None, (seed, visible, outcome)
                assert monitor.best.objective == pytest.approx(expected), (seed, visible)
                assert monitor.bound == pytest.approx(expected, abs=1e-5), (seed, visible)


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_failing_decoder_is_an_error_not_a_crash(solver, monkeypatch):
    """Decoders run inside native callbacks, where an exception would tear down the process."""
    instance = hard_cover()
    formulation = formulate(instance)

    def decode(x):
        raise RuntimeError("decoder is broken")

    broken = type(formulation)(formulation.model, decode)
    monkeypatch.setattr(mip, "formulate", lambda *args: broken)
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.ERROR
    assert "decoder is broken" in result.message


@pytest.mark.parametrize(
    ("solver", "options", "message"),
    [
        ("highs", {"native": {"no_such_option": 1}}, "no_such_option"),
        ("highs", {"native": {"mip_rel_gap": "none"}}, "mip_rel_gap"),
        ("highs", {"native": {"mip_rel_gap": [0.1]}}, "mip_rel_gap"),
        ("scip", {"native": {"no_such_option": 1}}, "no_such_option"),
        ("scip", {"native": {"limits/gap": "none"}}, "limits/gap"),
        ("scip", {"native": {"limits/nodes": 1.9}}, "limits/nodes"),
        ("scip", {"native": {"limits/nodes": math.inf}}, "limits/nodes"),
        ("scip", {"native": {"limits/nodes": 2**70}}, "limits/nodes"),
        ("scip", {"native": {"limits/time": 10**400}}, "limits/time"),
        ("scip", {"native": {"constraints/countsols/active": True}}, "another question"),
        # Of these, optima that are none, and infeasible or unbounded models that have an optimum.
        ("scip", {"native": {"numerics/infinity": 1e10}}, "must be 1e\\+20"),
        ("scip", {"native": {"numerics/hugeval": 10.0}}, "leave out terms"),
        ("scip", {"native": {"numerics/hugeval": "1000"}}, "leave out terms"),
        ("scip", {"native": {"numerics/epsilon": 1e-5}}, "must be in \\[0, 1e-09\\]"),
        ("scip", {"native": {"numerics/sumepsilon": 1e-5}}, "must be in \\[0, 1e-06\\]"),
        ("scip", {"native": {"presolving/donotaggr": True}}, "must be false"),
        ("scip", {"native": {"presolving/donotmultaggr": 1}}, "must be false"),
        ("scip", {"native": {"separating/rapidlearning/applyprimalsol": False}}, "must be true"),
        ("highs", {"native": {"solve_relaxation": True}}, "another model"),
        ("highs", {"native": {"user_objective_scale": -3}}, "another model"),
        ("highs", {"native": {"small_matrix_value": 1.5}}, "drop coefficients"),
        ("highs", {"native": {"small_matrix_value": 1}}, "drop coefficients"),
        ("highs", {"native": {"small_matrix_value": "0.5"}}, "drop coefficients"),
        ("highs", {"native": {"dual_feasibility_tolerance": 10.0}}, "must be <= 1e-07"),
        ("highs", {"native": {"dual_feasibility_tolerance": 1}}, "must be <= 1e-07"),
        ("highs", {"native": {"dual_feasibility_tolerance": "1e-3"}}, "must be <= 1e-07"),
        ("highs", {"native": {"dual_feasibility_tolerance": math.nan}}, "dual_feasibility_tolerance"),
        ("highs", {"native": {"kkt_tolerance": 10.0}}, "must be <= 1e-07"),
        ("pulp", {"arguments": {"no_such_option": 1}}, "no_such_option"),
    ],
)
def test_options_that_a_backend_does_not_take_are_named_before_it_begins(solver, options, message):
    with pytest.raises(ValueError, match=message):
        cosolve.solve(hard_cover(), solver, options=options, time_limit=5)


@pytest.mark.parametrize(
    "native",
    [
        {"limits/time": -5.0},
        {"limits/time": "-5"},
        {"limits/nodes": -2},
        {"numerics/epsilon": math.nan},
        {"branching/scorefunc": "z"},
    ],
)
def test_what_scip_refuses_leaves_no_lines_of_its_own(native, capfd):
    """They would stand on stderr before the one line of an error."""
    with pytest.raises(ValueError, match="refuses"):
        cosolve.solve(hard_cover(), "scip", options={"native": native}, time_limit=5)
    assert capfd.readouterr() == ("", "")


def test_another_infinity_is_refused_before_scip_has_it(capfd):
    """SCIP keeps one for the whole process, and says on stderr that it must not change."""
    with pytest.raises(ValueError, match="must be 1e\\+20"):
        cosolve.solve(hard_cover(), "scip", options={"native": {"numerics/infinity": 1e10}}, time_limit=5)
    assert capfd.readouterr() == ("", "")


def test_parameters_of_scip_may_be_set_to_what_its_claims_hold_with(capfd):
    native = {
        "numerics/epsilon": 1e-10,
        "numerics/hugeval": 1e16,
        "numerics/infinity": 1e20,
        "presolving/donotaggr": False,
        "branching/scorefunc": "s",
        "limits/nodes": -1,
        "separating/maxrounds": 3,
    }
    instance = MILPInstance.from_scipy([[1, 1], [1, 3]], cost=[-1.05, -1.0], row_upper=[4.0, 6.0])
    result = cosolve.solve(instance, "scip", options={"native": native}, time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, pytest.approx(-4.2))
    assert capfd.readouterr() == ("", "")


def test_tolerances_of_highs_may_be_tightened():
    native = {"small_matrix_value": 1e-9, "dual_feasibility_tolerance": 1e-9, "kkt_tolerance": 1e-7}
    instance = MILPInstance.from_scipy([[1, 1], [1, 3]], cost=[-1.05, -1.0], row_upper=[4.0, 6.0])
    result = cosolve.solve(instance, "highs", options={"native": native}, time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, pytest.approx(-4.2))


def test_highs_runs_with_other_threads_in_the_same_thread():
    """HiGHS keeps one pool of workers per calling thread, and fails if asked for another size."""
    instance = cosolve.generate("milp", "steiner-triple", n=15)
    adapter = solvers.get("highs")()
    for threads in (1, 2, 1):
        monitor = Monitor(instance, cosolve.Stop(time_limit=20))
        adapter.solve(instance, monitor, seed=0, threads=threads, initial=None, options=adapter.options_type())
        assert monitor.best is not None
        assert monitor.best.objective == 9


def test_two_solves_in_two_threads_do_not_disturb_each_other():
    """HiGHS keeps a task scheduler per thread, SCIP an event handler per model."""
    results: dict[str, cosolve.SolveResult] = {}

    def work(solver: str, name: str) -> None:
        results[name] = cosolve.solve(cosolve.generate("milp", "steiner-triple", n=15), solver, time_limit=20)

    threads = [threading.Thread(target=work, args=(s, f"{s}{k}")) for s in ("highs", "scip") for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.objective for result in results.values()} == {9.0}
    assert len(results) == 4


@pytest.mark.parametrize(
    "instance",
    [hard_cover(), cosolve.generate("milp", "facility", facilities=40, customers=80, seed=1)],
    ids=["cover", "facility"],
)
def test_our_primal_dual_integral_is_scips_own(instance):
    """From the trajectory, against SCIP's account of the same run; ours also counts the seconds of model building."""
    result = cosolve.solve(instance, "scip", time_limit=2.0)
    ours = primal_dual_integral(result.trajectory, result.runtime) - result.build_time
    theirs = result.stats["primal_dual_integral"]
    assert 0.01 < theirs < result.runtime
    assert ours == pytest.approx(theirs, abs=0.1 + 0.05 * theirs)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_default_runs_both_backends_and_says_why_it_stopped(threads):
    """HiGHS and SCIP fail on different models; a run that the clock ended must not look finished."""
    result = cosolve.solve(hard_cover(), time_limit=3, threads=threads)
    assert {stage["solver"] for stage in result.stats["stages"]} == {"local-search", "highs", "scip"}
    assert result.status == cosolve.Status.FEASIBLE
    assert result.limit == cosolve.Limit.TIME
    assert result.bound <= result.objective


def test_without_a_time_limit_all_stages_but_the_last_have_an_end(monkeypatch):
    """Any share of infinite time is infinite: HiGHS, or an endless search, kept the last solver from its turn."""
    given = {}

    def record(adapter, instance, monitor, **others):
        given[adapter.name] = monitor.stop.time_limit
        return Outcome()

    monkeypatch.setattr("cosolve.solvers.auto.run_adapter", record)
    cosolve.solve(hard_cover(), time_limit=INF)
    assert given == {"local-search": pytest.approx(1.2), "highs": pytest.approx(12), "scip": INF}
    given.clear()
    cosolve.solve(cosolve.generate("cpmp", "osman", n=20, p=2), time_limit=INF)
    assert given == {"greedy": INF, "local-search": pytest.approx(6), "highs": INF}  # greedy ends by itself


@pytest.mark.parametrize(("solver", "options"), [*((name, {}) for name in BACKENDS), ("highs", {"presolve": False})])
def test_bounds_between_integers_cut_nothing_off(solver, options):
    """HiGHS without presolve called -7.5925 optimal, CBC lost its solution."""
    instance = milp(
        [[1, 4, 2, 2, 0, -1]], [-1, -2.75, 4.25, -2.75, 0.25, -3], row_upper=6,
        lower=[0.49, -3.01, -0.18, -1.27, -0.49, -INF], upper=[1.36, INF, INF, 1.67, INF, 1.24],
        integer=[True, True, True, True, False, False],
    )  # fmt: skip
    result = cosolve.solve(instance, solver, time_limit=20, options=options)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective == pytest.approx(-10.3425)


@pytest.mark.parametrize("solver", [*BACKENDS, "cpsat", "random-rows"])
@pytest.mark.parametrize(
    ("sides", "optimum"),
    [
        ({"row_upper": 1.9999995}, 2),
        ({"row_lower": 1.9999995, "row_upper": 1.9999995}, 2),
        ({"row_lower": 2.0000005, "row_upper": 2.9}, 2),
        ({"row_upper": 1.999998}, 1),
        ({"row_lower": 2.000002, "row_upper": 2.9}, None),
    ],
)
def test_sides_of_rows_of_integers_are_those_of_the_judge(solver, sides, optimum):
    """The judge takes 2 for at most 1.9999995: 1 was optimal to all of them, and the equality infeasible."""
    instance = milp([[1, 1]], 1, upper=5, maximize=True, **sides)
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == (cosolve.Status.INFEASIBLE if optimum is None else cosolve.Status.OPTIMAL)
    assert result.objective == optimum


@pytest.mark.parametrize("solver", BACKENDS)
@pytest.mark.parametrize("number", [0, 1])
def test_unbounded_models_have_no_optimum_and_are_not_infeasible(solver, number):
    """SCIP lets both bounds meet in the first, which was taken for a proof; CBC calls the second infeasible."""
    instance = [
        milp(
            [[4, 0, -2, -2, -1], [1, -1, 1, 2, 0], [0, -3, 0, -3, 0]], [5, 1, -2, 4, 3], offset=-3.5,
            row_lower=[-6, -INF, -INF], row_upper=[-6, 3, INF], lower=[-INF, 0, -INF, -1, 1],
            upper=[INF, 2, -1, INF, 5], integer=[True, False, False, False, False],
        ),
        milp(
            [[-3, -3, 0]], [0.4, -0.3, -0.4], row_lower=0, row_upper=2, lower=[-INF, 0, -INF], upper=[3, INF, -1],
            integer=[False, True, True], maximize=True,
        ),
    ][number]  # fmt: skip
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.UNBOUNDED
    assert result.bound is None


@pytest.mark.parametrize(
    ("solver", "stop"), [("highs", {"solutions": 1}), ("scip", {"solutions": 1}), ("scip", {"target": -1.0})]
)
def test_a_solution_decides_that_a_model_is_unbounded(solver, stop):
    """It was enough to stop for, so that nobody asked any more: SCIP's "infeasible or unbounded" became a note."""
    result = cosolve.solve(milp([[1, -1]], [-1, 0], row_lower=0), solver, time_limit=20, **stop)
    assert (result.status, result.limit, result.message) == (cosolve.Status.UNBOUNDED, None, "")


@pytest.mark.parametrize("stop", [{"gap": 0.1}, {"options": {"arguments": {"gapRel": 0.1}}}])
def test_gaps_mean_nothing_to_a_linear_program(stop):
    instance = milp([[1, 1], [1, 3]], [1, 2], upper=5, integer=False, row_lower=[2, 3])
    result = cosolve.solve(instance, "pulp", time_limit=20, **stop)
    assert (result.status, result.limit, result.bound) == (cosolve.Status.OPTIMAL, None, pytest.approx(2.5))


@pytest.mark.parametrize("solver", BACKENDS)
@pytest.mark.parametrize("unit", [1e-9, 1e-12])
def test_small_costs_are_told_apart(solver, unit):
    """Tolerances of the backends, and an absolute one of ours, called any cover optimal: 11 times the least cost."""
    instance = cosolve.generate("milp", "set-cover", seed=1, rows=60, columns=120)
    expected = cosolve.solve(instance, "highs", time_limit=20)
    result = cosolve.solve(replace(instance, cost=instance.cost * unit), solver, time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective / unit == pytest.approx(expected.objective)
    assert solver == "pulp" or result.claimed_objective / unit == pytest.approx(expected.objective)
    assert result.trajectory[-1].bound / unit == pytest.approx(expected.objective)


def test_scip_is_freed_at_the_end_of_a_run_and_tells_no_bound_then(monkeypatch):
    """Left to the garbage collector it kept gigabytes, and told its primal bound as a dual one to whoever ran then."""
    import pyscipopt

    made = []

    def model():
        scip = create()
        made.append(weakref.ref(scip))
        return scip

    create = pyscipopt.Model
    monkeypatch.setattr(pyscipopt, "Model", model)
    for instance in (hard_cover(), cosolve.generate("tsp", "uniform", seed=1, size=60)):
        monitor = Monitor(instance, cosolve.Stop(time_limit=1.0))
        scip = solvers.get("scip")()
        gc.disable()
        try:
            scip.solve(instance, monitor, seed=0, threads=1, initial=None, options=scip.options_type())
            bound = monitor.bound
            assert made.pop()() is None
        finally:
            gc.enable()
        gc.collect()
        assert monitor.bound == bound


@pytest.mark.parametrize(
    ("solver", "options", "limit"),
    [
        ("scip", {"native": {"limits/bestsol": 1}}, cosolve.Limit.SOLUTION),
        ("scip", {"native": {"limits/gap": 0.5}}, cosolve.Limit.GAP),
        ("highs", {"native": {"mip_max_improving_sols": 1}}, cosolve.Limit.SOLUTION),
        ("highs", {"native": {"mip_rel_gap": 0.5}}, cosolve.Limit.GAP),
        ("highs", {"native": {"objective_bound": 10.0}}, None),
        ("pulp", {"arguments": {"gapRel": 0.9}}, cosolve.Limit.GAP),
        ("pulp", {"arguments": {"options": ["ratio 0.9"]}}, None),
    ],
)
def test_what_is_asked_of_the_backend_itself_is_no_proof_and_told_as_its_limit(solver, options, limit):
    """18 is optimal; a gap of PuLP's made 18, or what else came first, optimal with its own value as bound."""
    instance = cosolve.generate("milp", "steiner-triple", n=27)
    result = cosolve.solve(instance, solver, time_limit=20, options=options)
    assert (result.status, result.limit) == (cosolve.Status.FEASIBLE, limit)
    assert result.bound is None or result.bound <= 18
    assert "does not agree" not in result.message


@pytest.mark.parametrize("solver", BACKENDS)
@pytest.mark.parametrize("magnitude", [1.1e-3, 1e-2, 0.5])
def test_costs_below_one_that_hardly_differ_are_told_apart(solver, magnitude):
    """By 3e-6, three times what counts as equal: steps of 1e-7 (HiGHS) and 1e-5 (CBC) made the dearer one optimal."""
    for seed in range(2 if solver == "pulp" else 25):
        rng = np.random.default_rng(seed)
        columns = 10
        matrix = rng.random((7, columns)) < 0.4
        matrix[np.arange(7), rng.integers(columns, size=7)] = True
        cost = magnitude * (1 + 3e-6 * rng.permutation(columns))
        instance = milp(matrix.astype(float), cost, upper=1, row_lower=1)
        points = (np.arange(2**columns)[:, None] >> np.arange(columns)) & 1
        best = (points @ cost)[(points @ matrix.T >= 1).all(axis=1)].min()
        result = cosolve.solve(instance, solver, time_limit=20)
        assert result.status == cosolve.Status.OPTIMAL
        assert abs(result.objective - best) <= 1e-6 * max(magnitude, best), seed


def test_offsets_do_not_drown_small_costs():
    """Scaled like the costs, one of 1e12 was infinite to SCIP, and one of 1e10 to everybody."""
    for cost, offset in ((1e-9, 1e12), (1e-300, 1e10)):
        instance = milp([[1, 1]], [cost, 2 * cost], row_lower=1, offset=offset)
        for solver in BACKENDS:
            result = cosolve.solve(instance, solver, time_limit=20)
            assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, offset)


# What CBC 2.10 got wrong, and whoever believed it.
@pytest.mark.parametrize("solver", BACKENDS)
@pytest.mark.parametrize(
    ("instance", "status", "objective"),
    [
        (
            milp([[4, -2]], [-9, 8], row_lower=-14.6, row_upper=-13.7, lower=[-2, 0], upper=[3, 6], offset=1.5),
            cosolve.Status.OPTIMAL, 43.5,
        ),
        (
            milp(
                [[1, 0], [-3, 0], [-5, 0], [4, 4], [-5, 0]], [2, 6], row_lower=[-8, -INF, -INF, -7, -INF],
                row_upper=[INF, 6.5, 7, -2.5, 5], lower=[-3, -1], upper=[2, 1],
            ),
            cosolve.Status.OPTIMAL, -6,
        ),
        (
            milp([[-2, 1]], [5, 2], row_lower=0.5, row_upper=0.5, lower=[0, -INF], maximize=True),
            cosolve.Status.INFEASIBLE, None,
        ),
        (milp([[1, 0]], [1, 1], row_lower=1, lower=[0, -INF], integer=False), cosolve.Status.UNBOUNDED, None),
        (milp([[1]], 1, lower=-INF), cosolve.Status.UNBOUNDED, None),
        (milp([[1, 0]], [0, 1], row_lower=1), cosolve.Status.OPTIMAL, 0),
    ],
    ids=["sides", "more-sides", "parity", "column-without-row", "row-without-side", "idle-column"],
)  # fmt: skip
def test_small_models_that_a_backend_got_wrong(solver, instance, status, objective):
    result = cosolve.solve(instance, solver, time_limit=4)
    if status is cosolve.Status.INFEASIBLE:
        # CBC searches without end for what parity excludes.
        assert result.status in (status, cosolve.Status.INFEASIBLE_OR_UNBOUNDED)
    else:
        assert result.status == status
    assert status is cosolve.Status.UNBOUNDED or result.objective == objective


def test_pulp_does_not_take_costs_of_1e15_for_infeasible():
    result = cosolve.solve(milp([[1, 1]], [1e15, 2e15], row_lower=1), "pulp", time_limit=20)
    assert result.status != cosolve.Status.INFEASIBLE


def test_pulp_proves_infeasible_what_cbc_gives_no_answer_to():
    """CBC without preprocessing ends with no file of a solution: that was an error."""
    result = cosolve.solve(milp([[2]], [1], row_lower=1, row_upper=1, upper=1, integer=True), "pulp", time_limit=20)
    assert result.status == cosolve.Status.INFEASIBLE


def contradicts(result, optimum, maximize):
    """Whether a result claims what an optimum refutes."""
    if result.status not in (cosolve.Status.OPTIMAL, cosolve.Status.FEASIBLE, cosolve.Status.NO_SOLUTION):
        return True
    sign, slack = (-1 if maximize else 1), 1e-6 * max(1.0, abs(optimum))
    is_wrong = result.status == cosolve.Status.OPTIMAL and abs(result.objective - optimum) > slack
    return is_wrong or (result.bound is not None and sign * (result.bound - optimum) > slack)


def without_contradiction(instance, solver, optimum, options=None):
    """The result of a solver, which must not claim what the optimum refutes."""
    result = cosolve.solve(instance, solver, time_limit=20, options=options)
    assert not contradicts(result, optimum, instance.maximize)
    return result


# Solvers that take their proofs from a MILP backend.
PROVERS = [*BACKENDS, "auto", "random-rows", "oracle-rows"]


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize(
    ("instance", "optimum", "where"),
    [
        (milp([[1, -1]], [-1, 0.5], row_lower=0, upper=[1e20, 1]), -1e20, "column 0"),
        (milp([[1, 1]], 1, row_lower=1e20, integer=False), 1e20, "row 0"),
        (milp([[1, 1]], 1, row_lower=0, upper=1e25, integer=False, maximize=True), 2e25, "column 0"),
        (milp([[1, 1], [1, -1]], [1, 2], lower=[2e20, 0], row_lower=[1, 0], integer=False), 2e20, "column 0"),
    ],
)
def test_limits_that_backends_take_for_infinite_prove_nothing_false(solver, instance, optimum, where):
    """Infeasible, unbounded behind reductions, or an error of HiGHS, which takes no side that is infinite to it."""
    result = without_contradiction(instance, solver, optimum)
    assert where in result.message


@pytest.mark.parametrize("solver", BACKENDS)
def test_what_huge_limits_do_not_matter_to_is_proven(solver):
    """1e30 stands for infinite in many a model."""
    result = cosolve.solve(milp([[1, 1]], [1, 2], row_lower=1, upper=1e30), solver, time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, 1)
    instance = milp([[1, 1], [1, 1]], [1, 2], row_lower=[1, -9], row_upper=[1e22, -2])
    assert cosolve.solve(instance, solver, time_limit=20).status == cosolve.Status.INFEASIBLE


# Coefficients that SCIP drops, and that HiGHS drops too.
DROPPED = {
    "scip-bound": (milp([[-1e-10, 1]], [0, 1], row_upper=0, upper=[1e10, 5], integer=False, maximize=True), 1),
    "scip-infeasible": (milp([[1e-10, 1]], [1, 0], row_lower=1, upper=[1e10, 0], integer=[True, False]), 1e10),
    "highs-bound": (milp([[-5e-13, 1]], [0, 1], row_upper=0, upper=[1e13, 5], integer=False, maximize=True), 5),
    "highs-infeasible": (milp([[1e-13, 1]], [1, 0], row_lower=1, upper=[1e14, 0], integer=False), 1e13),
}


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("case", DROPPED)
def test_coefficients_that_a_backend_drops_prove_nothing_false(solver, case):
    """Each was "optimal" at another value, or infeasible."""
    instance, optimum = DROPPED[case]
    result = without_contradiction(instance, solver, optimum)
    is_kept = solver in ("highs", "auto") and case == "scip-bound"
    assert (result.status == cosolve.Status.OPTIMAL) == is_kept
    assert is_kept or "row 0 has coefficients" in result.message


# Integer programs whose rows hold coefficients that are far apart. HiGHS takes the first for infeasible, and 0.111 for
# the optimum of the second where it drops coefficients below 1e-12 only.
SPREAD = {
    "infeasible": (
        milp([[0.0002, 300], [40000, -50]], [0.2, 0], row_lower=[900.0006, -INF], row_upper=[INF, 119850], upper=3),
        0.6,
    ),
    "optimum": (
        milp(
            [[2000, -0.05, 0], [-1e-4, 40, 1e-4]],
            [-0.003, -0.3, 0.06],
            row_lower=[6000, -2e-4],
            row_upper=[6000, INF],
            upper=[3, 1, 3],
        ),
        0.051,
    ),
}


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("case", SPREAD)
def test_coefficients_that_are_far_apart_prove_nothing_false(solver, case):
    """Presolve of HiGHS loses solutions; nothing is claimed where that may be."""
    instance, optimum = SPREAD[case]
    result = without_contradiction(instance, solver, optimum)
    assert result.status != cosolve.Status.OPTIMAL or result.objective == pytest.approx(optimum)
    if case == "infeasible":
        assert ("too far apart" in result.message) == (solver in ("highs", "pulp"))


# Nothing ends any of them; the first was optimal to HiGHS, the others, or a bound of them known, to SCIP.
OPEN = {
    "highs": milp(
        [[-4e5, 9e4, -2e5, 0], [500, -1e5, 30, 6000]], [-1, -5, 1, 2], row_upper=[3e8, 1.7e6], integer=[1, 1, 1, 0]
    ),
    "scip": milp(
        [[60, -4e4, 0], [1e4, -70, 60], [5, -2e4, 0]],
        [-5, 0, 3],
        row_upper=[130, 1e5, 1.9e5],
        upper=[INF, INF, 5],
        integer=[1, 1, 0],
    ),
    "scip-bound": milp([[-6, 7], [-20, 2], [-80, 0]], [1, -4], row_upper=[10, 10, 5]),
}


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("case", OPEN)
def test_models_without_end_have_no_optimum_and_no_bound(solver, case):
    """Some value that tolerances or a backend's infinity end at was called the optimum."""
    result = cosolve.solve(OPEN[case], solver, time_limit=20)
    assert result.bound is None
    assert result.status in (cosolve.Status.UNBOUNDED, cosolve.Status.FEASIBLE)


def test_a_big_m_ends_a_column_that_has_no_bound():
    """Within tolerances x could grow by itself; its proof must not be lost to that."""
    instance = milp([[1, -1e6]], [-1, 2e5], row_upper=0, upper=[INF, 3], integer=[False, True])
    for solver in ("highs", "scip"):
        result = cosolve.solve(instance, solver, time_limit=20)
        assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, pytest.approx(-2.4e6))


def test_linear_programs_that_presolve_of_highs_calls_infeasible_have_their_optimum():
    """It loses the point (0.25, 1)."""
    matrix, side = [[0.001, -6e4], [-400, 0]], [-59999.99975, -100]
    instance = milp(matrix, [0.004, 0.03], row_lower=[-INF, -100], row_upper=side, upper=1, integer=False)
    result = cosolve.solve(instance, "highs", time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, pytest.approx(0.031))


@pytest.mark.parametrize("solver", BACKENDS)
def test_coefficients_that_are_noise_cost_no_proof(solver):
    """What is left of 0.1 + 0.2 - 0.3, times any value of its column, moves no row."""
    instance = milp([[0.1 + 0.2 - 0.3, 1]], [1, 2], row_lower=1, upper=1e6)
    result = cosolve.solve(instance, solver, time_limit=20)
    assert (result.status, result.objective) == (cosolve.Status.OPTIMAL, 2)


@pytest.mark.parametrize("solver", PROVERS)
def test_large_coefficients_prove_nothing_false(solver):
    """It was infeasible to HiGHS."""
    instance = milp(
        [[5, 5e9, -5e9, -3]], [-1.024e-6, 1024, -1024, -7.168e-6], row_lower=-4e9, upper=[3e9, 3, 3, 3e9],
        integer=[False, True, True, False],
    )  # fmt: skip
    result = without_contradiction(instance, solver, -26624.0)
    assert result.objective == pytest.approx(-26624.0)


# Numbers that the reader takes and backends don't: errors of theirs, or "unknown", or a wrong "infeasible".
HUGE = {
    "costs": (milp([[1, 1]], [1e25, 2e25], row_lower=1, upper=1), 1e25),
    "profits": (milp([[1, 1]], [1e300, 2e300], row_upper=1, upper=1, maximize=True), 2e300),
    "even row": (milp([[1e25, 1e25]], [1, 2], row_lower=1e25, upper=1), 1),
    "row": (milp([[1e19, 3e17]], [1, 2], row_lower=1e19, upper=1), 1),
    "wide row": (milp([[1e25, 1]], [1, 2], row_lower=1, upper=1), 1),
    "widest row": (milp([[1e300, 1e-10]], [1, 2], row_lower=1, upper=1), 1),
}


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("case", HUGE)
def test_huge_numbers_are_no_error(solver, case):
    instance, optimum = HUGE[case]
    result = without_contradiction(instance, solver, optimum)
    if case in ("costs", "profits", "even row"):
        assert result.objective == optimum
    if case == "even row":
        assert result.status == cosolve.Status.OPTIMAL
    if case == "widest row":
        assert "row 0 has coefficients that are too large" in result.message


@pytest.mark.parametrize("solver", [*BACKENDS, "random-rows"])
def test_costs_of_other_problems_may_be_huge(solver):
    """Sums of 1e20 are infinite to backends: facilities with costs of 1e19 were an error."""
    instance = cosolve.generate("cflp", "cornuejols", seed=6, facilities=5, customers=8)
    expected = cosolve.solve(instance, "scip", time_limit=20)
    scaled = replace(instance, fixed_cost=instance.fixed_cost * 1e17, cost=instance.cost * 1e17)
    result = cosolve.solve(scaled, solver, time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL
    assert result.objective == pytest.approx(1e17 * expected.objective)


def test_a_gap_of_bounds_that_prove_nothing_is_not_reached():
    """HiGHS says so of any optimum that it was asked a gap for."""
    assert cosolve.solve(DROPPED["highs-bound"][0], "highs", time_limit=20, gap=0.5).limit is None


def wide_columns(e):
    """A cover of 1 at 1.1: wide columns of costs e and 2 e are paid for up to 1 and 2, the third is dearer."""
    upper = [0.9 / e, 1 / e, 4]
    return milp([[1, 1, 0.1 / e]], [e, 2 * e, 1], row_lower=1 / e, upper=upper, integer=False)


@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize("e", [1e-6, 5e-8, 1e-8, 1e-9, 1e-10])
def test_costs_that_tolerances_hide_prove_nothing_false(solver, e):
    """2.9 was optimal to HiGHS: 5e-8 is 0 to it, but not 1.8e7 times."""
    result = without_contradiction(wide_columns(e), solver, 1.1)
    is_proven = e == 1e-6 or (solver in ("highs", "auto") and e >= 1e-8)
    assert (result.status == cosolve.Status.OPTIMAL) == is_proven
    assert is_proven or "column 1 has a cost" in result.message


@pytest.mark.parametrize("options", [{"native": {"dual_feasibility_tolerance": 1e-7}}, {"lp_solver": "ipm"}])
def test_options_of_highs_give_small_costs_no_false_proof(options):
    """What it is told comes after what we set for them."""
    without_contradiction(wide_columns(5e-8), "highs", 1.1, options=options)


@pytest.mark.parametrize("solver", BACKENDS)
def test_small_costs_that_do_not_matter_cost_no_proof(solver):
    """1e-9 of a binary column, beside 1 of another."""
    result = cosolve.solve(milp([[1, 1]], [1e-9, 1], row_lower=2, upper=1), solver, time_limit=20)
    assert result.status == cosolve.Status.OPTIMAL


@pytest.mark.parametrize("solver", ["highs", "pulp"])
def test_a_gap_is_that_of_the_objective_with_its_offset(solver):
    """Costs below 1 go to backends without the offset, of which the gap was then none: 0.78 where 0.3 was asked."""
    rng = np.random.default_rng(1)
    cover = (rng.random((50, 80)) < 0.12).astype(float)
    cover[np.arange(50), rng.integers(0, 80, 50)] = 1
    cost = 0.001 * (1 + rng.integers(0, 1000, 80) / 1000)
    instance = MILPInstance.from_scipy(cover, cost=cost, row_lower=1.0, col_upper=1.0, is_integer=True, offset=-0.0095)
    result = cosolve.solve(instance, solver, gap=0.3, time_limit=20)
    assert result.gap is None or result.gap <= 0.3 or result.limit is cosolve.Limit.TIME


def test_the_limit_is_time_only_where_time_was_up():
    """PuLP does not say which limit it was: nodes had been called time."""
    result = cosolve.solve(hard_cover(), "pulp", time_limit=60, options={"arguments": {"maxNodes": 1}})
    assert result.status == cosolve.Status.FEASIBLE
    assert result.limit is None


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_point_of_an_unbounded_model_claims_no_objective_of_another(solver):
    """Whether there is a point at all is asked without costs: its objective was told as 0."""
    instance = milp([[0, 1]], [-1, 1], row_lower=1, upper=[INF, 5])
    result = cosolve.solve(instance, solver, time_limit=20)
    assert result.status == cosolve.Status.UNBOUNDED
    assert result.claimed_objective in (None, result.objective)


@pytest.mark.parametrize(
    ("solver", "problem", "family", "parameters"),
    [
        ("cpsat", "fjsp", "sd2", {"jobs": 100, "machines": 20, "operations": 20}),
        ("cpsat", "cpmp", "osman", {"n": 400, "p": 10}),
        ("cpsat", "milp", "set-cover", {"rows": 20_000, "columns": 20_000, "density": 0.0005}),
        ("scip", "milp", "set-cover", {"rows": 2_000, "columns": 100_000, "density": 0.001}),
    ],
)
def test_models_are_built_on_the_clock(solver, problem, family, parameters):
    """Large ones took ten seconds of a limit of one third, on a thread that was left behind."""
    instance = cosolve.generate(problem, family, seed=1, **parameters)
    result = cosolve.solve(instance, solver, time_limit=0.3)
    assert result.limit is cosolve.Limit.TIME
    assert result.runtime < 3


def test_numbers_of_numpy_reach_the_backends_as_numbers():
    """np.float32 is no float to them."""
    options = {"heuristic_effort": np.float32(0.1), "presolve": np.bool_(False)}
    result = cosolve.solve(hard_cover(), "highs", time_limit=np.float32(1), gap=np.float32(0.9), options=options)
    assert result.limit is cosolve.Limit.GAP


def test_an_emphasis_of_scip_keeps_its_heuristics():
    """They were put back to the default behind it."""
    pyscipopt = pytest.importorskip("pyscipopt")
    monitor, plain = Monitor(milp([[1.0]], [1.0], row_upper=2.0), Stop(10)), pyscipopt.Model().getParams()

    def changed(**options):
        scip = pyscipopt.Model()
        _set_parameters(scip, monitor, 0, ScipOptions(**options))
        return {name: v for name, v in scip.getParams().items() if "heuristics/" in name and v != plain[name]}

    assert len(changed(emphasis="feasibility")) > 20
    assert not changed()
    assert changed(heuristics="off").items() <= changed(emphasis="feasibility", heuristics="off").items()
