"""Samples in training that keep to the values of those that they are to stand for.

Gradients of networks with instance normalisation hardly know how large a sample is, so that steps
along them make samples ever larger. Sources that keep pixels in [0, 1] by clipping prevent it; in
the space of a set that is the range of each channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from array_api_compat import array_namespace

from slimdc.backend import Array, Tensors
from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.formation import FormationParameterization
from slimdc.parameterization.pixels import PixelParameterization
from slimdc.typing import Layout

__all__ = ["BoxedParameterization", "Host", "channel_ranges"]

Host = npt.NDArray[np.floating]


def channel_ranges(x: Host, layout: Layout) -> tuple[Host, Host]:
    """Find the least and the largest value of each channel, or of each entry of vectors.

    Parameters
    ----------
    x : numpy.ndarray, shape (n, ...)
        Samples.
    layout : str
        Where the channels are.

    Returns
    -------
    tuple of numpy.ndarray
        Both of one sample, with a length of 1 along all but the channels.

    Examples
    --------
    >>> x = np.asarray([[1.0, 5.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    >>> [edge.tolist() for edge in channel_ranges(x, "channels_last")]
    [[[[1.0]]], [[[5.0]]]]
    """
    axes = {"flat": (0,), "channels_last": (0, 1, 2), "channels_first": (0, 2, 3)}[layout]
    low, high = x.min(axis=axes, keepdims=True), x.max(axis=axes, keepdims=True)
    return low[0], high[0]


@dataclass(frozen=True)
class BoxedParameterization:
    """A set held as its samples, or as small images, which are clipped after each step.

    Parameters
    ----------
    held : PixelParameterization or FormationParameterization
        What is trained.
    low, high : array
        Bounds of its tensor ``x``, in the units of training; they broadcast against it.
    """

    held: PixelParameterization | FormationParameterization
    low: Array
    high: Array

    @property
    def count(self) -> int:
        """Number of samples."""
        return self.held.count

    def start(self) -> Tensors:
        """Give the tensors with which training starts."""
        return self.held.start()

    def samples(self, tensors: Tensors) -> tuple[Array, Array]:
        """Give samples as networks take them, and label rows (N, c)."""
        return self.held.samples(tensors)

    def tangent(self, tensors: Tensors, gradients: Tensors) -> Tensors:
        """Give gradients, or steps, as they are: it is the step's end that is clipped."""
        return self.held.tangent(tensors, gradients)

    def move(self, tensors: Tensors, step: Tensors) -> Tensors:
        """Take a step, and clip where it leads."""
        moved = self.held.move(tensors, step)
        xp = array_namespace(moved["x"])
        return moved | {"x": xp.minimum(xp.maximum(moved["x"], self.low), self.high)}

    def finish(self, tensors: Tensors) -> SlimmableDataset:
        """Make a set of trained samples, by the SVD of each class.

        Raises
        ------
        NumericalError
            A sample is not finite.
        """
        return self.held.finish(tensors)
