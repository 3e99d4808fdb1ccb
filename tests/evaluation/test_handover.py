"""Instances and solutions between processes and in files."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.core.problem import problems
from cosolve.core.result import TracePoint
from cosolve.evaluation import handover
from cosolve.evaluation.handover import Outbox, open_map, read_incumbent, read_trace, write_map
from cosolve.evaluation.solutions import from_arrays, load_arrays, load_solution, save_arrays, to_arrays
from cosolve.instances.cvrp import Routes
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.tsp import Tour


@pytest.mark.parametrize("problem", problems.names())
def test_a_mapped_instance_is_the_same(tmp_path, problem):
    """Of every problem: data, name and digest, and no array that a solver could write to."""
    for instance, _ in tiny_instances(problem):
        path = tmp_path / f"{instance.digest}.map"
        write_map(instance, path)
        mapped = open_map(path)
        assert type(mapped) is type(instance)
        assert (mapped.digest, mapped.name, mapped.size) == (instance.digest, instance.name, instance.size)
        del mapped.__dict__["digest"]
        assert mapped.digest == instance.digest  # of the arrays as they are now, not as it travelled


def test_mapped_arrays_are_pages_of_the_file(tmp_path):
    """Ten million cities must not be copied into every process."""
    instance = cosolve.generate("tsp", "uniform", size=1000, seed=1)
    write_map(instance, tmp_path / "x.map")
    coords = open_map(tmp_path / "x.map").distances.coords
    assert not coords.flags.owndata
    assert not coords.flags.writeable
    assert coords.ctypes.data % 64 == 0
    with pytest.raises(ValueError, match="read-only"):
        coords[0, 0] = 1.0


def test_something_else_is_no_map(tmp_path):
    """A mistaken path must not be unpickled."""
    (tmp_path / "x").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="not the map"):
        open_map(tmp_path / "x")


@pytest.mark.parametrize("problem", [p for p in problems.names() if p not in ("milp", "regtree", "optw", "optwvp")])
def test_solutions_of_every_problem_survive_a_file(tmp_path, problem):
    """What cannot be read back can be neither judged again nor drawn."""
    instance, _ = tiny_instances(problem)[0]
    solution = cosolve.solve(instance, "greedy", time_limit=10).solution
    assert solution is not None
    path = tmp_path / "s.npz"
    save_arrays(path, to_arrays(solution))
    again = load_solution(path, problem)
    assert again == solution
    assert cosolve.judge(instance, again) == cosolve.judge(instance, solution)


@given(st.lists(st.lists(st.integers(0, 2**40), max_size=5), max_size=6))
def test_any_routes_survive_as_arrays(routes):
    """Empty routes, and none at all."""
    solution = Routes(routes=tuple(np.array(route, np.int64) for route in routes))
    again = from_arrays("cvrp", to_arrays(solution))
    assert [route.tolist() for route in again.routes] == routes


def test_fields_that_do_not_fit_are_refused():
    """What a process hands over may be anything."""
    order = np.arange(3)
    assert from_arrays("tsp", {"order": order}) == Tour(order=order)
    for arrays, word in (({}, "needs the field 'order'"), ({"order": order, "x": order}, "no field 'x'")):
        with pytest.raises(ValueError, match=word):
            from_arrays("tsp", arrays)
    with pytest.raises(ValueError, match="dimension"):
        from_arrays("tsp", {"order": np.zeros((2, 2))})
    with pytest.raises(ValueError):
        from_arrays("tsp", {"order": np.array(3)})


def test_nothing_in_a_solution_file_is_executed(tmp_path):
    """A file from elsewhere could hold a pickle that does anything."""
    path = tmp_path / "s.npz"
    np.savez(path, order=np.array([{"a": 1}], object))
    with pytest.raises(ValueError, match="not a file of arrays"):
        load_solution(path, "tsp")
    path.write_bytes(b"not a zip")
    with pytest.raises(ValueError, match=r"s\.npz"):
        load_arrays(path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("order.npy", b"\x93NUMPY broken")
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"s\.npz"):
        load_arrays(path)


# -- incumbents ---------------------------------------------------------------------------------------------------


def test_the_last_incumbent_and_the_whole_curve_are_handed_over(tmp_path):
    """In whatever size they come."""
    assert read_incumbent(tmp_path) is None
    assert read_trace(tmp_path) == ()
    box = Outbox(tmp_path)
    assert read_incumbent(tmp_path) is None
    for k, size in enumerate((5, 1000, 3)):
        box.put(0.1 * k, 10.0 - k, None, {"order": np.arange(size), "x": np.ones((2, size))})
    box.trace(0.5, 8.0, 7.5)
    found = read_incumbent(tmp_path)
    assert (found.time, found.objective, found.bound) == (0.2, 8.0, None)
    assert found.arrays["order"].tolist() == [0, 1, 2]
    assert found.arrays["x"].shape == (2, 3)
    points = [TracePoint(0.1 * k, 10.0 - k, None) for k in range(3)]
    assert read_trace(tmp_path) == (*points, TracePoint(0.5, 8.0, 7.5))


def test_what_comes_after_the_limit_is_not_taken(tmp_path):
    """Solutions and bounds alike."""
    box = Outbox(tmp_path, 1.0)
    box.put(1.0, 5.0, None, {"order": np.arange(2)})
    box.put(1.0001, 4.0, None, {"order": np.arange(2)})
    box.trace(2.0, 4.0, 4.0)
    assert read_incumbent(tmp_path).objective == 5.0
    assert read_trace(tmp_path) == (TracePoint(1.0, 5.0, None),)


@pytest.mark.parametrize("after", range(6))
def test_a_kill_in_the_middle_of_a_write_leaves_the_one_before(tmp_path, monkeypatch, after):
    """At any of its steps: else the process that is killed loses all that it found."""
    box = Outbox(tmp_path)
    box.put(0.1, 9.0, None, {"order": np.arange(4)})
    box.put(0.2, 8.0, None, {"order": np.arange(5)})
    calls = iter(range(100))
    real = os.pwrite

    def dying(file, data, position):
        if next(calls) >= after:
            raise KeyboardInterrupt
        return real(file, data, position)

    monkeypatch.setattr(handover.os, "pwrite", dying)
    try:
        box.put(0.3, 7.0, None, {"order": np.arange(6), "y": np.zeros(2)})
        died = False
    except KeyboardInterrupt:
        died = True
    assert died is (after < 5)
    found = read_incumbent(tmp_path)
    assert (found.objective, len(found.arrays["order"])) == ((8.0, 5) if died else (7.0, 6))


def test_a_killed_process_leaves_its_incumbents(tmp_path):
    """No buffer, no thread: what was put is there after a SIGKILL."""
    code = (
        "import os, signal, sys; from pathlib import Path; import numpy as np;"
        "from cosolve.evaluation.handover import Outbox; box = Outbox(Path(sys.argv[1]));"
        "[box.put(k, float(-k), None, {'order': np.arange(k)}) for k in range(100)];"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path]).returncode == -9
    assert read_incumbent(tmp_path).objective == -99.0
    assert len(read_trace(tmp_path)) == 100


def test_garbage_in_place_of_an_incumbent_is_an_error_and_nothing_worse(tmp_path):
    """A solver may write into the folder what it likes."""
    box = Outbox(tmp_path)
    box.put(0.1, 9.0, None, {"order": np.arange(4)})
    path = tmp_path / "incumbent.1"
    data = bytearray(path.read_bytes())
    for spoilt in (data[:70], data[:48] + b"[[1, 2, 3]]     " + data[64:], data[:48] + b"x" * 40):
        path.write_bytes(spoilt)
        with pytest.raises(ValueError, match="no solution"):
            read_incumbent(tmp_path)
    path.write_bytes(b"short")
    assert read_incumbent(tmp_path) is None


def test_a_million_bounds_are_thinned_with_both_ends_kept(tmp_path):
    """A record is a line to be read, not a log."""
    rows = np.full((50_000, 3), math.nan)
    rows[:, 0] = np.arange(50_000)
    rows[:, 2] = np.arange(50_000)
    (tmp_path / "trace").write_bytes(rows.astype("<f8").tobytes() + b"torn")
    points = read_trace(tmp_path)
    assert len(points) == handover.MAX_POINTS
    assert (points[0].bound, points[-1].bound) == (0.0, 49_999.0)
    assert points[0].objective is None
