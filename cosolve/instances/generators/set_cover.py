"""Random set covering problems after Balas and Ho."""

from __future__ import annotations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators._blocks import Block, assemble, named
from cosolve.instances.milp import MILPInstance


def set_cover(
    *, seed: int = 0, rows: int = 500, columns: int = 1000, density: float = 0.05, max_cost: int = 100
) -> MILPInstance:
    """
    Cover every row by chosen columns at least cost: costs uniform in 1..``max_cost``, each entry as likely. [1]_

    Every row lies in a column, and every column has two rows or more, as in the generator of [2]_.

    Parameters
    ----------
    rows, columns
        Both >= 2.
    density
        Share of entries that are 1; enough for one entry per row and two per column.
    max_cost
        >= 1.

    References
    ----------
    .. [1] Balas, E., Ho, A. (1980). Set covering algorithms using cutting planes, heuristics, and subgradient
           optimization: a computational study. *Mathematical Programming Study* 12: 37-60.
    .. [2] Gasse, M., Chetelat, D., Ferroni, N., Charlin, L., Lodi, A. (2019). Exact combinatorial optimization
           with graph convolutional neural networks. *NeurIPS 32*.
    """
    if rows < 2 or columns < 2 or max_cost < 1:
        raise ValueError(f"rows and columns must be >= 2 and max_cost >= 1, got {rows}, {columns}, {max_cost}.")
    least = max(rows, 2 * columns)
    entries = int(rows * columns * density) if 0 < density <= 1 else 0
    if not least <= entries <= 100_000_000:
        raise ValueError(
            f"density must be in {least / (rows * columns):.3g}..{min(1.0, 1e8 / (rows * columns)):.3g} "
            f"for {rows} rows and {columns} columns, got {density}."
        )
    rng = np.random.default_rng(seed)
    # Two entries per column, the others one by one to random columns that still have room.
    sizes = np.full(columns, 2)
    while (missing := entries - sizes.sum()) > 0:
        sizes = np.minimum(sizes + np.bincount(rng.integers(columns, size=missing), minlength=columns), rows)
    # The first columns share out a permutation of all rows, so that none is left out; then random ones.
    ends = np.cumsum(sizes)
    first = rng.permutation(rows)
    chosen = []
    for size, end in zip(sizes.tolist(), ends.tolist(), strict=True):
        given = first[end - size : end]
        rest = np.setdiff1d(np.arange(rows), given, assume_unique=True) if 0 < len(given) < size else np.arange(rows)
        chosen.append(given)
        if len(given) < size:
            chosen.append(rng.choice(rest, size - len(given), replace=False))
    return assemble(
        [Block(named("cover", range(rows)), np.concatenate(chosen), np.repeat(np.arange(columns), sizes), lower=1.0)],
        named("x", range(columns)),
        cost=rng.integers(1, max_cost + 1, columns),
        col_upper=1.0,
        is_integer=True,
        name=f"set-cover-{rows}-{columns}-{seed}",
        meta={"seed": seed, "density": density, "max_cost": max_cost},
    )


SET_COVER = Generator(
    "milp",
    "set-cover",
    "random set covering (Balas and Ho 1980)",
    set_cover,
    {
        "rows": (int, 500, "elements to cover"),
        "columns": (int, 1000, "sets"),
        "density": (float, 0.05, "share of entries that are 1"),
        "max_cost": (int, 100, "costs are uniform in 1..max_cost"),
    },
)
