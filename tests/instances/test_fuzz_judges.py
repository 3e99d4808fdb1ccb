"""Judges against the definitions of feasibility, written out in plain Python, over random and broken solutions."""

from __future__ import annotations

import itertools
import math
import random
import warnings

import numpy as np
import pytest

from cosolve.core.instance import Instance, Solution
from cosolve.core.problem import judge
from cosolve.instances.cflp import Supply
from cosolve.instances.cpmp import Clustering
from cosolve.instances.cvrp import Routes
from cosolve.instances.fjsp import Schedule
from cosolve.instances.graphs import NodeSet
from cosolve.instances.milp import Values
from cosolve.instances.orienteering import OPTWRoute, TimedRoute
from cosolve.instances.regtree import RegressionTree
from cosolve.instances.stp import EdgeSet
from cosolve.instances.tiny import tiny_instances
from cosolve.instances.tsp import Tour

WILD = (-1, 0, 1, 2, 5, 99, 2**31, 2**62, -(2**63))
FLOATS = (math.nan, math.inf, -math.inf, -1.0, -1e-9, 0.0, 0.5, 1.0, 3.0, 6.0, 1e-300, 1e16, 1e300)


def ids(rng: random.Random, size: int, length: int) -> list[int]:
    """Mostly in range, now and then anything."""
    wild = rng.random() < 0.2
    return [rng.choice(WILD) if wild and rng.random() < 0.3 else rng.randrange(size) for _ in range(length)]


def shuffled(rng: random.Random, size: int, length: int) -> list[int]:
    """Often a permutation."""
    return rng.sample(range(size), size) if rng.random() < 0.5 else ids(rng, size, length)


def propose(instance: Instance, rng: random.Random) -> Solution:
    """A random solution, feasible often enough."""
    n = instance.size
    length = n if rng.random() < 0.8 else rng.randrange(n + 3)
    match instance.problem:
        case "tsp" | "atsp":
            return Tour(order=np.array(shuffled(rng, n, length), np.int64))
        case "cvrp" | "acvrp" | "vrptw" | "acvrptw":
            nodes = shuffled(rng, n + 1, length)
            nodes = [v for v in nodes if v] if rng.random() < 0.8 else nodes
            cuts = sorted(rng.choices(range(len(nodes) + 1), k=rng.randrange(4)))
            return Routes(routes=tuple(nodes[i:j] for i, j in itertools.pairwise([0, *cuts, len(nodes)])))
        case "mis" | "mds":
            nodes = rng.sample(range(n), rng.randrange(n + 1)) if rng.random() < 0.7 else ids(rng, n, length)
            return NodeSet(nodes=np.array(nodes, np.int64))
        case "cflp":
            m, k = instance.num_facilities, rng.randrange(5)
            amount = [rng.choice(FLOATS) if rng.random() < 0.2 else float(rng.choice((2, 4, 6))) for _ in range(k)]
            size = m if rng.random() < 0.9 else rng.randrange(4)
            return Supply(
                is_open=np.array([rng.random() < 0.8 for _ in range(size)], np.bool_),
                facility=np.array(ids(rng, m, k), np.int64),
                customer=np.array(ids(rng, instance.num_customers, k), np.int64),
                amount=np.array(amount, float),
            )
        case "cpmp":
            medians = ids(rng, n, 2 if rng.random() < 0.9 else rng.randrange(4))
            assignment = [rng.choice(medians or [0]) for _ in range(length)] if rng.random() < 0.8 else ids(rng, n, n)
            return Clustering(medians=np.array(medians, np.int64), assignment=np.array(assignment, np.int64))
        case "fjsp":
            machine = ids(rng, 2, length)
            start = [rng.choice(FLOATS) if rng.random() < 0.03 else float(rng.randrange(8)) for _ in range(length)]
            return Schedule(machine=np.array(machine, np.int64), start=np.array(start, float))
        case "stp":
            edges = [ids(rng, 4, 2) for _ in range(rng.choice((0, 1, 2, 3, 3, 3, 4)))]
            return EdgeSet(edges=np.array(edges, np.int64).reshape(-1, 2))
        case "regtree":
            return propose_tree(instance, rng)
        case "optw" | "optwvp":
            route = OPTWRoute if instance.problem == "optw" else TimedRoute
            visits = ids(rng, n, rng.randrange(3))
            times = [
                [rng.choice(FLOATS) if rng.random() < 0.1 else rng.randrange(9) / 2 for _ in visits] for _ in range(2)
            ]
            if rng.random() < 0.05:
                times[0].append(1.0)
            return route(customers=np.array(visits, np.int64), start=np.array(times[0]), duration=np.array(times[1]))
    values = [rng.choice(FLOATS) if rng.random() < 0.2 else float(rng.randrange(2)) for _ in range(length)]
    return Values(values=np.array(values, float))


