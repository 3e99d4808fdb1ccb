"""What a training run keeps on disk: the checkpoint so far, the measurements, and what it takes to resume."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import torch
from torch import Tensor, nn

from cosolve.core.errors import InvalidFileError, TrainingError
from cosolve.instances.files import replacing
from cosolve.models import checkpoints

#: What Adam remembers of each parameter.
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


#: Settings of the training that stay as they are, and why.
_FIXED = {
    "validation_size": "gaps of other instances do not compare",
    "reward": "gaps of other service times do not compare",
    "seed": "what was drawn so far is of that one",
    "begin_from": "it began there",
}


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
        self._beginning: dict[str, Tensor] = {}
        self._parameters = dict(network.named_parameters())

    def begin(self, begin_from: str = "", load: Callable[[checkpoints.Checkpoint], None] | None = None) -> None:
        """
        Start in a folder without a run.

        Parameters
        ----------
        begin_from
            Folder or bundled name of a checkpoint whose weights the run begins from; empty for those of the network.
        load
            Gives the network a checkpoint's weights, if they need not be of the very same one.

        Raises
        ------
        ValueError
            If there is a run in the folder.
        InvalidFileError
            If the checkpoint is damaged or of another network.
        """
        if checkpoints.holds_run(self.folder):
            what = "checkpoint" if (self.folder / checkpoints.CONFIG).is_file() else "run"
            raise ValueError(f"{self.folder} holds a {what} already; resume it, or choose another folder.")
        self._begin(begin_from, load)

    def _begin(self, begin_from: str, load: Callable[[checkpoints.Checkpoint], None] | None) -> None:
        checkpoint = checkpoints.find(begin_from) if begin_from else None  # or no folder is made
        self.folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self.folder):  # fails now, not after the first steps
            pass
        if checkpoint is not None:
            checkpoint.load_into(self.network) if load is None else load(checkpoint)
        self._beginning = {name: tensor.detach().clone() for name, tensor in self._state(0.0).items()}

    def restore(self, begin_from: str = "", load: Callable[[checkpoints.Checkpoint], None] | None = None) -> None:
        """
        Go back to where the run in the folder was, which is its beginning if it was ended before its first state.

        Parameters
        ----------
        begin_from, load
            As of :meth:`begin`.

        Raises
        ------
        ValueError
            If there is none, or what may not change is another now.
        InvalidFileError
            If its state or its measurements are damaged, or a table of its config but ``training`` is another.
        """
        path = self.folder / checkpoints.STATE
        has_config = (self.folder / checkpoints.RUN).is_file()
        is_new = has_config and not any(
            (self.folder / name).is_file() for name in (checkpoints.STATE, checkpoints.CONFIG)
        )
        if not path.is_file() and not is_new:
            raise ValueError(f"{self.folder} holds no run to resume: there is no {checkpoints.STATE}.")
        kept = checkpoints.run_config(self.folder, type(self.config))
        for table in (f.name for f in fields(self.config) if f.name != "training"):
            if getattr(kept, table) != getattr(self.config, table):
                place = self.folder / (checkpoints.RUN if has_config else checkpoints.CONFIG)
                raise InvalidFileError(f"the run to resume has another table [{table}].", place)
        for name, why in _FIXED.items():
            before, now = (getattr(it.training, name, None) for it in (kept, self.config))
            if before != now:
                raise ValueError(f"training.{name} was {before!r} so far, not {now!r}: {why}.")
        if is_new:
            self._begin(begin_from, load)
            return
        with TemporaryFile(dir=self.folder):
            pass
        tensors = checkpoints.read_tensors(path)
        for name, dtype in (("run.step", torch.int64), ("run.seconds", torch.float64)):
            value = tensors.get(name)
            if value is None or (value.dtype, value.shape) != (dtype, ()) or not 0 <= value.item() < math.inf:
                raise InvalidFileError(f"not the state of a run: {name!r} must be a number >= 0.", path)
        self.step, self.seconds = int(tensors.pop("run.step")), float(tensors.pop("run.seconds"))
        names = [name for name in tensors if name.startswith("network.")]
        checkpoints.load_parameters(self.network, {name[8:]: tensors.pop(name) for name in names}, path)
        self._restore_moments(tensors, path)
        if self.step or (self.folder / checkpoints.METRICS).is_file():
            self.lines = [line for line in self._read_lines() if line["step"] <= self.step]

    def _restore_moments(self, tensors: dict[str, Tensor], path: Path) -> None:
        """Take what Adam remembers out of a state that has nothing else left."""
        for name, parameter in self._parameters.items():
            found = {key: tensors.pop(f"{key}.{name}", None) for key in _MOMENTS}
            if all(tensor is None for tensor in found.values()):
                continue  # before the first step, and where no gradient came so far
            moments = {}
            for key, tensor in found.items():
                if tensor is None:
                    raise InvalidFileError(f"not the state of a run: lacks '{key}.{name}'.", path)
                like = parameter
                if key == "step":  # beside the parameters only where one kernel updates them all
                    like = torch.ones((), device=parameter.device if self.optimiser.defaults["fused"] else "cpu")
                moments[key] = checkpoints.fit(tensor, like, f"{key}.{name}", path).to(like.device)
            if moments["step"] < 1 or bool((moments["exp_avg_sq"] < 0).any()):
                raise InvalidFileError(f"not the state of a run: Adam can't have got to that of {name!r}.", path)
            self.optimiser.state[parameter] = moments
        if tensors:
            raise InvalidFileError(f"not the state of a run: unknown {min(tensors)!r}.", path)
        if self.step and not self.optimiser.state:
            raise InvalidFileError("not the state of a run: steps, but nothing that Adam remembers of them.", path)

    def _read_lines(self) -> list[dict[str, Any]]:
        path = self.folder / checkpoints.METRICS
        if not path.is_file():
            raise InvalidFileError("there is no such file.", path)
        lines = []
        for number, text in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                line = json.loads(text)
            except (ValueError, RecursionError):
                line = None
            known = line if isinstance(line, dict) else {}
            if type(known.get("step")) is not int or type(known.get(self._score)) not in (int, float):
                raise InvalidFileError(f"must be a measurement with step and {self._score}.", path, number)
            lines.append(known)
        return lines

    def clip_gradient(self, most: float) -> None:
        """
        Scale the gradient of a step down to this norm; 0 for none.

        Raises
        ------
        TrainingError
            If it is not finite.
        """
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), most or math.inf)
        if not bool(torch.isfinite(norm)):
            raise self._not_finite("gradient")

    def _not_finite(self, what: str) -> TrainingError:
        saved = "the last state saved is good" if self.lines else "nothing is saved yet"
        return TrainingError(f"the {what} of step {self.step} is not finite; {saved}. Try a smaller rate.")

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

        Raises
        ------
        TrainingError
            If the score is not finite; nothing is kept then.
        """
        if not math.isfinite(line[self._score]):
            raise self._not_finite(self._score)
        self.keep_config()
        if not (self.folder / checkpoints.STATE).is_file():
            # A run that is killed from here on until its state is there goes on from its beginning.
            checkpoints.write_tensors(self.folder / checkpoints.STATE, self._beginning)
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
        self._save_state(line["seconds"])

    def keep_config(self) -> None:
        """Keep the config, for runs that do something long before their first measurement."""
        checkpoints.write_run_config(self.folder, self.config)

    def leave(self, seconds: float) -> None:
        """Keep the seconds of a call that came to no step."""
        self.keep_config()
        self._save_state(self.seconds + seconds)

    def _save_state(self, seconds: float) -> None:
        # All in one file: a run that is killed between two would have no state.
        checkpoints.write_tensors(self.folder / checkpoints.STATE, self._state(seconds))

    def _state(self, seconds: float) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {
            "run.step": torch.tensor(self.step),
            "run.seconds": torch.tensor(seconds, dtype=torch.float64),
        }
        tensors |= {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        for name, parameter in self._parameters.items():
            moments = self.optimiser.state.get(parameter, {})
            tensors |= {f"{key}.{name}": moments[key] for key in _MOMENTS if key in moments}
        return tensors
