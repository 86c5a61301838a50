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


def non_negative(argument: str, value: object, *, below: float = math.inf) -> float:
    """Check a number given by the caller.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : object
        What was given.
    below : float
        What it must not reach.

    Returns
    -------
    float
        The value as a Python float, which leaves the dtype of arrays as it is.

    Raises
    ------
    InvalidTypeError
        If it is no real number; a bool is none.
    InvalidValueError
        If it is negative, not finite or too large.

    Examples
    --------
    >>> non_negative("eta", 1)
    1.0
    """
    expected = "a finite number of at least 0" + ("" if below == math.inf else f", below {below:g}")
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(argument, f"{value!r} ({type(value).__name__})", expected)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 <= number < below:
        raise InvalidValueError(argument, f"{number:g}", expected)
    return number


def one_of(argument: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is none of some words.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    value : object
        What was given.
    choices : tuple of str
        The words.

    Raises
    ------
    InvalidTypeError
        If it is no str.
    InvalidValueError
        If it is another one.

    Examples
    --------
    >>> one_of("form", "printed", ("printed", "relative"))
    """
    if isinstance(value, str) and value in choices:
        return
    error = InvalidValueError if isinstance(value, str) else InvalidTypeError
    raise error(argument, repr(value), " or ".join(map(repr, choices)))


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
