"""Trained networks by name, and what they predict of a MILP."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Batch

from cosolve.core.errors import UnsupportedProblemError
from cosolve.instances.milp import MILPInstance
from cosolve.models import checkpoints
from cosolve.models.checkpoints import Checkpoint
from cosolve.models.ctc.config import CtcConfig
from cosolve.models.ctc.graph import graph_of
from cosolve.models.ctc.network import Network
from cosolve.models.ctc.rows import is_binary, may_be_imposed
from cosolve.models.devices import device_of


@lru_cache(maxsize=1)
def bundled() -> list[Checkpoint]:
    """The checkpoints that come with cosolve."""
    return checkpoints.bundled("ctc")


def choose(name: str, facts: Mapping[str, float]) -> tuple[Checkpoint, list[str]]:
    """
    A checkpoint for an instance, and what of the instance lies outside of its training data.

    Parameters
    ----------
    name
        Folder or bundled name; empty for the bundled one that least lies outside of.
    facts
        See :func:`cosolve.models.ctc.graph.facts`.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    UnsupportedProblemError
        If it is of another family.
    """
    candidates = [checkpoints.find(name)] if name else bundled()
    if not candidates:
        raise FileNotFoundError(2, "no ctc checkpoint is bundled; name one by the option checkpoint")
    if candidates[0].family != "ctc":
        raise UnsupportedProblemError(f"checkpoint {name!r} is a {candidates[0].family} network, not a ctc one.")
    complaints = [checkpoint.outside(facts) for checkpoint in candidates]
    best = min(range(len(candidates)), key=lambda i: len(complaints[i]))
    return candidates[best], complaints[best]


@lru_cache(maxsize=8)
def network_of(folder: Path, device: str) -> Network:
    """A checkpoint's network on its device."""
    checkpoint = checkpoints.read(folder)
    network = Network(checkpoint.config(CtcConfig).model)
    checkpoint.load_into(network)
    return network.to(device_of(device)).eval()


@torch.inference_mode()
def predict(
    instance: MILPInstance, checkpoint: Checkpoint, *, device: str = "cpu", time_limit: float = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """
    Probabilities that rows are tight, and that columns are 1.

    Parameters
    ----------
    instance
        A MILP.
    checkpoint
        Whose network is asked.
    device
        "cpu", "cuda" or "cuda:N".
    time_limit
        Seconds for the linear relaxation, where the network takes it.

    Returns
    -------
    rows
        (num_rows,); 0 for those that are no candidates or of no critical family.
    columns
        (num_cols,); NaN for those that are no binaries.
    """
    config, network = checkpoint.config(CtcConfig), network_of(checkpoint.folder, device)
    graph = graph_of(instance, relaxation=config.model.relaxation, time_limit=time_limit)
    rows, columns = network.probabilities(Batch.from_data_list([graph]).to(device_of(device)))
    return (
        np.where(may_be_imposed(instance, config.data.families), rows[:-1].double().cpu().numpy(), 0.0),
        np.where(is_binary(instance), columns.double().cpu().numpy(), np.nan),
    )
