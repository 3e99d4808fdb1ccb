"""Trained networks by name, and what they predict of a MILP."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch_geometric.data import Batch

from cosolve.instances.milp import MILPInstance
from cosolve.models import checkpoints
from cosolve.models.checkpoints import Checkpoint
from cosolve.models.ctc.config import CtcConfig
from cosolve.models.ctc.graph import graph_of
from cosolve.models.ctc.network import Network
from cosolve.models.ctc.quick import quick_solutions
from cosolve.models.ctc.relaxation import rounded, solve_relaxation
from cosolve.models.ctc.rows import is_binary, may_be_imposed
from cosolve.models.devices import device_of
from cosolve.models.watch import TimeUpError, Watch

#: Seconds at most for the linear relaxation, which no one can interrupt.
_LONGEST = 30.0


@checkpoints.kept_while_unchanged
def network_of(folder: Path, device: str) -> Network:
    """A checkpoint's network on its device."""
    checkpoint = checkpoints.read(folder)
    network = checkpoint.network(lambda: Network(checkpoint.config(CtcConfig).model))
    return network.to(device_of(device)).eval()


@torch.inference_mode()
def predict(
    instance: MILPInstance,
    checkpoint: Checkpoint,
    *,
    device: str = "cpu",
    time_limit: float = np.inf,
    should_stop: Callable[[], bool] = lambda: False,
    on_better: Callable[[np.ndarray], None] | None = None,
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
        Seconds for quick solutions and the linear relaxation together, where the network takes them; the relaxation
        has 30 at most.
    should_stop
        Asked by the search for quick solutions, and before each operation of the network.
    on_better
        Called with the column values of each quick solution that is better than all before, where the network takes
        these, and with those of the relaxation, rounded, where it takes that.

    Returns
    -------
    rows
        (num_rows,); 0 for those that are no candidates or of no critical family.
    columns
        (num_cols,); NaN for those that are no binaries.

    Raises
    ------
    TimeUpError
        Once ``should_stop`` says so, or where quick solutions and the relaxation would take longer.
    """
    config, network = checkpoint.config(CtcConfig), network_of(checkpoint.folder, device)
    began = perf_counter()
    until = began + time_limit
    relaxation = quick = None
    if config.model.relaxation:
        relaxation = solve_relaxation(instance, min(time_limit, _LONGEST))
        if relaxation is None and perf_counter() > began + _LONGEST:
            raise TimeUpError
        if relaxation is not None and on_better is not None:
            values = rounded(instance, relaxation.values)
            if values is not None:
                on_better(values)
    if config.model.quick:
        quick = quick_solutions(
            instance, should_stop=lambda: perf_counter() > until or should_stop(), on_better=on_better
        )
    # What the clock cut off was there in training: of an auction's surest columns 5 % were wrong without it, not 0.2.
    if perf_counter() > until or should_stop():
        raise TimeUpError
    graph = graph_of(instance, relaxation=relaxation, quick=quick)
    with Watch(should_stop):
        rows, columns = network.probabilities(Batch.from_data_list([graph]).to(device_of(device)))
    return (
        np.where(may_be_imposed(instance, config.data.families), rows[:-1].double().cpu().numpy(), 0.0),
        np.where(is_binary(instance), columns.double().cpu().numpy(), np.nan),
    )
