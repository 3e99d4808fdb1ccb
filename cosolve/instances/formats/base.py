"""What a file format is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Instance, Solution
from cosolve.core.registry import Registry
from cosolve.instances.formats.source import Source


@dataclass(frozen=True)
class Format:
    """
    A format of instance files.

    Parameters
    ----------
    name, title
        Short name ("tsplib") and one line for people.
    problems
        Every problem that files of this format may hold.
    suffixes
        Suffix in lower case to the problems it stands for; decides only where the content fits several.
    sniff
        ``sniff(source)``: the problems this content may be of, empty if it is another format. Must be cheap
        and must not raise.
    read
        ``read(source, problem, **options)``; raises through ``source.fail``.
    write
        ``write(instance, path)``, or ``None`` for a format that is only read. The path is a temporary one.
    options
        Names of the keyword options of ``read`` with one line each. The types that ``read`` declares for them are
        what users may give, see :meth:`option_types`.
    """

    name: str
    title: str
    problems: tuple[str, ...]
    suffixes: Mapping[str, tuple[str, ...]]
    sniff: Callable[[Source], Collection[str]]
    read: Callable[..., Instance]
    write: Callable[[Any, Path], None] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def option_types(self) -> dict[str, Any]:
        """Type of each option as the signature of ``read`` declares it; ``Any`` for one without."""
        try:
            hints = get_type_hints(self.read)
        except (NameError, TypeError):  # a plug-in's names known to type checkers only, or no plain function
            hints = {}
        return {name: hints.get(name, Any) for name in self.options}


@dataclass(frozen=True)
class SolutionFormat:
    """
    A format of solution files.

    Parameters
    ----------
    name, title
        Short name and one line for people.
    problems
        Problems whose solutions it can hold; the first format registered for a problem is its default.
    suffixes
        File suffixes in lower case.
    read
        ``read(source, instance)``; ``source.fail`` raises InvalidSolutionError.
    write
        ``write(instance, solution, objective, path)``; the path is a temporary one.
    """

    name: str
    title: str
    problems: tuple[str, ...]
    suffixes: tuple[str, ...]
    read: Callable[[Source, Any], Solution]
    write: Callable[[Any, Any, float | None, Path], None]


formats: Registry[Format] = Registry("format", "cosolve.formats", UnsupportedProblemError, "cosolve.instances")
solution_formats: Registry[SolutionFormat] = Registry(
    "solution format", "cosolve.solution_formats", UnsupportedProblemError, "cosolve.instances"
)
