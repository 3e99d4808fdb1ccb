"""Every solver of asymmetric routing and of time windows on tiny cases that are solved by brute force."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from unittest.mock import Mock

import numpy as np
import pytest

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.core.result import Status
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.instances.vrptw import ACVRPTWInstance
from cosolve.solvers.cpsat import MAX_PRESOLVED, CpSatOptions
from cosolve.solvers.cpsat import run as run_cpsat
from cosolve.solvers.cpsat.cvrp import build as build_routing
from cosolve.solvers.whole_numbers import MAX_RELAXED, MAX_TIME, whole_clock

SOLVERS = ("rr", "pyvrp", "routing", "cpsat")
INF = np.inf


def brute_force(instance) -> float:
    """Optimum over all partitions: each order of the customers is cut at the best places."""
    best = INF
    for order in permutations(instance.customers.tolist()):
        ends = [0.0] + [INF] * len(order)
        for i in range(len(order)):
            for j in range(i + 1, len(order) + 1):
                if ends[i] < INF and (cost := route_cost(instance, order[i:j])) < INF:
                    ends[j] = min(ends[j], ends[i] + cost)
        best = min(best, ends[-1])
    return best


def route_cost(instance, route) -> float:
    """Distance of a route, infinite if it breaks a rule."""
    cost, last = 0.0, instance.depot
    if instance.demand[list(route)].sum() > instance.load_limit:
        return INF
    timed = isinstance(instance, ACVRPTWInstance)
    time = float(instance.opens[last]) if timed else 0.0
    for node in [*route, instance.depot]:
        cost += instance.distances.between(last, node)
        if timed:
            time += instance.durations.between(last, node)
            if time > instance.closes[node] + instance.time_slack[node]:
                return INF
            time = max(time, float(instance.opens[node])) + float(instance.service[node])
        last = node
    if isinstance(instance, CVRPInstance) and cost + instance.service_time * len(route) > instance.length_limit:
        return INF
    return cost


def tiny(kind: str, seed: int = 0):
    """Random data on 7 places without any triangle inequality, depot in the middle; None if it has no solution."""
    rng = np.random.default_rng([seed, len(kind)])
    n, depot = 7, 3
    distance, duration = rng.integers(1, 60, (2, n, n)).astype(float)
    demand = rng.integers(1, 10, n).astype(float)
    demand[depot] = 0
    values = {"distances": Distances.from_matrix(distance), "demand": demand, "capacity": 16.0, "depot": depot}
    if "missing" in kind:
        distance[rng.random((n, n)) < 0.35] = INF
        values["distances"] = Distances.from_matrix(distance)
    opens = rng.integers(-20, 100, n).astype(float)
    closes = opens + rng.integers(10, 60, n)
    opens[depot], closes[depot] = -10, 200
    service = rng.integers(0, 10, n).astype(float)
    service[depot] = 0
    if "fractional" in kind:
        # Each by a little, for limits met exactly are lost by rounding to the safe side.
        distance, duration, demand, service = (
            a * rng.uniform(0.9, 1.0, a.shape) for a in (distance, duration, demand, service)
        )
        closes = closes + rng.random(n)
        values |= {"distances": Distances.from_matrix(distance), "demand": demand}
    try:
        if "windows" not in kind:
            return ACVRPInstance(**values)
        clock = {"durations": Distances.from_matrix(duration), "opens": opens, "closes": closes, "service": service}
        return ACVRPTWInstance(**values, **clock)
    except ValueError:
        return None


def solvable(kind: str):
    """The first tiny instance of the kind that has a solution, and its optimum."""
    for seed in range(200):
        instance = tiny(kind, seed)
        if instance is not None and (optimum := brute_force(instance)) < INF:
            return instance, optimum
    raise AssertionError("no instance")


def solve_here(instance, name, target):
    """Without a child process, whose start would take longer than the search; returns the monitor."""
    adapter = solvers.get(name)()
    iterations = {"rr": 5000, "pyvrp": 500, "routing": 500}.get(name)
    monitor = Monitor(instance, Stop(20.0, iterations, target=target * (1 + 1e-9)))
    outcome = adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
    return monitor, outcome


KINDS = ["plain", "missing", "fractional", "windows", "windows missing", "windows fractional"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SOLVERS)
def test_solver_finds_the_optimum_of_a_tiny_instance(name, kind):
    """A matrix read the wrong way round, a clock that starts at 0, or a missing way taken would show here."""
    instance, optimum = solvable(kind)
    monitor, _ = solve_here(instance, name, optimum)
    assert monitor.best is not None
    assert monitor.best.objective == pytest.approx(optimum, rel=1e-9)
    assert monitor.bound is None or monitor.bound <= optimum + 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_cpsat_proves_what_it_rounds(kind):
    """CP-SAT knows whole numbers only: distances are rounded, and whatever limits a route to the generous side."""
    for seed in range(12):
        instance = tiny(kind, seed)
        if instance is None:
            continue
        if "fractional" not in kind:
            rng = np.random.default_rng(seed)
            matrix = instance.distances.dense() + rng.random((len(instance.demand), len(instance.demand)))
            instance = replace(instance, distances=Distances.from_matrix(matrix))
        expect_proof(instance, brute_force(instance))


def test_cpsat_proves_optima_that_take_the_last_moment():
    """Thirds are no numbers; windows and the vehicle close when the best routes of a wider instance get there."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        distance, duration = rng.integers(1, 60, (2, 6, 6)) / 3
        demand = np.append(0, rng.integers(1, 10, 5)) / 3
        times = {"durations": Distances.from_matrix(duration), "opens": np.full(6, 1 / 7), "service": np.zeros(6)}
        order = rng.permutation(5) + 1
        arrival = 1 / 7 + np.cumsum(duration[[0, *order[:-1]], order])
        closes = np.empty(6)
        closes[order], closes[0] = arrival, arrival[-1] + duration[order[-1], 0]
        instance = ACVRPTWInstance(
            distances=Distances.from_matrix(distance), demand=demand, capacity=demand.sum(), closes=closes, **times
        )
        expect_proof(instance, brute_force(instance))


