"""Steiner trees for CP-SAT: an arborescence in the reduced graph, with ranks against cycles and cuts for the bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.solvers.cpsat import Model
from cosolve.solvers.cpsat.costs import whole_costs
from cosolve.solvers.cpsat.until import until
from cosolve.solvers.formulations.stp import Arborescence, prepare


def build(instance: STPInstance, monitor: Monitor | None = None) -> Model:
    """
    Model with a Boolean per arc and a rank per node, for reduced graphs of up to some thousand edges.

    Where weights had to be rounded, the bound is less by as much as that may change.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    frame = prepare(instance, monitor)
    if frame is None:
        model.add_bool_or([])
        return Model(model, [], lambda values: EdgeSet(edges=np.empty((0, 2), np.int64)))
    if frame.root < 0:
        constant = model.new_constant(1)
        model.minimize(0 * constant)
        weight = float(instance.weights[frame.tree].sum())
        return Model(model, [constant], lambda values: frame.best(), lambda solution: [1], offset=weight)
    graph = frame.graph
    num_arcs = 2 * len(graph.ends)
    arcs = [model.new_bool_var(f"arc{a}") for a in until(monitor, range(num_arcs))]
    tails, heads = graph.ends.reshape(-1), graph.ends[:, ::-1].reshape(-1)
    ranks = [model.new_int_var(0, graph.num_nodes - 1, f"rank{v}") for v in range(graph.num_nodes)]
    inward: list[list[int]] = [[] for _ in range(graph.num_nodes)]
    outward: list[list[int]] = [[] for _ in range(graph.num_nodes)]
    for a in until(monitor, range(num_arcs)):
        inward[heads[a]].append(a)
        outward[tails[a]].append(a)
        model.add(ranks[heads[a]] >= ranks[tails[a]] + 1).only_enforce_if(arcs[a])
    for v in range(graph.num_nodes):
        if v == frame.root:
            for a in inward[v]:
                model.add(arcs[a] == 0)
            model.add(ranks[v] == 0)
        elif graph.is_terminal[v]:
            model.add_exactly_one(arcs[a] for a in inward[v])
        else:
            model.add_at_most_one(arcs[a] for a in inward[v])
            for a in outward[v]:
                model.add_bool_or([arcs[b] for b in inward[v] if b != a ^ 1]).only_enforce_if(arcs[a])
            for a in inward[v]:
                model.add_bool_or([arcs[b] for b in outward[v] if b != a ^ 1]).only_enforce_if(arcs[a])
    for k in range(len(frame.cut_start) - 1):
        model.add_bool_or([arcs[a] for a in frame.cut_arcs[frame.cut_start[k] : frame.cut_start[k + 1]]])
    weights, unit, slack = whole_costs(np.repeat(graph.weights, 2), instance.is_integral, graph.num_nodes)
    model.minimize(cp_model.LinearExpr.weighted_sum(arcs, weights.tolist()))

    def decode(values: Sequence[int]) -> EdgeSet:
        chosen = np.asarray(values[:num_arcs]) > 0
        return frame.decode(chosen[0::2] | chosen[1::2])

    return Model(
        model,
        [*arcs, *ranks],
        decode,
        lambda solution: _values(frame, solution),
        scale=unit,
        offset=graph.fixed_weight,
        bound_slack=-slack,
    )


def _values(frame: Arborescence, solution: EdgeSet) -> list[int]:
    """Arcs and ranks of a tree; of the best known one if reductions have removed this tree."""
    graph = frame.graph
    chosen = frame.arcs_of(solution)
    if chosen is None:
        chosen = frame.arcs_of(frame.best())
    if chosen is None:
        return [0] * (2 * len(graph.ends) + graph.num_nodes)
    rank = [0] * graph.num_nodes
    following: dict[int, list[int]] = {}
    for a in np.flatnonzero(chosen):
        following.setdefault(int(graph.ends[a >> 1, a & 1]), []).append(int(graph.ends[a >> 1, 1 - (a & 1)]))
    stack = [frame.root]
    while stack:
        u = stack.pop()
        for v in following.get(u, ()):
            rank[v] = rank[u] + 1
            stack.append(v)
    return [*(int(c) for c in chosen), *rank]
