"""A thread that asks for what can't."""

from __future__ import annotations

import threading
import time

from cosolve.core.monitor import Monitor
from cosolve.core.stop import Stop
from cosolve.core.watcher import Watcher, stop_flag
from cosolve.instances.generators import generate


def test_it_acts_again_and_again_once_the_condition_holds_and_ends_with_the_context():
    holds, calls = threading.Event(), []
    with Watcher(holds.is_set, lambda: calls.append(1)):
        time.sleep(0.1)
        assert not calls
        holds.set()
        give_up = time.monotonic() + 10
        while len(calls) < 2:
            assert time.monotonic() < give_up
            time.sleep(0.01)
    after = len(calls)
    time.sleep(0.1)
    assert len(calls) == after
    assert not any(thread.name == "cosolve-watcher" for thread in threading.enumerate())


def test_the_flag_is_set_once_a_monitor_says_stop():
    monitor = Monitor(generate("tsp", "uniform", size=5), Stop(time_limit=0.2))
    with stop_flag(monitor) as flag:
        assert flag[0] == 0
        give_up = time.monotonic() + 10
        while not flag[0]:
            assert time.monotonic() < give_up
            time.sleep(0.01)
    assert monitor.elapsed() >= 0.2
