"""
The neural adaptive bias as it is published, with a vector of width E for each pair of nodes, and how it folds.

The tests compare the two forms, ``benchmarks/rrnco.py`` times them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cosolve.models.rrnco.bias import AdaptiveBias


class UnfoldedBias(nn.Module):
    """Two or three scalars per pair, each lifted to width E, mixed by a linear gate, and brought back to a scalar."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.lift = nn.ModuleList(
            nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(channels)
        )
        self.gate = nn.Linear(channels * width, 1 if channels == 2 else channels)
        self.out = nn.Linear(width, 1)
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.temperature = nn.Parameter(torch.tensor(0.3))

    def forward(self, quantities: tuple[Tensor, ...]) -> Tensor:
        """Biases (B, n, n)."""
        lifted = [lift(x.unsqueeze(3)) for lift, x in zip(self.lift, quantities, strict=True)]
        gate = self.gate(torch.cat(lifted, dim=3))
        if len(lifted) == 2:
            share = torch.sigmoid(gate)
            mixed = share * lifted[0] + (1 - share) * lifted[1]
        else:
            shares = (gate / self.temperature.exp()).softmax(dim=3)
            mixed = sum(shares[..., c : c + 1] * lifted[c] for c in range(len(lifted)))
        return self.scale * self.out(mixed).squeeze(3)


@torch.no_grad()
def fold(unfolded: UnfoldedBias) -> AdaptiveBias:
    """The same function in the folded form."""
    channels, width = len(unfolded.lift), unfolded.out.in_features
    folded = AdaptiveBias(width, channels)
    for c, (lift, target) in enumerate(zip(unfolded.lift, folded.channels, strict=True)):
        outer = torch.cat([unfolded.out.weight, unfolded.gate.weight[:, c * width : (c + 1) * width]])
        target.slope.copy_(lift[0].weight.squeeze(1))
        target.shift.copy_(lift[0].bias)
        target.outer.copy_(outer @ lift[2].weight)
        # Gates add up over the channels, shares of a value to 1: its bias goes to all of them, the gate's to one.
        rest = torch.cat([unfolded.out.bias, unfolded.gate.bias if c == 0 else torch.zeros_like(unfolded.gate.bias)])
        target.level.copy_(outer @ lift[2].bias + rest)
    folded.scale.copy_(unfolded.scale)
    if folded.temperature is not None:
        folded.temperature.copy_(unfolded.temperature)
    return folded
