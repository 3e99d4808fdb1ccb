"""Random and regular graphs for independent and dominating sets."""

from __future__ import annotations

import math

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators.codes import HAMMING, JOHNSON, KELLER, MANN
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance

__all__ = ["BA", "ER_MIS", "GRID", "HAMMING", "JOHNSON", "KELLER", "MANN", "RB"]

_MAX_NODES = 50_000_000

#: Draws of pairs of cliques, each of microseconds.
_MAX_DRAWS = 10_000_000


def rb(
    *, seed: int = 0, cliques: int = 0, clique_size: int = 0, tightness: float = 0.0, planted: bool = False
) -> MISInstance:
    """
    Model RB at its threshold: cliques, and random edges between pairs of them. [1]_

    With n cliques of k nodes and tightness p, let a = ln k / ln n and r = -a / ln(1 - p): about r n ln n times a pair
    of cliques is drawn, and p n^(2a) = p k^2 new edges between them (all that are left, if fewer). FrontierCO's
    training set draws n from 40..54, k from 20..24 and p from [0.3, 1) until there are 800 to 1200 nodes, which is
    what parameters of 0 do here.

    Parameters
    ----------
    cliques, clique_size
        Number of cliques n >= 2 and nodes of each k >= 2; 0 draws them.
    tightness
        p in (0, 1); 0 draws it.
    planted
        Keep one random node of each clique free of edges to the others, which makes a hidden optimum of n nodes.

    References
    ----------
    .. [1] Xu, K., Boussemart, F., Hemery, F., Lecoutre, C. (2007). Random constraint satisfaction: easy generation of
           hard (satisfiable) instances. *Artificial Intelligence* 171(8-9): 514-534.
    """
    for name, value in (("cliques", cliques), ("clique_size", clique_size)):
        if value != 0 and not 2 <= value <= 10_000:
            raise ValueError(f"{name} must be 0 or in 2..10000, got {value}.")
    if not 0 <= tightness < 1:
        raise ValueError(f"tightness must be 0 or in (0, 1), got {tightness}.")
    rng = np.random.default_rng(seed)
    while True:
        n = cliques or int(rng.integers(40, 54, endpoint=True))
        k = clique_size or int(rng.integers(20, 24, endpoint=True))
        if (cliques and clique_size) or 800 <= n * k <= 1200 or (cliques or clique_size):
            break
    p = tightness or float(rng.uniform(0.3, 1.0))
    a = math.log(k) / math.log(n)
    draws = -a / math.log1p(-p) * n * math.log(n) - 1
    if draws > _MAX_DRAWS:
        raise ValueError(f"cliques, clique_size and tightness take {draws:.3g} draws, at most {_MAX_DRAWS}.")
    rounds = int(draws)
    wanted = int(p * float(n) ** (2 * a))
    hidden = rng.integers(k, size=n) if planted else None
    codes: dict[tuple[int, int], np.ndarray] = {}
    for _ in range(rounds):
        i = int(rng.integers(n))
        j = int(rng.integers(n - 1))
        i, j = (i, j) if j < i else (i, j + 1)
        i, j = min(i, j), max(i, j)
        if (i, j) not in codes:
            codes[i, j] = np.zeros(k * k, np.bool_)
        is_edge = codes[i, j]
        allowed = ~is_edge
        if hidden is not None:
            allowed[hidden[i] * k + hidden[j]] = False
        left = np.flatnonzero(allowed)
        is_edge[rng.permutation(left)[:wanted]] = True
    inner = np.array([(x, y) for x in range(k) for y in range(x + 1, k)])
    pairs = [(np.arange(n)[:, None, None] * k + inner).reshape(-1, 2)]
    for (i, j), is_edge in sorted(codes.items()):
        chosen = np.flatnonzero(is_edge)
        pairs.append(np.column_stack((i * k + chosen // k, j * k + chosen % k)))
    edges = np.concatenate(pairs)
    meta: dict[str, object] = {"cliques": n, "clique_size": k, "tightness": p}
    if planted:
        meta |= {"reference": n, "reference_kind": "optimal", "reference_source": "planted, one node of each clique"}
    return MISInstance(name=f"rb-{n}-{k}-{seed}", meta=meta, graph=Graph.from_edges(n * k, edges[:, 0], edges[:, 1]))


def er(*, seed: int = 0, nodes: int = 750, probability: float = 0.15) -> MISInstance:
    """
    Erdos-Renyi graph: every pair is an edge with the same probability, independently.

    Parameters
    ----------
    nodes
        Number of nodes, >= 1.
    probability
        In [0, 1].
    """
    _check_count("nodes", nodes, 1)
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be in [0, 1], got {probability}.")
    if probability * nodes * nodes / 2 > 4e8:
        raise ValueError(
            f"nodes and probability make too many edges: {probability * nodes * nodes / 2:.3g}, at most 4e8."
        )
    rng = np.random.default_rng(seed)
    pairs = nodes * (nodes - 1) // 2
    chosen = _skip_sample(rng, pairs, probability)
    # Pair number to (i, j), i < j: row j holds j pairs. The float root may be off by one; settle it in integers.
    j = ((1 + np.sqrt(8.0 * chosen + 1)) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > chosen
    j += (j + 1) * j // 2 <= chosen
    i = chosen - j * (j - 1) // 2
    return MISInstance(
        name=f"er-{nodes}-{probability:g}-{seed}",
        meta={"probability": probability},
        graph=Graph.from_edges(nodes, i, j),
    )


def _skip_sample(rng: np.random.Generator, total: int, probability: float) -> np.ndarray:
    """Each of 0..total-1 with the given probability, by geometric gaps: O(number chosen)."""
    if probability == 0 or total == 0:
        return np.empty(0, np.int64)
    if probability == 1:
        return np.arange(total)
    parts = []
    last = -1
    while last < total:
        size = max(16, int((total - last) * probability * 1.02) + 16)
        # Gaps beyond the end are all alike; cut them, so that sums can't overflow.
        gaps = np.minimum(rng.geometric(probability, size=min(size, 1 << 20)), total + 1)
        places = last + np.cumsum(gaps)
        parts.append(places)
        last = int(places[-1])
    places = np.concatenate(parts)
    return places[places < total]


def ba(*, seed: int = 0, nodes: int = 0, degree: int = 4) -> MDSInstance:
    """
    Barabasi-Albert graph: each new node joins ``degree`` old ones, chosen with probability proportional to degree.

    It starts from a star of ``degree`` + 1 nodes. FrontierCO's set has degree 4 and 800 to 1200 nodes.

    Parameters
    ----------
    nodes
        Number of nodes, more than ``degree``; 0 draws it from 800..1200.
    degree
        Edges of each new node, >= 1.

    References
    ----------
    .. [1] Barabasi, A.-L., Albert, R. (1999). Emergence of scaling in random networks. *Science* 286: 509-512.
    """
    _check_count("degree", degree, 1)
    rng = np.random.default_rng(seed)
    n = nodes or int(rng.integers(800, 1200, endpoint=True))
    _check_count("nodes", n, degree + 1)
    graph = barabasi_albert(rng, n, degree)
    return MDSInstance(name=f"ba-{n}-{degree}-{seed}", meta={"degree": degree}, graph=graph)


def barabasi_albert(rng: np.random.Generator, nodes: int, degree: int) -> Graph:
    """Graph of preferential attachment with ``degree`` (``nodes`` - ``degree``) edges, grown from a star."""
    # Every end of every edge so far: a uniform draw is a draw by degree.
    ends = np.empty(2 * degree * (nodes - degree), np.int64)
    ends[0 : 2 * degree : 2] = 0
    ends[1 : 2 * degree : 2] = np.arange(1, degree + 1)
    filled = 2 * degree
    for new in range(degree + 1, nodes):
        targets: list[int] = []
        while len(targets) < degree:
            for place in rng.integers(filled, size=degree).tolist():
                target = int(ends[place])
                if target not in targets and len(targets) < degree:
                    targets.append(target)
        ends[filled : filled + 2 * degree : 2] = targets
        ends[filled + 1 : filled + 2 * degree : 2] = new
        filled += 2 * degree
    return Graph.from_edges(nodes, ends[::2], ends[1::2])


def grid(*, rows: int, columns: int, seed: int = 0) -> MDSInstance:
    """
    Grid graph, whose domination number is known for 1 to 4 rows and from 16 rows on.

    ``seed`` means nothing.

    Parameters
    ----------
    rows, columns
        Both >= 1.

    References
    ----------
    .. [1] Goncalves, D., Pinlou, A., Rao, M., Thomasse, S. (2011). The domination number of grids. *SIAM Journal on
           Discrete Mathematics* 25(3): 1443-1453.
    .. [2] Jacobson, M. S., Kinch, L. F. (1984). On the domination number of products of graphs I. *Ars Combinatoria*
           18: 33-44.
    """
    _check_count("rows", rows, 1)
    _check_count("columns", columns, 1)
    _check_count("rows * columns", rows * columns, 1)
    nodes = np.arange(rows * columns).reshape(rows, columns)
    tails = np.concatenate((nodes[:, :-1].ravel(), nodes[:-1].ravel()))
    heads = np.concatenate((nodes[:, 1:].ravel(), nodes[1:].ravel()))
    optimum = domination_number(rows, columns)
    meta: dict[str, object] = {"rows": rows, "columns": columns}
    if optimum is not None:
        meta |= {
            "reference": optimum,
            "reference_kind": "optimal",
            "reference_source": "Goncalves, Pinlou, Rao, Thomasse (2011), The domination number of grids",
        }
    return MDSInstance(name=f"grid-{rows}x{columns}", meta=meta, graph=Graph.from_edges(rows * columns, tails, heads))


def domination_number(rows: int, columns: int) -> int | None:
    """Domination number of a grid where a formula is given: up to 4 rows, or 16 and more both ways."""
    n, m = min(rows, columns), max(rows, columns)
    if n == 1:
        return (m + 2) // 3
    if n == 2:
        return (m + 2) // 2
    if n == 3:
        return (3 * m + 4) // 4
    if n == 4:
        return m + 1 if m in (5, 6, 9) else m
    if n >= 16:
        return (n + 2) * (m + 2) // 5 - 4
    return None


def _check_count(name: str, value: int, least: int) -> None:
    if not least <= value <= _MAX_NODES:
        raise ValueError(f"{name} must be in {least}..{_MAX_NODES}, got {value}.")


RB = Generator(
    "mis",
    "rb",
    "model RB at its threshold (BHOSLIB, FrontierCO training)",
    rb,
    {
        "cliques": (int, 0, "number of cliques; 0: drawn from 40..54"),
        "clique_size": (int, 0, "nodes of each clique; 0: drawn from 20..24"),
        "tightness": (float, 0.0, "tightness p; 0: drawn from [0.3, 1)"),
        "planted": (bool, False, "hide an optimum with one node of each clique"),
    },
)

ER_MIS = Generator(
    "mis",
    "er",
    "Erdos-Renyi graphs",
    er,
    {"nodes": (int, 750, "number of nodes"), "probability": (float, 0.15, "probability of an edge")},
)

BA = Generator(
    "mds",
    "ba",
    "Barabasi-Albert graphs (FrontierCO training)",
    ba,
    {
        "nodes": (int, 0, "number of nodes; 0: drawn from 800..1200"),
        "degree": (int, 4, "edges of each new node"),
    },
)

GRID = Generator(
    "mds",
    "grid",
    "grid graphs with known domination numbers",
    grid,
    {"rows": (int, None, "number of rows"), "columns": (int, None, "number of columns")},
)
