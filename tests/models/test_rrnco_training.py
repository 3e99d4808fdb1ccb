"""RRNCO's training loop: deterministic, resumable, and rewards mean what they say."""

from __future__ import annotations

import json
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cosolve.core.errors import InvalidFileError, TrainingError
from cosolve.core.problem import judge
from cosolve.instances.generators.roads import draw_places, road_tables
from cosolve.models import checkpoints
from cosolve.models.rrnco import labels, losses
from cosolve.models.rrnco.config import DataConfig, ModelConfig, RrncoConfig, TrainingConfig
from cosolve.models.rrnco.data import REFERENCES, draw, sampler, validation
from cosolve.models.rrnco.instances import solution_of
from cosolve.models.rrnco.labels import solve
from cosolve.models.rrnco.losses import reinforce_loss
from cosolve.models.rrnco.network import Network
from cosolve.models.rrnco.training import train
from cosolve.models.rrnco.validation import validate
from cosolve.models.sampler import helpers, wanted
from cosolve.search.tours import shortest_tour

CONFIG = RrncoConfig(
    DataConfig(problem="atsp", size=8, least_size=6, cities=2, points=60, chunk=16, passes=1, label_effort=1),
    ModelConfig(embedding=16, heads=2, layers=1, feed_forward=16, neighbours=5, kinks=8),
    TrainingConfig(
        imitation_steps=3,
        reinforce_steps=2,
        imitation_batch=8,
        reinforce_batch=8,
        reinforce_copies=2,
        imitation_starts=2,
        reinforce_starts=4,
        validation_every=2,
        validation_size=8,
    ),
)


def test_a_run_in_slices_goes_the_way_of_one_in_one_piece(tmp_path):
    """Slices of minutes on a shared machine must not change what is learned; across both phases, bit by bit."""
    seen = []
    train(CONFIG, tmp_path / "whole", on_metrics=seen.append)
    train(CONFIG, tmp_path / "parts", max_steps=2)
    last = train(CONFIG, tmp_path / "parts", resume=True)
    whole, parts = (load_file(tmp_path / name / checkpoints.STATE) for name in ("whole", "parts"))
    assert whole.pop("run.seconds") > 0
    assert parts.pop("run.seconds") > 0
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name
    assert [line["step"] for line in seen] == [2, 4, 5]
    assert last["gap_x8"] == seen[-1]["gap_x8"] <= last["gap"]
    assert all(line["infeasible"] == 0 for line in seen)
    found = checkpoints.read(tmp_path / "whole")
    assert (found.family, found.problem) == ("rrnco", "atsp")
    assert found.coverage["customers"] == (0.8 * 6, 1.25 * 8)
    found.load_into(Network(CONFIG.model, "atsp"))


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_choices_of_a_network_that_overflows_end_the_run_in_our_words(tmp_path, problem):
    """PyTorch said that a probability tensor contains nan, and on a GPU gave the device up."""
    settings = replace(CONFIG.training, imitation_steps=0, reinforce_steps=4, reinforce_rate=1e30, validation_every=100)
    config = replace(CONFIG, data=replace(CONFIG.data, problem=problem), training=settings)
    with pytest.raises(TrainingError, match=r"not finite; nothing is saved yet\. Try a smaller rate"):
        train(config, tmp_path)


@pytest.mark.parametrize("leader_weight", [1.0, 8.0])
def test_reward_alone_shortens_tours(leader_weight):
    """The policy gradient would have the wrong sign, or the reward be another one than the judge's."""
    torch.manual_seed(0)
    data = draw(replace(CONFIG.data, least_size=8), 5, 32, effort=1)
    net = Network(CONFIG.model, "atsp")
    before = validate(net, data)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        loss, _ = reinforce_loss(net, data.batch, 8, generator, leader_weight)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = validate(net, data)
    assert after["gap"] < 0.6 * before["gap"]


