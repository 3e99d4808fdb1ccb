"""Constraint reduction never lies about the original problem, whatever the prediction."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.core.problem import judge
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome, solvers
from cosolve.core.stop import Stop
from cosolve.instances.generators import generate
from cosolve.instances.milp import Values
from cosolve.models import checkpoints
from cosolve.models.ctc import predictor
from cosolve.models.ctc.config import CtcConfig, ModelConfig
from cosolve.models.ctc.quick import quick_solutions
from cosolve.models.ctc.rows import activity_bounds
from cosolve.models.watch import TimeUpError
from cosolve.solvers.formulations import formulate
from cosolve.solvers.reduction.ladder import climb_down
from cosolve.solvers.reduction.prediction import Limits, Prediction, by_chance, by_oracle, select
from cosolve.solvers.reduction.reduce import Reduction, reduce
from cosolve.solvers.reduction.solver import LearnedOptions, RandomRows, ReductionOptions, ReductionSolver
from tests.solvers.milps import INF, brute_force, brute_force_mixed, milp, random_milp, random_mixed_milp

NONE = np.empty(0, np.int64)
LIAR = "tests.solvers.test_reduction:Liar"


def is_one_sided(model):
    """Rows that could be made equalities."""
    return np.isfinite(model.row_lower) != np.isfinite(model.row_upper)


@dataclass(frozen=True)
class LiarOptions(ReductionOptions):
    """How the liar lies."""

    lie: int = 0
    column_budget: int = 1
    row_budget: int = 1


class Liar(ReductionSolver):
    """Predicts with full confidence what is wrong: every row tight, or the worst points, or chance."""

    name = "liar"
    options_type = LiarOptions

    def predict(self, formulation, monitor, backend, seed, options):
        """All rows tight, and binaries the opposite of an optimum or at random."""
        rng = np.random.default_rng(options.lie)
        model = formulation.model
        values = rng.integers(2, size=model.size).astype(float)
        if options.lie % 3:
            aside = Monitor(monitor.instance, cosolve.Stop(10))
            backend(formulation, aside, None)
            values = values if aside.best is None else 1 - aside.best.solution.values
        columns = np.where(model.is_integer & (model.col_upper == 1), values, np.nan)
        limits = Limits(1.0, options.row_budget, INF, 1.0, options.column_budget, INF)
        return Prediction(np.where(is_one_sided(model), 1.0, 0.0), columns), limits, Outcome()


def binary_milp(seed):
    """A random MILP of binaries, so that columns can be held as well as rows."""
    instance = random_milp(seed, columns=7, rows=5)
    return replace(instance, col_upper=np.ones(7)) if seed % 2 else instance


@pytest.mark.parametrize("backend", ["scip", "highs"])
def test_wrong_predictions_never_reach_status_or_bound(backend):
    """The standing test: 280 small MILPs, each prediction as wrong as can be, and the answer of brute force."""
    repaired = infeasible = unbounded = 0
    for seed in range(140):
        shifted = seed + 1000 * (backend == "highs")
        if seed < 100:
            instance = binary_milp(shifted)
            expected = brute_force(instance)
        else:
            instance = random_mixed_milp(shifted)
            expected = brute_force_mixed(instance)
        options = {
            "backend": backend,
            "lie": seed,
            "row_budget": seed % 3,
            "column_budget": seed % 2,
            "rungs": seed % 4,
        }
        result = cosolve.solve(instance, LIAR, time_limit=20, options=options)
        repaired += result.stats.get("fallbacks", 0)
        if expected is None:
            infeasible += 1
            assert result.status is Status.INFEASIBLE, seed
            assert result.objective is None
        elif np.isinf(expected):
            unbounded += 1
            assert result.status in (Status.UNBOUNDED, Status.FEASIBLE), seed
            assert result.bound is None
        else:
            assert result.status is Status.OPTIMAL, (seed, result.message)
            assert result.objective == pytest.approx(expected, abs=1e-6), seed
            assert result.bound == pytest.approx(expected, abs=1e-5), seed
            assert judge(instance, result.solution).feasible
    assert repaired > 20
    assert infeasible > 5
    assert 2 < unbounded < 20


def test_without_time_for_the_original_nothing_is_claimed(monkeypatch):
    """A reduced model that was solved to optimality leaves FEASIBLE and no bound, however good its solution is."""
    seen = []

    def solve(self, formulation, stage, **arguments):
        outcome = original(self, formulation, stage, **arguments)
        seen.append(outcome.status)
        stage._parent.interrupt()
        return outcome

    adapter = type(solvers.get("scip")())
    original = adapter.solve_formulation
    monkeypatch.setattr(adapter, "solve_formulation", solve)
    for seed in range(1, 40, 2):
        instance = binary_milp(seed)
        seen.clear()
        result = cosolve.solve(instance, LIAR, time_limit=20, options={"lie": 0, "row_budget": 2, "column_budget": 3})
        assert len(seen) == 1
        assert result.bound is None
        assert result.status is (Status.NO_SOLUTION if result.solution is None else Status.FEASIBLE)


def points(model):
    """All integer points of a small model's box that satisfy its rows."""
    ranges = [range(int(low), int(high) + 1) for low, high in zip(model.col_lower, model.col_upper, strict=True)]
    grid = np.array(np.meshgrid(*ranges, indexing="ij")).reshape(len(ranges), -1).T
    activity = grid @ model.matrix.toarray().T
    return grid[((activity >= model.row_lower - 1e-9) & (activity <= model.row_upper + 1e-9)).all(axis=1)]


