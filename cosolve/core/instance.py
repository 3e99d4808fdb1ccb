"""Base classes of instances and solutions: frozen dataclasses over read-only arrays."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np

Sense = Literal["min", "max"]


def frozen_array(values: Any, dtype: Any = None, *, ndim: int | None = None, what: str = "array") -> np.ndarray:
    """
    Array that cannot be written to; a copy is made only if the data is writable elsewhere or of another type.

    Raises
    ------
    ValueError
        If the number of dimensions is not ``ndim``, or an integer type is wanted and a value is no integer.
    """
    raw = np.asarray(values)
    if ndim is not None and raw.ndim != ndim:
        raise ValueError(f"{what} must have {ndim} dimension(s), got {raw.ndim}.")
    if dtype is not None and np.issubdtype(dtype, np.integer):
        _check_integers(raw, np.iinfo(dtype), what)
    array = np.ascontiguousarray(raw, dtype=dtype)
    owner: Any = array
    while isinstance(owner, np.ndarray):
        # A list makes a fresh array that nobody else holds; anything else writable is the caller's.
        if owner.flags.writeable and (owner is values or owner is not array):
            array = array.copy()
            break
        owner = owner.base
    array.flags.writeable = False
    return array


def plain_zeros(array: np.ndarray) -> np.ndarray:
    """The array itself, or a frozen copy with 0.0 for every -0.0, which is equal but gives another digest."""
    return frozen_array(array + 0.0) if (np.signbit(array) & (array == 0)).any() else array


def _check_integers(raw: np.ndarray, limits: np.iinfo, what: str) -> None:
    # A plain conversion would cut fractions off, wrap large values around and read digits out of strings.
    if raw.dtype.kind not in "iubf":
        raise ValueError(f"{what} must hold integers within {limits.min}..{limits.max}, got {raw.dtype} values.")
    if raw.dtype.kind == "b" or not raw.size or np.can_cast(raw.dtype, limits.dtype):
        return
    # As a float, the largest int64 rounds up to 2^63, which is no int64: compare with < there.
    fits = (raw >= limits.min) & (raw < limits.max if raw.dtype.kind == "f" else raw <= limits.max)
    if raw.dtype.kind == "f":
        fits &= raw == np.rint(raw)
    if not fits.all():
        raise ValueError(f"{what} must hold integers within {limits.min}..{limits.max}, got {raw[~fits].flat[0]}.")


def _update(digest: hashlib._Hash, value: Any) -> None:
    # Every value is prefixed by its kind and length, so that no two different contents share a byte stream.
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        digest.update(f"a{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(f"d{type(value).__name__}".encode())
        for f in dataclasses.fields(value):
            if f.compare:
                digest.update(f"f{f.name}".encode())
                _update(digest, getattr(value, f.name))
    elif isinstance(value, Mapping):
        digest.update(f"m{len(value)}".encode())
        for key in sorted(value):
            _update(digest, key)
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"l{len(value)}".encode())
        for item in value:
            _update(digest, item)
    else:
        text = repr(value).encode()
        digest.update(f"s{type(value).__name__}:{len(text)}:".encode() + text)


@dataclass(frozen=True, eq=False, kw_only=True)
class Instance:
    """
    Base of all instances; subclasses add the data of one problem.

    Parameters
    ----------
    name
        Name for people; not part of the data.
    meta
        Whatever the file said beyond the data (comment, source, reference); not part of the data.
    """

    problem: ClassVar[str]
    sense: ClassVar[Sense] = "min"

    name: str = field(default="", compare=False)
    meta: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The number people quote for this problem's size (cities, vertices, operations, ...)."""
        raise NotImplementedError

    @property
    def is_integral(self) -> bool:
        """Whether every feasible solution has an integer objective value, so that bounds may be rounded."""
        return False

    @cached_property
    def digest(self) -> str:
        """Content hash (hex) of the data alone: equal data gives an equal digest whatever the name or file."""
        digest = hashlib.sha256(self.problem.encode())
        for f in dataclasses.fields(self):
            if f.compare:
                digest.update(f"f{f.name}".encode())
                _update(digest, getattr(self, f.name))
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Instance):
            return NotImplemented
        return self.problem == other.problem and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _to_json(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple | list):
        return [_to_json(item) for item in value]
    return value


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """Base of all solutions: plain arrays, no claim about objective or feasibility."""

    problem: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, one entry per field; the inverse of :meth:`from_dict`."""
        return {f.name: _to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """
        Rebuild a solution from :meth:`to_dict`.

        Raises
        ------
        ValueError
            If a key is missing, unknown, or its value has the wrong shape or type.
        """
        names = {f.name for f in dataclasses.fields(cls)}
        if set(data) != names:
            raise ValueError(f"{cls.__name__} needs the keys {sorted(names)}, got {sorted(map(str, data))}.")
        try:
            return cls(**data)
        except TypeError as error:
            raise ValueError(f"{cls.__name__}: {error}.") from error

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]
