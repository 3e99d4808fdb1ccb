"""
Facility location files: three layouts of the same count of numbers, and a solution format.

All begin with ``m n`` (facilities, customers) and hold 2 + 2m + n + mn numbers. OR-Library: m pairs of capacity
and fixed cost, then for each customer its demand and m costs. Holmberg (and FrontierCO): the same pairs, all
demands, then m rows of n costs. Avella and Boccia: demands, capacities, fixed costs, then m rows of n costs per
UNIT of demand; the others give the cost of the whole demand. What is what shows in the line breaks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from cosolve.instances.cflp import CFLPInstance, Supply
from cosolve.instances.formats._number_lines import NumberLines, number_lines
from cosolve.instances.formats.base import Format, SolutionFormat
from cosolve.instances.formats.source import Source, plain

_WORD = b"capacity"


def _layouts(source: Source) -> set[str]:
    """Which of "orlib", "holmberg" and "avella" the content may be in."""
    lines = number_lines(source, _WORD)
    if lines is None:
        return set()
    m, n = lines.first, lines.second
    total = 2 * m + n + m * n
    if m < 1 or n < 1:
        return set()
    if lines.is_whole and lines.starts[-1] != total:
        return set()
    # A number takes a digit and a separator.
    if lines.starts[-1] > total or len(source.data) < 2 * total:
        return set()
    if _WORD in bytes(source.data[:65536]):
        return {"orlib"}
    seen = int(lines.starts[-1])
    fits = {name for name in _NAMES if _breaks(lines, name, seen)}
    named = _SUFFIXES.get(source.suffix)
    if named in fits:  # what its writer says counts for more than what an instance should be like
        return {named}
    if not fits and lines.is_whole:
        fits = set(_NAMES)  # broken into lines anywhere, but the count is right
    if len(fits) > 1 and len(source.data) <= 1 << 20:
        fits = {name for name in fits if _is_plausible(source, m, n, name)} or fits
    return fits


_NAMES = ("orlib", "holmberg", "avella")

_SUFFIXES = {".cflp": "holmberg", ".plc": "avella"}


def _breaks(lines: NumberLines, name: str, seen: int) -> bool:
    m, n = lines.first, lines.second
    if name == "avella":
        # The published files break the rows of their matrix anywhere.
        return lines.breaks_at(np.array([n, n + m, n + 2 * m, n + 2 * m + m * n]))
    # Each facility's pair has a line of its own.
    if lines.num_rows_of(2) < min(m, len(lines.starts) - 1):
        return False
    first, step = (2 * m, m + 1) if name == "orlib" else (2 * m + n, n)
    return lines.breaks_at(np.append(2 * m, np.arange(first, seen + 1, step)))


def _is_plausible(source: Source, m: int, n: int, name: str) -> bool:
    """Whether the facilities together can deliver what is demanded; only files that fit several get here."""
    try:
        values, _ = source.numbers(0, 2 + 2 * m + n + m * n)
    except ValueError:
        return True
    capacity, _, demand, _ = _split(values[2:], m, n, name)
    return bool(demand.sum() <= capacity.sum())


def _split(values: np.ndarray, m: int, n: int, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Capacity, fixed cost, demand and cost of the whole demand."""
    if name == "avella":
        demand, capacity, fixed = values[:n], values[n : n + m], values[n + m : n + 2 * m]
        with np.errstate(over="ignore"):  # the instance refuses what is not finite
            return capacity, fixed, demand, values[n + 2 * m :].reshape(m, n) * demand
    capacity, fixed = values[: 2 * m : 2], values[1 : 2 * m : 2]
    if name == "orlib":
        blocks = values[2 * m :].reshape(n, m + 1)
        return capacity, fixed, blocks[:, 0], blocks[:, 1:].T
    return capacity, fixed, values[2 * m : 2 * m + n], values[2 * m + n :].reshape(m, n)


def _read_head(source: Source) -> tuple[int, int, int]:
    head, end = source.integers(0, 2, what="size")
    m, n = (int(v) for v in head)
    if m < 1 or n < 1:
        source.fail(f"numbers of facilities and customers must be >= 1, got {m} and {n}.", 0)
    if 2 * m + n + m * n > len(source.data) // 2 + 1:
        source.fail(f"{m} facilities and {n} customers need {2 * m + n + m * n} numbers, the file is too short.", 0)
    return m, n, end