@pytest.mark.parametrize("row_budget", [0, 1, 2])
@pytest.mark.parametrize("column_budget", [0, 1, 3])
def test_a_reduced_model_holds_exactly_the_points_within_its_budgets(row_budget, column_budget):
    """A big-M too small would cut points that the budget allows; one too few rows would keep those it forbids."""
    for seed in range(12):
        instance = binary_milp(2 * seed + 1)
        everything = points(instance)
        rows, columns = np.flatnonzero(is_one_sided(instance)), np.array([0, 2, 3])
        values = np.random.default_rng(seed).integers(2, size=3).astype(float)
        reduced = reduce(formulate(instance), Reduction(rows, row_budget, columns, values, column_budget))
        side = np.where(np.isfinite(instance.row_upper), instance.row_upper, instance.row_lower)
        slack = (np.abs(everything @ instance.matrix.toarray().T - side)[:, rows] > 1e-9).sum(axis=1)
        differ = np.abs(everything[:, columns] - values).sum(axis=1)
        expected = {tuple(x) for x in everything[(slack <= row_budget) & (differ <= column_budget)].tolist()}
        assert {tuple(reduced.decode(x).values.tolist()) for x in points(reduced.model)} == expected, seed
        assert reduced.model.size == 7 + bool(row_budget) * len(rows) - (3 if column_budget == 0 else 0)
        for x in sorted(expected)[:3]:
            values_of = reduced.encode(Values(values=np.array(x, float)))
            activity = reduced.model.matrix @ values_of
            assert ((activity >= reduced.model.row_lower) & (activity <= reduced.model.row_upper)).all()
            assert reduced.decode(values_of).values.tolist() == list(x)


def test_exceptions_of_packing_and_covering_rows_are_tight():
    """``sum x >= 1 - z`` and ``sum x <= 1 + (n - 1) z``: the weakest that still mean the original rows."""
    instance = milp([[1, 1, 1], [1, 1, 1]], [1, 1, 1], upper=1, row_lower=[-INF, 1], row_upper=[1, INF])
    assert [bounds.tolist() for bounds in activity_bounds(instance)] == [[0, 0], [3, 3]]
    model = reduce(formulate(instance), Reduction(np.array([0, 1]), 1, NONE, NONE, 0)).model
    added = model.matrix.toarray()[2:]
    assert added.tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 0, -2], [0, 0, 0, 1, 1]]
    assert (model.row_lower[2:].tolist(), model.row_upper[2:].tolist()) == ([1, -INF, -INF], [INF, 1, 1])


