"""Random TSP and ATSP: the DIMACS challenge's families E and C [1]_, and plain uniform ones.

References
----------
.. [1] Johnson, D. S., McGeoch, L. A. (2002). Experimental analysis of heuristics for the STSP. In: Gutin, G.,
       Punnen, A. P. (eds.) *The Traveling Salesman Problem and Its Variations*, 369-443. Kluwer.
"""

from __future__ import annotations

import math
import re

import numpy as np

from cosolve.core.jit import jit, jit_allocating
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator
from cosolve.instances.tsp import ATSPInstance, TSPInstance

#: Side of the square that the cities lie in.
SIDE = 1_000_000

#: Modulus of the challenge's random stream.
_MODULUS = 1_000_000_000

#: Size word to (number of cities, seed of number i >= 1 less i); number 0 has its size as its seed.
DIMACS_SIZES: dict[str, tuple[int, int | None]] = {
    "1k": (1_000, 10_000),
    "3k": (3_162, 31_620),
    "10k": (10_000, 100_000),
    "31k": (31_623, 316_230),
    "100k": (100_000, 1_000_000),
    "316k": (316_228, None),
    "1M": (1_000_000, None),
    "3M": (3_162_278, None),
    "10M": (10_000_000, None),
}


def dimacs(*, seed: int = 0, name: str = "", family: str = "", size: int = 0) -> TSPInstance:
    """
    Instance of the 8th DIMACS challenge: a named one, or one of any size and seed.

    Parameters
    ----------
    seed
        Seed of the challenge's own generator, 0 <= seed < 10^9; not used with ``name``.
    name
        Such as "E10k.0" or "C3k.1": family, size word, number; says everything.
    family
        "E" (uniform) or "C" (clustered), without ``name``.
    size
        Number of cities, without ``name``; at least 100 for "C", which has a cluster for every 100.
    """
    if name:
        if family or size:
            raise ValueError("name says everything: give either name, or family and size.")
        family, size, seed = _parse_name(name)
    elif not size:
        raise ValueError("give either name=E10k.0 or the like, or size=N of at least 1.")
    family = family or "E"
    if family not in ("E", "C"):
        raise ValueError(f"family must be 'E' or 'C', got {family!r}.")
    _check_size(size, least=100 if family == "C" else 1)
    if not 0 <= seed < _MODULUS:
        raise ValueError(f"seed must be in 0..{_MODULUS - 1}, got {seed}.")
    coords = _uniform(size, seed) if family == "E" else _clustered(size, seed)
    return TSPInstance(
        name=name or f"{family}{size}-s{seed}",
        meta={"comment": f"8th DIMACS challenge, family {family}, seed {seed}"},
        distances=Distances.from_coords(coords),
    )


def _parse_name(name: str) -> tuple[str, int, int]:
    match = re.fullmatch(r"([EC])(\w+)\.(\d{1,6})", name)
    if match is None or match[2] not in DIMACS_SIZES:
        raise ValueError(f"name must be E or C, one of {', '.join(DIMACS_SIZES)}, a dot and a number; got {name!r}.")
    size, base = DIMACS_SIZES[match[2]]
    number = int(match[3])
    if number > 0 and base is None:
        raise ValueError(f"of size {match[2]} there is only number 0, got {name!r}.")
    return match[1], size, size if number == 0 else (base or 0) + number


def uniform(*, seed: int = 0, size: int = 1000) -> TSPInstance:
    """Cities at random integer points of a square of side 10^6; rounded Euclidean distances."""
    _check_size(size)
    coords = np.random.default_rng(seed).integers(0, SIDE, (size, 2)).astype(np.float64)
    return TSPInstance(name=f"uniform-n{size}-s{seed}", distances=Distances.from_coords(coords))


