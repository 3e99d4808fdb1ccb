"""Every solver of routing problems on tiny cases that are solved by brute force."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.metric import Metric
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.generators.cvrp import uniform, x
from cosolve.instances.tsp import ATSPInstance, TSPInstance


def available(name):
    return pytest.param(
        name, marks=pytest.mark.skipif(not solvers.get(name)().available().ok, reason=f"{name} is not installed")
    )


BACKENDS = [available(name) for name in ("pyvrp", "routing", "hgs")]
OWN = [available("local-search"), available("rr"), available("cpsat")]


def route_cost(instance, route):
    d = instance.distances.between
    stops = [instance.depot, *route, instance.depot]
    return sum(d(a, b) for a, b in pairwise(stops))


def brute_force(instance):
    """Optimum over all partitions: each order of the customers is cut at the best places."""
    best = np.inf
    limit = np.inf if instance.max_length is None else instance.max_length
    for order in permutations(instance.customers.tolist()):
        ends = [0.0] + [np.inf] * len(order)
        for j in range(1, len(order) + 1):
            for i in range(j):
                route = order[i:j]
                cost = route_cost(instance, route)
                fits = instance.demand[list(route)].sum() <= instance.capacity
                if fits and cost + instance.service_time * len(route) <= limit:
                    ends[j] = min(ends[j], ends[i] + cost)
        best = min(best, ends[-1])
    return best


def tiny(kind):
    drawn = x(seed=3, n=6, demand="5-10", route_size=2.5, depot="C")
    coords, demand = drawn.distances.coords, drawn.demand
    if kind == "rounded":
        return drawn
    if kind == "depot last":
        back = np.arange(7)[::-1]
        return CVRPInstance(
            distances=Distances.from_coords(coords[back]), demand=demand[back], capacity=drawn.capacity, depot=6
        )
    if kind == "matrix":
        matrix = Distances.from_coords(coords).dense()
        return CVRPInstance(distances=Distances.from_matrix(matrix), demand=demand, capacity=drawn.capacity)
    if kind == "fractional":
        return CVRPInstance(
            distances=Distances.from_coords(coords / 1000, Metric.EXACT_2D), demand=demand / 10, capacity=2.1
        )
    if kind == "small unit":
        matrix = Distances.from_coords(coords / 1e10, Metric.EXACT_2D).dense()
        return CVRPInstance(distances=Distances.from_matrix(matrix), demand=demand, capacity=drawn.capacity)
    limits = {"length": {"max_length": 2000}, "service": {"max_length": 2200, "service_time": 100}}[kind]
    return CVRPInstance(distances=drawn.distances, demand=demand, capacity=100, **limits)


@pytest.mark.parametrize("kind", ["rounded", "depot last", "matrix", "fractional", "small unit", "length", "service"])
@pytest.mark.parametrize("name", BACKENDS + OWN)
def test_solver_finds_the_optimum_of_a_tiny_cvrp(name, kind):
    """Wrong scaling, numbering, capacity or length limit would give a worse, a "better" or a refused solution."""
    instance = tiny(kind)
    optimum = brute_force(instance)
    result = solve_here(instance, name, optimum)
    assert result.best is not None
    assert result.best.objective == pytest.approx(optimum, rel=1e-9)
    assert result.claimed_objective is None or result.claimed_objective == pytest.approx(optimum, rel=1e-5)
    assert result.bound is None or result.bound <= optimum + 1e-9


def solve_here(instance, name, target):
    """Without a child process, whose start would take longer than the search; returns the monitor."""
    adapter = solvers.get(name)()
    monitor = Monitor(instance, Stop(20.0, _iterations(name), target=target * (1 + 1e-9)))
    adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
    return monitor


def _iterations(name):
    return {"pyvrp": 300, "routing": 300, "hgs": 100, "local-search": 3000, "rr": 3000}.get(name)


@pytest.mark.parametrize("problem", [TSPInstance, ATSPInstance])
@pytest.mark.parametrize("name", BACKENDS)
def test_backend_finds_the_optimum_of_a_tiny_tour(name, problem):
    """An asymmetric matrix read the wrong way round would give the reversed tour."""
    rng = np.random.default_rng(1)
    matrix = rng.integers(1, 100, (7, 7)).astype(float)
    if problem is TSPInstance:
        matrix = np.minimum(matrix, matrix.T)
    instance = problem(distances=Distances.from_matrix(matrix))
    tours = ([0, *order] for order in permutations(range(1, 7)))
    optimum = min(sum(matrix[a, b] for a, b in zip(t, [*t[1:], t[0]], strict=True)) for t in tours)
    assert solve_here(instance, name, optimum).best.objective == optimum


@pytest.mark.parametrize("name", [*BACKENDS, *OWN])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_solver_survives_almost_no_customers(name, n):
    """Backends crash on empty problems."""
    coords = np.array([[0, 0], [3, 4], [3, 4]], float)[: n + 1]
    instance = CVRPInstance(distances=Distances.from_coords(coords), demand=[0, 2, 2][: n + 1], capacity=2)
    assert solve_here(instance, name, 10.0 * n).best.objective == 10 * n


@pytest.mark.parametrize("name", BACKENDS)
def test_backend_survives_a_single_city(name):
    """The tour of one city has length 0."""
    instance = TSPInstance(distances=Distances.from_coords(np.zeros((1, 2))))
    assert solve_here(instance, name, 0.0).best.objective == 0


@pytest.mark.parametrize("name", [available("highs"), available("scip"), available("pulp")])
@pytest.mark.parametrize("n", [1, 2])
def test_formulations_of_almost_nothing_are_solved(name, n):
    """Models without columns, or with a tour that uses its only edge twice, were errors."""
    distances = Distances.from_coords(np.array([[0.0, 0.0], [3.0, 4.0]])[:n])
    for instance in (
        TSPInstance(distances=distances),
        CVRPInstance(distances=distances, demand=[0.0, 1.0][:n], capacity=1),
    ):
        result = cosolve.solve(instance, name, time_limit=20)
        expected = 10.0 * (n - 1)
        assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, expected, expected)


@pytest.mark.parametrize("name", ["pyvrp", "routing", "local-search"])
def test_warm_start_is_not_lost(name):
    """The result may never be worse than the start, and a backend must be able to read it."""
    instance = x(seed=9, n=40, depot="C")
    start = cosolve.solve(instance, "local-search", iterations=2000, time_limit=30)
    result = cosolve.solve(instance, name, initial=start.solution, iterations=20, time_limit=30)
    assert result.status is Status.FEASIBLE
    assert result.objective <= start.objective


@pytest.mark.parametrize("name", [available(n) for n in ("pyvrp", "hgs", "routing", "local-search")])
def test_same_seed_and_iterations_give_the_same_routes(name):
    """DETERMINISTIC is a promise."""
    instance = uniform(seed=2, n=30)
    runs = [cosolve.solve(instance, name, iterations=_iterations(name), time_limit=60) for _ in range(2)]
    assert runs[0].limit is Limit.ITERATION
    assert runs[0].solution == runs[1].solution


@pytest.mark.parametrize("name", [available("hgs")])
@pytest.mark.parametrize(("length", "load"), [(1e-3, 1), (1e3, 1), (1, 0), (1, 1e-3), (1, 1e5), (0, 1), (1e9, 1e7)])
def test_hgs_survives_any_unit(name, length, load):
    """Outside of 0.1 to 100,000 it throws what nobody catches, and the process dies."""
    drawn = tiny("fractional")
    matrix = drawn.distances.dense() * length
    instance = CVRPInstance(
        distances=Distances.from_matrix(matrix),
        demand=drawn.demand * load,
        capacity=drawn.capacity * load,
        max_length=2 * matrix.max() + 0.3 * length,
        service_time=0.1 * length,
    )
    result = cosolve.solve(instance, name, iterations=50, time_limit=60)
    assert result.objective == pytest.approx(brute_force(instance), rel=1e-6)
    assert result.claimed_objective is None or result.claimed_objective == pytest.approx(result.objective, rel=1e-4)
    tour = TSPInstance(distances=instance.distances)
    assert cosolve.solve(tour, name, iterations=50, time_limit=60).objective is not None


@pytest.mark.parametrize("iterations", [0, 5])
@pytest.mark.parametrize("name", [*BACKENDS, available("local-search"), available("rr")])
def test_iteration_limit_is_named(name, iterations):
    """What ended a run is a fact of its own; tables tell a run of five iterations from one that had the time."""
    drawn = x(seed=1, n=30)
    matrix = drawn.distances.dense() + np.arange(31)
    adapter = solvers.get(name)()
    for instance in (
        drawn,
        TSPInstance(distances=drawn.distances),
        ATSPInstance(distances=Distances.from_matrix(matrix)),
    ):
        if instance.problem in adapter.problems:
            result = cosolve.solve(instance, name, iterations=iterations, time_limit=60)
            assert result.limit is Limit.ITERATION, instance.problem


@pytest.mark.parametrize("name", ["pyvrp", "routing"])
def test_dense_backends_refuse_huge_instances(name):
    """A matrix of 30,000 nodes would take 7 GB."""
    n = 30_001
    instance = CVRPInstance(
        distances=Distances.from_coords(np.random.default_rng(0).random((n, 2)) * 1000),
        demand=np.minimum(np.arange(n), 1),
        capacity=10,
    )
    adapter = solvers.get(name)()
    with pytest.raises(UnsupportedProblemError, match="at most"):
        adapter.solve(instance, None, seed=0, threads=1, initial=None, options=adapter.options_type())


def test_cpsat_proves_small_optima_and_infeasibility():
    """Its bound is valid for whole numbers only."""
    instance = tiny("rounded")
    assert cosolve.solve(instance, "cpsat", time_limit=60).status is Status.OPTIMAL
    start = cosolve.solve(instance, "greedy").solution
    assert cosolve.solve(instance, "cpsat", time_limit=60, initial=start).status is Status.OPTIMAL
    out_of_reach = CVRPInstance(distances=instance.distances, demand=instance.demand, capacity=100, max_length=1)
    assert cosolve.solve(out_of_reach, "cpsat", time_limit=10).status is Status.INFEASIBLE
    assert cosolve.solve(out_of_reach, "greedy").status is Status.NO_SOLUTION


def test_a_customer_near_only_by_way_of_others_is_not_called_out_of_reach():
    """The direct way to customer 2 is too long, 0-1-2-3-0 is not: a matrix need not keep the triangle inequality."""
    matrix = np.array([[0, 1, 10, 1], [1, 0, 1, 5], [10, 1, 0, 1], [1, 5, 1, 0]], float)
    instance = CVRPInstance(distances=Distances.from_matrix(matrix), demand=np.zeros(4), capacity=1, max_length=5)
    for name in ("cpsat", "pyvrp", "routing", "rr", "greedy"):
        result = cosolve.solve(instance, name, time_limit=1)
        assert result.status is not Status.INFEASIBLE, name
        assert result.objective in (None, 4.0), name


@pytest.mark.skipif(not solvers.get("cpsat")().available().ok, reason="cpsat is not installed")
def test_cpsat_limits_the_length_of_routes_where_a_way_round_is_shorter():
    """Lengths were held back by each customer's own way to the depot, shortest or not: OPTIMAL 36 instead of 32."""
    rng = np.random.default_rng(2)
    places = np.array([[2, 3], [4, 6], [6, 8], [10, 10], [9, 11], [3, 10]], float)
    cases = [(Distances.from_coords(places, Metric.EUC_2D), 24.0)]
    for _ in range(12):
        drawn = np.triu(rng.integers(1, 9, (5, 5)), 1).astype(float)
        cases.append((Distances.from_matrix(drawn + drawn.T), 14.0))
    for distances, limit in cases:
        n = distances.num_nodes
        instance = CVRPInstance(distances=distances, demand=[0] + [1] * (n - 1), capacity=n, max_length=limit)
        expected, result = brute_force(instance), cosolve.solve(instance, "cpsat", time_limit=20)
        if np.isinf(expected):
            assert result.status == Status.INFEASIBLE
        else:
            assert (result.status, result.objective, result.bound) == (Status.OPTIMAL, expected, expected)


