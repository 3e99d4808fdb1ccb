"""
Steiner trees by directed cuts on the reduced graph: every set of nodes with a terminal but not the root is entered.

Wong (1984); cuts separated as Koch and Martin (1998), first rows from dual ascent, flow-balance rows of Duin (1993).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cosolve.core.jit import frozen
from cosolve.core.monitor import Monitor
from cosolve.instances.milp import MILPInstance
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.search.random import stream
from cosolve.search.stp import SteinerSearch, connects
from cosolve.search.stp_cuts import violated_cuts
from cosolve.search.stp_dual import DualAscent
from cosolve.search.stp_graph import prune, spanning_tree
from cosolve.search.stp_reduce import Reduced
from cosolve.solvers.formulations import Formulation, Rows

#: A cut is violated if it is entered by less than 1 minus this.
_TOLERANCE = 1e-4

#: Rows of one call of ``separate``, and the arcs in them.
_MAX_CUTS, _MAX_ARCS = 400, 200_000

#: Arcs in the rows taken from dual ascent.
_FIRST_ARCS = 100_000

#: Slices of search for these rows, and the work units of each: half a second in all.
_SLICES, _SLICE = 15, 3_000_000

#: Entries of the rows that say where an arc may start; above, they cost more time than their bound is worth.
_MAX_BALANCE = 200_000

#: Trees made to have a good bound for the reductions, where no solver has run before; or parts for each terminal, which
#: go over a tree some five times.
_TREES, _PARTS = 40, 0.1


@dataclass(frozen=True)
class Arborescence:
    """
    What every model of a Steiner tree problem starts from: a reduced graph, its root, cuts, and a tree to fall back on.

    Parameters
    ----------
    instance
        The instance.
    graph
        Reduced graph that holds at least one optimal tree; with one terminal, it is solved.
    root
        A terminal of the graph.
    cut_start, cut_arcs
        Cuts raised by dual ascent: cut k holds ``cut_arcs[cut_start[k]:cut_start[k + 1]]``.
    tree
        (m,) bool, the best known tree as flags of the instance's edges.
    """

    instance: STPInstance
    graph: Reduced
    root: int
    cut_start: np.ndarray
    cut_arcs: np.ndarray
    tree: np.ndarray

    @property
    def terminals(self) -> np.ndarray:
        """Terminals of the reduced graph without the root."""
        terminals = np.flatnonzero(self.graph.is_terminal)
        return terminals[terminals != self.root]

    def best(self) -> EdgeSet:
        """The best known tree."""
        return EdgeSet(edges=self.instance.edges[self.tree])

    def decode(self, used: np.ndarray) -> EdgeSet:
        """Tree of the instance from a flag per reduced edge, cycles and loose ends removed."""
        instance = self.instance
        flags = self.graph.expand(used, instance.num_edges)
        weights = frozen(np.where(flags, instance.weights, np.inf))
        nodes = instance.is_terminal.copy()
        nodes[instance.edges[flags].ravel()] = True
        tree = np.zeros(instance.num_edges, np.bool_)
        if not spanning_tree(*instance.adjacency, weights, nodes, instance.is_terminal, tree):
            return EdgeSet(edges=instance.edges[flags])  # the judge says what is wrong with it
        return EdgeSet(edges=instance.edges[tree])

    def arcs_of(self, solution: EdgeSet) -> np.ndarray | None:
        """Flag per arc of a tree directed away from the root; ``None`` if the reduced graph has lost this tree."""
        graph, instance = self.graph, self.instance
        edges = instance.find_edges(solution.edges)
        has = np.zeros(instance.num_edges, np.bool_)
        has[edges[edges >= 0]] = True
        used = graph.contains(has)
        adjacency = graph.graph()
        prune(*adjacency, used, graph.is_terminal)
        out = np.zeros(2 * len(graph.ends), np.bool_)
        indptr, neighbours, edge_ids = adjacency
        reached, stack = {self.root}, [self.root]
        while stack:
            u = stack.pop()
            for k in range(indptr[u], indptr[u + 1]):
                v, e = int(neighbours[k]), int(edge_ids[k])
                if used[e] and v not in reached:
                    out[2 * e + int(graph.ends[e, 0] != u)] = True
                    reached.add(v)
                    stack.append(v)
        return out if all(int(t) in reached for t in self.terminals) else None


def prepare(instance: STPInstance, monitor: Monitor | None) -> Arborescence | None:
    """Reduce an instance, keeping an optimal tree, and report what is found on the way; ``None`` if infeasible."""
    if not connects(instance.num_nodes, instance.edges, instance.terminals):
        return None
    engine = SteinerSearch(
        instance.num_nodes,
        instance.edges,
        instance.weights,
        instance.terminals,
        is_integral=instance.is_integral,
        seed=0,
        keeps_best=True,
    )
    if monitor is not None and monitor.best is not None and isinstance(monitor.best.solution, EdgeSet):
        known = np.zeros(instance.num_edges, np.bool_)
        known[instance.find_edges(monitor.best.solution.edges)] = True
        engine.offer(known)
    for _ in engine.run():
        is_enough = engine.trees >= _TREES or engine.parts >= _PARTS * engine.graph.num_terminals
        if is_enough or (monitor is not None and monitor.should_stop()):
            break
    if not (engine.is_closed or (monitor is not None and monitor.should_stop())):
        # Once more from the beginning: a lighter tree lets the bound remove more.
        for _ in engine.presolve():
            if monitor is not None and monitor.should_stop():
                break
    assert engine.best is not None
    if monitor is not None:
        monitor.report(EdgeSet(edges=instance.edges[engine.best]), engine.weight)
        monitor.report_bound(engine.bound)
    graph = engine.graph
    if engine.is_closed:
        # Proven on the way: nothing is left to model, whatever the graph still holds.
        none = np.empty(0, np.int64)
        return Arborescence(instance, graph, -1, none, none, engine.best)
    degree = np.bincount(graph.ends.ravel(), minlength=graph.num_nodes)
    # A root of high degree has the most ways to begin; dual ascent then raises the most cuts.
    root = int(np.argmax(np.where(graph.is_terminal, degree, -1)))
    dual = DualAscent(graph.graph(), graph.ends, graph.weights, graph.is_terminal, root, stream(0))
    for _ in dual.complete(_SLICE):
        if monitor is not None and monitor.should_stop():
            break
    for _ in range(_SLICES):
        if monitor is not None and monitor.should_stop():
            break
        dual.improve(_SLICE)
    start, arcs, _ = dual.cuts()
    num = int(np.searchsorted(start, _FIRST_ARCS, "right")) - 1
    return Arborescence(instance, graph, root, start[: num + 1], arcs[: start[num]], engine.best)


def formulate(instance: STPInstance, monitor: Monitor | None = None) -> Formulation:
    """
    Directed cut formulation: a column per arc of the reduced graph, cuts on demand.

    An instance that the reductions solve gives a model without columns.
    """
    frame = prepare(instance, monitor)
    if frame is None:
        return _infeasible(instance)
    if frame.root < 0:
        model = _model(np.empty(0), [], instance, float(instance.weights[frame.tree].sum()))
        return Formulation(model, lambda x: frame.best())
    graph = frame.graph
    num_arcs = 2 * len(graph.ends)
    model = _model(np.repeat(graph.weights, 2), _rows(frame), instance, graph.fixed_weight)
    # Nothing enters the root.
    into_root = np.flatnonzero(_heads(graph) == frame.root)
    upper = np.ones(num_arcs)
    upper[into_root] = 0.0
    model = replace(model, col_upper=upper)
    terminals = frame.terminals
    adjacency = graph.graph()
    rounds = 0

    def separate(x: np.ndarray) -> Rows | None:
        nonlocal rounds
        # Another terminal goes first in each round, since the first ones get most of the cuts.
        order = np.roll(terminals, -(rounds * 37 % len(terminals)))
        rounds += 1
        start, arcs = violated_cuts(
            *adjacency, graph.ends, np.asarray(x, np.float64), frame.root, order, _TOLERANCE, _MAX_CUTS, _MAX_ARCS
        )
        num = len(start) - 1
        if num == 0:
            return None
        return np.ones(len(arcs)), arcs.astype(np.int32), start, np.ones(num), np.full(num, np.inf)

    def decode(x: np.ndarray) -> EdgeSet:
        chosen = np.asarray(x) > 0.5
        return frame.decode(chosen[0::2] | chosen[1::2])

    def encode(solution: EdgeSet) -> np.ndarray:
        arcs = frame.arcs_of(solution)
        if arcs is None:
            arcs = frame.arcs_of(frame.best())
        # An incomplete start is a hint that a backend may refuse; it is never taken for a solution.
        return np.zeros(num_arcs) if arcs is None else arcs.astype(np.float64)

    return Formulation(model, decode, encode, separate)


def _heads(graph: Reduced) -> np.ndarray:
    heads: np.ndarray = graph.ends[:, ::-1].reshape(-1)
    return heads


def _rows(frame: Arborescence) -> list[tuple[np.ndarray, np.ndarray, float, float]]:
    """Entries (column, value) and sides of the degree, balance and first cut rows."""
    graph, root = frame.graph, frame.root
    indptr, _, edge_ids = graph.graph()
    rows: list[tuple[np.ndarray, np.ndarray, float, float]] = []
    squares = int((np.diff(indptr) ** 2).sum())
    for v in range(graph.num_nodes):
        incident = edge_ids[indptr[v] : indptr[v + 1]]
        inward = 2 * incident + (graph.ends[incident, 0] == v)
        outward = inward ^ 1
        ones = np.ones(len(inward))
        if v == root:
            rows.append((outward, ones, 1.0, np.inf))
        elif graph.is_terminal[v]:
            rows.append((inward, ones, 1.0, 1.0))
        else:
            rows.append((inward, ones, -np.inf, 1.0))
            # What enters a node that is no terminal leaves it again.
            rows.append((np.concatenate((outward, inward)), np.concatenate((ones, -ones)), 0.0, np.inf))
            if squares <= _MAX_BALANCE:
                # An arc leaves only where another arc enters, and not from the node it goes to.
                for k in range(len(outward)):
                    others = np.delete(inward, k)
                    rows.append((np.append(others, outward[k]), np.append(np.ones(len(others)), -1.0), 0.0, np.inf))
    for k in range(len(frame.cut_start) - 1):
        arcs = frame.cut_arcs[frame.cut_start[k] : frame.cut_start[k + 1]]
        rows.append((arcs, np.ones(len(arcs)), 1.0, np.inf))
    return rows


def _model(
    cost: np.ndarray,
    rows: list[tuple[np.ndarray, np.ndarray, float, float]],
    instance: STPInstance,
    offset: float,
) -> MILPInstance:
    empty: list[np.ndarray] = [np.empty(0)]
    return MILPInstance(
        cost=cost,
        col_lower=np.zeros(len(cost)),
        col_upper=np.ones(len(cost)),
        is_integer=np.ones(len(cost), np.bool_),
        data=np.concatenate([row[1] for row in rows] or empty),
        indices=np.concatenate([row[0] for row in rows] or empty),
        indptr=np.cumsum([0, *(len(row[0]) for row in rows)]),
        row_lower=np.array([row[2] for row in rows]),
        row_upper=np.array([row[3] for row in rows]),
        offset=offset,
        name=instance.name,
    )


def _infeasible(instance: STPInstance) -> Formulation:
    """A model without a solution, for terminals that are not connected."""
    column = np.zeros(1, np.int32)
    model = _model(np.zeros(1), [(column, np.ones(1), 2.0, 2.0)], instance, 0.0)
    nothing: Callable[[np.ndarray], EdgeSet] = lambda x: EdgeSet(edges=np.empty((0, 2), np.int64))  # noqa: E731
    return Formulation(model, nothing)
