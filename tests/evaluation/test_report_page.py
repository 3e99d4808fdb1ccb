"""The HTML page as text: what is in it, what may not be, and its drawings."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from runs import run
from solved import solved_run
from synthetic import synthetic_records

from cosolve.evaluation.report import Report, drawings, page
from cosolve.evaluation.report.collect import collect
from cosolve.evaluation.report.curves import mean_curves, step_changes, trace
from cosolve.evaluation.report.drawings import folders_of
from cosolve.evaluation.report.scopes import scopes, statistics_of
from cosolve.evaluation.scores import gap_curve
from cosolve.evaluation.store import read_records
from cosolve.evaluation.summary import summarise

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script><!--\"'&\u2028"


def make(records, **options) -> str:
    return page.page(collect({Path("run.jsonl"): records}), title="Test", now=NOW, **options)


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def rows_of(data: dict) -> list[dict]:
    return [dict(zip(data["run_columns"], row)) for row in data["runs"]]


@pytest.fixture(scope="module")
def records():
    return synthetic_records(120, num_solvers=3)


@pytest.fixture(scope="module")
def text(records):
    return make(records)


# -- what the page is -------------------------------------------------------------------------------------------------


def test_the_page_needs_nothing_from_outside(text):
    """A report is mailed, archived and opened on a train: it is one file, and asks nobody for anything."""
    assert not re.search(r'(src|href)="(?!#)', text)
    assert "@import" not in text
    assert "url(" not in text
    addresses = set(re.findall(r"https?://[^\s\"'<]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_the_policy_admits_this_script_alone(text):
    """The hash is the second lock: had a name slipped into markup, the browser would still not run it."""
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_hostile_names_stay_text(records):
    """Names of instances and messages of solvers come from anywhere."""
    hostile = [replace(r, case=HOSTILE, message=HOSTILE, solver=HOSTILE + r.solver) for r in records[:6]]
    text = page.page(collect({Path("run.jsonl"): hostile}), title=HOSTILE, now=NOW)
    assert text.count("<script") == 2
    assert "<!--" not in text
    assert "alert(1)</script>" not in text
    data = data_of(text)
    assert {case["name"] for case in data["cases"]} == {HOSTILE}


def test_equal_records_give_an_equal_page(records, text):
    """A report under version control must not change without a reason."""
    assert make(records) == text


def test_a_thousand_records_stay_small():
    """The page is opened by mail clients and old laptops."""
    assert len(make(synthetic_records(1000))) < 2_000_000


def test_a_page_of_many_runs_lists_a_part_and_says_so(monkeypatch):
    """A hundred thousand runs made a page of 51 MB, which no mailbox takes; the limit held for drawings alone."""
    found = synthetic_records(2_000)
    whole = data_of(make(found))
    monkeypatch.setattr(page, "MAX_PAGE_SIZE", 600_000)
    text = make(found)
    data = data_of(text)
    rows = rows_of(data)
    assert len(text) < 600_000
    assert 200 < len(rows) < 2_000
    assert data["scopes"] == whole["scopes"]
    note = f"{len(rows):,} of 2,000 runs are listed"
    assert note in data["notes"][0]
    assert note in text[: text.index("<main>")]
    listed = {(data["cases"][row["case"]]["name"], row["solver"], row["seed"]): row["objective"] for row in rows}
    every = {(r.case, data["solvers"].index(r.solver), r.seed): r.objective for r in found}
    assert len(listed) == len(rows)
    assert listed.items() <= every.items()
    assert {case["group"] for case in data["cases"]} == {case["group"] for case in whole["cases"]}
    best = {case["name"]: whole["runs"][case["best"]] for case in whole["cases"] if case["best"] is not None}
    for number, case in enumerate(data["cases"]):
        own = [row for row in rows if row["case"] == number]
        # All solvers of a seed: one that was left out would look as if it had not been run.
        assert max(sum(row["seed"] == seed for row in own) for seed in (0, 1)) == 5
        if case["best"] is not None:
            assert data["runs"][case["best"]][1:4] == best[case["name"]][1:4]


def test_many_seeds_and_many_groups_are_not_all_told_apart(monkeypatch):
    """They grow without end as runs do."""
    found = [run(s, "c", 100.0, seed=seed, key=f"{s}{seed}") for seed in range(3_000) for s in "ab"]
    monkeypatch.setattr(page, "MAX_PAGE_SIZE", 700_000)
    text = make(found)
    assert len(text) < 700_000
    assert ["Seeds", "3,000 from 0 to 2999"] in data_of(text)["facts"]
    groups = [run(s, f"c{g}", 100.0, group=f"g{g}", key=f"{s}{g}") for g in range(400) for s in "ab"]
    text = make(groups)
    assert len(text) < 700_000
    data = data_of(text)
    assert data["scopes"][0]["label"] == "all"
    assert f"{401 - len(data['scopes'])} of 400 groups have no statistics" in data["notes"][0]


# -- what it says -----------------------------------------------------------------------------------------------------


def test_every_record_is_in_the_page(records, text):
    """Failed and impossible runs too: what is silently missing is the oldest way to look good."""
    rows = rows_of(data_of(text))
    assert len(rows) == len(records)
    assert [row["failure"] for row in rows] == [None if r.failure is None else r.failure.value for r in records]
    assert [row["objective"] for row in rows] == [r.objective for r in records]
    assert {row["message"] for row in rows if row["failure"] == "missing"} == {"no such file"}


def test_the_summary_is_that_of_the_metrics(records, text):
    """Numbers computed twice differ sooner or later: the page shows those of the tested module."""
    collection = collect({Path("run.jsonl"): records})
    expected = {(row.group, row.solver): row for row in summarise(collection.records)}
    data = data_of(text)
    for scope in data["scopes"]:
        for row in scope["summary"]:
            want = expected[scope["label"], data["solvers"][row["solver"]]]
            assert (row["gap"], row["feasible_share"]) == (want.mean_gap, want.feasible_share)
            assert (row["low"], row["high"]) == (want.gap_interval.low, want.gap_interval.high)
            assert sum(row["failures"].values()) == sum(want.failures.values())


def test_the_best_run_of_an_instance_is_the_best(records, text):
    """Its drawing and its objective stand for the instance; for "max" larger is better."""
    data = data_of(text)
    rows = rows_of(data)
    seen = set()
    for number, case in enumerate(data["cases"]):
        objectives = [row["objective"] for row in rows if row["case"] == number and row["objective"] is not None]
        if not objectives:
            assert case["best"] is None
            continue
        best = max(objectives) if case["problem"] == "mis" else min(objectives)
        assert rows[case["best"]]["objective"] == best
        seen.add(case["problem"])
    assert seen == {"tsp", "mis", "cvrp"}


def test_scopes_hold_each_record_once(records):
    """A record in no group would be in no number."""
    first, *parts = scopes(records)
    assert len(first.records) == sum(len(part.records) for part in parts) == len(records)
    assert [scope.label for scope in scopes(parts[0].records)] == [parts[0].label]


def test_published_gaps_stand_beside_ours_and_are_marked(records):
    """Nobody may take a number from a paper for one measured here."""
    ours = [replace(r, suite="frontierco-tsp-easy") for r in records[:12]]
    rows = data_of(make(ours))["published"]
    lkh = next(row for row in rows if row["published"] and "LKH" in row["solver"])
    assert lkh["gap"] == pytest.approx(0.0003)  # FrontierCO, TSP easy: 0.03 %
    assert {row["solver"] for row in rows if not row["published"]} == {r.solver for r in ours}
    assert data_of(make(records[:12]))["published"] == []


def test_frontierco_numbers_come_on_demand(records):
    """They are of another metric and would confuse whoever did not ask."""
    assert data_of(make(records[:12]))["frontierco"] is None
    table = data_of(make(records[:12], frontierco=True))["frontierco"]
    assert table["header"][3] == "mean gap"
    assert [row[:2] for row in table["rows"]] == [
        [g, f"solver-{s}"] for g in ("tsp / easy", "tsp / hard") for s in range(3)
    ]


# -- curves -----------------------------------------------------------------------------------------------------------


def test_the_mean_curve_ends_at_the_mean_gap(records):
    """The curve and the table are the same runs."""
    ran = [r for r in records if r.solver == "solver-1" and gap_curve(r) is not None and r.failure != "missing"]
    curves = mean_curves(ran, {"solver-1": 0})
    (row,) = [row for row in summarise(ran, group=lambda r: "") if row.solver == "solver-1"]
    assert curves["series"][0]["points"][-1][1] == pytest.approx(row.mean_gap, rel=1e-4)
    assert curves["rows"][0]["gaps"][-1] == pytest.approx(row.mean_gap, rel=1e-4)


def test_a_thinned_trace_keeps_its_ends(records):
    """The last point is the result of the run; it is the one that must not go."""
    record = max(records, key=lambda r: len(r.trajectory))
    full = trace(record, 1000)
    thin = trace(record, 4)
    assert len(thin) <= 4 < len(full)
    assert (thin[0], thin[-1]) == (full[0], full[-1])
    assert full[-1][1] == pytest.approx(record.primal_gap, rel=1e-4, abs=1e-12)


def test_points_that_change_nothing_are_dropped():
    """A step function needs its steps alone."""
    assert step_changes([(0, 1.0), (1, 1.0), (2, 0.5), (3, 0.5)]) == [[0, 1.0], [2, 0.5]]


def test_specialists_do_not_empty_the_profile(records):
    """Profiles take the instances that all ran: one solver for a single instance would leave that one alone."""
    first = records[0]
    lone = replace(first, key="lone", solver="lone")
    statistics = statistics_of(scopes([*records, lone])[0], {"solver-0": 0, "solver-1": 1, "solver-2": 2, "lone": 3})
    assert statistics["left_out"] == [3]
    assert statistics["profiles"]["instances"] > 1
    assert [one["solver"] for one in statistics["profiles"]["gap"]["series"]] == [0, 1, 2]


def test_solvers_below_the_reference_are_told_apart():
    """Both have gap 0 in the table; who wins must not be lost, and the reader is told what it was measured by."""
    found = [run(s, f"c{c}", value) for c in range(3) for s, value in (("a", 80.0), ("b", 99.0))]
    collection = collect({Path("a.jsonl"): found})
    assert "3 references are beaten" in collection.notes[0]
    [scope] = scopes(collection.records)
    found = statistics_of(scope, {"a": 0, "b": 1})
    assert found["pairs"]["cells"][0][1]["wins"] == 3
    assert found["pairs"]["cells"][0][1]["ranks"] == -found["pairs"]["cells"][1][0]["ranks"] == -6.0
    assert [row["rank"] for row in found["ranking"]["ranks"]] == [1.0, 2.0]
    assert found["curves"]["rows"][0]["gaps"][-1] == 0.0


def test_saved_solutions_without_times_do_not_empty_the_time_profile():
    """The others' times can be compared as before; a curve at the limit would be made up."""
    found = [run("a", f"c{c}", 100.0, best=1.0) for c in range(3)]
    found += [run("saved", f"c{c}", 100.0, time=None, solver_name="") for c in range(3)]
    values = statistics_of(scopes(found)[0], {"a": 0, "saved": 1})
    assert [row["solver"] for row in values["curves"]["rows"]] == [0]
    assert values["profiles"]["time"]["why"] is None
    assert [series["solver"] for series in values["profiles"]["time"]["series"]] == [0]
    assert [series["solver"] for series in values["profiles"]["gap"]["series"]] == [0, 1]


