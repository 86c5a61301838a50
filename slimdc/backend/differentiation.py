"""Derivatives of one scalar in one group of variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slimdc.backend.protocol import Array, Backend, Groups, Tensors

__all__ = ["value_and_grad"]


def value_and_grad(
    ops: Backend, function: Callable[..., tuple[Array, Tensors]]
) -> Callable[..., tuple[Array, Tensors, Tensors]]:
    """Differentiate one scalar in one group of variables.

    Parameters
    ----------
    ops : Backend
        The backend that differentiates.
    function : callable
        ``function(variables, *constants) -> (scalar, extras)``.

    Returns
    -------
    callable
        Maps the same arguments to ``(scalar, extras, gradients)``.

    Examples
    --------
    >>> import numpy as np
    >>> def square(v):
    ...     return v["x"] * v["x"], {}
    >>> from slimdc import backend
    >>> ops = backend.get("numpy")
    >>> value_and_grad(ops, square)({"x": np.asarray(3.0)})[2]["x"].item()
    6.0

    It nests: this is the gradient of a gradient.

    >>> def slope(v):
    ...     return value_and_grad(ops, square)(v)[2]["x"], {}
    >>> value_and_grad(ops, slope)({"x": np.asarray(3.0)})[2]["x"].item()
    2.0
    """

    def grouped(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors]:
        value, extras = function(variables["all"], *constants)
        return {"all": value}, extras

    differentiate = ops.differentiate(grouped)

    def ungrouped(variables: Tensors, *constants: Any) -> tuple[Array, Tensors, Tensors]:
        values, extras, gradients = differentiate({"all": variables}, *constants)
        return values["all"], extras, gradients["all"]

    return ungrouped
