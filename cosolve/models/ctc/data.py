"""Graphs with targets, and batches of them by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch_geometric.data import Batch, HeteroData

from cosolve.models.ctc.config import CtcConfig
from cosolve.models.ctc.graph import graph_of
from cosolve.models.ctc.labels import LABELS, Label
from cosolve.models.ctc.relaxation import solve_relaxation
from cosolve.models.ctc.rows import is_binary, known_families, may_be_imposed
from cosolve.search.row_types import RowType


@dataclass(frozen=True)
class Dataset:
    """Training and validation graphs, each with targets and masks on its rows and columns."""

    training: Sequence[HeteroData]
    validation: Sequence[HeteroData]


def targets_of(label: Label, config: CtcConfig, quick: Mapping[str, np.ndarray | None]) -> HeteroData:
    """
    Graph of an instance; ``y`` of a row or column is the share of best solutions in which it is tight, or 1.

    ``mask`` says which count: candidates of the critical families, and binaries. The objective's row never does.
    ``quick`` has its quick solutions by its digest, if it has any.
    """
    found = quick.get(label.instance.digest)
    solved = solve_relaxation(label.instance) if config.model.relaxation else None
    data = graph_of(label.instance, relaxation=solved, quick=found)
    tight, share = label.tight().mean(axis=0), label.solutions.mean(axis=0)
    data["row"].y = torch.tensor(np.append(tight, 0.0), dtype=torch.float32)
    data["row"].mask = torch.tensor(np.append(may_be_imposed(label.instance, config.data.families), False))
    data["column"].y = torch.tensor(np.clip(share, 0.0, 1.0), dtype=torch.float32)
    data["column"].mask = torch.tensor(is_binary(label.instance))
    return data


def check_labels(labels: Sequence[Label], families: str) -> None:
    """
    Check that there is something to learn from labelled instances.

    Raises
    ------
    ValueError
        If there are fewer than two, none has rows of a family that is named (unless a structural type is named that
        stands in for names), or none has binaries or rows that could be made equalities.
    """
    if len(labels) < 2:
        raise ValueError(
            f"training needs at least 2 instances with solutions, got {len(labels)}: {LABELS} beside them has the "
            "status and message of each."
        )
    known = set().union(*(known_families(label.instance) for label in labels))
    named = families.split(",") if families else []
    unknown = [name for name in named if name not in known]
    if unknown and not any(kind.name.lower() in named and kind.name.lower() in known for kind in RowType):
        there = ", ".join(sorted(known))
        raise ValueError(f"data.families: no labelled instance has rows of {unknown[0]!r}; there are {there}.")
    instances = [label.instance for label in labels]
    if not any(is_binary(one).any() or may_be_imposed(one, families).any() for one in instances):
        raise ValueError("nothing to learn: no instance has binaries, or rows that could be made equalities.")


def dataset(labels: Sequence[Label], config: CtcConfig, quick: Mapping[str, np.ndarray | None]) -> Dataset:
    """
    Graphs of labelled instances, two at least; a share of them validates.

    Which ones depends on their places, so that none changes sides as more come.

    Parameters
    ----------
    quick
        Quick solutions of instances by their digests, for networks that take them.
    """
    graphs = [targets_of(label, config, quick) for label in labels]
    # The second is the first one that validates.
    share = config.data.validation
    steps = np.floor(np.arange(len(graphs) + 1) * share + max(0.0, 1 - 2 * share) + 1e-9)
    validates = np.diff(steps) > 0
    validates[:2] = False, True
    sides = {side: [graph for graph, it in zip(graphs, validates, strict=True) if it == side] for side in (False, True)}
    return Dataset(sides[False], sides[True])


def batch_of_step(graphs: Sequence[HeteroData], seed: int, step: int, size: int) -> Batch:
    """Which graphs a step sees depends on the seed and the step alone; those of an epoch are different."""
    size = min(size, len(graphs))
    epoch, position = divmod(step, len(graphs) // size)
    order = np.random.default_rng([seed, epoch]).permutation(len(graphs))
    return Batch.from_data_list([graphs[i] for i in order[position * size : (position + 1) * size]])
