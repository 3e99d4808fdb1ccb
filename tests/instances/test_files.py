"""Files are written whole or not at all, and recognised by what they hold."""

from __future__ import annotations

import gzip
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError, UnsupportedProblemError
from cosolve.core.metric import Metric
from cosolve.instances.cflp import CFLPInstance
from cosolve.instances.cpmp import CPMPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.files import replacing, writing_formats
from cosolve.instances.milp import Values
from cosolve.instances.regtree import RegressionTreeInstance
from cosolve.instances.stp import STPInstance
from cosolve.instances.tsp import Tour, TSPInstance


@pytest.fixture
def square() -> TSPInstance:
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    return TSPInstance(name="square", distances=Distances.from_coords(corners))


def test_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    """A full disk in the middle of a write must not cost the last good solution."""
    path = tmp_path / "best.sol"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["best.sol"]


def test_new_content_appears_at_once_with_ordinary_permissions(tmp_path):
    """A temporary file is private by default; the result must not be."""
    path = tmp_path / "best.sol"
    mask = os.umask(0o027)
    try:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert not path.exists()
    finally:
        os.umask(mask)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["best.sol"]


def test_symbolic_link_keeps_pointing(tmp_path):
    """Replacing the link would leave the file it points to as it was."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no /dev/null")
def test_devices_are_written_to_not_replaced(tmp_path):
    """As root, renaming over /dev/null would break the machine."""
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    for path in (device, "/dev/null"):
        with replacing(path) as target:
            target.write_text("gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_folder_and_missing_folder_are_errors_that_name_the_path(tmp_path):
    """The name of the temporary file would tell the user nothing."""
    with pytest.raises(IsADirectoryError), replacing(tmp_path):
        pass
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "no" / "file"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "file")


@pytest.mark.parametrize("name", ["漢" * 80 + ".tsp", "é" * 125 + ".tsp", "x" * 250 + ".tsp", "漢" * 83 + ".tsp"])
def test_names_may_be_as_long_as_the_file_system_allows(tmp_path, name):
    """Names are limited to 255 bytes; that of the temporary file was cut to 200 characters, of up to 4 bytes each."""
    with replacing(tmp_path / name) as temporary:
        assert temporary.suffix == ".tsp"
        temporary.write_text("new")
    assert os.listdir(tmp_path) == [name]


def test_kill_during_writing_leaves_a_whole_file(tmp_path):
    """What stands under the name is always one whole version."""
    path = tmp_path / "best.sol"
    program = (
        "import sys\n"
        "from cosolve.instances.files import replacing\n"
        "k = 0\n"
        "while True:\n"
        "    k += 1\n"
        "    with replacing(sys.argv[1]) as temporary, open(temporary, 'w') as file:\n"
        "        for _ in range(200):\n"
        "            file.write(f'{k}\\n')\n"
        "            file.flush()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)])
    deadline = time.monotonic() + 30
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    lines = path.read_text().splitlines()
    assert len(lines) == 200
    assert len(set(lines)) == 1


def test_refused_write_leaves_the_old_file(tmp_path, square):
    """An instance that a format can't write must not empty the file that was there."""
    path = tmp_path / "x.tsp"
    path.write_text("old")
    with pytest.raises(ValueError, match="does not write tsp"):
        cosolve.write(square, path, format="steinlib")
    with pytest.raises(UnsupportedProblemError, match="unknown format"):
        cosolve.write(square, path, format="nosuch")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.tsp"]


def test_instance_and_solution_round_trip_by_suffix(tmp_path, square):
    """The suffix chooses the field's own format, .json the generic one."""
    assert [f.name for f in writing_formats("tsp", "x.tsp")] == ["tsplib"]
    cosolve.write(square, tmp_path / "x.tsp")
    assert cosolve.read(tmp_path / "x.tsp", format="tsplib") == square
    tour = Tour(order=np.array([2, 1, 0, 3]))
    for name in ("x.tour", "x.json", "noname"):
        cosolve.write_solution(square, tour, tmp_path / name, objective=40.0)
        assert cosolve.judge(square, cosolve.read_solution(tmp_path / name, square)).objective == 40
    assert "NAME" not in (tmp_path / "x.json").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"solution": 5}',
        '{"solution": {"order": ["a"]}}',
        '{"solution": {"order": [0.5, 1, 2, 3]}}',
        '{"solution": {"order": [NaN]}}',
        '{"solution": {"order": [[0, 1], [2, 3]]}}',
        '{"solution": {"order": [1e400]}}',
        '{"problem": "mis", "solution": {"order": [0, 1, 2, 3]}}',
        "[" * 100_000,
    ],
)
def test_malformed_json_solutions_are_refused(tmp_path, square, text):
    """No other exception may reach the user."""
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InvalidSolutionError, match=str(path)):
        cosolve.read_solution(path, square)


