"""Rules of functions that act on each entry by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slimdc_backends.tape.rules import Array, Rule, of_one_array, recorded
from slimdc_backends.tape.variables import Var, fit, newest, raw, shape_of

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder

__all__ = ["RULES"]


@of_one_array
def exp(xp: Recorder, a: Var) -> Array:
    """Exponentiate."""
    value = xp.exp(a.value)
    return a.tape.record(value, (a,), lambda g, _: (g * value,))


@of_one_array
def log(xp: Recorder, a: Var) -> Array:
    """Take the natural logarithm."""
    return recorded(a, xp.log, lambda g: g / a.value)


@of_one_array
def sqrt(xp: Recorder, a: Var) -> Array:
    """Take the square root."""
    value = xp.sqrt(a.value)
    return a.tape.record(value, (a,), lambda g, _: (g * 0.5 / value,))


@of_one_array
def tanh(xp: Recorder, a: Var) -> Array:
    """Take the hyperbolic tangent."""
    value = xp.tanh(a.value)
    return a.tape.record(value, (a,), lambda g, _: (g * (1.0 - value * value),))


@of_one_array
def acos(xp: Recorder, a: Var) -> Array:
    """Take the angle in [0, π] of a cosine; its gradient is infinite at -1 and 1."""
    return recorded(a, xp.acos, lambda g: -g / xp.sqrt(1.0 - a.value * a.value))


@of_one_array
def abs_(xp: Recorder, a: Var) -> Array:
    """Take the absolute value; its gradient at zero is zero."""

    def pullback(g: Array) -> Array:
        return g * (xp.astype(a > 0, g.dtype) - xp.astype(a < 0, g.dtype))

    return recorded(a, xp.abs, pullback)


@of_one_array
def astype(xp: Recorder, a: Var, /, dtype: Any, **options: Any) -> Array:
    """Convert the dtype; the gradient is converted back."""
    before = a.dtype
    return recorded(a, lambda x: xp.astype(x, dtype, **options), lambda g: xp.astype(g, before))


@of_one_array
def ones_like(xp: Recorder, a: Var) -> Array:
    """Make ones that a variable of the same tape wraps: a constant."""
    return a.tape.variable(xp.ones_like(a.value))


@of_one_array
def zeros_like(xp: Recorder, a: Var) -> Array:
    """Make zeros that a variable of the same tape wraps: a constant."""
    return a.tape.variable(xp.zeros_like(a.value))


def maximum(xp: Recorder, a: Array, b: Array) -> Array:
    """Take the larger of two entries; of equal ones each has half of the gradient."""
    tape = newest(a, b)
    if tape is None:
        return xp.plain.maximum(a, b)

    def share(one: Array, other: Array, g: Array) -> Array:
        x, y = raw(one), raw(other)
        part = xp.astype(x > y, g.dtype) + xp.astype(x == y, g.dtype) * 0.5
        return fit(g * part, shape_of(one))

    return tape.record(
        xp.maximum(tape.lower(a), tape.lower(b)),
        (a, b),
        lambda g, wanted: (
            share(a, b, g) if wanted[0] else None,
            share(b, a, g) if wanted[1] else None,
        ),
    )


def where(xp: Recorder, condition: Array, a: Array, b: Array) -> Array:
    """Choose between two entries; there is no gradient in the condition."""
    tape, condition = newest(a, b), raw(condition)
    if tape is None:
        return xp.plain.where(condition, a, b)

    def pullback(g: Array, wanted: tuple[bool, ...]) -> tuple[Array | None, Array | None]:
        zeros = xp.zeros_like(g)
        return (
            fit(xp.where(condition, g, zeros), shape_of(a)) if wanted[0] else None,
            fit(xp.where(condition, zeros, g), shape_of(b)) if wanted[1] else None,
        )

    return tape.record(xp.where(condition, tape.lower(a), tape.lower(b)), (a, b), pullback)


RULES: dict[str, Rule] = {
    "abs": abs_,
    "acos": acos,
    "astype": astype,
    "exp": exp,
    "log": log,
    "maximum": maximum,
    "ones_like": ones_like,
    "sqrt": sqrt,
    "tanh": tanh,
    "where": where,
    "zeros_like": zeros_like,
}
