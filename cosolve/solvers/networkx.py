"""Solver "networkx": the baselines that NetworkX has for independent sets, dominating sets and Steiner trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Instance, Solution
from cosolve.core.monitor import Monitor
from cosolve.core.result import Status
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.graphs import MDSInstance, MISInstance, NodeSet
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.solvers.packages import availability

if TYPE_CHECKING:
    import networkx

#: A NetworkX graph takes about a kilobyte for each edge.
MAX_EDGES = 5_000_000


class NetworkX(Solver):
    """
    A random maximal independent set, the logarithmic approximation of dominating sets, and Mehlhorn's Steiner trees.

    Plain Python that can't be interrupted, so it runs in a process of its own.
    """

    name = "networkx"
    title = "NetworkX baselines"
    problems = frozenset({"mis", "mds", "stp"})
    features = Feature.SEED | Feature.DETERMINISTIC
    isolated = True

    def available(self) -> Availability:
        """Whether ``networkx`` is installed."""
        return availability("networkx")

    def solve(
        self,
        instance: Instance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        import networkx as nx
        from networkx.algorithms import approximation

        if monitor.should_stop():
            return Outcome()
        if isinstance(instance, STPInstance):
            tree = _steiner_tree(instance)
            if tree is None:
                return Outcome(Status.INFEASIBLE, message="the terminals are not connected.")
            monitor.report(tree)
            return Outcome()
        if not isinstance(instance, MISInstance | MDSInstance):
            raise UnsupportedProblemError(f"solver 'networkx' does not handle {instance.problem}.")
        graph = to_networkx(instance)
        if isinstance(instance, MISInstance):
            nodes = nx.maximal_independent_set(graph, seed=seed % 2**32)
        else:
            nodes = approximation.min_weighted_dominating_set(graph)
        monitor.report(NodeSet(nodes=np.array(sorted(nodes), np.int64)))
        return Outcome()


def to_networkx(instance: MISInstance | MDSInstance) -> networkx.Graph:
    """
    NetworkX graph of an instance; nodes are 0-based ids.

    Raises
    ------
    UnsupportedProblemError
        Above :data:`MAX_EDGES` edges.
    """
    import networkx as nx

    _check_size(instance.graph.num_edges)
    graph = nx.Graph()
    graph.add_nodes_from(range(instance.graph.num_nodes))
    graph.add_edges_from(instance.graph.edges().tolist())
    return graph


def _check_size(num_edges: int) -> None:
    if num_edges > MAX_EDGES:
        raise UnsupportedProblemError(f"networkx takes at most {MAX_EDGES} edges, got {num_edges}.")


def _steiner_tree(instance: STPInstance) -> EdgeSet | None:
    import networkx as nx
    from networkx.algorithms import approximation

    _check_size(len(instance.edges))
    terminals = instance.terminals.tolist()
    if len(terminals) == 1:
        return EdgeSet(edges=np.empty((0, 2), np.int64))
    graph = nx.Graph()
    graph.add_weighted_edges_from(
        (u, v, w) for (u, v), w in zip(instance.edges.tolist(), instance.weights.tolist(), strict=True)
    )
    # Only what the terminals can reach: the algorithm wants a connected graph.
    reached = nx.node_connected_component(graph, terminals[0]) if terminals[0] in graph else set()
    if not reached.issuperset(terminals):
        return None
    tree = approximation.steiner_tree(graph.subgraph(reached), terminals, method="mehlhorn")
    return EdgeSet(edges=np.array([sorted(edge) for edge in tree.edges()], np.int64).reshape(-1, 2))
