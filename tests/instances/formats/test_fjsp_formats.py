"""Flexible job shop and job shop files, and schedules."""

from __future__ import annotations

import numpy as np
import pytest
from fjsp_cases import GOOD, TWO, sequential, shops
from hypothesis import HealthCheck, given, settings

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.instances.formats.base import formats
from cosolve.instances.formats.source import Source
from cosolve.testing.contract import check_format, check_solution_format

FJS = "2 2 1.25\n2 2 1 3 2 4 1 2 2\n2 1 2 2 1 1 4\n"
JSP = "# instance tiny\n2 2\n0 3 1 2\n1 2 0 4\n"


def read(tmp_path, text, name="x.txt", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return cosolve.read(path, problem="fjsp", **options)


def test_a_file_counted_from_one_is_read(tmp_path):
    """The layout of Brandimarte's files."""
    instance = read(tmp_path, FJS)
    assert instance == TWO
    assert instance.name == "x"
    assert instance.meta["flexibility"] == 1.25


def test_a_file_counted_from_zero_is_the_same_instance(tmp_path):
    """SchedulingLab's files count machines from 0 and drop the third number."""
    assert read(tmp_path, "2 2\n2 2 0 3 1 4 1 1 2\n2 1 1 2 1 0 4\n") == TWO


def test_base_overrules_the_guess(tmp_path):
    """A file counted from 0 in which machine 0 is never named looks as if counted from 1."""
    text = "1 3\n1 2 1 5 2 6\n"
    assert read(tmp_path, text, format="fjs").alt_machine.tolist() == [0, 1]
    assert read(tmp_path, text, format="fjs", base=0).alt_machine.tolist() == [1, 2]


def test_a_job_shop_file_is_read(tmp_path):
    """Pairs are machine and time, in this order; comments stand before them."""
    instance = read(tmp_path, JSP, "tiny")
    assert instance.alt_machine.tolist() == [0, 1, 1, 0]
    assert instance.alt_time.tolist() == [3, 2, 2, 4]
    assert instance.meta["comment"] == "instance tiny"
    assert instance.is_job_shop


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2 2 1\n", 1),
        ("2 2 1\n1 1 1 3\n", 2),
        ("1 2 1\n1 1 1 3\n1 1 1 3\n", 3),
        ("1 2 1\n2 1 1 3\n", 2),
        ("1 2 1\n1 1 1 3 4\n", 2),
        ("1 2 1\n1 0\n", 2),
        ("1 2 1\n-1\n", 2),
        ("1 2 1\n1 9999999999 1 3\n", 2),
        ("1 2 1\n1 1 3 3\n", 2),
        ("1 2 1\n1 1 -1 3\n", 2),
        ("1 2 1\n1 2 0 3 2 3\n", 2),
        ("1 2 1\n1 1 1 -3\n", 2),
        ("1 2 1\n1 1 1 2.5\n", None),
        ("1 2 1\n1 1 1 nan\n", 2),
        ("1 2 1\n1 1 1 x\n", 2),
        ("1 2 1\n1 2 1 3 1 4\n", 2),
        ("999999999 2 1\n1 1 1 3\n", 1),
        ("1 99999999999 1\n1 1 1 3\n", 1),
        ("0 2 1\n", 1),
        ("1 0 1\n1 1 1 3\n", 1),
        ("1\n1 1 1 3\n", 1),
        ("# nothing\n", None),
        (b"\xff\xfe\x01garbage", None),
    ],
)
def test_a_malformed_fjs_file_gives_its_line(tmp_path, text, line):
    """Never a crash, a hang or a huge allocation."""
    with pytest.raises(InvalidInstanceError) as error:
        read(tmp_path, text, format="fjs")
    assert line is None or error.value.line == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("2 2\n0 3 1 2\n", 2),
        ("2 2\n0 3 1 2\n1 2 0\n", 3),
        ("2 2\n0 3 1 2\n1 2 2 4\n", 3),
        ("2 2\n0 3 1 -2\n1 2 0 4\n", 2),
        ("2 2 3\n0 3 1 2\n1 2 0 4\n", 1),
        ("1 9000000\n0 3\n", 1),
    ],
)
def test_a_malformed_job_shop_file_gives_its_line(tmp_path, text, line):
    """The row length is known from the head, so a cut row must not pass."""
    with pytest.raises(InvalidInstanceError) as error:
        read(tmp_path, text, format="jsplib")
    assert error.value.line == line


def test_cut_files_are_never_read_as_something_else(tmp_path):
    """Every proper prefix either fails cleanly or lacks only the digits of the last time."""
    for k in range(1, len(FJS) - 1):
        try:
            instance = read(tmp_path, FJS[:k], format="fjs")
        except InvalidInstanceError:
            continue
        assert instance.num_ops == TWO.num_ops


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shops())
def test_what_is_written_reads_back_the_same(tmp_path, instance):
    """Counting from 1 in the file must be undone on the way back, also when machine 0 is unused."""
    path = tmp_path / "x.fjs"
    cosolve.write(instance, path, format="fjs")
    assert cosolve.read(path, format="fjs") == instance


def test_a_job_shop_without_machine_0_is_no_jsplib_file(tmp_path):
    """Read back, its machines would have moved by one."""
    fields = {"job_ptr": [0, 2], "alt_ptr": [0, 1, 2], "alt_machine": [1, 1], "alt_time": [3, 4], "num_machines": 2}
    instance = FJSPInstance(
        **{key: np.array(value) if key != "num_machines" else value for key, value in fields.items()}
    )
    with pytest.raises(ValueError, match="machine 0"):
        cosolve.write(instance, tmp_path / "x.jsp")
    cosolve.write(instance, tmp_path / "x.fjs")
    assert cosolve.read(tmp_path / "x.fjs", format="fjs", base=1) == instance


