"""
The network: half-convolutions between columns and rows, a graph of their types, and two heads [1]_.

Three things differ from the released code. Coefficients reach the messages (a layer normalisation over one number
erased them), attention pools over the members of a type of one instance (not of the whole batch), and what types are
like is read from their structure and statistics, not from texts.

References
----------
.. [1] Li, J. et al. (2026). Constraint matters: multi-modal representation for reducing mixed-integer linear
       programming. *ICLR*.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch
from torch_geometric.utils import scatter, softmax, to_dense_batch

from cosolve.models.ctc.config import ModelConfig
from cosolve.models.ctc.graph import (
    COLUMN_FEATURES,
    COLUMN_QUICK,
    COLUMN_RELAXATION,
    ROW_FEATURES,
    ROW_QUICK,
    ROW_RELAXATION,
    TYPE_FEATURES,
)
from cosolve.models.ctc.messages import Edges, edges_to, heard


class HalfConvolution(nn.Module):
    """Nodes of one side hear from the other: sum of ``W relu(LN(A h_i + B h_j + e_ij c))``, then a hidden layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own, self.other = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.edge, self.norm = nn.Linear(1, width, bias=False), nn.LayerNorm(width)
        self.message_out, self.sum_norm = nn.Linear(width, width), nn.LayerNorm(width)
        self.update_mlp = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, own: Tensor, other: Tensor, edges: Edges) -> Tensor:
        """New embeddings of ``own``; edges go from ``other`` to it."""
        sums = heard(self.own(own), self.other(other), self.edge.weight[:, 0], self.norm, edges)
        return self.update_mlp(torch.cat([self.sum_norm(self.message_out(sums)), own], dim=1))


class Gate(nn.Module):
    """Squeeze and excite: each dimension scaled by a function of the graph's mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(4, width // 8)
        self.gate = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, width, bias=False), nn.Sigmoid()
        )

    def forward(self, x: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
        """Gated embeddings."""
        return x * self.gate(scatter(x, batch, dim_size=num_graphs, reduce="mean"))[batch]


class TypeFusion(nn.Module):
    """What a type is, and what its members are on average, scales every member's embedding."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.send = nn.LayerNorm(width), nn.Linear(width, width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.receive, self.weigh = nn.Linear(2 * width, width), nn.Linear(2 * width, width)
        self.out_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, types: Tensor, member: Tensor) -> Tensor:
        """``member`` is the type's number of each node; types of different graphs have different numbers."""
        num, width = types.shape
        sent = self.send(self.norm(x))
        shape = (-1, self.heads, width // self.heads)
        query, key, value = self.query(types).view(shape), self.key(sent).view(shape), self.value(sent).view(shape)
        score = (query[member] * key).sum(dim=2) / shape[2] ** 0.5
        weight = softmax(score, member, num_nodes=num)
        sums = scatter((weight[:, :, None] * value).flatten(1), member, dim_size=num, reduce="sum")
        mixed = self.receive(torch.cat([types, sums], dim=1))
        mean = scatter(sent, member, dim_size=num, reduce="mean")
        share = self.weigh(torch.cat([mean, mixed], dim=1)).sigmoid()
        return x * self.out_norm(share * mean + (1 - share) * mixed)[member]


class Network(nn.Module):
    """
    Logits that rows are tight and matter, and that columns are 1.

    Parameters
    ----------
    config
        Shape and ablations.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.num_columns, self.num_rows = COLUMN_FEATURES + COLUMN_RELAXATION, ROW_FEATURES + ROW_RELAXATION
        if config.quick:
            self.num_columns += COLUMN_QUICK
            self.num_rows += ROW_QUICK
        self.embed_columns, self.embed_rows = _embedding(self.num_columns, width), _embedding(self.num_rows, width)
        self.dropout = nn.Dropout(config.dropout)
        if config.gates:
            self.gate_columns, self.gate_rows = Gate(width), Gate(width)
        self.to_columns = nn.ModuleList(HalfConvolution(width) for _ in range(config.rounds + 1))
        self.to_rows = nn.ModuleList(HalfConvolution(width) for _ in range(config.rounds))
        if config.types:
            self.embed_types = nn.Sequential(nn.Linear(TYPE_FEATURES, width), nn.ReLU(), nn.Linear(width, width))
            self.attention = nn.MultiheadAttention(width, config.heads, batch_first=True)
            self.type_norm = nn.LayerNorm(width)
            self.fuse_columns, self.fuse_rows = TypeFusion(width, config.heads), TypeFusion(width, config.heads)
        self.row_head, self.column_head = _head(width), _head(width)
        # Scale and shift that make probabilities of logits, fitted after each validation (Platt); the focal loss and
        # its weight of one class bend them.
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0], [1.0, 0.0]]))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Raw logits of all rows (objectives included) and all columns of the batch."""
        column_x, row_x = batch["column"].x[:, : self.num_columns], batch["row"].x[:, : self.num_rows]
        if not self.config.relaxation:
            column_x = _without(column_x, COLUMN_FEATURES, COLUMN_RELAXATION)
            row_x = _without(row_x, ROW_FEATURES, ROW_RELAXATION)
        columns, rows = self.embed_columns(column_x), self.embed_rows(row_x)
        if self.config.gates:
            columns = self.gate_columns(columns, batch["column"].batch, batch.num_graphs)
            rows = self.gate_rows(rows, batch["row"].batch, batch.num_graphs)
        columns, rows = self.dropout(columns), self.dropout(rows)
        (tails, heads), coefs = batch["column", "in", "row"].edge_index, batch["column", "in", "row"].edge_attr[:, 0]
        down, up = edges_to(heads, tails, coefs, len(rows)), edges_to(tails, heads, coefs, len(columns))
        for i in range(self.config.rounds):
            columns = self.to_columns[i](columns, rows, up)
            rows = self.to_rows[i](rows, columns, down)
            if i == 0 and self.config.types:
                types = self._types(batch)
                columns = self.fuse_columns(columns, types, batch["column", "is", "type"].edge_index[1])
                rows = self.fuse_rows(rows, types, batch["row", "is", "type"].edge_index[1])
        columns = self.to_columns[-1](columns, rows, up)
        return self.row_head(rows).squeeze(1), self.column_head(columns).squeeze(1)

    def probabilities(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Calibrated probabilities."""
        rows, columns = self(batch)
        (row_scale, row_shift), (column_scale, column_shift) = self.calibration
        return (rows * row_scale + row_shift).sigmoid(), (columns * column_scale + column_shift).sigmoid()

    def _types(self, batch: Batch) -> Tensor:
        """Types of each graph attend to each other."""
        types = self.embed_types(batch["type"].x)
        dense, is_there = to_dense_batch(types, batch["type"].batch, batch_size=batch.num_graphs)
        answers, _ = self.attention(dense, dense, dense, key_padding_mask=~is_there, need_weights=False)
        return self.type_norm(types + answers[is_there])


def _without(x: Tensor, first: int, count: int) -> Tensor:
    """The features with 0 for some of them."""
    return torch.cat([x[:, :first], torch.zeros_like(x[:, first : first + count]), x[:, first + count :]], dim=1)


def _embedding(features: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())


def _head(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1, bias=False))
