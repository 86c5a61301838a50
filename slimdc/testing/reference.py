"""The slowest backend there is: plain loops, float64 and central differences.

Other backends are held against it. It is written to be read, and shares no code with any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdc.backend import Array, Backend, Differentiated, Groups, Scored, Tensors, primitives
from slimdc.errors import InvalidValueError, NumericalError

__all__ = ["ReferenceBackend", "primitives_of"]

# Losses here are of size 1 and smooth over a few tenths: errors of h² and of eps / h are like.
STEP = 1e-5

Floats = npt.NDArray[np.floating[Any]]


class ReferenceBackend:
    """Computes as `slimdc.backend.Backend` says, as plainly as can be.

    It has loops of its own also for what backends compose: ReLU, pooling, and the block of them.
    Its gradients are right away from kinks only: at the kink of ReLU itself, where a backend's
    gradient is to be zero, central differences give half a slope. Gradients of gradients are
    central differences of central differences, which leaves about five digits.

    Parameters
    ----------
    device : str, optional
        ``"cpu"``, the only one.

    Attributes
    ----------
    nearest_kink : float
        Smallest size of any value that was rectified, and smallest lead of any maximum. Central
        differences mean something where it is much larger than their step.

    Raises
    ------
    InvalidValueError
        If another device is asked for.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(variables, scale):
    ...     x = variables["some"]["x"]
    ...     return {"some": scale * np.sum(x * x)}, {"twice": 2 * x}
    >>> variables = {"some": {"x": np.array([1.0, 3.0])}}
    >>> values, extras, gradients = ReferenceBackend().differentiate(loss)(variables, 0.5)
    >>> float(values["some"]), extras["twice"].tolist(), gradients["some"]["x"].round(6).tolist()
    (5.0, [2.0, 6.0], [1.0, 3.0])
    """

    name = "reference"
    device = "cpu"

    def __init__(self, device: str | None = None) -> None:
        if device not in (None, "cpu"):
            raise InvalidValueError("device", repr(device), "'cpu'")
        self.nearest_kink = np.inf

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array."""
        return np.array(host)

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy an array."""
        return np.array(x)

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate by central differences in float64, one entry at a time."""

        def differentiated(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors, Groups]:
            try:
                values, extras = function(variables, *constants)
            except np.linalg.LinAlgError as error:
                raise NumericalError("loss", str(error), "a regular matrix") from error
            wide = {
                group: {name: np.array(x, dtype=np.float64) for name, x in part.items()}
                for group, part in variables.items()
            }
            gradients: Groups = {group: {} for group in wide}
            for group, part in wide.items():
                for name, x in part.items():
                    slope = np.empty(x.shape)
                    for place in np.ndindex(x.shape):
                        held = x[place]
                        x[place] = held + STEP
                        above, _ = function(wide, *constants)
                        x[place] = held - STEP
                        below, _ = function(wide, *constants)
                        x[place] = held
                        slope[place] = (above[group] - below[group]) / (2 * STEP)
                    gradients[group][name] = slope.astype(variables[group][name].dtype)
            return values, extras, gradients

        return differentiated

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function."""
        return function

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve, one pixel after another."""
        r, channels = weight.shape[0], weight.shape[3]
        around = (padding, padding)
        x = np.pad(x, ((0, 0), around, around, (0, 0)))
        h, w = ((size - r) // stride + 1 for size in x.shape[1:3])
        z = np.empty((x.shape[0], h, w, channels), dtype=np.result_type(x, weight))
        for i in range(h):
            for j in range(w):
                top, left = i * stride, j * stride
                z[:, i, j] = np.tensordot(x[:, top : top + r, left : left + r], weight, 3)
        return z

    def relu(self, x: Array) -> Array:
        """Rectify."""
        self.nearest_kink = min(self.nearest_kink, float(np.abs(x).min(initial=np.inf)))
        return np.maximum(x, 0)

    def average_pool(self, x: Array, window: int, stride: int) -> Array:
        """Average, one window after another."""
        return _over_windows(lambda values: values.mean(axis=1), x, window, stride)

    def max_pool(self, x: Array, window: int, stride: int) -> Array:
        """Take the largest value, of one window after another."""

        def largest(values: Floats) -> Floats:
            ascending = np.sort(values, axis=1)
            lead = ascending[:, -1] - ascending[:, -2] if window > 1 else np.inf
            self.nearest_kink = min(self.nearest_kink, float(np.min(lead)))
            return ascending[:, -1]

        return _over_windows(largest, x, window, stride)

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool, one pixel after another."""
        return self.average_pool(self.relu(self.conv(x, weight, 1, padding) + bias), 2, 2)

    def session(self) -> AbstractContextManager[None]:
        """Hold nothing: there is nothing to hold."""
        return nullcontext()


def primitives_of(ops: Backend) -> Any:
    """Give ReLU, pooling and the block as a backend's users call them: the reference has its own.

    Examples
    --------
    >>> ops = ReferenceBackend()
    >>> primitives_of(ops) is ops
    True
    """
    return ops if isinstance(ops, ReferenceBackend) else _Composed(ops)


class _Composed:
    """What is composed of a backend's primitives, or its fast path where it has one."""

    relu = staticmethod(primitives.relu)
    average_pool = staticmethod(primitives.average_pool)
    max_pool = staticmethod(primitives.max_pool)

    def __init__(self, ops: Backend) -> None:
        self.conv_relu_pool = partial(primitives.conv_relu_pool, ops)


def _over_windows(
    reduce: Callable[[Floats], Floats], x: Floats, window: int, stride: int
) -> Floats:
    """Reduce the values (n, window², channels) of one window after another."""
    n, h, w, channels = x.shape
    rows, columns = ((size - window) // stride + 1 for size in (h, w))
    out = np.empty((n, rows, columns, channels), dtype=x.dtype)
    for i in range(rows):
        for j in range(columns):
            top, left = i * stride, j * stride
            values = x[:, top : top + window, left : left + window]
            out[:, i, j] = reduce(values.reshape(n, window**2, channels))
    return out
