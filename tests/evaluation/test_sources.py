"""Finding the instance of a record again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cosolve
from cosolve.evaluation.sources import (
    CASES_FILE,
    case_to_dict,
    load_source,
    read_cases,
    reload,
    source_from_dict,
    source_to_dict,
)
from cosolve.evaluation.suite import FromCatalogue, FromFile, FromGenerator

SOURCES = [
    FromCatalogue("hc6u"),
    FromGenerator("uniform", {"size": 7, "seed": 3}),
    FromFile(Path("/somewhere/x.tsp"), "x.tsp", {"format": "tsplib"}),
    FromFile(None, "gone.tsp"),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: type(s).__name__)
def test_a_source_survives_json(source):
    """What the runner writes into the run's folder is what a report later loads the instance from."""
    assert source_from_dict(json.loads(json.dumps(source_to_dict(source)))) == source


@pytest.mark.parametrize("data", [{}, {"generate": "uniform"}, {"file": "x"}, {"file": 3, "wanted": "", "reading": {}}])
def test_what_is_no_source_is_refused(data):
    """A file edited by hand must not become an instance of something else, nor a traceback."""
    with pytest.raises(ValueError, match="not the source of an instance"):
        source_from_dict(data)


def test_a_generated_instance_is_the_same_again():
    """A drawing of the solution on another instance would be wrong without anyone noticing."""
    source = FromGenerator("uniform", {"size": 7, "seed": 3})
    instance = load_source(source, "tsp")
    assert instance == cosolve.generate("tsp", "uniform", size=7, seed=3)
    assert reload(instance.digest, {instance.digest: ("tsp", source)}) == instance


def test_a_missing_file_says_what_was_wanted():
    """The message is all that people have to go by."""
    with pytest.raises(FileNotFoundError) as error:
        load_source(FromFile(None, "E10k.0"), "tsp")
    assert error.value.filename == "E10k.0"


def test_an_instance_that_changed_is_not_taken_for_the_old_one():
    """The digest is what a record vouches for."""
    with pytest.raises(LookupError, match="changed"):
        reload("0" * 64, {"0" * 64: ("tsp", FromGenerator("uniform", {"size": 7, "seed": 3}))})


def test_reasons_for_no_instance_are_told():
    """An empty place in a report must say why it is empty."""
    with pytest.raises(LookupError, match="does not say where"):
        reload("a", {})
    with pytest.raises(LookupError, match=r"not available here: .*gone\.tsp"):
        reload("a", {"a": ("tsp", FromFile(None, "gone.tsp"))})
    with pytest.raises(LookupError, match="no bundled instance"):
        reload("a", {"a": ("tsp", FromCatalogue("nonsense"))})


def test_cases_are_read_from_the_runs_folder(tmp_path):
    """Reading and writing side live in different modules."""
    assert read_cases(tmp_path) == {}
    source = FromGenerator("uniform", {"size": 7, "seed": 3})
    (tmp_path / CASES_FILE).write_text(json.dumps({"abc": case_to_dict("tsp", source)}))
    assert read_cases(tmp_path) == {"abc": ("tsp", source)}
    for broken in ("[]", "{", '{"abc": 3}'):
        (tmp_path / CASES_FILE).write_text(broken)
        with pytest.raises(ValueError, match=CASES_FILE):
            read_cases(tmp_path)
