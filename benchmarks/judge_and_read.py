"""
How fast judges and readers are at FrontierCO's largest sizes, beside what the machine can do at best.

    python benchmarks/judge_and_read.py [--cities 10000000] [--edges 4000000]

Each line is the best of three after a warm-up. The floor of a judge is one pass over the data it has to touch,
measured in the same run: a copy of a tour's coordinates in tour order (a gather), a sum over the adjacency
array of a graph.
The floor of a reader is one pass over the bytes of the file.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import cosolve
from cosolve.instances.distances import Distances
from cosolve.instances.graphs import Graph, MISInstance, NodeSet
from cosolve.instances.tsp import Tour, TSPInstance


def best_of_three(function: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        start = perf_counter()
        function()
        times.append(perf_counter() - start)
    return min(times)


def line(what: str, seconds: float, floor: float) -> None:
    print(f"| {what} | {seconds:.2f} s | {floor:.2f} s | {seconds / floor:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cities", type=int, default=10_000_000)
    parser.add_argument("--edges", type=int, default=4_000_000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    print("| what | time | floor | ratio |\n|---|---|---|---|", flush=True)

    small = TSPInstance(distances=Distances.from_coords(rng.integers(0, 10**6, (100, 2)).astype(float)))
    cosolve.judge(small, Tour(order=np.arange(100)))
    n = arguments.cities
    instance = TSPInstance(distances=Distances.from_coords(rng.integers(0, 10**6, (n, 2)).astype(float)))
    coords = instance.distances.coords
    for name, order in (("random order", rng.permutation(n)), ("order of x", np.argsort(coords[:, 0]))):
        tour = Tour(order=order)
        floor = best_of_three(lambda order=order: coords[order])
        line(
            f"judge a tour of {n:,} cities, {name}",
            best_of_three(lambda tour=tour: cosolve.judge(instance, tour)),
            floor,
        )

    num_nodes = arguments.edges // 4
    tails, heads = rng.integers(0, num_nodes, (2, arguments.edges))
    Graph.from_edges(3, np.array([0]), np.array([1]))
    start = perf_counter()
    graph = Graph.from_edges(num_nodes, tails, heads)
    build = perf_counter() - start
    mis = MISInstance(graph=graph)
    result = cosolve.solve(mis, "greedy", time_limit=600)
    assert isinstance(result.solution, NodeSet)
    floor = best_of_three(lambda: int(graph.indices.sum()))
    line(
        f"judge an independent set in {num_nodes:,} nodes, {graph.num_edges:,} edges",
        best_of_three(lambda: cosolve.judge(mis, result.solution)),
        floor,
    )
    line(f"build the graph from {arguments.edges:,} pairs", build, floor)

    with tempfile.TemporaryDirectory() as folder:
        for size in sorted({1_000_000, n}):
            if size > n:
                continue
            path = Path(folder) / f"R{size}.tsp"
            part = TSPInstance(distances=Distances.from_coords(coords[:size]))
            start = perf_counter()
            cosolve.write(part, path)
            written = perf_counter() - start
            floor = best_of_three(lambda path=path: np.fromfile(path, np.uint8).sum())
            line(
                f"read {size:,} cities ({path.stat().st_size / 1e6:.0f} MB)",
                best_of_three(lambda p=path: cosolve.read(p)),
                floor,
            )
            line(f"write {size:,} cities", written, floor)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
