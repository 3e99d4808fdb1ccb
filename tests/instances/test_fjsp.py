"""The flexible job shop: instance and judge."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fjsp_cases import GOOD, TWO, sequential, shop, shops
from hypothesis import given, settings
from hypothesis import strategies as st

import cosolve.instances  # noqa: F401  (fills the registries)
from cosolve.core.problem import judge
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.testing.contract import check_judge


def test_a_schedule_solved_by_hand_has_its_makespan():
    """A wrong index from operation to alternative would take another time."""
    verdict = judge(TWO, GOOD)
    assert verdict.feasible
    assert verdict.objective == 7.0


@pytest.mark.parametrize(
    ("machine", "start", "what"),
    [
        ([1, 1, 1, 0], [0, 4, 0, 3], "two operations at once"),
        ([0, 0, 1, 0], [0, 3, 0, 3], "not eligible"),
        ([0, 1, 1, 0], [0, 2.5, 0, 3], "predecessor"),
        ([0, 1, 1, 0], [-1, 3, 0, 3], "before 0"),
        ([0, 1, 1, 0], [np.nan, 3, 0, 3], "not finite"),
        ([0, 1, 1, 0], [0, np.inf, 0, 3], "not finite"),
        ([0, 1, 1], [0, 3, 0, 3], "wrong number of machines"),
        ([0, 1, 1, 0], [0, 3, 0], "wrong number of starts"),
        ([0, 1, 1, 0, 0], [0, 3, 0, 3, 9], "wrong number of machines"),
        ([0, 1, 1, 10**12], [0, 3, 0, 3], "not eligible"),
        ([0, 1, -1, 0], [0, 3, 0, 3], "not eligible"),
        ([], [], "wrong number"),
    ],
)
def test_each_broken_rule_is_named(machine, start, what):
    """A judge that lets one of these pass can be fooled into any makespan."""
    verdict = judge(TWO, Schedule(machine=machine, start=start))
    assert not verdict.feasible
    assert what in " ".join(map(str, verdict.violations))


def test_an_overlap_with_an_earlier_but_longer_operation_is_found():
    """Comparing only starts would miss that the first runs past two others."""
    instance = shop([[{0: 10}], [{0: 1}], [{0: 1}]], 1)
    assert not judge(instance, Schedule(machine=[0, 0, 0], start=[0, 10, 5])).feasible
    assert judge(instance, Schedule(machine=[0, 0, 0], start=[2, 0, 1])).feasible


def test_operations_of_no_time_may_touch_but_not_lie_inside():
    """Two of them may share an instant, and one may stand where another starts or ends."""
    instance = shop([[{0: 0}], [{0: 0}], [{0: 4}]], 1)
    for starts, fine in (([5, 5, 1], True), ([1, 1, 1], True), ([1, 5, 1], True), ([3, 5, 1], False)):
        assert judge(instance, Schedule(machine=[0, 0, 0], start=starts)).feasible == fine


def test_an_operation_of_no_time_may_be_listed_after_one_that_starts_with_it():
    """Sorted by start alone, the longer one came first and seemed to run over the other."""
    instance = shop([[{0: 5}], [{0: 0}]], 1)
    assert judge(instance, Schedule(machine=[0, 0], start=[5, 5])).feasible


def test_the_frontierco_mode_accepts_a_shifted_schedule_and_extra_entries():
    """That harness checks neither (dossier 1.7): the makespan can be moved to any value there."""
    shifted = Schedule(machine=[*GOOD.machine, 0], start=[*(GOOD.start - 5.0), 99.0])
    assert judge(TWO, shifted, "frontierco").objective == 2.0
    assert judge(TWO, shifted, "frontierco").feasible
    assert not judge(TWO, shifted).feasible


@pytest.mark.parametrize(
    "change",
    [
        {"job_ptr": [1, 2, 4]},
        {"job_ptr": [0, 3, 2, 4]},
        {"alt_ptr": [0, 2, 2, 4, 5]},
        {"alt_ptr": [0, 2, 3, 4]},
        {"alt_machine": [0, 0, 1, 1, 0]},
        {"alt_machine": [0, 2, 1, 1, 0]},
        {"alt_machine": [0, -1, 1, 1, 0]},
        {"alt_time": [3, -4, 2, 2, 4]},
        {"alt_time": [3, 4, 2, 2]},
        {"alt_time": [3, 4, 2**62, 2**62, 4]},
        {"num_machines": 0},
        {"num_machines": 2.5},
        {"num_machines": float("nan")},
    ],
)
def test_impossible_data_is_refused(change):
    """Kernels index with these numbers without looking again."""
    names = ("job_ptr", "alt_ptr", "alt_machine", "alt_time", "num_machines")
    data = {name: getattr(TWO, name) for name in names}
    FJSPInstance(**data)
    with pytest.raises(ValueError):
        FJSPInstance(**{**data, **change})


def test_the_order_of_alternatives_is_no_part_of_the_data():
    """Two published files of mk01 list them differently: their digests must agree."""
    assert shop([[{1: 4, 0: 3}, {1: 2}], [{1: 2}, {0: 4}]], 2) == TWO


@settings(max_examples=60, deadline=None)
@given(shops(), st.integers(0, 10**6), st.floats(-5, 30))
def test_the_judge_agrees_with_the_pairwise_definition(instance, seed, shift):
    """Sorting must find exactly the overlaps that a comparison of all pairs finds."""
    rng = np.random.default_rng(seed)
    base = sequential(instance)
    start = base.start.copy()
    if len(start):
        start[rng.integers(len(start))] += shift
    schedule = Schedule(machine=base.machine, start=start)
    time = instance.alt_time[instance.alt_ptr[:-1]]
    fine = bool((start >= 0).all())
    for a, b in itertools.combinations(range(len(start)), 2):
        apart = start[a] + time[a] <= start[b] or start[b] + time[b] <= start[a]
        fine &= apart or base.machine[a] != base.machine[b]
    for a, b in itertools.pairwise(instance.job_ptr.tolist()):
        fine &= all(start[op] + time[op] <= start[op + 1] for op in range(a, b - 1))
    assert judge(instance, schedule).feasible == fine


def test_corruptions_of_a_good_schedule_are_rejected():
    """The contract that every judge of this package keeps."""
    broken = [
        Schedule(machine=GOOD.machine, start=np.where(np.arange(4) == op, GOOD.start - 0.5, GOOD.start))
        for op in range(4)
    ]
    check_judge(TWO, GOOD, broken)
