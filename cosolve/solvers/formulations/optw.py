"""Orienteering with fixed profits is the case without profit segments."""

from cosolve.solvers.formulations.optwvp import formulate

__all__ = ["formulate"]
