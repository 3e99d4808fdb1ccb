"""MILP instances, their judge, and the Steiner-triple generator."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.instances.generators.milp import OPTIMA, steiner_triples
from cosolve.instances.milp import MILPInstance, Values, evaluate, families
from tests.solvers.milps import INF, brute_force, milp, random_milp


def judged(instance: MILPInstance, *values: float):
    return evaluate(instance, Values(values=np.array(values, dtype=float)))


def test_objective_includes_offset_and_range_rows_hold_on_both_sides():
    """1 <= x + 2 y <= 4."""
    instance = milp([[1, 2]], [3, 5], row_lower=1, row_upper=4, offset=10)
    assert judged(instance, 2, 1).objective == 21
    assert judged(instance, 2, 1).feasible
    assert judged(instance, 0, 0).violations[0].what == "row below its side"
    above = judged(instance, 1, 2)
    assert above.violations[0].what == "row above its side"
    assert above.violations[0].amount == 1
    assert above.objective == 23


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], [np.nan, 1.0], [np.inf, 1.0], [-np.inf, 1.0], [1e308] * 2])
def test_any_content_is_judged_without_a_crash(values):
    """Wrong lengths, NaN, infinities and sums that overflow are violations, never exceptions or passes."""
    instance = milp([[1, 2]], [1, 1], row_upper=10)
    assert not judged(instance, *values).feasible


def test_overflowing_sum_is_no_pass():
    """1e308 * 10 - 1e308 * 10 is inf - inf, a NaN, and every comparison with NaN is false."""
    instance = milp([[10, -10]], [0, 0], integer=False, row_upper=1)
    assert not judged(instance, 1e308, 1e308).feasible


def test_a_side_that_is_none_is_kept_by_sums_that_overflow():
    """inf - inf is a NaN, which was "below its side" for a row that has no lower one."""
    with warnings.catch_warnings(action="error"):
        free = judged(milp([[-1e308, -1e308]], [0, 0], row_upper=1), 9, 9)
        assert free.feasible
        [above] = judged(milp([[1e308, 1e308]], [0, 0], row_upper=1), 9, 9).violations
        assert (above.what, above.amount) == ("row above its side", INF)
        assert not judged(milp([[1, 1]], [0, 0], row_lower=INF), 9, 9).feasible  # a side that nothing reaches


def test_almost_integer_value_stands_for_the_integer():
    """0.9999999 times a cost of 1e9 must not be 100 cheaper than 1."""
    instance = milp([[1]], [1e9], upper=1, row_lower=1)
    verdict = judged(instance, 1 - 1e-7)
    assert verdict.feasible
    assert verdict.objective == 1e9
    assert not judged(instance, 1 - 1e-5).feasible


def test_integer_rows_get_no_relative_tolerance():
    """
    Missing 89,716,837 by 25 is 3e-7 of it.

    SCIP accepts that for this equality knapsack, which has no solution near it.
    """
    instance = milp([[12228, 36679, 36682, 48908, 61139]], 0, row_lower=89716837, row_upper=89716837)
    count = 89716837 // 12228
    assert not judged(instance, count, 0, 0, 0, 0).feasible
    rest = 89716837 - 1
    near = milp([[1]], 0, row_lower=rest + 1, row_upper=rest + 1)
    assert not judged(near, rest).feasible
    assert judged(near, rest + 1).feasible


def test_continuous_rows_get_the_tolerance_that_floating_point_needs():
    instance = milp([[1.0]], 0, integer=False, row_lower=1e8, row_upper=1e8)
    assert judged(instance, 1e8 + 10).feasible
    assert not judged(instance, 1e8 + 1000).feasible


def test_bounds_are_checked():
    instance = milp([[1, 1]], 1, lower=[1, -INF], upper=[2, INF])
    assert judged(instance, 3, 0).violations[0].what == "value above its bound"
    assert judged(instance, 0, 0).violations[0].what == "value below its bound"
    assert judged(instance, 2, -7).feasible


@given(st.integers(0, 400), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_judge_agrees_with_dense_arithmetic(seed, values):
    """The compiled CSR loop against a plain matrix product."""
    instance = random_milp(seed)
    dense = np.zeros((len(instance.row_lower), instance.size))
    for row in range(len(dense)):
        for k in range(instance.indptr[row], instance.indptr[row + 1]):
            dense[row, instance.indices[k]] += instance.data[k]
    x = np.array(values, dtype=float)
    activity = dense @ x
    feasible = bool(((activity >= instance.row_lower) & (activity <= instance.row_upper)).all())
    verdict = judged(instance, *values)
    assert verdict.feasible == feasible
    assert verdict.objective == pytest.approx(float(instance.cost @ x) + instance.offset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cost": [1.0]}, "one entry per column"),
        ({"cost": [np.nan, 1.0]}, "cost must not hold NaN"),
        ({"cost": [np.inf, 1.0]}, "must be finite"),
        ({"data": [np.inf, 1.0]}, "must be finite"),
        ({"row_lower": [np.nan]}, "row_lower must not hold NaN"),
        ({"indices": [0, 2]}, "in range"),
        ({"indices": [-1, 0]}, "in range"),
        ({"indptr": [0, 3]}, "do not fit"),
        ({"indptr": [0, 1, 2]}, "do not fit"),
        ({"row_upper": [1.0, 2.0]}, "do not fit"),
        ({"is_integer": [True]}, "one entry per column"),
        ({"offset": np.inf}, "finite"),
        ({"is_integer": ["False", "True"]}, "is_integer must hold only 0 and 1"),
        ({"is_integer": [np.nan, 0.0]}, "is_integer must hold only 0 and 1"),
        ({"is_integer": [2, 5]}, "is_integer must hold only 0 and 1"),
        ({"maximize": "min"}, "maximize must hold only 0 and 1"),
        ({"maximize": None}, "maximize must hold only 0 and 1"),
    ],
)
def test_malformed_data_is_refused(changes, message):
    """A MILP that reaches a backend must be well-formed: native code indexes without a check."""
    fields = {
        "cost": [1.0, 2.0],
        "col_lower": [0.0, 0.0],
        "col_upper": [1.0, 1.0],
        "is_integer": [True, True],
        "data": [1.0, 1.0],
        "indices": [0, 1],
        "indptr": [0, 2],
        "row_lower": [1.0],
        "row_upper": [INF],
    }
    MILPInstance(**{name: np.array(value) for name, value in fields.items()})
    arrays = {
        name: value if name in ("offset", "maximize") else np.array(value)
        for name, value in {**fields, **changes}.items()
    }
    with pytest.raises(ValueError, match=message):
        MILPInstance(**arrays)


@pytest.mark.parametrize(
    ("cost", "integer", "offset", "expected"),
    [
        ([1, 2], True, 0.0, True),
        ([1, 2], True, 0.5, False),
        ([1, 2.5], True, 0.0, False),
        ([1, 2], [True, False], 0.0, False),
        ([1, 0], [True, False], 3.0, True),
    ],
)
def test_is_integral_only_if_every_objective_value_is(cost, integer, offset, expected):
    """Bounds are rounded by this: a wrong True makes a wrong proof."""
    assert milp([[1, 1]], cost, integer=integer, offset=offset).is_integral is expected


def test_digest_ignores_the_name_and_sees_the_sense():
    one = milp([[1, 1]], 1)
    assert one.digest == milp([[1, 1]], 1).digest
    assert one.digest != milp([[1, 1]], 1, maximize=True).digest


def test_solution_survives_json():
    solution = Values(values=np.array([1.0, 0.5]))
    assert Values.from_dict(solution.to_dict()) == solution


@pytest.mark.parametrize("n", sorted(OPTIMA))
def test_steiner_triples_cover_every_pair_once(n):
    """The definition; a wrong construction would have another optimum."""
    triples = steiner_triples(n)
    assert triples.shape == (n * (n - 1) // 6, 3)
    pairs = np.concatenate([triples[:, [0, 1]], triples[:, [0, 2]], triples[:, [1, 2]]])
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == n * (n - 1) // 2


@pytest.mark.parametrize(("n", "optimum"), [(9, 5), (15, 9)])
def test_small_steiner_covers_have_the_published_optimum(n, optimum):
    """5 and 9: Fulkerson, Nemhauser, Trotter 1974."""
    assert brute_force(cosolve.generate("milp", "steiner-triple", n=n)) == optimum


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_stein27_is_18(solver):
    """Fulkerson, Nemhauser, Trotter 1974; also with points and triples shuffled."""
    for seed in (0, 3):
        instance = cosolve.generate("milp", "steiner-triple", n=27, seed=seed)
        result = cosolve.solve(instance, solver, time_limit=60)
        assert result.status == cosolve.Status.OPTIMAL
        assert result.objective == instance.meta["optimum"] == 18


def test_steiner_seed_shuffles_without_changing_the_family():
    """Seed 0 is the published order; equal seeds are equal bit by bit."""
    plain, again = (cosolve.generate("milp", "steiner-triple", n=27) for _ in range(2))
    assert plain == again
    shuffled = cosolve.generate("milp", "steiner-triple", n=27, seed=1)
    assert shuffled != plain
    assert shuffled == cosolve.generate("milp", "steiner-triple", n=27, seed=1)


def test_steiner_generator_names_what_it_knows():
    with pytest.raises(ValueError, match="n must be one of 9, 15"):
        cosolve.generate("milp", "steiner-triple", n=10)


def named_milp(**changes):
    instance = milp([[1, 2], [3, 0]], 1, upper=9, row_upper=[8, 9])
    return replace(instance, row_names=("cap_1", "cap_2"), col_names=("flow[1,2]", "flow[2,1]"), **changes)


def test_violations_name_rows_and_columns():
    """A row number means nothing to someone whose file has names."""
    verdict = evaluate(named_milp(), Values(values=np.array([4.0, 9.5])))
    assert [v.where for v in verdict.violations] == ["column flow[2,1]", "column flow[2,1]", "row cap_1"]


def test_names_are_no_data():
    """Equal data gives an equal digest, whatever the names."""
    assert named_milp() == milp([[1, 2], [3, 0]], 1, upper=9, row_upper=[8, 9])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"row_names": ("a",)}, "row_names must hold 2 names"), ({"col_names": ("x", "x")}, "'x' comes twice")],
)
def test_names_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(named_milp(), **changes)


def test_families_are_names_without_indices():
    """How every modelling tool writes them; a family must survive a trip through an MPS file."""
    names = ("worker_used_ct_3_14", "x[4,5]", "c#7", "place(2)", "y12", "total", "17", "x$2#3", "deficit_bin3_res2")
    assert families(names) == ("worker_used_ct", "x", "c", "place", "y", "total", "", "x", "deficit_bin3_res")
    words = ("flow[1,paris]", "cap(a)", "use{b}_2", "from_a_[x]", "a,b_1", "[1]x", "(paris)")
    assert families(words) == ("flow", "cap", "use", "from_a", "a;b", "[1]x", "(paris")
    assert named_milp().row_families == ("cap", "cap")
    assert milp([[1, 2]], 1).row_families == ("",)


def test_truth_values_may_be_numbers():
    """0 and 1 are as good as bool, and give the same digest."""
    instance = milp([[1, 1]], [1, 2], integer=[True, False], maximize=True)
    assert replace(instance, is_integer=[1, 0], maximize=1).digest == instance.digest
    assert replace(instance, is_integer=np.array([1.0, 0.0]), maximize=np.True_).digest == instance.digest


def test_scipy_refuses_what_is_no_matrix_and_texts_for_integrality():
    """ "C" counted as integer, and a row by itself gave a message about unpacking."""
    with pytest.raises(ValueError, match="is_integer must hold only 0 and 1"):
        MILPInstance.from_scipy([[1.0]], cost=[1.0], is_integer="C")
    with pytest.raises(ValueError, match="matrix must have 2 dimensions, got 1"):
        MILPInstance.from_scipy(np.ones(2), cost=[1.0, 1.0])


@pytest.mark.parametrize("name", ["cost", "col_lower", "col_upper", "is_integer", "row_lower", "row_upper"])
def test_scipy_names_the_argument_that_does_not_fit(name):
    """Operands that could not be broadcast are NumPy's words."""
    expected = "3 (one per row)" if name.startswith("row") else "4 (one per column)"
    for wrong in (np.zeros(5), np.zeros(1), np.zeros((4, 1))):
        message = f"{name} must be one number or {expected}, got shape {wrong.shape}."
        with pytest.raises(ValueError, match=re.escape(message)):
            MILPInstance.from_scipy(np.ones((3, 4)), **{"cost": 1.0, name: wrong})


def test_scipy_round_trip():
    """Repeated entries add up, single numbers stand for all."""
    instance = milp([[1, 2], [3, 0]], [1, 2], upper=9, row_upper=[8, 9], maximize=True)
    again = MILPInstance.from_scipy(
        instance.matrix.tocoo(), cost=[1, 2], col_upper=9, row_upper=[8, 9], is_integer=True, maximize=True
    )
    assert again == instance
    twice = replace(instance, data=np.ones(3), indices=np.array([1, 1, 0]), indptr=np.array([0, 2, 3]))
    assert twice.matrix.toarray().tolist() == [[0, 2], [1, 0]]
