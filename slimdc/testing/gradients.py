"""Checks of differentiation."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from slimdc import losses
from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.errors import NumericalError
from slimdc.testing.comparison import FLOATS, compare, enter, fail
from slimdc.testing.problems import loss_problems


def check_gradients(ops: Backend) -> None:
    """Check that `differentiate` keeps names, shapes and dtypes, and changes nothing given.

    Losses are summed in float64 beside float32 variables, whose gradients are float32 all the
    same. Variables without influence have gradients of zero. Extras come back as plain arrays.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If it does otherwise.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_gradients(backend.get("numpy"))
    """

    def function(v: Tensors, order: Array, scale: float) -> tuple[Array, Tensors]:
        xp = array_namespace(v["x"])
        rows = xp.take(v["x"], order, axis=0)
        narrow = xp.sum(v["x"] * v["x"]) * scale
        return narrow + losses.infinity_order(rows, v["y"], 0.5 * rows, v["y"], 1.0), {"rows": rows}

    rng = np.random.default_rng(0)
    host = {"x": rng.standard_normal((3, 4)), "y": rng.standard_normal((3, 2)), "z": np.ones(5)}
    differentiate = value_and_grad(ops, function)
    for dtype in FLOATS:
        variables = enter(ops, {name: x.astype(dtype) for name, x in host.items()})
        order = ops.asarray(np.array([2, 0, 1]))
        value, extras, gradients = differentiate(variables, order, 0.5)
        if (
            tuple(gradients) != tuple(host)
            or tuple(value.shape) != ()
            or tuple(extras) != ("rows",)
        ):
            fail("a scalar, the extras and a gradient for each variable, by name", repr(gradients))
        if not np.array_equal(ops.to_numpy(extras["rows"]), host["x"].astype(dtype)[[2, 0, 1]]):
            fail("extras as the function made them", repr(extras))
        if ops.to_numpy(gradients["z"]).any():
            fail("a gradient of zero in a variable without influence", repr(gradients["z"]))
        for name, x in variables.items():
            found = (dtype_name(gradients[name]), tuple(gradients[name].shape))
            if found != (dtype_name(x), tuple(x.shape)):
                fail(f"a gradient like {name}, {dtype_name(x)} {tuple(x.shape)}", repr(found))
            if not np.array_equal(ops.to_numpy(x), host[name].astype(dtype)):
                fail("variables to be left as they are", f"another {name}")


def check_loss_gradients(ops: Backend) -> None:
    """Check values and gradients of every loss: Eqs. 1, 5, 6, 7, 11, 12, and 13 through 8.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a value differs from NumPy's, or a gradient from central differences.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_loss_gradients(backend.get("numpy"))
    """
    for title, problem in loss_problems().items():
        compare(ops, problem, title)


def check_singular_solve(ops: Backend) -> None:
    """Check that a solution that does not exist is a NumericalError or not finite.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a library's own error escapes, or finite numbers come back.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_singular_solve(backend.get("numpy"))
    """

    def function(v: Tensors) -> tuple[Array, Tensors]:
        xp = array_namespace(v["x"])
        return xp.sum(xp.linalg.solve(v["x"], v["x"] + 1.0)), {}

    zeros = ops.asarray(np.zeros((2, 2), np.float32))
    try:
        value, _, _ = value_and_grad(ops, function)({"x": zeros})
    except NumericalError:
        return
    except Exception as error:
        message = f"expected a NumericalError of a singular matrix, found {error!r}"
        raise AssertionError(message) from error
    if np.isfinite(ops.to_numpy(value)):
        fail("a singular matrix to be noticed", repr(value))
