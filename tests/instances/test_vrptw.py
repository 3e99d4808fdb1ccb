"""Vehicle routing with asymmetric ways and time windows: instances, judges, arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.instances.tsp import ATSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance, VRPTWInstance

INF = np.inf

# Depot 1; going up the numbers costs 1 a step, going down 3; times are twice the distances.
STEPS = np.array([[(j - i) if j > i else 3 * (i - j) for j in range(4)] for i in range(4)], float)


def line(**changes) -> ACVRPTWInstance:
    values = {
        "distances": Distances.from_matrix(STEPS),
        "durations": Distances.from_matrix(2 * STEPS),
        "demand": [2, 0, 3, 4],
        "capacity": 7,
        "depot": 1,
        "opens": [0, 0, 5, 0],
        "closes": [30, 40, 6, 30],
        "service": [1, 0, 2, 3],
    }
    return ACVRPTWInstance(**{**values, **changes})


GOOD = Routes(routes=([2, 3], [0]))


def kinds(instance, routes) -> set[str]:
    return {v.what for v in judge(instance, Routes(routes=routes)).violations}


def test_the_objective_is_distance_and_not_time():
    """1 -> 2 -> 3 -> 1 is 1 + 1 + 6, 1 -> 0 -> 1 is 3 + 1; durations, waiting and service cost nothing."""
    verdict = judge(line(), GOOD)
    assert verdict.feasible
    assert verdict.objective == 12


def test_minus_zero_is_zero_in_the_digest():
    """Equal instances would be two in records."""
    assert line(opens=[0, -0.0, 5, 0], service=[1, -0.0, 2, 3]) == line()


def test_waiting_service_and_return_are_reckoned():
    """Node 2: arrival 2, service 5 to 7; node 3: arrival 9, service to 12; back at 24."""
    assert judge(line(closes=[30, 24, 6, 9]), GOOD).feasible
    assert kinds(line(closes=[30, 23, 6, 9]), GOOD.routes) == {"returns after the depot closes"}
    assert kinds(line(closes=[30, 24, 6, 8]), GOOD.routes) == {"arrives after the window closes"}
    assert kinds(line(opens=[0, 0, 6, 0], closes=[30, 24, 6, 9]), GOOD.routes) == {
        "arrives after the window closes",
        "returns after the depot closes",
    }


def test_a_vehicle_leaves_when_the_depot_opens():
    """From 1 on, node 2 is reached at 3 and served at once; a judge that starts at 0 would let it be in time at 2."""
    instance = line(opens=[0, 1, 0, 0], closes=[30, 40, 3, 30])
    assert judge(instance, Routes(routes=([2], [3], [0]))).feasible
    with pytest.raises(ValueError, match=r"node 2 .*: its window closes at 2, the earliest arrival is 3"):
        line(opens=[0, 1, 0, 0], closes=[30, 40, 2, 30])


def test_a_window_that_never_closes_excuses_nobody_else():
    """1e9 for "never" must not be a slack of a whole unit at the other nodes: on 1 -> 2 node 2 is half a unit late."""
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((3, 3), 1.5)), demand=[0, 1, 1], capacity=2,
        opens=[0, 0, 0], closes=[1e9, 2, 2.5], service=[0, 0, 0],
    )  # fmt: skip
    assert kinds(instance, ([1, 2],)) == {"arrives after the window closes"}
    assert judge(instance, Routes(routes=([1], [2]))).feasible
    assert routing_arrays(instance).closes[2] < 3.0
    with pytest.raises(ValueError, match=r"node 1 .*: its window closes at 1, the earliest arrival is 1.5"):
        replace(instance, closes=[1e9, 1, 2.5])


@pytest.mark.parametrize("origin", [0.0, 1.7e9, -1.7e9])
def test_the_origin_of_times_changes_nothing(origin):
    """In seconds since 1970 every customer could be 1.7 s late, and the optimum was one that keeps the windows."""
    matrix = np.array([[0.0, 10, 10], [10, 0, 3], [10, 3, 0]])
    instance = VRPTWInstance(
        distances=Distances.from_matrix(matrix), demand=[0, 1, 1], capacity=2,
        opens=[origin] * 3, closes=origin + np.array([1000, 10, 14.0]), service=[0, 2.5, 2.5],
    )  # fmt: skip
    late = Routes(routes=([1, 2],))
    (violation,) = judge(instance, late).violations
    assert violation.amount == pytest.approx(1.5, abs=1e-5)
    assert routing_arrays(instance).closes[2] < origin + 14.001
    just = replace(instance, closes=origin + np.array([1000, 10, 15.5]))
    assert judge(just, late).feasible
    result = cosolve.solve(instance, "cpsat", time_limit=20)
    assert (result.status, result.objective) == ("optimal", 40)


@pytest.mark.parametrize(
    ("routes", "what"),
    [
        (([2, 3],), "customer not visited"),
        (([2, 3], [0], [2]), "customer visited twice"),
        (([2, 1, 3], [0]), "depot inside a route"),
        (([2, 3], [4]), "no such node"),
        (([2, 3, 0],), "capacity exceeded"),
    ],
)
def test_judge_keeps_the_rules_of_plain_vehicle_routing(routes, what):
    assert what in kinds(line(), routes)


def test_the_judge_says_where_and_by_how_much_a_vehicle_is_late():
    (violation,) = judge(line(closes=[30, 40, 6, 8]), GOOD).violations
    assert (violation.where, violation.amount) == ("node 3 in route 0", 1)


def test_sums_of_tenths_may_meet_a_window_exactly():
    """0.1 + 0.2 > 0.3 in floating point: truncated benchmark distances meet whole windows all the time."""
    matrix = np.array([[0, 0.1, 0.3], [0.1, 0, 0.2], [0.3, 0.2, 0]])
    instance = VRPTWInstance(
        distances=Distances.from_matrix(matrix), demand=[0, 1, 1], capacity=2,
        opens=[0, 0, 0], closes=[0.6, 0.1, 0.3], service=[0, 0, 0],
    )  # fmt: skip
    assert judge(instance, Routes(routes=([1, 2],))).feasible
    assert instance.durations is instance.distances
    late = replace(instance, closes=[0.6, 0.1, 0.3001])
    assert judge(late, Routes(routes=([1, 2],))).feasible
    arrays = routing_arrays(instance)
    assert arrays.closes[2] >= 0.1 + 0.2


def test_a_way_that_does_not_exist_may_not_be_used():
    """Infinite either way forbids it; the other customers are judged as ever."""
    for name, matrix in (("distances", STEPS.copy()), ("durations", 2 * STEPS)):
        matrix[2, 3] = INF
        instance = line(**{name: Distances.from_matrix(matrix)})
        assert judge(instance, Routes(routes=([2], [3], [0]))).feasible
        verdict = judge(instance, GOOD)
        assert [str(v) for v in verdict.violations if v.what == "no such way"] == ["no such way: node 2 to node 3"]
        assert routing_arrays(instance).distance[2, 3] == routing_arrays(instance).duration[2, 3] == INF


def test_a_missing_way_to_or_from_the_depot_is_found():
    """The steps that the routes leave out are the ones easily forgotten."""
    matrix = STEPS.copy()
    matrix[1, 2] = matrix[3, 1] = INF
    instance = ACVRPInstance(distances=Distances.from_matrix(matrix), demand=[2, 0, 3, 4], capacity=7, depot=1)
    what = [v.where for v in judge(instance, Routes(routes=([], [2, 3], [], [0]))).violations if "way" in v.what]
    assert sorted(what) == ["node 1 to node 2", "node 3 to node 1"]
    assert judge(instance, Routes(routes=([3, 2], [0]))).objective == 2 + 3 + 3 + 3 + 1


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
@pytest.mark.parametrize(("i", "message"), [(0, "no way to node 3"), (1, "no way back from node 3")])
def test_a_customer_out_of_reach_is_refused(problem, i, message):
    matrix = STEPS.copy()
    matrix[(slice(None), 3) if i == 0 else (3, slice(None))] = INF
    values = {"distances": Distances.from_matrix(matrix), "demand": [2, 0, 3, 4], "capacity": 7, "depot": 1}
    make = line if problem == "acvrptw" else ACVRPInstance
    with pytest.raises(ValueError, match=message):
        make(**values)


def test_a_detour_may_be_the_only_way_in_time():
    """The triangle inequality need not hold: the way by node 2 takes 2, the direct one 9, the window closes at 4."""
    times = np.array([[0, 9, 1], [1, 0, 1], [1, 1, 0]], float)
    values = {
        "distances": Distances.from_matrix(times), "demand": [0, 1, 1], "capacity": 2, "opens": [0, 0, 0],
        "service": [0, 0, 0],
    }  # fmt: skip
    instance = ACVRPTWInstance(closes=[20, 4, 20], **values)
    assert judge(instance, Routes(routes=([2, 1],))).objective == 3
    assert kinds(instance, ([1], [2])) == {"arrives after the window closes"}
    with pytest.raises(ValueError, match=r"node 1 .*: its window closes at 1, the earliest arrival is 2"):
        ACVRPTWInstance(closes=[20, 1, 20], **values)


def test_a_detour_over_a_missing_way_is_none():
    """The same detour, with a finite duration but an infinite distance."""
    times = np.array([[0, 9, 1], [1, 0, 1], [1, 1, 0]], float)
    distance = np.ones((3, 3))
    distance[2, 1] = INF
    with pytest.raises(ValueError, match="the earliest arrival is 9"):
        ACVRPTWInstance(
            distances=Distances.from_matrix(distance), durations=Distances.from_matrix(times), demand=[0, 1, 1],
            capacity=2, opens=[0, 0, 0], closes=[20, 4, 20], service=[0, 0, 0],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"closes": [30, 40, 1, 30], "opens": [0, 0, 0, 0]}, "node 2 .*: its window closes at 1, the earliest arrival"),
        ({"closes": [30, 18, 6, 30]}, "node 2 .*|node 3 .*: the depot closes at 18, the earliest return is 19"),
        ({"closes": [30, 40, 4, 30]}, "window of node 2 .* closes at 4, before it opens at 5"),
        ({"closes": [30, INF, 6, 30]}, "closes must hold finite numbers"),
        ({"opens": [0, 0, np.nan, 0]}, "opens must hold finite numbers"),
        ({"service": [1, 0, -2, 3]}, "service must be >= 0"),
        ({"service": [1, 1, 2, 3]}, "0 at the depot"),
        ({"service": [1, 0, 2]}, "one entry per node"),
        ({"demand": [2, 0, 8, 4]}, "more than the capacity 7: no route can visit it"),
        ({"durations": Distances.from_matrix(np.ones((3, 3)))}, "durations of 3 places do not fit distances of 4"),
    ],
)
def test_numbers_that_no_route_can_keep_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        line(**changes)


@pytest.mark.parametrize(("value", "shown"), [(-1.0, "-1"), (np.nan, "nan")])
def test_negative_and_nan_entries_are_refused_by_their_place(value, shown):
    matrix = STEPS.copy()
    matrix[2, 3] = value
    with pytest.raises(ValueError, match=rf"numbers >= 0, got {shown} from place 2 to 3"):
        Distances.from_matrix(matrix)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: ATSPInstance(distances=d),
        lambda d: CVRPInstance(distances=d, demand=[0, 1, 1], capacity=3),
        lambda d: VRPTWInstance(
            distances=d, demand=[0, 1, 1], capacity=3, opens=[0] * 3, closes=[99] * 3, service=[0] * 3
        ),
    ],
)
def test_problems_that_need_every_way_say_so(make):
    """An infinite entry in a tour's matrix would become an infinite objective, or a crash in a solver."""
    matrix = np.ones((3, 3))
    matrix[0, 1] = matrix[1, 0] = INF
    with pytest.raises(ValueError, match="needs a finite distance between all places; from 0 to 1 there is none"):
        make(Distances.from_matrix(matrix))


