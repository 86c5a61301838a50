"""The CuPy backend: the NumPy backend's tape on a GPU, with kernels of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import array_api_compat.cupy as xp
import cupy
import numpy as np
from cupy._core import _routines_linalg as products

from slimdc.backend import (
    Array,
    Differentiated,
    Groups,
    Scored,
    SharedContext,
    Tensors,
    composed_conv_relu_pool,
    convolved_shape,
)
from slimdc.errors import InvalidValueError
from slimdc_backends.kernels import cuda
from slimdc_backends.kernels.cuda_block import Block
from slimdc_backends.kernels.cuda_products import CudaProducts
from slimdc_backends.tape import Pullback, convolved, differentiated, record_block

__all__ = ["CupyBackend"]

# As CuPy writes a device of its own, and as others write one.
_DEVICE = re.compile(r"<CUDA Device (\d+)>|(?:cuda:)?(\d+)|cuda")
_TF32_SINCE = 80  # the compute capability of Ampere


class CupyBackend:
    """Computes on CuPy arrays, on one GPU; nothing in a training step waits for it.

    Parameters
    ----------
    device : str, optional
        Such as ``"cuda"``, ``"cuda:1"`` or ``"1"``; CuPy's current device where None.
    tf32 : bool
        Whether sessions multiply float32 matrices, those of convolutions among them, in TF32: it
        rounds their factors to 10 bits of mantissa, a relative 5e-4 where float32 has 6e-8, for
        the sake of tensor cores; sums stay float32. Products of stacks of matrices and the float64
        ones of Eqs. 1 and 7 stay as they are.

    Raises
    ------
    InvalidValueError
        If there is no such device here, or it has no TF32.

    Notes
    -----
    Solving with a singular matrix gives numbers that are not finite: CuPy would have to wait for
    the GPU to raise an error, and does so only under ``cupyx.errstate(linalg="raise")``.
    """

    name = "cupy"

    def __init__(self, device: str | None = None, *, tf32: bool = False) -> None:
        self._device = _found(device)
        self.device = f"cuda:{self._device.id}"
        self.tf32 = tf32
        self.options = {"tf32": tf32}
        if tf32 and int(self._device.compute_capability) < _TF32_SINCE:
            expected = f"False on {self.device}, which is older than Ampere"
            raise InvalidValueError("tf32", "True", expected)

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array to the device."""
        # CuPy copies pinned memory in its own time, when a caller may have changed it already.
        with self._device:
            return cupy.asarray(np.array(host, order="C"))

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy an array to the host: nothing else here waits for the device."""
        with self._device:
            return np.asarray(cupy.asnumpy(x))

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate by the tape; see `slimdc.backend.Backend`."""
        by_tape = differentiated(xp, function)

        def here(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors, Groups]:
            with self._device:
                values, extras, gradients = by_tape(variables, *constants)
            return values, extras, gradients

        return here

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: no CUDA graph can hold CuPy's products and solutions."""
        return function

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve; see `slimdc.backend.Backend`."""
        convolved_shape(x, weight, stride, padding)
        products = CudaProducts(_computing, x.shape[1:], weight.shape[0], stride, padding)
        with self._device:
            return convolved(products, x, weight)

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool; see `slimdc.backend.HasFastBlock`."""

        def block(_: bool, images: Array, filters: Array, shift: Array) -> tuple[Array, Pullback]:
            made = Block.of(_computing, images, filters, padding)
            out, mask = made.forward(shift)

            def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
                return made.backward(g, mask, (wanted[0], wanted[1] or wanted[2]))

            return out, pullback

        def composed(x: Array, weight: Array, bias: Array) -> Array:
            return composed_conv_relu_pool(self, x, weight, bias, padding)

        with self._device:
            return record_block(block, composed, (x, weight, bias))

    @contextmanager
    def session(self) -> Iterator[None]:
        """Compute on the device and in the precision; all else repeats to the bit as it is.

        Raises
        ------
        InvalidValueError
            If a run in another precision is under way in this process.
        """
        with self._device, _held_tf32(self.tf32):
            yield


@contextmanager
def _tf32(wanted: bool) -> Iterator[None]:
    # CuPy's own switch, one for all threads; CUPY_TF32 sets it, and no public function.
    before = products.get_compute_type(np.float32)
    products.set_compute_type(
        np.float32, products.COMPUTE_TYPE_TF32 if wanted else products.COMPUTE_TYPE_DEFAULT
    )
    try:
        yield
    finally:
        products.set_compute_type(np.float32, before)


_held_tf32 = SharedContext(_tf32, "tf32")


def _found(device: str | None) -> Any:
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        count = 0
    expected = "a GPU that CUDA finds here" + (f", cuda:0 to cuda:{count - 1}" if count else "")
    named = _DEVICE.fullmatch("cuda" if device is None else device)
    if named is None or not count:
        raise InvalidValueError("device", repr(device), expected)
    place = named[1] or named[2]
    if place is None:
        return cupy.cuda.Device()
    if int(place) >= count:
        raise InvalidValueError("device", repr(device), expected)
    return cupy.cuda.Device(int(place))


def _launch(name: str, dtype: Any, blocks: int, threads: int, *args: Any) -> None:
    if blocks:
        numbers = (np.int32(x) if isinstance(x, int) else x for x in args)
        _kernel(name, dtype.name)((blocks,), (threads,), tuple(numbers))


_computing = cuda.Device(cupy, _launch)


@cache
def _kernel(name: str, dtype: str) -> Any:
    # CuPy compiles the source at the first launch on a device, and keeps the binary in its cache.
    return cupy.RawModule(code=cuda.source(dtype)).get_function(name)
