from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.instances.road_network import RoadNetwork, fastest_paths, largest_part, with_places


def both(values) -> np.ndarray:
    return np.column_stack((values, values)).astype(float)


#: A motorway 0-1-2 round the corner against a short slow street 0-2, and a one-way street 2 -> 3.
TOWN = RoadNetwork(
    np.array([[0, 0], [4, 0], [4, 3], [4, 5]], float),
    np.array([[0, 1], [1, 2], [0, 2], [2, 3]]),
    both([4, 3, 5, 2]),
    np.array([[1, 1], [1, 1], [10, 10], [2, np.inf]], float),
)


def test_the_distance_is_that_of_the_fastest_path():
    """A routing engine's table: 7 km in 2 minutes by the motorway, although the direct street has 5 km."""
    distance, duration = fastest_paths(TOWN, np.array([0, 2, 3]))
    assert distance.tolist() == [[0, 7, 9], [7, 0, 2], [np.inf, np.inf, 0]]
    assert duration.tolist() == [[0, 2, 4], [2, 0, 2], [np.inf, np.inf, 0]]


def test_the_largest_part_leaves_out_what_there_is_no_way_back_from():
    part = largest_part(TOWN)
    assert part.coords.tolist() == TOWN.coords[:3].tolist()
    assert len(part.ends) == 3


def test_places_split_their_street_and_keep_its_length_and_direction():
    """A place put in must change no path between junctions, and lie between its street's ends."""
    town = with_places(TOWN, 50, np.random.default_rng(0))
    assert town.num_nodes == 54
    before, after = (fastest_paths(network, np.arange(4)) for network in (TOWN, town))
    np.testing.assert_allclose(after, before, rtol=1e-9)
    distance, duration = fastest_paths(town, np.arange(54))
    beyond = town.coords[:, 1] > 3
    assert beyond.sum() > 1
    assert np.isinf(duration[np.ix_(beyond, ~beyond)]).all()
    assert np.isfinite(distance[~beyond]).all()


def test_long_streets_get_more_places():
    town = with_places(TOWN, 4000, np.random.default_rng(1))
    on_slow_street = np.isclose(town.coords[4:] @ [3, -4], 0, atol=1e-9)
    assert abs(on_slow_street.mean() - 5 / 14) < 0.03


def test_of_parallel_streets_the_faster_one_counts():
    """A sparse matrix would add their times up."""
    twin = RoadNetwork(TOWN.coords[:2], np.array([[0, 1], [1, 0]]), both([4, 6]), both([3, 2]))
    distance, duration = fastest_paths(twin, np.arange(2))
    assert (distance[0, 1], duration[0, 1]) == (6, 2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_fastest_paths_agree_with_a_plain_triple_loop(seed, n):
    rng = np.random.default_rng(seed)
    m = 2 * n
    ends = rng.integers(0, n, (m, 2))
    time = rng.uniform(0.1, 1.0, (m, 2))
    time[rng.random((m, 2)) < 0.3] = np.inf
    network = RoadNetwork(rng.random((n, 2)), ends, rng.uniform(0.1, 1.0, (m, 2)), time)
    want = np.full((n, n, 2), np.inf)
    want[np.arange(n), np.arange(n)] = 0.0
    for (a, b), times, lengths in zip(ends, time, network.length):
        for i, j, pair in ((a, b, (times[0], lengths[0])), (b, a, (times[1], lengths[1]))):
            if i != j and np.isfinite(pair[0]):
                want[i, j] = min(tuple(want[i, j]), pair)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                want[i, j] = min(tuple(want[i, j]), tuple(want[i, k] + want[k, j]))
    distance, duration = fastest_paths(network, np.arange(n))
    np.testing.assert_allclose(duration, want[..., 0])
    np.testing.assert_allclose(distance, want[..., 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": both([1, 1, 0, 1])}, "times must be > 0"),
        ({"time": both([1, 1, np.nan, 1])}, "times must be > 0"),
        ({"length": both([1, 1, np.inf, 1])}, "lengths must be finite"),
        ({"ends": np.array([[0, 1], [1, 2], [0, 2], [2, 4]])}, r"junctions in 0\.\.3"),
        ({"length": both([1, 1, 1])}, "a row for each street"),
        ({"coords": np.full((4, 2), np.nan)}, "coords must be finite"),
    ],
)
def test_a_network_with_a_wrong_number_is_refused(change, message):
    fields = {"coords": TOWN.coords, "ends": TOWN.ends, "length": TOWN.length, "time": TOWN.time}
    with pytest.raises(ValueError, match=message):
        RoadNetwork(**{**fields, **change})
