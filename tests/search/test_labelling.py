"""The exact search for orienteering against every order of every subset, in all its phases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orienteering_cases import instances, optimum, random_instance, value

import cosolve
from cosolve.instances.distances import Distances
from cosolve.instances.orienteering import OPTWInstance, OPTWVPInstance
from cosolve.search import label_passes, orienteering_local
from cosolve.search.label_passes import ExactSearch, nearest, repeats, without_repeats
from cosolve.search.time_grid import TimeGrid
from cosolve.solvers.orienteering import arrays_of

#: What the search is allowed before it goes on to the next phase: all at once; relaxed passes; multipliers.
PHASES = {"at once": {}, "relaxed": {"first_labels": 2}, "multipliers": {"first_labels": 2, "relaxed_labels": 2}}


class Log:
    """Keeps the best route's profit and all bounds."""

    def __init__(self, instance: OPTWVPInstance) -> None:
        self.arrays = arrays_of(instance)
        self.best, self.bounds = 0.0, [math.inf]

    def report(self, route: np.ndarray) -> float:
        self.best = max(self.best, self.arrays.profit(route))
        return self.best

    def search(self, **options: int) -> ExactSearch:
        stop = np.zeros(1, np.int64)
        return ExactSearch(self.arrays, report=self.report, report_bound=self.bounds.append, stop=stop, **options)


@pytest.mark.parametrize("phase", PHASES)
@settings(max_examples=60)
@given(instance=instances(max_places=6))
def test_search_finds_and_proves_the_best_of_all_orders(phase, instance):
    """A label dropped by a wrong dominance, bound or join loses the optimum; a bound below it proves what is false."""
    log = Log(instance)
    assert log.search(**PHASES[phase]).run()
    best = optimum(instance)
    assert log.best == pytest.approx(best, abs=1e-6)
    assert min(log.bounds) == pytest.approx(best, abs=1e-6)
    assert min(log.bounds) >= best - 1e-6


@pytest.mark.parametrize("size", [6, 7])
def test_search_finds_the_best_of_all_orders_where_many_labels_compete(size):
    """A label that dominates another although it forbids more loses many of these optima."""
    for seed in range(23, 31):
        instance = cosolve.generate("optwvp", "hard", size=size, width=4.0, horizon=5.0, cap=0.6, seed=seed)
        log = Log(instance)
        assert log.search().run()
        best = optimum(instance)
        assert log.best == pytest.approx(best, abs=1e-6)
        assert min(log.bounds) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("seed", range(3))
def test_all_phases_agree_on_larger_instances(phase, seed):
    """Cycles, joins and multipliers hardly appear among six places."""
    instance = cosolve.generate("optwvp", "hard", size=13, width=3.0, horizon=5.0, seed=seed)
    expected = Log(instance)
    assert expected.search(first_labels=10**6).run()
    log = Log(instance)
    assert log.search(**PHASES[phase]).run()
    assert log.best == pytest.approx(expected.best, abs=1e-9)
    assert min(log.bounds) >= expected.best - 1e-9


@pytest.mark.parametrize("max_labels", [1000, 5000])
def test_bound_of_a_search_that_ran_out_of_room_holds(max_labels):
    """What labels not extended yet may still come to is part of the bound; forgetting one would cut off the optimum."""
    instance = cosolve.generate("optwvp", "hard", size=15, width=4.0, horizon=6.0, cap=0.5, seed=5)
    expected = Log(instance)
    assert expected.search(first_labels=10**6).run()
    log = Log(instance)
    search = log.search(max_labels=max_labels, first_labels=max_labels, relaxed_labels=max_labels)
    search.run()
    assert math.isfinite(min(log.bounds))
    assert min(log.bounds) >= expected.best - 1e-9
    assert log.best <= expected.best + 1e-9


def test_stopped_search_reports_only_valid_bounds():
    """Time is up in the middle of a pass more often than not."""
    instance = cosolve.generate("optwvp", "hard", size=12, width=3.0, horizon=5.0, seed=1)
    log = Log(instance)
    search = log.search()
    search._stop[0] = 1
    search.run()
    assert min(log.bounds) == math.inf or min(log.bounds) > 0


@settings(max_examples=80)
@given(instances(max_places=6), st.booleans())
def test_grid_bound_is_never_below_the_optimum(instance, reverse):
    """Times rounded up instead of down, or a window cut too early, would make the bound a lie."""
    arrays = arrays_of(instance)
    grid = TimeGrid(arrays)
    multipliers = grid.optimise(0.0, np.zeros(1, np.int64))
    assert (multipliers >= 0).all()
    best = optimum(instance)
    assert grid.bound >= best - 1e-6
    table = grid.table(reverse, multipliers)
    if table is not None:
        assert table[0, 0] + multipliers.sum() >= best - 1e-6


def test_multipliers_price_out_repeated_visits():
    """Without them, the longest path goes round and round among the best few customers."""
    instance = cosolve.generate("optwvp", "hard", size=15, seed=2)
    arrays = arrays_of(instance)
    grid = TimeGrid(arrays)
    plain = grid.table(False, np.zeros(15))[0, 0]
    grid.optimise(0.0, np.zeros(1, np.int64))
    assert grid.bound < 0.9 * plain
    assert grid.bound <= arrays.worth.sum() + 1e-9


