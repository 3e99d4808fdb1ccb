"""Drawings of solutions as standalone SVG, one module per family of problems."""

from cosolve.evaluation.drawing.dispatch import draw, painters

__all__ = ["draw", "painters"]
