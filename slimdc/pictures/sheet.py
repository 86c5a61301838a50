"""A sheet of images as SVG: a line for each set, a column for each class; nothing is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from slimdc._png import as_source
from slimdc.errors import InvalidValueError

__all__ = ["Line", "sheet"]

_SIDE, _GAP = 52, 4  # of an image, and between two
_LEFT, _RIGHT = 196, 150  # for what a line is called, and for its figures
_LINE = 16  # of text
_MARGIN = 14
_FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"
_WIDEST = 11  # characters of a column's name in one line


class Line(NamedTuple):
    """A line of a sheet.

    Attributes
    ----------
    name : str
        Beside it.
    images : numpy.ndarray, shape (columns, height, width, channels)
        Pixels from 0 to 1.
    figures : tuple of str
        Behind it, the first of them bold.
    begins : str
        Above it, where a group of lines begins.
    """

    name: str
    images: np.ndarray
    figures: tuple[str, str] = ("", "")
    begins: str = ""


def sheet(title: str, notes: Sequence[str], columns: Sequence[str], lines: Sequence[Line]) -> str:
    """Draw lines of images below each other, as SVG with the images in it.

    Parameters
    ----------
    title : str
        Above all.
    notes : sequence of str
        Lines of text below the title.
    columns : sequence of str
        What the columns are called.
    lines : sequence of Line
        As many images in each as there are columns.

    Returns
    -------
    str
        An SVG document that refers to nothing outside of it.

    Raises
    ------
    InvalidValueError
        If a line has another number of images.

    Examples
    --------
    >>> drawn = sheet("Two", [], ["a", "b"], [Line("first", np.zeros((2, 4, 4, 1)))])
    >>> drawn.count("<image")
    2
    """
    for line in lines:
        if len(line.images) != len(columns):
            found = f"{len(line.images)} images in {line.name!r}"
            raise InvalidValueError("lines", found, f"{len(columns)}, one for each column")
    width = _LEFT + len(columns) * (_SIDE + _GAP) + _RIGHT
    parts = [_text(_MARGIN, 28, title, "font-size='17' font-weight='600'")]
    y = 28
    for note in notes:
        y += _LINE
        parts.append(_text(_MARGIN, y + 4, note, "fill='#555'"))
    y += 2 * _LINE + 10
    parts += _heads(columns, y)
    y += _LINE
    for line in lines:
        if line.begins:
            y += _LINE
            parts.append(_rule(y - 4, width))
            y += _LINE
            parts.append(_text(_MARGIN, y, line.begins, "font-weight='600'"))
            y += _GAP + 2
        parts += _line(line, y)
        y += _SIDE + _GAP
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {y + _MARGIN}' "
            f"width='{width}' height='{y + _MARGIN}' {_FONT} font-size='12.5' fill='#222'>",
            f"<title>{escape(title)}</title>",
            "<rect width='100%' height='100%' fill='#fff'/>",
            *parts,
            "</svg>\n",
        ]
    )


def _heads(columns: Sequence[str], y: int) -> Iterator[str]:
    """Name the columns; a long name of two words takes two lines."""
    for i, name in enumerate(columns):
        middle = _LEFT + i * (_SIDE + _GAP) + _SIDE // 2
        words = name.split(" ", 1) if len(name) > _WIDEST - 2 else [name]
        for j, word in enumerate(reversed(words)):
            yield _text(middle, y - j * 13, word, "text-anchor='middle' font-size='11'")


def _line(line: Line, y: int) -> Iterator[str]:
    middle = y + _SIDE // 2 + 5
    yield _text(_LEFT - 12, middle, line.name, "text-anchor='end'")
    for i, image in enumerate(line.images):
        x = _LEFT + i * (_SIDE + _GAP)
        pixels = np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8)
        yield (
            f"<image x='{x}' y='{y}' width='{_SIDE}' height='{_SIDE}' "
            f"style='image-rendering: pixelated' href='{as_source(pixels)}'/>"
        )
    x = _LEFT + len(line.images) * (_SIDE + _GAP) + 10
    yield _text(x, middle - 8, line.figures[0], "font-size='15' font-weight='600'")
    yield _text(x, middle + 9, line.figures[1], "fill='#555'")


def _text(x: int, y: int, text: str, style: str) -> str:
    return f"<text x='{x}' y='{y}' {style}>{escape(text)}</text>"


def _rule(y: int, width: int) -> str:
    return f"<path d='M{_MARGIN} {y}H{width - _MARGIN}' stroke='#ddd'/>"
