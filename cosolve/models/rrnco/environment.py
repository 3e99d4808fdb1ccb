"""
Where routes stand and which node may come next, as plain tensors.

Everything holds S partial solutions of each of B instances. A node is offered only if the route can still be completed
from there: a customer that is left, fits into the vehicle, is served in its window and leaves time to get home. So
whatever is decoded from a first node that :func:`may_begin` offers is feasible; and complete, as long as every customer
can be served by a vehicle of its own, which only strange durations prevent: a way over other places that is faster than
the direct one. The depot is offered when the vehicle is elsewhere, and at the end for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from cosolve.models.rrnco.batch import Batch


@dataclass(frozen=True)
class State:
    """
    Ends of partial solutions.

    Parameters
    ----------
    first, place
        Node that a tour began with, and the last node, int64 (B, S).
    visited
        Nodes behind it, bool (B, S, n); the depot is never one of them.
    load
        Demand since the depot, float64 (B, S).
    time
        When the last node is left at the earliest, float64 (B, S).
    """

    first: Tensor
    place: Tensor
    visited: Tensor
    load: Tensor
    time: Tensor

    @cached_property
    def rows(self) -> Tensor:
        """Places as rows of tables (B, n, m) whose instances lie below each other, (B S,)."""
        return _rows(self.place, self.visited.shape[2])

    def row_of(self, table: Tensor) -> Tensor:
        """What a table (B, n, m) says of the last node, (B, S, m)."""
        return table.flatten(0, 1).index_select(0, self.rows).view(*self.place.shape, table.shape[2])

    def first_row_of(self, table: Tensor) -> Tensor:
        """What a table (B, n, m) says of the node that a tour began with, (B, S, m)."""
        return table.flatten(0, 1)[_rows(self.first, table.shape[1])].view(*self.first.shape, table.shape[2])


def _rows(nodes: Tensor, n: int) -> Tensor:
    if len(nodes) == 1:
        return nodes.flatten()
    return (nodes + torch.arange(0, n * len(nodes), n, device=nodes.device).unsqueeze(1)).flatten()


def at_depot(batch: Batch, num_solutions: int) -> State:
    """Solutions that have not left the depot yet; of problems that have one."""
    shape = batch.num_instances, num_solutions
    place = torch.zeros(shape, dtype=torch.int64, device=batch.distance.device)
    visited = torch.zeros((*shape, batch.num_nodes), dtype=torch.bool, device=place.device)
    load = torch.zeros(shape, dtype=torch.float64, device=place.device)
    return State(place, place, visited, load, load if batch.opens is None else load + batch.opens[:, :1])


def start(batch: Batch, first: Tensor) -> State:
    """Solutions that begin with the nodes ``first``, (B, S): tours there, routes by going there from the depot."""
    state = at_depot(batch, first.shape[1])
    if not batch.is_tour:
        return step(batch, state, first)
    return State(first, first, state.visited.scatter(2, first.unsqueeze(2), True), state.load, state.time)


def may_begin(batch: Batch) -> Tensor:
    """Which nodes a solution may begin with, bool (B, n): all of a tour, else those allowed from the depot."""
    if batch.is_tour:
        return torch.ones(batch.distance.shape[:2], dtype=torch.bool, device=batch.distance.device)
    mask = allowed(batch, at_depot(batch, 1))[:, 0]
    mask[:, 0] = False
    return mask


def allowed(batch: Batch, state: State) -> Tensor:
    """Which nodes may come next, bool (B, S, n); all False once a tour is complete."""
    mask = ~state.visited
    if batch.is_tour:
        return mask
    assert batch.demand is not None
    assert batch.capacity is not None
    mask &= state.load.unsqueeze(2) + batch.demand.unsqueeze(1) <= batch.capacity[:, None, None]
    if batch.has_gaps:
        mask &= torch.isfinite(state.row_of(batch.distance)) & torch.isfinite(batch.distance[:, None, :, 0])
    if batch.duration is not None:
        assert batch.opens is not None
        assert batch.closes is not None
        assert batch.service is not None
        arrival = state.time.unsqueeze(2) + state.row_of(batch.duration)
        begin = torch.maximum(arrival, batch.opens.unsqueeze(1))
        home = begin + batch.service.unsqueeze(1) + batch.duration[:, None, :, 0]
        mask &= (begin <= batch.closes.unsqueeze(1)) & (home <= batch.closes[:, :1].unsqueeze(2))
    mask[:, :, 0] = state.place > 0
    # At the depot with nothing left to do the vehicle stays there: that pads the shorter solutions of a batch.
    mask[:, :, 0] |= ~mask[:, :, 1:].any(dim=2)
    return mask


def _begin(batch: Batch, state: State, choice: Tensor) -> Tensor:
    """When service begins at nodes (B, S) that are gone to; of problems with times."""
    assert batch.duration is not None
    assert batch.opens is not None
    leg = batch.duration.take(state.rows.view_as(choice) * batch.num_nodes + choice)
    return torch.maximum(state.time + leg, batch.opens.gather(1, choice))


def step(batch: Batch, state: State, choice: Tensor) -> State:
    """Go to allowed nodes, (B, S)."""
    visited = state.visited.scatter(2, choice.unsqueeze(2), True)
    if batch.is_tour:
        return State(state.first, choice, visited, state.load, state.time)
    assert batch.demand is not None
    visited[:, :, 0] = False
    at_depot = choice == 0
    load = torch.where(at_depot, 0.0, state.load + batch.demand.gather(1, choice))
    time = state.time
    if batch.opens is not None and batch.service is not None:
        end = _begin(batch, state, choice) + batch.service.gather(1, choice)
        time = torch.where(at_depot, batch.opens[:, :1], end)
    return State(state.first, choice, visited, load, time)


def is_over(state: State, mask: Tensor) -> bool:
    """Whether all vehicles are at home and nothing is left that they could do, by the mask of allowed nodes."""
    return bool((mask[:, :, 0] & (state.place == 0)).all())


def cost(batch: Batch, choices: Tensor) -> Tensor:
    """
    Total distance, float64 (B, S); infinite if somebody was left out.

    Parameters
    ----------
    choices
        Nodes in order, (B, S, L): a tour, or routes with the depot between them, at the end, and as padding.
    """
    before = choices.roll(1, dims=2)
    if not batch.is_tour:
        before[:, :, 0] = 0
    n = batch.num_nodes
    ways = batch.distance.flatten(1).gather(1, (before * n + choices).flatten(1)).view(choices.shape)
    total = ways.cumsum(dim=2)[:, :, -1]  # one after the other, whatever the padding
    seen = torch.zeros((*choices.shape[:2], n), dtype=torch.bool, device=choices.device).scatter_(2, choices, True)
    return torch.where(seen[:, :, 0 if batch.is_tour else 1 :].all(dim=2), total, torch.inf)


def turned_round(batch: Batch, choices: Tensor, which: Tensor) -> Tensor:
    """Some instances' solutions the other way round, with the depot at the end; bool (B,), (B, S, L) as for cost."""
    flipped = choices.flip(2)
    if not batch.is_tour:
        # The depot that ended the last route, and the padding, are at the front now.
        length = choices.shape[2]
        padding = (flipped != 0).to(torch.int8).argmax(dim=2, keepdim=True)
        place = torch.arange(length, device=choices.device).expand_as(choices) + padding
        flipped = flipped.gather(2, place % length)
    return torch.where(which[:, None, None], flipped, choices)


def keeps_limits(batch: Batch, choices: Tensor) -> Tensor:
    """Whether no route of a solution is too full or too late, bool (B, S); choices as for :func:`cost`."""
    kept = torch.ones(choices.shape[:2], dtype=torch.bool, device=choices.device)
    if batch.is_tour:
        return kept
    assert batch.capacity is not None
    state = at_depot(batch, choices.shape[1])
    for choice in choices.unbind(dim=2):
        if batch.closes is not None:
            kept &= _begin(batch, state, choice) <= batch.closes.gather(1, choice)
        state = step(batch, state, choice)
        kept &= state.load <= batch.capacity.unsqueeze(1)
    return kept
