"""Routes from a network: decoded one place at a time, or given and looked at in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cosolve.models.chance import draw
from cosolve.models.decost import environment
from cosolve.models.decost.batch import Batch
from cosolve.models.decost.environment import State
from cosolve.models.decost.network import Embedding, Network
from cosolve.models.decost.service_times import best_service_times


@dataclass(frozen=True)
class Rollout:
    """
    Q routes of each of B instances, step by step.

    Parameters
    ----------
    choices
        Places in order, the return and padding by the depot at the end, int64 (B, Q, L).
    place, departure, latest
        State in which each was made, see :class:`State`, (B, Q, L).
    room
        Longest service of each choice, (B, Q, L).
    service
        Planned one, (B, Q, L).
    """

    choices: Tensor
    place: Tensor
    departure: Tensor
    latest: Tensor
    room: Tensor
    service: Tensor

    def states(self, num_places: int) -> State:
        """The state before each choice, routes and steps in one axis: (B, Q L)."""
        earlier = torch.nn.functional.one_hot(self.choices, num_places).cumsum(dim=2).roll(1, dims=2) > 0
        earlier[:, :, 0] = False
        return State(self.place.flatten(1), self.departure.flatten(1), self.latest.flatten(1), earlier.flatten(1, 2))

    @property
    def is_real(self) -> Tensor:
        """Which steps are choices and not padding: those before the return, and the return, bool (B, Q, L)."""
        returned = (self.choices == 0).long().cumsum(dim=2)
        return (returned == 0) | ((returned == 1) & (self.choices == 0))


def decode(
    network: Network,
    batch: Batch,
    embedding: Embedding,
    num_routes: int,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Rollout:
    """
    Build routes.

    Parameters
    ----------
    num_routes
        Routes of each instance.
    generator
        Random stream of the choices; ``None`` takes the most probable place each time.
    should_stop
        Asked before each step; once it says so, all routes go home.
    """
    state = environment.start(batch, num_routes)
    steps: list[tuple[Tensor, ...]] = []
    for _ in range(batch.num_places):
        mask = environment.allowed(batch, state)
        log_probability, share = network.decide(batch, embedding, state, mask)
        if should_stop is not None and should_stop():
            choice = torch.zeros_like(state.place)
        elif generator is None:
            choice = log_probability.argmax(dim=2)
        else:
            choice = draw(log_probability, mask, generator)
        steps.append(_record(batch, state, choice, share))
        state = environment.step(batch, state, choice, steps[-1][5])
        if bool((choice == 0).all()):
            break
    return Rollout(*(torch.stack(column, dim=2) for column in zip(*steps, strict=True)))


def follow(batch: Batch, choices: Tensor, service: Tensor | None = None) -> Rollout:
    """
    Walk along given routes.

    Parameters
    ----------
    choices
        Feasible routes, ending with the depot and padded by it, (B, Q, L).
    service
        Planned services, (B, Q, L); ``None`` for the shortest.
    """
    if service is None:
        service = batch.service.unsqueeze(1).expand(-1, choices.shape[1], -1).gather(2, choices)
    state = environment.start(batch, choices.shape[1])
    steps: list[tuple[Tensor, ...]] = []
    for k in range(choices.shape[2]):
        choice = choices[:, :, k]
        room = environment.longest_service(batch, state, choice)
        steps.append((choice, state.place, state.departure, state.latest, room, service[:, :, k]))
        state = environment.step(batch, state, choice, service[:, :, k])
    return Rollout(*(torch.stack(column, dim=2) for column in zip(*steps, strict=True)))


def _record(batch: Batch, state: State, choice: Tensor, share: Tensor) -> tuple[Tensor, ...]:
    room = environment.longest_service(batch, state, choice)
    least = batch.service.gather(1, choice)
    planned = least + share.gather(2, choice.unsqueeze(2)).squeeze(2).double() * (room - least).clamp_min(0.0)
    return choice, state.place, state.departure, state.latest, room, planned


def review(network: Network, batch: Batch, embedding: Embedding, rollout: Rollout) -> tuple[Tensor, Tensor]:
    """
    Log-probabilities of the choices and planned services of a rollout, with gradients, all steps in one pass.

    The clocks are taken as they were, without gradients.

    Returns
    -------
    log_probability, service
        (B, Q, L); the log-probability of padding is 0.
    """
    shape = rollout.choices.shape
    state, choice = rollout.states(batch.num_places), rollout.choices.flatten(1).unsqueeze(2)
    log_probability, share = network.decide(batch, embedding, state, environment.allowed(batch, state))
    chosen = log_probability.gather(2, choice).view(shape) * rollout.is_real
    least = batch.service.unsqueeze(1).expand(-1, shape[1], -1).gather(2, rollout.choices)
    service = least + share.gather(2, choice).view(shape).double() * (rollout.room - least).clamp_min(0.0)
    return chosen, service


def optimise(batch: Batch, choices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Profit of each route at its best, prizes included, (B, Q); starts and durations of the services, (B, Q, L)."""
    b, q, _ = choices.shape
    rows = torch.arange(b, device=choices.device).repeat_interleave(q)
    stops = choices.flatten(0, 1)
    at = (rows.unsqueeze(1), stops)
    before = torch.cat([torch.zeros_like(stops[:, :1]), stops[:, :-1]], dim=1)
    profit, start, duration = best_service_times(
        batch.travel[rows.unsqueeze(1), before, stops],
        batch.opens[at],
        batch.closes[at],
        batch.service[at],
        batch.length[at],
        batch.rate[at],
        batch.opens[rows, 0],
    )
    total = torch.where(profit < 0, profit, profit + batch.prize[at].sum(dim=1))
    return total.view(b, q), start.view(choices.shape), duration.view(choices.shape)


def profits(batch: Batch, choices: Tensor, service: Tensor) -> Tensor:
    """Profit at each stop of given service times, (B, Q, L); differentiable in them."""
    rows = torch.arange(batch.num_instances, device=choices.device)[:, None, None]
    length, rate = batch.length[rows, choices], batch.rate[rows, choices]
    left = (service - batch.service[rows, choices]).unsqueeze(3) - (length.cumsum(dim=3) - length)
    return batch.prize[rows, choices] + (torch.minimum(left.clamp_min(0.0), length) * rate).sum(dim=3)


def starts(batch: Batch, rollout: Rollout) -> Tensor:
    """Earliest start of each service with the planned services, (B, Q, L)."""
    rows = torch.arange(batch.num_instances, device=rollout.choices.device)[:, None, None]
    arrival = rollout.departure + batch.travel[rows, rollout.place, rollout.choices]
    return torch.maximum(arrival, batch.opens[rows, rollout.choices])
