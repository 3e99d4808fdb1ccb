"""MPS and LP files: every published one as SCIP and HiGHS read it, exact round trips, errors with their line."""

from __future__ import annotations

import gzip
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cosolve
from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.instances.milp import MILPInstance, Values
from tests.instances.formats.milp_backends import by_highs, by_scip, ours
from tests.solvers.milps import INF, milp, random_milp

FILES = (
    *("10teams.mps.gz", "air05.mps.gz", "bell5.mps.gz", "flugpl.mps.gz", "gesa2.mps.gz", "gt2.mps", "lseu.mps"),
    *("markshare1.mps.gz", "mas76.mps.gz", "misc07.mps.gz", "p0033.mps.gz", "p0201.mps.gz", "p0548.mps.gz"),
    *("pk1.mps.gz", "pp08a.mps.gz", "qiu.mps.gz", "rgn.mps.gz", "sp150x300d.mps", "stein27.mps.gz", "vpm2.mps.gz"),
    *("1443_0-9.lp", "2050_3_7.lp", "MANN_a9.clq.lp"),
)

EXAMPLE = """\
* a comment
NAME example
ROWS
 N obj
 L cap
 G need
COLUMNS
 x obj 1 cap 1
 x need 1
 MARKER 'MARKER' 'INTORG'
 y obj 2.5 cap 3
 MARKER 'MARKER' 'INTEND'
RHS
 RHS cap 4 need 1
BOUNDS
 UP BND x 3
ENDATA
"""

LP_EXAMPLE = """\
\\ a comment
Minimize
 obj: x + 2.5 y + 7
Subject To
 cap: x + 3 y <= 4
 need: x >= 1
Bounds
 x <= 3
Generals
 y
End
"""


@pytest.fixture
def read_text(tmp_path):
    def read(text: str, suffix: str = ".mps") -> MILPInstance:
        path = tmp_path / f"x{suffix}"
        path.write_text(text)
        return cosolve.read(path)

    return read


@pytest.fixture
def changed(read_text):
    """Reads one of the examples after a replacement that must have happened."""

    def read(old: str, new: str, suffix: str = ".mps") -> MILPInstance:
        text = EXAMPLE if suffix == ".mps" else LP_EXAMPLE
        assert old in text
        return read_text(text.replace(old, new, 1), suffix)

    return read


# -- the field's files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_published_files_are_read_as_scip_and_highs_read_them(data, tmp_path, name):
    """Three readers by three teams: sides, bounds, coefficients, senses and names must be equal to the last bit."""
    path = data / "milp" / name
    instance = cosolve.read(path)
    model = ours(instance)
    plain = path
    if path.suffix == ".gz":
        plain = tmp_path / path.stem
        with gzip.open(path) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file)
    assert by_highs(plain) == model
    assert by_scip(path) == model
    if path.suffix != ".lp":
        assert list(by_highs(plain)["columns"]) == list(instance.col_names)


@pytest.mark.parametrize("name", FILES)
def test_published_files_survive_every_writer(data, tmp_path, name):
    """Order of columns, names and the last bit of each number."""
    instance = cosolve.read(data / "milp" / name)
    for suffix in (".mps", ".lp", ".mps.gz"):
        path = tmp_path / f"x{suffix}"
        if name.startswith(("rgn", "stein27")) and ".lp" in suffix:
            with pytest.raises(ValueError, match="can't stand in this format"):
                cosolve.write(instance, path)  # names that begin with a digit
            continue
        cosolve.write(instance, path)
        again = cosolve.read(path)
        assert again == instance
        assert (again.row_names, again.col_names) == (instance.row_names, instance.col_names)


# -- what files mean ----------------------------------------------------------------------------------------


def test_free_mps_in_all_its_sections(read_text):
    instance = read_text(EXAMPLE)
    assert instance.name == "example"
    assert instance.col_names == ("x", "y")
    assert instance.row_names == ("cap", "need")
    assert instance.cost.tolist() == [1, 2.5]
    assert instance.is_integer.tolist() == [False, True]
    assert instance.matrix.toarray().tolist() == [[1, 3], [1, 0]]
    assert (instance.row_lower.tolist(), instance.row_upper.tolist()) == ([-INF, 1], [4, INF])
    assert (instance.col_lower.tolist(), instance.col_upper.tolist()) == ([0, 0], [3, 1])  # y: no bound, so binary
    assert instance.sense == "min"


