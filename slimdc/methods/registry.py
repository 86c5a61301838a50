"""The methods by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from slimdc._checks import shown
from slimdc.errors import InvalidValueError
from slimdc.methods import (
    distribution_matching,
    frepo,
    gradient_matching,
    idc,
    kip,
    parameter_matching,
    rfad,
    selection,
    yoco,
)
from slimdc.methods.method import Method, Way

__all__ = ["METHODS", "condensing", "slimming"]

METHODS: dict[str, Method] = {
    method.name: method
    for module in (
        parameter_matching,
        frepo,
        rfad,
        kip,
        distribution_matching,
        gradient_matching,
        idc,
        selection,
        yoco,
    )
    for method in module.METHODS
}


def condensing(method: str | Method) -> Way:
    """Find how a method, by its name or itself, condenses real data.

    Raises
    ------
    InvalidValueError
        If there is no method of that name, or it does not condense.

    Examples
    --------
    >>> condensing("random").plan is None
    True
    """
    return _way(method, "condense", lambda known: known.condense)


def slimming(method: str | Method) -> Way:
    """Find how a method, by its name or itself, slims a set.

    Raises
    ------
    InvalidValueError
        If there is no method of that name, or it does not slim.

    Examples
    --------
    >>> slimming("truncate").plan is None
    True
    """
    return _way(method, "slim", lambda known: known.slim)


_Choose: TypeAlias = Callable[[Method], Way | None]


def _way(method: str | Method, verb: str, choose: _Choose) -> Way:
    found = METHODS.get(method) if isinstance(method, str) else method
    found = found if isinstance(found, Method) else None
    way = None if found is None else choose(found)
    if way is None:
        able = ", ".join(repr(m.name) for m in METHODS.values() if choose(m) is not None)
        told = shown(method) if found is None else f"{found.name!r}, which cannot {verb}"
        raise InvalidValueError(
            "method", told, f"one that can {verb}: {able}; or a slimdc.methods.Method"
        )
    return way
