"""What networks are composed of: pooling and ReLU by plain loops and torch, and blocks by parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace
from conftest import Space, library
from differences import relative

from slimdc import backend
from slimdc.backend import (
    Array,
    Backend,
    Tensors,
    average_pool,
    composed_conv_relu_pool,
    conv_relu_pool,
    convolved_shape,
    max_pool,
    relu,
    value_and_grad,
)
from slimdc.errors import InvalidValueError
from slimdc.testing import ReferenceBackend

# Images, height, width, channels, window, stride.
POOLINGS = (
    (2, 4, 4, 2, 2, 2),
    (1, 5, 7, 3, 2, 2),
    (2, 5, 4, 1, 3, 1),
    (2, 8, 7, 2, 3, 2),
    (1, 3, 3, 1, 3, 3),
    (1, 4, 5, 1, 1, 2),
    (1, 7, 5, 2, 2, 3),
)
BACKENDS = ("numpy", "torch", "jax")


@pytest.fixture(params=BACKENDS)
def ops(request: pytest.FixtureRequest) -> Backend:
    library(request.param)
    return backend.get(request.param)


def images(*shape: int) -> np.ndarray:
    """Draw images of whole numbers, of which many are equal."""
    return np.random.default_rng(shape).integers(-3, 3, shape).astype(np.float32)


@pytest.mark.parametrize(("n", "h", "w", "c", "window", "stride"), POOLINGS)
def test_pooling_is_plain_loops(
    space: Space, n: int, h: int, w: int, c: int, window: int, stride: int
) -> None:
    x = images(n, h, w, c)
    rows, columns = ((size - window) // stride + 1 for size in (h, w))
    means, largest = (np.zeros((n, rows, columns, c), np.float32) for _ in range(2))
    for i, j in np.ndindex(rows, columns):
        part = x[:, i * stride : i * stride + window, j * stride : j * stride + window]
        means[:, i, j], largest[:, i, j] = part.mean(axis=(1, 2)), part.max(axis=(1, 2))
    for pool, expected in ((average_pool, means), (max_pool, largest)):
        found = pool(space.array(x), window, stride)
        assert space.owns(found)
        assert space.dtype(found) == "float32"
        assert np.allclose(space.host(found), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("n", "h", "w", "c", "window", "stride"), POOLINGS)
def test_pooling_has_torchs_gradients_also_of_equal_values(
    ops: Backend, n: int, h: int, w: int, c: int, window: int, stride: int
) -> None:
    torch = library("torch")
    x = images(n, h, w, c)
    for name, pool in (("avg_pool2d", average_pool), ("max_pool2d", max_pool)):
        live = torch.tensor(x, requires_grad=True)
        out = getattr(torch.nn.functional, name)(live.permute(0, 3, 1, 2), window, stride)
        weights = np.random.default_rng(0).standard_normal((n, *out.shape[2:], c))
        weights = weights.astype(np.float32)
        (out.permute(0, 2, 3, 1) * torch.tensor(weights)).sum().backward()

        def summed(v: Tensors, weights: Array, pool: Any = pool) -> tuple[Array, Tensors]:
            out = pool(v["x"], window, stride) * weights
            return array_namespace(out).sum(out), {}

        entered = {"x": ops.asarray(x)}, ops.asarray(weights)
        found = ops.to_numpy(value_and_grad(ops, summed)(*entered)[2]["x"])
        assert relative(found, live.grad.numpy()) < 1e-6


def test_not_a_number_is_never_lost(space: Space) -> None:
    x = images(2, 4, 4, 1)
    for place in np.ndindex(2, 2):
        x[0, place[0], place[1], 0] = np.nan
        for out in (max_pool(space.array(x), 2, 2), average_pool(space.array(x), 2, 2)):
            host = space.host(out)
            assert np.isnan(host[0, 0, 0, 0])
            assert np.isnan(host).sum() == 1
        assert np.isnan(space.host(relu(space.array(x)))).sum() == 1
        x[0, place[0], place[1], 0] = 1.0


def test_relu_keeps_what_is_positive(space: Space) -> None:
    x = images(3, 2, 2, 2)
    assert np.array_equal(space.host(relu(space.array(x))), np.maximum(x, 0))


@pytest.mark.parametrize("pool", [average_pool, max_pool])
def test_what_cannot_be_pooled_is_refused(pool: Any, space: Space) -> None:
    x = space.array(images(1, 3, 4, 1))
    for window in (0, 4):
        message = rf"window: found {window}, expected at least 1, and at most 3 of images of 3 x 4"
        with pytest.raises(InvalidValueError, match=message):
            pool(x, window, 1)
    with pytest.raises(InvalidValueError, match="stride: found 0, expected at least 1"):
        pool(x, 2, 0)
    with pytest.raises(InvalidValueError, match=r"x: found shape \(3, 4\), expected \(n, h, w"):
        pool(space.array(np.zeros((3, 4), np.float32)), 2, 2)


REFUSED = (
    (((3, 4), (3, 3, 1, 2)), (1, 1), r"x: found shape \(3, 4\), expected \(n, h, w, channels\)"),
    (((1, 4, 4, 2), (3, 3, 1, 2)), (1, 1), r"weight: found .*, expected \(r, r, 2, c_out\)"),
    (((1, 4, 4, 1), (3, 2, 1, 2)), (1, 1), r"weight: found .*, expected \(r, r, 1, c_out\)"),
    (((1, 4, 4, 1), (3, 3, 2)), (1, 1), r"weight: found .*, expected \(r, r, 1, c_out\)"),
    (((1, 4, 4, 1), (3, 3, 1, 2)), (0, 1), "stride: found 0, expected at least 1"),
    (((1, 4, 4, 1), (3, 3, 1, 2)), (1, -1), "padding: found -1, expected at least 0"),
    (((1, 2, 4, 1), (3, 3, 1, 2)), (1, 0), "expected filters of at least 1 and at most 2 rows"),
    (((1, 2, 4, 1), (0, 0, 1, 2)), (1, 0), "expected filters of at least 1 and at most 2 rows"),
)


@pytest.mark.parametrize(("shapes", "options", "message"), REFUSED)
def test_what_cannot_be_convolved_is_refused_by_every_backend(
    ops: Backend, shapes: Any, options: tuple[int, int], message: str
) -> None:
    x, weight = (ops.asarray(np.zeros(shape, np.float32)) for shape in shapes)
    with pytest.raises(InvalidValueError, match=message):
        ops.conv(x, weight, *options)


def test_the_shape_of_a_convolution_is_what_backends_give(ops: Backend) -> None:
    for h, w, r, stride, padding in ((5, 7, 3, 2, 1), (4, 4, 4, 1, 0), (6, 5, 1, 3, 0)):
        x, weight = np.ones((2, h, w, 3), np.float32), np.ones((r, r, 3, 4), np.float32)
        found = ops.conv(ops.asarray(x), ops.asarray(weight), stride, padding)
        assert tuple(found.shape) == convolved_shape(x, weight, stride, padding)


def block() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = ((3, 6, 5, 2), (3, 3, 2, 4), (4,))
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def test_a_block_is_composed_where_a_backend_has_none_of_its_own(ops: Backend) -> None:
    class Bare:
        """A backend without a fast path."""

        conv = staticmethod(ops.conv)

    arrays = [ops.asarray(x) for x in block()]
    expected = ReferenceBackend().conv_relu_pool(*block(), 1)
    for found in (
        conv_relu_pool(Bare(), *arrays, 1),  # type: ignore[arg-type] # all that is asked of it
        composed_conv_relu_pool(ops, *arrays, 1),
        conv_relu_pool(ops, *arrays, 1),
    ):
        assert relative(ops.to_numpy(found), expected) < 1e-6


def test_a_fast_path_is_taken_where_there_is_one() -> None:
    taken = []

    class Own:
        def conv_relu_pool(self, *args: Any) -> str:
            taken.append(args)
            return "its own"

    ops: Any = Own()
    assert conv_relu_pool(ops, 1, 2, 3, 4) == "its own"
    assert taken == [(1, 2, 3, 4)]
