"""The one gap function of the package."""

from __future__ import annotations

import math


def relative_gap(a: float | None, b: float | None) -> float:
    """
    Relative distance of two values, in [0, 1].

    Parameters
    ----------
    a, b
        Two objective values, or an objective value and a bound. ``None`` if missing.

    Returns
    -------
    float
        ``|a - b| / max(|a|, |b|)``; 0 if both are equal (also if both are 0), 1 if a value is missing,
        not finite, or the signs differ.
    """
    if a is None or b is None or not (math.isfinite(a) and math.isfinite(b)):
        return 1.0
    if a == b:
        return 0.0
    if a < 0 < b or b < 0 < a:
        return 1.0
    return abs(a - b) / max(abs(a), abs(b))
