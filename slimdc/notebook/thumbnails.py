"""One sample of each class as pixels, for as many classes as a page has room for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slimdc._array import HostArray, to_numpy

if TYPE_CHECKING:
    from slimdc.parameterization import SlimmableDataset

__all__ = ["Thumbnails", "shortened", "thumbnails"]

_FEWEST_IMAGES, _MOST_IMAGES, _MOST_ROWS = 12, 20, 32
_SIDE, _COLUMNS = 64, 256  # of an image, and of a flat sample
# Of all images before they are packed, which may not help: in base64 they are a third longer.
_BYTES = 60_000
_CHARACTERS = 12  # of a name below a picture
_MOSTLY = 0.4
_TOLERANCE = 0.05  # by which pixels may leave [0, 1] and be taken as pixels still


class Thumbnails(NamedTuple):
    """Small pictures of a set.

    Attributes
    ----------
    pixels : numpy.ndarray of uint8
        Shape (m, h, w) or (m, h, w, 3), an image for each class that is shown; or (1, m, d), with
        a line for each, where samples are vectors.
    classes : tuple of str
        The m classes that are shown, by their names where they have some, else by their labels.
    note : str
        What must be said of the pixels, if anything.
    """

    pixels: NDArray[np.uint8]
    classes: tuple[str, ...]
    note: str


def thumbnails(data: SlimmableDataset) -> Thumbnails:
    """Make small pictures of the first sample of each class.

    The samples are computed where the factors are: of these, only the m samples that are shown go
    to the host.

    Parameters
    ----------
    data : SlimmableDataset
        Any set.

    Returns
    -------
    Thumbnails

    Examples
    --------
    >>> from slimdc import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.zeros((4, 8, 8, 3)), [0, 1, 2, 2])
    >>> thumbnails(data).pixels.shape
    (3, 8, 8, 3)
    """
    flat = data.layout == "flat"
    size = data.description.size
    room = _MOST_ROWS if flat else min(_MOST_IMAGES, max(_FEWEST_IMAGES, _BYTES // size))
    x = _first_samples(data, min(room, data.classes))
    shown = map(shortened, data.names or map(str, data.labels))
    classes = tuple(islice(shown, len(x)))
    if flat:
        pixels, note = _in_range(_shown_space(data, x), own=False)
        return Thumbnails(_to_bytes(_narrower(pixels, _COLUMNS)[None]), classes, note)
    pixels, note = _in_range(_shown_space(data, x.reshape(-1, *data.shape)), own=True)
    if data.layout == "channels_first":
        pixels = np.moveaxis(pixels, 1, -1)
    channels = pixels.shape[-1]
    if channels not in (1, 3):
        pixels = pixels.mean(axis=-1, keepdims=True)
        note = "; ".join(filter(None, (note, f"mean of {channels} channels")))
    fits = int((_BYTES / (len(x) * pixels.shape[-1])) ** 0.5)
    small = _smaller(pixels, min(_SIDE, fits))
    return Thumbnails(_to_bytes(small[..., 0] if small.shape[-1] == 1 else small), classes, note)


def shortened(name: str) -> str:
    """Cut a name to what fits below a picture.

    Examples
    --------
    >>> shortened("hippopotamuses")
    'hippopotamu…'
    """
    return name if len(name) <= _CHARACTERS else f"{name[: _CHARACTERS - 1]}…"


def _first_samples(data: SlimmableDataset, count: int) -> NDArray[np.float64]:
    u, s, vx, _ = data._held.factors
    left = u[: min(count, int(u.shape[0])), 0, :] * s[: min(count, int(s.shape[0])), :]
    found: HostArray = to_numpy((left[:, None, :] @ vx[:count, :, :])[:, 0, :])
    return np.nan_to_num(found.astype(np.float64))


def _shown_space(data: SlimmableDataset, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the preprocessing where that is possible."""
    if not data.preprocessing.is_complete:
        return x
    pixels: Any = data.preprocessing.invert(x, data.layout)
    return np.nan_to_num(np.asarray(pixels, np.float64))


def _in_range(x: NDArray[np.float64], own: bool) -> tuple[NDArray[np.float64], str]:
    """Bring values to [0, 1], each sample by its own range if asked for, and say what was done."""
    # Condensed samples leave the range of pixels here and there; what is in another space, mostly.
    outside = np.mean((x < -_TOLERANCE) | (x > 1 + _TOLERANCE))
    told_apart = np.ptp(np.clip(x, 0, 1)) > _TOLERANCE or not x.any()
    if outside < _MOSTLY and told_apart:
        return np.clip(x, 0.0, 1.0), ""
    tiny = np.finfo(np.float64).tiny
    scaled = x / max(float(np.abs(x).max()), tiny)  # first: the range of huge values is infinite
    axes = tuple(range(1 if own else 0, x.ndim))
    # A few values far out would leave grey all the others.
    low, high = np.percentile(scaled, (2, 98), axis=axes, keepdims=True)
    said = "each scaled to its own range" if own else "scaled to their own range"
    return np.clip((scaled - low) / np.maximum(high - low, tiny), 0.0, 1.0), said


def _smaller(images: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    for axis in (1, 2):
        images = np.moveaxis(_narrower(np.moveaxis(images, axis, -1), side), -1, axis)
    return images


def _narrower(x: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Average neighbours along the last axis until no more than so many are left."""
    width = x.shape[-1]
    if width <= columns:
        return x
    starts = np.arange(columns) * width // columns
    lengths = np.diff([*starts, width])
    return np.add.reduceat(x, starts, axis=-1) / lengths


def _to_bytes(x: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(255 * x).astype(np.uint8)
