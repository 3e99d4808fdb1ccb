"""The page that goes with a checkpoint."""

from __future__ import annotations

from typing import Any

import torch

from cosolve.models.decost.config import DecostConfig
from cosolve.models.devices import hardware

_TEMPLATE = """# DeCoST, {size} places, window parameter {width:g}

Routes for orienteering with time windows and variable profits (`optwvp`); service times are optimised exactly after
decoding. Network and training: `docs/decost.md`; every setting: `config.toml`; course of the training: `metrics.jsonl`.

| | |
|---|---|
| instances | generator `optwvp/decost`, size {size}, width {width:g}, windows {windows}; seeds derived from {seed} |
| labels | exact routes by labelling, for the {imitation:,} steps of imitation at most |
| begun from | {begin} |
| parameters | {parameters:,} |
| steps | {step:,} (imitation up to {imitation:,}) |
| seconds | {seconds:,.0f}, data and validations included |
| hardware | {hardware} |
| mean gap to the optimum, greedy | {gap:.2%} |
| mean gap to the optimum, best of 8 symmetries | {gap_x8:.2%} |
| refused by the judge | {infeasible:.2%} |

The gaps are means over the {validation} validation instances (seed 2024), after service time optimisation{predicted}.
The weights are those of the best validation, so the gaps above are a little flattering; `docs/decost.md` has those on
the published test set, which no choice was made by.
"""


def card(config: DecostConfig, line: dict[str, Any], parameters: int, device: torch.device) -> str:
    """
    Text of ``card.md``.

    Parameters
    ----------
    line
        The measurement that the weights belong to.
    parameters
        Of the network.
    device
        It was trained on.
    """
    training, data = config.training, config.data
    return _TEMPLATE.format(
        size=data.size,
        width=data.width,
        windows=data.windows,
        seed=training.seed,
        imitation=training.imitation_steps,
        begin=training.begin_from or "random weights",
        validation=training.validation_size,
        predicted="" if training.reward == "optimised" else " by the network's own decoder only",
        parameters=parameters,
        hardware=hardware(device),
        **{key: line[key] for key in ("step", "seconds", "gap", "gap_x8", "infeasible")},
    )
