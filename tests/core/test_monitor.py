"""The monitor with scripted reports: facts win over claims, whatever the order they come in."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.core.monitor import Monitor, PatientMonitor, StageMonitor
from cosolve.core.result import Limit
from cosolve.core.stop import Stop
from cosolve.instances.distances import Distances
from cosolve.instances.milp import Values
from cosolve.instances.tsp import Tour, TSPInstance

GOOD, BAD, BROKEN = [0, 1, 2, 3], [0, 2, 1, 3], [0, 0, 1, 2]


def tour(order: list[int]) -> Tour:
    return Tour(order=np.array(order))


def scaled(length: float) -> TSPInstance:
    """Two cities, tour of ``2 * length``."""
    return TSPInstance(distances=Distances.from_matrix(np.array([[0.0, length], [length, 0.0]])))


def test_incumbents_come_in_order_with_verified_objectives(square):
    """The claimed objective may be a rounded or wrong one; only the judge's counts."""
    seen = []
    monitor = Monitor(square, Stop(60), on_incumbent=seen.append)
    assert monitor.report(tour(BAD), objective=1.0)
    assert monitor.report(tour(GOOD), objective=40.0)
    assert not monitor.report(tour(BAD))
    assert not monitor.report(tour(GOOD))
    assert [incumbent.objective for incumbent in seen] == [48, 40]
    assert seen[0].time <= seen[1].time
    assert monitor.best is seen[1]
    assert monitor.num_solutions == 2
    assert [point.objective for point in monitor.trajectory] == [48, 40]


def test_refused_solutions_are_told_with_what_is_wrong(square):
    """Who writes an adapter sees only a missing solution otherwise."""
    seen = []
    monitor = Monitor(square, Stop(60), on_rejected=seen.append)
    assert monitor.report(tour(GOOD))
    assert not monitor.report(tour(BROKEN))
    assert not monitor.report(tour(BAD))  # worse is not wrong
    assert [str(verdict.violations[0]) for verdict in seen] == ["city visited twice: city 0 at position 1"]


def test_maximisation_improves_upwards(knapsack):
    """Signs are the oldest trap."""
    monitor = Monitor(knapsack, Stop(60, target=3.0))
    for values, better in (([0, 0], True), ([0, 1], True), ([1, 0], True), ([0, 1], False)):
        assert monitor.report(Values(values=np.array(values, float))) is better
    assert monitor.limit is Limit.TARGET
    monitor.report_bound(4.5)
    monitor.report_bound(4.9)
    assert monitor.bound == 4.0


def test_infeasible_claim_is_rejected_and_remembered(square):
    """A backend's "optimal" solution may break a rule: it must not become the best."""
    monitor = Monitor(square, Stop(60), on_incumbent=lambda i: pytest.fail("called for a broken tour"))
    assert not monitor.report(tour(BROKEN), objective=0.0)
    assert monitor.best is None
    assert monitor.rejected is not None
    assert "twice" in monitor.rejected.violations[0].what


@pytest.mark.parametrize(
    ("reported", "kept"),
    [(39.2, 40.0), (39.0, 39.0), (39.0000003, 39.0), (38.9999997, 39.0), (-0.5, 0.0), (40, 40.0)],
)
def test_bounds_of_integral_instances_are_rounded_up(square, reported, kept):
    """39.2 proves 40; noise of the LP must neither cost nor gain a unit."""
    monitor = Monitor(square, Stop(60))
    monitor.report_bound(reported)
    assert monitor.bound == kept


def test_bounds_of_large_integral_instances_lose_nothing():
    """A slack relative to ten million once took ten units off every bound."""
    monitor = Monitor(scaled(5_000_000), Stop(60))
    monitor.report_bound(10_000_000.0)
    assert monitor.bound == 10_000_000
    assert not monitor.is_proven
    monitor.report(tour([0, 1]))
    assert monitor.is_proven


