"""Where the instance of a run came from: loading it, and a file beside the records that lets a report load it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cosolve
from cosolve.core.instance import Instance
from cosolve.core.result import jsonable
from cosolve.evaluation.suite import FromCatalogue, FromFile, FromGenerator, Source

#: Name of the file within the folder of a run: digest of an instance to its problem and source.
CASES_FILE = "cases.json"


def load_source(source: Source, problem: str) -> Instance:
    """
    Read or generate an instance.

    Parameters
    ----------
    source
        Where it comes from.
    problem
        Problem key.

    Raises
    ------
    FileNotFoundError
        If its file is not here.
    ValueError
        If the file, the name or the generator's parameters are wrong.
    """
    if isinstance(source, FromCatalogue):
        from cosolve.instances.catalogue import load

        return load(source.name)
    if isinstance(source, FromGenerator):
        return cosolve.generate(problem, source.distribution, **source.parameters)
    if source.path is None:
        raise FileNotFoundError(2, "no such file in any folder that was searched", source.wanted)
    return cosolve.read(source.path, **{"problem": problem, **source.reading})


def source_key(source: Source, problem: str) -> str | None:
    """
    Name under which the identity of an instance may be remembered, ``None`` if it is not here.

    A file is known by its path, size and date; a generator's call by itself and the version of this package.
    """
    if isinstance(source, FromCatalogue):
        from cosolve.instances.catalogue import find

        entry = find(source.name)
        return None if entry is None else f"catalogue {source.name} {entry.digest}"
    if not isinstance(source, FromFile):
        parameters = json.dumps(jsonable(source.parameters), sort_keys=True)
        return f"generate {cosolve.__version__} {problem}/{source.distribution} {parameters}"
    if source.path is None:
        return None
    try:
        status = source.path.stat()
    except OSError:
        return None
    reading = json.dumps(jsonable(source.reading), sort_keys=True)
    place = source.path.absolute()
    return f"file {cosolve.__version__} {problem} {place} {status.st_size} {status.st_mtime_ns} {reading}"


def source_to_dict(source: Source) -> dict[str, Any]:
    """Plain JSON values; the inverse of :func:`source_from_dict`."""
    if isinstance(source, FromCatalogue):
        return {"catalogue": source.name}
    if isinstance(source, FromGenerator):
        return {"generate": source.distribution, "parameters": jsonable(source.parameters)}
    path = None if source.path is None else str(source.path.absolute())
    return {"file": path, "wanted": source.wanted, "reading": jsonable(source.reading)}


def source_from_dict(data: Mapping[str, Any]) -> Source:
    """
    Rebuild a source.

    Raises
    ------
    ValueError
        If it is none of the three kinds, or a key is missing.
    """
    try:
        if "catalogue" in data:
            return FromCatalogue(data["catalogue"])
        if "generate" in data:
            return FromGenerator(data["generate"], dict(data["parameters"]))
        path = None if data["file"] is None else Path(data["file"])
        return FromFile(path, data["wanted"], dict(data["reading"]))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not the source of an instance: {error}.") from error


def case_to_dict(problem: str, source: Source) -> dict[str, Any]:
    """Value of one digest in :data:`CASES_FILE`: ``{"problem": ..., "source": ...}``."""
    return {"problem": problem, "source": source_to_dict(source)}


def read_cases(folder: Path) -> dict[str, tuple[str, Source]]:
    """
    Digest to problem and source of all instances of a run.

    Parameters
    ----------
    folder
        The run's folder; if it holds no :data:`CASES_FILE`, nothing is known.

    Raises
    ------
    ValueError
        If the file is malformed.
    """
    path = folder / CASES_FILE
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text())
        return {digest: (row["problem"], source_from_dict(row["source"])) for digest, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: {error}") from error


def reload(digest: str, cases: Mapping[str, tuple[str, Source]]) -> Instance:
    """
    The instance of a record, loaded again and compared with its digest.

    Parameters
    ----------
    digest
        Of the record.
    cases
        As :func:`read_cases` gives them.

    Raises
    ------
    LookupError
        With a reason for people, if the very same instance can't be had here.
    """
    if digest not in cases:
        raise LookupError("the run's folder does not say where the instance came from")
    problem, source = cases[digest]
    try:
        instance = load_source(source, problem)
    except (OSError, ValueError) as error:
        raise LookupError(f"the instance is not available here: {error}") from error
    if instance.digest != digest:
        raise LookupError("the instance has changed since the run")
    return instance
