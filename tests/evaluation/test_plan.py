"""From suites to runs."""

from __future__ import annotations

import dataclasses
import math
import os

import pytest

from cosolve.core.result import Status
from cosolve.core.stop import Stop
from cosolve.evaluation.plan import (
    Identity,
    Kind,
    jobs,
    plan,
    planned_seconds,
    stop_from_dict,
    stop_to_dict,
)
from cosolve.evaluation.records import Failure
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.selection import narrow
from cosolve.evaluation.sources import source_key
from cosolve.evaluation.suite import Case, Entrant, FromCatalogue, FromFile, FromGenerator, Suite
from tests.evaluation.tiny import tiny_cases, tiny_suite

MIS = Case("g", "mis", FromGenerator("er", {"nodes": 10, "seed": 1}))
IDENTITY = Identity("ab" * 32, "min", 8, 0.25)


def names(tasks):
    return [(task.case.name, task.entrant.label, task.seed) for task in tasks]


def test_a_plan_goes_instance_by_instance_then_seed_by_seed():
    """All runs on an instance stand together, so that it is in memory once; all solvers meet early in each."""
    suite = tiny_suite("local-search", "auto", cases=tiny_cases(2), seeds=(3, 4))
    expected = [(c, s, seed) for c in ("t0", "t1") for seed in (3, 4) for s in ("local-search", "auto")]
    assert names(plan(suite)) == expected


def test_solvers_run_on_the_problems_that_they_handle_or_were_given():
    """A suite of all problems names each solver once; one that was named for a problem must show its failure."""
    entrants = (Entrant("pyvrp", "pyvrp"), Entrant("greedy", "greedy", problems=("mis",)), Entrant("hk", "held-karp"))
    suite = Suite("s", (*tiny_cases(1), MIS), entrants)
    assert names(plan(suite)) == [("t0", "pyvrp", 0), ("t0", "hk", 0), ("g", "greedy", 0)]
    forced = Suite("s", (MIS,), (Entrant("hk", "held-karp", problems=("mis",)),))
    assert names(plan(forced)) == [("g", "hk", 0)]


def test_a_solver_without_seeds_or_threads_takes_part_once_with_one_thread(stubs):
    """Equal runs prove nothing, and a solver must not be left out because others use more cores."""
    suite = tiny_suite("held-karp", "local-search", seeds=(5, 6), threads=2)
    tasks = plan(suite)
    assert names(tasks) == [("t0", "held-karp", 5), ("t0", "local-search", 5), ("t0", "local-search", 6)]
    assert not tasks[0].takes_seed
    assert "takes no seed" in tasks[0].record(IDENTITY, status=Status.FEASIBLE).message
    assert [task.threads for task in tasks] == [1, 1, 1]
    assert plan(tiny_suite("auto", threads=2))[0].threads == 2


def test_an_entrant_has_its_own_limit_and_threads():
    """As the suite's file says."""
    entrants = (Entrant("a", "auto", time_limit=7.0, threads=3), Entrant("b", "auto"))
    first, second = plan(Suite("s", tiny_cases(1), entrants, stop=Stop(9.0, iterations=5)))
    assert (first.stop, first.threads) == (Stop(7.0, iterations=5), 3)
    assert (second.stop, second.threads) == (Stop(9.0, iterations=5), 1)
    assert planned_seconds([first, second]) == 16.0


def test_a_wrong_option_is_refused_before_anything_runs():
    """Not after a night of other runs."""
    with pytest.raises(ValueError, match="solver 'greedy': unknown option 'speed'"):
        plan(tiny_suite("greedy", options={"speed": 3}))


def test_a_solver_that_is_not_here_stays_in_the_plan():
    """A table must show the hole rather than leave out the row."""
    assert names(plan(tiny_suite("nowhere"))) == [("t0", "nowhere", 0)]


def test_the_key_depends_on_all_that_makes_the_experiment():
    """Anything else would take one run for another."""
    suite = tiny_suite("local-search")
    [task] = plan(suite)
    entrant = task.entrant
    variants = [
        task,
        dataclasses.replace(task, seed=1),
        dataclasses.replace(task, threads=2),
        dataclasses.replace(task, memory_limit=10**9),
        dataclasses.replace(task, stop=Stop(6.0)),
        dataclasses.replace(task, stop=Stop(5.0, iterations=1)),
        dataclasses.replace(task, options={**task.options, "x": 1}),
        dataclasses.replace(task, judge="frontierco"),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, solver="auto")),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, label="other")),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, batch_size=4)),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, batch_size=4, device="cuda")),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, command=("a", "{instance}"))),
        dataclasses.replace(task, entrant=dataclasses.replace(entrant, solutions="{case}.sol")),
        dataclasses.replace(task, case=dataclasses.replace(task.case, group="easy")),
    ]
    keys = [variant.key("d1") for variant in variants] + [task.key("d2"), task.key(None)]
    assert len(set(keys)) == len(keys)


def test_the_key_depends_on_what_a_named_checkpoint_holds(tmp_path):
    """A network that was trained on stood under its old numbers."""
    [task] = plan(tiny_suite("local-search"))
    task = dataclasses.replace(task, options={"checkpoint": str(tmp_path)})
    keys = [task.key("d")]
    for text in ("one", "another"):
        (tmp_path / "weights.safetensors").write_text(text, encoding="utf-8")
        keys.append(task.key("d"))
    assert len(set(keys)) == 3
    assert task.key("d") == keys[-1]