def test_both_formats_keep_the_contract(tmp_path):
    """Written files are recognised without saying what they are."""
    check_format("fjs", TWO, tmp_path / "x.fjs")
    check_format("jsplib", read(tmp_path, JSP), tmp_path / "y.jsp")
    with pytest.raises(ValueError, match="one machine per operation"):
        cosolve.write(TWO, tmp_path / "z.jsp")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shops())
def test_a_written_schedule_reads_back_the_same(tmp_path, instance):
    """Each operation must come back to its own job."""
    path = tmp_path / "x.sol"
    cosolve.write_solution(instance, sequential(instance), path)
    assert cosolve.read_solution(path, instance) == sequential(instance)


def test_schedules_keep_the_contract(tmp_path):
    """Fractions survive, half a file does not pass for a whole one."""
    check_solution_format(TWO, GOOD, tmp_path / "x.sol")
    fraction = Schedule(machine=GOOD.machine, start=GOOD.start + 0.1)
    cosolve.write_solution(TWO, fraction, tmp_path / "f.sol", objective=7.1)
    assert cosolve.read_solution(tmp_path / "f.sol", TWO) == fraction
    short = Schedule(machine=GOOD.machine[:2], start=GOOD.start)
    with pytest.raises(ValueError, match="a schedule of 4 operations is needed, got 2 machines and 4 starts"):
        cosolve.write_solution(TWO, short, tmp_path / "s.sol")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("0 0 0 0 3\n0 1 1 3 5\n1 0 1 0 2\n", None),
        ("0 0 0 0 3\n0 0 0 0 3\n1 0 1 0 2\n1 1 0 3 7\n", 2),
        ("0 0 0 0\n", 1),
        ("# makespan 7\n2 0 0 0 3\n", 2),
        ("0 2 0 0 3\n", 1),
        ("0 0 0.5 0 3\n", 1),
        ("0 0 0 nan 3\n", 1),
        ("0 0 0 0 3\n1 0 1 0 2\n0 1 1 3 5\n1 1 0 3 8\n", 4),
        ("# nothing\n", None),
    ],
)
def test_a_malformed_schedule_gives_its_line(tmp_path, text, line):
    """A schedule with an operation missing or twice is a broken file."""
    path = tmp_path / "x.sol"
    path.write_text(text)
    with pytest.raises(InvalidSolutionError) as error:
        cosolve.read_solution(path, TWO)
    assert error.value.line == line


def test_a_job_that_visits_a_machine_twice_goes_into_no_jsplib_file(tmp_path):
    """It was written, and read back as a p-median instance."""
    again = FJSPInstance(
        job_ptr=[0, 2, 4], alt_ptr=[0, 1, 2, 3, 4], alt_machine=[0, 0, 1, 0], alt_time=[3, 4, 5, 6], num_machines=2
    )
    with pytest.raises(ValueError, match="write this instance as 'fjs'"):
        cosolve.write(again, tmp_path / "x.jsp")
    assert not list(tmp_path.iterdir())
    check_format("fjs", again, tmp_path / "x.fjs")


@pytest.mark.parametrize("name", ["fjs", "jsplib"])
def test_a_file_without_jobs_is_not_written(tmp_path, name):
    """No reader takes it."""
    empty = FJSPInstance(job_ptr=[0], alt_ptr=[0], alt_machine=[], alt_time=[], num_machines=2)
    with pytest.raises(ValueError, match="holds at least 1 job"):
        cosolve.write(empty, tmp_path / "x", format=name)


def test_every_published_file_is_recognised_as_what_it_is(data):
    """FJS and JSPLIB share their first line with each other and with half a dozen other formats."""
    fjs, jsplib = formats.get("fjs"), formats.get("jsplib")
    for path in sorted(p for p in data.rglob("*") if p.is_file()):
        folder = path.relative_to(data).parts[0]
        if path.suffix in (".md", ".csv", ".gz", ".npz", ".npy", ".json") or path.stat().st_size == 0:
            continue
        source = Source.open(path)
        assert bool(fjs.sniff(source)) == (folder == "fjsp"), path
        assert bool(jsplib.sniff(source)) == (folder == "jsp"), path
        if folder in ("fjsp", "jsp"):
            (fjs if folder == "fjsp" else jsplib).read(source, "fjsp")


def test_the_two_published_countings_of_mk01_and_kacem1_agree(data):
    """From ScheduleOpt/benchmarks (from 1) and SchedulingLab (from 0), alternatives in another order."""
    fjs = formats.get("fjs")
    for one, zero in (("Brandimarte1993/mk01", "mk01"), ("KacemHammadiBorne2002/kacem1", "k1")):
        first = fjs.read(Source.open(data / "fjsp" / f"{one}.txt"), "fjsp")
        assert first == fjs.read(Source.open(data / "fjsp" / "zero_based" / f"{zero}.txt"), "fjsp")


def test_mk10_declares_more_machines_than_it_names(data):
    """15 announced, fewer named: not an error."""
    instance = formats.get("fjs").read(Source.open(data / "fjsp" / "Brandimarte1993" / "mk10.txt"), "fjsp")
    assert instance.num_machines == 15
    assert len(np.unique(instance.alt_machine)) < 15