def _make(
    source: Source, m: int, n: int, values: np.ndarray, end: int, name: str, meta: dict[str, Any]
) -> CFLPInstance:
    rest = bytes(source.data[end : end + 4096]).strip()
    if rest:
        word = rest.split()[0][:40].decode("latin-1")
        source.fail(f"expected the end after {len(values)} numbers, got {word!r}.", end)
    negative = np.flatnonzero(values < 0)
    if len(negative):
        # The word "capacity" stands where a number would.
        place = source.place(2 + int(negative[0]))
        source.fail(f"all numbers must be >= 0, got {values[negative[0]]:g} as number {negative[0] + 3}.", place)
    capacity, fixed, demand, cost = _split(values, m, n, name)
    return CFLPInstance(
        name=source.stem, meta=meta, capacity=capacity, fixed_cost=fixed, demand=demand, cost=np.ascontiguousarray(cost)
    )


def _read(source: Source, name: str) -> CFLPInstance:
    m, n, start = _read_head(source)
    values, end = source.numbers(start, 2 * m + n + m * n)
    return _make(source, m, n, values, end, name, {})


def read_orlib(source: Source, problem: str, *, capacity: float | None = None) -> CFLPInstance:
    """
    Read an OR-Library cap file.

    Parameters
    ----------
    capacity
        Capacity of every facility, for files with the word "capacity" in its place (capa, capb, capc).
    """
    if capacity is not None and not (math.isfinite(float(capacity)) and float(capacity) >= 0):
        raise ValueError(f"capacity must be a finite number >= 0, got {capacity}.")
    m, n, start = _read_head(source)
    if not bytes(source.data[start : start + 256]).lstrip().startswith(_WORD):
        if capacity is not None:
            raise ValueError("option capacity is only for files with the word 'capacity' in place of the numbers.")
        return _read(source, "orlib")
    if capacity is None:
        source.fail(
            "the word 'capacity' stands in place of the capacities: give them with capacity=8000 (--set "
            "capacity=8000); OR-Library uses 8000, 10000, 12000 and 14000 for capa.",
            start + 1,
        )
    pairs = np.empty(2 * m)
    position = start
    for k in range(m):
        text = bytes(source.data[position : position + 256])
        skip = len(text) - len(text.lstrip())
        if not text[skip:].startswith(_WORD):
            source.fail(f"expected the word 'capacity' for facility {k + 1} of {m}.", position + skip)
        fixed, position = source.numbers(position + skip + len(_WORD), 1, what="fixed cost")
        pairs[2 * k], pairs[2 * k + 1] = float(capacity), fixed[0]
    rest, end = source.numbers(position, n + m * n)
    meta = {"capacity": float(capacity)}
    return _make(source, m, n, np.concatenate([pairs, rest]), end, "orlib", meta)


def read_holmberg(source: Source, problem: str) -> CFLPInstance:
    """Read pairs of capacity and fixed cost, demands, and rows of costs by facility."""
    return _read(source, "holmberg")


def read_avella(source: Source, problem: str) -> CFLPInstance:
    """Read demands, capacities, fixed costs, and rows of costs per unit of demand by facility."""
    return _read(source, "avella")


def _text(values: np.ndarray) -> str:
    # The shortest text that reads back as the same double.
    return " ".join(str(int(v)) if v == int(v) and abs(v) < 1e15 else repr(v) for v in values.tolist())


def _write(instance: CFLPInstance, path: Path, name: str, rows: Iterable[np.ndarray]) -> None:
    """Write the sizes, the pairs of capacity and fixed cost, and the rows of a layout."""
    if not instance.num_customers:
        raise ValueError("files of cflp hold at least 1 customer, this instance has none.")
    pairs = np.column_stack([instance.capacity, instance.fixed_cost])
    lines = [f"{instance.num_facilities} {instance.num_customers}", *map(_text, pairs), *map(_text, rows), ""]
    content = "\n".join(lines).encode()
    layouts = _layouts(Source(np.frombuffer(content, np.uint8), path))
    can_deliver = instance.demand.sum() <= instance.capacity.sum()
    if name not in layouts or (len(layouts) > 1 and not can_deliver):
        others = ", ".join(sorted(f"cflp-{other}" for other in layouts - {name})) or "none"
        raise ValueError(
            f"lines of cflp-{name} would be read as another layout here ({others}); "
            "write cflp-holmberg with the suffix .cflp."
        )
    path.write_bytes(content)


