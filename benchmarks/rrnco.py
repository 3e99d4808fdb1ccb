"""
RRNCO: what the folded bias saves, and how good the bundled networks are.

    python benchmarks/rrnco.py [--throughput] [--quality] [--encoders FOLDER ...] [--count 64] [--greedy]
                               [--splits in,city,cluster] [--device cuda] [--out FILE]

``--throughput`` times encoder and decoder at 100 nodes, 8 symmetries x 100 starts, with the folded and with the
unfolded bias, in CPU time of one thread; with a GPU as ``--device`` it says how many instances that solves a second.
``--quality`` runs every bundled network on test instances of its size, none of which any choice was made by, from
training cities, other cities and clusters, against long runs of our own searches. ``--encoders`` judges other
checkpoints on the same instances, to compare encoders. Without any all bundled is done.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from unfolded_bias import UnfoldedBias

import cosolve
from cosolve.instances.generators import generate
from cosolve.models import checkpoints
from cosolve.models.devices import autocast
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.config import ModelConfig
from cosolve.models.rrnco.inference import propose
from cosolve.models.rrnco.instances import arrays_of
from cosolve.models.rrnco.network import Network

#: The published network, and one as small as those that are bundled.
MODELS = {
    "published: E 128, 6 layers": ModelConfig(),
    "small: E 64, 3 layers": ModelConfig(embedding=64, layers=3, feed_forward=128, neighbours=10, kinks=64),
}

PROBLEMS = ("atsp", "acvrp", "acvrptw")
SPLITS = {"in": "training cities", "city": "other cities", "cluster": "clusters"}

#: First seed of the test instances: far from those of training, which are drawn otherwise anyway.
_SEED = 5_000_000

#: Iterations of the reference per node: "local-search" for tours, "rr" for routes.
_REFERENCE = {"atsp": 300, "acvrp": 2000, "acvrptw": 2000}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--throughput", action="store_true")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--encoders", nargs="+", default=[], metavar="FOLDER", help="checkpoints to judge")
    parser.add_argument("--count", type=int, default=64, help="test instances of each split")
    parser.add_argument("--greedy", action="store_true", help="no samples, which take most of the time")
    parser.add_argument("--splits", default=",".join(SPLITS), help="which test instances")
    parser.add_argument("--device", default="cpu", help="with a GPU, --throughput is of batches there")
    parser.add_argument("--out", type=Path, help="write the Markdown here")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    splits = arguments.splits.split(",")
    everything = not (arguments.throughput or arguments.quality or arguments.encoders)
    lines = header()
    if arguments.throughput or everything:
        lines += throughput() if arguments.device == "cpu" else batches(torch.device(arguments.device))
    if arguments.quality or everything:
        folders = [checkpoint.folder for checkpoint in checkpoints.bundled("rrnco")]
        lines += quality("Bundled networks", folders, splits, arguments.count, arguments.greedy)
    if arguments.encoders:
        folders = [Path(folder) for folder in arguments.encoders]
        lines += quality("Encoders", folders, splits, arguments.count, arguments.greedy)
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    return 0


def throughput() -> list[str]:
    """CPU seconds to encode and decode one instance with either form of the bias."""
    lines = [
        "## Folded and unfolded bias",
        "",
        "One instance of 100 cities or customers, 8 symmetries x 100 greedy starts; random weights, but for a strong "
        "pull of near nodes; CPU seconds, the better of two runs.",
        "",
        "| model | problem | folded | unfolded | ratio |",
        "|---|---|---|---|---|",
    ]
    for name, config in MODELS.items():
        for problem in PROBLEMS:
            batch = _batch([generate(problem, "road", seed=_SEED, n=100)])
            torch.manual_seed(0)
            network = Network(config, problem).eval()
            # Untrained routes go home after every other customer: a strong pull makes them as long as trained ones.
            network.decoder.pull.data[0] = 20.0
            folded = _seconds(network, batch)
            for layer in network.encoder.layers:
                for block in (layer.row, layer.column):
                    block.bias = UnfoldedBias(config.embedding, 3 if problem == "acvrptw" else 2)
            unfolded = _seconds(network, batch)
            line = f"| {name} | {problem} | {folded:.2f} | {unfolded:.2f} | {unfolded / folded:.1f} |"
            print(line, flush=True)
            lines.append(line)
    return [*lines, ""]


def _seconds(network: Network, batch: Batch) -> float:
    times = []
    for _ in range(2):
        start = process_time()
        propose(network, batch)
        times.append(process_time() - start)
    return min(times)


def batches(device: torch.device) -> list[str]:
    """Instances a GPU solves in a second, by the batch."""
    lines = [
        "## Greedy solutions on a GPU",
        "",
        f"{torch.cuda.get_device_name(device)}, PyTorch {torch.__version__}: instances of 100 cities or customers a "
        "second, published network (E 128, 6 layers) in bfloat16 with random weights, nothing compiled.",
        "",
        "| problem | instances | symmetries | starts | a second |",
        "|---|---|---|---|---|",
    ]
    for problem in PROBLEMS:
        few = _batch([generate(problem, "road", seed=_SEED + k, n=100) for k in range(16)]).to(device)
        network = Network(ModelConfig(), problem).to(device).eval()
        for count, symmetries, starts in ((512, 1, 1), (2048, 1, 1), (64, 1, 100), (8, 8, 100)):
            batch = few.take(torch.arange(count, device=device) % few.num_instances)
            seconds = []
            for _ in range(3):
                torch.cuda.synchronize(device)
                start = perf_counter()
                with autocast(device, "bfloat16"):
                    propose(network, batch, symmetries=range(symmetries), starts=starts)
                torch.cuda.synchronize(device)
                seconds.append(perf_counter() - start)
            line = f"| {problem} | {count} | {symmetries} | {starts} | {count / min(seconds):,.0f} |"
            print(line, flush=True)
            lines.append(line)
    return [*lines, ""]


def quality(title: str, folders: list[Path], splits: list[str], count: int, greedy: bool) -> list[str]:
    """Gaps of each network on each split."""
    lines = [
        f"## {title}",
        "",
        f"Mean gap in % to a long run of our own search ({_REFERENCE['atsp']:,} iterations per node), over {count} "
        "test instances of each split. `ms`: CPU time of an instance under 8 symmetries, decoded in one batch.",
        "",
        "| network | split | reference km | greedy x starts | x 8 symmetries | 16 samples x 8 | x 8, polished | ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for folder in folders:
        checkpoint = checkpoints.read(folder)
        size = checkpoint.tables["data"]["size"]
        for split in splits:
            instances = [
                generate(checkpoint.problem, "road", seed=_SEED + k, n=size, split=split) for k in range(count)
            ]
            best = np.array([_reference(instance) for instance in instances])
            options = {"checkpoint": str(folder), "starts": size}
            cells = []
            for ways in (
                {"augmentation": 1},
                {},
                {"decode": "sampling", "samples": 16},
                {"polish": True},
            ):
                if "samples" in ways and (greedy or size > 50):
                    cells.append("")  # 12,800 solutions of each instance
                    continue
                start = process_time()
                results = cosolve.solve_batch(instances, "rrnco", time_limit=3600.0, options={**options, **ways})
                if not ways:
                    milliseconds = 1000 * (process_time() - start) / count
                cost = np.array([result.objective for result in results])
                cells.append(f"{100 * (cost / best - 1).mean():.2f}")
            line = f"| {folder.name} | {SPLITS[split]} | {best.mean():.3f} | {' | '.join(cells)} | {milliseconds:.0f} |"
            print(line, flush=True)
            lines.append(line)
    return [*lines, ""]


def _reference(instance: cosolve.Instance) -> float:
    solver = "local-search" if instance.problem == "atsp" else "rr"
    result = cosolve.solve(instance, solver, iterations=_REFERENCE[instance.problem] * instance.size)
    assert result.objective is not None
    return result.objective


def _batch(instances: list[cosolve.Instance]) -> Batch:
    return Batch.of([arrays_of(one) for one in instances], is_tour=instances[0].problem == "atsp")


def header() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown CPU")
    packages = ", ".join(f"{p} {version(p)}" for p in ("torch", "numba", "numpy"))
    return [
        "# RRNCO: learned tours and routes on road networks",
        "",
        f"`python benchmarks/rrnco.py {' '.join(sys.argv[1:])}`, {datetime.date.today()}, "
        f"cosolve {cosolve.__version__}, {os.cpu_count()} cores ({cpu}), "
        f"Python {platform.python_version()}, {packages}; one thread of a machine that was busy with other work.",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
