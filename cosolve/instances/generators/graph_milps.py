"""Independent sets and vertex covers of Barabasi-Albert graphs, written as MILPs."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators._blocks import Block, assemble, named
from cosolve.instances.generators.graphs import barabasi_albert
from cosolve.instances.graphs import Graph
from cosolve.instances.milp import MILPInstance

_MAX_NODES = 1_000_000


def independent_set(*, seed: int = 0, nodes: int = 500, affinity: int = 4) -> MILPInstance:
    """
    Largest independent set of a Barabasi-Albert graph, its rows strengthened by a partition into cliques. [1]_

    At most one node of each clique of two or more ("clique"), at most one of each edge between cliques ("edge").
    The generator of [1]_ also writes the cliques of one node, which only repeat the bound x <= 1: they are left out.

    Parameters
    ----------
    nodes
        Number of nodes, more than ``affinity``.
    affinity
        Edges of each new node, >= 1.

    References
    ----------
    .. [1] Bergman, D., Cire, A. A., van Hoeve, W.-J., Hooker, J. (2016). *Decision Diagrams for Optimization*,
           section 4.6.4. Springer.
    """
    _check(nodes, affinity, "affinity")
    graph = barabasi_albert(np.random.default_rng(seed), nodes, affinity)
    cliques = [clique for clique in clique_partition(graph) if len(clique) > 1]
    within = {pair for clique in cliques for pair in combinations(clique, 2)}
    between = np.array([pair for pair in map(tuple, graph.edges().tolist()) if pair not in within]).reshape(-1, 2)
    sizes = [len(clique) for clique in cliques]
    members = np.array([node for clique in cliques for node in clique], dtype=np.int64)
    rows = [Block(named("clique", range(len(cliques))), np.repeat(np.arange(len(cliques)), sizes), members, upper=1.0)]
    rows.append(_edge_rows(between, upper=1.0))
    return assemble(
        rows,
        named("x", range(nodes)),
        cost=1.0,
        col_upper=1.0,
        is_integer=True,
        maximize=True,
        name=f"independent-set-{nodes}-{affinity}-{seed}",
        meta={"seed": seed, "affinity": affinity},
    )


def vertex_cover(*, seed: int = 0, nodes: int = 500, degree: int = 5) -> MILPInstance:
    """
    Smallest vertex cover of a Barabasi-Albert graph: x_u + x_v >= 1 for each edge. [1]_

    Parameters
    ----------
    nodes
        Number of nodes, more than ``degree``.
    degree
        Edges of each new node, >= 1.

    References
    ----------
    .. [1] Huang, T., Ferber, A. M., Zharmagambetov, A., Tian, Y., Dilkina, B. (2024). Contrastive
           predict-and-search for mixed integer linear programs. *ICML*.
    """
    _check(nodes, degree, "degree")
    graph = barabasi_albert(np.random.default_rng(seed), nodes, degree)
    return assemble(
        [_edge_rows(graph.edges(), lower=1.0)],
        named("x", range(nodes)),
        cost=1.0,
        col_upper=1.0,
        is_integer=True,
        name=f"vertex-cover-{nodes}-{degree}-{seed}",
        meta={"seed": seed, "degree": degree},
    )


def clique_partition(graph: Graph) -> list[list[int]]:
    """
    Greedy partition of the nodes into cliques, each ascending.

    The node of largest degree left starts a clique, which takes those of its neighbours left, by degree, that are
    joined to all it has.
    """
    neighbours = [set(graph.neighbours(node).tolist()) for node in range(graph.num_nodes)]
    order = np.argsort(-graph.degrees, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    is_left = np.ones(graph.num_nodes, dtype=np.bool_)
    cliques = []
    for centre in order.tolist():
        if not is_left[centre]:
            continue
        clique = [centre]
        for node in sorted(neighbours[centre], key=rank.__getitem__):
            if is_left[node] and neighbours[node].issuperset(clique):
                clique.append(node)
        is_left[clique] = False
        cliques.append(sorted(clique))
    return cliques


def _edge_rows(edges: np.ndarray, *, lower: float = -np.inf, upper: float = np.inf) -> Block:
    names = named("edge", *edges.T.tolist())
    return Block(names, np.repeat(np.arange(len(edges)), 2), edges.ravel(), lower=lower, upper=upper)


def _check(nodes: int, degree: int, name: str) -> None:
    if degree < 1:
        raise ValueError(f"{name} must be >= 1, got {degree}.")
    if not degree < nodes <= _MAX_NODES:
        raise ValueError(f"nodes must be in {degree + 1}..{_MAX_NODES}, got {nodes}.")


INDEPENDENT_SET = Generator(
    "milp",
    "independent-set",
    "independent sets of Barabasi-Albert graphs, clique rows (Bergman et al. 2016)",
    independent_set,
    {"nodes": (int, 500, "number of nodes"), "affinity": (int, 4, "edges of each new node")},
)

VERTEX_COVER = Generator(
    "milp",
    "vertex-cover",
    "vertex covers of Barabasi-Albert graphs (Huang et al. 2024)",
    vertex_cover,
    {"nodes": (int, 500, "number of nodes"), "degree": (int, 5, "edges of each new node")},
)
