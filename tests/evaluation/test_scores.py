"""Records to scores: what counts as failed, as not run, and who is paired with whom."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from cosolve.core.result import Status
from cosolve.evaluation.derived import virtual_best, with_own_references
from cosolve.evaluation.records import Batch, Failure
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.scores import (
    NOT_RUN,
    Metric,
    contradicts_reference,
    gap_curve,
    group_label,
    instance_keys,
    is_solved,
    score,
    score_table,
    took_place,
)
from tests.evaluation.runs import run

FAILED = [Failure.ERROR, Failure.INVALID, Failure.CRASH, Failure.EXIT, Failure.HANG, Failure.MEMORY]


def test_every_failure_is_either_the_solver_s_or_the_surroundings():
    """A kind that moves to the other side changes what every mean is over; a new kind must be put on one."""
    assert {*FAILED, *NOT_RUN} == set(Failure)
    assert not NOT_RUN.intersection(FAILED)


@pytest.mark.parametrize("failure", FAILED)
def test_a_failed_run_has_the_worst_score_and_not_none(failure):
    """A solver that crashes on hard instances would look good if they were left out."""
    record = run(failure=failure, time=0.1)
    assert score(record, Metric.GAP) == 1.0
    assert score(record, Metric.OPTIMALITY_GAP) == 1.0
    assert score(record, Metric.PRIMAL_INTEGRAL) == 1.0
    assert score(record, Metric.PRIMAL_DUAL_INTEGRAL) == 1.0
    assert score(record, Metric.TIME) == 10.0
    assert score(record, Metric.TARGET_TIME) == 10.0
    assert score(run(failure=failure, limit=None), Metric.TIME) == math.inf


@pytest.mark.parametrize("failure", sorted(NOT_RUN))
@pytest.mark.parametrize("metric", list(Metric))
def test_a_run_that_never_took_place_has_no_score(failure, metric):
    """A file that is not here says nothing about the solver."""
    assert not took_place(run(failure=failure))
    assert math.isnan(score(run(failure=failure), metric))


def test_a_solution_from_before_a_failure_counts_but_its_time_does_not():
    """Hanging after a good solution keeps the solution, and must not look fast."""
    record = run(objective=125.0, failure=Failure.HANG, time=2.0, best=1.0)
    assert score(record, Metric.GAP) == pytest.approx(0.2)
    assert score(record, Metric.TIME) == 10.0


def test_metrics_that_need_what_is_not_known_are_nan():
    """0 or 1 in place of "not known" would enter a mean."""
    assert math.isnan(score(run(objective=1.0, reference=None), Metric.GAP))
    assert math.isnan(score(run(objective=1.0, reference=None), Metric.TARGET_TIME))
    assert math.isnan(score(run(objective=1.0, limit=None), Metric.PRIMAL_INTEGRAL))
    assert math.isnan(score(run(objective=1.0, limit=None), Metric.PRIMAL_DUAL_INTEGRAL))
    assert math.isnan(score(run(objective=1.0, time=None), Metric.TIME))


def test_integrals_and_times_of_a_run_by_hand():
    """Gap 1 for 2 s, 0.5 for 3 s, 0 for 5 s: (2 + 1.5) / 10; the bound 50 is known from the start."""
    record = run(objective=100.0, bound=50.0, trajectory=((0.0, None, 50.0), (2.0, 200.0, 50.0), (5.0, 100.0, 50.0)))
    assert score(record, Metric.PRIMAL_INTEGRAL) == pytest.approx(0.35)
    assert score(record, Metric.TARGET_TIME) == 5.0
    assert score(record, Metric.TARGET_TIME, target_gap=0.5) == 2.0
    # 2 s of 1, 3 s of (200 - 50) / 200 = 0.75, 5 s of (100 - 50) / 100 = 0.5
    assert score(record, Metric.PRIMAL_DUAL_INTEGRAL) == pytest.approx((2 + 2.25 + 2.5) / 10)
    assert score(record, Metric.OPTIMALITY_GAP) == pytest.approx(0.5)


def test_the_trajectory_never_counts_for_more_than_the_verified_solution():
    """The trajectory is the solver's own story; the judge saw 200 only."""
    record = run(objective=200.0, trajectory=((1.0, 100.0, None),))
    assert gap_curve(record) == [(0.0, 1.0), (1.0, 0.5)]
    assert gap_curve(run(objective=None, trajectory=((1.0, 100.0, None),))) == [(0.0, 1.0)]


