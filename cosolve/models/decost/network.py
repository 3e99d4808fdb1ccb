"""The encoder, and the two decoders that look at the same state side by side: where next, and how long there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cosolve.models.decost.batch import Batch
from cosolve.models.decost.config import ModelConfig
from cosolve.models.decost.environment import State, legs_from

#: The network sees lengths and times in units in which the horizon is 10, as it is in the published sets of 50 places.
HORIZON = 10.0

#: Slacks are cut off here, in those units: beyond it a window is just far away.
CLIP = 2.0

#: The published bound on the scores of a decoder.
SCORE = 10.0


@dataclass(frozen=True)
class Embedding:
    """
    What the encoder says of a batch, and what the decoders need of its instances.

    Parameters
    ----------
    places
        (B, n, d).
    routing, service
        Attention keys and values of the two decoders, (B, heads, n, d / heads) each.
    unit
        Length of the network's unit of time, (B, 1).
    worth
        Profit rate over the cap of each place, the largest of an instance being 1, (B, n).
    """

    places: Tensor
    routing: tuple[Tensor, Tensor]
    service: tuple[Tensor, Tensor] | None
    unit: Tensor
    worth: Tensor

    def detach(self) -> Embedding:
        """Without gradients."""
        service = None if self.service is None else (self.service[0].detach(), self.service[1].detach())
        routing = self.routing[0].detach(), self.routing[1].detach()
        return Embedding(self.places.detach(), routing, service, self.unit, self.worth)


class Network(nn.Module):
    """
    The whole network.

    Profits are relative to the best rate of an instance, times to its horizon and coordinates to its depot: units
    and origin of an instance make no difference.
    """

    is_compiled = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.features = nn.Linear(7 if config.pairs == "windows" else 5, config.embedding)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.routing = Decoder(config)
        self.service = None if config.service == "zero" else Decoder(config)

    def encode(self, batch: Batch) -> Embedding:
        """Embed the places of a batch."""
        unit = batch.horizon.clamp_min(1e-9).unsqueeze(1) / HORIZON
        caps = batch.caps
        rate = (batch.prize + (batch.length * batch.rate).sum(dim=2)) / caps.clamp_min(1e-9)
        most = rate.amax(dim=1, keepdim=True)
        worth = rate / most.where(most > 0, 1.0)
        dtype = self.features.weight.dtype
        opens, closes = (t / unit for t in (torch.maximum(batch.opens, batch.travel[:, 0]), batch.closes))
        columns = [*(batch.coords / unit.unsqueeze(2)).unbind(2), opens / 5 - 1, closes / 5 - 1, worth]
        if self.config.pairs == "windows":
            columns += [batch.travel[:, 0] / unit, caps / unit]
        x = self.features(torch.stack(columns, dim=2).to(dtype))
        pairs = self._pairs(batch, opens, closes, caps / unit, unit)
        for layer in self.layers:
            x = layer(x, batch.valid, None if pairs is None else pairs.to(dtype))
        service = None if self.service is None else self.service.remember(x)
        return Embedding(x, self.routing.remember(x), service, unit, worth)

    def compile_parts(self) -> None:
        """Let PyTorch compile encoder and decoders, for any shape: their sizes change from batch to batch."""
        self.is_compiled = True
        self.encode = torch.compile(self.encode, dynamic=True)  # type: ignore[method-assign]
        self.decide = torch.compile(self.decide, dynamic=True)  # type: ignore[method-assign]

    def _pairs(self, batch: Batch, opens: Tensor, closes: Tensor, caps: Tensor, unit: Tensor) -> Tensor | None:
        if self.config.pairs == "none":
            return None
        travel = batch.travel / unit.unsqueeze(2)
        if self.config.pairs == "distance":
            return travel.unsqueeze(3)
        first, last = opens.unsqueeze(2) + travel, (closes + caps).unsqueeze(2) + travel
        slacks = opens.unsqueeze(1) - first, closes.unsqueeze(1) - first, closes.unsqueeze(1) - last
        return torch.stack([travel, *(slack.clamp(-CLIP, CLIP) for slack in slacks)], dim=3)

    def decide(self, batch: Batch, embedding: Embedding, state: State, mask: Tensor) -> tuple[Tensor, Tensor]:
        """
        What to do at the ends of partial routes.

        Parameters
        ----------
        mask
            Allowed places, bool (B, Q, n).

        Returns
        -------
        log_probability
            Of each place to be next, (B, Q, n).
        service
            Planned share of the longest service at each place, in [0, 1], (B, Q, n).
        """
        x = embedding.places
        last = x.gather(1, state.place.unsqueeze(2).expand(-1, -1, x.shape[2]))
        departure, latest = state.departure / embedding.unit, state.latest / embedding.unit
        clocks = [departure / HORIZON, latest / HORIZON] if self.config.pairs == "windows" else [departure / HORIZON]
        query = torch.cat([last, torch.stack(clocks, dim=2).to(last.dtype)], dim=2)
        outlook = self._outlook(batch, embedding, state, departure, latest)
        scores = self.routing(query, x, embedding.routing, mask, outlook)
        log_probability = scores.float().log_softmax(dim=2)
        if self.service is None or embedding.service is None:
            return log_probability, torch.zeros_like(log_probability)
        scores = self.service(query, x, embedding.service, mask, outlook).float()
        return log_probability, scores.softmax(dim=2) if self.config.service == "softmax" else scores.sigmoid()

    def _outlook(
        self, batch: Batch, embedding: Embedding, state: State, departure: Tensor, latest: Tensor
    ) -> Tensor | None:
        """What each next place would mean: slack towards its window and the return for both clocks, and its worth."""
        if self.config.pairs != "windows":
            return None
        unit = embedding.unit.unsqueeze(2)
        leg = legs_from(batch, state.place) / unit
        opens, closes = batch.opens.unsqueeze(1) / unit, batch.closes.unsqueeze(1) / unit
        back = HORIZON - batch.travel[:, :, 0].unsqueeze(1) / unit
        first, last = departure.unsqueeze(2) + leg, latest.unsqueeze(2) + leg
        slacks = opens - first, closes - first, opens - last, closes - last, back - torch.maximum(first, opens)
        here = embedding.worth.gather(1, state.place).unsqueeze(2).expand_as(leg)
        there = embedding.worth.unsqueeze(1).expand_as(leg)
        columns = [leg, *(slack.clamp(-CLIP, CLIP) for slack in slacks), here, there]
        return torch.stack(columns, dim=3).to(embedding.places.dtype)


class EncoderLayer(nn.Module):
    """Self-attention with a bias for pairs of places, then two linear maps; norms come after, as published."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, self.heads = config.embedding, config.heads
        self.project = nn.Linear(d, 3 * d, bias=False)
        self.combine = nn.Linear(d, d)
        self.pairs = _pair_bias(config, 4, config.heads)
        self.norms = nn.ModuleList(InstanceNorm(d) for _ in range(2))
        self.hidden = nn.Sequential(nn.Linear(d, config.feed_forward), nn.ReLU(), nn.Linear(config.feed_forward, d))

    def forward(self, x: Tensor, valid: Tensor, pairs: Tensor | None) -> Tensor:
        """Next embeddings, (B, n, d)."""
        query, key, value = (_split(part, self.heads) for part in self.project(x).chunk(3, dim=2))
        bias = torch.zeros_like(valid, dtype=x.dtype).masked_fill(~valid, -math.inf)[:, None, None, :]
        if self.pairs is not None:
            bias = bias + self.pairs(pairs).permute(0, 3, 1, 2) / math.sqrt(query.shape[3])
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        x = self.norms[0](x + self.combine(_merge(seen)), valid)
        return self.norms[1](x + self.hidden(x), valid)


