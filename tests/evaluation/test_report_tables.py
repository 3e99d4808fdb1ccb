"""Records put together, and as a table, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import synthetic_records

from cosolve.core.result import Status
from cosolve.evaluation.derived import latest_runs, with_one_reference
from cosolve.evaluation.records import Failure, Record, Times
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.report import words
from cosolve.evaluation.report.collect import collect
from cosolve.evaluation.report.flat import COLUMNS, csv_text
from cosolve.evaluation.report.latex import escape, latex_text
from cosolve.evaluation.report.tables import Table, best_rows, frontierco_table, summary_table
from cosolve.evaluation.summary import summarise

BASE = Record(
    key="k",
    case="a",
    problem="tsp",
    sense="min",
    digest="d",
    solver="s",
    solver_name="s",
    status=Status.FEASIBLE,
    objective=110.0,
    reference=Reference(100.0, ReferenceKind.OPTIMAL),
    stop={"time_limit": 10.0},
    times=Times(solve=2.0),
)


# -- collecting -------------------------------------------------------------------------------------------------------


def test_the_same_solver_before_and_after_a_change_stays_two_solvers():
    """The key of an experiment does not know the code: averaging both files' runs would hide the change."""
    before, after = replace(BASE, started="2026-01-01"), replace(BASE, started="2026-01-02", objective=105.0)
    collection = collect({Path("x/before.jsonl"): [before], Path("x/after.jsonl"): [after]})
    assert [(r.solver, r.objective) for r in collection.records] == [("s (before)", 110.0), ("s (after)", 105.0)]


def test_files_of_the_same_name_are_told_apart_by_their_folders():
    """Two labels "s (run)" would be averaged after all."""
    files = {Path("a/run.jsonl"): [replace(BASE, started="1")], Path("b/run.jsonl"): [replace(BASE, started="2")]}
    assert [r.solver for r in collect(files).records] == ["s (a/run.jsonl)", "s (b/run.jsonl)"]


def test_a_copied_record_counts_once():
    """Files are merged by hand; a copy is no second run."""
    files = {Path("a.jsonl"): [BASE], Path("b.jsonl"): [BASE, replace(BASE, key="k2", seed=1)]}
    assert [(r.solver, r.seed) for r in collect(files).records] == [("s", 0), ("s", 1)]


def test_a_copied_record_counts_in_each_of_two_files_that_are_told_apart():
    """A copy in which one failed run was made again: labels over different instances could not be compared."""
    old = [replace(BASE, key=f"k-{case}", case=case, digest=case, started="2026-01-01") for case in "abc"]
    again = replace(old[1], objective=100.0, started="2026-01-02")
    collection = collect({Path("main.jsonl"): old, Path("branch.jsonl"): [old[0], again, old[2]]})
    assert [(r.solver, r.case, r.objective) for r in collection.records] == [
        ("s (main)", "a", 110.0),
        ("s (main)", "b", 110.0),
        ("s (main)", "c", 110.0),
        ("s (branch)", "a", 110.0),
        ("s (branch)", "b", 100.0),
        ("s (branch)", "c", 110.0),
    ]