@pytest.mark.parametrize(
    ("line", "bounds"),
    [
        (" UP BND x -3", (-INF, -3)),
        (" UP BND x 0", (0, 0)),
        (" LO BND x -7\n UP BND x -3", (-7, -3)),
        (" UP BND x -3\n LO BND x -7", (-7, -3)),
        (" MI BND x\n UP BND x 3", (-INF, 3)),
        (" FR BND x", (-INF, INF)),
        (" FR x", (-INF, INF)),
        (" FR x 0", (-INF, INF)),
        (" FR BND x 0", (-INF, INF)),
        (" FX BND x 2", (2, 2)),
        (" UP x 2", (0, 2)),
        (" UP BND x 1e30", (0, INF)),
        (" LO BND x -Inf", (-INF, INF)),
        (" LO BND x 1\n PL BND x", (1, INF)),
    ],
)
def test_mps_bounds(changed, line, bounds):
    """A negative upper bound frees the lower one unless that is given, before or after: CPLEX, Gurobi and GLPK."""
    instance = changed(" UP BND x 3", line)
    assert (instance.col_lower[0], instance.col_upper[0]) == bounds
    assert not instance.is_integer[0]


@pytest.mark.parametrize(
    ("line", "bounds"),
    [
        (" LO BND y 0", (0, INF)),
        (" PL BND y", (0, INF)),
        (" MI BND y", (-INF, INF)),
        (" UP BND y 9", (0, 9)),
        (" BV BND y", (0, 1)),
    ],
)
def test_mps_integers_are_binary_only_without_any_bound(changed, line, bounds):
    """As SCIP and HiGHS read them."""
    instance = changed(" UP BND x 3", line)
    assert (instance.col_lower[1], instance.col_upper[1]) == bounds


@pytest.mark.parametrize(
    ("line", "bounds"), [(" BV BND x", (0, 1)), (" LI BND x 2", (2, INF)), (" UI BND x 5", (0, 5))]
)
def test_mps_bounds_that_make_integers(changed, line, bounds):
    instance = changed(" UP BND x 3", line)
    assert instance.is_integer[0]
    assert (instance.col_lower[0], instance.col_upper[0]) == bounds


@pytest.mark.parametrize(
    ("sense", "width", "sides"),
    [("L", -2, (2, 4)), ("L", 2, (2, 4)), ("G", -3, (4, 7)), ("E", 2, (4, 6)), ("E", -2, (2, 4)), ("E", 0, (4, 4))],
)
def test_mps_ranges(read_text, sense, width, sides):
    """The sign counts for equations only; ranges may stand before the right-hand sides."""
    text = EXAMPLE.replace(" L cap", f" {sense} cap")
    for place in ("RHS\n", "BOUNDS\n"):
        instance = read_text(text.replace(place, f"RANGES\n R cap {width}\n{place}", 1))
        assert (instance.row_lower[0], instance.row_upper[0]) == sides


def test_mps_constant_of_the_objective_changes_its_sign(changed):
    """The right-hand side of a row is what stands opposite its terms."""
    assert changed(" RHS cap 4", " RHS obj 10\n RHS cap 4").offset == -10


@pytest.mark.parametrize(
    "header",
    ["OBJSENSE\n MAX\n", "OBJSENSE MAX\n", "OBJSENSE\n    MAXIMIZE\n", "OBJSENSE\nMAX\n", "OBJSENSE\nMaximize\n"],
)
def test_mps_sense(changed, header, tmp_path):
    """HiGHS reads the word without a blank before it too."""
    assert changed("ROWS\n", header + "ROWS\n").sense == "max"
    assert by_highs(tmp_path / "x.mps")["sense"] == "max"


def test_mps_takes_the_first_free_row_or_the_named_one(read_text):
    text = EXAMPLE.replace(" L cap", " N other\n L cap").replace(" x need 1", " x need 1 other 8")
    assert read_text(text).cost.tolist() == [1, 2.5]
    named = read_text(text.replace("ROWS", "OBJNAME\n other\nROWS", 1))
    assert named.cost.tolist() == [8, 0]
    assert named.row_names == ("cap", "need")


def test_mps_names_of_sets_may_be_missing(read_text):
    bare = EXAMPLE.replace(" RHS cap 4 need 1", " cap 4 need 1").replace(" UP BND x 3", " UP x 3")
    assert read_text(bare) == read_text(EXAMPLE)


def test_mps_fixed_columns_allow_blanks_in_names(read_text):
    """The format of 1970: fields at fixed columns; by words these lines would be wrong."""
    rows = "NAME          OLD\nROWS\n N  COST\n L  ROW ONE\n G  ROW 2\nCOLUMNS\n"
    columns = "    X 1       COST             1.0     ROW ONE          1.0\n    X 1       ROW 2            2.0\n"
    rest = "RHS\n    RHS       ROW ONE          4.0\nBOUNDS\n UP BOUND     X 1              3.0\nENDATA\n"
    instance = read_text(rows + columns + rest)
    assert instance.row_names == ("ROW ONE", "ROW 2")
    assert instance.col_names == ("X 1",)
    assert instance.matrix.toarray().tolist() == [[1], [2]]
    assert instance.col_upper.tolist() == [3]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" L cap", " L cap $ at most"),
        (" x need 1", " x need 1 $ at least"),
        (" x need 1", " x need 1 $at least"),
        (" RHS cap 4 need 1", " cap 4 $ no more\n need 1"),
        (" RHS cap 4 need 1", " RHS cap 4 need 1 $ all"),
        (" UP BND x 3", " UP BND x 3 $ three"),
        (" UP BND x 3", " UP x 3 $ three"),
    ],
)
def test_mps_comments_behind_data(changed, read_text, old, new):
    """The dollar was an unknown row, or a word too many; SCIP reads these files."""
    assert changed(old, new) == read_text(EXAMPLE)


