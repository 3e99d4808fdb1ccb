"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Several tests run at once: threads of PyTorch that wait for each other's turn made some twenty times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The first example may have to compile a kernel; a loaded machine makes any deadline a lottery.
settings.register_profile("cosolve", deadline=None)
settings.load_profile("cosolve")


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of published benchmark files; tests that need it are skipped where it is absent."""
    folder = os.environ.get("COSOLVE_DATA")
    if not folder:
        pytest.skip("COSOLVE_DATA is not set: no published benchmark files here")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"COSOLVE_DATA={folder} is not a folder")
    return path
