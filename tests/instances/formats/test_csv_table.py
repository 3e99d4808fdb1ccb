"""Regression tables: separators, headers, columns, and errors that name the line."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidInstanceError
from cosolve.instances.formats.csv_table import sniff
from cosolve.instances.formats.source import Source
from cosolve.instances.regtree import RegressionTreeInstance
from cosolve.testing import check_format, tiny_instances

TABLE = "a,b,y\n1,2,3\n4,5.5,-6e2\n"


def read(tmp_path, text, name="t.csv", **options) -> RegressionTreeInstance:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return cosolve.read(path, problem="regtree", format="csv", **options)


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", "  "),
        TABLE.replace(",", " , "),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\n\n") + "  \n",
        TABLE[:-1],
        TABLE.replace("a,b", '"a", "b"').replace("5.5", '"5.5"'),
        "\ufeff" + TABLE,
    ],
)
def test_all_ways_to_write_a_table_say_the_same(tmp_path, text):
    """Spreadsheets of different countries write all of these."""
    instance = read(tmp_path, text)
    assert instance.X.tolist() == [[1, 2], [4, 5.5]]
    assert instance.y.tolist() == [3, -600]
    assert instance.feature_names == ("a", "b")
    assert instance.meta["target"] == "y"
    assert instance.name == "t"


def test_compressed_tables_are_read_like_all_files(tmp_path):
    """2 million rows are rarely kept as they are."""
    instance = read(tmp_path, gzip.compress(TABLE.encode()), "t.csv.gz")
    assert instance == read(tmp_path, TABLE)
    assert cosolve.read(tmp_path / "t.csv.gz") == instance


@pytest.mark.parametrize(
    ("first", "names"),
    [
        ("1.5,2,3", ("x0", "x1")),
        ("1,2,3", ("1", "2")),  # column numbers: as data they would be an odd row
        ("0,1,2", ("0", "1")),
        ("1,3,2", ("x0", "x1")),
        ("a,2,3", ("a", "2")),  # a word above a number
        ("a b,c,y", ("a b", "c")),
        ("größe,c,y", ("größe", "c")),
    ],
)
def test_first_row_is_names_if_it_can_not_be_data(tmp_path, first, names):
    """A row of names read as data, or of data as names, is a silent error."""
    instance = read(tmp_path, f"{first}\n5,6,7\n8,9,10\n")
    assert instance.feature_names == names
    assert instance.size == (3 if names == ("x0", "x1") else 2)


def test_the_guess_about_the_header_can_be_overruled(tmp_path):
    assert read(tmp_path, "1,2,3\n4,5,6\n", header=False).size == 2
    assert read(tmp_path, "1.5,2,3\n4,5,6\n", header=True).feature_names == ("1.5", "2")
    with pytest.raises(ValueError, match="header of format 'csv' must be true or false, got 'maybe'"):
        read(tmp_path, TABLE, header="maybe")


@pytest.mark.parametrize("name", ["NO", "yes", "1.50", "1e3", "none"])
def test_a_column_may_be_called_like_a_value(tmp_path, name):
    """Of --set target=NO the command line made false, which is column 0; nitric oxide is a usual target."""
    instance = read(tmp_path, f"a,{name},c\n1,2,3\n4,5,6\n", header=True, target=name)
    assert instance.y.tolist() == [2, 5]
    assert read(tmp_path, f"a,{name},c\n1,2,3\n4,5,6\n", header=True, drop=name).feature_names == ("a",)


def test_columns_are_chosen_by_name_or_position(tmp_path):
    """Names win: a table whose columns are called 1, 2, 3 means these by 1, 2, 3."""
    for target, weights in (("a", "y"), (0, -1), (-3, 2)):
        instance = read(tmp_path, TABLE.replace("-6e2", "6"), target=target, weights=weights)
        assert instance.y.tolist() == [1, 4]
        assert instance.weights.tolist() == [3, 6]
        assert instance.feature_names == ("b",)
    assert read(tmp_path, "3,1,2\n7,8,9\n5,5,5\n", header=True, target=1).y.tolist() == [8, 5]


def test_dropped_columns_may_hold_anything(tmp_path):
    """Dates and names stand in most tables."""
    text = 'day,a,who,y\n1/2/2017,1,"x, ""y""",2\n,3,nan,4\n'
    for drop in ("day,who", "0,2", ["day", 2], [0, -2]):
        instance = read(tmp_path, text, drop=drop)
        assert instance.X.tolist() == [[1], [3]]
        assert instance.feature_names == ("a",)