@pytest.mark.parametrize("metric", [Metric.EUC_2D, Metric.EXACT_2D])
def test_cpsat_proves_optima_of_routes_of_limited_length(metric):
    """The limit is met exactly by half of the instances' best routes without it."""
    proven = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        places = Distances.from_coords(rng.uniform(0, 30, (6, 2)), metric)
        instance = CVRPInstance(distances=places, demand=[0, 1, 1, 1, 1, 1], capacity=3, service_time=1 / 3)
        routes = min(permutations(range(1, 6)), key=lambda o: route_cost(instance, o[:3]) + route_cost(instance, o[3:]))
        longest = max(route_cost(instance, part) + len(part) / 3 for part in (routes[:3], routes[3:]))
        limited = replace(instance, max_length=longest if seed % 2 else 0.9 * longest)
        optimum = brute_force(limited)
        expect_proof(limited, optimum)
        proven += optimum < INF
    assert proven >= 5


def expect_proof(instance, optimum: float) -> None:
    monitor, outcome = solve_here(instance, "cpsat", 0.0)
    if optimum < INF:
        assert outcome.status is Status.OPTIMAL
        assert monitor.best.objective == pytest.approx(optimum, rel=1e-9)
        assert optimum * (1 - 1e-7) <= monitor.bound <= optimum
    else:
        assert outcome.status is Status.INFEASIBLE
        assert monitor.best is None


