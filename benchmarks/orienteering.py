"""
Orienteering with time windows: published sets, exact and not; files, service times, hard instances.

    COSOLVE_DATA=... python benchmarks/orienteering.py [--sections published,heuristics,files,service,hard]
        [--limits 1,10,60] [--out docs/benchmarks/orienteering.md] [--references]

Times of the published sets are CPU seconds of one thread for the search alone, so that other work on the machine
counts less; instances are generated and arrays prepared outside. All other times and limits are wall-clock seconds.
``--references`` writes the optima of the shipped suites to ``evaluation/references/optwvp.csv`` instead.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import math
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy.optimize import linprog

import cosolve
from cosolve.core.solver import solvers
from cosolve.search.label_passes import Workspace, solve
from cosolve.search.orienteering import Arrays
from cosolve.search.service_times import best_service_times_of_all
from cosolve.solvers.orienteering import arrays_of

#: Size, width, instances of the table, mean optimum printed in the paper (Gurobi), promised milliseconds.
PUBLISHED = (
    (50, 100, 10_000, 15.2, 0.5),
    (100, 100, 100, 26.1, 2.0),
    (50, 500, 100, 51.9, 2.0),
    (100, 500, 100, None, 5.0),
    (500, 100, 100, 82.3, 30.0),
)

#: Solver, seconds for an instance, its like in the paper, and gaps printed there in the order of PUBLISHED, %.
HEURISTICS = (
    ("greedy", 10.0, "Greedy-PRS", ("15.7", "16.2", "11.4", "-", "-")),
    ("beam", 0.1, "", ()),
    ("local-search", 0.1, "ILS", ("4.34", "4.2", "7.82", "-", "4.98")),
    ("decost", 10.0, "DeCoST", ("1.06", "1.97", "0.83", "-", "3.31")),
    ("decost+", 0.1, "", ()),
)

#: File and its proven optimum or best known value, see docs/orienteering.md.
FILES = (
    ("c101", 320), ("c104", 420), ("c201", 870), ("r101", 198), ("r104", 303), ("r201", 797), ("rc101", 219),
    ("rc104", 301), ("rc208", 1057), ("pr01", 308), ("pr02", 404), ("pr04", 489), ("pr05", 595), ("pr10", 594),
    ("pr11", 353), ("pr15", 708), ("pr20", 667),
)  # fmt: skip

#: Seconds promised for the values that were proven before, by Righini and Salani or (r104) here; the others are open.
PROMISED = {"c101": 5, "c104": 5, "r101": 5, "r104": 5, "rc101": 5, "rc104": 5, "pr01": 60, "pr02": 60, "pr04": 60,
            "pr05": 60}  # fmt: skip

#: Width and cap of the hard instances, seed 0.
HARD = ((2.5, 0.25), (5.0, 0.1), (5.0, 0.25))

#: "decost+" is left out where it is not installed; "greedy" ends by itself long before any limit.
HARD_SOLVERS = ("labelling", "beam", "local-search", "decost+", "greedy")

ROOT = Path(__file__).resolve().parent.parent


def optimum(arrays: Arrays, workspace: Workspace) -> tuple[float, bool, float]:
    """Best profit, whether proven, CPU seconds."""
    best = 0.0

    def report(route: np.ndarray) -> float:
        nonlocal best
        best = max(best, arrays.profit(route))
        return best

    begin = process_time()
    is_proven, _ = solve(
        arrays, report=report, report_bound=lambda bound: None, stop=np.zeros(1, np.int64), workspace=workspace
    )
    return best, is_proven, process_time() - begin


def published_set(size: int, width: float, count: int) -> Iterator[cosolve.Instance]:
    for index in range(count):
        yield cosolve.generate("optwvp", "decost", seed=2025, size=size, width=float(width), index=index)


def published() -> Iterator[str]:
    yield "## The published sets, exact"
    yield ""
    yield "| places | TW | instances | proven | mean optimum | paper, B&C | CPU ms mean | max | promised mean |"
    yield "|---|---|---|---|---|---|---|---|---|"
    workspace = Workspace()
    optimum(arrays_of(cosolve.generate("optwvp", "hard", size=8)), workspace)  # compiles
    for size, width, count, paper, promised in PUBLISHED:
        results = [optimum(arrays_of(instance), workspace) for instance in published_set(size, width, count)]
        best, proven, seconds = (np.array(column) for column in zip(*results, strict=True))
        printed = "-" if paper is None else f"{paper:g}"
        mean = 1000 * seconds.mean()
        yield (
            f"| {size} | {width} | {count:,} | {proven.sum():,} | {best.mean():.4f} | {printed} | {mean:.2f} "
            f"| {1000 * seconds.max():.1f} | {promised:g} |{'' if mean <= promised and proven.all() else ' MISSED'}"
        )


def heuristics(count: int = 100) -> Iterator[str]:
    """The same solvers on every set, "decost" with the network that is nearest to it."""
    entrants = [entry for entry in HEURISTICS if solvers.get(entry[0])().available().ok]
    yield f"## The published sets, not exact: mean gap to the optimum in per cent, first {count} instances of each"
    yield ""
    titles = [
        f"{name}{f', {seconds:g} s' if seconds < 1 else ''} | ms{f' | {like}' if like else ''}"
        for name, seconds, like, _ in entrants
    ]
    yield "| places | TW | " + " | ".join(titles) + " |"
    yield "|---" * (2 + sum(title.count("|") + 1 for title in titles)) + "|"
    workspace = Workspace()
    for row, (size, width, *_) in enumerate(PUBLISHED):
        instances = list(published_set(size, width, count))
        best = np.array([optimum(arrays_of(instance), workspace)[0] for instance in instances])
        cells = []
        for name, seconds, like, printed in entrants:
            results = [cosolve.solve(instance, name, time_limit=seconds) for instance in instances]
            gaps = 1 - np.array([result.objective for result in results]) / best
            assert gaps.min() > -1e-6, "a verified route beats the optimum"
            mean = 1000 * np.mean([result.runtime for result in results])
            cells.append(f"{100 * abs(gaps.mean()):.2f} | {mean:.0f}{f' | {printed[row]}' if like else ''}")
        yield f"| {size} | {width} | " + " | ".join(cells) + " |"


def files(seconds: float) -> Iterator[str]:
    data = Path(os.environ["COSOLVE_DATA"])
    yield f"## Fixed profits: files, `labelling`, at most {seconds:g} s"
    yield ""
    yield "| file | objective | bound | known | status | s | promised s |"
    yield "|---|---|---|---|---|---|---|"
    for name, known in FILES:
        result = cosolve.solve(cosolve.read(data / "optw" / f"{name}.txt"), "labelling", time_limit=seconds)
        promised = PROMISED.get(name)
        is_missed = promised is not None and (result.objective != known or result.runtime > promised)
        yield (
            f"| {name} | {result.objective:g} | {result.bound:g} | {known} | {result.status.value} "
            f"| {result.runtime:.2f} | {promised or ''} |{' MISSED' if is_missed else ''}"
        )


def service(count: int = 2000) -> Iterator[str]:
    """Routes of local search's kind: random feasible ones of the published instances with 100 places."""
    instance = cosolve.generate("optwvp", "decost", size=100, width=500.0, index=0, batch=10)
    arrays = arrays_of(instance)
    rng = np.random.default_rng(0)
    routes: list[np.ndarray] = []
    while len(routes) < count:
        route: list[int] = []
        for customer in rng.permutation(np.arange(1, len(arrays.places))):
            at = int(rng.integers(len(route) + 1))
            trial = [*route[:at], int(customer), *route[at:]]
            if arrays.profit(np.array(trial)) >= 0:
                route = trial
        routes.append(np.array(route, np.int64))
    visits, ptr = np.concatenate(routes), np.append(0, np.cumsum([len(route) for route in routes]))

    def batch() -> np.ndarray:
        profits: np.ndarray = best_service_times_of_all(
            visits, ptr, arrays.travel, arrays.opens, arrays.closes, arrays.horizon, arrays.service,
            arrays.segment_ptr, arrays.segment_length, arrays.segment_rate, np.empty(len(visits)),
            np.empty(len(visits)),
        )  # fmt: skip
        return profits

    batch()
    begin = process_time()
    repeats = 20
    for _ in range(repeats):
        profits = batch()
    ours = (process_time() - begin) / repeats / count
    few = range(0, count, 10)
    programs = [linear_program(arrays, routes[b]) for b in few]
    begin = process_time()
    answers = [linprog(**program, method="highs") for program in programs]
    theirs = (process_time() - begin) / len(programs)
    difference = max(abs(profits[b] + answer.fun) for b, answer in zip(few, answers, strict=True))
    yield "## Service times of given routes"
    yield ""
    yield (
        f"{count:,} random feasible routes of {len(visits) / count:.1f} visits (100 places, TW 500): the closed form "
        f"takes {1e6 * ours:.2f} us a route, one linear program by SciPy's HiGHS {1e6 * theirs:.0f} us, making "
        f"the model left out: {theirs / ours:,.0f} times as long. Largest difference "
        f"of the profits of {len(programs)} routes: {difference:.1e}."
    )


