"""Base classes of instances and solutions: frozen dataclasses over read-only arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np

Sense = Literal["min", "max"]


def frozen_array(values: Any, dtype: Any = None, *, ndim: int | None = None, what: str = "array") -> np.ndarray:
    """
    Array that cannot be written to; a copy is made unless nobody else can write to the data.

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
    # A list or a conversion makes a fresh array that nobody else holds. All else may be somebody's, and NumPy need not
    # know of it: a tensor shares its memory with the array that it gives.
    is_fresh = isinstance(values, list | tuple) or (array is not raw and not np.may_share_memory(array, raw))
    if not is_fresh and not _is_frozen(array):
        array = array.copy()
    array.flags.writeable = False
    return array


def _is_frozen(array: np.ndarray) -> bool:
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if owner.flags.writeable:
            return False
        owner = owner.base
    return owner is None or isinstance(owner, bytes)


class ReadOnly:
    """Base of frozen dataclasses over arrays: copies and unpickled objects are read-only too, which NumPy forgets."""

    def __setstate__(self, state: Any) -> None:
        for value in state.values():
            freeze(value)
        self.__dict__.update(state)


def freeze(value: Any) -> None:
    """Make an array, or the arrays of a tuple, read-only in place; anything else is left alone."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, tuple):
        for item in value:
            freeze(item)


def whole_number(value: Any, what: str, least: int | None = None) -> int:
    """
    The value as a Python integer.

    Raises
    ------
    ValueError
        If it is none, or smaller than ``least``: a plain conversion would cut fractions off and read texts.
    """
    try:
        number = int(value) if isinstance(value, float | np.floating) else operator.index(value)
    except (TypeError, ValueError, OverflowError):  # a text, NaN, infinite
        number = None
    if (
        number is None
        or number != value
        or isinstance(value, bool | np.bool_)
        or (least is not None and number < least)
    ):
        raise ValueError(f"{what} must be an integer{'' if least is None else f' >= {least}'}, got {value!r}.")
    return number


def flags(values: Any, what: str) -> np.ndarray:
    """
    Frozen bool array of truth values given as bool, or as the numbers 0 and 1.

    Raises
    ------
    ValueError
        If there are others: a plain conversion would take any text and any index for true.
    """
    raw = frozen_array(values, ndim=1, what=what)
    if raw.dtype.kind not in "biuf" or not (raw.dtype.kind == "b" or ((raw == 0) | (raw == 1)).all()):
        raise ValueError(f"{what} must hold only 0 and 1 (or false and true).")
    return frozen_array(raw, np.bool_)


def largest(*arrays: np.ndarray) -> float:
    """Largest absolute value among finite ones; 0 if there are none."""
    return max((float(np.abs(array).max(initial=0.0, where=np.isfinite(array))) for array in arrays), default=0.0)


def plain_zeros(array: np.ndarray) -> np.ndarray:
    """The array itself, or a frozen copy with 0.0 for every -0.0, which is equal but gives another digest."""
    if not (np.signbit(array) & (array == 0)).any():
        return array
    array = array + 0.0
    freeze(array)
    return array


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
class Instance(ReadOnly):
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

    @property
    def magnitude(self) -> float:
        """
        Size of the largest number that objective values are sums of: a cost, a distance, a profit.

        It tells rounding noise from differences where objective values themselves are small, or cancel out.
        """
        return 1.0

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
class Solution(ReadOnly):
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