def test_symmetric_problems_refuse_asymmetric_ways():
    with pytest.raises(ValueError, match="these make an acvrp"):
        CVRPInstance(distances=Distances.from_matrix(STEPS), demand=[2, 0, 3, 4], capacity=7, depot=1)
    values = {name: getattr(line(), name) for name in ("demand", "capacity", "depot", "opens", "closes", "service")}
    for changes in ({"distances": STEPS}, {"distances": STEPS + STEPS.T, "durations": STEPS}):
        with pytest.raises(ValueError, match="these make an acvrptw"):
            VRPTWInstance(**{k: Distances.from_matrix(v) for k, v in changes.items()}, **values)


def test_no_customer_one_customer_and_no_demand_are_instances():
    values = {"demand": [0], "capacity": 0, "opens": [0], "closes": [0], "service": [0]}
    empty = ACVRPTWInstance(distances=Distances.from_matrix(np.zeros((1, 1))), **values)
    assert judge(empty, Routes(routes=())).objective == 0
    assert routing_arrays(empty).num_customers == 0
    one = cosolve.generate("acvrptw", "road", n=1, points=50)
    assert judge(one, Routes(routes=([1],))).feasible
    free = line(demand=[0, 0, 0, 0], capacity=0)
    assert judge(free, GOOD).feasible


