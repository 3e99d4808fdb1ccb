"""``cosolve evaluate``: run a suite of solvers on instances, and go on where it was interrupted."""

from __future__ import annotations

import math
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosolve.cli.console import number, percent
from cosolve.cli.errors import DONE, FAILED, INTERRUPTED, UsageError
from cosolve.cli.paths import check_writable
from cosolve.cli.progress import LINE_PAUSE

if TYPE_CHECKING:
    from cosolve.evaluation.records import Record
    from cosolve.evaluation.runner import Outlook

_EPILOG = """
\b
Examples:
  cosolve evaluate smoke
  cosolve evaluate mine.toml --out results.jsonl --workers 4
  cosolve evaluate frontierco-tsp-easy --only-solver local-search --time-limit 60
  cosolve evaluate frontierco-tsp-easy --dry-run

SUITE is a TOML file or the name of a shipped suite (cosolve info suites). Each run becomes one line of the file of
records the moment it is over. However the command ended, Ctrl-C, a kill or a power cut: the same command goes on
with what is missing.
"""


def register(app: typer.Typer) -> None:
    """Add the verb, and its other name."""
    app.command("evaluate", epilog=_EPILOG, no_args_is_help=True)(evaluate)
    app.command("bench", epilog=_EPILOG, no_args_is_help=True, hidden=True)(evaluate)


