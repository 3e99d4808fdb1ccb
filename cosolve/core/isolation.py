"""Running a solver in a child process that can be killed."""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from time import monotonic
from typing import IO, Any

from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome

_HEADER = struct.Struct("<Q")

#: Seconds a child may overrun its limit before it is killed: start-up of a backend's shutdown, not more search.
GRACE = 2.0


def send(stream: IO[bytes], message: Any) -> None:
    """Write one length-prefixed pickled message; both ends are our own processes, joined by a private pipe."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_HEADER.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """
    Read one message.

    Raises
    ------
    EOFError
        If the other end is gone.
    """
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError
    (size,) = _HEADER.unpack(header)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)


def run_isolated(
    solver_target: str,
    instance: Any,
    monitor: Monitor,
    *,
    seed: int,
    threads: int,
    initial: Solution | None,
    options: Any,
) -> Outcome:
    """
    Run ``module:Class`` of a solver in a child; what it reported before a kill is kept.

    The child is a plain ``python -m cosolve.core.worker`` rather than a ``multiprocessing`` one, so that a
    caller's script needs no ``__main__`` guard.
    """
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    child = subprocess.Popen(
        [sys.executable, "-m", "cosolve.core.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal goes to us alone; we ask the child to stop
    )
    assert child.stdin is not None and child.stdout is not None
    stdin, stdout = child.stdin, child.stdout
    outcome: list[Outcome] = []

    def listen() -> None:
        while True:
            try:
                kind, *rest = receive(stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                return
            if kind == "incumbent":
                monitor.report(*rest)
            elif kind == "bound":
                monitor.report_bound(*rest)
            else:
                outcome.append(rest[0])
                return

    def talk() -> None:
        left = monitor.time_left()
        try:
            send(stdin, (solver_target, instance, monitor.stop, left, seed, threads, initial, options))
        except OSError:
            pass  # the child died while reading; the listener sees the end of the stream

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    # Large instances fill the pipe: write from a thread so that a child that never reads can't block us.
    threading.Thread(target=talk, daemon=True).start()
    asked: float | None = None
    killed = False
    try:
        while listener.is_alive():
            listener.join(0.02)
            if asked is None and monitor.should_stop():
                asked = monotonic()
                try:
                    send(stdin, "stop")
                except (OSError, ValueError):
                    pass
            elif asked is not None and monotonic() - asked > GRACE:
                killed = True
                break
    finally:
        _end(child)
    listener.join(GRACE)
    if outcome:
        return outcome[0]
    if killed or monitor.limit is not None:
        return Outcome(limit=monitor.limit or Limit.TIME, stats={"killed": True})
    code = child.returncode
    reason = signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"
    return Outcome(status=Status.ERROR, message=f"the solver's process died ({reason}).")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child with whatever it started; it may be done already."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()
    for stream in (child.stdin, child.stdout):
        try:
            if stream is not None and stream is child.stdin:
                stream.close()
        except OSError:
            pass
