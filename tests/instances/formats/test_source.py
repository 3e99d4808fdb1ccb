"""Bytes of a file to numbers: exactly Python's floats, with the line of whatever is wrong."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosolve.core.errors import InvalidInstanceError, InvalidSolutionError
from cosolve.instances.formats import source as source_module
from cosolve.instances.formats.source import Source, is_number


def source(text: str | bytes, path="x.txt") -> Source:
    raw = text.encode() if isinstance(text, str) else text
    return Source(np.frombuffer(raw, np.uint8), path)


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


digits = st.text("0123456789", max_size=25)
numerals = st.builds(
    lambda sign, whole, point, part, exponent: f"{sign}{whole}{point}{part}{exponent}",
    st.sampled_from(["", "-", "+"]),
    digits,
    st.sampled_from(["", "."]),
    digits,
    st.one_of(
        st.just(""),
        st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "-", "+"]), st.integers(0, 340)),
    ),
)


def python_float(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


@settings(max_examples=200, deadline=None)
@given(st.lists(numerals, min_size=1, max_size=12), st.sampled_from([" ", "\n", "\t ", ",", " , ", "\r\n"]))
def test_numbers_are_pythons_floats_to_the_last_bit(tokens, separator):
    """A reader that rounds differently gives another instance, with other optimal values."""
    tokens = [token for token in tokens if python_float(token) is not None]
    values, end = source(separator.join(["", *tokens, ""])).numbers(finite=False)
    assert [bits(v) for v in values] == [bits(float(token)) for token in tokens]
    assert end <= len(separator.join(["", *tokens, ""]))


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_repr(value):
    """Writers use repr: reading must give the same bits."""
    values, _ = source(f" {value!r} {value:.20e} ").numbers()
    assert bits(values[0]) == bits(value)
    assert bits(values[1]) == bits(value)


@settings(max_examples=300, deadline=None)
@given(st.text("0123456789+-.eE", min_size=1, max_size=8))
def test_what_python_refuses_is_no_number_here(token):
    """Half of 1e, --5 or 1.2.3 read as a number would shift every number behind them."""
    values, end = source(f"7 {token} 8").numbers(finite=False)
    if python_float(token) is None:
        assert values.tolist() == [7]
        assert end == 2
    else:
        assert len(values) == 3


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "NaN", "1_000", "0x10", "٣", "EOF"])
def test_words_end_the_numbers(word):
    """NaN and infinities are never data, and underscores are Python's alone."""
    values, end = source(f"1 2\n{word} 3").numbers()
    assert values.tolist() == [1, 2]
    assert end == 4, "the word is where the caller goes on"


def test_slow_numbers_far_into_a_large_file_land_in_their_place():
    """Index and position once shared one word: beyond eight million numbers they overwrote each other."""
    count = 8_500_000
    text = b"1 " * count + b"0.1234567890123456789 "
    values, _ = source(text).numbers()
    assert len(values) == count + 1
    assert values[-1] == 0.1234567890123456789
    assert values[:-1].min() == values[:-1].max() == 1


def test_many_slow_numbers_are_all_parsed():
    """They come back in batches of 64."""
    tokens = [f"0.{k:03d}4567890123456789012" for k in range(500)]
    assert source("\n".join(tokens)).numbers()[0].tolist() == [float(token) for token in tokens]


@pytest.mark.parametrize(
    ("text", "count", "line", "message"),
    [
        ("1 2\n3     \n", 4, 2, "the file ends after 3"),
        ("1 2\n3 x 5\n6\n7", 6, 2, "found 'x' after 3"),
        ("1 2\n", 10**15, 1, "only 4 bytes follow"),
        ("1 2\n1e999\n", 3, 2, "number 3 is not finite"),
    ],
)
def test_errors_name_the_line(text, count, line, message):
    """A bad number somewhere is no help in a file of a million lines."""
    with pytest.raises(InvalidInstanceError, match=message) as caught:
        source(text).numbers(0, count, what="coordinate")
    assert caught.value.line == line


@pytest.mark.parametrize("bad", ["2.5", "9007199254740994", "-1e300"])
def test_integers_refuse_fractions_and_what_a_double_can_not_hold(bad):
    """9007199254740993 would silently become ...992."""
    with pytest.raises(InvalidInstanceError, match="must be an integer") as caught:
        source(f"1\n2\n{bad}\n4").integers()
    assert caught.value.line == 3
    assert bad in str(caught.value)


