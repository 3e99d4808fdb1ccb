"""
Constraint reduction on five families of MILPs: precision of predicted rows, and gap and primal integral of the solvers.

    python benchmarks/milp.py --records FILE [--families mis,mvc] [--sizes train,step] [--count 20] [--limit 60]
                              [--solvers scip,ps:first_solutions=false,ps,ctc] [--out tables.md] [--curve FILE.svg]

Every run is appended to FILE as one JSON line, so that a run that was cut off goes on where it was and families can be
run apart; the tables are made of all lines of this limit there, with --count 0 of those alone. Instances have seeds
that no training saw. Gaps are to the best solution of all runs of any limit, and for independent sets and vertex covers
also of our local search on the graph. One thread each.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

import cosolve
from cosolve.cli.values import solver_options
from cosolve.core.result import TracePoint
from cosolve.core.solver import solvers
from cosolve.evaluation.metrics import primal_gap, primal_integral
from cosolve.instances.generators import generate
from cosolve.instances.milp import MILPInstance
from cosolve.models import checkpoints
from cosolve.models.ctc.config import CtcConfig
from cosolve.models.ctc.graph import facts
from cosolve.models.ctc.labels import Label
from cosolve.models.ctc.node_sets import node_set_problem
from cosolve.models.ctc.predictor import predict
from cosolve.solvers.formulations import formulate
from cosolve.solvers.reduction.prediction import Limits, Prediction, select

#: Family to generator and parameters at train size and one step above.
FAMILIES = {
    "mis": ("independent-set", {"train": {"nodes": 500}, "step": {"nodes": 1000}}),
    "mvc": ("vertex-cover", {"train": {"nodes": 300}, "step": {"nodes": 600}}),
    "sc": ("set-cover", {"train": {"rows": 300, "columns": 600}, "step": {"rows": 500, "columns": 1000}}),
    "ca": ("auction", {"train": {"items": 100, "bids": 500}, "step": {"items": 200, "bids": 1000}}),
    "wa": (
        "load-balancing",
        {
            "train": {"workers": 100, "workloads": 6, "allowed": 45.0},
            "step": {"workers": 200, "workloads": 12, "allowed": 55.0},
        },
    ),
}
SMALL_WA = {"heavy_min": 2.0, "heavy_max": 4.0, "all_pairs": False}
#: Names, with options behind a colon each; without first solutions "ps" is predict-and-search as published.
SOLVERS = ("scip", "ps:first_solutions=false", "ps", "ctc")
SHARES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50)

#: First seed of instances for measurements; `cosolve generate` draws those for training elsewhere.
FIRST_SEED = 90_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--sizes", default="train,step")
    parser.add_argument("--solvers", default=",".join(SOLVERS))
    parser.add_argument("--count", type=int, default=20, help="instances of each family and size")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for each run")
    parser.add_argument("--out", type=Path, help="write the Markdown here")
    parser.add_argument("--curve", type=Path, help="draw precision against share here, as SVG")
    arguments = parser.parse_args()
    lines = arguments.records.read_text(encoding="utf-8").splitlines() if arguments.records.exists() else []
    records = [json.loads(line) for line in lines]
    done = {(r["family"], r["size"], r["seed"], r["solver"], r["limit"]) for r in records}
    with arguments.records.open("a", encoding="utf-8") as stream:
        for family in arguments.families.split(","):
            for size in arguments.sizes.split(","):
                for seed in range(FIRST_SEED, FIRST_SEED + arguments.count):
                    for solver in arguments.solvers.split(","):
                        if (family, size, seed, solver, arguments.limit) not in done:
                            record = run(family, size, seed, solver, arguments.limit)
                            records.append(record)
                            stream.write(json.dumps(record) + "\n")
                            stream.flush()
                            print(family, size, seed, solver, record["objective"], record["bound"], flush=True)
    references = best_known(records)
    shown = [r for r in records if r["limit"] == arguments.limit]
    precision = precision_curves(references)
    lines = header(arguments) + tables(shown, references) + precision_table(precision)
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if arguments.curve:
        arguments.curve.write_text(curve_svg(precision), encoding="utf-8")
    return 0


def instance_of(family: str, size: str, seed: int) -> MILPInstance:
    distribution, sizes = FAMILIES[family]
    made = generate("milp", distribution, seed=seed, **sizes[size], **(SMALL_WA if family == "wa" else {}))
    assert isinstance(made, MILPInstance)
    return made


def run(family: str, size: str, seed: int, solver: str, limit: float) -> dict:
    """One run, as plain values."""
    instance = instance_of(family, size, seed)
    name, *pairs = solver.split(":")
    options = solver_options(solvers.get(name).options_type, name, None, pairs)
    result = cosolve.solve(instance, name, time_limit=limit, options=options)
    return {
        "family": family,
        "size": size,
        "seed": seed,
        "solver": solver,
        "limit": limit,
        "sense": instance.sense,
        "objective": result.objective,
        "bound": result.bound,
        "status": result.status.value,
        "runtime": result.runtime,
        "trajectory": [[p.time, p.objective, p.bound] for p in result.trajectory],
        "stats": {key: result.stats.get(key) for key in ("checkpoint", "prediction_time", "rungs", "fallbacks")},
        "values": None if result.solution is None else [float(v) for v in np.round(result.solution.values, 9)],
    }


def best_known(records: list[dict]) -> dict[tuple, tuple[float, np.ndarray]]:
    """Best objective and its values, of all runs and of the local search where the problem is one of graphs."""
    best: dict[tuple, tuple[float, np.ndarray]] = {}
    for r in records:
        if r["objective"] is not None:
            offer(best, (r["family"], r["size"], r["seed"]), r["objective"], np.array(r["values"]), r["sense"])
    for family, size, seed in sorted({(r["family"], r["size"], r["seed"]) for r in records}):
        if family not in ("mis", "mvc"):
            continue
        instance = instance_of(family, size, seed)
        problem = node_set_problem(instance)
        found = cosolve.solve(problem.unweighted(), "local-search", time_limit=2)
        x = problem.values(found.solution.nodes)
        offer(best, (family, size, seed), float(instance.cost @ x), x, instance.sense)
    return best


def offer(best: dict, key: tuple, objective: float, values: np.ndarray, sense: str) -> None:
    sign = 1 if sense == "min" else -1
    if key not in best or sign * objective < sign * best[key][0]:
        best[key] = objective, values


def tables(records: list[dict], references: dict) -> list[str]:
    """Means for each family and size: gap, primal integral, what was proven, and how often a reduction was repaired."""
    lines: list[str] = []
    for size in ("train", "step"):
        part = [r for r in records if r["size"] == size]
        if not part:
            continue
        where = "at train size" if size == "train" else "one step above train size"
        lines += ["", f"## Gap and primal integral {where}", ""]
        lines += [
            "| family | solver | n | mean gap % | mean primal integral s | less than SCIP by % | proven | fallbacks |"
        ]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for family in FAMILIES:
            of_family = [r for r in part if r["family"] == family]
            seeds = common_seeds(of_family)
            by_solver: dict[str, list[dict]] = {}
            for r in of_family:
                if r["seed"] in seeds:
                    by_solver.setdefault(r["solver"], []).append(r)
            means = {
                solver: np.mean([scores(r, references) for r in runs], axis=0) for solver, runs in by_solver.items()
            }
            base = means["scip"][1] if "scip" in means else None
            for solver, runs in by_solver.items():
                gap, integral = 100 * means[solver][0], means[solver][1]
                less = "" if base is None or solver == "scip" else f"{100 * (1 - integral / base):.0f}"
                proven = sum(r["status"] == "optimal" for r in runs)
                repaired = [bool(r["stats"]["fallbacks"]) for r in runs if r["stats"]["rungs"] is not None]
                fallbacks = f"{sum(repaired)} of {len(repaired)}" if repaired else ""
                row = [family, solver, len(runs), f"{gap:.3f}", f"{integral:.3f}", less, proven, fallbacks]
                lines.append(f"| {' | '.join(map(str, row))} |")
    return lines


def common_seeds(records: list[dict]) -> set[int]:
    """Seeds that all solvers of a family and size have run on."""
    by_solver: dict[str, set[int]] = {}
    for r in records:
        by_solver.setdefault(r["solver"], set()).add(r["seed"])
    return set.intersection(*by_solver.values()) if by_solver else set()


def scores(record: dict, references: dict) -> tuple[float, float]:
    reference = references[record["family"], record["size"], record["seed"]][0]
    points = [TracePoint(*point) for point in record["trajectory"] if point[0] <= record["limit"]]
    objective = points[-1].objective if points else None
    gap = primal_gap(objective, reference, record["sense"])
    return gap, primal_integral(points, reference, record["sense"], record["limit"])


def precision_curves(references: dict[tuple, tuple[float, np.ndarray]]) -> dict[tuple[str, str], dict]:
    """Share of the surest rows that are tight in the best known solution, by family and size."""
    found: dict[tuple[str, str], list] = {}
    for key, (_, values) in sorted(references.items(), key=lambda item: list(FAMILIES).index(item[0][0])):
        instance = instance_of(*key)
        checkpoint, outside = checkpoints.choose("ctc", "", facts(instance))
        if outside:
            continue
        tight = Label(Path(), instance, values[None], np.zeros(1), 0.0).tight()[0]
        rows, columns = predict(instance, checkpoint)
        order = np.argsort(-rows, kind="stable")[: (rows > 0).sum()]
        curve = [tight[order[: max(1, round(share / 100 * len(order)))]].mean() for share in SHARES]
        limits = Limits(**asdict(checkpoint.config(CtcConfig).reduction))
        first = select(formulate(instance), Prediction(rows, columns), limits)
        top = tight[order[: len(first.rows)]].mean() if len(first.rows) else np.nan
        used = tight[first.rows].mean() if len(first.rows) else np.nan
        right = (first.values == (values[first.columns] > 0.5)).mean() if len(first.columns) else np.nan
        entry = curve, tight[rows > 0].mean(), len(first.rows), top, used, len(first.columns), right
        found.setdefault(key[:2], []).append(entry)
    out = {}
    for key, entries in found.items():
        curves, base, imposed, top, used, held, right = zip(*entries, strict=True)
        out[key] = {"n": len(entries), "curve": np.mean(curves, axis=0), "base": np.mean(base)}
        out[key] |= {"imposed": np.mean(imposed), "top": np.nanmean(top), "used": np.nanmean(used)}
        out[key] |= {"held": np.mean(held), "right": np.nanmean(right)}
    return out


def precision_table(precision: dict) -> list[str]:
    lines = [
        "",
        "## Precision of predicted rows",
        "",
        "Share of the surest k % of the rows of the critical families that are tight in the best known solution. The",
        "first reduced model of `ctc` makes so many rows equalities (imposed); of as many surest rows the share under",
        "top is tight, and of those imposed, where rows that held binaries make tight anyway are left out, that under",
        "tight. Last, how many binaries it holds and how many of them are right.",
    ]
    heads = ["family", "size", "n", "all", "1 %", "2 %", "5 %", "10 %", "20 %", "50 %"]
    heads += ["imposed", "top %", "tight %", "held", "right %"]
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (family, size), p in precision.items():
        shares = [100 * p["base"], *(100 * p["curve"][SHARES.index(k)] for k in (1, 2, 5, 10, 20, 50))]
        row = [family, size, p["n"], *(f"{share:.1f}" for share in shares), f"{p['imposed']:.0f}"]
        row += [f"{100 * p['top']:.1f}", f"{100 * p['used']:.1f}", f"{p['held']:.0f}", f"{100 * p['right']:.1f}"]
        lines.append(f"| {' | '.join(map(str, row))} |")
    return lines


def curve_svg(precision: dict) -> str:
    """Precision against the share of rows taken, one line for each family; dashed one step above train size."""
    width, height, left, top = 640, 400, 56, 16
    colours = {"mis": "#2a6fbb", "mvc": "#d1751b", "sc": "#3f8f4a", "ca": "#b23a48", "wa": "#7a55a8"}

    def at(share: float, value: float) -> str:
        x = left + (width - left - 90) * (share / SHARES[-1])
        return f"{x:.1f},{top + (height - top - 44) * (1 - value):.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        '<g font-size="12">',
    ]
    parts.append(f'<rect width="{width}" height="{height}" fill="white"/>')
    for value in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        (x1, y), (x2, _) = (point.split(",") for point in (at(0, value), at(SHARES[-1], value)))
        parts.append(f'<line x1="{x1}" x2="{x2}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{value:.0%}</text>')
    for share in (0, 10, 20, 30, 40, 50):
        x, y = at(share, 0).split(",")
        parts.append(f'<text x="{x}" y="{float(y) + 18:.1f}" text-anchor="middle">{share} %</text>')
    middle = at(SHARES[-1] / 2, 0).split(",")[0]
    parts.append(
        f'<text x="{middle}" y="{height - 6}" text-anchor="middle">surest rows of the critical families</text>'
    )
    for i, ((family, size), p) in enumerate(precision.items()):
        points = " ".join(at(share, value) for share, value in zip(SHARES, p["curve"], strict=True))
        dash = ' stroke-dasharray="6 4"' if size == "step" else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[family]}" stroke-width="2"{dash}/>')
        y = top + 16 * (i + 1)
        ends = f'x1="{width - 82}" x2="{width - 58}" y1="{y - 4}" y2="{y - 4}"'
        parts.append(f'<line {ends} stroke="{colours[family]}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{width - 52}" y="{y}">{family} {size}</text>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def header(arguments: argparse.Namespace) -> list[str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("pyscipopt", "highspy", "torch", "numpy"))
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), platform.machine())
    command = f"python benchmarks/milp.py --families {arguments.families} --sizes {arguments.sizes}"
    command += f" --count {arguments.count} --limit {arguments.limit:g}"
    machine = f"{os.cpu_count()} cores ({cpu}), Python {platform.python_version()}, {packages}"
    return [
        "# Learned constraint reduction",
        "",
        f"`{command}`, {datetime.date.today()}, cosolve {cosolve.__version__}, {machine}; one thread "
        f"on a shared machine, load {os.getloadavg()[2]:.0f} at the end.",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
