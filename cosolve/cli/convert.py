"""``cosolve convert``: the same instance or solution in another format."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cosolve.cli.errors import DONE, UsageError
from cosolve.cli.paths import check_writable, locate, resolve

_EPILOG = """
\b
Examples:
  cosolve convert graph.col graph.metis --problem mis
  cosolve convert ft06.txt ft06.fjs --format jsplib
  cosolve convert wiki.txt.gz wiki.gr --from edge-list --problem mds
  cosolve convert --instance berlin52.tsp berlin52.opt.tour best.json

The result is read back, without a format unless --to names one, and compared before it takes the place of OUT:
what a format can't hold is refused, never lost.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("convert", epilog=_EPILOG, no_args_is_help=True)(convert)


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File to read.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.", show_default=False)],
    instance: Annotated[
        str | None, typer.Option(metavar="FILE", help="Instance file: IN and OUT are solutions of it.")
    ] = None,
    problem: Annotated[str | None, typer.Option(help="Problem, where a file fits several (mis or mds).")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Format of IN; else by its content.")] = None,
    format: Annotated[
        str | None, typer.Option(help="Format of the instance file, where it fits several: of FILE, else as --from.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Format of OUT; else by its suffix, if a format claims that.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the instance's reader.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Convert an instance file, or with --instance a solution file."""
    import cosolve
    from cosolve.cli.values import reader_options

    check_writable(target, source, instance)
    options = reader_options(set_ or [])
    path, bundled_problem = locate(instance or source)
    problem = problem or bundled_problem
    if instance is None:
        if None not in (from_, format) and from_ != format:
            raise UsageError(f"--from {from_} and --format {format} contradict each other.")
        data = cosolve.read(path, problem=problem, format=from_ or format, **options)
        written = _write_instance(data, target, to)
    else:
        data = cosolve.read(path, problem=problem, format=format, **options)
        written = _write_solution(data, resolve(source), target, from_, to)
    if not quiet:
        print(f"{target}: {written}")
    return DONE


def _write_instance(instance: object, target: Path, to: str | None) -> str:
    import cosolve
    from cosolve.instances.files import is_stream

    assert isinstance(instance, cosolve.Instance)
    text = f"{instance.problem} {instance.name}, size {instance.size}, format "
    if is_stream(target):
        return text + cosolve.write(instance, target, format=to)
    with _folder_beside(target) as folder:
        draft = Path(folder) / target.name
        chosen = cosolve.write(instance, draft, format=to)
        try:  # as anybody will read it: without a format, unless one was asked for
            copy = cosolve.read(draft, problem=instance.problem, format=to)
        except cosolve.InvalidInstanceError as error:
            text = f"{target} would not be read back, and is not written (--to says which format is meant)"
            raise UsageError(f"{text}: {error.message}") from None
        if copy != instance:
            raise UsageError(f"format {chosen!r} can't hold all of {instance.name or 'this instance'}: not written.")
        os.replace(draft, os.path.realpath(target))
    return text + chosen


def _write_solution(instance: object, source: Path, target: Path, from_: str | None, to: str | None) -> str:
    import cosolve
    from cosolve.instances.files import is_stream

    assert isinstance(instance, cosolve.Instance)
    solution = cosolve.read_solution(source, instance, format=from_)
    verdict = cosolve.judge(instance, solution)
    objective = verdict.objective if verdict.feasible else None
    text = f"solution of {instance.name}, " + (
        f"objective {objective:.10g}" if objective is not None else f"infeasible ({verdict.violations[0]})"
    )
    if is_stream(target):
        cosolve.write_solution(instance, solution, target, objective=objective, format=to)
        return text
    with _folder_beside(target) as folder:
        draft = Path(folder) / target.name
        cosolve.write_solution(instance, solution, draft, objective=objective, format=to)
        if cosolve.judge(instance, cosolve.read_solution(draft, instance, format=to)) != verdict:
            raise UsageError("the wanted format can't hold this solution: not written.")
        os.replace(draft, os.path.realpath(target))
    return text


def _folder_beside(target: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder where the file is or will be, which a symbolic link may have in another file system."""
    return tempfile.TemporaryDirectory(prefix=".convert.", dir=Path(os.path.realpath(target)).parent)