def test_rows_without_a_finite_big_m_are_left_alone_under_a_budget():
    """An exception with an invented M would cut off solutions without a word."""
    instance = milp([[1, -1]], [1, 1], integer=False, row_lower=[0])
    reduced = reduce(formulate(instance), Reduction(np.array([0]), 1, NONE, NONE, 0))
    assert len(reduced.model.row_lower) == 1
    hard = reduce(formulate(instance), Reduction(np.array([0]), 0, NONE, NONE, 0))
    assert hard.model.row_upper.tolist() == [0]


def test_selection_stops_where_doubts_use_up_the_budget():
    """Rows at random among a thousand must not be imposed because a share of a thousand allows fifty."""
    rows = np.concatenate([np.full(20, 0.99), np.full(10, 0.6), np.full(970, 0.1)])
    columns = np.array([0.999, 0.001, 0.7, np.nan])
    formulation = formulate(milp(np.ones((1000, 4)), np.ones(4), upper=1, row_upper=9))
    chosen = select(formulation, Prediction(rows, columns), Limits(0.05, 1, 0.0, 1.0, 1, 0.0))
    assert chosen.rows.tolist() == list(range(22))  # 20 x 0.01 + 2 x 0.4 = 1
    assert (chosen.columns.tolist(), chosen.values.tolist()) == ([0, 1, 2], [1.0, 0.0, 1.0])
    assert len(select(formulation, Prediction(rows, columns), Limits(0.01, 0, 1.0, 0.0, 1, 1.0)).rows) == 10
    assert select(formulation, Prediction(np.full(1000, 0.4), columns), Limits(1.0, 5, 5.0, 0.0, 0, 5.0)).is_empty


def test_rows_that_held_columns_make_tight_take_no_doubts():
    """With x0 = 1 and x1 = 0 the first two rows are tight in any case, so that the doubt is left for the third."""
    rows = [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1]]
    instance = milp(rows, np.ones(4), upper=1, row_lower=[-INF, 1, -INF, -INF], row_upper=[1, INF, 1, 9])
    prediction = Prediction(np.array([0.9, 0.9, 0.8, 0.1]), np.array([1.0, 0.0, 0.6, 0.6]))
    chosen = select(formulate(instance), prediction, Limits(1.0, 0, 0.25, 1.0, 0, 0.0))
    assert (chosen.rows.tolist(), chosen.columns.tolist()) == ([2], [0, 1])
    soft = select(formulate(instance), prediction, Limits(1.0, 0, 0.25, 1.0, 1, 0.0))
    assert soft.rows.tolist() == [0, 1]


def test_the_ladder_imposes_less_each_time():
    """
    Infeasible: half and again, counted; solved: wider; out of time with a solution: on to the original.

    Where a backend may not call a model solved, as nothing of its answers counts as proven, one rung was all.
    """
    instance = milp([[1, 1, 1, 1]], [1, 1, 1, 1], upper=1, row_lower=1)
    formulation = formulate(instance)
    rows = np.zeros(8, np.int64)
    cases = {
        (Status.INFEASIBLE, None, False): ([8, 4, 2, 1], 4),
        (Status.OPTIMAL, None, True): ([8, 4, 2], 0),
        (Status.FEASIBLE, Limit.TIME, True): ([8], 0),
        (Status.FEASIBLE, Limit.MEMORY, True): ([8], 0),
        (Status.FEASIBLE, None, True): ([8, 4, 2], 0),
        (Status.FEASIBLE, None, False): ([8, 4, 2, 1], 4),
    }
    for (status, limit, finds), (expected, fallbacks) in cases.items():
        monitor = Monitor(instance, cosolve.Stop(100))

        def backend(model, stage, start, status=status, limit=limit, finds=finds):
            stage.report_bound(1.0)
            if finds:
                stage.report(Values(values=np.array([1.0, 0, 0, 0])))
            return Outcome(status, limit)

        reduction = Reduction(rows, 0, NONE, NONE, 0)
        ladder = climb_down(formulation, reduction, monitor, backend, share=0.5, most=3)
        assert [rung["rows"] for rung in ladder.rungs] == expected
        assert ladder.fallbacks == fallbacks
        assert monitor.bound is None


