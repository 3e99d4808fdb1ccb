"""Orienteering instances as padded tensors, and the square's symmetries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from cosolve.instances.orienteering import OPTWVPInstance
from cosolve.search.orienteering import Arrays, prepare

#: Reflections of the plane: whether x and y change places, then the signs of both.
SYMMETRIES = [(swap, x, y) for swap in (False, True) for x in (1.0, -1.0) for y in (1.0, -1.0)]


def arrays_of(instance: OPTWVPInstance) -> Arrays:
    """The instance with times from its start on, without customers that nobody can visit or that earn nothing."""
    return prepare(*instance.kernel_args, **instance.kernel_facts)


def coords_of(instance: OPTWVPInstance, arrays: Arrays) -> np.ndarray:
    """Coordinates of the places that are left, the depot at the origin; zeros if the instance has none."""
    coords = instance.distances.coords
    if not len(coords):
        return np.zeros((len(arrays.places), 2))
    return coords[arrays.places] - coords[0]


@dataclass(frozen=True)
class Batch:
    """
    B instances of at most n places and S profit segments at a place; place 0 is the depot, times count from 0.

    All but ``valid`` are float64: a route that just keeps its windows in float32 may break them in truth.

    Parameters
    ----------
    coords
        Relative to the depot, (B, n, 2).
    travel
        (B, n, n).
    opens, closes, service, prize
        (B, n); the depot closes at the horizon.
    length, rate
        Profit segments padded with zeros, (B, n, S).
    valid
        Which places exist, bool (B, n).
    """

    coords: Tensor
    travel: Tensor
    opens: Tensor
    closes: Tensor
    service: Tensor
    prize: Tensor
    length: Tensor
    rate: Tensor
    valid: Tensor

    @classmethod
    def of(cls, arrays: Sequence[Arrays], coords: Sequence[np.ndarray]) -> Batch:
        """Pad instances to the size of the largest."""
        b, n = len(arrays), max(len(a.places) for a in arrays)
        depth = max(1, *(int(np.diff(a.segment_ptr).max()) for a in arrays))
        out = {name: np.zeros((b, n)) for name in ("opens", "closes", "service", "prize")}
        out |= {name: np.zeros((b, n, depth)) for name in ("length", "rate")}
        out |= {"coords": np.zeros((b, n, 2)), "travel": np.zeros((b, n, n)), "valid": np.zeros((b, n), bool)}
        for i, a in enumerate(arrays):
            m = len(a.places)
            out["coords"][i, :m] = coords[i]
            out["travel"][i, :m, :m] = a.travel
            for name in ("opens", "closes", "service", "prize"):
                out[name][i, :m] = getattr(a, name)
            owner = np.repeat(np.arange(m), np.diff(a.segment_ptr))
            within = np.arange(len(owner)) - a.segment_ptr[owner]
            out["length"][i, owner, within] = a.segment_length
            out["rate"][i, owner, within] = a.segment_rate
            out["valid"][i, :m] = True
        return cls(**{name: torch.from_numpy(values) for name, values in out.items()})

    @property
    def num_instances(self) -> int:
        """B."""
        return self.travel.shape[0]

    @property
    def num_places(self) -> int:
        """n, padding included."""
        return self.travel.shape[1]

    @property
    def horizon(self) -> Tensor:
        """Latest return, (B,)."""
        return self.closes[:, 0]

    @property
    def caps(self) -> Tensor:
        """Longest service that still earns something, (B, n)."""
        return self.service + self.length.sum(dim=2)

    def to(self, device: torch.device) -> Batch:
        """On another device."""
        return Batch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def take(self, rows: Tensor) -> Batch:
        """Some of the instances, by number, repeats allowed; without padding that none of them needs."""
        n = int(self.valid[rows].sum(dim=1).max())
        cut = {f.name: getattr(self, f.name)[rows][:, :n] for f in fields(self)}
        cut["travel"] = cut["travel"][:, :, :n]
        return Batch(**cut)

    def reflect(self, symmetry: Tensor) -> Batch:
        """
        Reflect the plane of each instance; routes and profits stay what they are.

        Parameters
        ----------
        symmetry
            Indices into :data:`SYMMETRIES`, (B,).
        """
        table = torch.tensor(SYMMETRIES, dtype=torch.float64, device=self.coords.device)[symmetry]
        swapped = torch.where(table[:, :1, None] > 0, self.coords.flip(2), self.coords)
        return Batch(**{**vars(self), "coords": swapped * table[:, None, 1:]})
