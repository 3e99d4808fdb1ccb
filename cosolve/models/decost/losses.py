"""What the network is trained to lower: imitation of exact routes, reward of sampled ones, and the pTAR term."""

from __future__ import annotations

import torch
from torch import Tensor

from cosolve.models.decost.batch import Batch
from cosolve.models.decost.config import TrainingConfig
from cosolve.models.decost.network import Network
from cosolve.models.decost.rollout import Rollout, decode, follow, optimise, profits, review


def imitation_loss(network: Network, batch: Batch, routes: Tensor) -> tuple[Tensor, dict[str, float]]:
    """
    Cross-entropy of exact routes, and squared error of the service shares where there is a decoder for them.

    Parameters
    ----------
    routes
        Most profitable routes, padded by the depot, (B, L).
    """
    choices = routes.unsqueeze(1)
    target = optimise(batch, choices)[2] if network.service is not None else None
    rollout = follow(batch, choices, target)
    log_probability, service = review(network, batch, network.encode(batch), rollout)
    loss = -log_probability.sum() / rollout.is_real.sum().clamp_min(1)
    if target is not None:
        error = (service - target) / rollout.room.clamp_min(1e-9)
        loss = loss + (error.square() * (choices > 0)).sum() / (choices > 0).sum().clamp_min(1)
    return loss, {"loss": float(loss.detach())}


def reinforce_loss(
    network: Network, batch: Batch, config: TrainingConfig, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """
    Policy gradient of sampled routes with their mean profit as baseline, and the pTAR term.

    With ``reward = "predicted"`` the profit is that of the decoder's own service times, which it is a differentiable
    function of: ``service_weight`` makes use of that.
    """
    embedding = network.encode(batch)
    with torch.no_grad():
        rollout = decode(network, batch, embedding.detach(), config.rollouts, generator)
        best, _, durations = optimise(batch, rollout.choices)
    log_probability, service = review(network, batch, embedding, rollout)
    predicted = profits(batch, rollout.choices, service)
    reward = best if config.reward == "optimised" else predicted.detach().sum(dim=2)
    advantage = reward - reward.mean(dim=1, keepdim=True)
    loss = -config.policy_weight * (advantage * log_probability.sum(dim=2)).mean()
    if config.reward == "predicted":
        loss = loss - config.service_weight * predicted.sum(dim=2).mean()
    metrics = {"reward": float(reward.mean()), "spread": float(advantage.square().mean().sqrt())}
    if config.ptar != "off":
        term = ptar_gap(batch, rollout, predicted, durations, config.ptar_form).mean()
        loss = loss + config.ptar_weight * (-term if config.ptar == "repulsive" else term)
        metrics["ptar_gap"] = float(term.detach())
    return loss, {"loss": float(loss.detach()), **metrics}


def ptar_gap(batch: Batch, rollout: Rollout, predicted: Tensor, durations: Tensor, form: str) -> Tensor:
    """
    Squared difference of profit per travel time, predicted and at best.

    Parameters
    ----------
    predicted
        Profit of each stop with the planned services, (B, Q, L).
    durations
        Best service times, (B, Q, L).
    form
        "ratio_of_sums" or "sum_of_ratios".

    Returns
    -------
    Tensor
        (B, Q).
    """
    rows = torch.arange(batch.num_instances, device=predicted.device)[:, None, None]
    legs = batch.travel[rows, rollout.place, rollout.choices]
    gain = predicted - profits(batch, rollout.choices, durations)
    if form == "ratio_of_sums":
        return (gain.sum(dim=2) / (legs.sum(dim=2) + 1e-5)).square()
    return (gain / (legs + 1e-5)).sum(dim=2).square()
