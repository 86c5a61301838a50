"""Checks of convolution, ReLU and pooling, forward and backward."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Tensors, value_and_grad
from slimdc.networks import ConvNet, observed, squared_error
from slimdc.testing.comparison import Host, Loss, Problem, clear_of_kinks, compare, enter, fail

# Images, height, width, channels in and out, filter size, padding: odd sizes, oblong images, and
# numbers of images that a chunk or a group of chunks does not divide.
CONVOLUTIONS = (
    (1, 4, 4, 1, 1, 3, 1),
    (5, 7, 4, 3, 2, 3, 1),
    (3, 2, 3, 1, 2, 3, 3),
    (2, 3, 2, 3, 1, 3, 3),
    (6, 5, 3, 1, 3, 1, 0),
    (2, 4, 5, 2, 2, 5, 2),
    (33, 2, 2, 1, 2, 3, 1),
)


def check_conv_relu_pool(ops: Backend) -> None:
    """Check values and gradients of `conv_relu_pool` by plain loops and central differences.

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
    >>> check_conv_relu_pool(backend.get("numpy"))
    """
    for case in CONVOLUTIONS:
        compare(ops, _block(*case), f"conv_relu_pool of {case}")


def check_relu_at_zero(ops: Backend) -> None:
    """Check that the gradient of ReLU at exactly zero is zero.

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

    def function(v: Tensors, x: Array) -> tuple[Array, Tensors]:
        out = ops.conv_relu_pool(x, v["weight"], v["bias"], 1)
        return array_namespace(out).sum(out), {}

    weight = np.random.default_rng(0).standard_normal((3, 3, 1, 2)).astype(np.float32)
    variables = {"weight": weight, "bias": np.zeros(2, np.float32)}
    zeros = ops.asarray(np.zeros((1, 4, 4, 1), np.float32))
    _, _, gradients = value_and_grad(ops, function)(enter(ops, variables), zeros)
    for name, gradient in gradients.items():
        if ops.to_numpy(gradient).any():
            fail(f"no gradient in the {name} of rectified zeros", repr(ops.to_numpy(gradient)))


def check_convnet_gradients(ops: Backend) -> None:
    """Check gradients of the ConvNet in its parameters and its images, with each normalisation.

    With that of batches, also those of the network's own steps and the statistics that they give.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If one differs from central differences.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_convnet_gradients(backend.get("numpy"))
    """
    small = (4, 4, 2), 2, 2, 2
    for title, network, own in (
        ("the ConvNet", ConvNet((6, 4, 3), 2, width=2, depth=2), False),
        ("the ConvNet with instance normalisation", ConvNet(*small, "instance"), False),
        ("the ConvNet with running statistics", ConvNet(*small, "batch"), False),
        ("the ConvNet with batch statistics", ConvNet(*small, "batch"), True),
    ):
        compare(ops, _network(network, own), title)


def _network(network: ConvNet, own: bool) -> Problem:
    """Half the squared error of a network on three images, as others or its own steps see it."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((3, 2))

    def draw() -> Host:
        parameters = {
            # Biases that are not zero: rectified values lie clear of the kink.
            name: x if x.ndim > 1 else rng.standard_normal(x.shape)
            for name, x in network.draw(rng).items()
        }
        variances = {
            name: x * x + 0.5 for name, x in parameters.items() if name.endswith("variance")
        }
        return parameters | variances | {"x": rng.standard_normal((3, *network.image))}

    def build(ops: Backend) -> Loss:
        def function(v: Tensors, y: Array) -> tuple[Array, Tensors]:
            if own:
                features, statistics = observed(network, ops, v, v["x"])
            else:
                features, statistics = network.embed(ops, v, v["x"]), {}
            return squared_error(v, features, y), statistics

        return function

    return build, clear_of_kinks(build, draw, (y,)), (y,)


def _block(n: int, h: int, w: int, c_in: int, c_out: int, r: int, padding: int) -> Problem:
    """One block, in a random direction of its output."""
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
        def function(v: Tensors, direction: Array) -> tuple[Array, Tensors]:
            out = ops.conv_relu_pool(v["x"], v["weight"], v["bias"], padding)
            if tuple(out.shape) != along.shape:
                fail(f"conv_relu_pool to give shape {along.shape}", f"shape {tuple(out.shape)}")
            return array_namespace(out).sum(out * direction), {"out": out}

        return function

    return build, clear_of_kinks(build, draw, (along,)), (along,)
