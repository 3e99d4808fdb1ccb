"""
Checkpoints: folders that hold a network's weights, what it is, and how it came to be.

======================  ==============================================================================================
``weights.safetensors``  parameters, by the names of the network's modules
``config.toml``          ``[checkpoint]`` (family, problem), the tables of the family's config, and ``[coverage]``:
                         least and greatest value of a few facts about the instances it was trained on
``card.md``              training data, hardware, seconds and results, for people
``metrics.jsonl``        one line for each measurement during training
``state.safetensors``    only while training goes on: what it takes to resume
``run.toml``             as that one: the config it goes on with, where ``config.toml`` is that of the weights;
                         without the first four where nothing is measured yet
``*.json``, ``*.jsonl``  what a run keeps beside that: costs, seconds or solutions that took it long to find
======================  ==============================================================================================

Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

import cosolve
from cosolve.core.errors import InvalidFileError, UnsupportedProblemError
from cosolve.core.toml import read_toml
from cosolve.instances.files import replacing

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)
P = ParamSpec("P")

WEIGHTS, CONFIG, CARD, METRICS, STATE, RUN = (
    "weights.safetensors",
    "config.toml",
    "card.md",
    "metrics.jsonl",
    "state.safetensors",
    "run.toml",
)

#: What parameters may be stored as.
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True)
class Checkpoint:
    """
    A checkpoint without its weights.

    Parameters
    ----------
    folder
        Where it lies.
    family, problem
        Of the network, and what its instances are.
    tables
        The tables of the family's config.
    coverage
        Fact about an instance to its least and greatest value in training.
    """

    folder: Path
    family: str
    problem: str
    tables: Mapping[str, Any]
    coverage: Mapping[str, tuple[float, float]]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def outside(self, facts: Mapping[str, float]) -> list[str]:
        """What lies outside of the training data, one phrase for each fact."""
        return [
            f"{name} {facts[name]:.4g} is outside {low:.4g}..{high:.4g}"
            for name, (low, high) in self.coverage.items()
            if name in facts and not low <= facts[name] <= high
        ]

    def distance(self, facts: Mapping[str, float]) -> float:
        """How far outside: 0 inside, and for each fact at most 1 more, that is where it is far beyond its range."""
        total = 0.0
        for name, (low, high) in self.coverage.items():
            value = facts.get(name, low)
            excess = max(low - value, value - high, 0.0)
            total += excess / max(abs(low), abs(high), excess, 1e-300) if excess > 0 else 0.0
        return total

    def config(self, kind: type[T]) -> T:
        """
        The family's config.

        Raises
        ------
        InvalidFileError
            If a table or key is unknown or missing, or a value is of the wrong type or out of range.
        """
        return config_from(kind, self.tables, self.folder / CONFIG)

    def network(self, make: Callable[[], N]) -> N:
        """
        A network with the weights; it takes no memory before they are known to fit.

        Raises
        ------
        InvalidFileError
            See :meth:`load_into`.
        """
        with torch.device("meta"):
            network = make()
        self.load_into(network)
        return network

    def load_into(self, network: nn.Module) -> None:
        """
        Give a network the weights.

        Raises
        ------
        InvalidFileError
            If the file is no safetensors file, or its names, shapes or types are not those of the network.
        """
        load_parameters(network, read_tensors(self.folder / WEIGHTS), self.folder / WEIGHTS)


def kept_while_unchanged(load: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Keep what a function makes of the last eight folders, each as long as its weights on disk are the same file."""

    @lru_cache(maxsize=8)
    def kept(stamp: tuple[int, int], folder: Path, *args: P.args, **kwargs: P.kwargs) -> T:
        return load(folder, *args, **kwargs)

    @wraps(load)
    def current(folder: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        path = folder / WEIGHTS
        if not path.is_file():
            return load(folder, *args, **kwargs)  # which says what is missing
        status = path.stat()
        return kept((status.st_mtime_ns, status.st_size), folder, *args, **kwargs)  # type: ignore[arg-type]

    return current


def bundled_folder() -> Path:
    """Where the checkpoints that come with cosolve lie: in the package when installed, else in the checkout."""
    package = Path(cosolve.__file__).parent
    inside = package / "_data" / "models"
    return inside if inside.is_dir() else package.parent / "models"


@lru_cache
def bundled(family: str) -> list[Checkpoint]:
    """The checkpoints of a family that come with cosolve, by name."""
    folders = sorted(path.parent for path in bundled_folder().glob(f"*/{CONFIG}"))
    return [checkpoint for checkpoint in map(read, folders) if checkpoint.family == family]


def find(name: str) -> Checkpoint:
    """
    Checkpoint in a folder, or a bundled one by name.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    InvalidFileError
        If it is malformed.
    """
    folder = Path(name)
    if not (folder / CONFIG).is_file():
        folder = bundled_folder() / name
    if not (folder / CONFIG).is_file():
        known = ", ".join(sorted(path.parent.name for path in bundled_folder().glob(f"*/{CONFIG}"))) or "none"
        raise FileNotFoundError(2, f"neither a checkpoint folder with a {CONFIG} nor a bundled one ({known})", name)
    return read(folder)


def choose(
    family: str, name: str, facts: Mapping[str, float], problem: str | None = None
) -> tuple[Checkpoint, list[str]]:
    """
    A checkpoint for an instance, and what of the instance lies outside of its training data.

    Parameters
    ----------
    family
        Of networks.
    name
        Folder or bundled name; empty for the bundled one whose training data are nearest.
    facts
        About the instance, by the names of the family's coverage.
    problem
        That the checkpoint must be for, if its family has networks for several.

    Raises
    ------
    FileNotFoundError
        If there is no such checkpoint.
    UnsupportedProblemError
        If it is of another family or for another problem.
    """
    candidates = [find(name)] if name else [one for one in bundled(family) if problem in (None, one.problem)]
    if not candidates:
        whose = f"{family} checkpoint" + (f" for {problem}" if problem else "")
        raise FileNotFoundError(2, f"no {whose} is bundled; name one by the option checkpoint")
    if candidates[0].family != family:
        raise UnsupportedProblemError(f"checkpoint {name!r} is a {candidates[0].family} network, not a {family} one.")
    if problem not in (None, candidates[0].problem):
        raise UnsupportedProblemError(f"checkpoint {name!r} is for {candidates[0].problem}, not for {problem}.")
    best = min(candidates, key=lambda checkpoint: checkpoint.distance(facts))
    return best, best.outside(facts)


def read(folder: Path) -> Checkpoint:
    """
    Read a checkpoint's description.

    Raises
    ------
    InvalidFileError
        If it is malformed.
    """
    path = folder / CONFIG
    tables = read_toml(path)
    about, ranges = tables.pop("checkpoint", None), tables.pop("coverage", {})
    if not isinstance(about, dict) or not all(isinstance(about.get(key), str) for key in ("family", "problem")):
        raise InvalidFileError("[checkpoint] must have the texts family and problem.", path)
    if not isinstance(ranges, dict):
        raise InvalidFileError("coverage must be a table.", path)
    coverage = {}
    for name, limits in ranges.items():
        is_pair = isinstance(limits, list) and len(limits) == 2 and all(type(v) in (int, float) for v in limits)
        if not is_pair or not limits[0] <= limits[1]:
            raise InvalidFileError(f"[coverage] {name} must be [least, greatest], got {limits!r}.", path)
        coverage[name] = (float(limits[0]), float(limits[1]))
    return Checkpoint(folder, about["family"], about["problem"], tables, coverage)


def read_tables(path: Path) -> dict[str, Any]:
    """
    Tables of a family's config in a file; those that a checkpoint adds are left out.

    Raises
    ------
    InvalidFileError
        If it is not TOML.
    """
    return {name: values for name, values in read_toml(path).items() if name not in ("checkpoint", "coverage")}


def write(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    family: str,
    problem: str,
    config: Any,
    coverage: Mapping[str, tuple[float, float]],
    card: str,
) -> None:
    """
    Write all files of a checkpoint but the metrics; each appears complete or not at all.

    Parameters
    ----------
    folder
        Made if it is not there.
    config
        Frozen dataclass of frozen dataclasses, one table each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "checkpoint": {"family": family, "problem": problem, "cosolve": cosolve.__version__},
        **asdict(config),
        "coverage": {name: list(limits) for name, limits in coverage.items()},
    }
    write_tensors(folder / WEIGHTS, weights)
    for name, text in ((CONFIG, toml_text(tables)), (CARD, card)):
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def write_run_config(folder: Path, config: Any) -> None:
    """Keep the config of a run beside the state that it goes on from."""
    with replacing(folder / RUN) as temporary:
        temporary.write_text(toml_text(asdict(config)), encoding="utf-8")


def holds_run(folder: Path) -> bool:
    """Whether a checkpoint lies there, or a run that was begun and is not measured yet."""
    return (folder / CONFIG).is_file() or (folder / RUN).is_file()


def run_config(folder: Path, kind: type[T]) -> T:
    """
    Config of the run in a folder.

    Raises
    ------
    InvalidFileError
        If it is damaged, or there is none.
    """
    path = folder / RUN
    # Runs that were begun without that file go on with the config of their best weights.
    return config_from(kind, read_tables(path), path) if path.is_file() else read(folder).config(kind)


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file."""
    with replacing(path) as temporary:
        temporary.write_bytes(save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


def read_tensors(path: Path) -> dict[str, Tensor]:
    """
    Read a safetensors file.

    Raises
    ------
    InvalidFileError
        If it is something else, a pickle for example.
    """
    if not path.is_file():
        raise InvalidFileError("there is no such file.", path)
    try:
        return load_file(path)
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidFileError(f"not a safetensors file: {error}", path) from None


def load_parameters(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """
    Copy tensors into a network's parameters, which get their memory now if they are on PyTorch's device "meta".

    Raises
    ------
    InvalidFileError
        If a parameter is missing, unknown, of another shape, no floating-point numbers, or not finite.
    """
    own = network.state_dict()
    for what, names in (("lacks", own.keys() - tensors.keys()), ("has an unknown", tensors.keys() - own.keys())):
        if names:
            raise InvalidFileError(f"{what} parameter {min(names)!r}.", path)
    fitted = {name: fit(tensor, own[name], name, path) for name, tensor in tensors.items()}
    if any(tensor.is_meta for tensor in own.values()):
        network.to_empty(device="cpu")
    network.load_state_dict(fitted, strict=True)


def fit(tensor: Tensor, like: Tensor, name: str, path: Path) -> Tensor:
    """
    A parameter, or what is kept of one, in the precision of the network's.

    Raises
    ------
    InvalidFileError
        If it is of another shape, no floating-point numbers, or not finite.
    """
    if tensor.shape != like.shape:
        shapes = f"{tuple(tensor.shape)}, the network's is {tuple(like.shape)}"
        raise InvalidFileError(f"parameter {name!r} has shape {shapes}.", path)
    if tensor.dtype not in _DTYPES:
        raise InvalidFileError(f"parameter {name!r} must have floats of 16 to 64 bits, has {tensor.dtype}.", path)
    tensor = tensor.to(like.dtype)
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidFileError(f"parameter {name!r} has values that are not finite.", path)
    return tensor


def config_from(kind: type[T], tables: Mapping[str, Any], path: Path | None = None) -> T:
    """
    Dataclass of dataclasses from the tables of a file.

    Raises
    ------
    InvalidFileError
        If a table or key is unknown, or a value is of the wrong type or out of range.
    """
    hints = get_type_hints(kind)
    unknown = sorted(set(tables) - set(hints))
    if unknown:
        raise InvalidFileError(f"unknown table [{unknown[0]}]; allowed: {', '.join(hints)}.", path)
    parts = {}
    for table, values in tables.items():
        if not isinstance(values, Mapping):
            raise InvalidFileError(f"{table} must be a table.", path)
        parts[table] = _table(hints[table], table, values, path)
    return kind(**parts)


def _table(kind: Any, table: str, values: Mapping[str, Any], path: Path | None) -> Any:
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for key, value in values.items():
        if key not in hints:
            raise InvalidFileError(f"[{table}] has no {key!r}; it has: {', '.join(hints)}.", path)
        if type(value) is int and not -(2**63) <= value < 2**63:
            raise InvalidFileError(f"[{table}] {key} must be within 64 bits, got {str(value)[:24]}.", path)
        if hints[key] is float and type(value) is int:
            value = float(value)
        if type(value) is not hints[key]:
            raise InvalidFileError(f"[{table}] {key} must be {hints[key].__name__}, got {value!r}.", path)
        given[key] = value
    try:
        return kind(**given)  # type: ignore[operator]
    except ValueError as error:
        raise InvalidFileError(f"[{table}] {error}", path) from None


def config_tables(config: Any) -> dict[str, dict[str, Any]]:
    """Inverse of :func:`config_from`."""
    return {f.name: asdict(getattr(config, f.name)) for f in fields(config)}


def toml_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of texts, numbers, truth values and lists of numbers as TOML, which spells these as JSON does."""
    parts = []
    for name, values in tables.items():
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
        parts.append("\n".join([f"[{name}]", *lines]))
    return "\n\n".join(parts) + "\n"
