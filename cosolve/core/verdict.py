"""What the judge says of a solution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """
    One broken rule.

    Parameters
    ----------
    what
        The rule in a few words ("capacity exceeded", "city visited twice").
    where
        The place ("route 3", "city 17"), 0-based indices.
    amount
        By how much, in the unit of the rule; ``None`` where an amount has no meaning.
    """

    what: str
    where: str = ""
    amount: float | None = None

    def __str__(self) -> str:
        text = f"{self.what}: {self.where}" if self.where else self.what
        return text if self.amount is None else f"{text} (by {self.amount:g})"


@dataclass(frozen=True)
class Verdict:
    """
    Objective and feasibility of a solution, recomputed from the instance.

    Parameters
    ----------
    objective
        Recomputed objective value; ``None`` where the solution is so broken that it has none.
    violations
        Broken rules, the first few of each kind; empty if and only if the solution is feasible.
    """

    objective: float | None
    violations: tuple[Violation, ...] = ()

    def __post_init__(self) -> None:
        if self.objective is None and not self.violations:
            raise ValueError("a verdict without objective must name a violation.")

    @property
    def feasible(self) -> bool:
        """True if no rule is broken."""
        return not self.violations
