"""Reports of recorded runs: a table for the terminal, CSV, LaTeX, and one self-contained HTML page."""

from cosolve.evaluation.report.loaded import Report

__all__ = ["Report"]