def test_mps_comments_behind_data_in_fixed_columns(read_text):
    rows = "NAME          OLD\nROWS\n N  COST\n L  ROW ONE   $ AT MOST, ROW BY ROW\nCOLUMNS\n"
    columns = "    X 1       COST             1.0   ROW ONE            1.0\n".replace("   ROW", "     ROW")
    rest = "    X 2       COST             1.0     $ ONE AND ANOTHER\nRHS\n    RHS       ROW ONE          4.0\nENDATA\n"
    instance = read_text(rows + columns + rest)
    assert (instance.row_names, instance.col_names) == (("ROW ONE",), ("X 1", "X 2"))
    assert instance.cost.tolist() == [1, 1]


def test_mps_names_may_begin_with_a_dollar(read_text):
    """As HiGHS reads them; but no file that SCIP crashes at is written."""
    text = EXAMPLE.replace("need", "$need").replace(" x", " $x")
    instance = read_text(text)
    assert instance == read_text(EXAMPLE)
    assert (instance.row_names, instance.col_names) == (("cap", "$need"), ("$x", "y"))


def test_mps_errors_are_those_of_the_reading_that_got_further(read_text):
    """By words the first blank in a name is the error, far above the line that is wrong."""
    rows = "NAME          OLD\nROWS\n N  COST\n L  ROW ONE\nCOLUMNS\n"
    columns = "    X 1       COST             1.0     ROW TWO          1.0\nENDATA\n"
    with pytest.raises(InvalidInstanceError, match="unknown row 'ROW TWO'") as caught:
        read_text(rows + columns)
    assert caught.value.line == 6


def test_lp_in_all_its_sections(read_text):
    instance = read_text(LP_EXAMPLE, ".lp")
    assert instance == replace(read_text(EXAMPLE), offset=7.0, col_upper=np.array([3, INF]))
    assert (instance.row_names, instance.col_names) == (("cap", "need"), ("x", "y"))


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("x + 3 y <= 4", (-INF, 4)),
        ("x + 3 y =< 4", (-INF, 4)),
        ("x + 3y < 4", (-INF, 4)),
        ("4 >= x + 3 y", (-INF, 4)),
        ("x + 3 y = - 4", (-4, -4)),
        ("1 <= x + 3 y <= 4", (1, 4)),
        ("4 >= x + 3 y >= 1", (1, 4)),
        ("x + 3 y + 2 <= 4", (-INF, 2)),
        ("x + y + 2 y\n   >= 1e0", (1, INF)),
        ("- -x + 3 y >= -inf", (-INF, INF)),
        ("2 x + 3 y - x >= .5", (0.5, INF)),
    ],
)
def test_lp_rows(changed, text, sides):
    """HiGHS drops the constant of a row, SCIP one of two terms of the same column: neither may happen here."""
    instance = changed("x + 3 y <= 4", text, ".lp")
    assert instance.matrix.toarray()[0].tolist() == [1, 3]
    assert (instance.row_lower[0], instance.row_upper[0]) == sides


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("x >= 1", (1, INF)),
        ("1 <= x <= 3", (1, 3)),
        ("-1 <= x", (-1, INF)),
        ("3 >= x", (0, 3)),
        ("x = 2", (2, 2)),
        ("x free", (-INF, INF)),
        ("-infinity <= x <= +inf", (-INF, INF)),
        ("x >= -1e30", (-INF, INF)),
        ("x >= - 5\n x <= 7", (-5, 7)),
    ],
)
def test_lp_bounds(changed, text, bounds):
    instance = changed("x <= 3", text, ".lp")
    assert (instance.col_lower[0], instance.col_upper[0]) == bounds


def test_lp_binaries_keep_tighter_bounds(read_text):
    """Fixing a binary in the bounds is common; wider bounds don't make it less binary, whichever comes first."""
    bounds, binaries = "Bounds\n x <= 3\n", "Generals\n y\n"
    for bound, expected in (("y = 1", (1, 1)), ("y <= 7", (0, 1)), ("y >= -3", (0, 1)), ("y free", (0, 1))):
        parts = f"Bounds\n {bound}\n", "Binaries\n y\n"
        for text in ("".join(parts), "".join(parts[::-1])):
            instance = read_text(LP_EXAMPLE.replace(bounds + binaries, text), ".lp")
            assert (instance.col_lower[1], instance.col_upper[1]) == expected
            assert instance.is_integer[1]


