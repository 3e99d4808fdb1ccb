"""The page that goes with a checkpoint."""

from __future__ import annotations

from typing import Any

import torch

from cosolve.models.devices import hardware
from cosolve.models.rrnco.config import RrncoConfig

_TEMPLATE = """# RRNCO, {problem}, {sizes} {nodes}

Routes on road networks (`{problem}`), with {encoder}. Network and training: `docs/rrnco.md`; every setting:
`config.toml`; course of the training: `metrics.jsonl`.

| | |
|---|---|
| instances | places in made-up cities 0 to {last_city}, 3 x 3 km each{clusters}; seeds derived from {seed} |
| begun from | {begin} |
| labels | our own search, {effort} iterations per node, for the {imitation:,} steps of imitation at most |
| parameters | {parameters:,} |
| steps | {step:,} (imitation up to {imitation:,}) |
| seconds | {seconds:,.0f}, data and validations included |
| hardware | {hardware} |
| mean gap, greedy from every start | {gap:.2%} |
| mean gap, greedy from every start under 8 symmetries | {gap_x8:.2%} |
| refused by the judge | {infeasible:.2%} |

Gaps are means over the {validation} validation instances of size {size} (seed 2024, training cities) to solutions of a
long search, which are optimal or nearly so; the symmetries are four of the plane, forwards and backwards in time. The
weights are those of the best validation, so the gaps are a little flattering;
`docs/benchmarks/rrnco.md` has those on test instances of all splits, which no choice was made by.
"""

_ENCODERS = {
    "rrnco": "the adaptive node embedding and the adaptive bias of the paper",
    "pomo": "an encoder of coordinates, to compare with",
    "matnet": "an encoder of distances, to compare with",
}


def card(config: RrncoConfig, line: dict[str, Any], parameters: int, device: torch.device) -> str:
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
    least = data.least_size or data.size
    return _TEMPLATE.format(
        problem=data.problem,
        sizes=f"{least} to {data.size}" if least < data.size else data.size,
        nodes="cities" if data.problem == "atsp" else "customers",
        encoder=_ENCODERS[config.model.encoder],
        last_city=data.cities - 1,
        clusters=f", {data.clusters:.0%} of them with places near each other" if data.clusters else "",
        seed=training.seed,
        effort=data.label_effort,
        begin=training.begin_from or "random weights",
        imitation=training.imitation_steps,
        validation=training.validation_size,
        size=data.size,
        parameters=parameters,
        hardware=hardware(device),
        **{key: line[key] for key in ("step", "seconds", "gap", "gap_x8", "infeasible")},
    )
