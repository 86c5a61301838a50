"""Operations with a fast gradient of their own, which is no operation that a tape could record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from slimdc_backends.tape.differentiation import pulled_back
from slimdc_backends.tape.record import Pullback
from slimdc_backends.tape.variables import Var, newest

__all__ = ["Block", "record_block"]

Array: TypeAlias = Any
# From whether a gradient will be wanted, and plain arrays, to the result and how a plain gradient
# flows back from it.
Block: TypeAlias = Callable[..., tuple[Array, Pullback]]


def record_block(block: Block, composed: Callable[..., Array], inputs: Sequence[Array]) -> Array:
    """Compute an operation the fast way, and the way that can be differentiated where tapes nest.

    Parameters
    ----------
    block : Block
        The fast way.
    composed : callable
        The same operation, composed of operations that record.
    inputs : sequence of array
        What it acts on.

    Returns
    -------
    array
        Recorded where an input is a variable.
    """
    tape = newest(*inputs)
    if tape is None:
        return block(False, *inputs)[0]
    held = [tape.lower(x) for x in inputs]
    if newest(*held) is not None:
        return composed(*inputs)
    out, fast = block(True, *held)

    def pullback(g: Array, wanted: tuple[bool, ...]) -> Sequence[Array | None]:
        return pulled_back(composed, held, g, wanted) if isinstance(g, Var) else fast(g, wanted)

    return tape.record(out, inputs, pullback)