def test_only_the_cheapest_solution_gets_the_weight_of_the_leader():
    """Its advantage is positive and log-probabilities are negative: the dearest one's would lower the loss instead."""
    torch.manual_seed(0)
    data = draw(replace(CONFIG.data, least_size=8), 5, 8, effort=1)
    net = Network(CONFIG.model, "atsp")
    losses = [
        float(reinforce_loss(net, data.batch, 4, torch.Generator().manual_seed(1), weight)[0].detach())
        for weight in (1.0, 2.0, 4.0)
    ]
    assert losses[1] > losses[0]
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=1e-4)


def test_copies_share_first_nodes_baselines_and_a_leader(monkeypatch):
    """Costs of two instances in three copies: advantages cancel over the copies of a start, and one solution leads."""
    data = draw(replace(CONFIG.data, size=6), 5, 2)
    batch = data.batch.take(torch.tensor([0, 0, 0, 1, 1, 1])).reflect(torch.tensor([0, 3, 5, 1, 2, 7]))
    seen = {}

    def likelihood(network, batch, embedding, rollout, rows):
        seen["first"] = rollout.choices[:, :, 0]
        seen.setdefault("chosen", torch.zeros(6, 4, requires_grad=True))
        return seen["chosen"][rows]

    monkeypatch.setattr(losses, "_log_probability", likelihood)
    torch.manual_seed(0)
    net = Network(CONFIG.model, "atsp")
    gradients = []
    for weight in (1.0, 5.0):
        seen.pop("chosen", None)
        loss, _ = reinforce_loss(net, batch, 4, torch.Generator().manual_seed(1), weight, copies=3)
        loss.backward()
        gradients.append(-seen["chosen"].grad * 24)
    assert (seen["first"].view(2, 3, 4) == seen["first"].view(2, 3, 4)[:, :1]).all()
    assert gradients[0].view(2, 3, 4).sum(dim=1).abs().max() < 1e-5
    leads = gradients[1] / gradients[0] > 2
    assert leads.view(2, -1).sum(dim=1).tolist() == [1, 1]


@pytest.mark.parametrize("problem", ["atsp", "acvrp", "acvrptw"])
def test_slices_of_a_batch_change_no_gradient(monkeypatch, problem):
    """Solutions of different lengths, one instance at a time or all together."""
    data = draw(replace(CONFIG.data, problem=problem, least_size=12, size=12), 5, 6)
    gradients = []
    for scores in (1, 10**9):
        monkeypatch.setitem(losses._SCORES, "cpu", scores)
        torch.manual_seed(0)
        net = Network(CONFIG.model, problem)
        loss, _ = reinforce_loss(net, data.batch, 5, torch.Generator().manual_seed(1), 3.0)
        loss.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert float(gradients[0].abs().max()) > 1e-3
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("count", "cities", "different"), [(20, 80, 16), (3, 80, 3), (20, 2, 2)])
def test_a_draw_is_from_many_cities(monkeypatch, count, cities, different):
    """Validation instances of a single city would say little about the others."""
    drawn = []

    def tables(city, *rest):
        drawn.append(city)
        return road_tables(city, *rest)

    monkeypatch.setattr("cosolve.models.rrnco.data.road_tables", tables)
    data = draw(replace(CONFIG.data, cities=cities, points=40), 3, count, size=6)
    assert len(data.instances) == count
    assert len(drawn) == len(set(drawn)) == different


def test_clusters_are_as_many_as_asked_for_and_never_in_the_validation_set(monkeypatch):
    """Whether places lie near each other is drawn for each instance."""
    splits = []

    def places(rng, points, count, split="in"):
        splits.append(split)
        return draw_places(rng, points, count, split)

    monkeypatch.setattr("cosolve.models.rrnco.data.draw_places", places)
    config = replace(CONFIG.data, clusters=0.25)
    draw(config, 3, 400)
    assert 60 < splits.count("cluster") < 140
    splits.clear()
    validation(config, 40)
    assert splits == ["in"] * 40
    with pytest.raises(ValueError, match="clusters must be <= 1"):
        replace(CONFIG.data, clusters=1.5)