def test_a_run_that_never_came_close_never_joins_the_time_profile(records):
    """Counted at its time limit, it would look as if it had been merely slow."""
    bad = [replace(r, solver="bad", key=f"b{i}", objective=None, trajectory=()) for i, r in enumerate(records)]
    bad = [r for r in bad if r.solver == "bad"]
    good = [r for r in records if r.solver == "solver-0"]
    profiles = statistics_of(scopes([*good, *bad])[0], {"solver-0": 0, "bad": 1})["profiles"]
    shares = {one["solver"]: one["points"][-1][1] for one in profiles["time"]["series"]}
    assert shares[1] == 0.0 < shares[0]


# -- drawings ---------------------------------------------------------------------------------------------------------


def unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


def test_solutions_of_a_real_run_are_drawn(tmp_path):
    """Records, solutions and instances come from three places; the drawing shows that they belong together."""
    path = solved_run(tmp_path)
    data = data_of(Report.load([path]).html())
    assert [case["drawing"] for case in data["cases"]] == [0, 1, 2]
    for packed in data["drawings"]:
        assert ElementTree.fromstring(unpacked(packed)).tag.endswith("svg")
    moved = tmp_path / "elsewhere.jsonl"
    path.rename(moved)
    (tmp_path / "small.files").rename(tmp_path / "elsewhere.files")
    assert len(data_of(Report.load([moved]).html())["drawings"]) == 3


