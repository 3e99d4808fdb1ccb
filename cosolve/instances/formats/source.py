"""A text file as bytes: decompressed, with line numbers for errors and compiled number parsing."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import stat
import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from cosolve.core.errors import InvalidFileError, InvalidInstanceError
from cosolve.core.jit import jit

#: Bytes that a compressed file may grow to: twice the largest FrontierCO file, far below a decompression bomb.
MAX_BYTES = 8 << 30

#: No instance file shrinks to less than a 500th; what does is refused once it has grown past 256 MiB.
_MAX_RATIO, _RATIO_FROM = 500, 256 << 20

_CHUNK = 16 << 20

_NO_TEXT = "the file is not text (it holds NUL bytes; UTF-16 must be converted to UTF-8)."

#: No double needs more digits (767 tell any two apart), and a word may be as long as the file.
_MAX_DIGITS = 1200

_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

#: How what they decompress begins.
_MARKS = {".gz": b"\x1f\x8b\x08", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00"}

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_ARCHIVE_MARK = b"PK\x03\x04"


def is_archive(data: np.ndarray | bytes) -> bool:
    """Whether bytes begin as a zip archive does: the only files that are no text."""
    return bytes(data[:4]) == _ARCHIVE_MARK


def decoded(content: bytes) -> str:
    """Bytes as UTF-8, which is what writers use, or failing that as Latin-1, which loses nothing either."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def plain(word: str) -> str:
    """
    The word, for ``int`` and ``float``, which read more than files mean: 1_000, and digits of all scripts.

    Raises
    ------
    ValueError
        If it holds an underscore or what is not ASCII.
    """
    if "_" in word or not word.isascii():
        raise ValueError(f"no number outside of Python: {word[:40]!r}.")
    return word


def is_number(word: str) -> bool:
    """Whether a word is a finite number."""
    try:
        return math.isfinite(float(plain(word)))
    except ValueError:
        return False


def format_suffix(path: Path) -> str:
    """Suffix of a file's format in lower case: ".mps" of X.MPS.gz; "" if there is none."""
    suffix = path.suffix.lower()
    return suffix if suffix not in _OPENERS else path.with_suffix("").suffix.lower()


