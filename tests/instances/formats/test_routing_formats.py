"""Files of asymmetric routing and of time windows: Solomon's, VRPLIB's, ORTEC's, NumPy archives."""

from __future__ import annotations

import csv
import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.core.metric import Metric
from cosolve.instances.cvrp import Routes
from cosolve.instances.distances import Distances
from cosolve.instances.formats.npz import write_set
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.vrptw import ACVRPTWInstance, VRPTWInstance
from cosolve.testing import check_format, check_solution_format

SOLOMON = """r3

VEHICLE
NUMBER     CAPACITY
  5          20

CUSTOMER
CUST NO.  XCOORD.   YCOORD.    DEMAND   READY TIME  DUE DATE   SERVICE   TIME

    0      0          0          0          0        100          0
    1      3          4          7         10         20         10
    2      1          1          9          0         50         10
"""

ORTEC = """NAME : asym
COMMENT : ORTEC
TYPE : VRPTW
DIMENSION : 3
EDGE_WEIGHT_TYPE : EXPLICIT
VEHICLES : 2
EDGE_WEIGHT_FORMAT : FULL_MATRIX
CAPACITY : 10
EDGE_WEIGHT_SECTION
0\t5\t7
6\t0\t2
8\t3\t0
NODE_COORD_SECTION
1\t0\t0
2\t1\t0
3\t2\t0
DEMAND_SECTION
1\t0
2\t4
3\t5
DEPOT_SECTION
 1
 -1
SERVICE_TIME_SECTION
1\t0
2\t10
3\t20
TIME_WINDOW_SECTION
1\t0\t100
2\t5\t50
3\t0\t60
EOF
"""


def published(data, problem):
    """(file, best known value) of the published instances that have a solution beside them."""
    with (data / "best_known.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["problem"] == problem:
                (path,) = (p for p in (data / problem).glob(f"{row['instance']}.*") if p.suffix != ".sol")
                if path.with_suffix(".sol").exists():
                    yield path, float(row["objective"])


@pytest.mark.parametrize(("problem", "count"), [("vrptw", 10), ("acvrptw", 5)])
def test_published_solutions_have_their_published_cost(data, problem, count):
    """Distances of Solomon's and Homberger's sets are cut off behind one decimal, or windows break and costs differ."""
    seen = 0
    for path, value in published(data, problem):
        instance = cosolve.read(path)
        verdict = cosolve.judge(instance, cosolve.read_solution(path.with_suffix(".sol"), instance))
        assert instance.problem == problem
        assert verdict.feasible, (path, verdict.violations)
        assert verdict.objective == pytest.approx(value, abs=1e-6)
        seen += 1
    assert seen == count


def test_solomon_files_are_read_with_truncated_distances(tmp_path):
    """sqrt(2) becomes 1.4, and 3-4-5 stays 5."""
    path = tmp_path / "r3.txt"
    path.write_text(SOLOMON)
    instance = cosolve.read(path)
    assert (instance.name, instance.problem, instance.capacity) == ("r3", "vrptw", 20)
    assert instance.distances.matrix[0].tolist() == [0, 5, 1.4]
    assert instance.demand.tolist() == [0, 7, 9]
    assert instance.opens.tolist() == [0, 10, 0]
    assert instance.closes.tolist() == [100, 20, 50]
    assert instance.service.tolist() == [0, 10, 10]
    assert instance.meta == {"vehicles": 5, "rounding": "trunc1"}
    exact = cosolve.read(path, rounding="exact")
    assert exact.distances.metric == Metric.EXACT_2D
    assert exact.distances.between(0, 2) == 2**0.5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    2      1 ", "    3      1 ", "12: expected customer 2, got 3"),
        ("         9          0         50         10\n", "\n", "no multiple"),
        ("    2      1 ", "    2      x ", "12: expected a number, got 'x'"),
        ("50         10\n", "50         nan\n", "expected a number, got 'nan'|not finite"),
        ("  5          20", "  5", "number of vehicles and capacity"),
        ("CUST NO.", "CLIENT", "the line 'CUST NO.' is missing"),
        (" 10         20         10", " 30         20         10", "closes at 20, before it opens at 30"),
        (" 10         20         10", " 0          4         10", "no route can serve node 1"),
        ("         7         10", "         77        10", "more than the capacity"),
    ],
)
def test_malformed_solomon_files_are_refused_with_the_reason(tmp_path, old, new, message):
    path = tmp_path / "x.txt"
    assert old in SOLOMON
    path.write_text(SOLOMON.replace(old, new, 1))
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)


