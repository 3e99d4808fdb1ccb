"""The encoder: nodes from their distances and places, then attention-free layers with a bias of pairs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.bias import AdaptiveBias
from cosolve.models.rrnco.config import ModelConfig

#: Seed of the sampled neighbours: the same for all instances of a size, in training and after.
_NEIGHBOUR_SEED = 3333


class Encoder(nn.Module):
    """
    Row and column embeddings of the nodes, for their parts as origin and as destination.

    Parameters
    ----------
    problem
        "atsp", "acvrp" or "acvrptw".
    """

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        self.embedding = NodeEmbedding(config, problem)
        self.has_windows = problem == "acvrptw"
        self.layers = nn.ModuleList(Layer(config, 3 if self.has_windows else 2) for _ in range(config.layers))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rows and columns, (B, n, E) each."""
        rows, columns = self.embedding(batch)
        there: tuple[Tensor, ...] = (batch.scaled_distance, batch.angle)
        if self.has_windows:
            there += (batch.scaled_duration,)
        back = tuple(table.transpose(1, 2).contiguous() for table in there)
        for layer in self.layers:
            rows, columns = layer(rows, columns, there, back)
        return rows, columns


class NodeEmbedding(nn.Module):
    """Adaptive node embedding: coordinates and distances to neighbours, mixed by a gate, then demand and windows."""

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        e, self.k, self.sampling = config.embedding, config.neighbours, config.sampling
        self.is_tour = problem == "atsp"
        self.place = nn.Linear(2, e)
        self.customer = None if self.is_tour else nn.Linear(3, e)
        self.distances = nn.ModuleList(nn.Linear(self.k, e) for _ in range(2))
        self.gates = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * e, 2 * e), nn.ReLU(), nn.Linear(2 * e, 1)) for _ in range(2)
        )
        self.features = None if self.is_tour else NodeFeatures(config, problem)
        self.combine = None if self.is_tour else nn.ModuleList(nn.Linear(2 * e, e) for _ in range(2))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rows and columns, (B, n, E) each."""
        place = embed_places(batch, self.place, self.customer)
        distance = batch.scaled_distance
        near = neighbours(distance, min(self.k, batch.num_nodes - 1), self.sampling)
        parts = []
        for i, table in enumerate((distance, distance.transpose(1, 2))):
            profile = table.gather(2, near).sort(dim=2).values
            # Too few nodes: the farthest one counts several times, a lone one is near itself.
            farthest = table.amax(dim=2, keepdim=True)
            profile = torch.cat([profile, farthest.expand(-1, -1, self.k - profile.shape[2])], dim=2)
            known = self.distances[i](profile)
            gate = torch.sigmoid(self.gates[i](torch.cat([place, known], dim=2)))
            mixed = torch.lerp(known, place, gate)
            if self.features is not None and self.combine is not None:
                mixed = self.combine[i](torch.cat([mixed, self.features(batch)], dim=2))
            parts.append(mixed)
        return parts[0], parts[1]


class NodeFeatures(nn.Module):
    """Demand, and with time windows their ends and the service."""

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        self.has_windows = problem == "acvrptw"
        self.linear = nn.Linear(4 if self.has_windows else 1, config.embedding)

    def forward(self, batch: Batch) -> Tensor:
        """(B, n, E)."""
        columns = [batch.demand_share]
        if self.has_windows:
            assert batch.opens is not None
            assert batch.closes is not None
            assert batch.service is not None
            service = batch.service + batch.opens[:, :1]
            columns += [batch.in_horizons(time) for time in (batch.opens, batch.closes, service)]
        return self.linear(torch.stack(columns, dim=2))


def embed_places(batch: Batch, place: nn.Module, customer: nn.Module | None) -> Tensor:
    """Coordinates of nodes; of customers the direction from the depot too."""
    coords = batch.coords
    if customer is None:
        return place(coords)
    seen = torch.cat([coords[:, 1:], batch.angle[:, 0, 1:].unsqueeze(2)], dim=2)
    return torch.cat([place(coords[:, :1]), customer(seen)], dim=1)


def neighbours(distance: Tensor, count: int, how: str) -> Tensor:
    """
    Other nodes for each node, int64 (B, n, count).

    Drawing without replacement with probabilities p is taking the greatest log p plus Gumbel noise [1]_. The noise
    depends on the number of nodes alone, so an instance has the same neighbours in any batch and at any time.

    References
    ----------
    .. [1] Vieira, T. (2014). Gumbel-max trick and weighted reservoir sampling.
    """
    n = distance.shape[1]
    score = -(distance + 1e-6).log()
    if how == "sampled":
        generator = torch.Generator().manual_seed(_NEIGHBOUR_SEED + n)
        noise = -(-torch.rand(n, n, generator=generator).clamp(1e-9, 1 - 1e-7).log()).log()
        score = score + noise.to(score.device)
    score = score.masked_fill(torch.eye(n, dtype=torch.bool, device=score.device), -torch.inf)
    return score.topk(count, dim=2).indices


class Layer(nn.Module):
    """A row and a column block, side by side: both read what the layer gets."""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        self.row, self.column = Block(config, channels), Block(config, channels)

    def forward(
        self, rows: Tensor, columns: Tensor, there: tuple[Tensor, ...], back: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """Next rows and columns."""
        return self.row(rows, columns, there), self.column(columns, rows, back)

    @torch.no_grad()
    def change_nothing_after(self, before: Layer) -> None:
        """
        Make what leaves the layer before leave this one too, until it has learned something [1]_.

        References
        ----------
        .. [1] Chen, T., Goodfellow, I., Shlens, J. (2016). Net2Net: Accelerating learning via knowledge transfer.
               *ICLR*.
        """
        for block, own, other in ((self.row, before.row, before.column), (self.column, before.column, before.row)):
            # What a norm has scaled and shifted stays as it is under a second norm of that scale and shift.
            for norm, last in ((0, own), (1, other), (3, own), (4, own)):
                block.norms[norm].load_state_dict(last.norms[4].state_dict())
            for silent in (block.norms[2], block.hidden[2]):
                for parameter in silent.parameters():
                    parameter.zero_()


class Block(nn.Module):
    """Attention-free aggregation of the other side's embeddings, and a feed-forward part; instance norms around."""

    def __init__(self, config: ModelConfig, channels: int) -> None:
        super().__init__()
        e = config.embedding
        self.bias = AdaptiveBias(config.kinks, channels)
        self.aggregation = config.aggregation
        self.query = nn.Linear(e, e)
        self.key_value = nn.Linear(e, 2 * e)
        self.output = nn.Linear(e, e)
        self.norms = nn.ModuleList(InstanceNorm(e) for _ in range(5))
        self.hidden = nn.Sequential(nn.Linear(e, config.feed_forward), nn.ReLU(), nn.Linear(config.feed_forward, e))

    def forward(self, own: Tensor, other: Tensor, pairs: tuple[Tensor, ...]) -> Tensor:
        """Next embeddings of the own side, (B, n, E)."""
        own, other = self.norms[0](own), self.norms[1](other)
        key, value = self.key_value(other).chunk(2, dim=2)
        seen = aggregate(self.query(own), key, value, self.bias(pairs), self.aggregation)
        x = self.norms[3](own + self.norms[2](self.output(seen)))
        return self.norms[4](x + self.hidden(x))


