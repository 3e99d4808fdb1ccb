"""Cheapest insertion with time windows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.instances.cvrp import ACVRPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.instances.vrptw import ACVRPTWInstance
from cosolve.search.insertion import insertion


def insert(arrays, order):
    return insertion(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service,
        np.asarray(order, np.int64),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "family", "parameters"),
    [
        ("acvrptw", "road", {"n": 60, "points": 200}),
        ("acvrp", "road", {"n": 60, "points": 200}),
        ("vrptw", "uniform", {"n": 60, "density": 0.5}),
        ("cvrp", "uniform", {"n": 60}),
    ],
)
def test_routes_are_feasible_and_as_long_as_they_say(problem, family, parameters):
    """Starts and latest starts along the routes must stay right after every insertion."""
    for seed in range(10):
        instance = cosolve.generate(problem, family, seed=seed, **parameters)
        arrays = routing_arrays(instance)
        order = np.random.default_rng(seed).permutation(instance.size) + 1
        nodes, offsets, length = insert(arrays, order)
        routes = arrays.routes(np.split(nodes, offsets[1:-1]))
        verdict = cosolve.judge(instance, routes)
        assert verdict.feasible, verdict.violations
        assert verdict.objective == pytest.approx(length)


def test_a_customer_goes_to_its_cheapest_position_even_between_two_others():
    """Places 0, 1, 2, 3 on a line: 3, then 1 and 2 on its way cost nothing more."""
    steps = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    instance = ACVRPInstance(distances=Distances.from_matrix(steps), demand=[0, 1, 1, 1], capacity=3)
    nodes, _, length = insert(routing_arrays(instance), [3, 1, 2])
    assert length == 6
    assert sorted(nodes.tolist()) == [1, 2, 3]


def test_a_customer_that_is_in_time_by_way_of_another_only_waits_for_it():
    """The direct way takes 9, that by node 2 takes 2, and the window closes at 4."""
    times = np.array([[0, 9, 1], [1, 0, 1], [1, 1, 0]], float)
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(times), demand=[0, 1, 1], capacity=2, opens=[0, 0, 0], closes=[20, 4, 20],
        service=[0, 0, 0],
    )  # fmt: skip
    nodes, offsets, length = insert(routing_arrays(instance), [1, 2])
    assert (nodes.tolist(), offsets.tolist(), length) == ([2, 1], [0, 2], 3)
    hopeless = replace(instance, capacity=1)
    assert insert(routing_arrays(hopeless), [1, 2])[0].tolist() == [2]
    assert cosolve.solve(hopeless, "greedy", time_limit=5).solution is None


def test_missing_ways_are_not_used():
    """Infinite less infinite is not a number, and compares as nothing."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = rng.integers(1, 50, (20, 20)).astype(float)
        matrix[1:, 1:][rng.random((19, 19)) < 0.6] = np.inf
        instance = ACVRPInstance(distances=Distances.from_matrix(matrix), demand=[0, *[1] * 19], capacity=6)
        arrays = routing_arrays(instance)
        nodes, offsets, _ = insert(arrays, rng.permutation(19) + 1)
        assert cosolve.judge(instance, arrays.routes(np.split(nodes, offsets[1:-1]))).feasible
