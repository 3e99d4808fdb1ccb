"""Watching a file that a program writes solutions to."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

import cosolve
from cosolve.evaluation.solution_file import SolutionFile, load_reader
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import Tour, TSPInstance


@pytest.fixture
def square() -> TSPInstance:
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    return TSPInstance(name="square", distances=Distances.from_coords(corners))


@pytest.fixture
def watched(tmp_path, square) -> SolutionFile:
    return SolutionFile(tmp_path / "s.tour", square, None, tmp_path / "copy.tour")


def tour(*order: int) -> Tour:
    return Tour(order=np.array(order))


def test_each_content_is_seen_once(watched, square):
    """A file read again at every look would cost more than the solver."""
    assert watched.look(force=True) is None
    cosolve.write_solution(square, tour(0, 2, 1, 3), watched.path)
    found = watched.look(force=True)
    assert found.solution == tour(0, 2, 1, 3)
    assert watched.look(force=True) is None
    cosolve.write_solution(square, tour(0, 1, 2, 3), watched.path)
    assert watched.look(force=True).solution == tour(0, 1, 2, 3)


def test_a_half_written_file_is_no_error_once_it_is_whole(watched, square):
    """A program that writes slowly is caught in the middle sooner or later."""
    cosolve.write_solution(square, tour(0, 1, 2, 3), watched.path)
    whole = watched.path.read_bytes()
    watched.path.write_bytes(whole[: len(whole) // 2])
    assert watched.look(force=True) is None
    assert watched.error is not None
    assert str(watched.error).startswith("s.tour:")  # its name for the program, not that of our private copy
    watched.path.write_bytes(whole)
    assert watched.look(force=True).solution == tour(0, 1, 2, 3)
    assert watched.error is None


@pytest.mark.parametrize(("shift", "expected"), [(-1000.0, "last look"), (1000.0, "now"), (0.0, "between")])
def test_the_time_is_that_of_writing_but_a_false_date_gains_nothing(watched, square, shift, expected):
    """A program could date its file back to the start, and a copied file (cp -p) brings an old date along."""
    time.sleep(0.05)
    assert watched.look(force=True) is None
    low = watched.elapsed()
    time.sleep(0.05)
    cosolve.write_solution(square, tour(0, 1, 2, 3), watched.path)
    written = watched.elapsed()
    date = watched.path.stat().st_mtime + shift
    os.utime(watched.path, (date, date))
    time.sleep(0.05)
    high = watched.elapsed()
    found = watched.look(force=True)
    # The kernel dates files by its last tick, up to 10 ms ago.
    bounds = {"last look": (low - 0.01, low), "now": (high, high + 0.05), "between": (written - 0.03, written + 0.01)}
    assert bounds[expected][0] <= found.time <= bounds[expected][1]


def test_what_is_no_regular_file_is_not_read(watched, tmp_path):
    """Reading a pipe or an endless device would hang the watcher."""
    os.mkfifo(watched.path)
    assert watched.look(force=True) is None
    watched.path.unlink()
    watched.path.symlink_to("/dev/zero")
    assert watched.look(force=True) is None


def test_loading_the_reader_leaves_no_trace(watched, square, tmp_path):
    """What is read to have everything in memory must not pass for the program's solution."""
    load_reader(square, None, tmp_path / "copy.tour")
    assert watched.look(force=True) is None
    assert watched.error is None


def test_looks_pause_after_a_costly_one(watched, square, monkeypatch):
    """Reading a tour of ten million cities at every change would take the CPU that the program is measured on."""
    cosolve.write_solution(square, tour(0, 2, 1, 3), watched.path)
    read = cosolve.read_solution

    def slow(*args, **kwargs):
        time.sleep(0.05)
        return read(*args, **kwargs)

    monkeypatch.setattr(cosolve, "read_solution", slow)
    assert watched.look() is not None
    cosolve.write_solution(square, tour(0, 1, 2, 3), watched.path)
    assert watched.look() is None
    assert watched.look(force=True) is not None
