"""``KEY=VALUE`` arguments to typed values."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosolve.cli.errors import UsageError
from cosolve.core.toml import read_toml
from cosolve.core.values import check_value, convert_value


def split_pairs(pairs: Sequence[str], flag: str) -> dict[str, str]:
    """
    ``["a=1", "b=x=y"]`` to ``{"a": "1", "b": "x=y"}``; dashes in keys, up to a dot, are underscores.

    Raises
    ------
    UsageError
        If there is no "=" or a key comes twice.
    """
    result: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        head, dot, rest = key.strip().partition(".")
        key = head.replace("-", "_") + dot + rest
        if not separator or not key:
            raise UsageError(f"{flag} must be KEY=VALUE, got {pair!r}.")
        if key in result:
            raise UsageError(f"{flag} {key} is given twice.")
        result[key] = value
    return result


def reader_options(pairs: Sequence[str]) -> dict[str, Any]:
    """
    Options of a file's reader from ``--set`` arguments, as text: ``cosolve.read`` knows the format and its types.

    Raises
    ------
    UsageError
        If one is malformed, or no option of a reader but an argument of its own.
    """
    options: dict[str, Any] = dict(split_pairs(pairs, "--set"))
    for key in ("path", "problem", "format"):
        if key in options:
            instead = "FILE" if key == "path" else f"--{key}"
            raise UsageError(f"--set {key}: this is no option of a reader; use {instead}.")
    return options


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
    ValueError
        If the file is not TOML, an option is unknown or a value has the wrong type.
    """
    hints = typing.get_type_hints(options_type)
    names = [f.name for f in dataclasses.fields(options_type)]

    def check_name(key: str, where: str = "") -> None:
        if key not in names:
            if not names:
                raise UsageError(f"{where}solver {solver!r} has no options; name one that has {key!r} by --solver.")
            known = f"{', '.join(names)} (see cosolve info options)"
            raise UsageError(f"{where}solver {solver!r} has no option {key!r}; it has: {known}.")

    options = _from_toml(file, solver) if file is not None else {}
    for key, value in options.items():
        check_name(key, f"{file}: ")
        check_value(value, hints[key], f"{file}: option {key}")
    for key, text in split_pairs(pairs, "--option").items():
        name, _, entry = key.partition(".")
        kind = _entry_kind(hints.get(name))
        if kind is None:
            check_name(key)
            options[key] = convert_value(text, hints[key], f"--option {key}")
        elif not entry:
            instead = f"--option {name}.NAME=VALUE for one entry, or --options-file"
            raise UsageError(f"--option {name}: this is a table; use {instead}.")
        else:
            value = _literal(text)
            check_value(value, kind, f"--option {key}")
            options[name] = {**options.get(name, {}), entry: value}
    return options


def _entry_kind(hint: Any) -> Any:
    """Type of the entries of an option that is a table, else ``None``."""
    origin = typing.get_origin(hint)
    return typing.get_args(hint)[-1] if isinstance(origin, type) and issubclass(origin, Mapping) else None


def _literal(text: str) -> Any:
    """What the text means in TOML, as in a file of options; a text where that is nothing."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _from_toml(file: Path, solver: str) -> dict[str, Any]:
    content = read_toml(file)
    table = content.get(solver, content)
    if not isinstance(table, Mapping):
        raise UsageError(f"{file}: {solver!r} must be a table of options.")
    return {str(key).replace("-", "_"): value for key, value in table.items()}


def typed(pairs: Mapping[str, str], table: Mapping[str, tuple[type, object, str]], where: str) -> dict[str, Any]:
    """
    Values of a generator's parameters by its table of (type, default, meaning).

    Raises
    ------
    ValueError
        If one is unknown, has the wrong type, or one that must be given is missing.
    """
    for key in pairs:
        if key not in table:
            raise UsageError(f"{where} has no parameter {key!r}; it has: {', '.join(table) or 'none'}.")
    for key, (_, default, meaning) in table.items():
        if default is None and key not in pairs:
            raise UsageError(f"{where} needs --param {key}=... ({meaning}).")
    return {key: convert_value(text, table[key][0], f"--param {key}") for key, text in pairs.items()}
