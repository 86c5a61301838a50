"""From factors to what networks and losses take: all classes stacked, padding dropped."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import dtype_name, like, to_numpy
from slimdc.backend import Array, Backend, Tensors, one_blas_thread
from slimdc.errors import InvalidValueError, NumericalError
from slimdc.networks import Network, build, verified
from slimdc.networks.normalization import Norm
from slimdc.parameterization.dataset import SlimmableDataset
from slimdc.parameterization.description import NAMES
from slimdc.parameterization.reconstruction import reconstruct
from slimdc.parameterization.truncation import largest_components

Host: TypeAlias = dict[str, np.ndarray]


class NetworkSize(Protocol):
    """The part of any settings that says how large a network is."""

    @property
    def width(self) -> int:
        """Filters of the first block, or units of a layer."""
        ...

    @property
    def depth(self) -> int:
        """Blocks or layers."""
        ...

    @property
    def norm(self) -> Norm:
        """Normalisation of a ConvNet."""
        ...


@dataclass(frozen=True)
class Assembly:
    """How the factors of one set become samples, labels and bases.

    Parameters
    ----------
    shape : tuple of int
        Shape of one sample.
    layout : str
        ``"flat"``, ``"channels_last"`` or ``"channels_first"``.
    count : int
        Number of samples N.
    rows, bases : array or None
        Where classes have unequal sizes, the stacked rows of U and of V that are not padding.
    """

    shape: tuple[int, ...]
    layout: str
    count: int
    rows: Array | None
    bases: Array | None

    @classmethod
    def of(cls, data: SlimmableDataset, ops: Backend) -> Assembly:
        """Read the assembly of a set."""
        return cls(
            data.shape,
            data.layout,
            len(data),
            _held(data.samples, max(data.samples), ops),
            _held(data.components, max(data.components), ops),
        )

    def samples(self, factors: Tensors) -> tuple[Array, Array]:
        """Compute Eq. 8: samples as networks take them, and labels (N, c)."""
        x, y = reconstruct(*(factors[name] for name in NAMES))
        x, y = _stack(x, self.rows), _stack(y, self.rows)
        return network_input(x, self.shape, self.layout), y

    def stacked_bases(self, factors: Tensors) -> tuple[Array, Array]:
        """V_x (B, d) and V_y (B, c) of all classes."""
        return _stack(factors["vx"], self.bases), _stack(factors["vy"], self.bases)


def network_input(x: Array, shape: tuple[int, ...], layout: str) -> Array:
    """Give samples the form that networks take: (n, d), or (n, h, w, channels) for images."""
    xp = array_namespace(x)
    if layout == "flat":
        return xp.reshape(x, (-1, math.prod(shape)))
    x = xp.reshape(x, (-1, *shape))
    return xp.permute_dims(x, (0, 2, 3, 1)) if layout == "channels_first" else x


def network_for(
    network: str | Network, data: SlimmableDataset, size: NetworkSize, ops: Backend
) -> Network:
    """Make the network that a caller named for a set, or check the one that was given."""
    outputs = data.label_entries
    made = build(
        network,
        data.shape,
        data.layout,
        outputs,
        width=size.width,
        depth=size.depth,
        norm=size.norm,
    )
    sample = network_input(np.zeros((1, *data.shape), np.float32), data.shape, data.layout)
    return verified(made, sample, outputs, ops)


def factors_of(data: SlimmableDataset) -> Host:
    """Copy the factors of a set to the host, by name."""
    return {name: to_numpy(x) for name, x in data.factors._asdict().items()}


def factors_on(ops: Backend, data: SlimmableDataset, dtype: str) -> Tensors:
    """Copy the factors of a set to a backend in a dtype, by name."""
    return {name: ops.asarray(x.astype(dtype)) for name, x in factors_of(data).items()}


def computed_in(dtype: str | None, data: SlimmableDataset, ops: Backend) -> str:
    """Name the dtype that a run on a set computes in: a caller's choice, or that of the factors."""
    if dtype is None:
        return dtype_name(ops.asarray(np.zeros(0, dtype_name(data.u))))
    if dtype not in ("float32", "float64"):
        raise InvalidValueError("dtype", repr(dtype), "'float32', 'float64' or None")
    if dtype_name(ops.asarray(np.zeros(0, dtype))) != dtype:
        raise InvalidValueError("dtype", repr(dtype), f"one that {ops.name} has as it is set up")
    return dtype


def samples_on(ops: Backend, data: SlimmableDataset, dtype: str) -> tuple[Array, Array]:
    """Compute a set's samples, as networks take them, and its labels on a backend."""
    factors = factors_on(ops, data, dtype)
    return Assembly.of(data, ops).samples(factors)


def finished(factors: Tensors, data: SlimmableDataset, ops: Backend) -> SlimmableDataset:
    """Make a set of trained factors, like ``data`` in everything else.

    U is made orthonormal to the last bit of its dtype, significances become positive (their signs
    go into V) and components are sorted by them, each class or all classes at once.
    """
    u, s, vx, vy = (ops.to_numpy(factors[name]) for name in NAMES)
    if not all(np.isfinite(x).all() for x in (u, s, vx, vy)):
        raise NumericalError("training", "factors that are not finite", "finite factors")
    with one_blas_thread():
        p, values, q = np.linalg.svd(u.astype(np.float64), full_matrices=False)
        # Padding has singular values of zero; the others are 1 to rounding. The set may be wider
        # than what trained it: U is rounded to the set's dtype only.
        u = (p * (values > 0.5)[:, None, :]) @ q
    sign = np.where(s < 0, -1, 1).astype(s.dtype)[:, :, None]
    sorted_factors = largest_components(u, np.abs(s), vx * sign, vy * sign, s.shape[1])
    reference = data.u
    return data.with_factors(*(like(x, reference, dtype_name(reference)) for x in sorted_factors))


def _held(counts: tuple[int, ...], width: int, ops: Backend) -> Array | None:
    if min(counts) == width:
        return None
    return ops.asarray(np.array([c * width + i for c, n in enumerate(counts) for i in range(n)]))


def _stack(blocks: Array, held: Array | None) -> Array:
    xp = array_namespace(blocks)
    stacked = xp.reshape(blocks, (-1, blocks.shape[-1]))
    return stacked if held is None else xp.take(stacked, held, axis=0)
