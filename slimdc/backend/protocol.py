"""What a backend supplies."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

Array: TypeAlias = Any


Tensors: TypeAlias = dict[str, Array]


Groups: TypeAlias = dict[str, Tensors]


# A function (variables, *constants) -> (a scalar for each group of variables, extras).
Scored: TypeAlias = Callable[..., tuple[Tensors, Tensors]]


Differentiated: TypeAlias = Callable[..., tuple[Tensors, Tensors, Groups]]


@runtime_checkable
class Backend(Protocol):
    """The four things that frameworks do differently; everything else is written once.

    A backend differentiates, compiles, convolves and pools, and moves arrays in and out. Losses,
    networks, optimisers and Algorithm 1 are pure functions over the array API and call only these.

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
        """
        ...

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a pure function faster where the library can; identity otherwise.

        Its arguments and results are arrays, floats, None, and dicts and tuples of such. Floats
        and values of arrays may change from call to call at no cost; shapes may not.
        """
        ...

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, add the bias, rectify and average over 2 x 2 windows.

        Shapes: x (n, h, w, c_in), weight (r, r, c_in, c_out), bias (c_out,); the result is
        (n, h' // 2, w' // 2, c_out) with h' = h + 2 * padding - r + 1, likewise w'. A last odd row
        or column of the convolution's output is dropped, as frameworks do. The gradient of the
        rectifier at exactly zero is zero.
        """
        ...

    def session(self) -> AbstractContextManager[None]:
        """Hold threads and determinism as a run needs them, and restore them afterwards."""
        ...


class BackendFactory(Protocol):
    """Makes a backend on a device; a backend's class is its own factory."""

    def __call__(self, device: str | None = None) -> Backend:
        """Make the backend on ``device``, or on the library's default one."""
        ...
