"""Values of declared types: made from text, or checked as they are."""

from __future__ import annotations

import difflib
import enum
import numbers
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

_MEANINGS = {bool: "true or false", int: "an integer", float: "a number", str: "a text", type(None): "none"}


def guess(text: str) -> Any:
    """Integer, number, truth value or text, whichever fits first; only for what has no declared type."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return WORDS.get(text.lower(), text)


def kinds_of(hint: Any) -> tuple[Any, ...]:
    """The types that a union allows, or the one type that it is."""
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def convert_value(text: str, hint: Any, name: str) -> Any:
    """
    Value of a declared type.

    Parameters
    ----------
    text
        What the user wrote.
    hint
        ``int``, ``float``, ``bool``, ``str``, an enum, a ``Literal``, one of these or ``None``, or a tuple or
        list of one of them (comma separated); anything else is guessed.
    name
        Of the option, for messages.

    Raises
    ------
    ValueError
        If the text is no such value; the message says what is.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if len(kinds_of(hint)) > 1:
        if text.lower() in ("none", "null") and type(None) in arguments:
            return None
        kinds = [a for a in arguments if a is not type(None)]
        for kind in kinds[:-1]:
            try:
                return convert_value(text, kind, name)
            except ValueError:
                pass
        return convert_value(text, kinds[-1], name)
    if origin is typing.Literal:
        for allowed in arguments:
            if str(allowed) == text:
                return allowed
        raise ValueError(f"{name} must be one of {', '.join(map(str, arguments))}, got {text!r}.")
    if origin in (tuple, list):
        kind = arguments[0] if arguments else str
        return origin(convert_value(part.strip(), kind, name) for part in text.split(",") if part.strip())
    if hint is bool:
        value = {**WORDS, "1": True, "0": False}.get(text.lower())
        if value is None:
            raise ValueError(f"{name} must be true or false, got {text!r}.")
        return value
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        for member in hint:
            if text.lower() in (str(member.value).lower(), member.name.lower()):
                return member
        raise ValueError(f"{name} must be one of {', '.join(str(m.value) for m in hint)}, got {text!r}.")
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise ValueError(f"{name} must be {_MEANINGS[hint]}, got {text!r}.") from None
    return text if hint is str else guess(text)


def near(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """ " (did you mean ...?)" if a known word is as like this one (1 is the same), else nothing."""
    close = difflib.get_close_matches(word, list(known), 1, likeness)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_value(value: Any, hint: Any, name: str) -> None:
    """
    Refuse a value that is not of its declared type; a truth value is no number, an integer is one.

    Raises
    ------
    ValueError
        The message names what is allowed.
    """
    if not _fits(value, hint):
        raise ValueError(f"{name} must be {_meaning(hint)}, got {value!r}.")


def _fits(value: Any, hint: Any) -> bool:
    kinds = kinds_of(hint)
    if len(kinds) > 1:
        return any(_fits(value, kind) for kind in kinds)
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is typing.Literal:
        return value in arguments
    if hint is None:
        return value is None
    if hint in (int, float):
        number = numbers.Integral if hint is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool)
    if hint is Any or not isinstance(origin, type):  # anything, or what is not understood
        return True
    if issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_fits(item, arguments[-1]) for item in value.values() if arguments)
    if issubclass(origin, Sequence) and origin is not str:
        # TOML and JSON know lists only.
        is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
        return is_sequence and all(_fits(item, arguments[0]) for item in value if arguments)
    return isinstance(value, origin)


def _meaning(hint: Any) -> str:
    kinds = kinds_of(hint)
    if len(kinds) > 1:
        *others, last = map(_meaning, kinds)
        return f"{', '.join(others)} or {last}"
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is typing.Literal:
        return f"one of {', '.join(map(str, arguments))}"
    if hint in _MEANINGS:
        return _MEANINGS[hint]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a table" + (f" of {_meaning(arguments[-1])}" if arguments and arguments[-1] is not Any else "")
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return "a list" + (f" of {_meaning(arguments[0])}" if arguments else "")
    return str(getattr(origin, "__name__", origin))
