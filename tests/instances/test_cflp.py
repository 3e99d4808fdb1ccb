"""Facility location: instance, judge, files, generator."""

from __future__ import annotations

import contextlib
import warnings

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.instances.cflp import CFLPInstance, Supply, evaluate
from cosolve.instances.formats import cflp as files
from cosolve.instances.formats.source import Source
from cosolve.instances.generators.cflp import cornuejols


def small() -> CFLPInstance:
    return CFLPInstance(capacity=[5, 10], fixed_cost=[3, 4], demand=[4, 3, 0], cost=np.array([[8.0, 3, 9], [4, 6, 9]]))


def supply(amount: list[float], is_open: tuple[int, int] = (1, 1)) -> Supply:
    return Supply(is_open=is_open, facility=[0, 0, 1], customer=[0, 1, 0], amount=amount)


def test_split_demand_pays_its_shares_and_open_facilities_pay_always():
    """2 of 4 units at 8 and 2 at 4 cost 6; 3 more for customer 1; 7 for the facilities."""
    verdict = evaluate(small(), supply([2, 3, 2]))
    assert verdict.feasible
    assert verdict.objective == pytest.approx(16)


@pytest.mark.parametrize(
    "bad",
    [
        supply([2, 3, 1.99]),
        supply([2, 3, 2.01]),
        supply([-1, 3, 5]),
        supply([3, 3, 1]),
        supply([2, 3, 2], (0, 1)),
        supply([np.nan, 3, 2]),
        supply([2, np.inf, 2]),
        Supply(is_open=[1], facility=[], customer=[], amount=[]),
        Supply(is_open=[1, 1], facility=[7], customer=[0], amount=[4]),
        Supply(is_open=[1, 1], facility=[0], customer=[-1], amount=[4]),
        Supply(is_open=[1, 1], facility=[0, 1, 0], customer=[1, 0, 2], amount=[3, 4, 1]),
    ],
)
def test_judge_finds_every_broken_rule(bad):
    """NaN passes every comparison of the FrontierCO harness."""
    assert not evaluate(small(), bad).feasible
    evaluate(small(), bad, "frontierco")


def test_costs_that_overflow_are_no_warning():
    instance = CFLPInstance(capacity=[9, 9], fixed_cost=[0, 0], demand=[1, 1], cost=np.full((2, 2), 1e308))
    with warnings.catch_warnings(action="error"):
        evaluate(instance, Supply(is_open=[1, 1], facility=[0, 1], customer=[0, 1], amount=[1, 1]))


def test_slack_for_rounded_amounts_replaces_no_facility():
    """One facility less was feasible, and cheaper than the proven optimum."""
    instance = CFLPInstance(capacity=[10, 10], fixed_cost=[5, 5], demand=[10.000005], cost=[[1], [1]])
    both = Supply(is_open=[1, 1], facility=[0, 1], customer=[0, 0], amount=[10.000005, 0])
    one = Supply(is_open=[1, 0], facility=[0], customer=[0], amount=[10.000005])
    assert evaluate(instance, both).feasible
    assert [v.what for v in evaluate(instance, one).violations] == ["open facilities can't deliver the total demand"]
    assert not evaluate(instance, one, "frontierco").feasible


@pytest.mark.parametrize("name", ["orlib", "holmberg"])
def test_files_read_back_what_was_written(name, tmp_path):
    """A writer that loses digits or mixes up the layouts would change the instance."""
    instance = cornuejols(seed=3, facilities=7, customers=12)
    path = tmp_path / "x"
    getattr(files, f"write_{name}")(instance, path)
    source = Source.open(path)
    formats = [f for f in (files.ORLIB, files.HOLMBERG, files.AVELLA) if f.sniff(source)]
    assert [f.name for f in formats] == [f"cflp-{name}"]
    assert formats[0].read(source, "cflp") == instance


@pytest.mark.parametrize(
    "text",
    ["2 2\n1 2\n1 2\n1 1\n1 2\n", "2 2\n1 2\n1 -2\n1 1\n1 2\n3 4\n", "99999999 99999999\n1 2\n",
     "2 2\nnan 2\n1 2\n1 1\n",
     "0 2\n", "2 2\n1 2\n1 2\n1 1\n1 2\n3 4\n5\n", "2.5 2\n1 2\n"],
)  # fmt: skip
@pytest.mark.parametrize("read", [files.read_orlib, files.read_holmberg, files.read_avella])
def test_malformed_files_are_refused(text, read, tmp_path):
    """Anything but an error that names the file would be a crash or a wrong instance."""
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(InvalidInstanceError, match="x"):
        read(Source.open(path), "cflp")


def test_the_suffix_decides_where_the_lines_fit_two_layouts(tmp_path):
    """More demand than capacity made a file read as the other layout, which is another instance."""
    instance = CFLPInstance(
        capacity=[10, 6, 6, 1],
        fixed_cost=[2, 1, 4, 16],
        demand=[13, 18, 10, 12],
        cost=[[19, 14, 13, 11], [11, 18, 6, 16], [13, 1, 8, 17], [11, 1, 15, 14]],
    )
    cosolve.write(instance, tmp_path / "q.cflp", format="cflp-holmberg")
    assert cosolve.read(tmp_path / "q.cflp") == instance
    (tmp_path / "q.plc").write_bytes((tmp_path / "q.cflp").read_bytes())
    assert cosolve.read(tmp_path / "q.plc").demand.tolist() == [10, 2, 6, 1]


