"""CP-SAT model of the symmetric TSP: one circuit over all arcs of small instances, over candidates of larger ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.tsp import Tour, TSPInstance
from cosolve.search.tours import candidates, greedy_edge, shortest_tour
from cosolve.search.tsp import renumber
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.costs import whole_costs
from cosolve.solvers.cpsat.until import until

#: Up to this many cities the model has every arc.
MAX_COMPLETE = 200

#: Candidate neighbours of a city above that.
_CANDIDATES = 10


def build(instance: TSPInstance, monitor: Monitor | None = None) -> Model:
    """
    Circuit constraint over arcs.

    Above :data:`MAX_COMPLETE` cities only arcs of candidate lists and of a greedy tour are in the model, and its
    bound is none for the instance. Where lengths had to be rounded, the bound is less by as much as that may change.
    """
    from ortools.sat.python import cp_model

    n = instance.size
    model = cp_model.CpModel()
    if n <= 3:
        order = shortest_tour(instance.distances.dense())
        constant = model.new_constant(1)
        model.minimize(0 * constant)
        length = sum(instance.distances.between(order[k - 1], order[k]) for k in range(n)) if n > 1 else 0.0
        return Model(model, [constant], lambda values: Tour(order=order), lambda tour: [1], offset=length)
    is_complete = n <= MAX_COMPLETE
    tails, heads = arcs(instance, is_complete)
    weights = np.array([instance.distances.between(i, j) for i, j in zip(tails, heads, strict=True)])
    whole, unit, slack = whole_costs(weights, instance.is_integral, n)
    literals = [model.new_bool_var("") for _ in until(monitor, range(len(tails)))]
    model.add_circuit(list(zip(tails.tolist(), heads.tolist(), literals, strict=True)))
    model.minimize(cp_model.LinearExpr.weighted_sum(literals, whole.tolist()))
    place = {arc: k for k, arc in enumerate(zip(tails.tolist(), heads.tolist(), strict=True))}

    def decode(values: Sequence[int]) -> Tour:
        following = np.zeros(n, np.int64)
        chosen = np.flatnonzero(values)
        following[tails[chosen]] = heads[chosen]
        order = np.zeros(n, np.int64)
        for k in range(1, n):
            order[k] = following[order[k - 1]]
        return Tour(order=order)

    def encode(tour: Tour) -> list[int]:
        values = [0] * len(tails)
        for arc in zip(tour.order.tolist(), np.roll(tour.order, -1).tolist(), strict=True):
            if arc in place:
                values[place[arc]] = 1
        return values

    return Model(model, literals, decode, encode, scale=unit, bound_slack=-slack, bound_is_valid=is_complete)


def arcs(instance: TSPInstance, is_complete: bool) -> tuple[np.ndarray, np.ndarray]:
    """Tails and heads of the arcs of the model; both directions of each edge."""
    n = instance.size
    if is_complete:
        tails, heads = np.nonzero(~np.eye(n, dtype=bool))
        return tails.astype(np.int64), heads.astype(np.int64)
    if instance.problem == "atsp":
        return _directed_candidates(instance)
    metric, coords, matrix, numbering = renumber(*instance.distances.kernel_args)
    near, lengths = candidates(metric, coords, matrix, _CANDIDATES)
    tour = greedy_edge(metric, coords, matrix, near, lengths).astype(np.int64)
    return _unique(np.repeat(np.arange(n), near.shape[1]), near.ravel(), tour, numbering, symmetric=True)


def _directed_candidates(instance: TSPInstance) -> tuple[np.ndarray, np.ndarray]:
    from cosolve.search.atsp import assignment, patch
    from cosolve.search.neighbours import nearest_by_matrix

    matrix = instance.distances.dense()
    columns, rows, duals = assignment(matrix)
    reduced = matrix - rows[:, None] - duals
    near, back = nearest_by_matrix(reduced, _CANDIDATES), nearest_by_matrix(reduced.T.copy(), _CANDIDATES)
    n, k = near.shape
    cities = np.repeat(np.arange(n), k)
    tails, heads = np.concatenate([cities, back.ravel()]), np.concatenate([near.ravel(), cities])
    return _unique(tails, heads, patch(matrix, columns).astype(np.int64), np.arange(n), symmetric=False)


def _unique(
    tails: np.ndarray, heads: np.ndarray, tour: np.ndarray, numbering: np.ndarray, *, symmetric: bool
) -> tuple[np.ndarray, np.ndarray]:
    n = len(tour)
    tails = np.concatenate([tails, tour]).astype(np.int64)
    heads = np.concatenate([heads, np.roll(tour, -1)]).astype(np.int64)
    if symmetric:
        tails, heads = np.concatenate([tails, heads]), np.concatenate([heads, tails])
    codes = np.unique(numbering[tails].astype(np.int64) * n + numbering[heads])
    return codes // n, codes % n
