"""One construction serves whatever the ways and windows are."""

from cosolve.solvers.greedy.acvrptw import construct

__all__ = ["construct"]
