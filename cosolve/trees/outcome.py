"""What a search for an optimal tree hands back, and how it reports on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cosolve.core.gap import relative_gap
from cosolve.core.result import Limit
from cosolve.trees.tree import Tree

#: Called with (seconds since the start, upper bound, lower bound, tree or None if only the bound moved).
OnImprovement = Callable[[float, float, float, Tree | None], None]


#: A gap beyond the tolerance asked for that still counts as rounding, relative.
_MISSED = 1e-6


@dataclass(frozen=True)
class SearchOutcome:
    """
    Best tree found and what is proven about it.

    Parameters
    ----------
    tree
        The best tree; every search has one, if only a single leaf.
    objective
        Weighted SSE of the tree plus ``penalty`` times its splits, recomputed from the data.
    lower_bound
        Proven: no admissible tree has a smaller objective.
    is_proven
        Whether the relative gap of both is at most the tolerance asked for, but for rounding.
    n_evals
        Evaluated splits: how often a split of a node was fixed and both of its sides bounded or solved.
    limit
        Why the search ended early, ``None`` if it did not.
    """

    tree: Tree
    objective: float
    lower_bound: float
    is_proven: bool
    n_evals: int
    limit: Limit | None = None

    @property
    def gap(self) -> float:
        """Relative gap of objective and lower bound, in [0, 1]."""
        return relative_gap(self.objective, self.lower_bound)


def is_proven(objective: float, lower: float, nothing: float, gap_tol: float, *, has_ended: bool) -> bool:
    """
    Whether a tree counts as optimal.

    Parameters
    ----------
    nothing
        What an objective of 0 may come out at.
    has_ended
        Whether the search has reached its target: the gap may miss ``gap_tol`` by a little then.
    """
    if relative_gap(objective, lower) <= gap_tol:
        return True
    return has_ended and (objective - lower <= (gap_tol + _MISSED) * objective or objective <= nothing)