def test_ortec_files_hold_one_matrix_for_distance_and_time(tmp_path):
    path = tmp_path / "asym.txt"
    path.write_text(ORTEC)
    instance = cosolve.read(path)
    assert instance.problem == "acvrptw"
    assert instance.distances is instance.durations
    assert instance.distances.between(0, 2) == 7
    assert instance.distances.between(2, 0) == 8
    assert instance.service.tolist() == [0, 10, 20]
    assert (instance.opens[1], instance.closes[1]) == (5, 50)
    assert instance.meta["vehicles"] == 2
    # 5 to node 1, served 5 to 15, node 2 at 17 to 37, back at 45; 5 + 2 + 8.
    assert cosolve.judge(instance, Routes(routes=([1, 2],))).objective == 15


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2\t5\t50\n", "", "expected 9 number of node id and windows|windows of 3 nodes"),
        ("3\t0\t60\n", "2\t0\t60\n", "needs one window; 2 is out of range or comes twice"),
        ("TIME_WINDOW_SECTION", "TIME_SECTION", "section TIME_SECTION is not read for a VRPTW"),
        ("3\t20\n", "3\t-20\n", "service times must be >= 0, got -20 of node 3"),
        ("TYPE : VRPTW", "TYPE : CVRP", "section SERVICE_TIME_SECTION is not read for a CVRP"),
        ("CAPACITY : 10", "CAPACITY : 10\nDISTANCE : 5", "9: DISTANCE, a limit .* is read for a cvrp only"),
        ("CAPACITY : 10", "VEHICLES_MAX_DISTANCE : 5\nCAPACITY : 10", "8: VEHICLES_MAX_D.* is read for a cvrp only"),
        ("6\t0\t2", "-6\t0\t2", "weights must be >= 0, got -6 between nodes 2 and 1"),
    ],
)
def test_malformed_vrptw_files_are_refused_with_the_reason(tmp_path, old, new, message):
    path = tmp_path / "x.vrp"
    assert old in ORTEC
    path.write_text(ORTEC.replace(old, new, 1))
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)


def test_one_service_time_for_all_is_none_of_the_depot(tmp_path):
    """LKH's files of Homberger's instances have it in the header."""
    head, tail = ORTEC.split("SERVICE_TIME_SECTION")
    path = tmp_path / "x.vrp"
    path.write_text(head.replace("CAPACITY", "SERVICE_TIME : 7\nCAPACITY") + tail[tail.index("TIME_WINDOW") :])
    assert cosolve.read(path).service.tolist() == [0, 7, 7]


@pytest.mark.parametrize("problem", ["acvrp", "vrptw", "acvrptw"])
@pytest.mark.parametrize("name", ["vrplib", "npz"])
def test_instances_survive_a_file(tmp_path, problem, name):
    if (problem, name) == ("vrptw", "npz"):
        pytest.skip("an archive of a vrptw would read as an acvrptw")
    for instance, _ in tiny_instances(problem):
        path = tmp_path / ("x.vrp" if name == "vrplib" else "x.npz")
        is_plain = instance.distances.is_complete and getattr(instance, "durations", None) in (None, instance.distances)
        if name == "vrplib" and not is_plain:
            with pytest.raises(ValueError, match="format npz holds"):
                cosolve.write(instance, path, format=name)
        else:
            check_format(name, instance, path)


def test_vrplib_keeps_whatever_a_window_and_a_distance_is(tmp_path):
    for seed in range(5):
        instance = cosolve.generate("vrptw", "uniform", seed=seed, n=12, density=0.5)
        check_format("vrplib", instance, tmp_path / "x.vrp")
        whole = replace(
            instance, distances=Distances.from_coords(np.rint(instance.distances.coords), Metric.EUC_2D),
            durations=None, opens=np.zeros(13), closes=np.full(13, 500.0),
        )  # fmt: skip
        check_format("vrplib", whole, tmp_path / "x.vrp")


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_road_instances_survive_an_archive(tmp_path, problem):
    instance = cosolve.generate(problem, "road", n=8, points=40, seed=2)
    check_format("npz", instance, tmp_path / "x.npz")
    again = cosolve.read(tmp_path / "x.npz")
    assert (again.name, again.meta) == (instance.name, instance.meta)