def test_widening_frees_twice_as_many_columns_or_half_of_them():
    """And it always ends, also where all are held."""
    columns = np.arange(100)
    held, sizes = Reduction(NONE, 0, columns, np.ones(100), 0), []
    while not held.is_empty:
        held = held.wider(100)
        sizes.append(len(held.columns))
    assert sizes == [88, 76, 52, 26, 13, 6, 3, 1, 0]


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        ("random-rows", {"reference": "nowhere"}),
        ("ctc", {"checkpoint": "nowhere"}),
        ("rrnco", {"checkpoint": "nowhere"}),
    ],
)
def test_files_that_options_name_must_be_there(solver, options):
    """A mistyped name is no failure of the solver: nothing begins."""
    pytest.importorskip("torch")
    instance = generate("atsp", "road", n=5, points=9) if solver == "rrnco" else binary_milp(1)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        cosolve.solve(instance, solver, options=options)


def test_the_network_looks_at_the_clock(monkeypatch):
    """A million nonzeros took it ten seconds, whatever the limit."""
    instance = generate("milp", "set-cover", rows=50, columns=100, seed=1)
    asked = []

    def has_begun():
        asked.append(len(asked))
        return len(asked) > 30

    with pytest.raises(TimeUpError):
        predictor.predict(instance, checkpoints.find("ctc-load-balancing"), should_stop=has_begun)
    assert len(asked) == 31
    monkeypatch.setattr("cosolve.solvers.reduction.solver._PREDICTION", 0.0)
    result = cosolve.solve(instance, "ctc", options={"checkpoint": "ctc-set-cover"})
    assert (result.status, result.stats["rungs"]) == (Status.OPTIMAL, [])
    assert "more than its share of the time" in result.message


def test_the_relaxation_ends_though_nobody_can_interrupt_it(monkeypatch):
    """In a run of an hour, Ctrl-C had to wait for twelve minutes; and without it nothing is believed."""
    instance = generate("milp", "auction", seed=1000, items=100, bids=500)
    monkeypatch.setattr(predictor, "_LONGEST", 0.0)
    with pytest.raises(TimeUpError):
        predictor.predict(instance, checkpoints.find("ctc-auction"), time_limit=720.0)


@pytest.mark.parametrize("limit", [0.0, 0.05])
def test_nothing_is_believed_of_a_network_without_what_it_learned_from(limit):
    """Without quick solutions and the relaxation 5 % of the surest columns of an auction were wrong."""
    instance = generate("milp", "auction", seed=1000, items=100, bids=500)
    with pytest.raises(TimeUpError):
        predictor.predict(instance, checkpoints.find("ctc-auction"), time_limit=limit)
    result = cosolve.solve(instance, "ctc", time_limit=max(limit, 0.2))
    assert result.stats.get("rungs", []) == []
    assert result.objective is not None


def test_quick_solutions_are_there_before_a_reduced_model_is():
    """A run that ends in its first reduced model has them to show; they are judged as all others."""
    instance = generate("milp", "auction", seed=3, items=100, bids=500)
    formulation, monitor = formulate(instance), Monitor(instance, Stop(time_limit=60))
    solver = solvers.get("ctc")()
    solver.predict(formulation, monitor, None, 0, LearnedOptions(first_solutions=False))
    assert not monitor.trajectory  # predict-and-search as published, to compare with
    _, _, about = solver.predict(formulation, monitor, None, 0, LearnedOptions())
    assert about.stats["checkpoint"] == "ctc-auction"
    assert len(monitor.trajectory) > 1
    assert monitor.best.objective == pytest.approx((quick_solutions(instance) @ instance.cost).max(), rel=1e-12)


