"""When a solver must stop."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cosolve.core.instance import whole_number
from cosolve.core.values import check_value


@dataclass(frozen=True)
class Stop:
    """
    Stopping criteria; whichever is met first ends the run.

    Parameters
    ----------
    time_limit
        Wall-clock seconds from the call of ``solve``; ``inf`` for none.
    iterations
        Iterations in the solver's own sense; deterministic where the solver is.
    nodes
        Nodes of a branch-and-bound tree.
    gap
        Stop as soon as the relative gap of objective and bound is at most this, in [0, 1].
    target
        Stop as soon as the objective is at least as good as this.
    solutions
        Stop after this many improving feasible solutions; the one given as a start is none of them.
    """

    time_limit: float = math.inf
    iterations: int | None = None
    nodes: int | None = None
    gap: float = 0.0
    target: float | None = None
    solutions: int | None = None

    def __post_init__(self) -> None:
        for name, hint in (("time_limit", float), ("gap", float), ("target", float | None)):
            check_value(getattr(self, name), hint, name)
            if getattr(self, name) is not None:  # NumPy's numbers are none to every backend
                object.__setattr__(self, name, float(getattr(self, name)))
        for name, least in (("iterations", 0), ("nodes", 0), ("solutions", 1)):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(getattr(self, name), name, least))
        if not self.time_limit >= 0:
            raise ValueError(f"time_limit must be >= 0 seconds, got {self.time_limit}.")
        if not 0 <= self.gap <= 1:
            raise ValueError(f"gap must be in [0, 1], got {self.gap}.")
        if self.target is not None and math.isnan(self.target):
            raise ValueError("target must be a number, got nan.")