def test_large_integral_objectives_are_not_proven_by_a_near_bound():
    """9,999,995 is within 1e-6 of ten million, and still no proof for it."""
    monitor = Monitor(scaled(5_000_000), Stop(60))
    monitor.report(tour([0, 1]))
    monitor.report_bound(9_999_995)
    assert not monitor.is_proven
    assert not monitor.should_stop()


def test_fractional_objectives_keep_their_bounds():
    """Rounding a bound up where objectives are not integers would make it wrong."""
    monitor = Monitor(scaled(1.25), Stop(60))
    monitor.report_bound(2.2)
    assert monitor.bound == 2.2
    monitor.report(tour([0, 1]))
    monitor.report_bound(2.4999999)
    assert monitor.is_proven


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_bounds_that_are_no_numbers_are_ignored(square, value):
    """Backends report -1e+308, infinity or NaN before they know anything."""
    monitor = Monitor(square, Stop(60))
    monitor.report_bound(value)
    assert monitor.bound is None


@given(st.lists(st.one_of(st.integers(0, 39), st.just("good"), st.just("bad"), st.just("broken")), max_size=12))
def test_trajectory_is_monotone_whatever_comes(reports):
    """Integrals over the trajectory are meaningless otherwise."""
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    monitor = Monitor(TSPInstance(distances=Distances.from_coords(corners)), Stop(60))
    for item in reports:
        if isinstance(item, int):
            monitor.report_bound(item)
        else:
            monitor.report(tour({"good": GOOD, "bad": BAD, "broken": BROKEN}[item]))
    times = [point.time for point in monitor.trajectory]
    objectives = [point.objective for point in monitor.trajectory if point.objective is not None]
    bounds = [point.bound for point in monitor.trajectory if point.bound is not None]
    assert times == sorted(times)
    assert objectives == sorted(objectives, reverse=True)
    assert bounds == sorted(bounds)


def test_late_reports_are_ignored_after_close(square):
    """A solver left behind must not change a result that was handed out."""
    monitor = Monitor(square, Stop(60))
    monitor.close()
    assert not monitor.report(tour(GOOD))
    monitor.report_bound(30)
    assert monitor.best is None
    assert monitor.bound is None
    assert monitor.trajectory == []


def test_exception_of_a_callback_stops_the_run_and_is_kept(square):
    """It runs on a backend's thread, where it would vanish."""

    def fail(incumbent):
        raise RuntimeError("disk full")

    monitor = Monitor(square, Stop(60), on_incumbent=fail)
    assert monitor.report(tour(BAD))
    assert monitor.should_stop()
    assert isinstance(monitor.callback_error, RuntimeError)
    assert monitor.report(tour(GOOD)), "the solution counts all the same"


def test_no_more_solutions_than_asked_for(square):
    """A backend that hears late that it may stop sends some more, and "solutions" was overshot."""
    monitor = Monitor(square, Stop(60, solutions=1))
    assert monitor.report(tour(BAD))
    assert not monitor.report(tour(GOOD))
    assert monitor.limit is Limit.SOLUTION
    assert (monitor.best.objective, monitor.num_solutions, len(monitor.trajectory)) == (48, 1, 1)


@pytest.mark.parametrize(
    ("stop", "reports", "limit"),
    [
        (Stop(0), [], Limit.TIME),
        (Stop(60, solutions=1), [BAD], Limit.SOLUTION),
        (Stop(60, solutions=2), [BAD], None),
        (Stop(60, target=48), [BAD], Limit.TARGET),
        (Stop(60, target=47), [BAD], None),
        (Stop(60, gap=0.2), [36, BAD], None),
        (Stop(60, gap=0.25), [36, BAD], Limit.GAP),
        (Stop(60, gap=0.25), [BAD, 36], Limit.GAP),
    ],
)
def test_limit_says_why_the_run_stopped(square, stop, reports, limit):
    """Status and limit are separate facts; both go into tables."""
    monitor = Monitor(square, stop)
    for item in reports:
        if isinstance(item, int):
            monitor.report_bound(item)
        else:
            monitor.report(tour(item))
    assert monitor.should_stop() is (limit is not None)
    assert monitor.limit is limit


