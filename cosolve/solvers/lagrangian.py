"""Solver "lagrangian": exact capacitated facility location by branch and bound over Lagrangian bounds."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

import cosolve
from cosolve.core.instance import Solution
from cosolve.core.jit import frozen
from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Availability, Feature, Outcome
from cosolve.instances.cflp import CFLPInstance
from cosolve.search.cflp import excess, supply_cost, transport
from cosolve.search.location import ascend
from cosolve.solvers.compiled import CompiledSolver
from cosolve.solvers.formulations.location import least_number, relax
from cosolve.solvers.greedy.cflp import construct, supply_of

#: Iterations at the root, and at a node: its multipliers start from those of its parent.
_ROOT, _NODE = 600, 30

#: Step factor at the start of a node; at the root it is 2.
_STEP = 1.0

#: A solution must be better by this part of the objective to be looked for; far below what a proof may leave open.
_MARGIN = 1e-8

#: Bytes of open nodes above which the search goes depth first.
_MEMORY = 500_000_000

#: Pairs of facility and customer priced between two looks at the clock.
_PAIRS = 20_000_000


@dataclass
class _Node:
    """A part of the solutions: facilities fixed, and the multipliers of its parent to start from."""

    bound: float
    status: np.ndarray
    multipliers: np.ndarray
    share: np.ndarray


class Lagrangian(CompiledSolver):
    """
    Branch and bound on the demands' multipliers; exact transportation for the facilities a node opens.

    The bound is that of the strong linear relaxation with a row on the least number of facilities, at a few
    milliseconds a node without any linear program, and it needs no more memory than the costs. Facilities are
    fixed by reduced costs while the multipliers improve.
    """

    name = "lagrangian"
    title = "branch and bound over Lagrangian bounds, with exact transportation"
    problems = frozenset({"cflp"})
    features = (
        Feature.EXACT
        | Feature.BOUND
        | Feature.TRAJECTORY
        | Feature.WARM_START
        | Feature.THREADS
        | Feature.DETERMINISTIC
    )
    limits = frozenset({Limit.NODE})

    def available(self) -> Availability:
        """Always."""
        return Availability(True, cosolve.__version__)

    def solve(
        self,
        instance: CFLPInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        if monitor.should_stop():
            return Outcome()
        if instance.capacity.sum() < instance.least_capacity:
            return Outcome(status=Status.INFEASIBLE)
        if initial is None or instance.total_demand == 0:
            start = construct(instance, monitor, np.random.default_rng(seed))
            if start is not None:
                monitor.report(start)
        if instance.total_demand == 0:
            monitor.report_bound(0.0)
            return Outcome(status=Status.OPTIMAL)
        return _Search(instance, monitor, threads).run()


class _Search:
    """One run: the instance in the form the kernels take, the open nodes and the best solution."""

    def __init__(self, instance: CFLPInstance, monitor: Monitor, threads: int) -> None:
        self.instance = instance
        self.monitor = monitor
        self.threads = threads
        self.customers = np.flatnonzero(instance.demand > 0)
        self.demand = frozen(instance.demand[self.customers])
        self.cost = frozen(instance.cost[:, self.customers])
        self.unit = np.ascontiguousarray((self.cost / self.demand).T)
        self.need = least_number(instance.capacity, instance.total_demand)
        self.best = np.inf if monitor.best is None else monitor.best.objective
        self.nodes = 0
        #: Least bound of what had to be given up without a proof.
        self.left = np.inf
        self.tried: set[bytes] = set()
        self.heap: list[tuple[float, int, _Node]] = []
        self.stack: list[_Node] = []
        self.order = count()

    @property
    def cutoff(self) -> float:
        return self.best - _MARGIN * abs(self.best) if self.best < np.inf else np.inf

    def run(self) -> Outcome:
        """Best bound first, as many nodes at a time as there are threads."""
        instance, monitor = self.instance, self.monitor
        root = relax(
            self.cost,
            self.demand,
            instance.capacity,
            instance.fixed_cost,
            None,
            monitor,
            None if self.best == np.inf else self.best,
            _ROOT,
        )
        monitor.report_bound(root.bound)
        status = np.where(instance.capacity > 0, 0, -1).astype(np.int8)
        room = self.cutoff - root.bound
        status[root.reduced_y > room] = -1
        status[root.reduced_y < -room] = 1
        self.push(_Node(root.bound, status, root.multipliers, root.share))
        with ThreadPoolExecutor(self.threads) as pool:
            while (self.heap or self.stack) and not monitor.should_stop():
                if monitor.stop.nodes is not None and self.nodes >= monitor.stop.nodes:
                    return self.outcome(Limit.NODE)
                if monitor.best is not None:  # another part of a plan may have found it
                    self.best = min(self.best, monitor.best.objective)
                chosen = [self.pop() for _ in range(min(self.threads, len(self.heap) + len(self.stack)))]
                chosen = [node for node in chosen if node.bound < self.cutoff]
                results = list(pool.map(self.bound, chosen, [self.cutoff] * len(chosen)))
                self.nodes += len(chosen)
                for node, is_done in zip(chosen, results, strict=True):
                    if not is_done:
                        self.push(node)  # cut short by the clock: as open as before
                    elif node.bound < self.cutoff:
                        self.branch(node)
                self.report_bound()
        return self.outcome(None)

    def outcome(self, limit: Limit | None) -> Outcome:
        self.report_bound()
        is_open = bool(self.heap or self.stack or self.left < self.cutoff)
        status = Status.OPTIMAL if not is_open and self.best < np.inf else Status.FEASIBLE
        return Outcome(status=status, limit=limit, stats={"nodes": self.nodes})

    def report_bound(self) -> None:
        """Nothing open is below this, and nothing pruned below the cutoff."""
        bounds = [node.bound for node in self.stack]
        least = min(bounds, default=np.inf)
        if self.heap:
            least = min(least, self.heap[0][0])
        self.monitor.report_bound(min(least, self.left, self.cutoff))

    def push(self, node: _Node) -> None:
        if len(self.heap) * (node.multipliers.nbytes + node.status.nbytes) > _MEMORY:
            self.stack.append(node)
        else:
            heapq.heappush(self.heap, (node.bound, next(self.order), node))

    def pop(self) -> _Node:
        return self.stack.pop() if self.stack else heapq.heappop(self.heap)[2]

    def bound(self, node: _Node, cutoff: float) -> bool:
        """Improve a node's bound and fix facilities, in place; False if time is up before that is done."""
        instance, n = self.instance, len(self.demand)
        u, multipliers = node.multipliers.copy(), node.multipliers.copy()
        direction, state = np.zeros(n), np.array([_STEP, 0.0, -np.inf])
        upper = cutoff if cutoff < np.inf else 1.01 * abs(node.bound) + 1e-9
        size = max(1, min(_NODE, _PAIRS // self.cost.size))
        is_done = True
        for done in range(0, _NODE, size):
            if self.monitor.should_stop():
                is_done = False
                break
            ascend(
                self.cost,
                self.demand,
                instance.capacity,
                instance.fixed_cost,
                0,
                self.need,
                node.status,
                upper,
                cutoff,
                min(size, _NODE - done),
                state,
                u,
                direction,
                multipliers,
                node.share,
            )
            if state[0] < 1e-3:
                break
        margin = 1e-9 * abs(state[2]) if np.isfinite(state[2]) else 0.0
        node.bound = max(node.bound, float(state[2]) - margin)
        node.multipliers = multipliers
        return is_done

    def branch(self, node: _Node) -> None:
        """Try what a node suggests, and split it unless that decides it."""
        status = node.status
        free = np.flatnonzero(status == 0)
        # What is open for most of the time; then what is likeliest, until the capacity suffices.
        likely = np.flatnonzero((status > 0) | ((status == 0) & (node.share > 0.5)))
        others = free[node.share[free] <= 0.5]
        others = others[np.argsort(-node.share[others], kind="stable")]
        total = float(self.instance.capacity[likely].sum())
        for i in others:
            if total >= self.instance.total_demand:
                break
            likely = np.append(likely, i)
            total += float(self.instance.capacity[i])
        # A supply takes about 3 n q^2 steps, the bound of a node about 30 n m: neither should outweigh the other.
        period = 1 + 3 * len(likely) ** 2 // (_NODE * len(status))
        if not len(free) or self.nodes % period == 0:
            is_served = self.supply(np.sort(likely))
            if not len(free):
                if not is_served:
                    self.left = min(self.left, node.bound)
                return
            if node.bound >= self.cutoff:
                return
        i = int(free[np.argmin(np.abs(node.share[free] - 0.5))])
        for value in (-1, 1):
            child = status.copy()
            child[i] = value
            self.push(_Node(node.bound, child, node.multipliers, node.share.copy()))

    def supply(self, opened: np.ndarray) -> bool:
        """Optimal supply from these facilities; False if rounding or the clock stands against a proof that it is."""
        instance = self.instance
        key = opened.tobytes()
        if key in self.tried:
            return True
        capacity = frozen(instance.capacity[opened])
        if capacity.sum() < instance.least_capacity:
            # No solution opens these alone: there is nothing to decide.
            return True
        unit = np.ascontiguousarray(self.unit[:, opened])
        flow, slack = np.zeros((len(opened), len(self.demand))), np.zeros(len(opened))
        is_open = np.ones(len(opened), np.bool_)
        is_served, is_exact = transport(unit, self.demand, capacity, is_open, flow, slack, self.monitor.should_stop)
        if not is_served:
            return False
        cost = supply_cost(unit, flow, frozen(instance.fixed_cost[opened]), is_open)
        if cost < self.best:
            everywhere = np.zeros((instance.num_facilities, instance.num_customers))
            everywhere[np.ix_(opened, self.customers)] = flow
            flags = np.zeros(instance.num_facilities, bool)
            flags[opened] = True
            if self.monitor.report(supply_of(instance, flags, everywhere), cost):
                assert self.monitor.best is not None
                self.best = self.monitor.best.objective
        if not is_exact or cost - excess(unit, flow, slack, is_open) < self.cutoff:
            return False
        self.tried.add(key)
        return True
