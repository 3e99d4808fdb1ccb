"""
Train a network for constraint reduction: label the instances of a folder, choose the critical families, learn.

Batches are functions of the seed and the step, so a run that was cut into slices sees what one in one piece sees.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Batch

from cosolve.models import Trainer, checkpoints
from cosolve.models.ctc.card import card
from cosolve.models.ctc.config import CtcConfig, DataConfig
from cosolve.models.ctc.data import Dataset, batch_of_step, check_labels, dataset
from cosolve.models.ctc.families import MEASUREMENTS, Family, choose, families_text, survey
from cosolve.models.ctc.graph import facts
from cosolve.models.ctc.labels import Label, instance_files, label
from cosolve.models.ctc.losses import fit_calibration, focal_loss, precision_at
from cosolve.models.ctc.network import Network
from cosolve.models.ctc.quick import QUICK, kept_quick_solutions
from cosolve.models.devices import cpu_threads, device_of
from cosolve.models.run import Run

#: Factor by which a fact may go beyond what was seen; 1.25 for all others.
_LEEWAY = {"columns": 5.0, "rows": 5.0, "mean_row": 2.0}


def train(
    config: CtcConfig,
    out: Path,
    *,
    max_steps: int | None = None,
    time_limit: float = math.inf,
    resume: bool = False,
    device: str = "cpu",
    threads: int = 1,
    on_metrics: Callable[[dict[str, Any]], None] | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> dict[str, Any]:
    """
    Train, or train on; the weights of the best validation so far lie in ``out`` at any time.

    Labels come first, those that the folder of instances lacks; they stay there for other runs. Then the critical
    families are chosen, by all labels, and quick solutions made. If time is up before that is done, ``out`` holds a run
    without a measurement: its config in ``run.toml``, what was measured of families in ``oracle.jsonl`` and solutions
    in ``quick.jsonl``; it goes on with ``resume``.

    Parameters
    ----------
    config
        What to train on what; with ``resume`` only its table ``training`` and where the instances lie may differ from
        that of the run, and no families are those that the run chose.
    out
        Checkpoint folder.
    max_steps
        Steps of this call at most; ``None`` for all that are left.
    time_limit
        Seconds after which no label and no step of this call begins, and no solve that judges a family goes on: one
        that was cut off counts for nothing, so that slices must be longer than ``data.oracle_limit`` to get ahead.
    resume
        Go on from the state in ``out``, or where a run without one was.
    device
        "cpu", "cuda" or "cuda:N".
    threads
        CPU threads, and instances labelled at the same time.
    on_metrics
        Called with each label, each judged family, each line of ``metrics.jsonl``, and what is returned instead.
    on_progress
        Called with what is done now, in words, and how much of it is done and there is in all; 0 and 0 if that can't
        be said.

    Returns
    -------
    dict
        The last validation; ``kind`` "unfinished" and what is ``left`` if time was up before the training proper.

    Raises
    ------
    ValueError
        If no instances are named, ``out`` holds a run already and ``resume`` is not set, or the other way round; there
        are too few labels; or the run had other instances.
    FileNotFoundError
        If there are no instances.
    InvalidFileError
        If the state or the labels are damaged or of another config.
    BlockingIOError
        If another process is at the run, or makes the labels.
    """
    if not config.data.instances:
        raise ValueError("data.instances must name a folder of MILP files (--instances FOLDER), got none.")
    settings, where = config.training, device_of(device)
    folder = Path(config.data.instances)
    instance_files(folder)  # an empty one is refused before there is a run
    if resume and not config.data.families:
        # Measured anew they may differ, which is no run to go on with.
        config = replace(config, data=replace(config.data, families=_kept_families(out)))
    with cpu_threads(threads):
        torch.manual_seed(settings.seed)
        network = Network(config.model).to(where)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        run = Run(
            out,
            config,
            network,
            optimiser,
            family="ctc",
            problem="milp",
            score="score",
            card=card,
            device=where,
            time_limit=time_limit,
            on_metrics=on_metrics,
            on_progress=on_progress,
        )
        with run.opened(resume=resume):
            left, labels = _prepare(run, folder, threads)
            quick: dict[str, np.ndarray | None] = {}
            if not left:
                check_labels(labels, run.config.data.families)
            if not left and run.config.model.quick:
                left, quick = _quick_solutions(run, labels, threads)
            if left:
                run.leave()
                line = {"kind": "unfinished", "left": left}
                run.tell(line)
                return line
            data = dataset(labels, run.config, quick)
            seen = _seen(run, data, labels)

            def loss_of_step(step: int) -> tuple[torch.Tensor, dict[str, Any]]:
                torch.manual_seed(settings.seed + step)  # dropout
                batch = batch_of_step(data.training, settings.seed, step, settings.batch).to(where)
                network.train()
                loss = loss_of(network, batch, run.config)
                return loss, {"loss": float(loss.detach())}

            return run.go_on(
                loss_of_step,
                lambda: {**validate(network, data), **seen},
                ranges(labels),
                rate_of=lambda step: settings.rate * (1 + math.cos(math.pi * step / settings.steps)) / 2,
                max_steps=max_steps,
            )


def _prepare(run: Run, folder: Path, threads: int) -> tuple[str, list[Label]]:
    """What is left of labels and families once time is up, empty if nothing is; and the labels."""
    data: DataConfig = run.config.data
    labels, missing = label(
        folder,
        data,
        threads=threads,
        should_stop=lambda: run.time_left() < 0,
        on_label=run.tell,
        on_progress=lambda done, total: run.show("labels", done, total),
    )
    if missing:
        return f"labels of {len(missing)} instances", labels
    if not data.families and len(labels) > 1:  # with fewer there will be no run
        run.keep_config()  # which what is measured belongs to
        run.show("choice of families", 0, 0)
        try:
            families = _families(labels, data, run.tell, run.time_left, run.folder / MEASUREMENTS)
        except TimeoutError:
            return "choice of families", labels
        run.config = replace(run.config, data=replace(data, families=families))
    return "", labels


def _quick_solutions(run: Run, labels: Sequence[Label], threads: int) -> tuple[str, dict[str, np.ndarray | None]]:
    """How many are left once time is up, in words, empty if none is; and quick solutions by digest."""
    quick = kept_quick_solutions(
        [label.instance for label in labels],
        run.folder / QUICK,
        threads=threads,
        should_stop=lambda: run.time_left() < 0,
        on_progress=lambda done, total: run.show("quick solutions", done, total),
    )
    count = sum(label.instance.digest not in quick for label in labels)
    return f"quick solutions of {count} instances" if count else "", quick


def _seen(run: Run, data: Dataset, labels: Sequence[Label]) -> dict[str, Any]:
    """
    What a run learns from and is measured by.

    Raises
    ------
    ValueError
        If it was something else so far.
    """
    seen = {"training": len(data.training), "validation": len(data.validation), "instances": _digest(labels)}
    before = {**seen, **(run.lines[-1] if run.lines else {})}  # older runs kept no digest
    if any(before[key] != seen[key] for key in ("training", "validation")):
        raise ValueError(
            f"the run had {before['training']} graphs to train and {before['validation']} to validate so far, not "
            f"{seen['training']} and {seen['validation']}: scores of other instances do not compare."
        )
    if before["instances"] != seen["instances"]:
        raise ValueError("the run had as many instances so far, but others, whose scores do not compare.")
    return seen


def loss_of(network: Network, batch: Batch, config: CtcConfig) -> torch.Tensor:
    """Weighted focal losses of rows and columns."""
    settings = config.training
    rows, columns = (
        focal_loss(logits[node.mask], node.y[node.mask], settings.alpha, settings.gamma)
        for logits, node in zip(network(batch), (batch["row"], batch["column"]), strict=True)
    )
    return settings.row_weight * rows + (1 - settings.row_weight) * columns


@torch.no_grad()
def validate(network: Network, data: Dataset) -> dict[str, float | None]:
    """
    Calibrate on the validation graphs, and measure what the surest predictions are worth.

    Returns
    -------
    dict
        ``score``: cross-entropy of rows and columns, which the best weights have least of; ``precision_k``: mean target
        of the surest k % of the rows; ``tight``: of all; ``columns``: accuracy of the surest half of the columns.
        ``None`` of what there is none of.
    """
    network.eval()
    where = next(network.parameters()).device
    found: list[tuple[torch.Tensor, ...]] = []
    for graph in data.validation:
        rows, columns = network(Batch.from_data_list([graph]).to(where))
        row, column = graph["row"], graph["column"]
        found.append((rows.cpu()[row.mask], row.y[row.mask], columns.cpu()[column.mask], column.y[column.mask]))
    parts = list(zip(*found, strict=True))
    score = 0.0
    for i in (0, 1):
        logits, target = torch.cat(parts[2 * i]), torch.cat(parts[2 * i + 1])
        if len(logits):
            scale, shift = fit_calibration(logits, target)
            network.calibration[i] = torch.tensor([scale, shift])
            score += float(torch.nn.functional.binary_cross_entropy_with_logits(scale * logits + shift, target))
    columns = [(x * network.calibration[1, 0].cpu() + network.calibration[1, 1].cpu()).sigmoid() for x in parts[2]]
    right = [torch.where(p > 0.5, y, 1 - y) for p, y in zip(columns, parts[3], strict=True)]
    sure = [(p - 0.5).abs() for p in columns]
    tight = torch.cat(parts[1])
    return {
        "score": round(score, 6),
        **{f"precision_{k}": precision_at(parts[0], parts[1], k / 100) for k in (1, 2, 5, 10, 20)},
        "tight": float(tight.mean()) if len(tight) else None,
        "columns": precision_at(sure, right, 0.5),
    }


def ranges(labels: Sequence[Label]) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each fact over instances, with leeway: sizes may be five times those of training."""
    known = [facts(label.instance) for label in labels]
    out = {}
    for name in known[0]:
        values = [entry[name] for entry in known]
        wide = _LEEWAY.get(name, 1.25)
        out[name] = (round(min(values) / wide, 6), round(max(values) * wide, 6))
    return out