def test_an_optimum_of_the_rounded_model_that_the_judge_refuses_is_excluded():
    """Three ways that take 2.7e-9 longer than in whole units of 1e-8; the judge's slack is 1e-9."""
    distance = np.full((4, 4), 2.0)
    distance[[0, 1, 2, 3], [1, 2, 3, 0]] = 1.0
    late = ACVRPTWInstance(
        distances=Distances.from_matrix(distance), durations=Distances.from_matrix(np.full((4, 4), 0.1 + 0.9e-9)),
        demand=[0, 1, 1, 1], capacity=3, opens=[0, 0, 0, 0], closes=[1, 1, 1, 0.3], service=[0, 0, 0, 0],
    )  # fmt: skip
    in_time = replace(late, closes=[1, 1, 1, 0.3 + 2e-9])
    for instance, optimum, refused in ((late, 7.0, 1), (in_time, 4.0, 0)):
        model = build_routing(instance)
        exclude = Mock(wraps=model.exclude)
        monitor = Monitor(instance, Stop(20.0))
        outcome = run_cpsat(replace(model, exclude=exclude), monitor, seed=0, threads=1, options=CpSatOptions())
        assert exclude.call_count == refused
        assert outcome.status is Status.OPTIMAL
        assert monitor.best.objective == pytest.approx(optimum, rel=1e-9) == brute_force(instance)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_large_loads_are_no_reason_to_miss_the_optimum(unit):
    """CP-SAT 9.15's presolve takes numbers from 2^31 on badly: 825 was proven."""
    distance = [[0, 198, 349, 85, 0, 756], [289, 0, 943, 834, 663, 187], [0, 620, 0, 402, 0, 849],
                [0, 132, 0, 0, 0, 971], [303, 0, 934, 24, 0, 196], [57, 158, 297, 121, 138, 0]]  # fmt: skip
    duration = [[0, 40, 26, 8, 27, 28], [54, 0, 17, 21, 53, 36], [27, 15, 0, 37, 3, 16], [12, 35, 2, 0, 42, 7],
                [57, 58, 18, 36, 0, 23], [14, 15, 37, 17, 55, 0]]  # fmt: skip
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.array(distance, float)), capacity=21425875788 * unit,
        durations=Distances.from_matrix(np.array(duration, float)), service=np.zeros(6),
        demand=np.array([0, 1922118642, 9005571446, 5751910803, 9746028744, 2838603056]) * unit,
        opens=[0, 31, 91, 13, 16, 18], closes=[400, 77, 153, 59, 64, 50],
    )  # fmt: skip
    assert brute_force(instance) == 728.0
    expect_proof(instance, 728.0)


def test_numbers_in_models_of_routes_are_small():
    rng = np.random.default_rng(0)
    places = Distances.from_matrix(rng.integers(1, 60, (5, 5)) * 1e8)
    loads = {"demand": np.append(0, rng.integers(1, 9, 4)) * 1e12, "capacity": 2e13}
    clock = {"opens": np.zeros(5), "closes": np.full(5, 9e10), "service": np.zeros(5)}
    plain = CVRPInstance(distances=Distances.from_coords(rng.random((5, 2)) * 1e9), max_length=9e9, **loads)
    for instance in (ACVRPTWInstance(distances=places, **clock, **loads), plain):
        domains = [max(variable.domain) for variable in build_routing(instance).model.proto.variables]
        assert MAX_RELAXED / 10 < max(domains) <= MAX_PRESOLVED
        expect_proof(instance, brute_force(instance))


@pytest.mark.parametrize("never", [1e9, 1e21, 1e50, 1e300])
@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_windows_that_never_close_are_no_reason_for_infeasible(never, unit):
    """The judge's slack of such a closing, and the digits of its number, left 64 bits."""
    distance = np.array([[0, 1.5, 2.5], [1.5, 0, 1.25], [2.5, 1.25, 0]]) * unit
    closes = np.array([never, 4 * unit, 6 * unit])
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(distance), demand=[0, 1, 1], capacity=2, opens=np.zeros(3), closes=closes,
        service=np.zeros(3),
    )  # fmt: skip
    expect_proof(instance, 5.25 * unit)


@pytest.mark.parametrize("limits", [{"capacity": 1e19}, {"capacity": 9, "max_length": 1e19}])
def test_limits_that_are_none_are_left_out_of_the_units(limits):
    places = Distances.from_coords(np.random.default_rng(1).random((5, 2)), Metric.EXACT_2D)
    instance = CVRPInstance(distances=places, demand=[0, 1, 2, 3, 3], service_time=1 / 3, **limits)
    expect_proof(instance, brute_force(instance))


def test_loads_that_exceed_the_vehicle_by_a_hair_are_excluded_in_any_order():
    """Thirtieths in single precision: a vehicle may be 3e-8 too full, and one order of its customers was excluded."""
    rng = np.random.default_rng(2)
    places = Distances.from_coords(rng.random((7, 2)), Metric.EXACT_2D)
    demand = np.append(0, (rng.integers(1, 10, 6) / np.float32(30)).astype(np.float32)).astype(float)
    instance = CVRPInstance(distances=places, demand=demand, capacity=demand.sum() / 2)
    expect_proof(instance, brute_force(instance))


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_is_feasible_wherever_it_finds_anything(kind):
    found = 0
    for seed in range(30):
        instance = tiny(kind, seed)
        if instance is not None:
            result = cosolve.solve(instance, "greedy", time_limit=10)
            assert result.status in (Status.FEASIBLE, Status.NO_SOLUTION)
            found += result.solution is not None
    assert found > 0


