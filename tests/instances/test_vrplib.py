"""VRPLIB files and CVRPLIB routes."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.core.metric import Metric
from cosolve.core.problem import judge
from cosolve.instances.cvrp import CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.formats.source import Source
from cosolve.instances.formats.vrplib import read, read_routes, sniff, write, write_routes

TINY = """NAME : tiny
COMMENT : (by hand, No of trucks: 2, Optimal value: 22)
TYPE : CVRP
DIMENSION : 5
EDGE_WEIGHT_TYPE : EUC_2D
CAPACITY : 5
NODE_COORD_SECTION
 1 3 4
 2 0 0
 3 4 3
 4 -3 -4
 5 -4 -3
DEMAND_SECTION
1 2
2 0
3 3
4 2
5 3
DEPOT_SECTION
 2
 -1
EOF
"""
MATRIX = """NAME : lower
TYPE : CVRP
DIMENSION : 3
EDGE_WEIGHT_TYPE : EXPLICIT
EDGE_WEIGHT_FORMAT : LOWER_ROW
CAPACITY : 9
EDGE_WEIGHT_SECTION
7
8 9
DEMAND_SECTION
1 0
2 4
3 5
DEPOT_SECTION
1
-1
EOF
"""
PUBLISHED = (
    "A-n32-k5", "A-n80-k10", "B-n68-k9", "E-n101-k14", "F-n135-k7", "M-n200-k16", "P-n76-k5", "X-n101-k25",
    "X-n200-k36", "X-n303-k21", "X-n502-k39", "X-n783-k48", "X-n1001-k43", "tai75a", "tai385", "Golden_9", "Antwerp1",
    "ORTEC-n242-k12", "Loggi-n401-k23",
)  # fmt: skip


def parse(tmp_path, text, name="x.vrp", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(Source.open(path), "cvrp", **options)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_solutions_have_their_published_cost(data, name):
    """Rounding, depot or numbering would be wrong; best known values from CVRPLIB, some given to 6 digits."""
    with (data / "best_known.csv").open() as file:
        known = {r["instance"]: float(r["objective"]) for r in csv.DictReader(file) if r["problem"] == "cvrp"}
    source = Source.open(data / "cvrp" / f"{name}.vrp")
    assert sniff(source) == ("cvrp",)
    instance = read(source, "cvrp")
    verdict = judge(instance, read_routes(Source.open(data / "cvrp" / f"{name}.sol"), instance))
    assert verdict.feasible
    assert verdict.objective == pytest.approx(known[name], abs=0 if instance.is_integral else 0.005)


def test_depot_may_be_any_node_and_solutions_call_it_0(tmp_path):
    """Customers are numbered in the order of the file without the depot: 1, 3, 4, 5 become 1 to 4."""
    instance = parse(tmp_path, TINY)
    assert instance.depot == 1
    assert instance.meta["vehicles"] == 2
    assert instance.meta["declared_objective"] == 22
    path = tmp_path / "x.sol"
    path.write_text("Route #1: 1 2\nRoute #2: 3 4\nCost 22\n")
    solution = read_routes(Source.open(path), instance)
    assert solution == Routes(routes=([0, 2], [3, 4]))
    assert judge(instance, solution).objective == 22
    write_routes(instance, solution, 22.0, path)
    assert path.read_text() == "Route #1: 1 2\nRoute #2: 3 4\nCost 22\n"


def test_matrix_layout_lower_row(tmp_path):
    """The rows below the diagonal: d(1,0), d(2,0), d(2,1)."""
    instance = parse(tmp_path, MATRIX)
    assert instance.distances.matrix.tolist() == [[0, 7, 8], [7, 0, 9], [8, 9, 0]]


@pytest.mark.parametrize(
    ("name", "rounding"),
    [("Golden_1", "exact"), ("Li_32", "exact"), ("tai100a", "exact"), ("CMT6", "exact"), ("X-n5-k2", "nint")],
)
def test_rounding_follows_the_name_of_the_set(tmp_path, name, rounding):
    """These sets are published with unrounded distances under EUC_2D."""
    instance = parse(tmp_path, TINY.replace("tiny", name))
    assert instance.meta["rounding"] == rounding
    assert instance.is_integral == (rounding == "nint")
    assert parse(tmp_path, TINY.replace("NAME : tiny\n", ""), f"{name}.vrp").meta["rounding"] == rounding


@pytest.mark.parametrize(
    ("rounding", "metric"),
    [("nint", Metric.EUC_2D), ("exact", Metric.EXACT_2D), ("ceil", Metric.CEIL_2D), ("trunc", Metric.FLOOR_2D)],
)
def test_rounding_option_overrides_the_name(tmp_path, rounding, metric):
    """Papers use other roundings of the same files."""
    assert parse(tmp_path, TINY, rounding=rounding).distances.metric == metric


def test_rounding_option_is_refused_where_it_has_no_meaning(tmp_path):
    """A matrix is what it is."""
    with pytest.raises(ValueError, match="EUC_2D"):
        parse(tmp_path, MATRIX, rounding="exact")
    with pytest.raises(ValueError, match="rounding must be one of"):
        parse(tmp_path, TINY, rounding="up")


def test_limits_of_the_header_are_read(tmp_path):
    """DISTANCE limits a route; the FrontierCO loader drops it."""
    instance = parse(tmp_path, TINY.replace("CAPACITY", "DISTANCE : 20.5\nSERVICE_TIME : 3\nVEHICLES : 4\nCAPACITY"))
    assert (instance.max_length, instance.service_time, instance.meta["vehicles"]) == (20.5, 3, 4)


def test_a_limit_in_the_words_of_pyvrp_is_kept(tmp_path):
    """It was a note, and routes of any length were optimal; PyVRP counts no service time to it."""
    limited = TINY.replace("CAPACITY", "VEHICLES_MAX_DISTANCE : 20.5\nSERVICE_TIME : 3\nCAPACITY")
    instance = parse(tmp_path, limited)
    assert (instance.max_length, instance.service_time) == (20.5, 0)
    assert "vehicles_max_distance" not in instance.meta
    both = parse(tmp_path, limited.replace("CAPACITY", "DISTANCE : 20.5\nCAPACITY"))
    assert (both.max_length, both.service_time) == (20.5, 3)
    with pytest.raises(InvalidInstanceError, match=r":6: DISTANCE and VEHICLES_MAX_DISTANCE are .* and differ"):
        parse(tmp_path, limited.replace("CAPACITY", "DISTANCE : 20\nCAPACITY"))


@pytest.mark.parametrize("rule", ["VEHICLES_MAX_DURATION", "VEHICLES_FIXED_COST", "VEHICLE_SPEED", "MAX_TRUCKS"])
def test_a_rule_that_is_not_read_is_refused_and_notes_are_kept(tmp_path, rule):
    """Any unknown keyword was a note, and the instance one without the rule."""
    note = TINY.replace("CAPACITY", "BEST_KNOWN : 22\nAUTHOR : X\nCAPACITY")
    assert parse(tmp_path, note).meta["best_known"] == "22"
    with pytest.raises(InvalidInstanceError, match=f":8: {rule} states a rule that is not read; .*CAPACITY, DISTANCE"):
        parse(tmp_path, note.replace("CAPACITY", f"{rule} : 5\nCAPACITY"))


def test_without_depot_section_the_first_node_without_demand_is_the_depot(tmp_path):
    """FrontierCO's rule."""
    assert parse(tmp_path, TINY.replace("DEPOT_SECTION\n 2\n -1\n", "")).depot == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TYPE : CVRP", "TYPE : SDVRP", "TYPE SDVRP is not read; .* CVRP, ACVRP, VRPTW, CVRPTW, ACVRPTW are"),
        ("TYPE : CVRP", "TYPE : VRPTW", "does not hold a problem of kind cvrp"),
        ("DIMENSION : 5", "DIMENSION : 6", "expected|node"),
        ("DIMENSION : 5", "DIMENSION : 4", "end of the section|node id"),
        ("DIMENSION : 5", "DIMENSION : 999999999", "fit"),
        ("DIMENSION : 5", "DIMENSION : -5", "DIMENSION"),
        ("DIMENSION : 5", "DIMENSION : five", "DIMENSION"),
        ("CAPACITY : 5", "CAPACITY : -5", "CAPACITY"),
        ("CAPACITY : 5", "CAPACITY : 1_5", "CAPACITY must be a number >= 0, got '1_5'"),
        ("CAPACITY : 5", "CAPACITY : nan", "CAPACITY"),
        ("CAPACITY : 5\n", "", "CAPACITY"),
        ("CAPACITY : 5", "CAPACITY : 2", "more than the capacity"),
        ("EUC_2D", "XRAY1", "EDGE_WEIGHT_TYPE"),
        (" 3 4 3", " 3 4 nan", "coordinate"),
        (" 3 4 3", " 2 4 3", "twice"),
        ("4 2\n", "4 -2\n", "demands must be >= 0"),
        ("4 2\n", "3 2\n", "comes twice"),
        ("4 2\n", "", "expected"),
        ("4 2\n", "9 2\n", "out of range"),
        ("2 0\n", "2 1\n", "depot must be 0"),
        (" 2\n -1\nEOF", " 7\n -1\nEOF", "depot must be one of"),
        (" 2\n -1\nEOF", " 2\n 3\n -1\nEOF", "one depot"),
        (" 2\n -1\nEOF", " -1\nEOF", "one depot"),
        ("DEPOT_SECTION", "TIME_WINDOW_SECTION", "TIME_WINDOW_SECTION"),
        ("DEMAND_SECTION", "BACKHAUL_SECTION", "BACKHAUL_SECTION"),
    ],
)
def test_malformed_files_are_refused_with_the_reason(tmp_path, old, new, message):
    """None of them may crash, hang, take memory or be read as something else."""
    assert old in TINY
    with pytest.raises(ValueError, match=message):
        parse(tmp_path, TINY.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LOWER_ROW", "FULL_MATRIX", "expected"),
        ("LOWER_ROW", "SPIRAL", "EDGE_WEIGHT_FORMAT"),
        ("DIMENSION : 3", "DIMENSION : 300000", "expected"),
        ("8 9", "8 -9", "weights must be >= 0"),
        ("7\n", "", "expected"),
        ("7\n8 9\n", "0 1 2\n1 0 3\n9 3 0\n", "end of the section"),
    ],
)
def test_malformed_matrices_are_refused(tmp_path, old, new, message):
    """A wrong layout would shift every weight."""
    with pytest.raises(InvalidInstanceError, match=message):
        parse(tmp_path, MATRIX.replace(old, new, 1))


