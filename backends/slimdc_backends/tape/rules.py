"""What rules have in common: a rule of one array leaves plain arrays to the plain function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias

from slimdc_backends.tape.variables import Var

if TYPE_CHECKING:
    from slimdc_backends.tape.namespace import Recorder

__all__ = ["of_one_array", "recorded"]

Array: TypeAlias = Any
P = ParamSpec("P")
Rule: TypeAlias = Callable[..., Array]


def of_one_array(
    rule: Callable[Concatenate[Recorder, Var, P], Array],
) -> Callable[Concatenate[Recorder, Array, P], Array]:
    """Let a rule see variables only, and its namesake of the plain namespace all else."""
    name = rule.__name__.rstrip("_")  # which keeps it from hiding a builtin

    @functools.wraps(rule)
    def either(xp: Recorder, a: Array, /, *args: P.args, **kwargs: P.kwargs) -> Array:
        if isinstance(a, Var):
            return rule(xp, a, *args, **kwargs)
        return getattr(xp.plain, name)(a, *args, **kwargs)

    return either


def recorded(a: Var, forward: Callable[[Array], Array], pullback: Callable[[Array], Array]) -> Var:
    """Record a function of one array: its value, and the map from its gradient to the array's."""
    return a.tape.record(forward(a.value), (a,), lambda g, _: (pullback(g),))
