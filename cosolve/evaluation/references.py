"""What an objective value is compared with, and how far that value can be trusted."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


class ReferenceKind(enum.StrEnum):
    """Where a reference value stands."""

    OPTIMAL = "optimal"
    """Proven optimal."""
    BEST = "best"
    """Best value published or known to us; a better one may exist."""
    OWN = "own"
    """Best value of a run of our own or of the authors of a benchmark, known nowhere else."""


@dataclass(frozen=True)
class Reference:
    """
    Reference value of one instance.

    Parameters
    ----------
    value
        Objective value under the rounding that ``rounding`` names.
    kind
        Where it stands.
    rounding
        Convention that the value was computed under: "instance" if it is the instance's own, else a word for
        people ("unrounded", "nearest integer", "floored distances").
    source
        Where it is known from.
    bound
        Best proven bound, where one is known.
    doubt
        Why the value should not be trusted, empty if there is no reason.
    """

    value: float
    kind: ReferenceKind
    rounding: str = "instance"
    source: str = ""
    bound: float | None = None
    doubt: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a reference value must be finite, got {self.value}.")

    @property
    def is_trusted(self) -> bool:
        """Whether it can be set against objectives and bounds of the instance: not doubted, no other rounding."""
        return not self.doubt and self.rounding == "instance"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the inverse of :meth:`from_dict`."""
        return {**asdict(self), "kind": self.kind.value}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Rebuild a reference.

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value is not allowed.
        """
        try:
            return cls(**{**data, "kind": ReferenceKind(data["kind"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a reference: {error}.") from error
