"""
The process that the work is done in: ``python -m cosolve.evaluation.child REQUEST`` or a fork of the supervisor.

It calls one function, ``target(arguments, clock)``. Nothing that the function does to its process reaches anybody
else, and nothing of the process outlives it: see :mod:`cosolve.evaluation.supervisor`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from cosolve.evaluation import memory

#: What a child says to its supervisor: b"s" started, b"e" ended; bytes of memory held then, 0 if not looked at.
EVENT = struct.Struct("<cQ")

#: What a process may allocate above its memory cap before the system itself refuses, at least; the supervisor, which
#: counts what is really held, is to be the first.
_SLACK = 512 * 2**20

#: Option of prctl(2): the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


class Clock:
    """
    Tells the supervisor when the time that is limited begins and ends.

    Parameters
    ----------
    events
        File descriptor of the pipe to the supervisor.
    """

    def __init__(self, events: int) -> None:
        self._events = events

    def start(self) -> None:
        """Preparations are over: the time limit counts from now."""
        os.write(self._events, EVENT.pack(b"s", 0))

    def stop(self) -> None:
        """The work is over; only the answer has to be written."""
        # A run that is over before the supervisor's first look still has a peak.
        os.write(self._events, EVENT.pack(b"e", memory.proportional([os.getpid()])))


def run(request: Mapping[str, Any], events: int) -> NoReturn:
    """
    Do the work of a request and end this process.

    Parameters
    ----------
    request
        See :class:`cosolve.evaluation.launcher.Request`.
    events
        Pipe to the supervisor.
    """
    code = 1
    try:
        gc.enable()
        _settle(request)
        module, _, name = request["target"].partition(":")
        getattr(importlib.import_module(module), name)(request["arguments"], Clock(events))
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        os._exit(code & 0xFF)  # a backend's own threads or exit handlers must not keep us


def _settle(request: Mapping[str, Any]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if request["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, request["cores"])
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        try:
            # If the machine runs out of memory, the system is to end this process rather than the runner.
            Path("/proc/self/oom_score_adj").write_text("1000")
        except OSError:
            pass
    if request["memory_limit"] is not None:
        cap = request["memory_limit"]
        most = memory.private_data() + cap + max(cap // 2, _SLACK)
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Whatever a killed solver leaves behind goes with the work folder.
    os.environ["TMPDIR"] = request["folder"]
    tempfile.tempdir = None


def main() -> None:
    """Read the request named on the command line; standard input is the pipe of the events."""
    request = json.loads(Path(sys.argv[1]).read_text())
    run(request, int(sys.argv[2]))


if __name__ == "__main__":
    main()
