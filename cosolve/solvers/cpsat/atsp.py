"""CP-SAT model of the asymmetric TSP: the same circuit, see :mod:`cosolve.solvers.cpsat.tsp`."""

from cosolve.solvers.cpsat.tsp import build

__all__ = ["build"]
