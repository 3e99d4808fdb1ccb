"""``cosolve compare``: is B worse than A, as a gate for changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cosolve.cli.errors import DONE, FAILED, UsageError

if TYPE_CHECKING:
    from cosolve.evaluation.compare import Comparison
    from cosolve.evaluation.pairing import Measure

_EPILOG = """
\b
Examples:
  cosolve compare main.jsonl branch.jsonl
  cosolve compare main.jsonl branch.jsonl --metric time --threshold 0.1
  cosolve compare run.jsonl --solver greedy --solver-b local-search

Runs are paired by instance and seed; a difference above 0 means that B is worse. Exit code 1 if B is worse by more
than the threshold and the interval lies above 0, or if no solver is named and B lacks one of A's; 2 if there are too
few pairs to tell.
"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare", epilog=_EPILOG, no_args_is_help=True)(compare)


def compare(
    a: Annotated[Path, typer.Argument(help="Records to compare with.", show_default=False)],
    b: Annotated[
        Path | None, typer.Argument(help="Records to judge; A itself if not given.", show_default=False)
    ] = None,
    metric: Annotated[str, typer.Option(help="gap, time, primal-integral or objective.")] = "gap",
    solver: Annotated[str | None, typer.Option(help="Solver in A; all that both have if not given.")] = None,
    solver_b: Annotated[str | None, typer.Option(help="Solver in B, where it is another.")] = None,
    threshold: Annotated[
        float, typer.Option(help="Largest mean difference that passes: of gaps, or relative for time.", min=0)
    ] = 0.01,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail above the threshold even if the interval includes 0.")
    ] = False,
    tolerance: Annotated[float, typer.Option(help="Differences up to this are ties.", min=0)] = 1e-6,
    min_pairs: Annotated[
        int, typer.Option(help="Fewest instances to compare on; below 6 no paired test can be significant.", min=1)
    ] = 6,
    show: Annotated[int, typer.Option(help="Number of instances to list, largest differences first.", min=0)] = 20,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")] = False,
) -> int:
    """Compare two files of records, or two solvers of one."""
    from cosolve.cli.console import print_json
    from cosolve.cli.progress import notice
    from cosolve.evaluation import compare as comparing
    from cosolve.evaluation.pairing import Measure
    from cosolve.evaluation.store import read_records

    measures = [str(measure) for measure in Measure]
    if metric not in measures:
        raise UsageError(f"--metric must be one of {', '.join(measures)}, got {metric!r}.")
    if not all(math.isfinite(value) for value in (threshold, tolerance)):
        raise UsageError("--threshold and --tolerance must be finite.")
    if b is None and (solver is None or solver_b is None):
        raise UsageError("comparing within one file needs --solver and --solver-b.")
    with notice(f"reading {a if b is None else f'{a} and {b}'} ..."):
        records_a = read_records(a)
        records_b = records_a if b is None else read_records(b)
    with notice("comparing ..."):
        comparisons = comparing.compare(
            records_a, records_b, measure=metric, solver=solver, solver_b=solver_b, tolerance=tolerance
        )
    worse = [c.is_worse(threshold, strict=strict) for c in comparisons]
    is_named = solver is not None or solver_b is not None
    only_a, only_b = ([], []) if is_named else comparing.unmatched_solvers(records_a, records_b)
    too_few = [c for c in comparisons if len(c.pairs) < min_pairs]
    if json:
        print_json(
            {
                "a": str(a),
                "b": str(a if b is None else b),
                "threshold": threshold,
                "is_worse": any(worse),
                "only_in_a": only_a,
                "only_in_b": only_b,
                "passed": not (any(worse) or only_a or too_few),
                "comparisons": [{**c.to_dict(), "is_worse": is_worse} for c, is_worse in zip(comparisons, worse)],
            }
        )
    else:
        for comparison, is_worse in zip(comparisons, worse):
            verdict = f"B is worse by more than {_difference(threshold)}" if is_worse else "passed"
            _print(comparison, "too few instances" if comparison in too_few else verdict, show)
        for label in only_a:
            print(f"failed: solver {label!r} is only in A; name one with --solver to compare that alone.")
        for label in only_b:
            print(f"note: solver {label!r} is only in B.")
    if too_few:
        raise UsageError(
            f"{_title(too_few[0])}: only {len(too_few[0].pairs)} instances can be compared, "
            f"fewer than --min-pairs {min_pairs}."
        )
    return FAILED if any(worse) or only_a else DONE


def _title(comparison: Comparison) -> str:
    return comparison.a if comparison.a == comparison.b else f"{comparison.b} against {comparison.a}"


def _print(comparison: Comparison, verdict: str, show: int) -> None:
    from cosolve.cli.console import print_facts, print_table

    counts, interval = comparison.counts, comparison.interval
    mean = "-" if comparison.mean_difference is None else _difference(comparison.mean_difference)
    if interval is not None:
        mean += f"  (95 % interval {_difference(interval.low)} to {_difference(interval.high)})"
    p = "-" if math.isnan(comparison.p_value) else f"{comparison.p_value:.3g}, {comparison.p_adjusted:.3g} with Holm"
    facts = [
        ("instances", str(len(comparison.pairs))),
        ("B better, equal, worse", f"{counts.wins}, {counts.ties}, {counts.losses}"),
        (f"mean difference in {comparison.measure}", mean),
        ("Wilcoxon p", p),
        ("verdict", verdict),
    ]
    print_facts(facts, title=f"{_title(comparison)}  (a difference above 0 means that B is worse)")
    listed = sorted(comparison.pairs, key=lambda pair: -abs(pair.difference))[:show]
    if listed:
        print()
        rows = [
            [
                p.problem,
                p.group,
                p.case,
                *(_value(v, comparison.measure) for v in (p.a, p.b)),
                _difference(p.difference),
            ]
            for p in listed
        ]
        print_table(["problem", "group", "instance", "A", "B", "difference"], rows)
        if len(listed) < len(comparison.pairs):
            print(f"... and {len(comparison.pairs) - len(listed)} more instances (--show).")
    if comparison.unpaired:
        print()
        rows = [[u.problem, u.group, u.case, str(u.seed), u.why] for u in comparison.unpaired[: max(show, 1)]]
        print_table(["problem", "group", "not compared", "seed", "why"], rows)
        if len(rows) < len(comparison.unpaired):
            print(f"... and {len(comparison.unpaired) - len(rows)} more runs (--show).")
    for note in comparison.notes:
        print(f"note: {note}")
    print()


def _difference(value: float) -> str:
    return f"{100 * value:+.3f} %"


def _value(value: float | None, measure: Measure) -> str:
    from cosolve.cli.console import number

    if value is None or measure == "objective":
        return number(value)
    return f"{value:.2f} s" if measure == "time" else f"{100 * value:.3f} %"
