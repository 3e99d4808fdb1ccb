"""``cosolve solve``: the best solution this machine finds in the time it is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cosolve.cli.errors import DONE, FAILED, INTERRUPTED, UsageError, report
from cosolve.cli.paths import check_folder, check_writable, is_folder, locate, resolve, stem

if TYPE_CHECKING:
    from cosolve.core.result import SolveResult

_EPILOG = """
\b
Examples:
  cosolve solve berlin52.tsp
  cosolve solve X-n101-k25.vrp --time-limit 300 --threads 4 --out X-n101-k25.sol
  cosolve solve capa.txt --set capacity=8000 --solver scip --gap 0.01
  cosolve solve graph.gr --problem mds --json > result.json
  cosolve solve data.csv --problem regtree --max-depth 3 --out tree.json
  cosolve solve *.tsp --solver local-search --iterations 1000 --seed 7 --out solutions/

While it runs, the best solution so far stands in the file given by --out. Ctrl-C (or SIGTERM) stops and keeps
it; a second Ctrl-C ends at once. FILE may also be relative to a folder in COSOLVE_DATA, or the name of a
bundled instance.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("solve", epilog=_EPILOG, no_args_is_help=True)(solve)


def solve(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Instance files.", show_default=False)],
    solver: Annotated[
        str | None,
        typer.Option(help="Solver (cosolve info solvers); without it the documented choice for the problem."),
    ] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds for each file.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads that the solver may use.")] = 1,
    gap: Annotated[float, typer.Option(help="Stop at this relative gap of objective and bound, in [0, 1].")] = 0.0,
    iterations: Annotated[int | None, typer.Option(help="Stop after this many iterations of the solver.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Stop after this many nodes of the search tree.")] = None,
    target: Annotated[float | None, typer.Option(help="Stop at an objective at least this good.")] = None,
    solutions: Annotated[
        int | None, typer.Option(help="Stop after this many improving solutions, --initial apart.")
    ] = None,
    problem: Annotated[str | None, typer.Option(help="Problem, where a file fits several (mis or mds).")] = None,
    format: Annotated[str | None, typer.Option(help="Format, where a file fits several.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Option of the file's reader (capacity=8000)."),
    ] = None,
    max_depth: Annotated[int | None, typer.Option(help="Longest path of splits (regtree).")] = None,
    min_samples_leaf: Annotated[int | None, typer.Option(help="Fewest samples in a leaf (regtree).")] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Price of a split in units of the constant's squared error (regtree).")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="KEY=VALUE", help="Option of the solver; NAME.KEY=VALUE for an entry of a table."
        ),
    ] = None,
    options_file: Annotated[Path | None, typer.Option(metavar="TOML", help="Options of the solver in a file.")] = None,
    initial: Annotated[Path | None, typer.Option(metavar="FILE", help="Solution file to start from.")] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Solution file to write; a folder for several files, or with a slash."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print each result as one line of JSON, nothing else.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    progress: Annotated[bool, typer.Option("--progress/--no-progress", help="Progress on stderr.")] = True,
) -> int:
    """Solve instance files, of any problem and format that cosolve knows."""
    from cosolve.cli.values import reader_options, solver_options
    from cosolve.core.solver import solvers
    from cosolve.core.values import near

    name = solver or "auto"
    if name not in solvers:
        raise UsageError(f"unknown solver {name!r}{near(name, solvers)}; known: {', '.join(solvers)}.")
    if initial is not None and len(files) > 1:
        raise UsageError("--initial needs a single FILE.")
    request = _Request(
        solver=name,
        limits={
            "time_limit": time_limit,
            "gap": gap,
            "iterations": iterations,
            "nodes": nodes,
            "target": target,
            "solutions": solutions,
        },
        seed=seed,
        threads=threads,
        reading={
            "problem": problem,
            "format": format,
            **_with_flags(
                reader_options(set_ or []), max_depth=max_depth, min_samples_leaf=min_samples_leaf, alpha=alpha
            ),
        },
        options=solver_options(solvers.get(name).options_type, name, options_file, option or []),
        options_file=options_file,
        initial=initial,
        into_folder=out is not None and (len(files) > 1 or is_folder(out)),
        show_progress=progress and not quiet,
    )
    targets = _targets(files, out, options_file)
    codes, rows = [], []
    for file, target_path in zip(files, targets, strict=True):
        try:
            done = _solve_one(file, target_path, request)
        except Exception as error:  # one bad file must not stop the others
            codes.append(report(error, file))
            continue
        codes.append(done.code)
        rows.append(done)
        if json:
            print(done.result.to_json(), flush=True)
        if done.code == INTERRUPTED:
            break
    if rows and not json and not quiet:
        _print_summary(rows, several=len(files) > 1)
    return max(codes)


def _with_flags(options: dict[str, Any], **flags: Any) -> dict[str, Any]:
    """Options of the reader, and those that have a flag of their own."""
    given = {name: value for name, value in flags.items() if value is not None}
    for name in sorted(options.keys() & given.keys()):
        raise UsageError(f"--{name.replace('_', '-')} and --set {name} are both given.")
    return options | given