@pytest.mark.parametrize("which", ["distances", "durations"])
def test_places_of_one_matrix_are_not_lent_to_the_other(tmp_path, which):
    """An instance whose durations have no coordinates came back with those of the distances: another digest."""
    instance = cosolve.generate("acvrptw", "road", n=8, points=40, seed=2)
    plain = Distances.from_matrix(getattr(instance, which).matrix)
    check_format("npz", replace(instance, **{which: plain}), tmp_path / "x.npz")


def test_solutions_are_route_lists(tmp_path):
    for problem in ("acvrp", "vrptw", "acvrptw"):
        instance, _ = tiny_instances(problem)[0]
        solution = Routes(routes=[[k] for k in range(1, instance.size + 1)])
        check_solution_format(instance, solution, tmp_path / "x.sol")


def archive(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


MATRIX = np.array([[0, 2, 3], [4, 0, 5], [6, 7, 0]], float)


def test_files_of_a_city_are_tours(tmp_path):
    """The keys of RRNCO's city files."""
    path = archive(tmp_path / "Seoul_data.npz", points=np.arange(6).reshape(3, 2), distance=MATRIX, duration=MATRIX * 2)
    instance = cosolve.read(path)
    assert (instance.problem, instance.name) == ("atsp", "Seoul_data")
    assert instance.distances.matrix.tolist() == MATRIX.tolist()


def test_test_sets_are_batches(tmp_path):
    """The keys of RRNCO's three test sets, in their shapes."""
    distance = np.stack((MATRIX, MATRIX + 1 - np.eye(3))).astype(np.float32)
    locs = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    path = archive(tmp_path / "atsp.npz", locs=locs, distance_matrix=distance)
    assert cosolve.read(path, index=1).distances.matrix[0, 1] == 3
    assert cosolve.read(path).name == "atsp-0"
    path = archive(
        tmp_path / "rcvrp.npz", depot=locs[:, 0], locs=locs[:, 1:], demand=np.array([[1, 2], [3, 4]]),
        capacity=np.full(2, 30.0), distance_matrix=distance,
    )  # fmt: skip
    instance = cosolve.read(path, index=1)
    assert (instance.problem, instance.capacity, instance.demand.tolist()) == ("acvrp", 30, [0, 3, 4])
    assert instance.distances.coords.tolist() == locs[1].tolist()
    path = archive(
        tmp_path / "rcvrptw.npz", locs=locs, demand_linehaul=np.full((2, 2), 0.1, np.float32),
        vehicle_capacity=np.ones((2, 1)), speed=np.ones((2, 1)), distance_matrix=distance,
        duration_matrix=distance / 100, service_time=np.full((2, 3), 0.1) * [0, 1, 1],
        time_windows=np.broadcast_to([[0, 4.6], [0, 1], [1, 2]], (2, 3, 2)),
    )  # fmt: skip
    instance = cosolve.read(path)
    assert instance.problem == "acvrptw"
    assert instance.closes[0] == 4.6
    assert instance.durations.between(0, 1) == np.float32(0.02)
    with pytest.raises(InvalidInstanceError, match=r"index must be in 0\.\.1 for this file, got 2"):
        cosolve.read(path, index=2)


def test_plain_matrices_of_ones_own_are_enough(tmp_path):
    """Windows without demands and durations: the distances are the times."""
    path = archive(tmp_path / "x.npz", distance=MATRIX, time_windows=[[0, 99], [0, 50], [0, 50]])
    instance = cosolve.read(path)
    assert instance.problem == "acvrptw"
    assert instance.durations is instance.distances
    assert cosolve.solve(instance, "greedy", time_limit=5).objective == 2 + 5 + 6


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"demand": [0, 1, 1], "capacity": 3}, "there is no array 'distance' or 'distance_matrix'"),
        ({"demand": [0, 1, 1], "distances": MATRIX}, r"'distances' is not read \(did you mean 'distance'"),
        ({"distance": MATRIX[:2]}, "square matrix of 2 places"),
        ({"distance": np.zeros((0, 0))}, "square matrix"),
        ({"distance": 3.0}, r"square matrix, or a batch of one or more, got shape \(\)"),
        ({"distance": np.zeros((0, 2, 2))}, r"square matrix, or a batch of one or more, got shape \(0, 2, 2\)"),
        ({"distance": MATRIX, "demand": [0, 1], "capacity": 3, "depot": 3}, r"number in 0\.\.2, got 3"),
        (
            {"distance": MATRIX, "demand": [0, 1, 1], "capacity": 3, "depot": [1, 2, 3], "points": [[0, 0]] * 2},
            r"one node or two coordinates, got shape \(3,\)",
        ),
        (
            {"distance": MATRIX, "demand": [0, 1, 1], "capacity": 3, "depot": [1, 2], "points": [0, 0]},
            r"points must have shape \(3, 2\)",
        ),
        ({"distance": np.full((3, 3), np.nan)}, "got nan from place 0 to 1"),
        ({"distance": -MATRIX}, "got -2 from place 0 to 1"),
        ({"distance": np.full((3, 3), np.inf)}, "finite distance between all places"),
        ({"distance": MATRIX, "demand": [0, 1, 1]}, "no 'capacity'"),
        ({"distance": MATRIX, "demand": [1, 1, 1, 1], "capacity": 3}, "3 numbers, or 2 without the depot"),
        ({"distance": MATRIX, "demand": [0, 1, np.nan], "capacity": 3}, "demands must be finite"),
        ({"distance": MATRIX, "demand": [0, 1, 1], "capacity": [3, 3]}, "capacity must be one number"),
        ({"distance": MATRIX, "demand": [0, 1, 1], "capacity": 3, "depot": 5}, r"number in 0\.\.2, got 5"),
        ({"distance": MATRIX, "demand": [0, 1, 1], "capacity": 3, "depot": 1.7}, r"a whole number in 0\.\.2, got 1\.7"),
        ({"distance": MATRIX, "demand": [0, 1, 1], "capacity": 3, "depot": np.nan}, r"number in 0\.\.2, got nan"),
        ({"distance": MATRIX, "time_windows": [[0, 9], [0, 9]]}, r"shape \(3, 2\)"),
        ({"distance": MATRIX, "time_windows": [[0, 9], [0, 1], [0, 9]]}, "no route can serve node 1"),
        ({"distance": MATRIX, "points": [[0, 0]]}, r"points must have shape \(3, 2\)"),
        ({"distance": MATRIX, "distance_matrix": MATRIX}, "mean the same"),
        ({"distance": MATRIX, "points": np.array([["a", "b"]] * 3)}, "must hold numbers, got text"),
        ({"distance": np.stack([MATRIX] * 2), "points": np.zeros((3, 3, 2))}, "points must have 2 instances"),
    ],
)
def test_malformed_archives_are_refused_with_the_reason(tmp_path, arrays, message):
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(archive(tmp_path / "x.npz", **arrays))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"demands": [0, 1, 1], "capacity": 3}, r"'demands' is not read \(did you mean 'demand'\?\)"),
        ({"Demand": [0, 1, 1], "capacity": 3}, r"'Demand' is not read \(did you mean 'demand'\?\)"),
        ({"time_window": [[0, 99]] * 3}, r"'time_window' is not read \(did you mean 'time_windows'\?\)"),
        ({"demand": [0, 1, 1], "capacity": 3, "tw": [[0, 9]] * 3}, "'tw' is a rule .* are called 'time_windows'"),
        ({"demand": [0, 1, 1], "capacity": 3, "distance_limit": [[3.0]]}, "'distance_limit' is a rule of routes"),
        ({"demand": [0, 1, 1], "capacity": 3, "max_length": 3.0}, "'max_length' is a rule of routes"),
        ({"demand": [0, 1, 1], "capacity": 3, "open_route": [[True]]}, "'open_route' is a rule of routes"),
        ({"demand": [0, 1, 1], "capacity": 3, "demand_backhaul": [0, 0, 2]}, "'demand_backhaul' is a rule of routes"),
        ({"load": [0, 1, 1], "capacity": 3}, "'capacity' means nothing without 'demand'; there is none"),
        ({"tw": [[0, 99]] * 3, "service_time": [0, 1, 1]}, "'service_time' means nothing without 'time_windows'"),
        ({"demand": [0, 1, 1], "capacity": 3, "service_time": [0, 1, 1]}, "means nothing without 'time_windows'"),
        ({"depot": 0}, "'depot' means nothing without 'demand' or 'time_windows'"),
        ({"time_windows": [[0, 99]] * 3, "vehicle_capacity": 3}, "'capacity' means nothing without 'demand'"),
    ],
)
def test_misnamed_arrays_do_not_make_another_problem(tmp_path, arrays, message):
    """What is not known was left alone: without its demands a problem of routes is a tour, without windows easier."""
    path = archive(tmp_path / "x.npz", distance=MATRIX, **arrays)
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)


