"""``cosolve demo``: bundled instances, one for each of fourteen problems, solved and checked before your eyes."""

from __future__ import annotations

from typing import Annotated

import typer

from cosolve.cli.errors import DONE, FAILED, INTERRUPTED

_EPILOG = """
\b
Examples:
  cosolve demo
  cosolve demo --time-limit 30 --threads 4
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo", epilog=_EPILOG)(demo)


def demo(
    time_limit: Annotated[float, typer.Option(help="Seconds for each instance.")] = 10.0,
    threads: Annotated[int, typer.Option(help="Threads that a solver may use.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
) -> int:
    """Solve bundled instances, one for each of fourteen problems, and compare with their references."""
    import cosolve
    from cosolve.cli.console import number, percent, print_table, seconds, stdout_to_stderr
    from cosolve.cli.progress import Progress, prepare
    from cosolve.core.result import Limit
    from cosolve.instances.catalogue import entries, load

    header = ["problem", "instance", "size", "objective", "reference", "gap", "bound", "status", "checked", "time"]
    cells, code = [], DONE
    for entry in (e for e in entries() if e.demo):
        instance = load(entry.name)
        progress = Progress(f"{entry.name} ({entry.problem})", time_limit)
        with stdout_to_stderr():
            prepare("auto", instance)
        with stdout_to_stderr(), progress:
            result = cosolve.solve(
                instance,
                time_limit=time_limit,
                threads=threads,
                seed=seed,
                on_incumbent=progress.on_incumbent,
                on_bound=progress.on_bound,
            )
        verdict = None if result.solution is None else cosolve.judge(instance, result.solution)
        is_good = verdict is not None and verdict.feasible
        code = code if is_good else FAILED
        gap = None
        if result.objective is not None:
            sign = 1.0 if instance.sense == "min" else -1.0
            gap = sign * (result.objective - entry.reference) / abs(entry.reference) + 0.0  # no "-0.00 %"
        row = [entry.problem, entry.name, str(instance.size), number(result.objective), number(entry.reference)]
        row += [percent(gap), number(result.bound), result.status.value]
        cells.append([*row, "feasible" if is_good else "NO", seconds(result.runtime)])
        if result.limit is Limit.INTERRUPTED:
            code = INTERRUPTED
            break
    print_table(header, cells)
    print("gap: signed distance to the reference, negative is better. Sources: cosolve info instances")
    return code
