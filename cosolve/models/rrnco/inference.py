"""From a network to solutions: several decodings of each instance, from several starts and under several symmetries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cosolve.models.rrnco import environment
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.decoder import Embedding
from cosolve.models.rrnco.network import Network
from cosolve.models.rrnco.rollout import decode
from cosolve.models.watch import TimeUpError, encode


@torch.inference_mode()
def propose(
    network: Network,
    batch: Batch,
    *,
    symmetries: Sequence[int] = range(8),
    starts: int = 0,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Tensor, Tensor] | None:
    """
    Decode every instance under several symmetries.

    Parameters
    ----------
    symmetries
        Which of :data:`SYMMETRIES`.
    starts
        First nodes under each, the most probable ones; 0 for all.
    generator
        Random stream to sample by; ``None`` takes the most probable node each time.
    should_stop
        As for :func:`decode`, and asked while encoding.

    Returns
    -------
    choices, cost
        Solutions, (B, len(symmetries) * starts, L) and (B, len(symmetries) * starts); ``None`` if stopped. The cost
        is infinite if somebody was left out, the first node may not come first, or a limit is missed by rounding.
    """
    b = batch.num_instances
    rows = torch.arange(b, device=batch.distance.device).repeat_interleave(len(symmetries))
    symmetry = torch.tensor(symmetries, device=batch.distance.device).repeat(b)
    originals = batch.take(rows)
    copies = originals.reflect(symmetry)
    try:
        embedding = encode(network, copies, copies.distance.numel(), should_stop)
    except TimeUpError:
        return None
    first = first_nodes(network, copies, embedding, starts)
    rollout = decode(network, copies, embedding, first, generator, should_stop)
    if rollout is None:
        return None
    which = copies.is_backwards(symmetry)
    choices = environment.turned_round(batch, rollout.choices, which)
    cost = environment.cost(originals, choices)
    cost = cost.masked_fill(~environment.may_begin(copies).gather(1, first), torch.inf)
    if bool(which.any()):
        # Sums that were added up from the other end may be greater by their rounding.
        turned = which.nonzero().squeeze(1)
        kept = environment.keeps_limits(originals.take(turned), choices[turned])
        cost[turned] = cost[turned].masked_fill(~kept, torch.inf)
    shape = b, len(symmetries) * first.shape[1]
    return choices.view(*shape, -1), cost.view(shape)


def first_nodes(network: Network, batch: Batch, embedding: Embedding, count: int) -> Tensor:
    """All nodes but the depot, or the ``count`` most probable ones from there; of a tour evenly spread ones."""
    depot = 0 if batch.is_tour else 1
    every = torch.arange(depot, batch.num_nodes, device=batch.distance.device)
    if not 0 < count < len(every):
        return every.expand(batch.num_instances, -1)
    if batch.is_tour:
        return every[torch.linspace(0, len(every) - 1, count).round().long()].expand(batch.num_instances, -1)
    state = environment.at_depot(batch, 1)
    log_probability = network.decide(batch, embedding, state, environment.allowed(batch, state))
    return log_probability[:, 0, 1:].topk(count, dim=1).indices + 1
