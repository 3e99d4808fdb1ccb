"""Solvers that misbehave in a process of their own; the child imports this module by name."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.result import Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.tsp import Tour


class Stub(Solver):
    """Reports the identity tour, then does something."""

    problems = frozenset({"tsp"})
    features = Feature.WARM_START | Feature.THREADS
    isolated = True

    def available(self):
        return Availability(True, "1")

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        monitor.report(Tour(order=np.arange(instance.size)), 1.0)
        monitor.report_bound(5.0)
        return self.then(instance, monitor)

    def then(self, instance, monitor):
        return Outcome()


class WellBehaved(Stub):
    name = "well-behaved"

    def then(self, instance, monitor):
        return Outcome(build_time=0.25, stats={"iterations": 7}, message="done")


class Refuses(Stub):
    name = "refuses"

    def then(self, instance, monitor):
        raise UnsupportedProblemError("it takes no such instance.")


class Obedient(Stub):
    name = "obedient"

    def then(self, instance, monitor):
        while not monitor.should_stop():
            time.sleep(0.01)
        return Outcome(stats={"stopped": True})


class Deaf(Stub):
    """Never looks at the monitor."""

    name = "deaf"

    def then(self, instance, monitor):
        while True:
            time.sleep(1)


class HoldsTheGil(Stub):
    """Sleeps in C without letting any other Python thread run."""

    name = "holds-the-gil"

    def then(self, instance, monitor):
        ctypes.PyDLL(None).sleep(600)
        return Outcome()


class Exits(Stub):
    name = "exits"

    def then(self, instance, monitor):
        sys.exit(3)


class ExitsAtOnce(Stub):
    name = "exits-at-once"

    def then(self, instance, monitor):
        os._exit(0)


class Raises(Stub):
    name = "raises"

    def then(self, instance, monitor):
        raise RuntimeError("boom")


class KillsItself(Stub):
    name = "kills-itself"

    def then(self, instance, monitor):
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome()


class PrintsGarbage(Stub):
    name = "prints-garbage"

    def then(self, instance, monitor):
        for _ in range(100):
            print("garbage" * 100, flush=True)
            os.write(1, b"\xff\x00" * 1000)
        return Outcome(stats={"done": True})


class WrongProblem(Stub):
    """Reports something that is no solution of this problem."""

    name = "wrong-problem"

    def then(self, instance, monitor):
        from cosolve.instances.milp import Values

        monitor.report(Values(values=np.zeros(3)))
        return Outcome()


class LeavesGrandchild(Stub):
    """Forks a process that keeps the pipe open, then dies."""

    name = "leaves-grandchild"

    def then(self, instance, monitor):
        if os.fork() == 0:
            time.sleep(600)
        os._exit(9)


class ManySolutions(Stub):
    """Sends far more than a pipe holds."""

    name = "many-solutions"

    def then(self, instance, monitor):
        order = np.arange(instance.size)
        for k in range(20):
            monitor.report(Tour(order=np.roll(order, k)))
        return Outcome(status=Status.FEASIBLE, stats={"sent": 20})


class TellsPid(Stub):
    """Writes its process id to the file named by the instance, then is deaf."""

    name = "tells-pid"

    def then(self, instance, monitor):
        with open(instance.name, "w") as file:
            file.write(str(os.getpid()))
        while True:
            time.sleep(1)
