"""The child's side of :mod:`cosolve.core.isolation`: ``python -m cosolve.core.worker``."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from time import time
from typing import IO

from cosolve.core.errors import CosolveError
from cosolve.core.instance import Instance, Solution
from cosolve.core.isolation import receive, send
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome
from cosolve.core.stop import Stop


class WorkerMonitor(Monitor):
    """Sends everything to the parent, which judges; knows only the clock and the parent's wish to stop."""

    def __init__(self, instance: Instance, stop: Stop, stream: IO[bytes]) -> None:
        super().__init__(instance, stop)
        self._stream = stream

    def report(self, solution: Solution, objective: float | None = None) -> bool:
        """Send; the return value is True because only the parent knows better."""
        with self._lock:
            send(self._stream, ("incumbent", solution, objective))
        return True

    def report_start(self, solution: Solution) -> bool:
        """Send."""
        with self._lock:
            send(self._stream, ("start", solution))
        return True

    def report_bound(self, bound: float) -> None:
        """Send."""
        with self._lock:
            send(self._stream, ("bound", float(bound)))


def _die_with_parent() -> None:
    # A killed parent must not leave a solver running, not even one that never lets our own threads run. Linux only
    # (PR_SET_PDEATHSIG = 1); elsewhere the end of the input does it for all other solvers.
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main() -> None:
    """Read the task, run it, send the outcome."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Backends print to file descriptor 1 whenever they like: keep a private copy for messages, give them stderr.
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    stdin = sys.stdin.buffer
    import importlib
    from dataclasses import replace

    target, instance, stop, deadline, seed, threads, initial, options = receive(stdin)
    left = min(max(0.0, deadline - time()), stop.time_limit)
    monitor = WorkerMonitor(instance, replace(stop, time_limit=left), stream)

    def listen() -> None:
        try:
            receive(stdin)
        except (EOFError, OSError):
            os._exit(1)  # nobody is left to take an answer
        monitor.interrupt()

    threading.Thread(target=listen, daemon=True).start()
    module, _, name = target.partition(":")
    outcome: Outcome | CosolveError
    try:
        solver = getattr(importlib.import_module(module), name)()
        outcome = solver.solve(instance, monitor, seed=seed, threads=threads, initial=initial, options=options)
    except SystemExit as error:
        # An orderly exit waits for the lock on stdin, which the listening thread holds, and aborts.
        os._exit(error.code if isinstance(error.code, int) else 1)
    except CosolveError as error:
        outcome = error
    except MemoryError:
        outcome = Outcome(status=Status.ERROR, limit=Limit.MEMORY, message="out of memory.")
    except Exception as error:
        stats = {"traceback": traceback.format_exc()}
        outcome = Outcome(status=Status.ERROR, stats=stats, message=f"{type(error).__name__}: {error}")
    code = 1
    try:
        with monitor._lock:
            send(stream, ("done", outcome))
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(code)  # a backend's own threads or exit handlers must not keep us


if __name__ == "__main__":
    main()
