"""Arrays that belong to a tape, and what Python's operators do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from array_api_compat import array_namespace

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder
    from slimdc_backends.tape.record import Tape

__all__ = ["Var", "fit", "newest", "raw", "shape_of"]

Array: TypeAlias = Any


class Var:
    """An array that belongs to a tape.

    Parameters
    ----------
    value : array
        What is wrapped: a plain array, or a variable of an older tape.
    tape : Tape
        Where operations on it are recorded.
    """

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
        tape, a, b = _lowered(self, other)
        shapes = (self.shape, shape_of(other))
        return tape.record(
            a + b,
            (self, other),
            lambda g, wanted: tuple(
                fit(g, shape) if asked else None
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
        tape, a, b = _lowered(self, other)
        shapes = (self.shape, shape_of(other))
        return tape.record(
            a * b,
            (self, other),
            lambda g, wanted: (
                fit(g * b, shapes[0]) if wanted[0] else None,
                fit(g * a, shapes[1]) if wanted[1] else None,
            ),
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Array) -> Var:
        tape, a, b = _lowered(self, other)
        shapes = (self.shape, shape_of(other))
        return tape.record(
            a / b,
            (self, other),
            lambda g, wanted: (
                fit(g / b, shapes[0]) if wanted[0] else None,
                fit(-(g * a) / (b * b), shapes[1]) if wanted[1] else None,
            ),
        )

    def __rtruediv__(self, other: Array) -> Var:
        a = self.value
        return self.tape.record(
            other / a, (self,), lambda g, _: (fit(-(g * other) / (a * a), self.shape),)
        )

    def __pow__(self, exponent: float) -> Var:
        if isinstance(exponent, Var) or shape_of(exponent):
            message = "the tape has no rule to differentiate powers by anything but a number"
            raise TypeError(message)
        a = self.value

        def pullback(g: Array, _: tuple[bool, ...]) -> tuple[Array]:
            # The power below that of 0 has no value at 0, and no weight.
            return (g * (a ** (exponent - 1)) * exponent if exponent else g * 0.0,)

        return self.tape.record(a**exponent, (self,), pullback)

    def __matmul__(self, other: Array) -> Array:
        return self.tape.namespace.matmul(self, other)

    def __rmatmul__(self, other: Array) -> Array:
        return self.tape.namespace.matmul(other, self)

    def __getitem__(self, key: Any) -> Var:
        # An array may name an entry twice, and the gradient would keep only one of the two.
        parts = key if isinstance(key, tuple) else (key,)
        if any(hasattr(part, "shape") for part in parts):
            message = "the tape has no rule to differentiate indexing by an array; use take"
            raise TypeError(message)
        shape = self.shape
        return self.tape.record(
            self.value[key], (self,), lambda g, _: (_placed(g, key, parts, shape),)
        )

    # A comparison has no gradient: it gives a plain array.
    def __gt__(self, other: Array) -> Array:
        return raw(self) > raw(other)

    def __lt__(self, other: Array) -> Array:
        return raw(self) < raw(other)

    def __ge__(self, other: Array) -> Array:
        return raw(self) >= raw(other)

    def __le__(self, other: Array) -> Array:
        return raw(self) <= raw(other)

    def __eq__(self, other: object) -> Array:
        return raw(self) == raw(other)

    def __ne__(self, other: object) -> Array:
        return raw(self) != raw(other)

    __hash__ = None  # type: ignore[assignment] # as arrays, whose equality is elementwise

    def __bool__(self) -> bool:
        message = "a value on the tape has no truth: a branch would lose its gradient"
        raise TypeError(message)


def raw(x: Array) -> Array:
    """Return the plain array under a variable of any tapes, anything else as it is."""
    while isinstance(x, Var):
        x = x.value
    return x


def newest(*operands: Array) -> Tape | None:
    """Give the tape on which an operation is recorded: the newest of its operands, if any."""
    tape = None
    for x in operands:
        if isinstance(x, Var) and (tape is None or x.tape.order > tape.order):
            tape = x.tape
    return tape


def shape_of(x: Array) -> tuple[int, ...]:
    """Give the shape of an array, and that of a scalar for a number."""
    return tuple(getattr(x, "shape", ()))


def fit(gradient: Array, shape: tuple[int, ...]) -> Array:
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


def _lowered(a: Var, b: Array) -> tuple[Tape, Array, Array]:
    """Give the newest tape of two operands, and both as it sees them: its own are unwrapped."""
    tape = a.tape
    if not isinstance(b, Var):
        return tape, a.value, b
    if b.tape is tape:
        return tape, a.value, b.value
    return (b.tape, a, b.value) if b.tape.order > tape.order else (tape, a.value, b)


def _placed(gradient: Array, key: Any, parts: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Put a gradient where an index took its values from, and zeros elsewhere."""
    if isinstance(gradient, Var):
        return gradient.tape.record(
            _placed(gradient.value, key, parts, shape), (gradient,), lambda g, _: (g[key],)
        )
    xp = array_namespace(gradient)
    # The array API reads new axes but assigns to none.
    held = tuple(part for part in parts if part is not None) or ...
    out = xp.zeros(shape, dtype=gradient.dtype, device=gradient.device)
    out[held] = xp.reshape(gradient, out[held].shape)
    return out
