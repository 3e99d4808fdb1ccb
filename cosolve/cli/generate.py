"""``cosolve generate``: seeded instances of published families, with a manifest."""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosolve.cli.errors import DONE, UsageError
from cosolve.cli.paths import check_folder, check_writable, is_folder

if TYPE_CHECKING:
    from cosolve.core.instance import Instance
    from cosolve.instances.generators import Generator

_EPILOG = """
\b
Examples:
  cosolve generate tsp --distribution dimacs --name E10k.0 --out E10k.0
  cosolve generate tsp --distribution uniform --param size=500 --seed 3 --count 10 --out train/
  cosolve info generators

--count N with N > 1 needs a folder: files get a number each, and its manifest.json lists name, digest,
parameters, seed and reference of every instance. A single file gets a manifest only with --manifest. Instance
i of several has the seed that the manifest names, derived from --seed and i alone; a single instance has
--seed itself.
"""

#: Keys of ``meta`` under which a generator may put a known optimum or best value.
_REFERENCES = ("reference", "optimum", "best_known")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("generate", epilog=_EPILOG, no_args_is_help=True)(generate)


def generate(
    problem: Annotated[str, typer.Argument(help="Problem key (cosolve info problems).", show_default=False)],
    distribution: Annotated[
        str | None, typer.Option(help="Family (cosolve info generators); without it the first of the problem.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="A named instance of the family; short for --param name=NAME.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="KEY=VALUE", help="Parameter of the family.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed.", min=0)] = 0,
    count: Annotated[int, typer.Option(help="Number of instances.", min=1)] = 1,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="File to write, or a folder (there, or with a slash behind it).")
    ] = ".",
    format: Annotated[str | None, typer.Option(help="Format to write; else by the suffix of FILE.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Manifest; manifest.json in the folder if --out is one.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Generate instances, bit by bit the same wherever the seed is the same."""
    from cosolve.cli.values import split_pairs, typed
    from cosolve.instances.files import is_stream

    family = _family(problem, distribution)
    key = f"{family.problem}/{family.distribution}"
    pairs = split_pairs(param or [], "--param")
    if name is not None:
        if pairs.setdefault("name", name) != name:
            raise UsageError(f"--name {name} and --param name={pairs['name']} contradict each other.")
        if count > 1:
            raise UsageError("--name means one instance: --count must be 1.")
    parameters = typed(pairs, family.parameters, key)
    in_folder, target = count > 1 or is_folder(out), Path(out)
    if in_folder:
        check_folder(out, "--out with --count above 1")
    else:
        check_writable(target, pairs.get("file"))
    if manifest is not None:
        check_writable(manifest, pairs.get("file"), made=target if in_folder else None)
        if not in_folder and not is_stream(manifest) and os.path.realpath(manifest) == os.path.realpath(target):
            raise UsageError(f"--manifest {manifest} would overwrite the instance; name another file.")
    elif in_folder:
        manifest = target / "manifest.json"

    entries: list[dict[str, Any]] = []
    seeds = _seeds(seed, count, family.num_seeds)
    instances = (family.generate(seed=child, **parameters) for child in seeds)
    first = list(islice(instances, 2))  # before anything is written
    if len({instance.digest for instance in first}) < len(first):
        raise UsageError(f"{key} with these parameters does not depend on the seed: --count must be 1.")
    if in_folder and manifest is not None:
        stems = [_stem(first[0], index if count > 1 else None, family.distribution) for index in range(count)]
        names = {stem + suffix for stem in stems for _, suffix in _writers(family.problem, format)}
        place = Path(os.path.realpath(manifest))
        if place.name in names and str(place.parent) == os.path.realpath(target):
            raise UsageError(f"--manifest {manifest} would overwrite an instance; name another file.")
    with _made(target) if in_folder else nullcontext():
        for index, (child, instance) in enumerate(zip(seeds, chain(first, instances), strict=True)):
            path = _write(instance, target, in_folder, format, index if count > 1 else None, family.distribution)
            entries.append(_entry(instance, path, manifest, child))
            if not quiet:
                print(f"{path}: {instance.problem} {instance.name}, size {instance.size}")
        if manifest is not None:
            _write_manifest(manifest, key, seed, parameters, entries)
    return DONE


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder and its parents; after an error those that were made and hold nothing are removed."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for path in made:
                path.rmdir()
        raise


def _family(problem: str, distribution: str | None) -> Generator:
    from cosolve.core.problem import problems
    from cosolve.core.values import near
    from cosolve.instances.generators import generators

    if problem not in problems:
        raise UsageError(f"unknown problem {problem!r}{near(problem, problems)}; known: {', '.join(problems)}.")
    names = [name.partition("/")[2] for name in generators if name.partition("/")[0] == problem]
    if not names:
        raise UsageError(f"no generator makes {problem} instances.")
    if distribution is not None and distribution not in names:
        hint = near(distribution, names)
        raise UsageError(f"unknown distribution {distribution!r} of {problem}{hint}; known: {', '.join(names)}.")
    return generators.get(f"{problem}/{distribution or names[0]}")


def _seeds(seed: int, count: int, num_seeds: int) -> list[int]:
    """The seed itself for one instance, else one below ``num_seeds`` each, a function of ``seed`` and the index."""
    if count == 1:
        return [seed]
    import numpy as np

    return [int(child.generate_state(1)[0]) % num_seeds for child in np.random.SeedSequence(seed).spawn(count)]


def _write(instance: Instance, out: Path, in_folder: bool, format: str | None, index: int | None, family: str) -> Path:
    import cosolve

    if not in_folder:
        cosolve.write(instance, out, format=format)
        return out
    refused: ValueError | None = None
    for chosen, suffix in _writers(instance.problem, format):
        path = out / f"{_stem(instance, index, family)}{suffix}"
        try:
            cosolve.write(instance, path, format=chosen)
        except ValueError as error:  # this format can't hold the instance
            refused = refused or error
        else:
            return path
    assert refused is not None
    raise refused


def _stem(instance: Instance, index: int | None, family: str) -> str:
    """Name of a file in a folder, without its suffix."""
    return instance.name or family if index is None else f"{family}-{index:04d}"


def _writers(problem: str, format: str | None) -> list[tuple[str, str]]:
    """Formats that are tried in turn for a file in a folder, each with its suffix."""
    from cosolve.instances.files import writing_formats

    return [
        (chosen.name, next((s for s, keys in chosen.suffixes.items() if problem in keys), ".txt"))
        for chosen in writing_formats(problem, "", format)
    ]


def _entry(instance: Instance, path: Path, manifest: Path | None, seed: int) -> dict[str, Any]:
    meta = dict(instance.meta)
    file = os.path.relpath(path, manifest.parent) if manifest is not None else str(path)
    return {
        "file": file,
        "name": instance.name,
        "problem": instance.problem,
        "size": instance.size,
        "digest": instance.digest,
        "seed": seed,
        "reference": next((meta[key] for key in _REFERENCES if key in meta), None),
        "meta": meta,
    }


def _write_manifest(path: Path, key: str, seed: int, parameters: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    from cosolve import __version__
    from cosolve.core.result import jsonable
    from cosolve.instances.files import replacing

    content = {
        "generator": key,
        "cosolve": __version__,
        "seed": seed,
        "count": len(entries),
        "parameters": parameters,
        "instances": entries,
    }
    with replacing(path) as temporary:
        temporary.write_text(json_module.dumps(jsonable(content), indent=2, allow_nan=False) + "\n")