def propose_tree(instance: Instance, rng: random.Random) -> Solution:
    """A random tree in any numbering, now and then with something broken."""
    nodes: list[list[float]] = [[-2, 0, -1, -1, rng.random()]]
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 4))):
        leaf = rng.choice([k for k, node in enumerate(nodes) if node[2] < 0])
        nodes += [[-2, rng.choice(FLOATS), -1, -1, rng.random()] for _ in range(2)]
        children = rng.sample([len(nodes) - 2, len(nodes) - 1], 2)
        nodes[leaf] = [rng.randrange(instance.num_features), rng.choice((0.5, 1.5, 2.5, 3.5)), *children, math.nan]
    if rng.random() < 0.3:
        column = rng.randrange(5)
        pool = FLOATS if column in (1, 4) else (-2, -1, 0, 1, 2, len(nodes), 2**31 - 1)
        rng.choice(nodes)[column] = rng.choice(pool)
    names = ("feature", "threshold", "left", "right", "value")
    columns = dict(zip(names, map(np.array, zip(*nodes, strict=True)), strict=True))
    if rng.random() < 0.05:
        columns["value"] = columns["value"][1:]
    return RegressionTree(**columns)


def is_tree_feasible(i: Instance, s: Solution) -> bool:
    """The definition: from the root down every node once, every leaf with enough samples, within the limits."""
    m = len(s.feature)
    if m == 0 or {len(s.threshold), len(s.left), len(s.right), len(s.value)} != {m}:
        return False
    seen: list[int] = []

    def follow(node: int, rows: list[int], depth: int) -> bool:
        if not 0 <= node < m or node in seen:
            return False
        seen.append(node)
        if s.left[node] == -1:
            is_marked = s.right[node] == -1 and s.feature[node] == -2
            is_small = abs(s.value[node]) < 1e100  # its square is finite
            return bool(is_marked and is_small) and len(rows) >= i.min_samples_leaf and depth <= i.max_depth
        if not (0 <= s.feature[node] < i.num_features and math.isfinite(s.threshold[node])):
            return False
        left = [row for row in rows if i.X[row, s.feature[node]] <= s.threshold[node]]
        right = [row for row in rows if row not in left]
        return follow(int(s.left[node]), left, depth + 1) and follow(int(s.right[node]), right, depth + 1)

    splits = int((s.left != -1).sum())
    fits = i.max_splits is None or splits <= i.max_splits
    return follow(0, list(range(i.size)), 0) and len(seen) == m and fits


def in_time(i: Instance, route: list[int]) -> bool:
    """Whether all ways of a route exist, and are fast enough for the windows if there are any."""
    time, last = 0.0, i.depot
    for v in [*route, i.depot] if route else []:
        if math.isinf(i.distances.between(last, v)):
            return False
        if i.problem.endswith("tw"):
            time += i.durations.between(last, v)
            if time > i.closes[v]:
                return False
            time = max(time, i.opens[v]) + i.service[v]
        last = v
    return True


