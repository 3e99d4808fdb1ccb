"""Runs in processes of their own, as the runner sees them: a request goes out, an account comes back."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from cosolve.evaluation.machine import is_linux
from cosolve.evaluation.supervisor import BEGUN

#: Seconds for what comes before the clock: starting, loading the instance, compiling kernels.
PREPARE_LIMIT = 600.0

#: Warmed up before every solver: on its small instances, it calls the judge too.
BASELINE = "greedy"

#: Fork servers kept; each holds the loaded kernels of one solver and problem, some 20 to 50 MB.
_MAX_SERVERS = 16

#: Times that the fork server of a solver and problem may be lost before its runs are started without one.
_MAX_LOSSES = 1


class Interrupted(Exception):
    """The launcher was stopped, and this run with it."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """
    One supervised process.

    Parameters
    ----------
    target
        "module:function", called there as ``function(arguments, clock)``; see :class:`cosolve.evaluation.child.Clock`.
    arguments
        Plain JSON values.
    folder
        Existing folder that is its alone; temporary files of the process go there too.
    threads
        What numeric libraries are capped to.
    time_limit, grace
        Seconds from ``clock.start()`` that it may work, and that it may overrun before it is killed; ``inf`` for
        no limit.
    memory_limit
        Bytes that all its processes may hold together; ``None`` for no cap.
    cores
        CPUs that it is pinned to; empty for no pinning.
    prepare_limit
        Seconds that may pass before ``clock.start()``.
    """

    target: str
    arguments: Mapping[str, Any]
    folder: Path
    threads: int = 1
    time_limit: float = math.inf
    grace: float = 5.0
    memory_limit: int | None = None
    cores: tuple[int, ...] = ()
    prepare_limit: float = field(default_factory=lambda: PREPARE_LIMIT)

    def write(self) -> Path:
        """Write ``request.json`` into the folder."""
        data = asdict(self) | {"folder": str(self.folder), "arguments": dict(self.arguments)}
        data["time_limit"] = self.time_limit if math.isfinite(self.time_limit) else None
        path = self.folder / "request.json"
        path.write_text(json.dumps(data))
        return path


@dataclass(frozen=True, kw_only=True)
class Account:
    """
    How a process ended; all of its descendants are gone.

    Parameters
    ----------
    killed
        Why it was killed: it overran the limit on its "preparation", its "time" or the writing of its "answer", or
        it held too much "memory"; ``None`` if it ended by itself.
    status
        Exit code, or minus the number of the signal that ended it; ``None`` if it was killed.
    peak_memory
        Most bytes that it and its descendants held together at a look, shared pages counted in parts.
    wall
        Seconds from its start to the end of the last descendant.
    output
        The last few kilobytes that it printed.
    """

    killed: Literal["preparation", "time", "answer", "memory"] | None
    status: int | None
    peak_memory: int | None
    wall: float
    output: str


class Launcher:
    """
    Starts and ends supervised processes; safe to use from several threads at once.

    Parameters
    ----------
    fork
        Through fork servers, which takes milliseconds, as is possible on Linux; else a new Python for every run.
    """

    def __init__(self, *, fork: bool | None = None) -> None:
        self._fork = is_linux() if fork is None else fork
        self._lock = threading.Lock()
        self._running: set[_Line] = set()
        self._roots: dict[int, tuple[subprocess.Popen[bytes], socket.socket]] = {}
        self._servers: OrderedDict[tuple[int, str, str], socket.socket] = OrderedDict()
        self._losses: Counter[tuple[int, str, str]] = Counter()
        self._stopped = False

    def run(self, request: Request, *, warm_up: tuple[str, str, Path] | None = None) -> Account:
        """
        Run a process to its end.

        Parameters
        ----------
        request
            What to run.
        warm_up
            Solver, problem and map of an instance: the process is forked from one in which the solver has been
            warmed up for this instance.

        Raises
        ------
        Interrupted
            If :meth:`stop` was called.
        OSError
            If no process can be started.
        """
        path = request.write()
        started = monotonic()
        if self._fork:
            line = None if warm_up is None else self._fork_from_server(path, request, warm_up)
            if line is None:
                if self._stopped:
                    raise Interrupted
                line = self._fork_from_root(path, request)
        else:
            line = self._start_python(path, request)
        # It ends with the last process of the run, whatever the reason.
        try:
            reply = line.read()
        finally:
            with self._lock:
                self._running.discard(line)
            line.close()
        if self._stopped:
            raise Interrupted
        try:
            account = json.loads(reply)
        except ValueError:
            # Only a signal can end a supervisor early: the kernel's, for want of memory, or one from the run itself.
            return Account(killed=None, status=-9, peak_memory=None, wall=monotonic() - started, output="")
        if "error" in account:
            raise OSError(f"a run could not be supervised: {account['error'].strip().splitlines()[-1]}")
        return Account(**account)

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped

    def stop(self) -> None:
        """Kill everything that runs; each :meth:`run` under way raises :class:`Interrupted`."""
        with self._lock:
            self._stopped = True
            for line in self._running:
                line.hang_up()

    def close(self) -> None:
        """Kill everything that runs and end the fork servers."""
        self.stop()
        with self._lock:
            for server in self._servers.values():
                server.close()
            self._servers.clear()
            for process, root in self._roots.values():
                root.close()
                process.wait()
            self._roots.clear()

    # -- ways to start --------------------------------------------------------------------------------------------

    def _fork_from_server(self, path: Path, request: Request, warm_up: tuple[str, str, Path]) -> _Line | None:
        """A run forked from the server of this solver and problem; ``None`` if no such server lasts."""
        solver, problem, instance = warm_up
        key = (request.threads, solver, problem)
        while not self._stopped:
            ours, theirs = socket.socketpair()
            line = _Line(ours)
            with theirs, self._lock:
                self._add(line)
                message = {"run": str(path), "warm_up": [solver, str(instance), request.cores]}
                server = self._tell_server(key, message, theirs)
            if server is not None and line.has_begun(request.prepare_limit):
                return line
            with self._lock:
                self._running.discard(line)
                line.close()
                if server is None:
                    return None
                self._forget(key, server)
        return None

    def _tell_server(
        self, key: tuple[int, str, str], message: Mapping[str, Any], end: socket.socket
    ) -> socket.socket | None:
        """
        Say something to the fork server of a number of threads, solver and problem; it is forked if it is not there.

        The parent of all servers of a problem is the one of the baseline, which has the kernels of the judge loaded.
        The answer is ``None`` if the server does not last.
        """
        threads, solver, problem = key
        while self._losses[key] <= _MAX_LOSSES:
            if key not in self._servers:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    base = None
                    fork = {"fork": True}
                    if solver != BASELINE:
                        to_do = {"warm_up": [BASELINE, *message["warm_up"][1:]]}
                        base = self._tell_server((threads, BASELINE, problem), fork | to_do, theirs)
                    if base is None:
                        self._to_root(threads, fork, theirs)
                self._servers[key] = ours
                while len(self._servers) > _MAX_SERVERS:
                    self._servers.popitem(last=False)[1].close()
            self._servers.move_to_end(key)
            server = self._servers[key]
            try:
                _send(server, message, end)
                return server
            except OSError:
                self._forget(key, server)
        return None

    def _forget(self, key: tuple[int, str, str], server: socket.socket) -> None:
        """Give up a server that died, or that hangs: it then ends with the first server."""
        server.close()
        self._losses[key] += 1
        if self._servers.get(key) is server:
            del self._servers[key]

    def _fork_from_root(self, path: Path, request: Request) -> _Line:
        with self._lock:
            ours, theirs = socket.socketpair()
            with theirs:
                self._to_root(request.threads, {"run": str(path)}, theirs)
            line = _Line(ours)
            self._add(line)
        line.has_begun(request.prepare_limit)
        return line

    def _to_root(self, threads: int, message: Mapping[str, Any], end: socket.socket) -> None:
        """Say something to the first fork server of a number of threads; it is started if it is not there."""
        for attempt in range(2):
            if threads not in self._roots:
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    command = [sys.executable, "-P", "-m", "cosolve.evaluation.zygote", str(theirs.fileno())]
                    process = subprocess.Popen(
                        command, **_apart(threads), stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
                    )
                self._roots[threads] = process, ours
            process, root = self._roots[threads]
            try:
                _send(root, message, end)
                return
            except OSError:
                if attempt:
                    raise
                root.close()
                process.wait()
                del self._roots[threads]

    def _start_python(self, path: Path, request: Request) -> _Line:
        command = [sys.executable, "-P", "-m", "cosolve.evaluation.supervisor", str(path)]
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            process = subprocess.Popen(
                command, **(_apart(request.threads) | {"stdin": theirs.fileno()}), stdout=theirs.fileno()
            )
            line = _Line(ours, process)
            self._add(line)
        line.has_begun(request.prepare_limit)
        return line

    def _add(self, line: _Line) -> None:
        self._running.add(line)
        if self._stopped:
            line.hang_up()


class _Line:
    """The connection to one supervisor."""

    def __init__(self, end: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._socket = end
        self._process = process
        self._heard = b""

    @property
    def _begun(self) -> bool:
        return self._heard.startswith(BEGUN)

    def has_begun(self, limit: float) -> bool:
        """Wait for the first word."""
        self._socket.settimeout(limit)
        try:
            while len(self._heard) < len(BEGUN) and (part := self._socket.recv(len(BEGUN) - len(self._heard))):
                self._heard += part
        except OSError:
            return False
        finally:
            self._socket.settimeout(None)
        return self._begun

    def read(self) -> bytes:
        """Everything behind the first word, which may come late, up to the end; empty if the supervisor was lost."""
        parts = [self._heard]
        try:
            while part := self._socket.recv(65536):
                parts.append(part)
        except OSError:
            return b""
        return b"".join(parts).removeprefix(BEGUN)

    def hang_up(self) -> None:
        """Let the supervisor know that the run is to end; what it has to say then is still heard."""
        try:
            self._socket.shutdown(socket.SHUT_WR if self._begun else socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Free what the connection holds."""
        self._socket.close()
        if self._process is not None:
            self._process.wait()


def thread_caps(threads: int) -> dict[str, str]:
    """Environment variables that keep numeric libraries to a number of threads."""
    names = ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "NUMBA", "RAYON", "TBB")
    caps = {f"{name}_NUM_THREADS": str(threads) for name in names}
    return caps | {"VECLIB_MAXIMUM_THREADS": str(threads), "OMP_DYNAMIC": "FALSE", "MKL_DYNAMIC": "FALSE"}


def _apart(threads: int) -> dict[str, Any]:
    """Arguments of a process that finds the same modules as this one and is none of its terminal's."""
    path = os.pathsep.join(part or os.getcwd() for part in sys.path)
    environment = os.environ | {"PYTHONPATH": path} | thread_caps(threads)
    return {"env": environment, "stdin": subprocess.DEVNULL, "start_new_session": True}


def _send(to: socket.socket, message: Mapping[str, Any], end: socket.socket) -> None:
    socket.send_fds(to, [json.dumps(message).encode()], [end.fileno()])
