"""Cheapest insertion is the same whatever the ways and windows."""

from cosolve.solvers.greedy.acvrptw import construct

__all__ = ["construct"]
