"""Programs that are not ours, and solutions that were made elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

import cosolve
from cosolve.core.metric import Metric
from cosolve.core.result import Limit, Status
from cosolve.core.stop import Stop
from cosolve.evaluation.plan import jobs, plan
from cosolve.evaluation.records import Failure, Record
from cosolve.evaluation.runner import evaluate, preview
from cosolve.evaluation.site import Site
from cosolve.evaluation.solutions import from_arrays, load_solution
from cosolve.evaluation.store import read_records
from cosolve.evaluation.suite import Case, Entrant, FromFile, FromGenerator, Suite
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import Tour, TSPInstance

PROGRAM = (sys.executable, "-S", "-E", "{folder}/outside_solver.py", "{instance}", "{solution}", "{time_limit}")

#: Five cities on a line at 0, 1, 2, 3 and 10: the tour in order has length 20, with 1 and 2 swapped 22.
LINE = TSPInstance(name="line", distances=Distances.from_coords([[0.0, 0], [1, 0], [2, 0], [3, 0], [10, 0]]))


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("external") / "scratch") as site:
        yield site


@pytest.fixture
def line(tmp_path) -> Case:
    cosolve.write(LINE, tmp_path / "line.tsp")
    return Case("line", "tsp", FromFile(tmp_path / "line.tsp", "line.tsp"), group="g")


@pytest.fixture
def run(site, line):
    """Record of one entrant on the line."""

    def go(entrant: Entrant, **values) -> Record:
        case = values.pop("case", line)
        values = {"stop": Stop(time_limit=10.0), "grace": 5.0, "folder": Path(__file__).parent} | values
        [job] = jobs(plan(Suite("test", (case,), (entrant,), **values)))
        [found] = site.run(job).runs
        if found.solution is not None:
            solution = from_arrays(case.problem, found.solution)
            assert cosolve.judge(LINE, solution).objective == found.record.objective
        return found.record

    return go


def program(mode: str, **values) -> Entrant:
    return Entrant("outside", command=(*PROGRAM, mode), **values)


# -- programs -------------------------------------------------------------------------------------------------------


def test_improvements_of_the_solution_file_are_a_trajectory(run):
    """Only the end would be known of programs that could be compared over time."""
    record = run(program("improve"))
    assert (record.status, record.failure, record.limit) == (Status.FEASIBLE, None, None)
    assert record.objective == 20
    assert [point.objective for point in record.trajectory] == [22, 20]
    first, last = (point.time for point in record.trajectory)
    assert 0.3 < last - first < 3.0
    assert record.times.best == last < record.times.solve < record.times.wall
    assert record.solver_name == Path(sys.executable).name
    assert record.peak_memory > 0


def test_a_shell_script_in_the_suites_folder_is_a_solver(run, tmp_path):
    """The simplest way to bring a solver: a file beside the suite."""
    script = tmp_path / "in-order.sh"
    script.write_text(
        "#!/bin/sh\n"
        'n=$(sed -n "s/^DIMENSION *: *//p" "$1")\n'
        '{ echo "TOUR_SECTION"; seq 1 "$n"; echo "-1"; } > "$2"\n'
        'echo "$3 $4 $5" > "$2.told"; cp "$2.told" "$6"\n'
    )
    script.chmod(0o755)
    told = tmp_path / "told"
    words = ("in-order.sh", "{instance}", "{solution}", "{time_limit}", "{seed}", "{name}/{threads}", str(told))
    record = run(Entrant("script", command=words), folder=tmp_path, seeds=(3,))
    assert (record.objective, record.failure) == (20, None)
    assert told.read_text() == "10 3 line/1\n"


def test_a_generated_instance_is_written_for_the_program(run):
    """Only instances in files could be compared otherwise; another format is written as wanted."""
    case = Case("u5", "tsp", FromGenerator("uniform", {"size": 5}))
    copy = Entrant("cp", command=("sh", "-c", 'test "${{0##*.}}" = tsp && exit 9', "{instance}", "{solution}"))
    record = run(copy, case=case)
    assert record.message == "ended with exit code 9."
    bad = replace(copy, formats=("steinlib", None))
    assert run(bad).failure is Failure.UNSUPPORTED


def test_a_solution_after_the_limit_does_not_count_and_the_message_says_what_to_do(run):
    """Most programs write when their time is up, which is after it; that they get less time must be chosen openly."""
    late = run(program("overrun"), stop=Stop(time_limit=0.6), grace=5.0)
    assert (late.status, late.limit, late.failure) == (Status.NO_SOLUTION, Limit.TIME, None)
    assert late.objective is None
    assert "margin" in late.message
    early = run(program("overrun", options={"margin": 4.8}), stop=Stop(time_limit=5.0))
    assert (early.objective, early.limit, early.failure) == (20, None, None)


def test_a_late_solution_of_a_program_that_ignores_sigterm_is_explained(run, tmp_path):
    """Without a word of it, the user would search the fault in the solution."""
    script = tmp_path / "late.sh"
    script.write_text("#!/bin/sh\ntrap '' TERM\nsleep 0.6\n(echo TOUR_SECTION; seq 1 5; echo -1) > \"$2\"\n")
    script.chmod(0o755)
    record = run(Entrant("late", command=(str(script), "{instance}", "{solution}")), stop=Stop(0.2), grace=5.0)
    assert (record.objective, record.limit, record.failure) == (None, Limit.TIME, None)
    assert "after the limit" in record.message
    assert "margin" in record.message


def test_a_program_without_a_limit_of_its_own_is_asked_to_end(run):
    """SIGTERM at the limit is a normal end, not a crash."""
    record = run(program("endless"), stop=Stop(time_limit=1.5), grace=5.0)
    assert (record.status, record.limit, record.failure) == (Status.FEASIBLE, Limit.TIME, None)
    assert record.objective == 22
    assert 1.5 <= record.times.solve < 4.0


def test_a_deaf_program_is_killed_with_all_that_it_started(run, tmp_path, monkeypatch):
    """What it found in time is kept; its detached child would go on for ever."""
    pids = tmp_path / "pids"
    words = ("sh", "-c", 'OUTSIDE_PIDS="$0" exec "$@"', str(pids), *PROGRAM, "deaf")
    record = run(Entrant("deaf", command=words), stop=Stop(time_limit=1.5), grace=1.0)
    assert (record.failure, record.limit, record.objective) == (Failure.HANG, Limit.TIME, 20)
    give_up = time.monotonic() + 5
    while any(psutil.pid_exists(int(pid)) for pid in pids.read_text().split()):
        assert time.monotonic() < give_up
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("mode", "failure", "part", "objective"),
    [
        ("code", Failure.EXIT, "exit code 7. Last words: ...out of luck", 20),
        ("signal", Failure.CRASH, "SIGSEGV", None),
        ("real-time signal", Failure.CRASH, "ended by signal 35.", None),
        ("nothing", Failure.EXIT, "without a solution file", None),
        ("garbage", Failure.INVALID, "solution.tour:2", None),
        ("infeasible", Failure.INVALID, "can't be used", None),
    ],
)
def test_failures_are_typed_and_keep_what_was_found(run, mode, failure, part, objective):
    """A table must tell a bug of the program from a hard instance."""
    record = run(program(mode))
    assert record.failure is failure
    assert part in " ".join([record.message, *record.violations])
    assert record.objective == objective
    assert record.times.solve > 0
    if failure is Failure.INVALID:
        assert record.violations


def test_exit_codes_that_are_no_failure_can_be_named(run):
    """SAT-like programs end with 10 or 20."""
    record = run(program("code", options={"exit_codes": [0, 7]}))
    assert (record.failure, record.objective) == (None, 20)


def test_a_program_that_prints_megabytes_is_heard_to_the_end(run):
    """A pipe that nobody reads would stop it for ever."""
    record = run(program("words"))
    assert (record.failure, record.objective, record.message) == (None, 20, "")


def test_a_program_that_is_not_here_is_unavailable(run):
    """The table shows the hole, and says which program to install."""
    record = run(Entrant("gone", command=("no-such-solver", "{instance}", "{solution}")))
    assert record.failure is Failure.UNAVAILABLE
    assert "no-such-solver" in record.message


def test_a_program_without_a_seed_runs_once(line):
    """Five equal runs would pass for five samples."""
    fixed, seeded = program("improve"), Entrant("seeded", command=(*PROGRAM, "improve", "{seed}"))
    tasks = plan(Suite("test", (line,), (fixed, seeded), seeds=(1, 2, 3)))
    assert [(task.entrant.label, task.seed) for task in tasks] == [
        ("outside", 1),
        ("seeded", 1),
        ("seeded", 2),
        ("seeded", 3),
    ]


def test_a_suite_file_with_outsiders_runs_like_any_other(tmp_path):
    """The way that people take: a TOML file, a program and solutions beside it, one command."""
    cosolve.write(LINE, tmp_path / "line.tsp")
    cosolve.write_solution(LINE, Tour(order=np.array([0, 2, 1, 3, 4])), tmp_path / "line.tour")
    (tmp_path / "suite.toml").write_text(
        "[[instances]]\n"
        'problem = "tsp"\n'
        'files = ["line.tsp"]\n'
        "[[solvers]]\n"
        'label = "outside"\n'
        f"command = {json.dumps([*PROGRAM, 'improve'])}\n"
        "options = {margin = 0.5}\n"
        "[[solvers]]\n"
        'label = "theirs"\n'
        'solutions = "{case}.tour"\n'
    )
    shutil.copy(Path(__file__).with_name("outside_solver.py"), tmp_path)
    out = tmp_path / "run.jsonl"
    records = evaluate(tmp_path / "suite.toml", out)
    assert {record.solver: record.objective for record in records} == {"outside": 20, "theirs": 22}
    for record in records:
        assert LINE.digest == record.digest
        assert cosolve.judge(LINE, load_solution(tmp_path / record.solution, "tsp")).objective == record.objective
    again: list = []
    assert evaluate(tmp_path / "suite.toml", out, on_record=again.append) == records
    assert again == []


def test_what_only_the_rules_of_frontierco_allow_is_a_solution_under_them(tmp_path):
    """A median listed twice: its two objectives, by the two rules, were taken for a contradiction of the program's."""
    distances = Distances.from_coords([[0, 0], [1.5, 0], [0, 2.7], [5, 5.3]], Metric.EXACT_2D)
    instance = CPMPInstance(distances=distances, capacity=np.full(4, 4.0), demand=np.ones(4), p=2)
    cosolve.write(instance, tmp_path / "four.dat")
    theirs = Clustering(medians=np.array([0, 0]), assignment=np.zeros(4, int))
    cosolve.write_solution(instance, theirs, tmp_path / "four.json")
    words = ("sh", "-c", f"cp {tmp_path}/four.json $1", "{instance}", "{solution}")
    copy = Entrant("copy", command=words, formats=(None, "json"))
    case = Case("four", "cpmp", FromFile(tmp_path / "four.dat", "four.dat"))
    suite = Suite("s", (case,), (copy,), stop=Stop(time_limit=10.0), judge="frontierco")
    [record] = evaluate(suite, tmp_path / "run.jsonl")
    assert (record.failure, record.status, record.violations) == (None, Status.FEASIBLE, ())
    assert record.objective == cosolve.judge(instance, theirs, "frontierco").objective