@pytest.mark.parametrize("name", SOLVERS)
def test_solver_does_not_take_a_missing_way_where_there_is_no_other(name):
    """Customers 1 and 2 reach each other only, within a vehicle that holds one: no routes exist."""
    distance = np.array([[0, 1, INF], [INF, 0, 1], [1, INF, 0]], float)
    instance = ACVRPInstance(distances=Distances.from_matrix(distance), demand=[0, 1, 1], capacity=1)
    monitor, outcome = solve_here(instance, name, 0.0)
    assert monitor.best is None
    assert outcome.status in (Status.INFEASIBLE, Status.NO_SOLUTION)


@pytest.mark.parametrize("name", [*SOLVERS, "greedy", "auto"])
@pytest.mark.parametrize("n", [0, 1])
def test_solver_survives_almost_no_customers(name, n):
    instance = cosolve.generate("acvrptw", "road", n=n, points=30)
    alone = cosolve.judge(instance, Routes(routes=[[1]] if n else [])).objective
    monitor, _ = solve_here(instance, name, alone)
    assert monitor.best is not None
    assert monitor.best.objective == pytest.approx(alone)


def test_whole_times_are_never_kinder_than_the_real_ones():
    """Routes within the rounded windows must be within the real ones, also where a window is a single moment."""
    for seed in range(20):
        instance = tiny("windows fractional", seed)
        if instance is None:
            continue
        clock = whole_clock(instance)
        assert clock.horizon <= MAX_TIME
        scale = 1e4  # a day of 210 units, in at most ten millions
        inside = clock.duration <= clock.horizon
        assert (clock.duration >= instance.durations.matrix * scale - 1e-5)[inside].all()
        assert (clock.closes <= (instance.closes - instance.opens[3]) * scale + 1e-5).all()
        assert (clock.opens >= (instance.opens - instance.opens[3]) * scale - 1e-5).all()
        assert (clock.service >= instance.service * scale - 1e-5).all()
        assert not clock.is_exact


def test_a_window_of_a_moment_between_two_units_keeps_its_order():
    moment = 1 / 3
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((2, 2), 0.1)), demand=[0, 1], capacity=1,
        opens=[0, moment], closes=[10, moment], service=[0, 0],
    )  # fmt: skip
    clock = whole_clock(instance)
    assert clock.opens[1] == clock.closes[1]
    assert (clock.opens[1] + clock.service[1]) / 1e6 >= moment
    assert cosolve.solve(instance, "pyvrp", iterations=5, time_limit=5).objective == pytest.approx(0.2)


def test_times_of_a_short_day_have_as_many_digits_as_others():
    """A day of 3e-6 was one of 3000 units."""
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((2, 2), 1e-6)), demand=[0, 1], capacity=1,
        opens=[0, 0], closes=[3e-6, 2e-6], service=[0, 0],
    )  # fmt: skip
    clock = whole_clock(instance)
    assert (clock.duration[0, 1], clock.closes[1], clock.horizon) == (1_000_000, 2_000_000, 3_000_000)
    assert clock.is_exact


@pytest.mark.parametrize("name", SOLVERS)
def test_a_window_that_never_closes_leaves_the_others_their_digits(name):
    """Scaled so that 1e9 fits, all other times would be 0 or 1, and no route in time."""
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((3, 3), 1.5)), demand=[0, 1, 1], capacity=2,
        opens=[0, 0, 0], closes=[1e9, 2, 4], service=[0, 0, 0],
    )  # fmt: skip
    monitor, _ = solve_here(instance, name, 4.5)
    assert monitor.best is not None
    assert monitor.best.objective == pytest.approx(4.5)
    clock = whole_clock(instance)
    assert clock.is_exact
    assert clock.closes[1] == 2_000_000


