"""A backend as a third party may write one: on array-api-strict, from operations of the array API.

A convolution is a sum of matrix products, which the tape differentiates without a rule of its own,
and there is no fast path for blocks: they are composed.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import array_api_strict as xp
import numpy as np

from slimdc.backend import Array, Differentiated, Groups, Scored, Tensors
from slimdc.errors import InvalidValueError
from slimdc_backends.tape import differentiated

# Arrays of one make-believe device refuse those of another, and NumPy's reading as well.
DEVICES = ("CPU_DEVICE", "device1")


class ThirdPartyBackend:
    name = "thirdparty"

    def __init__(self, device: str | None = None) -> None:
        self.device = DEVICES[0] if device is None else device
        if self.device not in DEVICES:
            raise InvalidValueError("device", repr(device), f"one of {DEVICES}")

    def asarray(self, host: np.ndarray) -> Array:
        return xp.asarray(host, device=xp.Device(self.device), copy=True)

    def to_numpy(self, x: Array) -> np.ndarray:
        return np.array(xp.asarray(x, device=xp.Device(DEVICES[0]), copy=True))

    def differentiate(self, function: Scored) -> Differentiated:
        # A strict array on the left of an operation refuses a variable on its right, so that
        # constants are variables whose gradients nobody asks for.
        def function_of_one(variables: Groups, constants: Any) -> tuple[Tensors, Tensors]:
            tape = next(iter(next(iter(variables.values())).values())).tape

            def wrapped(x: Any) -> Any:
                if isinstance(x, tuple):
                    return tuple(map(wrapped, x))
                integers = not hasattr(x, "dtype") or not xp.isdtype(x.dtype, "real floating")
                return x if integers else tape.variable(x)

            return function(variables, *wrapped(constants))

        by_tape = differentiated(xp, function_of_one)
        return lambda variables, *constants: by_tape(variables, constants)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        ops = x.__array_namespace__()
        n, h, w, channels = x.shape
        r, grown = weight.shape[0], (h + 2 * padding, w + 2 * padding)
        x = ops.reshape(x, (n, h, w * channels))
        x = ops.matmul(xp.eye(grown[0], h, k=-padding, dtype=x.dtype, device=x.device), x)
        x = ops.reshape(x, (n * grown[0], w, channels))
        x = ops.matmul(xp.eye(grown[1], w, k=-padding, dtype=x.dtype, device=x.device), x)
        x = ops.reshape(x, (n, *grown, channels))

        def places(size: int, first: int) -> slice:
            return slice(first, first + (size - r) // stride * stride + 1, stride)

        parts = [
            x[:, places(grown[0], i), places(grown[1], j), :] @ weight[i, j, :, :]
            for i in range(r)
            for j in range(r)
        ]
        return functools.reduce(operator.add, parts)

    def session(self) -> AbstractContextManager[None]:
        return nullcontext()
