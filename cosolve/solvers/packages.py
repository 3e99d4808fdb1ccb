"""Whether a backend's package is installed, told from its metadata so that nothing is imported."""

from __future__ import annotations

from importlib import metadata

from cosolve.core.solver import Availability


def availability(distribution: str, extra: str | None = None) -> Availability:
    """
    Availability of a solver that needs one installed package.

    Parameters
    ----------
    distribution
        Name of the package to install ("highspy").
    extra
        Extra of cosolve that brings it; ``None`` for a package that cosolve itself requires.
    """
    try:
        return Availability(True, metadata.version(distribution))
    except metadata.PackageNotFoundError:
        what = f"'cosolve[{extra}]'" if extra else distribution
        return Availability(False, reason=f"package {distribution!r} is missing: pip install {what}")
