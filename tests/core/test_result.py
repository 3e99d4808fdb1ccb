import dataclasses
import json
import math

import numpy as np
import pytest

from cosolve.core.result import Limit, SolveResult, Status, TracePoint, jsonable, result_from_dict
from cosolve.instances.tsp import Tour


def result(**changes) -> SolveResult:
    values = {
        "problem": "tsp",
        "instance": "square",
        "digest": "0" * 64,
        "solver": "stub",
        "version": "1",
        "status": Status.FEASIBLE,
        "limit": Limit.TIME,
        "objective": 48.0,
        "claimed_objective": 47.5,
        "bound": 40.0,
        "solution": Tour(order=np.array([0, 2, 1, 3])),
        "trajectory": (TracePoint(0.1, None, 30.0), TracePoint(0.2, 48.0, 40.0)),
        "build_time": 0.01,
        "runtime": 1.0,
        "seed": 3,
        "threads": 2,
        "options": {"workers": 8},
        "stats": {"nodes": 17},
        "message": "half way",
    }
    return SolveResult(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": Status.NO_SOLUTION, "objective": None, "solution": None, "claimed_objective": None},
        {"limit": None, "bound": None, "trajectory": ()},
        {"status": Status.ERROR, "message": "boom"},
    ],
)
def test_result_round_trips_through_json(changes):
    """Records and ``solve --json`` are read back: nothing may be lost."""
    original = result(**changes)
    assert result_from_dict(json.loads(original.to_json()), Tour) == original


def test_json_has_the_promised_keys_and_plain_words():
    """Scripts read these."""
    data = json.loads(result().to_json())
    assert {"objective", "status", "limit", "bound", "gap", "runtime", "solution", "trajectory"} <= set(data)
    assert (data["status"], data["limit"]) == ("feasible", "time")
    assert data["gap"] == pytest.approx(8 / 48)
    assert data["trajectory"] == [[0.1, None, 30.0], [0.2, 48.0, 40.0]]


def test_json_never_holds_nan_or_infinity():
    """NaN is no JSON: most parsers refuse the whole line."""
    text = result(
        objective=math.nan,
        bound=math.inf,
        stats={"a": math.nan, "b": np.float64(-math.inf), "c": np.array([1.0, math.nan]), "d": [math.inf]},
        options={"limit": math.inf},
    ).to_json()
    data = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} in {text}"))
    assert data["objective"] is None
    assert data["stats"] == {"a": None, "b": None, "c": [1.0, None], "d": [None]}


def test_jsonable_unwraps_what_solvers_put_into_stats():
    """Statistics are whatever a backend returns."""

    @dataclasses.dataclass
    class Options:
        size: int = 3
        status: Status = Status.OPTIMAL

    value = {1: np.int64(2), "set": {5}, "tuple": (np.bool_(True),), "options": Options(), "odd": object}
    plain = jsonable(value)
    assert plain["1"] == 2
    assert plain["set"] == [5]
    assert plain["tuple"] == [True]
    assert plain["options"] == {"size": 3, "status": "optimal"}
    assert isinstance(plain["odd"], str)


@pytest.mark.parametrize(
    "change", [{"status": "great"}, {"limit": "patience"}, {"trajectory": [[1]]}, {"trajectory": 5}]
)
def test_wrong_values_are_value_errors(change):
    """Records come from files."""
    with pytest.raises(ValueError):
        result_from_dict({**result().to_dict(), **change}, Tour)


def test_missing_keys_are_named():
    """A truncated record must not become a result with defaults."""
    data = result().to_dict()
    del data["runtime"]
    with pytest.raises(ValueError, match="runtime"):
        result_from_dict(data, Tour)


def test_gap_and_feasibility_follow_from_the_parts():
    """They are derived, never stored apart."""
    assert result(bound=None).gap == 1.0
    assert result(objective=40.0).gap == 0.0
    assert not result(solution=None).is_feasible
