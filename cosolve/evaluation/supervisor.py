"""
Watches one run: its clock, its memory, whatever it starts, and whether the runner is still there.

The supervisor is the parent of the process that works, and on Linux the subreaper of everything that descends from
it: however a solver forks, detaches or renames its processes, they come back to their supervisor, which kills them
when the run is over. It says its last word, one line of JSON, to the runner; if the runner is gone, so is the run.
"""

from __future__ import annotations

import gc
import json
import math
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

from cosolve.evaluation import child, memory

#: First word to the runner.
BEGUN = b"begun\n"

#: Seconds between two looks at the memory; looks that take long are fewer, so that they cost at most 5 %.
LOOK_EVERY = 0.05
_LOOK_SHARE = 20.0

#: Seconds that a run may take to write its answer once its clock has stopped.
ANSWER_LIMIT = 60.0

#: Bytes of what a run printed last that are kept.
TAIL = 8192

#: Seconds in which killed processes must be gone; one that hangs in a driver can't be waited for.
_KILL_LIMIT = 10.0

_PR_SET_CHILD_SUBREAPER = 36


class Supervisor:
    """
    One run under watch.

    Parameters
    ----------
    request
        See :class:`cosolve.evaluation.launcher.Request`.
    control
        File descriptor that comes to its end when the runner is gone or wants the run to end.
    """

    def __init__(self, request: Mapping[str, Any], control: int) -> None:
        self._request = request
        self._control = control
        self._started = monotonic()
        self._deadline = self._started + request["prepare_limit"]
        self._phase = "preparation"
        self._killed: str | None = None
        self._status: int | None = None
        self._tail = bytearray()
        self._peak = 0
        self._most_resident = 0
        self._next_look = self._started + LOOK_EVERY
        self._events_left = b""
        self._pid = 0
        self._output = self._events = -1

    def start(self, *, fork: bool) -> None:
        """Start the process that works: a fork of this process, which has everything loaded, or a new Python."""
        self._output, output = os.pipe()
        self._events, events = os.pipe()
        for end in (self._output, self._events):
            os.set_blocking(end, False)
        if fork:
            self._pid = os.fork()
            if self._pid == 0:
                nothing = os.open(os.devnull, os.O_RDONLY)
                for source, target in ((nothing, 0), (output, 1), (output, 2)):
                    os.dup2(source, target)
                for handle in (self._control, self._output, self._events, nothing, output):
                    if handle > 2:
                        os.close(handle)
                child.run(self._request, events)
        else:
            command = [sys.executable, "-P", "-m", "cosolve.evaluation.child"]
            process = subprocess.Popen(
                [*command, str(Path(self._request["folder"]) / "request.json"), str(events)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[events],
            )
            self._pid = process.pid
        os.close(output)
        os.close(events)

    def watch(self) -> dict[str, Any]:
        """Watch until the run is over and all of its processes are gone; the account of it."""
        readers = {self._output: self._read_output, self._events: self._read_events}
        poll = select.poll()
        for handle in (self._control, *readers):
            poll.register(handle, select.POLLIN)
        ended = _process_handle(self._pid)
        if ended is not None:
            poll.register(ended, select.POLLIN)
        pause = math.inf if ended is not None else 0.02
        while self._status is None and self._killed is None:
            wait = min(self._next_look, self._deadline) - monotonic()
            for handle, _ in poll.poll(1000 * max(0.0, min(wait, pause))):
                if handle == self._control:
                    self._killed = "asked"
                elif handle in readers and not readers[handle]():
                    poll.unregister(handle)
            self._reap()
            now = monotonic()
            if now >= self._next_look:
                self._look()
            if now >= self._deadline and self._status is None and self._killed is None:
                self._killed = self._phase
        self._kill_all()
        self._read_events()
        self._read_output()
        return {
            "killed": self._killed,
            "status": self._status,
            "peak_memory": self._peak or None,
            "wall": monotonic() - self._started,
            "output": self._tail.decode("utf-8", "replace"),
        }

    def _read_output(self) -> bool:
        # As much as there is, but never so long that a solver that prints without end keeps us from the clock.
        for _ in range(64):
            try:
                data = os.read(self._output, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._tail += data
            del self._tail[:-TAIL]
        return True

    def _read_events(self) -> bool:
        try:
            data = os.read(self._events, 4096)
        except BlockingIOError:
            return True
        self._events_left += data
        size = child.EVENT.size
        while len(self._events_left) >= size:
            word, held = child.EVENT.unpack(self._events_left[:size])
            self._events_left = self._events_left[size:]
            self._peak = max(self._peak, held)
            if word == b"s" and self._phase == "preparation":
                limit = self._request["time_limit"]
                self._phase = "time"
                self._deadline = math.inf if limit is None else monotonic() + limit + self._request["grace"]
            elif word == b"e" and self._phase == "time":
                self._phase = "answer"
                self._deadline = monotonic() + ANSWER_LIMIT
        return bool(data)

    def _look(self) -> None:
        began = monotonic()
        pids = memory.descendants(os.getpid())
        held, cap = memory.resident(pids), self._request["memory_limit"]
        # Shared pages counted once is what matters, and what takes time: it can only exceed a former value if the
        # sum that counts them several times does.
        if held > self._most_resident * 1.01 + 2**20 or (cap is not None and held > cap):
            self._most_resident = max(self._most_resident, held)
            held = memory.proportional(pids)
            self._peak = max(self._peak, held)
            if cap is not None and held > cap and self._killed is None:
                self._killed = "memory"
        now = monotonic()
        self._next_look = now + max(LOOK_EVERY, _LOOK_SHARE * (now - began))

    def _reap(self) -> bool:
        """Bury the dead, orphans that came to us among them; False if there is no child left at all."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._pid:
                self._status = os.waitstatus_to_exitcode(status)

    def _kill_all(self) -> None:
        give_up = monotonic() + _KILL_LIMIT
        while True:
            for pid in memory.descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass
            if not self._reap() or monotonic() > give_up:
                return
            sleep(0.001)


def _process_handle(pid: int) -> int | None:
    """Handle that can be polled for the end of a process, ``None`` where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def run(path: Path, control: int, reply: int, *, fork: bool) -> NoReturn:
    """
    Supervise one run and end this process.

    Parameters
    ----------
    path
        File of the request.
    control, reply
        Where the runner's end shows, and where the account goes; the same socket if it is one.
    fork
        See :meth:`Supervisor.start`.
    """
    account: dict[str, Any]
    try:
        gc.disable()  # there is nothing to collect here, and a look would copy what is shared with the fork server
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if sys.platform == "linux":
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        request = json.loads(path.read_text())
        if request["cores"] and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, request["cores"])
        os.write(reply, BEGUN)
        supervisor = Supervisor(request, control)
        supervisor.start(fork=fork)
        account = supervisor.watch()
    except Exception:
        account = {"error": traceback.format_exc()}
    try:
        _send(reply, json.dumps(account).encode())
    except OSError:
        pass  # the runner is gone, and so is the run
    os._exit(0)


def _send(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def main() -> None:
    """``python -m cosolve.evaluation.supervisor REQUEST`` where processes are not forked."""
    os.set_inheritable(0, False)
    reply = os.dup(1)
    os.dup2(2, 1)
    run(Path(sys.argv[1]), 0, reply, fork=False)


if __name__ == "__main__":
    main()
