"""Reverse-mode differentiation over the array API: arrays whose namespace records.

A `Var` wraps an array of any array-API namespace. Its ``__array_namespace__`` returns a namespace
that computes with the wrapped arrays and notes, for each result, how a gradient flows back. Code
written against the array API therefore runs on it unchanged. Functions without a rule here refuse
a `Var` by name rather than losing its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from slimdc.errors import NumericalError

Array = Any
# From the gradient of a result, and which of its inputs' gradients are wanted, to these; what is
# not wanted may be None or anything.
Pullback = Callable[[Array, tuple[bool, ...]], Sequence[Array | None]]


class Tape:
    """The record of one computation, walked backwards for each scalar that it ends in.

    Parameters
    ----------
    xp : namespace
        The array-API namespace of the arrays that are wrapped.
    """

    def __init__(self, xp: Any) -> None:
        self.namespace = Recorder(self, xp)
        self._steps: list[tuple[Var, tuple[Array, ...], Pullback]] = []

    def variable(self, value: Array) -> Var:
        """Wrap an array whose gradient is wanted."""
        return Var(value, self)

    def record(self, value: Array, inputs: Sequence[Array], pullback: Pullback) -> Var:
        """Note a result, its inputs and the map from its gradient to theirs.

        ``pullback`` is given the gradient and, for each input, whether its own is wanted: plain
        arrays' never are, nor those of variables that nobody asked for. It returns one for each
        input.
        """
        out = Var(value, self)
        self._steps.append((out, tuple(inputs), pullback))
        return out

    def keep(self, results: Sequence[Var]) -> None:
        """Forget what none of these results was computed from, and all that it holds in memory."""
        needed = {id(x) for x in results}
        kept = []
        for step in reversed(self._steps):
            if id(step[0]) in needed:
                needed.update(id(x) for x in step[1])
                kept.append(step)
        self._steps = kept[::-1]

    def gradients(self, result: Var, variables: Sequence[Var]) -> list[Array]:
        """Differentiate a scalar result in each of the variables, and in nothing else."""
        xp = self.namespace.xp
        leading = {id(v) for v in variables}  # what the variables act on, and they themselves
        for out, inputs, _ in self._steps:
            if any(id(x) in leading for x in inputs):
                leading.add(id(out))
        flowing = {id(result): xp.ones_like(result.value)}
        for out, inputs, pullback in reversed(self._steps):
            gradient = flowing.pop(id(out), None)
            if gradient is None or id(out) not in leading:
                continue
            wanted = tuple(id(x) in leading for x in inputs)
            for x, asked, part in zip(inputs, wanted, pullback(gradient, wanted), strict=True):
                if asked and part is not None:
                    # Beside wider arrays a gradient would widen, and all before it with it.
                    narrow = part if part.dtype == x.dtype else xp.astype(part, x.dtype)
                    held = flowing.get(id(x))
                    flowing[id(x)] = narrow if held is None else held + narrow
        return [flowing[id(v)] if id(v) in flowing else xp.zeros_like(v.value) for v in variables]


def differentiated(xp: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """Differentiate by a tape over a namespace; see `slimdc.backend.Backend.differentiate`."""

    def result(variables: dict[str, dict[str, Array]], *constants: Any) -> Any:
        tape = Tape(xp)
        live = {
            group: {name: tape.variable(x) for name, x in part.items()}
            for group, part in variables.items()
        }
        try:
            return _collected(tape, live, *function(live, *constants))
        except np.linalg.LinAlgError as error:  # CuPy's is the same
            raise NumericalError("loss", str(error), "a regular matrix") from error
        finally:
            # Variables and their tape hold each other, and would otherwise wait for the garbage
            # collector.
            tape.keep([])

    return result


def _collected(tape: Tape, live: Any, values: Any, extras: Any) -> Any:
    """Differentiate each value in its own group, and take everything off the tape."""
    plain = {name: raw(x) for name, x in extras.items()}
    numbers = {group: raw(value) for group, value in values.items()}
    del extras
    gradients = {}
    for group, part in live.items():
        tape.keep(list(values.values()))
        found = tape.gradients(values.pop(group), list(part.values()))
        gradients[group] = dict(zip(part, found, strict=True))
    return numbers, plain, gradients


class Var:
    """An array that belongs to a tape."""

    # NumPy and CuPy then leave `array * var` to `Var.__rmul__` instead of making object arrays.
    __array_ufunc__ = None
    __slots__ = ("__weakref__", "tape", "value")

    def __init__(self, value: Array, tape: Tape) -> None:
        self.value = value
        self.tape = tape

    def __array_namespace__(self, *, api_version: str | None = None) -> Recorder:
        return self.tape.namespace

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the wrapped array."""
        return tuple(self.value.shape)

    @property
    def ndim(self) -> int:
        """Number of axes of the wrapped array."""
        return int(self.value.ndim)

    @property
    def dtype(self) -> Any:
        """Dtype of the wrapped array."""
        return self.value.dtype

    @property
    def device(self) -> Any:
        """Device of the wrapped array."""
        return self.value.device

    @property
    def mT(self) -> Array:  # noqa: N802 - the array API's name
        """The array with its last two axes exchanged."""
        return self.tape.namespace.matrix_transpose(self)

    def __add__(self, other: Array) -> Var:
        shapes = (self.shape, _shape(other))
        return self.tape.record(
            self.value + raw(other),
            (self, other),
            lambda g, wanted: tuple(
                _fit(g, shape) if asked else None
                for shape, asked in zip(shapes, wanted, strict=True)
            ),
        )

    __radd__ = __add__

    def __neg__(self) -> Var:
        return self.tape.record(-self.value, (self,), lambda g, _: (-g,))

    def __sub__(self, other: Array) -> Array:
        return self + (-other)

    def __rsub__(self, other: Array) -> Array:
        return (-self) + other

    def __mul__(self, other: Array) -> Var:
        a, b = self.value, raw(other)
        shapes = (self.shape, _shape(other))
        return self.tape.record(
            a * b,
            (self, other),
            lambda g, wanted: (
                _fit(g * b, shapes[0]) if wanted[0] else None,
                _fit(g * a, shapes[1]) if wanted[1] else None,
            ),
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Array) -> Var:
        a, b = self.value, raw(other)
        shapes = (self.shape, _shape(other))
        return self.tape.record(
            a / b,
            (self, other),
            lambda g, wanted: (
                _fit(g / b, shapes[0]) if wanted[0] else None,
                _fit(-(g * a) / (b * b), shapes[1]) if wanted[1] else None,
            ),
        )

    def __rtruediv__(self, other: Array) -> Var:
        a = self.value
        return self.tape.record(
            raw(other) / a, (self,), lambda g, _: (_fit(-(g * raw(other)) / (a * a), self.shape),)
        )

    def __pow__(self, exponent: float) -> Var:
        a = self.value
        return self.tape.record(
            a**exponent, (self,), lambda g, _: (g * (a ** (exponent - 1)) * exponent,)
        )

    def __matmul__(self, other: Array) -> Array:
        return self.tape.namespace.matmul(self, other)

    def __rmatmul__(self, other: Array) -> Array:
        return self.tape.namespace.matmul(other, self)

    def __getitem__(self, key: Any) -> Var:
        xp, shape = self.tape.namespace.xp, self.shape
        # An array may name an entry twice, and the gradient below would keep only one of the two.
        parts = key if isinstance(key, tuple) else (key,)
        if any(hasattr(part, "shape") for part in parts):
            message = "the tape has no rule to differentiate indexing by an array; use take"
            raise TypeError(message)
        # The array API reads new axes but assigns to none.
        held = tuple(part for part in parts if part is not None) or ...

        def scatter(g: Array, _: tuple[bool, ...]) -> tuple[Array]:
            out = xp.zeros(shape, dtype=g.dtype, device=self.device)
            out[held] = xp.reshape(g, out[held].shape)
            return (out,)

        return self.tape.record(self.value[key], (self,), scatter)

    # A comparison has no gradient: it gives a plain array.
    def __gt__(self, other: Array) -> Array:
        return self.value > raw(other)

    def __lt__(self, other: Array) -> Array:
        return self.value < raw(other)

    def __ge__(self, other: Array) -> Array:
        return self.value >= raw(other)

    def __le__(self, other: Array) -> Array:
        return self.value <= raw(other)

    def __eq__(self, other: object) -> Array:
        return self.value == raw(other)

    def __ne__(self, other: object) -> Array:
        return self.value != raw(other)

    __hash__ = None  # type: ignore[assignment] # as arrays, whose equality is elementwise

    def __bool__(self) -> bool:
        message = "a value on the tape has no truth: a branch would lose its gradient"
        raise TypeError(message)


