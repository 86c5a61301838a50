"""Options of `condense` and `slim` that are kept with a buffer, checked before the first task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from slimdc._checks import shown, whole_number
from slimdc._later import check_making, known_options, with_defaults
from slimdc.budgets.budget import Budget
from slimdc.budgets.within import agree
from slimdc.condensing import condense
from slimdc.errors import InvalidTypeError
from slimdc.methods.registry import condensing, slimming
from slimdc.slimming import slim

__all__ = ["condense_options", "slim_options"]

_BUDGET = "nbytes= or components= of the buffer"
# Options of `condense` and `slim` that the buffer sets itself, and what sets them.
_OWN_CONDENSE = {
    "x": "add of the buffer",
    "y": "add of the buffer",
    "classes": "classes= of the buffer",
    "seed": "seed= of the buffer",
    "checkpoint": "a set that was condensed with a checkpoint, to be added",
    "preprocessed": "a set that was condensed from such samples, to be added",
}
_OWN_SLIM = {
    "data": "add of the buffer",
    "k": _BUDGET,
    "nbytes": _BUDGET,
    "bits": _BUDGET,
    "keep": _BUDGET,
    "seed": "seed= of the buffer",
    "checkpoint": "none: a buffer is resumed from its state",
}


def condense_options(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check options of `slimdc.condense`, as far as they can be without samples.

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingBackendError
        They are no mapping of names to plain values, which a file can hold, or set what the buffer
        does, or no task could be condensed with them.

    Examples
    --------
    >>> condense_options({"steps": 20})
    {'ipc': 10, 'steps': 20}
    """
    plain = {"ipc": 10} | _plain("condense", given, condense, _OWN_CONDENSE)
    whole = with_defaults(condense, plain)
    whole_number("ipc", whole["ipc"], at_least=1)
    check_making(condensing(whole["method"]), whole)
    return plain


def slim_options(
    given: Mapping[str, Any] | None, nbytes: int | None, components: int | None
) -> dict[str, Any]:
    """Check options of `slimdc.slim`, as far as they can be without a set.

    Parameters
    ----------
    given : mapping or None
        The options.
    nbytes, components : int or None
        What the buffer may hold: one of them is None.

    Raises
    ------
    InvalidTypeError, InvalidValueError, MissingBackendError
        They are no mapping of names to plain values, which a file can hold, or set what the buffer
        does, or nothing could be slimmed with them to such a budget.

    Examples
    --------
    >>> slim_options({"steps": 20}, 1_000, None)
    {'steps': 20}
    """
    plain = {"steps": 0} | _plain("slim", given, slim, _OWN_SLIM)
    whole = with_defaults(slim, plain)
    way = slimming(whole["method"])
    check_making(way, whole)
    agree(Budget(k=components, nbytes=nbytes, start=whole["start"]), way, whole["samples"])
    return plain


def _plain(
    name: str,
    given: Mapping[str, Any] | None,
    function: Callable[..., Any],
    own: Mapping[str, str],
) -> dict[str, Any]:
    plain = {
        option: _number(value)
        for option, value in known_options(name, given, function, own).items()
    }
    for option, value in plain.items():
        if not _is_plain(value):
            found = f"{option!r}: {shown(value)}"
            raise InvalidTypeError(name, found, "numbers, strings or None, to be saved")
    return plain


def _number(value: object) -> object:
    """Take a NumPy number as the plain one that it is."""
    return value.item() if isinstance(value, np.number | np.bool_) else value


def _is_plain(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < 1 << 63  # longer ones cannot be written
    return value is None or isinstance(value, str) or _is_finite(value)


def _is_finite(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)
