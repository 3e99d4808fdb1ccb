"""Tiny suites, and solvers that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.evaluation.tiny import STUBS


@pytest.fixture
def stubs(monkeypatch) -> Path:
    """Makes ``misbehaving`` importable, here and in the processes of runs."""
    monkeypatch.syspath_prepend(STUBS)
    return STUBS


@pytest.fixture
def no_process_left() -> Iterator[None]:
    """Fails if a process that a test started, or that descends from one it started, outlives it."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    assert not left, left