class Decoder(nn.Module):
    """Masked attention of partial routes over the places, then one score for each place."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        d, self.heads = config.embedding, config.heads
        num_clocks = 2 if config.pairs == "windows" else 1
        self.query = nn.Linear(d + num_clocks, d, bias=False)
        self.project = nn.Linear(d, 2 * d, bias=False)
        self.combine = nn.Linear(d, d)
        self.outlook = _pair_bias(config, 8, config.heads + 1) if config.pairs == "windows" else None

    def remember(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values, which do not depend on the state."""
        key, value = self.project(x).chunk(2, dim=2)
        return _split(key, self.heads), _split(value, self.heads)

    def forward(
        self, query: Tensor, x: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor, outlook: Tensor | None
    ) -> Tensor:
        """Scores of the places, (B, Q, n); minus infinity where the mask is False."""
        heads = _split(self.query(query), self.heads)
        bias = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, -math.inf).unsqueeze(1)
        extra: Tensor | float = 0.0
        if self.outlook is not None:
            views = self.outlook(outlook)
            bias = bias + views[..., : self.heads].permute(0, 3, 1, 2)
            extra = views[..., self.heads]
        seen = functional.scaled_dot_product_attention(heads, *memory, attn_mask=bias)
        scores = self.combine(_merge(seen)) @ x.transpose(1, 2) / math.sqrt(x.shape[2])
        return (SCORE * torch.tanh(scores + extra)).masked_fill(~mask, -math.inf)


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 over the places of each instance, padding left out; then scale and shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Normalised embeddings, (B, n, d)."""
        weight = valid.unsqueeze(2).to(x.dtype)
        count = weight.sum(dim=1, keepdim=True)
        centred = x - (x * weight).sum(dim=1, keepdim=True) / count
        variance = (centred.square() * weight).sum(dim=1, keepdim=True) / count
        normalised = centred * torch.rsqrt(variance + 1e-5) * self.scale + self.shift
        # Padding grows three hundredfold where there is one place, of no variance: infinity times a weight of 0 is NaN.
        return normalised.masked_fill(~valid.unsqueeze(2), 0.0)


def _pair_bias(config: ModelConfig, num_features: int, width: int) -> nn.Module | None:
    """Linear in the distance as published; windows need a hidden layer to tell early from late."""
    if config.pairs == "none":
        return None
    if config.pairs == "distance":
        return nn.Linear(1, width)
    return nn.Sequential(nn.Linear(num_features, 32), nn.ReLU(), nn.Linear(32, width))


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def _merge(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)