@pytest.mark.parametrize("is_first", [True, False])
def test_runs_in_two_files_are_drawn_from_the_one_with_solutions(tmp_path, is_first):
    """Beside a copy of the records alone, in any order."""
    path = solved_run(tmp_path)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(path.read_bytes())
    data = data_of(Report.load([path, copy] if is_first else [copy, path]).html())
    assert len(data["drawings"]) == 3


def test_what_can_not_be_drawn_says_why(tmp_path):
    """An empty place in a report looks like a bug of the report."""
    path = solved_run(tmp_path)
    (tmp_path / "small.files" / "solutions" / "tsp-key.npz").unlink()
    (tmp_path / "small.files" / "solutions" / "cvrp-key.npz").write_bytes(b"nonsense")
    records = [replace(r, digest="0" * 64) if r.problem == "mis" else r for r in read_records(path)]
    files = {path: records}
    data = data_of(page.page(collect(files), title="x", folders=folders_of(files)))
    assert data["drawings"] == []
    reasons = [case["why"] for case in data["cases"]]
    assert reasons[0] == "the solution's file is gone"
    assert reasons[1].startswith("the solution can't be read")
    assert reasons[2] == "the run's folder does not say where the instance came from"


def test_a_record_can_not_name_a_file_outside_its_run(tmp_path):
    """Records come from elsewhere too; the page would carry what they point at."""
    path = solved_run(tmp_path)
    solutions = tmp_path / "small.files" / "solutions"
    (solutions / "tsp-key.npz").rename(tmp_path / "secret.npz")
    records = [replace(r, solution="../secret.npz") for r in read_records(path)[:1]]
    files = {path: records}
    data = data_of(page.page(collect(files), title="x", folders=folders_of(files)))
    assert data["cases"][0]["why"] == "the solution's file is gone"


def test_a_full_page_takes_no_more_drawings_and_says_how_many(tmp_path, monkeypatch):
    """20 MB are what browsers and mailboxes take; a hole without a word would look like a missing solution."""
    path = solved_run(tmp_path)
    report = Report.load([path])
    room = len(data_of(report.html())["drawings"][0]) + 1
    artist = drawings.Artist(report.folders, room)
    assert [bool(drawing.packed) for drawing in artist.draw_all(report.collection.records)] == [True, False, False]
    assert artist.num_left_out == 2
    monkeypatch.setattr(drawings, "MAX_DRAWINGS", 1)
    data = data_of(report.html())
    assert len(data["drawings"]) == 1
    assert "2 drawings left out to keep the page small." in data["notes"]


def test_gaps_in_the_page_are_finite_numbers(records):
    """NaN is no JSON: the whole page would be blank."""
    odd = [replace(r, bound=None, trajectory=()) for r in records[:20]]
    data = data_of(make(odd))
    values = [row["gap"] for row in rows_of(data) if row["gap"] is not None]
    assert np.isfinite(values).all()