def test_layouts_that_stay_ambiguous_are_named(tmp_path):
    """A guess would be another instance without a word."""
    instance = CFLPInstance(capacity=[1, 1, 9, 9], fixed_cost=[1, 1, 1, 1], demand=[1, 2, 1, 3], cost=np.ones((4, 4)))
    files.write_holmberg(instance, tmp_path / "q.txt")
    with pytest.raises(InvalidInstanceError, match=r"fits several formats.*cflp-avella, cflp-holmberg"):
        cosolve.read(tmp_path / "q.txt")


def test_what_would_be_read_as_another_layout_is_not_written(tmp_path):
    """With one customer more than facilities the lines are the same, and what can't be delivered was misread."""
    instance = CFLPInstance(capacity=[5, 9], fixed_cost=[1, 2], demand=[90, 2, 1], cost=[[4, 1, 2], [3, 6, 1]])
    with pytest.raises(ValueError, match="cflp-holmberg"):
        cosolve.write(instance, tmp_path / "q.txt", format="cflp-orlib")
    assert not list(tmp_path.iterdir())
    cosolve.write(instance, tmp_path / "q.cflp")
    assert cosolve.read(tmp_path / "q.cflp") == instance


@pytest.mark.parametrize("suffix", [".txt", ".cflp", ".plc", ".cflp.gz"])
@pytest.mark.parametrize("name", [None, "cflp-orlib", "cflp-holmberg"])
def test_a_written_file_is_never_read_as_another_instance(tmp_path, name, suffix):
    """Where orlib was refused, Holmberg's layout was written, and read back as orlib's; so were other sizes."""
    path = tmp_path / f"q{suffix}"
    written = 0
    for m, n in ((2, 3), (4, 5), (4, 4), (2, 2), (2, 6), (3, 8), (5, 3), (3, 4)):
        for seed in range(8):
            rng = np.random.default_rng(seed)
            numbers = [rng.integers(0, 10, shape) for shape in (m, m, n, (m, n))]
            instance = CFLPInstance(**dict(zip(("capacity", "fixed_cost", "demand", "cost"), numbers, strict=True)))
            with contextlib.suppress(ValueError):  # refused, or said to be ambiguous
                cosolve.write(instance, path, format=name)
                assert cosolve.read(path) == instance
                written += 1
    assert written or suffix == ".plc"


def test_a_layout_that_fits_by_chance_is_not_written_without_its_suffix(tmp_path):
    """The demand came back as [1, 0, 0]."""
    instance = CFLPInstance(capacity=[5, 2], fixed_cost=[50, 60], demand=[1, 3, 4], cost=[[0, 2, 3], [0, 1, 2]])
    for name in (None, "cflp-orlib", "cflp-holmberg"):
        with pytest.raises(ValueError, match=r"suffix \.cflp"):
            cosolve.write(instance, tmp_path / "q.txt", format=name)
    assert not list(tmp_path.iterdir())
    for name in ("q.cflp", "q.cflp.gz"):
        assert cosolve.write(instance, tmp_path / name) == "cflp-holmberg"
        assert cosolve.read(tmp_path / name) == instance


@pytest.mark.parametrize("name", ["cflp-orlib", "cflp-holmberg"])
def test_a_file_without_customers_is_not_written(tmp_path, name):
    """No reader takes it."""
    empty = CFLPInstance(capacity=[1], fixed_cost=[1], demand=[], cost=np.empty((1, 0)))
    with pytest.raises(ValueError, match="at least 1 customer"):
        cosolve.write(empty, tmp_path / "x", format=name)


def test_capa_asks_for_its_capacity(data):
    """The word 'capacity' stands in place of a number in OR-Library's capa."""
    source = Source.open(data / "cflp/orlib/capa.txt")
    with pytest.raises(InvalidInstanceError, match="--set capacity=8000"):
        files.read_orlib(source, "cflp")
    assert (files.read_orlib(source, "cflp", capacity=8000).capacity == 8000).all()


@pytest.mark.parametrize(
    ("path", "name"),
    [("orlib/cap61.txt", "orlib"), ("orlib/capa.txt", "orlib"), ("holmberg/p1", "holmberg"),
     ("holmberg/p67", "holmberg"), ("yang/p11", "holmberg"), ("tbed1/p1", "avella"), ("tbed1/p6", "avella")],
)  # fmt: skip
def test_published_files_are_told_apart(path, name, data):
    """All three layouts hold the same count of numbers."""
    source = Source.open(data / "cflp" / path)
    formats = [f.name for f in (files.ORLIB, files.HOLMBERG, files.AVELLA) if f.sniff(source)]
    assert formats == [f"cflp-{name}"]


def test_solutions_read_back(tmp_path):
    """A lost digit would break a demand."""
    solution = supply([2, 3, 1 / 3])
    path = tmp_path / "x.sol"
    files.write_solution(small(), solution, 16.0, path)
    assert files.read_solution(Source.open(path), small()) == solution


def test_generator_repeats_itself():
    """Equal seeds must give equal instances."""
    assert cornuejols(seed=1) == cornuejols(seed=1) != cornuejols(seed=2)