def test_worthless_place_on_the_shortest_way_is_kept():
    """Where the triangle inequality does not hold, the only way in time may lead over a customer who pays nothing."""
    instance = random_instance(19, 6)
    assert instance.segment_ptr[2] - instance.segment_ptr[1] == 0 or instance.prize[1] == 0
    assert 2 in arrays_of(instance).places
    assert value(instance, [4, 3, 2]) == 7
    assert value(instance, [4, 3]) < 7


def test_repeats_and_their_removal():
    """The memory grows by what lies between two visits; a route with cycles still gives a feasible one."""
    assert repeats(np.array([3, 1, 2, 3, 1])) == [(3, [1, 2]), (1, [2, 3])]
    arrays = arrays_of(cosolve.generate("optwvp", "hard", size=6, seed=0))
    route = without_repeats(arrays, np.array([1, 2, 1, 3, 2]))
    assert sorted(route.tolist()) == [1, 2, 3]


def test_nearest_remembers_itself_and_both_directions():
    """A label that may forget the customer it stands at could stay there for ever."""
    travel = np.array([[0.0, 1, 1, 1], [1, 0, 9, 5], [1, 2, 0, 7], [1, 6, 8, 0]])
    sets = nearest(travel, 1, 1)[:, 0].tolist()
    assert [sorted(k for k in range(4) if s >> k & 1) for s in sets[1:]] == [[1, 2], [1, 2], [1, 3]]


@settings(max_examples=40)
@given(instances(max_places=7), st.integers(0, 1000))
def test_local_search_gives_feasible_routes_of_the_profit_it_says(instance, seed):
    """Insertions are checked by arrays of earliest and latest starts: out of step, they would let late ones in."""
    arrays = arrays_of(instance)
    first = orienteering_local.construct(arrays)
    assert arrays.profit(first) >= 0
    state = orienteering_local.start(arrays, first, seed)
    orienteering_local.run(arrays, state, 300)
    assert len(set(state.best_visits.tolist())) == len(state.best_visits)
    assert state.best == pytest.approx(arrays.profit(state.best_visits), abs=1e-9)
    assert arrays.profit(first) - 1e-9 <= state.best <= optimum(instance) + 1e-6


def test_local_search_does_not_depend_on_slices():
    """The clock decides about slices only: the same number of iterations must give the same route."""
    arrays = arrays_of(cosolve.generate("optwvp", "hard", size=25, seed=3))
    states = [orienteering_local.start(arrays, np.empty(0, np.int64), 7) for _ in range(2)]
    orienteering_local.run(arrays, states[0], 400)
    for part in (1, 99, 150, 150):
        orienteering_local.run(arrays, states[1], part)
    assert states[0].best == states[1].best
    assert states[0].route.tolist() == states[1].route.tolist()


def test_beams_are_routes_and_never_bounds():
    """A beam drops labels: what is left proves nothing."""
    log = Log(cosolve.generate("optwvp", "hard", size=14, width=4.0, seed=4))
    search = log.search()
    assert search.beam(1)
    assert search.beam(64)
    assert log.best > 0
    assert log.bounds == [math.inf]


def test_workspace_is_reused_without_traces():
    """Batches share one workspace: labels of the last instance must not show in the next."""
    room = label_passes.Workspace()
    for seed in (1, 2, 1):
        instance = cosolve.generate("optwvp", "hard", size=10, width=4.0, seed=seed)
        fresh, shared = Log(instance), Log(instance)
        assert fresh.search().run()
        assert shared.search(workspace=room).run()
        assert fresh.best == shared.best


def test_a_search_that_is_told_to_stop_begins_nothing_more(monkeypatch):
    """Tables over all pairs of places take seconds from 500 customers on: they were made after the limit."""
    stop = np.zeros(1, np.int64)
    monkeypatch.setattr(ExactSearch, "_improve", lambda self, iterations: stop.fill(1))
    monkeypatch.setattr(ExactSearch, "_relaxation", None)
    arrays = arrays_of(cosolve.generate("optwvp", "hard", size=40, seed=1))
    proven, stats = label_passes.solve(
        arrays, report=lambda route: 0.0, report_bound=lambda bound: None, stop=stop, first_labels=2
    )
    assert not proven
    assert stats["passes"] == 1


def test_too_many_places_are_left_to_local_search(monkeypatch):
    """Tables of a pass grow with the cube of the places: 16 GB for 5,000."""
    monkeypatch.setattr(label_passes, "MAX_PLACES", 10)
    instance = cosolve.generate("optw", "uniform", size=30, seed=1)
    result = cosolve.solve(instance, "labelling", time_limit=20)
    assert result.status is cosolve.Status.FEASIBLE
    assert result.objective > 0
    assert result.stats["passes"] == 0
    assert "no proof is tried" in result.message


def test_shortened_routes_that_are_late_are_not_offered():
    """Without a visit the way may be longer where the triangle inequality does not hold: the judge was shown it."""
    travel = np.array([[0.0, 1, 9, 9], [9, 0, 1, 9], [1, 1, 0, 9], [9, 9, 9, 0]])
    instance = OPTWInstance(
        distances=Distances.from_matrix(travel), opens=np.zeros(4), closes=np.full(4, 5.0), horizon=5.0,
        prize=np.array([0.0, 3, 3, 3]),
    )  # fmt: skip
    shown = []
    log = Log(instance)
    search = log.search()
    search._report = lambda route: shown.append(route) or 0.0
    search._offer(np.array([2]))
    search._offer(np.array([1, 2]))
    assert [route.tolist() for route in shown] == [[1, 2]]