class _Linalg:
    """The recording namespace's ``linalg``."""

    def __init__(self, tape: Tape, xp: Any) -> None:
        self._tape = tape
        self._xp = xp

    def solve(self, a: Array, b: Array) -> Array:
        """Solve a x = b for x (..., n, m); the gradient uses one more solve with aᵀ."""
        xp = self._xp
        x = xp.linalg.solve(raw(a), raw(b))

        def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, Array]:
            of_b = xp.linalg.solve(xp.matrix_transpose(raw(a)), g)
            return (-(of_b @ xp.matrix_transpose(x)) if wanted[0] else None), of_b

        return self._tape.record(x, (a, b), pullback) if _live(a) or _live(b) else x


class Recorder:
    """An array-API namespace that records the functions that slimdc differentiates.

    Parameters
    ----------
    tape : Tape
        Where the record goes.
    xp : namespace
        The namespace that computes.
    """

    def __init__(self, tape: Tape, xp: Any) -> None:
        self._tape = tape
        self.xp = xp
        self.linalg = _Linalg(tape, xp)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.xp, name)
        if not callable(found) or isinstance(found, type):
            return found

        def without_rule(*args: Any, **kwargs: Any) -> Any:
            if any(_live(x) for x in (*args, *kwargs.values())):
                message = f"the tape has no rule to differentiate {name!r}"
                raise TypeError(message)
            return found(*args, **kwargs)

        return without_rule

    def matmul(self, a: Array, b: Array) -> Array:
        """Multiply matrices (..., n, m) and (..., m, k), batched."""
        xp = self.xp
        x, y = raw(a), raw(b)

        def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, Array | None]:
            return (
                _fit(g @ xp.matrix_transpose(y), x.shape) if wanted[0] else None,
                _fit(xp.matrix_transpose(x) @ g, y.shape) if wanted[1] else None,
            )

        return self._tape.record(x @ y, (a, b), pullback)

    def matrix_transpose(self, a: Array) -> Array:
        """Exchange the last two axes."""
        xp = self.xp
        return self._unary(a, xp.matrix_transpose, xp.matrix_transpose)

    def permute_dims(self, a: Array, axes: tuple[int, ...]) -> Array:
        """Reorder the axes."""
        back = tuple(sorted(range(len(axes)), key=axes.__getitem__))
        return self._unary(
            a, lambda x: self.xp.permute_dims(x, axes), lambda g: self.xp.permute_dims(g, back)
        )

    def reshape(self, a: Array, shape: tuple[int, ...]) -> Array:
        """Give the array another shape of the same size."""
        before = _shape(a)
        return self._unary(
            a, lambda x: self.xp.reshape(x, shape), lambda g: self.xp.reshape(g, before)
        )

    def astype(self, a: Array, dtype: Any) -> Array:
        """Convert the dtype; the gradient is converted back."""
        before = a.dtype
        return self._unary(
            a, lambda x: self.xp.astype(x, dtype), lambda g: self.xp.astype(g, before)
        )

    def sum(
        self, a: Array, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
    ) -> Array:
        """Sum over the axes."""
        xp, shape = self.xp, _shape(a)
        axes = tuple(range(len(shape))) if axis is None else axis
        axes = (axes,) if isinstance(axes, int) else axes
        kept = tuple(1 if i in {x % len(shape) for x in axes} else n for i, n in enumerate(shape))
        return self._unary(
            a,
            lambda x: xp.sum(x, axis=axes, keepdims=keepdims),
            lambda g: xp.broadcast_to(xp.reshape(g, kept), shape),
        )

    def take(self, a: Array, indices: Array, *, axis: int) -> Array:
        """Select along an axis by integers that occur once each."""
        xp = self.xp

        def put(g: Array) -> Array:
            # Where each row went, by search: the standard has no assignment by integers.
            rows = xp.arange(_shape(a)[axis], dtype=indices.dtype, device=g.device)
            order = xp.argsort(indices)
            ascending = xp.take(indices, order, axis=0)
            place = xp.searchsorted(ascending, rows)
            # Past the end: to the first, which is not the same. CuPy's `clip` waits for the GPU.
            place = place * xp.astype(place < indices.shape[0], place.dtype)
            taken = xp.astype(xp.take(ascending, place, axis=0) == rows, g.dtype)
            back = xp.take(g, xp.take(order, place, axis=0), axis=axis)
            shape = [1] * g.ndim
            shape[axis] = -1
            return back * xp.reshape(taken, tuple(shape))

        return self._unary(a, lambda x: xp.take(x, indices, axis=axis), put)

    def _unary(
        self, a: Array, forward: Callable[[Array], Array], pullback: Callable[[Array], Array]
    ) -> Array:
        if not isinstance(a, Var):
            return forward(a)
        return self._tape.record(forward(a.value), (a,), lambda g, _: (pullback(g),))


def raw(x: Array) -> Array:
    """Return the wrapped array of a `Var`, anything else as it is."""
    return x.value if isinstance(x, Var) else x


def _live(x: Array) -> bool:
    return isinstance(x, Var)


def _shape(x: Array) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", ()))


def _fit(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its operand was broadcast."""
    if tuple(gradient.shape) == shape:
        return gradient
    xp = array_namespace(gradient)
    extra = gradient.ndim - len(shape)
    axes = tuple(
        i
        for i in range(gradient.ndim)
        if i < extra or (shape[i - extra] == 1 and gradient.shape[i] != 1)
    )
    return xp.reshape(xp.sum(gradient, axis=axes), shape)
