"""``KEY=VALUE`` arguments to typed values."""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosolve.cli.errors import UsageError

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def split_pairs(pairs: Sequence[str], flag: str) -> dict[str, str]:
    """
    ``["a=1", "b=x=y"]`` to ``{"a": "1", "b": "x=y"}``; dashes in keys are underscores.

    Raises
    ------
    UsageError
        If there is no "=" or a key comes twice.
    """
    result: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        key = key.strip().replace("-", "_")
        if not separator or not key:
            raise UsageError(f"{flag} must be KEY=VALUE, got {pair!r}.")
        if key in result:
            raise UsageError(f"{flag} {key} is given twice.")
        result[key] = value
    return result


def guess(text: str) -> Any:
    """Integer, number, truth value or text, whichever fits first."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return _WORDS.get(text.lower(), text)


def reader_options(pairs: Sequence[str]) -> dict[str, Any]:
    """
    Options of a file's reader from ``--set`` arguments.

    Raises
    ------
    UsageError
        If one is malformed, or no option of a reader but an argument of its own.
    """
    options = {key: guess(text) for key, text in split_pairs(pairs, "--set").items()}
    for key in ("path", "problem", "format"):
        if key in options:
            instead = "FILE" if key == "path" else f"--{key}"
            raise UsageError(f"--set {key}: this is no option of a reader; use {instead}.")
    return options


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
    UsageError
        If the text is no such value; the message says what is.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if text.lower() in ("none", "null") and type(None) in arguments:
            return None
        kinds = [a for a in arguments if a is not type(None)]
        for kind in kinds[:-1]:
            try:
                return convert_value(text, kind, name)
            except UsageError:
                pass
        return convert_value(text, kinds[-1], name)
    if origin is typing.Literal:
        for allowed in arguments:
            if str(allowed) == text:
                return allowed
        raise UsageError(f"{name} must be one of {', '.join(map(str, arguments))}, got {text!r}.")
    if origin in (tuple, list):
        kind = arguments[0] if arguments else str
        return origin(convert_value(part.strip(), kind, name) for part in text.split(",") if part.strip())
    if hint is bool:
        value = {**_WORDS, "1": True, "0": False}.get(text.lower())
        if value is None:
            raise UsageError(f"{name} must be true or false, got {text!r}.")
        return value
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        for member in hint:
            if text.lower() in (str(member.value).lower(), member.name.lower()):
                return member
        raise UsageError(f"{name} must be one of {', '.join(str(m.value) for m in hint)}, got {text!r}.")
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            kind = "an integer" if hint is int else "a number"
            raise UsageError(f"{name} must be {kind}, got {text!r}.") from None
    return text if hint is str else guess(text)


def solver_options(options_type: type[Any], solver: str, file: Path | None, pairs: Sequence[str]) -> dict[str, Any]:
    """
    Options from a TOML file and ``--option`` arguments, which win.

    Parameters
    ----------
    options_type
        The solver's options dataclass.
    solver
        Its name: the file may hold a table of that name, or the options at its top.

    Raises
    ------
    UsageError
        If the file is not TOML, an option is unknown or a value has the wrong type.
    """
    options = _from_toml(file, solver) if file is not None else {}
    hints = typing.get_type_hints(options_type)
    names = [f.name for f in dataclasses.fields(options_type)]
    for key, text in split_pairs(pairs, "--option").items():
        if key not in names:
            raise UsageError(f"solver {solver!r} has no option {key!r}; it has: {', '.join(names) or 'none'}.")
        options[key] = convert_value(text, hints[key], f"--option {key}")
    return options


def _from_toml(file: Path, solver: str) -> dict[str, Any]:
    import tomllib

    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not TOML: {error}") from None
    table = content.get(solver, content)
    if not isinstance(table, Mapping):
        raise UsageError(f"{file}: {solver!r} must be a table of options.")
    return {str(key).replace("-", "_"): value for key, value in table.items()}


def typed(pairs: Mapping[str, str], table: Mapping[str, tuple[type, object, str]], where: str) -> dict[str, Any]:
    """
    Values of a generator's parameters by its table of (type, default, meaning).

    Raises
    ------
    UsageError
        If one is unknown, has the wrong type, or one that must be given is missing.
    """
    for key in pairs:
        if key not in table:
            raise UsageError(f"{where} has no parameter {key!r}; it has: {', '.join(table) or 'none'}.")
    for key, (_, default, meaning) in table.items():
        if default is None and key not in pairs:
            raise UsageError(f"{where} needs --param {key}=... ({meaning}).")
    return {key: convert_value(text, table[key][0], f"--param {key}") for key, text in pairs.items()}
