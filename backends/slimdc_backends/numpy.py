"""The embedded backend: NumPy alone, with a tape and a chunked convolution of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import array_api_compat.numpy as xp
import numpy as np

from slimdc.backend import (
    Array,
    Differentiated,
    Scored,
    SharedContext,
    composed_conv_relu_pool,
    convolved_shape,
    one_blas_thread,
    parallel_map,
)
from slimdc.errors import InvalidValueError
from slimdc_backends.kernels import convolution
from slimdc_backends.kernels.products import NumpyProducts
from slimdc_backends.tape import Pullback, convolved, differentiated, record_block

__all__ = ["NumpyBackend"]


class NumpyBackend:
    """Computes on NumPy arrays; nothing else needs to be installed.

    Parameters
    ----------
    device : str, optional
        ``"cpu"``, the only one that NumPy has.

    Raises
    ------
    InvalidValueError
        If another device is asked for.
    """

    name = "numpy"
    device = "cpu"

    def __init__(self, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise InvalidValueError("device", repr(device), "'cpu', NumPy's only device")
        self._mapped: Callable[..., Iterable[Any]] = map
        self._threads = SharedContext(self._threads_of_our_own, "threads")

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array."""
        return np.array(host)

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy an array."""
        return np.array(x)

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate by the tape; see `slimdc.backend.Backend`."""
        result: Differentiated = differentiated(xp, function)
        return result

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: NumPy has no compiler."""
        return function

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve; see `slimdc.backend.Backend`."""
        convolved_shape(x, weight, stride, padding)
        products = NumpyProducts(x.shape[1:], weight.shape[0], stride, padding, self._map)
        return convolved(products, x, weight)

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool; see `slimdc.backend.HasFastBlock`."""

        def block(
            keep: bool, images: Array, filters: Array, shift: Array
        ) -> tuple[Array, Pullback]:
            out, passed = convolution.forward(images, filters, shift, padding, self._map, keep)

            def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, ...]:
                gates = cast(convolution.Bools, passed)
                of = (wanted[0], wanted[1] or wanted[2])
                return convolution.backward(g, images, filters, gates, padding, self._map, of)

            return out, pullback

        def composed(x: Array, weight: Array, bias: Array) -> Array:
            return composed_conv_relu_pool(self, x, weight, bias, padding)

        return record_block(block, composed, (x, weight, bias))

    @contextmanager
    def session(self) -> Iterator[None]:
        """Hold BLAS at one thread and share chunks of images among threads of our own."""
        # What overflows is found by whoever reads the loss; NumPy's warnings name lines of ours.
        with np.errstate(all="ignore"), self._threads():
            yield

    @contextmanager
    def _threads_of_our_own(self) -> Iterator[None]:
        with one_blas_thread() as threads, parallel_map(threads) as self._mapped:
            try:
                yield
            finally:
                self._mapped = map

    def _map(self, function: Callable[[slice], Any], parts: Iterable[slice]) -> Iterable[Any]:
        return self._mapped(function, parts)
