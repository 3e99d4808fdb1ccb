"""Orienteering with fixed profits is the case without profit segments."""

from cosolve.solvers.greedy.optwvp import construct

__all__ = ["construct"]
