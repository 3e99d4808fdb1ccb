"""A small but real batch solver: nearest neighbour tours of many instances at once, on the CPU or a GPU."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass

import numpy as np

from cosolve.core.result import Limit
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.tsp import Tour


@dataclass(frozen=True)
class Options:
    """
    Parameters
    ----------
    device
        "cpu" or "cuda".
    room
        Instances that fit in memory; 0 is any number.
    bytes_each
        Memory that each instance of a batch takes while it is solved.
    then
        What it does when all but the last instance are reported: "" (its work), "abort", "hang".
    pause
        Seconds that it waits before it begins.
    marks
        Folder in which it leaves a file for each batch, named by the number of instances.
    compile
        Nothing, to it.
    """

    device: str = "cpu"
    room: int = 0
    bytes_each: int = 0
    then: str = ""
    pause: float = 0.0
    marks: str = ""
    compile: bool = False


class NearestNeighbours(Solver):
    """All tours grow by one city at a time, each by the nearest one that is left."""

    name = "nearest-neighbours"
    problems = frozenset({"tsp"})
    features = Feature.BATCH | Feature.GPU | Feature.DETERMINISTIC
    options_type = Options

    def available(self):
        return Availability(True, "1")

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        return self.solve_batch([instance], [monitor], seed=seed, threads=threads, options=options)[0]

    def solve_batch(self, instances, monitors, *, seed, threads, options):
        if options.marks:
            with open(os.path.join(options.marks, str(len(instances))), "a") as file:
                file.write("x")
        time.sleep(options.pause)
        if options.room and len(instances) > options.room:
            raise MemoryError
        held = np.ones(options.bytes_each * (len(instances) - 1), np.uint8)
        if held.size:
            time.sleep(0.5)
        orders = tours([instance.distances.coords for instance in instances], options.device)
        for instance, monitor, order in zip(instances, monitors, orders, strict=True):
            if len(instances) > 2 and instance is instances[-1]:  # not in the warm-up
                if options.then == "abort":
                    os.abort()
                while options.then == "hang":
                    time.sleep(0.1)
            monitor.report(Tour(order=order))
        return [Outcome(stats={"together": len(instances)}) for _ in instances]


class OneByOne(NearestNeighbours):
    """Does the same without the BATCH feature."""

    name = "one-by-one"
    features = Feature.NONE


class SaysItsLimits(NearestNeighbours):
    """Leaves word of its batches: how many instances, and limits."""

    name = "says-its-limits"

    def solve_batch(self, instances, monitors, *, seed, threads, options):
        stop = monitors[0].stop
        with open(os.path.join(options.marks, "limits"), "a") as file:
            file.write(f"{len(instances)}: {stop.time_limit:g} s, {stop.iterations}\n")
        return super().solve_batch(
            instances, monitors, seed=seed, threads=threads, options=dataclasses.replace(options, marks="")
        )


class Searches(SaysItsLimits):
    """Says that it works until its limit."""

    features = Feature.BATCH | Feature.TRAJECTORY


class Counts(Searches):
    """Says that it counts iterations."""

    limits = frozenset({Limit.ITERATION})


class Alone(NearestNeighbours):
    """Does nothing, and fails if another does so beside it."""

    name = "alone"

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        mark = os.path.join(options.marks, "busy")
        with open(mark, "x"):
            time.sleep(options.pause)
        os.remove(mark)
        return Outcome()


def tours(coords: list[np.ndarray], device: str) -> list[np.ndarray]:
    """Nearest neighbour tours from city 0, instances padded to the largest."""
    most = max(map(len, coords))
    padded = np.zeros((len(coords), most, 2))
    gone = np.ones((len(coords), most), bool)
    for i, points in enumerate(coords):
        padded[i, : len(points)] = points
        gone[i, : len(points)] = False
    rows = np.arange(len(coords))
    xp = np
    if device != "cpu":
        import torch

        xp = torch
        padded, gone, rows = (torch.as_tensor(array, device=device) for array in (padded, gone, rows))
    at = rows * 0
    order = [at]
    gone[rows, at] = True
    for _ in range(most - 1):
        away = ((padded - padded[rows, at][:, None]) ** 2).sum(-1)
        at = xp.where(gone, np.inf, away).argmin(1)
        gone[rows, at] = True
        order.append(at)
    columns = xp.stack(order, 1)
    table = columns if device == "cpu" else columns.cpu().numpy()
    return [row[: len(points)].copy() for row, points in zip(table, coords, strict=True)]
