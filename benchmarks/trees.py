"""
Measure what the optimal regression trees promise: optima, times, memory, behaviour under a time limit.

    COSOLVE_DATA=... python benchmarks/trees.py [--only SECTION ...] [--out docs/benchmarks/trees.md]

Sections: optima, brute, osrt, large, streed, first, methods, milp, anytime, startup. Those that are not run again stay
on the page. Ratios come from one run on one machine.
Times are wall-clock seconds of ``OptimalRegressionTree.fit`` (checks and sorting included), compilation excluded, with
one thread unless a row says otherwise.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import inspect
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import cosolve
from cosolve.instances.regtree import RegressionTreeInstance
from cosolve.trees.data import prepare
from cosolve.trees.estimator import OptimalRegressionTree
from cosolve.trees.interval import fit_interval
from cosolve.trees.rsbb import fit_rsbb
from cosolve.trees.warm_up import warm_up

#: Rows of a table, the header first; the last cell says whether the row holds what is promised.
Rows = Iterator[list[str]]

GAP = 1e-4

#: (set, depth, threads, seconds promised, RMSE of the optimum on the full set by an independent prototype)
PROVEN: list[tuple[str, int, int, float | None, float | None]] = [
    ("concrete", 2, 1, 0.2, 11.9146),
    ("seoul-bike", 2, 1, 0.2, 483.885),
    ("cpu-activity", 2, 1, 1.0, 6.0010),
    ("airfoil", 2, 1, None, 5.3483),
    ("auto-mpg", 2, 1, None, 3.8928),
    ("energy", 2, 1, None, 3.1164),
    ("wine-red", 2, 1, None, None),
    ("concrete", 3, 1, 1.0, 9.7625),
    ("airfoil", 3, 1, 0.5, 4.7214),
    ("auto-mpg", 3, 1, None, 2.9179),
    ("energy", 3, 1, None, 2.2704),
    ("wine-red", 3, 1, None, None),
    ("seoul-bike", 3, 1, 10.0, 413.245),
    ("cpu-activity", 3, 2, 120.0, 4.6715),
    ("energy", 4, 1, None, 1.4216),
    ("airfoil", 4, 1, 10.0, 3.9434),
    ("auto-mpg", 4, 1, 20.0, 2.3407),
    ("concrete", 4, 1, 120.0, 8.1496),
]

#: Mean squared errors that OSRT proved at depths 2 and 3, from its authors' benchmark repository.
OSRT = {
    "airfoil": (40.0968, 37.3133),
    "enb-heat": (11.5106, 6.8295),
    "insurance": (40_496_967.36, 33_666_846.35),
    "real-estate": (96.8458, 78.8948),
    "servo": (1.6110, 0.9603),
    "sync": (0.0069, 0.0022),
    "yacht": (64.2502, 63.5886),
    "optical": (40_147.40, 29_640.73),
    "airquality": (392.5792, 254.256),
}

#: (family, parameters, threads, seconds promised, megabytes promised)
LARGE = [
    ("household", {"n": 2_000_000}, 2, 20.0, 2500.0),
    ("friedman1", {"n": 2_000_000, "p": 7}, 2, 120.0, 2500.0),
]

#: (set, thresholds of each feature that become columns; ``None`` where the columns are binary already)
STREED: list[tuple[str, int | None]] = [
    ("osrt/airfoil", None),
    ("osrt/enb-heat", None),
    ("osrt/insurance", None),
    ("concrete", 10),
    ("concrete", 20),
    ("airfoil", 20),
    ("seoul-bike", 5),
    ("wine-red", 10),
    ("cpu-activity", 5),
    ("auto-mpg", 30),
    ("seoul-bike", 20),
    ("concrete", 35),
]

#: (set, depth)
FIRST = [("concrete", 3), ("seoul-bike", 3), ("wine-red", 3), ("airfoil", 4), ("auto-mpg", 4)]

#: (set, depth)
METHODS = [("concrete", 2), ("cpu-activity", 2), ("airfoil", 3), ("energy", 3), ("concrete", 3)]

MILP_SAMPLES = (10, 15, 20)

#: (set, depth, time limit): none of them is done in time
ANYTIME = [("concrete", 5, 10.0), ("cpu-activity", 4, 20.0), ("wine-red", 5, 5.0)]


# -- data ------------------------------------------------------------------------------------------------------


@cache
def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y of a published table; text columns as numbers, rows with missing values left out."""
    folder = Path(os.environ["COSOLVE_DATA"]) / "regression"
    blank_separated = {"concrete": "concrete", "energy": "energy", "wine-red": "wine-quality-red"}
    if name in blank_separated:
        table = np.loadtxt(folder / "uci_raw" / blank_separated[name] / "data.txt")
    elif name == "cpu-activity":
        table = np.loadtxt(folder / "openml/cpu_act.csv", delimiter=",", skiprows=1)
    elif name == "seoul-bike":
        return _seoul_bike(folder / "uci_raw/SeoulBikeData.csv")
    elif name.startswith("osrt/"):
        table = np.loadtxt(folder / f"osrt_binarized/{name[5:]}.csv", delimiter=",", skiprows=1)
    else:
        file = {"airfoil": "airfoil_self_noise.csv", "auto-mpg": "auto-mpg.csv"}[name]
        with (folder / "uci_raw" / file).open() as lines:
            rows = [row for row in csv.reader(lines) if "?" not in row]
        table = np.array(rows[1:], dtype=float)
    return table[:, :-1].copy(), table[:, -1].copy()


