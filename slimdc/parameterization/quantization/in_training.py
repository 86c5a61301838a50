"""Rounding in the training loop: networks see the rounded set, whose gradients move the set."""

from __future__ import annotations

from dataclasses import dataclass

from array_api_compat import array_namespace

from slimdc.backend import Tensors
from slimdc.parameterization.quantization.rounding import multiples
from slimdc.parameterization.quantization.transform import SampleTransform

__all__ = ["StraightThrough"]


@dataclass(frozen=True)
class StraightThrough:
    """Round the rows diag(s) V_x of a set in training to multiples of a step.

    The loss is computed, and differentiated, at the rounded rows; its gradient moves the rows that
    were rounded. Coefficients and labels take so many bits that they are rounded at the end only.

    Parameters
    ----------
    transform : SampleTransform
        Of the samples.
    step : float
        In the units of training.

    Examples
    --------
    >>> import numpy as np
    >>> from slimdc.parameterization import SlimmableDataset
    >>> data = SlimmableDataset.from_arrays(np.eye(2), [0, 1])
    >>> shown = StraightThrough(SampleTransform(data.description), 0.4)
    >>> tensors = {"s": np.asarray([[2.0]]), "vx": np.asarray([[[0.45, 0.05]]])}
    >>> (2.0 * shown(tensors)["vx"]).round(3).tolist()
    [[[0.8, 0.0]]]
    """

    transform: SampleTransform
    step: float

    def __call__(self, tensors: Tensors) -> Tensors:
        """Give tensors with rounded rows."""
        s, vx = tensors["s"][:, :, None], tensors["vx"]
        xp = array_namespace(vx)
        numbers = multiples(self.transform.forward(s * vx), self.step)
        rows = self.transform.inverse(numbers * self.step)
        held = xp.abs(s) > 1e-30
        return tensors | {"vx": xp.where(held, rows / xp.where(held, s, xp.ones_like(s)), vx)}