def test_lp_sections_have_many_spellings(read_text):
    for old, new in (
        ("Subject To", "st"),
        ("Subject To", "s.t."),
        ("Subject To", "such that"),
        ("Subject To\n cap:", "SUBJECT TO cap:"),
        ("Minimize", "min"),
        ("Generals\n y", "gen y"),
        ("Generals", "Integers"),
        ("Bounds", "bound"),
        (" obj: x", " x"),
    ):
        assert read_text(LP_EXAMPLE.replace(old, new, 1), ".lp") == read_text(LP_EXAMPLE, ".lp"), new


def test_lp_rows_without_names(read_text):
    bare = LP_EXAMPLE.replace("cap: ", "").replace("need: ", "")
    assert read_text(bare, ".lp").row_names == ()
    assert read_text(bare, ".lp") == read_text(LP_EXAMPLE, ".lp")
    half = read_text(LP_EXAMPLE.replace("cap: ", "").replace("need:", "r0:"), ".lp")
    assert half.row_names == ("r0_", "r0")


def test_lp_names_hold_what_modelling_tools_write(read_text):
    for name in ("x#1", "x[1,2]", "x(3)", "_x", "x.y", "e12", "bound_x", "größe", "x$2"):
        instance = read_text(LP_EXAMPLE.replace("x", name).replace(f"e{name}ample", "example"), ".lp")
        assert instance.col_names[0] == name
        assert instance.cost.tolist() == [1, 2.5]


# -- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (" x need 1", " x need nan", 9, "expected a finite number, got 'nan'"),
        (" x need 1", " x need inf", 9, "expected a finite number, got 'inf'"),
        (" x need 1", " x need 1x", 9, "expected a finite number, got '1x'"),
        (" x need 1", " x need 1_0", 9, "expected a finite number, got '1_0'"),
        (" x need 1", " x need 1e400", 9, "expected a finite number"),
        (" x need 1", " x neet 1", 9, "unknown row 'neet'"),
        (" x need 1", " x need", 9, "one or two pairs of row and value, got 2 words"),
        (" x need 1", " x cap 1", 9, "row 'cap' comes twice in column 'x'"),
        (" x need 1", " x obj 1", 9, "the objective comes twice in column 'x'"),
        (" G need", " L cap", 6, "row 'cap' comes twice"),
        (" G need", " G obj", 6, "row 'obj' comes twice"),
        (" G need", " Q need", 6, "sense N, L, G or E, got 'Q'"),
        (" MARKER 'MARKER' 'INTEND'", " MARKER 'MARKER' 'INTEND'\n x obj 1", 13, "entries must follow one another"),
        (" MARKER 'MARKER' 'INTORG'", " MARKER 'MARKER' 'SOSORG'", 10, "special ordered sets"),
        (" UP BND x 3", " UP BND z 3", 16, "unknown column 'z'"),
        (" UP BND x 3", " FR BND z", 16, "unknown column 'z'"),
        (" UP BND x 3", " UP BND x", 16, "a number or an infinity, got 'x'"),
        (" UP BND x 3", " ZZ BND x 3", 16, "unknown kind of bound 'ZZ'"),
        (" UP BND x 3", " LO BND x 5\n UP BND x 3", 17, "'x' has the contradictory bounds 5 <= ... <= 3"),
        (" UP BND x 3", " SC BND x 3", 16, "semi-continuous"),
        (" UP BND x 3", " UP BND x 3\n UP OTHER x 2", 17, "second set 'OTHER' besides 'BND'"),
        (" UP BND x 3", " UP BND x NaN", 16, "a number or an infinity, got 'NaN'"),
        (" RHS cap 4", " RHS cap 4\n RHS cap 5\n RHS", 15, "second right-hand side"),
        (" RHS cap 4", " RHS obj 4\n RHS obj 5\n RHS", 15, "second right-hand side"),
        ("RHS\n", "RANGES\n R obj 3\nRHS\n", 14, "range of a free row"),
        ("COLUMNS", "OBJNAME\n cap\nCOLUMNS", 8, "OBJNAME must come before the rows"),
        ("BOUNDS", "QUADOBJ", 15, "QUADOBJ holds a quadratic objective"),
        ("BOUNDS", "SOS1", 15, "special ordered sets"),
        ("BOUNDS", "INDICATORS", 15, "indicator constraints"),
        ("BOUNDS", "BOUNDZ", 15, "unknown section 'BOUNDZ'"),
        ("ENDATA\n", "", 17, "ends without ENDATA"),
        (" x need 1", "x need 1", 9, "unknown section 'x'"),
    ],
)
def test_mps_errors_name_their_line(changed, old, new, line, message):
    """SCIP reads 1x as 1 and drops unknown rows, HiGHS lets NaN vanish: a wrong model is worse than none."""
    with pytest.raises(InvalidInstanceError, match=message) as caught:
        changed(old, new)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("2.5 y", "nan 2.5 y", 3, "expected a sign or a section, got '2.5'"),
        ("2.5 y", "2.5 [ y * y ]", 3, "quadratic terms"),
        ("2.5 y", "2.5 y ^ 2", 3, "quadratic terms"),
        ("2.5 y", "1e400 y", 3, "coefficient of 'y' is not finite"),
        ("need: x", "cap: x", 6, "row 'cap' comes twice"),
        ("need: x", "need: y = 1 -> x", 6, "indicator constraints"),
        ("need: x >= 1", "need: x >= y", 6, "expected a number, got 'y'"),
        ("need: x >= 1", "need: 3 <= x >= 1", 6, "must point the same way"),
        ("need: x >= 1", "need: 3 <= x <= 1", 6, "contradictory bounds 3 <= ... <= 1"),
        ("need: x >= 1", "need: x", 7, "expected a relation"),
        ("need: x >= 1", "need: x >=", 6, "expected a number, got the end of the section"),
        ("need: x >= 1", "need: x >= 1 2", 6, "expected a relation"),
        ("need: x >= 1", "need: x >= *", 6, "quadratic"),
        (" x <= 3", " 7 <= x <= 3", 8, "contradictory bounds 7 <= ... <= 3"),
        (" x <= 3", " z <= 3", 8, "unknown column 'z'"),
        (" x <= 3", " x 3", 8, "expected a relation"),
        (" x <= 3", " x <= y", 8, "expected a number, got 'y'"),
        ("Generals\n y", "Generals\n z", 10, "unknown column 'z'"),
        ("Generals", "Semi-Continuous", 9, "'Semi-Continuous' is no part of a linear model"),
        ("Generals", "SOS2", 9, "'SOS2' is no part of a linear model"),
        ("Generals", "General Constraints", 9, "'General Constraints' is no part of a linear model"),
        ("Generals", "Maximize", 9, "out of place"),
        ("End\n", "", 11, "ends without End"),
    ],
)
def test_lp_errors_name_their_line(changed, old, new, line, message):
    with pytest.raises(InvalidInstanceError, match=message) as caught:
        changed(old, new, ".lp")
    assert caught.value.line == line or "relation" in message


