"""Images sampled at other places: maps of the plane, and bilinear sampling by them.

A map says where each pixel of the result comes from, in pixels from the image's centre:
``from = matrix @ to + shift``, rows first. Maps are made on the host; what they sample is
differentiable in the images, which lie on any backend.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from slimdc.backend import Array
from slimdc.errors import InvalidValueError

__all__ = ["PlaneMap", "composed", "identity_map", "neighbours", "require_fitting", "sampled"]

Floats = npt.NDArray[np.float64]


class PlaneMap(NamedTuple):
    """Where pixels of images come from.

    Attributes
    ----------
    matrix : numpy.ndarray, shape (count, 2, 2)
        On offsets (row, column) from the centre.
    shift : numpy.ndarray, shape (count, 2)
        Added to them, in pixels.
    """

    matrix: Floats
    shift: Floats


def identity_map(count: int) -> PlaneMap:
    """Make maps that leave every pixel where it is.

    Examples
    --------
    >>> identity_map(1).matrix.tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    """
    return PlaneMap(np.tile(np.eye(2), (count, 1, 1)), np.zeros((count, 2)))


def composed(first: PlaneMap, second: PlaneMap) -> PlaneMap:
    """Give the map of images that are sampled by a first map, and the result by a second.

    Examples
    --------
    >>> step = PlaneMap(np.eye(2)[None], np.ones((1, 2)))
    >>> composed(step, step).shift.tolist()
    [[2.0, 2.0]]
    """
    shift = (first.matrix @ second.shift[:, :, None])[:, :, 0] + first.shift
    return PlaneMap(first.matrix @ second.matrix, shift)


def neighbours(plane: PlaneMap, size: tuple[int, int]) -> tuple[npt.NDArray[np.int64], Floats]:
    """Find the four pixels around the place that each pixel comes from, and their weights.

    Parameters
    ----------
    plane : PlaneMap
        Maps of ``count`` images, or one for all.
    size : tuple of int
        Height h and width w of the images.

    Returns
    -------
    indices : numpy.ndarray of int64, shape (count, 4 h w)
        Into the pixels of all ``count`` images, one image after another.
    weights : numpy.ndarray of float64, shape (count, 4, h w, 1)
        Bilinear; zero for what lies outside, which counts as zeros.

    Examples
    --------
    >>> indices, weights = neighbours(identity_map(1), (1, 2))
    >>> indices[0, :2].tolist(), weights[0, :, 0, 0].tolist()
    ([0, 1], [1.0, 0.0, 0.0, 0.0])
    """
    h, w = size
    row, column = np.divmod(np.arange(h * w), w)
    offsets = np.stack([row - (h - 1) / 2, column - (w - 1) / 2])
    found = plane.matrix @ offsets + plane.shift[:, :, None]
    rows = _between(found[:, 0] + (h - 1) / 2, h)
    columns = _between(found[:, 1] + (w - 1) / 2, w)
    starts = np.arange(plane.matrix.shape[0])[:, None] * (h * w)
    corners = list(itertools.product(rows, columns))
    indices = [starts + i * w + j for (i, _), (j, _) in corners]
    weights = [share * other for (_, share), (_, other) in corners]
    return np.concatenate(indices, axis=1), np.stack(weights, axis=1)[..., None]


def _between(places: Floats, size: int) -> list[tuple[npt.NDArray[np.int64], Floats]]:
    """Find the pixels below and above places along an axis, and the weight of each."""
    low = np.floor(places)
    beyond = places - low
    found = []
    for at, share in ((low, 1.0 - beyond), (low + 1.0, beyond)):
        inside = (at >= 0) & (at < size)
        found.append((np.clip(at, 0, size - 1).astype(np.int64), share * inside))
    return found


def sampled(x: Array, indices: Array, weights: Array) -> Array:
    """Sample images bilinearly, differentiably in the images.

    Parameters
    ----------
    x : array
        Images (n, h, w, channels).
    indices, weights : array
        As `neighbours` gives them for n images, or for one: then all are sampled alike.

    Returns
    -------
    array
        Of the shape of ``x``.

    Raises
    ------
    InvalidValueError
        If they are for another number of images, or for images of another size.

    Examples
    --------
    >>> x = np.asarray([[1.0, 2.0, 3.0]]).reshape(1, 1, 3, 1)
    >>> right = PlaneMap(np.eye(2)[None], np.asarray([[0.0, 0.5]]))
    >>> sampled(x, *neighbours(right, (1, 3))).ravel().tolist()
    [1.5, 2.5, 1.5]
    """
    require_fitting(x, indices, weights)
    xp, (n, h, w, channels) = array_namespace(x), x.shape
    flat = xp.reshape(indices, (-1,))
    if indices.shape[0] == 1:
        corners = xp.take(xp.reshape(x, (n, h * w, channels)), flat, axis=1)
    else:
        corners = xp.take(xp.reshape(x, (n * h * w, channels)), flat, axis=0)
    corners = xp.reshape(corners, (n, 4, h * w, channels))
    return xp.reshape(xp.sum(corners * weights, axis=1), (n, h, w, channels))


def require_fitting(x: Array, indices: Array, weights: Array) -> None:
    """Refuse places for another number of images, or for images of another size.

    Raises
    ------
    InvalidValueError
        As it says.

    Examples
    --------
    >>> require_fitting(np.zeros((5, 1, 2, 3)), *neighbours(identity_map(1), (1, 2)))
    """
    n, h, w, _ = x.shape
    count = indices.shape[0]
    if count not in (1, n) or tuple(weights.shape) != (count, 4, h * w, 1):
        raise InvalidValueError(
            "drawn",
            f"places for {count} images with weights of shape {tuple(weights.shape)}",
            f"those for {n} images of {h} x {w}, or for one such image",
        )
