"""
The learned solvers for orienteering with variable profits: the published test set, and the paper's ablation.

    python benchmarks/decost.py [--test] [--sets] [--ablation] [--count 1000] [--steps 2500] [--runs FOLDER]
        [--out docs/benchmarks/decost.md]

``--test`` runs the bundled network for 50 places and TW 100 on the first instances of the published test set, against
optima that are computed here; ``--sets`` runs the network that is nearest to each of the five published sets, on the
first instances of each, a tenth as many of 500 places. ``--ablation`` trains small networks by reward alone, all with
the same steps; with ``--runs`` they lie in that folder, and a run cut short goes on from there. Without any all are
done. Times are wall-clock on one thread where nothing else is said.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch

import cosolve
from cosolve.models.decost.config import DataConfig, DecostConfig, ModelConfig, TrainingConfig
from cosolve.models.decost.data import Dataset, draw
from cosolve.models.decost.network import Network
from cosolve.models.decost.predictor import network_of
from cosolve.models.decost.training import train, validate

#: What the network's own service times learn from where they are what counts: the gradient of the profit in them.
#: The policy gradient alone does not reach their decoder, and loses nearly all profit (89 % after 150 steps).
PREDICTED = {"reward": "predicted", "service_weight": 1.0}

#: Row of the ablation to what it changes in model and training; the gaps of the paper (its table of n = 50, TW = 100).
VARIANTS: list[tuple[str, dict, dict, str]] = [
    ("POMO: no spatial encoding, no service optimisation", {"pairs": "none"}, PREDICTED, "25.3"),
    ("+ spatial encoding", {}, PREDICTED, "23.0"),
    ("+ service optimisation", {}, {}, "2.28"),
    ("+ pTAR, repulsive as published", {}, {"ptar": "repulsive"}, "1.06"),
    ("pTAR, attractive instead", {}, {"ptar": "attractive"}, ""),
    ("no decoder of service times: planned as zero", {"service": "zero"}, {}, ""),
    ("and slacks of windows in attention", {"service": "zero", "pairs": "windows"}, {}, ""),
]


#: Places and TW of the published sets, and the gaps of the paper; it has no optimum for 100 places and TW 500.
SETS = [(50, 100.0, "1.06"), (100, 100.0, "1.97"), (50, 500.0, "0.83"), (100, 500.0, "-"), (500, 100.0, "3.31")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--sets", action="store_true")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--count", type=int, default=1000, help="instances of the published test set, of 10,000")
    parser.add_argument("--steps", type=int, default=2500, help="training steps of each row of the ablation")
    parser.add_argument("--runs", type=Path, help="keep the training runs of the ablation here, and go on with them")
    parser.add_argument("--out", type=Path, help="write the Markdown here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    every = not (arguments.test or arguments.sets or arguments.ablation)
    data = draw(DataConfig(), 2025, arguments.count, labelled=True, stream=10_000)
    lines = header()
    if arguments.test or every:
        lines += test(data)
    if arguments.sets or every:
        lines += sets(arguments.count)
    if arguments.ablation or every:
        with tempfile.TemporaryDirectory() as folder:
            lines += ablation(data, arguments.steps, arguments.runs or Path(folder))
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    return 0


def test(data: Dataset) -> list[str]:
    """Gap and time of every way to use the network, and of exact labelling."""
    instances, optimum = data.instances, data.optimum.numpy()
    lines = [
        f"## Published test set, 50 places, TW 100: its first {len(instances)} instances",
        "",
        f"Mean optimum {optimum.mean():.4f}. "
        "Times are those for all instances over their number; on a busy machine only `CPU ms` means much.",
        "",
        "| solver | how | mean profit | mean gap % | optimal % | ms | CPU ms |",
        "|---|---|---|---|---|---|---|",
    ]
    ways = [
        ("decost", "batch, greedy, no symmetries", {"augmentation": 1}, None),
        ("decost", "batch, greedy x 8 symmetries", {}, None),
        ("decost", "batch, 16 samples x 8 symmetries", {"decode": "sampling"}, None),
        ("decost", "one by one, greedy x 8 symmetries", {}, {}),
        ("decost+", "one by one, 100 ms", {}, {"time_limit": 0.1}),
        ("decost+", "one by one, 1,000 iterations", {}, {"iterations": 1000}),
        ("labelling", "one by one, exact", {}, {}),
    ]
    for solver, how, options, limit in ways:
        cosolve.solve_batch(instances[:2], solver, time_limit=1.0, options=options)
        start, cpu = perf_counter(), process_time()
        if limit is None:
            results = cosolve.solve_batch(instances, solver, time_limit=3600.0, options=options)
        else:
            results = [cosolve.solve(instance, solver, options=options, **limit) for instance in instances]
        ms, cpu_ms = (1000 * t / len(instances) for t in (perf_counter() - start, process_time() - cpu))
        profit = np.array([result.objective for result in results])
        gaps = 1 - profit / optimum
        assert gaps.min() > -1e-6, "a verified route beats the optimum"
        mean, exact = 100 * abs(gaps.mean()), 100 * (gaps < 1e-6).mean()
        line = f"| {solver} | {how} | {profit.mean():.4f} | {mean:.3f} | {exact:.1f} | {ms:.1f} | {cpu_ms:.1f} |"
        print(line, flush=True)
        lines.append(line)
    return [*lines, ""]


def sets(count: int) -> list[str]:
    """Gap of the network on each published set, greedy and sampled."""
    lines = [
        "## The five published sets, by the bundled network nearest to each",
        "",
        f"The first {count} instances of each, {count // 10} of 500 places; gaps to the proven optimum in per cent. "
        "The last columns: 16 samples under each symmetry, and time for an instance in a batch, greedy x 8.",
        "",
        "| places | TW | network | mean optimum | greedy | greedy x 8 | published | samples | ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size, width, published in SETS:
        number = count if size < 500 else max(1, count // 10)
        data = draw(DataConfig(size=size, width=width), 2025, number, labelled=True, stream=10_000)
        optimum, cells = data.optimum.numpy(), []
        for options in ({"augmentation": 1}, {}, {"decode": "sampling"}):
            start = perf_counter()
            results = cosolve.solve_batch(data.instances, "decost", time_limit=3600.0, options=options)
            cells.append((1 - np.array([r.objective for r in results]) / optimum, perf_counter() - start))
            assert cells[-1][0].min() > -1e-6, "a verified route beats the optimum"
        (one, _), (eight, seconds), (samples, _) = cells
        gaps = f"{100 * one.mean():.2f} | {100 * eight.mean():.2f} | {published} | {100 * samples.mean():.2f}"
        network = results[0].stats["checkpoint"]
        line = f"| {size} | {width:g} | {network} | {optimum.mean():.4f} | {gaps} | {1000 * seconds / number:.1f} |"
        print(line, flush=True)
        lines.append(line)
    return [*lines, ""]


def ablation(data: Dataset, steps: int, runs: Path) -> list[str]:
    """Train and judge each variant."""
    base = DecostConfig(
        DataConfig(chunk=2048, passes=4),
        ModelConfig(embedding=64, layers=2, feed_forward=128),
        TrainingConfig(
            reinforce_steps=steps,
            reinforce_batch=32,
            rollouts=16,
            reinforce_rate=5e-4,
            final_rate=0.1,
            ptar="off",
            validation_every=max(1, steps // 5),
        ),
    )
    lines = [
        f"## Ablation: {steps} steps of reward each, no imitation",
        "",
        f"Small networks ({base.model.layers} layers, {base.model.embedding} wide), {base.training.reinforce_batch} "
        f"instances x {base.training.rollouts} samples a step, learning rate {base.training.reinforce_rate:g} falling "
        "to a tenth, weights of the best of five validations; judged "
        f"on the first {len(data.instances)} test instances. The published networks saw 32,000 steps of 128 x 50.",
        "",
        "| variant | mean gap % | x 8 symmetries % | and services optimised % | published % | s of training |",
        "|---|---|---|---|---|---|",
    ]
    for name, model, training, published in VARIANTS:
        config = replace(base, model=replace(base.model, **model), training=replace(base.training, **training))
        folder = runs / "-".join([*model.values(), *map(str, training.values())] or ["base"])
        last = train(config, folder, resume=folder.exists())
        network: Network = network_of(folder, "cpu")
        scores = validate(network, data, config.training)
        assert scores["infeasible"] == 0
        best = validate(network, data, replace(config.training, reward="optimised"))["gap_x8"]
        gaps = f"{100 * scores['gap']:.2f} | {100 * scores['gap_x8']:.2f} | {100 * best:.2f}"
        line = f"| {name} | {gaps} | {published} | {last['seconds']:.0f} |"
        print(line, flush=True)
        lines.append(line)
    return [*lines, ""]


def header() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    packages = ", ".join(f"{p} {version(p)}" for p in ("torch", "numba", "numpy"))
    return [
        "# Learned solvers for orienteering with variable profits",
        "",
        f"`python benchmarks/decost.py {' '.join(sys.argv[1:])}`, {datetime.date.today()}, "
        f"cosolve {cosolve.__version__}, {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, {packages}; one thread.",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