def atsp_uniform(*, seed: int = 0, size: int = 100, spread: float = 0.3) -> ATSPInstance:
    """
    Random points, Euclidean distance times a factor drawn anew for each direction, rounded.

    Parameters
    ----------
    size
        Number of cities, 1 to 5000 (the matrix is dense).
    spread
        Factors are uniform in [1, 1 + spread]; >= 0.
    """
    _check_size(size, 5000)
    if not (spread >= 0 and math.isfinite(spread)):
        raise ValueError(f"spread must be a finite number >= 0, got {spread}.")
    rng = np.random.default_rng(seed)
    coords = rng.integers(0, SIDE, (size, 2)).astype(np.float64)
    difference = coords[:, None] - coords
    # sqrt is correctly rounded everywhere, hypot is not: the sum keeps this equal on every platform.
    length = np.sqrt(difference[..., 0] * difference[..., 0] + difference[..., 1] * difference[..., 1])
    matrix = np.rint(length * (1.0 + spread * rng.random((size, size))))
    return ATSPInstance(name=f"atsp-uniform-n{size}-s{seed}", distances=Distances.from_matrix(matrix, coords))


def _check_size(size: int, most: int = 100_000_000, least: int = 1) -> None:
    if not least <= size <= most:
        raise ValueError(f"size must be in {least}..{most}, got {size}.")


@jit_allocating
def _stream(seed: int) -> np.ndarray:
    """State of the portable subtractive generator of Knuth (vol. 2, 3.2.2 A): 55 numbers and the two indices."""
    state = np.zeros(57, np.int64)
    state[0] = seed
    last, following = seed, 1
    for i in range(1, 55):
        j = 21 * i % 55
        state[j] = following
        following = last - following
        if following < 0:
            following += 1_000_000_000
        last = state[j]
    state[55], state[56] = 0, 24
    for _ in range(165):
        _draw(state)
    return state


@jit
def _draw(state: np.ndarray) -> int:
    a = state[55] - 1 if state[55] > 0 else 54
    b = state[56] - 1 if state[56] > 0 else 54
    value = state[a] - state[b]
    if value < 0:
        value += 1_000_000_000
    state[a] = value
    state[55] = a
    state[56] = b
    return value


@jit_allocating
def _uniform(n: int, seed: int) -> np.ndarray:
    state = _stream(seed)
    coords = np.empty((n, 2))
    for i in range(n):
        coords[i, 0] = _draw(state) // 1000
        coords[i, 1] = _draw(state) // 1000
    return coords


@jit
def _normals(state: np.ndarray) -> tuple[float, float]:
    """Two standard normals by the polar method (Knuth 3.4.1 P), in the order in which the challenge uses them."""
    while True:
        v1 = 2.0 * (_draw(state) / 1e9) - 1.0
        v2 = 2.0 * (_draw(state) / 1e9) - 1.0
        s = v1 * v1 + v2 * v2
        if 0.0 < s < 1.0:
            t = math.sqrt(-2.0 * math.log(s) / s)
            return v2 * t, v1 * t


@jit_allocating
def _clustered(n: int, seed: int) -> np.ndarray:
    state = _stream(seed)
    clusters = n // 100
    centres = np.empty((clusters, 2))
    for k in range(clusters):
        centres[k, 0] = math.floor(_draw(state) / 1e9 * 1e6)
        centres[k, 1] = math.floor(_draw(state) / 1e9 * 1e6)
    scale = 1.0 / math.sqrt(n)
    coords = np.empty((n, 2))
    for i in range(n):
        k = int(_draw(state) / 1e9 * clusters)
        g1, g2 = _normals(state)
        coords[i, 0] = centres[k, 0] + float(int(g1 * scale * 1e6))
        coords[i, 1] = centres[k, 1] + float(int(g2 * scale * 1e6))
    return coords


DIMACS = Generator(
    "tsp",
    "dimacs",
    "8th DIMACS challenge, families E (uniform) and C (clustered)",
    dimacs,
    {
        "name": (str, "", "named instance such as E10k.0 or C3k.1"),
        "family": (str, "", "E or C (default E), without a name"),
        "size": (int, 0, "number of cities, without a name"),
    },
    num_seeds=_MODULUS,
)
UNIFORM = Generator(
    "tsp", "uniform", "uniform in a square, rounded Euclidean", uniform, {"size": (int, 1000, "number of cities")}
)
ATSP_UNIFORM = Generator(
    "atsp",
    "uniform",
    "Euclidean with a random factor for each direction",
    atsp_uniform,
    {"size": (int, 100, "number of cities"), "spread": (float, 0.3, "largest factor less 1")},
)
