"""Pixels as PNG, by the standard library alone."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_png", "as_source"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Write pixels as a PNG file (ISO/IEC 15948), 8 bits a value, without a filter.

    Parameters
    ----------
    pixels : numpy.ndarray of uint8, shape (height, width), (height, width, 1) or (height, width, 3)
        Grey values, or red, green and blue.

    Returns
    -------
    bytes

    Examples
    --------
    >>> as_png(np.zeros((2, 3), np.uint8))[1:4]
    b'PNG'
    """
    height, width = pixels.shape[:2]
    kind = _GREY if pixels[0, 0].size == 1 else _COLOUR
    # Each line begins with the number of its filter, 0.
    lines = np.zeros((height, 1 + pixels[0].size), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    packed = zlib.compress(lines.tobytes(), 9)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def as_source(pixels: NDArray[np.uint8]) -> str:
    """Write pixels as what an image of a page has for its ``src``.

    Examples
    --------
    >>> as_source(np.zeros((1, 1), np.uint8))[:30]
    'data:image/png;base64,iVBORw0K'
    """
    return "data:image/png;base64," + base64.b64encode(as_png(pixels)).decode("ascii")


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )
