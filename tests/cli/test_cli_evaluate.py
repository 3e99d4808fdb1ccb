"""``cosolve evaluate`` and its other name ``bench``."""

from __future__ import annotations

import json
import math

import pytest

from cosolve.cli.evaluate import EvaluationProgress, duration
from cosolve.core.result import Status
from cosolve.core.stop import Stop
from cosolve.evaluation.plan import Identity, plan
from cosolve.evaluation.records import Failure, Times
from cosolve.evaluation.runner import Outlook
from cosolve.evaluation.store import read_records
from cosolve.evaluation.suite import Case, Entrant, FromGenerator, Suite

SUITE = """
title = "A small suite"
time_limit = 5

[[instances]]
problem = "tsp"
group = "small"
generate = { distribution = "uniform", size = [6, 8] }
seeds = "0-1"

[[instances]]
problem = "tsp"
files = ["nowhere.tsp"]

[[solvers]]
solver = "greedy"
"""


@pytest.fixture
def suite(folder):
    """A suite of four instances that can be made and one that is missing."""
    (folder / "mine.toml").write_text(SUITE)
    return folder


def test_evaluate_records_and_says_what_to_type_next(cli, suite):
    """From a suite to records and a table in one command; the same one again has nothing to do."""
    answer = cli("evaluate", "mine.toml", "--workers", "1")
    assert answer.code == 0
    records = read_records("mine.jsonl")
    assert [record.failure for record in records] == [None] * 4 + [Failure.MISSING]
    assert "cosolve report mine.jsonl --format html" in answer.out
    assert "1 missing" in answer.out
    assert "5 runs, 1 at a time" in answer.err
    again = cli("bench", "mine.toml", "--json", "--quiet")
    assert (again.code, again.err) == (0, "")
    assert len(read_records("mine.jsonl")) == 5


def test_json_is_one_record_a_line_and_only_that(cli, suite):
    """For machines."""
    answer = cli("evaluate", "mine.toml", "--json", "--quiet", "--only-instance", "*6*", "--out", "part.jsonl")
    lines = [json.loads(line) for line in answer.out.splitlines()]
    assert sorted(line["key"] for line in lines) == sorted(record.key for record in read_records("part.jsonl"))
    assert len(lines) == 2


def test_a_dry_run_writes_nothing(cli, suite):
    """What would a night of computing be spent on?"""
    before = sorted(suite.iterdir())
    answer = cli("evaluate", "mine.toml", "--dry-run", "--time-limit", "60", "--seeds", "0-2")
    assert answer.code == 0
    assert sorted(suite.iterdir()) == before
    words = answer.out.splitlines()[1].split()
    assert words[:3] == ["greedy", "5", "1"]
    assert "at most" in answer.out


def test_a_dry_run_says_what_is_missing(cli, suite):
    """A night of computing would else end in nothing but failures."""
    entries = [
        '[[solvers]]\nlabel = "net"\nsolver = "rrnco"\noptions = { checkpoint = "my-net" }',
        '[[solvers]]\nlabel = "mine"\ncommand = ["no-such-program", "{instance}", "{solution}"]',
    ]
    (suite / "mine.toml").write_text("\n".join([SUITE, *entries]))
    answer = cli("evaluate", "mine.toml", "--dry-run")
    assert answer.code == 0
    net, mine = answer.out.splitlines()[-2:]
    assert net.startswith("net can't run here: my-net: neither a checkpoint folder")
    assert mine == "mine can't run here: no-such-program: no such program."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.toml"], "no suite 'nothing.toml'"),
        (["mine.toml", "--only-solver", "x"], "fits no solver"),
        (["mine.toml", "--group", "hard"], "there are: small"),
        (["mine.toml", "--seeds", "1,1"], "distinct"),
        (["mine.toml", "--seeds", "a"], 'integers >= 0 and ranges like "0-9"'),
        (["mine.toml", "--seeds", "0,5-3"], "from the least to the greatest, got '0,5-3'"),
        (["mine.toml", "--seeds", "0,1-99999999999999999999"], "at most 1,000,000 seeds"),
        (["mine.toml", "--workers", "0"], "workers"),
        (["mine.toml", "--executor", "mpi"], "local or ray"),
        (["mine.toml", "--address", "auto"], "--executor ray"),
        (["mine.toml", "--out", "no/where.jsonl"], "does not exist"),
        (["mine.toml", "--out", "square.tsp"], "square.tsp:1"),
        (["mine.toml", "--out", "mine.toml"], "would overwrite the input mine.toml"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(cli, suite, arguments, message):
    """Before anything runs."""
    answer = cli("evaluate", *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert len(answer.err.strip().splitlines()) == 1
    assert not (suite / "mine.files").exists()


def test_interruption_is_one_line_that_says_how_to_go_on(cli, suite, monkeypatch):
    """130, as everywhere."""

    def interrupted(*_, on_wait, **__):
        on_wait(["square", "large"])
        raise KeyboardInterrupt

    monkeypatch.setattr("cosolve.evaluation.runner.evaluate", interrupted)
    answer = cli("evaluate", "mine.toml")
    assert answer.code == 130
    waits, last = answer.err.splitlines()[-2:]
    assert waits == "cosolve: waiting until it is read or generated: square, large"
    assert last.startswith("cosolve: interrupted. mine.jsonl holds what is done")


def test_remaining_time_follows_what_runs_took(capsys):
    """By solver: a quick one that is done says nothing of a slow one that is not."""
    cases = tuple(Case(f"c{k}", "tsp", FromGenerator("uniform", {"seed": k})) for k in range(4))
    suite = Suite("s", cases, (Entrant("a", "greedy"), Entrant("b", "auto", time_limit=100.0)), stop=Stop(10.0))
    tasks = tuple(plan(suite))
    progress = EvaluationProgress("title")
    progress.on_start(Outlook(tasks, 0, tasks, 2))
    assert progress.remaining() == (4 * 10 + 4 * 100) / 2
    identity = Identity("d", "min", 5, 0.0)
    for task, wall in ((tasks[0], 1.0), (tasks[1], 50.0), (tasks[2], 3.0)):
        progress.on_record(task.record(identity, status=Status.FEASIBLE, objective=3.0, times=Times(wall=wall)))
    assert progress.remaining() == (2 * 2.0 + 3 * 50.0) / 2
    assert "title: 8 runs, 2 at a time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "1.5 min"), (7200, "2.0 h"), (1e6, "11.6 d"), (math.inf, "unlimited")],
)
def test_durations_are_said_as_people_do(seconds, text):
    """3,600,000 s means nothing to anybody."""
    assert duration(seconds) == text