@pytest.mark.parametrize("text", [EXAMPLE, LP_EXAMPLE])
def test_truncated_files_are_never_a_model(read_text, text):
    """HiGHS reads a cut MPS file in another layout and calls the rubbish a model."""
    suffix = ".mps" if text is EXAMPLE else ".lp"
    for size in range(1, len(text) - 4):
        with pytest.raises(InvalidInstanceError):
            read_text(text[:size], suffix)


def test_binary_rubbish_is_one_clear_line(tmp_path):
    path = tmp_path / "x.mps.gz"
    path.write_bytes(gzip.compress(bytes(range(1, 256)) * 99))
    with pytest.raises(InvalidInstanceError, match=r"x\.mps\.gz:1: [^\n]{1,500}$"):
        cosolve.read(path)


# -- round trips --------------------------------------------------------------------------------------------

numbers = st.floats(-1e19, 1e19, allow_nan=False)
names = st.text("abcxyz_019[]#", min_size=1, max_size=6).map(lambda text: f"v{text}")


@st.composite
def instances(draw) -> MILPInstance:
    m, n = draw(st.integers(0, 4)), draw(st.integers(0, 5))
    entries = draw(
        st.lists(st.tuples(st.integers(0, max(m - 1, 0)), st.integers(0, max(n - 1, 0)), numbers), max_size=9)
    )
    matrix = np.zeros((m, n))
    for row, column, value in entries if m and n else ():
        matrix[row, column] = value

    def pairs(count: int) -> np.ndarray:
        side = st.one_of(numbers, st.sampled_from([0.0, 1.0, -1.0]))
        sides = [sorted((draw(side), draw(side))) for _ in range(count)]
        for pair in sides:
            kind = draw(st.sampled_from(["both", "low", "high", "none", "same"]))
            pair[0] = -INF if kind in ("high", "none") else pair[0]
            pair[1] = INF if kind in ("low", "none") else pair[0] if kind == "same" else pair[1]
        return np.array(sides).reshape(-1, 2)

    rows, columns = pairs(m), pairs(n)
    has_names = draw(st.booleans())

    def unique(count: int) -> tuple[str, ...]:
        return tuple(draw(st.lists(names, min_size=count, max_size=count, unique=True))) if has_names else ()

    return MILPInstance.from_scipy(
        matrix,
        cost=np.array(draw(st.lists(numbers, min_size=n, max_size=n))),
        row_lower=rows[:, 0],
        row_upper=rows[:, 1],
        col_lower=columns[:, 0],
        col_upper=columns[:, 1],
        is_integer=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool),
        offset=draw(numbers),
        maximize=draw(st.booleans()),
        row_names=unique(m),
        col_names=unique(n),
    )


