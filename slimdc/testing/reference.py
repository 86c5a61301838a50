"""The slowest backend there is: plain loops, float64 and central differences.

Other backends are held against it. It is written to be read, and shares no code with any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from slimdc.backend import Array, Differentiated, Groups, Scored, Tensors
from slimdc.errors import InvalidValueError, NumericalError

# Losses here are of size 1 and smooth over a few tenths: errors of h² and of eps / h are like.
STEP = 1e-5

Floats = npt.NDArray[np.floating[Any]]


class ReferenceBackend:
    """Computes as `slimdc.backend.Backend` says, as plainly as can be.

    Its gradients are right away from kinks only: at the kink of ReLU itself, where a backend's
    gradient is to be zero, central differences give half a slope.

    Parameters
    ----------
    device : str, optional
        ``"cpu"``, the only one.

    Attributes
    ----------
    nearest_kink : float
        Smallest size of any value that `conv_relu_pool` has rectified. Central differences mean
        something where it is much larger than their step.

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

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool, one pixel after another."""
        r, channels = weight.shape[0], weight.shape[3]
        around = (padding, padding)
        x = np.pad(x, ((0, 0), around, around, (0, 0)))
        samples, h, w = x.shape[0], x.shape[1] - r + 1, x.shape[2] - r + 1
        z = np.empty((samples, h, w, channels), dtype=np.result_type(x, weight, bias))
        for i in range(h):
            for j in range(w):
                z[:, i, j] = np.tensordot(x[:, i : i + r, j : j + r], weight, 3) + bias
        self.nearest_kink = min(self.nearest_kink, float(np.abs(z).min(initial=np.inf)))
        out = np.empty((samples, h // 2, w // 2, channels), dtype=z.dtype)
        for i in range(h // 2):
            for j in range(w // 2):
                window = z[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                out[:, i, j] = np.maximum(window, 0).mean(axis=(1, 2))
        return out

    def session(self) -> AbstractContextManager[None]:
        """Hold nothing: there is nothing to hold."""
        return nullcontext()
