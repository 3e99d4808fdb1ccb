"""Command lines of outside solvers."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import cosolve
from cosolve.core.solver import make_options
from cosolve.evaluation.command import (
    FIELDS,
    CommandOptions,
    fields_of,
    fill,
    solution_suffix,
    write_instance,
)
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import TSPInstance


@pytest.fixture
def square() -> TSPInstance:
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    return TSPInstance(name="square", distances=Distances.from_coords(corners))


def test_fields_are_found_and_doubled_braces_are_text():
    """A program may want braces of its own (JSON parameters)."""
    assert fields_of(["run", "{instance}", '{{"out": "{solution}"}}', "-t{time_limit}"]) == {
        "instance",
        "solution",
        "time_limit",
    }


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ((), "needs a program"),
        (("run", "{instance}"), "{solution}"),
        (("run", "{solution}"), "{instance}"),
        (("run", "{instance}", "{solution}", "{time}"), "allowed: {instance}"),
        (("run", "{instance}", "{solution}", "{}"), "unknown field"),
        (("run", "{instance}", "{solution}", "{seed.__class__}"), "unknown field"),
        (("run", "{instance}", "{solution}", "{seed:>{threads}}"), "unknown field"),
        (("run", "{instance", "{solution}"), "'{instance'"),
    ],
)
def test_a_wrong_command_is_refused_with_what_is_allowed(command, part):
    """It would otherwise fail once per instance, hours later; attribute access would leak objects into a command."""
    with pytest.raises(ValueError) as error:
        fields_of(command)
    assert part in str(error.value)


def test_words_stay_words_whatever_is_filled_in(tmp_path):
    """A path with blanks, quotes or a semicolon must reach the program as one argument: there is no shell."""
    values = dict.fromkeys(FIELDS, "") | {"instance": "/a b/$(x);'.tsp", "solution": "s", "seed": 7}
    words = fill([sys.executable, "{instance}", "--seed={seed}", "{solution}"], values, tmp_path)
    assert words[1:] == ["/a b/$(x);'.tsp", "--seed=7", "s"]


def test_a_program_in_the_suites_folder_comes_before_the_path(tmp_path):
    """A suite that brings its own solver works from any working directory."""
    program = tmp_path / "sh"
    program.write_text("#!/bin/sh\n")
    with pytest.raises(FileNotFoundError):
        fill(["./sh-none"], {}, tmp_path)
    assert fill(["sh"], {}, tmp_path)[0] != str(program)  # not executable: it is no program
    program.chmod(0o755)
    assert fill(["sh"], {}, tmp_path)[0] == str(program)
    assert fill(["sh"], {}, tmp_path / "elsewhere")[0] != str(program)


def test_an_instance_is_written_in_the_wanted_format(tmp_path, square):
    """Programs know formats by suffix."""
    for format in ("tsplib", None):
        path = write_instance(square, tmp_path, format)
        assert path.suffix == ".tsp"
        assert cosolve.read(path) == square
    with pytest.raises(ValueError, match="allowed"):
        write_instance(square, tmp_path, "steinlib")


def test_solution_files_get_the_suffix_of_their_format():
    """The reader goes by the suffix: a tour in a .json file would be read as JSON."""
    assert solution_suffix("tsp", None) == ".tour"
    assert solution_suffix("tsp", "json") == ".json"
    with pytest.raises(ValueError, match="no solution format"):
        solution_suffix("tsp", "schedule")


@pytest.mark.parametrize("options", [{"margin": -1.0}, {"margin": float("nan")}, {"margins": 1.0}])
def test_options_are_checked(options):
    """A typing error must not silently be the default."""
    with pytest.raises(ValueError, match="margin"):
        make_options(CommandOptions, options)