def linear_program(a: Arrays, route: np.ndarray) -> dict[str, object]:
    """Starts, then durations; one segment for each customer, as in the published sets."""
    m = len(route)
    rows, sides = np.zeros((m, 2 * m)), np.zeros(m)
    for k in range(m):
        rows[k, [k, m + k]] = 1.0
        following = route[k + 1] if k + 1 < m else 0
        sides[k] = -a.travel[route[k], following]
        if k + 1 < m:
            rows[k, k + 1] = -1.0
        else:
            sides[k] += a.horizon
    first = a.segment_ptr[route]
    low = a.opens[route].copy()
    low[0] = max(low[0], a.travel[0, route[0]])
    bounds = [*zip(low, a.closes[route], strict=True), *((0.0, size) for size in a.segment_length[first])]
    return {"c": np.append(np.zeros(m), -a.segment_rate[first]), "A_ub": rows, "b_ub": sides, "bounds": bounds}


def hard(limits: list[float]) -> Iterator[str]:
    names = [name for name in HARD_SOLVERS if solvers.get(name)().available().ok]
    for name in names:  # compiles, loads the network
        cosolve.solve(cosolve.generate("optwvp", "hard", size=8), name, time_limit=1.0)
    yield "## The hard family: 50 places, horizon 10, windows and caps as named"
    yield ""
    yield "| window | cap | limit s | " + " | ".join(names) + " | best bound | gap of the best % |"
    yield "|---" * (len(names) + 5) + "|"
    outside = ""
    for width, cap in HARD:
        instance = cosolve.generate("optwvp", "hard", width=width, cap=cap)
        # A bound holds whatever the limit it was found under, so it is held against the solutions of all of them.
        bound, most = math.inf, 0.0
        for limit in limits:
            results = [cosolve.solve(instance, name, time_limit=limit) for name in names]
            found = [result.bound for result in results if result.bound is not None]
            bound, best = min([bound, *found]), max(result.objective for result in results)
            most = max(most, best)
            assert bound >= most - 1e-6, "a bound that a verified solution beats"
            outside = next((result.message for result in results if result.solver == "decost+"), outside)
            cells = " | ".join(
                f"{result.objective:.3f}{' (proven)' if result.status == 'optimal' else ''}" for result in results
            )
            gap = 100 * (min(found) - best) / min(found)
            yield f"| {width:g} | {cap:g} | {limit:g} | {cells} | {min(found):.3f} | {gap:.2f} |"
    if outside:
        yield ""
        yield f"What `decost+` says of the last one: {outside}"


