"""
Make the bundled instances and their catalogue anew: ``python benchmarks/bundle_instances.py``.

Every file follows from a published construction or a seed, so that this writes the same bytes each time
(a test compares). References of seeded instances are proven optima, from the run named beside them.
"""

from __future__ import annotations

import json
from pathlib import Path

import cosolve

FOLDER = Path(__file__).parent.parent / "instances"

DIMACS = "8th DIMACS Implementation Challenge; reached by LKH, optimal by its challenge page"
PROVEN = "own run, proven: cosolve solve FILE --threads 2, 2026-11-21"
LATER = "own run, proven: cosolve solve FILE --threads 2, 2026-11-26"
ROUNDED = "own run: cosolve solve FILE --solver cpsat --threads 2, proven for rounded distances, 2026-11-26"

#: name, suffix, problem, distribution, seed, parameters, reference, where the reference is from, shown by `demo`
INSTANCES: list[tuple[str, str, str, str, int, dict, float, str, bool]] = [
    ("E1k.0", "", "tsp", "dimacs", 0, {"name": "E1k.0"}, 23360648, DIMACS, True),
    ("uniform-n20-s1", ".vrp", "cvrp", "uniform", 1, {"n": 20}, 461.30592879589665, PROVEN, False),
    ("uniform-n40-s1", ".vrp", "cvrp", "uniform", 1, {"n": 40}, 632.9209273574701, PROVEN, True),
    ("hamming6-2", ".mis", "mis", "hamming", 0, {"n": 6, "d": 2}, 32, "DIMACS clique benchmark", False),
    ("hamming8-4", ".mis", "mis", "hamming", 0, {"n": 8, "d": 4}, 16, "DIMACS clique benchmark", True),
    ("keller4", ".mis", "mis", "keller", 0, {"d": 4}, 11, "DIMACS clique benchmark", False),
    ("grid-20x20", ".gr", "mds", "grid", 0, {"rows": 20, "columns": 20}, 92, "Goncalves et al. 2011", True),
    (
        "cornuejols-50x50-s1",
        ".txt",
        "cflp",
        "cornuejols",
        1,
        {"facilities": 50, "customers": 50},
        9391.61002896838,
        PROVEN,
        True,
    ),
    ("osman-n60-p6-s1", ".dat", "cpmp", "osman", 1, {"n": 60, "p": 6}, 838.4352125602376, PROVEN, True),
    ("sd2-10x5-s1", ".fjs", "fjsp", "sd2", 1, {"jobs": 10, "machines": 5, "operations": 5}, 366, PROVEN, True),
    ("hc6u", ".stp", "stp", "hypercube", 0, {"dimensions": 6}, 39, "SteinLib PUC", True),
    ("hc7u", ".stp", "stp", "hypercube", 0, {"dimensions": 7}, 77, "SteinLib PUC", False),
    ("stein27", ".mps", "milp", "steiner-triple", 0, {"n": 27}, 18, "Fulkerson, Nemhauser, Trotter 1974", True),
    ("road-n40-s1", ".npz", "atsp", "road", 1, {"n": 40, "points": 100}, 28.803803241318445, ROUNDED, True),
    ("road-n12-s1", ".npz", "acvrp", "road", 1, {"n": 12, "points": 100}, 30.92308148029444, ROUNDED, False),
    ("road-windows-n14-s1", ".npz", "acvrptw", "road", 1, {"n": 14, "points": 100}, 32.33474869095427, ROUNDED, True),
    ("uniform-windows-n20-s1", ".txt", "vrptw", "uniform", 1, {"n": 20}, 466.3826207810166, ROUNDED, False),
    ("uniform-visits-n50-s1", ".json", "optw", "uniform", 1, {"size": 50}, 298.0, LATER, True),
    ("decost-n50-s1", ".json", "optwvp", "decost", 1, {"size": 50}, 15.669841057796653, LATER, True),
    (
        "friedman1-n200-s1",
        ".csv",
        "regtree",
        "friedman1",
        1,
        {"n": 200, "p": 5, "max_depth": 3},
        1396.140069604708,
        LATER,
        True,
    ),
]


def main() -> None:
    rows = ["# Made by benchmarks/bundle_instances.py; edit that."]
    for name, suffix, problem, distribution, seed, parameters, reference, source, demo in INSTANCES:
        instance = cosolve.generate(problem, distribution, seed=seed, **parameters)
        path = FOLDER / f"{name}{suffix}"
        cosolve.write(instance, path)
        written = cosolve.read(path, problem=problem)
        arguments = ", ".join(f"{key}={value}" for key, value in parameters.items())
        made = f"cosolve generate {problem} --distribution {distribution} ({arguments}, seed={seed})"
        values = {
            "name": name,
            "problem": problem,
            "path": path.name,
            "digest": written.digest,
            "source": made,
            "licence": "MIT",
            "reference": float(reference),
            "reference_kind": "best" if source == ROUNDED else "optimal",
            "reference_source": source,
            "demo": demo,
        }
        rows += ["", "[[instance]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    (FOLDER / "catalogue.toml").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
