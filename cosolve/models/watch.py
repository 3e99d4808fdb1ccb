"""The clock inside a network: a large instance takes it seconds, with no loop of ours to look at the clock from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from torch.overrides import TorchFunctionMode

#: Pairs that take a CPU a tenth of a second; a thousand questions take some milliseconds.
_SMALL = 50_000

B = TypeVar("B", contravariant=True)
E = TypeVar("E", covariant=True)


class Encoding(Protocol[B, E]):
    """A network as far as it encodes."""

    @property
    def is_compiled(self) -> bool:
        """Whether PyTorch has compiled it."""

    def encode(self, batch: B) -> E:
        """Embed a batch."""


class TimeUpError(Exception):
    """Time was up before a network was through."""


def encode(network: Encoding[B, E], batch: B, pairs: int, should_stop: Callable[[], bool] | None) -> E:
    """
    Embed a batch, and ask before each operation whether to stop; a small batch or a compiled network is one operation.

    Parameters
    ----------
    pairs
        Of places, in all instances of the batch.

    Raises
    ------
    TimeUpError
        Once ``should_stop`` says so.
    """
    if should_stop is None:
        return network.encode(batch)
    if network.is_compiled or pairs < _SMALL:
        if should_stop():
            raise TimeUpError
        return network.encode(batch)
    with Watch(should_stop):
        return network.encode(batch)


class Watch(TorchFunctionMode):
    """Asks before each operation of this thread whether to stop, which raises :class:`TimeUpError`."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self.should_stop = should_stop

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        if self.should_stop():
            raise TimeUpError
        return func(*args, **(kwargs or {}))
