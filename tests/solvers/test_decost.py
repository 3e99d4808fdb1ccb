"""The solvers "decost" and "decost+" beyond the contract that all solvers keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import cosolve
from cosolve.core.result import Limit
from cosolve.instances.distances import Distances
from cosolve.instances.generators.orienteering import decost, hard
from cosolve.instances.orienteering import OPTWVPInstance
from cosolve.models import checkpoints, watch
from cosolve.models.decost import inference, predictor
from cosolve.models.decost.batch import arrays_of
from cosolve.models.decost.data import exact_route

SMALL = [decost(seed=5, index=i, batch=12) for i in range(12)]


@pytest.fixture(scope="module")
def optima() -> np.ndarray:
    return np.array([exact_route(arrays_of(instance))[1] for instance in SMALL])


def test_the_bundled_network_routes_well(optima):
    """A feature or a scale that differs from training would show here: the mean gap in training was below 2 %."""
    results = cosolve.solve_batch(SMALL, "decost")
    gaps = 1 - np.array([result.objective for result in results]) / optima
    assert gaps.min() > -1e-9
    assert gaps.mean() < 0.05
    assert all(result.stats["checkpoint"] == "decost-50-100" and not result.message for result in results)


def test_a_batch_gives_each_instance_its_own_result():
    """Order, padding and grouping by size must not mix instances up."""
    instances = [SMALL[3], hard(seed=2, size=12, width=3.0), SMALL[0], decost(seed=1, size=20, batch=1)]
    together = cosolve.solve_batch(instances, "decost")
    for instance, result in zip(instances, together, strict=True):
        alone = cosolve.solve(instance, "decost")
        assert result.digest == alone.digest == instance.digest
        assert result.solution == alone.solution


def test_the_search_closes_the_gap(optima):
    """Some iterations from the network's routes come close to the optimum of easy instances."""
    results = [cosolve.solve(instance, "decost+", iterations=1500) for instance in SMALL]
    gaps = 1 - np.array([result.objective for result in results]) / optima
    assert gaps.min() > -1e-9
    assert gaps.mean() < 0.003
    assert all(result.limit is Limit.ITERATION and result.stats["iterations"] == 1500 for result in results)


def test_more_samples_are_never_worse_with_the_same_symmetries():
    """Samples follow the seed; none of them is thrown away unseen."""
    first = cosolve.solve(SMALL[1], "decost", seed=3, options={"decode": "sampling", "samples": 20})
    again = cosolve.solve(SMALL[1], "decost", seed=3, options={"decode": "sampling", "samples": 20})
    assert first.solution == again.solution
    other = cosolve.solve(SMALL[1], "decost", options={"augmentation": 1})
    assert cosolve.solve(SMALL[1], "decost").objective >= other.objective


def test_an_instance_outside_of_the_training_data_is_solved_with_a_warning():
    """Prizes, several segments, shortest services, no coordinates: all in one, and the answer is still judged."""
    matrix = np.array([[0, 1, 2, 1], [1, 0, 1, 2], [2, 1, 0, 1], [1, 2, 1, 0]], float)
    instance = OPTWVPInstance(
        name="odd",
        distances=Distances.from_matrix(matrix),
        opens=np.zeros(4),
        closes=np.full(4, 9.0),
        horizon=9.0,
        prize=np.array([0.0, 1.0, 2.0, 0.0]),
        min_service=np.array([0.0, 0.5, 0.0, 1.0]),
        segment_ptr=np.array([0, 0, 2, 2, 3]),
        segment_length=np.array([1.0, 2.0, 1.0]),
        segment_rate=np.array([4.0, 1.0, 3.0]),
    )
    optimum = exact_route(arrays_of(instance))[1]
    for solver in ("decost", "decost+"):
        result = cosolve.solve(instance, solver, iterations=100 if solver == "decost+" else None)
        assert result.status is cosolve.Status.FEASIBLE
        assert 0 <= result.objective <= optimum + 1e-9
        assert f"outside of what {result.stats['checkpoint']} was trained on" in result.message
        assert "has_coordinates" in result.message
    assert result.objective == pytest.approx(optimum)


@pytest.mark.parametrize("width", [2.5, 5.0])
def test_no_bound_is_beaten_on_the_hard_family(width):
    """The network is far from home there, its routes are good all the same: a bound below one of them is false."""
    instance = hard(seed=1, size=16, width=width, cap=0.25)
    found = cosolve.solve(instance, "decost+", iterations=500)
    assert "mean_window" in found.message
    for solver, options in (("labelling", {}), ("labelling", {"max_labels": 1000}), ("scip", {})):
        result = cosolve.solve(instance, solver, time_limit=2.0, options=options)
        assert result.bound is not None
        assert result.bound >= max(found.objective, result.objective) - 1e-6