class Source:
    """
    Content of one text file (or NumPy archive), and the errors that name it.

    Parameters
    ----------
    data
        The whole file as bytes, decompressed (a read-only memory map for plain files).
    path
        Where it came from.
    error_type
        Exception for :meth:`fail`.
    """

    def __init__(self, data: np.ndarray, path: Path, error_type: type[InvalidFileError] = InvalidInstanceError) -> None:
        self.data = data.view(np.ndarray)  # each slice of a memory map costs 20 times one of an array
        self.path = path
        self.error_type = error_type

    @classmethod
    def open(cls, path: str | Path, error_type: type[InvalidFileError] = InvalidInstanceError) -> Source:
        """
        Open a file, decompressing gzip, bzip2 and xz, by suffix or by content.

        Raises
        ------
        FileNotFoundError, OSError
            As the operating system says.
        InvalidFileError
            If the file is empty, is no text, or its compression is broken or a bomb.
        """
        path = Path(path)
        status = path.stat()
        with path.open("rb") as file:
            head = file.peek(8)
            suffix = path.suffix.lower()
            if suffix not in _OPENERS:
                suffix = next((s for s, mark in _MARKS.items() if head.startswith(mark)), "")
            if not suffix and stat.S_ISREG(status.st_mode):
                data = np.memmap(file, np.uint8, "r") if status.st_size else np.empty(0, np.uint8)
            else:
                data = _read_stream(file, path, _OPENERS.get(suffix), status.st_size, error_type)
        if bytes(data[:3]) == _BYTE_ORDER_MARK:
            data = data[3:]
        source = cls(data, path, error_type)
        if not len(data) or not source.head.strip():
            raise error_type("the file is empty.", path)
        if 0 in data[:65536] and not is_archive(data):
            raise error_type(_NO_TEXT, path)
        return source

    def require_size(self, size: int) -> None:
        """Fail if a part of the file would grow to an impossible size when decompressed."""
        if size > MAX_BYTES or size > max(_RATIO_FROM, _MAX_RATIO * len(self.data)):
            self.fail(f"grows to {size} bytes when read: no instance file does.")

    @property
    def suffixes(self) -> list[str]:
        """File suffixes in lower case without the compression's: ["." "opt", ".tour"] for x.opt.tour.gz."""
        suffixes = [s.lower() for s in self.path.suffixes]
        return suffixes[:-1] if suffixes and suffixes[-1] in _OPENERS else suffixes

    @property
    def suffix(self) -> str:
        """The last of them, that of the format; "" if there is none."""
        return format_suffix(self.path)

    @property
    def stem(self) -> str:
        """File name without directory, compression suffix and format suffix."""
        name = self.path.name
        if self.path.suffix.lower() in _OPENERS:
            name = name[: -len(self.path.suffix)]
        suffix = Path(name).suffix
        # E10M.0 and the like end in a number that belongs to the name.
        return name if not suffix or suffix[1:].isdigit() else name[: -len(suffix)]

    @cached_property
    def head(self) -> str:
        """The first 64 KiB as text, a character for each byte."""
        return bytes(self.data[:65536]).decode("latin-1")

    @cached_property
    def head_lines(self) -> list[str]:
        """Non-blank lines of the head, decoded and stripped; the last may be cut."""
        # Latin-1 text has more line ends than the file: 0x85 is one, and part of many letters in UTF-8.
        lines = (decoded(line).strip() for line in bytes(self.data[:65536]).split(b"\n"))
        return [line for line in lines if line]

    def text(self) -> str:
        """The whole file as text, without loss: two names must never become one. Only for formats of moderate size."""
        return decoded(bytes(self.data))

    def lines(self, start: int = 0) -> Iterator[tuple[int, str]]:
        """
        Pairs (byte position of the line's start, line without its end) from a byte position on.

        A line is UTF-8, or failing that Latin-1: its length is not its number of bytes, see :meth:`line_end`.
        """
        position = start
        while position < len(self.data):
            end = self.line_end(position)
            yield position, decoded(bytes(self.data[position:end])).rstrip("\r")
            position = end + 1

    def line_end(self, position: int) -> int:
        """Byte position of the newline that ends the line of a byte position, or of the end of the file."""
        # Chunked search: lines are short, but one may be a whole matrix.
        end, step, size = position, 256, len(self.data)
        while end < size:
            offset = self.data[end : end + step].tobytes().find(b"\n")
            if offset >= 0:
                return end + offset
            end, step = min(size, end + step), step * 2
        return end

    def line_number(self, position: int) -> int:
        """1-based number of the line that holds a byte position."""
        return int(np.count_nonzero(self.data[: max(position, 0)] == 10)) + 1

    def fail(self, message: str, position: int | None = None, *, line: int | None = None) -> NoReturn:
        """Raise the error for this file, with the line of a byte position (or a line number) if given."""
        if position is not None:
            line = self.line_number(position)
        raise self.error_type(message, self.path, line)

    def place(self, index: int, start: int = 0) -> int:
        """Byte position of the word number ``index`` (from 0) behind ``start``, for errors about a value."""
        return int(_find_token(self.data, start, index))

    def numbers(
        self, start: int = 0, count: int | None = None, *, what: str = "number", finite: bool = True
    ) -> tuple[np.ndarray, int]:
        """
        Parse numbers separated by blanks or commas.

        Parameters
        ----------
        start
            Byte position to start at.
        count
            How many to read; ``None`` reads on to the first token that is no number, or the end.
        what
            What they are, for messages ("coordinate").
        finite
            Refuse NaN and infinities.

        Returns
        -------
        values, end
            float64 array, and the byte position behind the last number.

        Raises
        ------
        InvalidFileError
            If there are fewer than ``count``, or one is not finite.
        """
        room = len(self.data) - start
        # A number takes at least a digit and a separator: a huge claimed count is refused before memory is taken.
        if count is not None and count > (room + 1) // 2:
            self.fail(f"expected {count} more {what}s, but only {max(room, 0)} bytes follow.", start)
        capacity = (room + 1) // 2 if count is None else count
        if count is None and capacity > 1 << 20:
            capacity = int(_count_tokens(self.data, start))
        values = np.empty(capacity)
        slow = np.empty((64, 2), np.int64)
        filled, position = 0, start
        while True:
            filled, position, num_slow = _parse(self.data, position, values, filled, slow)
            for index, begin in slow[:num_slow].tolist():
                values[index] = self._parse_slow(begin, what)
            if num_slow < len(slow):
                break
        if count is not None and filled < count:
            got = f"found {self._token(position)!r}" if position < len(self.data) else "the file ends"
            self.fail(f"expected {count} {what}s, {got} after {filled}.", min(position, len(self.data) - 1))
        values = values[:filled]
        if finite and not np.isfinite(values).all():
            bad = int(np.flatnonzero(~np.isfinite(values))[0])
            self.fail(f"{what} number {bad + 1} is not finite.", self.place(bad, start))
        return values, position

    def integers(self, start: int = 0, count: int | None = None, *, what: str = "number") -> tuple[np.ndarray, int]:
        """As :meth:`numbers`, but every value must be an integer; int64 array."""
        values, end = self.numbers(start, count, what=what)
        rounded = np.rint(values)
        if np.any(rounded != values) or np.any(np.abs(values) > 2**53):
            bad = int(np.flatnonzero((rounded != values) | (np.abs(values) > 2**53))[0])
            place = self.place(bad, start)
            self.fail(f"{what} number {bad + 1} must be an integer, got {self._token(place)}.", place)
        return values.astype(np.int64), end

    def _token(self, position: int) -> str:
        text = bytes(self.data[position : position + 80]).decode("latin-1")
        words = text.replace(",", " ").split()
        return words[0] if words else ""

    def _parse_slow(self, begin: int, what: str) -> float:
        # More digits than a double holds exactly: leave the rounding to Python.
        token = bytes(self.data[begin : begin + _MAX_DIGITS + 1]).decode("latin-1")
        stop = next((k for k, character in enumerate(token) if character <= " " or character == ","), len(token))
        if stop > _MAX_DIGITS:
            self.fail(f"expected a {what}, got one of more than {_MAX_DIGITS} characters.", begin)
        token = token[:stop]
        try:
            return float(token)
        except ValueError:
            self.fail(f"expected a {what}, got {token[:80]!r}.", begin)


