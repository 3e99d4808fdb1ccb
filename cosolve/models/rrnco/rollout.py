"""Solutions from a network: decoded one node at a time, or given and looked at in one pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from cosolve.models.chance import draw
from cosolve.models.rrnco import environment
from cosolve.models.rrnco.batch import Batch
from cosolve.models.rrnco.decoder import Embedding
from cosolve.models.rrnco.environment import State
from cosolve.models.rrnco.network import Network

#: Steps between two looks at whether all routes are at home, which a GPU has to be waited for.
_LOOK = {"cpu": 1, "cuda": 8}


@dataclass(frozen=True)
class Rollout:
    """
    S solutions of each of B instances, step by step, all (B, S, L).

    Parameters
    ----------
    choices
        Nodes in order. Routes end with the depot, which is the padding too; the first node is a given one.
    place, load, time
        State in which each was chosen, see :class:`State`.
    """

    choices: Tensor
    place: Tensor
    load: Tensor
    time: Tensor

    def take(self, rows: Tensor) -> Rollout:
        """Solutions of some of the instances, by number, up to the longest of them."""
        length = int((self.choices[rows] > 0).any(dim=1).nonzero()[:, 1].max()) + 2
        return Rollout(*(getattr(self, f.name)[rows, :, :length] for f in fields(self)))

    def states(self, batch: Batch) -> State:
        """The state before each choice but the first, solutions and steps in one axis: (B, S (L - 1))."""
        seen = torch.nn.functional.one_hot(self.choices, batch.num_nodes).to(torch.int8)
        visited = seen.cumsum(dim=2, dtype=torch.int8)[:, :, :-1] > 0
        if not batch.is_tour:
            visited[..., 0] = False
        first = self.choices[:, :, :1].expand(-1, -1, self.choices.shape[2] - 1)
        place, load, time = (table[:, :, 1:].flatten(1) for table in (self.place, self.load, self.time))
        return State(first.flatten(1), place, visited.flatten(1, 2), load, time)


def decode(
    network: Network,
    batch: Batch,
    embedding: Embedding,
    first: Tensor,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Rollout | None:
    """
    Build solutions.

    Parameters
    ----------
    first
        First node of each, (B, S); never the depot.
    generator
        Random stream of the choices; ``None`` takes the most probable node each time.
    should_stop
        Asked before each step; once it says so, there is no result.
    """
    begin, state = _begin(batch, first)
    steps = [begin]
    look = _LOOK[first.device.type]
    most = batch.num_nodes - 1 if batch.is_tour else 2 * batch.num_nodes
    for k in range(most):
        if should_stop is not None and should_stop():
            return None
        mask = environment.allowed(batch, state)
        if not batch.is_tour and k % look == 0 and environment.is_over(state, mask):
            break
        if generator is None:
            choice = network.score(batch, embedding, state, mask).argmax(dim=2)
        else:
            choice = draw(network.decide(batch, embedding, state, mask), mask, generator)
        steps.append((choice, state.place, state.load, state.time))
        state = environment.step(batch, state, choice)
    return Rollout(*(torch.stack(column, dim=2) for column in zip(*steps, strict=True)))


def follow(batch: Batch, choices: Tensor) -> Rollout:
    """Walk along given feasible solutions, (B, S, L)."""
    begin, state = _begin(batch, choices[:, :, 0])
    steps = [begin]
    for k in range(1, choices.shape[2]):
        choice = choices[:, :, k]
        steps.append((choice, state.place, state.load, state.time))
        state = environment.step(batch, state, choice)
    return Rollout(*(torch.stack(column, dim=2) for column in zip(*steps, strict=True)))


def _begin(batch: Batch, first: Tensor) -> tuple[tuple[Tensor, ...], State]:
    """The given first step as it is kept, and the state behind it."""
    home = environment.at_depot(batch, first.shape[1])
    place = first if batch.is_tour else home.place
    return (first, place, home.load, home.time), environment.start(batch, first)
