"""``cosolve report`` as it is typed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from solved import solved_run
from synthetic import synthetic_records

from cosolve.cli.app import run


@pytest.fixture
def report(capsys):
    """``report("x.jsonl", ...)``: exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = run(["report", *map(str, arguments)])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def records(tmp_path):
    """File of 60 records."""
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(r.to_dict()) + "\n" for r in synthetic_records(60, num_solvers=3)))
    return path


def test_the_table_is_the_default(report, records):
    """The shortest command answers the first question."""
    code, out, _ = report(records)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "synthetic"
    assert lines[1].split()[:3] == ["group", "solver", "instances"]
    assert sum(line.split()[:2] == ["all", "solver-0"] for line in lines) == 1


@pytest.mark.parametrize(
    ("name", "start"), [("x.csv", "suite,group,"), ("x.tex", "% \\usepackage{booktabs}"), ("x.html", "<!doctype html>")]
)
def test_the_suffix_chooses_the_format(report, records, tmp_path, name, start):
    """Nobody should have to say it twice."""
    out = tmp_path / name
    code, _, err = report(records, "--out", out)
    assert code == 0
    assert out.read_text().startswith(start)
    assert err.endswith(" kB written.\n"), "0.0 MB said nothing"


def test_html_lies_beside_the_records_unless_told_otherwise(report, tmp_path):
    """A page on the terminal helps nobody."""
    path = solved_run(tmp_path)
    code, out, err = report(path, "--format", "html", "--title", "A & B")
    assert (code, out) == (0, "")
    assert "small.html" in err
    text = (tmp_path / "small.html").read_text()
    assert "<title>A &amp; B</title>" in text
    assert '"drawings":["' in text
    assert report(path, "--format", "html", "--no-drawings")[0] == 0
    assert '"drawings":[]' in (tmp_path / "small.html").read_text()


def test_records_are_never_overwritten(report, records):
    """--out with the name of the records replaced days of runs by a table."""
    before = records.read_bytes()
    code, _, err = report(records, "--out", records, "--format", "csv")
    assert (code, "would overwrite the input" in err) == (2, True)
    assert records.read_bytes() == before


def test_csv_goes_to_stdout_for_pipes(report, records):
    """``cosolve report x.jsonl --format csv | ...``"""
    _, out, err = report(records, "--format", "csv")
    assert err == ""
    assert len(list(csv.DictReader(out.splitlines()))) == 60


@pytest.mark.parametrize("suffix", ["csv", "tex", "html"])
def test_names_that_are_no_text_are_written_all_the_same(report, tmp_path, suffix):
    """A file name that is not UTF-8 stands in records as a lone surrogate: of the report there was only an error."""
    path, word = tmp_path / "run.jsonl", "caf\udce9"
    odd = [replace(r, case=word, suite=word, message=word) for r in synthetic_records(6, num_solvers=2)]
    path.write_text("".join(json.dumps(r.to_dict()) + "\n" for r in odd))
    out = tmp_path / f"x.{suffix}"
    assert report(path, "--out", out)[0] == 0
    assert "caf" in out.read_text(encoding="utf-8")
    if suffix == "csv":
        assert r",caf\udce9," in out.read_text()


def test_printing_names_that_are_no_text(records):
    """As a terminal's encoding, UTF-8 is strict."""
    records.write_text(
        records.read_text()
        .replace('"suite":"synthetic"', r'"suite":"caf\udce9"')
        .replace('"suite": "synthetic"', r'"suite": "caf\udce9"')
    )
    command = [sys.executable, "-m", "cosolve", "report", str(records)]
    strict = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, env=strict, check=True)
    assert done.stdout.decode().startswith(r"caf\udce9")


def test_frontiercos_metrics_have_their_own_table(report, records):
    """The two metrics must never be mixed in one column."""
    _, out, _ = report(records, "--metrics", "frontierco")
    assert "gap (paper)" in out
    assert "95 % interval" not in out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--format", "pdf"], "--format must be one of"),
        (["--metrics", "loose"], "--metrics must be"),
        (["--out", "x.txt"], "--out needs --format"),
        (["--out", "nowhere/x.csv"], "does not exist"),
    ],
)
def test_wrong_usage_is_one_line(report, records, arguments, word):
    """Before any work is done."""
    code, out, err = report(records, *arguments)
    assert (code, out) == (2, "")
    assert word in err
    assert err.count("\n") == 1


def test_bad_records_are_one_line_with_the_place(report, tmp_path):
    """The file may come from anywhere."""
    path = tmp_path / "bad.jsonl"
    path.write_text('{"schema": 99}\n')
    code, _, err = report(path)
    assert code == 2
    assert f"{path}:1" in err
    path.write_text("[]\n")
    assert f"{path}:1: a record must be an object, got '[]'" in report(path)[2]
    path.write_text("")
    assert "no record" in report(path)[2]
    assert report(tmp_path / "gone.jsonl")[0] == 2
