"""Orienteering with fixed profits is the case without profit segments."""

from cosolve.solvers.cpsat.optwvp import build

__all__ = ["build"]