def test_a_full_matrix_is_asymmetric_where_it_is(tmp_path):
    """Symmetric solvers would take half of the matrix for the whole; a symmetric one stays a cvrp."""
    text = MATRIX.replace("LOWER_ROW", "FULL_MATRIX").replace("7\n8 9\n", "99 1 2\n1 0 3\n9 3 0\n")
    path = tmp_path / "x.vrp"
    path.write_text(text)
    instance = cosolve.read(path)
    assert (instance.problem, instance.distances.matrix[0, 2], instance.distances.matrix[2, 0]) == ("acvrp", 2, 9)
    with pytest.raises(ValueError, match="these make an acvrp"):
        parse(tmp_path, text)
    path.write_text(text.replace("9 3 0", "2 3 0"))
    assert cosolve.read(path).problem == "cvrp"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(TINY) - 1), st.integers(1, 40), st.binary(max_size=8))
def test_damaged_files_never_crash(tmp_path_factory, at, length, junk):
    """Any damage is either harmless or an InvalidInstanceError (or a ValueError of the instance's own checks)."""
    text = TINY.encode()
    try:
        instance = parse(tmp_path_factory.mktemp("d"), text[:at] + junk + text[at + length :])
    except ValueError:
        return
    assert instance.size >= 0


@pytest.mark.parametrize(
    "text",
    [
        "Route #1: 1 x\n",
        "hello\n",
        "Cost 3\n",
        "Route #1: 1.5\n",
        "Route #1: 99999999999999999999\n",
        "Route #1: 1 2\nRoute 2 3 4\n",
        "Route #1: 1 2\nRuote #2: 3 4\n",
        "Route #1: 1 2\n3 4\n",
    ],
)
def test_malformed_routes_are_refused(tmp_path, text):
    """What can't be read is an error, what can't be driven is for the judge."""
    path = tmp_path / "x.sol"
    path.write_text(text)
    with pytest.raises(InvalidSolutionError):
        read_routes(Source.open(path, InvalidSolutionError), parse(tmp_path, TINY))


