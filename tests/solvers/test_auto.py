"""The default solver's plans."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

import cosolve
from cosolve.core.result import Status
from cosolve.core.solver import Availability, Outcome, Solver, solvers
from cosolve.instances.cvrp import ACVRPInstance
from cosolve.instances.distances import Distances
from cosolve.instances.generators import generate
from cosolve.instances.tsp import ATSPInstance
from cosolve.solvers.auto import Plan, Stage, plan


def whole(n: int, seed: int = 0) -> Distances:
    return Distances.from_matrix(np.random.default_rng(seed).integers(1, 1000, (n, n)))


INSTANCES = [
    *(generate("tsp", "uniform", size=n) for n in (3, 200)),
    *(ATSPInstance(distances=whole(n)) for n in (9, 300)),
    *(generate("cvrp", "uniform", n=n) for n in (20, 600)),
    *(ACVRPInstance(distances=whole(n), demand=[0.0] + [1.0] * (n - 1), capacity=4.0) for n in (9, 40, 90)),
    *(generate("acvrptw", "road", n=n, points=300) for n in (9, 60, 240)),
    generate("mis", "er", nodes=30),
    generate("mds", "ba", nodes=30),
    generate("cpmp", "osman", n=20, p=3),
    generate("fjsp", "sd2", jobs=3, machines=3, operations=3),
    generate("milp", "set-cover", rows=30, columns=60, density=0.1),
]


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda i: f"{i.problem}-{i.size}")
def test_stages_of_a_plan_solve_the_problem_and_use_all_of_the_time(instance):
    """A stage that refuses the problem is passed over without a word, and a last one with a share would leave some."""
    chosen = plan(instance)
    for stage in chosen.in_turn:
        assert instance.problem in solvers.get(stage.solver)().problems
        assert 0.0 < stage.share <= 1.0
    assert chosen.in_turn[-1] is chosen.chain[-1]
    assert chosen.chain[-1].share == 1.0


@pytest.mark.parametrize(
    ("instance", "last"),
    [
        (generate("tsp", "uniform", seed=3, size=40), "scip"),
        (ATSPInstance(distances=whole(12, 1)), None),
        (ACVRPInstance(distances=whole(9, 2), demand=[0.0] + [1.0] * 8, capacity=4.0), "cpsat"),
        (replace(generate("cvrp", "uniform", seed=1, n=9), max_length=130.0), "cpsat"),
        (generate("acvrptw", "road", seed=1, n=50, points=300), "cpsat"),
        (generate("fjsp", "sd2", seed=1, jobs=4, machines=3, operations=3), None),
        (generate("cpmp", "osman", seed=1, n=20, p=3), None),
    ],
    ids=lambda value: value.problem if hasattr(value, "problem") else None,
)
def test_easy_instances_do_not_wait_for_long_stages(instance, last):
    """A tour of fifty cities took a tenth of any time limit, a small job shop half of it."""
    result = cosolve.solve(instance, time_limit=100)
    assert result.status is Status.OPTIMAL
    stages = [stage["solver"] for stage in result.stats["stages"]]
    assert last in (None, stages[-1])
    assert len(stages) < len(plan(instance).in_turn) or stages[-1] == "scip"


def test_exact_routes_are_for_narrow_windows():
    """CP-SAT's model has a variable for each way that windows leave, and proves nothing where those are many."""
    narrow = generate("acvrptw", "road", seed=1, n=90, points=300)
    wide = replace(narrow, opens=np.zeros(91), closes=np.full(91, narrow.closes[0]))
    assert [stage.solver for stage in plan(narrow).beside] == ["cpsat"]
    assert plan(wide).beside == ()


def test_local_search_of_a_milp_ends_by_patience():
    """A small cover would else wait a fiftieth of the time, 20 s here, for what takes milliseconds."""
    result = cosolve.solve(generate("milp", "set-cover", rows=30, columns=60, density=0.1), time_limit=1000)
    assert result.status is Status.OPTIMAL
    first, *others = result.stats["stages"]
    assert first["solver"] == "local-search"
    assert first["runtime"] < 10
    assert others


class Says(Solver):
    """Ends with a status; or, without one, goes on until it is told to stop."""

    problems = frozenset({"milp"})

    def __init__(self, status):
        self._status = status

    def available(self):
        return Availability(True)

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        while self._status is None and not monitor.should_stop():
            time.sleep(0.01)
        return Outcome(status=self._status or Status.FEASIBLE)


@pytest.mark.parametrize(
    ("chain", "beside", "threads", "status"),
    [
        ((None,), (Status.INFEASIBLE,), 2, Status.INFEASIBLE),
        ((Status.INFEASIBLE_OR_UNBOUNDED, Status.INFEASIBLE), (), 1, Status.INFEASIBLE),
        ((Status.INFEASIBLE_OR_UNBOUNDED, Status.UNBOUNDED), (), 2, Status.UNBOUNDED),
        ((Status.INFEASIBLE_OR_UNBOUNDED, Status.FEASIBLE), (), 1, Status.INFEASIBLE_OR_UNBOUNDED),
        ((Status.INFEASIBLE, None), (), 1, Status.INFEASIBLE),
    ],
)
def test_a_proof_ends_all_parts_and_half_a_proof_none(monkeypatch, chain, beside, threads, status):
    """A minute to wait in vain, else; which of infeasible and unbounded it is, a later part may know."""
    instance = generate("milp", "set-cover", rows=30, columns=60, density=0.1)
    stubs = {f"stub-{i}": said for i, said in enumerate((*chain, *beside))}
    real = solvers.get
    monkeypatch.setattr(solvers, "get", lambda name: (lambda: Says(stubs[name])) if name in stubs else real(name))
    stages = [Stage(name) for name in stubs]
    monkeypatch.setattr(
        "cosolve.solvers.auto.plan",
        lambda instance: Plan(chain=tuple(stages[: len(chain)]), beside=tuple(stages[len(chain) :])),
    )
    result = cosolve.solve(instance, "auto", time_limit=60, threads=threads)
    assert result.status is status
    assert result.runtime < 30
