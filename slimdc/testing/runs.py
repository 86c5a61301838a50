"""Checks of what a run rests on: determinism and sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from slimdc import losses
from slimdc.backend import Array, Backend, Tensors, conv_relu_pool, value_and_grad
from slimdc.networks import ConvNet, squared_error
from slimdc.testing.comparison import enter, fail

__all__ = ["check_determinism", "check_session"]


def check_determinism(ops: Backend) -> None:
    """Check that the same call gives the same bits, in one session and in another.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If a bit differs.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_determinism(backend.get("numpy"))
    """
    network = ConvNet((12, 12, 3), 4, width=8, depth=2)
    rng = np.random.default_rng(0)
    host = {name: x.astype(np.float32) for name, x in network.draw(rng).items()}
    host["x"] = rng.standard_normal((37, 12, 12, 3)).astype(np.float32)
    y = ops.asarray(rng.standard_normal((37, 4)).astype(np.float32))

    def function(v: Tensors, y: Array) -> tuple[Array, Tensors]:
        features = network.embed(ops, v, v["x"])
        loss = losses.infinity_order(features, y, 0.5 * features, y, 1e-3)
        return loss + squared_error(v, network.embed(ops, v, v["x"]), y), {"features": features}

    def bits() -> list[bytes]:
        value, extras, gradients = value_and_grad(ops, function)(enter(ops, host), y)
        results = (value, extras["features"], *gradients.values())
        return [ops.to_numpy(x).tobytes() for x in results]

    with ops.session():
        runs = [bits(), bits()]
    with ops.session():
        runs.append(bits())
    if any(run != runs[0] for run in runs):
        fail("the same call to give the same bits", "others")


def check_session(ops: Backend) -> None:
    """Check that a session may be nested, lets errors through, and restores what it held.

    Parameters
    ----------
    ops : Backend
        The backend.

    Raises
    ------
    AssertionError
        If it swallows an error, or leaves numbers of threads other than it found.

    Examples
    --------
    >>> from slimdc import backend
    >>> check_session(backend.get("numpy"))
    """

    def threads() -> list[Any]:
        return [(library["filepath"], library["num_threads"]) for library in threadpool_info()]

    def compute() -> None:
        shapes = ((5, 4, 4, 1), (3, 3, 1, 2), (2,))
        x, weight, bias = (ops.asarray(np.ones(shape, np.float32)) for shape in shapes)
        out = conv_relu_pool(ops, x, weight, bias, 1)
        if ops.to_numpy(out).shape != (5, 2, 2, 2):
            fail("to compute in and out of sessions", repr(out))

    # Some libraries make their threads when they first compute.
    compute()
    before = threads()
    with ops.session():
        with ops.session():
            compute()
        inside = threads()
        with ops.session():
            compute()
        if threads() != inside:
            fail("an inner session to leave the outer one as it is", "other numbers of threads")
    swallowed = True
    try:
        with ops.session():
            raise KeyError
    except KeyError:
        swallowed = False
    if swallowed:
        fail("session to let errors through", "none")
    if threads() != before:
        fail(f"session to restore {before}", repr(threads()))
    compute()
