"""
Where a route stands and what it may visit next, as plain tensors.

Everything holds Q routes of each of B instances. A customer is allowed if its service can start in its window and
the return from its shortest service is in time; the depot is allowed always and ends the route. So every route that
is built here can be done at least with the shortest services. Waiting and service count once: the released code adds
the service of the customer before twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cosolve.models.decost.batch import Batch

#: Slack of a window, absolute: below that of the service times, so that these can always be had.
EPS = 1e-10


@dataclass(frozen=True)
class State:
    """
    Ends of partial routes.

    Parameters
    ----------
    place
        Last place, int64 (B, Q).
    departure
        When it is left with the planned services, float64 (B, Q).
    latest
        When it would be left with services as long as the caps and the windows on the way allow.
    visited
        Places that the route went to, bool (B, Q, n); the depot is one from the return on.
    """

    place: Tensor
    departure: Tensor
    latest: Tensor
    visited: Tensor


def start(batch: Batch, num_routes: int) -> State:
    """Routes that have not left the depot."""
    shape = batch.num_instances, num_routes
    place = torch.zeros(shape, dtype=torch.int64, device=batch.travel.device)
    departure = batch.opens[:, :1].expand(shape).clone()
    visited = torch.zeros((*shape, batch.num_places), dtype=torch.bool, device=batch.travel.device)
    return State(place, departure, departure.clone(), visited)


def legs_from(batch: Batch, place: Tensor) -> Tensor:
    """Travel times from places (B, Q) to all places, (B, Q, n)."""
    return batch.travel.gather(1, place.unsqueeze(2).expand(-1, -1, batch.num_places))


def allowed(batch: Batch, state: State) -> Tensor:
    """Which places may come next, bool (B, Q, n)."""
    arrival = state.departure.unsqueeze(2) + legs_from(batch, state.place)
    begin = torch.maximum(arrival, batch.opens.unsqueeze(1))
    back = begin + (batch.service + batch.travel[:, :, 0]).unsqueeze(1)
    in_time = (begin <= batch.closes.unsqueeze(1) + EPS) & (back <= batch.horizon[:, None, None] + EPS)
    returned = state.visited[:, :, :1]
    mask = in_time & batch.valid.unsqueeze(1) & ~state.visited & ~returned
    mask[:, :, 0] = True
    return mask


def longest_service(batch: Batch, state: State, choice: Tensor) -> Tensor:
    """Longest service at the next places (B, Q) by cap and return, no other customer in mind."""
    begin, back = _begin(batch, state.departure, state, choice), batch.travel[:, :, 0].gather(1, choice)
    room = (batch.horizon.unsqueeze(1) - back - begin).clamp_min(0.0)
    return torch.minimum(batch.caps.gather(1, choice), room)


def step(batch: Batch, state: State, choice: Tensor, service: Tensor) -> State:
    """
    Go to the next places and serve there.

    Parameters
    ----------
    choice
        Allowed places, (B, Q).
    service
        Planned services, at least the shortest, (B, Q).
    """
    begin = _begin(batch, state.departure, state, choice)
    late = torch.minimum(_begin(batch, state.latest, state, choice), batch.closes.gather(1, choice))
    back = batch.horizon.unsqueeze(1) - batch.travel[:, :, 0].gather(1, choice)
    return State(
        choice,
        begin + service,
        torch.minimum(late + batch.caps.gather(1, choice), back),
        state.visited | torch.nn.functional.one_hot(choice, batch.num_places).bool(),
    )


def _begin(batch: Batch, departure: Tensor, state: State, choice: Tensor) -> Tensor:
    leg = legs_from(batch, state.place).gather(2, choice.unsqueeze(2)).squeeze(2)
    return torch.maximum(departure + leg, batch.opens.gather(1, choice))
