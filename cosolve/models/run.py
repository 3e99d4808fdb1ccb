"""A training run: its steps, and what it keeps on disk to be used, to be compared and to be resumed."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from pathlib import Path
from time import perf_counter
from typing import IO, Any

import torch
from torch import Tensor, nn

from cosolve.core.errors import InvalidFileError, TrainingError
from cosolve.instances.files import lock, replacing
from cosolve.models import checkpoints

#: What Adam remembers of each parameter.
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")

#: Seconds after which the state is kept between two validations too: what a kill may cost.
_KEEP_EVERY = 300.0

#: File that is there, and locked, while a call is at a run.
_LOCK = "run.lock"

#: Key that says where something lies, not what it is.
_PLACE = "instances"

#: Settings of the training that stay as they are, and why.
_FIXED = {
    "validation_size": "gaps of other instances do not compare",
    "reward": "gaps of other service times do not compare",
    "seed": "what was drawn so far is of that one",
    "begin_from": "it began there",
}


class Run:
    """
    A run in a folder, and one call that goes on with it; the call's clock begins here.

    The random streams need no state: they are functions of the seed and the step.

    Parameters
    ----------
    folder
        Of the checkpoint.
    config
        Of the run: a dataclass of tables, of which only ``training`` may change on resume, and ``data.instances``.
    network, optimiser
        Whose state is kept; an Adam.
    family, problem
        Of the checkpoint.
    score
        Name of the value in a measurement that says which weights are best: the least.
    card
        Called with the config, the measurement that the weights belong to, the number of parameters and the device;
        returns the text of ``card.md``.
    device
        Of the network.
    time_limit
        Seconds after which no step begins.
    on_metrics
        Called with each measurement and other lines that are results.
    on_progress
        Called with what is done now, in words, and how much of it is done and there is in all; 0 and 0 if that can't
        be said.
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
        device: torch.device,
        time_limit: float = math.inf,
        on_metrics: Callable[[dict[str, Any]], None] | None = None,
        on_progress: Callable[[str, int, int], None] | None = None,
    ) -> None:
        self.folder, self.config = folder, config
        self.network, self.optimiser = network, optimiser
        self._family, self._problem, self._score, self._card = family, problem, score, card
        self._device, self._time_limit = device, time_limit
        self._begin = self._kept_at = perf_counter()
        self.tell = on_metrics or (lambda line: None)
        self.show = on_progress or (lambda what, done, total: None)
        self.step, self._earlier_seconds = 0, 0.0
        self.lines: list[dict[str, Any]] = []
        self._is_new_folder = False
        self._lock: IO[str] | None = None
        self._beginning: dict[str, Tensor] = {}
        self._parameters = dict(network.named_parameters())

    @contextmanager
    def opened(
        self,
        *,
        resume: bool = False,
        begin_from: str = "",
        load: Callable[[checkpoints.Checkpoint], None] | None = None,
    ) -> Iterator[None]:
        """
        Begin in a folder without a run, or go back to where the run there was; keep others from it meanwhile.

        A run that was ended before its first state is where it began. If Ctrl-C ends what is done inside, the steps
        made so far are kept; if an error does, no empty folder is left.

        Parameters
        ----------
        resume
            Whether there is a run.
        begin_from
            Folder or bundled name of a checkpoint whose weights the run begins from; empty for those of the network.
        load
            Gives the network a checkpoint's weights, if they need not be of the very same one.

        Raises
        ------
        ValueError
            If there is a run and is to be none, or the other way round; or what may not change is another now.
        InvalidFileError
            If its state or its measurements are damaged, or a table of its config but ``training`` is another; or the
            checkpoint is damaged or of another network.
        BlockingIOError
            If another process is at the run.
        """
        try:
            (self._restore if resume else self._begin_anew)(begin_from, load)
            try:
                yield
            except KeyboardInterrupt:
                self.leave()
                raise
        finally:
            if self._lock is not None:
                (self.folder / _LOCK).unlink(missing_ok=True)
                self._lock.close()
            if self._is_new_folder:
                with suppress(OSError):  # it is not empty
                    self.folder.rmdir()

    def _begin_anew(self, begin_from: str, load: Callable[[checkpoints.Checkpoint], None] | None) -> None:
        if checkpoints.holds_run(self.folder):
            what = "checkpoint" if (self.folder / checkpoints.CONFIG).is_file() else "run"
            raise ValueError(f"{self.folder} holds a {what} already; resume it, or choose another folder.")
        self._start(begin_from, load)

    def _lock_folder(self) -> None:
        """Keep other processes from the run, and find out now, not after the first steps, if nothing can be written."""
        path = self.folder / _LOCK
        while self._lock is None:
            stream = path.open("w")
            try:
                lock(stream, self.folder, "another training is at the run in this folder; wait for it")
            except OSError:
                stream.close()
                raise
            if _is_at(stream, path):
                self._lock = stream
            else:  # whoever had it has removed it since: a lock on it keeps nobody away
                stream.close()

    def _start(self, begin_from: str, load: Callable[[checkpoints.Checkpoint], None] | None) -> None:
        if begin_from:  # before a folder is made
            checkpoint = checkpoints.find(begin_from)
            if (checkpoint.family, checkpoint.problem) != (self._family, self._problem):
                raise ValueError(
                    f"training.begin_from: {begin_from} is a {checkpoint.family} network for {checkpoint.problem}, "
                    f"not a {self._family} one for {self._problem}."
                )
            checkpoint.load_into(self.network) if load is None else load(checkpoint)
        if self._lock is None:
            self._is_new_folder = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock_folder()
        self._beginning = {name: tensor.detach().clone() for name, tensor in self._state(0.0).items()}

    def _restore(self, begin_from: str, load: Callable[[checkpoints.Checkpoint], None] | None) -> None:
        if not checkpoints.holds_run(self.folder):
            raise ValueError(f"{self.folder} holds no run to resume: there is no {checkpoints.STATE}.")
        self._lock_folder()
        path = self.folder / checkpoints.STATE
        has_config = (self.folder / checkpoints.RUN).is_file()
        is_new = has_config and not any(
            (self.folder / name).is_file() for name in (checkpoints.STATE, checkpoints.CONFIG)
        )
        if not path.is_file() and not is_new:
            raise ValueError(f"{self.folder} holds no run to resume: there is no {checkpoints.STATE}.")
        kept = checkpoints.run_config(self.folder, type(self.config))
        for table in (f.name for f in fields(self.config) if f.name != "training"):
            tables = [{**asdict(getattr(it, table)), _PLACE: ""} for it in (kept, self.config)]
            if tables[0] != tables[1]:
                place = self.folder / (checkpoints.RUN if has_config else checkpoints.CONFIG)
                raise InvalidFileError(f"the run to resume has another table [{table}].", place)
        for name, why in _FIXED.items():
            before, now = (getattr(it.training, name, None) for it in (kept, self.config))
            if before != now:
                raise ValueError(f"training.{name} was {before!r} so far, not {now!r}: {why}.")
        if is_new:
            self._start(begin_from, load)
            return
        tensors = checkpoints.read_tensors(path)
        for name, dtype in (("run.step", torch.int64), ("run.seconds", torch.float64)):
            value = tensors.get(name)
            if value is None or (value.dtype, value.shape) != (dtype, ()) or not 0 <= value.item() < math.inf:
                raise InvalidFileError(f"not the state of a run: {name!r} must be a number >= 0.", path)
        self.step, self._earlier_seconds = int(tensors.pop("run.step")), float(tensors.pop("run.seconds"))
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

    def time_left(self) -> float:
        """Seconds in which steps may begin, negative once there are none."""
        return self._time_limit - (perf_counter() - self._begin)

    def go_on(
        self,
        loss_of_step: Callable[[int], tuple[Tensor, dict[str, Any]]],
        validate: Callable[[], dict[str, Any]],
        coverage: dict[str, tuple[float, float]],
        *,
        rate_of: Callable[[int], float],
        phase_of: Callable[[int], str] | None = None,
        max_steps: int | None = None,
    ) -> dict[str, Any]:
        """
        Make the steps of this call, each with one of the optimiser's; measure now and then, and at the end.

        Parameters
        ----------
        loss_of_step
            Called with a step's number; its loss, and what a measurement after it says besides the scores.
        validate
            Scores of the network as it is.
        coverage
            Of the checkpoint.
        rate_of
            Learning rate of a step.
        phase_of
            What a step is one of, in a word, for measurements; ``None`` where all are of one kind.
        max_steps
            At most; ``None`` for all that are left.

        Returns
        -------
        dict
            The last measurement.

        Raises
        ------
        TrainingError
            If a loss or score is not finite.
        """
        settings = self.config.training
        last = settings.steps if max_steps is None else min(settings.steps, self.step + max_steps)

        def measure(line: dict[str, Any]) -> None:
            self.show("validation", 0, 0)
            self._save({"step": self.step, **line, **validate()}, coverage)
            self.tell(self.lines[-1])

        if self.step and self.step % settings.validation_every == 0 and not self._is_measured():
            # The last call was cut off in it.
            measure({} if phase_of is None else {"phase": phase_of(self.step - 1)})
        while self.step < last and self.time_left() > 0:
            named = {} if phase_of is None else {"phase": phase_of(self.step)}
            self.show(named.get("phase", "training"), self.step, settings.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate_of(self.step)
            loss, line = loss_of_step(self.step)
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self._clip_gradient(settings.gradient_clip)
            with _uninterrupted():  # or a step would be half made
                self.optimiser.step()
                self.step += 1
            if self.step % settings.validation_every == 0:
                measure({**named, **line})
            elif perf_counter() - self._kept_at > _KEEP_EVERY:
                self.leave()
        if not self._is_measured():
            measure({"phase": "end of a slice"})
        return self.lines[-1]

    def _is_measured(self) -> bool:
        return bool(self.lines) and self.lines[-1]["step"] == self.step

    def _clip_gradient(self, most: float) -> None:
        """Scale the gradient of a step down to this norm; 0 for none."""
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), most or math.inf)
        if not bool(torch.isfinite(norm)):
            raise self._not_finite("gradient")

    def _not_finite(self, what: str) -> TrainingError:
        is_kept = (self.folder / checkpoints.STATE).is_file()
        saved = "the last state saved is good" if is_kept else "nothing is saved yet"
        return TrainingError(f"the {what} of step {self.step} is not finite; {saved}. Try a smaller rate.")

    def _save(self, line: dict[str, Any], coverage: dict[str, tuple[float, float]]) -> None:
        """
        Keep a measurement and the state; the weights too, if none was better.

        Raises
        ------
        TrainingError
            If the score is not finite; nothing is kept then.
        """
        if not math.isfinite(line[self._score]):
            raise self._not_finite(self._score)
        with _uninterrupted():
            self.keep_config()
            if not (self.folder / checkpoints.STATE).is_file():
                # A run that is killed from here on until its state is there goes on from its beginning.
                checkpoints.write_tensors(self.folder / checkpoints.STATE, self._beginning)
            line = {**line, "seconds": round(self._seconds(), 1)}
            is_best = all(line[self._score] <= earlier[self._score] for earlier in self.lines)
            self.lines.append(line)
            self._write_lines()
            if is_best:
                count = sum(p.numel() for p in self._parameters.values())
                checkpoints.write(
                    self.folder,
                    self.network.state_dict(),
                    family=self._family,
                    problem=self._problem,
                    config=self.config,
                    coverage=coverage,
                    card=self._card(self.config, line, count, self._device),
                )
            self._save_state(line["seconds"])

    def keep_config(self) -> None:
        """Keep the config, for runs that do something long before their first measurement."""
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoints.write_run_config(self.folder, self.config)

    def leave(self) -> None:
        """Keep the steps and seconds of a call as they are, without a measurement."""
        with _uninterrupted():
            self.keep_config()
            if self.step:
                self._write_lines()  # none may be missing, so none where there are none yet
            self._save_state(self._seconds())

    def _seconds(self) -> float:
        """Of this call and all before."""
        return self._earlier_seconds + perf_counter() - self._begin

    def _write_lines(self) -> None:
        with replacing(self.folder / checkpoints.METRICS) as temporary:
            temporary.write_text("".join(f"{json.dumps(entry)}\n" for entry in self.lines), encoding="utf-8")

    def _save_state(self, seconds: float) -> None:
        # All in one file: a run that is killed between two would have no state.
        checkpoints.write_tensors(self.folder / checkpoints.STATE, self._state(seconds))
        self._kept_at = perf_counter()

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


def _is_at(stream: IO[str], path: Path) -> bool:
    """Whether an open file is still the one of that path."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until what is inside is done; it comes to the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
    if pressed:
        signal.raise_signal(signal.SIGINT)
