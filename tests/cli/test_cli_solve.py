"""``cosolve solve``: results on stdout, solutions on disk, one line for every error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import cosolve
from cosolve.core.solver import Availability

READ = ("--format", "tsplib")


def solve(cli, *arguments):
    return cli("solve", *READ, "--solver", "scripted", *arguments)


def test_summary_names_all_that_matters(cli, folder, scripted):
    """It is what most users will ever see."""
    scripted(bound=36.0)
    answer = solve(cli, "square.tsp", "--out", "x.tour")
    assert answer.code == 0
    words = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert words["objective"] == "40"
    assert words["bound"] == "36"
    assert words["gap"] == "10.00 %"
    assert (words["instance"], words["problem"], words["status"]) == ("square", "tsp", "feasible")
    assert words["written"] == "x.tour"
    assert "objective 40" in answer.err


def test_json_is_the_result_and_nothing_else(cli, folder, scripted):
    """Scripts parse stdout: a solver's own prints must not get there."""
    answer = solve(cli, "square.tsp", "--json", "--seed", 3)
    data = json.loads(answer.out)
    assert answer.out.count("\n") == 1
    assert (data["objective"], data["status"], data["seed"], data["solver"]) == (40, "feasible", 3, "scripted")
    assert data["solution"] == {"order": [0, 1, 2, 3]}
    assert {"limit", "bound", "gap", "runtime", "trajectory"} <= set(data)


def test_written_solution_is_the_best_and_reads_back(cli, folder, scripted):
    """The file is what the user came for."""
    solve(cli, "square.tsp", "--out", "x.tour", "--quiet")
    instance = cosolve.read("square.tsp", format="tsplib")
    assert cosolve.judge(instance, cosolve.read_solution("x.tour", instance)).objective == 40
    assert sorted(os.listdir()) == ["bad.tour", "broken.json", "good.tour", "square.tsp", "x.tour"]


def test_quiet_prints_nothing(cli, folder, scripted):
    """For scripts that want the file alone."""
    answer = solve(cli, "square.tsp", "--quiet")
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_no_progress_keeps_the_summary(cli, folder, scripted):
    """Logs of batch jobs should not fill with progress."""
    answer = solve(cli, "square.tsp", "--no-progress")
    assert "objective" in answer.out
    assert answer.err == ""


def test_several_files_give_json_lines_and_a_folder_of_solutions(cli, folder, scripted):
    """One bad file must not stop the others, and the exit code is the worst."""
    Path("second.tsp").write_text(Path("square.tsp").read_text())
    Path("broken.tsp").write_text("NAME: x\nTYPE: TSP\nDIMENSION: 3\n")
    answer = solve(cli, "square.tsp", "broken.tsp", "missing.tsp", "second.tsp", "--json", "--out", "out")
    assert answer.code == 2
    assert [json.loads(line)["objective"] for line in answer.out.splitlines()] == [40, 40]
    errors = [line for line in answer.err.splitlines() if "error" in line]
    assert len(errors) == 2
    assert "broken.tsp" in errors[0]
    assert "missing.tsp" in errors[1]
    assert sorted(os.listdir("out")) == ["second.tour", "square.tour"]


def test_several_files_end_in_one_table(cli, folder, scripted):
    """A summary each would scroll away."""
    Path("second.tsp").write_text(Path("square.tsp").read_text())
    answer = solve(cli, "square.tsp", "second.tsp", "--no-progress")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].split()[:3] == ["instance", "problem", "solver"]
    assert len(lines) == 3


def test_two_files_of_one_name_are_refused_before_any_work(cli, folder, scripted):
    """The second solution would overwrite the first."""
    Path("sub").mkdir()
    Path("sub/square.tsp").write_text(Path("square.tsp").read_text())
    answer = solve(cli, "square.tsp", "sub/square.tsp", "--out", "out")
    assert answer.code == 2
    assert "one by one" in answer.err