@pytest.mark.parametrize("name", [available("highs"), available("scip")])
@pytest.mark.parametrize("demand", [(0.1, 0.2), (0.7, 0.1), (1.1, 2.2)])
def test_two_customers_that_fill_a_vehicle_exactly_may_share_it(name, demand):
    """0.1 + 0.2 > 0.3 in floating point: the edge between the two was fixed at 0, and 20 called optimal."""
    matrix = np.array([[0, 5, 5], [5, 0, 1], [5, 1, 0]], float)
    instance = CVRPInstance(
        distances=Distances.from_matrix(matrix), demand=[0, *demand], capacity=round(sum(demand), 1)
    )
    result = cosolve.solve(instance, name, time_limit=20)
    assert (result.status, result.objective) == (Status.OPTIMAL, 11.0)


WHOLE = [available(name) for name in ("pyvrp", "routing", "cpsat")]


@pytest.mark.parametrize("name", WHOLE)
def test_fractional_service_counts_in_full_among_whole_distances(name):
    """0.3 was rounded to 0, and the best routes of that instance were too long for this one."""
    matrix = np.array([[0, 7, 1, 3, 7], [7, 0, 5, 7, 7], [1, 5, 0, 1, 7], [3, 7, 1, 0, 1], [7, 7, 7, 1, 0]], float)
    for limit in (16.9, 17.2, 17.7):
        instance = CVRPInstance(
            distances=Distances.from_matrix(matrix), demand=[0, 1, 1, 1, 1], capacity=4, max_length=limit,
            service_time=0.3,
        )  # fmt: skip
        optimum = brute_force(instance)
        best = solve_here(instance, name, optimum).best
        assert best is not None
        assert best.objective == optimum


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize(
    ("demand", "capacity", "optimum"),
    [
        ((1 / 3, 2 / 3), 2 / 3, 20),
        ((1 / 3, 1 / 3), 1 / 3, 20),
        ((1 / 3, 1 / 3), 2 / 3, 11),
        ((2 / 7, 3 / 7), 5 / 7, 11),
        ((0.1, 0.2), 0.3, 11),
        ((np.pi, np.e), np.pi, 20),
        ((np.pi, 0.0), np.pi, 11),
        ((2e-9, 6e-9), 8e-9, 11),
        ((4e-9, 6e-9), 8e-9, 20),
    ],
)
def test_fractional_loads_that_fit_exactly_stay_feasible(name, demand, capacity, optimum):
    """Demands rounded up and the capacity down: a third did not fit into a third."""
    matrix = np.array([[0, 5, 5], [5, 0, 1], [5, 1, 0]], float)
    instance = CVRPInstance(distances=Distances.from_matrix(matrix), demand=[0, *demand], capacity=capacity)
    best = solve_here(instance, name, optimum).best
    assert best is not None
    assert best.objective == optimum