@pytest.mark.parametrize(
    ("said", "arrays", "message"),
    [
        ("acvrp", {"load": [0, 1, 1]}, "problem is 'acvrp', but there is no array 'demand' or 'demand_linehaul'"),
        ("acvrptw", {}, "problem is 'acvrptw', but there is no array 'time_windows'"),
        ("ACVRPTW", {"demand": [0, 1, 1], "capacity": 3}, "problem is 'acvrptw', but there is no array 'time_windows'"),
        ("atsp", {"demand": [0, 1, 1], "capacity": 3}, "problem is 'atsp', but there is an array 'demand'"),
        ("acvrp", {"time_windows": [[0, 99]] * 3}, "problem is 'acvrp', but there is an array 'time_windows'"),
        ("ATSP", {}, None),
        ("cvrp", {"demand": [0, 1, 1], "capacity": 3}, None),
    ],
)
def test_an_archive_is_the_problem_that_it_says(tmp_path, said, arrays, message):
    """It was read as a problem without what is called otherwise; words that other tools use say nothing here."""
    path = archive(tmp_path / "x.npz", problem=said, distance=MATRIX, **arrays)
    if message is None:
        assert cosolve.read(path).problem == ("acvrp" if arrays else "atsp")
        return
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)


def test_other_arrays_are_left_alone(tmp_path):
    """Archives hold what their makers need, as RRNCO's do the speed of vehicles."""
    path = archive(tmp_path / "x.npz", distance=MATRIX, speed=np.ones(1), coordinates=np.ones((3, 2)), city=[7])
    assert cosolve.read(path).problem == "atsp"


