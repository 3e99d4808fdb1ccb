"""What the RRNCO network must not care about, what it never offers, and that it can learn at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cosolve.core.problem import judge
from cosolve.instances.distances import Distances
from cosolve.instances.generators.road import acvrp_at, acvrptw_at
from cosolve.instances.tsp import ATSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance
from cosolve.models.rrnco import environment
from cosolve.models.rrnco.batch import SYMMETRIES, Batch
from cosolve.models.rrnco.config import ModelConfig
from cosolve.models.rrnco.inference import propose
from cosolve.models.rrnco.instances import arrays_of, planar, solution_of
from cosolve.models.rrnco.losses import imitation_loss, random_starts
from cosolve.models.rrnco.network import Network
from cosolve.models.rrnco.rollout import decode, follow

PROBLEMS = ["atsp", "acvrp", "acvrptw"]
problems = pytest.mark.parametrize("problem", PROBLEMS)


def instances(problem, count, size, seed=0):
    """Places in the plane, ways longer in one direction than in the other, durations of their own."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        n = size + (problem != "atsp")
        coords = rng.random((n, 2))
        straight = np.linalg.norm(coords[:, None] - coords, axis=2)
        distance, duration = (straight * rng.uniform(1.0, 1.5, (n, n)) for _ in range(2))
        if problem == "atsp":
            out.append(ATSPInstance(name="", distances=Distances.from_matrix(distance, coords)))
        else:
            make = acvrp_at if problem == "acvrp" else acvrptw_at
            out.append(make(rng, coords, distance, duration))
    return out


def batch_of(given):
    return Batch.of([arrays_of(one) for one in given], is_tour=given[0].problem == "atsp")


def network(problem, **settings):
    torch.manual_seed(1)
    small = {"embedding": 16, "heads": 2, "layers": 2, "feed_forward": 32, "neighbours": 6, "kinks": 8}
    return Network(ModelConfig(**small | settings), problem).eval()


def first_choice(net, batch):
    """Log-probabilities of the second node, from one solution for each first node."""
    first = torch.arange(0 if batch.is_tour else 1, batch.num_nodes).expand(batch.num_instances, -1)
    state = environment.start(batch, first)
    return net.decide(batch, net.encode(batch), state, environment.allowed(batch, state))


@problems
@pytest.mark.parametrize("encoder", ["rrnco", "pomo"])
def test_numbering_of_nodes_makes_no_difference(problem, encoder):
    """Permutation equivariance: else the same instance in another order would get other routes."""
    net, batch = network(problem, encoder=encoder), batch_of(instances(problem, 3, 9))
    n, depot = batch.num_nodes, 0 if batch.is_tour else 1
    order = torch.cat(
        [torch.arange(depot), depot + torch.randperm(n - depot, generator=torch.Generator().manual_seed(2))]
    )

    def moved(table):
        if table is None or table.dim() == 1:
            return table
        table = table[:, order]
        return table[:, :, order] if table.dim() == 3 and table.shape[2] == n else table

    permuted = Batch(
        **{name: moved(table) for name, table in vars(batch).items() if name in Batch.__dataclass_fields__}
    )
    whole, shuffled = first_choice(net, batch), first_choice(net, permuted)
    rows = order[depot:] - depot
    torch.testing.assert_close(whole[:, rows][:, :, order], shuffled, atol=1e-4, rtol=1e-3)


@problems
def test_an_instance_alone_gets_what_it_gets_in_a_batch(problem):
    """Results would depend on what else is solved at the same time; sampled neighbours included."""
    net, batch = network(problem, sampling="sampled"), batch_of(instances(problem, 4, 9))
    choices, cost = propose(net, batch)
    for i in range(4):
        alone, value = propose(net, batch.take(torch.tensor([i])))
        assert torch.equal(alone[0], choices[i, :, : alone.shape[2]])
        torch.testing.assert_close(value[0], cost[i])


