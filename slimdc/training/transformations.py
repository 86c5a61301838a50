"""Random transformations of images, each of one strength: maps of the plane, masks and CutMix.

The first argument of each is the probability or the strength that `Augmentation` names after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from slimdc.training.sampling import PlaneMap, identity_map

__all__ = ["MAPS", "MASKS", "draw_mixing"]

Size: TypeAlias = tuple[int, int]


def _flip(probability: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:  # noqa: ARG001
    sign = np.where(rng.random(count) < probability, -1.0, 1.0)
    return _stretch(np.stack([np.ones(count), sign], axis=1))


def _scale(most: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:  # noqa: ARG001
    low, high = sorted((most, 1.0 / most))
    return _stretch(rng.uniform(low, high, (count, 2)))


def _zoom(most: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:
    logarithm = abs(math.log(most))
    zoom = np.exp(rng.uniform(-logarithm, logarithm, (count, 1)))
    # The window lies anywhere inside of the larger one of the image and its frame.
    shift = rng.uniform(-0.5, 0.5, (count, 2)) * np.abs(zoom - 1.0) * np.asarray(size)
    return PlaneMap(_stretch(1.0 / np.repeat(zoom, 2, axis=1)).matrix, shift / zoom)


def _rotate(most: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:  # noqa: ARG001
    angle = np.radians(rng.uniform(-most, most, count))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.stack([cos, sin, -sin, cos], axis=1).reshape(count, 2, 2)
    return PlaneMap(matrix, np.zeros((count, 2)))


def _crop(most: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:
    pixels = np.asarray([int(n * most + 0.5) for n in size])
    shift = rng.integers(-pixels, pixels, (count, 2), endpoint=True)
    return PlaneMap(identity_map(count).matrix, shift.astype(np.float64))


def _translate(most: float, rng: np.random.Generator, size: Size, count: int) -> PlaneMap:
    shift = rng.uniform(-most, most, (count, 2)) * np.asarray(size)
    return PlaneMap(identity_map(count).matrix, shift)


def _stretch(factors: np.ndarray) -> PlaneMap:
    return PlaneMap(factors[:, :, None] * np.eye(2), np.zeros(factors.shape))


def _cutout(side: float, rng: np.random.Generator, size: Size, count: int) -> np.ndarray:
    """Cut out a square whose middle is any pixel: parts of it may lie outside."""
    pixels = np.asarray([int(n * side + 0.5) for n in size])
    first = rng.integers(0, np.asarray(size) + 1 - pixels % 2, (count, 2)) - pixels // 2
    return 1.0 - _rectangles(first, first + pixels, size)


def _hole(side: float, rng: np.random.Generator, size: Size, count: int) -> np.ndarray:
    """Cut out a square that lies inside."""
    pixels = np.asarray([int(n * side) for n in size])
    first = rng.integers(0, np.asarray(size) - pixels, (count, 2), endpoint=True)
    return 1.0 - _rectangles(first, first + pixels, size)


def draw_mixing(
    probability: float, rng: np.random.Generator, size: Size, count: int
) -> dict[str, np.ndarray]:
    """Draw CutMix: a partner for each image, and one rectangle for all, cut off at the edges.

    Its area before that is uniform (Beta(1, 1)), its middle any pixel.

    Examples
    --------
    >>> drawn = draw_mixing(0.5, np.random.default_rng(0), (4, 4), 3)
    >>> {name: x.shape for name, x in drawn.items()}
    {'partner': (3,), 'patch': (1, 4, 4, 1), 'share': (1, 1)}
    """
    applied, area, partner = rng.random() < probability, rng.random(), rng.permutation(count)
    half = (np.asarray(size) * math.sqrt(area)).astype(np.int64) // 2 * applied
    middle = rng.integers(0, np.asarray(size), (1, 2))
    patch = _rectangles(middle - half, middle + half, size)
    return {"partner": partner, "patch": patch, "share": np.full((1, 1), 1.0 - patch.mean())}


def _rectangles(first: np.ndarray, end: np.ndarray, size: Size) -> np.ndarray:
    """Make ones (count, h, w, 1) in rectangles from a first pixel to before an end."""
    inside = [
        (np.arange(n) >= first[:, i, None]) & (np.arange(n) < end[:, i, None])
        for i, n in enumerate(size)
    ]
    return (inside[0][:, :, None] & inside[1][:, None, :])[..., None].astype(np.float64)


# In the order in which they are applied.
MAPS: dict[str, Callable[[float, np.random.Generator, Size, int], PlaneMap]] = {
    "flip": _flip,
    "scale": _scale,
    "zoom": _zoom,
    "rotate": _rotate,
    "crop": _crop,
    "translate": _translate,
}
MASKS: dict[str, Callable[[float, np.random.Generator, Size, int], np.ndarray]] = {
    "cutout": _cutout,
    "hole": _hole,
}
