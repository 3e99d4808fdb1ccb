"""
Measure the searches on published instances and at the sizes of FrontierCO's hard sets.

    COSOLVE_DATA=... python benchmarks/search_at_scale.py [--only PATTERN] [--records FILE] [--out PAGE]

Each run has a process of its own: it reads the instance from a file, solves it, and says what the judge found and how
much memory it took. Runs are kept in ``--records``, one JSON line each; a run that is there is not repeated, so
that the whole, which takes hours, can be made in parts: ``--only 'tsp/*'`` takes the groups that match. ``--out``
writes the page from all records of these groups. Gaps are signed and relative to the best known value, to the bound
of the same run where a group says so.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import fnmatch
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cosolve
from cosolve.evaluation import shipped

DATA = Path(os.environ.get("COSOLVE_DATA", "."))


#: Published values are rounded, to two decimals some of them: a gap in % below this is none.
ROUNDED = 1e-4


@dataclass(frozen=True)
class Group:
    """
    Runs that share limits and a promise.

    Parameters
    ----------
    key
        "problem/words", for ``--only``.
    members
        Names: of DIMACS instances, of files below the problem's folder as in ``best_known.csv``, or of rows of
        ``GENERATED``.
    seconds
        Wall-clock limit of each run.
    promised
        Largest mean gap in %.
    solvers
        The first one is ours, the others are there for comparison.
    each
        Whether the promise is for every run and not for their mean.
    against
        "reference", or "bound" for the gap to the bound that the run itself proved.
    """

    key: str
    members: tuple[str, ...]
    seconds: float
    promised: float
    solvers: tuple[str, ...] = ("auto",)
    threads: int = 1
    each: bool = False
    against: str = "reference"

    @property
    def problem(self) -> str:
        return self.key.split("/")[0]


#: name to (distribution, parameters)
GENERATED: dict[str, tuple[str, dict[str, Any]]] = {
    "ba-1M": ("ba", {"nodes": 1_000_000}),
    "er-1M": ("er", {"nodes": 1_000_000, "probability": 4e-6}),
    "cornuejols-2000": ("cornuejols", {"facilities": 2000, "customers": 2000}),
    "osman-50000": ("osman", {"n": 50_000, "p": 1000}),
    "sd2-100x20": ("sd2", {"jobs": 100, "machines": 20, "operations": 20}),
    "road-70k": ("road", {"side": 265, "num_terminals": 2000}),
    **{f"hc{d}u": ("hypercube", {"dimensions": d}) for d in (9, 10, 11, 12)},
}

_TSPLIB = (
    "burma14 gr17 ulysses22 bays29 att48 berlin52 si175 brg180 a280 pcb442 att532 gr666 rat783 dsj1000 dj38 rw1621"
)
_X = ("X-n101-k25", "X-n200-k36", "X-n303-k21", "X-n502-k39", "X-n783-k48", "X-n1001-k43")
_ORTEC = tuple(
    f"ORTEC-VRPTW-ASYM-{name}"
    for name in (
        "cc05bba4-d1-n200-k15",
        "6a265c9a-d1-n201-k13",
        "852a6910-d1-n202-k20",
        "114d6c71-d1-n238-k30",
        "cc992a97-d1-n314-k22",
    )
)
_MIS = (
    "frb30-15-1 frb30-15-2 frb35-17-1 frb40-19-1 frb45-21-1 sloane_1zc_128 R_500_005_1 brock400_1 socfb-haverford76 "
    "vc-exact_001 vc-exact_031 netscience us_powergrid CA-GrQc p2p-Gnutella08 CA-HepTh CA-CondMat"
)
_PACE = tuple(f"exact_{i:03d}" for i in (17, 18, 21, 38, 41, 43, 77, 82, 1))
_STEINLIB = "b01 b06 b13 b18 c05 c10 c15 c18 c20 d05 d10 d18"
_STP_PACE = tuple(
    f"pace2018/Track{t}/instance{i:03d}"
    for t, numbers in ((1, (18, 85, 106, 171)), (2, (52, 76)), (3, (17, 25, 40, 68, 73, 104, 142, 145)))
    for i in numbers
)
_MK = ("mk01", "mk02", "mk04", "mk06", "mk07", "mk10", "mk15")
_HURINK = ("edata/la01", "edata/la24", "rdata/la16", "rdata/la36", "vdata/la06", "vdata/la40")

GROUPS: tuple[Group, ...] = (
    Group("tsp/E1k, 10 s", tuple(f"E1k.{i}" for i in range(10)), 10, 0.5),
    Group("tsp/10k, 60 s", ("E10k.0", "E10k.1", "E10k.2", "C10k.0", "C10k.1", "C10k.2"), 60, 2.5),
    Group("tsp/10k, 10 min", ("E10k.0", "E10k.1", "E10k.2", "C10k.0", "C10k.1", "C10k.2"), 600, 1.5),
    Group("tsp/E100k, 2 min", ("E100k.0",), 120, 4.0),
    Group("tsp/E100k, 10 min", ("E100k.0",), 600, 2.5),
    Group("tsp/E1M, 10 min", ("E1M.0",), 600, 5.0),
    Group("tsp/E10M, 5 min", ("E10M.0",), 300, 7.0, threads=2),
    Group("tsp/TSPLIB, 60 s", (*_TSPLIB.split(), "pla7397", "eg7146", "it16862", "pla33810", "ch71009"), 60, 1.5),
    Group("tsp/peers 1k, 30 s", ("E1k.0", "C1k.0", "rw1621"), 30, 0.5, ("auto", "routing", "pyvrp", "lkh")),
    Group("tsp/peers 10k, 60 s", ("E10k.0", "C10k.0"), 60, 2.5, ("auto", "routing", "lkh")),
    Group("atsp/TSPLIB, 60 s", ("ft53", "ftv33", "ftv47", "ftv70", "p43", "kro124p", "ftv170", "rbg323"), 60, 1.0),
    Group("cvrp/X, 120 s", _X, 120, 1.0, ("auto", "hgs")),
    Group("cvrp/6,000 customers, 10 min", ("Antwerp1",), 600, 4.0),
    Group("acvrptw/ORTEC, 60 s", _ORTEC, 60, 1.0),
    Group("mis/files, 60 s", tuple(_MIS.split()), 60, 0.5, ("auto", "kamis")),
    Group("mis/1,000,000 vertices, 5 min", ("er-1M",), 300, 5.0, against="bound"),
    Group("mds/PACE, 60 s", (*_PACE, "Wiki-Vote"), 60, 0.5),
    Group("mds/1,000,000 vertices, 280 s", ("ba-1M",), 280, math.inf, against="bound"),
    Group("cflp/OR-Library, 60 s", tuple(f"orlib/cap{i}" for i in (61, 72, 91, 104, 122, 134)), 60, 0.0),
    Group("cflp/capa, 60 s", tuple(f"orlib/capa@{c}" for c in (8000, 10000, 12000, 14000)), 60, 0.0),
    Group("cflp/tbed1, 5 min", ("tbed1/p1", "tbed1/p6"), 300, 1.0),
    Group("cflp/2,000 x 2,000, 10 min", ("cornuejols-2000",), 600, 2.0, against="bound"),
    Group("cpmp/files, 60 s", (*(f"pmedcap/pmedcap1({i})" for i in range(1, 20, 2)), "lorena/SJC1"), 60, 0.0),
    Group("cpmp/50,000 points, 2 min", ("osman-50000",), 120, math.inf, against="bound"),
    Group("fjsp/Brandimarte, 60 s", tuple(f"Brandimarte1993/{name}" for name in _MK), 60, 1.0),
    Group("fjsp/Hurink, 60 s", tuple(f"HurinkJurischThole1994/{name}" for name in _HURINK), 60, 1.0),
    Group("fjsp/100 x 20, 5 min", ("sd2-100x20",), 300, 5.0, against="bound"),
    Group("stp/SteinLib, 60 s", tuple(_STEINLIB.split()), 60, 0.0),
    Group("stp/PACE 2018, 60 s", _STP_PACE, 60, 1.0),
    Group("stp/hypercubes, 10 min", ("hc9u", "hc10u", "hc11u", "hc12u"), 600, 0.0, each=True),
    Group("stp/70,000 nodes, 10 min", ("road-70k",), 600, 2.0, against="bound"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="PATTERN", help="groups whose key matches")
    parser.add_argument("--solver", action="append", metavar="NAME", help="solvers of these names only")
    parser.add_argument("--records", type=Path, default=Path("evaluation/results/search-at-scale.jsonl"))
    parser.add_argument("--out", type=Path, help="write the page here")
    parser.add_argument("--run", metavar="JSON", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(solve(**json.loads(arguments.run))))
        return 0
    groups = [g for g in GROUPS if any(fnmatch.fnmatch(g.key, p) for p in arguments.only or ["*"])]
    records = read_records(arguments.records)
    for group in groups:
        for member in group.members:
            for solver in group.solvers:
                key = (group.key, member, solver)
                if key in records or (arguments.solver and solver not in arguments.solver):
                    continue
                record = run(group, member, solver)
                records[key] = record
                with arguments.records.open("a") as file:
                    file.write(json.dumps(record) + "\n")
                print(f"{group.key:32} {member:32} {solver:8} {summary(record)}", flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(page(groups, records)) + "\n")
    return 0


def read_records(path: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {(r["group"], r["instance"], r["solver"]): r for r in map(json.loads, lines)}


def run(group: Group, member: str, solver: str) -> dict[str, Any]:
    """One run in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path, reading = file_of(group.problem, member, Path(folder))
        job = {
            "path": str(path),
            "reading": reading,
            "problem": group.problem,
            "solver": solver,
            "seconds": group.seconds,
            "threads": group.threads,
        }
        command = [sys.executable, __file__, "--run", json.dumps(job)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=2 * group.seconds + 900)
    found = json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr.strip().splitlines()[-1]}
    about = {"group": group.key, "instance": member, "solver": solver, "date": str(datetime.date.today())}
    return {**about, "reference": reference(group.problem, member), "machine": machine(), **found}


