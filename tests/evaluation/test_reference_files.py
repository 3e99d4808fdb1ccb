"""Reference values from CSV files."""

from __future__ import annotations

import pytest

from cosolve.core.errors import InvalidFileError
from cosolve.evaluation.reference_files import read_references
from cosolve.evaluation.references import Reference, ReferenceKind


def test_columns_become_fields(tmp_path):
    """Kind, bound and doubt decide what a report says of a gap."""
    path = tmp_path / "a.csv"
    path.write_text(
        "\ufeffinstance,value,kind,rounding,bound,doubt,source,remark\n"
        'a,1.5,optimal,unrounded,,"weak, they say",book,x\nb,-2e3,,,-2100,,,\n'
    )
    assert read_references(path) == {
        "a": Reference(1.5, ReferenceKind.OPTIMAL, "unrounded", "book", None, "weak, they say"),
        "b": Reference(-2000.0, ReferenceKind.BEST, "instance", "", -2100.0),
    }


def test_rows_are_selected_by_problem_and_columns(tmp_path):
    """One file may hold the values of several sets, with names that repeat."""
    path = tmp_path / "a.csv"
    path.write_text("problem,split,instance,value\ntsp,easy,a,1\ntsp,hard,a,2\ncvrp,easy,a,3\n")
    assert read_references(path, problem="tsp", where={"split": "hard"})["a"].value == 2
    assert read_references(path, problem="cvrp")["a"].value == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: no column 'instance'; needed: instance, value"),
        ("instance\na\n", ":1: no column 'value'"),
        ("instance,value\n", "no rows"),
        ("instance,value\na,1\na,2\n", ":3: instance 'a' comes twice"),
        ("instance,value\na,one\n", ":2: value must be a finite number, got 'one'"),
        ("instance,value\na,inf\n", ":2: value must be a finite number, got 'inf'"),
        ("instance,value\na,\n", ":2: value must be a finite number, got ''"),
        ("instance,value,bound\na,1,x\n", ":2: bound must be a finite number, got 'x'"),
        ("instance,value,kind\na,1,good\n", ":2: kind must be one of optimal, best, own, got 'good'"),
        ("instance,value\na\n", ":2: expected 2 values"),
        ("instance,value\na,1,2\n", ":2: expected 2 values"),
        ('instance,value\n"a,1\n', "not a CSV file in UTF-8"),
    ],
)
def test_errors_name_file_line_and_value(tmp_path, text, message):
    """These files are edited by hand and by spreadsheet programs."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InvalidFileError, match=message):
        read_references(path)


def test_unknown_column_and_empty_selection_are_errors(tmp_path):
    """A selection that fits nothing would leave every instance without a reference."""
    path = tmp_path / "a.csv"
    path.write_text("instance,value,split\na,1,easy\n")
    with pytest.raises(InvalidFileError, match="no column 'set'; there are: instance, value, split"):
        read_references(path, where={"set": "easy"})
    with pytest.raises(InvalidFileError, match="no row with split = 'hard'"):
        read_references(path, where={"split": "hard"})