def test_a_network_is_asked_as_soon_as_it_is_there(tmp_path):
    """A checkpoint or a GPU that is not here is no fault of the solver's, and no result."""
    torch = pytest.importorskip("torch")
    checkpoints = pytest.importorskip("cosolve.models.checkpoints")
    net = Entrant("net", "rrnco", options={"checkpoint": "net", "augmentation": 1, "starts": 1})
    device = f"cuda:{torch.cuda.device_count()}"
    batched, alone = Entrant("batched", "rrnco", batch_size=2, device=device), Entrant("gpu", "rrnco", device=device)
    source = FromGenerator("uniform", {"size": 8, "seed": 0})
    suite = Suite("s", (Case("u8", "tsp", source),), (net, batched, alone), stop=Stop(time_limit=20), folder=tmp_path)
    out = tmp_path / "run.jsonl"
    records = evaluate(suite, out)
    assert [record.failure for record in records] == [Failure.UNAVAILABLE] * 3
    assert "net: neither a checkpoint folder" in records[0].message
    assert all(f"device {device}" in record.message for record in records[1:])
    outlook = preview(suite, out)
    assert (outlook.recorded, list(outlook.obstacles)) == (3, ["net", "batched", "gpu"])
    shutil.copytree(checkpoints.find("rrnco-atsp-20").folder, tmp_path / "net")
    assert list(preview(suite, out).obstacles) == ["batched", "gpu"]
    again = []
    assert evaluate(suite, out, on_record=again.append)[0].objective > 0
    assert [record.solver for record in again] == ["net"]


