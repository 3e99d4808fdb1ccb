"""Service times of many routes at once are those of the compiled kernel, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cosolve.instances.generators.orienteering import hard
from cosolve.models.decost.batch import Batch, arrays_of, coords_of
from cosolve.models.decost.rollout import optimise
from cosolve.models.decost.service_times import best_service_times
from cosolve.search.orienteering import Arrays
from cosolve.search.service_times import best_service_times as one_by_one

TOLERANCE = 1e-9


def compiled(a: Arrays, route: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    start, duration = np.zeros(len(route)), np.zeros(len(route))
    segments = a.segment_ptr, a.segment_length, a.segment_rate
    profit = one_by_one(route, a.travel, a.opens, a.closes, a.horizon, a.service, *segments, start, duration)
    return profit, start, duration


def arrays(rng: np.random.Generator, n: int = 9) -> Arrays:
    """Random windows, shortest services, prizes, and up to three segments of falling rate, times on a coarse grid."""
    counts = np.append(0, rng.integers(0, 4, n - 1))
    rates = np.concatenate([np.sort(rng.integers(0, 9, c))[::-1] for c in counts]).astype(float)
    opens = rng.integers(0, 12, n) / 2.0
    opens[0] = 0.0
    coords = rng.random((n, 2)) * 2
    travel = np.linalg.norm(coords[:, None] - coords[None], axis=2)
    return Arrays(
        places=np.arange(n),
        least=travel,
        travel=travel,
        opens=opens,
        closes=np.append(12.0, opens[1:] + rng.integers(1, 8, n - 1)),
        horizon=12.0,
        service=np.append(0.0, rng.integers(0, 2, n - 1) / 4),
        prize=np.append(0.0, rng.integers(0, 5, n - 1)).astype(float),
        segment_ptr=np.concatenate(([0], np.cumsum(counts))),
        segment_length=rng.integers(1, 5, counts.sum()) / 4.0,
        segment_rate=rates,
        is_integral=False,
    )


def test_tensors_and_kernel_agree_on_profit_starts_and_durations():
    """A wrong reward would train the network for another problem; both ways to infeasibility are among the cases."""
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(40):
        a = arrays(rng)
        batch = Batch.of([a], [np.zeros((9, 2))])
        routes = [rng.permutation(np.arange(1, 9))[: rng.integers(0, 6)] for _ in range(25)]
        padded = np.zeros((1, 25, 7), np.int64)
        for row, route in zip(padded[0], routes, strict=True):
            row[: len(route)] = route
        profit, start, duration = optimise(batch, torch.from_numpy(padded))
        for k, route in enumerate(routes):
            m = len(route)
            expected, begins, lasts = compiled(a, route)
            outcomes.add(expected >= 0)
            if expected < 0:
                assert profit[0, k] == -1
                continue
            assert profit[0, k].item() == pytest.approx(expected + a.prize[route].sum(), abs=TOLERANCE)
            np.testing.assert_allclose(start[0, k, :m], begins, atol=TOLERANCE)
            np.testing.assert_allclose(duration[0, k, :m], lasts, atol=TOLERANCE)
    assert outcomes == {True, False}


def test_service_waits_for_the_late_departure():
    """The earliest departure is a constraint like a window; without it a service would begin before the start."""
    one = torch.ones(1, 2, dtype=torch.float64)
    legs = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    length = torch.tensor([[[5.0], [0.0]]], dtype=torch.float64)
    profit, start, duration = best_service_times(
        legs, 0 * one, 10 * one, 0 * one, length, 2 * length.sign(), torch.tensor([4.0], dtype=torch.float64)
    )
    # Out at 4, there at 5, back by 10: four units are left, at rate 2.
    assert (profit.item(), start[0, 0].item(), duration[0, 0].item()) == (8.0, 5.0, 4.0)


def test_routes_of_instances_with_other_sizes_share_a_batch():
    """Padding must neither earn nor bind."""
    instances = [hard(seed=s, size=n, width=3.0) for s, n in ((0, 8), (1, 14))]
    known = [arrays_of(instance) for instance in instances]
    coords = [coords_of(i, a) for i, a in zip(instances, known, strict=True)]
    routes = torch.tensor([[[1, 2, 0, 0]], [[3, 1, 4, 0]]])
    together, _, _ = optimise(Batch.of(known, coords), routes)
    for i, a in enumerate(known):
        alone, _, _ = optimise(Batch.of([a], [coords[i]]), routes[i : i + 1])
        assert together[i].item() == pytest.approx(alone.item(), abs=TOLERANCE)
