"""The model of plain vehicle routing knows asymmetric ways and time windows."""

from cosolve.solvers.cpsat.cvrp import build

__all__ = ["build"]
