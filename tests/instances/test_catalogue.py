"""The bundled instances are the ones that the catalogue describes."""

from __future__ import annotations

import pytest

import cosolve
from cosolve.instances.catalogue import entries, find, folder, load

NAMES = [entry.name for entry in entries()]


@pytest.mark.parametrize("name", NAMES)
def test_bundled_file_has_the_digest_of_the_catalogue(name):
    """A changed file would be compared with a reference of another instance."""
    entry = find(name)
    instance = load(name)
    assert instance.problem == entry.problem
    assert entry.licence
    assert entry.source
    assert entry.reference_source


def test_every_file_in_the_folder_is_in_the_catalogue():
    """A file without source and licence must not be shipped."""
    files = {path.name for path in folder().iterdir()} - {"catalogue.toml"}
    assert files == {entry.path.name for entry in entries()}


def test_every_problem_of_frontierco_is_in_the_demo():
    """`make demo` promises all eight."""
    assert {e.problem for e in entries() if e.demo} >= {"tsp", "mis", "mds", "cvrp", "cflp", "cpmp", "fjsp", "stp"}


def test_unknown_name_lists_the_known_ones():
    """A typo should be answered with what there is."""
    with pytest.raises(ValueError, match=r"E1k\.0"):
        load("E1k")


@pytest.mark.parametrize("name", ["uniform-n20-s1", "hamming6-2", "keller4"])
def test_reference_is_reached_by_the_default_solver(name):
    """A wrong reference would show as a gap that no solver can close, or as a negative one."""
    entry = find(name)
    result = cosolve.solve(load(name), time_limit=20, target=entry.reference + 1e-6 * (entry.problem != "mis"))
    assert result.objective == pytest.approx(entry.reference, abs=1e-5)