def has_exact_width(low: float, high: float) -> bool:
    """Whether a range in an MPS file can say both."""
    if math.isinf(low) or math.isinf(high):
        return True
    near = [math.nextafter(high - low, math.inf), high - low, math.nextafter(high - low, 0.0)]
    return any(low + width == high or high - width == low for width in near)


@settings(deadline=None, max_examples=60)
@given(instances())
def test_what_is_written_is_read_back_to_the_last_bit(tmp_path_factory, instance):
    """Also empty rows, unused columns, free rows, and models without either."""
    folder = tmp_path_factory.getbasetemp()
    for suffix in (".mps", ".lp"):
        path = folder / f"round{suffix}"
        try:
            cosolve.write(instance, path)
        except ValueError:
            assert suffix == ".mps"
            assert not all(map(has_exact_width, instance.row_lower.tolist(), instance.row_upper.tolist()))
            continue
        again = cosolve.read(path)
        assert again == instance
        if instance.col_names:
            assert again.col_names == instance.col_names
            assert again.row_names == instance.row_names


def test_ranges_without_an_exact_width_go_into_lp_files(tmp_path):
    """-3.3 + 5.4 is not 2.1 in floating point, nor is any number near 5.4."""
    instance = milp([[1, 1]], 1, row_lower=-3.3, row_upper=2.1)
    assert not has_exact_width(-3.3, 2.1)
    with pytest.raises(ValueError, match="split the row in two, or write an LP file, which other"):
        cosolve.write(instance, tmp_path / "x.mps")
    cosolve.write(instance, tmp_path / "x.lp")
    assert cosolve.read(tmp_path / "x.lp") == instance


def test_a_constant_that_lp_readers_take_for_infinite_goes_into_mps_only(tmp_path):
    """The file was written, and could not be read."""
    instance = milp([[1, 1]], 1, upper=5, row_upper=9, offset=-1e20)
    with pytest.raises(ValueError, match="write mps"):
        cosolve.write(instance, tmp_path / "x.lp")
    cosolve.write(instance, tmp_path / "x.mps")
    assert cosolve.read(tmp_path / "x.mps") == instance


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"col_upper": np.array([-1.0, 5.0])}, "crossing bounds"),
        ({"row_upper": np.array([1e25])}, "readers would take it for infinite"),
        ({"col_names": ("a b", "c")}, "can't stand in this format"),
    ],
)
def test_writers_refuse_what_readers_would_misread(tmp_path, changes, message):
    instance = replace(milp([[1, 1]], 1, upper=5, row_upper=9), **changes)
    for suffix in (".mps", ".lp"):
        with pytest.raises(ValueError, match=message):
            cosolve.write(instance, tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["'MARKER'", "$row"])
def test_mps_writer_refuses_the_names_of_markers_and_comments(tmp_path, name):
    instance = replace(milp([[1, 1]], 1, upper=5, row_upper=9), row_names=(name,))
    with pytest.raises(ValueError, match="can't stand in this format"):
        cosolve.write(instance, tmp_path / "x.mps")


def test_a_solution_without_values_is_a_file_too(tmp_path):
    instance = milp(np.zeros((1, 0)), 1.0)
    cosolve.write_solution(instance, Values(values=np.zeros(0)), tmp_path / "x.sol", objective=None)
    assert len(cosolve.read_solution(tmp_path / "x.sol", instance).values) == 0


@pytest.mark.parametrize("name", ["free", "inf", "st", "End", "2x", "x+y", "[1]", ""])
def test_lp_writer_refuses_names_that_mean_something_else(tmp_path, name):
    with pytest.raises(ValueError, match="can't stand in this format"):
        cosolve.write(replace(milp([[1]], 1), col_names=(name,)), tmp_path / "x.lp")


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("auction", {"items": 10, "bids": 30}),
        ("facility", {"facilities": 3, "customers": 4}),
        ("item-placement", {"bins": 3, "small_items": 5, "big_items": 2}),
    ],
)
def test_written_files_mean_the_same_to_scip_and_highs(tmp_path, family, parameters):
    instance = cosolve.generate("milp", family, seed=1, **parameters)
    mixed = replace(
        instance,
        offset=3.5,
        is_integer=np.arange(instance.size) % 3 == 0,
        col_lower=np.where(np.arange(instance.size) % 4 == 0, -INF, -2.5),
        col_upper=np.where(np.arange(instance.size) % 5 == 0, INF, 7.25),
    )
    for given_instance in (instance, mixed):
        for suffix in (".mps", ".lp"):
            path = tmp_path / f"x{suffix}"
            cosolve.write(given_instance, path)
            assert by_highs(path) == ours(given_instance)
            assert by_scip(path) == ours(given_instance)


