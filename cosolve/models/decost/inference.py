"""From a trained network to judged routes: several decodings of each instance, and the best of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cosolve.instances.orienteering import OPTWVPInstance, TimedRoute
from cosolve.models.decost.batch import SYMMETRIES, Batch
from cosolve.models.decost.network import Network
from cosolve.models.decost.rollout import decode
from cosolve.models.watch import encode
from cosolve.search.orienteering import Arrays


def propose(
    network: Network,
    batch: Batch,
    *,
    symmetries: Sequence[int] = range(len(SYMMETRIES)),
    samples: int = 0,
    generator: torch.Generator | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """
    Decode every instance under several symmetries.

    Parameters
    ----------
    symmetries
        Which of the eight.
    samples
        Sampled routes under each; 0 for the one of greatest probabilities.
    generator
        Random stream of the samples.
    should_stop
        As for :func:`decode`, and asked while encoding.

    Returns
    -------
    choices, service
        Routes with their return and padding, and the planned services, both (B, len(symmetries) * max(samples, 1), L).

    Raises
    ------
    TimeUpError
        If time is up before the first step.
    """
    if samples and generator is None:
        raise ValueError("samples need a generator.")
    b, num_routes = batch.num_instances, max(1, samples)
    rows = torch.arange(b, device=batch.travel.device).repeat_interleave(len(symmetries))
    symmetry = torch.tensor(symmetries, device=batch.travel.device).repeat(b)
    copies = batch.take(rows).reflect(symmetry)
    embedding = encode(network, copies, copies.travel.numel(), should_stop)
    rollout = decode(network, copies, embedding, num_routes, generator if samples else None, should_stop)
    shape = (b, len(symmetries) * num_routes, -1)
    return rollout.choices.view(shape), rollout.service.view(shape)


def timed_route(
    instance: OPTWVPInstance, arrays: Arrays, choices: np.ndarray, start: np.ndarray, duration: np.ndarray
) -> TimedRoute:
    """A decoded route in the instance's own numbers and times."""
    visits = np.flatnonzero(choices)
    places = arrays.places[choices[visits]]
    return TimedRoute(customers=places, start=start[visits] + instance.opens[0], duration=duration[visits])


def facts(instance: OPTWVPInstance, arrays: Arrays) -> Mapping[str, float]:
    """What a checkpoint's coverage is about: numbers that do not depend on the units of the instance."""
    horizon = max(arrays.horizon, 1e-9)
    segments = np.diff(arrays.segment_ptr)[1:]
    owner = np.repeat(np.arange(len(arrays.places)), np.diff(arrays.segment_ptr))
    caps = arrays.service + np.bincount(owner, arrays.segment_length, len(arrays.places))
    out = {
        "reachable_customers": float(len(arrays.places) - 1),
        "has_coordinates": float(len(instance.distances.coords) > 0),
        "segments": float(segments.max(initial=1)),
        "shortest_service": float(arrays.service.max() / horizon),
        "prize": float(arrays.prize.max()),
    }
    if len(arrays.places) > 1:
        out["mean_distance"] = float(arrays.travel.mean() / horizon)
        out["mean_window"] = float((arrays.closes - arrays.opens)[1:].mean() / horizon)
        out["mean_cap"] = float(caps[1:].mean() / horizon)
    return out