def test_a_program_is_run_as_soon_as_it_is_there(line, tmp_path):
    """Installed an hour later, it would else never be asked."""
    suite = Suite("s", (line,), (Entrant("p", command=("./p.sh", "{instance}", "{solution}")),), folder=tmp_path)
    out = tmp_path / "run.jsonl"
    assert [record.failure for record in evaluate(suite, out)] == [Failure.UNAVAILABLE]
    assert preview(suite, out).recorded == 1
    size = out.stat().st_size
    evaluate(suite, out)
    assert out.stat().st_size == size
    program = tmp_path / "p.sh"
    program.write_text('#!/bin/sh\n(echo TOUR_SECTION; seq 1 5; echo -1) > "$2"\n')
    program.chmod(0o755)
    assert preview(suite, out).recorded == 0
    assert [record.objective for record in evaluate(suite, out)] == [20]
    assert [record.objective for record in read_records(out)] == [20]
    program.write_text("#!/no/such/interpreter\n")
    broken = replace(suite, seeds=(0,), stop=Stop(time_limit=5.0))
    assert [record.failure for record in evaluate(broken, out)] == [Failure.UNAVAILABLE]
    size = out.stat().st_size
    evaluate(broken, out)
    assert out.stat().st_size == size  # tried again, and nothing new to say