def evaluate(
    suite: Annotated[str, typer.Argument(help="Suite: a TOML file or a shipped one's name.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="File of records (.jsonl); else SUITE.jsonl in this folder.", metavar="FILE")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Runs at the same time; else as many as cores and memory caps allow.", min=1)
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Make runs that failed again.")] = False,
    only_solver: Annotated[
        list[str] | None, typer.Option(help="Only solvers with this label or pattern (may be repeated).")
    ] = None,
    only_instance: Annotated[
        list[str] | None, typer.Option(help="Only instances with this name or pattern (may be repeated).")
    ] = None,
    group: Annotated[list[str] | None, typer.Option(help="Only this group of instances (may be repeated).")] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds for each run, in place of the suite's.", min=0)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds in place of the suite's: 0,1,2 or 0-9.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run; run and write nothing.")] = False,
    executor: Annotated[str, typer.Option(help="local, or ray for a cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Address of the cluster.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each record as one line of JSON, nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
) -> int:
    """Run every solver of a suite on every instance with every seed, and record what comes out."""
    from cosolve.cli.console import print_json
    from cosolve.evaluation import runner
    from cosolve.evaluation.load import load_suite
    from cosolve.evaluation.selection import narrow

    if executor not in ("local", "ray"):
        raise UsageError(f"--executor must be local or ray, got {executor!r}.")
    if address is not None and executor == "local":
        raise UsageError("--address needs --executor ray.")
    chosen = narrow(
        load_suite(suite),
        groups=group or (),
        instances=only_instance or (),
        entrants=only_solver or (),
        time_limit=time_limit,
        seeds=_seeds(seeds) if seeds is not None else (),
    )
    path = out or runner.records_path(chosen)
    if dry_run:
        _print_outlook(runner.preview(chosen, path, workers=workers, retry=retry))
        return DONE
    check_writable(path, suite)
    progress = EvaluationProgress(chosen.title or chosen.name, quiet=quiet)

    def on_record(record: Record) -> None:
        progress.on_record(record)
        if json:
            print_json(record.to_dict())

    def on_wait(names: Sequence[str]) -> None:
        print(f"cosolve: waiting until it is read or generated: {', '.join(names)}", file=sys.stderr, flush=True)

    try:
        with progress:
            records = runner.evaluate(
                chosen,
                path,
                workers=workers,
                executor=executor,
                address=address,
                retry=retry,
                on_start=progress.on_start,
                on_record=on_record,
                on_wait=on_wait,
            )
    except KeyboardInterrupt:
        kept = f"{path} holds what is done; the same command goes on from there."
        print(f"cosolve: interrupted. {kept}", file=sys.stderr, flush=True)
        return INTERRUPTED
    if not json and not quiet:
        _print_summary(records, path)
    return DONE if any(record.is_feasible for record in records) else FAILED


def _seeds(text: str) -> tuple[int, ...]:
    """``"0,3-5"`` to 0, 3, 4, 5."""
    from cosolve.evaluation.toml_table import seeds_of

    parts = [part.strip() for part in text.split(",")]
    try:
        return seeds_of(int(part) if part.isdecimal() else part for part in parts)
    except ValueError as error:
        raise UsageError(f"--seeds must be {error}, got {text!r}.") from None


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if not math.isfinite(seconds):
        return "unlimited"
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


class EvaluationProgress:
    """
    How far an evaluation is and how long it may take, on stderr.

    Parameters
    ----------
    title
        Of the suite.
    quiet
        Show nothing.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.title = title
        self._quiet = quiet
        self._total = self._done = 0
        self._slots = 1
        self._failures = 0
        self._left: Counter[str] = Counter()
        self._limits: dict[str, float] = {}
        self._spent: defaultdict[str, list[float]] = defaultdict(list)
        self._printed_at = -math.inf
        self._last = ""
        self._live: Any = None

    def __enter__(self) -> EvaluationProgress:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False, markup=False)
            self._live = Live(console=console, get_renderable=self._panel, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def on_start(self, outlook: Outlook) -> None:
        """Note what lies ahead."""
        self._total, self._done, self._slots = len(outlook.tasks), outlook.recorded, outlook.slots
        for task in outlook.to_do:
            self._left[task.entrant.label] += 1
            self._limits[task.entrant.label] = task.stop.time_limit
        recorded = f", {outlook.recorded} recorded already" if outlook.recorded else ""
        self._say(f"{self.title}: {self._total} runs{recorded}, {self._slots} at a time", always=True)

    def on_record(self, record: Record) -> None:
        """Note a run that is over."""
        self._done += 1
        self._failures += record.failure is not None
        self._left[record.solver] -= 1
        if record.times.wall is not None:
            self._spent[record.solver].append(record.times.wall)
        what = record.status.value if record.failure is None else record.failure.value
        gap = f"  gap {percent(record.primal_gap)}" if record.reference is not None and record.is_feasible else ""
        run = f"{record.solver} on {record.case}, seed {record.seed}: {what}  {number(record.objective)}{gap}"
        self._last = run
        self._say(f"{self._state()}   {run}", always=self._done == self._total)

    def remaining(self) -> float:
        """Seconds that the rest may take: by solver, as long as its runs so far, or as its limit allows."""
        total = 0.0
        for solver, count in self._left.items():
            spent = self._spent[solver]
            each = math.fsum(spent) / len(spent) if spent else self._limits.get(solver, 0.0)
            total += max(0, count) * each
        return total / self._slots

    def _state(self) -> str:
        failures = f", {self._failures} failed" if self._failures else ""
        rest = f", {duration(self.remaining())} to go" if self._done < self._total else ""
        return f"{self._done}/{self._total}{failures}{rest}"

    def _say(self, line: str, *, always: bool) -> None:
        if self._quiet or self._live is not None:
            return
        now = monotonic()
        if always or now - self._printed_at >= LINE_PAUSE:
            self._printed_at = now
            print(line, file=sys.stderr, flush=True)

    def _panel(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(self.title, style="bold")
        text.append(f"   {self._state()}")
        bar = ProgressBar(total=max(1, self._total), completed=self._done, width=60)
        return Group(text, bar, Text(self._last, style="dim", no_wrap=True, overflow="ellipsis"))


def _print_outlook(outlook: Outlook) -> None:
    from cosolve.cli.console import print_table
    from cosolve.evaluation.plan import planned_seconds
    from cosolve.evaluation.sources import source_key

    rows = []
    solvers = list(dict.fromkeys(task.entrant.label for task in outlook.tasks))
    for solver in solvers:
        tasks = [task for task in outlook.tasks if task.entrant.label == solver]
        to_do = [task for task in outlook.to_do if task.entrant.label == solver]
        cases = {(task.case.group, task.case.name): task.case for task in tasks}
        missing = sum(source_key(case.source, case.problem) is None for case in cases.values())
        seconds = duration(planned_seconds(to_do))
        rows.append([solver, *map(str, (len(cases), missing, len(tasks), len(to_do))), seconds])
    print_table(["solver", "instances", "missing", "runs", "to do", "at most"], rows)
    seconds = duration(planned_seconds(outlook.to_do) / outlook.slots)
    print(f"{len(outlook.to_do)} of {len(outlook.tasks)} runs to do, {outlook.slots} at a time: at most {seconds}.")
    for solver, reason in outlook.obstacles.items():
        print(f"{solver} can't run here: {reason}")


def _print_summary(records: list[Record], path: Path) -> None:
    from cosolve.cli.console import print_table
    from cosolve.evaluation.summary import summarise

    rows = []
    for row in summarise(records):
        failures = ", ".join(f"{count} {failure.value}" for failure, count in row.failures.items())
        share = "-" if row.feasible_share is None else percent(row.feasible_share)
        time = "-" if row.sgm_time is None else f"{row.sgm_time:.2f} s"
        best = str(row.new_bests) if row.new_bests else "-"
        cells = [row.group, row.solver, str(row.runs), share, percent(row.mean_gap), time, best, failures or "-"]
        rows.append(cells)
    print_table(["group", "solver", "runs", "feasible", "mean gap", "time (SGM)", "new best", "failures"], rows)
    print(f"\n{len(records)} records in {path}. For a page to look at: cosolve report {path} --format html")
