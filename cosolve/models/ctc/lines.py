"""Files that a run appends a line to whenever it has found out something, so that it never does so again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosolve.core.errors import InvalidFileError


def whole_text(path: Path, *, mend: bool = False) -> bytes:
    """The file without a last line that was cut off, which is dropped from it to mend it; empty if there is no file."""
    text = path.read_bytes() if path.is_file() else b""
    whole = text[: text.rfind(b"\n") + 1]
    if mend and whole != text:
        path.write_bytes(whole)
    return whole


def whole_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """
    Numbers from 1 on and values of the JSON lines of a file, none if there is no file.

    A last line that was cut off is dropped from it.

    Raises
    ------
    InvalidFileError
        If a line is no JSON.
    """
    for number, row in enumerate(whole_text(path, mend=True).splitlines(), start=1):
        try:
            line = json.loads(row)
        except (ValueError, RecursionError) as error:
            raise InvalidFileError(f"no line of JSON: {error}; delete it.", path, number) from None
        yield number, line
