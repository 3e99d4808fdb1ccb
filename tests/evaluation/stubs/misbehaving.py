"""Solvers that break every rule there is; suites name them "misbehaving:Class"."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from cosolve.core.result import Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.tsp import Tour


def into_the_grace_period(monitor):
    while monitor.elapsed() < monitor.stop.time_limit + 0.25:
        time.sleep(0.01)


class Stub(Solver):
    """Reports the identity tour, then does something."""

    name = "stub"
    problems = frozenset({"tsp"})
    features = Feature.TRAJECTORY | Feature.SEED

    def available(self):
        return Availability(True, "1.2.3")

    def solve(self, instance, monitor, *, seed, threads, initial, options):
        self.seed = seed
        self.report(instance, monitor)
        return self.then(instance, monitor) or Outcome()

    def report(self, instance, monitor):
        monitor.report(Tour(order=np.arange(instance.size)))

    def then(self, instance, monitor):
        return None


class Quick(Stub):
    """Returns at once with a tour that depends on the seed alone."""

    def report(self, instance, monitor):
        monitor.report(Tour(order=np.random.default_rng(self.seed).permutation(instance.size)))


class Slow(Quick):
    """As quick, a quarter of a second later."""

    def then(self, instance, monitor):
        time.sleep(0.25)


class Aborts(Stub):
    def then(self, instance, monitor):
        os.abort()


class KillsItself(Stub):
    def then(self, instance, monitor):
        os.kill(os.getpid(), signal.SIGKILL)


class KillsItsParent(Stub):
    def then(self, instance, monitor):
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)


class Hangs(Stub):
    """Never looks at the monitor, but lets other threads run."""

    def then(self, instance, monitor):
        while True:
            sum(range(1000))


class HangsInNativeCode(Stub):
    """Sleeps in C without ever letting another Python thread run."""

    def then(self, instance, monitor):
        ctypes.PyDLL(None).sleep(600)


class IgnoresSignals(Stub):
    def then(self, instance, monitor):
        ctypes.CDLL(None).signal(signal.SIGTERM, 1)
        while True:
            time.sleep(1)


class ExitsAtOnce(Stub):
    def then(self, instance, monitor):
        os._exit(0)


class Exits(Stub):
    def then(self, instance, monitor):
        sys.exit(3)


class Raises(Stub):
    def then(self, instance, monitor):
        raise RuntimeError("boom")


class ForgesItsAnswer(Stub):
    """Leaves an answer of its own making where the process would leave it."""

    def then(self, instance, monitor):
        (Path(os.environ["TMPDIR"]) / "answer.json").write_text('{"status": "marvellous", "limit": null}')
        os._exit(0)


class ForgesItsIncumbent(Stub):
    """Overwrites what was handed over."""

    def then(self, instance, monitor):
        for name in ("incumbent.0", "incumbent.1"):
            with (Path(os.environ["TMPDIR"]) / name).open("r+b") as file:
                file.seek(48)
                file.write(b"\xff" * 200)


class RaisesRealTimeSignal(Stub):
    def then(self, instance, monitor):
        os.kill(os.getpid(), signal.SIGRTMIN + 1)
        time.sleep(600)


class Leaks(Stub):
    """100 MB more every hundredth of a second."""

    def then(self, instance, monitor):
        held = []
        while True:
            held.append(np.ones(100 * 2**20 // 8))
            time.sleep(0.01)


class LeaksInChildren(Stub):
    """Each process holds little, all of them together too much."""

    def then(self, instance, monitor):
        for _ in range(8):
            if os.fork() == 0:
                held = np.ones(60 * 2**20 // 8)
                time.sleep(600)
                del held
        time.sleep(600)


class AsksForTooMuch(Stub):
    """More in one piece than any cap."""

    def then(self, instance, monitor):
        np.empty(2**40, np.uint8).fill(1)


class ReportsGarbage(Stub):
    def report(self, instance, monitor):
        monitor.report("a tour")


class ReportsWrongTour(Stub):
    def report(self, instance, monitor):
        monitor.report(Tour(order=np.zeros(instance.size, np.int64)), 1.0)


class ReportsNan(Stub):
    def report(self, instance, monitor):
        monitor.report(Tour(order=np.arange(instance.size)), float("nan"))
        monitor.report_bound(float("nan"))

    def then(self, instance, monitor):
        return Outcome(stats={"value": float("nan"), "array": np.array([np.inf])}, build_time=0.0)


class ReturnsGarbage(Stub):
    def then(self, instance, monitor):
        return 42


class ChangesItsAnswer(Stub):
    """Writes into the arrays of a solution that was verified before it is handed over."""

    def report(self, instance, monitor):
        class Later(Tour):
            pass

        tour = Tour(order=np.arange(instance.size))
        original = monitor._on_incumbent

        def change(incumbent):
            order = incumbent.solution.order
            order.flags.writeable = True
            order[:] = np.roll(np.random.default_rng(5).permutation(len(order)), 1)
            original(incumbent)

        monitor._on_incumbent = change
        monitor.report(tour)


class PrintsMegabytes(Stub):
    def then(self, instance, monitor):
        line = "x" * 1023 + "\n"
        for _ in range(50_000):
            print(line, end="")
        os.write(2, b"\xff\x00" * 1000)


class PrintsAndCrashes(Stub):
    def then(self, instance, monitor):
        os.write(2, b"x" * 1_000_000 + b" assertion failed: the last words")
        os.abort()


class LeavesProcesses(Stub):
    """Forks twice, detaches, ignores every signal it can and would live for ten minutes; writes its ids to a file."""

    def then(self, instance, monitor):
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                os.write(writer, str(os.getpid()).encode())
                time.sleep(600)
            os._exit(0)
        Path(os.environ["LEFT_PROCESS"]).write_text(os.read(reader, 100).decode())


class TooLate(Stub):
    """A first solution in time, a better one after the limit."""

    def report(self, instance, monitor):
        order = np.random.default_rng(0).permutation(instance.size)
        monitor.report(Tour(order=order))

    def then(self, instance, monitor):
        while monitor.time_left() > 0:
            time.sleep(0.01)
        time.sleep(0.05)
        monitor.report(Tour(order=np.arange(instance.size)))
        monitor.report_bound(0.5)


class OnlyTooLate(TooLate):
    def report(self, instance, monitor):
        pass


class Unavailable(Stub):
    """Here only if the file named in the environment is."""

    def available(self):
        path = os.environ.get("SOLVER_HERE", "")
        return Availability(bool(path) and Path(path).exists(), "1.2.3", "pip install it")


class HangsInWarmUp(Stub):
    def warm_up(self, instance):
        time.sleep(600)


class CrashesInWarmUp(Stub):
    def warm_up(self, instance):
        os.abort()


class StartsThreadsInWarmUp(Stub):
    """A process forked from this one would lack the thread."""

    def warm_up(self, instance):
        import threading

        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


class LeavesTemporaryFiles(Stub):
    def then(self, instance, monitor):
        import tempfile

        folder = Path(tempfile.mkdtemp())
        (folder / "large").write_bytes(b"x" * 1000)
        return Outcome(stats={"folder": str(folder)})


class SaysWhatItHas(Stub):
    """CPU pinning and thread caps as the solver sees them."""

    def then(self, instance, monitor):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
        caps = {name: os.environ.get(name) for name in names}
        return Outcome(stats={"cores": sorted(os.sched_getaffinity(0)), "seed": self.seed, **caps})


class ProvesTooLate(Stub):
    """Its proof comes in the grace period."""

    def then(self, instance, monitor):
        into_the_grace_period(monitor)
        monitor.report_bound(monitor.best.objective)
        return Outcome(status=Status.OPTIMAL)


class ProvesAndLingers(Stub):
    """Its proof is in time, its return is not."""

    def then(self, instance, monitor):
        monitor.report_bound(monitor.best.objective)
        into_the_grace_period(monitor)
        return Outcome(status=Status.OPTIMAL)


class Infeasible(Stub):
    def report(self, instance, monitor):
        pass

    def then(self, instance, monitor):
        return Outcome(status=Status.INFEASIBLE)


class InfeasibleAfterABound(Infeasible):
    """As branch and bound does."""

    def report(self, instance, monitor):
        monitor.report_bound(1.0)


class InfeasibleTooLate(Infeasible):
    def then(self, instance, monitor):
        into_the_grace_period(monitor)
        return super().then(instance, monitor)


class Proves(Stub):
    def then(self, instance, monitor):
        monitor.report_bound(monitor.best.objective)
        return Outcome(status=Status.OPTIMAL)


class CutsOffItsSolution(Stub):
    """First a bound that may be right, then one beyond its own tour."""

    def report(self, instance, monitor):
        monitor.report_bound(1.0)
        super().report(instance, monitor)

    def then(self, instance, monitor):
        monitor.report_bound(monitor.best.objective + 100)
        return Outcome(status=Status.OPTIMAL)


class CutsOffAndHangs(CutsOffItsSolution):
    """As before, and it never says so."""

    def then(self, instance, monitor):
        super().then(instance, monitor)
        while True:
            time.sleep(0.1)
