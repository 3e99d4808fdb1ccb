"""TSPLIB reader and writer."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.formats._tsplib_sections import scan
from cosolve.instances.formats.source import Source
from cosolve.instances.formats.tsplib import sniff
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance

HEAD = "NAME : t\nTYPE : TSP\nDIMENSION : 3\nEDGE_WEIGHT_TYPE : EUC_2D\n"
COORDS = "NODE_COORD_SECTION\n1 0 0\n2 0 3\n3 4 0\n"
EXPLICIT = "NAME: m\nTYPE: TSP\nDIMENSION: 4\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: {}\nEDGE_WEIGHT_SECTION\n"
MATRIX = np.array([[0, 1, 2, 3], [1, 0, 4, 5], [2, 4, 0, 6], [3, 5, 6, 0]], float)

# The symmetric 4 x 4 matrix above in each layout, written by hand.
LAYOUTS = {
    "FULL_MATRIX": "9 1 2 3 1 9 4 5 2 4 9 6 3 5 6 9",
    "UPPER_ROW": "1 2 3 4 5 6",
    "LOWER_ROW": "1 2 4 3 5 6",
    "UPPER_DIAG_ROW": "9 1 2 3 9 4 5 9 6 9",
    "LOWER_DIAG_ROW": "9 1 9 2 4 9 3 5 6 9",
    "UPPER_COL": "1 2 4 3 5 6",
    "LOWER_COL": "1 2 3 4 5 6",
    "UPPER_DIAG_COL": "9 1 9 2 4 9 3 5 6 9",
    "LOWER_DIAG_COL": "9 1 2 3 9 4 5 9 6 9",
}


def read(tmp_path: Path, text: str | bytes, name: str = "x.tsp") -> TSPInstance:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return cosolve.read(path, format="tsplib")


@pytest.mark.parametrize(("layout", "weights"), LAYOUTS.items())
@pytest.mark.parametrize("separator", [" ", "\n", "\t\r\n  "])
def test_every_matrix_layout_gives_the_same_matrix(tmp_path: Path, layout: str, weights: str, separator: str):
    """A transposed triangle is still symmetric: only the values tell. Line breaks mean nothing."""
    instance = read(tmp_path, EXPLICIT.format(layout) + weights.replace(" ", separator) + "\nEOF\n")
    assert (instance.distances.matrix == MATRIX).all()


def test_full_matrix_of_an_atsp_keeps_rows_as_origins(tmp_path: Path):
    """Entry (i, j) is the way from i to j."""
    text = "TYPE: ATSP\nDIMENSION: 2\nEDGE_WEIGHT_TYPE: EXPLICIT\nEDGE_WEIGHT_FORMAT: FULL_MATRIX\n"
    instance = read(tmp_path, text + "EDGE_WEIGHT_SECTION\n-1 7\n3 -1\nEOF")
    assert isinstance(instance, ATSPInstance)
    assert instance.distances.between(0, 1) == 7
    assert instance.distances.between(1, 0) == 3


@pytest.mark.parametrize(
    "text",
    [
        HEAD + COORDS + "EOF\n",
        HEAD + COORDS,
        HEAD.replace(" : ", ":") + COORDS,
        HEAD.replace(" : ", ": ").lower().replace("euc_2d", "EUC_2D") + COORDS,
        HEAD.replace("\n", "\r\n") + COORDS.replace("\n", "\r\n"),
        HEAD + "NODE_COORD_SECTION\n3 4.0 0e0\n001 0 0\n 2 0 +3\n",
        HEAD + COORDS.replace("SECTION", "SECTION:"),
        HEAD + COORDS.replace("SECTION", "SECTION \t: "),
        HEAD + "COMMENT : one\nCOMMENT: two: three\n" + COORDS,
        HEAD.replace("TYPE : TSP\n", "TYPE : TSP (somebody)\n") + COORDS,
    ],
)
def test_harmless_variants_of_the_layout_are_read(tmp_path: Path, text: str):
    """Published files differ in blanks, case, order of ids and in whether they end in EOF."""
    expected = Distances.from_coords([[0, 0], [0, 3], [4, 0]])
    assert read(tmp_path, text, "E0k.0") == TSPInstance(distances=expected)


BAD = {
    "truncated": (HEAD + "NODE_COORD_SECTION\n1 0 0\n2 0", "bytes"),
    "cut in a line": (HEAD + "NODE_COORD_SECTION\n1 0.000 0.000\n2 0.000", "coordinate"),
    "no coordinates": (HEAD, "NODE_COORD_SECTION"),
    "no weight type": ("NAME : t\nTYPE : TSP\nDIMENSION : 3\n" + COORDS, "EDGE_WEIGHT_TYPE is missing"),
    "no dimension": ("TYPE : TSP\nEDGE_WEIGHT_TYPE : EUC_2D\n" + COORDS, "DIMENSION is missing"),
    "zero dimension": (HEAD.replace("3", "0") + "NODE_COORD_SECTION\n", "DIMENSION must be >= 1"),
    "negative dimension": (HEAD.replace("3", "-3") + COORDS, "DIMENSION"),
    "word for a dimension": (HEAD.replace("3", "three") + COORDS, "DIMENSION"),
    "dimension of Python": (HEAD.replace("3", "0_3") + COORDS, "DIMENSION must be an integer, got '0_3'"),
    "dimension of another script": (HEAD.replace("3", "٣") + COORDS, "DIMENSION must be an integer, got '٣'"),
    "huge dimension": (HEAD.replace("3", "99999999999999") + COORDS, "bytes"),
    "huge matrix": (EXPLICIT.format("FULL_MATRIX").replace("4", "4000000000") + "1 2 3", "bytes"),
    "one node more": (HEAD + COORDS + "4 1 1\n", "end of the section"),
    "nan": (HEAD + COORDS.replace("4", "nan"), "coordinate"),
    "overflow": (HEAD + COORDS.replace("4", "1e999"), "finite"),
    "id twice": (HEAD + COORDS.replace("2 0 3", "1 0 3"), "twice"),
    "id 0": (HEAD + COORDS.replace("1 0 0", "0 0 0"), "1 to 3"),
    "fractional id": (HEAD + COORDS.replace("1 0 0", "1.5 0 0"), "1 to 3"),
    "third dimension": (HEAD + "NODE_COORD_SECTION\n1 0 0 0\n2 0 3 0\n3 4 0 0\n", "id"),
    "unknown weight type": (HEAD.replace("EUC_2D", "XRAY1") + COORDS, "XRAY1"),
    "unknown layout": (EXPLICIT.format("FUNCTION") + "1 2 3 4 5 6", "FUNCTION"),
    "negative weight": (EXPLICIT.format("UPPER_ROW") + "1 2 -3 4 5 6", ">= 0"),
    "too few weights": (EXPLICIT.format("UPPER_ROW") + "1 2 3 4 5", "weight"),
    "too many weights": (EXPLICIT.format("UPPER_ROW") + "1 2 3 4 5 6 7", "end of the section"),
    "asymmetric": (EXPLICIT.format("FULL_MATRIX") + LAYOUTS["FULL_MATRIX"].replace("6", "7", 1), "ATSP"),
    "fixed edges": (HEAD + COORDS + "FIXED_EDGES_SECTION\n1 2\n-1\n", "FIXED_EDGES_SECTION"),
    "keyword twice": (HEAD + "DIMENSION : 4\n" + COORDS, "twice"),
    "section twice": (HEAD + COORDS + COORDS, "twice"),
    "garbage line": (HEAD + COORDS + "what is this\n", "KEYWORD"),
    "data before a section": (HEAD + "1 2 3\n" + COORDS, "expected KEYWORD .*, got '1 2 3'"),
    "comment sign": (HEAD + "# a comment\n" + COORDS, "expected KEYWORD .*, got '# a comment'"),
    "vehicle routing": (HEAD + "CAPACITY : 5\n" + COORDS, "CAPACITY"),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD.keys())
def test_a_malformed_file_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, message: str):
    """Anything else would be a crash, a hang, or an instance that nobody meant."""
    with pytest.raises(InvalidInstanceError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "x.tsp") in str(caught.value)


def test_comments_are_kept_in_their_order(tmp_path: Path):
    path = tmp_path / "x.tsp"
    path.write_text("COMMENT : one\n" + HEAD + "COMMENT: two: three\nCOMMENT :\n" + COORDS)
    header = scan(Source.open(path))
    assert header.keywords["COMMENT"] == ("one\ntwo: three\n", 0)


def test_an_error_in_the_coordinates_names_the_line(tmp_path: Path):
    """Line 7 of a million is what the user has to look at."""
    with pytest.raises(InvalidInstanceError) as caught:
        read(tmp_path, HEAD + COORDS.replace("2 0 3", "2 0 x3"))
    assert caught.value.line == 7


@pytest.mark.parametrize("content", [b"", b"\0\1\2" * 100, bytes(range(256)) * 50, b"\xff" * 1000, b"\n" * 1000])
def test_binary_garbage_and_empty_files_are_refused(tmp_path: Path, content: bytes):
    """Neither a crash nor an empty instance."""
    with pytest.raises(InvalidInstanceError):
        read(tmp_path, content)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 200), at=st.integers(0, 200), byte=st.integers(1, 255))
def test_no_damage_makes_the_reader_crash(tmp_path: Path, cut: int, at: int, byte: int):
    """Any truncation with any changed byte gives an instance or an InvalidInstanceError."""
    text = bytearray((EXPLICIT.format("UPPER_DIAG_ROW") + LAYOUTS["UPPER_DIAG_ROW"] + "\nEOF\n").encode())
    text[at % len(text)] = byte
    try:
        read(tmp_path, bytes(text[: len(text) - cut % len(text)]))
    except InvalidInstanceError:
        pass


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (HEAD, ("tsp",)),
        (HEAD.replace("TSP", "ATSP"), ("atsp",)),
        (HEAD.replace("TSP", "CVRP"), ()),
        (HEAD.replace("TSP", "TOUR"), ("tsp",)),
        (HEAD.replace("TSP", "SOP"), ("tsp",)),
        (HEAD + "CAPACITY : 100\n", ()),
        (HEAD.replace("TYPE : TSP\n", "") + COORDS, ("tsp",)),
        (HEAD.replace("TYPE : TSP\n", "") + COORDS + "DEMAND_SECTION\n", ()),
        ("p edge 3 2\n", ()),
        ("3 2\n1 2\n", ()),
        ("NAME", ()),
    ],
)
def test_no_vehicle_routing_file_is_claimed(tmp_path: Path, text: str, problems: tuple[str, ...]):
    """VRPLIB shares the grammar: claiming its files would make every .vrp ambiguous."""
    path = tmp_path / "x"
    path.write_text(text)
    assert tuple(sniff(Source.open(path))) == problems


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("SOP", "2: TYPE SOP is not read; TSP and ATSP are"),
        ("HCP", "2: TYPE HCP is not read"),
        ("TOUR", "2: TYPE TOUR holds a solution, not an instance"),
    ],
)
def test_types_that_are_not_read_are_named(tmp_path: Path, kind: str, message: str):
    """They were in no known format, though nothing else in them is unknown."""
    path = tmp_path / "x"
    path.write_text(HEAD.replace("TSP", kind) + COORDS)
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path)
    with pytest.raises(InvalidInstanceError, match=message):
        cosolve.read(path, problem="tsp", format="tsplib")


numbers = st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 1e300)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6), st.sampled_from(list(Metric)[1:]))
def test_written_coordinates_read_back_bit_by_bit(tmp_path: Path, coords: list, metric: Metric):
    """Rounded decimals would change the instance."""
    instance = TSPInstance(name="round trip", distances=Distances.from_coords(np.array(coords), metric))
    cosolve.write(instance, tmp_path / "x.tsp", format="tsplib")
    again = cosolve.read(tmp_path / "x.tsp", format="tsplib")
    assert again == instance
    assert again.name == "round trip"


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(1, 5), st.data())
def test_written_matrices_read_back_bit_by_bit(tmp_path: Path, n: int, data: st.DataObject):
    """Also with coordinates for drawing beside the matrix."""
    weight = st.floats(0, 1e12)
    rows = data.draw(st.lists(st.lists(weight, min_size=n, max_size=n), min_size=n, max_size=n))
    coords = np.arange(2.0 * n).reshape(n, 2) / 3 if data.draw(st.booleans()) else None
    instance = ATSPInstance(distances=Distances.from_matrix(np.array(rows), coords))
    cosolve.write(instance, tmp_path / "x.atsp", format="tsplib")
    assert cosolve.read(tmp_path / "x.atsp", format="tsplib") == instance


def test_integers_are_written_without_decimals(tmp_path: Path):
    """Other programs read "140237", not "140237.0"."""
    cosolve.write(TSPInstance(distances=Distances.from_coords([[1.0, 2.5]])), tmp_path / "x.tsp", format="tsplib")
    assert "1 1 2.5\n" in (tmp_path / "x.tsp").read_text()


@pytest.mark.parametrize(
    "text",
    [
        "TYPE : TOUR\nDIMENSION : 3\nTOUR_SECTION\n2\n1\n3\n-1\nEOF\n",
        "TOUR_SECTION\n2 1\n 3 -1\n",
        "NAME:x\nTOUR_SECTION\n2 1 3",
        "TOUR_SECTION\n2 1 3 -1\n-1\nEOF",
    ],
)
def test_tours_are_read_over_any_number_of_lines(tmp_path: Path, text: str):
    """Concorde, LKH and TSPLIB lay them out differently."""
    (tmp_path / "x.tour").write_text(text)
    instance = TSPInstance(distances=Distances.from_coords([[0, 0], [0, 3], [4, 0]]))
    assert cosolve.read_solution(tmp_path / "x.tour", instance) == Tour(order=[1, 0, 2])


@pytest.mark.parametrize(
    "text",
    [
        "1\n2\n3\n",
        "TYPE : TOUR\n",
        "TYPE : TSP\nTOUR_SECTION\n1 2 3 -1\n",
        "DIMENSION : 4\nTOUR_SECTION\n1 2 3 -1\n",
        "TOUR_SECTION\n1 2 3 -1 4 5 -1\n",
        "TOUR_SECTION\n1 2.5 3 -1\n",
        "TOUR_SECTION\n1 2 x -1\n",
    ],
)
def test_a_malformed_tour_is_refused(tmp_path: Path, text: str):
    """A cut file must not become a shorter tour."""
    (tmp_path / "x.tour").write_text(text)
    with pytest.raises(InvalidSolutionError):
        cosolve.read_solution(tmp_path / "x.tour", TSPInstance(distances=Distances.from_coords([[0, 0]])))


def test_a_written_tour_reads_back(tmp_path: Path):
    """And says its length."""
    instance = TSPInstance(name="t", distances=Distances.from_coords([[0, 0], [0, 3], [4, 0]]))
    cosolve.write_solution(instance, Tour(order=[2, 0, 1]), tmp_path / "x.tour", objective=12.0)
    assert cosolve.read_solution(tmp_path / "x.tour", instance) == Tour(order=[2, 0, 1])
    assert "Length 12\n" in (tmp_path / "x.tour").read_text()


def test_a_million_cities_are_read_in_seconds(tmp_path: Path):
    """A reader that makes Python objects of lines takes minutes for FrontierCO's largest files."""
    coords = np.random.default_rng(0).integers(0, 10**6, (1_000_000, 2))
    rows = "\n".join(f"{k} {x} {y}" for k, (x, y) in enumerate(coords.tolist(), 1))
    path = tmp_path / "big.tsp"
    path.write_text(HEAD.replace("3", "1000000") + "NODE_COORD_SECTION\n" + rows + "\nEOF\n")
    start = process_time()
    instance = cosolve.read(path, format="tsplib")
    assert process_time() - start < 8
    assert (instance.distances.coords == coords).all()
