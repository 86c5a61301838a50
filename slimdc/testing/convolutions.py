"""Checks of convolution, and of the block of it with ReLU and pooling, forward and backward."""

from __future__ import annotations

from functools import cache

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Tensors, conv_relu_pool, value_and_grad
from slimdc.testing.comparison import (
    NESTED,
    Host,
    Loss,
    Problem,
    clear_of_kinks,
    compare,
    compare_twice,
    enter,
    fail,
    half_squares,
)
from slimdc.testing.reference import primitives_of

__all__ = ["check_conv", "check_conv_relu_pool", "check_relu_at_zero"]

# Images, height, width, channels in and out, filter size, stride, padding: odd sizes, oblong
# images, strides that leave pixels over, many channels and few, and numbers of images that a chunk
# or a group of chunks does not divide.
CONVOLUTIONS = (
    (1, 4, 4, 1, 1, 3, 1, 1),
    (5, 7, 4, 3, 2, 3, 2, 1),
    (3, 2, 3, 1, 2, 3, 1, 3),
    (2, 3, 2, 3, 1, 3, 2, 3),
    (6, 5, 3, 1, 3, 1, 1, 0),
    (2, 5, 4, 9, 2, 1, 2, 0),
    (2, 4, 5, 2, 2, 5, 3, 2),
    (33, 2, 2, 1, 2, 2, 1, 0),
    (1, 5, 6, 8, 3, 3, 1, 0),
    (2, 7, 4, 8, 2, 3, 3, 1),
    (1, 2, 3, 1, 1, 1, 1, 1),
)
# The same, few enough to be differentiated twice by central differences.
SMALL_CONVOLUTIONS = (
    (1, 3, 4, 1, 2, 2, 1, 0),
    (1, 4, 3, 2, 1, 3, 2, 1),
    (2, 3, 3, 1, 1, 1, 2, 0),
    (1, 2, 2, 1, 2, 3, 1, 1),
)
# Images, height, width, channels in and out, filter size, padding.
BLOCKS = (
    (1, 4, 4, 1, 1, 3, 1),
    (5, 7, 4, 3, 2, 3, 1),
    (3, 2, 3, 1, 2, 3, 3),
    (2, 3, 2, 3, 1, 3, 3),
    (6, 5, 3, 1, 3, 1, 0),
    (2, 4, 5, 2, 2, 5, 2),
    (33, 2, 2, 1, 2, 3, 1),
)
SMALL_BLOCKS = ((1, 4, 3, 1, 2, 2, 0), (2, 2, 3, 1, 1, 3, 1))


def check_conv(ops: Backend) -> None:
    """Check values, gradients and gradients of gradients of `Backend.conv`.

    Values are held against plain loops, the others against central differences.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a shape, a dtype or a value differs, or a gradient does.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_conv(backend.get("numpy"))
    """
    for case in CONVOLUTIONS:
        compare(ops, _convolution(case), f"conv of {case}")
    for case in SMALL_CONVOLUTIONS:
        compare_twice(ops, _convolution(case), f"conv of {case}")


def check_conv_relu_pool(ops: Backend) -> None:
    """Check values, gradients and gradients of gradients of the block `conv_relu_pool`.

    Parameters
    ----------
    ops : Backend
        The backend, by its own fast path where it has one.

    Raises
    ------
    AssertionError
        If a shape, a dtype or a value differs, or a gradient does.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_conv_relu_pool(backend.get("numpy"))
    """
    for case in BLOCKS:
        compare(ops, _block(case), f"conv_relu_pool of {case}")
    for case in SMALL_BLOCKS:
        compare_twice(ops, _block(case), f"conv_relu_pool of {case}")
        compare(ops, _weighed(case), f"weighed gradients of conv_relu_pool of {case}", NESTED)


