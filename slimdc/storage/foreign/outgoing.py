"""What a file of others is to hold of a set: its samples and labels in their order and form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray, to_numpy
from slimdc.errors import InvalidValueError
from slimdc.parameterization import SlimmableDataset

__all__ = ["classes_from", "images_in", "one_hot_classes", "pictures", "pixels", "rows_from"]

# How far the entries of a one-hot row may lie apart that should be equal, in units of its height:
# beyond the rounding of factors in single precision, far below what training or truncation does.
_ONE_HOT = 1e-3


def images_in(data: SlimmableDataset, layout: str) -> HostArray:
    """Give the samples in the order in which they came, as images of a layout.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    layout : {"channels_last", "channels_first"}
        Where the channels are wanted.

    Returns
    -------
    numpy.ndarray of float, shape (n, ...)
        The caller's own, in the space of the set.

    Raises
    ------
    InvalidValueError
        The samples are no images.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.zeros((2, 4, 5)), [0, 1])
    >>> images_in(data, "channels_first").shape
    (2, 1, 4, 5)
    """
    if data.layout == "flat":
        raise InvalidValueError("data", f"samples of shape {data.shape}", "images")
    x = to_numpy(data.arrays("given")[0])
    return _in_layout(x, data.layout, layout)


def one_hot_classes(data: SlimmableDataset) -> NDArray[np.int64] | None:
    """Give the class of each row in the order in which they came, where all labels are hard.

    Parameters
    ----------
    data : SlimmableDataset
        The set.

    Returns
    -------
    numpy.ndarray of int64, shape (n,), or None
        The largest entry of each row; None where some row is no one-hot row, of whatever scale
        and offset.

    Examples
    --------
    >>> one_hot_classes(SlimmableDataset.from_arrays(np.eye(3), [2, 0, 1])).tolist()
    [2, 0, 1]
    >>> one_hot_classes(SlimmableDataset.from_arrays(np.eye(2), [[0.5, 0.3, 0.2]] * 2)) is None
    True
    """
    y = to_numpy(data.arrays("given")[1]).astype(np.float64)
    if y.shape[1] == 1:
        return np.zeros(len(y), np.int64)
    ranked = np.sort(y, axis=1)
    height = ranked[:, -1] - ranked[:, -2]
    apart = ranked[:, -2] - ranked[:, 0]
    hard = (height > 0) & (apart <= _ONE_HOT * height)
    return np.argmax(y, axis=1).astype(np.int64) if hard.all() else None


def classes_from(data: SlimmableDataset, name: str) -> NDArray[np.int64]:
    """Give the class of each row in the order in which they came.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    name : str
        The format, for the message.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)

    Raises
    ------
    InvalidValueError
        Labels are soft.

    Examples
    --------
    >>> classes_from(SlimmableDataset.from_arrays(np.eye(2), [1, 0]), "mtt").tolist()
    [1, 0]
    """
    classes = one_hot_classes(data)
    if classes is None:
        raise InvalidValueError(
            "data",
            "soft labels",
            f"one-hot rows, of any scale and offset: format {name!r} holds classes (to drop what "
            "the labels say beside them: labels='classes', on the command line --labels classes)",
        )
    return classes


def rows_from(data: SlimmableDataset, scale: float) -> HostArray:
    """Give the soft row of each sample in the order in which they came.

    Parameters
    ----------
    data : SlimmableDataset
        The set.
    scale : float
        Hard labels become rows ``scale (onehot - 1/c)``; soft ones stay as they are.

    Returns
    -------
    numpy.ndarray of float, shape (n, c)

    Raises
    ------
    InvalidValueError
        Rows have one entry.

    Examples
    --------
    >>> rows_from(SlimmableDataset.from_arrays(np.eye(2), [1, 0]), 1.0).tolist()
    [[-0.5, 0.5], [0.5, -0.5]]
    """
    y = to_numpy(data.arrays("given")[1])
    if y.shape[1] < 2:
        raise InvalidValueError("data", "labels of one entry", "at least two classes")
    classes = one_hot_classes(data)
    if classes is None:
        return y
    count = y.shape[1]
    hard = np.full(y.shape, -scale / count)
    hard[np.arange(len(y)), classes] += scale
    return hard.astype(y.dtype)


def pictures(data: SlimmableDataset) -> NDArray[np.uint8]:
    """Give the samples in the order in which they came as pictures of 8 bits.

    Parameters
    ----------
    data : SlimmableDataset
        The set. Its preprocessing is undone; what lies outside of [0, 1] then is clipped.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, height, width) or (n, height, width, 3)

    Raises
    ------
    InvalidValueError
        The samples are no images of 1 or 3 channels, or a whitening lacks its matrix.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.full((1, 2, 2), 0.2), [0])
    >>> pictures(data).tolist()
    [[[51, 51], [51, 51]]]
    """
    x = pixels(data, "channels_last")
    if x.shape[3] not in (1, 3):
        raise InvalidValueError("data", f"images of {x.shape[3]} channels", "1 or 3 channels")
    whole = np.rint(np.clip(x, 0.0, 1.0) * 255.0).astype(np.uint8)
    return whole[..., 0] if x.shape[3] == 1 else whole


def pixels(data: SlimmableDataset, layout: str) -> HostArray:
    """Give the samples in the order in which they came, in units of [0, 1], not clipped.

    Examples
    --------
    >>> from slimdc import Preprocessing
    >>> x = np.full((1, 1, 1), 255, np.uint8)
    >>> data = SlimmableDataset.from_arrays(x, [0], preprocessing=Preprocessing(0.5, 0.25))
    >>> pixels(data, "channels_first").tolist()
    [[[[1.0]]]]
    """
    x = images_in(data, data.layout)
    back = np.asarray(data.preprocessing.invert(x, data.layout))
    return _in_layout(back, data.layout, layout)


def _in_layout(x: HostArray, held: str, wanted: str) -> HostArray:
    if held == wanted:
        return x
    axes = (0, 3, 1, 2) if wanted == "channels_first" else (0, 2, 3, 1)
    return np.ascontiguousarray(np.transpose(x, axes))