def test_lines_keep_their_positions():
    """Positions are what errors turn into line numbers."""
    text = "first\r\n\nthird" + "x" * 1000 + "\nlast"
    found = list(source(text).lines())
    assert [line for _, line in found] == ["first", "", "third" + "x" * 1000, "last"]
    assert [source(text).line_number(position) for position, _ in found] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "stem"), [("a.tsp", "a"), ("a.tsp.gz", "a"), ("E10M.0", "E10M.0"), ("b", "b"), ("a.b.vrp", "a.b")]
)
def test_stem_is_the_name_people_use(tmp_path, name, stem):
    """E10M.0 ends in a number that belongs to the name."""
    assert Source(np.empty(0, np.uint8), tmp_path / name).stem == stem


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files_are_read_and_broken_ones_refused(tmp_path, suffix, compress):
    """zlib has an error type of its own that once escaped as a traceback."""
    path = tmp_path / f"x.txt{suffix}"
    whole = compress(b"1 2 3\n" * 1000)
    path.write_bytes(whole)
    assert len(Source.open(path).numbers()[0]) == 3000
    middle = len(whole) // 2
    broken = {
        "cut": whole[:middle],
        "no header": b"1 2 3\n",
        "flipped": whole[:middle] + bytes(b ^ 0xFF for b in whole[middle : middle + 20]) + whole[middle + 20 :],
        "empty": b"",
    }
    for content in broken.values():
        path.write_bytes(content)
        with pytest.raises(InvalidInstanceError, match=r"broken compressed file|is empty"):
            Source.open(path)


def test_decompression_bomb_is_refused_early(tmp_path, monkeypatch):
    """A small file must not fill the memory."""
    monkeypatch.setattr(source_module, "_RATIO_FROM", 1 << 20)
    monkeypatch.setattr(source_module, "_CHUNK", 1 << 18)
    path = tmp_path / "bomb.xz"
    path.write_bytes(lzma.compress(b" " * (16 << 20)))
    with pytest.raises(InvalidInstanceError, match="grows past"):
        Source.open(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"  \n \n", "empty"), (b"\x7fELF\x00\x00", "not text"), ("1 2".encode("utf-16"), "not text")],
)
def test_what_is_no_text_is_refused(tmp_path, content, message):
    """Nothing in such a file can be an instance."""
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(InvalidSolutionError, match=message):
        Source.open(path, InvalidSolutionError)


def test_byte_order_mark_is_skipped(tmp_path):
    """Editors on Windows write one, and the first keyword would be unknown."""
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfNAME: x\n")
    assert Source.open(path).head_lines == ["NAME: x"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes as on POSIX")
def test_pipes_are_read_to_their_end(tmp_path):
    """``cosolve solve <(zcat x.tsp.Z)``: a pipe has no size."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"1 2 3\n" * 20_000,))
    writer.start()
    assert len(Source.open(path).numbers()[0]) == 60_000
    writer.join()


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_compression_is_known_by_content(tmp_path, compress):
    """Downloads lose their suffix; the error spoke of NUL bytes."""
    path = tmp_path / "x.vrp"
    path.write_bytes(compress(b"1 2 3\n" * 100))
    assert len(Source.open(path).numbers()[0]) == 300


def test_missing_file_and_folder_are_the_operating_systems_errors(tmp_path):
    """The command line tells "no such file" from "malformed"."""
    for name in ("no.txt", "no.txt.gz"):
        with pytest.raises(FileNotFoundError):
            Source.open(tmp_path / name)
    with pytest.raises(OSError):
        Source.open(tmp_path)


def test_lines_of_the_head_end_where_lines_end():
    """0x85 is a line end of Latin-1 and the second byte of a UTF-8 letter: a comment fell apart in two lines."""
    text = "c Å x\n\r\n p edge 3 2\r\ne 1 2"
    assert source(text).head_lines == ["c Å x", "p edge 3 2", "e 1 2"]
    assert source(text.encode("latin-1")).head_lines == ["c Å x", "p edge 3 2", "e 1 2"]
    assert source(b"c \x85\x0b1 2\n").head_lines == [b"c \x85\x0b1 2".decode("latin-1")]


def test_a_file_is_sliced_as_an_array(tmp_path):
    """A slice of a memory map is one, which takes 20 times longer: a line of a comment cost 45 us."""
    (tmp_path / "x.txt").write_text("1 2\n")
    opened = Source.open(tmp_path / "x.txt")
    assert type(opened.data) is np.ndarray
    with pytest.raises(ValueError, match="read-only"):
        opened.data[0] = 0


@pytest.mark.parametrize(("word", "value"), [("1e3", True), ("-.5", True), ("1_0", False), ("٣", False), ("１", False)])
def test_numbers_of_python_alone_are_none(word, value):
    assert is_number(word) == value


def test_lines_are_utf8_or_latin1_and_count_bytes():
    """A position counted in letters would put the numbers that follow elsewhere."""
    raw = "# é à\n# ü\r\n1 2\n".encode()
    it = source(raw)
    assert list(it.lines()) == [(0, "# é à"), (8, "# ü"), (14, "1 2")]
    assert [it.line_end(k) for k in (0, 3, 8, 14, 18)] == [7, 7, 13, 17, 18]
    latin = "# é à\n1 2".encode("latin-1")
    assert list(source(latin).lines()) == [(0, "# é à"), (6, "1 2")]
