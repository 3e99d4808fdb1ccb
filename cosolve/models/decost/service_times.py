"""Best service times of many routes at once: the greedy of :mod:`cosolve.search.service_times` on tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from cosolve.search.service_times import EPS


def best_service_times(
    legs: Tensor, opens: Tensor, closes: Tensor, service: Tensor, length: Tensor, rate: Tensor, begin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """
    Starts (earliest) and durations of greatest profit of R routes of L stops each, the return among them.

    The return, and what pads a short route, is a stop at the depot without segments, whose window closes at the
    horizon. O(R L s) for routes with at most s segments that earn something.

    Parameters
    ----------
    legs
        Travel time to each stop from the one before, (R, L).
    opens, closes, service
        Window of each stop and its shortest service, (R, L).
    length, rate
        Profit segments of each stop, by falling rate and padded with zeros, (R, L, S).
    begin
        Earliest departure, (R,).

    Returns
    -------
    profit
        Of the segments, (R,); -1 where the route can't be done even with the shortest services.
    start, duration
        (R, L).
    """
    num_stops, num_segments = length.shape[1:]
    before = torch.cat([torch.zeros_like(service[:, :1]), service[:, :-1]], dim=1)
    prefix = torch.cumsum(legs + before, dim=1)
    # Opening and closing less the time that travel and service before the stop take.
    early, late = opens - prefix, closes - prefix
    early[:, 0] = torch.maximum(early[:, 0], begin)
    duration = service.clone()
    first = early.cummax(dim=1).values
    infinity = torch.full_like(late[:, :1], torch.inf)
    last = torch.cat([late.flip(1).cummin(dim=1).values.flip(1), infinity], dim=1)
    feasible = ((last[:, :-1] >= first - EPS).all(dim=1)) & (last[:, 0] >= begin - EPS)
    flat_rate = rate.flatten(1) * (length.flatten(1) > 0)
    order = flat_rate.argsort(dim=1, descending=True, stable=True)
    ranks = int((flat_rate > 0).sum(dim=1).max()) if flat_rate.numel() else 0
    stops = torch.arange(num_stops, device=legs.device)
    profit = torch.zeros_like(begin)
    for rank in range(ranks):
        segment = order[:, rank : rank + 1]
        stop = segment // num_segments
        behind = stops > stop
        slack = late.where(behind, torch.inf).amin(dim=1) - early.where(~behind, -torch.inf).amax(dim=1)
        worth = flat_rate.gather(1, segment).squeeze(1)
        extra = torch.minimum(length.flatten(1).gather(1, segment).squeeze(1), slack).clamp_min(0.0) * (worth > 0)
        profit = profit + worth * extra
        shift = extra.unsqueeze(1)
        duration = duration.scatter_add(1, stop, shift)
        early, late = early - shift * behind, late - shift * behind
    before = torch.cat([torch.zeros_like(duration[:, :1]), duration[:, :-1]], dim=1)
    start = early.cummax(dim=1).values + torch.cumsum(legs + before, dim=1)
    return torch.where(feasible, profit, -1.0), start, duration
