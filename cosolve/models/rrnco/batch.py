"""Routing instances as tensors, the units that the network sees them in, and the symmetries they are seen under."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor

from cosolve.instances.routing_arrays import RoutingArrays

#: Whether x and y of the unit square change places, which of them are mirrored, and whether all is driven backwards.
SYMMETRIES = list(product((False, True), repeat=4))

#: Horizon of the published instances with time windows, in longest durations; times are divided by it.
HORIZON = 4.6

#: What an unreachable pair counts as, in longest distances.
_FAR = 2.0


@dataclass(frozen=True)
class Batch:
    """
    B instances of n nodes each, and of one problem.

    Distances, times and loads are float64 in the instances' own units, added up in the order in which the judge adds
    them: a route that just keeps its windows here keeps them there.

    Parameters
    ----------
    coords
        In the unit square, both axes in one scale, float32 (B, n, 2).
    distance
        (B, n, n).
    demand, capacity
        (B, n) and (B,); ``None`` for tours.
    duration, opens, closes, service
        (B, n, n) and (B, n) each; ``None`` if neither windows nor lengths of routes are limited.
    """

    coords: Tensor
    distance: Tensor
    demand: Tensor | None = None
    capacity: Tensor | None = None
    duration: Tensor | None = None
    opens: Tensor | None = None
    closes: Tensor | None = None
    service: Tensor | None = None

    @classmethod
    def of(cls, arrays: Sequence[RoutingArrays], *, is_tour: bool) -> Batch:
        """
        Put instances of one size together.

        Parameters
        ----------
        arrays
            With coordinates.
        is_tour
            Whether place 0 is a city like the others and not a depot.
        """

        def table(name: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(one, name) for one in arrays]))

        coords = _in_unit_square(table("coords")).float()
        if is_tour:
            return cls(coords, table("distance"))
        capacity = torch.tensor([one.capacity for one in arrays], dtype=torch.float64)
        routes = cls(coords, table("distance"), table("demand"), capacity)
        if not any(np.isfinite(one.closes).any() for one in arrays):
            return routes
        return replace(routes, **{name: table(name) for name in ("duration", "opens", "closes", "service")})

    @property
    def num_instances(self) -> int:
        """B."""
        return self.distance.shape[0]

    @property
    def num_nodes(self) -> int:
        """n."""
        return self.distance.shape[1]

    @property
    def is_tour(self) -> bool:
        """Whether a solution is one tour, without a depot."""
        return self.demand is None

    def to(self, device: torch.device) -> Batch:
        """On another device."""
        return self._map(lambda table: table.to(device))

    def take(self, rows: Tensor) -> Batch:
        """Some of the instances, by number, repeats allowed."""
        return self._map(lambda table: table[rows])

    def reflect(self, symmetry: Tensor) -> Batch:
        """
        Turn and mirror the unit square of each instance, and let time run backwards where :meth:`is_backwards`.

        Backwards, ways are those in the other direction, and windows are mirrored in the time between the depot's
        opening and the last return that customers leave room for. Routes that keep the limits of the one instance
        are, the other way round, routes of the other one, but for rounding.

        Parameters
        ----------
        symmetry
            Indices into :data:`SYMMETRIES`, (B,).
        """
        table = torch.tensor(SYMMETRIES, device=self.coords.device)[symmetry]
        swapped = torch.where(table[:, :1, None], self.coords.flip(2), self.coords)
        mirrored = replace(self, coords=torch.where(table[:, None, 1:3], 1.0 - swapped, swapped))
        which = self.is_backwards(symmetry)
        return mirrored._turn_round(which) if bool(which.any()) else mirrored

    def is_backwards(self, symmetry: Tensor) -> Tensor:
        """Which instances a symmetry turns round in time, bool (B,): none where the last return has no limit."""
        which = torch.tensor(SYMMETRIES, device=symmetry.device)[symmetry, 3]
        return which if self.closes is None else which & torch.isfinite(self._last_return[:, 0])

    @cached_property
    def _last_return(self) -> Tensor:
        """When the last vehicle is back at the latest, (B, 1): a depot may close long after, or never."""
        assert self.closes is not None
        assert self.service is not None
        assert self.duration is not None
        back = self.closes + self.service + self.duration[:, :, 0]
        return torch.minimum(self.closes[:, :1], back[:, 1:].amax(dim=1, keepdim=True))

    def _turn_round(self, which: Tensor) -> Batch:
        """Other directions and mirrored windows for some of the instances, bool (B,)."""

        def other_way(table: Tensor) -> Tensor:
            out = table.clone()
            out[which] = table[which].transpose(1, 2)
            return out

        turned = replace(self, distance=other_way(self.distance))
        if self.duration is None or self.opens is None or self.closes is None or self.service is None:
            return turned
        # A service that begins at t and takes s begins at first + last - t - s, seen from the other end.
        first, last = self.opens[:, :1], self._last_return
        opens = torch.maximum(first + last - self.closes - self.service, first)
        closes = first + last - self.opens - self.service
        # The depot's own hours without rounding.
        opens, closes = torch.cat([first, opens[:, 1:]], dim=1), torch.cat([last, closes[:, 1:]], dim=1)
        return replace(
            turned,
            duration=other_way(self.duration),
            opens=torch.where(which.unsqueeze(1), opens, self.opens),
            closes=torch.where(which.unsqueeze(1), closes, self.closes),
        )

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return Batch(**{name: None if table is None else change(table) for name, table in given.items()})

    # -- what the network sees -------------------------------------------------------------------------------

    @cached_property
    def length_unit(self) -> Tensor:
        """Longest distance of each instance, (B, 1, 1)."""
        return _longest(self.distance)

    @cached_property
    def time_unit(self) -> Tensor:
        """Longest duration of each instance, (B, 1, 1)."""
        assert self.duration is not None
        return _longest(self.duration)

    @cached_property
    def scaled_distance(self) -> Tensor:
        """Distances in [0, 1], more where there is no way, float32 (B, n, n)."""
        return (self.distance / self.length_unit).clamp_max(_FAR).float()

    @cached_property
    def scaled_duration(self) -> Tensor:
        """Durations in [0, 1], more where there is no way, float32 (B, n, n)."""
        assert self.duration is not None
        return (self.duration / self.time_unit).clamp_max(_FAR).float()

    @cached_property
    def angle(self) -> Tensor:
        """Direction from each node to each other, float32 (B, n, n)."""
        gap = self.coords.unsqueeze(1) - self.coords.unsqueeze(2)
        return torch.atan2(gap[..., 1], gap[..., 0])

    @cached_property
    def demand_share(self) -> Tensor:
        """Demand in capacities, float32 (B, n)."""
        assert self.demand is not None
        assert self.capacity is not None
        return (self.demand / self.capacity.clamp_min(1e-300).unsqueeze(1)).float()

    def in_horizons(self, time: Tensor) -> Tensor:
        """Times (B, m) since the depot's opening in published horizons, which are 4.6 longest durations; float32."""
        assert self.opens is not None
        return ((time - self.opens[:, :1]) / (HORIZON * self.time_unit[:, 0])).clamp(-_FAR, _FAR).float()

    @cached_property
    def has_gaps(self) -> bool:
        """Whether some node can't be reached from some other one."""
        gaps = not bool(torch.isfinite(self.distance).all())
        return gaps or (self.duration is not None and not bool(torch.isfinite(self.duration).all()))


def _longest(table: Tensor) -> Tensor:
    longest = torch.where(torch.isfinite(table), table, 0.0).amax(dim=(1, 2), keepdim=True)
    return torch.where(longest > 0, longest, 1.0)


def _in_unit_square(coords: Tensor) -> Tensor:
    """Moved and scaled so that the longer side of the bounding box is the unit, and its centre that of the square."""
    low, high = coords.amin(dim=1, keepdim=True), coords.amax(dim=1, keepdim=True)
    side = (high - low).amax(dim=2, keepdim=True)
    return (coords - (low + high) / 2) / torch.where(side > 0, side, 1.0) + 0.5
