"""
Encoders to compare with, behind the same decoder and trainer: what is left of a difference is the encoder's.

References
----------
.. [1] Kwon, Y.-D., Choo, J., Kim, B., Yoon, I., Gwon, Y., Min, S. (2020). POMO: Policy optimization with multiple
       optima for reinforcement learning. *NeurIPS*.
.. [2] Kwon, Y.-D., Choo, J., Yoon, I., Park, M., Park, D., Gwon, Y. (2021). Matrix encoding networks for neural
       combinatorial optimization. *NeurIPS*.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import ModelConfig
from cosolve.models.rrnco.encoder import InstanceNorm, NodeFeatures, embed_places

#: Seed of the vectors that tell MatNet's columns apart.
_COLUMN_SEED = 3333

#: Hidden width of MatNet's mix of score and distance, as published.
_MIX = 16


class PomoEncoder(nn.Module):
    """Transformer layers over coordinates, demands and windows; distances are not seen [1]_."""

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        e = config.embedding
        is_tour = problem == "atsp"
        self.place = nn.Linear(2, e)
        self.customer = None if is_tour else nn.Linear(3, e)
        self.features = None if is_tour else NodeFeatures(config, problem)
        self.layers = nn.ModuleList(AttentionBlock(config, mixed=False) for _ in range(config.layers))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Embeddings of the nodes, the same as rows and as columns."""
        x = embed_places(batch, self.place, self.customer)
        if self.features is not None:
            x = x + self.features(batch)
        for layer in self.layers:
            x = layer(x, x, None)
        return x, x


class MatNetEncoder(nn.Module):
    """
    Rows and columns of the distance matrix attend to each other, scores mixed with distances [2]_.

    Columns begin as random vectors, orthogonal as far as their width allows: one-hot ones as published would bound the
    number of nodes by it. Rows begin alike, both with demand and windows on top.
    """

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        e = config.embedding
        self.width = e
        self.origin = nn.Linear(e, e)
        self.features = None if problem == "atsp" else nn.ModuleList(NodeFeatures(config, problem) for _ in "rc")
        self.rows = nn.ModuleList(AttentionBlock(config, mixed=True) for _ in range(config.layers))
        self.columns = nn.ModuleList(AttentionBlock(config, mixed=True) for _ in range(config.layers))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rows and columns, (B, n, E) each."""
        b, n = batch.num_instances, batch.num_nodes
        columns = self.origin(_tags(n, self.width).to(batch.coords.device)).expand(b, -1, -1)
        rows = torch.zeros_like(columns)
        if self.features is not None:
            rows = rows + self.features[0](batch)
            columns = columns + self.features[1](batch)
        there = batch.scaled_distance
        back = there.transpose(1, 2).contiguous()
        for row, column in zip(self.rows, self.columns, strict=True):
            rows, columns = row(rows, columns, there), column(columns, rows, back)
        return rows, columns


def _tags(count: int, width: int) -> Tensor:
    """A vector for each of so many nodes, always the same, (count, width)."""
    generator = torch.Generator().manual_seed(_COLUMN_SEED)
    bases = [
        torch.linalg.qr(torch.randn(width, width, generator=generator))[0] for _ in range(math.ceil(count / width))
    ]
    return torch.cat(bases)[:count] * math.sqrt(width)


class AttentionBlock(nn.Module):
    """Multi-head attention and a feed-forward part, instance norms after each; scores may be mixed with distances."""

    def __init__(self, config: ModelConfig, *, mixed: bool) -> None:
        super().__init__()
        e, self.heads = config.embedding, config.heads
        self.query = nn.Linear(e, e, bias=False)
        self.key_value = nn.Linear(e, 2 * e, bias=False)
        self.output = nn.Linear(e, e)
        self.norms = nn.ModuleList(InstanceNorm(e) for _ in range(2))
        self.hidden = nn.Sequential(nn.Linear(e, config.feed_forward), nn.ReLU(), nn.Linear(config.feed_forward, e))
        self.mix = None
        if mixed:
            # One small perceptron of score and distance for each head.
            self.mix = nn.ParameterList(
                [
                    nn.Parameter(torch.empty(config.heads, 2, _MIX).uniform_(-1.0, 1.0) / math.sqrt(2)),
                    nn.Parameter(torch.zeros(config.heads, 1, _MIX)),
                    nn.Parameter(torch.empty(config.heads, _MIX, 1).uniform_(-1.0, 1.0) / math.sqrt(_MIX)),
                ]
            )

    def forward(self, own: Tensor, other: Tensor, distance: Tensor | None) -> Tensor:
        """Next embeddings of the own side, (B, n, E)."""
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(own), *self.key_value(other).chunk(2, dim=2))
        )
        if self.mix is None or distance is None:
            seen = functional.scaled_dot_product_attention(query, key, value)
        else:
            scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
            both = torch.stack([scores, distance.unsqueeze(1).expand_as(scores)], dim=4)
            inner, shift, outer = self.mix
            hidden = torch.relu(both.flatten(2, 3) @ inner + shift)
            seen = (hidden @ outer).view_as(scores).softmax(dim=3) @ value
        x = self.norms[0](own + self.output(seen.transpose(1, 2).flatten(2)))
        return self.norms[1](x + self.hidden(x))
