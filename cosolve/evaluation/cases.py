"""The cases of a suite from its tables ``[[instances]]``."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from cosolve.core.errors import InvalidFileError, UnsupportedProblemError
from cosolve.core.problem import problems
from cosolve.core.values import near
from cosolve.evaluation import shipped
from cosolve.evaluation.lookup import Lookup, is_pattern, plain_name
from cosolve.evaluation.reference_files import read_references
from cosolve.evaluation.references import Reference, ReferenceKind
from cosolve.evaluation.suite import Case, FromCatalogue, FromFile, FromGenerator
from cosolve.evaluation.toml_table import Table
from cosolve.instances import catalogue
from cosolve.instances.generators import Generator, generators

KEYS = (
    "problem",
    "group",
    "files",
    "within",
    "suffixes",
    "instead",
    "catalogue",
    "generate",
    "seeds",
    "name",
    "reading",
    "references",
    "reference",
)

#: Keys that mean something only with files, and only with a generator.
_FILE_KEYS, _GENERATOR_KEYS = ("within", "suffixes", "instead", "reading"), ("seeds",)


def cases_of(table: Table, lookup: Lookup) -> list[Case]:
    """
    Cases of one table, at least one.

    Raises
    ------
    InvalidFileError
        With the table's name, if it contradicts itself or a value is not allowed.
    """
    if "catalogue" in table:
        _refuse(table, ("files", "generate", "name", *_FILE_KEYS, *_GENERATOR_KEYS), "catalogue")
        cases = _from_catalogue(table)
    else:
        problem = table.text("problem")
        if not problem:
            table.fail("problem must be given.")
        check_problem(table, "problem", problem)
        references = _references(table, lookup, problem)
        if "generate" in table:
            _refuse(table, ("files", *_FILE_KEYS), "generate")
            cases = list(_from_generator(table, problem))
        else:
            if "files" not in table and not references:
                table.fail("give one of files, catalogue, generate and references.")
            _refuse(table, _GENERATOR_KEYS, "files")
            cases = list(_from_files(table, problem, lookup, table.texts("files") or tuple(references)))
        find = _finder(references)
        cases = [dataclasses.replace(case, reference=find(case)) for case in cases]
        if references and not any(case.reference for case in cases):
            table.fail(f"references: none of them is of any of these instances, such as {cases[0].name!r}.")
    return _with_reference(table, cases)


def check_problem(table: Table, key: str, name: str) -> None:
    """Raise :class:`InvalidFileError` if there is no such problem."""
    try:
        problems.get(name)
    except UnsupportedProblemError as error:
        table.fail(f"{key}: {error}")


def _refuse(table: Table, keys: Iterable[str], beside: str) -> None:
    for key in keys:
        if key in table:
            table.fail(f"{key} means nothing with {beside}.")


# -- bundled instances ----------------------------------------------------------------------------------------------


def _from_catalogue(table: Table) -> list[Case]:
    problem, group = table.text("problem"), table.text("group")
    entries = [entry for entry in catalogue.entries() if problem in ("", entry.problem)]
    chosen: dict[str, catalogue.Entry] = {}
    for name in table.texts("catalogue"):
        found = {entry.name: entry for entry in entries if fnmatchcase(entry.name, name)}
        if not found:
            names = [entry.name for entry in entries]
            table.fail(f"catalogue: no bundled instance {name!r}{near(name, names)}; there are: {', '.join(names)}.")
        chosen |= found
    return [
        Case(
            name=entry.name,
            problem=entry.problem,
            source=FromCatalogue(entry.name),
            group=group,
            reference=Reference(
                value=entry.reference,
                kind=ReferenceKind(entry.reference_kind),
                source=entry.reference_source,
                bound=entry.bound,
            ),
        )
        for entry in chosen.values()
    ]


# -- files ----------------------------------------------------------------------------------------------------------


def _from_files(table: Table, problem: str, lookup: Lookup, wanted: Iterable[str]) -> Iterator[Case]:
    group, template = table.text("group"), table.text("name", "{name}")
    within, suffixes = table.texts("within") or ("",), table.texts("suffixes")
    if any(not suffix.startswith(".") or suffix == "." for suffix in suffixes):
        table.wrong("suffixes", "a list of suffixes, each with its dot")
    reading, spares = table.mapping("reading"), _spares(table, problem)

    def case(name: str, source: FromFile | FromGenerator) -> Case:
        fields = {"name": plain_name(name), "folder": PurePosixPath(name).parent.name}
        return Case(_fill(table, template, fields), problem, source, group)

    for name in wanted:
        if is_pattern(name):
            paths = lookup.match(name)
            for match in paths:
                yield case(match.as_posix(), FromFile(match, str(match), reading))
            if not paths:
                yield Case(name, problem, FromFile(None, name, reading), group)
            continue
        path = lookup.find(name, within=within, suffixes=suffixes)
        spare = next((spare for pattern, spare in spares.items() if fnmatchcase(name, pattern)), None)
        if path is None and spare is not None:
            yield case(name, _named(spare, plain_name(name)))
        else:
            yield case(name, FromFile(path, str(PurePosixPath(within[0]) / name), reading))


def _spares(table: Table, problem: str) -> dict[str, FromGenerator]:
    """File name or pattern to the call that makes this file's instance."""
    calls = table.mapping("instead")
    for pattern, call in calls.items():
        if not isinstance(call, dict):
            table.fail(f"instead: {pattern!r} must be a table {{ distribution = ..., parameters }}, got {call!r}.")
    return {
        pattern: next(_calls(table, f"instead of {pattern}", problem, call, several=False))
        for pattern, call in calls.items()
    }


