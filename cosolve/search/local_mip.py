"""
Weighted local search for mixed-integer linear programs, after Local-MIP [1]_ [2]_.

One column moves at a time. In a point that violates rows it moves as far as makes one of them hold (*tight move*), or
as far as makes the objective better than the best known (*breakthrough move*); where all rows hold, as far as they let
it in the direction that pays (*lift move*). Moves are weighed by the rows that they make hold or break, each with a
weight that grows while nothing helps and it is broken, and by what they cost.

Unlike there, the objective counts by how much it changes, not by its direction alone: where costs differ, as those of
set covers do, that makes the difference between 200 and 4 % from the best. And weights are forgotten as in NuMVC [3]_:
once all have grown, another one would no longer be felt.

References
----------
.. [1] Lin, P., Cai, S., Zou, M., Lin, J. (2025). Local-MIP: Efficient local search for mixed integer programming.
       *Artificial Intelligence* 348: 104405.
.. [2] Lin, P., Cai, S., Zou, M., Lin, J. (2024). New characterizations and efficient local search for general integer
       linear programming. *arXiv:2305.00188*.
.. [3] Cai, S., Su, K., Luo, C., Sattar, A. (2013). NuMVC: An efficient local search algorithm for minimum vertex cover.
       *Journal of Artificial Intelligence Research* 46: 687-716.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cosolve.core.jit import jit
from cosolve.search.random import below, stream

# Entries of State.counts: moves so far; rows that are violated; times that a better solution was found.
ITERATION, VIOLATED, FOUND = range(3)

# Entries of State.numbers: cost of the point and of the best solution; weight of the objective; by how much weights
# of rows exceed 1 in all; how far from 0 columns move at most.
_COST, BEST, _PRICE, _EXCESS, _FAR = range(5)

#: Violated rows, and entries of each, whose tight moves are compared; costs whose breakthrough or lift moves are.
_ROWS, _ENTRIES, _COSTS, _LIFTS = 5, 20, 100, 50
#: Rows that hold, and entries of each, whose moves to one of the sides are compared where none of those helps.
_TIGHT_ROWS, _TIGHT_ENTRIES = 10, 3
#: Entries of the row that is mended where nothing helps.
_MENDED = 100
#: A column that has moved does not move back for so many moves, and up to so many more.
_REST, _MORE_REST = 3, 10
#: Mean excess of weights at which they are forgotten, and the part that stays.
_MOST_EXCESS, _KEPT = 10.0, 0.9
#: Moves between two sums of activities from nothing: rounding adds up.
_REFRESH = 50_000
#: No column moves further from 0 than that, or than twice as far as any is at the start.
_LEAST_FAR = 1e9
#: The shortest lift of a continuous column.
_EPSILON = 1e-9
#: Moves after which a point that lifts go on to make better is kept as it is.
_LAST = 1_000


class Model(NamedTuple):
    """
    The program, to be minimised.

    Parameters
    ----------
    indptr, columns, coefs
        CSR: (m + 1,) int64, (nnz,) int32 and float64.
    starts, rows, entries
        The same as CSC.
    lower, upper, is_integer, cost
        (n,) of the columns.
    row_lower, row_upper
        (m,) sides.
    least, most
        (m,) what activities may be: the sides, and a tolerance.
    priced
        (p,) columns that cost something and can move.
    step
        (2,) by how much a solution must be better: at least, and of its cost.
    unit
        (1,) 1 / the mean absolute cost of those that cost something.
    """

    indptr: np.ndarray
    columns: np.ndarray
    coefs: np.ndarray
    starts: np.ndarray
    rows: np.ndarray
    entries: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    is_integer: np.ndarray
    cost: np.ndarray
    row_lower: np.ndarray
    row_upper: np.ndarray
    least: np.ndarray
    most: np.ndarray
    priced: np.ndarray
    step: np.ndarray
    unit: np.ndarray


class State(NamedTuple):
    """
    A point within all bounds, the best solution, and the weights.

    Parameters
    ----------
    value, best
        (n,) the point, and the best solution once there is one.
    activity, weight
        (m,) of the rows.
    violated, place
        (m,) rows that are violated, as many as counts say, and where each stands there, -1 for others.
    may_rise, may_fall, moved
        (n,) iteration until which a column must not go up, or down, and in which it moved last.
    counts, numbers
        See the constants of this module.
    random
        (1,) a random stream.
    """

    value: np.ndarray
    best: np.ndarray
    activity: np.ndarray
    weight: np.ndarray
    violated: np.ndarray
    place: np.ndarray
    may_rise: np.ndarray
    may_fall: np.ndarray
    moved: np.ndarray
    counts: np.ndarray
    numbers: np.ndarray
    random: np.ndarray


class Choice(NamedTuple):
    """The best move so far: ``column`` (1,) int64, -1 for none, and ``move`` (2,), its score and how far it goes."""

    column: np.ndarray
    move: np.ndarray


def make_state(model: Model, value: np.ndarray, seed: int) -> State:
    """A search that begins at a point, (n,), or near: within the bounds, and with whole numbers."""
    n, m = len(model.cost), len(model.least)
    value = np.clip(np.where(model.is_integer, np.rint(value), value), model.lower, model.upper)
    far = max(_LEAST_FAR, 2 * np.abs(value).max(initial=0.0))
    state = State(
        value=value,
        best=np.zeros(n),
        activity=np.zeros(m),
        weight=np.ones(m),
        violated=np.zeros(m, np.int64),
        place=np.full(m, -1, np.int64),
        may_rise=np.zeros(n, np.int64),
        may_fall=np.zeros(n, np.int64),
        moved=np.zeros(n, np.int64),
        counts=np.zeros(3, np.int64),
        numbers=np.array([0.0, np.inf, 0.0, 0.0, far]),
        random=stream(seed),
    )
    _refresh(model, state)
    return state


def make_choice() -> Choice:
    """None yet."""
    return Choice(np.array([-1]), np.array([-np.inf, 0.0]))


@jit
def run(model: Model, state: State, choice: Choice, steps: int) -> None:
    """So many moves, or attempts at one; the path does not depend on how they are divided into calls."""
    counts, numbers = state.counts, state.numbers
    for _ in range(steps):
        counts[ITERATION] += 1
        if counts[ITERATION] % _REFRESH == 0:
            _refresh(model, state)
        choice.column[0] = -1
        choice.move[0] = -np.inf
        if counts[VIOLATED] == 0:
            if numbers[BEST] == np.inf or counts[ITERATION] % _LAST == 0:
                record(model, state)  # there may be lifts for long
            _compare_lifts(model, state, choice)
            if choice.column[0] >= 0:
                _move(model, state, choice)
                continue
            record(model, state)
        _compare_tight(model, state, choice)
        if numbers[_COST] > goal(model, state):
            _compare_breakthroughs(model, state, choice)
        if choice.move[0] <= 0 and counts[VIOLATED] > 0:
            _compare_tightening(model, state, choice)
        if choice.move[0] <= 0:
            _weigh(state)
            if counts[VIOLATED] > 0:
                _compare_mending(model, state, choice)
        if choice.column[0] >= 0:
            _move(model, state, choice)


@jit
def record(model: Model, state: State) -> None:
    """Keep the point if it is a solution, and better than the best, by sums that no rounding has added up in."""
    if not _is_better(model, state):
        return
    _refresh(model, state)
    if _is_better(model, state):
        state.numbers[BEST] = state.numbers[_COST]
        state.counts[FOUND] += 1
        for j in range(len(state.value)):
            state.best[j] = state.value[j]
        if state.numbers[_PRICE] == 0:
            state.numbers[_PRICE] = 1.0  # what it costs does not matter before there is a solution


@jit
def _is_better(model: Model, state: State) -> bool:
    is_better: bool = state.counts[VIOLATED] == 0 and state.numbers[_COST] <= goal(model, state)
    return is_better


@jit
def goal(model: Model, state: State) -> float:
    """What the next solution may cost: less than the best, however large that is."""
    best = state.numbers[BEST]
    if best == np.inf:
        return best
    most: float = min(best - max(model.step[0], model.step[1] * abs(best)), np.nextafter(best, -np.inf))
    return most


@jit
def _refresh(model: Model, state: State) -> None:
    """Activities, violated rows and cost of the point."""
    state.counts[VIOLATED] = 0
    for i in range(len(state.activity)):
        total = 0.0
        for k in range(model.indptr[i], model.indptr[i + 1]):
            total += model.coefs[k] * state.value[model.columns[k]]
        state.place[i] = -1
        _set_activity(model, state, i, total)
    total = 0.0
    for j in range(len(state.value)):
        total += model.cost[j] * state.value[j]
    state.numbers[_COST] = total


@jit
def _set_activity(model: Model, state: State, i: int, activity: float) -> None:
    state.activity[i] = activity
    is_violated = not model.least[i] <= activity <= model.most[i]  # sums that overflow may be NaN
    place = state.place[i]
    if is_violated and place < 0:
        count = state.counts[VIOLATED]
        state.violated[count] = i
        state.place[i] = count
        state.counts[VIOLATED] = count + 1
    elif not is_violated and place >= 0:
        state.counts[VIOLATED] -= 1
        last = state.violated[state.counts[VIOLATED]]
        state.violated[place] = last
        state.place[last] = place
        state.place[i] = -1


@jit
def _move(model: Model, state: State, choice: Choice) -> None:
    j, before = choice.column[0], state.value[choice.column[0]]
    value = before + choice.move[1]
    state.value[j] = min(max(np.rint(value) if model.is_integer[j] else value, model.lower[j]), model.upper[j])
    delta = state.value[j] - before
    now = state.counts[ITERATION]
    rest = now + _REST + below(state.random, _MORE_REST)
    if delta > 0:
        state.may_fall[j] = rest
    else:
        state.may_rise[j] = rest
    state.moved[j] = now
    state.numbers[_COST] += model.cost[j] * delta
    for k in range(model.starts[j], model.starts[j + 1]):
        i = model.rows[k]
        _set_activity(model, state, i, state.activity[i] + model.entries[k] * delta)


@jit
def _score(model: Model, state: State, j: int, delta: float) -> float:
    """Weights of rows that begin to hold, less those that cease to, half of those between; and of the objective."""
    price, change = state.numbers[_PRICE], model.cost[j] * delta
    total = -price * change * model.unit[0]
    if price > 0 and change != 0:
        cost, most = state.numbers[_COST], goal(model, state)
        if cost > most >= cost + change:
            total += price
        elif cost <= most < cost + change:
            total -= price
    for k in range(model.starts[j], model.starts[j + 1]):
        i = model.rows[k]
        before = state.activity[i]
        after = before + model.entries[k] * delta
        lack = max(model.least[i] - after, after - model.most[i])
        if state.place[i] < 0:
            if lack > 0:
                total -= state.weight[i]
        elif lack <= 0:
            total += state.weight[i]
        else:
            lacked = max(model.least[i] - before, before - model.most[i])
            if lack < lacked:
                total += 0.5 * state.weight[i]
            elif lack > lacked:
                total -= 0.5 * state.weight[i]
    return total


@jit
def _is_resting(state: State, j: int, delta: float) -> bool:
    return (state.may_rise[j] if delta > 0 else state.may_fall[j]) >= state.counts[ITERATION]


@jit
def _consider(model: Model, state: State, choice: Choice, j: int, delta: float) -> None:
    """Compare a move with the best so far; of equal ones that of the column which has not moved for longer."""
    if delta != 0 and not _is_resting(state, j, delta):
        score = _score(model, state, j, delta)
        _compare(state, choice, j, delta, score)


@jit
def _compare(state: State, choice: Choice, j: int, delta: float, score: float) -> None:
    best = choice.column[0]
    if score > choice.move[0] or (best >= 0 and score == choice.move[0] and state.moved[j] < state.moved[best]):
        choice.column[0] = j
        choice.move[0] = score
        choice.move[1] = delta


@jit
def _within(model: Model, state: State, j: int, delta: float) -> float:
    """The part of a move that bounds allow."""
    value, far = state.value[j], state.numbers[_FAR]
    return min(max(min(max(value + delta, -far), far), model.lower[j]), model.upper[j]) - value


@jit
def _at_least(model: Model, state: State, j: int, delta: float) -> float:
    """A move of so much or, of whole numbers, the next further one."""
    if model.is_integer[j]:
        delta = np.floor(delta) if delta < 0 else np.ceil(delta)
    return _within(model, state, j, delta)


@jit
def _at_most(model: Model, state: State, j: int, delta: float) -> float:
    """A move of so much or, of whole numbers, the next shorter one."""
    if model.is_integer[j]:
        delta = np.ceil(delta) if delta < 0 else np.floor(delta)
    return _within(model, state, j, delta)


@jit
def _side(model: Model, i: int, j: int, is_upper: bool) -> float:
    """Where a column is to bring a row: to its side, or with the tolerance of that where only whole steps are left."""
    if model.is_integer[j]:
        return model.most[i] if is_upper else model.least[i]
    return model.row_upper[i] if is_upper else model.row_lower[i]


@jit
def _tight(model: Model, state: State, i: int, k: int) -> float:
    """The least move of the column of an entry that makes a violated row hold."""
    j = model.columns[k]
    side = _side(model, i, j, state.activity[i] > model.most[i])
    return _at_least(model, state, j, (side - state.activity[i]) / model.coefs[k])


@jit
def _compare_tight(model: Model, state: State, choice: Choice) -> None:
    count = state.counts[VIOLATED]
    for r in range(min(count, _ROWS)):
        i = state.violated[below(state.random, count) if count > _ROWS else r]
        first, size = model.indptr[i], model.indptr[i + 1] - model.indptr[i]
        place = below(state.random, size) if size > _ENTRIES else 0
        for _ in range(min(size, _ENTRIES)):
            k = first + place
            _consider(model, state, choice, model.columns[k], _tight(model, state, i, k))
            place = place + 1 if place + 1 < size else 0


@jit
def _compare_tightening(model: Model, state: State, choice: Choice) -> None:
    """Moves that bring rows that hold to one of their sides."""
    for _ in range(_TIGHT_ROWS):
        i = below(state.random, len(state.activity))
        first, size = model.indptr[i], model.indptr[i + 1] - model.indptr[i]
        if state.place[i] >= 0 or size == 0:
            continue
        place = below(state.random, size)
        for _ in range(min(size, _TIGHT_ENTRIES)):
            k = first + place
            j = model.columns[k]
            for is_upper in (False, True):
                side = _side(model, i, j, is_upper)
                if abs(side) < np.inf:
                    delta = (side - state.activity[i]) / model.coefs[k]
                    _consider(model, state, choice, j, _at_most(model, state, j, delta))
            place = place + 1 if place + 1 < size else 0


@jit
def _compare_breakthroughs(model: Model, state: State, choice: Choice) -> None:
    """Moves that make the point cost less than the best solution."""
    size = len(model.priced)
    gap = goal(model, state) - state.numbers[_COST]
    place = below(state.random, size)
    for _ in range(min(size, _COSTS)):
        j = model.priced[place]
        _consider(model, state, choice, j, _at_least(model, state, j, gap / model.cost[j]))
        place = place + 1 if place + 1 < size else 0


@jit
def _compare_mending(model: Model, state: State, choice: Choice) -> None:
    """Tight moves of one violated row, whatever they are worth; those of columns that rest come last."""
    i = state.violated[below(state.random, state.counts[VIOLATED])]
    first, size = model.indptr[i], model.indptr[i + 1] - model.indptr[i]
    choice.column[0] = -1
    choice.move[0] = -np.inf
    for rests in (False, True):
        place = below(state.random, size)
        for _ in range(min(size, _MENDED)):
            k = first + place
            j, delta = model.columns[k], _tight(model, state, i, k)
            if delta != 0 and _is_resting(state, j, delta) == rests:
                _compare(state, choice, j, delta, _score(model, state, j, delta))
            place = place + 1 if place + 1 < size else 0
        if choice.column[0] >= 0:
            break


@jit
def _compare_lifts(model: Model, state: State, choice: Choice) -> None:
    """
    Moves that pay and break no row, some of them; where the point is going to be the best solution, until one is found.
    """
    size = len(model.priced)
    if size == 0:
        return
    is_best = state.numbers[_COST] <= goal(model, state)
    place = below(state.random, size)
    for seen in range(size):
        if seen >= _LIFTS and (choice.column[0] >= 0 or not is_best):
            break
        j = model.priced[place]
        place = place + 1 if place + 1 < size else 0
        delta = _lift(model, state, j)
        if delta != 0 and (is_best or not _is_resting(state, j, delta)):
            gain = abs(model.cost[j] * delta)
            if gain > max(choice.move[0], 0.0):
                choice.column[0] = j
                choice.move[0] = gain
                choice.move[1] = delta


@jit
def _lift(model: Model, state: State, j: int) -> float:
    """How far a column can move in the direction that pays while all rows hold."""
    sign = 1.0 if model.cost[j] < 0 else -1.0
    room = max(0.0, sign * _within(model, state, j, sign * 2 * state.numbers[_FAR]))
    least = 1.0 if model.is_integer[j] else _EPSILON
    for k in range(model.starts[j], model.starts[j + 1]):
        if room < least:
            return 0.0
        i = model.rows[k]
        coef = model.entries[k] * sign
        room = min(room, (_side(model, i, j, coef > 0) - state.activity[i]) / coef)
    if room < least:
        return 0.0
    return sign * (np.floor(room) if model.is_integer[j] else room)


@jit
def _weigh(state: State) -> None:
    """Rows that are violated weigh more from now on, or what the point costs where none is."""
    count = state.counts[VIOLATED]
    for place in range(count):
        state.weight[state.violated[place]] += 1
    if count == 0:
        state.numbers[_PRICE] += 1
    state.numbers[_EXCESS] += count
    if state.numbers[_EXCESS] > _MOST_EXCESS * len(state.weight):
        excess = 0.0
        for i in range(len(state.weight)):
            state.weight[i] = max(1.0, _KEPT * state.weight[i])
            excess += state.weight[i] - 1
        state.numbers[_EXCESS] = excess
        state.numbers[_PRICE] *= _KEPT
