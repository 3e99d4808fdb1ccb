"""Instances small enough to solve by hand, with their optimum and why it is that."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cosolve.core.instance import Instance, Solution
from cosolve.core.metric import Metric
from cosolve.instances.cflp import CFLPInstance
from cosolve.instances.cpmp import Clustering, CPMPInstance
from cosolve.instances.cvrp import ACVRPInstance, CVRPInstance, Routes, VehicleRoutingInstance
from cosolve.instances.distances import Distances
from cosolve.instances.fjsp import FJSPInstance, Schedule
from cosolve.instances.graphs import Graph, MDSInstance, MISInstance, NodeSet
from cosolve.instances.milp import MILPInstance, Values
from cosolve.instances.orienteering import OPTWInstance, OPTWVPInstance
from cosolve.instances.regtree import RegressionTree, RegressionTreeInstance
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.instances.tsp import ATSPInstance, Tour, TSPInstance
from cosolve.instances.vrptw import ACVRPTWInstance, VRPTWInstance


def _tsp() -> list[tuple[Instance, float]]:
    rectangle = Distances.from_coords(np.array([[0, 0], [4, 3], [0, 3], [4, 0]], float))
    # 3 x 3 grid with unit 10: nine cities can't be joined by nine unit edges (odd cycle in a bipartite
    # graph), so one diagonal of nint(14.14) = 14 is needed.
    grid = Distances.from_coords(np.array([[10 * x, 10 * y] for x in range(3) for y in range(3)], float))
    return [
        (TSPInstance(name="rectangle", distances=rectangle), 14.0),
        (TSPInstance(name="grid", distances=grid), 94.0),
        (
            TSPInstance(name="triangle", distances=Distances.from_coords(np.array([[0, 0], [4, 0], [0, 3]], float))),
            12.0,
        ),
    ]


def _atsp() -> list[tuple[Instance, float]]:
    # A directed ring of cost 1; every other arc costs 10.
    matrix = np.full((6, 6), 10.0)
    matrix[np.arange(6), (np.arange(6) + 1) % 6] = 1.0
    one_way = Distances.from_matrix(np.array([[0.0, 1.0, 9.0], [9.0, 0.0, 1.0], [1.0, 9.0, 0.0]]))
    return [
        (ATSPInstance(name="ring", distances=Distances.from_matrix(matrix)), 6.0),
        (ATSPInstance(name="one-way", distances=one_way), 3.0),
    ]


def _cvrp() -> list[tuple[Instance, float]]:
    # Two customers on each side of the depot and room for two: out and back on each side.
    coords = np.array([[0, 0], [0, 10], [0, 20], [0, -10], [0, -20]], float)
    demand = np.array([0, 1, 1, 1, 1], float)
    instance = CVRPInstance(name="axis", distances=Distances.from_coords(coords), demand=demand, capacity=2.0)
    return [(instance, 80.0)]


def _acvrp() -> list[tuple[Instance, float]]:
    # Five places on a one-way ring, 1 a step, any other way 10. Room for two: of the six ways of two routes, one each
    # inside and the first and the last step of the ring are short, which makes 4 * 1 + 2 * 10.
    matrix = np.full((5, 5), 10.0)
    matrix[np.arange(5), (np.arange(5) + 1) % 5] = 1.0
    demand = np.array([0, 1, 1, 1, 1], float)
    # Long ways between customers are of no use: the optimum does not need them.
    sparse = matrix.copy()
    sparse[1:, 1:][sparse[1:, 1:] == 10.0] = np.inf
    return [
        (ACVRPInstance(name=name, distances=Distances.from_matrix(table), demand=demand, capacity=2.0), 24.0)
        for name, table in (("ring", matrix), ("missing-ways", sparse))
    ]


def _vrptw() -> list[tuple[Instance, float]]:
    # Two customers on a line. After the service of 5 at the near one the far one is reached at 25, too late, and after
    # the far one the near one is closed: out and back to each, 20 + 40.
    instance = VRPTWInstance(
        name="late",
        distances=Distances.from_coords(np.array([[0, 0], [0, 10], [0, 20]], float)),
        demand=np.array([0.0, 1.0, 1.0]),
        capacity=2.0,
        opens=np.zeros(3),
        closes=np.array([100.0, 10.0, 24.0]),
        service=np.array([0.0, 5.0, 5.0]),
    )
    return [(instance, 60.0)]


def _acvrptw() -> list[tuple[Instance, float]]:
    # The short round 0, 1, 2 of length 3 is slow between 1 and 2, which closes at 5; backwards it is 30 long: two
    # routes of 1 + 10. It is so without the way from 2 to 1 too.
    distance = np.array([[0, 1, 10], [10, 0, 1], [1, 10, 0]], float)
    sparse = distance.copy()
    sparse[2, 1] = np.inf
    duration = np.array([[0, 1, 2], [1, 0, 10], [2, 1, 0]], float)
    return [
        (
            ACVRPTWInstance(
                name=name,
                distances=Distances.from_matrix(table),
                durations=Distances.from_matrix(duration),
                demand=np.array([0.0, 1.0, 1.0]),
                capacity=2.0,
                opens=np.zeros(3),
                closes=np.array([100.0, 50.0, 5.0]),
                service=np.array([0.0, 1.0, 1.0]),
            ),
            22.0,
        )
        for name, table in (("slow-short-way", distance), ("missing-way", sparse))
    ]


_PETERSEN = [(i, (i + 1) % 5) for i in range(5)] + [(5 + i, 5 + (i + 2) % 5) for i in range(5)]
_PETERSEN += [(i, i + 5) for i in range(5)]


def _graph(num_nodes: int, edges: list[tuple[int, int]]) -> Graph:
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    return Graph.from_edges(num_nodes, pairs[:, 0], pairs[:, 1])


def _mis() -> list[tuple[Instance, float]]:
    # Odd cycle: (n - 1) / 2. Petersen graph: 4 (textbook).
    cycle = _graph(5, [(i, (i + 1) % 5) for i in range(5)])
    return [
        (MISInstance(name="cycle", graph=cycle), 2.0),
        (MISInstance(name="petersen", graph=_graph(10, _PETERSEN)), 4.0),
    ]


def _mds() -> list[tuple[Instance, float]]:
    # Path of 7: ceil(7 / 3). Petersen graph: each of ten nodes dominates 4, and 3 suffice (textbook).
    path = _graph(7, [(i, i + 1) for i in range(6)])
    return [
        (MDSInstance(name="path", graph=path), 3.0),
        (MDSInstance(name="petersen", graph=_graph(10, _PETERSEN)), 3.0),
    ]


def _cflp() -> list[tuple[Instance, float]]:
    # Demand 12 needs both (capacity 10 each): fixed 22, and each customer has a facility at cost 1.
    both = CFLPInstance(
        name="both",
        capacity=np.array([10.0, 10.0]),
        fixed_cost=np.array([10.0, 12.0]),
        demand=np.array([6.0, 6.0]),
        cost=np.array([[1.0, 2.0], [4.0, 1.0]]),
    )
    # Capacity 8 + 4 equals demand 12: facility 1 has to take 4 units. From customer 1 that costs
    # 4/6 * 3 + 2/6 * 1 + 1 = 10/3; from customer 0 it would cost 4/6 * 5 + 2/6 + 1 = 14/3.
    split = CFLPInstance(
        name="split",
        capacity=np.array([8.0, 4.0]),
        fixed_cost=np.array([0.0, 0.0]),
        demand=np.array([6.0, 6.0]),
        cost=np.array([[1.0, 1.0], [5.0, 3.0]]),
    )
    return [(both, 24.0), (split, 10.0 / 3.0)]


def _cpmp() -> list[tuple[Instance, float]]:
    # Two pairs of points far apart, room for two at each median: one median in each pair.
    points = np.array([[0, 0], [1, 0], [10, 0], [11, 0]], float)
    instance = CPMPInstance(
        name="pairs",
        distances=Distances.from_coords(points, Metric.EXACT_2D),
        capacity=np.full(4, 2.0),
        demand=np.ones(4),
        p=2,
    )
    return [(instance, 2.0)]


def _fjsp() -> list[tuple[Instance, float]]:
    # Machine 0 has 3 + 4 to do, and 7 is reached: job 0 on 0 in [0, 3], job 1 on 1 in [0, 2], on 0 in [3, 7].
    shop = FJSPInstance(
        name="shop",
        num_machines=2,
        job_ptr=np.array([0, 2, 4]),
        alt_ptr=np.arange(5),
        alt_machine=np.array([0, 1, 1, 0]),
        alt_time=np.array([3, 2, 2, 4]),
    )
    # Three equal jobs of one operation on two machines: two have to share one.
    flexible = FJSPInstance(
        name="flexible",
        num_machines=2,
        job_ptr=np.arange(4),
        alt_ptr=np.array([0, 2, 4, 6]),
        alt_machine=np.array([0, 1, 0, 1, 0, 1]),
        alt_time=np.full(6, 2),
    )
    return [(shop, 7.0), (flexible, 4.0)]


def _stp() -> list[tuple[Instance, float]]:
    # A hub at distance 2 from each of three terminals, which are 4 from each other: 6 through the hub, 8 without.
    hub = STPInstance(
        name="hub",
        num_nodes=4,
        edges=np.array([[0, 1], [0, 2], [0, 3], [1, 2], [2, 3], [1, 3]]),
        weights=np.array([2, 2, 2, 4, 4, 4], float),
        terminals=np.array([1, 2, 3]),
    )
    return [(hub, 6.0)]


def _milp() -> list[tuple[Instance, float]]:
    # Knapsack of 6: values 10, 6, 4 at weights 5, 4, 2; the best pair that fits is {1, 2} with 10, as good as {0}.
    knapsack = MILPInstance(
        name="knapsack",
        cost=np.array([10.0, 6.0, 4.0]),
        col_lower=np.zeros(3),
        col_upper=np.ones(3),
        is_integer=np.ones(3, np.bool_),
        data=np.array([5.0, 4.0, 2.0]),
        indices=np.arange(3),
        indptr=np.array([0, 3]),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([6.0]),
        maximize=True,
    )
    return [(knapsack, 10.0)]


def _regtree() -> list[tuple[Instance, float]]:
    # Exclusive or: the first split gains next to nothing whatever it is, two levels explain all but the two samples of
    # one corner, 4 and 6, which leave 1 + 1. Three splits at a tenth of the error of the constant each: the mean of
    # 0, 5, 4, 6, 0 is 3, so that error is 9 + 4 + 1 + 9 + 9 = 32, and 2 + 3 * 3.2 = 11.6.
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 0], [1, 1]], float)
    y = np.array([0, 5, 4, 6, 0], float)
    xor = RegressionTreeInstance(name="xor", X=corners, y=y, max_depth=2, alpha=0.1)
    # Weighted steps, at least two samples in a leaf: 0 0 | 6 9 | 9 is not allowed, 0 0 | 6 9 9 leaves the mean
    # (2 * 6 + 9 + 9) / 4 = 7.5 and 2 * 2.25 + 2.25 + 2.25 = 9, 0 0 6 | 9 9 leaves the mean 3 and 9 + 9 + 2 * 9 = 36.
    steps = RegressionTreeInstance(
        name="steps",
        X=np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]),
        y=np.array([0.0, 0.0, 6.0, 9.0, 9.0]),
        weights=np.array([1.0, 1.0, 2.0, 1.0, 1.0]),
        max_depth=2,
        min_samples_leaf=2,
    )
    return [(steps, 9.0), (xor, 11.6)]


def _line(*positions: float) -> Distances:
    coords = np.array([[x, 0.0] for x in positions])
    return Distances.from_coords(coords, Metric.EXACT_2D)


def _optw() -> list[tuple[Instance, float]]:
    # Out and back takes 2 for a prize of 3, or 4 for a prize of 5; both would take 6 of the 4 there are.
    either = OPTWInstance(
        name="either",
        distances=_line(0, 1, -2),
        opens=np.zeros(3),
        closes=np.full(3, 4.0),
        horizon=4.0,
        prize=np.array([0.0, 3.0, 5.0]),
    )
    # Straight to the prize and back takes 10, there by the place without one 7, which is all the time there is.
    detour = OPTWInstance(
        name="detour",
        distances=Distances.from_matrix(np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 1.0], [5.0, 1.0, 0.0]])),
        opens=np.zeros(3),
        closes=np.full(3, 7.0),
        horizon=7.0,
        prize=np.array([0.0, 0.0, 7.0]),
    )
    return [(either, 5.0), (detour, 7.0)]


def _optwvp() -> list[tuple[Instance, float]]:
    # Four of seven units are needed to get to the far customer and back. It earns 5 in the one unit of its cap, the
    # other two earn 2 each at the near one: 9. Its window forbids to begin there on the way out.
    shared = OPTWVPInstance(
        name="shared",
        distances=_line(0, 1, 2),
        opens=np.array([0.0, 3.0, 0.0]),
        closes=np.full(3, 7.0),
        horizon=7.0,
        segment_ptr=np.array([0, 0, 1, 2]),
        segment_length=np.array([3.0, 1.0]),
        segment_rate=np.array([2.0, 5.0]),
    )
    return [(shared, 9.0)]


_MAKERS: dict[str, Callable[[], list[tuple[Instance, float]]]] = {
    "tsp": _tsp,
    "atsp": _atsp,
    "cvrp": _cvrp,
    "acvrp": _acvrp,
    "vrptw": _vrptw,
    "acvrptw": _acvrptw,
    "mis": _mis,
    "mds": _mds,
    "cflp": _cflp,
    "cpmp": _cpmp,
    "fjsp": _fjsp,
    "stp": _stp,
    "milp": _milp,
    "regtree": _regtree,
    "optw": _optw,
    "optwvp": _optwvp,
}


def tiny_instances(problem: str) -> list[tuple[Instance, float]]:
    """
    Hand-solved instances of a problem with their optima.

    Raises
    ------
    KeyError
        If there are none of that problem.
    """
    return _MAKERS[problem]()


def examples(problem: str) -> Iterator[tuple[Instance, Solution]]:
    """Those instances whose judge is compiled, each with a solution that it reads to its end; feasible or not."""
    for instance, _ in tiny_instances(problem):
        solution = _some_solution(instance)
        if solution is not None:
            yield instance, solution


def _some_solution(instance: Instance) -> Solution | None:
    match instance:
        case TSPInstance() | ATSPInstance():
            return Tour(order=np.arange(instance.size))
        case VehicleRoutingInstance():
            return Routes(routes=tuple(instance.customers.reshape(-1, 1)))
        case MISInstance():
            return NodeSet(nodes=np.zeros(1, np.int64))
        case MDSInstance():
            return NodeSet(nodes=np.arange(instance.size))
        case CPMPInstance():
            return Clustering(medians=np.arange(instance.p), assignment=np.arange(instance.size) % instance.p)
        case FJSPInstance():
            return Schedule(machine=instance.alt_machine[instance.alt_ptr[:-1]], start=np.arange(instance.num_ops))
        case STPInstance():
            return EdgeSet(edges=instance.edges)
        case MILPInstance():
            return Values(values=np.zeros(instance.size))
        case RegressionTreeInstance():
            leaf = np.array([-1])
            return RegressionTree(feature=leaf - 1, threshold=np.zeros(1), left=leaf, right=leaf, value=np.zeros(1))
        case _:
            return None