def test_headings_of_published_routes_are_skipped(tmp_path):
    """SINTEF's lists have authors and dates, other programs an objective or comments."""
    path = tmp_path / "x.sol"
    path.write_text(
        "# best of 3\nInstance name : x\nAuthors : A. Uthor\nDate : 2015\nReference: J. Heuristics 12 (2006)\n"
        "Solution\nRoute 1 : 1 2\nRoute 2 : 3 4\nObjective 22\n"
    )
    assert read_routes(Source.open(path), parse(tmp_path, TINY)) == Routes(routes=([0, 2], [3, 4]))


def test_routes_with_unknown_customers_are_left_to_the_judge(tmp_path):
    """Numbers must not wrap around to other customers."""
    instance = parse(tmp_path, TINY)
    path = tmp_path / "x.sol"
    for bad in ("5", "-1", "0"):
        path.write_text(f"Route #1: 1 2\nRoute #2: 3 4 {bad}\n")
        assert not judge(instance, read_routes(Source.open(path), instance)).feasible


@pytest.mark.parametrize("node", [-1, 5, -(2**63)])
def test_nodes_that_do_not_exist_are_never_written(tmp_path, node):
    """NumPy takes -1 for the last node: the file would hold another solution, and larger ones ended in IndexError."""
    instance = parse(tmp_path, TINY)
    with pytest.raises(ValueError, match=rf"nodes in 0\.\.4, got {node}"):
        write_routes(instance, Routes(routes=([1, node],)), None, tmp_path / "y.sol")


