"""Checks of plain arguments, below everything that needs them.

Each takes the name of an argument, for the message, and what was given. It raises an
`InvalidTypeError` where that has another type than expected (a bool is no number) and an
`InvalidValueError` where it is out of range. It gives back what was given, as the plain Python type
that the rest of slimdc expects: NumPy's scalars would widen the arrays that they are multiplied
with, and would not be equal in writing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from slimdc.errors import InvalidTypeError, InvalidValueError

__all__ = [
    "MOST",
    "at_least_one",
    "finite",
    "instance_of",
    "instances_of",
    "non_negative",
    "one_of",
    "path",
    "percentage",
    "positive",
    "shown",
    "truth",
    "values_of",
    "whole_number",
    "whole_numbers",
]

# The largest count of anything that is held or looped over; larger ones are slips of the pen.
MOST = 2**31 - 1

Kind = TypeVar("Kind")

_LARGEST = 2**4096
_LONGEST = 200  # characters of a value in a message


def shown(value: object) -> str:
    """Write a caller's value for a message: never long, and never failing.

    What has no representation, such as an int of more digits than Python writes, is named by its
    type.

    Examples
    --------
    >>> shown("ten"), shown(10**5000)
    ("'ten'", 'a value of type int')
    """
    try:
        text = repr(value)
    except Exception:  # lists nested too deep, huge ints, objects of a caller's own
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def whole_number(argument: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """Check a count.

    One that ends in the shape of an array, or in a loop, is `at_most` the number `MOST`; others
    need only be short enough to be written, as seeds are.

    Examples
    --------
    >>> whole_number("ipc", 10, at_least=1)
    10
    """
    # Files hold thousands of numbers: most need no message and no look at abstract classes.
    if type(value) is int and at_least <= value <= (_LARGEST if at_most is None else at_most):
        return value
    expected = f"an int of at least {at_least}"
    if at_most is not None:
        expected += f" and at most {at_most}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(argument, shown(value), expected)
    number = int(value)
    if not at_least <= number <= (_LARGEST if at_most is None else at_most):
        raise InvalidValueError(argument, shown(number), expected)
    return number


def whole_numbers(argument: str, values: object, *, at_least: int) -> tuple[int, ...]:
    """Check a sequence of counts, each at most `MOST`.

    Examples
    --------
    >>> whole_numbers("samples", [3, 2], at_least=1)
    (3, 2)
    """
    items = values_of(argument, values, "a sequence of int")
    return tuple(whole_number(argument, i, at_least=at_least, at_most=MOST) for i in items)


def non_negative(argument: str, value: object, *, below: float = math.inf) -> float:
    """Check a finite number of at least zero.

    Examples
    --------
    >>> non_negative("eta", 1)
    1.0
    """
    expected = "a finite number of at least 0" + ("" if below == math.inf else f", below {below:g}")
    number = _real(argument, value, expected)
    if not 0 <= number < below:
        raise InvalidValueError(argument, shown(value), expected)
    return number


def finite(argument: str, value: object) -> float:
    """Check a finite number of either sign.

    Examples
    --------
    >>> finite("value", -1)
    -1.0
    """
    number = _real(argument, value, "a finite number")
    if not math.isfinite(number):
        raise InvalidValueError(argument, shown(value), "a finite number")
    return number


def positive(argument: str, value: object) -> float:
    """Check a finite number above zero.

    Examples
    --------
    >>> positive("rate", 1)
    1.0
    """
    expected = "a finite number above zero"
    number = _real(argument, value, expected)
    if not 0 < number < math.inf:
        raise InvalidValueError(argument, shown(value), expected)
    return number


def percentage(argument: str, value: object) -> float:
    """Check a number from 0 to 100.

    Examples
    --------
    >>> percentage("accuracies", 84)
    84.0
    """
    expected = "numbers from 0 to 100"
    number = _real(argument, value, expected)
    if not 0.0 <= number <= 100.0:
        raise InvalidValueError(argument, shown(value), expected)
    return number


def values_of(argument: str, values: object, expected: str) -> tuple[Any, ...]:
    """Take apart a sequence, which a str is not.

    Examples
    --------
    >>> values_of("names", ["a", "b"], "a sequence of str")
    ('a', 'b')
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InvalidTypeError(argument, shown(values), expected)
    try:
        return tuple(values)
    except Exception as error:
        raise InvalidTypeError(argument, shown(values), expected) from error


def instance_of(argument: str, value: object, kind: type[Kind]) -> Kind:
    """Check that something is of a class.

    Examples
    --------
    >>> instance_of("what", "accuracy", str)
    'accuracy'
    """
    if not isinstance(value, kind):
        raise InvalidTypeError(argument, shown(value), f"a {kind.__name__}")
    return value


def instances_of(argument: str, values: object, kind: type[Kind]) -> tuple[Kind, ...]:
    """Check a sequence of things of a class.

    Examples
    --------
    >>> instances_of("names", ["a"], str)
    ('a',)
    """
    items = values_of(argument, values, f"a sequence of {kind.__name__}")
    return tuple(instance_of(argument, item, kind) for item in items)


def truth(argument: str, value: object) -> bool:
    """Check a yes or no; the str "False" is true in Python, which nobody means.

    Examples
    --------
    >>> truth("centred", True)
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise InvalidTypeError(argument, shown(value), "True or False")
    return bool(value)


def one_of(argument: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is none of some words.

    Examples
    --------
    >>> one_of("form", "printed", ("printed", "relative"))
    """
    if isinstance(value, str) and value in choices:
        return
    error = InvalidValueError if isinstance(value, str) else InvalidTypeError
    raise error(argument, shown(value), f"one of {', '.join(map(repr, choices))}")


def path(argument: str, value: object) -> Path:
    """Check a path; there need be nothing there.

    Examples
    --------
    >>> path("checkpoint", "run").name
    'run'
    """
    plain = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(plain, str):
        raise InvalidTypeError(argument, type(value).__name__, "a str or a path")
    return Path(plain)


def at_least_one(**numbers: int) -> None:
    """Refuse what is no count of at least 1, by name."""
    for name, number in numbers.items():
        whole_number(name, number, at_least=1, at_most=MOST)


def _real(argument: str, value: object, expected: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InvalidTypeError(argument, f"{shown(value)} ({type(value).__name__})", expected)
    try:
        return float(value)
    except OverflowError:  # an int or a fraction beyond float64, of either sign
        return math.inf