@pytest.mark.parametrize(("times", "since"), [({"best": 3.0}, 3.0), ({"time": 4.0}, 4.0)], ids=str)
def test_a_solution_without_a_trajectory_is_known_from_the_best_known_time_on(times, since):
    """Outside solvers leave a solution and no curve; counting it from second 0 would flatter them."""
    assert gap_curve(run(objective=125.0, **times)) == [(0.0, 1.0), (since, pytest.approx(0.2))]


def test_a_solution_of_which_no_time_is_known_has_no_curve():
    """At the limit it would be as slow as a failure, and at 0 faster than all."""
    for record in (
        run(objective=125.0, time=None),
        run(objective=125.0, time=None, solver_name=""),
        run(failure=Failure.INVALID, time=None, solver_name=""),
    ):
        assert gap_curve(record) is None
        for metric in (Metric.TIME, Metric.AMORTISED_TIME, Metric.TARGET_TIME, Metric.PRIMAL_INTEGRAL):
            assert math.isnan(score(record, metric))
        assert not math.isnan(score(record, Metric.GAP))
    assert gap_curve(run(failure=Failure.CRASH, time=None)) == [(0.0, 1.0)]


def test_a_batch_counts_its_latency_and_its_share():
    """A GPU that solves 64 at once took 8 s for the user who waited, and 0.125 s per instance."""
    record = run(objective=125.0, time=8.0, batch=Batch(64, 8.0, 0.125, 1.0, "cuda:0"))
    assert score(record, Metric.TIME) == 8.0
    assert score(record, Metric.AMORTISED_TIME) == 0.125
    assert score(run(objective=125.0, time=8.0), Metric.AMORTISED_TIME) == 8.0


# -- proofs -----------------------------------------------------------------------------------------------


def test_solved_means_proven_and_uncontradicted():
    """Reaching the reference is no proof, and a proof that excludes a known solution is none either."""
    assert is_solved(run(objective=100.0, bound=100.0, status=Status.OPTIMAL))
    assert is_solved(run(status=Status.INFEASIBLE, reference=None))
    assert not is_solved(run(objective=100.0))
    assert not is_solved(run(objective=100.0, status=Status.OPTIMAL, failure=Failure.ERROR))
    assert not is_solved(run(status=Status.INFEASIBLE, reference=100.0))
    assert not is_solved(run(objective=110.0, bound=110.0, status=Status.OPTIMAL))


@pytest.mark.parametrize(
    ("bound", "sense", "expected"),
    [(101.0, "min", True), (100.00001, "min", False), (99.0, "min", False), (99.0, "max", True), (101.0, "max", False)],
)
def test_a_bound_beyond_the_reference_contradicts_it(bound, sense, expected):
    """A lower bound of 101 says that the published 100 does not exist."""
    assert contradicts_reference(run(objective=100.0, bound=bound, sense=sense)) is expected


@pytest.mark.parametrize("status", [Status.INFEASIBLE_OR_UNBOUNDED, Status.UNBOUNDED])
def test_a_known_optimum_contradicts_that_there_is_none(status):
    """A best known value may yet be unbounded from below; an optimum may not."""
    optimum = Reference(100.0, ReferenceKind.OPTIMAL)
    assert contradicts_reference(run(status=status, reference=optimum))
    assert not is_solved(run(status=status, reference=optimum))
    assert not contradicts_reference(run(status=status, reference=100.0))


def test_a_doubtful_reference_contradicts_nobody():
    """A value under another rounding may lie beyond a right bound."""
    for facts in ({"doubt": "floored distances"}, {"rounding": "unrounded"}):
        reference = Reference(100.0, ReferenceKind.BEST, **facts)
        assert not contradicts_reference(run(objective=102.0, bound=101.0, reference=reference))


# -- tables -----------------------------------------------------------------------------------------------


def test_seeds_are_averaged_within_an_instance_first():
    """Gaps 0 and 0.5 on "one" are one value 0.25; the third run is another instance."""
    records = [run("a", "one", 100.0, seed=0), run("a", "one", 200.0, seed=1), run("a", "two", 125.0)]
    table = score_table(records)
    assert table.instances == ("one", "two")
    assert table.values[:, 0] == pytest.approx([0.25, 0.2])


