"""Summary rows against a table worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cosolve.core.result import Status
from cosolve.evaluation.derived import virtual_best
from cosolve.evaluation.records import Batch, Failure
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.statistics import bootstrap_interval
from cosolve.evaluation.summary import ALL, summarise
from tests.evaluation.runs import run

RECORDS = [
    # "one": gaps 0.2 and 0 (better than the reference), 3 s and 5 s; "two": crashed; "three": not here.
    run("a", "one", 125.0, seed=0, time=3.0, peak_memory=500),
    run("a", "one", 90.0, seed=1, time=5.0, peak_memory=700, status=Status.OPTIMAL, bound=90.0),
    run("a", "two", seed=0, failure=Failure.CRASH, time=0.5),
    run("a", "two", seed=1, failure=Failure.CRASH, time=0.5),
    run("a", "three", digest=None, failure=Failure.MISSING),
    run("b", "one", 200.0, time=1.0),
    run("b", "two", 100.0, time=1.0),
    run("b", "three", digest=None, failure=Failure.MISSING),
]


def test_a_row_by_hand():
    """Every number of a table of results, from two instances with two seeds."""
    row = summarise(RECORDS)[0]
    assert (row.group, row.solver) == ("tsp / easy", "a")
    assert (row.instances, row.runs, row.not_run, row.with_reference) == (2, 4, 1, 2)
    assert row.feasible_share == 0.5
    assert row.solved_share == 0.25
    assert row.reached_share == 0.25
    assert row.mean_gap == pytest.approx(0.55)  # (0.1 + 1) / 2
    assert row.median_gap == pytest.approx(0.55)
    assert row.std_gap == pytest.approx(0.45 * 2**0.5)  # both 0.45 from the mean, divided by 2 - 1
    assert row.gap_interval == bootstrap_interval([0.1, 1.0])
    assert row.gap_of_feasible == pytest.approx(0.1)
    assert row.mean_optimality_gap == pytest.approx(0.75)  # (1 + 0) / 2 and 1
    assert row.sgm_time == pytest.approx(55**0.5 - 1)  # means 4 s and 10 s: (5 * 11)^(1/2) - 1
    assert row.par2 == pytest.approx((12.5 + 20) / 2)  # "one": (20 + 5) / 2
    assert row.new_bests == 1
    assert row.failures == {Failure.CRASH: 2, Failure.MISSING: 1}
    assert row.peak_memory == 700


def test_a_solver_of_one_seed_weighs_its_instances_like_the_others():
    """b ran each instance once; nothing of a may leak into its row."""
    row = summarise(RECORDS)[1]
    assert (row.solver, row.instances, row.runs, row.not_run) == ("b", 2, 2, 1)
    assert row.mean_gap == pytest.approx(0.25)
    assert row.feasible_share == 1.0
    assert row.reached_share == 0.5


def test_unequal_numbers_of_runs_do_not_weigh_instances_unequally():
    """Three seeds on an easy instance and one on a hard one: 0.5, not 0.25."""
    records = [run("a", "easy", 100.0, seed=s) for s in range(3)] + [run("a", "hard")]
    row = summarise(records)[0]
    assert row.mean_gap == pytest.approx(0.5)
    assert row.feasible_share == pytest.approx(0.5)
    assert row.par2 == pytest.approx(20.0)


def test_several_groups_get_a_row_for_all():
    """The total is over instances, after the groups, in the order of the records."""
    records = [
        run("a", "one", 125.0, group="easy"),
        run("a", "two", group="hard"),
        run("a", "three", 100.0, group="hard"),
    ]
    rows = summarise(records)
    assert [row.group for row in rows] == ["tsp / easy", "tsp / hard", ALL]
    assert rows[-1].instances == 3
    assert rows[-1].mean_gap == pytest.approx(0.4)
    by_case = summarise(records, group=lambda record: record.case)
    assert [row.group for row in by_case] == ["one", "two", "three", ALL]


def test_a_solver_that_never_ran_has_a_row_with_nothing_in_it():
    """It was asked for: dropping it silently would hide that its package is not here."""
    row = summarise([run(failure=Failure.UNAVAILABLE)])[0]
    assert (row.runs, row.not_run, row.instances) == (0, 1, 0)
    assert row.failures == {Failure.UNAVAILABLE: 1}
    assert row.mean_gap is None
    assert row.feasible_share is None
    assert row.sgm_time is None
    assert row.gap_interval is None
    assert row.peak_memory is None


def test_a_failure_without_a_limit_leaves_the_times_open():
    """An infinite mean is no number for a table."""
    row = summarise([run("a", "one", 100.0), run("a", "two", limit=None)])[0]
    assert row.sgm_time is None
    assert row.par2 is None
    assert row.mean_gap == pytest.approx(0.5)


def test_doubts_and_contradictions_are_counted():
    """Readers must see that a gap may be an artefact."""
    doubtful = Reference(100.0, ReferenceKind.BEST, doubt="floored distances")
    records = [run("a", "one", 105.0, reference=doubtful), run("a", "two", 105.0, bound=104.0)]
    row = summarise(records)[0]
    assert (row.doubtful, row.contradictions) == (1, 1)


def test_a_proof_that_another_run_refutes_is_none():
    """ "Optimal" at 100, and somebody has 90; "infeasible", and somebody has a solution."""
    records = [
        run("a", "one", 100.0, bound=100.0, status=Status.OPTIMAL, reference=None),
        run("b", "one", 90.0, reference=None),
        run("a", "two", status=Status.INFEASIBLE, reference=None, time=0.1),
        run("b", "two", 90.0, reference=None),
    ]
    wrong, right = summarise(records)
    assert (wrong.solved_share, wrong.contradictions, right.contradictions) == (0.0, 2, 0)
    assert wrong.par2 == 20.0
    assert wrong.sgm_time == pytest.approx((2 * 11) ** 0.5 - 1)  # 1 s, and the limit of 10 s without an answer
    apart = [record if record.solver == "a" else replace(record, judge="frontierco") for record in records]
    assert summarise(apart)[0].contradictions == 0  # under other rules more is feasible
    boundless = run("a", "one", 110.0, status=Status.OPTIMAL, reference=None)
    assert summarise([boundless, run("b", "one", 100.0, reference=None)])[0].contradictions == 1
    exact = run("a", "one", 100.0, bound=100.0, status=Status.OPTIMAL, reference=None)
    assert summarise([exact, run("b", "one", 100.0, reference=None)])[0].contradictions == 0


def test_saved_solutions_without_times_have_none_in_the_table():
    """Two good solutions and an invalid one would be a mean of 10 s, the limit; times of some would be a choice."""
    saved = {"solver_name": "", "time": None}
    records = [
        run("s", "one", 100.0, **saved),
        run("s", "two", 100.0, **saved),
        run("s", "three", failure=Failure.INVALID, **saved),
    ]
    timed = run("s", "four", 100.0, **(saved | {"time": 3.0}))
    for chosen in (records, [*records, timed]):
        row = summarise(chosen)[0]
        assert (row.sgm_time, row.par2, row.target_time, row.primal_integral) == (None, None, None, None)
        assert row.mean_gap == pytest.approx(1 / len(chosen))


def test_batches_have_two_times():
    """8 s of waiting and 1 s of the device."""
    row = summarise([run(objective=100.0, time=8.0, batch=Batch(8, 8.0, 1.0, 0.0, "cpu"))])[0]
    assert row.sgm_time == pytest.approx(8.0)
    assert row.sgm_amortised_time == pytest.approx(1.0)


def test_the_virtual_best_can_be_a_row():
    """No solver's mean gap is below it."""
    rows = {row.solver: row for row in summarise([*RECORDS, *virtual_best(RECORDS)])}
    assert rows["virtual best"].mean_gap == pytest.approx(0.05)  # "one": 0.2 and 0; "two": 0
    assert rows["virtual best"].mean_gap <= min(rows["a"].mean_gap, rows["b"].mean_gap)


def test_no_records_no_rows():
    """An empty file is no error here."""
    assert summarise([]) == []
