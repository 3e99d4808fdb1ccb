"""Running a solver in a child process that can be killed."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
from time import monotonic, time
from typing import IO, Any

from cosolve.core.errors import CosolveError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome

logger = logging.getLogger(__name__)

_HEADER = struct.Struct("<Q")

#: Seconds a child may overrun its limit before it is killed: start-up of a backend's shutdown, not more search.
GRACE = 2.0

#: Seconds that the last messages of a child may take to be read and judged after its end.
_LAST_WORDS = 30.0


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

    Raises
    ------
    CosolveError
        What the solver raised there.
    """
    if monitor.should_stop():
        return Outcome(limit=monitor.limit)  # the start of a child takes longer than what is left
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p or os.getcwd() for p in sys.path))
    child = subprocess.Popen(
        # -P: a file in the working directory named like a standard module must not be taken for it.
        [sys.executable, "-P", "-m", "cosolve.core.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C in the terminal goes to us alone; we ask the child to stop
    )
    assert child.stdin is not None
    assert child.stdout is not None
    stdin, stdout = child.stdin, child.stdout
    outcome: list[Outcome | CosolveError] = []
    must_stop = threading.Event()

    def listen() -> None:
        try:
            while not outcome:
                kind, *rest = receive(stdout)
                if kind == "incumbent":
                    monitor.report(*rest)
                elif kind == "start":
                    monitor.report_start(*rest)
                elif kind == "bound":
                    monitor.report_bound(*rest)
                else:
                    outcome.append(rest[0])
        except (EOFError, OSError):
            pass  # the child is gone
        except Exception as error:  # a message that can't be read, or a solution of another problem
            logger.error("message of %s", solver_target, exc_info=error)
            outcome.append(Outcome(status=Status.ERROR, message=f"{type(error).__name__}: {error}"))

    def talk() -> None:
        # Both ends are on one machine, so the wall clock tells the child how long its own start took.
        deadline = time() + monitor.time_left()
        try:
            send(stdin, (solver_target, instance, monitor.stop, deadline, seed, threads, initial, options))
            must_stop.wait()
            send(stdin, "stop")
        except (OSError, ValueError):
            pass  # the child is gone; the listener sees the end of the stream
        except Exception as error:  # an instance that can't be pickled
            outcome.append(Outcome(status=Status.ERROR, message=f"{type(error).__name__}: {error}"))
            child.kill()

    listener = threading.Thread(target=listen, name="cosolve-listen", daemon=True)
    listener.start()
    # Large instances fill the pipe: all writing is done in a thread, so that a child that never reads can't block us.
    talker = threading.Thread(target=talk, name="cosolve-talk", daemon=True)
    talker.start()
    asked: float | None = None
    killed = False
    try:
        while listener.is_alive() and child.poll() is None:
            listener.join(0.02)
            if asked is None and monitor.should_stop():
                asked = monotonic()
                must_stop.set()
            elif asked is not None and monotonic() - asked > GRACE:
                killed = True
                break
    finally:
        _end(child)
        must_stop.set()
    listener.join(GRACE if killed else _LAST_WORDS)
    talker.join(GRACE)
    for stream, thread in ((stdout, listener), (stdin, talker)):
        if not thread.is_alive():
            _close(stream)
    if outcome:
        if isinstance(outcome[0], CosolveError):
            raise outcome[0]
        return outcome[0]
    if killed or monitor.limit is not None:
        return Outcome(limit=monitor.limit or Limit.TIME, stats={"killed": True})
    code = child.returncode
    reason = signal_name(-code) if code < 0 else f"exit code {code}"
    return Outcome(status=Status.ERROR, message=f"the solver's process died ({reason}).")


def signal_name(number: int) -> str:
    """What ended a process, in words."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # real-time signals have no names


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child with whatever it started; it may be done already."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        pass  # what was left in the buffer has no reader any more