# -- saved solutions ------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path) -> Entrant:
    folder = tmp_path / "theirs" / "g"
    folder.mkdir(parents=True)
    for seed, order in ((0, [0, 1, 2, 3, 4]), (1, [0, 0, 0, 0, 0])):
        cosolve.write_solution(LINE, Tour(order=np.array(order)), folder / f"line.{seed}.tour")
    (folder / "line.2.tour").write_text("nonsense")
    return Entrant("theirs", solutions="theirs/{group}/{case}.{seed}.tour")


def test_a_saved_solution_is_judged_like_our_own(run, saved, tmp_path):
    """Whatever a paper says of it, the objective is the judge's; no time is made up."""
    record = run(saved, folder=tmp_path)
    assert (record.status, record.failure, record.objective) == (Status.FEASIBLE, None, 20)
    assert (record.times.solve, record.times.best, record.times.wall) == (None, None, None)
    assert Record.from_dict(record.to_dict()) == record


@pytest.mark.parametrize(
    ("seed", "failure", "part"),
    [
        (1, Failure.INVALID, "line.1.tour"),
        (2, Failure.INVALID, "line.2.tour"),
        (3, Failure.UNAVAILABLE, "no such file"),
    ],
)
def test_saved_solutions_that_are_wrong_or_missing_are_typed(run, saved, tmp_path, seed, failure, part):
    """An archive with holes must not lose rows of the table."""
    record = run(saved, folder=tmp_path, seeds=(seed,))
    assert (record.failure, record.objective) == (failure, None)
    assert part in record.message


def test_times_of_saved_solutions_come_from_a_table_beside_them(run, saved, tmp_path):
    """Times are a claim of who made the solutions; where there is one, it belongs into the record."""
    table = tmp_path / "theirs" / "g" / "times.csv"
    table.write_text("file,seconds\nother.tour,1\nline.0.tour,12.5\n")
    assert run(saved, folder=tmp_path).times.solve == 12.5
    table.write_text("file,seconds\nline.0.tour,fast\n")
    wrong = run(saved, folder=tmp_path)
    assert wrong.failure is Failure.INVALID
    assert "times.csv:2" in wrong.message


def test_a_saved_solution_that_took_too_long_does_not_count(run, saved, tmp_path):
    """An hour of theirs is no match for ten seconds of ours."""
    (tmp_path / "theirs" / "g" / "times.csv").write_text("file,seconds\nline.0.tour,3600\n")
    late = run(saved, folder=tmp_path)
    assert (late.status, late.limit, late.failure) == (Status.NO_SOLUTION, Limit.TIME, None)
    assert (late.objective, late.times.solve) == (None, 3600)
    assert "more than the limit of 10 s" in late.message
    assert run(saved, folder=tmp_path, stop=Stop(time_limit=3600.0)).objective == 20


def test_saved_solutions_are_judged_as_they_are_now(line, tmp_path):
    """A file that came later, or was corrected, and its time must be in the table."""
    suite = Suite("s", (line,), (Entrant("theirs", solutions="{case}.tour"),), folder=tmp_path)
    out, path, made = tmp_path / "run.jsonl", tmp_path / "line.tour", []

    def go():
        made.clear()
        [record] = evaluate(suite, out, on_record=made.append)
        return record.failure, record.objective, record.times.solve

    assert go() == (Failure.UNAVAILABLE, None, None)
    cosolve.write_solution(LINE, Tour(order=np.array([0, 2, 1, 3, 4])), path)
    assert go() == (None, 22, None)
    assert [record.objective for record in read_records(out)] == [22]  # the hole is filled
    assert go() == (None, 22, None)
    assert not made
    cosolve.write_solution(LINE, Tour(order=np.array([0, 1, 2, 3, 4])), path)
    assert go() == (None, 20, None)
    times = tmp_path / "times.csv"
    times.write_text("file,seconds\nline.tour,3\n")
    assert go() == (None, 20, 3.0)
    times.write_text("file,seconds\nother.tour,1\nline.tour,3\n")
    assert go() == (None, 20, 3.0)
    assert not made  # somebody else's time
    path.unlink()
    assert go()[0] is Failure.UNAVAILABLE