def test_the_latest_of_two_settings_in_one_file_stands_and_a_note_says_so():
    """A suite whose time limit was changed leaves both in its file: the mean of both is of nothing."""
    old = replace(BASE, started="2026-01-01")
    new = replace(BASE, key="k2", started="2026-01-02", objective=101.0)
    collection = collect({Path("a.jsonl"): [new, old]})
    assert [r.objective for r in collection.records] == [101.0]
    assert "1 runs are left out" in collection.notes[0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_runs_under_the_settings_that_stand_are_not_left_out_for_other_settings(order):
    """Settings that were changed and changed back: the first run was said to be under other settings."""
    starts = [("k1", "1"), ("k2", "2"), ("k2", "3"), ("k1", "4")]
    runs = [replace(BASE, key=key, started=started) for key, started in starts]
    latest, replaced = latest_runs([runs[k] for k in order])
    assert (latest, replaced) == ([runs[3]], [runs[2]])


def test_instances_without_a_reference_are_compared_with_the_best_run():
    """Generated instances would have no gap at all; the note keeps it from being read as one to the optimum."""
    first, second = replace(BASE, reference=None), replace(BASE, key="k2", solver="t", objective=100.0, reference=None)
    collection = collect({Path("a.jsonl"): [first, second]})
    assert [r.primal_gap for r in collection.records] == [pytest.approx(10 / 110), 0.0]
    assert "no known reference" in collection.notes[0]
    plain = collect({Path("a.jsonl"): [first, second]}, own_references=False)
    assert [r.reference for r in plain.records] == [None, None]


def test_one_table_has_one_reference_per_instance():
    """Runs of before and after a better value was known would be measured with two rulers."""
    old = replace(BASE, reference=Reference(110.0, ReferenceKind.BEST), started="1")
    new = replace(BASE, key="k2", solver="t", started="2")
    none = replace(BASE, key="k3", solver="u", reference=None)
    collection = collect({Path("a.jsonl"): [old, new, none]})
    assert [r.reference.value for r in collection.records] == [100.0] * 3
    assert "1 instances were recorded with different references" in collection.notes[0]
    [row] = {row.mean_gap for row in summarise([old, new, none])}
    assert row == pytest.approx(10 / 110)


def test_a_doubted_reference_gives_way_to_a_trusted_one():
    """It often is the lower one: that is what it is doubted for. Of the same value, the latest word holds."""
    doubted = replace(BASE, reference=Reference(90.0, ReferenceKind.BEST, doubt="floored"))
    assert [r.reference.value for r in with_one_reference([doubted, BASE])[0]] == [100.0, 100.0]
    later = replace(BASE, started="2", reference=Reference(100.0, ReferenceKind.BEST, doubt="a typo"))
    assert [r.reference.doubt for r in with_one_reference([later, BASE])[0]] == ["a typo"] * 2


@pytest.mark.parametrize(("sense", "best"), [("min", 100.0), ("max", 110.0)])
def test_of_two_trusted_references_the_better_one_stands(sense, best):
    """Of a problem of maximisation that is the larger one."""
    references = [Reference(value, ReferenceKind.BEST) for value in (100.0, 110.0)]
    records = [replace(BASE, sense=sense, reference=reference) for reference in references]
    assert [r.reference.value for r in with_one_reference(records)[0]] == [best, best]


def test_benchmarks_with_their_own_rules_keep_their_own_references():
    """An unrounded length is no reference for rounded ones of the same file."""
    theirs = replace(BASE, judge="frontierco", reference=Reference(99.3, ReferenceKind.BEST))
    assert with_one_reference([BASE, theirs]) == ([BASE, theirs], 0)


def test_no_record_at_all_is_an_error():
    """An empty page would look like a run in which nothing went wrong."""
    with pytest.raises(ValueError, match="no record"):
        collect({Path("a.jsonl"): []})


# -- tables -----------------------------------------------------------------------------------------------------------


def test_the_summary_holds_hand_computed_numbers():
    """Two instances: gaps 10/110 and 1 (crashed), so a mean of 54.55 %, half of the runs with a solution."""
    crashed = replace(
        BASE,
        key="k2",
        case="b",
        digest="d2",
        status=Status.ERROR,
        objective=None,
        failure=Failure.CRASH,
    )
    table = summary_table([BASE, crashed])
    (row,) = table.groups[0]
    cells = dict(zip(table.header, row))
    assert (cells["group"], cells["solver"], cells["instances"]) == ("tsp", "s", "2")
    assert cells["mean gap"] == "54.55 %"  # (0.0909 + 1) / 2
    assert cells["gap if feasible"] == "9.09 %"
    assert cells["feasible"] == "50.0 %"
    assert cells["failures"] == "1 crash"


def test_every_group_and_all_together_have_a_row_for_each_solver():
    """A solver that is missing from a group would not be missed by the reader."""
    records = synthetic_records(100, num_solvers=3)
    table = summary_table(records)
    groups = [{row[0] for row in rows} for rows in table.groups]
    assert groups == [{"tsp / easy"}, {"tsp / hard"}, {"mis / easy"}, {"cvrp"}, {"all"}]
    assert all([row[1] for row in rows] == ["solver-0", "solver-1", "solver-2"] for rows in table.groups)


def test_a_specialist_for_a_few_instances_is_not_the_best_of_the_group():
    """Means over different instances can't be compared."""
    easy = replace(BASE, key="1", solver="specialist", objective=100.0)
    both = [replace(BASE, key=k, case=c, digest=c, solver="all") for k, c in (("2", "a"), ("3", "b"))]
    easy = replace(easy, digest="a")
    worse = [replace(r, key=r.key + "w", solver="worse", objective=120.0) for r in both]
    table = summary_table([easy, *both, *worse])
    assert [(row[1], best) for row, best in zip(table.groups[0], table.best[0])] == [
        ("specialist", False),
        ("all", True),
        ("worse", False),
    ]


def test_a_tie_of_all_has_no_best():
    """Bold type on every line says nothing."""
    assert best_rows([0.1, 0.1, None]) == (False, False, False)
    assert best_rows([0.1, 0.2, 0.1]) == (True, False, True)


def test_frontiercos_numbers_are_its_own():
    """Its gap punishes solutions better than the reference: |90 - 100| / 100 = 10 %; its time adds 0.1 s."""
    table = frontierco_table([replace(BASE, objective=90.0)])
    cells = dict(zip(table.header, table.groups[0][0]))
    assert (cells["mean gap"], cells["time"], cells["time (paper)"]) == ("10.00 %", "2.1 s", "2 s")


def test_small_gaps_are_not_shown_as_zero():
    """0.00 % reads as solved."""
    assert [words.percent(gap) for gap in (0.0, 1e-6, 0.01, None)] == ["0.00 %", "<0.01 %", "1.00 %", "-"]
    assert words.percent(-1e-5) == "-<0.01 %"


# -- CSV --------------------------------------------------------------------------------------------------------------


def test_csv_has_one_line_per_record_and_reads_back():
    """Names with commas, quotes and line breaks must not shift columns."""
    name = 'a, "b"\nc'
    records = [*synthetic_records(50), replace(BASE, case=name, options={"depth": 2})]
    rows = list(csv.DictReader(io.StringIO(csv_text(records))))
    assert len(rows) == len(records)
    assert list(rows[0]) == list(COLUMNS)
    last = rows[-1]
    assert (last["instance"], last["objective"], last["reference"], last["bound"]) == (name, "110.0", "100.0", "")
    assert float(last["primal_gap"]) == pytest.approx(10 / 110)
    assert json.loads(last["options"]) == {"depth": 2}
    assert [row["failure"] for row in rows] == ["" if r.failure is None else r.failure.value for r in records]


# -- LaTeX ------------------------------------------------------------------------------------------------------------


def test_latex_special_characters_are_escaped():
    """An underscore in an instance name stops a thesis from compiling."""
    assert escape(r"a_b & 50% #1 {x} $y^2~\z") == (
        r"a\_b \& 50\% \#1 \{x\} \$y\textasciicircum{}2\textasciitilde{}\textbackslash{}z"
    )
    assert escape("é\t中") == "é ?"


def test_the_latex_table_is_balanced_and_bold_where_best():
    """Braces and columns that don't match are errors far from their cause."""
    table = Table(
        ("group", "solver", "mean gap"),
        ((("t_1", "a", "1.00 %"), ("t_1", "b", "2.00 %")), (("all", "a", "-"),)),
        ((True, False), (False,)),
    )
    text = latex_text(table, caption="50 % {of} it")
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [line.count("&") for line in rows] == [2, 2, 2, 2]
    plain = text.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    assert text.count(r"\midrule") == 2
    assert r"t\_1 & a & \textbf{1.00\,\%} \\" in text
    assert r"\caption{50 \% \{of\} it}" in text
    assert [line.strip().split("{")[0] for line in text.splitlines() if "rule" in line] == [
        "\\toprule",
        "\\midrule",
        "\\midrule",
        "\\bottomrule",
    ]