def test_a_solution_without_routes_is_written_and_read(tmp_path):
    """The file was empty, and reading it back an error instead of a verdict."""
    instance = parse(tmp_path, TINY)
    write_routes(instance, Routes(routes=()), None, path := tmp_path / "y.sol")
    assert not judge(instance, read_routes(Source.open(path, InvalidSolutionError), instance)).feasible


numbers = st.floats(-1e6, 1e6).map(lambda v: v + 0.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8),
    st.sampled_from([m for m in Metric if m is not Metric.MATRIX]),
    st.sampled_from(["", "a b", "Golden_3"]),
    st.one_of(st.none(), st.floats(0, 1e6)),
    st.booleans(),
    st.data(),
)
def test_written_files_read_back_equal(tmp_path_factory, coords, metric, name, max_length, as_matrix, data):
    """Nothing of the data may be lost or rounded by a round trip."""
    n = len(coords)
    distances = Distances.from_coords(np.array(coords), metric)
    if as_matrix and metric is not Metric.GEO:
        distances = Distances.from_matrix(distances.dense(), np.array(coords))
    depot = data.draw(st.integers(0, n - 1))
    demand = np.array(data.draw(st.lists(st.floats(0, 100), min_size=n, max_size=n)))
    demand[depot] = 0
    instance = CVRPInstance(
        name=name,
        distances=distances,
        demand=demand,
        capacity=100,
        depot=depot,
        max_length=max_length,
        service_time=0.5 if max_length else 0,
    )
    path = tmp_path_factory.mktemp("w") / "x.vrp"
    write(instance, path)
    assert read(Source.open(path), "cvrp") == instance


@pytest.mark.parametrize("name", ["CMT1", "tai75a", "Golden_9", "Li_21"])
def test_rounded_distances_stay_rounded_whatever_the_file_is_called(tmp_path, name):
    """What is written goes to a temporary name first, which is that of no unrounded set."""
    instance = parse(tmp_path, TINY)
    cosolve.write(instance, tmp_path / f"{name}.vrp")
    assert cosolve.read(tmp_path / f"{name}.vrp") == instance
    cosolve.write(instance, tmp_path / "plain.vrp")
    (tmp_path / "plain.vrp").rename(tmp_path / f"{name}.vrp")
    assert cosolve.read(tmp_path / f"{name}.vrp") == instance


def test_names_stay_as_they_are_however_often_a_file_is_copied(tmp_path):
    """Read as Latin-1 and written as UTF-8, a name doubled its strange letters with every copy."""
    instance = dataclasses.replace(parse(tmp_path, TINY), name="Zürich à 東")
    for _ in range(3):
        cosolve.write(instance, tmp_path / "x.vrp")
        instance = cosolve.read(tmp_path / "x.vrp")
    assert instance.name == "Zürich à 東"
    (tmp_path / "old.vrp").write_bytes((tmp_path / "x.vrp").read_text("utf-8").replace("à 東", "").encode("latin-1"))
    assert cosolve.read(tmp_path / "old.vrp").name == "Zürich"
