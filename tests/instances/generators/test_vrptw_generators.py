from __future__ import annotations

import numpy as np
import pytest

import cosolve
from cosolve.instances.cvrp import Routes


@pytest.mark.parametrize("parameters", [{}, {"width": 0}, {"width": 230}, {"density": 0.3}, {"n": 0}, {"n": 1}])
def test_every_customer_can_be_served_alone(parameters):
    """A window beyond the last return, or before the first arrival, would make the instance infeasible."""
    for seed in range(20):
        instance = cosolve.generate("vrptw", "uniform", seed=seed, **parameters)
        alone = Routes(routes=[[k] for k in range(1, instance.size + 1)])
        assert cosolve.judge(instance, alone).feasible


def test_windows_are_as_wide_and_as_many_as_asked_for():
    instance = cosolve.generate("vrptw", "uniform", n=400, width=20.0, density=0.25)
    narrow = (instance.closes - instance.opens)[1:] <= 20.0 + 1e-9
    assert abs(narrow.mean() - 0.25) < 0.06
    assert (instance.opens[1:][~narrow] == 0).all()
    assert np.array_equal(instance.opens, cosolve.generate("vrptw", "uniform", n=400, width=20.0, density=0.25).opens)


@pytest.mark.parametrize("parameters", [{"n": -1}, {"width": -1}, {"density": 2}, {"capacity": 40}])
def test_parameters_out_of_range_are_refused(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"{name} must be"):
        cosolve.generate("vrptw", "uniform", **parameters)
