"""Rules of functions that reduce axes to one number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

from slimdc_backends.tape.rules import Array, Rule, of_one_array, recorded
from slimdc_backends.tape.variables import Var, raw

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder

__all__ = ["RULES"]

Axes: TypeAlias = int | tuple[int, ...] | None


@of_one_array
def sum_(xp: Recorder, a: Var, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Sum over the axes."""
    shape = a.shape
    axes, kept = _reduced(shape, axis)
    return recorded(
        a,
        lambda x: xp.sum(x, axis=axes, keepdims=keepdims),
        lambda g: xp.broadcast_to(xp.reshape(g, kept), shape),
    )


@of_one_array
def mean(xp: Recorder, a: Var, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Average over the axes."""
    axes, _ = _reduced(a.shape, axis)
    count = math.prod(a.shape[i] for i in axes)
    return xp.sum(a, axis=axes, keepdims=keepdims) / float(count)


@of_one_array
def max_(xp: Recorder, a: Var, *, axis: Axes = None, keepdims: bool = False) -> Array:
    """Take the largest entry over the axes; equal ones share its gradient equally."""
    axes, kept = _reduced(a.shape, axis)

    def pullback(g: Array) -> Array:
        x = raw(a)
        largest = xp.astype(x == xp.max(x, axis=axes, keepdims=True), g.dtype)
        return xp.reshape(g, kept) * (largest / xp.sum(largest, axis=axes, keepdims=True))

    return recorded(a, lambda x: xp.max(x, axis=axes, keepdims=keepdims), pullback)


def _reduced(shape: tuple[int, ...], axis: Axes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the axes, and the shape with these of size 1."""
    axes = tuple(range(len(shape))) if axis is None else axis
    axes = (axes,) if isinstance(axes, int) else axes
    reduced = {i % len(shape) for i in axes}
    return axes, tuple(1 if i in reduced else n for i, n in enumerate(shape))


RULES: dict[str, Rule] = {"max": max_, "mean": mean, "sum": sum_}
