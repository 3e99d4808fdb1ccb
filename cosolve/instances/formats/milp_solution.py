"""Values of columns by name: solution files of MIPLIB, SCIP, Gurobi and HiGHS."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

import numpy as np

from cosolve.instances.formats.base import SolutionFormat
from cosolve.instances.formats.source import Source, is_number, plain
from cosolve.instances.milp import MILPInstance, Values

#: How lines begin that are about the run, in lower case, unless a column is called so.
_REMARKS = ("#", "=obj=")
_SENTENCES = ("solution status:", "objective value:", "no solution available")

_BLANK = re.compile(r"\s")


def _names(instance: MILPInstance) -> list[str]:
    return list(instance.col_names) or [f"x{column}" for column in range(instance.size)]


def read(source: Source, instance: MILPInstance) -> Values:
    """
    Read lines of name and value; whatever follows on a line is ignored, and columns left out are 0. Of names with
    blanks (fixed MPS has them) the longest that a line begins with, with a number behind it, is meant.

    A file of HiGHS is read from "# Columns" to "# Rows". Columns of an instance without names are "x0", "x1", ...
    """
    lines = list(enumerate(source.text().splitlines(), 1))
    starts = [k for k, (_, line) in enumerate(lines) if line.startswith("# Columns")]
    if starts:
        stops = [k for k, (_, line) in enumerate(lines) if line.startswith("# Rows") and k > starts[0]]
        lines = lines[starts[0] : stops[0] if stops else None]
    columns = {name: column for column, name in enumerate(_names(instance))}
    num_blanks = max((len(_BLANK.findall(name)) for name in columns), default=0)
    values = np.zeros(instance.size)
    seen = np.zeros(instance.size, dtype=np.bool_)
    for number, line in lines:
        words = line.split()
        if not words:
            continue
        name, value = _split(line.strip(" \t\r"), columns, num_blanks) if num_blanks else (words[0], words[1:2])
        column = columns.get(name)
        if column is None and line.lower().startswith(_REMARKS):
            continue
        # A column "solution" is no value in "solution status: optimal".
        if line.lower().startswith(_SENTENCES) and not name.lower().startswith(_SENTENCES):
            continue
        if column is None:
            source.fail(f"the instance has no column {name[:80]!r}.", line=number)
        if seen[column]:
            source.fail(f"column {name!r} comes twice.", line=number)
        seen[column] = True
        try:
            values[column] = float(plain(value[0]))
        except (IndexError, ValueError):
            source.fail(f"expected a name and a number, got {line.strip()[:80]!r}.", line=number)
    return Values(values=values)


def _split(line: str, columns: dict[str, int], num_blanks: int) -> tuple[str, list[str]]:
    """Name and what follows, the value first."""
    ends = [blank.start() for blank in islice(_BLANK.finditer(line), num_blanks + 1)]
    for end in reversed(ends):
        rest = line[end:].split()
        if line[:end] in columns and rest and is_number(rest[0]):
            return line[:end], rest
    words = line.split()
    return words[0], words[1:]


def write(instance: MILPInstance, solution: Values, objective: float | None, path: Path) -> None:
    """
    Write the form of MIPLIB, which SCIP reads too, with every column.

    Raises
    ------
    ValueError
        If there is not one value for each column, or a column's name would be read as another's.
    """
    if len(solution.values) != instance.size:
        raise ValueError(f"a solution of {instance.size} values is needed, got {len(solution.values)}.")
    names = _names(instance)
    refused = next((name for name in names if not _can_stand(name)), None)
    if refused is not None:
        raise ValueError(f"the name {refused[:80]!r} of a column can't stand in this format; try another one.")
    lines = ["# values of columns"] if objective is None else [f"=obj= {objective!r}"]  # a file is never empty
    lines += [f"{name} {value!r}" for name, value in zip(names, solution.values.tolist(), strict=True)]
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _can_stand(name: str) -> bool:
    """Whether a line may begin with the name: not if it would be another's, a remark or HiGHS's heading."""
    if name.splitlines() != [name] or name[0] in " \t":  # blanks before a name are none of its own
        return False
    return name not in _REMARKS and not name.startswith("# Columns")


SOLUTION = SolutionFormat("milp-solution", "lines of name and value (MIPLIB)", ("milp",), (".sol",), read, write)