def write_orlib(instance: CFLPInstance, path: Path) -> None:
    """
    Write the OR-Library layout, one line per customer.

    Raises
    ------
    ValueError
        If the lines are those of another layout too, and would be read as that: by the suffix of the path, or
        because the facilities can't deliver what is demanded.
    """
    _write(instance, path, "orlib", np.column_stack([instance.demand, instance.cost.T]))


def write_holmberg(instance: CFLPInstance, path: Path) -> None:
    """
    Write Holmberg's layout, which is also FrontierCO's, one line per facility.

    Raises
    ------
    ValueError
        As :func:`write_orlib`; the suffix .cflp says that the layout is this one.
    """
    _write(instance, path, "holmberg", [instance.demand, *instance.cost])


def read_solution(source: Source, instance: CFLPInstance) -> Supply:
    """Read what :func:`write_solution` writes."""
    is_open = np.zeros(instance.num_facilities, np.int8)
    triples: list[tuple[int, int, float]] = []
    is_started = False
    for position, line in source.lines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if not is_started:
            if words[0] != "open":
                source.fail(f"expected 'open' and the open facilities, got {words[0][:40]!r}.", position)
            is_started = True
            for word in words[1:]:
                is_open[_index(source, word, instance.num_facilities, "facility", position)] = 1
        elif len(words) != 3:
            source.fail(f"expected facility, customer and amount, got {len(words)} words.", position)
        else:
            facility = _index(source, words[0], instance.num_facilities, "facility", position)
            customer = _index(source, words[1], instance.num_customers, "customer", position)
            try:
                amount = float(plain(words[2]))
            except ValueError:
                source.fail(f"expected an amount, got {words[2][:40]!r}.", position)
            triples.append((facility, customer, amount))
    if not is_started:
        source.fail("expected a line 'open' with the open facilities, the file has none.")
    table = np.array(triples, np.float64).reshape(-1, 3)
    return Supply(
        is_open=is_open,
        facility=table[:, 0].astype(np.int64),
        customer=table[:, 1].astype(np.int64),
        amount=table[:, 2],
    )


def _index(source: Source, word: str, size: int, what: str, position: int) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 10 and 1 <= int(word) <= size):
        source.fail(f"expected a {what} in 1..{size}, got {word[:40]!r}.", position)
    return int(word) - 1


def write_solution(instance: CFLPInstance, solution: Supply, objective: float | None, path: Path) -> None:
    """Write ``open`` and the open facilities, then a line ``facility customer amount`` each, counted from 1."""
    with path.open("w") as file:
        if objective is not None:
            file.write(f"# cost {objective!r}\n")
        file.write(" ".join(["open", *(str(i + 1) for i in np.flatnonzero(solution.is_open))]) + "\n")
        triples = zip(solution.facility.tolist(), solution.customer.tolist(), solution.amount.tolist(), strict=True)
        file.writelines(f"{i + 1} {j + 1} {a!r}\n" for i, j, a in triples)


ORLIB = Format(
    name="cflp-orlib",
    title="OR-Library capacitated warehouse location (cap41 .. capc)",
    problems=("cflp",),
    suffixes={},
    sniff=lambda source: ("cflp",) if "orlib" in _layouts(source) else (),
    read=read_orlib,
    write=write_orlib,
    options={"capacity": "capacity of every facility where the file says 'capacity' (8000 .. 14000 for capa)"},
)

HOLMBERG = Format(
    name="cflp-holmberg",
    title="capacitated facility location by Holmberg, Yang and FrontierCO",
    problems=("cflp",),
    suffixes={".cflp": ("cflp",)},
    sniff=lambda source: ("cflp",) if "holmberg" in _layouts(source) else (),
    read=read_holmberg,
    write=write_holmberg,
)

AVELLA = Format(
    name="cflp-avella",
    title="capacitated facility location by Avella and Boccia (costs per unit of demand)",
    problems=("cflp",),
    suffixes={".plc": ("cflp",)},
    sniff=lambda source: ("cflp",) if "avella" in _layouts(source) else (),
    read=read_avella,
)

SOLUTION = SolutionFormat(
    name="cflp-solution",
    title="open facilities, then lines of facility, customer, amount",
    problems=("cflp",),
    suffixes=(".sol",),
    read=read_solution,
    write=write_solution,
)