def test_a_portfolio_ends_both_parts_if_one_fails(monkeypatch):
    """The original must not go on in the background once the run has failed."""

    def fail(self, *arguments):
        raise RuntimeError("no prediction")

    instance = generate("milp", "set-cover", seed=3, rows=200, columns=400)
    monkeypatch.setattr(RandomRows, "predict", fail)
    result = cosolve.solve(instance, "random-rows", time_limit=60, threads=2, options={"portfolio": True})
    assert result.status is Status.ERROR
    assert "no prediction" in result.message
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("cosolve-original")]


def test_the_oracle_prefers_rows_of_small_rho_however_small():
    """Covering rows of 30 columns hold equality at one point in millions."""
    lengths = (34, 30, 32)
    rows = [[1] * length + [0] * (34 - length) for length in lengths]
    instance = milp(rows, np.ones(34), upper=1, row_lower=1)
    first = Values(values=np.eye(34)[0])
    chosen = select(formulate(instance), by_oracle(formulate(instance), first), Limits(1.0, 0, INF, 0.0, 0, 0.0))
    assert chosen.rows.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("threads", "portfolio", "said"),
    [(1, True, "needs two"), (2, False, "one thread"), (2, True, ""), (4, True, "two of 4 threads")],
)
def test_threads_that_are_not_used_are_told(threads, portfolio, said):
    instance = generate("milp", "vertex-cover", seed=3, nodes=20)
    result = cosolve.solve(instance, "random-rows", time_limit=20, threads=threads, options={"portfolio": portfolio})
    assert said in result.message
    assert bool(result.message) == bool(said)


@pytest.mark.parametrize("portfolio", [False, True])
def test_what_the_oracle_proves_on_its_way_is_not_proven_again(portfolio, monkeypatch):
    """It forgot that there is no solution, and the backend began anew."""
    adapter = type(solvers.get("scip")())
    asked, original = [], adapter.solve_formulation

    def solve(self, formulation, stage, **arguments):
        if threading.current_thread().name == "cosolve-original":
            while not stage.should_stop():
                time.sleep(0.01)
            return Outcome()
        asked.append(stage)
        return original(self, formulation, stage, **arguments)

    monkeypatch.setattr(adapter, "solve_formulation", solve)
    instance = milp([[2, 2]], [1, 1], upper=3, row_lower=3, row_upper=3)
    options = {"portfolio": portfolio}
    result = cosolve.solve(instance, "oracle-rows", time_limit=20, threads=1 + portfolio, options=options)
    assert (result.status, len(asked)) == (Status.INFEASIBLE, 1)
    assert result.runtime < 15


def test_only_milps_are_unbounded(monkeypatch):
    """Numbers too large for a backend made it say so of an independent set, and it was believed behind a reduction."""
    adapter = type(solvers.get("scip")())
    monkeypatch.setattr(adapter, "solve_formulation", lambda *args, **others: Outcome(Status.UNBOUNDED))
    for problem, parameters in (("mis", {"nodes": 40, "probability": 0.1}), ("milp", {})):
        instance = generate("mis", "er", seed=6, **parameters) if parameters else milp([[1, -1]], [-1, 0], row_lower=0)
        for solver in ("scip", "random-rows"):
            result = cosolve.solve(instance, solver, time_limit=20, options={})
            assert (result.status is Status.UNBOUNDED) == (problem == "milp"), (problem, solver)
            assert ("too large for scip" in result.message) == (problem == "mis")