def _seoul_bike(path: Path) -> tuple[np.ndarray, np.ndarray]:
    seasons = {"Winter": 0, "Spring": 1, "Summer": 2, "Autumn": 3}
    words = {**seasons, "No Holiday": 0, "Holiday": 1, "No": 0, "Yes": 1}
    with path.open(encoding="latin-1") as file:
        rows = [[float(words.get(cell, cell)) for cell in row[1:]] for row in list(csv.reader(file))[1:]]
    table = np.array(rows)
    return table[:, 1:].copy(), table[:, 0].copy()


def binarised(name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """A 0/1 column for each of at most ``most`` thresholds of every feature, at even steps through its values."""
    X, y = load(name)
    columns = []
    for j in range(X.shape[1]):
        values = np.unique(X[:, j])
        cuts = np.unique(np.linspace(0, len(values) - 2, min(most, len(values) - 1)).astype(int))
        columns += [X[:, j] > values[cut] for cut in cuts]
    return np.unique(np.array(columns, dtype=float), axis=0).T.copy(), y


def fit(X: np.ndarray, y: np.ndarray, **parameters: Any) -> tuple[OptimalRegressionTree, float]:
    """Model and seconds."""
    return timed(lambda: OptimalRegressionTree(**{"gap_tol": GAP, **parameters}).fit(X, y))


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds; the shortest of as many runs as half a second allows, three at least if a run is short."""
    seconds, runs, start = math.inf, 0, time.perf_counter()
    while runs == 0 or (seconds < 2 and runs < 3) or time.perf_counter() - start < 0.5:
        began = time.perf_counter()
        result = run()
        seconds = min(seconds, time.perf_counter() - began)
        runs += 1
    return result, seconds


def row(cells: list[Any], held: bool) -> list[str]:
    """Text of a row, marked if it missed."""
    cells = [f"{c:.4g}" if isinstance(c, float) else str(c) for c in cells]
    return [*cells, "yes" if held else "MISSED"]


# -- sections --------------------------------------------------------------------------------------------------


def optima() -> Rows:
    """Proven optima on full data sets: gap at most 1e-4, RMSE as known from elsewhere to its last digit."""
    yield ["set", "n x p", "depth", "threads", "RMSE", "known", "gap", "evaluations", "seconds", "promised", "held"]
    for name, depth, threads, promised, known in PROVEN:
        X, y = load(name)
        limit = 600.0 if promised is None else max(60.0, 3 * promised)
        model, seconds = fit(X, y, max_depth=depth, n_jobs=threads, time_limit=limit)
        rmse = math.sqrt(model.objective_ / len(y))
        # Known values are rounded to four digits behind the point, or three: half a unit, and the gap of both.
        digit = 10.0 ** -len(str(known).partition(".")[2])
        is_equal = known is None or abs(rmse - known) <= 0.5 * digit + GAP * rmse
        held = model.status_ == "optimal" and is_equal and (promised is None or seconds < promised)
        size = f"{X.shape[0]} x {X.shape[1]}"
        shown = "" if known is None else str(known)
        cells = [name, size, depth, threads, f"{rmse:.5f}", shown, f"{model.gap_:.1e}", model.n_evals_, seconds]
        yield row([*cells, "" if promised is None else f"< {promised:g} s"], held)


def brute() -> Rows:
    """
    The same optimum as all trees: ties, duplicates, weights, penalties, larger leaves, limits on splits.

    At depth 4, rsbb takes seconds for ten rows and gets the first fifty sets only.
    """
    yield ["depth", "sets", "interval differs", "sets", "rsbb differs", "held"]
    for depth in (2, 3, 4):
        sets = {fit_interval: 500, fit_rsbb: 500 if depth < 4 else 50}
        differs = {fit_interval: 0, fit_rsbb: 0}
        for seed in range(500):
            rng = np.random.default_rng([depth, seed])
            n, p = int(rng.integers(2, 11)), int(rng.integers(1, 4))
            X = rng.integers(0, int(rng.integers(1, 6)), (n, p)).astype(float)
            y = rng.normal(size=n).round(int(rng.integers(0, 3)))
            data = prepare(X, y, rng.integers(1, 4, n).astype(float) if rng.random() < 0.4 else None)
            limits = {
                "min_samples_leaf": int(rng.choice([1, 1, 2, 3])),
                "penalty": float(rng.choice([0.0, 0.01, 0.1])) * data.total_sse,
                "max_splits": None if rng.random() < 0.7 else int(rng.integers(0, 2**depth)),
            }
            optimum = _all_trees(data, depth, **limits)
            for method in [method for method, count in sets.items() if seed < count]:
                found = method(data, max_depth=depth, gap_tol=0.0, **limits)
                is_equal = abs(found.objective - optimum) <= 1e-9 * (1 + data.total_sse) and found.is_proven
                differs[method] += not is_equal
        cells = [text for method in sets for text in (sets[method], differs[method])]
        yield row([depth, *cells], not any(differs.values()))


def _all_trees(data: Any, depth: int, min_samples_leaf: int, penalty: float, max_splits: int | None) -> float:
    """Least objective by the definition, each set of rows looked at once."""
    w, y = data.weights, data.y

    @cache
    def best(rows: tuple[int, ...], depth: int, splits: int) -> float:
        if len(rows) < min_samples_leaf:
            return math.inf
        index = list(rows)
        value = float(w[index] @ (y[index] - np.average(y[index], weights=w[index])) ** 2)
        if not depth or not splits:
            return value
        for j in range(data.num_features):
            column = data.X[index, j]
            for cut in np.unique(column)[:-1]:
                left, right = (tuple(np.array(index)[side].tolist()) for side in (column <= cut, column > cut))
                for given in range(splits):
                    sides = best(left, depth - 1, given) + best(right, depth - 1, splits - 1 - given)
                    value = min(value, sides + penalty)
        return value

    found = best(tuple(range(data.num_rows)), depth, 2**depth - 1 if max_splits is None else max_splits)
    return data.total_sse if math.isinf(found) else found  # with fewer rows than a leaf needs, the root stays one


def osrt() -> Rows:
    """Published optima of OSRT on its own binarised tables (it computes in single precision)."""
    yield ["set", "depth", "mean squared error", "published", "seconds", "held"]
    for name, published in OSRT.items():
        X, y = load(f"osrt/{name}")
        for depth, known in zip((2, 3), published, strict=True):
            model, seconds = fit(X, y, max_depth=depth, gap_tol=1e-7)
            error = model.objective_ / len(y)
            digit = 10.0 ** -len(str(known).partition(".")[2])
            held = model.status_ == "optimal" and abs(error - known) <= 0.51 * max(digit, 1e-4) + 1e-6 * known
            yield row([name, depth, f"{error:.10g}", str(known), seconds], held)


def large() -> Rows:
    """Two million rows at depth 2; peak memory is that of the whole process, which loads the table and fits it."""
    yield ["table", "n x p", "threads", "gap", "evaluations", "seconds", "promised", "peak MB", "promised MB", "held"]
    with tempfile.TemporaryDirectory() as folder:
        for family, parameters, threads, seconds, megabytes in LARGE:
            instance: Any = cosolve.generate("regtree", family, seed=0, **parameters)
            np.save(f"{folder}/X.npy", instance.X)
            np.save(f"{folder}/y.npy", instance.y)
            shape = f"{instance.X.shape[0]} x {instance.X.shape[1]}"
            del instance
            command = [sys.executable, __file__, "--fit", folder, str(threads), str(3 * seconds)]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            held = done["status"] == "optimal" and done["seconds"] < seconds and done["megabytes"] < megabytes
            found = [f"{done['gap']:.1e}", done["evaluations"], done["seconds"], f"< {seconds:g} s"]
            yield row([family, shape, threads, *found, f"{done['megabytes']:.0f}", f"< {megabytes:.0f}"], held)


def fit_in_child(folder: str, threads: str, time_limit: str) -> None:
    """Print what :func:`large` asks for as JSON."""
    X, y = np.load(f"{folder}/X.npy"), np.load(f"{folder}/y.npy")
    warm_up()
    began = time.perf_counter()
    model = OptimalRegressionTree(2, gap_tol=GAP, n_jobs=int(threads), time_limit=float(time_limit)).fit(X, y)
    seconds = time.perf_counter() - began
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {"status": model.status_, "gap": model.gap_, "evaluations": model.n_evals_}
    print(json.dumps({**found, "seconds": seconds, "megabytes": megabytes}))


def streed() -> Rows:
    """
    The same 0/1 tables for both, depth 3; the last row is the geometric mean of the ratios.

    What a fit takes at depth 1 is nearly all reading and checking, for both. The search evaluated a share of the root
    cuts, of which there are as many as columns.
    """
    head = ["table", "n x F", "trees s", "pystreed s", "ratio", "depth 1: trees s", "pystreed s", "evaluated"]
    yield [*head, "same optimum", "held"]
    try:
        from pystreed import STreeDRegressor
    except ImportError:
        yield ["pystreed is not installed", *[""] * 8, "-"]
        return
    ratios = []
    for name, thresholds in STREED:
        X, y = load(name) if thresholds is None else binarised(name, thresholds)
        binary = X.astype(np.int32)
        model, seconds = fit(X, y, max_depth=3, gap_tol=1e-7, time_limit=300.0)
        other = STreeDRegressor("cost-complex-regression", max_depth=3, cost_complexity=0.0, time_limit=300.0)
        _, other_seconds = timed(partial(other.fit, binary, y))
        is_over = not (other.is_fitted() and other.fit_result.is_optimal())
        error = math.inf if not other.is_fitted() else float(((other.predict(binary) - y) ** 2).sum())
        is_same = abs(error - model.objective_) <= 1e-6 * error
        _, fixed = fit(X, y, max_depth=1)
        stump = STreeDRegressor("cost-complex-regression", max_depth=1, cost_complexity=0.0)
        _, other_fixed = timed(partial(stump.fit, binary, y))
        ratios.append(other_seconds / seconds)
        ratio = f"{'> ' if is_over else ''}{ratios[-1]:.1f}"
        words = "time limit" if is_over else ("yes" if is_same else "no")
        label = name if thresholds is None else f"{name}, {thresholds} thresholds"
        size, share = f"{X.shape[0]} x {X.shape[1]}", f"{model.n_evals_ / X.shape[1]:.0%}"
        cells = [label, size, seconds, other_seconds, ratio, fixed, other_fixed, share, words]
        yield row(cells, (is_same or is_over) and ratios[-1] >= 10)
    mean = float(np.exp(np.mean(np.log(ratios))))
    yield row(["geometric mean", "", "", "", f"{mean:.1f}", "", "", "", ""], mean >= 10)


def first() -> Rows:
    """How far from the optimum the search is after a tenth of its time, and what knowing the optimum would save."""
    yield ["set", "depth", "seconds", "after a tenth", "seconds from the optimum on", "ratio", "held"]
    for name, depth in FIRST:
        X, y = load(name)
        model, seconds = fit(X, y, max_depth=depth)
        again, known = fit(X, y, max_depth=depth, warm_start_tree=model)
        moments, upper, _ = model.trace_.T
        above = upper[moments <= moments[-1] / 10][-1] / model.objective_ - 1
        held = model.status_ == again.status_ == "optimal" and again.objective_ <= model.objective_
        yield row([name, depth, seconds, f"+{100 * above:.2f} %", known, f"{known / seconds:.2f}"], held)


def methods() -> Rows:
    """The interval search and reduced-space branch and bound on the same data: one optimum, two costs."""
    yield ["set", "depth", "interval s", "rsbb s", "ratio", "interval evaluations", "rsbb boxes", "held"]
    for name, depth in METHODS:
        X, y = load(name)
        one, seconds = fit(X, y, max_depth=depth)
        two, other = fit(X, y, max_depth=depth, method="rsbb", time_limit=300.0)
        both = (one.lower_bound_ <= two.objective_ * (1 + 1e-9), two.lower_bound_ <= one.objective_ * (1 + 1e-9))
        held = all(both) and one.status_ == two.status_ == "optimal"
        yield row([name, depth, seconds, other, f"{other / seconds:.0f}", one.n_evals_, two.n_evals_], held)


def milp() -> Rows:
    """The Bertsimas-Dunn MILP through SCIP and HiGHS against the exact search, depth 2, 60 s each."""
    yield ["samples x features", "solver", "status", "objective", "bound", "seconds", "held"]
    for n in MILP_SAMPLES:
        rng = np.random.default_rng(n)
        instance = RegressionTreeInstance(X=rng.random((n, 3)).round(2), y=rng.normal(size=n).round(2), alpha=0.02)
        optimum: float | None = None
        for solver in ("trees", "cart", "scip", "highs"):
            result = cosolve.solve(instance, solver, time_limit=60.0)
            optimum = result.objective if optimum is None else optimum
            assert optimum is not None
            assert result.objective is not None
            held = result.objective >= optimum - 1e-6 and (result.bound is None or result.bound <= optimum + 1e-6)
            bound = "" if result.bound is None else f"{result.bound:.6f}"
            cells = [f"{n} x 3", solver, result.status.value, f"{result.objective:.6f}", bound]
            yield row([*cells, result.runtime], held)


def anytime() -> Rows:
    """Cut short by a time limit: at every tenth no worse than CART, both bounds monotone, the limit kept."""
    yield ["set", "depth", "limit s", "stopped at s", "objective", "CART", "bound", "gap", "tenths worse", "held"]
    for name, depth, limit in ANYTIME:
        X, y = load(name)
        cart = cosolve.solve(RegressionTreeInstance(X=X, y=y, max_depth=depth), "cart").objective
        assert cart is not None
        began = time.perf_counter()
        model = OptimalRegressionTree(depth, gap_tol=GAP, time_limit=limit).fit(X, y)
        seconds = time.perf_counter() - began
        moments, upper, lower = model.trace_.T
        worse = 0
        for tenth in range(1, 11):
            known = upper[moments <= tenth * limit / 10]
            worse += not len(known) or known[-1] > cart * (1 + 1e-9)
        is_monotone = (np.diff(upper) <= 0).all() and (np.diff(lower) >= 0).all()
        held = worse == 0 and is_monotone and seconds <= limit + max(0.5, 0.05 * limit)
        cells = [name, depth, f"{limit:g}", seconds, f"{model.objective_:.6g}", f"{cart:.6g}"]
        yield row([*cells, f"{model.lower_bound_:.6g}", f"{100 * model.gap_:.1f} %", worse], held)


def startup() -> Rows:
    """
    A new process with a filled compile cache: imports, first fit, second fit of 200 x 4 at depth 3.

    The pause is what the compiled kernels cost: importing numba and this package beyond numpy and scikit-learn, and
    the first fit beyond the second one.
    """
    yield ["numpy, scikit-learn s", "trees s", "first fit s", "second fit s", "pause s", "promised", "held"]
    code = """
import time
t = [time.perf_counter()]
import numpy as np
import sklearn.base, sklearn.utils.validation
t.append(time.perf_counter())
from cosolve.trees.estimator import OptimalRegressionTree
t.append(time.perf_counter())
rng = np.random.default_rng(0)
X, y = rng.random((200, 4)), rng.random(200)
for _ in range(2):
    OptimalRegressionTree(3).fit(X, y)
    t.append(time.perf_counter())
print(*np.diff(t))
"""
    best: list[float] | None = None
    for _ in range(3):
        run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        seconds = [float(word) for word in run.stdout.split()]
        best = seconds if best is None else min(best, seconds, key=sum)
    assert best is not None
    pause = best[1] + best[2] - best[3]
    yield row([*best, pause, "< 1 s"], pause < 1.0)


SECTIONS: dict[str, Callable[[], Rows]] = {
    "optima": optima,
    "brute": brute,
    "osrt": osrt,
    "large": large,
    "streed": streed,
    "first": first,
    "methods": methods,
    "milp": milp,
    "anytime": anytime,
    "startup": startup,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), help="sections to run")
    parser.add_argument("--out", type=Path, help="write the Markdown tables here")
    parser.add_argument("--fit", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit_in_child(*arguments.fit)
        return 0
    if "COSOLVE_DATA" not in os.environ:
        parser.error("COSOLVE_DATA must name the folder of published data.")
    warm_up()
    missed = 0
    page = sections_of(arguments.out.read_text()) if arguments.out and arguments.out.exists() else {}
    for name in arguments.only:
        section = SECTIONS[name]
        lines = [inspect.getdoc(section) or "", "", f"Measured on {datetime.date.today()}, {machine()}.", ""]
        print("\n".join(["", f"## {name}", "", *lines]), flush=True)
        for number, cells in enumerate(section()):
            text = ["| " + " | ".join(cells) + " |"]
            if number == 0:
                text.append("|" + "---|" * len(cells))
            missed += cells[-1] == "MISSED"
            print("\n".join(text), flush=True)
            lines += text
        page[name] = "\n".join(lines)
        if arguments.out:
            parts = [header(), *(f"## {name}\n\n{page[name]}" for name in SECTIONS if name in page)]
            arguments.out.write_text("\n\n".join(parts) + "\n")
    return int(missed > 0)


def sections_of(page: str) -> dict[str, str]:
    """Text of each section of a page: those that are not run again stay."""
    parts = (part.partition("\n") for part in page.split("\n## ")[1:])
    return {name: text.strip() for name, _, text in parts}


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    packages = []
    for name in ("numba", "numpy", "scikit-learn", "pystreed", "pyscipopt", "highspy"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"{cpu}, cosolve {cosolve.__version__}, Python {platform.python_version()}, {', '.join(packages)}"


def header() -> str:
    return (
        "# Optimal regression trees: what was promised and what was measured\n\n"
        f"`python benchmarks/trees.py --out docs/benchmarks/trees.md` on {os.cpu_count()} cores. Seconds are "
        "wall-clock seconds of `fit` without compilation; one thread unless a row says otherwise."
    )


if __name__ == "__main__":
    sys.exit(main())
