"""Checks of whole networks: convolution, normalisation, ReLU, pooling and a head in one."""

from __future__ import annotations

from functools import cache

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Tensors
from slimdc.networks import ConvNet, observed, squared_error
from slimdc.networks.normalization import moments_of, normalised
from slimdc.testing.comparison import Host, Loss, Problem, clear_of_kinks, compare, compare_twice
from slimdc.testing.reference import primitives_of

__all__ = ["check_convnet_gradients", "check_normalisation"]


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


def check_normalisation(ops: Backend) -> None:
    """Check gradients, and gradients of gradients, through a normalisation before ReLU.

    The network is a convolution, a normalisation, ReLU and average pooling. Channels are normalised
    in each image, and in the batch.

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
    >>> check_normalisation(backend.get("numpy"))
    """
    for title, axes in (("image", (1, 2)), ("batch", (0, 1, 2))):
        problem = _normalised(axes)
        compare(ops, problem, f"a network normalised in each {title}")
        compare_twice(ops, problem, f"a network normalised in each {title}")


@cache
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

    return Problem(build, clear_of_kinks(build, draw, (y,)), (y,))


@cache
def _normalised(axes: tuple[int, ...]) -> Problem:
    """Half the squared error of what is convolved, normalised, rectified, pooled and weighed."""
    rng = np.random.default_rng(len(axes))
    y = rng.standard_normal((2, 1))

    def draw() -> Host:
        return {
            "x": rng.standard_normal((2, 4, 3, 1)),
            "weight": rng.standard_normal((2, 2, 1, 2)),
            "norm.scale": rng.uniform(0.5, 1.5, 2),
            "norm.shift": rng.standard_normal(2),
            "head.weight": rng.standard_normal((4, 1)),
            "head.bias": rng.standard_normal(1),
        }

    def build(ops: Backend) -> Loss:
        own = primitives_of(ops)

        def function(v: Tensors, y: Array) -> tuple[Array, Tensors]:
            z = ops.conv(v["x"], v["weight"], 1, 0)
            z = own.relu(normalised(z, moments_of(z, axes), v, "norm"))
            z = own.average_pool(z, 2, 1)
            features = array_namespace(z).reshape(z, (2, 4))
            return squared_error(v, features, y), {}

        return function

    return Problem(build, clear_of_kinks(build, draw, (y,)), (y,))
