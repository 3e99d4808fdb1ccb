"""Kernels of the flexible job shop: tabu search, dispatching, lower bound."""

from __future__ import annotations

import itertools
from math import inf

import numpy as np
import pytest
from fjsp_cases import shop, shops
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import cosolve.instances  # noqa: F401  (fills the registries)
from cosolve.core.problem import judge
from cosolve.instances.fjsp import FJSPInstance
from cosolve.instances.formats.base import formats
from cosolve.instances.formats.source import Source
from cosolve.instances.generators import generate
from cosolve.search import fjsp as kernel
from cosolve.search.fjsp_bound import lower_bound
from cosolve.solvers.greedy.fjsp import prepare, to_schedule, with_even_loads


def bound(instance: FJSPInstance) -> int:
    return lower_bound(
        instance.job_ptr, instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines
    )


def loaded(instance: FJSPInstance, seed: int = 0, rule: int = 0, delay: float = 0.5, noise: int = 0):
    data = prepare(instance)
    state = kernel.make_state(data, seed)
    alt, order = np.zeros(instance.num_ops, np.int64), np.zeros(instance.num_ops, np.int64)
    makespan = kernel.dispatch(data, state, rule, delay, noise, alt, order)
    assert kernel.load(data, state, alt, order) <= makespan
    return data, state


def optimum(instance: FJSPInstance) -> float:
    """Best over all choices of machines and all orders, each operation as early as it can be."""
    n = instance.num_ops
    job = np.repeat(np.arange(instance.num_jobs), np.diff(instance.job_ptr)).tolist()
    choices = [range(a, b) for a, b in itertools.pairwise(instance.alt_ptr.tolist())]
    best = inf
    for order in set(itertools.permutations(job)):
        for alts in itertools.product(*choices):
            free, ready = [0] * instance.num_machines, [0] * instance.num_jobs
            following = instance.job_ptr[:-1].tolist()
            for j in order:
                a = alts[following[j]]
                following[j] += 1
                end = max(free[instance.alt_machine[a]], ready[j]) + int(instance.alt_time[a])
                free[instance.alt_machine[a]] = ready[j] = end
            best = min(best, max(ready, default=0))
    return best if n else 0


@settings(max_examples=40, deadline=None)
@given(shops(max_jobs=3, max_ops=2, max_machines=2))
def test_bound_optimum_and_heuristics_are_in_order(instance):
    """A bound above the optimum would be reported as a proof; a schedule below it is not one."""
    best = optimum(instance)
    assert bound(instance) <= best
    if instance.num_ops == 0:
        return
    data, state = loaded(instance)
    kernel.run(data, state, 200, 100, bound(instance))
    verdict = judge(instance, to_schedule(data, state))
    assert verdict.feasible
    assert verdict.objective == state.counts[kernel.BEST]
    assert verdict.objective >= best


@settings(max_examples=25, deadline=None)
@given(shops(max_jobs=6, max_ops=5, max_machines=4), st.integers(0, 10**6), st.integers(0, 4), st.floats(0, 1))
def test_after_any_number_of_moves_the_schedule_is_feasible(instance, seed, rule, delay):
    """A move that closed a cycle, or a machine's list out of step with the positions, would show here."""
    assume(instance.num_ops > 0)
    data, state = loaded(instance, seed, rule, delay, 30)
    for _ in range(20):
        kernel.run(data, state, 5, 10**6, 0)
        for k in range(instance.num_machines):
            begin = data.seq_ptr[k]
            seq = state.seq[begin : begin + state.length[k]]
            assert (state.position[seq] == np.arange(len(seq))).all()
            assert (data.alt_machine[state.alt[seq]] == k).all()
        assert state.length.sum() == instance.num_ops
        assert (state.head + state.duration + state.tail).max() == state.counts[kernel.MAKESPAN]
        verdict = judge(instance, to_schedule(data, state))
        assert verdict.feasible
        assert verdict.objective == state.counts[kernel.BEST]


def test_slices_do_not_change_the_path():
    """The clock decides where slices end, so they must not decide anything else."""
    instance = generate("fjsp", "sd2", seed=2, jobs=8, machines=5, operations=5)
    outcomes = []
    for pieces in ([600], [100] * 6, [1] * 600):
        data, state = loaded(instance, seed=5)
        for piece in pieces:
            kernel.run(data, state, piece, 10**6, 0)
        outcomes.append((state.alt.tolist(), state.head.tolist(), state.counts.tolist()))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize(
    ("jobs", "num_machines", "value"),
    [
        ([[{0: 3}, {1: 4}]], 2, 7),  # longest job
        ([[{0: 3}], [{0: 4}], [{0: 5}]], 1, 12),  # one machine
        ([[{0: 5, 1: 5}], [{0: 5, 1: 5}], [{0: 5, 1: 5}]], 2, 8),  # 15 shared by two, rounded up
        ([[{1: 2}, {0: 3}], [{1: 2}, {0: 3}]], 2, 8),  # head of 2 before machine 0
        # Carlier: released at 0 and 4, tails 0 and 9: the preemptive schedule ends 4 + 1 + 9 = 14, not later.
        ([[{0: 6}], [{1: 4}, {0: 1}, {1: 9}]], 2, 14),
        ([[]], 3, 0),
    ],
)
def test_bounds_computed_by_hand(jobs, num_machines, value):
    """Each part of the bound is the largest once."""
    assert bound(shop(jobs, num_machines)) == value


def test_tabu_search_reaches_published_optima(data):
    """Optima from the ScheduleOpt list: la01 666, mk04 60, Hurink edata la01 609; 20,000 moves suffice."""
    for name, form, value in (
        ("jsp/la01", "jsplib", 666),
        ("fjsp/Brandimarte1993/mk04.txt", "fjs", 60),
        ("fjsp/HurinkJurischThole1994/edata/la01.txt", "fjs", 609),
    ):
        instance = formats.get(form).read(Source.open(data / name), "fjsp")
        arrays, state = loaded(instance, seed=1)
        kernel.run(arrays, state, 20_000, 10**6, value)
        assert state.counts[kernel.BEST] == value
        assert bound(instance) <= value


def test_bounds_never_exceed_published_optima(data):
    """swv15 2885, ta71 5464, mk10 193, 18a 2070: upper bounds of the ScheduleOpt list."""
    for name, form, value in (
        ("jsp/swv15", "jsplib", 2885),
        ("jsp/ta71", "jsplib", 5464),
        ("fjsp/Brandimarte1993/mk10.txt", "fjs", 193),
        ("fjsp/DauzerePeresPaulli1994/18a.txt", "fjs", 2070),
    ):
        instance = formats.get(form).read(Source.open(data / name), "fjsp")
        assert 0.7 * value < bound(instance) <= value


def test_a_bound_that_is_cut_off_is_one_and_loads_are_shared_out_once():
    for seed in range(10):
        instance = generate("fjsp", "sd2", seed=seed, jobs=6, machines=4, operations=4)
        args = instance.job_ptr, instance.alt_ptr, instance.alt_machine, instance.alt_time, instance.num_machines
        even = with_even_loads(prepare(instance))
        assert lower_bound(*args, of_loads=even.bound) == lower_bound(*args)
        assert lower_bound(*args, of_loads=10**6) == 10**6
        assert 0 < lower_bound(*args, should_stop=lambda: True) <= lower_bound(*args)