def test_units_make_no_difference():
    """Kilometres or miles, minutes or hours say nothing about the best route."""
    net = network("acvrptw")
    batch = batch_of(instances("acvrptw", 2, 9))
    scaled = {"distance": 7.0, "duration": 60.0, "opens": 60.0, "closes": 60.0, "service": 60.0, "demand": 3.0}
    other = replace(batch, capacity=3.0 * batch.capacity, **{k: f * getattr(batch, k) for k, f in scaled.items()})
    torch.testing.assert_close(first_choice(net, batch), first_choice(net, other), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("origin", [60.0, 28e6, -1.7e9])
def test_when_clocks_begin_makes_no_difference(origin):
    """Minutes or seconds since 1970 lost their digits: windows came in steps of up to 16 longest ways."""
    net = network("acvrptw")
    batch = batch_of(instances("acvrptw", 2, 9))
    other = replace(batch, opens=batch.opens + origin, closes=batch.closes + origin)
    torch.testing.assert_close(first_choice(net, batch), first_choice(net, other), atol=1e-4, rtol=1e-3)


def test_the_eight_symmetries_of_the_plane_are_different_and_stay_in_the_square():
    """A symmetry that stretched the map would decode another instance."""
    forwards = torch.tensor([k for k, (*_, backwards) in enumerate(SYMMETRIES) if not backwards])
    batch = batch_of(instances("atsp", 1, 9)).take(torch.zeros_like(forwards))
    turned = batch.reflect(forwards)
    assert torch.equal(turned.distance, batch.distance)
    assert len({coords.numpy().tobytes() for coords in turned.coords}) == len(forwards) == 8
    gaps = torch.cdist(turned.coords, turned.coords)
    torch.testing.assert_close(gaps, gaps[:1].expand_as(gaps), atol=1e-5, rtol=0)
    assert turned.coords.min() >= 0
    assert turned.coords.max() <= 1


@problems
def test_backwards_in_time_all_solutions_are_those_of_the_instance_turned_round(problem):
    """What is decoded backwards is driven forwards: by the judge, and by limits and costs of the instance itself."""
    given = instances(problem, 40, 9)
    batch = batch_of(given)
    which = torch.arange(len(given)) % 2 == 0
    symmetry = torch.where(which, 1, 0)
    seen = batch.reflect(symmetry)
    assert torch.equal(seen.is_backwards(symmetry), which)
    assert torch.equal(seen.reflect(symmetry).distance, batch.distance)
    choices = random_solutions(seen, 4, torch.Generator().manual_seed(1))
    back = environment.turned_round(seen, choices, which)
    assert torch.equal(back[~which], choices[~which])
    assert torch.equal(environment.turned_round(seen, back, which), choices)
    torch.testing.assert_close(environment.cost(batch, back), environment.cost(seen, choices))
    assert environment.keeps_limits(batch, back).all()
    for instance, several in zip(given, back.numpy(), strict=True):
        arrays = arrays_of(instance)
        assert all(judge(instance, solution_of(instance, arrays, one)).feasible for one in several)


def test_where_the_last_return_has_no_limit_there_is_no_other_end():
    """Length limits have one for the depot alone; a depot that closes late, or never, has that of its customers."""
    batch, back = batch_of(instances("acvrptw", 2, 9)), torch.ones(2, dtype=torch.int64)
    customers = torch.arange(1, 10)
    endless = replace(batch, closes=torch.full_like(batch.closes, torch.inf))
    assert not endless.is_backwards(back).any()
    assert torch.equal(endless.reflect(back).opens, batch.opens)
    late = replace(batch, closes=batch.closes.index_fill(1, customers, torch.inf))
    turned = late.reflect(back)
    assert torch.equal(turned.opens, late.opens[:, :1].expand(-1, 10))
    assert torch.isfinite(turned.closes).all()
    seen = [
        replace(batch, closes=batch.closes.index_fill(1, torch.tensor([0]), hour)).reflect(back)
        for hour in (1e4, 1e15, torch.inf)
    ]
    for other in seen[1:]:
        assert torch.equal(other.opens, seen[0].opens)
        assert torch.equal(other.closes, seen[0].closes)


@pytest.mark.parametrize("limit", ["closes", "capacity"])
def test_limits_that_are_missed_by_rounding_are_missed(limit):
    """A sum from the other end may be greater: such a solution counts as none."""
    batch = batch_of(instances("acvrptw", 1, 9))
    choices = random_solutions(batch, 4, torch.Generator().manual_seed(1))
    states = follow(batch, choices)
    most = states.load.max() if limit == "capacity" else None
    assert environment.keeps_limits(batch, choices).all()
    if limit == "capacity":
        exact, less = (replace(batch, capacity=value.expand(1)) for value in (most, torch.nextafter(most, 0 * most)))
    else:
        closes = batch.closes.clone()
        closes[0, 0] = (states.time + batch.duration[0, states.place, 0]).max()
        exact, less = replace(batch, closes=closes), replace(batch, closes=torch.nextafter(closes, 0 * closes))
    assert environment.keeps_limits(exact, choices).all()
    assert not environment.keeps_limits(less, choices).all()


@problems
def test_looking_back_at_a_rollout_gives_its_own_probabilities(problem):
    """The gradient is taken of all steps in one pass; it must be that of the choices as they were made."""
    net, batch = network(problem), batch_of(instances(problem, 3, 9))
    generator = torch.Generator().manual_seed(3)
    embedding = net.encode(batch)
    rollout = decode(net, batch, embedding, random_starts(batch, 5, generator), generator)
    again = follow(batch, rollout.choices)
    assert all(torch.equal(getattr(rollout, name), getattr(again, name)) for name in vars(rollout))
    states = rollout.states(batch)
    looked = net.decide(batch, embedding, states, environment.allowed(batch, states)).unflatten(1, (5, -1))
    state = environment.start(batch, rollout.choices[:, :, 0])
    for k in range(1, rollout.choices.shape[2]):
        mask = environment.allowed(batch, state)
        torch.testing.assert_close(looked[:, :, k - 1], net.decide(batch, embedding, state, mask), atol=1e-4, rtol=1e-3)
        state = environment.step(batch, state, rollout.choices[:, :, k])


def random_solutions(batch, rollouts, generator):
    """Every allowed node equally likely."""

    class Dice:
        def decide(self, batch, embedding, state, mask):
            return (mask / mask.sum(dim=2, keepdim=True)).log()

    return decode(Dice(), batch, None, random_starts(batch, rollouts, generator), generator).choices


@problems
@pytest.mark.parametrize(
    "count", [40, pytest.param(2500, marks=pytest.mark.slow)], ids=lambda count: f"{4 * count} rollouts"
)
def test_masks_leave_no_way_to_an_infeasible_route(problem, count):
    """Released code turned its check off at test time; here chance itself can't break a rule."""
    generator = torch.Generator().manual_seed(count)
    given = instances(problem, count, 14, seed=count)
    for part in (given[k : k + 250] for k in range(0, count, 250)):
        choices = random_solutions(batch_of(part), 4, generator)
        for instance, several in zip(part, choices.numpy(), strict=True):
            arrays = arrays_of(instance)
            for one in several:
                verdict = judge(instance, solution_of(instance, arrays, one))
                assert verdict.feasible, verdict.violations


def test_a_forced_first_node_is_one_that_may_come_first():
    """Node 2 is too far from the depot to begin with: a route from there to it would be cheap, and late."""
    duration = np.ones((4, 4))
    duration[0, 2] = 100
    given = ACVRPTWInstance(
        distances=Distances.from_matrix(np.full((4, 4), 5.0)), durations=Distances.from_matrix(duration),
        demand=[0, 1, 1, 1], capacity=3, opens=[0] * 4, closes=[50] * 4, service=[0] * 4,
    )  # fmt: skip
    batch, net = batch_of([given]), network("acvrptw")
    generator = torch.Generator().manual_seed(0)
    assert all(sorted(set(random_starts(batch, 3, generator)[0].tolist())) == [1, 3] for _ in range(5))
    for starts in (0, 1, 2):
        choices, cost = propose(net, batch, starts=starts)
        for one, value in zip(choices[0].numpy(), cost[0].tolist(), strict=True):
            assert one[0] != 2 or np.isinf(value)
            assert np.isinf(value) or judge(given, solution_of(given, arrays_of(given), one)).feasible


@problems
def test_costs_are_those_of_the_judge(problem):
    """Rewards of another objective would train another network."""
    given = instances(problem, 3, 9)
    batch = batch_of(given)
    choices = random_solutions(batch, 4, torch.Generator().manual_seed(0))
    cost = environment.cost(batch, choices)
    for i, instance in enumerate(given):
        for s in range(4):
            verdict = judge(instance, solution_of(instance, arrays_of(instance), choices[i, s].numpy()))
            assert float(cost[i, s]) == pytest.approx(verdict.objective)
    assert torch.isinf(environment.cost(batch, choices[:, :, :3])).all()


@pytest.mark.parametrize(("problem", "encoder"), [*((one, "rrnco") for one in PROBLEMS), ("acvrptw", "matnet")])
def test_it_learns_one_batch_by_heart(problem, encoder):
    """A network that can't overfit four instances has a broken gradient, mask or feature."""
    net, batch = network(problem, encoder=encoder, layers=1).train(), batch_of(instances(problem, 4, 7))
    solutions = random_solutions(batch, 1, torch.Generator().manual_seed(4))
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-2)
    losses = []
    for _ in range(60):
        loss, _ = imitation_loss(net, batch, solutions)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] > 0.5
    assert losses[-1] < 0.2 * losses[0]


