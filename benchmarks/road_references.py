"""
Reference values of the suites rrnco-*: long runs of classical solvers, in evaluation/references/rrnco.csv.

    python benchmarks/road_references.py [--count 64] [--solver auto] [--time-limit 20] [--only acvrp-in,...]

Goes on where it stopped: proven optima, and runs that an instance's source names, are left out. A value only ever
improves, and is the best of all runs that its source names.
"""

from __future__ import annotations

import argparse
import csv
from itertools import product
from pathlib import Path

import cosolve
from cosolve.core.solver import solvers
from cosolve.instances.files import replacing

FILE = Path(__file__).resolve().parent.parent / "evaluation" / "references" / "rrnco.csv"
PROBLEMS, SPLITS = ("acvrptw", "acvrp", "atsp"), ("in", "city", "cluster")


def load(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {(row["problem"], row["instance"]): row for row in csv.DictReader(file)}


def save(path: Path, rows: dict[tuple[str, str], dict[str, str]]) -> None:
    def place(key: tuple[str, str]) -> tuple[str, str, int]:
        split, seed = key[1].split("-s")
        return key[0], split, int(seed)

    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["problem", "instance", "value", "kind", "source"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[key] for key in sorted(rows, key=place))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--count", type=int, default=64, help="instances of each suite, from seed 0 on")
    parser.add_argument("--solver", default="auto", help="of classical ones")
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds an instance")
    parser.add_argument("--only", default="", help="suites, such as acvrp-in,atsp-city")
    parser.add_argument("--file", type=Path, default=FILE, help="where the values are and go to")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [f"{p}-{s}" for p, s in product(PROBLEMS, SPLITS)]
    for seed, problem, split in product(range(arguments.count), PROBLEMS, SPLITS):
        if f"{problem}-{split}" not in wanted:
            continue
        solver, seconds = arguments.solver, arguments.time_limit
        key, run = (problem, f"{split}-s{seed}"), f"{solver} {solvers.get(solver)().available().version} {seconds:g} s"
        known = load(arguments.file).get(key)
        runs = known["source"].split(" + ") if known else []
        if run in runs or (known and known["kind"] == "optimal"):
            continue
        instance = cosolve.generate(problem, "road", seed=seed, split=split, n=100)
        result = cosolve.solve(instance, solver, time_limit=seconds)
        if result.objective is None:
            print(*key, "nothing found by", run, result.message, flush=True)
            continue
        before = f"before {known['value']}" if known else ""
        print(*key, f"{result.objective:.6f}", result.status.value, run, before, flush=True)
        value = min(result.objective, float(known["value"])) if known else result.objective
        kind = "optimal" if result.status is cosolve.Status.OPTIMAL else "own"
        row = {"problem": problem, "instance": key[1], "value": f"{value:.9f}", "kind": kind}
        save(arguments.file, {**load(arguments.file), key: {**row, "source": " + ".join([*runs, run])}})


if __name__ == "__main__":
    main()
