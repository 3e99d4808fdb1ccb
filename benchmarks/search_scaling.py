"""
Time and memory of our searches against the size of the instance, from the file to the first local optimum.

    python benchmarks/search_scaling.py [--largest 10000000] [--records FILE] [--out PAGE --plot FILE.svg]

Tours on uniform points (greedy edge, then 3-opt), independent sets on sparse random graphs and dominating sets on
preferential attachment (reductions, then the first descent). Each run has a process of its own with one thread;
compilation happens before its clock starts. Runs are kept in ``--records``, one JSON line each, and not repeated.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from search_at_scale import machine

import cosolve

#: problem to (distribution, parameters for a size, suffix of its files, largest size)
FAMILIES: dict[str, tuple[str, Any, str, int]] = {
    "tsp": ("uniform", lambda n: {"size": n}, ".tsp", 10_000_000),
    "mis": ("er", lambda n: {"nodes": n, "probability": 4 / n}, ".graph", 1_000_000),
    "mds": ("ba", lambda n: {"nodes": n}, ".gr", 1_000_000),
}

TITLES = {"tsp": "tours, uniform points", "mis": "independent sets, degree 4", "mds": "dominating sets, degree 8"}

SIZES = tuple(round(10 ** (k / 2)) for k in range(6, 15))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="leave out larger sizes")
    parser.add_argument("--records", type=Path, default=Path("evaluation/results/search-scaling.jsonl"))
    parser.add_argument("--out", type=Path, help="write the page here")
    parser.add_argument("--plot", type=Path, help="and the picture here (needs matplotlib)")
    parser.add_argument("--run", metavar="JSON", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(solve(**json.loads(arguments.run))))
        return 0
    lines = arguments.records.read_text().splitlines() if arguments.records.exists() else []
    records = {(r["problem"], r["size"]): r for r in map(json.loads, lines)}
    for problem, (*_, largest) in FAMILIES.items():
        for size in SIZES:
            if size > min(largest, arguments.largest) or (problem, size) in records:
                continue
            record = records[problem, size] = measure(problem, size)
            with arguments.records.open("a") as file:
                file.write(json.dumps(record) + "\n")
            print(f"{problem} {size:>10,}  {record['solve']:.2f} s, {record['memory'] / 2**30:.2f} GiB", flush=True)
    if arguments.plot:
        plot(records, arguments.plot)
    if arguments.out:
        arguments.out.write_text("\n".join(page(records, arguments.plot)) + "\n")
    return 0


def measure(problem: str, size: int) -> dict[str, Any]:
    """One run in a process of its own."""
    distribution, parameters, suffix, _ = FAMILIES[problem]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{problem}{suffix}"
        cosolve.write(cosolve.generate(problem, distribution, seed=1, **parameters(size)), path)
        job = json.dumps({"path": str(path), "problem": problem})
        done = subprocess.run([sys.executable, __file__, "--run", job], capture_output=True, text=True, check=True)
    about = {"problem": problem, "size": size, "date": str(datetime.date.today()), "machine": machine()}
    return {**about, **json.loads(done.stdout)}


def solve(path: str, problem: str) -> dict[str, Any]:
    """What the child does."""
    instance = cosolve.read(path, problem=problem)
    result = cosolve.solve(instance, "local-search", iterations=0 if problem == "tsp" else 1, time_limit=3600, seed=0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"solve": result.runtime, "objective": result.objective, "memory": memory}


def page(records: dict[tuple[str, int], dict[str, Any]], picture: Path | None) -> list[str]:
    dates = sorted({r["date"] for r in records.values()})
    machines = ", ".join(sorted({r["machine"] for r in records.values()}))
    lines = [
        "# Time and memory against size",
        "",
        f"`python benchmarks/search_scaling.py`, {' to '.join(sorted({dates[0], dates[-1]}))}, cosolve "
        f"{cosolve.__version__}, {machines}; one thread, seed 0. From the start of the search to its first local "
        "optimum. The exponent is that of the growth since the row above; n log n would be level in the column before.",
        "",
    ]
    if picture:
        lines += [f"![time and memory against size](../images/{picture.name})", ""]
    for problem, title in TITLES.items():
        lines += [f"## {problem}: {title}", ""]
        lines += ["| n | search s | us per n log2 n | exponent | memory GiB | objective |"]
        lines += ["|---|---|---|---|---|---|"]
        before: dict[str, Any] | None = None
        for size in SIZES:
            record = records.get((problem, size))
            if record is None:
                continue
            unit = 1e6 * record["solve"] / (size * math.log2(size))
            growth = ""
            if before:
                growth = f"{math.log(record['solve'] / before['solve']) / math.log(size / before['size']):.2f}"
            lines.append(
                f"| {size:,} | {record['solve']:.3g} | {unit:.3f} | {growth} "
                f"| {record['memory'] / 2**30:.2f} | {record['objective']:,.10g} |"
            )
            before = record
        lines.append("")
    return lines[:-1]


def plot(records: dict[tuple[str, int], dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "cosolve"
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for problem, title in TITLES.items():
        rows = [records[problem, size] for size in SIZES if (problem, size) in records]
        sizes = [row["size"] for row in rows]
        left.loglog(sizes, [row["solve"] for row in rows], marker="o", label=title)
        right.loglog(sizes, [row["memory"] / 2**30 for row in rows], marker="o", label=title)
    tour = [records["tsp", size] for size in SIZES if ("tsp", size) in records]
    anchor = tour[len(tour) // 2]
    unit = anchor["solve"] / (anchor["size"] * math.log(anchor["size"]))
    left.loglog(
        [r["size"] for r in tour], [unit * r["size"] * math.log(r["size"]) for r in tour], "k:", label="n log n"
    )
    left.set(xlabel="cities or nodes", ylabel="seconds to the first local optimum")
    right.set(xlabel="cities or nodes", ylabel="peak memory, GiB")
    left.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
