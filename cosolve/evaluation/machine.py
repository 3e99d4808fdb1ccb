"""What the records say of the machine and of the software that made them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

#: Packages whose versions can change a result or its time.
PACKAGES = (
    "cosolve",
    "numpy",
    "scipy",
    "numba",
    "ortools",
    "pyscipopt",
    "highspy",
    "pulp",
    "pyvrp",
    "networkx",
    "scikit-learn",
    "torch",
    "torch-geometric",
    "hygese",
    "chszlablib",
    "elkai",
    "pystreed",
    "ray",
)

#: Open files for batches of 16,000 instances. Not more: outside programs that close all that may be open exist, and
#: the system may allow a billion.
_OPEN_FILES = 65_536


@cache
def describe() -> dict[str, Any]:
    """
    Facts about this machine, as plain JSON values.

    Returns
    -------
    dict
        ``host``, ``os``, ``cpu``, ``cores`` (those that this process may use), ``memory`` (bytes), ``gpus`` (names),
        ``python``, ``packages`` (name to version) and ``git`` (revision of the checkout, with "+" if files were
        changed; ``None`` outside one).
    """
    return {
        "host": socket.gethostname(),
        "os": f"{platform.system()} {platform.release()}",
        "cpu": _cpu(),
        "cores": len(usable_cores()),
        "memory": total_memory(),
        "gpus": _gpus(),
        "python": platform.python_version(),
        "packages": _versions(),
        "git": _revision(),
    }


def usable_cores() -> list[int]:
    """Numbers of the CPUs that this process may run on, in order."""
    if hasattr(os, "sched_getaffinity"):
        # Of the main thread, by its id: the calling one may be pinned.
        return sorted(os.sched_getaffinity(os.getpid()))
    return list(range(os.cpu_count() or 1))


def total_memory() -> int:
    """Bytes of memory that this process and its children may use: the machine's, or less in a container."""
    import psutil

    total = int(psutil.virtual_memory().total)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            total = min(total, int(Path(path).read_text()))
        except (OSError, ValueError):
            continue  # no such file, or the word "max"
    return total


def allow_open_files() -> None:
    """Let this process, and those that it starts from now on, hold enough open files, if the system allows them."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        pass  # some systems promise more than they give


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    # The driver's own files: asking nvidia-smi takes seconds on some machines, importing torch always does.
    names = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        try:
            for line in path.read_text().splitlines():
                if line.startswith("Model:"):
                    names.append(" ".join(line.partition(":")[2].split()))
        except OSError:
            continue
    return names


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _revision() -> str | None:
    """Revision of the checkout that this package runs from."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def is_linux() -> bool:
    """Whether this system has what cheap and airtight supervision needs: fork servers, subreapers, ``/proc``."""
    return sys.platform == "linux"
