"""Solver "rr": descents, threads, limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.instances.routing_arrays import routing_arrays
from cosolve.solvers import rr


def drawn(problem, n=60):
    return cosolve.generate(problem, "road", n=n, points=200, seed=3)


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
def test_a_given_solution_is_improved(problem):
    instance = drawn(problem)
    first = cosolve.solve(instance, "greedy", time_limit=10)
    found = cosolve.solve(instance, "rr", iterations=3000, initial=first.solution)
    assert found.objective < first.objective


def test_descents_within_the_search_look_at_the_nearest_only(monkeypatch):
    """With all neighbours of the search half of its time went there; and they are cut out once, not each time."""
    instance, seen = drawn("acvrp", n=80), []
    settle = rr.settle

    def watched(data, state, stop):
        seen.append(data.neighbours)
        settle(data, state, stop)

    monkeypatch.setattr(rr, "settle", watched)
    cosolve.solve(instance, "rr", iterations=5000)
    assert len(seen) > 1
    assert all(one is seen[0] for one in seen)
    assert seen[0].shape == (81, rr.NUM_DESCENT_NEIGHBOURS)
    assert seen[0].flags.c_contiguous
    assert (seen[0] == rr._data(routing_arrays(instance)).neighbours[:, : rr.NUM_DESCENT_NEIGHBOURS]).all()


@pytest.mark.parametrize("is_large", [False, True], ids=["walks", "parts"])
def test_threads_share_the_iterations_and_repeat(is_large, monkeypatch):
    """Few routes are searched by each thread for itself, many in parts; the clock decides nothing either way."""
    instance, rounds = drawn("acvrp", n=150 if is_large else 40), []
    if is_large:
        instance = replace(instance, capacity=instance.demand.max() * 3)
    run_parts = rr.run_parts

    def watched(*arguments):
        rounds.append(run_parts(*arguments))
        return rounds[-1]

    monkeypatch.setattr(rr, "run_parts", watched)
    once, again = (cosolve.solve(instance, "rr", iterations=40_001, threads=2, seed=4) for _ in range(2))
    assert any(rounds) == is_large
    assert once.stats["iterations"] == 40_001
    assert once.objective == again.objective
    assert [p.objective for p in once.trajectory] == [p.objective for p in again.trajectory]
    assert once.objective < cosolve.solve(instance, "rr", iterations=20, seed=4).objective


def test_walks_go_on_from_the_best_of_them_at_the_end_of_a_cycle():
    instance = drawn("acvrp", n=20)
    data = rr._data(routing_arrays(instance))
    first = rr._Walk(
        data, rr.start(data, *rr._flat([np.array([c]) for c in range(1, 21)]), 1), 1, np.zeros(1, np.int64)
    )
    walks = [first, first.copy(2)]
    cycle = int(walks[0].state.ints[rr.row.CYCLE_END])
    for walk in walks:
        while walk.state.iteration < cycle:
            walk.advance(np.inf)
        assert walk.state.iteration == cycle
    lengths = [walk.state.best for walk in walks]
    better, worse = (0, 1) if lengths[0] <= lengths[1] else (1, 0)
    walks[worse].state.floats[rr.row.BEST] += 1.0  # so that one of them is worse for certain
    rr._share(walks)
    assert walks[worse].state.best == pytest.approx(min(lengths))
    assert walks[worse].state.best_routes()[0].tolist() == walks[better].state.best_routes()[0].tolist()
