"""
Neural adaptive bias: what distance, direction and duration say about a pair of nodes, as one number.

Each quantity is a scalar per pair, and in the published network [1]_ it is lifted to a vector of width E, weighed
against the others by a gate that is linear in these vectors, and brought back to a number by a linear map. Linear maps
of a two-layer perceptron are two-layer perceptrons: both the number and the gate's share of each quantity are functions
of one real variable, with E kinks between linear pieces. They are evaluated by looking up the piece: exact, a few
operations per pair instead of some E^2, and no tensor over pairs and E.

References
----------
.. [1] Son, J., Zhao, Z., Berto, F., Hua, C., Cao, Z., Kwon, C., Park, J. (2026). Towards real-world routing with neural
       combinatorial optimization. *ICLR*.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class ScalarPerceptron(nn.Module):
    """
    Functions of one variable, ``outer @ relu(slope * x + shift) + level``.

    Parameters
    ----------
    width
        Kinks.
    outputs
        Functions.
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.empty(width).uniform_(-1.0, 1.0))
        self.shift = nn.Parameter(torch.empty(width).uniform_(-1.0, 1.0))
        bound = 1.0 / math.sqrt(width)
        self.outer = nn.Parameter(torch.empty(outputs, width).uniform_(-bound, bound))
        self.level = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Each function of every entry, no gradient in ``x``."""
        kinks, slopes, levels = self.pieces()
        piece = torch.bucketize(x, kinks)
        return tuple(_Pieces.apply(a, b, piece, x) for a, b in zip(slopes, levels, strict=True))

    def pieces(self) -> tuple[Tensor, Tensor, Tensor]:
        """
        Sorted kinks (E,), and slope and level of the pieces before, between and after them, (outputs, E + 1) each.

        Sums are taken in double precision: a unit with a slope near 0 has its kink far off, where large terms cancel.
        """
        slope, shift, outer = self.slope.double(), self.shift.double(), self.outer.double()
        flat = slope == 0
        kinks = torch.where(flat, torch.inf, -shift / torch.where(flat, 1.0, slope))
        kinks, order = kinks.detach().sort()
        slope, shift, outer = slope[order], shift[order], outer[:, order]
        # A falling unit is on before its kink, a rising one after it; one without a slope is on everywhere or nowhere.
        at_first = (slope < 0) | ((slope == 0) & (shift > 0))
        change = slope.sign()
        tables = []
        for term, rest in ((slope, 0.0), (shift, self.level.double().unsqueeze(1))):
            first = (outer * term * at_first).sum(dim=1, keepdim=True) + rest
            tables.append((first + nn.functional.pad((outer * term * change).cumsum(dim=1), (1, 0))).float())
        return kinks.float(), tables[0], tables[1]


class _Pieces(torch.autograd.Function):
    """``slopes[piece] * x + levels[piece]``; the gradient is summed per piece, not per pair and kink."""

    @staticmethod
    def forward(ctx: Any, slopes: Tensor, levels: Tensor, piece: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(piece, x)
        ctx.count = len(slopes)
        return torch.addcmul(levels[piece], slopes[piece], x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        piece, x = ctx.saved_tensors
        # One sum per row first: a GPU would queue up all pairs of the batch before a few dozen addresses.
        rows = piece.flatten(0, -2)
        sums = []
        for values in (grad * x, grad):
            zeros = torch.zeros(len(rows), ctx.count, dtype=grad.dtype, device=x.device)
            sums.append(zeros.scatter_add_(1, rows, values.reshape(rows.shape)).sum(dim=0))
        return sums[0], sums[1], None, None


class AdaptiveBias(nn.Module):
    """
    Bias of pairs from two or three quantities, mixed by a gate.

    Two are mixed by the logistic function as in the released code, three by a softmax with a learned temperature as
    in the paper.

    Parameters
    ----------
    width
        Kinks of each function.
    channels
        Quantities, 2 or 3.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        gates = 1 if channels == 2 else channels
        self.channels = nn.ModuleList(ScalarPerceptron(width, 1 + gates) for _ in range(channels))
        self.scale = nn.Parameter(torch.ones(()))
        self.temperature = nn.Parameter(torch.zeros(())) if channels == 3 else None

    def forward(self, quantities: tuple[Tensor, ...]) -> Tensor:
        """Biases, from tensors of one shape (B, n, n)."""
        values, gates = [], []
        for channel, x in zip(self.channels, quantities, strict=True):
            value, *gate = channel(x)
            values.append(value)
            gates.append(gate)
        if self.temperature is None:
            share = torch.sigmoid(gates[0][0] + gates[1][0])
            return self.scale * torch.lerp(values[1], values[0], share)
        total = [torch.stack(parts).sum(dim=0) for parts in zip(*gates, strict=True)]
        shares = (torch.stack(total) / self.temperature.exp()).softmax(dim=0)
        return self.scale * (shares * torch.stack(values)).sum(dim=0)
