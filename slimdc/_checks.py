"""Checks of plain arguments, below everything that needs them."""

from __future__ import annotations

import math
from numbers import Integral, Real

from slimdc.errors import InvalidTypeError, InvalidValueError


def whole_number(argument: str, value: object, *, at_least: int) -> int:
    """Check a count given by the caller.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : object
        What was given.
    at_least : int
        The smallest accepted value.

    Returns
    -------
    int
        The value.

    Raises
    ------
    InvalidTypeError
        If it is no int; a bool is none.
    InvalidValueError
        If it is too small.

    Examples
    --------
    >>> whole_number("ipc", 10, at_least=1)
    10
    """
    expected = f"an int of at least {at_least}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(argument, repr(value), expected)
    if value < at_least:
        raise InvalidValueError(argument, repr(value), expected)
    return int(value)


def positive(**numbers: float) -> None:
    """Refuse what is no finite number above zero."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Real):
            raise InvalidTypeError(name, repr(number), "a number above zero")
        if not 0 < number < math.inf:
            raise InvalidValueError(name, repr(number), "a finite number above zero")


def at_least_one(**numbers: int) -> None:
    """Refuse numbers below 1."""
    for name, number in numbers.items():
        if number < 1:
            raise InvalidValueError(name, str(number), "at least 1")
