"""The file of records."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys

import pytest

from cosolve.core.result import Status, TracePoint
from cosolve.evaluation.records import Failure, Record, Times
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.store import RecordFile, current, files_folder, read_records


def record(key: str = "k1", **fields) -> Record:
    defaults = {"case": "c", "problem": "tsp", "solver": "s", "solver_name": "s", "digest": "d", "sense": "min"}
    return Record(key=key, **{**defaults, "status": Status.FEASIBLE, **fields})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def test_what_is_appended_is_read_back(path):
    """Field by field, the curve and the failure too."""
    one = record(objective=7.0, trajectory=(TracePoint(0.5, 7.0, None), TracePoint(0.6, 7.0, 6.5)))
    two = record("k2", failure=Failure.HANG, message="ended.")
    with RecordFile(path) as store:
        store.append(one)
        store.append(two)
        assert list(store.records.values()) == [one, two]
    assert read_records(path) == [one, two]
    with RecordFile(path) as store:
        assert store.records == {"k1": one, "k2": two}


def test_what_is_no_file_of_records_is_called_so(path):
    """A suite given in place of its records got the JSON parser's words alone."""
    path.write_text("[suite]\nname = 'x'\n")
    with pytest.raises(ValueError, match=r"run.jsonl:1: not a record .* \.jsonl that cosolve evaluate wrote"):
        read_records(path)


def test_the_last_record_of_a_key_holds(path):
    """A run made again replaces the failed one, in its place in the table."""
    with RecordFile(path) as store:
        store.append(record("k1", failure=Failure.CRASH))
        store.append(record("k2"))
        store.append(record("k1", objective=3.0))
    assert [(r.key, r.failure, r.objective) for r in read_records(path)] == [("k1", None, 3.0), ("k2", None, None)]


