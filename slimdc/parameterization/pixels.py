"""Samples themselves in training, as most methods of condensing train them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from slimdc._array import like
from slimdc.backend import Array, Compute, Tensors
from slimdc.errors import NumericalError
from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.description import Factors
from slimdc.parameterization.factors import network_input
from slimdc.parameterization.reconstruction import rows
from slimdc.parameterization.units import Units

__all__ = ["Labels", "PixelParameterization"]

Labels: TypeAlias = Literal["learned", "fixed"]


@dataclass(frozen=True)
class PixelParameterization:
    """A set held as its samples, which are trained, and its label rows, which may be.

    Parameters
    ----------
    start_set : SlimmableDataset
        Where training starts, and what the result is like in all but its factors.
    compute : Compute
        Where the samples are trained.
    units : Units
        The units that they are trained in.
    labels : {"learned", "fixed"}
        Whether label rows are trained with the samples.
    """

    start_set: SlimmableDataset
    compute: Compute
    units: Units
    labels: Labels

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.start_set)

    def start(self) -> Tensors:
        """Copy the samples to the backend, in the units of training; labels where they learn."""
        x, y = self._rows
        learned = {"y": self.compute.asarray(y)} if self.labels == "learned" else {}
        return {"x": self.compute.asarray(x)} | learned

    def samples(self, tensors: Tensors) -> tuple[Array, Array]:
        """Give samples as networks take them, and label rows (N, c)."""
        x = network_input(tensors["x"], self.start_set.description)
        return x, tensors.get("y", self._fixed)

    def tangent(self, tensors: Tensors, gradients: Tensors) -> Tensors:  # noqa: ARG002 - as of factors
        """Give gradients, or steps, as they are: samples may move anywhere."""
        return gradients

    def move(self, tensors: Tensors, step: Tensors) -> Tensors:
        """Take a step."""
        return {name: x + step[name] for name, x in tensors.items()}

    def finish(self, tensors: Tensors) -> SlimmableDataset:
        """Make a set of trained samples, by the SVD of each class.

        Raises
        ------
        NumericalError
            A sample is not finite.
        """
        read, start = self.compute.backend.to_numpy, self.start_set
        x = np.asarray(read(tensors["x"]), np.float64)
        y = np.asarray(read(tensors["y"]) if "y" in tensors else self._rows[1], np.float64)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise NumericalError("training", "samples that are not finite", "finite samples")
        made = SlimmableDataset.from_arrays(
            np.ldexp(x, self.units.x).reshape(-1, *start.shape),
            np.ldexp(y, self.units.y),
            members=start.members,
            layout=start.layout,
            preprocessing=start.preprocessing,
        )
        factors = Factors(*(like(factor, start.u, start.factor_dtype) for factor in made.factors))
        known = replace(made.description, dtype=start.dtype).named_as(start.description.named)
        return SlimmableDataset(factors, known)

    @cached_property
    def _rows(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = rows(self.start_set.factors, self.start_set.description)
        return self.units.samples(x.reshape(self.count, -1)), self.units.labels(y)

    @cached_property
    def _fixed(self) -> Array:
        return self.compute.asarray(self._rows[1])