def test_whole_data_whose_penalties_leave_64_bits_are_scaled_down():
    """PyVRP's local search never ended: a penalty of 10^12 for each of 10^10 units of lateness turned into a gain."""
    distance = np.array([[0, 142, 133, 132, 50], [142, 0, 102, 65, 109], [133, 102, 0, 143, 169],
                         [132, 65, 143, 0, 181], [50, 109, 169, 181, 0]]) * 1e9  # fmt: skip
    duration = np.array([[0, 3, 1, 1, 2], [3, 0, 2, 3, 4], [1, 2, 0, 2, 3], [1, 3, 2, 0, 6], [2, 4, 3, 6, 0]]) * 1e9
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(distance), durations=Distances.from_matrix(duration), demand=[3, 0, 2, 5, 2],
        capacity=10, depot=1, opens=np.full(5, 5e10), closes=[1e21, 3.61e11, 5.2e10, 6.5e10, 5.4e10],
        service=[5e9, 0, 7e9, 0, 0],
    )  # fmt: skip
    optimum = brute_force(instance)
    monitor, outcome = solve_here(instance, "pyvrp", optimum)
    assert outcome.status is Status.FEASIBLE
    assert monitor.best.objective == optimum


def test_loads_whose_penalties_leave_64_bits_are_scaled_down():
    """Capacities of 10^14 units, penalties of 10^9: no end either, where no solution keeps the windows."""
    distance = np.array([[0, 74.0305883, INF, 75.75284652, INF], [81.29100217, 0, 94.27555936, INF, INF],
                         [76.83340866, INF, 0, 24.98714047, 45.30297599],
                         [57.0263062, 93.44121972, 71.69037294, 0, 83.50691741],
                         [74.49357631, 82.15694046, 79.38095254, 68.67392373, 0]])  # fmt: skip
    duration = np.array([[0, 0, INF, 3, INF], [2, 0, 0, INF, INF], [2, INF, 0, 1, 0], [0, 2, 1, 0, 2], [3, 3, 0, 2, 0]])
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(distance), durations=Distances.from_matrix(duration), capacity=1e11, depot=4,
        demand=[8304292380.956, 31869362943.652, 51251907382.941, 57687628856.717, 0],
        opens=[80, -10, 20, 26, 0], closes=[80, 26.4, 41.9, 26, 87.3], service=[7.3, 7.3, 0, 0, 0],
    )  # fmt: skip
    assert brute_force(instance) == INF
    monitor, outcome = solve_here(instance, "pyvrp", 0.0)
    assert monitor.best is None
    assert outcome.status is Status.NO_SOLUTION


@pytest.mark.parametrize("name", SOLVERS)
def test_rounding_to_the_safe_side_loses_no_known_routes(name):
    """The depot closes when the vehicle is back: in whole units, with ways rounded up, there was no solution."""
    way = 0.1234567891
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((3, 3), way)), demand=[0, 1, 1], capacity=1,
        opens=[0, 0, 0], closes=[2 * way, 1, 1], service=[0, 0, 0],
    )  # fmt: skip
    result = cosolve.solve(instance, name, iterations=None if name == "cpsat" else 20, time_limit=20)
    assert result.status is (Status.OPTIMAL if name == "cpsat" else Status.FEASIBLE)
    assert result.objective == pytest.approx(4 * way)


@pytest.mark.parametrize("name", SOLVERS)
def test_warm_start_is_not_lost(name):
    """The result may never be worse than the start, and a backend must be able to read it."""
    instance = cosolve.generate("acvrptw", "road", n=20, seed=1, points=100)
    start = cosolve.solve(instance, "pyvrp", iterations=200, time_limit=30)
    result = cosolve.solve(instance, name, initial=start.solution, time_limit=2)
    assert result.objective is not None
    assert result.objective <= start.objective


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
def test_greedy_and_search_are_in_order_on_roads(problem):
    """PyVRP must gain on the construction, and both stay above what the shortest ways out of each place add up to."""
    instance = cosolve.generate(problem, "road", n=40, seed=2, points=200)
    greedy = cosolve.solve(instance, "greedy", time_limit=10).objective
    better = cosolve.solve(instance, "pyvrp", iterations=300, time_limit=20).objective
    matrix = routing_arrays(instance).distance + np.diag(np.full(41, INF))
    assert matrix.min(axis=1)[1:].sum() < better < greedy


def test_routing_finds_a_start_where_its_own_choice_fails():
    """OR-Tools' AUTOMATIC extends cheapest arcs, and on this instance ends without any solution."""
    instance = cosolve.generate("acvrptw", "road", n=100, seed=1)
    result = cosolve.solve(instance, "routing", iterations=3, time_limit=20)
    assert result.status is Status.FEASIBLE
