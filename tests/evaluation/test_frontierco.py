"""
FrontierCO's two numbers on a file with all of its edge cases.

The expected values are worked out by hand from the benchmark's published script (gap ``|c - c*| / max(|c|, |c*|)``,
1 if that maximum is 0; missing values 1 and 3600 s; ``exp(mean(log(t + 0.1)))``), and again by an implementation over
data frames.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.evaluation.frontierco import (
    Result,
    paper_gap,
    score_files,
    score_records,
    score_results,
    script_gap,
)
from cosolve.evaluation.records import Failure
from tests.evaluation.runs import run

REFERENCES = """\
Instance,PrimalBound
worse,100
better,100
negative,-100
signs,10
zeros,0
zero,4
no-objective,7
word,7
no-time,8
absent,9
absent-too,9
"""

RESULTS = """\
Instance,Objective,Time
worse,125,9.9
better,80,0.9
negative,-80,0.0
signs,-10,99.9
zeros,0,0.9
zero,0,0.9
no-objective,,12
word,infeasible,12
no-time,8,
"""

#: By the script: 25/125, 20/100, 20/100, 20/10, 0/0, 4/4, three without a value, two without a row.
SCRIPT_GAPS = [0.2, 0.2, 0.2, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
#: Times with 0.1 added; the rows that are not there add none.
SCRIPT_TIMES = [10.0, 1.0, 0.1, 100.0, 1.0, 1.0, 3600.1, 3600.1, 3600.1]

#: By the paper: other signs are 1, 0/0 is 0; the objective without a time is a solution.
PAPER_GAPS = [0.2, 0.2, 0.2, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
PAPER_TIMES = [9.9, 0.9, 0.5, 99.9, 0.9, 0.9, 3600.0, 3600.0, 3600.0, 3600.0, 3600.0]


@pytest.fixture
def files(tmp_path):
    references, results = tmp_path / "references.csv", tmp_path / "results.csv"
    references.write_text(REFERENCES)
    results.write_text(RESULTS)
    return references, results


def test_the_script_s_numbers_are_reproduced(files):
    """They are what the benchmark's tables are made of: to 1e-12, flaws included."""
    score = score_files(*files)
    assert score.gap == pytest.approx(sum(SCRIPT_GAPS) / 11, rel=1e-12)
    product = 10.0 * 1.0 * 0.1 * 100.0 * 1.0 * 1.0 * 3600.1**3
    assert score.time == pytest.approx(product ** (1 / 9), rel=1e-12)
    assert math.prod(SCRIPT_TIMES) == pytest.approx(product)
    assert (score.instances, score.failures) == (11, 5)


def test_an_implementation_over_data_frames_agrees(files):
    """An oracle that shares no code: the way of reading (types guessed, text to NaN) is part of the numbers."""
    pandas = pytest.importorskip("pandas")
    references, results = (pandas.read_csv(file) for file in files)
    table = results.merge(references.drop_duplicates("Instance", keep="last"), on="Instance", how="left")
    objective, time = (pandas.to_numeric(table[name], errors="coerce") for name in ("Objective", "Time"))
    is_failed = objective.isna() | time.isna() | table["PrimalBound"].isna()
    scale = np.maximum(objective.abs(), table["PrimalBound"].abs())
    gaps = ((objective - table["PrimalBound"]).abs() / scale.where(scale > 0)).fillna(1.0).where(~is_failed, 1.0)
    num_absent = max(len(references) - len(results), 0)
    score = score_files(*files)
    assert score.gap == pytest.approx((gaps.sum() + num_absent) / (len(gaps) + num_absent), rel=1e-12)
    logarithms = np.log(time.where(~is_failed, 3600.0) + 0.1)
    assert score.time == pytest.approx(math.exp(logarithms.mean()), rel=1e-12)


def test_the_paper_s_numbers(files):
    """What the text says, where the script does something else."""
    references, results = files
    results.write_text(RESULTS.replace("negative,-80,0.0", "negative,-80,0.5"))  # a time of 0 has no logarithm
    score = score_files(references, results, "paper")
    assert score.gap == pytest.approx(sum(PAPER_GAPS) / 11, rel=1e-12)
    assert score.time == pytest.approx(math.prod(PAPER_TIMES) ** (1 / 11), rel=1e-12)
    assert (score.instances, score.failures) == (11, 4)


@pytest.mark.parametrize(
    ("objective", "reference", "script", "paper"),
    [
        (125.0, 100.0, 0.2, 0.2),
        (80.0, 100.0, 0.2, 0.2),  # better than the reference, and punished for it
        (-80.0, -100.0, 0.2, 0.2),
        (0.0, 0.0, 1.0, 0.0),
        (0.0, 4.0, 1.0, 1.0),
        (-10.0, 10.0, 2.0, 1.0),
        (-5.0, 10.0, 1.5, 1.0),
    ],
)
def test_the_two_gaps_by_hand(objective, reference, script, paper):
    """The documented differences, one by one."""
    assert script_gap(objective, reference) == pytest.approx(script, rel=1e-12)
    assert paper_gap(objective, reference) == pytest.approx(paper, rel=1e-12)


