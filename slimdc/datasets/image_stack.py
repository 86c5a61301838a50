"""Encoded images, from files or from bytes in memory, decoded into one array."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from slimdc.errors import FileError, MissingLibraryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Encoded", "encoded", "stacked"]

_GREY = ("1", "L", "LA")
# Pillow cuts their values off at 255, and floats at 0 and 1.
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


class Encoded(NamedTuple):
    """An image in memory, as PNG, JPEG or the like, and the name to blame in a message."""

    name: str
    payload: bytes


_Source: TypeAlias = Path | Encoded


def stacked(
    sources: Sequence[_Source],
    size: tuple[int, int] | None = None,
    argument: str = "root",
    expected: str = "images of one size",
) -> NDArray[np.uint8]:
    """Decode images into one array.

    Parameters
    ----------
    sources : sequence of pathlib.Path or Encoded
        Files, or what would be in them; at least one.
    size : (int, int), optional
        Height and width that images are brought to: scaled, bicubic, so that they just cover it,
        and cut at the centre. Without it all must have one size.
    argument, expected : str
        What to blame where their sizes differ, and what to ask for.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, height, width, 3)
        Or (n, height, width) where all are grey.

    Raises
    ------
    FileError
        An image cannot be read, or there are several sizes without `size`.
    MissingLibraryError
        Pillow is not installed.

    Examples
    --------
    >>> stacked([Encoded("a", encoded(np.full((2, 3), 7, np.uint8)))])[0].tolist()
    [[7, 7, 7], [7, 7, 7]]
    """
    heads = [_opened(source, None, "") for source in sources]
    mode = "L" if all(found in _GREY for found, _ in heads) else "RGB"
    first = {found: source for source, (_, found) in reversed([*zip(sources, heads, strict=True)])}
    if size is None and len(first) > 1:
        two = " and ".join(
            f"{height}x{width} ({_name(first[height, width])})"
            for height, width in sorted(first)[:2]
        )
        raise FileError(argument, f"images of {two}", expected)
    shape = next(iter(first)) if size is None else size
    # Filled one by one: a list of images beside their stack would need twice the memory.
    images = np.empty((len(sources), *shape, *(() if mode == "L" else (3,))), np.uint8)
    for i, source in enumerate(sources):
        images[i] = _opened(source, shape, mode)
    return images


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """Encode an image as PNG, which loses nothing.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width) or (height, width, 3)
        A grey image or a coloured one.

    Returns
    -------
    bytes
        What a file is to hold.

    Raises
    ------
    MissingLibraryError
        Pillow is not installed.

    Examples
    --------
    >>> encoded(np.zeros((2, 2), np.uint8))[1:4]
    b'PNG'
    """
    held = io.BytesIO()
    _pillow().Image.fromarray(pixels).save(held, "png")
    return held.getvalue()


def _pillow() -> Any:
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError as error:
        raise MissingLibraryError(
            "images", "no Pillow", "it installed: pip install 'slimdc[images]'"
        ) from error
    return PIL


def _name(source: _Source) -> str:
    return str(source) if isinstance(source, Path) else source.name


def _opened(source: _Source, size: tuple[int, int] | None, mode: str) -> Any:
    """Read an image, or its mode and its size only."""
    pillow = _pillow()
    name = _name(source)
    if isinstance(source, Path) and not source.is_file():  # a pipe would be waited for
        raise FileError(name, "no regular file", "an image", see="docs/install.md#data")
    file = source if isinstance(source, Path) else io.BytesIO(source.payload)
    try:
        with pillow.Image.open(file) as image:
            if size is None:
                return image.mode, (image.height, image.width)
            if image.mode in _DEEP:
                raise ValueError(f"mode {image.mode}, of more than 8 bits; save it in 8 bits")
            pixels = image.convert(mode)
            if (image.height, image.width) != size:
                bicubic = pillow.Image.Resampling.BICUBIC
                pixels = pillow.ImageOps.fit(pixels, size[::-1], bicubic)
            return np.asarray(pixels)
    except Exception as error:  # each of Pillow's formats fails in ways of its own
        raise FileError(
            name, f"an unreadable image ({error})", "an image", see="docs/install.md#data"
        ) from error