def _digest(labels: Sequence[Label]) -> str:
    """Of the instances in their order, by which they are divided."""
    return hashlib.sha256("".join(label.instance.digest for label in labels).encode()).hexdigest()[:16]


def _kept_families(out: Path) -> str:
    """Those that the run in a folder chose; empty if it did not yet, or there is none."""
    return checkpoints.run_config(out, CtcConfig).data.families if checkpoints.holds_run(out) else ""


def _families(
    labels: Sequence[Label],
    data: DataConfig,
    tell: Callable[[dict[str, Any]], None],
    time_left: Callable[[], float],
    keep: Path,
) -> str:
    """Choose the critical families and say why."""

    def on_family(family: Family) -> None:
        tell(
            {
                "kind": "family",
                "family": family.name,
                "rows": round(family.rows, 1),
                "tight": round(family.tight, 4),
                "rho": float(f"{family.rho:.4g}"),
                "speedup": None if family.speedup is None else round(family.speedup, 2),
                "critical": family.is_critical,
            }
        )

    chosen = choose(
        labels,
        oracle=data.oracle,
        time_limit=data.oracle_limit,
        time_left=time_left,
        keep=keep,
        on_family=on_family,
    )
    if not any(family.is_critical for family in chosen):
        is_measured = any(family.speedup is not None for family in chosen)
        what = "speeds the solver up by a quarter" if is_measured else "is often tight and often not"
        names = ", ".join(family.name for family in chosen) or "all rows"
        tell({"kind": "note", "message": f"no family of rows {what}: {names} learned all the same"})
    return families_text(chosen, survey(labels))


TRAINER = Trainer("ctc", "tight rows and binaries of MILPs, for constraint reduction", CtcConfig, train)