def test_at_the_depot_any_route_that_is_left_may_come_next():
    """The order of routes means nothing: to punish another one would teach noise."""
    batch = batch_of(instances("acvrp", 1, 6))
    solution = torch.tensor([[[1, 2, 0, 3, 4, 0, 5, 6, 0]]])

    class Sure:
        """Follows the routes in order, but for what it does after the first return."""

        def __init__(self, choice):
            self.choice = choice

        def encode(self, batch):
            return None

        def decide(self, batch, embedding, state, mask):
            chosen = torch.tensor([2, 0, self.choice, 4, 0, 5, 6, 0])
            return torch.full((1, 8, 7), -20.0).scatter(2, chosen[None, :, None], 0.0)

    for choice, wrong in ((3, 0), (5, 0), (6, 1), (4, 1)):
        loss, _ = imitation_loss(Sure(choice), batch, solution)
        assert float(loss) == pytest.approx(wrong * 20.0 / 8, abs=0.1)


def test_a_thousand_nodes_need_no_tensor_over_pairs_and_width():
    """Published code holds (n, n, E) tensors, half a gigabyte each at this size."""
    net, batch = network("atsp", embedding=32, kinks=32), batch_of(instances("atsp", 1, 1000))
    pairs = 1000 * 1000

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        largest = 0

        def __torch_dispatch__(self, call, types, args=(), kwargs=None):
            out = call(*args, **(kwargs or {}))
            for one in out if isinstance(out, tuple | list) else [out]:
                if isinstance(one, torch.Tensor):
                    self.largest = max(self.largest, one.numel())
            return out

    with torch.inference_mode(), Watch() as watch:
        net.encode(batch)
    assert pairs <= watch.largest <= 4 * pairs