def test_references_are_kept_and_made_again_if_they_are_of_others(tmp_path, monkeypatch):
    """A slice of a long run began with the search that the first one had made; a damaged file is no obstacle."""
    config = replace(CONFIG.data, size=8)
    first = validation(config, 3, keep=tmp_path)
    kept = tmp_path / REFERENCES
    text = kept.read_text()
    solve = labels.solve
    monkeypatch.setattr("cosolve.models.rrnco.labels.solve", None)
    again = validation(config, 3, keep=tmp_path)
    assert again.reference == first.reference == validation_costs(first)
    assert [one.digest for one in again.instances] == [one.digest for one in first.instances]
    monkeypatch.setattr("cosolve.models.rrnco.labels.solve", solve)
    other = validation(replace(config, size=9), 3, keep=tmp_path)
    assert other.reference == validation_costs(other)
    assert kept.read_text() != text
    whole = json.loads(text)
    for damaged in ("", "[]", "{}", text[:40], json.dumps({**whole, "costs": [1.0, -1.0, 1.0]}), "[" * 100_000):
        kept.write_text(damaged)
        assert validation(config, 3, keep=tmp_path).reference == first.reference
        assert kept.read_text() == text


def validation_costs(data):
    return [
        judge(one, solution_of(one, arrays, labels.as_choices(solution, data.batch.is_tour))).objective
        for one, arrays, solution in zip(data.instances, data.arrays, data.solutions, strict=True)
    ]


@pytest.mark.parametrize("problem", ["acvrp", "acvrptw"])
def test_labels_of_routes_are_feasible_and_come_in_any_order(problem):
    """A network that imitates must see each route first at times: the order means nothing."""
    data = draw(replace(CONFIG.data, problem=problem, least_size=12, size=12), 3, 2, effort=50)
    turned = data.choices(torch.arange(2), 8, np.random.default_rng(0)).numpy()
    for instance, arrays, several, best in zip(data.instances, data.arrays, turned, data.reference, strict=True):
        assert len({int(row[0]) for row in several}) > 1
        costs = [judge(instance, solution_of(instance, arrays, row)).objective for row in several]
        assert costs == pytest.approx([best] * 8)
    assert validate(Network(CONFIG.model, problem), data)["infeasible"] == 0


def test_labels_are_optimal_tours_and_begin_anywhere():
    """The search that makes them must not lose to the dynamic program on small instances."""
    data = draw(CONFIG.data, 3, 4, effort=1, size=10)
    rng = np.random.default_rng(0)
    for k, (instance, arrays) in enumerate(zip(data.instances, data.arrays, strict=True)):
        verdict = judge(instance, solution_of(instance, arrays, labels.tour(arrays.distance, 200, rng)))
        best = judge(instance, solution_of(instance, arrays, shortest_tour(arrays.distance))).objective
        assert verdict.objective == pytest.approx(best)
        turned = data.choices(torch.tensor([k]), 6, rng)[0].numpy()
        assert len({int(row[0]) for row in turned}) > 1
        lengths = [judge(instance, solution_of(instance, arrays, row)).objective for row in turned]
        assert lengths == pytest.approx([data.reference[k]] * 6)


def test_helpers_make_the_same_instances_ahead_of_the_steps(monkeypatch):
    """What is learned must not depend on the number of threads; the next chunk is begun before it is asked for."""
    config = replace(CONFIG.data, problem="acvrptw", chunk=4)
    begun = []
    monkeypatch.setattr("cosolve.models.rrnco.data.labels.solve", lambda *given: begun.append(given) or solve(*given))
    rest = {"labelled": True, "seed": 3, "device": torch.device("cpu")}
    alone = sampler(config, 0, 4, **rest)
    alone_chunks = [alone.rows(step)[0] for step in (0, 1)]
    assert len(begun) == 8
    with helpers(4, torch.device("cpu")) as pool:
        helped = sampler(config, 0, 4, **rest, pool=pool)
        chunks = [helped.rows(step)[0] for step in (0, 1)]
        pool.submit(int).result()
    assert len(begun) > 16
    for one, other in zip(alone_chunks, chunks, strict=True):
        assert torch.equal(one.batch.distance, other.batch.distance)
        assert one.reference == other.reference
    assert not torch.equal(chunks[0].batch.distance, chunks[1].batch.distance)


