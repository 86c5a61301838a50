"""Rules of functions that move entries and compute nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slimdc_backends.tape.rules import Array, Rule, of_one_array, recorded
from slimdc_backends.tape.variables import Var, fit, newest, shape_of

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder

__all__ = ["RULES"]


@of_one_array
def reshape(xp: Recorder, a: Var, shape: tuple[int, ...]) -> Array:
    """Give the array another shape of the same size."""
    before = a.shape
    return recorded(a, lambda x: xp.reshape(x, shape), lambda g: xp.reshape(g, before))


@of_one_array
def expand_dims(xp: Recorder, a: Var, *, axis: int = 0) -> Array:
    """Insert an axis of size 1."""
    shape = list(a.shape)
    shape.insert(axis % (len(shape) + 1), 1)
    return xp.reshape(a, tuple(shape))


@of_one_array
def squeeze(xp: Recorder, a: Var, axis: int | tuple[int, ...]) -> Array:
    """Remove axes of size 1."""
    before = a.shape
    return recorded(a, lambda x: xp.squeeze(x, axis), lambda g: xp.reshape(g, before))


@of_one_array
def permute_dims(xp: Recorder, a: Var, axes: tuple[int, ...]) -> Array:
    """Reorder the axes."""
    back = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    return recorded(a, lambda x: xp.permute_dims(x, axes), lambda g: xp.permute_dims(g, back))


@of_one_array
def matrix_transpose(xp: Recorder, a: Var) -> Array:
    """Exchange the last two axes."""
    return recorded(a, xp.matrix_transpose, xp.matrix_transpose)


@of_one_array
def broadcast_to(xp: Recorder, a: Var, shape: tuple[int, ...]) -> Array:
    """Repeat entries along axes."""
    before = a.shape
    return recorded(a, lambda x: xp.broadcast_to(x, shape), lambda g: fit(g, before))


@of_one_array
def flip(xp: Recorder, a: Var, *, axis: int | tuple[int, ...] | None = None) -> Array:
    """Reverse the order along axes."""
    return recorded(a, lambda x: xp.flip(x, axis=axis), lambda g: xp.flip(g, axis=axis))


def concat(xp: Recorder, arrays: Sequence[Array], /, *, axis: int | None = 0) -> Array:
    """Join arrays along an axis."""
    tape = newest(*arrays)
    if tape is None:
        return xp.plain.concat(arrays, axis=axis)
    if axis is None:
        return concat(xp, [xp.reshape(x, (-1,)) for x in arrays])
    before = (slice(None),) * (axis % len(arrays[0].shape))
    ends = (0, *itertools.accumulate(x.shape[axis] for x in arrays))

    def pullback(g: Array, wanted: tuple[bool, ...]) -> list[Array | None]:
        parts = zip(itertools.pairwise(ends), wanted, strict=True)
        return [g[(*before, slice(*part), ...)] if asked else None for part, asked in parts]

    value = xp.concat([tape.lower(x) for x in arrays], axis=axis)
    return tape.record(value, arrays, pullback)


def stack(xp: Recorder, arrays: Sequence[Array], /, *, axis: int = 0) -> Array:
    """Join arrays along a new axis."""
    return xp.concat(
        [xp.expand_dims(x, axis=axis) for x in arrays], axis=axis % (len(arrays[0].shape) + 1)
    )


@of_one_array
def take(xp: Recorder, a: Var, indices: Array, *, axis: int) -> Array:
    """Select along an axis by integers; what is taken several times has the sum of gradients."""
    count = a.shape[axis]
    return recorded(
        a,
        lambda x: xp.take(x, indices, axis=axis),
        lambda g: _returned(xp, g, indices, count, axis),
    )


def _returned(xp: Recorder, g: Array, indices: Array, count: int, axis: int) -> Array:
    """Add up what integers took along an axis, where it came from: the transpose of `take`."""
    if isinstance(g, Var):
        return recorded(
            g,
            lambda x: _returned(xp, x, indices, count, axis),
            lambda h: xp.take(h, indices, axis=axis),
        )
    plain, axis = xp.plain, axis % g.ndim
    taken = shape_of(indices)[0]
    if not taken:
        shape = (*g.shape[:axis], count, *g.shape[axis + 1 :])
        return plain.zeros(shape, dtype=g.dtype, device=g.device)

    def along(x: Array) -> Array:
        """Lay a vector along the axis, to be broadcast against g."""
        return plain.reshape(x, tuple(-1 if i == axis else 1 for i in range(g.ndim)))

    # By search: the standard has no assignment by integers, and reading one would wait for a GPU.
    indices = indices + count * plain.astype(indices < 0, indices.dtype)
    order = plain.argsort(indices)
    ascending = plain.take(indices, order, axis=0)
    rows = plain.take(g, order, axis=axis)
    # Equal integers now stand together: the first of them collects 2, then 4, then 8 of them, …
    step, lead = 1, (slice(None),) * axis
    while step < taken:
        same = along(ascending[step:] == ascending[:-step])
        head, more, tail = (
            rows[(*lead, part, ...)]
            for part in (slice(None, -step), slice(step, None), slice(-step, None))
        )
        rows = plain.concat([plain.where(same, head + more, head), tail], axis=axis)
        step *= 2
    wanted = plain.arange(count, dtype=indices.dtype, device=g.device)
    place = plain.searchsorted(ascending, wanted)
    # Past the end: to the first, which is not the same. CuPy's `clip` waits for the GPU.
    place = place * plain.astype(place < taken, place.dtype)
    found = along(plain.take(ascending, place, axis=0) == wanted)
    zeros = plain.zeros((), dtype=g.dtype, device=g.device)
    return plain.where(found, plain.take(rows, place, axis=axis), zeros)


RULES: dict[str, Rule] = {
    "broadcast_to": broadcast_to,
    "concat": concat,
    "expand_dims": expand_dims,
    "flip": flip,
    "matrix_transpose": matrix_transpose,
    "permute_dims": permute_dims,
    "reshape": reshape,
    "squeeze": squeeze,
    "stack": stack,
    "take": take,
}