@pytest.mark.parametrize("name", [*BACKENDS, "rr", available("rrnco"), available("rrnco+")])
def test_backend_says_at_once_that_a_customer_is_out_of_reach(name):
    """It would search until the limit for what does not exist."""
    instance = CVRPInstance(distances=tiny("rounded").distances, demand=np.zeros(7), capacity=1, max_length=1)
    adapter = solvers.get(name)()
    monitor = Monitor(instance, Stop(20.0))
    outcome = adapter.solve(instance, monitor, seed=0, threads=1, initial=None, options=adapter.options_type())
    assert outcome.status is Status.INFEASIBLE


def test_routes_of_another_problem_are_refused():
    """The judge checks the type before the content."""
    tour = TSPInstance(distances=Distances.from_coords(np.zeros((2, 2))))
    with pytest.raises(TypeError):
        cosolve.judge(tour, Routes(routes=([1],)))


@pytest.mark.parametrize(
    ("matrix", "demand", "capacity"),
    [
        # Both demands are a vehicle's fill, and to and from the first customer there are ways by the other alone.
        ([[0, np.inf, 1], [np.inf, 0, 1], [1, 1, 0]], [0, 2, 2], 2),
        # The same of the last node, which CP-SAT then takes for none.
        ([[0, 1, 1, np.inf], [1, 0, 1, 1], [1, 1, 0, np.inf], [np.inf, 1, np.inf, 0]], [0, 3, 0, 1], 3),
    ],
)
def test_cpsat_proves_that_a_customer_without_a_way_can_not_be_visited(matrix, demand, capacity):
    """Its circuits refuse nodes without arcs, and overlook those at the end of the numbering."""
    distances = Distances.from_matrix(np.array(matrix, float))
    instance = ACVRPInstance(distances=distances, demand=np.array(demand, float), capacity=capacity)
    assert cosolve.solve(instance, "cpsat", time_limit=10).status is Status.INFEASIBLE


