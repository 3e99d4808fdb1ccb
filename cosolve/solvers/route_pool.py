"""
Routes that a search has come by, and the best way to serve everybody with some of them.

A heuristic throws away good routes with the solutions they are part of. Keeping them and choosing among them by set
partitioning joins what is good in several solutions [1]_, [2]_.

References
----------
.. [1] Rochat, Y., Taillard, E. D. (1995). Probabilistic diversification and intensification in local search for vehicle
       routing. *Journal of Heuristics* 1: 147-167.
.. [2] Subramanian, A., Uchoa, E., Ochi, L. S. (2013). A hybrid algorithm for a class of vehicle routing problems.
       *Computers & Operations Research* 40(10): 2519-2531.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array

from cosolve.core.monitor import Monitor
from cosolve.core.stop import Stop
from cosolve.instances.milp import MILPInstance, Values
from cosolve.instances.routing_arrays import RoutingArrays
from cosolve.solvers.highs import Highs, HighsOptions

#: Routes kept, the last ones that came.
_MOST = 10_000

#: Nodes of branch and bound; most of what is found is found at the first ones.
_NODES = 50


class RoutePool:
    """
    Routes by their customers, each in the cheapest order that was seen.

    Parameters
    ----------
    arrays
        The instance.
    """

    def __init__(self, arrays: RoutingArrays) -> None:
        self._distance = arrays.distance
        self._routes: dict[frozenset[int], tuple[float, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self._routes)

    def add(self, nodes: np.ndarray, offsets: np.ndarray) -> None:
        """Take in routes ``nodes[offsets[r]:offsets[r + 1]]`` that keep all limits, on ways that exist; places."""
        for route in np.split(nodes, offsets[1:-1]):
            if len(route):
                key, cost = frozenset(route.tolist()), self._cost(route)
                known = self._routes.pop(key, None)
                self._routes[key] = (cost, route.copy()) if known is None or cost < known[0] else known
        while len(self._routes) > _MOST:
            del self._routes[next(iter(self._routes))]

    def combine(
        self, nodes: np.ndarray, offsets: np.ndarray, time_limit: float, should_stop: Callable[[], bool]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """
        The cheapest choice of kept routes that serves every customer once, as far as the time allows.

        Parameters
        ----------
        nodes, offsets
            A complete solution, which is taken in.
        time_limit
            Seconds; if infinite, the number of nodes is the only limit, and the outcome the same on every machine.
        should_stop
            Asked meanwhile.

        Returns
        -------
        tuple
            Nodes and offsets; ``None`` if nothing cheaper than the given solution was found.
        """
        self.add(nodes, offsets)
        keys = list(self._routes)
        costs = np.array([self._routes[key][0] for key in keys])
        sizes = [len(key) for key in keys]
        members = np.concatenate([self._routes[key][1] for key in keys]) - 1
        cover = csr_array(
            (np.ones(len(members)), members, np.cumsum([0, *sizes])), (len(keys), len(self._distance) - 1)
        )
        by_customer = cover.T.tocsr()
        every, once = np.ones(len(keys)), np.ones(by_customer.shape[0])
        model = MILPInstance(
            name="routes",
            cost=costs,
            col_lower=0 * every,
            col_upper=every,
            is_integer=every > 0,
            data=by_customer.data,
            indices=by_customer.indices,
            indptr=by_customer.indptr,
            row_lower=once,
            row_upper=once,
        )
        given = [route for route in np.split(nodes, offsets[1:-1]) if len(route)]
        own = {frozenset(route.tolist()) for route in given}
        start = Values(values=np.array([float(key in own) for key in keys]))
        monitor = _Choice(model, Stop(time_limit, nodes=_NODES), should_stop)
        Highs().solve(model, monitor, seed=0, threads=1, initial=start, options=HighsOptions())
        if monitor.best is None or not monitor.best.objective < (1 - 1e-9) * sum(map(self._cost, given)):
            return None
        assert isinstance(monitor.best.solution, Values)
        chosen = [self._routes[keys[k]][1] for k in np.flatnonzero(monitor.best.solution.values > 0.5)]
        return np.concatenate(chosen), np.cumsum([0, *map(len, chosen)])

    def _cost(self, route: np.ndarray) -> float:
        stops = np.concatenate(([0], route, [0]))
        return float(self._distance[stops[:-1], stops[1:]].sum())


class _Choice(Monitor):
    """Of a choice of routes, which ends with the search that asked for it, too."""

    def __init__(self, model: MILPInstance, stop: Stop, should_stop: Callable[[], bool]) -> None:
        super().__init__(model, stop)
        self._is_over = should_stop

    def should_stop(self) -> bool:
        """Whether the search is over, or a limit of its own is reached."""
        return self._is_over() or super().should_stop()
