"""Checks of constant losses, and of differentiation inside what is being differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Groups, Tensors, value_and_grad
from slimdc.testing.comparison import FLOATS, GRADIENT, close, enter, fail, held

__all__ = ["check_constant_losses", "check_nesting"]

_Outer: TypeAlias = Callable[[Tensors, Array], Array]


def check_constant_losses(ops: Backend) -> None:
    """Check that scalars which do not depend on their variables have gradients of zero.

    One is a constant, one depends on variables of the other group only, and one on comparisons.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a gradient is anything else, or an error is raised.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_constant_losses(backend.get("numpy"))
    """

    def constants(v: Groups, total: Array) -> tuple[Tensors, Tensors]:
        x = v["one"]["x"]
        above = array_namespace(x).astype(x > 0, x.dtype)
        return {"one": total, "other": array_namespace(above).sum(above)}, {"total": total}

    def crossed(v: Groups, total: Array) -> tuple[Tensors, Tensors]:
        x, y = v["one"]["x"], v["other"]["x"]
        sums = array_namespace(y).sum(y * y), array_namespace(x).sum(x)
        return dict(zip(v, sums, strict=True)), {"total": total}

    rng = np.random.default_rng(0)
    for dtype in FLOATS:
        host = {name: rng.standard_normal((2, 3)).astype(dtype) for name in ("one", "other")}
        variables = {name: enter(ops, {"x": x}) for name, x in host.items()}
        total = ops.asarray(np.asarray(5.0, dtype))
        for function in (constants, crossed):
            try:
                _, _, gradients = ops.differentiate(function)(variables, total)
            except Exception as error:
                message = f"expected gradients of zero of a constant loss, found {error!r}"
                raise AssertionError(message) from error
            for group, part in gradients.items():
                found = ops.to_numpy(part["x"])
                if found.shape != (2, 3) or found.any():
                    fail(f"a gradient of zero of what is constant in group {group!r}", repr(found))


def check_nesting(ops: Backend) -> None:
    """Check that a function which is differentiated may itself differentiate.

    What it differentiates depends on the outer variables as variables, as constants, as both at
    once, and as neither of the two; its value, extras and gradients all lead back to them, three
    levels deep.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a gradient differs from what it is by hand.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_nesting(backend.get("numpy"))
    """
    host = np.random.default_rng(0).uniform(0.5, 1.5, 3)
    fixed = np.array([2.0, 3.0, 5.0])

    def total(x: Array) -> Array:
        return array_namespace(x).sum(x)

    def cubes(v: Tensors, c: Array) -> tuple[Array, Tensors]:
        return total(v["y"] * v["y"] * v["y"] * c), {"square": v["y"] * v["y"] * c}

    inner = value_and_grad(ops, cubes)

    def as_variable(v: Tensors, c: Array) -> Array:
        return total(inner({"y": v["x"]}, c)[2]["y"])  # 3 c x²

    def as_constant(v: Tensors, c: Array) -> Array:
        return total(inner({"y": c}, v["x"] * v["x"])[2]["y"])  # 3 c² x²

    def as_both(v: Tensors, c: Array) -> Array:
        return total(inner({"y": v["x"]}, v["x"])[2]["y"] * c)  # 3 c x³

    def as_neither(v: Tensors, c: Array) -> Array:
        def product(w: Tensors) -> tuple[Array, Tensors]:
            return total(w["y"] * v["x"] * v["x"]), {}

        return total(value_and_grad(ops, product)({"y": c})[2]["y"])  # x²

    def by_all_results(v: Tensors, c: Array) -> Array:
        value, extras, gradients = inner({"y": v["x"]}, c)
        return value + total(extras["square"]) + total(gradients["y"])  # c (x³ + 4 x²)

    def without(v: Tensors, c: Array) -> Array:
        return total(inner({"y": c}, c)[2]["y"]) + total(v["x"])  # x

    def three_deep(v: Tensors, c: Array) -> Array:
        def slopes(w: Tensors) -> tuple[Array, Tensors]:
            return total(inner({"y": w["z"]}, c)[2]["y"]), {}

        return total(value_and_grad(ops, slopes)({"z": v["x"]})[2]["z"])  # 6 c x

    for dtype in FLOATS:
        x, c = host.astype(dtype).astype(np.float64), fixed
        for function, expected in (
            (as_variable, 6 * c * x),
            (as_constant, 6 * c * c * x),
            (as_both, 9 * c * x * x),
            (as_neither, 2 * x),
            (by_all_results, c * (3 * x * x + 8 * x)),
            (without, np.ones(3)),
            (three_deep, 6 * c),
        ):

            def outer(v: Tensors, c: Array, function: _Outer = function) -> tuple[Array, Tensors]:
                return function(v, c), {}

            entered = enter(ops, {"x": host.astype(dtype)}), ops.asarray(fixed.astype(dtype))
            what = f"a gradient through a gradient ({function.__name__}, {dtype})"
            try:
                _, _, gradients = value_and_grad(ops, outer)(*entered)
            except Exception as error:
                raise AssertionError(f"expected {what}, found {error!r}") from error
            close(ops, gradients["x"], expected, GRADIENT[held(ops, dtype)], what)