def test_a_zip_archive_has_to_be_unpacked(tmp_path):
    """It was "not in any known format"."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.tsp", "NAME: x")
    with pytest.raises(InvalidInstanceError, match=r"zip archive.*unpack"):
        cosolve.read(path)


def test_a_json_solution_needs_no_suffix(tmp_path, square):
    """Redirected from ``solve --json``, it may have any name, or none at all."""
    path = tmp_path / "x.sol"
    path.write_text('\n {"solution": {"order": [0, 1, 2, 3]}}')
    assert cosolve.read_solution(path, square).order.tolist() == [0, 1, 2, 3]
    with pytest.raises(InvalidSolutionError):
        cosolve.read_solution(path, square, format="tour")


def test_a_file_name_that_is_not_utf8_gives_a_name_that_can_be_written(tmp_path, square):
    """Python holds such names as lone surrogates, which no writer, record or page can encode."""
    plain = tmp_path / "plain.tsp"
    cosolve.write(square, plain)
    path = tmp_path / os.fsdecode(b"caf\xe9.tsp")
    try:
        path.write_text(plain.read_text().replace("NAME : square\n", ""))
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    instance = cosolve.read(path)
    assert instance == square
    assert instance.name == r"caf\udce9"
    cosolve.write(instance, plain)
    assert cosolve.read(plain).name == instance.name


def test_unknown_content_option_and_problem_are_refused(tmp_path, square):
    """Each names what is allowed."""
    path = tmp_path / "x.tsp"
    cosolve.write(square, path)
    with pytest.raises(ValueError, match="no option 'capacity'; allowed: none"):
        cosolve.read(path, format="tsplib", capacity=3)
    with pytest.raises(UnsupportedProblemError, match=r"no solution format 'nosuch' for tsp; allowed: .*json"):
        cosolve.write_solution(square, Tour(order=np.arange(4)), tmp_path / "x.tour", format="nosuch")
    with pytest.raises(UnsupportedProblemError, match="unknown problem 'nosuch'"):
        cosolve.read(path, problem="nosuch")
    with pytest.raises(InvalidInstanceError):
        cosolve.read(path, problem="stp", format="tsplib")


def test_what_is_no_instance_or_no_solution_of_it_is_refused(tmp_path, square):
    """The message was that of an attribute that the other type lacks."""
    path, values = tmp_path / "a.sol", Values(values=[1.0])
    with pytest.raises(TypeError, match=r"tsp needs a Tour, got Values\."):
        cosolve.write_solution(square, values, path)
    for call in (
        lambda: cosolve.write("square", path),
        lambda: cosolve.write_solution("square", values, path),
        lambda: cosolve.read_solution(path, "square"),
        lambda: cosolve.judge("square", values),
    ):
        with pytest.raises(TypeError, match=r"got str; cosolve\.read reads a file"):
            call()
    assert not path.exists()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_files_are_compressed_if_their_name_says_so(tmp_path, square, suffix):
    """Plain text in a .gz file can't be read by anyone, us included; the same content must be the same bytes."""
    path, twice = tmp_path / f"square.tsp{suffix}", tmp_path / f"again.tsp{suffix}"
    assert cosolve.write(square, path) == cosolve.write(square, twice) == "tsplib"
    assert path.read_bytes() == twice.read_bytes()
    assert b"EUC_2D" not in path.read_bytes()
    assert cosolve.read(path) == square
    tour = Tour(order=np.arange(4))
    cosolve.write_solution(square, tour, tmp_path / f"x.tour{suffix}")
    assert cosolve.read_solution(tmp_path / f"x.tour{suffix}", square) == tour


def test_options_are_checked_before_the_reader_runs(tmp_path):
    """A truth value is no index, and of a text only the reader's declaration says what it means."""
    path = tmp_path / "x.fjs"
    path.write_text("1 1 1\n1 1 0 5\n")
    assert cosolve.read(path, base="0") == cosolve.read(path, base=0) == cosolve.read(path, base=np.int64(0))
    assert cosolve.read(path, base=None) == cosolve.read(path)
    for base in (True, 0.5, [0]):
        with pytest.raises(ValueError, match="option base of format 'fjs' must be an integer or none, got"):
            cosolve.read(path, base=base)