def _read_stream(file: IO[bytes], path: Path, opener: Any, size: int, error_type: type[InvalidFileError]) -> np.ndarray:
    """All bytes of a compressed file of ``size`` bytes, or of a pipe."""
    content = bytearray()
    try:
        stream = file if opener is None else opener(file)
        while chunk := stream.read(_CHUNK):
            if not content and 0 in chunk[:65536] and not is_archive(chunk):
                raise error_type(_NO_TEXT, path)  # before a device without end fills the memory
            content += chunk
            if len(content) > MAX_BYTES or (opener is not None and len(content) > max(_RATIO_FROM, _MAX_RATIO * size)):
                raise error_type(f"grows past {len(content)} bytes when read: no instance file does.", path)
    except (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error) as error:
        # gzip's own error is an OSError without a number; those with one are the operating system's.
        if isinstance(error, error_type) or (isinstance(error, OSError) and error.errno is not None):
            raise
        raise error_type(f"broken compressed file: {error}.", path) from error
    except MemoryError:
        grown = len(content)
        del content
        raise error_type(f"does not fit into memory: {grown} bytes so far.", path) from None
    data = np.frombuffer(content, np.uint8)
    data.flags.writeable = False
    return data


@jit
def _count_tokens(data: np.ndarray, start: int) -> int:
    count = 0
    inside = False
    for i in range(start, len(data)):
        blank = data[i] <= 32 or data[i] == 44
        if not blank and not inside:
            count += 1
        inside = not blank
    return count


@jit
def _find_token(data: np.ndarray, start: int, index: int) -> int:
    """Byte position of a token, counted from 0 at ``start``."""
    inside = False
    for i in range(start, len(data)):
        blank = data[i] <= 32 or data[i] == 44
        if not blank and not inside:
            if index == 0:
                return i
            index -= 1
        inside = not blank
    return len(data)


@jit
def _parse(data: np.ndarray, position: int, values: np.ndarray, filled: int, slow: np.ndarray) -> tuple[int, int, int]:
    """
    Fill ``values`` from ``filled`` on; stops at a token that is no number, or when ``slow`` is full.

    A mantissa below 2^53 with a power of ten up to 22 is exact after one operation (Clinger 1990); all
    others go to ``slow`` as pairs of index and position for the caller.
    """
    size = len(data)
    num_slow = 0
    while filled < len(values) and num_slow < len(slow):
        while position < size and (data[position] <= 32 or data[position] == 44):
            position += 1
        if position >= size:
            break
        begin = position
        negative = False
        if data[position] == 45 or data[position] == 43:
            negative = data[position] == 45
            position += 1
        mantissa = 0
        digits = 0
        exponent = 0
        exact = True
        while position < size and 48 <= data[position] <= 57:
            if mantissa < 900719925474099:
                mantissa = mantissa * 10 + (data[position] - 48)
            else:
                exact = False
            digits += 1
            position += 1
        if position < size and data[position] == 46:
            position += 1
            while position < size and 48 <= data[position] <= 57:
                if mantissa < 900719925474099:
                    mantissa = mantissa * 10 + (data[position] - 48)
                    exponent -= 1
                elif data[position] != 48:
                    exact = False
                digits += 1
                position += 1
        if digits > 0 and position < size and (data[position] == 101 or data[position] == 69):
            position += 1
            minus = False
            if position < size and (data[position] == 45 or data[position] == 43):
                minus = data[position] == 45
                position += 1
            power = 0
            power_digits = 0
            while position < size and 48 <= data[position] <= 57:
                power = min(power * 10 + (data[position] - 48), 9999)
                power_digits += 1
                position += 1
            if power_digits == 0:
                digits = 0
            exponent += -power if minus else power
        at_end = position >= size or data[position] <= 32 or data[position] == 44
        if not at_end or digits == 0:
            # "nan", "inf", "12x", a keyword: not a number here; NaN and infinities are never data.
            position = begin
            break
        if not exact or exponent > 22 or exponent < -22:
            slow[num_slow, 0] = filled
            slow[num_slow, 1] = begin
            num_slow += 1
            values[filled] = np.nan
        else:
            value = float(mantissa)
            if exponent < 0:
                value /= 10.0**-exponent
            elif exponent > 0:
                value *= 10.0**exponent
            values[filled] = -value if negative else value
        filled += 1
    return filled, position, num_slow