def test_proof_stops_without_a_limit(square):
    """Bound and objective meet: the run is done, no limit ended it."""
    monitor = Monitor(square, Stop(60))
    monitor.report(tour(GOOD))
    monitor.report_bound(40)
    assert monitor.should_stop()
    assert monitor.limit is None


def test_first_reason_to_stop_stays(square):
    """Ctrl-C after the time limit does not make it an interrupted run."""
    monitor = Monitor(square, Stop(0))
    assert monitor.should_stop()
    monitor.interrupt()
    assert monitor.limit is Limit.TIME


def test_reports_from_many_threads_leave_one_consistent_best(square):
    """Backends call from their workers' threads."""
    monitor = Monitor(square, Stop(60))
    orders = [GOOD, BAD, BROKEN] * 20
    threads = [threading.Thread(target=monitor.report, args=(tour(order),)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert monitor.best is not None
    assert monitor.best.objective == 40
    assert len(monitor.trajectory) in (1, 2)


def test_stage_reports_to_the_whole_run_and_ends_with_it(square):
    """A part of a plan has its own time, never its own best."""
    whole = Monitor(square, Stop(60))
    stage = StageMonitor(whole, 0.0)
    assert stage.should_stop()
    assert not whole.should_stop()
    assert stage.report(tour(BAD))
    stage.report_bound(30)
    assert whole.best is stage.best
    assert (whole.bound, stage.bound) == (30, 30)
    assert not stage.is_proven
    assert not stage.report(tour([0, 0, 0, 0]))
    assert stage.rejected is whole.rejected is not None
    longer = StageMonitor(whole, 1e9)
    assert longer.time_left() <= 60
    assert not longer.should_stop()
    whole.interrupt()
    assert longer.should_stop()
    stage.close()
    assert not stage.report(tour(GOOD))


def test_patience_is_measured_by_the_time_to_the_last_solution(square):
    whole, now = Monitor(square, Stop(60)), [0.0]

    def stage(patience):
        made = PatientMonitor(whole, 1e9, patience)
        made.elapsed = lambda: now[0]
        return made

    patient, endless = stage(1.0), stage(math.inf)
    now[0] = 5.0
    assert not patient.should_stop()  # without a solution there is nothing to go by
    assert patient.report(tour(BAD))
    now[0] = 9.9
    assert not patient.should_stop()
    assert not patient.report(tour(BAD))  # no better one
    now[0] = 10.0
    assert patient.should_stop()
    assert endless.report(tour(GOOD))
    assert not endless.should_stop()
    assert patient.should_stop()
    now[0] = 0.5
    second = stage(1.0)
    assert not second.should_stop()
    now[0] = 1.0
    assert second.should_stop()  # there was a solution before, and it has none that is better


@pytest.mark.parametrize("unit", [1.0, 1e-7, 1e-12])
def test_a_bound_of_an_instance_in_small_units_must_come_as_near(unit):
    """An absolute tolerance proved whatever is shorter than it."""
    monitor = Monitor(scaled(unit * 1.5), Stop(60))
    assert monitor.report(tour([0, 1]))
    monitor.report_bound(2.9 * unit)
    assert not monitor.is_proven
    monitor.report_bound(3 * unit * (1 - 1e-9))
    assert monitor.is_proven


def test_starts_count_as_no_solution_that_was_found():
    """Neither one handed over by a part of the run, nor a worse one after a better: a limit of solutions counts on."""
    monitor = Monitor(scaled(1.0), Stop(solutions=1))
    stage = StageMonitor(monitor)
    assert stage.report_start(tour([0, 1]))
    assert not stage.report_start(tour([0, 1]))
    assert monitor.num_solutions == 0
    assert not monitor.should_stop()
