"""What a backend supplies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

__all__ = [
    "Array",
    "Backend",
    "BackendFactory",
    "Differentiated",
    "Groups",
    "HasFastBlock",
    "Scored",
    "Tensors",
]

Array: TypeAlias = Any
Tensors: TypeAlias = dict[str, Array]
Groups: TypeAlias = dict[str, Tensors]
# A function (variables, *constants) -> (a scalar for each group of variables, extras).
Scored: TypeAlias = Callable[..., tuple[Tensors, Tensors]]
Differentiated: TypeAlias = Callable[..., tuple[Tensors, Tensors, Groups]]


@runtime_checkable
class Backend(Protocol):
    """The four things that frameworks do differently; everything else is written once.

    A backend differentiates, compiles, convolves, and moves arrays in and out. Losses, networks,
    optimisers and Algorithm 1 are pure functions over the array API and call only these.

    Notes
    -----
    Three parts are optional: a fast path for one block of the paper's ConvNet, see `HasFastBlock`,
    which is composed of convolution where a backend has none; several ranks, see `HasRanks`; and
    options that change the bits, see `Configured`.

    Attributes
    ----------
    name : str
        The name by which users ask for the backend.
    device : str
        Where its arrays live, in the library's own words.
    """

    name: str
    device: str

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array to the backend's device; its dtype is kept."""
        ...

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy an array of the backend to the host."""
        ...

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate scalars, each in variables of its own, in one pass forward.

        ``function(variables, *constants)`` is given groups of variables, ``{group: {name: x}}``,
        and returns ``({group: scalar}, extras)``. The result maps the same arguments to
        ``(scalars, extras, gradients)``: ``gradients[group]`` has the names, shapes and dtypes of
        ``variables[group]`` and holds the derivatives of ``scalars[group]`` in these alone.
        Constants are arrays of any dtype, floats, None, and tuples and dicts of such. A solution
        that does not exist is a NumericalError or not finite.

        A scalar that does not depend on its variables has gradients of zero. Differentiation
        nests: inside a function that is being differentiated, ``function`` may be differentiated
        in turn, and the results depend on variables of the outer function in the way that they
        were computed from them, passed as arguments or not. All that a backend offers can be
        differentiated at least twice.
        """
        ...

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a pure function faster where the library can; identity otherwise.

        Its arguments and results are arrays, floats, None, and dicts and tuples of such. Floats
        and values of arrays may change from call to call at no cost; shapes may not.
        """
        ...

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve images with filters, as neural networks do: without turning the filters.

        ``z[n, i, j, o] = Σ x[n, i * stride + a - padding, j * stride + b - padding, c] *
        weight[a, b, c, o]``, summed over a, b and c, with zeros for what lies outside of x.

        Shapes: x (n, h, w, c_in), weight (r, r, c_in, c_out); the result is (n, h', w', c_out)
        with h' = (h + 2 * padding - r) // stride + 1, likewise w'; `convolved_shape` computes and
        checks it. The result is linear in x and in weight, and so are its gradients in them.
        """
        ...

    def session(self) -> AbstractContextManager[None]:
        """Hold threads and determinism as a run needs them, and restore them afterwards."""
        ...


@runtime_checkable
class HasFastBlock(Protocol):
    """A backend that computes one block of the paper's ConvNet faster than its parts would.

    `slimdc.backend.conv_relu_pool` takes this way where there is one, and composes the block of
    `Backend.conv`, `relu` and `average_pool` otherwise.
    """

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, add the bias, rectify and average over 2 x 2 windows.

        Shapes: x (n, h, w, c_in), weight (r, r, c_in, c_out), bias (c_out,); the result is
        (n, h' // 2, w' // 2, c_out) with h' = h + 2 * padding - r + 1, likewise w'. A last odd row
        or column of the convolution's output is dropped, as frameworks do. The gradient of the
        rectifier at exactly zero is zero.
        """
        ...


class BackendFactory(Protocol):
    """Makes a backend on a device; a backend's class is its own factory."""

    def __call__(self, device: str | None = None) -> Backend:
        """Make the backend on ``device``, or on the library's default one."""
        ...