@dataclass(frozen=True)
class _Request:
    """What is the same for all files."""

    solver: str
    limits: dict[str, Any]
    seed: int
    threads: int
    reading: dict[str, Any]
    options: dict[str, Any]
    options_file: Path | None
    initial: Path | None
    into_folder: bool
    show_progress: bool


@dataclass(frozen=True)
class _Done:
    """One file solved."""

    file: str
    result: SolveResult
    written: Path | None
    code: int


def _targets(files: list[str], out: str | None, options_file: Path | None) -> list[Path | None]:
    """
    Where each solution goes, known before anything is solved.

    A folder gets one file for each instance, named after it; the suffix follows when its problem is known.
    """
    if out is None:
        return [None] * len(files)
    target = Path(out)
    if len(files) == 1 and not is_folder(out):
        check_writable(target, *files, options_file)  # --initial may well be improved in place
        return [target]
    check_folder(out, "--out with several FILEs")
    names = [stem(Path(file)) for file in files]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two FILEs would both write their solution to {target / name}: solve them one by one.")
    target.mkdir(parents=True, exist_ok=True)
    return [target / name for name in names]


def _solve_one(file: str, target: Path | None, request: _Request) -> _Done:
    import cosolve
    from cosolve.cli.console import stdout_to_stderr
    from cosolve.cli.keeper import Keeper
    from cosolve.cli.progress import Progress, prepare
    from cosolve.core.result import Limit
    from cosolve.instances.files import is_stream

    path, bundled_problem = locate(file)
    reading = dict(request.reading)
    reading["problem"] = reading["problem"] or bundled_problem
    instance = cosolve.read(path, **reading)
    initial = None if request.initial is None else cosolve.read_solution(resolve(request.initial), instance)
    if target is not None and request.into_folder:
        target = target.with_name(target.name + _suffix(instance.problem))
        check_writable(target, path, request.options_file)  # instances of orienteering are .json too
    name = instance.name or path.name
    title = f"{name} ({instance.problem}), {request.solver}"
    progress = Progress(title, request.limits["time_limit"], quiet=not request.show_progress)
    keeper = None if target is None else Keeper(instance, target)

    def on_incumbent(incumbent: Any) -> None:
        progress.on_incumbent(incumbent)
        if keeper is not None:
            keeper.offer(incumbent)

    def run() -> SolveResult:
        return cosolve.solve(
            instance,
            request.solver,
            seed=request.seed,
            threads=request.threads,
            initial=initial,
            on_incumbent=on_incumbent,
            on_bound=progress.on_bound,
            options=request.options,
            **request.limits,
        )

    with stdout_to_stderr():
        prepare(request.solver, instance, quiet=not request.show_progress)
    with stdout_to_stderr(), progress:
        if keeper is None or is_stream(keeper.path):  # which takes the last solution alone
            result = run()
        else:
            with keeper:
                result = run()
    code = DONE if result.is_feasible else FAILED
    written = None
    if keeper is not None and result.solution is not None:
        try:
            keeper.finish(result.solution, result.objective)
            written = target
        except OSError as error:  # the result is worth printing all the same
            code = report(error, str(target))
    if result.limit is Limit.INTERRUPTED:
        code = INTERRUPTED
    return _Done(file, result, written, code)


def _suffix(problem: str) -> str:
    """Suffix of the problem's own solution format."""
    from cosolve.instances.formats.base import solution_formats

    for name in solution_formats:
        known = solution_formats.get(name)
        if problem in known.problems:
            return known.suffixes[0]
    return ".json"


def _print_summary(rows: list[_Done], *, several: bool) -> None:
    from cosolve.cli.console import number, percent, print_facts, print_table, seconds

    if several:
        header = ["instance", "problem", "solver", "status", "limit", "objective", "bound", "gap", "time", "written"]
        cells = []
        for done in rows:
            r = done.result
            limit = "" if r.limit is None else r.limit.value
            gap = percent(r.gap) if r.bound is not None and r.objective is not None else "-"
            written = "" if done.written is None else str(done.written)
            name = r.instance or done.file
            objective, bound = number(r.objective), number(r.bound)
            found = [r.status.value, limit, objective, bound, gap, seconds(r.runtime), written]
            cells.append([name, r.problem, r.solver, *found])
        print_table(header, cells)
        for done in rows:
            if done.result.message:
                print(f"{done.result.instance or done.file}: {shorten(done.result.message, 300)}")
        return
    done = rows[0]
    r = done.result
    facts = [
        ("instance", r.instance or done.file),
        ("problem", r.problem),
        ("solver", f"{r.solver} {r.version}".strip()),
        ("status", r.status.value),
        ("limit", "-" if r.limit is None else r.limit.value),
        ("objective", number(r.objective)),
        ("bound", number(r.bound)),
        ("gap", percent(r.gap) if r.bound is not None and r.objective is not None else "-"),
        ("time", seconds(r.runtime)),
    ]
    if done.written is not None:
        facts.append(("written", str(done.written)))
    if r.message:
        facts.append(("message", shorten(r.message, 300)))
    print_facts(facts)