def test_tables_keep_what_was_not_run_apart_and_say_who_ran_all():
    """NaN is "not run"; 1 is "failed"."""
    records = [
        run("a", "one", 100.0),
        run("a", "two"),
        run("b", "one", 125.0),
        run("b", "two", failure=Failure.UNAVAILABLE),
    ]
    table = score_table(records)
    np.testing.assert_allclose(table.values, [[0.0, 0.2], [1.0, np.nan]])
    assert table.complete().instances == ("one",)


def test_instances_are_told_apart_by_content_and_not_by_name():
    """Two suites may name one file differently, and two files alike."""
    same = [run(case="x", digest="d1"), run("b", case="y", digest="d1")]
    assert len(set(instance_keys(same))) == 1
    other = [run(case="x", digest="d1"), run("b", case="x", digest="d2")]
    assert len(set(instance_keys(other))) == 2


def test_a_run_that_died_before_the_digest_was_known_joins_its_instance():
    """Out of memory while reading would otherwise open a row of its own and never be paired."""
    records = [run("a", "one", 100.0), run("b", "one", digest=None, failure=Failure.MEMORY)]
    np.testing.assert_allclose(score_table(records).values, [[0.0, 1.0]])


def test_group_labels_leave_out_empty_parts():
    """A dangling slash is ugly in a table."""
    assert group_label(run()) == "tsp / easy"
    assert group_label(run(group="")) == "tsp"


def test_own_references_fill_gaps_only():
    """A published value must never be replaced by ours."""
    records = [run("a", "one", 120.0, reference=None), run("b", "one", 110.0, reference=None), run("a", "two", 50.0)]
    filled = with_own_references(records)
    assert [r.reference.value for r in filled] == [110.0, 110.0, 100.0]
    assert [r.reference.kind for r in filled] == [ReferenceKind.OWN, ReferenceKind.OWN, ReferenceKind.BEST]
    assert with_own_references([run(reference=None)])[0].reference is None
    largest = with_own_references(
        [run("a", "x", 1.0, reference=None, sense="max"), run("b", "x", 2.0, sense="max", reference=None)]
    )
    assert largest[0].reference.value == 2.0


def test_own_references_are_of_the_same_rules():
    """A rounded-down length of the other rules was the reference of unrounded ones, and no gap could be 0."""
    strict = run("a", "one", 120.0, reference=None)
    theirs = dataclasses.replace(run("b", "one", 110.0, reference=None), judge="frontierco")
    assert [r.reference.value for r in with_own_references([strict, theirs])] == [120.0, 110.0]


def test_the_virtual_best_takes_the_best_per_instance_and_seed():
    """Its gap is a lower limit for every solver; a deterministic solver takes part for every seed."""
    records = [
        run("a", "one", 120.0, seed=0),
        run("a", "one", 115.0, seed=1),
        run("d", "one", 110.0, seed=0),
        run("a", "two", 100.0, seed=0, time=5.0),
        run("d", "two", 100.0, seed=0, time=2.0),
        run("a", "three", seed=0),
        run("d", "three", failure=Failure.MISSING),
    ]
    best = virtual_best(records)
    assert [(r.case, r.seed, r.objective) for r in best] == [
        ("one", 0, 110.0),
        ("one", 1, 110.0),
        ("two", 0, 100.0),
        ("three", 0, None),
    ]
    assert best[2].times.solve == 2.0
    assert {r.solver for r in best} == {"virtual best"}


def test_the_virtual_best_is_the_run_that_says_most():
    """A crash, or the same solution without its proof, is nobody's choice; a better solution before a crash is."""
    none = [run("a", failure=Failure.CRASH, reference=None), run("b", status=Status.INFEASIBLE, reference=None)]
    assert virtual_best(none)[0].status is Status.INFEASIBLE
    facts = {"objective": 100.0, "bound": 100.0, "status": Status.OPTIMAL}
    proven = run("b", time=1.0, best=0.6, **facts)
    assert virtual_best([run("a", objective=100.0, time=1.0, best=0.5), proven])[0].status is Status.OPTIMAL
    assert virtual_best([run("a", time=2.0, best=0.1, **facts), proven])[0].times.solve == 1.0
    hung = run("a", objective=100.0, failure=Failure.HANG, time=0.1)
    assert virtual_best([hung, run("b", objective=100.0)])[0].failure is None
    assert virtual_best([hung, run("b", objective=110.0)])[0].objective == 100.0