@pytest.mark.parametrize(
    ("name", "instance"),
    [
        ("highs", cosolve.generate("tsp", "uniform", size=1000)),
        (
            "scip",
            CVRPInstance(distances=Distances.from_coords(np.eye(3, 2)), demand=[0, 1, 1], capacity=2, max_length=9),
        ),
        ("cpsat", cosolve.generate("cpmp", "osman", n=2000, p=2)),
    ],
)
def test_what_a_model_can_not_take_is_refused_in_one_line(name, instance):
    """A traceback and the status "error" look like a fault of ours."""
    with pytest.raises(UnsupportedProblemError, match=r"takes at most|has no route-length limit"):
        cosolve.solve(instance, name, time_limit=5)


def test_a_customer_within_the_limit_over_another_alone_spoils_no_start():
    """A route of his own is too long: searches that began with it proposed nothing but broken solutions."""
    matrix = [[0, 8, 10, 11, 3], [8, 0, 8, 5, 10], [10, 8, 0, 1, 4], [11, 5, 1, 0, 6], [3, 10, 4, 6, 0]]
    distances = Distances.from_matrix(np.array(matrix, float))
    instance = CVRPInstance(distances=distances, demand=[0, 1, 1, 1, 1], capacity=2, max_length=20)
    assert cosolve.solve(instance, "cpsat", time_limit=20).objective == 56
    assert cosolve.solve(instance, "rr", iterations=2000, time_limit=20).objective == 56
    for name in ("greedy", "local-search"):
        rejected = []
        outcome = cosolve.solve(instance, name, time_limit=2, on_rejected=rejected.append)
        assert not rejected
        assert outcome.objective in (None, 56)


@pytest.mark.parametrize(("name", "unit"), [(available("scip").values[0], 1e10), (available("cpsat").values[0], 1e14)])
def test_bounds_of_whole_numbers_in_the_billions_are_none_too_high(name, unit):
    """SCIP's tolerance is nine units there, and CP-SAT's floating point rounds to halves beyond 2^51."""
    ways = np.array(
        [[0, 18, 8, 8, 49], [18, 0, 21, 19, 15], [8, 21, 0, 46, 49], [8, 19, 46, 0, 48], [49, 15, 49, 48, 0]]
    )
    matrix = np.where(np.eye(5) > 0, 0.0, ways + unit)
    demand = [0.0, 4.0, 3000000.0, 3000001.0, 3000002.0]
    instance = CVRPInstance(distances=Distances.from_matrix(matrix), demand=demand, capacity=3645865.613)
    optimum = brute_force(instance)
    bounds = []
    for solutions in (1, None):
        result = cosolve.solve(
            instance, name, time_limit=20, solutions=solutions, on_bound=lambda seconds, bound: bounds.append(bound)
        )
        assert result.objective is not None
    assert max(bounds) <= optimum
