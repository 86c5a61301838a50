"""Pixels as PNG, by the standard library alone."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from slimdc.errors import InvalidValueError

__all__ = ["png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colour types of PNG (W3C Recommendation, third edition, 11.2.1) by the number of channels.
_COLOURS = {1: 0, 3: 2}
_BITS = 8


def png(image: np.ndarray) -> bytes:
    """Write an image as PNG.

    Parameters
    ----------
    image : numpy.ndarray, shape (height, width, 1) or (height, width, 3)
        Pixels from 0, which is black, to 1.

    Returns
    -------
    bytes

    Raises
    ------
    InvalidValueError
        If it has another shape, or no pixel.

    Notes
    -----
    Portable Network Graphics, W3C Recommendation, third edition: 8 bits a channel, no filter.

    Examples
    --------
    >>> png(np.zeros((2, 3, 1)))[1:4]
    b'PNG'
    """
    if image.ndim != 3 or image.shape[2] not in _COLOURS or not image.size:
        expected = "(height, width, 1) or (height, width, 3)"
        raise InvalidValueError("image", f"shape {image.shape}", expected)
    height, width, channels = image.shape
    bytes_of_lines = np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.uint8).reshape(height, -1)
    no_filter = np.zeros((height, 1), np.uint8)
    lines = np.concatenate([no_filter, bytes_of_lines], axis=1).tobytes()
    head = struct.pack(">2I5B", width, height, _BITS, _COLOURS[channels], 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