def test_limits_of_the_tree_come_from_options(tmp_path):
    """A table has no place for them."""
    instance = read(tmp_path, TABLE, max_depth=3, min_samples_leaf=2, alpha=0.5, max_splits=4)
    assert (instance.max_depth, instance.min_samples_leaf, instance.alpha, instance.max_splits) == (3, 2, 0.5, 4)


@pytest.mark.parametrize(
    ("text", "options", "message", "line"),
    [
        ("a,y\n1,2\n1,x\n", {}, "column 'y': expected a number, got 'x'", 3),
        ("a,y\n1,2\n\n1,\n", {}, "column 'y': there is no value", 4),
        ("a,y\n1,2\n,1\n", {}, "column 'a': there is no value", 3),
        ("a,y\n1,2\n1,NaN\n", {}, "column 'y': numbers must be finite, got 'NaN'", 3),
        ("a,y\n1,2\n-inf,1\n", {}, "column 'a': numbers must be finite, got '-inf'", 3),
        ("a,y\n1,2\n1e999,1\n", {}, "column 'a': the number is too large", 3),
        ("a,y\n1,2\n1,2,3\n", {}, "expected 2 columns, got more", 3),
        ("a,b,y\n1,2,3\n1,2\n", {}, "expected 3 columns, got 2", 3),
        ("a b y\n1 2 3\n1 2\n", {}, "expected 3 columns, got 2", 3),
        ("a b y\n1 2 3\n1 2 3 4\n", {}, "expected 3 columns, got more", 3),
        ("a;y\n1;2\n1,5;2\n", {}, "column 'a': expected one number, got '1,5'", 3),
        ("a,y\n1,2\n1 2,3\n", {}, "column 'a': expected one number, got '1 2'", 3),
        ('a,y\n1,2\n"1,2\n', {}, "column 'a': a quote is not closed", 3),
        ("a,y,y\n1,2,3\n", {}, "two columns are named 'y'", 1),
        ("y\n1\n2\n", {}, "at least two columns", 1),
        ("M,1\nF,2\n", {}, "column 'x0': expected a number, got 'M'", 1),
        ("a,y\n1,2\n", {"target": "z"}, "target: there is no column 'z'; there are: a, y", None),
        ("a,y\n1,2\n", {"target": 2}, "target: column 2 is not within -2..1", None),
        ("a,y\n1,2\n", {"weights": "y"}, "must be different columns", None),
        ("a,y\n1,2\n", {"drop": "y"}, "must be different columns", None),
        ("a,y\n1,2\n", {"drop": "a"}, "no column is left for a feature", None),
        ("a,b,y\n1,2,3\n1,-2,3\n", {"weights": "b"}, "weights must be > 0, got -2 in row 2", None),
        ("a,y\n", {}, "no row of data behind the header", None),
        ("a,y\n1,2\n", {"separator": "|"}, "separator must be", None),
        ("# regtree depth=3\na,y\n1,2\n", {}, "unknown word 'depth=3'", 1),
        ("# regtree max_depth=x\na,y\n1,2\n", {}, "'x' is no value for max_depth", 1),
        ("a,y\n1,2\n", {"min_samples_leaf": 3}, "min_samples_leaf must be in 1..1", None),
    ],
)
def test_errors_say_what_is_wrong_and_where(tmp_path, text, options, message, line):
    """Row 1,284,113 of a table is not found by reading it."""
    with pytest.raises(InvalidInstanceError) as caught:
        read(tmp_path, text, **options)
    assert message in str(caught.value)
    assert caught.value.line == line
    assert "t.csv" in str(caught.value)


@pytest.mark.parametrize("index", [0, 1])
def test_what_was_written_reads_back_with_all_limits(tmp_path, index):
    """The comment in the first line carries what a table has no place for."""
    check_format("csv", tiny_instances("regtree")[index][0], tmp_path / "x.csv")


