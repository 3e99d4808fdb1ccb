"""The solvers "rrnco" and "rrnco+" beyond the contract that all solvers keep."""

from __future__ import annotations

import platform
import shutil

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import cosolve
from cosolve.core.errors import InvalidFileError, UnsupportedProblemError
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes
from cosolve.instances.distances import Distances
from cosolve.instances.generators.orienteering import hard
from cosolve.instances.tsp import ATSPInstance, TSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance
from cosolve.models import checkpoints, watch
from cosolve.models.rrnco import inference, predictor
from cosolve.solvers import neural, rr

SMALL = [cosolve.generate("atsp", "road", seed=s, n=20, points=200) for s in range(6)]


@pytest.fixture(scope="module")
def references() -> np.ndarray:
    return np.array([cosolve.solve(one, "local-search", iterations=2000).objective for one in SMALL])


def test_the_bundled_network_tours_well(references):
    """A feature or a scale that differs from training would show here: its gap in training was below 1.5 %."""
    results = cosolve.solve_batch(SMALL, "rrnco")
    gaps = np.array([result.objective for result in results]) / references - 1
    assert gaps.mean() < 0.03
    assert all(result.stats["checkpoint"] == "rrnco-atsp-20" and not result.message for result in results)


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
def test_the_bundled_networks_route_well(problem):
    """As for tours; their gaps in training were below 3 %."""
    instances = [cosolve.generate(problem, "road", seed=s, n=20, points=200) for s in range(4)]
    results = cosolve.solve_batch(instances, "rrnco")
    best = [cosolve.solve(one, "rr", iterations=5000).objective for one in instances]
    assert np.mean([result.objective / other - 1 for result, other in zip(results, best, strict=True)]) < 0.06
    assert all(result.stats["checkpoint"] == f"rrnco-{problem}-20" for result in results)


def test_a_batch_gives_each_instance_its_own_result():
    """Grouping by size must not mix instances up."""
    instances = [SMALL[3], cosolve.generate("atsp", "road", seed=1, n=17, points=200), SMALL[0]]
    together = cosolve.solve_batch(instances, "rrnco")
    for instance, result in zip(instances, together, strict=True):
        alone = cosolve.solve(instance, "rrnco")
        assert result.digest == alone.digest == instance.digest
        assert result.objective == pytest.approx(alone.objective)


def test_a_target_that_is_met_ends_nobody_elses_decoding():
    """One instance of a chunk was done, and all the others got nothing."""
    monitors = [Monitor(one, Stop(time_limit=60, target=1e9 if k == 1 else None)) for k, one in enumerate(SMALL[:3])]
    monitors[1].report(cosolve.solve(SMALL[1], "greedy").solution)
    known = monitors[1].best
    adapter = solvers.get("rrnco")()
    adapter.solve_batch(SMALL[:3], monitors, seed=0, threads=1, options=adapter.options_type())
    assert monitors[1].best is known
    assert monitors[0].best.objective == pytest.approx(cosolve.solve(SMALL[0], "rrnco").objective)
    assert monitors[2].best is not None


def test_polish_and_search_do_not_make_it_worse(references):
    """Both begin at the network's best tour."""
    plain = cosolve.solve_batch(SMALL, "rrnco", options={"augmentation": 1})
    polished = cosolve.solve_batch(SMALL, "rrnco", options={"augmentation": 1, "polish": True})
    searched = [cosolve.solve(one, "rrnco+", iterations=500) for one in SMALL]
    for a, b, c, best in zip(plain, polished, searched, references, strict=True):
        assert best - 1e-9 <= b.objective <= a.objective
        assert c.objective == pytest.approx(best, rel=0.01)
        assert c.limit is Limit.ITERATION


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
def test_polished_routes_are_better(problem):
    """Far from its training the network leaves much for a descent to do."""
    instance = cosolve.generate(problem, "road", n=60, seed=2, points=100)
    plain = cosolve.solve(instance, "rrnco", options={"augmentation": 1})
    polished = cosolve.solve(instance, "rrnco", options={"augmentation": 1, "polish": True})
    assert polished.objective < 0.99 * plain.objective


