"""Samples of a set as pixels."""

from __future__ import annotations

import numpy as np

from slimdc._array import to_numpy
from slimdc.errors import InvalidValueError
from slimdc.parameterization import SlimmableDataset

__all__ = ["first_of_each_class", "pixels"]


def pixels(data: SlimmableDataset) -> np.ndarray:
    """Give samples as pixels.

    Parameters
    ----------
    data : SlimmableDataset
        A set of images.

    Returns
    -------
    numpy.ndarray of float32, shape (n, height, width, channels)
        From 0 to 1, in the order of `SlimmableDataset.arrays`.

    Raises
    ------
    InvalidValueError
        If its samples are no images.

    Examples
    --------
    >>> pixels(SlimmableDataset.from_arrays(np.eye(4).reshape(4, 2, 2), [0, 0, 1, 1])).shape
    (4, 2, 2, 1)
    """
    if data.layout == "flat":
        raise InvalidValueError("sets", f"samples of shape {data.shape}", "a set of images")
    x = to_numpy(data.arrays()[0]).astype(np.float32)
    raw: np.ndarray = np.asarray(data.preprocessing.invert(x, data.layout))
    found: np.ndarray = np.clip(raw, 0.0, 1.0)
    if data.layout == "channels_first":
        found = np.moveaxis(found, 1, -1)
    return found


def first_of_each_class(data: SlimmableDataset, per_class: int = 1) -> np.ndarray:
    """Give the first samples of each class as pixels, class by class.

    Parameters
    ----------
    data : SlimmableDataset
        A set of images.
    per_class : int
        Samples of each class; all of a class that has fewer.

    Returns
    -------
    numpy.ndarray of float32, shape (n, height, width, channels)

    Raises
    ------
    InvalidValueError
        If its samples are no images.

    Examples
    --------
    >>> data = SlimmableDataset.from_arrays(np.eye(4).reshape(4, 2, 2), [0, 0, 1, 1])
    >>> first_of_each_class(data)[..., 0].round(3).tolist()
    [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 0.0]]]
    """
    first = np.cumsum([0, *data.samples[:-1]])
    picked = [
        start + np.arange(min(per_class, held))
        for start, held in zip(first, data.samples, strict=True)
    ]
    images: np.ndarray = pixels(data)[np.concatenate(picked)]
    return images
