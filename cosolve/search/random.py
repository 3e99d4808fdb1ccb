"""Random numbers of the kernels: xorshift64* [1]_ with its state in an array, so that a search can be continued.

References
----------
.. [1] Vigna, S. (2016). An Experimental Exploration of Marsaglia's xorshift Generators, Scrambled.
       *ACM Transactions on Mathematical Software* 42(4): 30.
"""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit


def stream(seed: int) -> np.ndarray:
    """State of a stream, (1,) uint64; any seed gives a good one."""
    return np.array([(seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64 | 1], np.uint64)


@jit
def uniform(random: np.ndarray) -> float:
    """Number in (0, 1]."""
    x = random[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = x
    return (float((x * np.uint64(2685821657736338717)) >> np.uint64(11)) + 1.0) * 1.1102230246251565e-16


@jit
def below(random: np.ndarray, bound: int) -> int:
    """Integer in 0..bound - 1."""
    return min(bound - 1, int(uniform(random) * bound))