@pytest.mark.parametrize("polish", [False, True])
def test_first_nodes_keep_the_limits_too(polish):
    """Cheap routes that begin with node 2 come too late there; once they hid all others from the judge."""
    distance, duration = np.full((4, 4), 5.0), np.ones((4, 4))
    distance[[1, 3], 2] = duration[0, 2] = 100
    instance = ACVRPTWInstance(
        distances=Distances.from_matrix(distance), durations=Distances.from_matrix(duration),
        demand=[0, 1, 1, 1], capacity=3, opens=[0] * 4, closes=[50] * 4, service=[0] * 4,
    )  # fmt: skip
    assert cosolve.solve(instance, "rrnco", options={"polish": polish}).objective == 115


def test_a_refused_prediction_makes_room_for_the_next():
    """What the judge refuses, be it for rounding, must not lose the instance, nor be a start for a descent."""
    matrix = np.ones((3, 3))
    instance = ACVRPInstance(distances=Distances.from_matrix(matrix), demand=[0, 1, 1], capacity=1)
    predictions = [
        predictor.Prediction([], Routes(routes=routes), float(cost))
        for routes, cost in ([([1, 2],), 3], [([1], [2]), 4], [([2], [1]), 4])
    ]
    monitor = Monitor(instance, Stop(time_limit=5))
    assert neural._report(monitor, predictions) == predictions[1:]
    assert monitor.best.objective == 4
    assert neural._report(monitor, predictions[1:]) == predictions[1:]
    assert neural._report(monitor, predictions[:1]) == []


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
@pytest.mark.parametrize(("name", "options"), [("rrnco", {}), ("rrnco", {"polish": True}), ("rrnco+", {})])
def test_nobody_to_serve_costs_nothing(problem, name, options):
    """There is no first customer to decode from."""
    instance = cosolve.generate(problem, "road", n=0, points=30)
    result = cosolve.solve(instance, name, options=options, time_limit=5)
    assert result.objective == 0
    assert result.solution == Routes(routes=())


def test_the_search_goes_on_where_neither_network_nor_greedy_finds_a_way():
    """Two thirds of the ways are missing: rr begins without customers it can't place, rrnco+ gave up."""
    rng = np.random.default_rng(12)
    ways = rng.integers(1, 50, (9, 9)).astype(float)
    ways[rng.random((9, 9)) < 0.68] = np.inf
    demand = np.append(0.0, rng.integers(1, 4, 8))
    instance = ACVRPInstance(distances=Distances.from_matrix(ways), demand=demand, capacity=7.0)
    alone = cosolve.solve(instance, "rrnco")
    assert alone.objective is None
    assert "some ways are missing, and no decoded solution does without them" in alone.message
    assert cosolve.solve(instance, "greedy").objective is None
    assert cosolve.solve(instance, "rrnco+", iterations=2000).objective == 332.0


def test_the_first_solution_is_the_networks():
    """A greedy one comes before it, but not for who stops at the first."""
    options = {"augmentation": 2, "starts": 20}
    decoded = cosolve.solve(SMALL[2], "rrnco", options=options)
    first = cosolve.solve(SMALL[2], "rrnco+", solutions=1, options=options)
    assert first.objective == decoded.objective


@pytest.mark.parametrize(
    ("problem", "solver", "checkpoint", "word"),
    [
        ("acvrp", "rrnco+", "rrnco-atsp-20", "is for atsp, not for acvrp"),
        ("optwvp", "decost+", "rrnco-atsp-20", "is a rrnco network, not a decost one"),
    ],
)
def test_another_problems_network_is_refused_before_anything_is_found(problem, solver, checkpoint, word):
    """A record had an objective, and at once that the problem is not supported."""
    instance = (
        hard(seed=0, size=8) if problem == "optwvp" else cosolve.generate(problem, "road", seed=0, n=8, points=200)
    )
    found = []
    with pytest.raises(UnsupportedProblemError, match=word):
        cosolve.solve(instance, solver, options={"checkpoint": checkpoint}, iterations=10, on_incumbent=found.append)
    assert not found


