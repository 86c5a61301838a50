"""Normalisation of channels (n, h, w, c): of each image by itself, or of a batch.

Channels are brought to mean 0 and variance 1, then scaled and shifted by learned parameters. A
network may have it anywhere, each with a name of its own, such as ``"norm1"``.
Variances are the biased ones throughout, those of a mean of squares: also the running variance,
for which PyTorch takes the unbiased one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from slimdc.backend import Array, Tensors
from slimdc.errors import InvalidValueError
from slimdc.typing import NetworkNorm

__all__ = [
    "EPSILON",
    "MEMORY",
    "NORMS",
    "Floats",
    "Moments",
    "Norm",
    "Normalise",
    "checked",
    "embedding",
    "moments_of",
    "normalised",
    "observing",
    "remembered",
    "start",
    "statistics",
]

Floats = npt.NDArray[np.float64]
Moments: TypeAlias = tuple[Array, Array]
# A function (channels, a normalisation's name) -> normalised channels.
Normalise: TypeAlias = Callable[[Array, str], Array]

Norm: TypeAlias = NetworkNorm
NORMS: tuple[Norm, ...] = get_args(Norm)

# Added to variances; and the fraction of the running statistics that a step keeps.
EPSILON = 1e-5
MEMORY = 0.9


def checked(norm: object) -> None:
    """Refuse what names no normalisation.

    Raises
    ------
    InvalidValueError
        If it is none of `NORMS`.

    Examples
    --------
    >>> checked("batch")
    """
    if norm not in NORMS:
        raise InvalidValueError("norm", repr(norm), f"one of {', '.join(map(repr, NORMS))}")


def start(norm: Norm, name: str, channels: int) -> dict[str, Floats]:
    """Give the parameters with which a normalisation starts, under its name.

    Examples
    --------
    >>> list(start("batch", "norm1", 8))
    ['norm1.scale', 'norm1.shift', 'norm1.mean', 'norm1.variance']
    >>> start("none", "norm1", 8)
    {}
    """
    if norm == "none":
        return {}
    learned = {f"{name}.scale": np.ones(channels), f"{name}.shift": np.zeros(channels)}
    if norm == "instance":
        return learned
    mean, variance = statistics(name)
    return learned | {mean: np.zeros(channels), variance: np.ones(channels)}


def statistics(name: str) -> tuple[str, str]:
    """Name the running mean and variance of a normalisation.

    Examples
    --------
    >>> statistics("norm1")
    ('norm1.mean', 'norm1.variance')
    """
    return f"{name}.mean", f"{name}.variance"


def moments_of(x: Array, axes: tuple[int, ...]) -> Moments:
    """Compute mean and biased variance over axes, which are kept.

    Examples
    --------
    >>> mean, variance = moments_of(np.asarray([[1.0, 3.0]]), (1,))
    >>> mean.tolist(), variance.tolist()
    ([[2.0]], [[1.0]])
    """
    xp, share = array_namespace(x), 1.0 / math.prod(x.shape[axis] for axis in axes)
    mean = xp.sum(x, axis=axes, keepdims=True) * share
    deviation = x - mean
    return mean, xp.sum(deviation * deviation, axis=axes, keepdims=True) * share


def normalised(x: Array, moments: Moments, parameters: Tensors, name: str) -> Array:
    """Normalise channels by a mean and a variance, then scale and shift them.

    Examples
    --------
    >>> x = np.asarray([1.0, 3.0]).reshape(1, 1, 2, 1)
    >>> parameters = start("instance", "norm1", 1)
    >>> normalised(x, moments_of(x, (1, 2)), parameters, "norm1").round(4).ravel().tolist()
    [-1.0, 1.0]
    """
    mean, variance = moments
    scale = (variance + EPSILON) ** -0.5 * parameters[f"{name}.scale"]
    return (x - mean) * scale + parameters[f"{name}.shift"]


def remembered(moments: Moments, parameters: Tensors, name: str) -> Tensors:
    """Mix a batch's moments into the running ones: nine tenths of the old, one of the new.

    Examples
    --------
    >>> moments = np.full(1, 5.0), np.full(1, 2.0)
    >>> after = remembered(moments, start("batch", "norm1", 1), "norm1")
    >>> {name: round(float(x[0]), 9) for name, x in after.items()}
    {'norm1.mean': 0.5, 'norm1.variance': 1.1}
    """
    mixed: Tensors = {}
    for held_as, new in zip(statistics(name), moments, strict=True):
        held = parameters[held_as]
        flat = array_namespace(new).reshape(new, held.shape)
        mixed[held_as] = held * MEMORY + flat * (1.0 - MEMORY)
    return mixed


def embedding(norm: Norm, parameters: Tensors) -> Normalise:
    """Normalise as a network embeds: by each image's own moments, or by the running ones.

    Examples
    --------
    >>> x = np.asarray([1.0, 3.0]).reshape(1, 1, 2, 1)
    >>> normalise = embedding("batch", start("batch", "norm1", 1))
    >>> normalise(x, "norm1").round(4).ravel().tolist()
    [1.0, 3.0]
    """

    def normalise(x: Array, name: str) -> Array:
        if norm == "none":
            return x
        if norm == "instance":
            return normalised(x, moments_of(x, (1, 2)), parameters, name)
        mean, variance = statistics(name)
        return normalised(x, (parameters[mean], parameters[variance]), parameters, name)

    return normalise


def observing(norm: Norm, parameters: Tensors, running: Tensors) -> Normalise:
    """Normalise as a network's own step does: by the batch, whose moments enter ``running``.

    Only batch normalisation has steps that differ from embedding.

    Examples
    --------
    >>> x, running = np.asarray([1.0, 3.0]).reshape(1, 1, 2, 1), {}
    >>> normalise = observing("batch", start("batch", "norm1", 1), running)
    >>> normalise(x, "norm1").round(4).ravel().tolist(), running["norm1.mean"].round(9).tolist()
    ([-1.0, 1.0], [0.2])
    """
    if norm != "batch":
        return embedding(norm, parameters)

    def normalise(x: Array, name: str) -> Array:
        moments = moments_of(x, (0, 1, 2))
        running.update(remembered(moments, parameters, name))
        return normalised(x, moments, parameters, name)

    return normalise
