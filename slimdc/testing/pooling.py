"""Checks of pooling, which is made of what a backend differentiates."""

from __future__ import annotations

from functools import cache

import numpy as np
from array_api_compat import array_namespace

from slimdc.backend import Array, Backend, Tensors
from slimdc.testing.comparison import Loss, Problem, compare, compare_twice
from slimdc.testing.reference import primitives_of

__all__ = ["check_pooling"]

# Images, height, width, channels, window, stride: odd sizes, windows that overlap and that leave
# pixels over, one window alone, and windows of one pixel.
POOLINGS = (
    (2, 4, 4, 2, 2, 2),
    (1, 5, 7, 1, 2, 2),
    (2, 5, 4, 1, 3, 1),
    (1, 7, 6, 2, 3, 2),
    (1, 3, 3, 1, 3, 3),
    (1, 4, 5, 1, 1, 2),
    (1, 5, 5, 2, 2, 3),
)
SMALL_POOLINGS = ((1, 3, 4, 1, 2, 1), (1, 5, 3, 1, 3, 2))


def check_pooling(ops: Backend) -> None:
    """Check values, gradients and gradients of gradients of average and max pooling.

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
    >>> check_pooling(backend.get("numpy"))
    """
    for kind in ("average_pool", "max_pool"):
        for case in POOLINGS:
            compare(ops, _pooling(kind, case), f"{kind} of {case}")
        for case in SMALL_POOLINGS:
            compare_twice(ops, _pooling(kind, case), f"{kind} of {case}")


@cache
def _pooling(kind: str, case: tuple[int, ...]) -> Problem:
    """Weigh the cubes of what is pooled."""
    n, h, w, channels, window, stride = case
    rng = np.random.default_rng((n, h, w, channels))
    # No two values are closer than central differences need.
    x = rng.permutation(np.linspace(-1.0, 1.0, n * h * w * channels)).reshape(n, h, w, channels)
    rows, columns = ((size - window) // stride + 1 for size in (h, w))
    weights = rng.standard_normal((n, rows, columns, channels))

    def build(ops: Backend) -> Loss:
        pool = getattr(primitives_of(ops), kind)

        def function(v: Tensors, weights: Array) -> tuple[Array, Tensors]:
            out = pool(v["x"], window, stride)
            return array_namespace(out).sum(out * out * out * weights), {"out": out}

        return function

    return Problem(build, {"x": x}, (weights,))