@given(st.floats(0.001, 1e9), st.floats(0.001, 1e9))
def test_the_two_gaps_agree_on_positive_values(objective, reference):
    """They differ in edge cases only."""
    assert script_gap(objective, reference) == paper_gap(objective, reference)


def test_a_column_called_runtime_makes_every_row_a_failure_of_the_script(files):
    """The benchmark's summaries write Runtime, its script reads Time: that is what its numbers are."""
    references, results = files
    results.write_text(RESULTS.replace("Time", "Runtime"))
    score = score_files(references, results)
    assert (score.gap, score.failures) == (1.0, 11)
    assert score.time == pytest.approx(3600.1, rel=1e-12)
    assert score_files(references, results, "paper").failures == 4


def test_rows_that_the_references_do_not_know_count_against_the_script_s_method():
    """A misspelt name costs twice: its row is a failure, and it hides that another row is absent."""
    rows = [Result("misspelt", 100.0, 1.0)]
    script = score_results([("a", 100.0), ("b", 100.0)], rows)
    assert (script.gap, script.instances) == (1.0, 2)
    assert script.time == pytest.approx(3600.1)
    assert score_results([("a", 100.0)], rows).instances == 1
    assert score_results([("a", 100.0)], rows, "paper").failures == 1


def test_repeated_references_and_rows():
    """The last reference holds; each row is a gap; the script counts lines, not names, to find absent rows."""
    rows = [Result("a", 50.0, 1.0), Result("a", 100.0, 1.0)]
    score = score_results([("a", 25.0), ("a", 50.0), ("b", 1.0)], rows)
    assert score.gap == pytest.approx((0.0 + 0.5 + 1.0) / 3)
    paper = score_results([("a", 25.0), ("a", 50.0), ("b", 1.0)], rows, "paper")
    assert paper.gap == pytest.approx((0.0 + 0.5 + 1.0) / 3)


def test_no_row_at_all():
    """The script has gaps of 1 and no time to average."""
    score = score_results([("a", 1.0)], [])
    assert score.gap == 1.0
    assert math.isnan(score.time)
    with pytest.raises(ValueError, match="neither references nor results"):
        score_results([], [])


@pytest.mark.parametrize(
    ("references", "results", "message"),
    [
        ("Name,PrimalBound\na,1\n", RESULTS, r"references.csv:1: there is no column 'Instance'"),
        ("Instance,PrimalBound\na,1\nb,many\n", RESULTS, r"references.csv:3: PrimalBound must be a number, got 'many'"),
        (REFERENCES, "Objective,Time\n1,1\n", r"results.csv:1: there is no column 'Instance'"),
    ],
)
def test_files_of_another_form_are_refused_with_their_line(files, references, results, message):
    """A file without the column would count as a method that failed everywhere."""
    files[0].write_text(references)
    files[1].write_text(results)
    with pytest.raises(ValueError, match=message):
        score_files(*files)


def test_an_unknown_variant_is_refused():
    """A misspelt word must not fall through to the other formula."""
    with pytest.raises(ValueError, match="'script' or 'paper'"):
        score_results([("a", 1.0)], [], "code")


def test_records_are_scored_like_rows():
    """One record, one row; what was not run or has no reference is counted apart; a kept solution counts."""
    records = [
        run("x", "one", 80.0, time=9.9, judge="frontierco"),  # better: 0.2
        run("x", "two", 125.0, time=None, failure=Failure.HANG, judge="frontierco"),  # kept: 0.2, its limit of 10 s
        run("x", "three", failure=Failure.CRASH, judge="frontierco"),
        run("x", "four", failure=Failure.MISSING, judge="frontierco"),
        run("x", "five", 1.0, reference=None, judge="frontierco"),
        run("y", "one", 100.0, time=0.9),
        run("z", "one", failure=Failure.UNAVAILABLE),
    ]
    x, y = score_records(records)
    assert (x.group, x.solver, x.left_out, x.judge) == ("tsp / easy", "x", 2, "frontierco")
    assert x.score.gap == pytest.approx((0.2 + 0.2 + 1.0) / 3, rel=1e-12)
    assert x.score.time == pytest.approx((10.0 * 10.1 * 3600.1) ** (1 / 3), rel=1e-12)
    assert (y.solver, y.score.gap, y.judge) == ("y", 0.0, "strict")
    assert y.score.time == pytest.approx(1.0, rel=1e-12)
