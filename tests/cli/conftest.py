"""The command line run in this process, and small instances on disk."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import cosolve
from cosolve.cli.app import run
from cosolve.core.solver import Availability, Feature, Outcome, Solver, solvers
from cosolve.instances.distances import Distances
from cosolve.instances.tsp import Tour, TSPInstance


@dataclass
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys):
    """``cli("solve", "x.tsp")``: exit code, stdout and stderr."""

    def call(*arguments: object) -> Answer:
        handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            code = run([str(argument) for argument in arguments])
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Working directory with square.tsp (optimum 40), good.tour (40), bad.tour (48) and broken.json."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSOLVE_DATA", raising=False)
    monkeypatch.delenv("COSOLVE_DEBUG", raising=False)
    monkeypatch.setattr("cosolve.instances.catalogue.entries", lambda: ())
    corners = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
    square = TSPInstance(name="square", distances=Distances.from_coords(corners))
    cosolve.write(square, "square.tsp", format="tsplib")
    for name, order in (("good.tour", [0, 1, 2, 3]), ("bad.tour", [0, 2, 1, 3]), ("broken.json", [0, 0, 1, 2])):
        cosolve.write_solution(square, Tour(order=np.array(order)), name)
    return tmp_path


class Scripted(Solver):
    """Reports what ``orders`` says and proves ``bound``."""

    name = "scripted"
    problems = frozenset({"tsp"})
    features = Feature.SEED | Feature.WARM_START
    orders: tuple = ([0, 2, 1, 3], [0, 1, 2, 3])
    bound: float | None = None
    error: Exception | None = None

    def available(self):
        return Availability(True, "1.0")

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        for order in self.orders:
            monitor.report(Tour(order=np.array(order)))
        if self.bound is not None:
            monitor.report_bound(self.bound)
        if self.error is not None:
            raise self.error
        return Outcome()


@pytest.fixture
def scripted(monkeypatch):
    """Register the solver "scripted" with the class attributes given."""

    def register(**attributes):
        monkeypatch.setitem(solvers._loaded, "scripted", type("Scripted", (Scripted,), attributes))

    register()
    return register
