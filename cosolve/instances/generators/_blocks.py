"""MILPs put together from blocks of rows: one block per family, with names for rows and columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.instances.milp import MILPInstance


@dataclass(frozen=True)
class Block:
    """
    Rows of one family: ``lower <= values at (rows, columns) <= upper``.

    Parameters
    ----------
    names
        One name per row.
    rows, columns, values
        Entries in any order, rows counted within the block; a single number stands for all values.
    lower, upper
        Sides, one per row or one for all.
    """

    names: list[str]
    rows: np.ndarray
    columns: np.ndarray
    values: Any = 1.0
    lower: Any = -np.inf
    upper: Any = np.inf


def named(family: str, *indices: Iterable[int]) -> list[str]:
    """Names "family_i_j" of equally long sequences of indices."""
    return [f"{family}_{'_'.join(map(str, index))}" for index in zip(*indices, strict=True)]


def assemble(blocks: list[Block], col_names: list[str], **others: Any) -> MILPInstance:
    """Instance of blocks below one another; ``others`` as for :meth:`MILPInstance.from_scipy`."""
    from scipy.sparse import csr_array

    counts = [len(block.names) for block in blocks]
    starts = np.cumsum([0, *counts])
    rows = np.concatenate([block.rows + start for block, start in zip(blocks, starts[:-1], strict=True)])
    columns = np.concatenate([block.columns for block in blocks])
    values = np.concatenate([np.broadcast_to(block.values, len(block.rows)) for block in blocks]).astype(np.float64)
    sides = [
        np.concatenate([np.broadcast_to(side, count) for side, count in zip(parts, counts, strict=True)])
        for parts in ([block.lower for block in blocks], [block.upper for block in blocks])
    ]
    return MILPInstance.from_scipy(
        csr_array((values, (rows, columns)), shape=(starts[-1], len(col_names))),
        row_lower=sides[0],
        row_upper=sides[1],
        row_names=tuple(name for block in blocks for name in block.names),
        col_names=tuple(col_names),
        **others,
    )
