"""The factors of Eq. 8 in training: where they start, what they mean, how they move and end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import like
from slimdc.backend import Array, Backend, Compute, Tensors, one_blas_thread
from slimdc.errors import NumericalError
from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.description import NAMES, Description, Factors
from slimdc.parameterization.reconstruction import reconstruct
from slimdc.parameterization.stiefel import retract, tangent
from slimdc.parameterization.truncation import largest_components
from slimdc.parameterization.units import Units

__all__ = ["FactorParameterization", "as_they_are", "as_trained", "network_input", "samples_on"]


def as_they_are(tensors: Tensors) -> Tensors:
    """Give tensors back."""
    return tensors


def as_trained(data: SlimmableDataset) -> SlimmableDataset:
    """Give a set back."""
    return data


@dataclass(frozen=True)
class FactorParameterization:
    """A set held as U, s, V_x and V_y per class, which are trained; U stays orthonormal.

    Parameters
    ----------
    start_set : SlimmableDataset
        Where training starts, and what the result is like in everything but its factors.
    compute : Compute
        Where the factors are trained.
    units : Units
        The units that they are trained in.
    allowed : callable
        Projects gradients, or steps, on what may change at all; by default everything.
    ending : callable
        What the trained set becomes in the end; by default it stays as it is.
    u_s_rate : float
        Fraction of their steps that U and s take; V takes whole ones.
    """

    start_set: SlimmableDataset
    compute: Compute
    units: Units
    allowed: Callable[[Tensors], Tensors] = as_they_are
    ending: Callable[[SlimmableDataset], SlimmableDataset] = as_trained
    u_s_rate: float = 1.0

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.start_set)

    def start(self) -> Tensors:
        """Copy the factors to the backend, in the units of training."""
        host = self.units.enter(self.start_set.host_factors(), self._lengths)
        return {name: self.compute.asarray(x) for name, x in host._asdict().items()}

    def samples(self, tensors: Tensors) -> tuple[Array, Array]:
        """Compute Eq. 8: samples as networks take them, and labels (N, c)."""
        x, y = reconstruct(*(tensors[name] for name in NAMES))
        x, y = _stack(x, self._rows), _stack(y, self._rows)
        return network_input(x, self.start_set.description), y

    def bases(self, tensors: Tensors) -> tuple[Array, Array]:
        """V_x (B, d) and V_y (B, c) of all classes."""
        return _stack(tensors["vx"], self._bases), _stack(tensors["vy"], self._bases)

    def tangent(self, tensors: Tensors, gradients: Tensors) -> Tensors:
        """Project gradients, or steps, on the directions in which the factors may move."""
        allowed = self.allowed(gradients)
        return allowed | {"u": tangent(tensors["u"], allowed["u"])}

    def move(self, tensors: Tensors, step: Tensors) -> Tensors:
        """Take a tangent step, U along its manifold."""
        step = step | {name: step[name] * self.u_s_rate for name in ("u", "s")}
        moved = {name: x + step[name] for name, x in tensors.items() if name != "u"}
        return {"u": retract(tensors["u"], step["u"])} | moved

    def finish(self, tensors: Tensors) -> SlimmableDataset:
        """Make a set of trained factors.

        U is made orthonormal to the last bit of its dtype, significances become positive (their
        signs go into V) and components are sorted by them, each class or all classes at once.

        Raises
        ------
        NumericalError
            A factor is not finite.
        """
        u, s, vx, vy = (self.compute.backend.to_numpy(tensors[name]) for name in NAMES)
        if not all(np.isfinite(x).all() for x in (u, s, vx, vy)):
            raise NumericalError("training", "factors that are not finite", "finite factors")
        with one_blas_thread():
            p, values, q = np.linalg.svd(u.astype(np.float64), full_matrices=False)
            # Padding has singular values of zero; the others are 1 to rounding. The set may be
            # wider than what trained it: U is rounded to the set's dtype only.
            u = (p * (values > 0.5)[:, None, :]) @ q
        sign = np.where(s < 0, -1, 1).astype(s.dtype)[:, :, None]
        signed = Factors(u, np.abs(s), vx * sign, vy * sign)
        factors = largest_components(*self.units.leave(signed, self._lengths), s.shape[1])
        reference, dtype = self.start_set.u, self.start_set.factor_dtype
        trained = self.start_set.with_factors(*(like(x, reference, dtype) for x in factors))
        return self.ending(trained)

    @cached_property
    def _lengths(self) -> Any:
        return self.units.lengths(self.start_set)

    @cached_property
    def _rows(self) -> Array | None:
        return _held(self.start_set.samples, self.compute.backend)

    @cached_property
    def _bases(self) -> Array | None:
        return _held(self.start_set.components, self.compute.backend)


def samples_on(
    compute: Compute, data: SlimmableDataset, units: Units | None = None
) -> tuple[Array, Array]:
    """Compute a set's samples, as networks take them, and its labels on a backend (Eq. 8).

    Parameters
    ----------
    compute : Compute
        Where.
    data : SlimmableDataset
        The set.
    units : Units, optional
        Units to bring them into; by default the set's own.
    """
    units = Units(0, 0) if units is None else units
    held = FactorParameterization(data, compute, units)
    return held.samples(held.start())


def network_input(x: Array, description: Description) -> Array:
    """Give samples the form that networks take: (n, d), or (n, h, w, channels) for images."""
    xp, shape = array_namespace(x), description.shape
    if description.layout == "flat":
        return xp.reshape(x, (-1, math.prod(shape)))
    x = xp.reshape(x, (-1, *shape))
    return xp.permute_dims(x, (0, 2, 3, 1)) if description.layout == "channels_first" else x


def _held(counts: tuple[int, ...], backend: Backend) -> Array | None:
    """Give the numbers of the rows that are not padding; None where there is none."""
    width = max(counts)
    if min(counts) == width:
        return None
    return backend.asarray(
        np.array([c * width + i for c, n in enumerate(counts) for i in range(n)])
    )


def _stack(blocks: Array, held: Array | None) -> Array:
    xp = array_namespace(blocks)
    stacked = xp.reshape(blocks, (-1, blocks.shape[-1]))
    return stacked if held is None else xp.take(stacked, held, axis=0)