@pytest.mark.parametrize(
    ("attributes", "code", "status"),
    [
        ({"orders": ()}, 1, "no_solution"),
        ({"orders": ([0, 0, 1, 2],)}, 1, "no_solution"),
        ({"orders": (), "error": RuntimeError("boom")}, 1, "error"),
        ({"error": RuntimeError("boom")}, 0, "error"),
    ],
)
def test_exit_code_says_whether_there_is_a_solution(cli, folder, scripted, attributes, code, status):
    """And a crash of the solver is a line in the result, never a traceback."""
    scripted(**attributes)
    Path("x.tour").write_text("old")
    answer = solve(cli, "square.tsp", "--json", "--out", "x.tour")
    assert answer.code == code
    assert json.loads(answer.out)["status"] == status
    assert "Traceback" not in answer.err
    assert (Path("x.tour").read_text() == "old") == (code == 1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nosuch.tsp"], 2, "nosuch.tsp: no such file, nor a bundled instance"),
        (["-"], 2, "-: no such file; standard input is /dev/stdin."),
        (["."], 2, ".: is a folder; name its files, as in *.mps."),
        (["square.tsp", "--solver", "scirpted"], 2, "unknown solver 'scirpted' (did you mean 'scripted'?); known: "),
        (["square.tsp", "--time-limit", "-1"], 2, "time_limit must be >= 0"),
        (["square.tsp", "--time-limit", "soon"], 2, "--time-limit"),
        (["square.tsp", "--gap", "2"], 2, "gap must be in [0, 1]"),
        (["square.tsp", "--threads", "4"], 2, "can't make use of 'threads'"),
        (["square.tsp", "--iterations", "4"], 2, "no iteration limit"),
        (["square.tsp", "--option", "x=1"], 2, "has no options; name one that has 'x'"),
        (["square.tsp", "--option", "x"], 2, "KEY=VALUE"),
        (["square.tsp", "--set", "capacity=5"], 2, "no option 'capacity'"),
        (["square.tsp", "--problem", "nosuch"], 2, "unknown problem 'nosuch'"),
        (["square.tsp", "--format", "nosuch"], 2, "unknown format 'nosuch'"),
        (["square.tsp", "--initial", "nosuch.tour"], 2, "nosuch.tour"),
        (["square.tsp", "--initial", "broken.json"], 2, "initial solution is infeasible"),
        (["square.tsp", "--out", "no/such/folder/x.tour"], 2, "does not exist"),
        (["square.tsp", "--options-file", "square.tsp"], 2, "not TOML"),
        (["square.tsp", "--nosuch"], 2, "--nosuch"),
        (["good.tour"], 2, "good.tour"),
    ],
)
def test_errors_are_one_line_and_leave_files_alone(cli, folder, scripted, arguments, code, message):
    """A traceback, or an output file emptied by a typo, is how a tool loses its users."""
    Path("keep.tour").write_text("old")
    arguments = arguments if "--out" in arguments else [*arguments, "--out", "keep.tour"]
    answer = solve(cli, *arguments)
    assert answer.code == code
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert answer.out == ""
    assert Path("keep.tour").read_text() == "old"


def test_inputs_are_never_overwritten(cli, folder, scripted, monkeypatch):
    """--out with the name of the instance replaced it by a tour."""
    Path("link.tour").symlink_to("square.tsp")
    Path("options.toml").write_text("")
    (folder / "data").mkdir()
    Path("data/far.tsp").write_bytes(Path("square.tsp").read_bytes())
    monkeypatch.setenv("COSOLVE_DATA", "data")
    for file, out in (
        ("square.tsp", "square.tsp"),
        ("square.tsp", "link.tour"),
        ("square.tsp", "options.toml"),
        ("far.tsp", "data/far.tsp"),
    ):
        before = Path(out).read_bytes()
        answer = solve(cli, file, "--options-file", "options.toml", "--out", out)
        assert (answer.code, f"{out}: would overwrite the input" in answer.err) == (2, True)
        assert Path(out).read_bytes() == before


def test_a_solution_in_a_folder_does_not_overwrite_its_instance(cli, folder):
    """Instances and solutions of orienteering both end in .json."""
    assert cli("generate", "optw", "--param", "size=5", "--out", "x.json").code == 0
    before = Path("x.json").read_bytes()
    answer = cli("solve", "x.json", "--out", "./", "--time-limit", 1)
    assert (answer.code, "x.json: would overwrite the input" in answer.err) == (2, True)
    assert Path("x.json").read_bytes() == before


