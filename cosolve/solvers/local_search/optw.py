"""Orienteering with fixed profits is the case without profit segments."""

from cosolve.solvers.local_search.optwvp import search

__all__ = ["search"]
