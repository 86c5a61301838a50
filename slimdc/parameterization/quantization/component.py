"""One component of all classes as bytes: its scales, then its numbers in lanes of a few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc.errors import InvalidValueError
from slimdc.parameterization.quantization.entropy import Lane, pack, unpack
from slimdc.parameterization.quantization.scales import Scales, fitted

__all__ = ["Shape", "coded", "decoded", "expected_bytes", "most_bytes"]

Integers = NDArray[np.int64]

# Rows that are coded in one string. More save five bytes each, fewer decode faster.
_TOGETHER = 8
_LENGTH = 4


class Shape(NamedTuple):
    """How many numbers a component has.

    Attributes
    ----------
    rows : int
        Classes that hold it.
    band_of : numpy.ndarray of int64, shape (n,)
        The band of each number of a row.
    """

    rows: int
    band_of: Integers

    @property
    def bands(self) -> int:
        """Number of bands."""
        return int(self.band_of.max()) + 1

    @property
    def lanes(self) -> int:
        """Number of strings."""
        return -(-self.rows // _TOGETHER)

    @property
    def head(self) -> int:
        """Bytes before the strings: a scale for each band and row, the lengths of the strings."""
        return self.bands + self.rows + _LENGTH * self.lanes


def expected_bytes(numbers: Integers, band_of: Integers) -> float:
    """Estimate the bytes of a component, to a fraction of a percent, without coding it.

    Parameters
    ----------
    numbers : numpy.ndarray of int64, shape (r, n)
        A row for each class.
    band_of : numpy.ndarray of int64, shape (n,)
        Band of each column.

    Returns
    -------
    float

    Examples
    --------
    >>> numbers = np.random.default_rng(0).integers(-3, 4, (4, 200))
    >>> band_of = np.zeros(200, np.int64)
    >>> abs(expected_bytes(numbers, band_of) / len(coded([numbers], band_of)[0]) - 1) < 0.02
    True
    """
    shape = Shape(numbers.shape[0], band_of)
    return shape.head + 2.0 * shape.lanes + fitted(numbers, band_of)[1] / 8.0


def most_bytes(numbers: Integers, band_of: Integers) -> int:
    """Bound the bytes of a component from above, without coding it.

    Parameters
    ----------
    numbers : numpy.ndarray of int64, shape (r, n)
        A row for each class.
    band_of : numpy.ndarray of int64, shape (n,)
        Band of each column.

    Returns
    -------
    int

    Examples
    --------
    >>> numbers, band_of = np.zeros((4, 200), np.int64), np.zeros(200, np.int64)
    >>> len(coded([numbers], band_of)[0]) <= most_bytes(numbers, band_of)
    True
    """
    shape = Shape(numbers.shape[0], band_of)
    # A state is kept in three bytes; it is divided in whole numbers, of at least 16.
    return shape.head + 3 * shape.lanes + math.ceil(fitted(numbers, band_of)[1] / 8.0 * 1.05)


def coded(components: Sequence[Integers], band_of: Integers) -> list[bytes]:
    """Code components, all of them side by side.

    Parameters
    ----------
    components : sequence of numpy.ndarray of int64, shapes (r, n)
        The numbers of each, a row for each class that holds it.
    band_of : numpy.ndarray of int64, shape (n,)
        Band of each column.

    Returns
    -------
    list of bytes

    Examples
    --------
    >>> numbers, band_of = np.asarray([[5, 0, -1], [7, 0, 0]]), np.asarray([0, 1, 1])
    >>> back = decoded(coded([numbers], band_of), [Shape(2, band_of)])[0]
    >>> bool((back == numbers).all())
    True
    """
    scales = [fitted(numbers, band_of)[0] for numbers in components]
    lanes = [
        Lane(part.reshape(-1), sizes.reshape(-1))
        for numbers, each in zip(components, scales, strict=True)
        for part, sizes in zip(_parts(numbers), _parts(each.of(band_of)), strict=True)
    ]
    strings = iter(pack(lanes))
    found = []
    for each in scales:
        mine = [next(strings) for _ in _parts(each.rows)]
        lengths = np.asarray([len(text) for text in mine], "<u4")
        head = np.concatenate([each.bands, each.rows]).astype(np.uint8)
        found.append(head.tobytes() + lengths.tobytes() + b"".join(mine))
    return found


def decoded(blobs: Sequence[bytes], shapes: Sequence[Shape]) -> list[Integers]:
    """Undo `coded`.

    Parameters
    ----------
    blobs : sequence of bytes
        What `coded` gave.
    shapes : sequence of Shape
        How many numbers each holds.

    Returns
    -------
    list of numpy.ndarray of int64

    Raises
    ------
    InvalidValueError
        A component is not one that `coded` gave; it is named by its number.

    Examples
    --------
    >>> decoded([b""], [Shape(1, np.zeros(3, np.int64))])
    Traceback (most recent call last):
    slimdc.errors.InvalidValueError: component 0: found 0 bytes, expected at least 6 (see docs/...)
    """
    strings: list[bytes] = []
    scales: list[Integers] = []
    for number, (blob, shape) in enumerate(zip(blobs, shapes, strict=True)):
        parts, each = _opened(number, blob, shape)
        strings += parts
        scales += [sizes.reshape(-1) for sizes in _parts(each.of(shape.band_of))]
    lanes = iter(unpack(strings, scales))
    return [
        np.concatenate([next(lanes) for _ in range(shape.lanes)]).reshape(shape.rows, -1)
        for shape in shapes
    ]


def _parts(rows: Integers) -> list[Integers]:
    return [rows[i : i + _TOGETHER] for i in range(0, len(rows), _TOGETHER)]


def _opened(number: int, blob: bytes, shape: Shape) -> tuple[list[bytes], Scales]:
    name = f"component {number}"
    if len(blob) < shape.head:
        raise InvalidValueError(name, f"{len(blob)} bytes", f"at least {shape.head}")
    head = np.frombuffer(blob, np.uint8, shape.bands + shape.rows).astype(np.int64)
    lengths = np.frombuffer(blob, "<u4", shape.lanes, shape.bands + shape.rows).tolist()
    if shape.head + sum(lengths) != len(blob):
        found = f"{len(blob)} bytes"
        raise InvalidValueError(name, found, f"{shape.head + sum(lengths)}, as its strings say")
    if head.size and int(head.max()) > 127:
        raise InvalidValueError(name, f"a scale of {int(head.max())}", "scales up to 127")
    ends = shape.head + np.cumsum(lengths)
    parts = [blob[end - size : end] for end, size in zip(ends.tolist(), lengths, strict=True)]
    return parts, Scales(head[shape.bands :], head[: shape.bands])