def test_an_initial_solution_is_improved_in_place(cli, folder, scripted):
    """It is read before, and replaced as a whole."""
    assert solve(cli, "square.tsp", "--initial", "bad.tour", "--out", "bad.tour").code == 0
    square = cosolve.read("square.tsp", format="tsplib")
    assert cosolve.judge(square, cosolve.read_solution("bad.tour", square)).objective == 40


def test_files_of_one_name_make_no_folder(cli, folder, scripted):
    answer = cli("solve", "square.tsp", "square.tsp", "--solver", "scripted", "--out", "new/")
    assert (answer.code, "two FILEs would both write" in answer.err) == (2, True)
    assert not Path("new").exists()


def test_several_files_make_no_folder_with_the_name_of_a_file(cli, folder, scripted):
    """--out all.tour became a folder of that name."""
    Path("other.tsp").write_bytes(Path("square.tsp").read_bytes())
    answer = solve(cli, "square.tsp", "other.tsp", "--out", "all.tour")
    assert (answer.code, "--out with several FILEs must be a folder" in answer.err) == (2, True)
    assert not Path("all.tour").exists()


def test_unknown_and_unavailable_solvers_have_codes_of_their_own(cli, folder, scripted):
    """A typo is wrong usage; a missing package is not the user's mistake."""
    answer = cli("solve", "square.tsp", "--solver", "nosuch")
    assert (answer.code, "known: auto" in answer.err) == (2, True)
    scripted(available=lambda self: Availability(False, reason="pip install it"))
    answer = solve(cli, "square.tsp")
    assert (answer.code, "pip install it" in answer.err) == (3, True)


def test_unexpected_exception_says_how_to_see_the_traceback(cli, folder, scripted, monkeypatch):
    """A bug must be reportable."""
    monkeypatch.setattr(cosolve, "read", lambda *a, **k: 1 / 0)
    answer = solve(cli, "square.tsp")
    assert answer.code == 1
    assert "ZeroDivisionError" in answer.err
    assert "COSOLVE_DEBUG=1" in answer.err
    assert "Traceback" not in answer.err
    monkeypatch.setenv("COSOLVE_DEBUG", "1")
    assert "Traceback" in solve(cli, "square.tsp").err


def test_initial_solution_is_used(cli, folder, scripted):
    """A warm start that is dropped silently wastes what is known."""
    scripted(orders=())
    answer = solve(cli, "square.tsp", "--initial", "bad.tour", "--json")
    assert json.loads(answer.out)["objective"] == 48


@dataclass(frozen=True)
class Options:
    depth: int = 3
    rate: float | None = 0.5
    deep: bool = False
    word: str = "x"
    native: Mapping[str, bool | int | float | str] = field(default_factory=dict)


def test_solver_options_are_typed_and_the_flag_wins(cli, folder, scripted):
    """The text false would be true, and a file is the default of a series of runs."""
    scripted(options_type=Options)
    Path("o.toml").write_text("depth = 7\nword = 'file'\n")
    arguments = ["--options-file", "o.toml", "--option", "word=flag", "--option", "deep=yes", "--option", "rate=none"]
    answer = solve(cli, "square.tsp", "--json", *arguments)
    options = {"depth": 7, "rate": None, "deep": True, "word": "flag", "native": {}}
    assert json.loads(answer.out)["options"] == options
    Path("o.toml").write_text("[scripted]\nrate = 0.25\n[other]\nx = 1\n")
    answer = solve(cli, "square.tsp", "--json", "--options-file", "o.toml")
    assert json.loads(answer.out)["options"]["rate"] == 0.25
    assert "must be an integer, got 'two'" in solve(cli, "square.tsp", "--option", "depth=two").err
    assert "must be true or false" in solve(cli, "square.tsp", "--option", "deep=maybe").err


