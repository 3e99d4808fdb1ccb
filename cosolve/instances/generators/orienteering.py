"""Orienteering with time windows and variable profits: the published test sets, and a hard family.

The published sets [1]_ come from one stream of PyTorch's CPU generator (MT19937) for a whole batch of instances.
NumPy's legacy generator is the same Mersenne twister with the same seeding, so the stream is drawn here without
PyTorch: 24 bits of each word for a float32, a word modulo the number of places left for each step of a shuffle.

References
----------
.. [1] Gao, S., Ruan, R., Floor, P., Roveri, M., Palopoli, L., Fontanelli, D. (2026). Learning to solve the
       orienteering problem with time windows and variable profits. *ICLR*.
.. [2] da Silva, R. F., Urrutia, S. (2010). A general VNS heuristic for the traveling salesman problem with time
       windows. *Discrete Optimization* 7(4): 203-211 (the windows around a hidden tour).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from cosolve.core.metric import Metric
from cosolve.instances.distances import Distances
from cosolve.instances.generators import Generator
from cosolve.instances.orienteering import OPTWInstance, OPTWVPInstance

#: Size (depot included) to the horizon that the published code sets; others follow its formula.
_HORIZONS = {50: 10.0, 100: 16.5, 500: 50.0}


def decost(
    *,
    seed: int = 2025,
    size: int = 50,
    width: float = 100.0,
    index: int = 0,
    batch: int = 0,
    windows: str = "released",
    horizon: float = 0.0,
) -> OPTWVPInstance:
    """
    Instance of the published test sets: windows around a hidden tour, cap of a service = width of its window.

    Parameters
    ----------
    seed
        Of the whole batch; 2025 in the published sets.
    size
        Number of places, the depot included; 50, 100 and 500 are published.
    width
        The published "TW", 100 or 500, in hundredths of the unit of time.
    index, batch
        Which instance of how many drawn together; 0 is the published batch (10,000; 1,000 from size 500 on).
    windows
        "released" for what the released code does, every window ``width / 4`` wide, or "intended" for what it
        says, both ends of the window at random around the hidden tour.
    horizon
        Latest return; 0 is the published one for the size.
    """
    batch = batch or (1000 if size >= 500 else 10_000)
    if not 2 <= size <= 5000:
        raise ValueError(f"size must be in 2..5000, got {size}.")
    if not 1 <= batch <= 100_000 or batch * size > 20_000_000:
        raise ValueError(f"batch must be in 1..100000 with batch * size <= 20000000, got {batch}.")
    if not 0 <= index < batch:
        raise ValueError(f"index must be in 0..{batch - 1}, got {index}.")
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"width must be > 0, got {width}.")
    if windows not in ("released", "intended"):
        raise ValueError(f"windows must be 'released' or 'intended', got {windows!r}.")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed must be in 0..{2**32 - 1}, got {seed}.")
    if not (horizon >= 0 and math.isfinite(horizon)):
        raise ValueError(f"horizon must be >= 0, got {horizon}.")
    coords, opens, closes, rate = (table[index].astype(float) for table in _batch(seed, size, width, batch))
    if windows == "released":
        closes = opens + width / 4
    opens[0] = 0.0
    end = horizon or _HORIZONS.get(size, 4.0 + size / 8)
    cap = (closes - opens) / 100
    return _variable(
        f"optwvp-n{size}-tw{width:g}-{windows}-s{seed}-{index}",
        coords / 100,
        opens / 100,
        np.append(end, closes[1:] / 100),
        end,
        cap,
        rate,
    )


@lru_cache(maxsize=4)
def _batch(seed: int, size: int, width: float, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates, both ends of the windows and profit rates of all instances of a batch, float32."""
    words = np.random.RandomState(seed)

    def uniform(*shape: int) -> np.ndarray:
        raw = words.randint(0, 2**32, size=shape, dtype=np.uint32)
        return (raw & 0xFFFFFF).astype(np.float32) * np.float32(2.0**-24)

    coords = uniform(batch, size, 2) * np.float32(100)
    tour = np.tile(np.arange(1, size), (batch, 1))
    rows = np.arange(batch)
    raw = words.randint(0, 2**32, size=(batch, size - 2), dtype=np.uint32)
    for i in range(size - 2):
        other = i + raw[:, i] % (size - 1 - i)
        tour[rows, i], tour[rows, other] = tour[rows, other], tour[rows, i].copy()
    opens, closes = np.zeros((batch, size), np.float32), np.zeros((batch, size), np.float32)
    half = np.float32(width / 2)
    at = np.zeros(batch, np.int64)
    clock = np.zeros(batch, np.float32)
    for i in range(size - 1):
        following = tour[:, i]
        step = coords[rows, following] - coords[rows, at]
        clock = clock + np.sqrt((step * step).sum(axis=1))
        opens[rows, following] = uniform(batch) * half + clock - half
        closes[rows, following] = uniform(batch) * half + clock
        at = following
    rate = uniform(batch, size) * np.float32(10)
    rate[:, 0] = 0
    return coords, opens, closes, rate


