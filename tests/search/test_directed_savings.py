"""Savings with asymmetric ways and time windows."""

from __future__ import annotations

import numpy as np
import pytest

import cosolve
import cosolve.testing
from cosolve.instances.cvrp import ACVRPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.search.directed_savings import directed_savings


def savings(arrays):
    nodes, offsets = directed_savings(
        arrays.distance, arrays.duration, arrays.demand, arrays.capacity, arrays.opens, arrays.closes, arrays.service
    )
    return arrays.routes(np.split(nodes, offsets[1:-1]))


@pytest.mark.parametrize(
    ("problem", "family", "parameters"),
    [
        ("acvrptw", "road", {"n": 60, "points": 200}),
        ("acvrp", "road", {"n": 60, "points": 200, "split": "cluster"}),
        ("vrptw", "uniform", {"n": 60, "density": 0.5}),
        ("cvrp", "uniform", {"n": 60}),
    ],
)
def test_joined_routes_are_feasible_and_save_something(problem, family, parameters):
    """A wrong concatenation of two schedules would let a vehicle come late."""
    for seed in range(20):
        instance = cosolve.generate(problem, family, seed=seed, **parameters)
        arrays = routing_arrays(instance)
        verdict = cosolve.judge(instance, savings(arrays))
        assert verdict.feasible, verdict.violations
        alone = arrays.distance[0].sum() + arrays.distance[:, 0].sum()
        assert verdict.objective < 0.8 * alone


def test_routes_are_joined_in_their_direction():
    """On a one-way ring only 0, 1, 2, 3 is short; the saving of a reversed pair is none."""
    matrix = np.full((4, 4), 10.0)
    matrix[np.arange(4), (np.arange(4) + 1) % 4] = 1.0
    instance = ACVRPInstance(distances=Distances.from_matrix(matrix), demand=[0, 1, 1, 1], capacity=3)
    (route,) = savings(routing_arrays(instance)).routes
    assert route.tolist() == [1, 2, 3]


def test_a_window_keeps_two_routes_apart():
    """The hand-solved case: after the service at the near customer the far one is reached too late."""
    instance, optimum = cosolve.testing.tiny_instances("vrptw")[0]
    assert cosolve.judge(instance, savings(routing_arrays(instance))).objective == optimum


def test_large_instances_look_at_the_best_successors_only(monkeypatch):
    """Of 100 best successors of 200 the routes are nearly as good as of all."""
    arrays = routing_arrays(cosolve.generate("acvrp", "road", n=200, points=300))
    instance = cosolve.generate("acvrp", "road", n=200, points=300)
    every = cosolve.judge(instance, savings(arrays)).objective
    monkeypatch.setattr("cosolve.search.directed_savings._ALL_PAIRS", 100)
    some = cosolve.judge(instance, savings(arrays))
    assert some.feasible
    assert some.objective <= 1.05 * every


def test_no_customer_and_one_customer_make_no_pairs():
    for n in (0, 1):
        instance = cosolve.generate("acvrptw", "road", n=n, points=20)
        assert len(savings(routing_arrays(instance)).routes) == n
