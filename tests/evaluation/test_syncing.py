"""Incumbents of runs under way reach the disk."""

from __future__ import annotations

import os
from time import monotonic, sleep

import numpy as np
import pytest

from cosolve.evaluation import syncing
from cosolve.evaluation.handover import Outbox
from cosolve.evaluation.syncing import Syncer


@pytest.fixture
def syncer(monkeypatch):
    monkeypatch.setattr(syncing, "PAUSE", 3600.0)  # rounds are made by the test
    syncer = Syncer()
    yield syncer
    syncer._closed.set()


def test_a_file_is_synchronised_when_it_has_changed_and_only_then(syncer, tmp_path):
    """Never would lose it with the power, always would keep the disk busy for nothing."""
    syncer.add(tmp_path)
    assert syncer.sync() == 0
    outbox = Outbox(tmp_path)
    syncer.sync()
    assert syncer.sync() == 0
    sleep(0.01)  # more than the grain of a file's date
    outbox.put(1.0, 5.0, None, {"order": np.arange(3)})
    assert syncer.sync() == 2  # one of the two boxes, and the curve
    assert syncer.sync() == 0


def test_a_folder_that_is_gone_is_no_error(syncer, tmp_path):
    """A run may end, and its folder with it, in the middle of a round."""
    syncer.add(tmp_path / "gone")
    assert syncer.sync() == 0
    syncer.remove(tmp_path / "gone")
    syncer.remove(tmp_path / "gone")


def test_rounds_are_made_without_being_asked(monkeypatch, tmp_path):
    """The thread is the point of it."""
    monkeypatch.setattr(syncing, "PAUSE", 0.01)
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    syncer = Syncer()
    Outbox(tmp_path).put(1.0, 5.0, None, {"order": np.arange(3)})
    syncer.add(tmp_path)
    until = monotonic() + 10
    while not synced and monotonic() < until:
        sleep(0.01)
    syncer.close()
    assert synced
