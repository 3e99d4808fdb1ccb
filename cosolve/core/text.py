"""Texts that can be written whatever they were made from."""

from __future__ import annotations


def writable(text: str) -> str:
    """
    The text with an escape such as ``\\udce9`` for each lone surrogate, which no UTF-8 has.

    Python reads file names that are not UTF-8 as such, and JSON may hold them; to open the file takes its real name.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