def file_of(problem: str, member: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """File of an instance, generated if it is not published, and how to read it."""
    name, _, capacity = member.partition("@")
    options: dict[str, Any] = {"capacity": float(capacity)} if capacity else {}
    if problem == "tsp" and name[0] in "EC" and "." in name:
        path = folder / f"{name}.tsp"
        cosolve.write(cosolve.generate("tsp", "dimacs", name=name), path)
        return path, options
    if name in GENERATED:
        distribution, parameters = GENERATED[name]
        instance = cosolve.generate(problem, distribution, seed=1, **parameters)
        suffix = {"cvrp": ".vrp", "mis": ".graph", "mds": ".gr", "fjsp": ".fjs", "stp": ".stp"}.get(problem, ".txt")
        path = folder / f"{name}{suffix}"
        cosolve.write(instance, path)
        return path, options
    places = [p for p in (DATA / problem / name).parent.glob("*") if f"{p.name}.".startswith(f"{Path(name).name}.")]
    places = [p for p in places if not p.name.endswith((".sol", ".opt.tour"))]
    assert len(places) == 1, (member, places)
    return places[0], options


def solve(
    path: str, reading: dict[str, Any], problem: str, solver: str, seconds: float, threads: int
) -> dict[str, Any]:
    """What the child does."""
    started = time.perf_counter()
    instance = cosolve.read(path, problem=problem, **reading)
    read = time.perf_counter() - started
    result = cosolve.solve(instance, solver, time_limit=seconds, threads=threads, seed=0)
    points = [(point.time, point.objective) for point in result.trajectory if point.objective is not None]
    return {
        "size": instance.size,
        "read": read,
        "objective": result.objective,
        "bound": result.bound,
        "status": result.status.value,
        "runtime": result.runtime,
        "cpu": time.process_time(),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first": points[0] if points else None,
        "version": result.version,
    }


def reference(problem: str, member: str) -> float | None:
    """Best known value of a published instance."""
    for path, column in (
        (DATA / "best_known.csv", "objective"),
        (shipped.folder("references") / "frontierco.csv", "value"),
    ):
        if path.exists():
            with path.open() as file:
                for row in csv.DictReader(file):
                    if row["problem"] == problem and row["instance"] in (member, f"{member}.stp"):
                        return float(row[column])
    return {"C1k.0": 11_387_430.0}.get(member)


def beside_frontierco(groups: list[Group], records: dict[tuple[str, str, str], dict[str, Any]]) -> Iterator[str]:
    """Our runs on instances of FrontierCO's test sets, the longest of each, beside the mean gaps that it published."""
    folder = shipped.folder("references")
    published: dict[str, list[str]] = {}
    with (folder / "frontierco_published.csv").open() as file:
        for row in csv.DictReader(file):
            published.setdefault(row["suite"], []).append(f"{row['solver']} {row['gap_percent']}")
    sets: dict[tuple[str, str], list[str]] = {}
    with (folder / "frontierco.csv").open() as file:
        for row in csv.DictReader(file):
            name = row["instance"].removesuffix(".tsp").removesuffix(".vrp").removesuffix(".stp")
            sets.setdefault((row["problem"], row["split"]), []).append(name)
    yield "## Beside FrontierCO"
    yield ""
    yield (
        "Instances of its test sets that are here or follow from seeds, the longest run of each, beside the mean gaps "
        "over the whole sets that could be recovered from the paper (an hour and one core each)."
    )
    yield ""
    yield "| set | instances | seconds | mean gap % | published mean gap % |"
    yield "|---|---|---|---|---|"
    for (problem, split), names in sets.items():
        longest: dict[str, tuple[Group, dict[str, Any]]] = {}
        for group in sorted(groups, key=lambda g: g.seconds):
            for name in names:
                record = records.get((group.key, name, "auto"))
                if group.problem == problem and record is not None and record.get("reference"):
                    longest[name] = group, record
        if longest:
            gaps = [gap(record, group) for group, record in longest.values()]
            seconds = sorted({f"{group.seconds:g}" for group, _ in longest.values()}, key=float)
            yield (
                f"| {problem} {split} | {len(longest)} of {len(names)}: {', '.join(longest)} | {', '.join(seconds)} "
                f"| {sum(gaps) / len(gaps):.2f} | {', '.join(published.get(f'frontierco-{problem}-{split}', ['?']))} |"
            )


def gap(record: dict[str, Any], group: Group) -> float:
    """Signed gap in %; infinite without a solution or something to compare with."""
    other = record.get("bound") if group.against == "bound" else record.get("reference")
    objective = record.get("objective")
    if objective is None or not other:
        return math.inf
    sign = -1.0 if group.problem == "mis" else 1.0
    return 100 * sign * (objective - other) / abs(other)


def summary(record: dict[str, Any]) -> str:
    if "error" in record:
        return f"error: {record['error']}"
    parts = [f"{record['objective']} ({record['reference']})", f"bound {record['bound']}", record["status"]]
    return ", ".join([*parts, f"{record['runtime']:.1f} s", f"{record['memory'] / 2**30:.2f} GiB"])


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    return f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}"