def aggregate(query: Tensor, key: Tensor, value: Tensor, bias: Tensor, form: str = "exact") -> Tensor:
    """
    Attention-free aggregation, channel by channel: sigmoid(q_i) * sum_j w_ij v_j / sum_j w_ij, w_ij = exp(a_ij + k_j).

    The largest bias of a row and the largest key of a channel cancel, so they are taken off first; all in single
    precision, whatever the network computes in.

    Parameters
    ----------
    query, key, value
        (B, n, E).
    bias
        (B, n, n).
    form
        "softmax" takes the softmax of biases and keys first, as the released code does.
    """
    with torch.autocast(query.device.type, enabled=False):
        bias, key, value = bias.float(), key.float(), value.float()
        if form == "softmax":
            bias, key = bias.softmax(dim=2), key.softmax(dim=1)
        weight = (bias - bias.detach().amax(dim=2, keepdim=True)).exp()
        key = (key - key.detach().amax(dim=1, keepdim=True)).exp()
        sums = weight @ torch.cat([key * value, key], dim=2)
        above, below = sums.chunk(2, dim=2)
        mean = above / below.clamp_min(1e-30)
    return torch.sigmoid(query) * mean.to(query.dtype)


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 over the nodes of each instance; then scale and shift."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised embeddings, (B, n, d)."""
        # Not torch.var_mean, which takes ten times as long over this axis.
        centred = x - x.mean(dim=1, keepdim=True)
        variance = centred.square().mean(dim=1, keepdim=True)
        return torch.addcmul(self.shift, centred, torch.rsqrt(variance + 1e-5) * self.scale)
