"""Seeded generators of instances, one module per family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cosolve.core.errors import UnsupportedProblemError
from cosolve.core.instance import Instance, whole_number
from cosolve.core.registry import Registry
from cosolve.core.values import check_value


@dataclass(frozen=True)
class Generator:
    """
    A family of instances.

    Parameters
    ----------
    problem, distribution, title
        Problem key, name of the family ("dimacs"), one line for people.
    generate
        ``generate(seed=..., **parameters)``: bit-reproducible on every platform.
    parameters
        Name to (type, default, one line); a default of ``None`` means that it must be given.
    num_seeds
        The seeds that ``cosolve generate`` draws for several instances are in 0 .. num_seeds - 1.
    """

    problem: str
    distribution: str
    title: str
    generate: Callable[..., Instance]
    parameters: Mapping[str, tuple[type, object, str]] = field(default_factory=dict)
    num_seeds: int = 2**32


#: Names are "problem/distribution".
generators: Registry[Generator] = Registry("generator", "cosolve.generators", UnsupportedProblemError)

for _name, _target in (
    ("tsp/dimacs", "tsp:DIMACS"),
    ("tsp/uniform", "tsp:UNIFORM"),
    ("atsp/uniform", "tsp:ATSP_UNIFORM"),
    ("atsp/road", "road:ATSP"),
    ("cvrp/uniform", "cvrp:UNIFORM"),
    ("cvrp/x", "cvrp:X"),
    ("acvrp/road", "road:ACVRP"),
    ("vrptw/uniform", "vrptw:UNIFORM"),
    ("acvrptw/road", "road:ACVRPTW"),
    ("mis/rb", "graphs:RB"),
    ("mis/er", "graphs:ER_MIS"),
    ("mis/hamming", "graphs:HAMMING"),
    ("mis/johnson", "graphs:JOHNSON"),
    ("mis/keller", "graphs:KELLER"),
    ("mis/mann", "graphs:MANN"),
    ("mds/ba", "graphs:BA"),
    ("mds/grid", "graphs:GRID"),
    ("cflp/cornuejols", "cflp:CORNUEJOLS"),
    ("cpmp/osman", "cpmp:OSMAN"),
    ("fjsp/sd2", "fjsp:SD2"),
    ("fjsp/taillard", "fjsp:TAILLARD"),
    ("stp/hypercube", "stp:HYPERCUBE"),
    ("stp/random", "stp:RANDOM"),
    ("stp/road", "stp:ROAD"),
    ("milp/steiner-triple", "milp:STEINER_TRIPLE"),
    ("milp/set-cover", "set_cover:SET_COVER"),
    ("milp/auction", "auction:AUCTION"),
    ("milp/independent-set", "graph_milps:INDEPENDENT_SET"),
    ("milp/vertex-cover", "graph_milps:VERTEX_COVER"),
    ("milp/facility", "facility:FACILITY"),
    ("milp/item-placement", "ml4co:ITEM_PLACEMENT"),
    ("milp/load-balancing", "ml4co:LOAD_BALANCING"),
    ("optw/uniform", "orienteering:UNIFORM"),
    ("optwvp/decost", "orienteering:DECOST"),
    ("optwvp/hard", "orienteering:HARD"),
    ("regtree/friedman1", "regression:FRIEDMAN1"),
    ("regtree/household", "regression:HOUSEHOLD"),
):
    generators.register(_name, f"cosolve.instances.generators.{_target}")


def generate(problem: str, distribution: str, *, seed: int = 0, **parameters: object) -> Instance:
    """
    Make one instance.

    Parameters
    ----------
    problem, distribution
        For example "tsp", "dimacs".
    seed
        Equal seeds and parameters give equal instances, bit by bit.
    parameters
        The family's own.

    Raises
    ------
    UnsupportedProblemError
        If there is no such family.
    ValueError
        If a parameter is unknown, of another type or out of range, or the seed is no integer >= 0.
    """
    family = generators.get(f"{problem}/{distribution}")
    unknown = sorted(set(parameters) - set(family.parameters))
    if unknown:
        allowed = ", ".join(family.parameters) or "none"
        raise ValueError(f"{problem}/{distribution} has no parameter {unknown[0]!r}; allowed: {allowed}.")
    for name, value in parameters.items():
        kind = family.parameters[name][0]
        if kind is int:
            parameters[name] = whole_number(value, name)
        elif kind is float:
            check_value(value, kind, name)
    return family.generate(seed=whole_number(seed, "seed", 0), **parameters)