def test_checkpoints_are_found_beside_the_suite_wherever_it_lies(tmp_path):
    """They were looked for in the folder that one happened to be in."""
    keys = set()
    for place in ("here", "there"):
        folder = tmp_path / place
        (folder / "net").mkdir(parents=True)
        (folder / "net" / "weights.safetensors").write_text("same", encoding="utf-8")
        suite = tiny_suite("rrnco")
        entrant = dataclasses.replace(suite.entrants[0], options={"checkpoint": "net"})
        [task] = plan(dataclasses.replace(suite, entrants=(entrant,), folder=folder))
        assert task.options["checkpoint"] == str(folder / "net")
        keys.add(task.key("d"))
    assert len(keys) == 1


def test_the_key_does_not_depend_on_what_only_describes():
    """Better references, another place of the file or more grace are no other experiment; nor is a new process."""
    [task] = plan(tiny_suite("greedy"))
    case = dataclasses.replace(
        task.case, reference=Reference(1.0, ReferenceKind.BEST), source=FromFile(None, "elsewhere.tsp")
    )
    other = dataclasses.replace(task, case=case, grace=99.0, suite="renamed", note="x")
    assert other.key("d") == task.key("d")


def test_a_record_of_a_task_holds_what_was_planned():
    """The record alone must be enough to know what was run."""
    [task] = plan(tiny_suite("local-search", seeds=(3,), memory_limit=10**9))
    record = task.record(IDENTITY, status=Status.FEASIBLE, objective=5.0)
    assert record.key == task.key(IDENTITY.digest)
    assert (record.suite, record.case, record.solver, record.solver_name) == (
        "tiny",
        "t0",
        "local-search",
        "local-search",
    )
    assert (record.seed, record.memory_limit, record.stop) == (3, 10**9, {"time_limit": 5.0})
    assert (record.digest, record.sense, record.size) == (IDENTITY.digest, "min", 8)
    assert record.options == task.options
    missing = task.failure(None, Failure.MISSING, "two\nlines")
    assert (missing.message, missing.sense, missing.status) == ("two lines", "min", Status.UNKNOWN)
    milp = dataclasses.replace(task, case=Case("m", "milp", FromFile(None, "m.mps")))
    assert milp.failure(None, Failure.MISSING, "").sense is None


def test_stopping_criteria_survive_json():
    """An infinite limit is no JSON number: it is left out."""
    for stop in (Stop(), Stop(5.0), Stop(math.inf, 3, 4, 0.1, -2.0, 7)):
        assert stop_from_dict(stop_to_dict(stop)) == stop
    assert stop_to_dict(Stop()) == {}


def test_batches_are_filled_in_order_and_never_mix():
    """Solver, seed and problem of a batch are one; the last may be smaller."""
    entrants = (Entrant("one", "greedy"), Entrant("many", "greedy", batch_size=2))
    suite = Suite("s", (*tiny_cases(3), MIS), entrants, seeds=(0,))
    work = jobs(plan(suite), frozenset({"k"}))
    many = [names(job.tasks) for job in work if job.kind is Kind.BATCH]
    assert many == [[("t0", "many", 0), ("t1", "many", 0)], [("t2", "many", 0)], [("g", "many", 0)]]
    assert [len(job.tasks) for job in work if job.kind is Kind.SOLVER] == [1] * 4
    assert all(job.skip == {"k"} for job in work)


def test_narrowing_keeps_what_fits_and_names_what_there_is():
    """A mistyped name must not give an empty run."""
    suite = Suite(
        "s", (*tiny_cases(12), dataclasses.replace(MIS, group="easy")), (Entrant("a", "auto", time_limit=9.0),)
    )
    part = narrow(suite, instances=["t1*", "t3"], time_limit=2.0, seeds=[8, 9])
    assert [case.name for case in part.cases] == ["t1", "t3", "t10", "t11"]
    assert {task.stop.time_limit for task in plan(part)} == {2.0}
    assert part.seeds == (8, 9)
    assert [case.name for case in narrow(suite, groups=["easy"]).cases] == ["g"]
    with pytest.raises(ValueError, match="'b' fits no solver of suite 's'; there are: a"):
        narrow(suite, entrants=["b"])
    with pytest.raises(ValueError, match="'hard' fits no group"):
        narrow(suite, groups=["hard"])


def test_a_file_is_known_by_size_and_date(tmp_path):
    """Remembering the digest of a file that was replaced would put its results under the wrong instance."""
    path = tmp_path / "x.tsp"
    assert source_key(FromFile(path, "x"), "tsp") is None
    assert source_key(FromFile(None, "x"), "tsp") is None
    path.write_text("1")
    first = source_key(FromFile(path, "x"), "tsp")
    assert first == source_key(FromFile(path, "x"), "tsp")
    assert first != source_key(FromFile(path, "x", {"capacity": 3}), "tsp")
    assert first != source_key(FromFile(path, "x"), "atsp")
    os.utime(path, ns=(1, 1))
    assert first != source_key(FromFile(path, "x"), "tsp")


def test_generated_and_bundled_instances_are_known_by_their_names():
    """They need not be made again to know that their runs are recorded."""
    one = source_key(FromGenerator("uniform", {"size": 5, "seed": 1}), "tsp")
    assert one == source_key(FromGenerator("uniform", {"seed": 1, "size": 5}), "tsp")
    assert one != source_key(FromGenerator("uniform", {"size": 5, "seed": 2}), "tsp")
    assert source_key(FromCatalogue("E1k.0"), "tsp") != source_key(FromCatalogue("hc6u"), "stp")
    assert source_key(FromCatalogue("nothing"), "tsp") is None