def test_oracle_and_chance_take_tight_rows_only():
    """With a reference both must hold it: their reduced models keep its objective."""
    instance = generate("milp", "vertex-cover", seed=3, nodes=40)
    best = cosolve.solve(instance, "scip", time_limit=20)
    formulation = formulate(instance)
    for prediction in (
        by_oracle(formulation, best.solution),
        by_chance(formulation, np.random.default_rng(0), best.solution),
    ):
        reduction = select(formulation, prediction, Limits(1.0, 0, INF, 0.0, 0, 0.0))
        assert len(reduction.rows) > 40
        model = reduce(formulation, reduction).model
        assert judge(model, best.solution).feasible


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Folder of a network that covers all instances, has learned nothing, and takes every row for tight."""
    torch = pytest.importorskip("torch")
    network_module = pytest.importorskip("cosolve.models.ctc.network")
    torch.manual_seed(1)
    config = CtcConfig(model=ModelConfig(width=16, heads=2, rounds=1))
    network = network_module.Network(config.model)
    network.calibration[0] = torch.tensor([1.0, 3.0])
    folder = tmp_path_factory.mktemp("models") / "untrained"
    weights = network.state_dict()
    checkpoints.write(folder, weights, family="ctc", problem="milp", config=config, coverage={}, card="")
    return str(folder)


@pytest.mark.parametrize("solver", ["random-rows", "oracle-rows", "ctc", "ps", "rows"])
@pytest.mark.parametrize("problem", ["mis", "mds", "cflp", "cpmp", "stp"])
def test_problems_with_a_formulation_are_solved_as_themselves(problem, solver, request):
    """The solution is mapped back and judged as one of the original problem, with its own optimum."""
    families = {
        "mis": ("er", {"nodes": 40, "probability": 0.1}),
        "mds": ("ba", {"nodes": 40}),
        "cflp": ("cornuejols", {"facilities": 5, "customers": 8}),
        "cpmp": ("osman", {"n": 12, "p": 3}),
        "stp": ("hypercube", {"dimensions": 4, "perturbed": True}),
    }
    distribution, parameters = families[problem]
    instance = generate(problem, distribution, seed=6, **parameters)
    expected = cosolve.solve(instance, "scip", time_limit=30)
    options = {"row_budget": 1, "rows": 0.2}
    if solver in ("ctc", "ps", "rows"):
        doubts = {"row_doubts": 100.0, "column_doubts": 100.0}
        options |= {"checkpoint": request.getfixturevalue("untrained"), "columns": 0.5, "column_budget": 1, **doubts}
    result = cosolve.solve(instance, solver, time_limit=30, options=options)
    assert result.problem == problem
    assert result.status is Status.OPTIMAL
    assert result.objective == pytest.approx(expected.objective)
    if solver != "oracle-rows":  # which may prove the optimum on the way to a reference
        first = result.stats["rungs"][0]
        assert (first["rows"] > 0) == (solver != "ps")
        assert (first["columns"] > 0) == (solver in ("ctc", "ps"))


def test_the_portfolio_takes_bounds_from_the_original_only():
    """Both run at once; a reduced model solved first must not end the run as optimal."""
    for seed in range(1, 12, 2):
        instance = binary_milp(seed)
        expected = brute_force(instance)
        options = {"portfolio": True, "lie": seed, "row_budget": 1}
        result = cosolve.solve(instance, LIAR, time_limit=20, threads=2, options=options)
        assert result.objective == (None if expected is None else pytest.approx(expected))
        assert result.status is (Status.INFEASIBLE if expected is None else Status.OPTIMAL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "cbc"}, "backend must be one of scip, highs"),
        ({"rows": 1.5}, r"rows must be in \[0, 1\]"),
        ({"row_budget": -1}, "row_budget must be >= 0"),
        ({"share": 1.0}, r"share must be in \(0, 1\)"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    """Before anything is solved."""
    with pytest.raises(ValueError, match=message):
        cosolve.solve(binary_milp(1), "oracle-rows", options=options)