def test_written_ranges_and_bounds_mean_the_same_to_scip_and_highs(tmp_path):
    """Every mixture of double-sided and free rows, negative, fixed and missing bounds; SCIP and HiGHS as oracles."""
    for seed in range(15):
        rng = np.random.default_rng(seed)
        lower = np.where(rng.random(6) < 0.3, -INF, rng.integers(-4, 1, 6))
        upper = np.where(rng.random(6) < 0.3, INF, rng.integers(0, 5, 6))
        fixed = np.where(np.isfinite(lower), lower, -3.0)
        instance = replace(
            random_milp(seed),
            col_lower=lower,
            col_upper=np.where(rng.random(6) < 0.3, fixed, upper),
            is_integer=rng.random(6) < 0.5,
            row_names=tuple(f"r{row}" for row in range(4)),
            col_names=tuple(f"x{column}" for column in range(6)),
        )
        path = tmp_path / "x.mps"
        cosolve.write(instance, path)
        assert by_highs(path) == ours(instance), seed
        assert by_scip(path) == ours(instance), seed


@pytest.mark.parametrize("name", ["RHS", "RANGES", "BOUND", "obj", "MARKER"])
def test_rows_and_columns_may_be_called_as_the_writer_calls_sets(tmp_path, name):
    """HiGHS took a set RHS for the row of that name: sides 0, no constant, and not a word."""
    instance = replace(
        milp([[1, 1], [1, -1]], [1, 2], lower=[0, -1], upper=[5, 4], row_lower=[2, -1], row_upper=[9, INF], offset=3),
        row_names=("a", "b"),
        col_names=("x", "y"),
    )
    path = tmp_path / "x.mps"
    for changes in ({"row_names": (name, "b")}, {"row_names": ("a", name)}, {"col_names": (name, "y")}):
        changed = replace(instance, **changes)
        cosolve.write(changed, path)
        assert cosolve.read(path) == changed
        assert by_highs(path) == ours(changed)
        assert by_scip(path) == ours(changed)


@pytest.mark.parametrize("name", ["NAME", "ObjSense", "QSECTION", "QCMATRIX", "CSECTION"])
def test_a_column_is_not_called_as_sections_are_a_row_may_be(tmp_path, name):
    """HiGHS dropped the entries of such a column without a word, or refused the file."""
    instance = replace(
        milp([[1, 1], [1, -1]], [1, 2], lower=[0, -1], upper=[5, 4], row_lower=[2, -1], row_upper=[9, INF]),
        row_names=(name, "b"),
        col_names=("x", "y"),
    )
    path = tmp_path / "x.mps"
    cosolve.write(instance, path)
    assert cosolve.read(path) == instance
    assert by_highs(path) == ours(instance)
    with pytest.raises(ValueError, match="of a column can't stand in this format"):
        cosolve.write(replace(instance, col_names=("x", name)), tmp_path / "y.mps")
    assert not (tmp_path / "y.mps").exists()


# -- solutions ----------------------------------------------------------------------------------------------


@pytest.fixture
def named() -> MILPInstance:
    return replace(milp([[1, 2, 1]], 1, upper=9, integer=False), col_names=("x", "y", "total cost"[:5]))


@pytest.mark.parametrize(
    "text",
    [
        "=obj= 6\nx 1\ntotal 2.5\n",
        "solution status: optimal solution found\nobjective value:   3.5\nx    1 \t(obj:1)\ntotal  2.5 \t(obj:1)\n",
        "# Objective value = 3.5\nx 1\ny 0\ntotal 2.5\n",
        "Model status\nOptimal\n\n# Primal solution values\nFeasible\nObjective 3.5\n# Columns 3\nx 1\ny 0\ntotal 2.5\n"
        "# Rows 1\nr0 3.5\n\n# Dual solution values\nNone\n",
    ],
)
def test_solution_files_of_the_field(tmp_path, named, text):
    """MIPLIB, SCIP, Gurobi, HiGHS; columns left out are 0."""
    path = tmp_path / "x.sol"
    path.write_text(text)
    assert cosolve.read_solution(path, named).values.tolist() == [1, 0, 2.5]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x 1\nz 2\n", 2, "no column 'z'"),
        ("x 1\nx 2\n", 2, "'x' comes twice"),
        ("x one\n", 1, "a name and a number"),
        ("x 1_0\n", 1, "a name and a number"),
        ("x ٣\n", 1, "a name and a number"),
    ],
)
def test_solution_errors_name_their_line(tmp_path, named, text, line, message):
    path = tmp_path / "x.sol"
    path.write_text(text)
    with pytest.raises(InvalidSolutionError, match=message) as caught:
        cosolve.read_solution(path, named)
    assert caught.value.line == line


def test_columns_may_be_called_as_remarks_begin(tmp_path, named):
    """MPS files know no comment in a line: the value of a column "#x" was taken for a remark, and became 0."""
    instance = replace(named, col_names=("#x", "solution", "total"))
    solution = Values(values=np.array([3.0, 1.0, 2.5]))
    path = tmp_path / "x.sol"
    cosolve.write_solution(instance, solution, path, objective=3.5)
    path.write_text("# Objective value = 3.5\nsolution status: optimal\n" + path.read_text())
    assert cosolve.read_solution(path, instance) == solution


