"""Generators of flexible job shops."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.instances.formats.fjsp import JSPLIB
from cosolve.instances.formats.source import Source
from cosolve.instances.generators import generate


def test_taillards_generator_makes_the_published_ta01(data):
    """Seeds from Taillard (1993), table of 15 x 15 job shops."""
    published = JSPLIB.read(Source.open(data / "jsp" / "ta01"), "fjsp")
    made = generate("fjsp", "taillard", jobs=15, machines=15, time_seed=840612802, machine_seed=398197754)
    assert made == published


def test_taillards_first_job_of_ta01_is_as_printed():
    """First row of ta01 as published: a check that needs no file."""
    made = generate("fjsp", "taillard", time_seed=840612802, machine_seed=398197754)
    assert made.alt_time[:5].tolist() == [94, 66, 10, 53, 26]
    assert made.alt_machine[:5].tolist() == [6, 12, 4, 7, 3]


@pytest.mark.parametrize("family", ["sd2", "taillard"])
def test_equal_seeds_make_equal_instances(family):
    """The seed is all that may matter."""
    assert generate("fjsp", family, seed=3) == generate("fjsp", family, seed=3)
    assert generate("fjsp", family, seed=3) != generate("fjsp", family, seed=4)


def test_sd2_has_the_published_ranges():
    """Times 1-99, one to all machines, all subsets possible (dossier section 4)."""
    instance = generate("fjsp", "sd2", seed=1, jobs=40, machines=6, operations=20)
    counts = np.diff(instance.alt_ptr)
    assert (instance.num_jobs, instance.num_machines, instance.num_ops) == (40, 6, 800)
    assert set(counts) == set(range(1, 7))
    assert instance.alt_time.min() == 1
    assert instance.alt_time.max() == 99
    assert set(np.bincount(instance.alt_machine) > 0) == {True}


@pytest.mark.parametrize("wrong", [{"jobs": 0}, {"machines": 0}, {"operations": -1}])
def test_sd2_refuses_empty_shops(wrong):
    with pytest.raises(ValueError, match=r">= 1"):
        generate("fjsp", "sd2", **wrong)


@pytest.mark.parametrize("wrong", [{"time_seed": -1}, {"machine_seed": 2**31 - 1}, {"jobs": 0}])
def test_taillard_refuses_seeds_outside_its_stream(wrong):
    with pytest.raises(ValueError):
        generate("fjsp", "taillard", **wrong)
