"""Capacitated facility location with splittable demand: instance, supply, judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from cosolve.core.instance import Instance, Solution, flags, frozen_array, largest, plain_zeros
from cosolve.core.problem import JudgeMode, Problem
from cosolve.core.verdict import Verdict, Violation

#: Relative slack of demands and capacities ("strict"), absolute slack ("frontierco").
TOLERANCE = 1e-6

#: Relative slack of the capacity that is open in total: three thirds may sum to less than the whole.
_ROUNDING = 1e-9

#: At most this many violations of one kind are listed.
_LISTED = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class CFLPInstance(Instance):
    """
    Cheapest choice of open facilities and of supply from them to customers, whose demands may be split.

    Parameters
    ----------
    capacity, fixed_cost
        (m,) float64, >= 0: what each facility can deliver and what it costs to open it.
    demand
        (n,) float64, >= 0. A customer without demand is served by nobody and costs nothing.
    cost
        (m, n) float64: cost of serving ALL of a customer's demand from a facility; a part costs its share.

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is negative or not finite.
    """

    problem: ClassVar[str] = "cflp"

    capacity: np.ndarray
    fixed_cost: np.ndarray
    demand: np.ndarray
    cost: np.ndarray

    def __post_init__(self) -> None:
        for name, ndim in (("capacity", 1), ("fixed_cost", 1), ("demand", 1), ("cost", 2)):
            values = plain_zeros(frozen_array(getattr(self, name), np.float64, ndim=ndim, what=name))
            object.__setattr__(self, name, values)
            # Two passes without a temporary: the matrix may hold four million numbers.
            if values.size and not (values.min() >= 0 and values.max() < np.inf):
                raise ValueError(f"{name} must hold finite numbers >= 0.")
        m, n = len(self.capacity), len(self.demand)
        if m < 1:
            raise ValueError("an instance needs at least 1 facility, got 0.")
        if len(self.fixed_cost) != m:
            raise ValueError(f"fixed_cost must have one entry per facility ({m}), got {len(self.fixed_cost)}.")
        if self.cost.shape != (m, n):
            raise ValueError(f"cost must have shape ({m}, {n}), got {self.cost.shape}.")

    @property
    def num_facilities(self) -> int:
        """Number of facilities m."""
        return len(self.capacity)

    @property
    def num_customers(self) -> int:
        """Number of customers n."""
        return len(self.demand)

    @property
    def size(self) -> int:
        """The larger of the numbers of facilities and customers."""
        return max(self.num_facilities, self.num_customers)

    @cached_property
    def magnitude(self) -> float:
        """Of the largest cost."""
        return largest(self.fixed_cost, self.cost)

    @cached_property
    def total_demand(self) -> float:
        """Sum of all demands."""
        return float(self.demand.sum())

    @cached_property
    def least_capacity(self) -> float:
        """What open facilities can deliver together in every solution: the total demand, but for rounding of sums."""
        return self.total_demand * (1 - _ROUNDING)

    @cached_property
    def unit_cost(self) -> np.ndarray:
        """(m, n) cost per unit of demand; 0 for customers without demand."""
        scale = np.where(self.demand > 0, self.demand, np.inf)
        return frozen_array(self.cost / scale)


@dataclass(frozen=True, eq=False, kw_only=True)
class Supply(Solution):
    """
    Open facilities and what they deliver, as a sparse matrix.

    Parameters
    ----------
    is_open
        (m,) bool.
    facility, customer
        (k,) int64: 0-based ends of each delivery; pairs may repeat, their amounts add up.
    amount
        (k,) float64 in units of demand.
    """

    problem: ClassVar[str] = "cflp"

    is_open: np.ndarray
    facility: np.ndarray
    customer: np.ndarray
    amount: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "is_open", flags(self.is_open, "is_open"))
        for name in ("facility", "customer"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.int64, ndim=1, what=name))
        object.__setattr__(self, "amount", frozen_array(self.amount, np.float64, ndim=1, what="amount"))
        if not len(self.facility) == len(self.customer) == len(self.amount):
            raise ValueError(
                f"facility, customer and amount must be equally long, got {len(self.facility)}, "
                f"{len(self.customer)} and {len(self.amount)}."
            )


@np.errstate(over="ignore", invalid="ignore")  # the result says so itself
def evaluate(instance: CFLPInstance, solution: Supply, mode: JudgeMode = "strict") -> Verdict:
    """
    Fixed costs of all open facilities, used or not, plus costs of all deliveries; O(m + n + deliveries).

    Every demand must be met, neither less nor more, and no capacity exceeded, within a relative 1e-6. That is for
    amounts that were rounded: open facilities that can't deliver the total demand, but for a relative 1e-9, are no
    solution. The "frontierco" mode allows an absolute 1e-6 instead of both, as that harness does.
    """
    m, n = instance.num_facilities, instance.num_customers
    facility, customer, amount = solution.facility, solution.customer, solution.amount
    if len(solution.is_open) != m:
        return Verdict(None, (Violation("wrong number of facilities", f"{len(solution.is_open)} of {m}"),))
    broken = [
        ("no such facility", "facility", facility, (facility < 0) | (facility >= m)),
        ("no such customer", "customer", customer, (customer < 0) | (customer >= n)),
        ("amount is not finite", "delivery", np.arange(len(amount)), ~np.isfinite(amount)),
    ]
    violations = [Violation(what, f"{where} {ids[k]}") for what, where, ids, bad in broken for k in _first(bad)]
    if violations:
        return Verdict(None, tuple(violations))
    for k in _first(amount < 0):
        violations.append(Violation("negative amount", f"delivery {k}", -float(amount[k])))
    for k in _first((amount > 0) & ~solution.is_open[facility]):
        violations.append(Violation("delivery from a closed facility", f"facility {facility[k]}", float(amount[k])))
    served = np.bincount(customer, amount, n)
    load = np.bincount(facility, amount, m)
    is_strict = mode == "strict"
    slack = TOLERANCE * (instance.demand if is_strict else 1.0)
    for k in _first(~(np.abs(served - instance.demand) <= slack)):
        miss = float(served[k] - instance.demand[k])
        what = "demand not met" if miss < 0 else "more than the demand delivered"
        violations.append(Violation(what, f"customer {k}", abs(miss)))
    slack = TOLERANCE * (instance.capacity if is_strict else 1.0)
    for k in _first(~(load <= instance.capacity + slack)):
        violations.append(Violation("capacity exceeded", f"facility {k}", float(load[k] - instance.capacity[k])))
    missing = instance.least_capacity - float(instance.capacity[solution.is_open].sum())
    if is_strict and missing > 0:
        violations.append(Violation("open facilities can't deliver the total demand", amount=missing))
    demand = instance.demand[customer]
    share = np.divide(amount, demand, out=np.zeros(len(amount)), where=demand > 0)
    deliveries = float(instance.cost[facility, customer] @ share)
    return Verdict(float(instance.fixed_cost[solution.is_open].sum()) + deliveries, tuple(violations))


def _first(bad: np.ndarray) -> list[int]:
    return [int(k) for k in np.flatnonzero(bad)[:_LISTED]]


CFLP = Problem("cflp", "Capacitated facility location", CFLPInstance, Supply, evaluate)
