"""What the network must not care about, and that it can learn at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cosolve.instances.distances import Distances
from cosolve.models.decost import environment
from cosolve.models.decost.batch import SYMMETRIES, Batch, arrays_of, coords_of
from cosolve.models.decost.losses import imitation_loss
from cosolve.models.decost.rollout import decode, follow, review

KINDS = [
    {"pairs": "none", "service": "softmax"},
    {"pairs": "distance", "service": "sigmoid"},
    {"pairs": "windows", "service": "zero"},
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind.values()))


def first_choice(network, batch):
    """Log-probabilities of the first customer and service shares."""
    state = environment.start(batch, 1)
    return network.decide(batch, network.encode(batch), state, environment.allowed(batch, state))


@kinds
def test_numbering_of_customers_makes_no_difference(network, data, kind):
    """Permutation equivariance: else the same instance in another order would get another route."""
    net, batch = network(**kind), data.batch.take(torch.arange(4))
    n = batch.num_places
    rows = torch.arange(4)
    orders = []
    for i in range(4):
        m = int(batch.valid[i].sum())
        orders.append(torch.cat([torch.tensor([0]), 1 + torch.randperm(m - 1), torch.arange(m, n)]))
    order = torch.stack(orders)
    at = rows[:, None], order
    moved = {name: table[at] for name, table in vars(batch).items() if name != "travel"}
    travel = batch.travel[rows[:, None, None], order[:, :, None], order[:, None, :]]
    permuted = Batch(**moved, travel=travel)
    for whole, shuffled in zip(first_choice(net, batch), first_choice(net, permuted), strict=True):
        torch.testing.assert_close(whole[rows[:, None], 0, order], shuffled[:, 0], atol=1e-5, rtol=1e-4)


@kinds
def test_an_instance_alone_gets_what_it_gets_in_a_batch(network, data, kind):
    """Padding must not leak: results would depend on what else is solved at the same time."""
    net, rows = network(**kind), torch.arange(8)
    batch = data.batch.take(rows)
    chances, shares = first_choice(net, batch)
    with torch.inference_mode():
        routes = decode(net, batch, net.encode(batch), 1).choices
    for i in rows:
        alone = data.batch.take(i[None])
        n = alone.num_places
        one, share = first_choice(net, alone)
        torch.testing.assert_close(one[0], chances[i, :, :n], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(share[0], shares[i, :, :n], atol=1e-5, rtol=1e-4)
        with torch.inference_mode():
            route = decode(net, alone, net.encode(alone), 1).choices[0, 0]
        assert routes[i, 0][routes[i, 0] > 0].tolist() == route[route > 0].tolist()


@kinds
def test_padding_stays_finite_beside_an_instance_without_customers(network, data, kind):
    """Six layers, the published number, made NaN of the lone depot's padding, and all of the batch failed."""
    net, depot = network(layers=6, **kind), data.batch.take(torch.arange(2))
    lone = replace(depot, valid=depot.valid & torch.tensor([[True], [False]]))
    lone.valid[1, 0] = True
    embedding = net.encode(lone)
    assert torch.isfinite(embedding.places).all()
    for whole, alone in zip(first_choice(net, lone), first_choice(net, depot), strict=True):
        assert not whole.isnan().any()
        torch.testing.assert_close(whole[0], alone[0])


@kinds
@pytest.mark.parametrize("unit", [100, 2.0**-60])
def test_units_and_origin_make_no_difference(network, data, kind, unit):
    """Minutes or hours, dollars or cents, and where the map begins say nothing about the best route."""
    net, instance = network(**kind), data.instances[0]
    coords = (instance.distances.coords - 0.3) * 60
    other = replace(
        instance,
        distances=Distances.from_coords(coords, instance.distances.metric),
        opens=instance.opens * 60,
        closes=instance.closes * 60,
        horizon=instance.horizon * 60,
        segment_length=instance.segment_length * 60,
        segment_rate=instance.segment_rate * unit,
    )
    chances = []
    for one in (instance, other):
        arrays = arrays_of(one)
        chances.append(first_choice(net, Batch.of([arrays], [coords_of(one, arrays)])))
    for mine, theirs in zip(*chances, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-3)


def test_the_eight_symmetries_are_different_and_keep_distances(data):
    """A symmetry that stretched the map would decode another instance."""
    batch = data.batch.take(torch.zeros(8, dtype=torch.int64))
    turned = batch.reflect(torch.arange(8))
    assert len(SYMMETRIES) == len({turned.coords[i].numpy().tobytes() for i in range(8)}) == 8
    distances = torch.cdist(turned.coords, turned.coords)
    torch.testing.assert_close(distances, distances[:1].expand_as(distances), atol=1e-6, rtol=0)


@kinds
def test_looking_back_at_a_rollout_gives_its_own_probabilities(network, data, kind):
    """The gradient is taken of all steps in one pass; it must be that of the choices as they were made."""
    net, batch = network(**kind), data.batch.take(torch.arange(6))
    embedding = net.encode(batch)
    rollout = decode(net, batch, embedding, 5, torch.Generator().manual_seed(3))
    log_probability, service = review(net, batch, embedding, rollout)
    torch.testing.assert_close(service, rollout.service)
    # Once more, step by step.
    state, total = environment.start(batch, 5), torch.zeros(6, 5)
    for k in range(rollout.choices.shape[2]):
        choice = rollout.choices[:, :, k]
        chances, _ = net.decide(batch, embedding, state, environment.allowed(batch, state))
        total = total + chances.gather(2, choice.unsqueeze(2)).squeeze(2)
        state = environment.step(batch, state, choice, rollout.service[:, :, k])
    torch.testing.assert_close(log_probability.sum(dim=2), total, atol=1e-4, rtol=1e-4)
    again = follow(batch, rollout.choices, rollout.service)
    torch.testing.assert_close(again.departure, rollout.departure)


def test_it_learns_one_batch_by_heart(network, data):
    """A network that can't overfit four instances has a broken gradient, mask or feature."""
    net, batch, routes = network(pairs="windows", service="zero"), data.batch.take(torch.arange(4)), data.routes[:4]
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-2)
    losses = []
    for _ in range(80):
        loss, _ = imitation_loss(net, batch, routes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 0.5
    assert losses[-1] < 0.05
    with torch.inference_mode():
        found = decode(net, batch, net.encode(batch), 1).choices[:, 0]
    wanted = [route[route > 0].tolist() for route in routes]
    same = np.mean([route[route > 0].tolist() == best for route, best in zip(found, wanted, strict=True)])
    assert same >= 0.9
