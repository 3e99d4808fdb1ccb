"""
A MILP as a graph: columns, rows with the objective as one more, their types, and what is known of each.

All numbers are free of units: coefficients relative to the largest of their row, costs to the largest cost, counts as
logarithms that do not depend on the size of the instance. So what is learned on small instances applies to large ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch_geometric.data import HeteroData

from cosolve.core.instance import largest
from cosolve.instances.milp import MILPInstance
from cosolve.models.ctc.quick import agreement
from cosolve.models.ctc.relaxation import Relaxation
from cosolve.models.ctc.rows import is_binary, row_types, tight
from cosolve.search.row_types import RowType, RowTypes

#: Columns: cost, degree, mean, largest and least coefficient, integer, binary; relaxation: value, fraction, reduced
#: cost, at its lower bound, at its upper bound; quick solutions: their agreement on its being 1.
COLUMN_FEATURES, COLUMN_RELAXATION, COLUMN_QUICK = 7, 5, 3
#: Rows: mean coefficient, length, side, <=, >=, ==, objective, strength, cosine with the objective; relaxation: tight,
#: slack, dual; quick solutions: their agreement on its being tight.
ROW_FEATURES, ROW_RELAXATION, ROW_QUICK = 9, 3, 3
#: Types: one of each row type, column kind and the objective; then share of members, mean degree, mean strength.
TYPE_FEATURES = len(RowType) + 4 + 3

_TIGHT = 1e-6


def facts(instance: MILPInstance) -> dict[str, float]:
    """What a checkpoint's coverage is about."""
    cost = instance.cost / (largest(instance.cost) or 1.0)  # squares of costs from 1e154 on are infinite
    spread = float(np.std(cost) / max(1e-12, float(np.abs(cost).mean())))
    return {
        "columns": float(instance.size),
        "rows": float(len(instance.row_lower)),
        "mean_row": float(len(instance.data) / max(1, len(instance.row_lower))),
        "binaries": float(is_binary(instance).mean()),
        "maximise": float(instance.maximize),
        "cost_spread": spread if spread > 1e-9 else 0.0,  # equal costs of 0.1 have one of 1e-16
    }