def is_feasible(i: Instance, s: Solution) -> bool:
    """The definition, for instances of whole numbers."""
    match i.problem:
        case "tsp" | "atsp":
            return sorted(s.order.tolist()) == list(range(i.size))
        case "cvrp" | "acvrp" | "vrptw" | "acvrptw":
            routes = [r.tolist() for r in s.routes]
            return sorted(itertools.chain(*routes)) == i.customers.tolist() and all(
                sum(i.demand[v] for v in r) <= i.capacity and in_time(i, r) for r in routes
            )
        case "mis" | "mds":
            g, nodes = i.graph, s.nodes.tolist()
            if len(set(nodes)) < len(nodes) or not set(nodes) <= set(range(g.num_nodes)):
                return False
            near = [set(g.indices[g.indptr[v] : g.indptr[v + 1]].tolist()) for v in range(g.num_nodes)]
            if i.problem == "mis":
                return all(not near[v] & set(nodes) for v in nodes)
            return all((near[v] | {v}) & set(nodes) for v in range(g.num_nodes))
        case "cflp":
            m, n = i.num_facilities, i.num_customers
            rows = list(zip(s.facility.tolist(), s.customer.tolist(), s.amount.tolist(), strict=True))
            if len(s.is_open) != m or any(not (0 <= f < m and 0 <= c < n and 0 <= a < math.inf) for f, c, a in rows):
                return False
            return (
                all(s.is_open[f] for f, _, a in rows if a > 0)
                and all(abs(sum(a for _, c, a in rows if c == k) - i.demand[k]) < 1e-5 for k in range(n))
                and all(sum(a for f, _, a in rows if f == k) < i.capacity[k] + 1e-5 for k in range(m))
            )
        case "cpmp":
            medians, given = s.medians.tolist(), s.assignment.tolist()
            return (
                len(medians) == len(set(medians)) == i.p
                and len(given) == i.size
                and set(medians) | set(given) <= set(range(i.size))
                and set(given) <= set(medians)
                and all(sum(i.demand[v] for v, k in enumerate(given) if k == j) <= i.capacity[j] for j in medians)
            )
        case "fjsp":
            n = i.num_ops
            if not len(s.machine) == len(s.start) == n or not all(0 <= t <= 2**52 for t in s.start.tolist()):
                return False
            spans = []
            for op in range(n):
                options = range(i.alt_ptr[op], i.alt_ptr[op + 1])
                times = [int(i.alt_time[k]) for k in options if i.alt_machine[k] == s.machine[op]]
                if not times:
                    return False
                spans.append((float(s.start[op]), float(s.start[op]) + times[0]))
            follow = [op for op in range(1, n) if op not in i.job_ptr.tolist()]
            pairs = [p for p in itertools.combinations(range(n), 2) if s.machine[p[0]] == s.machine[p[1]]]
            return all(spans[op - 1][1] <= spans[op][0] for op in follow) and all(
                spans[a][1] <= spans[b][0] or spans[b][1] <= spans[a][0] for a, b in pairs
            )
        case "stp":
            used = [frozenset(edge) for edge in s.edges.tolist()]
            if not set(used) <= {frozenset(edge) for edge in i.edges.tolist()}:
                return False
            touched = set().union(*used) | set(i.terminals.tolist())
            reached, last = {int(i.terminals[0])}, -1
            while len(reached) > last:
                last = len(reached)
                reached |= set().union(*[edge for edge in used if edge & reached])
            return reached == touched and len(used) == len(touched) - 1
        case "regtree":
            return is_tree_feasible(i, s)
        case "optw" | "optwvp":
            visits, start, duration = s.customers.tolist(), s.start.tolist(), s.duration.tolist()
            if not len(visits) == len(start) == len(duration) == len(set(visits)):
                return False
            if any(not 0 < v < i.size for v in visits) or not all(map(math.isfinite, start + duration)):
                return False
            clock, place = float(i.opens[0]), 0
            for v, begin, time in zip(visits, start, duration, strict=True):
                slack = 1e-6
                if begin < clock + i.distances.between(place, v) - slack:
                    return False
                if not i.opens[v] - slack <= begin <= i.closes[v] + slack:
                    return False
                if not i.min_service[v] - slack <= time <= i.caps[v] + slack:
                    return False
                clock, place = begin + time, v
            return not visits or clock + i.distances.between(place, 0) <= i.horizon + 1e-6
    x = s.values.tolist()
    if len(x) != i.size or any(not (math.isfinite(v) and abs(v - round(v)) < 1e-6 and 0 <= round(v) <= 1) for v in x):
        return False
    return sum(a * round(v) for a, v in zip(i.data, x, strict=True)) <= i.row_upper[0]


@pytest.mark.parametrize(
    "problem",
    [
        "tsp",
        "atsp",
        "cvrp",
        "acvrp",
        "vrptw",
        "acvrptw",
        "mis",
        "mds",
        "cflp",
        "cpmp",
        "fjsp",
        "stp",
        "milp",
        "regtree",
        "optw",
        "optwvp",
    ],
)
def test_judges_agree_with_the_definition_and_never_crash(problem):
    """A judge that passes one broken solution makes every table of results worthless."""
    rng = random.Random(problem)
    answers = set()
    for instance, _ in tiny_instances(problem):
        for _ in range(2500):
            solution = propose(instance, rng)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                verdict = judge(instance, solution)
                judge(instance, solution, "frontierco")
            assert verdict.feasible == is_feasible(instance, solution), (solution, verdict)
            assert verdict.objective is not None or not verdict.feasible
            assert all(str(violation) for violation in verdict.violations)
            answers.add(verdict.feasible)
    assert answers == {True, False}  # else the proposals test nothing


def test_starts_too_large_to_add_a_time_to_are_no_schedule():
    """1e300 + 3 is 1e300: all operations at once looked like one after the other, on every machine."""
    instance = tiny_instances("fjsp")[0][0]
    for start in (1e16, 1e300, -1e300):
        schedule = Schedule(machine=instance.alt_machine, start=np.full(4, start))
        for mode in ("strict", "frontierco"):
            assert not judge(instance, schedule, mode).feasible