def test_large_instances_are_decoded_in_parts_or_not_at_all(monkeypatch):
    """Memory grows with the square of the places: symmetries one by one, then the search without the network."""
    instance = SMALL[4]
    whole = cosolve.solve(instance, "decost")
    monkeypatch.setattr(predictor, "MAX_PAIRS", {"cpu": 1})
    assert cosolve.solve(instance, "decost").objective == pytest.approx(whole.objective)
    monkeypatch.setattr(predictor, "MAX_PLACES", 5)
    refused = cosolve.solve(instance, "decost")
    assert refused.objective == 0
    assert "more than 5 reachable places" in refused.message
    assert cosolve.solve(instance, "decost+", iterations=200).objective > 0


def test_samples_are_decoded_in_parts_that_are_kept(monkeypatch):
    """Twenty thousand samples went in step, all were sent home when time was up, and the best was no route at all."""
    network = predictor.network_of(checkpoints.find("decost-50-100").folder, "cpu")
    monkeypatch.setattr(predictor, "MAX_PAIRS", {"cpu": 1})
    counts = []

    def watched(*arguments, samples, **others):
        counts.append(samples)
        return inference.propose(*arguments, samples=samples, **others)

    monkeypatch.setattr(predictor, "propose", watched)
    jobs, common = [predictor.Job(SMALL[0])], {"symmetries": 1, "seed": 3}
    some = predictor.predict(network, jobs, samples=16, **common)[0]
    many = predictor.predict(network, jobs, samples=40, **common)[0]
    assert counts == [16, 16, 16, 8]
    assert many[0].objective >= some[0].objective > 0
    counts.clear()
    cut = predictor.predict(network, jobs, samples=10**9, should_stop=lambda: len(counts) > 1, **common)[0]
    assert [one.objective for one in cut] == [one.objective for one in some]


def test_the_encoder_looks_at_the_clock(monkeypatch):
    """Five hundred customers took five seconds to encode, whatever the limit."""
    asked = []

    def has_begun():
        asked.append(len(asked))
        return len(asked) > 30

    def refuse(*arguments):
        raise AssertionError("decoded in spite of the clock")

    network = predictor.network_of(checkpoints.find("decost-50-100").folder, "cpu")
    monkeypatch.setattr(inference, "decode", refuse)
    monkeypatch.setattr(watch, "_SMALL", 0)
    found = predictor.predict(
        network, [predictor.Job(SMALL[0])], symmetries=1, samples=0, seed=0, should_stop=has_begun
    )
    assert found == [[]]
    assert len(asked) == 31


@pytest.mark.parametrize("solver", ["decost", "decost+"])
def test_nobody_to_visit_is_the_trivial_optimum(solver):
    """No customer within reach: the tour that never leaves, and no crash in the network."""
    far = OPTWVPInstance(
        distances=Distances.from_matrix(np.array([[0.0, 9.0], [9.0, 0.0]])),
        opens=np.zeros(2),
        closes=np.ones(2),
        horizon=1.0,
        segment_ptr=np.array([0, 0, 1]),
        segment_length=np.ones(1),
        segment_rate=np.ones(1),
    )
    result = cosolve.solve(far, solver, time_limit=5.0)
    assert result.runtime < 5.0
    assert (result.objective, len(result.solution.customers)) == (0.0, 0)


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**-60])
def test_small_profits_are_searched_for_like_large_ones(unit):
    """In sum below 1e-9 they counted as nothing left to gain; a power of two rounds nothing."""
    for instance in SMALL[:2]:
        small = replace(instance, segment_rate=instance.segment_rate * unit, prize=instance.prize * unit)
        for solver, limits in (("decost", {}), ("decost+", {"iterations": 300})):
            result = cosolve.solve(small, solver, **limits)
            assert result.objective == unit * cosolve.solve(instance, solver, **limits).objective
            assert result.stats.get("iterations", 300) == 300


def test_the_search_goes_on_from_a_given_route(optima):
    """A warm start must not be lost, nor the numbers of places be mixed up with those of the reduced instance."""
    best = cosolve.solve(SMALL[2], "labelling")
    result = cosolve.solve(SMALL[2], "decost+", initial=best.solution, iterations=50)
    assert result.objective == pytest.approx(optima[2])


@pytest.mark.parametrize("seed", [2**64 - 1, 2**64, 10**40])
def test_seeds_of_any_size_are_followed(seed):
    """PyTorch takes 64 bits, and ended the run with a traceback."""
    options = {"decode": "sampling", "samples": 4}
    first, again = (cosolve.solve(SMALL[1], "decost", seed=seed, options=options) for _ in range(2))
    assert first.status is cosolve.Status.FEASIBLE
    assert first.solution == again.solution


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"decode": "beam"}, "decode must be greedy or sampling"),
        ({"augmentation": 9}, "augmentation must be in 1..8"),
        ({"samples": 0}, "samples must be >= 1"),
        ({"samples": 4}, "decode=sampling"),
        ({"precision": "float16"}, "precision must be"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    """Before anything is loaded."""
    with pytest.raises(ValueError, match=message):
        cosolve.solve(SMALL[0], "decost", options=options)


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cpu:0", "cuda:99"])
def test_a_device_that_is_not_there_is_named(device):
    """Else PyTorch's own traceback, or a silent run on the CPU."""
    with pytest.raises(ValueError, match="device"):
        cosolve.solve(SMALL[0], "decost", options={"device": device})
