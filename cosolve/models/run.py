"""What a training run keeps on disk: the checkpoint so far, the measurements, and what it takes to resume."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cosolve.core.errors import InvalidFileError
from cosolve.instances.files import replacing
from cosolve.models import checkpoints

#: What Adam remembers of each parameter.
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class Run:
    """
    A run in a folder.

    The random streams need no state: they are functions of the seed and the step.

    Parameters
    ----------
    folder
        Of the checkpoint.
    config
        Of the run: a dataclass of tables, of which only ``training`` may change on resume.
    network, optimiser
        Whose state is kept; an Adam.
    family, problem
        Of the checkpoint.
    score
        Name of the value in a measurement that says which weights are best: the least.
    card
        Called with the config, the measurement that the weights belong to, the number of parameters and the device;
        returns the text of ``card.md``.
    """

    def __init__(
        self,
        folder: Path,
        config: Any,
        network: nn.Module,
        optimiser: torch.optim.Adam,
        *,
        family: str,
        problem: str,
        score: str,
        card: Callable[[Any, dict[str, Any], int, torch.device], str],
    ) -> None:
        self.folder, self.config = folder, config
        self.network, self.optimiser = network, optimiser
        self._family, self._problem, self._score, self._card = family, problem, score, card
        self.step, self.seconds = 0, 0.0
        self.lines: list[dict[str, Any]] = []
        self._parameters = dict(network.named_parameters())

    def begin(self, begin_from: str = "") -> None:
        """
        Start in a folder without a run.

        Parameters
        ----------
        begin_from
            Folder or bundled name of a checkpoint whose weights the run begins from; empty for those of the network.

        Raises
        ------
        ValueError
            If there is a run in the folder.
        InvalidFileError
            If the checkpoint is damaged or of another network.
        """
        if (self.folder / checkpoints.CONFIG).exists():
            raise ValueError(f"{self.folder} holds a checkpoint already; resume it, or choose another folder.")
        self.folder.mkdir(parents=True, exist_ok=True)  # fails now, not after the first steps
        if begin_from:
            checkpoints.find(begin_from).load_into(self.network)

    def restore(self) -> None:
        """
        Go back to where the run in the folder was.

        Raises
        ------
        ValueError
            If there is none.
        InvalidFileError
            If its state is damaged, or a table of its config but ``training`` is another.
        """
        path = self.folder / checkpoints.STATE
        if not path.is_file():
            raise ValueError(f"{self.folder} holds no run to resume: there is no {checkpoints.STATE}.")
        kept = checkpoints.run_config(self.folder, type(self.config))
        for table in (f.name for f in fields(self.config) if f.name != "training"):
            if getattr(kept, table) != getattr(self.config, table):
                raise InvalidFileError(
                    f"the run to resume has another table [{table}].", self.folder / checkpoints.CONFIG
                )
        kept_size, size = (getattr(it.training, "validation_size", None) for it in (kept, self.config))
        if kept_size != size:
            raise ValueError(f"validation_size was {kept_size} so far: gaps of {size} other instances do not compare.")
        tensors = checkpoints.read_tensors(path)
        weights = {name[8:]: tensor for name, tensor in tensors.items() if name.startswith("network.")}
        checkpoints.load_parameters(self.network, weights, path)
        try:
            self.step, self.seconds = int(tensors["run.step"]), float(tensors["run.seconds"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise InvalidFileError(f"not the state of a run: {error}.", path) from None
        for name, parameter in self._parameters.items():
            if f"{_MOMENTS[1]}.{name}" in tensors:
                self.optimiser.state[parameter] = {
                    key: tensors[f"{key}.{name}"].to(parameter.device if key != "step" else "cpu") for key in _MOMENTS
                }
        lines = (self.folder / checkpoints.METRICS).read_text(encoding="utf-8").splitlines()
        self.lines = [line for line in map(json.loads, lines) if line["step"] <= self.step]

    def save(
        self, line: dict[str, Any], seconds: float, device: torch.device, coverage: dict[str, tuple[float, float]]
    ) -> None:
        """
        Keep a measurement and the state; the weights too, if none was better.

        Parameters
        ----------
        line
            With the step and the scores of a validation.
        seconds
            Since this call of ``train`` began; those of earlier calls are added.
        device
            For the card.
        coverage
            Of the checkpoint.
        """
        line = {**line, "seconds": round(self.seconds + seconds, 1)}
        is_best = all(line[self._score] <= earlier[self._score] for earlier in self.lines)
        self.lines.append(line)
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / checkpoints.METRICS) as temporary:
            temporary.write_text("".join(f"{json.dumps(entry)}\n" for entry in self.lines), encoding="utf-8")
        if is_best:
            checkpoints.write(
                self.folder,
                self.network.state_dict(),
                family=self._family,
                problem=self._problem,
                config=self.config,
                coverage=coverage,
                card=self._card(self.config, line, sum(p.numel() for p in self._parameters.values()), device),
            )
        checkpoints.write_run_config(self.folder, self.config)
        self._save_state(line["seconds"])

    def _save_state(self, seconds: float) -> None:
        # All in one file: a run that is killed between two would have no state.
        tensors: dict[str, Tensor] = {
            "run.step": torch.tensor(self.step),
            "run.seconds": torch.tensor(seconds, dtype=torch.float64),
        }
        tensors |= {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, parameter in self._parameters.items():
            moments = self.optimiser.state.get(parameter, {})
            tensors |= {f"{key}.{name}": moments[key] for key in _MOMENTS if key in moments}
        checkpoints.write_tensors(self.folder / checkpoints.STATE, tensors)
