"""Rows and columns of a MILP by type and family; without PyTorch, so that solvers can ask too."""

from __future__ import annotations

import numpy as np

from cosolve.instances.milp import TOLERANCE, MILPInstance
from cosolve.search.row_types import RowType, RowTypes, classify


def row_types(instance: MILPInstance) -> RowTypes:
    """Structural types of the rows."""
    return classify(
        instance.data,
        instance.indices,
        instance.indptr,
        instance.row_lower,
        instance.row_upper,
        instance.col_lower,
        instance.col_upper,
        instance.is_integer,
    )


def row_families(instance: MILPInstance, types: RowTypes) -> list[str]:
    """Family of each row by its name, or by its structure where it has none."""
    structural = [RowType(kind).name.lower() for kind in range(len(RowType))]
    return [name or structural[kind] for name, kind in zip(instance.row_families, types.kind.tolist(), strict=True)]


def known_families(instance: MILPInstance) -> set[str]:
    """What :func:`may_be_imposed` can mean in this instance: names and structural types of its rows."""
    kinds = set(row_types(instance).kind.tolist())
    return {kind.name.lower() for kind in RowType if kind in kinds} | {name for name in instance.row_families if name}


def is_binary(instance: MILPInstance) -> np.ndarray:
    """(num_cols,) integer columns between 0 and 1."""
    return instance.is_integer & (instance.col_lower == 0) & (instance.col_upper == 1)


def may_be_imposed(instance: MILPInstance, families: str) -> np.ndarray:
    """
    (num_rows,) which rows could be made equalities, and are of one of the families.

    Structural types count where no name is one of the families: other tools name rows R0, c0 or _C0.

    Parameters
    ----------
    families
        Names and structural types separated by commas; empty for all.
    """
    types = row_types(instance)
    if not families:
        return types.is_candidate
    wanted = set(families.split(","))
    if wanted.isdisjoint(instance.row_families):
        return types.is_candidate & np.isin(types.kind, [kind for kind in RowType if kind.name.lower() in wanted])
    named = np.array([name in wanted for name in row_families(instance, types)], dtype=np.bool_)
    return types.is_candidate & named


def tight(instance: MILPInstance, solutions: np.ndarray) -> np.ndarray:
    """(K, num_rows) which rows hold with equality at either side, in each of (K, num_cols) solutions."""
    activity = solutions @ instance.matrix.T
    out = np.zeros(activity.shape, dtype=np.bool_)
    for side in (instance.row_lower, instance.row_upper):
        at = np.where(np.isfinite(side), side, np.inf)
        out |= np.abs(activity - at) <= TOLERANCE * np.maximum(1.0, np.where(np.isfinite(at), np.abs(at), 1.0))
    return out


def activity_bounds(model: MILPInstance) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each row over the bounds of its columns, (num_rows,) each, infinite where open."""
    num_rows = len(model.row_lower)
    row = np.repeat(np.arange(num_rows), np.diff(model.indptr))
    data, low, high = model.data, model.col_lower[model.indices], model.col_upper[model.indices]
    least = np.bincount(row, data * np.where(data > 0, low, high), minlength=num_rows)
    greatest = np.bincount(row, data * np.where(data > 0, high, low), minlength=num_rows)
    return least, greatest
