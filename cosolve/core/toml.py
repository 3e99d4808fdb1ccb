"""TOML files, which may come from strangers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cosolve.core.errors import InvalidFileError

#: Deepest nesting; beyond it even quoting a value would exhaust the stack.
_DEPTH = 20


def read_toml(path: Path) -> dict[str, Any]:
    """
    Tables of a file.

    Raises
    ------
    InvalidFileError
        If it is not TOML, nested deeper than 20 levels, or an integer takes more than TOML's 64 bits.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        content = None
    except ValueError as error:  # undecodable text and integers of thousands of digits among them
        raise InvalidFileError(f"not TOML: {error}.", path) from None
    level: list[Any] = [content]
    for _ in range(_DEPTH):
        if any(type(value) is int and not -(2**63) <= value < 2**63 for value in level):
            raise InvalidFileError("not TOML: an integer takes more than 64 bits.", path)
        groups = (
            value.values() if isinstance(value, dict) else value for value in level if type(value) in (dict, list)
        )
        level = [value for group in groups for value in group]
    if content is None or level:
        raise InvalidFileError(f"tables and lists must be nested at most {_DEPTH} deep.", path)
    return content