def test_arrays_put_the_depot_first_and_find_the_way_back():
    instance = line()
    arrays = routing_arrays(instance)
    assert arrays.nodes.tolist() == [1, 0, 2, 3]
    assert arrays.distance[1, 2] == STEPS[0, 2]
    assert arrays.duration[0, 3] == 2 * STEPS[1, 3]
    assert arrays.demand.tolist() == [0, 2, 3, 4]
    assert (arrays.opens.tolist(), arrays.closes.tolist()) == ([0, 0, 5, 0], [40, 30, 6, 30])
    assert arrays.service.tolist() == [0, 1, 2, 3]
    assert arrays.coords is None
    assert arrays.routes([[2, 3], [], [1]]) == GOOD
    assert [visits.tolist() for visits in arrays.visits(GOOD)] == [[2, 3], [1]]


def test_arrays_of_plain_routing_have_a_clock_that_measures_length():
    """A limit of the length is a depot that closes: one kernel serves all problems."""
    square = cosolve.generate("cvrp", "uniform", n=5)
    arrays = routing_arrays(square)
    assert arrays.closes[0] == INF
    assert arrays.coords.shape == (6, 2)
    limited = routing_arrays(replace(square, max_length=300.0, service_time=2.0))
    assert limited.closes[0] == pytest.approx(300)
    assert limited.service.tolist() == [0, 2, 2, 2, 2, 2]
    assert np.array_equal(limited.duration, limited.distance)


