"""Which training instances a step sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from cosolve.models.devices import cpu_threads
from cosolve.models.schedule import Settings, derived_seed, phase

D = TypeVar("D")

#: Key that says how large the batches of a phase are.
_BATCHES = ("imitation_batch", "reinforce_batch")


class Helpers(ThreadPoolExecutor):
    """
    Threads that make instances while another one trains: our search kernels run without the interpreter's lock.

    Work in progress ends at the next item of :func:`wanted` once nobody waits for it any more.
    """

    is_closing = False


@contextmanager
def helpers(threads: int, device: torch.device) -> Iterator[Helpers | None]:
    """
    Share threads out: some are PyTorch's for a while, the others the helpers', of which there may be none.

    They are no more than that together, for PyTorch's spin while they wait for each other: where helpers or other
    programs had their cores, a step took two and a half times as long as with one thread. On a CPU each side gets half,
    beside a GPU PyTorch gets one.
    """
    helping = threads // 2 if device.type == "cpu" else threads - 1
    with cpu_threads(threads - helping):
        if not helping:
            yield None
            return
        pool = Helpers(helping)
        try:
            yield pool
        finally:
            pool.is_closing = True
            pool.shutdown(wait=False, cancel_futures=True)


def wanted(pool: Helpers | None, items: Iterable[D]) -> Iterator[D]:
    """
    Items one by one, as long as what is made of them is still wanted.

    Raises
    ------
    CancelledError
        Once the pool is closing.
    """
    for item in items:
        if pool is not None and pool.is_closing:
            raise CancelledError
        yield item


def later(pool: Helpers | None, make: Callable[[], D]) -> Callable[[], D]:
    """What gives the result: made by a thread of the pool from now on, or without a pool once it is asked for."""
    return make if pool is None else pool.submit(make).result


class Sampler(Generic[D]):
    """
    Batches by number: which instances a step sees depends on the seed and the step alone.

    Parameters
    ----------
    draw
        Begins to make a chunk of instances from a seed, and returns what waits for it and gives it. The next chunk is
        begun before the current one is gone through, so that it can be made meanwhile.
    chunk
        Instances in it.
    passes
        Times that each chunk is gone through, each time in another order.
    seed
        Of the instances and their order.
    phase
        Number of the training phase, which has instances of its own: 0 for imitation, 1 for reward.
    batch_size
        At most ``chunk``.
    sizes
        Sizes of a chunk's instances where these are padded to the largest of a batch.
    """

    def __init__(
        self,
        draw: Callable[[int], Callable[[], D]],
        *,
        chunk: int,
        passes: int,
        seed: int,
        phase: int,
        batch_size: int,
        sizes: Callable[[D], np.ndarray] | None = None,
    ) -> None:
        if batch_size > chunk:
            key = _BATCHES[phase]
            raise ValueError(f"a batch ({key}) must be at most the chunk ({chunk}) of instances, got {batch_size}.")
        self._draw, self._sizes = draw, sizes
        self._length, self._passes = chunk, passes
        self.seed, self.phase, self.batch_size = seed, phase, batch_size
        self._steps = chunk // batch_size
        self._chunk: tuple[int, D] | None = None
        self._begun: dict[int, Callable[[], D]] = {}

    def is_ready(self, step: int) -> bool:
        """Whether the instances of a step are at hand."""
        return self._chunk is not None and self._chunk[0] == self._chunk_of(step)

    def _chunk_of(self, step: int) -> int:
        return step // self._steps // self._passes

    def rows(self, step: int) -> tuple[D, Tensor]:
        """Instances of a step (0-based within the phase): the chunk, and which of it."""
        epoch, position = divmod(step, self._steps)
        number = self._chunk_of(step)
        if self._chunk is None or self._chunk[0] != number:
            self._begun = {
                k: self._begun.get(k) or self._draw(derived_seed(self.seed, self.phase, k))
                for k in (number, number + 1)
            }
            self._chunk = number, self._begun.pop(number)()
        order = np.random.default_rng([self.seed, self.phase, epoch]).permutation(self._length)
        if self._sizes is not None:
            # Batches of like sizes need less padding: sorted by size within groups of eight batches.
            sizes = self._sizes(self._chunk[1])[order]
            order = order[np.lexsort((sizes, np.arange(len(order)) // (8 * self.batch_size)))]
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        return self._chunk[1], torch.from_numpy(rows)


class Phases(Generic[D]):
    """
    Batches of a training that imitates first, by the number of the step in all.

    Parameters
    ----------
    settings
        Which steps are of which phase.
    imitation, reinforcement
        Make the samplers of the two; asked for those that have steps alone, as batches of others need not fit.
    on_wait
        Called with what is made, in words, before a step that waits for it.
    """

    def __init__(
        self,
        settings: Settings,
        imitation: Callable[[], Sampler[D]],
        reinforcement: Callable[[], Sampler[D]],
        on_wait: Callable[[str], None],
    ) -> None:
        self._settings, self._on_wait = settings, on_wait
        self._samplers: dict[bool, Sampler[D]] = {}
        if settings.imitation_steps:
            self._samplers[True] = imitation()
        if settings.reinforce_steps:
            self._samplers[False] = reinforcement()

    def rows(self, number: int) -> tuple[bool, D, Tensor]:
        """Whether a step is one of imitation; its instances: the chunk, and which of it."""
        imitating, step = phase(self._settings, number)
        sampler = self._samplers[imitating]
        if not sampler.is_ready(step):
            self._on_wait("training instances and their labels" if imitating else "training instances")
        return imitating, *sampler.rows(step)
