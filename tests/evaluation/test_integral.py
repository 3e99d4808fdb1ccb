"""Objectives that are integers: half a unit decides, however large they are."""

from __future__ import annotations

import pytest

from cosolve.core.result import Status
from cosolve.evaluation.compare import compare
from cosolve.evaluation.derived import contradictions
from cosolve.evaluation.records import Record
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.scores import Metric, contradicts_reference, score, score_all, score_table
from cosolve.evaluation.statistics import compare_all, rank_solvers
from cosolve.evaluation.summary import summarise
from tests.evaluation.runs import run
from tests.evaluation.tiny import tiny_suite

MANY = 10_000_000.0


def whole(solver: str, objective: float, **facts) -> Record:
    return run(solver, objective=objective, **{"is_integral": True, "reference": MANY, **facts})


def test_records_know_whether_objectives_are_integers(tmp_path):
    """Rounded distances are; the same tour measured exactly is not."""
    [strict] = evaluate(tiny_suite("greedy"), tmp_path / "strict.jsonl")
    [compat] = evaluate(tiny_suite("greedy", judge="frontierco"), tmp_path / "compat.jsonl")
    assert (strict.is_integral, compat.is_integral) == (True, False)
    data = strict.to_dict()
    del data["is_integral"]
    assert Record.from_dict(data).is_integral is False


def test_ten_units_above_the_reference_are_not_the_reference():
    """As real numbers they are equal, 1e-6 apart."""
    records = [whole("a", MANY + 10), whole("b", MANY), run("c", "other", MANY + 10, reference=MANY)]
    assert [row.reached_share for row in summarise(records)] == [0.0, 1.0, 1.0]
    records = [whole("a", MANY + 10, trajectory=((1.0, MANY + 10, None),)), whole("b", MANY, best=2.0)]
    assert [score(record, Metric.TARGET_TIME) for record in records] == [10.0, 2.0]
    assert score_all(records, (Metric.TARGET_TIME,))[Metric.TARGET_TIME].tolist() == [10.0, 2.0]
    assert score(records[0], Metric.TARGET_TIME, target_gap=0.01) == 1.0  # a target that was asked for holds


@pytest.mark.parametrize(("sense", "worse"), [("min", 1.0), ("max", -1.0)])
@pytest.mark.parametrize("reference", [0.0, 1.0, -1.0, 5.0, MANY])
def test_the_next_integer_is_not_reached(sense, worse, reference):
    """Also where the gap of a unit is 1, as without any solution."""
    missed = run("a", objective=reference + worse, is_integral=True, sense=sense, reference=reference)
    there = run("b", objective=reference, is_integral=True, sense=sense, reference=reference)
    nothing = run("c", is_integral=True, sense=sense, reference=reference)
    assert [row.reached_share for row in summarise([missed, there, nothing])] == [0.0, 1.0, 0.0]


def test_one_unit_is_a_new_best_and_a_contradiction():
    """5 of ten million are 5e-7."""
    assert whole("a", MANY - 5).is_new_best
    assert not run("a", objective=MANY - 5, reference=MANY).is_new_best
    beyond = {"bound": MANY + 10, "status": Status.OPTIMAL}
    assert contradicts_reference(whole("a", MANY + 10, **beyond))
    assert not contradicts_reference(whole("a", MANY, bound=MANY, status=Status.OPTIMAL))
    assert not contradicts_reference(run("a", objective=MANY + 10, reference=MANY, **beyond))


def test_a_unit_is_no_tie():
    """Wins and ranks of solvers that differ by single units on large instances."""
    records = [whole(s, MANY + i, case=f"c{c}") for c in range(3) for i, s in enumerate("ab")]
    table = score_table(records)
    [pair] = compare_all(table.values, table.solvers, tolerance=table.tolerances)
    assert (pair.counts.wins, pair.counts.ties) == (3, 0)
    assert rank_solvers(table.values, table.solvers, tolerance=table.tolerances).mean_ranks == (1.0, 2.0)
    [one] = compare(records[::2], records[1::2], solver="a", solver_b="b")
    assert one.counts.losses == 3
    [asked] = compare(records[::2], records[1::2], solver="a", solver_b="b", tolerance=1e-3)
    assert asked.counts.ties == 3


@pytest.mark.parametrize("facts", [{"doubt": "computed wrongly"}, {"rounding": "unrounded"}])
def test_a_doubted_reference_makes_no_new_best(facts):
    """To beat a number that is wrong, or another measure, is no record."""
    record = run(objective=90.0, reference=Reference(100.0, ReferenceKind.BEST, **facts))
    assert not record.is_new_best
    assert summarise([record])[0].new_bests == 0


def test_records_know_the_magnitude_of_their_instance(tmp_path):
    """Without it a bound of twice the optimum contradicted nothing where costs are below 1e-6."""
    [record] = evaluate(tiny_suite("greedy"), tmp_path / "strict.jsonl")
    assert record.magnitude > 1
    data = record.to_dict()
    del data["magnitude"]
    assert Record.from_dict(data).magnitude == 1
    facts = {"objective": 2e-7, "bound": 2e-7, "status": Status.OPTIMAL, "reference": 1e-7}
    assert contradicts_reference(run("a", magnitude=1e-7, **facts))
    assert not contradicts_reference(run("a", **facts))
    better = run("b", objective=1e-7, magnitude=1e-7)
    assert contradictions([run("a", magnitude=1e-7, **facts | {"reference": None}), better]) == [True, False]
    assert run("b", objective=1e-7, magnitude=1e-7, reference=2e-7).is_new_best
