"""Checks of differentiation."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from slimdc import losses
from slimdc._array import dtype_name
from slimdc.backend import Array, Backend, Groups, Tensors, value_and_grad
from slimdc.errors import NumericalError
from slimdc.testing.comparison import FLOATS, GRADIENT, VALUE, close, compare, enter, fail, held
from slimdc.testing.problems import loss_problems
from slimdc.testing.reference import ReferenceBackend

__all__ = [
    "check_gradients",
    "check_groups",
    "check_loss_gradients",
    "check_singular_solve",
]


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
        given = {name: x.astype(held(ops, dtype)) for name, x in host.items()}
        if not np.array_equal(ops.to_numpy(extras["rows"]), given["x"][[2, 0, 1]]):
            fail("extras as the function made them", repr(extras))
        if ops.to_numpy(gradients["z"]).any():
            fail("a gradient of zero in a variable without influence", repr(gradients["z"]))
        for name, x in variables.items():
            found = (dtype_name(gradients[name]), tuple(gradients[name].shape))
            if found != (dtype_name(x), tuple(x.shape)):
                fail(f"a gradient like {name}, {dtype_name(x)} {tuple(x.shape)}", repr(found))
            if not np.array_equal(ops.to_numpy(x), given[name]):
                fail("variables to be left as they are", f"another {name}")


def check_groups(ops: Backend) -> None:
    """Check that each scalar is differentiated in its own group of variables, and in these alone.

    All scalars depend on other groups too, whose variables go by the same name, and share what is
    returned as an extra. Constants are arrays of floats and of integers, floats, None, and tuples.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a gradient differs from central differences, or names do.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_groups(backend.get("numpy"))
    """

    def function(
        v: Groups, pair: tuple[Array, Array], order: Array, nothing: None, scale: float
    ) -> tuple[Tensors, Tensors]:
        if nothing is not None:
            fail("None to stay None among constants", repr(nothing))
        xp = array_namespace(v["first"]["x"])
        shared = v["first"]["x"] @ v["second"]["x"]
        error = xp.take(shared, order, axis=0) - pair[0]
        scalars = {
            "first": xp.sum(error * error) * scale + xp.sum(v["without"]["x"]),
            "second": xp.sum(shared * shared * pair[1]) + xp.sum(v["first"]["x"]),
            "without": xp.sum(shared),
        }
        return scalars, {"shared": shared}

    rng = np.random.default_rng(0)
    shapes = {"first": (3, 4), "second": (4, 2), "without": (5,)}
    host = {group: {"x": rng.standard_normal(shape)} for group, shape in shapes.items()}
    pair = rng.standard_normal((2, 2)), rng.standard_normal((3, 2))
    order = np.array([2, 0])
    scalars, extras, gradients = ReferenceBackend().differentiate(function)(
        host, pair, order, None, 0.5
    )
    for dtype in FLOATS:
        width = held(ops, dtype)
        variables = {
            group: enter(ops, {name: x.astype(dtype) for name, x in part.items()})
            for group, part in host.items()
        }
        others = tuple(ops.asarray(x.astype(dtype)) for x in pair)
        found_scalars, found_extras, found = ops.differentiate(function)(
            variables, others, ops.asarray(order), None, 0.5
        )
        names = [sorted(part) for part in (found_scalars, found_extras, found)]
        if names != [sorted(scalars), ["shared"], sorted(scalars)]:
            fail(f"scalars and gradients of {sorted(scalars)}, and one extra", repr(names))
        of = f"what groups share, {dtype},"
        close(ops, found_extras["shared"], extras["shared"], VALUE[width], of)
        for group, value in scalars.items():
            of = f"the scalar of group {group!r}, {dtype},"
            close(ops, found_scalars[group], np.asarray(value), 100 * VALUE[width], of)
            of = f"the gradient of group {group!r} in its own variable, {dtype},"
            close(ops, found[group]["x"], gradients[group]["x"], GRADIENT[width], of)


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
