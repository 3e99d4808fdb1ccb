"""Comparing two sets of records: who is paired, what the difference is, and when B is worse."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from cosolve.core.result import Status
from cosolve.evaluation.compare import compare
from cosolve.evaluation.pairing import Measure
from cosolve.evaluation.records import Failure
from cosolve.evaluation.statistics import WinTieLoss, bootstrap_interval
from tests.evaluation.runs import run

CASES = [f"case{i}" for i in range(8)]


def runs(objectives, solver="a", **facts):
    return [run(solver, case, value, **facts) for case, value in zip(CASES, objectives)]


def test_gaps_are_compared_by_hand():
    """Gaps of A 0 on all, of B 0.2, 0.2, 0, 0, 0, 0, 0, 0: the mean difference is 0.05."""
    (result,) = compare(runs([100.0] * 8), runs([125.0, 125.0] + [100.0] * 6))
    assert result.mean_difference == pytest.approx(0.05)
    assert result.counts == WinTieLoss(wins=0, ties=6, losses=2)
    assert [pair.difference for pair in result.pairs] == pytest.approx([0.2, 0.2] + [0.0] * 6)
    assert result.interval == bootstrap_interval([pair.difference for pair in result.pairs])
    assert not result.unpaired
    assert not result.notes


def test_b_is_worse_only_if_the_interval_says_so_too():
    """One unlucky instance must not stop a change, unless asked to."""
    (unsure,) = compare(runs([100.0] * 8), runs([1000.0, *[100.0] * 7]))
    assert unsure.mean_difference == pytest.approx(0.9 / 8)
    assert unsure.interval.low <= 0
    assert not unsure.is_worse(0.01)
    assert unsure.is_worse(0.01, strict=True)
    (sure,) = compare(runs([100.0] * 8), runs([125.0] * 8))
    assert sure.is_worse(0.01)
    assert not sure.is_worse(0.25)
    (better,) = compare(runs([125.0] * 8), runs([100.0] * 8))
    assert not better.is_worse(0.0, strict=True)


def test_swapping_the_sides_swaps_the_sign():
    """Which file is named first must not change the finding."""
    rng = np.random.default_rng(0)
    a, b = runs(rng.uniform(100, 150, 8)), runs(rng.uniform(100, 150, 8))
    for measure in (Measure.GAP, Measure.OBJECTIVE):
        (forth,), (back,) = compare(a, b, measure=measure), compare(b, a, measure=measure)
        assert forth.mean_difference == pytest.approx(-back.mean_difference)
        assert forth.p_value == pytest.approx(back.p_value)
        assert forth.counts.wins == back.counts.losses


def test_time_is_compared_by_ratio():
    """Shifted by 1 s: (3 + 1) / (1 + 1) = 2 and (0 + 1) / (1 + 1) = 1/2 cancel: no change in the geometric mean."""
    a = [run("a", "one", 100.0, time=1.0), run("a", "two", 100.0, time=1.0)]
    b = [run("a", "one", 100.0, time=3.0), run("a", "two", 100.0, time=0.0)]
    (result,) = compare(a, b, measure="time")
    assert [pair.difference for pair in result.pairs] == pytest.approx([1.0, -0.5])
    assert result.mean_difference == pytest.approx(0.0, abs=1e-12)


def test_a_crash_that_is_quick_is_not_faster():
    """A failed run counts its limit of 10 s: (10 + 1) / (1 + 1) - 1."""
    (result,) = compare([run(objective=100.0)], [run(failure=Failure.CRASH, time=0.1)], measure="time")
    assert result.mean_difference == pytest.approx(4.5)


def test_a_refuted_proof_is_not_faster():
    """B says within 0.1 s that there is no solution, and A has one: as slow as the limit, (10 + 1) / (1 + 1) - 1."""
    wrong = run(status=Status.INFEASIBLE, time=0.1, reference=None)
    (result,) = compare([run(objective=100.0, reference=None)], [wrong], measure="time")
    assert result.mean_difference == pytest.approx(4.5)


def test_a_failure_without_a_limit_has_no_time():
    """Infinity would make the mean NaN, which no threshold stops."""
    with pytest.raises(ValueError, match="one, seed 0: the run in B failed without a time limit"):
        compare([run(objective=100.0)], [run(limit=None)], measure="time")


def test_objectives_are_compared_without_a_reference():
    """Signed: 125 against 100 is 0.2 worse for min and better for max; no solution against one is 1."""
    for sense, expected in (("min", 0.2), ("max", -0.2)):
        facts = {"reference": None, "sense": sense}
        (result,) = compare([run(objective=100.0, **facts)], [run(objective=125.0, **facts)], measure="objective")
        assert result.mean_difference == pytest.approx(expected)
    (lost,) = compare([run(objective=100.0)], [run()], measure="objective")
    assert (lost.mean_difference, lost.pairs[0].a, lost.pairs[0].b) == (1.0, 100.0, None)
    (both,) = compare([run()], [run()], measure="objective")
    assert both.mean_difference == 0.0


def test_primal_integrals_are_compared():
    """A has gap 0 from 2 s of 10 on, B from 7 s on: 0.7 - 0.2."""
    a = [run(objective=100.0, trajectory=((2.0, 100.0, None),))]
    b = [run(objective=100.0, trajectory=((7.0, 100.0, None),))]
    assert compare(a, b, measure="primal-integral")[0].mean_difference == pytest.approx(0.5)


# -- pairing ----------------------------------------------------------------------------------------------


def test_what_has_no_partner_is_listed_with_the_reason():
    """Comparing what is left without saying so would hide a lost instance."""
    a = [run(case="one", objective=100.0), run(case="two", objective=100.0), run(case="three", objective=100.0)]
    b = [run(case="one", objective=100.0), run(case="three", failure=Failure.UNAVAILABLE), run(case="four")]
    (result,) = compare(a, b)
    assert [pair.case for pair in result.pairs] == ["one"]
    assert {(u.case, u.why) for u in result.unpaired} == {
        ("two", "only in A"),
        ("three", "not run in B: unavailable"),
        ("four", "only in B"),
    }


def test_seeds_are_paired_and_averaged_within_the_instance():
    """Seed 2 ran in A only: it is listed, and the instance is one pair of two runs."""
    a = [run(objective=100.0, seed=s) for s in (0, 1, 2)]
    b = [run(objective=100.0, seed=0), run(objective=200.0, seed=1)]
    (result,) = compare(a, b)
    assert (len(result.pairs), result.pairs[0].runs) == (1, 2)
    assert result.mean_difference == pytest.approx(0.25)
    assert [(u.seed, u.why) for u in result.unpaired] == [(2, "only in A")]


def test_a_solver_with_one_seed_is_compared_with_every_seed_of_the_other():
    """A deterministic solver runs once; pairing it with seed 0 alone would throw the rest away."""
    once = [run("d", case, 100.0) for case in CASES]
    thrice = [run("r", case, 125.0, seed=s) for case in CASES for s in range(3)]
    (result,) = compare(once, thrice)
    assert [pair.runs for pair in result.pairs] == [3] * 8
    assert result.mean_difference == pytest.approx(0.2)
    (back,) = compare(thrice, once)
    assert [pair.runs for pair in back.pairs] == [3] * 8
    assert back.mean_difference == pytest.approx(-0.2)


def test_the_latest_of_two_settings_is_compared_whatever_the_order_of_the_records():
    """A suite whose time limit was changed leaves both in its file: what stands must be what the report takes."""
    old, new = runs([200.0] * 8, key="old", started="1"), runs([100.0] * 8, limit=2.0, started="2")
    other = runs([100.0] * 8, "b", limit=2.0)
    for twice in ([*old, *new], [*new, *old]):
        for first, second, side in ((twice, other, "A"), (other, twice, "B")):
            (result,) = compare(first, second)
            assert result.mean_difference == 0.0
            assert {(u.case, u.why) for u in result.unpaired} == {
                (case, f"run again in {side} under other settings") for case in CASES
            }
            (note,) = result.notes
            assert note.startswith(f"In {side}, 8 runs are left out")


def test_a_content_of_several_names_is_paired_name_by_name():
    """The last of the file stood for all; gaps of A 0 and 0.2, of B 0.5 and 0.2, and one that A has no partner for."""
    a = [run(case="t1", digest="d", objective=100.0), run(case="copy", digest="d", objective=125.0)]
    b = [run(case="copy", digest="d", objective=125.0), run(case="t1", digest="d", objective=200.0)]
    for second in (b, b[::-1]):
        (result,) = compare(a, second)
        assert [(pair.runs, pair.a, pair.b) for pair in result.pairs] == [(2, pytest.approx(0.1), pytest.approx(0.35))]
        assert not result.unpaired
    (fewer,) = compare(a, b[1:])
    assert fewer.mean_difference == pytest.approx(0.5)
    assert [(u.case, u.why) for u in fewer.unpaired] == [("copy", "only in A")]


def test_instances_are_paired_by_content():
    """A renamed file is the same instance, another file of that name is not."""
    (same,) = compare([run(case="old", digest="d", objective=100.0)], [run(case="new", digest="d", objective=100.0)])
    assert len(same.pairs) == 1
    (other,) = compare([run(digest="d1", objective=100.0)], [run(digest="d2", objective=100.0)])
    assert not other.pairs
    assert other.mean_difference is None
    assert math.isnan(other.p_value)
    assert not other.is_worse(0.0, strict=True)


def test_both_sides_are_measured_against_the_same_reference():
    """A better reference found in between must not make B look worse: both gaps are to 80."""
    (result,) = compare([run(objective=100.0, reference=100.0)], [run(objective=100.0, reference=80.0)])
    assert (result.pairs[0].a, result.pairs[0].b) == (pytest.approx(0.2), pytest.approx(0.2))
    assert "1 instances have different references" in result.notes[0]


def test_without_a_reference_the_better_of_the_two_is_it():
    """Gap 0 for A, 0.2 for B, and the reader is told."""
    (result,) = compare([run(objective=100.0, reference=None)], [run(objective=125.0, reference=None)])
    assert (result.pairs[0].a, result.pairs[0].b) == (0.0, pytest.approx(0.2))
    assert "no reference" in result.notes[0]


def test_a_regression_below_the_reference_is_seen():
    """Both beat the reference of 100, B by far less: two gaps of 0 would let any of it pass."""
    (result,) = compare(runs([80.0] * 8), runs([99.0] * 8))
    assert result.mean_difference == pytest.approx(19 / 99)
    assert result.is_worse(0.01)
    assert "8 references are beaten" in result.notes[0]
    assert compare(runs([99.0] * 8), runs([80.0] * 8))[0].mean_difference == pytest.approx(-19 / 99)
    assert not compare(runs([100.0] * 8), runs([100.0 - 1e-6] * 8))[0].notes  # rounding errors are no new best


def test_other_settings_are_noted():
    """Twice the time is no better solver."""
    (result,) = compare([run(objective=100.0, limit=10.0)], [run(objective=100.0, limit=20.0, threads=4)])
    text = " ".join(result.notes)
    assert "stopping criteria differ on 1 of 1 pairs of runs: time_limit 10.0 in A, time_limit 20.0 in B" in text
    assert "threads differ" in text


# -- which solvers ----------------------------------------------------------------------------------------


def test_all_common_solvers_are_compared_and_adjusted_together():
    """Three chances to be wrong: 8 differences of one sign have p = 2 / 2^8, times 2 by Holm over the two tested."""
    a = runs([100.0] * 8, "x") + runs([100.0] * 8, "y") + runs([100.0] * 8, "only in a")
    b = runs(np.linspace(110, 120, 8), "x") + runs([100.0] * 8, "y")
    x, y = compare(a, b)
    assert (x.a, x.b, y.a) == ("x", "x", "y")
    assert x.p_value == pytest.approx(2 / 2**8)
    assert x.p_adjusted == pytest.approx(4 / 2**8)
    assert y.p_value == y.p_adjusted == 1.0


def test_two_solvers_of_one_file():
    """The same records twice."""
    records = runs([100.0] * 8, "x") + runs([125.0] * 8, "y")
    (result,) = compare(records, records, solver="x", solver_b="y")
    assert (result.a, result.b) == ("x", "y")
    assert result.mean_difference == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({}, "no solver is in both: A has 'x', 'y', B has 'z'"),
        ({"solver": "w", "solver_b": "z"}, "A has no solver 'w'; it has 'x', 'y'"),
        ({"solver": "x"}, "B has no solver 'x'; it has 'z'"),
        ({"solver_b": "z"}, "name the solver of A too; it has 'x', 'y'"),
    ],
)
def test_solvers_that_are_not_there_are_named(chosen, message):
    """A typo must not pass as "no difference"."""
    with pytest.raises(ValueError, match=message):
        compare([run("x"), run("y")], [run("z")], **chosen)


def test_one_solver_on_each_side_needs_no_name():
    """A file of one solver, before and after a renaming."""
    assert compare([run("x")], [run("z")])[0].b == "z"
    assert compare([run("x")], [run("y"), run("z")], solver_b="z")[0].a == "x"


def test_a_comparison_is_plain_json():
    """NaN is no JSON; a gate must be able to read it."""
    (result,) = compare([run(digest="d1")], [run(digest="d2")])
    data = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert data["p_value"] is None
    assert data["measure"] == "gap"
    assert len(data["unpaired"]) == 2
