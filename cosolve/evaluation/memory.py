"""Which processes descend from another, and how much memory they hold together; read from ``/proc`` where it is."""

from __future__ import annotations

import os
from collections.abc import Iterable

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(pid: int) -> list[int]:
    """
    All living processes that descend from one, parents before children.

    Orphans belong to it too if it is their subreaper.
    """
    found: list[int] = []
    waiting = [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children += [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
            return _children_by_search(pid)
        # it ended while we looked
    return children


def _children_by_search(pid: int) -> list[int]:
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def resident(pids: Iterable[int]) -> int:
    """Bytes in memory, pages that several of them share counted several times; cheap."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
        except (OSError, IndexError):
            total += _resident_by_search(pid)
    return total


def _resident_by_search(pid: int) -> int:
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def proportional(pids: Iterable[int]) -> int:
    """
    Bytes in memory, shared pages divided among all that map them (PSS); :func:`resident` where that is not known.

    It takes milliseconds for a process that holds gigabytes.
    """
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:"))
        except (OSError, StopIteration):
            total += resident([pid])
    return total


def private_data() -> int:
    """Bytes of writable private address space of this process, which ``RLIMIT_DATA`` counts; 0 where not known."""
    try:
        with open("/proc/self/status", "rb") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(b"VmData:"))
    except (OSError, StopIteration):
        return 0