def graph_of(
    instance: MILPInstance,
    *,
    relaxation: Relaxation | None = None,
    quick: np.ndarray | None = None,
) -> HeteroData:
    """
    Graph with the nodes "column", "row" (the objective is the last) and "type", edges of the matrix from columns to
    rows with their coefficients, and the edges that say which type a column or row is of.

    Parameters
    ----------
    relaxation
        An optimum of the linear relaxation; its features are 0 without it.
    quick
        (K, num_cols) solutions by :func:`cosolve.models.ctc.quick.quick_solutions`; their features are 0 without any.
    """
    types = row_types(instance)
    matrix = instance.matrix
    lengths = np.diff(matrix.indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    largest = np.zeros(len(lengths))
    np.maximum.at(largest, row, np.abs(matrix.data))
    scale = np.where(largest > 0, largest, 1.0)
    coefs = matrix.data / scale[row]
    cost = (-1.0 if instance.maximize else 1.0) * instance.cost
    cost = cost / max(np.abs(cost).max(initial=0.0), 1e-300)
    priced = np.flatnonzero(cost)

    data = HeteroData()
    columns = _columns(instance, matrix.indices, coefs, cost, relaxation)
    rows = _rows(instance, types, matrix, row, coefs, scale, cost, relaxation)
    data["column"].x, data["row"].x = (_tensor(part) for part in _with_quick(instance, quick, columns, rows))
    tails = np.concatenate([matrix.indices, priced])
    heads = np.concatenate([row, np.full(len(priced), len(lengths))])
    edges = data["column", "in", "row"]
    edges.edge_index = torch.from_numpy(np.stack([tails, heads]).astype(np.int64))
    edges.edge_attr = _tensor(np.concatenate([coefs, cost[priced]])[:, None])
    _add_types(data, instance, types)
    return data


def _columns(
    instance: MILPInstance, indices: np.ndarray, coefs: np.ndarray, cost: np.ndarray, solved: Relaxation | None
) -> np.ndarray:
    n = len(cost)
    degree = np.bincount(indices, minlength=n)
    total = np.bincount(indices, coefs, minlength=n)
    largest, least = np.zeros(n), np.zeros(n)
    np.maximum.at(largest, indices, coefs)
    np.minimum.at(least, indices, coefs)
    mean = total / np.maximum(degree, 1)
    parts = [cost, np.log1p(degree), mean, largest, least, instance.is_integer, is_binary(instance)]
    if solved is None:
        return np.column_stack(parts + [np.zeros(n)] * COLUMN_RELAXATION)
    width = instance.col_upper - instance.col_lower
    width = np.where(np.isfinite(width) & (width > 0), width, 1.0)
    low = np.where(np.isfinite(instance.col_lower), instance.col_lower, 0.0)
    parts += [
        np.clip((solved.values - low) / width, -5, 5),
        np.abs(solved.values - np.rint(solved.values)),
        _relative(solved.reduced_costs),
        solved.values <= instance.col_lower + _TIGHT,
        solved.values >= instance.col_upper - _TIGHT,
    ]
    return np.column_stack(parts)


def _rows(
    instance: MILPInstance,
    types: RowTypes,
    matrix: object,
    row: np.ndarray,
    coefs: np.ndarray,
    scale: np.ndarray,
    cost: np.ndarray,
    solved: Relaxation | None,
) -> np.ndarray:
    m = len(scale)
    lengths = np.bincount(row, minlength=m)
    has_upper, has_lower = np.isfinite(instance.row_upper), np.isfinite(instance.row_lower)
    is_equal = has_upper & (instance.row_lower == instance.row_upper)
    side = np.where(has_upper, instance.row_upper, np.where(has_lower, instance.row_lower, 0.0)) / scale
    columns = matrix.indices  # type: ignore[attr-defined]
    along = np.bincount(row, coefs * cost[columns], minlength=m)
    norm = np.sqrt(np.bincount(row, coefs**2, minlength=m)) * np.sqrt(cost @ cost)
    parts = [
        np.bincount(row, coefs, minlength=m) / np.maximum(lengths, 1),
        np.log1p(lengths),
        np.sign(side) * np.log1p(np.abs(side)),
        has_upper & ~is_equal,
        has_lower & ~is_equal,
        is_equal,
        np.zeros(m),
        -np.log(types.rho) / 5,
        along / np.maximum(norm, 1e-12),
    ]
    if solved is None:
        parts += [np.zeros(m)] * ROW_RELAXATION
    else:
        slack = np.abs(np.where(has_upper, instance.row_upper, instance.row_lower) - solved.activities) / scale
        slack = np.where(has_upper | has_lower, slack, 0.0)
        parts += [slack <= _TIGHT, np.minimum(slack, 5.0), _relative(solved.duals * scale)]
    objective = np.zeros(ROW_FEATURES + ROW_RELAXATION)
    used = cost[cost != 0]
    objective[[0, 1, 6, 8]] = used.mean() if len(used) else 0.0, np.log1p(len(used)), 1.0, 1.0
    return np.vstack([np.column_stack(parts), objective])


def _with_quick(
    instance: MILPInstance, quick: np.ndarray | None, columns: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Features of columns and rows with those of quick solutions behind; none of the objective."""
    of_columns, of_rows = np.zeros((len(columns), COLUMN_QUICK)), np.zeros((len(rows), ROW_QUICK))
    if quick is not None:
        of_columns[:] = agreement(instance, quick, quick > 0.5)
        of_rows[:-1] = agreement(instance, quick, tight(instance, quick))
    return np.hstack([columns, of_columns]), np.hstack([rows, of_rows])


def _add_types(data: HeteroData, instance: MILPInstance, types: RowTypes) -> None:
    """Type nodes: one for each family of rows, each family of columns of one kind, and the objective."""
    kinds = np.where(is_binary(instance), 0, np.where(instance.is_integer, 1, 2))
    column_type, column_first = _numbered(instance.col_families, kinds)
    row_type, row_first = _numbered(instance.row_families, types.kind)
    num_column_types, num_row_types = len(column_first), len(row_first)
    features = np.zeros((num_column_types + num_row_types + 1, TYPE_FEATURES))
    one_of = np.concatenate([len(RowType) + kinds[column_first], types.kind[row_first], [len(RowType) + 3]])
    features[np.arange(len(features)), one_of] = 1.0
    degree = data["column"].x[:, 1].numpy(), data["row"].x[:-1, 1].numpy()
    for member, number, offset, of in (
        (column_type, num_column_types, 0, degree[0]),
        (row_type, num_row_types, num_column_types, degree[1]),
    ):
        count = np.maximum(np.bincount(member, minlength=number), 1)
        part = features[offset : offset + number]
        part[:, -3] = count / max(1, len(member))
        part[:, -2] = np.bincount(member, of, minlength=number) / count
        if offset:
            part[:, -1] = np.bincount(member, -np.log(types.rho) / 5, minlength=number) / count
    data["type"].x = _tensor(features)
    for node, member in (("column", column_type), ("row", np.append(row_type, num_row_types) + num_column_types)):
        index = np.stack([np.arange(len(member)), member]).astype(np.int64)
        data[node, "is", "type"].edge_index = torch.from_numpy(index)


def _numbered(names: Sequence[str], kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each pair of a name and a kind in the order of the alphabet, and where each number first occurs."""
    found: dict[tuple[str, int], int] = {}
    seen = [found.setdefault(key, len(found)) for key in zip(names, kinds.tolist(), strict=True)]
    rank = np.empty(len(found), np.int64)
    rank[[found[key] for key in sorted(found)]] = np.arange(len(found))
    number = rank[np.array(seen, np.int64)]
    return number, np.unique(number, return_index=True)[1]


def _relative(values: np.ndarray) -> np.ndarray:
    return values / max(float(np.abs(values).max(initial=0.0)), 1e-12)


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
