"""SVG text under construction: shapes from numpy arrays, a legend, and the room that is left for the drawing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.sax import saxutils

import numpy as np

_MARGIN = 14.0
_LINE_HEIGHT = 18.0
_FONT_SIZE = 12.0

#: What XML 1.0 has no way to write, not even as a reference.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Box:
    """
    A rectangle of the canvas in pixels; y grows downwards.

    Parameters
    ----------
    left, top, right, bottom
        Its sides.
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height


class Canvas:
    """
    Collects shapes and renders them as one standalone SVG element.

    Lines and letters take ``currentColor``, so that they follow the page around them, and every shape has a class
    by which a style sheet can say otherwise. There are no identifiers: many drawings can stand in one page.

    Parameters
    ----------
    width, height
        Size in pixels.
    title
        What the drawing shows, for people who cannot see it.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width = width
        self.height = height
        self.title = title
        self.box = Box(_MARGIN, _MARGIN, width - _MARGIN, height - _MARGIN)
        self._parts: list[str] = []

    def element(self, tag: str, content: str = "", *, title: str = "", **attributes: Any) -> None:
        """
        Add an element.

        Parameters
        ----------
        tag
            Its name ("circle").
        content
            Letters in it.
        title
            Shown by browsers while the pointer rests on the shape.
        **attributes
            Their values, numbers rounded to 1/100; ``css`` stands for ``class`` and ``_`` for ``-``.
        """
        body = (f"<title>{_escape(title)}</title>" if title else "") + _escape(content)
        head = f"<{tag}{_attributes(attributes)}"
        self._parts.append(f"{head}>{body}</{tag}>" if body else f"{head}/>")

    @contextmanager
    def group(self, **attributes: Any) -> Iterator[None]:
        """Everything added inside inherits these attributes."""
        self._parts.append(f"<g{_attributes(attributes)}>")
        yield
        self._parts.append("</g>")

    def lines(
        self,
        points: np.ndarray,
        starts: Sequence[int] | np.ndarray = (0,),
        *,
        close: bool = False,
        title: str = "",
        **attributes: Any,
    ) -> None:
        """
        Add open polylines as one path.

        Parameters
        ----------
        points
            (n, 2) pixels of all of them, one after the other.
        starts
            Ascending positions at which a polyline begins; the first is 0.
        close
            Whether the last polyline returns to its start.
        """
        if len(points):
            # Alone, a vertex shows only as a line of no length with round ends.
            data = path_data(points, starts) + ("h0" if len(points) == 1 else "z" if close else "")
            self.element("path", title=title, d=data, fill="none", **attributes)

    def segments(self, tails: np.ndarray, heads: np.ndarray, **attributes: Any) -> None:
        """Add one path of straight segments from (n, 2) pixels to (n, 2) pixels."""
        points = np.stack((tails, heads), axis=1).reshape(-1, 2)
        self.lines(points, np.arange(0, len(points), 2), **attributes)

    def rect(self, box: Box, *, title: str = "", **attributes: Any) -> None:
        """Add a rectangle."""
        place: dict[str, Any] = {"x": box.left, "y": box.top, "width": box.width, "height": box.height}
        self.element("rect", title=title, **place, **attributes)

    def square(self, centre: np.ndarray, half: float, *, title: str = "", **attributes: Any) -> None:
        """Add a square around a pixel (2,) that reaches ``half`` pixels to each side."""
        x, y = centre.tolist()
        self.rect(Box(x - half, y - half, x + half, y + half), title=title, **attributes)

    def dots(self, points: np.ndarray, radius: float, colour: str = "currentColor", **attributes: Any) -> None:
        """Add equal discs at (n, 2) pixels as one path: lines of no length with round ends."""
        if len(points):
            data = path_data(points, np.arange(len(points)), suffix="h0")
            self.element(
                "path",
                d=data,
                fill="none",
                stroke=colour,
                stroke_width=2 * radius,
                stroke_linecap="round",
                **attributes,
            )

    def text(self, x: float, y: float, words: str, **attributes: Any) -> None:
        """Add letters whose baseline begins at (x, y)."""
        self.element("text", words, x=x, y=y, fill="currentColor", **attributes)

    def legend(self, entries: Sequence[tuple[str, str, str]]) -> None:
        """
        Write a legend at the bottom and take its lines off :attr:`box`; to be called before anything is placed.

        Parameters
        ----------
        entries
            (mark, colour, words) each; the mark is "dot", "square", "frame", "line" or "" for a remark.
        """
        lines: list[list[tuple[float, tuple[str, str, str]]]] = []
        x = np.inf
        for entry in entries:
            # Without font metrics: 6.4 pixels per letter suit the usual sans-serif faces at this size.
            width = (18.0 if entry[0] else 0.0) + 6.4 * len(entry[2]) + 16.0
            if x + width > self.width - _MARGIN:
                lines.append([])
                x = _MARGIN
            lines[-1].append((x, entry))
            x += width
        top = self.box.bottom - _LINE_HEIGHT * len(lines)
        with self.group(css="legend"):
            for k, line in enumerate(lines):
                for x, entry in line:
                    self._legend_entry(x, top + _LINE_HEIGHT * (k + 1) - 2.0, *entry)
        if lines:
            # On a small canvas a long legend would take it all: there it lies under the drawing.
            bottom = max(top - 6.0, self.box.top + 0.4 * self.height)
            self.box = Box(self.box.left, self.box.top, self.box.right, bottom)

    def _legend_entry(self, x: float, y: float, mark: str, colour: str, words: str) -> None:
        centre = np.array([x + 6.0, y - 4.0])
        if mark == "dot":
            self.dots(centre[None], 4.0, colour)
        elif mark == "square":
            self.square(centre, 4.0, fill=colour)
        elif mark == "frame":
            self.square(centre, 4.0, fill="none", stroke=colour)
        elif mark == "line":
            self.lines(centre + np.array([[-6.0, 0.0], [6.0, 0.0]]), stroke=colour, stroke_width=2.0)
        self.text(x + (18.0 if mark else 0.0), y, words)

    def render(self, css: str) -> str:
        """The SVG element; ``css`` is its class beside "cosolve-drawing"."""
        head = _attributes(
            {
                "css": f"cosolve-drawing {css}",
                "width": self.width,
                "height": self.height,
                "viewBox": f"0 0 {self.width:g} {self.height:g}",
                "role": "img",
                "font_family": "sans-serif",
                "font_size": _FONT_SIZE,
            }
        )
        body = "\n".join((f"<title>{_escape(self.title)}</title>", *self._parts))
        return f'<svg xmlns="http://www.w3.org/2000/svg"{head}>\n{body}\n</svg>\n'


def path_data(points: np.ndarray, starts: Sequence[int] | np.ndarray, suffix: str = "") -> str:
    """
    Path of polylines in tenths of pixels, relative from point to point, which takes half the letters.

    Parameters
    ----------
    points
        (n, 2) pixels, n >= 1.
    starts
        Ascending positions at which a polyline begins; the first is 0.
    suffix
        Command that follows each point and leaves the pen there.
    """
    tenths = np.rint(points * 10).astype(np.int64)
    steps = np.diff(tenths, axis=0, prepend=0) / 10
    words = [f"{x:g} {y:g}{suffix}" for x, y in steps.tolist()]
    for k in starts:
        words[k] = "m" + words[k]
    return " ".join(words).replace(" -", "-").replace(" m", "m")


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun in the right form: "1 city", "2,000 cities"."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def shown(text: str) -> str:
    """Text with U+FFFD for what no XML may hold: control characters and lone surrogates."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _escape(text: str) -> str:
    return saxutils.escape(shown(text))


def _attributes(attributes: dict[str, Any]) -> str:
    words = []
    for name, value in attributes.items():
        text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
        words.append(f" {'class' if name == 'css' else name.replace('_', '-')}={saxutils.quoteattr(shown(text))}")
    return "".join(words)
