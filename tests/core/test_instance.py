"""Arrays that can't change, digests that name the data, solutions in and out of JSON."""

from __future__ import annotations

import array
import copy
import dataclasses
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosolve.core.instance import Instance, Solution, frozen_array, whole_number
from cosolve.core.metric import Metric, distance
from cosolve.core.problem import problems
from cosolve.instances.cvrp import Routes
from cosolve.instances.distances import Distances
from cosolve.instances.graphs import Graph, MISInstance
from cosolve.instances.road_network import RoadNetwork
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance


@dataclass(frozen=True, eq=False, kw_only=True)
class Sack(Instance):
    problem = "sack"
    weights: np.ndarray
    capacity: float = 1.0
    tags: tuple = ()
    table: dict = dataclasses.field(default_factory=dict)


def test_array_of_the_caller_is_copied_and_stays_writable():
    """An instance that shares memory with its maker could change after its digest was taken."""
    mine = np.arange(3)
    frozen = frozen_array(mine, np.int64)
    mine[0] = 9
    assert frozen.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 1


def test_read_only_view_of_writable_memory_is_copied():
    """The view can't be written to, but its owner can."""
    owner = np.arange(4.0)
    view = owner[:2]
    view.flags.writeable = False
    frozen = frozen_array(view)
    owner[0] = 9
    assert frozen.tolist() == [0, 1]


def test_frozen_array_is_not_copied_again():
    """replace() on a large instance would double its memory."""
    frozen = frozen_array(np.arange(3))
    assert frozen_array(frozen) is frozen
    assert np.shares_memory(frozen_array(frozen[1:]), frozen)


class Lender:
    """Gives its own array, as tensors do, which NumPy can't see the owner of."""

    def __init__(self) -> None:
        self.array = np.arange(3.0)

    def __array__(self, dtype=None, copy=None):
        return self.array


@pytest.mark.parametrize("make", [lambda: array.array("d", [0, 1, 2]), lambda: memoryview(np.arange(3.0)), Lender])
def test_memory_of_other_containers_is_copied(make):
    """The instance would change with them while its digest stays, or they would turn read-only."""
    values = make()
    frozen = frozen_array(values, np.float64)
    target = values.array if isinstance(values, Lender) else values
    target[0] = 9.0
    assert frozen.tolist() == [0, 1, 2]


def test_tensor_is_copied():
    """PyTorch's tensors share their memory with the arrays made of them."""
    torch = pytest.importorskip("torch")
    values = torch.zeros(3, dtype=torch.float64)
    frozen = frozen_array(values)
    values[0] = 9
    assert frozen.tolist() == [0, 0, 0]


@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), "3", None, True, np.array([1, 2]), 1 + 0j])
def test_a_scalar_that_is_no_integer_is_refused(value):
    """int() would make 1 median of 1.9 and read digits out of texts."""
    with pytest.raises(ValueError, match="p must be an integer"):
        whole_number(value, "p")


def test_a_whole_number_in_any_type_is_an_int():
    """2.0 and numpy's 2 would give other digests than 2."""
    for value in (2, 2.0, np.int8(2), np.float32(2), np.array(2)):
        assert type(whole_number(value, "p", 2)) is int
    with pytest.raises(ValueError, match="p must be an integer >= 3, got 2"):
        whole_number(2, "p", 3)


@pytest.mark.parametrize("values", [3, [[1, 2], [3, 4]], [[1], [2, 3]]])
def test_wrong_number_of_dimensions_is_refused(values):
    """numpy would quietly make a vector of a single number."""
    with pytest.raises(ValueError):
        frozen_array(values, np.int64, ndim=1)


@pytest.mark.parametrize(
    "values",
    [[0.5, 1.0], [float("nan")], [float("inf")], ["1", "2"], [None], [2**63], [2**80], [-(2.0**70)], [1 + 2j]],
)
def test_values_that_are_no_integers_are_refused(values):
    """A tour [0.9, 1.2] would be cut to [0, 1], and 2^63 would wrap around to a negative city."""
    with pytest.raises(ValueError, match="integers"):
        frozen_array(values, np.int64)


def test_integers_in_other_types_are_accepted():
    """JSON and text readers hand over floats and small integers."""
    for values in ([1.0, 2.0], np.array([1, 2], np.uint8), np.array([1, 2], np.int32), (1, 2)):
        assert frozen_array(values, np.int64).tolist() == [1, 2]
    assert frozen_array([], np.int64).dtype == np.int64


def sack(**changes) -> Sack:
    data = {"weights": np.array([1.0, 2.0]), "capacity": 3.0, "tags": ("a", "b"), "table": {"x": 1, "y": 2}}
    return Sack(**{**data, **changes})


def test_digest_ignores_name_meta_and_key_order():
    """The same data from two files must be recognised as the same instance."""
    first = sack(name="a", meta={"comment": "x"})
    second = sack(name="b", table={"y": 2, "x": 1})
    assert first.digest == second.digest
    assert first == second
    assert hash(first) == hash(second)


