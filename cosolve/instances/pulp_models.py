"""PuLP models as instances, and back."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from cosolve.core.errors import UnsupportedProblemError
from cosolve.instances.milp import MILPInstance

if TYPE_CHECKING:
    from pulp import LpProblem, LpVariable


def from_pulp(problem: LpProblem) -> MILPInstance:
    """
    Instance of a PuLP model: columns as in ``problem.variables()``, rows as in ``problem.constraints()``.

    Raises
    ------
    UnsupportedProblemError
        If the model has special ordered sets.
    ValueError
        If two variables have the same name.
    TypeError
        If it is no PuLP model.
    """
    import pulp

    if not isinstance(problem, pulp.LpProblem):
        raise TypeError(f"problem must be an LpProblem, got {type(problem).__name__}.")
    if problem.sos1 or problem.sos2:
        raise UnsupportedProblemError("special ordered sets are no part of a linear model with integers.")
    variables, constraints = problem.variables(), problem.constraints()
    column = {id(variable): number for number, variable in enumerate(variables)}
    cost = np.zeros(len(variables))
    objective = problem.objective if problem.objective is not None else pulp.LpAffineExpression()
    for variable, value in objective.items():
        cost[column[id(variable)]] += value
    data: list[float] = []
    indices: list[int] = []
    indptr = [0]
    names: list[str] = []
    taken = {constraint.name for constraint in constraints}
    for constraint in constraints:
        for variable, value in constraint.items():
            indices.append(column[id(variable)])
            data.append(value)
        indptr.append(len(data))
        names.append(constraint.name or _free_name(f"_C{len(names) + 1}", taken))
    sides = [(c.getLb(), c.getUb()) for c in constraints]
    return MILPInstance(
        name=problem.name,
        cost=cost,
        col_lower=np.array([_or(variable.lowBound, -math.inf) for variable in variables]),
        col_upper=np.array([_or(variable.upBound, math.inf) for variable in variables]),
        is_integer=np.array([variable.cat == pulp.LpInteger for variable in variables], dtype=np.bool_),
        data=np.array(data, dtype=np.float64),
        indices=np.array(indices, dtype=np.int32),
        indptr=np.array(indptr),
        row_lower=np.array([_or(low, -math.inf) for low, _ in sides]),
        row_upper=np.array([_or(high, math.inf) for _, high in sides]),
        offset=float(objective.constant),
        maximize=problem.sense == pulp.LpMaximize,
        row_names=tuple(names),
        col_names=tuple(variable.name for variable in variables),
    )


def to_pulp(instance: MILPInstance) -> tuple[LpProblem, list[LpVariable]]:
    """
    PuLP model of an instance, and its variables in the order of the columns.

    PuLP knows no double-sided rows: they become two, "name" and "name_upper". It replaces some characters in names by
    underscores; where two would become one, and where there are none, columns are "x0", "x1", ... and rows "r0", ...

    Raises
    ------
    TypeError
        If it is no MILP.
    """
    import pulp

    if not isinstance(instance, MILPInstance):
        raise TypeError(f"instance must be a MILPInstance, got {type(instance).__name__}.")
    problem = pulp.LpProblem(instance.name.replace(" ", "_") or "cosolve", _sense(instance))
    finite = math.isfinite
    variables = [
        problem.add_variable(
            name,
            low if finite(low) else None,
            high if finite(high) else None,
            cat=pulp.LpInteger if is_integer else pulp.LpContinuous,
        )
        for name, low, high, is_integer in zip(
            _names(instance.col_names, instance.size, "x"),
            instance.col_lower.tolist(),
            instance.col_upper.tolist(),
            instance.is_integer.tolist(),
            strict=True,
        )
    ]
    # Costs of 0 too: PuLP forgets variables that are in neither objective nor row, bounds and all.
    costs = zip(variables, instance.cost.tolist(), strict=True)
    problem.setObjective(pulp.LpAffineExpression(dict(costs), constant=instance.offset))
    data, indices, indptr = (array.tolist() for array in (instance.data, instance.indices, instance.indptr))
    names = _names(instance.row_names, len(instance.row_lower), "r")
    taken = set(names)
    for row, (low, high) in enumerate(zip(instance.row_lower.tolist(), instance.row_upper.tolist(), strict=True)):
        part = slice(indptr[row], indptr[row + 1])
        terms = {variables[column]: value for column, value in zip(indices[part], data[part], strict=True)}
        if low == high:
            sides = [(pulp.LpConstraintEQ, low)]
        else:
            both = [(pulp.LpConstraintGE, low), (pulp.LpConstraintLE, high)]
            sides = [(sense, side) for sense, side in both if finite(side)]
        name = names[row]
        for sense, side in sides:
            problem.addConstraint(pulp.LpConstraint(pulp.LpAffineExpression(terms), sense, name, side))
            name = _free_name(f"{name}_upper", taken)
    return problem, variables


def _sense(instance: MILPInstance) -> int:
    import pulp

    return pulp.LpMaximize if instance.maximize else pulp.LpMinimize


def _names(names: tuple[str, ...], count: int, letter: str) -> list[str]:
    from pulp import LpElement

    clean = [name.translate(LpElement.trans) for name in names]
    if not clean or max(Counter(clean).values()) > 1 or not all(clean):
        return [f"{letter}{number}" for number in range(count)]
    return clean


def _free_name(name: str, taken: set[Any]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)
