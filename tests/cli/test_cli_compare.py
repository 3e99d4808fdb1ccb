"""``cosolve compare`` as a gate: exit codes, what it prints, what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.evaluation.runs import run


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Solver x on 8 instances: at the reference in a and same, 0.2 from it in worse; few has 2, two has y as well."""
    monkeypatch.chdir(tmp_path)
    write("a", [run("x", f"case{i}", 100.0) for i in range(8)])
    write("same", [run("x", f"case{i}", 100.0) for i in range(8)])
    write("worse", [run("x", f"case{i}", 125.0, time=3.0) for i in range(8)])
    write("few", [run("x", f"case{i}", 125.0) for i in range(2)])
    write("two", [run(solver, f"case{i}", value) for i in range(8) for solver, value in (("x", 100.0), ("y", 125.0))])
    return tmp_path


def write(name, records):
    with open(f"{name}.jsonl", "w", encoding="utf-8") as file:
        file.writelines(json.dumps(record.to_dict()) + "\n" for record in records)


def test_an_equal_run_passes(cli, files):
    """Exit code 0 is what lets a change through."""
    answer = cli("compare", "a.jsonl", "same.jsonl")
    assert answer.code == 0
    assert "passed" in answer.out
    assert not answer.err


def test_a_worse_run_fails(cli, files):
    """Exit code 1 is what stops it; the reason is on the screen."""
    answer = cli("compare", "a.jsonl", "worse.jsonl")
    assert answer.code == 1
    assert "B is worse by more than +1.000 %" in answer.out
    assert "0, 0, 8" in answer.out
    assert "+20.000 %  (95 % interval +20.000 % to +20.000 %)" in answer.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["worse.jsonl", "a.jsonl"], 0),
        (["a.jsonl", "worse.jsonl", "--threshold", "0.25"], 0),
        (["a.jsonl", "worse.jsonl", "--metric", "objective"], 1),
        (["a.jsonl", "worse.jsonl", "--metric", "time"], 1),  # (3 + 1) / (1 + 1) - 1 = 100 %
        (["a.jsonl", "worse.jsonl", "--metric", "time", "--threshold", "1.01"], 0),
        (["a.jsonl", "few.jsonl", "--min-pairs", "2"], 1),
        (["two.jsonl", "--solver", "x", "--solver-b", "y"], 1),
        (["two.jsonl", "--solver", "y", "--solver-b", "x"], 0),
        (["a.jsonl", "two.jsonl", "--solver-b", "y"], 1),
    ],
)
def test_exit_codes(cli, files, arguments, code):
    """Direction, threshold, metric, and two solvers of one file."""
    assert cli("compare", *arguments).code == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jsonl", "few.jsonl"], "only 2 instances can be compared, fewer than --min-pairs 6"),
        (["a.jsonl", "few.jsonl", "--json"], "fewer than --min-pairs 6"),
        (["a.jsonl"], "needs --solver and --solver-b"),
        (
            ["a.jsonl", "same.jsonl", "--metric", "speed"],
            "--metric must be one of gap, time, primal-integral, objective",
        ),
        (["a.jsonl", "same.jsonl", "--solver", "w"], "A has no solver 'w'"),
        (["a.jsonl", "nowhere.jsonl"], "nowhere.jsonl"),
        (["a.jsonl", "same.jsonl", "--threshold", "nan"], "--threshold"),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_no_pass(cli, files, arguments, message):
    """A gate that passes when it saw nothing is no gate."""
    answer = cli("compare", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_solver_that_has_gone_fails(cli, files):
    """A change that breaks a solver altogether leaves no records of it: the gate must not pass for want of them."""
    answer = cli("compare", "two.jsonl", "a.jsonl")
    assert answer.code == 1
    assert "solver 'y' is only in A" in answer.out
    assert cli("compare", "two.jsonl", "a.jsonl", "--solver", "x").code == 0
    new = cli("compare", "a.jsonl", "two.jsonl")
    assert new.code == 0
    assert "solver 'y' is only in B" in new.out
    data = json.loads(cli("compare", "two.jsonl", "a.jsonl", "--json").out)
    assert (data["is_worse"], data["only_in_a"], data["only_in_b"], data["passed"]) == (False, ["y"], [], False)


def test_missing_pairs_are_listed(cli, files):
    """The instances that B lost are the first thing to look at."""
    answer = cli("compare", "a.jsonl", "few.jsonl", "--show", "3")
    assert answer.out.count("only in A") == 3
    assert "and 3 more runs" in answer.out
    assert "too few instances" in answer.out


def test_json_holds_every_pair(cli, files):
    """For machines: nothing else on stdout."""
    data = json.loads(cli("compare", "a.jsonl", "worse.jsonl", "--json").out)
    assert data["is_worse"] is True
    (comparison,) = data["comparisons"]
    assert comparison["mean_difference"] == pytest.approx(0.2)
    assert len(comparison["pairs"]) == 8
    assert comparison["pairs"][0]["difference"] == pytest.approx(0.2)