def test_columns_may_be_called_as_sentences_begin(tmp_path, named):
    """Names with blanks, as fixed MPS has them: their values were taken for sentences, and became 0."""
    solution = Values(values=np.array([3.0, 1.0, 2.5]))
    path = tmp_path / "x.sol"
    for name in ("Objective value: a", "solution status:", "no solution available"):
        instance = replace(named, col_names=("objective", name, "solution"))
        cosolve.write_solution(instance, solution, path, objective=3.5)
        path.write_text("solution status: optimal\nobjective value:   3.5\nno solution available\n" + path.read_text())
        assert cosolve.read_solution(path, instance) == solution


@pytest.mark.parametrize("name", [" a", "\ta", " ", "\t ", "a\u2028b", "a\x85", "#", "=obj=", "# Columns 2"])
def test_solutions_of_columns_that_would_not_be_read_back_are_refused(tmp_path, named, name):
    """Blanks before a name are stripped, some characters end a line to Python alone, some lines mean another thing."""
    solution = Values(values=np.array([3.0, 1.0, 2.5]))
    instance = replace(named, col_names=("x", name, "total"))
    with pytest.raises(ValueError, match="of a column can't stand in this format"):
        cosolve.write_solution(instance, solution, tmp_path / "x.sol", objective=None)
    cosolve.write_solution(instance, solution, tmp_path / "x.json", objective=None)
    assert cosolve.read_solution(tmp_path / "x.json", instance) == solution


def test_a_solution_that_lacks_values_is_not_written(tmp_path, named):
    with pytest.raises(ValueError, match="a solution of 3 values is needed, got 2"):
        cosolve.write_solution(named, Values(values=np.zeros(2)), tmp_path / "x.sol")
    assert not (tmp_path / "x.sol").exists()


def test_solutions_survive_to_the_last_bit(tmp_path, named):
    for instance in (named, replace(named, col_names=())):
        solution = Values(values=np.array([0.1 + 0.2, -1e-300, 5.0]))
        for suffix in (".sol", ".sol.gz", ".json"):
            path = tmp_path / f"x{suffix}"
            cosolve.write_solution(instance, solution, path, objective=1.5)
            assert cosolve.read_solution(path, instance) == solution


def test_reading_a_large_file_takes_seconds(tmp_path: Path):
    """A quarter of a million coefficients; what is quadratic in rows or columns would show."""
    import time

    instance = cosolve.generate("milp", "set-cover", rows=5000, columns=5000, density=0.01)
    for suffix in (".mps", ".lp"):
        cosolve.write(instance, tmp_path / f"x{suffix}")
        began = time.process_time()
        assert cosolve.read(tmp_path / f"x{suffix}") == instance
        assert time.process_time() - began < 5


def test_names_with_blanks_are_read_back(tmp_path, named):
    """Fixed MPS has them: what solve wrote could not be validated."""
    path = tmp_path / "x.sol"
    solution = Values(values=np.array([3.0, 1.0, 2.5]))
    for name in ("a\u3000", "\u3000a", "a\u3000b", "\u3000", "a "):  # blanks to str.split alone
        instance = replace(named, col_names=("X", "a", name))
        cosolve.write_solution(instance, solution, path, objective=None)
        assert cosolve.read_solution(path, instance) == solution
    instance = replace(named, col_names=("X", "X 1", "A  2 b"))
    cosolve.write_solution(instance, solution, path, objective=3.5)
    assert cosolve.read_solution(path, instance) == solution
    path.write_text("X 1\t4 \t(obj:1)\nX  2\n")
    assert cosolve.read_solution(path, instance).values.tolist() == [2, 4, 0]
    path.write_text("X 2 3\nA  2 c 5\n")
    with pytest.raises(InvalidSolutionError, match="no column 'A'"):
        cosolve.read_solution(path, instance)


def test_maxima_that_pulp_writes_stay_maxima(tmp_path):
    """Its only word for the sense is a comment; read as a minimum, the file's optimum was 0."""
    pulp = pytest.importorskip("pulp")
    for sense, best in ((pulp.LpMaximize, 7.0), (pulp.LpMinimize, 0.0)):
        problem = pulp.LpProblem("sense", sense)
        columns = [pulp.LpVariable(f"x{i}", cat="Binary") for i in range(4)]
        problem += pulp.lpSum((i + 1) * column for i, column in enumerate(columns))
        problem += pulp.lpSum(columns) <= 2, "cap"
        problem.writeMPS(str(tmp_path / "pulp.mps"))
        instance = cosolve.read(tmp_path / "pulp.mps")
        assert instance.maximize == (sense == pulp.LpMaximize)
        assert cosolve.solve(instance, "highs", time_limit=10).objective == best
