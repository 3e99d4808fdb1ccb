"""The best different predictions of an instance, as the parts of a decoding come in."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Generic, TypeVar

P = TypeVar("P")


class Shortlist(Generic[P]):
    """
    So many predictions at most, the cheapest first; of equal ones, and of equally cheap ones, the earlier.

    Parameters
    ----------
    most
        Predictions that it has room for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: list[tuple[float, Hashable, P]] = []
        self._cost: dict[Hashable, float] = {}

    @property
    def predictions(self) -> list[P]:
        """The cheapest first."""
        return [prediction for _, _, prediction in self._entries]

    def has_room(self, cost: float) -> bool:
        """Whether anything of that cost could come in."""
        return len(self._entries) < self._most or cost < self._entries[-1][0]

    def add(self, key: Hashable, cost: float, make: Callable[[], P]) -> None:
        """Take in what there is room for, made only then, unless what has the same key is as cheap."""
        if key in self._cost:
            if self._cost[key] <= cost:
                return
            self._entries = [entry for entry in self._entries if entry[1] != key]
        self._cost[key] = cost
        insort(self._entries, (cost, key, make()), key=itemgetter(0))
        if len(self._entries) > self._most:
            del self._cost[self._entries.pop()[1]]
