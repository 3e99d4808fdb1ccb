"""Numbers as people read them in tables; the page has its own twin of this in dom.js."""

from __future__ import annotations

from collections.abc import Mapping

from cosolve.evaluation.records import Failure

NONE = "-"


def percent(gap: float | None) -> str:
    """A fraction in per cent; a value that two decimals would hide is not shown as zero."""
    if gap is None:
        return NONE
    if gap != 0 and abs(gap) < 5e-5:
        return "-<0.01 %" if gap < 0 else "<0.01 %"
    return f"{100 * gap:.2f} %"


def share(value: float | None) -> str:
    """A share of runs or instances, in per cent without decimals unless they matter."""
    if value is None:
        return NONE
    return f"{100 * value:.0f} %" if value in (0, 1) else f"{100 * value:.1f} %"


def seconds(value: float | None) -> str:
    """Seconds with three digits."""
    if value is None:
        return NONE
    return f"{value:.0f} s" if value >= 100 else f"{value:.3g} s"


def failures(counts: Mapping[Failure, int]) -> str:
    """Failures by kind, most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0].value))
    return ", ".join(f"{count} {kind.value}" for kind, count in ordered) or "0"


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 run``, ``1,000 runs``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
