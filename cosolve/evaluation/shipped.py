"""Where the suites and references that come with the package lie."""

from __future__ import annotations

from pathlib import Path

import cosolve


def folder(kind: str) -> Path:
    """
    Folder of shipped files: inside the package when installed from a wheel, else of the checkout.

    Parameters
    ----------
    kind
        "suites" or "references".
    """
    package = Path(cosolve.__file__).parent
    inside = package / "_data" / "evaluation" / kind
    return inside if inside.is_dir() else package.parent / "evaluation" / kind


def suites() -> dict[str, Path]:
    """Name to file of every shipped suite, in alphabetical order."""
    return {path.stem: path for path in sorted(folder("suites").glob("*.toml"))}
