"""Random choices by the probabilities of a network."""

from __future__ import annotations

import torch
from torch import Tensor


def draw(log_probability: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
    """
    One choice for each row, (B, Q).

    A network whose numbers are not finite any more chooses evenly: a training sees it by the gradient and says so,
    where the draw itself would end in an assertion, on a GPU that of the device.

    Parameters
    ----------
    log_probability
        Of each choice, (B, Q, n).
    mask
        Allowed choices, bool (B, Q, n).
    """
    chances = log_probability.exp()
    chances = chances.where(chances.sum(dim=2, keepdim=True).isfinite(), mask.to(chances.dtype))
    return torch.multinomial(chances.flatten(0, 1), 1, generator=generator).view(mask.shape[:2])