@given(st.integers(0, 2**32 - 1))
def test_written_numbers_read_back_bit_by_bit(tmp_path_factory, seed):
    """Trees depend on the last digit of a threshold."""
    rng = np.random.default_rng(seed)
    n, p = rng.integers(1, 6), rng.integers(1, 4)
    exponents = 10.0 ** rng.integers(-30, 30, (n, p + 1))
    table = np.where(
        rng.random((n, p + 1)) < 0.3, rng.integers(-5, 5, (n, p + 1)), rng.normal(size=(n, p + 1)) * exponents
    )
    names = tuple(rng.choice(["a,b", "x 1", '"q"', "1", "2", "-1", "weight", "y"], p))
    instance = RegressionTreeInstance(
        X=table[:, :p],
        y=table[:, p],
        weights=rng.random(n) + 0.1 if rng.random() < 0.5 else None,
        feature_names=names,
        max_splits=int(rng.integers(0, 4)) if rng.random() < 0.5 else None,
        alpha=float(rng.random()),
    )
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    cosolve.write(instance, path)
    assert cosolve.read(path) == instance


@pytest.mark.parametrize(
    ("text", "name", "claimed"),
    [
        (TABLE, "t.txt", True),
        (TABLE.replace(",", ";"), "t", True),
        ("7,2,3\n4,5,6\n", "t.csv", True),
        ("7,2,3\n4,5,6\n", "t.txt", False),
        ("7 2 3\n4 5 6\n", "t.csv", False),
        ("# FromNodeId\tToNodeId\n1\t2\n", "t.tsv", False),
        ("p edge 2 1\ne 1 2\n", "t.csv", False),
        ("a,b\nc,d\n", "t.csv", False),
    ],
)
def test_only_what_looks_like_a_table_is_claimed(tmp_path, text, name, claimed):
    """Rows of bare numbers are many formats' way: one careless sniffer claims the files of all others."""
    path = tmp_path / name
    path.write_text(text)
    assert sniff(Source.open(path)) == (("regtree",) if claimed else ())


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("width", [9_000, 12_000, 40_000])
def test_rows_may_be_longer_than_what_is_looked_at_first(tmp_path, width, header):
    """With 9,000 columns the first row of numbers is cut at 64 KiB, with 40,000 the names are."""
    names = [f"x{j}" for j in range(width)]
    rows = [",".join(names)] * header + [",".join(str(1000 * i + j % 7) for j in range(width)) for i in range(3)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([*rows, ""]))
    instance = cosolve.read(path)
    assert instance.X.shape == (3, width - 1)
    assert instance.feature_names == tuple(names[:-1])
    cosolve.write(instance, tmp_path / "again.csv")
    assert cosolve.read(tmp_path / "again.csv") == instance


def test_names_that_become_alike_are_told_apart(tmp_path):
    """A quote in a name is written as a blank."""
    X = np.arange(6.0).reshape(2, 3)
    cosolve.write(RegressionTreeInstance(X=X, y=X[:, 0], feature_names=('a"b', "a b", "-1")), tmp_path / "t.csv")
    assert read(tmp_path, (tmp_path / "t.csv").read_text()).feature_names == ("a b", "a b_", "-1_")


def test_published_tables_are_read(data):
    """Sizes as in the literature on optimal regression trees."""
    sizes = {
        "openml/cpu_act.csv": (8192, 21),
        "uci_raw/airfoil_self_noise.csv": (1503, 5),
        "uci_raw/concrete/data.txt": (1030, 8),
        "uci_raw/yacht/data.txt": (308, 6),
        "osrt_binarized/optical.csv": (640, 29),
    }
    for path, shape in sizes.items():
        assert cosolve.read(data / "regression" / path, problem="regtree", format="csv").X.shape == shape
    seoul = {"target": "Rented Bike Count", "drop": "Date,Seasons,Holiday,Functioning Day"}
    assert cosolve.read(data / "regression/uci_raw/SeoulBikeData.csv", **seoul).X.shape == (8760, 9)


def test_names_with_letters_of_all_kinds(tmp_path):
    """The second bytes of "à" and "Å" are a blank and a line end of Latin-1."""
    table = "voilà,Å,y\n1,2,3\n4,5,6\n"
    assert read(tmp_path, table).feature_names == ("voilà", "Å")
    assert read(tmp_path, f"# regtree target=Å\n{table}").y.tolist() == [2, 5]