def references() -> Iterator[dict[str, object]]:
    workspace = Workspace()
    source = "python benchmarks/orienteering.py --references"
    for size, width, *_ in PUBLISHED:
        for index, instance in enumerate(published_set(size, width, 100)):
            best, is_proven, _ = optimum(arrays_of(instance), workspace)
            assert is_proven
            name = f"n{size}-tw{width}-{index}"
            yield {"problem": "optwvp", "instance": name, "value": f"{best:.9f}", "kind": "optimal", "source": source}
    for cap in (0.1, 0.25, 0.5):
        for seed in range(5):
            instance = cosolve.generate("optwvp", "hard", width=2.5, cap=cap, seed=seed)
            result = cosolve.solve(instance, "labelling", time_limit=120)
            if result.status == "optimal":
                name = f"hard-w2.5-c{cap:g}-s{seed}"
                value = f"{result.objective:.9f}"
                yield {"problem": "optwvp", "instance": name, "value": value, "kind": "optimal", "source": source}


def header() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numba", "numpy", "scipy"))
    return [
        "# Orienteering with time windows: what the solvers reach",
        "",
        f"`python benchmarks/orienteering.py {' '.join(sys.argv[1:])}`, {datetime.date.today()}, "
        f"cosolve {cosolve.__version__}, {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, {packages}; one thread, seed 0. "
        "Times of the published sets are CPU seconds, all other times and limits wall-clock seconds.",
        "",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", default="published,heuristics,files,service,hard")
    parser.add_argument("--limits", default="1,10,60", help="seconds for the hard family")
    parser.add_argument("--file-seconds", type=float, default=60)
    parser.add_argument("--out", type=Path, help="write the Markdown page here")
    parser.add_argument("--references", action="store_true")
    arguments = parser.parse_args()
    if arguments.references:
        path = ROOT / "evaluation" / "references" / "optwvp.csv"
        rows = list(references())
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return 0
    sections = {
        "published": published,
        "heuristics": heuristics,
        "files": lambda: files(arguments.file_seconds),
        "service": service,
        "hard": lambda: hard([float(limit) for limit in arguments.limits.split(",")]),
    }
    begin, page = perf_counter(), header()
    for name in arguments.sections.split(","):
        for line in sections[name]():
            print(line, flush=True)
            page.append(line)
        page.append("")
    print(f"{perf_counter() - begin:.0f} s")
    if arguments.out:
        arguments.out.write_text("\n".join(page).rstrip() + "\n")
    return int(any("MISSED" in line for line in page))


if __name__ == "__main__":
    sys.exit(main())
