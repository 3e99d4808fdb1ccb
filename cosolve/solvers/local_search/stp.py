"""Steiner trees by reductions, dual ascent, population search and branch-and-bound; reports proven bounds too."""

from __future__ import annotations

import numpy as np

from cosolve.core.monitor import Monitor
from cosolve.core.result import Limit, Status
from cosolve.core.solver import Outcome
from cosolve.instances.stp import EdgeSet, STPInstance
from cosolve.search.stp import SteinerSearch

#: Seconds between two reports of a huge tree; a small one is judged in no time.
_PAUSE = 0.3


def search(instance: STPInstance, start: EdgeSet, monitor: Monitor, rng: np.random.Generator) -> Outcome:
    """Improve a tree until it is proven optimal or a limit is reached; an iteration is one tree or one part."""
    engine = SteinerSearch(
        instance.num_nodes,
        instance.edges,
        instance.weights,
        instance.terminals,
        is_integral=instance.is_integral,
        seed=int(rng.integers(1 << 62)),
    )
    tree = np.zeros(instance.num_edges, np.bool_)
    tree[instance.find_edges(start.edges)] = True
    engine.offer(tree)
    reported, last = engine.weight, -np.inf
    limit = None
    is_large = instance.num_edges > 200_000

    def report() -> None:
        nonlocal reported, last
        if engine.weight < reported and engine.best is not None:
            monitor.report(EdgeSet(edges=instance.edges[engine.best]), engine.weight)
            reported, last = engine.weight, monitor.elapsed()
        if engine.bound > 0 or engine.is_closed:
            monitor.report_bound(engine.bound)

    if monitor.stop.iterations != 0:
        for _ in engine.run():
            if not is_large or monitor.elapsed() - last > _PAUSE:
                report()
            if monitor.stop.iterations is not None and engine.iterations >= monitor.stop.iterations:
                limit = Limit.ITERATION
                break
            if monitor.should_stop():
                break
        report()
    else:
        limit = Limit.ITERATION
    stats = {
        "iterations": engine.iterations,
        "nodes": engine.nodes,
        "reduced_nodes": engine.graph.num_nodes,
        "reduced_edges": len(engine.graph.ends),
        "reduced_terminals": engine.graph.num_terminals,
    }
    return Outcome(status=Status.OPTIMAL if engine.is_closed else Status.FEASIBLE, limit=limit, stats=stats)
