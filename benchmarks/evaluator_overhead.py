"""
What the evaluator itself costs: time per run, and memory for a large instance.

    python benchmarks/evaluator_overhead.py [--runs 1000] [--workers 2] [--cities 10000000] [--folder DIR]

First, a suite of generated instances and a solver that returns at once: the seconds from start to end, times the
number of workers, by the number of runs. Then one large instance in a TSPLIB file and a solver that reports the tour
in order of the numbers: read, handed over, judged, recorded. The runner's peak is what it held alone and in shares of
pages that it had in common with the run (PSS), sampled from outside every 50 ms, the run's is what the record says.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import threading
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter

import numpy as np

import cosolve
from cosolve.core.solver import Availability, Outcome, Solver
from cosolve.core.stop import Stop
from cosolve.evaluation import memory
from cosolve.evaluation.machine import describe
from cosolve.evaluation.runner import evaluate
from cosolve.evaluation.suite import Case, Entrant, FromFile, FromGenerator, Suite
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import Tour, TSPInstance


class InOrder(Solver):
    """Reports the cities in order of their numbers."""

    name = "in-order"
    problems = frozenset({"tsp"})

    def available(self) -> Availability:
        return Availability(True, "1")

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        monitor.report(Tour(order=np.arange(instance.size)))
        return Outcome()


ENTRANT = Entrant("in-order", "evaluator_overhead:InOrder")


class Peak:
    """Most memory (PSS) of this process while the context is open, in bytes."""

    def __enter__(self) -> Peak:
        self.value = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        import os

        while not self._over.wait(0.05):
            self.value = max(self.value, memory.proportional([os.getpid()]))


def measure_runs(folder: Path, runs: int, workers: int) -> None:
    cases = tuple(Case(f"u{k}", "tsp", FromGenerator("uniform", {"size": 50, "seed": k})) for k in range(runs))
    suite = Suite("overhead", cases, (ENTRANT,), stop=Stop(time_limit=10.0), memory_limit=2**30)
    evaluate(replace(suite, cases=cases[:1]), folder / "warm-up.jsonl")  # compiles what a machine compiles once
    start = perf_counter()
    records = evaluate(suite, folder / "overhead.jsonl", workers=workers)
    seconds = perf_counter() - start
    assert len(records) == runs
    assert all(record.failure is None and record.is_feasible for record in records)
    inside = float(np.mean([record.times.solve or 0.0 for record in records]))
    each = seconds * workers / runs
    print(f"| {runs:,} runs on {workers} workers, in all | {seconds:.1f} s |")
    print(f"| per run and worker | {1000 * each:.1f} ms |")
    print(f"| of which the solver had | {1000 * inside:.1f} ms |")
    print(f"| added per run | {1000 * (each - inside):.1f} ms |")
    start = perf_counter()
    evaluate(suite, folder / "overhead.jsonl", workers=workers)
    print(f"| the same command again, nothing to do | {perf_counter() - start:.2f} s |")


def measure_memory(folder: Path, cities: int) -> None:
    path = folder / "large.tsp"
    coords = np.random.default_rng(0).integers(0, 10**6, (cities, 2)).astype(float)
    cosolve.write(TSPInstance(distances=Distances.from_coords(coords)), path)
    arrays = coords.nbytes
    del coords
    case = Case("large", "tsp", FromFile(path, path.name))
    suite = Suite("large", (case,), (ENTRANT,), stop=Stop(time_limit=60.0))
    start = perf_counter()
    with Peak() as peak:
        [record] = evaluate(suite, folder / "large.jsonl")
    seconds = perf_counter() - start
    assert record.failure is None
    assert record.peak_memory is not None
    tour = 8 * cities
    print(f"| {cities:,} cities: the text file | {path.stat().st_size / 1e6:.0f} MB |")
    print(f"| its coordinates, a tour | {arrays / 1e6:.0f} MB, {tour / 1e6:.0f} MB |")
    print(f"| read | {record.times.read:.2f} s |")
    print(f"| process from start to end, the solver in it | {record.times.wall:.2f} s, {record.times.solve:.2f} s |")
    print(f"| all of it: read, handed over, solved, judged, written | {seconds:.2f} s |")
    print(f"| peak of the run (in the record) | {record.peak_memory / 1e6:.0f} MB |")
    print(f"| peak of the runner | {peak.value / 1e6:.0f} MB |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cities", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="for records and the large file; else a temporary one")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))  # so that the processes of the runs find the solver
    facts = describe()
    packages = facts["packages"]
    versions = ", ".join(f"{name} {packages[name]}" for name in ("cosolve", "numpy", "numba"))
    print(f"{date.today()}, {facts['cores']} cores ({facts['cpu']}), Python {facts['python']}, {versions}\n")
    print("| what | figure |\n|---|---|")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        measure_memory(Path(name), arguments.cities)
        measure_runs(Path(name), arguments.runs, arguments.workers)
    print(f"\npeak RSS of the runner {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