def test_digest_does_not_depend_on_numpy_scalars():
    """A reader that returns np.float64(3) read the same number as one that returns 3.0."""
    assert sack(capacity=np.float64(3.0)).digest == sack(capacity=3.0).digest


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": np.array([1.0, 2.5])},
        {"weights": np.array([2.0, 1.0])},
        {"weights": np.array([[1.0, 2.0]])},
        {"weights": np.array([1.0, 2.0], np.float32)},
        {"weights": np.array([])},
        {"capacity": 3.5},
        {"tags": ("ab",)},
        {"tags": ("a", "b", "")},
        {"tags": ("a", ("b",))},
        {"table": {"x": 1}},
        {"table": {"x": 12, "y": 2}},
    ],
)
def test_digest_sees_every_change_of_the_data(changes):
    """Records are keyed by it: two instances with one digest would share their results."""
    assert sack(**changes).digest != sack().digest
    assert sack(**changes) != sack()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8), st.data())
def test_digest_of_a_tsp_changes_with_any_coordinate(points, data):
    """Nested dataclasses must be looked into."""
    coords = np.array(points, float)
    base = TSPInstance(distances=Distances.from_coords(coords))
    again = TSPInstance(distances=Distances.from_coords(coords.copy()), name="again")
    assert base.digest == again.digest
    changed = coords.copy()
    changed[data.draw(st.integers(0, len(points) - 1)), data.draw(st.integers(0, 1))] += 0.5
    assert TSPInstance(distances=Distances.from_coords(changed)).digest != base.digest


def test_digest_tells_problems_apart_that_hold_equal_data():
    """A symmetric matrix may be a tsp or an atsp."""
    distances = Distances.from_matrix(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert TSPInstance(distances=distances).digest != ATSPInstance(distances=distances).digest


def test_instance_survives_pickling(square):
    """Isolated solvers get their instance that way."""
    again = pickle.loads(pickle.dumps(square))
    assert again == square
    assert again.name == square.name


def arrays(value) -> list[np.ndarray]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, tuple):
        return [a for item in value for a in arrays(item)]
    return [a for item in vars(value).values() for a in arrays(item)] if dataclasses.is_dataclass(value) else []


COPIES = [copy.copy, copy.deepcopy, *(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in (2, 4, 5))]


@pytest.mark.parametrize("again", COPIES)
@pytest.mark.parametrize("problem", problems.names())
def test_copies_of_instances_are_read_only(problem, again):
    """A write would leave the digest behind, and numba compiles kernels once more for arrays that can be written."""
    for instance, _ in tiny_instances(problem):
        for name in dir(instance):  # whatever is cached is copied too
            getattr(instance, name)
        copied = again(instance)
        assert copied == instance
        assert len(arrays(copied)) == len(arrays(instance)) > 0
        assert not any(array.flags.writeable for array in arrays(copied))


@pytest.mark.parametrize("again", COPIES)
def test_copies_of_graphs_networks_and_solutions_are_read_only(again):
    """They travel by themselves too."""
    network = RoadNetwork(np.zeros((2, 2)), np.array([[0, 1]]), np.ones((1, 2)), np.ones((1, 2)))
    routes = Routes(routes=([1, 2], [3]))
    for value in (Graph.from_edges(2, [0], [1]), network, Tour(order=[1, 0]), routes):
        assert not any(array.flags.writeable for array in arrays(again(value)))


def test_copy_compiles_no_kernel_again(square):
    """Compilation would take its seconds from the time limit: warm_up compiled for arrays that can't be written."""
    geo = Distances.from_coords([[10.0, 20.0], [11.0, 21.0]], Metric.GEO)
    for distances in (square.distances, geo):
        distances.between(0, 1)
    before = len(distance.signatures)
    for distances in (square.distances, geo):
        copy.deepcopy(distances).between(0, 1)
    assert len(distance.signatures) == before


def test_a_graph_is_a_graph():
    """A matrix was taken, and failed somewhere in a solver."""
    with pytest.raises(ValueError, match="graph must be a Graph"):
        MISInstance(graph=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"num_nodes must be an integer, got 3\.5"):
        Graph.from_edges(3.5, [0], [1])
    assert Graph.from_edges(3.0, [0], [1]).num_nodes == 3


def test_solution_round_trips_through_json_values():
    """What ``solve --json`` prints must read back as the same solution."""
    tour = Tour(order=np.array([2, 0, 1]))
    assert tour.to_dict() == {"order": [2, 0, 1]}
    assert Tour.from_dict(tour.to_dict()) == tour
    assert tour != Tour(order=np.array([0, 1, 2]))
    assert isinstance(tour, Solution)


@pytest.mark.parametrize(
    "data",
    [{}, {"order": [0], "extra": 1}, {"tour": [0]}, {"order": "abc"}, {"order": None}, {"order": {"0": 1}}, {1: 2}],
)
def test_solution_from_wrong_json_is_a_value_error(data):
    """A solution file is user input: no other exception may come out."""
    with pytest.raises(ValueError):
        Tour.from_dict(data)
