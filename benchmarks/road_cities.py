"""
Figures and pictures of the made-up cities, beside those that they are meant to resemble.

    python benchmarks/road_cities.py [--cities 100] [--out docs/benchmarks/road_cities.md] [--pictures docs/images]
"""

from __future__ import annotations

import argparse
import datetime
import os
from pathlib import Path
from time import process_time

import numpy as np

import cosolve
from cosolve.instances.distances import Distances
from cosolve.instances.generators.roads import _STREAM, PLANS, SIDE, road_city, road_network
from cosolve.instances.tsp import ATSPInstance

COLUMNS = (
    "junctions", "one-way", "asymmetry of D", "of T", "correlation of D and T", "D / straight line", "longest T (min)",
    "ATSP-100 (km)", "CPU s",
)  # fmt: skip


def plan_of(city: int) -> str:
    return str(np.random.default_rng([_STREAM, city]).choice(list(PLANS), p=list(PLANS.values())))


def asymmetry(matrix: np.ndarray) -> float:
    return float(np.abs(matrix - matrix.T).sum() / matrix.sum())


def figures(city: int) -> list[float]:
    begin = process_time()
    points, distance, duration = road_city(city)
    seconds = process_time() - begin
    network = road_network(city)
    straight = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    off = ~np.eye(len(points), dtype=bool)
    chosen = np.random.default_rng(city).choice(len(points), 100, replace=False)
    tour = ATSPInstance(distances=Distances.from_matrix(distance[np.ix_(chosen, chosen)]))
    return [
        network.num_nodes,
        float(np.isinf(network.time).any(axis=1).mean()),
        asymmetry(distance),
        asymmetry(duration),
        float(np.corrcoef(distance[off], duration[off])[0, 1]),
        distance.sum() / straight.sum(),
        duration.max(),
        cosolve.solve(tour, "local-search", iterations=3000, time_limit=60).objective or np.nan,
        seconds,
    ]


def picture(city: int, size: int = 480) -> str:
    """Streets of a city, wide and dark where they are fast, dashed where they are one-way."""
    network = road_network(city)
    pixels = (network.coords / SIDE + 0.5) * (size, -size) + (0, size)
    finite = np.where(np.isfinite(network.time), network.time, np.inf)
    speed = (60.0 * network.length / finite).max(axis=1)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}">']
    lines.append(f'<rect width="{size}" height="{size}" fill="white"/>')
    for low, high, colour, width in ((0, 30, "#8aa", 1.0), (30, 46, "#367", 1.8), (46, 999, "#c40", 3.0)):
        for one_way in (False, True):
            chosen = (speed >= low) & (speed < high) & (np.isinf(network.time).any(axis=1) == one_way)
            path = " ".join(
                f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in pixels[network.ends[chosen]].tolist()
            )
            dash = ' stroke-dasharray="4 2"' * one_way
            lines.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--cities", type=int, default=100)
    parser.add_argument("--out", type=Path, help="Markdown file")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of a city of each plan")
    arguments = parser.parse_args()
    if arguments.pictures:
        for plan in PLANS:
            city = next(city for city in range(100) if plan_of(city) == plan)
            (arguments.pictures / f"city-{plan}.svg").write_text(picture(city))
    plans, rows = [], []
    for city in range(arguments.cities):
        plans.append(plan_of(city))
        rows.append(figures(city))
        print(city, plans[-1], *(f"{value:.3g}" for value in rows[-1]), flush=True)
    table, of_plan = np.array(rows), np.array(plans)
    cpu = next(
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    page = [
        "# Made-up cities: how much they are like real ones",
        "",
        f"`python benchmarks/road_cities.py`, {datetime.date.today()}, cosolve {cosolve.__version__}, {os.cpu_count()} "
        f"cores ({cpu}, shared). Means over cities of 1000 points, the last row their standard deviation; asymmetry is "
        "the mean difference of the two directions over their mean; ATSP-100 is the tour of 100 points, the same for "
        "each city, by `local-search` of 3,000 iterations.",
        "",
        f"| cities | number | {' | '.join(COLUMNS)} |",
        "|---" * (len(COLUMNS) + 2) + "|",
    ]
    for plan in [*PLANS, ""]:
        chosen = table[(of_plan == plan) | (not plan)]
        cells = " | ".join(f"{value:.3g}" for value in chosen.mean(axis=0))
        page.append(f"| {plan or 'all'} | {len(chosen)} | {cells} |")
    page.append(f"| spread | | {' | '.join(f'{value:.2g}' for value in table.std(axis=0))} |")
    print("\n".join(page))
    if arguments.out:
        arguments.out.write_text("\n".join([*page, ""]))


if __name__ == "__main__":
    main()
