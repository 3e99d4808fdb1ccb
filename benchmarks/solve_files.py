"""
Solve published instances with no solver named and print gap, bound and time.

    COSOLVE_DATA=... python benchmarks/solve_files.py [--only PATTERN] [--out docs/benchmarks/solve_files.md]

Each row is one call of ``cosolve solve FILE --time-limit T --threads 2 --json`` in a process of its own, so it
measures what a user gets, start-up included in nothing but patience. The gap is signed and relative to the best
known value in ``best_known.csv`` of the data folder.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import fnmatch
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import cosolve

#: (problem, instance as in best_known.csv, seconds, largest gap in % that we promise, must be proven optimal)
TARGETS: list[tuple[str, str, float, float, bool]] = [
    ("tsp", "berlin52", 10, 0.0, False),
    ("tsp", "rat783", 30, 2.0, False),
    ("tsp", "dsj1000", 30, 2.0, False),
    ("tsp", "it16862", 60, 8.0, False),
    ("atsp", "ftv170", 30, 1.0, False),
    ("atsp", "kro124p", 30, 1.0, False),
    ("cvrp", "X-n101-k25", 60, 0.5, False),
    ("cvrp", "X-n502-k39", 60, 1.5, False),
    ("mis", "frb30-15-1", 30, 0.0, False),
    ("mis", "frb45-21-1", 30, 5.0, False),
    *(("mds", f"exact_{i:03d}", 60, 1.0, False) for i in (17, 18, 21, 38, 41, 43, 77, 82, 1)),
    *(("cflp", f"orlib/cap{i}", 60, 0.0, True) for i in (61, 72, 91, 104, 122, 134)),
    *(("cflp", f"orlib/capa@{c}", 60, 0.0, True) for c in (8000, 10000, 12000, 14000)),
    ("cpmp", "pmedcap/pmedcap1(1)", 60, 0.0, True),
    ("cpmp", "lorena/SJC1", 60, 1.0, False),
    ("fjsp", "Brandimarte1993/mk01", 30, 0.0, False),
    ("fjsp", "Brandimarte1993/mk04", 30, 0.0, False),
    ("fjsp", "Brandimarte1993/mk10", 60, 4.0, False),
    ("jsp", "ft10", 30, 0.0, False),
    *(("stp", f"b{i:02d}", 30, 0.0, True) for i in (1, 6, 13, 18)),
    ("stp", "d18", 60, 2.0, False),
    ("stp", "e10", 60, 2.0, False),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", help="pattern of PROBLEM/INSTANCE")
    parser.add_argument("--out", type=Path, help="write the Markdown table here")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    data = Path(os.environ["COSOLVE_DATA"])
    references = {}
    with (data / "best_known.csv").open() as file:
        for row in csv.DictReader(file):
            references[row["problem"], row["instance"]] = (float(row["objective"]), row["status"])
    lines = [
        "| instance | limit s | objective | best known | gap % | promised % | bound | status | time s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    missed = 0
    print("\n".join(lines), flush=True)
    for problem, name, seconds, promised, proven in TARGETS:
        if not fnmatch.fnmatch(f"{problem}/{name}", arguments.only):
            continue
        reference, kind = references[problem, name]
        result = solve(data, problem, name, seconds, arguments.seed)
        objective = result.get("objective")
        sign = -1 if problem == "mis" else 1
        gap = 100.0 if objective is None else 100 * sign * (objective - reference) / reference
        held = gap <= promised + 1e-4 and (not proven or result["status"] == "optimal")
        missed += not held
        bound = "" if result.get("bound") is None else f"{result['bound']:.10g}"
        line = (
            f"| {problem}/{name} | {seconds:g} | {objective if objective is None else format(objective, '.10g')} "
            f"| {reference:.10g} ({kind}) | {gap:.2f} | {promised:g}{', proven' if proven else ''} | {bound} "
            f"| {result.get('status')} | {result.get('runtime', 0):.1f} |{'' if held else ' MISSED'}"
        )
        print(line, flush=True)
        lines.append(line)
    if arguments.out:
        arguments.out.write_text("\n".join([*header(), *lines]) + "\n")
    return int(missed > 0)


def solve(data: Path, problem: str, name: str, seconds: float, seed: int) -> dict:
    name, _, capacity = name.partition("@")
    candidates = [p for p in (data / problem / name).parent.glob("*") if p.name in stems(Path(name).name)]
    assert len(candidates) == 1, (name, candidates)
    key = "fjsp" if problem == "jsp" else problem
    command = [sys.executable, "-m", "cosolve", "solve", str(candidates[0]), "--problem", key, "--json", "--quiet"]
    command += ["--time-limit", str(seconds), "--threads", "2", "--seed", str(seed)]
    if capacity:
        command += ["--set", f"capacity={capacity}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if not run.stdout:
        return {"status": run.stderr.strip()}
    return json.loads(run.stdout)


def stems(name: str) -> list[str]:
    suffixes = ("", ".tsp", ".atsp", ".vrp", ".mis", ".gph", ".gr", ".txt", ".dat", ".stp", ".txt.gz")
    return [name + suffix for suffix in suffixes]


def header() -> list[str]:
    packages = ("ortools", "highspy", "pyvrp", "numba", "numpy")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return [
        "# What `cosolve solve FILE` reaches with no solver named",
        "",
        f"`python benchmarks/solve_files.py`, {datetime.date.today()}, cosolve {cosolve.__version__}, "
        f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, "
        + ", ".join(f"{p} {version(p)}" for p in packages)
        + "; 2 threads, seed 0. Time limits are wall-clock seconds.",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