def _named(source: FromGenerator, name: str) -> FromGenerator:
    """The same call with ``{name}`` in its texts filled in."""
    filled = {k: v.replace("{name}", name) if isinstance(v, str) else v for k, v in source.parameters.items()}
    return FromGenerator(source.distribution, filled)


# -- generators -----------------------------------------------------------------------------------------------------


def _from_generator(table: Table, problem: str) -> Iterator[Case]:
    group, template = table.text("group"), table.text("name")
    seeds = table.seeds("seeds")
    for source in _calls(table, "generate", problem, table.mapping("generate"), several=True):
        for parameters in [{**source.parameters, "seed": seed} for seed in seeds] or [dict(source.parameters)]:
            fields = {"distribution": source.distribution, **parameters}
            words = [source.distribution, *(f"{key}{value}" for key, value in source.parameters.items())]
            default = str(fields.get("name") or "-".join([*words, *([f"s{fields['seed']}"] if seeds else [])]))
            name = _fill(table, template, fields) if template else default
            yield Case(name, problem, FromGenerator(source.distribution, parameters), group)


def _calls(
    table: Table, place: str, problem: str, call: Mapping[str, Any], *, several: bool
) -> Iterator[FromGenerator]:
    """The calls that a table stands for: with ``several``, lists of values are gone through in all combinations."""
    parameters = dict(call)
    distribution = parameters.pop("distribution", None)
    known = [name.partition("/")[2] for name in generators if name.startswith(f"{problem}/")]
    if distribution not in known:
        hint = near(str(distribution), known)
        table.fail(f"{place}: distribution must be one of {', '.join(known) or 'none'}, got {distribution!r}{hint}.")
    family = generators.get(f"{problem}/{distribution}")
    for key, value in parameters.items():
        if key not in family.parameters:
            hint = near(key, family.parameters)
            table.fail(f"{place}: {distribution} has no {key!r}{hint}; it has: {', '.join(family.parameters)}.")
        values = value if several and isinstance(value, list) and value else [value]
        parameters[key] = [_parameter(table, place, family, key, one) for one in values]
    for key, (_, default, meaning) in family.parameters.items():
        if default is None and key not in parameters:
            table.fail(f"{place}: {distribution} needs {key} ({meaning}).")
    for combination in itertools.product(*parameters.values()):
        yield FromGenerator(distribution, dict(zip(parameters, combination, strict=True)))


def _parameter(table: Table, place: str, family: Generator, key: str, value: Any) -> Any:
    kind = family.parameters[key][0]
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        table.fail(f"{place}: {key} must be of type {kind.__name__}, got {value!r}.")
    return value


def _fill(table: Table, template: str, fields: Mapping[str, Any]) -> str:
    try:
        return template.format_map(fields)
    except (KeyError, IndexError, ValueError, AttributeError):
        allowed = ", ".join("{" + field + "}" for field in fields)
        table.wrong("name", f"a text with the fields {allowed}")


# -- references -----------------------------------------------------------------------------------------------------


def _references(table: Table, lookup: Lookup, problem: str) -> dict[str, Reference]:
    if "references" not in table:
        return {}
    try:
        where = table.mapping("references")
    except InvalidFileError:
        where = {"file": table.text("references")}
    file = where.pop("file", None)
    if not isinstance(file, str) or not all(isinstance(text, str) for text in where.values()):
        table.wrong("references", "a file name, or { file = ..., column = text, ... }")
    path = lookup.home / file
    if not path.is_file():
        path = shipped.folder("references") / file
    if not path.is_file():
        table.fail(f"references: no file {file!r} beside the suite, nor a shipped one.")
    return read_references(path, problem=problem, where=where)


def _finder(references: Mapping[str, Reference]) -> Callable[[Case], Reference | None]:
    """
    What finds the reference of a case: by its name, or by its file's with or without suffix.

    One of the two paths, in the file of references and in the suite, must be the end of the other: "easy/a.gr" is
    "a" and "data/easy/a.gr", but not "hard/a.gr".
    """
    rows = references.items()
    named = {**_unshared((_stem(name), reference) for name, reference in rows), **references}
    longer = _unshared((end, reference) for name, reference in rows for end in _ends(_stem(name)))

    def find(case: Case) -> Reference | None:
        wanted = case.source.wanted if isinstance(case.source, FromFile) else case.name
        names = [case.name, *_ends(wanted), *_ends(_stem(wanted))]
        return next((named[name] for name in names if name in named), longer.get(_stem(wanted)))

    return find


def _unshared(rows: Iterable[tuple[str, Reference]]) -> dict[str, Reference]:
    """References by those names that no two of them have."""
    rows = list(rows)
    count = Counter(name for name, _ in rows)
    return {name: reference for name, reference in rows if count[name] == 1}


def _stem(path: str) -> str:
    """A path without compression and format suffix."""
    return str(PurePosixPath(path).parent / plain_name(path))


def _ends(path: str) -> list[str]:
    """A path, and what is left of it without its first folders."""
    parts = PurePosixPath(path).parts
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _with_reference(table: Table, cases: list[Case]) -> list[Case]:
    """The one case with the reference written into the table itself, if there is one."""
    if "reference" not in table:
        return cases
    if len(cases) != 1:
        table.fail(f"reference is of a single instance, this table has {len(cases)}; use references.")
    try:
        value: Any = table.number("reference")
        data = {"value": value, "kind": "best"}
    except InvalidFileError:
        data = {"kind": "best", **table.mapping("reference")}
    if data["kind"] not in set(ReferenceKind):
        table.fail(f"reference: kind must be one of {', '.join(ReferenceKind)}, got {data['kind']!r}.")
    try:
        reference = Reference.from_dict(data)
    except (TypeError, ValueError) as error:
        table.fail(f"reference: {error}")
    return [dataclasses.replace(cases[0], reference=reference)]
