"""Options of `condense` and `slim` that are kept with a buffer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from slimdc._checks import shown
from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = ["CONDENSE", "SLIM", "plain_options"]

_BUDGET = "nbytes= or components= of the buffer"
# Options of `condense` and `slim` that the buffer sets itself, and what sets them.
CONDENSE = {
    "classes": "classes= of the buffer",
    "seed": "seed= of the buffer",
    "checkpoint": "a set that was condensed with a checkpoint, to be added",
    "preprocessed": "a set that was condensed from such samples, to be added",
}
SLIM = {
    "k": _BUDGET,
    "nbytes": _BUDGET,
    "bits": _BUDGET,
    "keep": _BUDGET,
    "seed": "seed= of the buffer",
    "checkpoint": "none: a buffer is resumed from its state",
}


def plain_options(
    name: str, given: Mapping[str, Any] | None, own: Mapping[str, str]
) -> dict[str, Any]:
    """Check options of a function that are kept for later: plain values, which a file can hold.

    Parameters
    ----------
    name : str
        The argument.
    given : mapping or None
        The options.
    own : mapping of str to str
        Options that the buffer sets itself, and what to say where they are among the given.

    Returns
    -------
    dict

    Raises
    ------
    InvalidTypeError, InvalidValueError
        It is no mapping of names to plain values, or sets what the buffer does.

    Examples
    --------
    >>> plain_options("slim", {"steps": 20}, {})
    {'steps': 20}
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidTypeError(name, type(given).__name__, "a mapping of options to values")
    for option, value in given.items():
        if option in own:
            raise InvalidValueError(name, f"the option {option!r}", own[option])
        if not isinstance(option, str) or not _is_plain(value):
            found = f"{option!r}: {shown(value)}"
            raise InvalidTypeError(name, found, "names with numbers, strings or None, to be saved")
    return dict(given)


def _is_plain(value: object) -> bool:
    return (
        value is None
        or isinstance(value, bool | int | str)
        or (isinstance(value, float) and math.isfinite(value))
    )
