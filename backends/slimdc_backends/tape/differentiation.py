"""Differentiation of whole functions, and of one operation within another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from slimdc.errors import NumericalError
from slimdc_backends.tape.record import Tape
from slimdc_backends.tape.variables import Var

__all__ = ["differentiated", "pulled_back"]

Array: TypeAlias = Any


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


def pulled_back(
    function: Callable[..., Array], inputs: Sequence[Array], gradient: Var, wanted: Sequence[bool]
) -> list[Array | None]:
    """Bring the gradient of a function's result back to its inputs, by operations that record."""
    tape = Tape(gradient.tape.namespace.plain)
    live = [tape.variable(x) for x in inputs]
    asked = [x for x, one in zip(live, wanted, strict=True) if one]
    try:
        scalar = tape.namespace.sum(function(*live) * gradient)
        found = iter(tape.gradients(scalar, asked))
        return [next(found) if one else None for one in wanted]
    finally:
        tape.keep([])


def _collected(tape: Tape, live: Any, values: Any, extras: Any) -> Any:
    """Differentiate each value in its own group, and take everything off the tape."""
    plain = {name: tape.lower(x) for name, x in extras.items()}
    numbers = {group: tape.lower(value) for group, value in values.items()}
    del extras
    gradients = {}
    for group, part in live.items():
        tape.keep(list(values.values()))
        found = tape.gradients(values.pop(group), list(part.values()))
        gradients[group] = dict(zip(part, found, strict=True))
    return numbers, plain, gradients
