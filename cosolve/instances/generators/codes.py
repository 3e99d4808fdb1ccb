"""Graphs of coding theory and geometry with known independence numbers: Hamming, Johnson, Keller, Steiner triples."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from cosolve.core.jit import jit_allocating
from cosolve.instances.generators import Generator
from cosolve.instances.generators.milp import OPTIMA, steiner_triples
from cosolve.instances.graphs import Graph, MISInstance

#: A(n, 4) and A(n, 6) for n from 1: largest binary codes (MacWilliams & Sloane 1977, appendix A; Best et al. 1978).
_CODES = {
    4: (1, 1, 1, 2, 2, 4, 8, 16, 20, 40, 72, 144, 256, 512, 1024, 2048),
    6: (1, 1, 1, 1, 1, 2, 2, 2, 4, 6, 12, 24, 32, 64, 128, 256),
}
_CODES_SOURCE = "MacWilliams & Sloane (1977), The Theory of Error-Correcting Codes, appendix A"
#: Clique numbers of the Keller graphs of dimension 2 to 7 (Debroni et al. 2011).
_KELLER = {2: 2, 3: 5, 4: 12, 5: 28, 6: 60, 7: 124}
_MAX_WORDS = 20_000


def _meta(optimum: int | None, source: str) -> dict[str, object]:
    if optimum is None:
        return {}
    return {"reference": optimum, "reference_kind": "optimal", "reference_source": source}


def hamming(*, n: int, d: int, seed: int = 0) -> MISInstance:
    """
    Words of n bits, adjacent at a Hamming distance of 1 to d - 1: independent sets are codes of distance d.

    It is the complement of the clique graph hamming<n>-<d> of DIMACS; ``seed`` means nothing.

    Parameters
    ----------
    n
        Length of the words, 1 to 14.
    d
        Least distance in a code, 1 to n.
    """
    if not 1 <= n <= 14:
        raise ValueError(f"n must be in 1..14, got {n}.")
    if not 1 <= d <= n:
        raise ValueError(f"d must be in 1..{n}, got {d}.")
    words = np.arange(1 << n, dtype=np.int64)
    return MISInstance(
        name=f"hamming{n}-{d}",
        meta=_meta(_largest_code(n, d), _CODES_SOURCE),
        graph=_close_words(words, d),
    )


def _largest_code(n: int, d: int) -> int | None:
    if d == 1:
        return 1 << n
    if d % 2:
        return _largest_code(n + 1, d + 1)
    if d == 2:
        return 1 << (n - 1)
    if 3 * d > 2 * n:
        return 2 if d <= n else 1
    table = _CODES.get(d, ())
    return table[n - 1] if n <= len(table) else None


def johnson(*, n: int, w: int, d: int, seed: int = 0) -> MISInstance:
    """
    Words of n bits with w ones, adjacent at a distance of 1 to d - 1: independent sets are constant weight codes.

    It is the complement of the clique graph johnson<n>-<w>-<d> of DIMACS; ``seed`` means nothing.

    Parameters
    ----------
    n
        Length of the words, 2 to 40; at most 20,000 words.
    w
        Ones in each word, 1 to n.
    d
        Least distance in a code, >= 1.
    """
    if not 2 <= n <= 40:
        raise ValueError(f"n must be in 2..40, got {n}.")
    if not 1 <= w <= n:
        raise ValueError(f"w must be in 1..{n}, got {w}.")
    if not 1 <= d <= 2 * n:
        raise ValueError(f"d must be in 1..{2 * n}, got {d}.")
    size = 1
    for i in range(min(w, n - w)):
        size = size * (n - i) // (i + 1)
    if size > _MAX_WORDS:
        raise ValueError(f"n and w must make at most {_MAX_WORDS} words, got {size}.")
    words = np.array([sum(1 << i for i in ones) for ones in combinations(range(n), w)], np.int64)
    optimum = None
    if d == 4 and w == 2:
        optimum = n // 2
    elif d == 4 and w == 3 and n >= 3:
        # Schoenheim (1966), Spencer (1968): packings of triples.
        optimum = (n * ((n - 1) // 2)) // 3 - (n % 6 == 5)
    elif (n, w, d) == (8, 4, 4):
        optimum = 14
    source = "Brouwer, Shearer, Sloane, Smith (1990), A new table of constant weight codes"
    return MISInstance(name=f"johnson{n}-{w}-{d}", meta=_meta(optimum, source), graph=_close_words(words, d))


@jit_allocating
def _close_pairs(words: np.ndarray, distance: int) -> tuple[np.ndarray, np.ndarray]:
    n = len(words)
    count = 0
    tails = np.empty(1024, np.int64)
    heads = np.empty(1024, np.int64)
    for i in range(n):
        for j in range(i + 1, n):
            x = words[i] ^ words[j]
            ones = 0
            while x:
                x &= x - 1
                ones += 1
            if ones < distance:
                if count == len(tails):
                    tails = np.concatenate((tails, tails))
                    heads = np.concatenate((heads, heads))
                tails[count] = i
                heads[count] = j
                count += 1
    return tails[:count].copy(), heads[:count].copy()


def _close_words(words: np.ndarray, distance: int) -> Graph:
    return Graph.from_edges(len(words), *_close_pairs(words, distance))


def keller(*, d: int, seed: int = 0) -> MISInstance:
    """
    Complement of DIMACS' keller<d>: what is adjacent to the zero word in the Keller graph of dimension d.

    Two words over 0..3 are adjacent in the Keller graph if they differ in two places at least and in one by exactly
    2; here they are adjacent if they are not so. ``seed`` means nothing.

    Parameters
    ----------
    d
        Dimension, 2 to 7.
    """
    if d not in _KELLER:
        raise ValueError(f"d must be in 2..7, got {d}.")
    words = np.array(np.meshgrid(*[np.arange(4)] * d, indexing="ij")).reshape(d, -1).T
    words = words[((words != 0).sum(axis=1) >= 2) & (words == 2).any(axis=1)]
    graph = Graph.from_edges(len(words), *_non_keller_pairs(words.astype(np.int64)))
    source = "Debroni, Eblen, Langston, Myrvold, Shor, Weerapurage (2011): clique number of the Keller graph, less 1"
    return MISInstance(name=f"keller{d}", meta=_meta(_KELLER[d] - 1, source), graph=graph)


@jit_allocating
def _non_keller_pairs(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, dimension = words.shape
    count = 0
    tails = np.empty(1024, np.int64)
    heads = np.empty(1024, np.int64)
    for i in range(n):
        for j in range(i + 1, n):
            different = opposite = 0
            for k in range(dimension):
                gap = (words[i, k] - words[j, k]) & 3
                different += gap != 0
                opposite += gap == 2
            if different < 2 or opposite == 0:
                if count == len(tails):
                    tails = np.concatenate((tails, tails))
                    heads = np.concatenate((heads, heads))
                tails[count] = i
                heads[count] = j
                count += 1
    return tails[:count].copy(), heads[:count].copy()


def mann(*, n: int, seed: int = 0) -> MISInstance:
    """
    Complement of DIMACS' MANN_a<n>: the covering problem of a Steiner triple system as an independent set.

    A node for each point, a triangle for each triple, and an edge from each corner of the triangle to one point of
    the triple: the points taken are those outside the cover, and a triple counts if it is covered.

    Parameters
    ----------
    n
        Points of the system: 9, 27, 81, 243, 15 or 45.
    seed
        0 for the plain order of nodes; any other shuffles them.

    References
    ----------
    .. [1] Mannino, C., Sassano, A. (1995). Solving hard set covering problems. *Operations Research Letters* 18(1):
           1-5.
    """
    if n not in OPTIMA:
        raise ValueError(f"n must be one of {', '.join(map(str, OPTIMA))}, got {n}.")
    triples = steiner_triples(n)
    count = len(triples)
    corners = n + np.arange(3 * count).reshape(count, 3)
    tails = np.concatenate((corners.ravel(), corners.ravel()))
    heads = np.concatenate((triples.ravel(), np.roll(corners, 1, axis=1).ravel()))
    size = n + 3 * count
    if seed:
        shuffled = np.random.default_rng(seed).permutation(size)
        tails, heads = shuffled[tails], shuffled[heads]
    return MISInstance(
        name=f"MANN_a{n}" if not seed else f"MANN_a{n}-{seed}",
        meta=_meta(n - OPTIMA[n] + count, "covering numbers of Steiner triple systems"),
        graph=Graph.from_edges(size, tails, heads),
    )


HAMMING = Generator(
    "mis",
    "hamming",
    "complements of DIMACS Hamming graphs (binary codes)",
    hamming,
    {"n": (int, None, "length of the words"), "d": (int, None, "least distance in a code")},
)

JOHNSON = Generator(
    "mis",
    "johnson",
    "complements of DIMACS Johnson graphs (constant weight codes)",
    johnson,
    {
        "n": (int, None, "length of the words"),
        "w": (int, None, "ones in each word"),
        "d": (int, None, "least distance in a code"),
    },
)

KELLER = Generator(
    "mis", "keller", "complements of DIMACS Keller graphs", keller, {"d": (int, None, "dimension, 2 to 7")}
)

MANN = Generator(
    "mis",
    "mann",
    "complements of DIMACS MANN graphs (Steiner triple covering)",
    mann,
    {"n": (int, None, "points: 9, 27, 81, 243, 15 or 45")},
)
