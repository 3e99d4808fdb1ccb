"""Steiner-triple covering problems: small, symmetric, and hard for branch and bound."""

from __future__ import annotations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.milp import MILPInstance

#: Points to the smallest number of points that meet every triple. A cover is what a cap set leaves: the largest
#: caps of the affine geometries over three elements have 4, 9, 20 and 45 points (Edel et al. 2002), so 9, 27, 81
#: and 243 need 5, 18, 61 and 198. For 15 and 45 the values are those published for A15 and A45, and branch and
#: bound proves them for the systems made here.
OPTIMA = {9: 5, 15: 9, 27: 18, 45: 30, 81: 61, 243: 198}


def _tripled(triples: np.ndarray, n: int) -> np.ndarray:
    """
    Steiner triple system on 3 n points from one on n points.

    Points are (level, i). Triples: {(0,i), (1,i), (2,i)} for each i, and for each old triple {i, j, k} the
    old one on each level and all six ways to put i, j, k on three different levels.
    """
    columns = np.arange(n)
    new = [np.stack([columns, columns + n, columns + 2 * n], axis=1)]
    new += [triples + level * n for level in range(3)]
    for levels in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        new.append(triples + n * np.array(levels))
    return np.concatenate(new)


def _bose(n: int) -> np.ndarray:
    """Bose's system on n = 6 t + 3 points: triples over Z_q x {0, 1, 2} with q = 2 t + 1."""
    q = n // 3
    half = (q + 1) // 2  # inverse of 2 modulo q
    new = [[x, x + q, x + 2 * q] for x in range(q)]
    for x in range(q):
        for y in range(x + 1, q):
            middle = (x + y) * half % q
            for level in range(3):
                new.append([x + level * q, y + level * q, middle + (level + 1) % 3 * q])
    return np.array(new)


def steiner_triples(n: int) -> np.ndarray:
    """
    Triples of a Steiner triple system: every pair of points lies in exactly one of them.

    Parameters
    ----------
    n
        Points: 3 or 15, times a power of 3.

    Returns
    -------
    ndarray
        (n (n - 1) / 6, 3), ascending within and among rows.
    """
    if n == 3:
        triples = np.array([[0, 1, 2]])
    elif n == 15:
        triples = _bose(15)
    else:
        triples = _tripled(steiner_triples(n // 3), n // 3)
    triples = np.sort(triples, axis=1)
    return triples[np.lexsort(triples.T[::-1])]


def steiner_triple_cover(*, n: int, seed: int = 0) -> MILPInstance:
    """
    Fewest points that meet every triple of a Steiner triple system. [1]_

    Parameters
    ----------
    n
        Number of points: 9, 27, 81, 243, or 15, 45.
    seed
        0 for the plain order of points; any other shuffles points and triples, which leaves the optimum alone.

    References
    ----------
    .. [1] Fulkerson, D. R., Nemhauser, G. L., Trotter, L. E. (1974). Two computationally difficult set
           covering problems that arise in computing the 1-width of incidence matrices of Steiner triple
           systems. *Mathematical Programming Study* 2: 72-81.
    .. [2] Edel, Y., Ferret, S., Landjev, I., Storme, L. (2002). The classification of the largest caps in
           AG(5, 3). *Journal of Combinatorial Theory A* 99(1): 95-110.
    """
    if n not in OPTIMA:
        raise ValueError(f"n must be one of {', '.join(map(str, OPTIMA))}, got {n}.")
    triples = steiner_triples(n)
    if seed:
        rng = np.random.default_rng(seed)
        triples = rng.permutation(np.sort(rng.permutation(n)[triples], axis=1))
    rows = len(triples)
    return MILPInstance(
        name=f"stein{n}" if not seed else f"stein{n}-{seed}",
        meta={"optimum": OPTIMA[n], "source": "Fulkerson, Nemhauser, Trotter 1974"},
        cost=np.ones(n),
        col_lower=np.zeros(n),
        col_upper=np.ones(n),
        is_integer=np.ones(n, dtype=bool),
        data=np.ones(3 * rows),
        indices=triples.ravel(),
        indptr=np.arange(0, 3 * rows + 1, 3),
        row_lower=np.ones(rows),
        row_upper=np.full(rows, np.inf),
    )


STEINER_TRIPLE = Generator(
    "milp",
    "steiner-triple",
    "Steiner-triple covering problems with known optima",
    steiner_triple_cover,
    {"n": (int, None, "points: 9, 27, 81, 243, 15 or 45")},
)
