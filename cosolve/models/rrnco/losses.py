"""What the network is trained to lower: imitation of good solutions, and the cost of sampled ones."""

from __future__ import annotations

import torch
from torch import Tensor

from cosolve.models.rrnco import environment
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.decoder import Embedding
from cosolve.models.rrnco.environment import State
from cosolve.models.rrnco.network import Network
from cosolve.models.rrnco.rollout import Rollout, decode, follow

#: Scores of nodes that are looked back at together: on a CPU as many as its caches hold.
_SCORES = {"cpu": 100_000, "cuda": 100_000_000}


def imitation_loss(network: Network, batch: Batch, solutions: Tensor) -> tuple[Tensor, dict[str, float]]:
    """
    Cross-entropy of given solutions, from their first node on.

    The order of a solution's routes means nothing, so at the depot every first customer of a route that is left is
    right: the loss is that of their joint probability.

    Parameters
    ----------
    solutions
        As choices of a rollout, (B, S, L).
    """
    embedding = network.encode(batch)
    rollout = follow(batch, solutions)
    state = rollout.states(batch)
    log_probability = network.decide(batch, embedding, state, environment.allowed(batch, state))
    right = _right_choices(batch, rollout, state)
    hit = log_probability.masked_fill(~right, -torch.inf).logsumexp(dim=2)
    is_real = ((state.place != 0) | (rollout.choices[:, :, 1:].flatten(1) != 0)) if not batch.is_tour else hit < 1
    loss = -(hit * is_real).sum() / is_real.sum()
    return loss, {"loss": float(loss.detach())}


def _right_choices(batch: Batch, rollout: Rollout, state: State) -> Tensor:
    """Nodes that continue the solution, bool (B, S (L - 1), n)."""
    choices = rollout.choices[:, :, 1:].flatten(1).unsqueeze(2)
    right = torch.zeros_like(state.visited).scatter_(2, choices, True)
    if batch.is_tour:
        return right
    firsts = torch.zeros((*rollout.choices.shape[:2], batch.num_nodes), dtype=torch.bool, device=choices.device)
    firsts.scatter_(2, torch.where(rollout.place == 0, rollout.choices, 0), True)
    firsts = firsts.repeat_interleave(rollout.choices.shape[2] - 1, dim=1) & ~state.visited
    firsts[..., 0] = False
    leaving = ((state.place == 0) & (choices.squeeze(2) != 0)).unsqueeze(2)
    return torch.where(leaving, firsts, right)


def reinforce_loss(
    network: Network,
    batch: Batch,
    num_starts: int,
    generator: torch.Generator,
    leader_weight: float = 1.0,
    copies: int = 1,
) -> tuple[Tensor, dict[str, float]]:
    """
    Policy gradient of sampled solutions from different first nodes, with their mean cost as baseline [1]_.

    Parameters
    ----------
    num_starts
        Solutions of each instance; at most one for each node or customer.
    leader_weight
        Factor of the advantage of each instance's cheapest solution: more than 1 trains for the best of the solutions
        rather than for their mean [2]_.
    copies
        Neighbouring instances of the batch that are one instance under different symmetries: they have the same first
        nodes, a baseline for each of those, and one cheapest solution.

    References
    ----------
    .. [1] Kwon, Y.-D., Choo, J., Kim, B., Yoon, I., Gwon, Y., Min, S. (2020). POMO: Policy optimization with multiple
           optima for reinforcement learning. *NeurIPS*.
    .. [2] Wang, C., Cheng, P., Li, J., Sun, W. (2024). Leader reward for POMO-based neural combinatorial optimization.
           arXiv:2405.13947.
    """
    embedding = network.encode(batch)
    first = random_starts(batch, num_starts, generator)[::copies].repeat_interleave(copies, dim=0)
    with torch.no_grad():
        rollout = decode(network, batch, embedding.detach(), first, generator)
        assert rollout is not None
        cost = environment.cost(batch, rollout.choices) / batch.length_unit[:, 0]
    slices = torch.arange(len(cost), device=cost.device).split(_together(rollout, batch.num_nodes))
    chosen = torch.cat([_log_probability(network, batch, embedding, rollout, rows) for rows in slices])
    grouped = cost.unflatten(0, (-1, copies))
    advantage = (grouped.mean(dim=1 if copies > 1 else 2, keepdim=True) - grouped).flatten(0, 1).float()
    best = grouped.flatten(1).argmin(dim=1, keepdim=True)
    leads = torch.zeros_like(grouped).flatten(1).scatter_(1, best, 1.0).view_as(advantage)
    loss = -(advantage * (1.0 + (leader_weight - 1.0) * leads) * chosen).mean()
    metrics = {
        "loss": float(loss.detach()),
        "cost": float(cost.mean()),
        "spread": float(advantage.square().mean().sqrt()),
    }
    return loss, metrics


def _together(rollout: Rollout, num_nodes: int) -> int:
    """Instances whose decisions are looked at together."""
    _, solutions, steps = rollout.choices.shape
    return max(1, _SCORES[rollout.choices.device.type] // (solutions * steps * num_nodes))


def _log_probability(network: Network, batch: Batch, embedding: Embedding, rollout: Rollout, rows: Tensor) -> Tensor:
    """Of the solutions of some instances, (len(rows), S)."""
    batch, embedding, rollout = batch.take(rows), embedding.take(rows), rollout.take(rows)
    state = rollout.states(batch)
    log_probability = network.decide(batch, embedding, state, environment.allowed(batch, state))
    chosen = log_probability.gather(2, rollout.choices[:, :, 1:].flatten(1).unsqueeze(2))
    return chosen.view(*rollout.choices.shape[:2], -1).sum(dim=2)


def random_starts(batch: Batch, count: int, generator: torch.Generator) -> Tensor:
    """
    First nodes for each instance, never the depot, int64 (B, S); all of them if there are no more.

    Different ones, but where too few may come first: there those take turns.
    """
    depot = 0 if batch.is_tour else 1
    device = batch.distance.device
    keys = torch.rand(batch.num_instances, batch.num_nodes - depot, generator=generator, device=device)
    may_begin = environment.may_begin(batch)[:, depot:]
    order = (keys + 2.0 * ~may_begin).argsort(dim=1)
    num_allowed = may_begin.sum(dim=1, keepdim=True)
    turn = torch.arange(min(count, order.shape[1]), device=device)
    return order.gather(1, turn % torch.where(num_allowed > 0, num_allowed, order.shape[1])) + depot
