"""The best different predictions, part by part."""

from __future__ import annotations

import numpy as np
import pytest

from cosolve.models.shortlist import Shortlist


@pytest.mark.parametrize("most", [1, 3, 100])
def test_parts_make_the_list_that_all_at_once_would(most):
    """A key that comes again, cheaper or not, and ties: the memory kept must make no difference to the outcome."""
    rng = np.random.default_rng(most)
    for _ in range(200):
        given = [(int(key), float(cost)) for key, cost in rng.integers(0, 8, (20, 2))]
        short: Shortlist[tuple[int, int]] = Shortlist(most)
        for k, (key, cost) in enumerate(given):
            if short.has_room(cost):
                short.add(key, cost, lambda key=key, k=k: (key, k))
        first = {}
        for k in sorted(range(len(given)), key=lambda k: given[k][1]):
            first.setdefault(given[k][0], k)
        assert short.predictions == list(first.items())[:most]