def _with_negative_zeros() -> list[cosolve.Instance]:
    some = np.array([[1.0, -0.0], [3.0, 4.0]])
    return [
        CFLPInstance(capacity=some[1], fixed_cost=some[0], demand=some[0], cost=some),
        CPMPInstance(
            distances=Distances.from_coords(some, Metric.EXACT_2D), capacity=some[1], demand=some[0], p=1, name="c"
        ),
        CPMPInstance(distances=Distances.from_matrix(some), capacity=some[1], demand=some[0], p=1),
        RegressionTreeInstance(X=some, y=some[0], alpha=-0.0),
        STPInstance(num_nodes=2, edges=[[0, 1]], weights=[-0.0], terminals=[0, 1]),
    ]


@pytest.mark.parametrize("instance", _with_negative_zeros(), ids=lambda instance: instance.problem)
def test_the_sign_of_a_zero_does_not_matter(tmp_path, instance):
    """Files are written without it: what was read back had another digest."""
    cosolve.write(instance, tmp_path / "x")
    assert cosolve.read(tmp_path / "x", problem=instance.problem) == instance


def test_the_suffix_of_another_format_is_refused(tmp_path, square):
    """A tour problem in bench.mps is read by nobody; vague suffixes and those of no format say nothing."""
    for name in ("x.mps", "x.csv.gz", "x.npz"):
        with pytest.raises(ValueError, match="which can't be written for tsp; say which format is meant"):
            cosolve.write(square, tmp_path / name)
    for name in ("x.txt", "x.dat", "x", "x.0", "E1k.0.gz"):
        assert cosolve.write(square, tmp_path / name) == "tsplib"
    assert cosolve.write(square, tmp_path / "x.mps", format="tsplib") == "tsplib"
    assert sorted(os.listdir(tmp_path)) == ["E1k.0.gz", "x", "x.0", "x.dat", "x.mps", "x.txt"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.fjs", "2 2 1\n2 1 1 3 1 2 4\n2 1 1 3 1 2\n", ":3: the line ends before all operations"),
        ("x.jsp", "2 2\n0 3 1 4\n0 3 1\n", ":3: a job needs 2 pairs"),
        ("x.cflp", "2 2\n10 5\n10 5\n3 4\n1 2\n1\n", ":6: expected 10 numbers, the file ends after 9"),
        ("x.csv", "a,b,c\n1,2,3\n1,2\n", ":3: expected 3 columns, got 2"),
        ("x.col.gz", "p edgs 3 1\ne 1 2\n", ":1: expected 'p edge"),
        ("x.json", '{"opens": [0],', ":1: not JSON"),
        ("x.json", "[1, 2]", "expected an object"),
        ("x.dat", "2 2\n0 3 1 4\n0 3 1\n", "not in any known format"),
        ("x.gr", "p xx 3 1\n1 2\n", "not in any known format"),
    ],
)
def test_what_fits_no_format_is_wrong_in_that_of_its_suffix(tmp_path, name, text, message):
    """One wrong line in a file of numbers ended in the names of all formats; vague and shared suffixes say nothing."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)


def test_a_suffix_says_what_content_does_not(tmp_path):
    """A time of 3.0 is read; the problem tells shared suffixes apart, and is still asked for where a suffix has two."""
    path = tmp_path / "x.fjs"
    path.write_text("1 1 1\n1 1 1 3.0\n")
    assert cosolve.read(path).alt_time.tolist() == [3]
    path = tmp_path / "x.gr"
    path.write_text("p xx 3 1\n1 2\n")
    with pytest.raises(InvalidInstanceError, match=r":1: expected 'p td\|vc\|ds nodes edges'"):
        cosolve.read(path, problem="mis")
    path = tmp_path / "x.edges"
    path.write_text("1 2 a\n3 4 b\n")
    assert cosolve.read(path, problem="mis").size == 4
    with pytest.raises(InvalidInstanceError, match="several problems"):
        cosolve.read(path)


def test_the_suffix_does_not_overrule_the_content(tmp_path):
    """A cvrp is no acvrp because both are written as .vrp."""
    path = tmp_path / "x.vrp"
    cosolve.write(cosolve.generate("cvrp", "uniform", n=3), path)
    with pytest.raises(InvalidInstanceError, match="not in any known format for acvrp"):
        cosolve.read(path, problem="acvrp")