def test_samples_follow_the_seed():
    """A run must be repeatable; other samples are other tours."""
    options = {"decode": "sampling", "samples": 2, "augmentation": 1, "starts": 1}
    tours = [cosolve.solve(SMALL[1], "rrnco", seed=s, options=options).solution for s in (3, 3, 4, 5)]
    assert tours[0] == tours[1]
    assert any(tour != tours[0] for tour in tours[2:])


def test_an_instance_outside_of_the_training_data_is_solved_with_a_warning():
    """Symmetric, without coordinates, of another size: solved all the same, and judged."""
    coords = np.random.default_rng(0).random((33, 2))
    matrix = np.linalg.norm(coords[:, None] - coords, axis=2)
    instance = TSPInstance(name="plain", distances=Distances.from_matrix(matrix))
    result = cosolve.solve(instance, "rrnco")
    best = cosolve.solve(ATSPInstance(distances=instance.distances), "local-search", iterations=200).objective
    assert result.objective < 1.25 * best
    assert f"outside of what {result.stats['checkpoint']} was trained on" in result.message
    assert "customers 33" in result.message
    assert "asymmetry 0" in result.message


def test_a_long_decoding_has_one_solution_early(monkeypatch):
    """Where time is up before all symmetries and starts are decoded, one of them is better than nothing."""
    stopped = []

    def propose(*arguments, starts, **rest):
        if starts == 1:
            return inference.propose(*arguments, starts=starts, **rest)
        stopped.append(starts)
        return None

    instance = cosolve.generate("acvrptw", "road", n=30, seed=2, points=60)
    cosolve.solve(instance, "rrnco")  # the first run of a process decodes to warm up
    monkeypatch.setattr(predictor, "propose", propose)
    for limit, solved in ((0, True), (10**12, False)):
        monkeypatch.setitem(predictor._LONG, "cpu", limit)
        result = cosolve.solve(instance, "rrnco")
        assert (result.solution is not None) == solved
    assert len(stopped) == 2


def test_the_same_few_samples_are_looked_at_once(monkeypatch):
    """A tour of five places has few forms: a hundred million samples were turned for seconds after the limit."""
    network = predictor.network_of(checkpoints.find("rrnco-atsp-20").folder, "cpu")
    jobs = [predictor.Job(cosolve.generate("atsp", "road", seed=0, n=4, points=30))]
    turned, roll = [], np.roll
    monkeypatch.setattr(np, "roll", lambda *arguments: turned.append(0) or roll(*arguments))
    found = predictor.predict(network, jobs, symmetries=8, samples=500)[0]
    assert 1 <= len(found) <= 6
    assert len(turned) <= 24
    costs = [one.objective for one in found]
    assert costs == sorted(costs)


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_the_encoder_looks_at_the_clock(problem, monkeypatch):
    """Two thousand places took ten seconds to encode, whatever the limit, and "rrnco+" had nothing at the end."""
    instance = cosolve.generate(problem, "road", n=12, seed=2, points=60)
    asked = []

    def has_begun():
        asked.append(len(asked))
        return len(asked) > 30

    def refuse(*arguments):
        raise AssertionError("decoded in spite of the clock")

    network = predictor.network_of(checkpoints.find(f"rrnco-{problem}-20").folder, "cpu")
    with monkeypatch.context() as patch:
        patch.setattr(inference, "decode", refuse)
        patch.setattr(watch, "_SMALL", 0)
        found = predictor.predict(network, [predictor.Job(instance)], symmetries=1, should_stop=has_begun)
    assert found == [[]]
    assert len(asked) == 31
    result = cosolve.solve(instance, "rrnco+", time_limit=0)
    assert result.objective == cosolve.solve(instance, "greedy").objective


