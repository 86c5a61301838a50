"""A set as a file of others holds it: plain samples and labels, checked where they come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from slimdc._array import HostArray, as_array, to_numpy
from slimdc._checks import shown
from slimdc.errors import FileError, InvalidTypeError

__all__ = ["Asked", "Published", "channels_fit", "classes_of", "host", "images", "rows_of"]

# A file of others says nowhere how its axes are to be read: more channels are no images of theirs.
_MOST_CHANNELS = 4


class Published(NamedTuple):
    """Samples and labels of a file, on the host and in its order.

    Attributes
    ----------
    x : numpy.ndarray, shape (n, ...)
        Images: floats, or uint8 where the file holds pictures.
    y : numpy.ndarray, shape (n,) of int64 or (n, c) of floats
        Classes, or soft rows.
    layout : str
        Where the channels are.
    classes : int, optional
        Number of classes, where the file says it.
    names : sequence of str
        Names of the classes, where the file says them.

    Examples
    --------
    >>> Published(np.zeros((1, 2, 2, 3)), np.zeros(1, np.int64), "channels_last").classes is None
    True
    """

    x: HostArray
    y: HostArray
    layout: str
    classes: int | None = None
    names: Sequence[str] = ()


class Asked(NamedTuple):
    """What a caller asked of a file beside its format.

    Attributes
    ----------
    source : str
        The file, for messages.
    experiment : int, optional
        Which of several sets of a file.
    factor : int
        f squared samples are packed in one image.

    Examples
    --------
    >>> Asked("file").factor
    1
    """

    source: str
    experiment: int | None = None
    factor: int = 1


def host(x: Any, source: str) -> HostArray:
    """Copy an array or a tensor of a file to the host.

    Parameters
    ----------
    x : object
        What the file holds.
    source : str
        The file, for messages.

    Returns
    -------
    numpy.ndarray
        A copy.

    Raises
    ------
    FileError
        It is no dense array of numbers, or a tensor of more values than the file has.

    Examples
    --------
    >>> host([1, 2], "file")
    Traceback (most recent call last):
    slimdc.errors.FileError: file: found a list, expected an array of numbers (see docs/...)
    """
    expected = "an array of numbers"
    if isinstance(x, list | tuple | dict | str | bytes) or not hasattr(x, "dtype"):
        raise FileError(source, f"a {type(x).__name__}", expected)
    try:
        x = as_array(x, source)
        storage = getattr(x, "untyped_storage", None)
        # A tensor of strides 0 would grow beyond the file when it is copied.
        if storage is not None and x.numel() * x.element_size() > storage().nbytes():
            raise FileError(source, f"a tensor of {x.numel()} values that are not there", expected)
        return to_numpy(x, source)
    except InvalidTypeError as error:
        raise FileError(source, error.found, expected) from error


def channels_fit(shape: tuple[int, ...], layout: str) -> bool:
    """Tell whether a shape is one of images (n, ...) in a layout.

    Examples
    --------
    >>> channels_fit((5, 3, 32, 32), "channels_first")
    True
    """
    if len(shape) != 4 or min(shape) < 1:
        return False
    return shape[1 if layout == "channels_first" else 3] <= _MOST_CHANNELS


def images(x: Any, layout: str, source: str) -> HostArray:
    """Check images of a file and copy them to the host.

    Parameters
    ----------
    x : array
        What should be images, (n, ...).
    layout : {"channels_last", "channels_first"}
        Where their channels should be.
    source : str
        The file, for messages.

    Returns
    -------
    numpy.ndarray of float, shape (n, ...)
        A copy.

    Raises
    ------
    FileError
        They are no finite floating-point images of that layout.

    Examples
    --------
    >>> images(np.zeros((2, 5)), "channels_last", "file")
    Traceback (most recent call last):
    slimdc.errors.FileError: file: found images of shape (2, 5) and dtype float64, ...
    """
    held = host(x, source)
    if held.dtype.kind != "f" or not channels_fit(held.shape, layout):
        axes = (
            "channels, height, width" if layout == "channels_first" else "height, width, channels"
        )
        raise FileError(
            source,
            f"images of shape {held.shape} and dtype {held.dtype}",
            f"floats of shape (n, {axes}) with at most {_MOST_CHANNELS} channels",
        )
    if not np.isfinite(held).all():
        raise FileError(source, "images with NaN or infinite values", "finite images")
    return held


def classes_of(y: Any, count: int, source: str) -> HostArray:
    """Check the classes of a file's samples.

    Parameters
    ----------
    y : array
        What should be classes, (n,).
    count : int
        Number n of samples.
    source : str
        The file, for messages.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        A copy.

    Raises
    ------
    FileError
        They are no integers from 0 upwards, or not one for each sample.

    Examples
    --------
    >>> classes_of(np.asarray([1, -1]), 2, "file")
    Traceback (most recent call last):
    slimdc.errors.FileError: file: found the label -1, expected classes from 0 upwards
    (see docs/...)
    """
    held = host(y, source)
    if held.dtype.kind not in "iu" or held.shape != (count,):
        raise FileError(
            source,
            f"labels of shape {held.shape} and dtype {held.dtype} for {count} images",
            f"integers of shape ({count},)",
        )
    if held.min() < 0 or held.max() >= 1 << 31:
        wrong = held.min() if held.min() < 0 else held.max()
        raise FileError(source, f"the label {shown(int(wrong))}", "classes from 0 upwards")
    return held.astype(np.int64)


def rows_of(y: Any, count: int, source: str) -> HostArray:
    """Check the soft labels of a file's samples.

    Parameters
    ----------
    y : array
        What should be soft rows, (n, c).
    count : int
        Number n of samples.
    source : str
        The file, for messages.

    Returns
    -------
    numpy.ndarray of float, shape (n, c)
        A copy.

    Raises
    ------
    FileError
        They are no finite rows of at least two entries, or not one for each sample.

    Examples
    --------
    >>> rows_of(np.zeros((2, 1)), 2, "file")
    Traceback (most recent call last):
    slimdc.errors.FileError: file: found labels of shape (2, 1) and dtype float64 for 2 images, ...
    """
    held = host(y, source)
    rows = held.ndim == 2 and held.shape[0] == count and held.shape[1] > 1
    if held.dtype.kind != "f" or not rows:
        raise FileError(
            source,
            f"labels of shape {held.shape} and dtype {held.dtype} for {count} images",
            f"floats of shape ({count}, c) with c classes, at least 2",
        )
    if not np.isfinite(held).all():
        raise FileError(source, "labels with NaN or infinite values", "finite labels")
    return held
