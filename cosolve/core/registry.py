"""Lazy registries: a name maps to "module:attribute" and is imported when first asked for."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from cosolve.core.errors import CosolveError
from cosolve.core.values import near

T = TypeVar("T")


class Registry(Generic[T]):
    """
    Names to objects that live in modules not yet imported.

    Parameters
    ----------
    kind
        What is registered, for messages ("solver").
    group
        Entry-point group through which installed packages of third parties add theirs.
    error
        Exception raised for an unknown name.
    home
        Module whose import registers the names that cosolve itself brings; imported at the first use.
    """

    def __init__(self, kind: str, group: str, error: type[CosolveError], home: str | None = None) -> None:
        self.kind = kind
        self.group = group
        self.home = home
        self._error = error
        self._targets: dict[str, str] = {}
        self._loaded: dict[str, T] = {}
        self._scanned = False

    def register(self, name: str, target: str | T) -> None:
        """
        Add an object or its "module:attribute" under a name.

        Raises
        ------
        ValueError
            If the name is taken.
        """
        self._import_home()
        if name in self._targets or name in self._loaded:
            raise ValueError(f"{self.kind} {name!r} is registered already.")
        if isinstance(target, str):
            self._targets[name] = target
        else:
            self._loaded[name] = target

    def _import_home(self) -> None:
        # While the home itself is being imported and registers its names, this finds it in sys.modules.
        if self.home is not None:
            importlib.import_module(self.home)

    def _scan(self) -> None:
        # Entry points are read once, on the first listing or miss: scanning costs tens of milliseconds.
        self._import_home()
        if not self._scanned:
            self._scanned = True
            for entry in importlib.metadata.entry_points(group=self.group):
                if entry.name not in self._targets and entry.name not in self._loaded:
                    self._targets[entry.name] = entry.value

    def names(self) -> list[str]:
        """All names, built-in ones first, in order of registration."""
        self._scan()
        return list(dict.fromkeys([*self._targets, *self._loaded]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> T:
        """
        Object of that name, imported now if it was not yet; one that is not registered by its "module:attribute".

        Raises
        ------
        CosolveError
            The registry's own error type, listing the known names.
        ImportError
            If its module can't be imported.
        """
        if name not in self._loaded:
            self._import_home()
            if name not in self._targets:
                self._scan()
            if name not in self._targets:
                if ":" in name:
                    return self._import(name)
                known = self.names()
                raise self._error(f"unknown {self.kind} {name!r}{near(name, known)}; known: {', '.join(known)}.")
            self._loaded[name] = self._import(self._targets[name])
        return self._loaded[name]

    def _import(self, target: str) -> T:
        module, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module), attribute, None)
        if found is None:
            raise self._error(f"{self.kind} {target!r}: module {module!r} has no {attribute!r}.")
        return cast(T, found)