def test_large_instances_are_decoded_in_parts_or_not_at_all(monkeypatch):
    """Memory grows with the square of the places: symmetries one by one, then the search without the network."""
    whole = cosolve.solve(SMALL[4], "rrnco")
    monkeypatch.setattr(predictor, "MAX_SCORES", {"cpu": 1})
    assert cosolve.solve(SMALL[4], "rrnco").objective == pytest.approx(whole.objective)
    monkeypatch.setattr(predictor, "MAX_NODES", 5)
    refused = cosolve.solve(SMALL[4], "rrnco")
    assert refused.status is cosolve.Status.NO_SOLUTION or refused.solution is None
    assert "more than 5 places" in refused.message
    assert cosolve.solve(SMALL[4], "rrnco+", iterations=200).objective == pytest.approx(whole.objective, rel=0.05)


def test_few_starts_do_not_make_chunks_that_the_encoder_has_no_room_for(monkeypatch):
    """It holds a square of each copy, whatever is decoded from it: one start of 2,000 places took eight at once."""
    monkeypatch.setattr(predictor, "MAX_SCORES", {"cpu": 3 * 400 + 1})
    jobs = [predictor.Job(one) for one in SMALL]
    assert [len(chunk) for chunk in predictor.in_chunks(jobs, 1, "cpu")] == [3, 3]
    assert [len(chunk) for chunk in predictor.in_chunks(jobs, 3, "cpu")] == [1] * 6
    copies = []

    def watched(network, batch, *, symmetries, **others):
        copies.append(len(symmetries) * batch.num_instances)

    monkeypatch.setattr(predictor, "propose", watched)
    network = predictor.network_of(checkpoints.find("rrnco-atsp-20").folder, "cpu")
    predictor.predict(network, jobs[:1], symmetries=8, starts=1)
    assert copies == [3]


