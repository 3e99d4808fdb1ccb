"""The page that goes with a checkpoint."""

from __future__ import annotations

from typing import Any

import torch

from cosolve.models.ctc.config import CtcConfig
from cosolve.models.devices import hardware

_TEMPLATE = """# Constraint reduction: {instances}

Which rows of a MILP are tight at the optimum, and which binaries are 1, for the solvers `ctc`, `ps` and `rows`.
Network and training: `docs/constraint-reduction.md`; every setting: `config.toml`; course of the training:
`metrics.jsonl`.

| | |
|---|---|
| instances | `{instances}`: {training} to train, {validation} to validate |
| labels | solver `{solver}`, {runs} x {limit:g} s each |
| families of rows | {families} |
| parameters | {parameters:,} |
| steps | {step:,} |
| seconds | {seconds:,.0f}, validations included, labels too where this run made them |
| hardware | {hardware} |
| precision of the surest 1 %, 2 %, 5 % and 10 % of the rows | {p1}, {p2}, {p5}, {p10} |
| tight share of these rows, which is the precision of guessing | {base} |
| columns right, of the surest half of them | {columns} |

The precision is measured on the validation instances: the mean share of best solutions in which such a row is tight.
"""


def card(config: CtcConfig, line: dict[str, Any], parameters: int, device: torch.device) -> str:
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
    return _TEMPLATE.format(
        instances=config.data.instances.rstrip("/").rpartition("/")[2],
        training=line["training"],
        validation=line["validation"],
        solver=config.data.solver,
        runs=config.data.runs,
        limit=config.data.time_limit,
        families=config.data.families.replace(",", ", ") or "all",
        parameters=parameters,
        step=line["step"],
        seconds=line["seconds"],
        hardware=hardware(device),
        p1=_percent(line["precision_1"]),
        p2=_percent(line["precision_2"]),
        p5=_percent(line["precision_5"]),
        p10=_percent(line["precision_10"]),
        base=_percent(line["tight"]),
        columns=_percent(line["columns"]),
    )


def _percent(share: float | None) -> str:
    return "there are none" if share is None else f"{share:.1%}"
