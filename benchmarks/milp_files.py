"""
Solve published MILP files with no solver named, and beside it with plain SCIP.

    COSOLVE_DATA=... python benchmarks/milp_files.py [--only PATTERN] [--solvers auto,scip] [--limit 60]
        [--out docs/benchmarks/milp_files.md]

Each row is one call of ``cosolve solve FILE --time-limit T --threads 1 --json`` per solver, in a process of its own.
Promised: wherever plain SCIP proves the known optimum within the limit, the default finds it too and reports it
optimal. Known optima are those of ``best_known.csv`` in the data folder. With ``--reading`` the files are only read, by
cosolve, SCIP and HiGHS.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import fnmatch
import gzip
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import process_time

import cosolve


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*", help="pattern of the instance")
    parser.add_argument("--solvers", default="auto,scip", help="the first is held to the last")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds")
    parser.add_argument("--records", type=Path, help="JSON lines to append results to, and to take finished ones from")
    parser.add_argument("--out", type=Path, help="write the Markdown table here")
    parser.add_argument("--reading", action="store_true", help="compare readers instead")
    arguments = parser.parse_args()
    folder = Path(os.environ["COSOLVE_DATA"]) / "milp"
    files = {path.name.removesuffix(".gz").rpartition(".")[0]: path for path in sorted(folder.iterdir())}
    files = {name: path for name, path in files.items() if fnmatch.fnmatch(name, arguments.only)}
    if arguments.reading:
        compare_readers(files)
        return 0
    solvers = arguments.solvers.split(",")
    results = solved(files, solvers, arguments.limit, arguments.records)
    lines, missed = table(results, list(files), solvers)
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join([*header(arguments), *lines]) + "\n")
    return int(missed > 0)


def solved(files: dict[str, Path], solvers: list[str], limit: float, records: Path | None) -> dict:
    """Results by instance and solver; finished ones of an earlier call are kept."""
    results: dict[tuple[str, str], dict] = {}
    if records is not None and records.exists():
        for line in records.read_text().splitlines():
            record = json.loads(line)
            if record["time_limit"] == limit:
                results[record["file"], record["solver"]] = record
    for name, path in files.items():
        for solver in solvers:
            if (name, solver) in results:
                continue
            command = [sys.executable, "-m", "cosolve", "solve", str(path), "--solver", solver, "--json", "--quiet"]
            command += ["--time-limit", str(limit), "--threads", "1", "--seed", "0"]
            before = cpu_seconds()
            run = subprocess.run(command, capture_output=True, text=True, timeout=limit + 60)
            result = json.loads(run.stdout) if run.stdout else {"status": run.stderr.strip()}
            keys = ("status", "limit", "objective", "bound", "runtime")
            record = {"file": name, "solver": solver, "time_limit": limit} | {key: result.get(key) for key in keys}
            record["cpu"] = cpu_seconds() - before
            results[name, solver] = record
            if records is not None:
                with records.open("a") as file:
                    file.write(json.dumps(record) + "\n")
    return results


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(results: dict, names: list[str], solvers: list[str]) -> tuple[list[str], int]:
    optima = {}
    with (Path(os.environ["COSOLVE_DATA"]) / "best_known.csv").open() as file:
        for row in csv.DictReader(file):
            if row["problem"] == "milp":
                optima[row["instance"]] = float(row["objective"])
    lines = ["| instance | optimum |" + "".join(f" {s}: objective | bound | status | s | CPU s |" for s in solvers)]
    lines.append("|---|---|" + "---|---|---|---|---|" * len(solvers))
    missed = 0
    for name in names:
        cells = [name, f"{optima[name]:.10g}"]
        for solver in solvers:
            result = results[name, solver]
            objective, bound = ("" if v is None else f"{v:.10g}" for v in (result["objective"], result["bound"]))
            cells += [objective, bound, result["status"], f"{result['runtime'] or 0:.1f}", f"{result['cpu']:.1f}"]
        is_missed = is_solved(results[name, solvers[-1]], optima[name]) and not is_solved(
            results[name, solvers[0]], optima[name]
        )
        missed += is_missed
        lines.append(f"| {' | '.join(cells)} |{' MISSED' if is_missed else ''}")
    for solver in solvers:
        count = sum(is_solved(results[name, solver], optima[name]) for name in names)
        lines.append(("" if solver != solvers[0] else "\n") + f"* {solver}: {count} of {len(names)} proven optimal.")
    return lines, missed


def is_solved(result: dict, optimum: float) -> bool:
    """Proven optimal, and equal to what the literature gives with some seven digits."""
    objective = result["objective"]
    if result["status"] != "optimal" or objective is None:
        return False
    return abs(objective - optimum) <= 1e-6 * max(1.0, abs(optimum))


def compare_readers(files: dict[str, Path]) -> None:
    """CPU seconds of all files together, and of a large one; SCIP and HiGHS only parse, which gives no arrays yet."""
    import highspy
    from pyscipopt import Model

    def by_scip(path: Path) -> None:
        scip = Model()
        scip.hideOutput()
        scip.readProblem(str(path))

    def by_highs(path: Path) -> None:
        highs = highspy.Highs()
        highs.setOptionValue("output_flag", False)
        highs.readModel(str(path))

    large = cosolve.generate("milp", "set-cover", rows=5000, columns=5000, density=0.01)
    with tempfile.TemporaryDirectory() as folder:
        plain = []
        for name, path in files.items():
            plain.append(Path(folder) / f"{name}{'.lp' if path.suffix == '.lp' else '.mps'}")
            plain[-1].write_bytes(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        groups = {f"{len(plain)} published files": plain}
        for suffix in (".mps", ".lp"):
            path = Path(folder) / f"large{suffix}"
            cosolve.write(large, path)
            groups[f"set cover, 250,000 nonzeros, {suffix}, {path.stat().st_size / 1e6:.1f} MB"] = [path]
        print("| files | cosolve | SCIP | HiGHS |\n|---|---|---|---|")
        readers: tuple[Callable[[Path], object], ...] = (cosolve.read, by_scip, by_highs)
        for what, group in groups.items():
            print(f"| {what} | " + " | ".join(f"{best_of_three(reader, group):.2f} s" for reader in readers) + " |")


def best_of_three(reader: Callable[[Path], object], paths: list[Path]) -> float:
    times = []
    for _ in range(3):
        start = process_time()
        for path in paths:
            reader(path)
        times.append(process_time() - start)
    return min(times)


def header(arguments: argparse.Namespace) -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    packages = ", ".join(f"{p} {version(p)}" for p in ("pyscipopt", "highspy", "numpy"))
    return [
        "# Published MILP files: the default beside plain SCIP",
        "",
        f"`python benchmarks/milp_files.py --limit {arguments.limit:g}`, {datetime.date.today()}, "
        f"cosolve {cosolve.__version__}, {os.cpu_count()} shared cores ({cpu}), Python {platform.python_version()}, "
        f"{packages}; 1 thread, seed 0. Limits and times are wall-clock seconds; CPU seconds are those of the whole "
        "call, start-up included.",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
