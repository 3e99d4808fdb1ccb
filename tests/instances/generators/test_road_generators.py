from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.instances.cvrp import Routes
from cosolve.instances.generators.roads import SIDE, draw_places, road_city, road_network, road_tables


def asymmetry(matrix: np.ndarray) -> float:
    return float(np.abs(matrix - matrix.T).sum() / matrix.sum())


def test_a_city_depends_on_its_seed_alone():
    road_network.cache_clear()
    first = road_network(3)
    road_network.cache_clear()
    again, other = road_network(3), road_network(4)
    for name in ("coords", "ends", "length", "time"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.coords, other.coords)


def test_every_place_of_every_city_reaches_every_other():
    """One-way streets at random would make traps without the two-way spanning tree."""
    for city in range(100):
        points, distance, duration = road_tables(city, np.arange(0, 200, 8), points=200)
        assert np.abs(points).max() <= SIDE / 2
        assert np.isfinite(distance).all(), city
        assert np.isfinite(duration).all(), city


def test_cities_look_like_real_ones():
    """Targets from the published maps: asymmetric, ways 1.6 times as long as the straight line, T close to D."""
    figures = []
    for city in range(0, 100, 10):
        points, distance, duration = road_tables(city, np.arange(0, 1000, 5))
        straight = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
        figures.append(
            (
                asymmetry(distance),
                np.corrcoef(distance.ravel(), duration.ravel())[0, 1],
                distance.sum() / straight.sum(),
            )
        )
    skew, correlation, detour = np.mean(figures, axis=0)
    assert 0.09 <= skew <= 0.2
    assert 0.93 <= correlation <= 0.96
    assert 1.5 <= detour <= 1.7


def test_some_points_of_a_city_are_rows_of_the_whole_table():
    """Instances compute their own rows only; training cuts them out of the whole table: both must agree."""
    places = np.array([5, 77, 12, 199])
    whole, part = road_city(1, points=200), road_tables(1, places, points=200)
    assert np.array_equal(whole[0][places], part[0])
    for k in (1, 2):
        assert np.array_equal(whole[k][np.ix_(places, places)], part[k])
        assert not whole[k].flags.writeable


def test_a_cluster_holds_the_places_nearest_to_one_of_them():
    points = np.random.default_rng(5).random((300, 2))
    chosen = draw_places(np.random.default_rng(0), points, 20, "cluster")
    centre = points[np.random.default_rng(0).integers(300)]
    gaps = np.linalg.norm(points - centre, axis=1)
    assert len(set(chosen.tolist())) == 20
    assert gaps[chosen].max() <= np.delete(gaps, chosen).min()
    assert len(set(draw_places(np.random.default_rng(0), points, 300).tolist())) == 300


def test_splits_take_turns_through_their_own_cities():
    for split, cities in (("in", {5, 79, 0}), ("cluster", {5, 79, 0}), ("city", {85, 99, 80})):
        seen = {cosolve.generate("atsp", "road", seed=s, n=3, split=split).meta["city"] for s in (5, 79, 80)}
        assert seen == cities


def test_road_instances_are_reproducible_and_asymmetric():
    first, again = (cosolve.generate("atsp", "road", seed=9, n=30, city=2) for _ in range(2))
    assert first == again
    assert first.size == 30
    assert asymmetry(first.distances.matrix) > 0.03
    assert len(first.distances.coords) == 30


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n": 0}, "1 to 1000 places"),
        ({"n": 11, "points": 10}, "1 to 10 places"),
        ({"split": "town"}, "split must be one of in, city, cluster"),
        ({"split": "city", "city": 79}, "city must be >= 80, got 79"),
        ({"city": -2}, "city must be >= 0"),
        ({"points": 0}, "points must be in"),
        ({"km": 2.0}, "km is a unit of a file"),
        ({"minutes": 0.5}, "minutes is a unit of a file"),
        ({"file": "x_net.tntp", "city": 3}, "either city, or file"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        cosolve.generate("atsp", "road", **parameters)


@pytest.mark.parametrize("split", ["in", "city", "cluster"])
def test_windows_let_every_customer_be_served_alone(split):
    """The published formula promises it: no generated instance may be infeasible."""
    for seed in range(20):
        instance = cosolve.generate("acvrptw", "road", seed=seed, n=30, split=split, points=100)
        alone = Routes(routes=[[k] for k in range(1, 31)])
        assert cosolve.judge(instance, alone).feasible


def test_times_are_minutes_and_relate_to_the_published_unit():
    """In units of the longest duration: horizon 4.6, service 0.15 to 0.18, windows 0.18 to 0.20."""
    instance = cosolve.generate("acvrptw", "road", seed=1, n=100)
    unit = instance.durations.matrix.max()
    assert instance.meta["unit"] == unit
    assert instance.closes[0] == 4.6 * unit
    service, length = instance.service[1:] / unit, (instance.closes - instance.opens)[1:] / unit
    assert 0.15 <= service.min() <= service.max() <= 0.18
    assert 0.18 - 1e-9 <= length.min() <= length.max() <= 0.2 + 1e-9


@pytest.mark.parametrize(
    ("problem", "capacity"),
    [("acvrp", {10: 20, 50: 40, 100: 50, 199: 60}), ("acvrptw", {10: 30, 20: 30, 50: 40, 100: 50, 199: 69})],
)
def test_capacities_are_the_published_ones(problem, capacity):
    for n, most in capacity.items():
        instance = cosolve.generate(problem, "road", n=n, points=200)
        assert instance.capacity == most
        assert set(np.unique(instance.demand[1:])) <= set(range(1, 10))
        assert instance.size == n


def test_a_depot_without_customers_is_an_instance():
    for problem in ("acvrp", "acvrptw"):
        assert cosolve.generate(problem, "road", n=0).size == 0


@pytest.mark.parametrize(
    ("problem", "split", "distance", "other"),
    [
        ("atsp", "in", 24628.0132, None),
        ("acvrp", "cluster", 9584.6363, 485),
        ("acvrptw", "city", 27277.6113, 2594.9213),
    ],
)
def test_instances_of_the_suites_stay_what_they_are(problem, split, distance, other):
    """The values are our own output: reference values and trained networks belong to these very instances."""
    instance = cosolve.generate(problem, "road", seed=1, split=split)
    assert instance.distances.matrix.sum() == pytest.approx(distance, abs=1e-3)
    if other is not None:
        drawn = instance.demand if problem == "acvrp" else instance.opens
        assert drawn.sum() == pytest.approx(other, abs=1e-3)