def test_rules_that_say_nothing_are_left_alone(tmp_path):
    rules = {"demand_backhaul": np.zeros(3), "distance_limit": [np.inf], "open_route": [False]}
    path = archive(tmp_path / "x.npz", distance=MATRIX, demand=[0, 1, 1], capacity=3, **rules)
    assert cosolve.read(path).problem == "acvrp"


def test_rules_of_other_instances_of_a_batch_are_left_alone(tmp_path):
    batch = {"distance": np.stack([MATRIX] * 2), "demand": [[0, 1, 1]] * 2, "capacity": [3, 3]}
    path = archive(tmp_path / "x.npz", open_route=[[False], [True]], **batch)
    assert cosolve.read(path, index=0).problem == "acvrp"
    with pytest.raises(InvalidInstanceError, match="'open_route' is a rule"):
        cosolve.read(path, index=1)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_nothing_is_ever_unpickled(tmp_path):
    """A pickled object runs code when it is loaded."""
    path = tmp_path / "x.npz"
    np.savez(path, distance=np.array([[Bomb()]], dtype=object))
    with pytest.raises(InvalidInstanceError, match="must hold numbers, got object"):
        cosolve.read(path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("distance.npy", pickle.dumps(Bomb()))
    with pytest.raises(InvalidInstanceError, match="broken archive"):
        cosolve.read(path)


def test_arrays_larger_than_their_bytes_are_refused_before_memory_is_taken(tmp_path):
    """A header may claim terabytes."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("distance.npy", buffer.getvalue() + b"\0" * 80)
    with pytest.raises(InvalidInstanceError, match="does not fit into"):
        cosolve.read(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("distance.npy", b"\0" * (300 << 20))
    with pytest.raises(InvalidInstanceError, match="grows to"):
        cosolve.read(path)


def test_other_archives_are_no_instances(tmp_path):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("letter.txt", "hello")
    with pytest.raises(InvalidInstanceError, match="not in any known format"):
        cosolve.read(path)
    path.write_bytes(b"PK\x03\x04 no archive at all")
    with pytest.raises(InvalidInstanceError, match="not in any known format"):
        cosolve.read(path)
    with pytest.raises(InvalidInstanceError, match="broken archive"):
        cosolve.read(path, format="npz", problem="atsp")


def test_meta_must_be_what_write_makes_of_it(tmp_path):
    path = archive(tmp_path / "x.npz", distance=MATRIX, meta=json.dumps({"units": "km"}))
    assert cosolve.read(path).meta == {"units": "km"}
    for broken in ("[1]", "{", "[" * 100_000):
        with pytest.raises(InvalidInstanceError, match="'meta' must be"):
            cosolve.read(archive(path, distance=MATRIX, meta=broken))


def test_coordinates_do_not_fit_into_an_archive(tmp_path):
    instance = cosolve.generate("vrptw", "uniform", n=3)
    assert isinstance(instance, VRPTWInstance)
    with pytest.raises(ValueError, match="does not write vrptw"):
        cosolve.write(instance, tmp_path / "x.npz", format="npz")


@pytest.mark.parametrize("capacity", [30, 45])
def test_a_full_vehicle_is_still_full_when_it_was_written_in_shares(tmp_path, capacity):
    """Rounded to float32, shares of 30 add up to more than 1, and the judge refused a vehicle that is just full."""
    rng = np.random.default_rng(capacity)
    for index in range(20):
        demand = rng.multinomial(capacity - 8, np.full(8, 1 / 8)) + 1
        path = tmp_path / f"{index}.npz"
        instance = ACVRPTWInstance(
            distances=Distances.from_matrix(np.ones((9, 9)), rng.random((9, 2))), demand=[0, *demand],
            capacity=capacity, opens=np.zeros(9), closes=np.full(9, 99.0), service=np.zeros(9),
        )  # fmt: skip
        write_set([instance], path)
        again = cosolve.read(path)
        assert cosolve.judge(again, Routes(routes=(range(1, 9),))).feasible
        assert (again.demand == np.rint(again.demand)).all()
        assert (again.demand / again.capacity).tolist() == (instance.demand / capacity).tolist()


def test_shares_of_no_capacity_stay_as_they_are(tmp_path):
    """Demands that are no whole units of anything must not be rounded to some; given float64 says what it means."""
    shares = np.array([[0.1234567, 0.7654321, 0.3333333, np.pi / 7, np.e / 9, 0.5 + 2**-20]])
    for dtype in (np.float32, np.float64):
        path = archive(
            tmp_path / "x.npz", demand_linehaul=shares.astype(dtype), vehicle_capacity=np.ones((1, 1)),
            distance_matrix=np.ones((1, 7, 7)), time_windows=np.broadcast_to([0.0, 9.0], (1, 7, 2)),
        )  # fmt: skip
        instance = cosolve.read(path)
        assert instance.demand[1:].tolist() == shares[0].astype(dtype).tolist()
        assert instance.capacity == 1


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_sets_of_instances_are_written_as_they_are_read(tmp_path, problem):
    """Units differ, the routes and their distance do not."""
    instances = [cosolve.generate(problem, "road", n=9, points=40, seed=seed) for seed in range(3)]
    path = tmp_path / "set.npz"
    write_set(instances, path)
    for index, instance in enumerate(instances):
        again = cosolve.read(path, index=index)
        assert again.problem == problem
        solution = cosolve.solve(instance, "greedy", time_limit=5).solution
        before, after = (cosolve.judge(one, solution) for one in (instance, again))
        assert after.feasible
        assert after.objective == pytest.approx(before.objective, rel=1e-6)
        np.testing.assert_allclose(again.distances.coords, instance.distances.coords, atol=1e-6)
    if problem == "acvrptw":
        assert again.durations.matrix.max() == 1
        assert again.closes[0] == pytest.approx(4.6)
        assert (again.demand / again.capacity).tolist() == (instance.demand / instance.capacity).tolist()
    with np.load(path, allow_pickle=False) as arrays:
        assert all(array.dtype == np.float32 for array in arrays.values())
    with pytest.raises(ValueError, match="one size"):
        write_set([*instances, cosolve.generate(problem, "road", n=8, points=40)], path)
    with pytest.raises(ValueError, match="coordinates"):
        write_set([tiny_instances(problem)[0][0]], path)
