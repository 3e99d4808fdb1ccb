"""
Routing on made-up roads: the network with a search, that search alone, PyVRP and OR-Tools, at equal wall-clock time on
one thread.

    python benchmarks/routing.py [--problems atsp,acvrp,acvrptw] [--splits in,city,cluster]
        [--solvers rrnco+,search,pyvrp,routing] [--limits 1,5,20] [--count 4] [--first 0] [--size 100]
        [--records FILE] [--out docs/benchmarks/routing.md]

"search" is what "rrnco+" goes on with: "local-search" for tours, "rr" for routes.

Each solver runs once per instance until the last limit; what it had by the earlier ones is read off its trajectory.
The solvers take turns on every instance, so that other work on the machine meets all alike. With ``--records``
finished runs are kept and not repeated: the table can be made in slices.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

import cosolve
from cosolve.core.monitor import Monitor
from cosolve.core.solver import solvers
from cosolve.core.stop import Stop
from cosolve.evaluation.statistics import wilcoxon_p, win_tie_loss

Key = tuple[str, str, int, str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", default="atsp,acvrp,acvrptw")
    parser.add_argument("--splits", default="in,city,cluster")
    parser.add_argument(
        "--solvers", default="rrnco+,search,pyvrp,routing", help="the first is compared with the others"
    )
    parser.add_argument("--limits", default="1,5,20", help="seconds")
    parser.add_argument("--count", type=int, default=4, help="instances per problem and split")
    parser.add_argument("--first", type=int, default=0, help="seed of the first instance")
    parser.add_argument("--size", type=int, default=100, help="customers")
    parser.add_argument("--records", type=Path, help="JSON lines of finished runs")
    parser.add_argument("--out", type=Path, help="write the Markdown here")
    arguments = parser.parse_args()
    limits = [float(limit) for limit in arguments.limits.split(",")]
    known = read(arguments.records)
    costs: dict[Key, list[float]] = {}
    for problem in arguments.problems.split(","):
        for split in arguments.splits.split(","):
            for seed in range(arguments.first, arguments.first + arguments.count):
                for solver in names_of(arguments.solvers, problem):
                    key = (problem, split, seed, solver)
                    if key not in known:
                        known[key] = run(key, arguments.size, limits)
                        write(arguments.records, key, known[key])
                    # Sums in another order differ in their last digits, which is no difference.
                    costs[key] = [float(f"{cost:.12g}") for cost in known[key]]
    lines = table(costs, limits, arguments)
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    return 0


def names_of(solvers: str, problem: str) -> list[str]:
    """The solvers asked for, by their own names."""
    search = "local-search" if problem == "atsp" else "rr"
    return [search if name == "search" else name for name in solvers.split(",")]


def run(key: Key, size: int, limits: list[float]) -> list[float]:
    """Verified cost at each limit, infinite before the first solution."""
    problem, split, seed, solver = key
    instance = cosolve.generate(problem, "road", split=split, n=size, seed=seed)
    adapter = solvers.get(solver)()
    adapter.warm_up(instance)
    # In this process also where the solver usually has its own: its start would count.
    monitor = Monitor(instance, Stop(limits[-1]))
    adapter.solve(instance, monitor, seed=seed, threads=1, initial=None, options=adapter.options_type())
    found = [(point.time, point.objective) for point in monitor.trajectory if point.objective is not None]
    return [min((cost for time, cost in found if time <= limit), default=np.inf) for limit in limits]


def read(path: Path | None) -> dict[Key, list[float]]:
    if path is None or not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {(row["problem"], row["split"], row["seed"], row["solver"]): row["costs"] for row in rows}


def write(path: Path | None, key: Key, costs: list[float]) -> None:
    if path is not None:
        fields = dict(zip(("problem", "split", "seed", "solver"), key, strict=True))
        with path.open("a") as file:
            file.write(json.dumps({**fields, "costs": costs}) + "\n")


def table(costs: dict[Key, list[float]], limits: list[float], arguments: argparse.Namespace) -> list[str]:
    """Means over the instances of a problem and split, and the first solver against each other one."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("pyvrp", "ortools", "numba"))
    limit_text = ", ".join(f"{limit:g}" for limit in limits)
    lines = [
        "# Routing on roads",
        "",
        f"`python benchmarks/routing.py --problems {arguments.problems} --splits {arguments.splits} "
        f"--solvers {arguments.solvers} --limits {arguments.limits} --count {arguments.count} "
        f"--first {arguments.first} --size {arguments.size}`",
        "",
        f"{datetime.date.today()}, {os.cpu_count()} cores {platform.machine()}, shared, one thread each; "
        f"Python {platform.python_version()}, {versions}.",
        f"{arguments.count} instances of {arguments.size} places to go to per problem and split, one run each; "
        f"costs after {limit_text} s of wall-clock time, compilation before. The gap is to the best cost that any of "
        "the solvers here found. W/T/L and p (Wilcoxon, two-sided) compare the first solver with that of the row.",
        "",
        "| problem | split | s | solver | mean cost | mean gap % | W/T/L | p |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups = sorted({key[:2] for key in costs}) + sorted({(key[0], "all") for key in costs})
    for problem, split in groups:
        names = names_of(arguments.solvers, problem)
        keys = sorted({key[:3] for key in costs if key[0] == problem and split in (key[1], "all")})
        best = np.array([min(min(costs[*key, name]) for name in names) for key in keys])
        for k, limit in enumerate(limits):
            own = np.array([costs[*key, names[0]][k] for key in keys])
            for name in names:
                values = np.array([costs[*key, name][k] for key in keys])
                against = "| |"
                if name != names[0]:
                    count = win_tie_loss(own, values)
                    against = f"{count.wins}/{count.ties}/{count.losses} | {wilcoxon_p(own, values):.2g} |"
                gap = 100.0 * (values / best - 1.0).mean()
                lines.append(
                    f"| {problem} | {split} | {limit:g} | {name} | {values.mean():.3f} | {gap:.2f} | {against}"
                )
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