def test_entries_of_an_option_that_is_a_table(cli, folder, scripted):
    """There was no way to set one on the command line; they are typed as in TOML, where on is no truth value."""
    scripted(options_type=Options)
    Path("o.toml").write_text("[native]\na = 1\nb = 2\n")
    pairs = ("b=3.5", "limits/no-such=true", "presolve=on", "name='7'", "text=a=b")
    arguments = [part for pair in pairs for part in ("--option", f"native.{pair}")]
    answer = solve(cli, "square.tsp", "--json", "--options-file", "o.toml", *arguments)
    expected = {"a": 1, "b": 3.5, "limits/no-such": True, "presolve": "on", "name": "7", "text": "a=b"}
    assert json.loads(answer.out)["options"]["native"] == expected
    for option, message in (
        ("native=x", "--option native: this is a table; use --option native.NAME=VALUE for one entry, or --options-fi"),
        ("native.=x", "--option native: this is a table"),
        ("native.a=[1]", "--option native.a must be true or false, an integer, a number or a text, got [1]"),
        ("depth.a=1", "no option 'depth.a'"),
    ):
        answer = solve(cli, "square.tsp", "--option", option)
        assert (answer.code, message in answer.err) == (2, True), answer.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deep = 'false'", "o.toml: option deep must be true or false, got 'false'"),
        ("depth = 1.5", "o.toml: option depth must be an integer, got 1.5"),
        ("depth = true", "o.toml: option depth must be an integer, got True"),
        ("rate = 'fast'", "o.toml: option rate must be a number or none, got 'fast'"),
        ("native = 3", "option native must be a table of true or false, an integer, a number or a text, got 3"),
        ("native.a = [1]", "option native must be a table of true or false, an integer, a number or a text, got {"),
        ("word = 3", "o.toml: option word must be a text, got 3"),
        ("dept = 3", "o.toml: solver 'scripted' has no option 'dept'; it has: depth, rate, deep, word, native"),
    ],
)
def test_options_in_a_file_are_checked_too(cli, folder, scripted, line, message):
    """The text "false" switched things on."""
    scripted(options_type=Options)
    Path("o.toml").write_text(f"{line}\n")
    answer = solve(cli, "square.tsp", "--options-file", "o.toml")
    assert answer.code == 2
    assert message in answer.err
    Path("o.toml").write_text("rate = 1\n")  # an integer is a number
    assert solve(cli, "square.tsp", "--options-file", "o.toml", "--quiet").code == 0


def test_options_of_a_solver_without_any_ask_for_its_name(cli, folder):
    """The default solver has none: "it has: none" left people alone."""
    Path("o.toml").write_text("emphasis = 'feasibility'\n")
    answer = cli("solve", "square.tsp", "--options-file", "o.toml")
    assert answer.code == 2
    assert "o.toml: solver 'auto' has no options; name one that has 'emphasis' by --solver." in answer.err


def test_files_are_found_in_the_data_folders(cli, folder, scripted, monkeypatch):
    """COSOLVE_DATA is a search path for relative names."""
    data = folder / "data" / "tsp"
    data.mkdir(parents=True)
    Path("square.tsp").rename(data / "hidden.tsp")
    monkeypatch.setenv("COSOLVE_DATA", os.pathsep.join([str(folder / "nowhere"), str(folder / "data")]))
    assert solve(cli, "tsp/hidden.tsp", "--quiet").code == 0
    answer = solve(cli, "tsp/nosuch.tsp")
    assert (answer.code, "COSOLVE_DATA" in answer.err) == (2, True)


_STUB = """
import ctypes, os, sys, time
import numpy as np
from cosolve.core.solver import Availability, Outcome, Solver, solvers
from cosolve.instances.tsp import Tour

class Slow(Solver):
    name = "slow"
    problems = frozenset({"tsp"})
    def available(self):
        return Availability(True)
    def solve(self, instance, monitor, **request):
        os.write(1, b"native noise")
        print("python noise", flush=True)
        ctypes.CDLL(None).puts(b"noise that the C library keeps back")
        monitor.report(Tour(order=np.array([0, 2, 1, 3])))
        time.sleep(0.2)
        monitor.report(Tour(order=np.array([0, 1, 2, 3])))
        while os.environ.get("DEAF") or not monitor.should_stop():
            time.sleep(0.01)
        return Outcome()

solvers.register("slow", Slow)
from cosolve.cli import main
sys.argv = ["cosolve", *sys.argv[1:]]
main()
"""


@pytest.fixture
def slow(folder):
    """A process that solves with a solver that goes on until it is stopped."""
    started = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-c", _STUB, "solve", "square.tsp", *READ, "--solver", "slow", *arguments]
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()


