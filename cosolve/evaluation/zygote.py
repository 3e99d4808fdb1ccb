"""
Fork servers: processes that have everything loaded and start runs by forking, within milliseconds.

``python -P -m cosolve.evaluation.zygote FD`` is the first, one for each number of threads, with the caps on threads
in its environment. For each solver and problem it forks another, which loads or compiles the solver's kernels and
then forks the supervisors of its runs: what takes a second is done once instead of in every run. A fork server works
for nobody, has one thread, and ends when the runner does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from cosolve.evaluation import child, supervisor
from cosolve.evaluation.handover import open_map

#: Longest message: paths and a few words.
_MESSAGE = 65536

#: Loaded before the first fork; what they import in turn is most of it.
_PRELOAD = ("cosolve.core.driver", "cosolve.evaluation.solver_run", "numba", "psutil")


def serve(server: socket.socket) -> NoReturn:
    """
    Fork what is asked for until the other end is closed.

    A message is JSON with one file descriptor: ``{"fork": true}`` for another fork server, which serves the socket
    that came along, or ``{"run": REQUEST_FILE}`` for a run, whose supervisor gets it. In both,
    ``"warm_up": [SOLVER, INSTANCE_MAP, CORES]`` is done first.
    """
    while True:
        data, handles, _, _ = socket.recv_fds(server, _MESSAGE, 1)
        if not data:
            os._exit(0)
        message = json.loads(data)
        [handle] = handles
        if message.get("warm_up"):
            _warm_up(*message["warm_up"])
        gc.freeze()  # a collection in a fork must not touch, and so copy, what it shares with us
        if os.fork() == 0:
            server.close()
            if "run" in message:
                supervisor.run(Path(message["run"]), handle, handle, fork=True)
            server = socket.socket(fileno=handle)
            _settle()
        else:
            os.close(handle)


def _settle() -> None:
    # A server that hangs in some solver's preparations must end with the first one, which never runs such code.
    import ctypes

    ctypes.CDLL(None).prctl(child.PR_SET_PDEATHSIG, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    os.close(nothing)


def _warm_up(solver: str, instance: str, cores: Sequence[int]) -> None:
    """Prepare a solver for an instance; what goes wrong here goes wrong again in the run, where it is told."""
    from cosolve.evaluation.solver_run import prepare

    if cores:
        os.sched_setaffinity(0, cores)  # not on those that others measure their time on
    threads = _count_threads()
    try:
        prepare(solver, open_map(Path(instance)))
    except Exception:
        return
    if _count_threads() > threads:
        # A fork would lack the threads that a library believes to have, and wait for them for ever.
        os._exit(3)


def _count_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def main(arguments: list[str]) -> None:
    """Load what runs need, then serve."""
    server = socket.socket(fileno=int(arguments[0]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the supervisors: the kernel buries them
    for name in _PRELOAD:
        importlib.import_module(name)
    serve(server)


if __name__ == "__main__":
    main(sys.argv[1:])
