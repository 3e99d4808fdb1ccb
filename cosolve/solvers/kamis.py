"""Solver "kamis": the maximum independent set algorithms of KaMIS through chszlablib."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Solution
from cosolve.core.monitor import Monitor
from cosolve.core.solver import Availability, Feature, Outcome, Solver
from cosolve.instances.graphs import MISInstance, NodeSet
from cosolve.solvers.packages import availability

ALGORITHMS = ("redumis", "online", "chils")

#: Seconds kept back for the way in and out, and the longest run without a time limit.
_RESERVE, _UNLIMITED = 0.3, 3600.0
#: KaMIS counts edge ends in 32 bits.
_MAX_ENDS = 2**31 - 1


@dataclass(frozen=True)
class KaMISOptions:
    """
    Options of :class:`KaMIS`.

    Parameters
    ----------
    algorithm
        "redumis" (evolutionary search on the kernel), "online" (local search that reduces on the way) or "chils"
        (concurrent local search).
    """

    algorithm: str = "redumis"

    def __post_init__(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise ValueError(f"algorithm must be one of {', '.join(ALGORITHMS)}, got {self.algorithm!r}.")


class KaMIS(Solver):
    """
    ReduMIS, OnlineMIS and CHILS of the KaMIS group.

    They hold the interpreter's lock and can't be interrupted, so they run in a process of their own; they tell
    their solution at the end only.
    """

    name = "kamis"
    title = "KaMIS (chszlablib)"
    problems = frozenset({"mis"})
    features = Feature.SEED
    isolated = True
    options_type = KaMISOptions

    def available(self) -> Availability:
        """Whether ``chszlablib`` is installed."""
        return availability("chszlablib", "peers")

    def solve(
        self,
        instance: MISInstance,
        monitor: Monitor,
        *,
        seed: int,
        threads: int,
        initial: Solution | None,
        options: Any,
    ) -> Outcome:
        """See :meth:`Solver.solve`."""
        from chszlablib import Graph, IndependenceProblems

        graph = instance.graph
        if len(graph.indices) > _MAX_ENDS:
            raise UnsupportedProblemError(f"kamis takes at most {_MAX_ENDS // 2} edges, got {graph.num_edges}.")
        if graph.num_edges == 0:
            monitor.report(NodeSet(nodes=np.arange(graph.num_nodes)))
            return Outcome()
        left = monitor.time_left() - _RESERVE
        if monitor.should_stop() or left <= 0:
            return Outcome()
        # It insists on writable arrays.
        native = Graph.from_csr(graph.indptr.copy(), graph.indices.copy())
        seconds = left if math.isfinite(left) else _UNLIMITED
        native_seed = seed % (2**31 - 1)
        if options.algorithm == "chils":
            found = IndependenceProblems.chils(native, time_limit=seconds, num_concurrent=4, seed=native_seed)
        elif options.algorithm == "online":
            found = IndependenceProblems.online_mis(native, time_limit=seconds, seed=native_seed)
        else:
            found = IndependenceProblems.redumis(native, time_limit=seconds, seed=native_seed)
        monitor.report(NodeSet(nodes=np.sort(np.asarray(found.vertices, np.int64))), float(found.size))
        return Outcome(stats={"algorithm": options.algorithm})