def wait_for(path: Path, child) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        assert child.poll() is None, child.communicate()
        time.sleep(0.02)


def objective_of(folder: Path) -> float | None:
    instance = cosolve.read(folder / "square.tsp", format="tsplib")
    verdict = cosolve.judge(instance, cosolve.read_solution(folder / "x.tour", instance))
    assert verdict.feasible
    return verdict.objective


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_keeps_the_best_solution(slow, folder, number):
    """Ctrl-C, and the batch system's SIGTERM, must not cost what was found; stdout stays free of noise."""
    child = slow("--out", "x.tour", "--json")
    wait_for(folder / "x.tour", child)
    time.sleep(0.5)
    child.send_signal(number)
    out, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert (json.loads(out)["limit"], json.loads(out)["objective"]) == ("interrupted", 40)
    assert objective_of(folder) == 40
    assert "Traceback" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_kill_leaves_the_last_incumbent(slow, folder):
    """SIGKILL can't be caught: the file must be there before."""
    child = slow("--out", "x.tour")
    wait_for(folder / "x.tour", child)
    deadline = time.monotonic() + 20
    while objective_of(folder) != 40:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.kill()
    child.wait(20)
    assert objective_of(folder) == 40


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_second_interrupt_ends_at_once_with_a_whole_file(slow, folder):
    """A solver that does not listen must not hold the user."""
    child = slow("--out", "x.tour", DEAF="1")
    wait_for(folder / "x.tour", child)
    child.send_signal(signal.SIGINT)
    time.sleep(0.4)
    assert child.poll() is None
    started = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=20)
    assert time.monotonic() - started < 3
    assert child.returncode == 130
    assert "Traceback" not in err
    assert objective_of(folder) in (40, 48)


@pytest.mark.skipif(os.name != "posix", reason="signals as on POSIX")
def test_solver_left_behind_does_not_hold_the_exit(slow, folder):
    """Its thread still runs when the result is printed; the process ends all the same."""
    program = _STUB.replace("solvers.register", "import cosolve.core.driver as d; d.GRACE = 0.2; solvers.register")
    command = [
        sys.executable,
        "-c",
        program,
        "solve",
        "square.tsp",
        *READ,
        "--solver",
        "slow",
        "--time-limit",
        "0.5",
        "--json",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "DEAF": "1"}, timeout=30, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["limit"] == "time"


def test_limits_of_a_tree_have_flags(cli, tmp_path):
    """They are options of the reader: a table has no place for them, and --set is long to type."""
    path = tmp_path / "steps.csv"
    path.write_text("a,y\n" + "".join(f"{k},{k // 2}\n" for k in range(8)))
    flags = ("--problem", "regtree", "--max-depth", 2, "--min-samples-leaf", 2, "--alpha", 0.01)
    answer = cli("solve", path, "--solver", "cart", "--json", *flags)
    assert answer.code == 0
    found = json.loads(answer.out)
    same = cosolve.read(path, max_depth=2, min_samples_leaf=2, alpha=0.01)
    assert found["digest"] == same.digest
    assert found["objective"] == pytest.approx(3 * 0.01 * same.baseline)


def test_a_limit_given_twice_is_refused(cli, tmp_path):
    """One of both would win silently."""
    answer = cli("solve", "x.csv", "--max-depth", 2, "--set", "max_depth=3")
    assert answer.code == 2
    assert "--max-depth and --set max_depth are both given" in answer.err


def test_a_slash_makes_a_folder(cli, folder, scripted):
    """It was dropped, and the solution of a single instance written to a file of that name."""
    assert solve(cli, "square.tsp", "--quiet", "--out", "answers/").code == 0
    assert os.listdir("answers") == ["square.tour"]


def test_a_slow_start_is_not_called_compiling(cli, folder, scripted, monkeypatch):
    """Importing PyTorch takes as long on every use; "only on the first use" was said each time."""
    monkeypatch.setattr("cosolve.cli.progress.NOTICE_AFTER", 0.0)
    scripted(warm_up=lambda self, instance: time.sleep(0.3))
    lines = solve(cli, "square.tsp").err.splitlines()
    assert "loading the solver (its first use on this machine may compile search kernels, too) ..." in lines
