"""Orienteering files: KU Leuven's text format, JSON and NumPy archives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from orienteering_cases import instances

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.instances.distances import Distances

TOPTW = """1 1 2 0
0 100
0 0.00 0.00 0.00 0.00 0 1 2 0 0 50
1 3.00 4.00 2.00 7.00 1 1 1 10 20
2 1.00 1.00 2.00 9.00 1 1 1 0 40
"""


@pytest.fixture
def write(tmp_path):
    def writer(text, name="case.txt"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return writer


def test_text_format_is_recognised_and_read(write):
    """Windows are the last two numbers; the depot's closing time is the horizon."""
    instance = cosolve.read(write(TOPTW.replace("0 1 2 0 0 50", "0 1 2 9 9 0 50").replace("0 1 2 9 9", "0 2 9 9")))
    assert instance.problem == "optw"
    assert instance.horizon == 50
    assert instance.prize.tolist() == [0, 7, 9]
    assert instance.min_service.tolist() == [0, 2, 2]
    assert (instance.opens[1], instance.closes[1]) == (10, 20)
    assert instance.distances.between(0, 2) == 1.4


def test_distances_are_cut_off_not_rounded():
    """sqrt(2) is 1.4 with one decimal, 1.41 with two; 0.3 must not become 0.2 by floating point."""
    coords = np.array([[0.0, 0], [1, 1], [0.3, 0], [5, 12]])
    assert Distances.truncated(coords, 1).matrix[0].tolist() == [0, 1.4, 0.3, 13]
    assert Distances.truncated(coords, 2).matrix[0].tolist() == [0, 1.41, 0.3, 13]
    assert Distances.truncated(np.array([[0.0, 0], [1.99, 0]]), 1).between(0, 1) == 1.9


def test_decimals_follow_the_set_or_the_reader_option(write):
    """Cordeau's files have a limit of the tour in line two and two decimals."""
    text = TOPTW.replace("0 1 2 0 0 50", "0 0 0 50")
    assert cosolve.read(write(text)).meta["decimals"] == 1
    cordeau = cosolve.read(write(text.replace("0 100\n", "500 100\n", 1)))
    assert cordeau.meta["decimals"] == 2
    assert cordeau.distances.between(0, 2) == 1.41
    assert cosolve.read(write(text), decimals=0).distances.between(0, 2) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10 20", "20 10", "window closes at 10, before it opens at 20"),
        ("7.00", "-7.00", "score must be >= 0, got -7"),
        ("2.00 7.00", "-2.00 7.00", "service must be >= 0"),
        ("2 1.00 1.00", "5 1.00 1.00", "expected place 2, got 5"),
        ("3.00 4.00", "nan 4.00", "numbers must be finite"),
        ("3.00 4.00", "x 4.00", "expected a number, got 'x'"),
        ("3.00 4.00", "3_0.00 4.00", "expected a number, got '3_0.00'"),
        ("9.00 1 1 1 0 40", "9.00 1 2 1 0 40", "a list of 2 entries makes 11 numbers, got 10"),
        ("1 1 1 0 40", "1 1", "a place needs at least 9 numbers, got 7"),
        ("0 0 0 50", "0 0 0 -5", "horizon must be finite and >= the start"),
    ],
)
def test_broken_lines_are_named(write, old, new, message):
    """File, line and what is allowed: a silent guess would change the optimum."""
    text = TOPTW.replace("0 1 2 0 0 50", "0 0 0 50")
    assert old in text
    path = write(text.replace(old, new, 1))
    with pytest.raises(InvalidInstanceError, match=message) as error:
        cosolve.read(path, format="toptw", problem="optw")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("suffix", ["json", "npz"])
@settings(max_examples=50)
@given(instance=instances())
def test_own_formats_give_back_what_was_written(tmp_path_factory, suffix, instance):
    """Every float must survive to the last bit: proofs are about this very instance."""
    path = tmp_path_factory.mktemp("own") / f"case.{suffix}"
    cosolve.write(instance, path)
    again = cosolve.read(path)
    assert again == instance
    assert again.problem == instance.problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"opens": None}, "opens"),
        ({"horizon": "x"}, "could not convert"),
        ({"metric": "MILES"}, "metric must be one of"),
        ({"coords": [[0, 0], [1]]}, "inhomogeneous"),
        ({"colour": 1}, "unknown key 'colour'"),
    ],
)
def test_broken_json_is_refused(write, change, message):
    """A misspelt key that is ignored would leave out a constraint."""
    data = {"problem": "optwvp", "coords": [[0, 0], [1, 0]], "opens": [0, 0], "closes": [5, 5], "horizon": 5}
    cosolve.read(write(json.dumps(data), "ok.json"))
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(write(json.dumps({**data, **change}), "bad.json"))


@pytest.mark.parametrize("problem", ["optw", "optwvp"])
@pytest.mark.parametrize("options", [{}, {"format": "orienteering-json"}])
def test_json_names_its_problem_anywhere(write, problem, options):
    """Keys have no order: only a file that began with its problem was recognised, and none where a format was given."""
    data = {"meta": {"problem": "optw"}, "coords": [[0, 0], [1, 0]], "opens": [0, 0], "closes": [5, 5], "horizon": 5}
    text = json.dumps({**data, "problem": problem}, indent=1)
    assert cosolve.read(write(text, "any.name"), **options).problem == problem
    with pytest.raises(InvalidInstanceError, match="not JSON: Expecting"):
        cosolve.read(write(json.dumps({"opens": [0], "problem": problem})[:-1], "broken"), **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"closes": np.array([5.0, -1.0])}, "window of place 1 closes at -1, before it opens at 0"),
        ({"horizon": np.array(np.nan)}, "horizon must be finite"),
        ({"prize": np.array([0.0, -3.0])}, "prize must be >= 0"),
        ({"colour": np.array(1)}, "unknown key 'colour'"),
        ({"metric": np.array("MILES")}, "metric must be one of"),
        ({"meta": np.array("[")}, "'meta' must be JSON"),
        ({"coords": np.array([[0.0, 0.0], [1.0, None]])}, "must hold numbers"),
    ],
)
def test_broken_archives_are_refused(tmp_path, change, message):
    """The same checks as for JSON, and nothing is unpickled."""
    data = {"problem": "optwvp", "coords": [[0, 0], [1, 0]], "opens": [0, 0], "closes": [5, 5], "horizon": 5.0}
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    np.savez(good, **data)
    assert cosolve.read(good).horizon == 5
    np.savez(bad, **{**data, **change})
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(bad)


def test_every_published_file_is_read(data):
    """Their heads announce a wrong number of customers now and then; their lists vary in length."""
    paths = [path for path in sorted((data / "optw").glob("*.txt")) if path.name != "t101.txt"]  # several constraints
    assert paths
    for path in paths:
        instance = cosolve.read(path)
        assert instance.problem == "optw", path
        assert instance.num_customers >= 48, path
        assert instance.is_integral, path
