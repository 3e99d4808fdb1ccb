"""Masks and clocks of partial routes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import cosolve
from cosolve.core.errors import UnsupportedProblemError
from cosolve.instances.generators.orienteering import hard
from cosolve.models.checkpoints import choose
from cosolve.models.decost import environment
from cosolve.models.decost.batch import Batch, arrays_of, coords_of
from cosolve.models.decost.config import DataConfig
from cosolve.models.decost.data import draw
from cosolve.models.decost.inference import facts, timed_route
from cosolve.models.decost.rollout import decode, follow, optimise, starts


def random_routes(batch: Batch, num_routes: int, seed: int) -> torch.Tensor:
    """Routes of uniform choices among what is allowed, shortest services."""
    generator, state, choices = torch.Generator().manual_seed(seed), environment.start(batch, num_routes), []
    for _ in range(batch.num_places):
        mask = environment.allowed(batch, state).double()
        mask[:, :, 0] *= 0.02  # rarely home while somewhere else can be reached
        choice = torch.multinomial(mask.flatten(0, 1), 1, generator=generator).view(state.place.shape)
        choices.append(choice)
        state = environment.step(batch, state, choice, batch.service.gather(1, choice))
    assert state.visited[:, :, 0].all()
    return torch.stack(choices, dim=2)


def test_ten_thousand_random_routes_within_the_mask_pass_the_judge(data):
    """A mask that offers an illegal move makes the judge refuse what the network was rewarded for."""
    wide = [hard(seed=s, size=20, width=4.0) for s in range(36)]
    arrays = [arrays_of(instance) for instance in wide]
    cases = [
        (data.instances, data.arrays, data.batch),
        (wide, arrays, Batch.of(arrays, [coords_of(i, a) for i, a in zip(wide, arrays, strict=True)])),
    ]
    judged = 0
    for instances, known, batch in cases:
        choices = random_routes(batch, 100, 0)
        profit, start, duration = (table.numpy() for table in optimise(batch, choices))
        choices = choices.numpy()
        for i, instance in enumerate(instances):
            for k in range(100):
                route = timed_route(instance, known[i], choices[i, k], start[i, k], duration[i, k])
                verdict = cosolve.judge(instance, route)
                assert verdict.feasible, verdict.violations
                assert verdict.objective == pytest.approx(profit[i, k], abs=1e-9)
                judged += 1
    assert judged == 10_000


def test_exact_routes_lie_within_the_mask(data):
    """A mask that is too strict would put the optimum out of reach, and imitation would learn from impossible moves."""
    choices = data.routes.unsqueeze(1)
    rollout = follow(data.batch, choices)
    mask = environment.allowed(data.batch, rollout.states(data.batch.num_places))
    chosen = mask.gather(2, choices.flatten(1).unsqueeze(2)).squeeze(2)
    assert chosen[rollout.is_real.flatten(1)].all()
    profit, _, _ = optimise(data.batch, choices)
    torch.testing.assert_close(profit[:, 0], data.optimum, atol=1e-9, rtol=0)


def test_planned_services_keep_every_rule(network, data):
    """Reward "predicted" judges the decoder's own services: they may not break windows, caps or the return."""
    net, batch = network(service="softmax"), data.batch
    rollout = decode(net, batch, net.encode(batch), 4, torch.Generator().manual_seed(0))
    begin = starts(batch, rollout)
    for i, instance in enumerate(data.instances):
        for k in range(4):
            parts = (table[i, k].detach().numpy() for table in (rollout.choices, begin, rollout.service))
            assert cosolve.judge(instance, timed_route(instance, data.arrays[i], *parts)).feasible


def test_a_stopped_decoding_goes_home(network, data):
    """When time is up the routes so far still count."""
    net, batch = network(), data.batch
    calls = iter([False, False, True, True])
    routes = decode(net, batch, net.encode(batch), 1, should_stop=lambda: next(calls)).choices
    assert routes.shape[2] == 3
    assert (routes[:, :, 2] == 0).all()
    assert (optimise(batch, routes)[0] >= 0).all()


def test_published_instances_have_their_published_optima():
    """Spot values from Gurobi solutions of the released test set; the labels of the training are made the same way."""
    data = draw(DataConfig(), 2025, 3, labelled=True, stream=10_000)
    np.testing.assert_allclose(data.optimum, [13.6452, 14.0110, 23.2698], atol=1e-3)


def test_an_instance_of_another_kind_is_called_so():
    """Results outside of the training data need a warning; the bundled network saw narrow windows only."""
    inside = draw(DataConfig(), 11, 1, labelled=False)
    assert choose("decost", "", facts(inside.instances[0], inside.arrays[0]))[1] == []
    other = hard(size=60, width=5.0)
    complaints = choose("decost", "", facts(other, arrays_of(other)))[1]
    assert any("mean_window" in complaint for complaint in complaints)


def test_an_unknown_checkpoint_names_the_known_ones(tmp_path):
    """A misspelt name should end the search at once."""
    with pytest.raises(FileNotFoundError, match="decost-50-100"):
        choose("decost", "decost-50-101", {})
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.toml").write_text('[checkpoint]\nfamily = "mis"\nproblem = "mis"\n')
    with pytest.raises(UnsupportedProblemError, match="not a decost"):
        choose("decost", str(folder), {})