def page(groups: list[Group], records: dict[tuple[str, str, str], dict[str, Any]]) -> Iterator[str]:
    """The page, a table of groups and one of runs."""
    dates = sorted({r["date"] for r in records.values()})
    packages = ("ortools", "highspy", "pyscipopt", "pyvrp", "numba", "numpy")
    yield "# Searches on published instances and at FrontierCO's sizes"
    yield ""
    yield (
        f"`python benchmarks/search_at_scale.py`, {' to '.join(sorted({dates[0], dates[-1]}))}, cosolve "
        f"{cosolve.__version__}, {' and '.join(sorted({r['machine'] for r in records.values()}))}; "
        + ", ".join(f"{p} {version(p)}" for p in packages)
        + ". One thread unless a row says otherwise, seed 0, wall-clock limits, everything judged; at "
        "most one other busy process beside a run."
    )
    yield ""
    yield "| group | solver | runs | mean gap % | worst % | promised mean % | most memory GiB | |"
    yield "|---|---|---|---|---|---|---|---|"
    for group in groups:
        for k, solver in enumerate(group.solvers):
            found = [r for m in group.members if (r := records.get((group.key, m, solver)))]
            if not found:
                continue
            gaps = [gap(r, group) for r in found]
            mean = sum(gaps) / len(gaps)
            decisive = max(gaps) if group.each else mean
            verdict = "" if k else "held" if decisive <= group.promised + ROUNDED else "**missed**"
            verdict = verdict if len(found) == len(group.members) else f"{verdict} (part)"
            words = f" ({group.threads} threads)" if group.threads > 1 else ""
            promised = "" if k else "a solution" if math.isinf(group.promised) else f"{group.promised:g}"
            promised += " each" if promised and group.each else ""
            memory = max(r.get("memory", 0) for r in found) / 2**30
            yield (
                f"| {group.key}{words} | {solver} | {len(found)} of {len(group.members)} | {mean:.2f} "
                f"| {max(gaps):.2f} | {promised} | {memory:.2f} | {verdict.strip()} |"
            )
    yield ""
    yield from beside_frontierco(groups, records)
    yield ""
    yield "## Runs"
    yield ""
    yield "| group | instance | solver | objective | best known | gap % | bound | status | time s | CPU s |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for group in groups:
        for member in group.members:
            for solver in group.solvers:
                record = records.get((group.key, member, solver))
                if record is None:
                    continue
                if "error" in record:
                    yield f"| {group.key} | {member} | {solver} | | | | | {record['error']} | | |"
                    continue
                numbers = [record["objective"], record["reference"]]
                cells = ["" if x is None else f"{x:.10g}" for x in numbers]
                bound = "" if record["bound"] is None else f"{record['bound']:.10g}"
                yield (
                    f"| {group.key} | {member} | {solver} | {' | '.join(cells)} | {gap(record, group):.2f} | {bound} "
                    f"| {record['status']} | {record['runtime']:.1f} | {record['cpu']:.1f} |"
                )


if __name__ == "__main__":
    sys.exit(main())
