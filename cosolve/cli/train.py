"""``cosolve train``: train a network, or go on with one, in slices of any length."""

from __future__ import annotations

import ctypes
import math
import sys
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from cosolve.cli.console import print_json
from cosolve.cli.errors import DONE, INTERRUPTED, UsageError
from cosolve.cli.progress import TrainingProgress

_EPILOG = """
\b
Examples:
  cosolve train decost --size 50 --width 100 --out models/mine --device cuda
  cosolve train decost --config decost-50-100 --out models/mine --time-limit 600
  cosolve train decost --out models/mine --resume --time-limit 600
  cosolve train decost --out models/mine --resume --set training.reinforce_steps=20000
  cosolve train ctc --instances my-milps --out models/mine
  cosolve train rrnco --set data.problem=atsp --size 50 --out models/mine
  python -m pydoc cosolve.models.decost.config        (every key and its meaning; or ctc, or rrnco)

A run that was stopped, by a limit, Ctrl-C or otherwise, goes on with --resume; its config is kept, and only the table
"training" may be changed, and --instances where they were moved. More: docs/decost.md, docs/constraint-reduction.md,
docs/rrnco.md.
"""


# Of glibc's mallopt: how much freed memory the heap keeps, and from what size on a block has pages of its own.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train", epilog=_EPILOG, no_args_is_help=True)(train)


def train(
    family: Annotated[str, typer.Argument(help="Family of networks: decost, ctc, rrnco.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Checkpoint folder.", show_default=False)],
    config: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="TOML file, or the checkpoint whose config.toml is meant."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="One value of the config.")
    ] = None,
    instances: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Short for --set data.instances=FOLDER.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Short for --set data.size=N.", show_default=False)] = None,
    width: Annotated[float | None, typer.Option(help="Short for --set data.width=W.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Short for --set training.seed=N.", show_default=False)] = None,
    max_steps: Annotated[int | None, typer.Option(help="Steps of this call at most.", min=0)] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds after which no step begins.", min=0)] = math.inf,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in FOLDER.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads.", min=1)] = 1,
    json: Annotated[bool, typer.Option("--json", help="Measurements as JSON lines.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Train a network; its checkpoint is complete and usable after every measurement."""
    from cosolve.models import checkpoints, trainers
    from cosolve.models.devices import caution, device_of

    trainer = trainers.get(family)
    pairs = list(set_ or [])
    short = {"data.instances": instances, "data.size": size, "data.width": width, "training.seed": seed}
    for key, value in short.items():
        if value is not None:
            if any(pair.partition("=")[0].strip() == key for pair in set_ or []):
                raise UsageError(f"--{key.partition('.')[2]} and --set {key} say the same: leave one of them out.")
            pairs.append(f"{key}={value}")
    chosen = _config(trainer.config_type, config, pairs, out if resume else None)
    report = (lambda line: None) if quiet else print_json if json else _print
    reported = []

    def tell(line: dict[str, Any]) -> None:
        reported.append(line.get("step"))
        with progress.hidden():
            report(line)

    warning = caution(device_of(device), getattr(chosen.training, "precision", "float32"))
    if warning and not quiet:
        print(f"{warning} Choose it by --set training.precision=float32.", file=sys.stderr)
    _keep_freed_memory()
    try:
        with TrainingProgress(quiet=quiet) as progress:
            result = trainer.train(
                chosen,
                out,
                max_steps=max_steps,
                time_limit=time_limit,
                resume=resume,
                device=device,
                threads=threads,
                on_metrics=tell,
                on_progress=progress.show,
            )
    except KeyboardInterrupt:
        if checkpoints.holds_run(out) and not quiet:
            print(f"interrupted; what was done is kept: go on with --out {out} --resume.", file=sys.stderr)
        return INTERRUPTED
    if not reported:
        is_done = result["step"] >= chosen.training.steps
        report({"kind": "all steps were done before" if is_done else "no step was made", **result})
    return DONE


def _keep_freed_memory() -> None:
    """
    Let glibc keep what is freed until the process ends.

    PyTorch frees the same large blocks after every step and asks for them again: on a CPU a fifth of the time of a step
    was that of pages given back and taken anew.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # other libraries of C have none
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)


def _config(kind: type[Any], name: str | None, pairs: list[str], kept: Path | None) -> Any:
    """Config of the kept run or of a file or bundled checkpoint or the default one, with the single values on top."""
    from cosolve.core.values import convert_value
    from cosolve.models import checkpoints

    if name is not None and kept is not None:
        raise UsageError("--resume goes on with the run's own config: leave out --config.")
    if kept is not None and not checkpoints.holds_run(kept):
        raise UsageError(f"--resume: {kept} holds no run; begin one there without --resume.")
    base = kind()
    if kept is not None:
        base = checkpoints.run_config(kept, kind)
    elif name is not None:
        file = Path(name)
        if file.is_dir() or not file.exists():
            file = checkpoints.find(name).folder / checkpoints.CONFIG
        base = checkpoints.config_from(kind, checkpoints.read_tables(file), file)
    tables = checkpoints.config_tables(base)
    hints = {table: get_type_hints(part) for table, part in get_type_hints(kind).items()}
    for pair in pairs:
        place, separator, text = pair.partition("=")
        table, _, key = place.strip().replace("-", "_").partition(".")
        if not separator or key not in hints.get(table, {}):
            known = ", ".join(f"{t}.{k}" for t, keys in hints.items() for k in keys)
            raise UsageError(f"--set must be TABLE.KEY=VALUE, got {pair!r}; keys: {known}.")
        tables[table][key] = convert_value(text, hints[table][key], f"--set {place}")
    return checkpoints.config_from(kind, tables)


def _print(line: dict[str, Any]) -> None:
    """One line: the step first, numbers short; labels and other notes have no step."""
    words = [f"step {line['step']}"] if "step" in line else []
    words += [
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in line.items()
        if key != "step" and value is not None
    ]
    print("  ".join(words), flush=True)