@given(st.integers(0, 2**32 - 1))
def test_judge_agrees_with_a_plain_simulation(seed):
    """Any order of the customers, cut into any routes, on random asymmetric data with missing ways."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 8))
    distance, duration = rng.integers(0, 10, (2, n, n)).astype(float)
    distance[rng.random((n, n)) < 0.1] = INF
    opens = rng.integers(0, 10, n).astype(float)
    closes = opens + rng.integers(5, 60, n)
    service = np.append(0, rng.integers(0, 4, n - 1)).astype(float)
    try:
        instance = ACVRPTWInstance(
            distances=Distances.from_matrix(distance), durations=Distances.from_matrix(duration),
            demand=np.append(0, rng.integers(0, 5, n - 1)), capacity=8, opens=opens, closes=closes, service=service,
        )  # fmt: skip
    except ValueError:
        return
    cuts = np.sort(rng.integers(0, n, rng.integers(0, 4)))
    routes = [r.tolist() for r in np.split(rng.permutation(np.arange(1, n)), cuts)]
    feasible, total = True, 0.0
    for route in routes:
        time, load = opens[0], 0.0
        for i, j in zip([0, *route], [*route, 0]):
            if route:
                total += distance[i, j] if i != j else 0.0
                time += duration[i, j]
                feasible &= time <= closes[j]
                time = max(time, opens[j]) + service[j]
                load += instance.demand[j]
        feasible &= load <= 8
    verdict = judge(instance, Routes(routes=routes))
    assert verdict.feasible == (feasible and np.isfinite(total))
    assert verdict.objective == (total if np.isfinite(total) else None)


def test_durations_that_overflow_are_late():
    """Infinitely late counted as in time, as if a missing way had been named."""
    coords = np.array([[0.0, 0.0], [1e154, 0.0], [-1e154, 0.0]])
    instance = VRPTWInstance(
        distances=Distances.from_matrix(np.ones((3, 3)) - np.eye(3)),
        durations=Distances.from_coords(coords, metric=Metric.EXACT_2D),
        demand=np.array([0.0, 1.0, 1.0]),
        capacity=2.0,
        opens=np.zeros(3),
        closes=np.full(3, 1e160),
        service=np.zeros(3),
    )
    assert [v.what for v in judge(instance, Routes(routes=[[1, 2]])).violations] == [
        "arrives after the window closes",
        "returns after the depot closes",
    ]
    assert judge(instance, Routes(routes=[[1], [2]])).feasible
    far = replace(
        instance, distances=Distances.from_coords(coords, metric=Metric.EXACT_2D), durations=instance.distances
    )
    verdict = judge(far, Routes(routes=[[1, 2]]))
    assert (verdict.objective, [v.what for v in verdict.violations]) == (None, ["objective is not a finite number"])


def test_durations_that_overflow_are_late_beside_missing_ways():
    """A way that is missing elsewhere said nothing of these routes."""
    durations = np.ones((4, 4)) - np.eye(4)
    durations[1, 2], durations[2, 3], durations[3, 1] = 1.7e308, 1.7e308, np.inf
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.ones((4, 4)) - np.eye(4)),
        durations=Distances.from_matrix(durations),
        demand=np.array([0.0, 1.0, 1.0, 1.0]),
        capacity=3.0,
        opens=np.zeros(4),
        closes=np.full(4, 1.7e308),
        service=np.zeros(4),
    )
    assert [v.what for v in judge(instance, Routes(routes=[[1, 2, 3]])).violations] == [
        "arrives after the window closes",
        "returns after the depot closes",
    ]
    assert [v.what for v in judge(instance, Routes(routes=[[3, 1, 2]])).violations] == ["no such way"]
