"""Searches in slices: as many iterations as are asked for, however long they take."""

from __future__ import annotations

import time

from cosolve.search.slices import Slices


def test_slices_grow_while_they_are_short_and_end_at_the_limit():
    asked, slices = [], Slices(100, first=2, longest=30)

    def work(count):
        asked.append(count)
        return sum(asked)

    while not slices.is_out:
        assert slices.run(work)
    assert asked == [2, 4, 8, 16, 30, 30, 10]
    assert (slices.done, slices.is_out) == (100, True)


def test_slow_ones_shrink():
    asked, slices = [], Slices(None, first=8)

    def work(count):
        asked.append(count)
        time.sleep(0.1)
        return sum(asked)

    for _ in range(5):
        slices.run(work)
    assert asked == [8, 4, 2, 1, 1]
    assert not slices.is_out


def test_a_slice_cut_short_does_not_grow_the_next_and_one_without_iterations_is_told():
    asked, slices = [], Slices(None, first=4)

    def work(count):
        asked.append(count)
        return 3

    assert slices.run(work)
    assert not slices.run(work)
    assert asked == [4, 4]
