"""How good a network is on the fixed set, by the judge; and what its instances are like."""

from __future__ import annotations

import numpy as np
import torch

from cosolve.core.problem import judge
from cosolve.models.devices import autocast
from cosolve.models.rrnco.config import DataConfig
from cosolve.models.rrnco.data import Dataset
from cosolve.models.rrnco.inference import propose
from cosolve.models.rrnco.instances import facts, solution_of
from cosolve.models.rrnco.network import Network

#: Solutions times pairs of nodes that are decoded together.
_PAIRS = {"cpu": 2_000_000, "cuda": 200_000_000}


def validate(network: Network, data: Dataset, precision: str = "float32") -> dict[str, float]:
    """
    Judge greedy solutions from every start, without symmetries and the best under eight, against those of a search.

    Returns
    -------
    dict
        ``gap``, ``gap_x8``: means of cost / reference - 1; ``cost_x8``; ``infeasible``: share of refused solutions.
    """
    where = next(network.parameters()).device
    n = data.batch.num_nodes
    together = max(1, _PAIRS[where.type] // (8 * n * n * n))
    gaps, costs, refused = [], [], 0
    for rows in torch.arange(len(data.arrays)).split(together):
        batch = data.batch.take(rows).to(where)
        with autocast(where, precision):
            found = propose(network, batch)
        assert found is not None
        choices, cost = found
        for row, routes, value in zip(rows.tolist(), choices.cpu(), cost.cpu(), strict=True):
            instance = data.instances[row]
            ends: list[float] = []
            for some in (value[: len(value) // 8], value):
                verdict = judge(instance, solution_of(instance, data.arrays[row], routes[int(some.argmin())].numpy()))
                refused += not verdict.feasible
                ends.append(verdict.objective if verdict.feasible and verdict.objective is not None else np.inf)
            gaps.append(np.array(ends) / data.reference[row] - 1)
            costs.append(ends[1])
    gap, gap_x8 = np.mean(gaps, axis=0)
    share = refused / (2 * len(costs))
    return {"gap": float(gap), "gap_x8": float(gap_x8), "cost_x8": float(np.mean(costs)), "infeasible": share}


def ranges(data: Dataset, config: DataConfig) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each fact over instances, with leeway; of the sizes, those of the config."""
    known = [facts(arrays, data.batch.is_tour) for arrays in data.arrays]
    out = {}
    for name in known[0]:
        values = [entry[name] for entry in known]
        out[name] = (round(0.8 * min(values), 6), round(1.25 * max(values), 6))
    least = config.least_size or config.size
    return {**out, "customers": (0.8 * least, 1.25 * config.size)}
