"""TSP and ATSP: the judge, the distances, and published tours."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance

SQUARE = TSPInstance(distances=Distances.from_coords([[0, 0], [0, 3], [4, 3], [4, 0]]))

# TSPLIB's list of optimal values.
PUBLISHED = {
    "a280": 2579,
    "att48": 10628,
    "bays29": 2020,
    "berlin52": 7542,
    "brg180": 1950,
    "gr666": 294358,
    "pcb442": 50778,
    "ulysses22": 7013,
}


@pytest.mark.parametrize(("name", "length"), PUBLISHED.items())
def test_published_optimal_tours_have_the_published_length(data: Path, name: str, length: int):
    """A wrong rounding, a wrong matrix layout or a wrong GEO formula would give another number."""
    instance = cosolve.read(data / "tsp" / f"{name}.tsp", format="tsplib")
    tour = cosolve.read_solution(data / "tsp" / f"{name}.opt.tour", instance)
    verdict = cosolve.judge(instance, tour)
    assert verdict.feasible
    assert verdict.objective == length


def test_tours_of_a_rectangle_have_the_length_computed_by_hand():
    """Sides of 3 and 4, diagonals of 5; the way back to the first city counts."""
    assert cosolve.judge(SQUARE, Tour(order=[0, 1, 2, 3])).objective == 14
    assert cosolve.judge(SQUARE, Tour(order=[0, 2, 1, 3])).objective == 18


def test_half_distances_round_up():
    """TSPLIB's nint(2.5) is 3; numpy's rint would give 2."""
    pair = TSPInstance(distances=Distances.from_coords([[0, 0], [0, 2.5]]))
    assert cosolve.judge(pair, Tour(order=[0, 1])).objective == 6


def test_frontierco_mode_measures_unrounded_lengths():
    """The harness of FrontierCO ignores the rounding of the instance."""
    pair = TSPInstance(distances=Distances.from_coords([[0, 0], [1, 1]]))
    assert cosolve.judge(pair, Tour(order=[0, 1])).objective == 2
    assert cosolve.judge(pair, Tour(order=[0, 1]), "frontierco").objective == pytest.approx(2 * 2**0.5)


@pytest.mark.parametrize(
    "order", [[], [0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 4], [-1, 0, 1, 2], [0, 1, 2, 3, 0], [2**62, 0, 1, 2]]
)
def test_a_broken_tour_is_infeasible_and_does_not_crash(order: list[int]):
    """A judge that indexes first and checks later reads foreign memory."""
    assert not cosolve.judge(SQUARE, Tour(order=np.array(order, np.int64))).feasible


@given(st.permutations(range(8)), st.data())
def test_every_single_corruption_of_a_tour_is_caught(order: list[int], data: st.DataObject):
    """Replacing any one city by any other number breaks the permutation."""
    instance = TSPInstance(distances=Distances.from_coords(np.arange(16.0).reshape(8, 2)))
    assert cosolve.judge(instance, Tour(order=order)).feasible
    at = data.draw(st.integers(0, 7))
    city = data.draw(st.integers(-3, 12).filter(lambda c: c != order[at]))
    assert not cosolve.judge(instance, Tour(order=[*order[:at], city, *order[at + 1 :]])).feasible


@pytest.mark.parametrize(("n", "length"), [(1, 0), (2, 10), (3, 12)])
def test_tiny_instances_have_their_obvious_length(n: int, length: int):
    """One city has no way to go; two cities go there and back."""
    coords = [[0, 0], [3, 4], [3, 0]][:n]
    instance = TSPInstance(distances=Distances.from_coords(coords))
    assert cosolve.judge(instance, Tour(order=range(n))).objective == length


def test_an_asymmetric_matrix_is_refused_as_tsp_and_directions_count_as_atsp():
    """Silently using one triangle would solve another problem."""
    matrix = [[0, 1, 5], [5, 0, 1], [1, 5, 0]]
    with pytest.raises(ValueError, match="symmetric"):
        TSPInstance(distances=Distances.from_matrix(matrix))
    instance = ATSPInstance(distances=Distances.from_matrix(matrix))
    assert cosolve.judge(instance, Tour(order=[0, 1, 2])).objective == 3
    assert cosolve.judge(instance, Tour(order=[2, 1, 0])).objective == 15


def test_ten_million_cities_are_judged_in_about_a_second():
    """The judge runs on every incumbent: it must be linear and compiled. Generous for a loaded machine."""
    coords = np.random.default_rng(0).integers(0, 10**6, (10_000_000, 2)).astype(float)
    instance = TSPInstance(distances=Distances.from_coords(coords))
    tour = Tour(order=np.arange(10_000_000))
    cosolve.judge(SQUARE, Tour(order=[0, 1, 2, 3]))
    start = process_time()
    assert cosolve.judge(instance, tour).feasible
    assert process_time() - start < 5


@pytest.mark.parametrize("metric", [m for m in Metric if m not in (Metric.MATRIX, Metric.GEO)])
def test_distances_beyond_int64_stay_positive(metric: Metric):
    """A compiled math.floor gives int64: from 2^63 on tours had a negative length, and a proof of it."""
    coords = np.array([[0, 0], [1e19, 0], [0, 1e19], [5e18, 1]])
    instance = TSPInstance(distances=Distances.from_coords(coords, metric))
    shrink = 10**0.5 if metric == Metric.ATT else 1.0
    assert instance.distances.between(0, 1) == pytest.approx(1e19 / shrink)
    assert (instance.distances.dense() >= 0).all()
    assert cosolve.judge(instance, Tour(order=[0, 1, 2, 3])).objective > 3e19 / shrink


def test_minus_zero_is_zero_in_the_digest():
    """Equal instances would be two in records."""
    digests = {TSPInstance(distances=Distances.from_coords([[zero, 1.0], [2.0, zero]])).digest for zero in (0.0, -0.0)}
    digests |= {
        TSPInstance(distances=Distances.from_coords(np.array([[zero, 1.0], [2.0, zero]]))).digest
        for zero in (0.0, -0.0)
    }
    assert len(digests) == 1
    digests = {ATSPInstance(distances=Distances.from_matrix([[0, 1], [zero, 0]])).digest for zero in (0.0, -0.0)}
    assert len(digests) == 1


@pytest.mark.parametrize("metric", [m for m in Metric if m is not Metric.MATRIX])
def test_every_metric_is_symmetric_and_zero_on_itself(metric: Metric):
    """The local search and the 1-tree assume d(i, j) = d(j, i)."""
    coords = np.array([[10.3, 20.4], [-33.5, 151.1], [51.3, -0.1]])
    distances = Distances.from_coords(coords, metric)
    assert all(distances.between(i, j) == distances.between(j, i) for i in range(3) for j in range(3))
    assert distances.between(1, 1) == 0
