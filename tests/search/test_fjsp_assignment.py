"""Machines of even load: a valid bound on the makespan, and loads close to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import cosolve
from cosolve.core.problem import judge
from cosolve.search.fjsp_assignment import assign


def load_of(instance, alt):
    return int(np.bincount(instance.alt_machine[alt], instance.alt_time[alt], instance.num_machines).max())


def least_load(instance):
    """Over all assignments, one by one."""
    choices = [range(a, b) for a, b in itertools.pairwise(instance.alt_ptr)]
    return min(load_of(instance, np.array(alt)) for alt in itertools.product(*choices))


@pytest.mark.parametrize("seed", range(8))
def test_the_bound_holds_and_the_loads_are_nearly_even(seed):
    instance = cosolve.generate("fjsp", "sd2", jobs=3, machines=3, operations=3, seed=seed)
    alt, bound = assign(instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines)
    assert all(instance.alt_ptr[:-1] <= alt)
    assert all(alt < instance.alt_ptr[1:])
    least = least_load(instance)
    assert bound <= least <= load_of(instance, alt) <= 1.5 * least


def test_many_operations_leave_no_gap_to_speak_of():
    """Rounding costs less than one operation on each machine."""
    instance = cosolve.generate("fjsp", "sd2", jobs=60, machines=10, operations=10, seed=3)
    alt, bound = assign(instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines)
    assert bound <= load_of(instance, alt) <= 1.01 * bound
    result = cosolve.solve(instance, "greedy", time_limit=20)
    assert bound <= judge(instance, result.solution).objective <= 1.35 * bound


def test_times_of_zero_are_no_trouble():
    alt, bound = assign(np.array([0, 2, 3]), np.array([0, 1, 1]), np.array([0, 0, 0]), 2)
    assert bound == 0
    assert alt[1] == 2


def test_identical_machines_share_the_work():
    """With all of it on one, as many moves as operations had to even it out: 25 s for 20,000."""
    n, m = 500, 10
    times = np.random.default_rng(0).integers(1, 50, n)
    machines = np.tile(np.arange(m), n)
    alt, bound = assign(np.arange(0, n * m + 1, m), machines, np.repeat(times, m), m)
    assert np.bincount(machines[alt], times).max() <= bound + 1