def check_relu_at_zero(ops: Backend) -> None:
    """Check that the gradient of ReLU at exactly zero is zero, alone and in the block.

    Black borders and biases that start at zero make it common, and backends are to agree.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a gradient flows.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_relu_at_zero(backend.get("numpy"))
    """
    own = primitives_of(ops)

    def block(v: Tensors, x: Array) -> tuple[Array, Tensors]:
        out = conv_relu_pool(ops, x, v["weight"], v["bias"], 1)
        return array_namespace(out).sum(out), {}

    def alone(v: Tensors, x: Array) -> tuple[Array, Tensors]:
        out = own.relu(ops.conv(x, v["weight"], 1, 1) + v["bias"])
        return array_namespace(out).sum(out), {}

    weight = np.random.default_rng(0).standard_normal((3, 3, 1, 2)).astype(np.float32)
    variables = {"weight": weight, "bias": np.zeros(2, np.float32)}
    zeros = ops.asarray(np.zeros((1, 4, 4, 1), np.float32))
    for function in (block, alone):
        _, _, gradients = value_and_grad(ops, function)(enter(ops, variables), zeros)
        for name, gradient in gradients.items():
            if ops.to_numpy(gradient).any():
                fail(f"no gradient in the {name} of rectified zeros", repr(ops.to_numpy(gradient)))


@cache
def _convolution(case: tuple[int, ...]) -> Problem:
    """Weigh the squares of a convolution's output."""
    n, h, w, c_in, c_out, r, stride, padding = case
    rng = np.random.default_rng((n, h, w, c_in, c_out))
    rows, columns = ((size + 2 * padding - r) // stride + 1 for size in (h, w))
    along = rng.standard_normal((n, rows, columns, c_out))
    variables = {
        "x": rng.standard_normal((n, h, w, c_in)),
        "weight": rng.standard_normal((r, r, c_in, c_out)) / r,
    }

    def build(ops: Backend) -> Loss:
        def function(v: Tensors, weights: Array) -> tuple[Array, Tensors]:
            out = ops.conv(v["x"], v["weight"], stride, padding)
            if tuple(out.shape) != along.shape:
                fail(f"conv to give shape {along.shape}", f"shape {tuple(out.shape)}")
            return array_namespace(out).sum(out * out * weights), {"out": out}

        return function

    return Problem(build, variables, (along,))


@cache
def _block(case: tuple[int, ...]) -> Problem:
    """Weigh the output of a block, and its squares."""
    n, h, w, c_in, c_out, r, padding = case
    rng = np.random.default_rng((n, h, w, c_in, c_out))
    size = ((h + 2 * padding - r + 1) // 2, (w + 2 * padding - r + 1) // 2)
    along = rng.standard_normal((n, *size, c_out))

    def draw() -> Host:
        return {
            "x": rng.standard_normal((n, h, w, c_in)),
            "weight": rng.standard_normal((r, r, c_in, c_out)) / r,
            "bias": rng.standard_normal(c_out),
        }

    def build(ops: Backend) -> Loss:
        own = primitives_of(ops)

        def function(v: Tensors, direction: Array) -> tuple[Array, Tensors]:
            out = own.conv_relu_pool(v["x"], v["weight"], v["bias"], padding)
            if tuple(out.shape) != along.shape:
                fail(f"conv_relu_pool to give shape {along.shape}", f"shape {tuple(out.shape)}")
            return array_namespace(out).sum((out * out + out) * direction), {"out": out}

        return function

    return Problem(build, clear_of_kinks(build, draw, (along,)), (along,))


@cache
def _weighed(case: tuple[int, ...]) -> Problem:
    """Weigh a block's output by outer variables, and take half the square of its gradients.

    The block itself depends on no outer variable: they come in with the gradient that flows back.
    """
    padding, block = case[-1], _block(case)
    names, (along,) = tuple(block.variables), block.constants

    def build(ops: Backend) -> Loss:
        own = primitives_of(ops)

        def weighed(v: Tensors, weights: Array) -> tuple[Array, Tensors]:
            out = own.conv_relu_pool(**v, padding=padding)
            return array_namespace(out).sum(out * weights), {}

        differentiate = value_and_grad(ops, weighed)

        def function(v: Tensors, *values: Array) -> tuple[Array, Tensors]:
            _, _, found = differentiate(dict(zip(names, values, strict=True)), v["weights"])
            return half_squares(found), {}

        return function

    return Problem(build, {"weights": along}, tuple(block.variables.values()))