@pytest.mark.parametrize("seed", [2**64 - 1, 2**64, 10**40])
def test_seeds_of_any_size_are_followed(seed):
    """PyTorch takes 64 bits, and ended the run with a traceback."""
    options = {"decode": "sampling", "samples": 2, "augmentation": 1, "starts": 1}
    first, again = (cosolve.solve(SMALL[1], "rrnco", seed=seed, options=options) for _ in range(2))
    assert first.status is cosolve.Status.FEASIBLE
    assert first.solution == again.solution


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decode": "beam"}, "decode must be greedy or sampling"),
        ({"starts": 0}, "starts must be >= 1"),
        ({"augmentation": 17}, "augmentation must be in 1..16"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    """Before anything is loaded."""
    with pytest.raises(ValueError, match=message):
        cosolve.solve(SMALL[0], "rrnco", options=options)


def test_what_rrnco_plus_always_does_is_no_option_of_it():
    with pytest.raises(ValueError, match="unknown option 'polish'"):
        cosolve.solve(cosolve.generate("atsp", "road", n=10, seed=0), "rrnco+", options={"polish": False})


def test_large_tours_have_no_tables_made_for_routes(monkeypatch):
    """Of 31,000 places they would take 8 GB: the search was lost, though it needs none."""
    instance = TSPInstance(distances=Distances.from_coords(np.random.default_rng(0).uniform(0, 1e4, (2500, 2))))

    arrays = predictor.Job.arrays.func

    def refuse(job):
        assert job.instance.size < 100
        return arrays(job)

    monkeypatch.setattr(predictor.Job, "arrays", property(refuse))
    greedy = cosolve.solve(instance, "greedy", time_limit=20)
    found = cosolve.solve(instance, "rrnco+", time_limit=5)
    assert found.status is cosolve.Status.FEASIBLE
    assert found.objective < greedy.objective


@pytest.mark.parametrize(("problem", "message"), [("cvrp", "more than 5"), ("acvrp", "no search above 50")])
def test_routes_too_many_for_tables_are_not_lost(problem, message, monkeypatch):
    """Above the limit of "rr" that raised, and took the other instances of a batch along."""
    monkeypatch.setattr(predictor, "MAX_NODES", 5)
    monkeypatch.setattr(rr, "MAX_NODES", 50)
    rng = np.random.default_rng(0)

    def instance_of(n):
        coords = rng.uniform(0, 1e3, (n, 2))
        if problem == "cvrp":
            return CVRPInstance(distances=Distances.from_coords(coords), demand=[0] + (n - 1) * [1], capacity=7)
        matrix = np.hypot(*(coords[:, None] - coords).T)
        return ACVRPInstance(distances=Distances.from_matrix(matrix), demand=[0] + (n - 1) * [1], capacity=7)

    large, small = instance_of(70), instance_of(5)
    found, other = cosolve.solve_batch([large, small], "rrnco+", iterations=2000)
    greedy = cosolve.solve(large, "greedy")
    assert other.objective == pytest.approx(cosolve.solve(small, "rr", iterations=2000).objective)
    assert message in found.message
    assert found.objective <= greedy.objective
    assert found.stats.get("iterations") == (2000 if problem == "cvrp" else None)


def test_a_checkpoint_that_names_two_problems_is_refused_in_one_line(tmp_path):
    checkpoint = checkpoints.find("rrnco-atsp-20")
    folder = tmp_path / "net"
    shutil.copytree(checkpoint.folder, folder)
    text = (folder / checkpoints.CONFIG).read_text()
    assert text.count('problem = "atsp"') == 2
    (folder / checkpoints.CONFIG).write_text(text.replace('problem = "atsp"', 'problem = "acvrp"', 1))
    instance = cosolve.generate("acvrp", "road", n=20, points=100)
    with pytest.raises(InvalidFileError, match=r"\[checkpoint\] problem is 'acvrp', \[data\] problem 'atsp'"):
        cosolve.solve(instance, "rrnco", options={"checkpoint": str(folder)}, time_limit=20)


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_half_precision_decodes_nearly_as_well(problem):
    """Distances and masks must stay whole: only the network's own numbers may be short."""
    instances = [cosolve.generate(problem, "road", n=20, seed=s, points=100) for s in range(4)]
    exact = cosolve.solve_batch(instances, "rrnco")
    short = cosolve.solve_batch(instances, "rrnco", options={"precision": "bfloat16"})
    assert all(result.status is cosolve.Status.FEASIBLE for result in short)
    ratio = [b.objective / a.objective for a, b in zip(exact, short, strict=True)]
    assert np.mean(ratio) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(("level", "warned"), [("AVX2", True), ("AVX512", False)])
def test_emulated_half_precision_is_told(monkeypatch, level, warned):
    """It takes four times as long as float32, which nobody expects who asks for it to save time."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    instance = cosolve.generate("atsp", "road", n=20, points=100)
    result = cosolve.solve(instance, "rrnco", options={"precision": "bfloat16"}, time_limit=60)
    assert ("bfloat16 is emulated" in result.message) is warned


@pytest.mark.gpu
@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_a_gpu_decodes_compiled_in_half_precision(problem):
    """Whole batches, of two sizes, beside what a CPU makes of them."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    instances = [cosolve.generate(problem, "road", n=n, seed=s, points=100) for n in (18, 20) for s in range(4)]
    exact = cosolve.solve_batch(instances, "rrnco")
    options = {"device": "cuda", "precision": "bfloat16", "compile": True}
    short = cosolve.solve_batch(instances, "rrnco", options=options)
    ratio = [b.objective / a.objective for a, b in zip(exact, short, strict=True)]
    assert np.mean(ratio) == pytest.approx(1, abs=0.02)
