"""The decoder: a pointer that looks at all nodes from where a route stands, and at how far they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import ModelConfig
from cosolve.models.rrnco.environment import State


@dataclass(frozen=True)
class Embedding:
    """
    What the decoder needs of an encoded batch, computed once.

    Parameters
    ----------
    place, first
        Parts of the query by the last and by the first node, (B, n, E); ``first`` in tours only.
    keys, values
        Of the heads, (B, heads, n, E / heads).
    pointers
        Transposed, (B, E, n).
    """

    place: Tensor
    first: Tensor | None
    keys: Tensor
    values: Tensor
    pointers: Tensor

    def detach(self) -> Embedding:
        """Without gradients."""
        return self._map(lambda table: table.detach())

    def take(self, rows: Tensor) -> Embedding:
        """Of some of the instances, by number."""
        return self._map(lambda table: table[rows])

    def _map(self, change: Callable[[Tensor], Tensor]) -> Embedding:
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return Embedding(**{name: None if table is None else change(table) for name, table in given.items()})


class Decoder(nn.Module):
    """
    Scores of the next node.

    Scores and attention fall with the distance by learned weights, and with the duration where there are windows.
    """

    def __init__(self, config: ModelConfig, problem: str) -> None:
        super().__init__()
        e, self.heads, self.form = config.embedding, config.heads, config.distance_bias
        self.is_tour, self.has_windows = problem == "atsp", problem == "acvrptw"
        num_clocks = {"atsp": 0, "acvrp": 1, "acvrptw": 2}[problem]
        self.place = nn.Linear(e, e, bias=False)
        self.first = nn.Linear(e, e, bias=False) if self.is_tour else None
        self.clocks = None if self.is_tour else nn.Linear(num_clocks, e, bias=False)
        self.project = nn.Linear(e, 3 * e, bias=False)
        self.hidden = nn.Sequential(nn.Linear(e, 4 * e), nn.ReLU(), nn.Linear(4 * e, e))
        self.pull = nn.Parameter(torch.ones(2 if self.has_windows else 1))
        self.attention_pull = nn.Parameter(torch.zeros(config.heads)) if config.glimpse_bias else None

    def remember(self, rows: Tensor, columns: Tensor) -> Embedding:
        """Whatever does not depend on the state."""
        key, value, pointer = self.project(columns).chunk(3, dim=2)
        first = None if self.first is None else self.first(rows)
        return Embedding(
            self.place(rows), first, self._split(key), self._split(value), pointer.transpose(1, 2).contiguous()
        )

    def forward(self, batch: Batch, embedding: Embedding, state: State, mask: Tensor) -> Tensor:
        """
        Scores of the nodes, minus infinity where they are not allowed, float32 (B, S, n).

        Parameters
        ----------
        mask
            Allowed nodes, bool (B, S, n).
        """
        query = state.row_of(embedding.place)
        if self.first is not None and embedding.first is not None:
            query = query + state.first_row_of(embedding.first)
        if self.clocks is not None:
            query = query + self.clocks(self._clocks(batch, state).to(query.dtype))
        pull = self._pull(batch, state)
        closed = torch.where(mask, 0.0, -math.inf)
        bias = closed.unsqueeze(1)
        if self.attention_pull is not None:
            bias = torch.addcmul(bias, pull.unsqueeze(1), self.attention_pull.view(-1, 1, 1), value=-1)
        seen = functional.scaled_dot_product_attention(self._split(query), embedding.keys, embedding.values, bias)
        x = query + seen.transpose(1, 2).flatten(2)
        x = x + self.hidden(x)
        return (x @ embedding.pointers).float() / math.sqrt(x.shape[2]) - pull + closed

    def _clocks(self, batch: Batch, state: State) -> Tensor:
        """Free share of the vehicle, and time since the start in horizons."""
        assert batch.capacity is not None
        columns = [(1.0 - state.load / batch.capacity.clamp_min(1e-300).unsqueeze(1)).float()]
        if self.has_windows:
            columns.append(batch.in_horizons(state.time))
        return torch.stack(columns, dim=2)

    def _pull(self, batch: Batch, state: State) -> Tensor:
        """What scores lose by distance, and with windows by duration; float32 (B, S, n)."""
        leg = state.row_of(batch.scaled_distance)
        if self.form == "log":
            leg = (leg + 1e-3).log()
        pull = self.pull[0] * leg
        if self.has_windows:
            pull = torch.addcmul(pull, state.row_of(batch.scaled_duration), self.pull[1])
        return pull

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)