def uniform(
    *, seed: int = 0, size: int = 50, width: float = 60.0, service: float = 10.0, horizon: float = 240.0
) -> OPTWInstance:
    """
    Fixed profits: random points of a square of side 100, windows of one width, whole scores from 1 to 50.

    Parameters
    ----------
    size
        Number of places, the depot in the middle included, 2 to 5000.
    width, service, horizon
        Width of every window, time of every service, and latest return, all > 0 and width <= horizon.
    """
    _check(size, width, horizon, service=service)
    rng = np.random.default_rng(seed)
    coords = np.floor(rng.random((size, 2)) * 1000) / 10
    coords[0] = 50.0
    opens = np.floor(rng.random(size) * (horizon - width))
    opens[0] = 0.0
    return OPTWInstance(
        name=f"optw-n{size}-w{width:g}-s{seed}",
        distances=Distances.from_coords(coords, Metric.EXACT_2D),
        opens=opens,
        closes=np.append(horizon, opens[1:] + width),
        horizon=horizon,
        prize=np.append(0.0, rng.integers(1, 50, size - 1, endpoint=True)),
        min_service=np.append(0.0, np.full(size - 1, service)),
    )


def hard(
    *, seed: int = 0, size: int = 50, width: float = 5.0, cap: float = 0.25, horizon: float = 10.0
) -> OPTWVPInstance:
    """
    Wide windows and small caps: many orders are feasible and no service fills the time, so exactness is hard.

    Parameters
    ----------
    size
        Number of places, the depot included, 2 to 5000, at random in the unit square times 1.
    width, cap, horizon
        Width of every window (it opens at random so that it lies within the horizon), longest service, latest
        return, all > 0 and width <= horizon.
    """
    _check(size, width, horizon, cap=cap)
    rng = np.random.default_rng(seed)
    coords = rng.random((size, 2))
    opens = rng.random(size) * (horizon - width)
    opens[0] = 0.0
    closes = np.append(horizon, opens[1:] + width)
    rate = rng.random(size) * 10
    name = f"optwvp-hard-n{size}-w{width:g}-c{cap:g}-s{seed}"
    return _variable(name, coords, opens, closes, horizon, np.full(size, cap), rate)


def _check(size: int, width: float, horizon: float, **more: float) -> None:
    if not 2 <= size <= 5000:
        raise ValueError(f"size must be in 2..5000, got {size}.")
    for name, value in {"width": width, "horizon": horizon, **more}.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be > 0, got {value}.")
    if width > horizon:
        raise ValueError(f"width must be <= horizon {horizon:g}, got {width:g}.")


def _variable(
    name: str,
    coords: np.ndarray,
    opens: np.ndarray,
    closes: np.ndarray,
    horizon: float,
    cap: np.ndarray,
    rate: np.ndarray,
) -> OPTWVPInstance:
    n = len(coords)
    return OPTWVPInstance(
        name=name,
        distances=Distances.from_coords(coords, Metric.EXACT_2D),
        opens=opens,
        closes=closes,
        horizon=horizon,
        segment_ptr=np.concatenate(([0], np.arange(n))),
        segment_length=cap[1:],
        segment_rate=rate[1:],
    )


DECOST = Generator(
    "optwvp",
    "decost",
    "the published test sets, by their own random stream",
    decost,
    {
        "size": (int, 50, "places, the depot included"),
        "width": (float, 100.0, "the published TW, 100 or 500"),
        "index": (int, 0, "which instance of the batch"),
        "batch": (int, 0, "instances drawn together, 0 for the published number"),
        "windows": (str, "released", "released (width / 4) or intended"),
        "horizon": (float, 0.0, "latest return, 0 for the published one"),
    },
)
UNIFORM = Generator(
    "optw",
    "uniform",
    "random points, windows of one width, fixed whole scores",
    uniform,
    {
        "size": (int, 50, "places, the depot included"),
        "width": (float, 60.0, "width of every window"),
        "service": (float, 10.0, "time of every service"),
        "horizon": (float, 240.0, "latest return"),
    },
)
HARD = Generator(
    "optwvp",
    "hard",
    "wide windows and small caps",
    hard,
    {
        "size": (int, 50, "places, the depot included"),
        "width": (float, 5.0, "width of every window"),
        "cap": (float, 0.25, "longest service"),
        "horizon": (float, 10.0, "latest return"),
    },
)