def test_made_up_coordinates_fit_the_distances():
    """Instances without coordinates must look like the map that they came from, turned or mirrored."""
    coords = np.random.default_rng(0).random((12, 2))
    distance = np.linalg.norm(coords[:, None] - coords, axis=2)
    found = planar(distance)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), distance, atol=1e-9)
    assert planar(np.zeros((1, 1))).shape == (1, 2)
    assert np.isfinite(planar(np.array([[0.0, np.inf, 1], [1, 0, 1], [1, 1, 0]]))).all()


def test_made_up_coordinates_of_many_places_are_made_from_some(monkeypatch):
    """At 2000 places the eigenvectors of all their distances alone took three seconds, whatever the limit."""
    sizes, eigh = [], np.linalg.eigh
    monkeypatch.setattr(np.linalg, "eigh", lambda matrix: sizes.append(len(matrix)) or eigh(matrix))
    coords = np.random.default_rng(0).random((700, 2))
    distance = np.linalg.norm(coords[:, None] - coords, axis=2)
    found = planar(distance)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), distance, atol=1e-9)
    assert not planar(np.zeros((700, 700))).any()
    assert sizes == [500, 500]


@problems
@pytest.mark.parametrize("size", [1, 2, 3])
def test_fewer_nodes_than_neighbours(problem, size):
    """The published code crashes below 25 nodes."""
    given = instances(problem, 2, size)
    for encoder in ("rrnco", "pomo", "matnet"):
        choices, cost = propose(network(problem, encoder=encoder), batch_of(given))
        assert torch.isfinite(cost).all()
        verdict = judge(given[0], solution_of(given[0], arrays_of(given[0]), choices[0, 0].numpy()))
        assert verdict.feasible