def test_work_that_nobody_waits_for_any_more_ends_early():
    """The end of a slice would wait for labels that take half a minute."""
    with helpers(2, torch.device("cpu")) as pool:
        items = wanted(pool, range(3))
        assert next(items) == 0
    with pytest.raises(CancelledError):
        next(items)
    assert list(wanted(None, range(3))) == [0, 1, 2]


def test_cities_for_tests_are_none_for_training():
    """They had been left out without a word, while the card counted them."""
    with pytest.raises(ValueError, match="cities must be at most 80"):
        replace(CONFIG.data, cities=81)


def test_settings_of_a_phase_without_steps_refuse_nothing(tmp_path):
    """The published training has no imitation, but its batch had to fit into a chunk."""
    data = replace(CONFIG.data, chunk=16)
    alone = replace(CONFIG.training, imitation_steps=0, imitation_batch=17, reinforce_steps=1, reinforce_batch=4)
    assert train(replace(CONFIG, data=data, training=alone), tmp_path / "net")["step"] == 1
    both = replace(alone, imitation_steps=1)
    with pytest.raises(ValueError, match=r"\(imitation_batch\) must be at most the chunk \(16\)"):
        train(replace(CONFIG, data=data, training=both), tmp_path / "other")


def test_a_deeper_network_begins_where_the_shallow_one_ended(tmp_path):
    """Layers that a checkpoint lacks change nothing at first; what they are to learn by has a gradient."""
    train(CONFIG, tmp_path / "shallow")
    checkpoint = checkpoints.read(tmp_path / "shallow")
    shallow, deep = (Network(replace(CONFIG.model, layers=layers), "atsp") for layers in (1, 3))
    shallow.load(checkpoint)
    deep.load(checkpoint)
    batch = draw(CONFIG.data, 5, 4).batch
    for expected, got in zip(shallow.encoder(batch), deep.encoder(batch), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)
    loss, _ = reinforce_loss(deep, batch, 4, torch.Generator())
    loss.backward()
    added = deep.encoder.layers[2].row
    assert added.hidden[2].weight.grad.abs().max() > 0 < added.norms[2].scale.grad.abs().max()
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, layers=3),
        training=replace(CONFIG.training, begin_from=str(tmp_path / "shallow"), imitation_steps=0, reinforce_steps=1),
    )
    assert train(config, tmp_path / "deep")["step"] == 1
    with pytest.raises(InvalidFileError, match="has an unknown parameter 'encoder"):
        Network(CONFIG.model, "atsp").load(checkpoints.read(tmp_path / "deep"))


@pytest.mark.gpu
def test_a_gpu_trains_compiled_in_slices(tmp_path):
    """Mixed precision, blocks that share compiled code, Adam in one kernel and its state on resume."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    config = replace(CONFIG, training=replace(CONFIG.training, precision="bfloat16", compile=True))
    train(config, tmp_path, max_steps=2, device="cuda", threads=2)
    last = train(config, tmp_path, resume=True, device="cuda", threads=2)
    assert last["step"] == 5
    assert last["infeasible"] == 0


@pytest.mark.parametrize("least", [-1, 1, 2, 9])
def test_sizes_without_a_choice_are_refused(least):
    """A tour of one place has nothing to decode."""
    with pytest.raises(ValueError, match="least_size must be"):
        replace(CONFIG.data, least_size=least)
