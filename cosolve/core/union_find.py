"""Union-find for kernels: a forest in an array, in which ``parent[root] == root``."""

from __future__ import annotations

import numpy as np

from cosolve.core.jit import jit


@jit
def find(parent: np.ndarray, i: int) -> int:
    """
    Root of the tree that holds i; paths are halved on the way [1]_.

    References
    ----------
    .. [1] Tarjan, R. E., van Leeuwen, J. (1984). Worst-case analysis of set union algorithms. *Journal of the ACM*
           31(2): 245-281.
    """
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
