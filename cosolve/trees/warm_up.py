"""Compilation of the kernels before any clock runs."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.trees.data import prepare
from cosolve.trees.interval import fit_interval
from cosolve.trees.recursion import solve

_logger = logging.getLogger(__name__)


@cache
def warm_up() -> None:
    """
    Compile the kernels of the interval search, or load them from numba's cache; at most once in a process.

    The first time on a machine takes about a minute, and says so in the log; later processes need a second.
    """
    kernel: Any = solve
    if not any(Path(kernel.stats.cache_path).glob("recursion.solve-*.nbi")):
        _logger.warning(
            "compiling the kernels for optimal trees: about a minute, on their first use on this machine only"
        )
    rng = np.random.default_rng(0)
    data = prepare(rng.random((40, 2)), rng.random(40))
    for depth in (1, 2, 3):
        fit_interval(data, max_depth=depth)
