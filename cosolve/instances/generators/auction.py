"""Combinatorial auctions: the "arbitrary" distribution of the Combinatorial Auction Test Suite."""

from __future__ import annotations

import numpy as np

from cosolve.instances.generators import Generator
from cosolve.instances.generators._blocks import Block, assemble, named
from cosolve.instances.milp import MILPInstance


def auction(
    *,
    seed: int = 0,
    items: int = 100,
    bids: int = 500,
    min_value: float = 1.0,
    max_value: float = 100.0,
    value_deviation: float = 0.5,
    add_item_prob: float = 0.65,
    max_sub_bids: int = 5,
    additivity: float = 0.2,
    budget_factor: float = 1.5,
    resale_factor: float = 0.5,
) -> MILPInstance:
    """
    Accept bids on bundles of items for the most money; each item is sold at most once. [1]_

    A bidder has an interest in each item, a private value near its common one, and bids on a bundle that grows by
    items compatible with those in it; up to ``max_sub_bids`` substitutes share an item with that bundle. Rows: one
    per item that somebody wants ("item"), one per bidder with more than two bids, of which one may win ("bidder").
    Prices are rounded to a millionth, so that they are the same whatever the platform's power function.

    Parameters
    ----------
    items, bids
        Numbers of items and of bids, >= 1.
    min_value, max_value
        Range of the common values, 0 <= min_value <= max_value.
    value_deviation
        Private values deviate by up to this share of ``max_value``.
    add_item_prob
        Probability that a bundle grows by one more item, in [0, 1).
    max_sub_bids
        Substitutable bids of a bidder beyond the first.
    additivity
        A bundle of n items is worth n^(1 + additivity) more than its items.
    budget_factor, resale_factor
        A substitute costs at most this factor of the first bid, and its items are worth at least that share of it;
        both >= 0.

    References
    ----------
    .. [1] Leyton-Brown, K., Pearson, M., Shoham, Y. (2000). Towards a universal test suite for combinatorial auction
           algorithms. *Proceedings of the 2nd ACM Conference on Electronic Commerce*: 66-76.
    """
    for name, value, is_ok, allowed in (
        ("items", items, 1 <= items <= 20_000, "in 1..20000"),
        ("bids", bids, 1 <= bids <= 10_000_000, "in 1..10000000"),
        ("min_value", min_value, 0 <= min_value <= max_value < np.inf, "in 0..max_value"),
        ("value_deviation", value_deviation, 0 <= value_deviation <= 1, "in [0, 1]"),
        ("add_item_prob", add_item_prob, 0 <= add_item_prob < 1, "in [0, 1)"),
        ("max_sub_bids", max_sub_bids, max_sub_bids >= 0, ">= 0"),
        ("additivity", additivity, -1 <= additivity <= 10, "in -1..10"),
        ("budget_factor", budget_factor, 0 <= budget_factor < np.inf, "a finite number >= 0"),
        ("resale_factor", resale_factor, 0 <= resale_factor < np.inf, "a finite number >= 0"),
    ):
        if not is_ok:
            raise ValueError(f"{name} must be {allowed}, got {value}.")
    rng = np.random.default_rng(seed)
    values = min_value + (max_value - min_value) * rng.random(items)
    compatible = np.triu(rng.random((items, items)), k=1)
    compatible += compatible.T
    # Rows sum to 1: an item pulls in others by its share of affection. Cumulative sums add in a fixed order.
    compatible /= np.maximum(np.cumsum(compatible, axis=1)[:, -1:], 1e-300)

    def grow(bundle: list[int], interest: np.ndarray) -> None:
        """Add an item, drawn by interest times compatibility with those in the bundle."""
        pull = interest * np.cumsum(compatible[bundle], axis=0)[-1]
        pull[bundle] = 0.0
        bundle.append(_draw(rng, pull))

    def price_of(bundle: list[int], private: np.ndarray) -> float:
        return round(sum(private[bundle].tolist()) + len(bundle) ** (1 + additivity), 6)

    bundles: list[list[int]] = []
    prices: list[float] = []
    groups: list[range] = []
    while len(bundles) < bids:
        interest = rng.random(items)
        private = values + max_value * value_deviation * (2 * interest - 1)
        bundle = [_draw(rng, interest.copy())]
        while len(bundle) < items and rng.random() < add_item_prob:
            grow(bundle, interest)
        price = price_of(bundle, private)
        if price < 0:
            continue
        substitutes = []
        for item in sorted(bundle):
            other = [item]
            while len(other) < len(bundle):
                grow(other, interest)
            substitutes.append((price_of(other, private), sorted(other)))
        least = resale_factor * sum(values[bundle].tolist())
        own = {tuple(sorted(bundle)): price}
        for price_of_other, other in sorted(substitutes, key=lambda pair: -pair[0]):
            if len(own) > max_sub_bids or len(bundles) + len(own) >= bids:
                break
            if 0 <= price_of_other <= budget_factor * price and sum(values[other].tolist()) >= least:
                own.setdefault(tuple(other), price_of_other)
        if len(own) > 2:
            groups.append(range(len(bundles), len(bundles) + len(own)))
        bundles.extend(map(list, own))
        prices.extend(own.values())
    sizes = [len(bundle) for bundle in bundles]
    wanted, item_rows = np.unique(np.concatenate([np.array(bundle) for bundle in bundles]), return_inverse=True)
    members = np.array([bid for group in groups for bid in group], dtype=np.int64)
    return assemble(
        [
            Block(named("item", wanted.tolist()), item_rows, np.repeat(np.arange(len(bundles)), sizes), upper=1.0),
            Block(
                named("bidder", range(len(groups))),
                np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
                members,
                upper=1.0,
            ),
        ],
        named("bid", range(len(bundles))),
        cost=np.array(prices),
        col_upper=1.0,
        is_integer=True,
        maximize=True,
        name=f"auction-{items}-{bids}-{seed}",
        meta={"seed": seed, "items": items, "bids": bids},
    )


def _draw(rng: np.random.Generator, weights: np.ndarray) -> int:
    """Index drawn with probability proportional to its weight."""
    sums = np.cumsum(weights)
    return min(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")), len(weights) - 1)


AUCTION = Generator(
    "milp",
    "auction",
    "combinatorial auctions, arbitrary relationships (Leyton-Brown et al. 2000)",
    auction,
    {
        "items": (int, 100, "number of items"),
        "bids": (int, 500, "number of bids"),
        "min_value": (float, 1.0, "least common value of an item"),
        "max_value": (float, 100.0, "largest common value of an item"),
        "value_deviation": (float, 0.5, "deviation of private values, share of max_value"),
        "add_item_prob": (float, 0.65, "probability that a bundle grows by another item"),
        "max_sub_bids": (int, 5, "substitutable bids of a bidder beyond the first"),
        "additivity": (float, 0.2, "a bundle of n items is worth n^(1 + additivity) more than its items"),
        "budget_factor": (float, 1.5, "most a substitute costs, times the first bid"),
        "resale_factor": (float, 0.5, "least value of a substitute's items, times that of the first bid"),
    },
)
