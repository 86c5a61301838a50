"""The JAX backend: compiled by XLA, on the CPU, on GPUs and wherever else JAX computes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from slimdc.backend import Array, Differentiated, Groups, Scored, Tensors, convolved_shape
from slimdc.errors import InvalidValueError
from slimdc_backends.jax_ranks import JaxRanks
from slimdc_backends.kernels.xla import at_once, convolved, in_chunks

__all__ = ["JaxBackend"]


class JaxBackend:
    """Computes on JAX arrays; every step is compiled at its first call.

    Parameters
    ----------
    device : str, optional
        Such as ``"cpu"``, ``"gpu:1"`` or ``"cuda:0"``; JAX's default device where None.
    distributed : bool
        True takes part on all devices of the platform, also those of other processes: every device
        draws networks of its own, and the factors move by the mean of their gradients.

    Raises
    ------
    InvalidValueError
        If JAX does not know the device, or has no such one here.
    """

    name = "jax"

    def __init__(self, device: str | None = None, *, distributed: bool = False) -> None:
        self._device = _found(device)
        self.device = f"{self._device.platform}:{self._device.id}"
        self.ranks = JaxRanks(self._device.platform) if distributed else None
        self.options = {"distributed": distributed}

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array to the device; without x64, 64-bit numbers become 32-bit ones."""
        with np.errstate(over="ignore"):
            # JAX may keep the memory that it is given: the copy is NumPy's.
            owned = np.array(host, dtype=jax.dtypes.canonicalize_dtype(host.dtype), order="C")
        return jax.device_put(owned, self._device)

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy an array to the host."""
        return np.array(x)

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate by `jax.vjp`; see `slimdc.backend.Backend`."""

        def differentiated(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors, Groups]:
            values: Tensors = {}
            extras: Tensors = {}
            gradients: Groups = {}
            # The function is traced for each group, so that only what its scalar needs in its own
            # variables is differentiated: no zeros are propagated for the others. XLA computes what
            # is equal once; tests count the convolutions that are left.
            for group, part in variables.items():

                def own(part: Tensors, group: str = group) -> tuple[Array, Tensors]:
                    scalars, extras = function(variables | {group: part}, *constants)
                    return scalars[group], extras

                values[group], pullback, extras = jax.vjp(own, part, has_aux=True)
                (gradients[group],) = pullback(jnp.ones_like(values[group]))
            return values, extras, gradients

        return self.compile(differentiated)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compile by `jax.jit`, once for each set of shapes and dtypes."""
        # No argument is donated: callers may hold them, and they are small beside what is computed
        # in between. Nor are steps joined in one call: on a CPU a call costs 1 % of the smallest.
        return jax.jit(_in_full(function))

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve; see `slimdc.backend.Backend`."""
        convolved_shape(x, weight, stride, padding)
        return convolved(x, weight, stride, padding)

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool; see `slimdc.backend.HasFastBlock`."""
        block = in_chunks if self._device.platform == "cpu" else at_once
        return block(x, weight, bias, padding)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Compute float32 in full, also where the hardware has shorter numbers that are faster."""
        with jax.default_matmul_precision("highest"):
            yield


def _in_full(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hold in a function what sessions hold, also outside of one."""

    @functools.wraps(function)
    def in_full(*args: Any) -> Any:
        with jax.default_matmul_precision("highest"):
            return function(*args)

    return in_full


def _found(device: str | None) -> Any:
    if device is None:
        (default,) = jnp.zeros(()).devices()
        return default
    platform, _, place = device.partition(":")
    # By the name that an array gives, such as "TFRT_CPU_0", or by platform and number.
    for known in (*_devices(None), *_devices("cpu")):
        if str(known) == device:
            return known
    for known in _devices(platform):
        if place in ("", str(known.id)):
            return known
    raise InvalidValueError("device", repr(device), "a device that JAX has here")


def _devices(platform: str | None) -> list[Any]:
    try:
        return list(jax.local_devices(backend=platform))
    except RuntimeError:
        return []
