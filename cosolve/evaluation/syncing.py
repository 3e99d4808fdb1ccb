"""What runs under way have handed over is put on the disk, so that a power cut loses no more than a kill does."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cosolve.evaluation.handover import OUTBOX_FILES

#: Seconds between two rounds.
PAUSE = 1.0


class Syncer:
    """
    Synchronises the hand-over files of work folders that have changed, from a thread of the runner.

    The runs themselves only write to the page cache: waiting for a disk is nothing that a solver's clock should count.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folders: dict[Path, dict[str, int]] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, folder: Path) -> None:
        """Look after a work folder from now on."""
        with self._lock:
            self._folders[folder] = {}
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="syncer", daemon=True)
                self._thread.start()

    def remove(self, folder: Path) -> None:
        """Forget a work folder."""
        with self._lock:
            self._folders.pop(folder, None)

    def close(self) -> None:
        """End the thread; a round under way is waited for."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def sync(self) -> int:
        """One round; the number of files that had changed."""
        with self._lock:
            folders = list(self._folders.items())
        return sum(_sync(folder / name, seen) for folder, seen in folders for name in OUTBOX_FILES)

    def _work(self) -> None:
        while not self._closed.wait(PAUSE):
            self.sync()


def _sync(path: Path, seen: dict[str, int]) -> bool:
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # not there yet, or gone with its run
    try:
        changed = os.fstat(file).st_mtime_ns
        if seen.get(path.name) == changed:
            return False
        os.fsync(file)
        seen[path.name] = changed
        return True
    except OSError:
        return False  # a file system that can't; the record of the run is synchronised where it matters
    finally:
        os.close(file)
