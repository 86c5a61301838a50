"""The record of one computation, walked backwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from slimdc_backends.tape.namespace import recorder
from slimdc_backends.tape.variables import Var

__all__ = ["Pullback", "Tape"]

Array: TypeAlias = Any
# From the gradient of a result, and which of its inputs' gradients are wanted, to these; what is
# not wanted may be None or anything. It computes by functions that record, where tapes nest.
Pullback: TypeAlias = Callable[[Array, tuple[bool, ...]], Sequence[Array | None]]

# A function may use variables of an outer tape that are not among its arguments: only by age can a
# tape tell them from its own.
_ages = itertools.count()


class Tape:
    """The record of one computation, walked backwards for each scalar that it ends in.

    Parameters
    ----------
    xp : namespace
        The array-API namespace of the plain arrays at the bottom of what is wrapped.

    Attributes
    ----------
    namespace : Recorder
        The namespace of its variables.
    order : int
        Larger than that of all tapes before it.
    """

    def __init__(self, xp: Any) -> None:
        self.namespace = recorder(xp)
        self.order = next(_ages)
        self._steps: list[tuple[Var, tuple[Array, ...], Pullback]] = []

    def variable(self, value: Array) -> Var:
        """Wrap an array whose gradient is wanted."""
        return Var(value, self)

    def lower(self, x: Array) -> Array:
        """Unwrap a variable of this tape; leave anything else, variables of older tapes too."""
        return x.value if isinstance(x, Var) and x.tape is self else x

    def record(self, value: Array, inputs: Sequence[Array], pullback: Pullback) -> Var:
        """Note a result, its inputs and the map from its gradient to theirs.

        ``pullback`` is given the gradient and, for each input, whether its own is wanted: plain
        arrays' never are, nor those of variables that nobody asked for. It returns one for each
        input.
        """
        out = Var(value, self)
        self._steps.append((out, tuple(inputs), pullback))
        return out

    def keep(self, results: Sequence[Array]) -> None:
        """Forget what none of these results was computed from, and all that it holds in memory."""
        needed = {id(x) for x in results}
        kept = []
        for step in reversed(self._steps):
            if id(step[0]) in needed:
                needed.update(id(x) for x in step[1])
                kept.append(step)
        self._steps = kept[::-1]

    def gradients(self, result: Array, variables: Sequence[Var]) -> list[Array]:
        """Differentiate a scalar result in each of the variables, and in nothing else.

        They are zero where the result does not depend on them, as when it is not of this tape.
        """
        xp = self.namespace
        flowing: dict[int, Array] = {}
        if isinstance(result, Var) and result.tape is self:
            # What is a variable below has a gradient that is one: there is no mixture of the two
            # in pullbacks, which some libraries' arrays refuse.
            flowing[id(result)] = xp.ones_like(result.value)
        leading = {id(v) for v in variables}  # what the variables act on, and they themselves
        for out, inputs, _ in self._steps:
            if any(id(x) in leading for x in inputs):
                leading.add(id(out))
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