@pytest.mark.parametrize("cut", [2, 5, 300])
def test_a_torn_last_line_is_repaired(path, cut):
    """A power cut in the middle of a write must cost one run, not the file; a reader meanwhile sees the whole ones."""
    with RecordFile(path) as store:
        store.append(record("k1"))
        whole = path.read_bytes()
        store.append(record("k2"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert [r.key for r in read_records(path)] == ["k1"]
    with RecordFile(path) as store:
        assert path.read_bytes() == whole
        store.append(record("k3"))
    assert [r.key for r in read_records(path)] == ["k1", "k3"]


def test_a_whole_last_record_without_a_newline_is_kept(path):
    """An editor, or a write cut short by one byte, drops the newline only: reports and resumes still have the run."""
    with RecordFile(path) as store:
        store.append(record("k1"))
        store.append(record("k2"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert [r.key for r in read_records(path)] == ["k1", "k2"]
    with RecordFile(path) as store:
        assert list(store.records) == ["k1", "k2"]
        assert path.read_bytes() == whole
        store.append(record("k3"))
    assert [r.key for r in read_records(path)] == ["k1", "k2", "k3"]


def test_something_else_without_a_newline_is_refused_and_left_alone(path):
    """A whole JSON object that is no record is not torn, so it is not ours to end or cut off."""
    path.write_text('{"schema":99}')
    for read in (RecordFile, read_records):
        with pytest.raises(ValueError, match=r"run\.jsonl:1: record of schema 99"):
            read(path)
    assert path.read_text() == '{"schema":99}'


def test_zeros_after_a_power_cut_are_cut_off(path):
    """Some file systems extend a file before its content is on the disk."""
    with RecordFile(path) as store:
        store.append(record("k1"))
    with path.open("ab") as file:
        file.write(bytes(100_000))
    with RecordFile(path) as store:
        assert list(store.records) == ["k1"]
    assert path.read_bytes().endswith(b"}\n")


def test_a_file_of_something_else_is_refused_with_its_line_and_left_alone(path):
    """--out pointed at the wrong file must not destroy it."""
    with RecordFile(path) as store:
        store.append(record("k1"))
    content = path.read_bytes() + b"name,value\na,1\n"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.jsonl:2: "):
        RecordFile(path)
    with pytest.raises(ValueError, match=r"run\.jsonl:2: "):
        read_records(path)
    assert path.read_bytes() == content
    path.write_bytes(b"an image without any newline")
    with pytest.raises(ValueError, match="not a file of records"):
        RecordFile(path)
    assert path.read_bytes() == b"an image without any newline"
    path.write_text(json.dumps({"schema": 99}) + "\n")
    with pytest.raises(ValueError, match="schema 99"):
        read_records(path)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("objective", math.nan, "objective must be finite"),
        ("objective", "12", "objective must be a number or none"),
        ("objective", 10**400, "objective must be finite"),
        ("bound", math.inf, "bound must be finite"),
        ("times.solve", math.nan, "times.solve must be finite"),
        ("times.solve", -5, "times.solve must be >= 0 seconds"),
        ("times", None, "not a record"),
        ("stop.time_limit", math.inf, "stop must be finite"),
        ("stop.time_limit", "60", "stop.time_limit must be a number or none"),
        ("stats", {"rungs": [{"gap": math.inf}]}, "stats must be finite"),
        ("reference.bound", "9", "reference.bound must be a number or none"),
        ("trajectory", [[None, 7.0, None]], "times in a trajectory"),
        ("trajectory", [[0.5, "7", None]], "objectives in a trajectory"),
        ("trajectory", [[0.5, 7.0, math.inf]], "bounds in a trajectory"),
        ("solver", None, "solver must be a text"),
        ("seed", "a", "seed must be an integer"),
        ("sense", "up", "sense must be one of min, max"),
        ("violations", "late", "violations must be a list of a text"),
    ],
)
def test_a_value_that_is_none_is_refused_with_its_line(path, place, value, said):
    """Reports failed later, without file and line, or said something else."""
    reference = Reference(7.0, ReferenceKind.BEST)
    data = record(objective=7.0, reference=reference, stop={"time_limit": 60.0}).to_dict()
    *parts, name = place.split(".")
    inner = data[parts[0]] if parts else data
    inner[name] = value
    path.write_text(json.dumps(data) + "\n")
    with pytest.raises(ValueError, match=rf"run\.jsonl:1: {re.escape(said)}"):
        read_records(path)


def test_what_was_not_finite_when_it_was_written_is_read(path):
    """JSON has no infinity: it is written as null, and a run that was recorded must not make its file unreadable."""
    infinite = record(objective=math.inf, magnitude=math.inf, times=Times(solve=math.nan), stop={"target": -math.inf})
    with RecordFile(path) as store:
        store.append(infinite)
    [found] = read_records(path)
    assert (found.objective, found.magnitude, found.times.solve, found.stop) == (None, 1.0, None, {"target": None})


def test_another_process_is_kept_out_until_we_are_done(path):
    """Two runners on one file would do everything twice."""
    code = f"from cosolve.evaluation.store import RecordFile; RecordFile({str(path)!r})"
    with RecordFile(path):
        refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "another evaluation is writing to it" in refused.stderr
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_missing_instance_gives_way_when_it_has_been_there(path):
    """Its key could not be known while it was missing; two rows for one run would count a failure that is gone."""
    missing = record("m", digest=None, failure=Failure.MISSING)
    other = record("o", digest=None, failure=Failure.MISSING, case="other")
    assert current([missing, other, record("k1")]) == [other, record("k1")]
    assert current([missing, record("k1", seed=5)]) == [missing, record("k1", seed=5)]


def test_files_lie_beside_the_records(path):
    """Who moves a result must know what belongs to it; run.v1 and run.v2 removed each other's instances."""
    assert files_folder(path) == path.parent / "run.files"
    names = [files_folder(path.with_name(name)).name for name in ("run.v1", "run.v2", "run", "run.v1.jsonl")]
    assert names == ["run.v1.files", "run.v2.files", "run.files", "run.v1.files"]
